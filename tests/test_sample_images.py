"""The sample study: what is in it, that it can be used, and that make.py still draws it."""

import csv
import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from trichoscan.photo.read import read_photo
from trichoscan.photo.scale_bar import find_scale_bar
from trichoscan.study.manifest import read_manifest

SAMPLES = Path(__file__).resolve().parents[1] / "sample_images"


@pytest.fixture(scope="module")
def rows():
    with (SAMPLES / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def redrawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("redrawn")
    runpy.run_path(str(SAMPLES / "make.py"), run_name="samples")["main"](folder)
    return folder


def truth(folder, stem):
    return json.loads((folder / "truth" / f"{stem}.json").read_text(encoding="utf-8"))


def test_twelve_photos_of_a_study_with_two_arms(rows):
    assert len(rows) == 12 == len(list(SAMPLES.glob("*.jpg")))
    assert {entry.image for entry in read_manifest(SAMPLES / "manifest.csv")} == {r["image"] for r in rows}
    assert len({r["arm"] for r in rows}) == 2
    photos = [sum(r["subject"] == s for r in rows) for s in {r["subject"] for r in rows}]
    assert sorted(p for p in photos if p > 1) == [2, 3, 3]
    assert sum(f.stat().st_size for f in SAMPLES.rglob("*") if f.suffix != ".pyc") < 6e6


def test_one_photo_has_its_scale_in_a_bar_and_one_has_none(rows):
    unscaled = [r["image"] for r in rows if not r["um_per_px"]]
    bars = {name: find_scale_bar(read_photo(SAMPLES / name).pixels) for name in unscaled}
    found = [name for name, bar in bars.items() if bar is not None]
    assert len(unscaled) == 2 and len(found) == 1
    true = truth(SAMPLES, Path(found[0]).stem)["um_per_px"]
    assert bars[found[0]].um_per_px == pytest.approx(true, rel=0.01)


def test_each_photo_has_truth_and_each_follow_up_a_pair(rows):
    for row in rows:
        told = truth(SAMPLES, Path(row["image"]).stem)
        assert row["um_per_px"] in ("", f"{told['um_per_px']:.4f}")
        assert len(told["hairs"]) >= 8
    later = [Path(r["image"]).stem for r in rows if r["visit"] != "baseline"]
    pairs = sorted(p.stem for p in (SAMPLES / "truth" / "pairs").glob("*.json"))
    assert pairs == sorted(f"{s.split('_')[0]}_vertex_baseline__{s}" for s in later)


def test_make_still_draws_the_samples(rows, redrawn):
    """Within what other versions of the libraries may change."""
    assert (redrawn / "manifest.csv").read_bytes() == (SAMPLES / "manifest.csv").read_bytes()
    for row in rows:
        stem = Path(row["image"]).stem
        kept, again = ({h["hair_id"]: h for h in truth(f, stem)["hairs"]} for f in (SAMPLES, redrawn))
        common = set(kept) & set(again)
        assert len(common) >= 0.95 * max(len(kept), len(again)), (
            f"run sample_images/make.py: {stem} is drawn anew"
        )
        for i in common:
            assert np.array(again[i]["path"]) == pytest.approx(np.array(kept[i]["path"]), abs=0.05)
            assert again[i]["diameter_um"] == pytest.approx(kept[i]["diameter_um"], abs=0.1)
        pixels = [read_photo(f / row["image"]).pixels.astype(float) for f in (SAMPLES, redrawn)]
        assert np.abs(pixels[0] - pixels[1]).mean() < 2.0


def test_pairs_are_drawn_again_too(redrawn):
    for file in (SAMPLES / "truth" / "pairs").glob("*.json"):
        kept, again = (
            json.loads((f / "truth" / "pairs" / file.name).read_text()) for f in (SAMPLES, redrawn)
        )
        for name in ("baseline_image", "followup_image", "days", "baseline_grid_px"):
            assert kept[name] == again[name]
        for a, b in zip(kept["followup_grid_px"], again["followup_grid_px"], strict=True):
            assert (a is None) == (b is None) and (a is None or a == pytest.approx(b, abs=0.01))
        assert {i: f for i, f in again["fates"].items() if i in kept["fates"]}.items() <= kept[
            "fates"
        ].items()
