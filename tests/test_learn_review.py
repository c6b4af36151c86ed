"""Training from photos that a clinic signed off."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trichoscan.learn import export
from trichoscan.learn.dataset import random_crop, read_annotated
from trichoscan.learn.gain import compare_rows
from trichoscan.learn.hair_sets import read_truth
from trichoscan.learn.pairing import pair_hairs
from trichoscan.learn.review import learn_from_review
from trichoscan.learn.signed import (
    FEWEST_JUDGES,
    FEWEST_SUBJECTS,
    FEWEST_TO_TELL,
    gather_signed,
    split_by_subject,
)
from trichoscan.phantom.draw import draw_phantom
from trichoscan.phantom.write import manifest_row, write_manifest, write_phantom
from trichoscan.records import TrichoscanError
from trichoscan.review.session import open_session
from trichoscan.segment.weights import load_weights
from trichoscan.study.batch import analyze_folder

SUBJECTS = st.dictionaries(st.text("abcdef", min_size=1), st.sampled_from([f"S{k}" for k in range(9)]))


@given(SUBJECTS)
def test_no_subject_is_on_two_sides(subject_of: dict[str, str]) -> None:
    split = split_by_subject(subject_of)
    assert sorted(stem for stems in split.values() for stem in stems) == sorted(subject_of)
    sides = [{subject_of[stem] for stem in stems} for stems in split.values()]
    assert sum(map(len, sides)) == len(set(subject_of.values()))
    if len(set(subject_of.values())) >= FEWEST_SUBJECTS:
        assert all(split.values())


def test_enough_subjects_are_held_out_to_tell_a_gain_from_chance() -> None:
    for n in range(FEWEST_SUBJECTS, 60):
        held_out = len(split_by_subject({f"p{k}": f"S{k}" for k in range(n)})["held_out"])
        assert (held_out >= FEWEST_JUDGES) == (n >= FEWEST_TO_TELL)
        assert held_out < n / 2


SUBJECTS_OF_ROWS = [f"S{k}" for k in range(8)]
BEFORE = np.array([[40, 38, 30]] * 8)


def test_the_same_weights_are_not_better() -> None:
    outcome = compare_rows(Path("w"), BEFORE, BEFORE, SUBJECTS_OF_ROWS)
    assert not outcome.better and outcome.why.startswith("not better: F1 0.769")


def test_a_gain_on_every_subject_is_better_and_a_loss_is_not() -> None:
    after = BEFORE + np.array([0, 1, 4])
    assert compare_rows(Path("w"), BEFORE, after, SUBJECTS_OF_ROWS).better
    assert not compare_rows(Path("w"), after, BEFORE, SUBJECTS_OF_ROWS).better


def test_a_gain_on_few_subjects_is_not_told_from_chance() -> None:
    few = FEWEST_JUDGES - 1
    after = BEFORE + np.array([0, 1, 4])
    outcome = compare_rows(Path("w"), BEFORE[:few], after[:few], SUBJECTS_OF_ROWS[:few])
    assert outcome.share_better == 1 and not outcome.better
    assert f"at least {FEWEST_TO_TELL} subjects" in outcome.why


def test_a_gain_on_one_subject_alone_may_be_chance() -> None:
    after = BEFORE.copy()
    after[0, 2] += 6
    after[1:, 2] -= [1, 0, 0, 1, 0, 0, 1]
    outcome = compare_rows(Path("w"), BEFORE, after, SUBJECTS_OF_ROWS)
    assert outcome.after.f1 > outcome.before.f1
    assert not outcome.better and "may be chance" in outcome.why
    assert 0.5 < outcome.share_better < 0.95


def test_more_hairs_right_at_a_worse_count_are_not_better() -> None:
    outcome = compare_rows(Path("w"), BEFORE, BEFORE + np.array([0, 8, 9]), SUBJECTS_OF_ROWS)
    assert not outcome.better and "counts farther off" in outcome.why


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RESULTS of four phantoms of four subjects, all signed off, one with an area left out."""
    folder = tmp_path_factory.mktemp("clinic_review")
    rows = []
    for k in range(4):
        phantom = draw_phantom(60 + k, width_px=400, height_px=320, um_per_px=9.0)
        write_phantom(folder, f"p{k}", phantom)
        rows.append(manifest_row(f"p{k}.jpg", f"P{k}", "baseline", "2026-01-01", phantom))
    write_manifest(folder / "images" / "manifest.csv", rows)
    results = folder / "results"
    analyze_folder([folder / "images"], results)
    session = open_session(results, "Ann")
    for number, key in enumerate(session.photos):
        version = 0
        if number == 1:
            left = {"what": "exclude", "points": [[0, 0], [200, 0], [200, 319], [0, 319]], "version": 0}
            version = session.edit_photo(key, left)["version"]
        session.edit_photo(key, {"what": "sign_off", "version": version})
    session.close()
    return results


def test_truth_is_what_was_signed_within_what_was_counted(signed: Path, tmp_path: Path) -> None:
    gathered = gather_signed(signed, tmp_path)
    assert sorted(gathered.subject_of.values()) == ["P0", "P1", "P2", "P3"]
    photos = {photo.name: photo for photo in read_annotated(tmp_path)}
    first = photos["p1"]
    assert first.known_mask is not None
    assert not first.known_mask[:, :201].any() and first.known_mask[160, 250]
    crops = [random_crop(first, 256, np.random.default_rng(seed)).weights["shaft"] for seed in range(4)]
    assert 0.1 < np.mean(np.stack(crops) > 0) < 0.8, "nothing is learned where nobody signed"
    assert len(photos["p2"].hairs) > 0
    truth = json.loads((tmp_path / "truth" / "p2.json").read_text())
    assert truth["size"] == [400, 320] and truth["um_per_px"] == 9.0


def test_too_few_subjects_are_said(results: Path, tmp_path: Path) -> None:
    with pytest.raises(TrichoscanError, match="0 photos of 0 subjects are signed off: sign off"):
        gather_signed(results, tmp_path)


def test_weights_that_did_not_get_better_are_written_and_refused(
    signed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reviewer changed nothing, so nothing can be better than before."""
    monkeypatch.setattr(export, "PHANTOM_VALIDATION", 1)
    monkeypatch.setattr(export, "TRACED_PHANTOMS", 1)
    lines: list[str] = []
    outcome = learn_from_review(
        signed,
        tmp_path / "run",
        steps=2,
        device="cpu",
        log=lines.append,
        batch=1,
        crop_px=64,
        phantom_share=0.0,
        verifier_phantoms=1,
    )
    assert outcome.before.f1 == pytest.approx(1.0, abs=0.05)
    assert not outcome.better
    assert "not marked usable" in lines[-1]
    assert (outcome.folder / "model.safetensors").is_file()
    with pytest.raises(
        TrichoscanError, match=r"were not better on the photos held out: see review_training\.md"
    ):
        load_weights(outcome.folder)
    unproven = load_weights(outcome.folder, unproven=True)
    for what in ("thresholds", "repeatability"):
        assert unproven.config[what] == load_weights().config[what], "too few hairs to tell it from"
    report = (outcome.folder / "review_training.md").read_text()
    assert "Not better" in report and "FDU" not in report
    assert str(tmp_path) not in (outcome.folder / "config.json").read_text()


def test_a_reviewer_who_sees_every_hair_leaves_the_truth(tmp_path: Path) -> None:
    """The reviewer of benchmarks/from_review.py, who corrects by the functions that the page calls."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
    clinics = importlib.import_module("from_review")
    clinics.draw_clinic(tmp_path / "clinic", "light", 1, seed=9000)
    results = tmp_path / "results"
    analyze_folder([tmp_path / "clinic" / "images"], results)
    done = clinics.correct_by_truth(results, tmp_path / "clinic" / "truth")
    assert done["added"] > 0 and done["refused"] == 0
    session = open_session(results, "Ann")
    (key,) = session.photos
    shown = session.photo(key)
    session.close()
    truth = read_truth(tmp_path / "clinic" / "truth" / "p00.json", seams=False, direction="chord")
    found = np.array([[hair["path"][0], hair["path"][-1]] for hair in shown["hairs"]])
    pairs = pair_hairs(found, truth.hairs.ends_px, truth.um_per_px)
    judged = set(np.flatnonzero(~truth.hairs.ignored).tolist())
    assert shown["signed_by"] and len(pairs.found) == len(found), "what stands is true"
    assert len(judged - set(pairs.true.tolist())) <= 0.1 * len(judged), "and nearly all that is true stands"
