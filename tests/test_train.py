import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from trichoscan.learn import export
from trichoscan.learn.config import split_photos
from trichoscan.learn.labels import LabelledHair, label_maps
from trichoscan.learn.loss import losses
from trichoscan.learn.train import TrainConfig, train
from trichoscan.learn.twins import find_twins
from trichoscan.records import TrichoscanError
from trichoscan.segment.weights import DEFAULT_WEIGHTS, find_weights, load_weights, stored_states

SHAPE = (64, 64)


def batch_of(paths: list[np.ndarray]) -> dict[str, torch.Tensor]:
    labels = label_maps([LabelledHair(p) for p in paths], SHAPE)
    batch = {name: torch.from_numpy(value)[None] for name, value in labels.items()}
    return batch | {f"{name}_weight": torch.ones_like(batch[name]) for name in ("root", "tip", "shaft")}


def answer(labels: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Maps of a network that knows."""
    logits = {name: torch.logit(labels[name].nan_to_num(0), 1e-4) for name in ("root", "tip", "shaft")}
    return logits | {name: labels[name].nan_to_num(0) for name in ("bend", "reach")}


ONE = np.array([[20.0, 20.0], [45.0, 38.0]])
OTHER = np.array([[40.0, 15.0], [12.0, 40.0]])


def test_every_part_of_the_loss_prefers_the_truth_to_another_answer() -> None:
    batch = batch_of([ONE])
    right, wrong = losses(answer(batch), batch), losses(answer(batch_of([OTHER])), batch)
    for name in ("root", "tip", "shaft"):
        assert right[name] < 0.2 * wrong[name]
    for name in ("bend", "reach"):
        assert right[name] < 1e-3


def test_what_was_not_annotated_costs_nothing() -> None:
    """Found or not: the loss is the same to the last bit where nothing is said, and another where it is."""
    silent, said = batch_of([ONE]), batch_of([ONE])
    for name in ("root", "tip", "shaft"):
        silent[f"{name}_weight"] = (batch_of([OTHER])[name].nan_to_num(1) == 0).float()
    both, alone = answer(batch_of([ONE, OTHER])), answer(batch_of([ONE]))
    for name in ("root", "tip", "shaft"):
        assert losses(both, silent)[name] == losses(alone, silent)[name]
        assert losses(both, said)[name] > losses(alone, said)[name]


def config(out: Path, **changes: object) -> TrainConfig:
    values = {"photos": None, "out": out, "name": "tiny", "steps": 4, "batch": 1, "crop_px": 64}
    values |= {"phantom_share": 1.0, "device": "cpu", "verifier_epochs": 1, "verifier_phantoms": 2}
    return TrainConfig(**(values | changes))


def draw_few(patch: pytest.MonkeyPatch) -> None:
    """Phantoms for operating points and tracing, of which there are dozens otherwise."""
    patch.setattr(export, "PHANTOM_VALIDATION", 1)
    patch.setattr(export, "TRACED_PHANTOMS", 1)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished run of two steps. Do not write into it."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    with pytest.MonkeyPatch.context() as patch:
        draw_few(patch)
        train(config(folder, steps=2), log=lambda line: None)
    return folder


@pytest.fixture
def tiny_run(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of `finished` to go on from."""
    draw_few(monkeypatch)
    return Path(shutil.copytree(finished, tmp_path / "run"))


def test_a_stopped_run_goes_on_to_the_same_weights(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_few(monkeypatch)
    monkeypatch.setattr("trichoscan.learn.train.CHECKPOINT_STEPS", 1)
    begun = config(tmp_path / "stopped", steps=2)

    def stop_at_checkpoint(*args: object) -> None:
        save(*args)
        raise KeyboardInterrupt

    save = train.__globals__["_save"]
    with monkeypatch.context() as stopping, pytest.raises(KeyboardInterrupt):
        stopping.setitem(train.__globals__, "_save", stop_at_checkpoint)
        train(begun, log=lambda line: None)
    assert torch.load(begun.out / "checkpoint.pt", weights_only=True)["step"] == 1
    resumed = load_weights(train(begun, log=lambda line: None))
    assert resumed.sha256 == load_weights(finished / "weights" / "tiny").sha256


def test_a_finished_run_goes_straight_on_to_the_weights(tiny_run: Path) -> None:
    lines: list[str] = []
    before = load_weights(tiny_run / "weights" / "tiny").sha256
    assert load_weights(train(config(tiny_run, steps=1), log=lines.append)).sha256 == before
    assert "2 steps are done already" in lines[0]


def test_weights_of_phantoms_alone_say_so(finished: Path) -> None:
    folder = finished / "weights" / "tiny"
    card = (folder / "CARD.md").read_text()
    assert "Phantoms only" in card
    assert "| tiny | 2 | 1 of 64 px | 100 | 0.002 | 1 times, 2 phantoms, 40 % of them bare |" in card
    assert load_weights(folder).config["split"]["held_out"] == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"crop_px": 96}, "crop px"),
        ({"batch": 2}, "batch"),
        ({"seed": 7}, "seed"),
        ({"phantom_share": 0.5}, "phantom share"),
        ({"photos": "more"}, "photos"),
    ],
)
def test_a_run_does_not_go_on_with_other_crops(tiny_run: Path, changes: dict[str, object], told: str) -> None:
    if "photos" in changes:
        (tiny_run / "truth").mkdir()
        (tiny_run / "truth" / "a.json").write_text("{}")
        changes = {"photos": tiny_run, "held_out": 0, "validation": 0}
    with pytest.raises(TrichoscanError, match=rf"run: .* other {told}: give another --out"):
        train(config(tiny_run, **changes), log=lambda line: None)


def test_verifiers_alone_go_on_from_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_few(monkeypatch)
    folder = train(config(tmp_path, steps=0, start_from=DEFAULT_WEIGHTS), log=lambda line: None)
    before, verifiers_before = stored_states(DEFAULT_WEIGHTS)
    after, verifiers_after = stored_states(folder)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert verifiers_after.keys() == verifiers_before.keys() != set()
    for name, state in verifiers_after.items():
        assert not torch.equal(state["decide.weight"], verifiers_before[name]["decide.weight"])
    lines = (folder / "CARD.md").read_text().splitlines()
    stages = [line.split("|")[1].strip() for line in lines if line.startswith("| ") and line.count("|") == 7]
    assert stages[-2:] == [DEFAULT_WEIGHTS, "tiny"]


def test_no_steps_leave_a_checkpoint_alone(tiny_run: Path) -> None:
    """The network is that of the weights to start from, as the card says."""
    folder = train(config(tiny_run, steps=0, start_from=DEFAULT_WEIGHTS), log=lambda line: None)
    network, _ = stored_states(folder)
    assert torch.equal(network["head.bias"], stored_states(DEFAULT_WEIGHTS)[0]["head.bias"])


def test_teaching_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrichoscanError, match="nothing is taught in 0 steps"):
        train(config(tmp_path, steps=0))


def test_operating_points_alone_are_chosen_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_few(monkeypatch)
    again = config(tmp_path, steps=0, verifier_epochs=0, start_from=DEFAULT_WEIGHTS)
    folder = train(again, log=lambda line: None)
    after, before = stored_states(folder), stored_states(DEFAULT_WEIGHTS)
    for states in zip((after[0], *after[1].values()), (before[0], *before[1].values()), strict=True):
        assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])
    points = [load_weights(which).config["thresholds"] for which in (folder, DEFAULT_WEIGHTS)]
    assert points[0].keys() == points[1].keys()
    for begins in ("weight_", "enter_"):
        assert any(points[0][name] != points[1][name] for name in points[0] if name.startswith(begins))


def test_weights_to_start_from_are_checked_first(tiny_run: Path) -> None:
    with pytest.raises(TrichoscanError, match="nowhere: no weights of this name"):
        train(config(tiny_run, start_from="nowhere"))
    with pytest.raises(TrichoscanError, match="run with other start: give another --out"):
        train(config(tiny_run, start_from=DEFAULT_WEIGHTS))
    model = tiny_run / "weights" / "tiny" / "model.safetensors"
    model.write_bytes(model.read_bytes()[:-2] + b"00")
    with pytest.raises(TrichoscanError, match="damaged"):
        train(config(tiny_run, start_from=model.parent))


def test_photos_that_the_start_has_seen_are_not_held_out(fdu: Path, tmp_path: Path) -> None:
    """Of a part of the photos, others would be held out by the hash of their names."""
    shipped = load_weights().config["split"]
    some = {side: names[:8] for side, names in shipped.items()}
    for kind, ending in (("images", "jpg"), ("truth", "json")):
        (tmp_path / kind).mkdir()
        for stem in (stem for names in some.values() for stem in names):
            (tmp_path / kind / f"{stem}.{ending}").symlink_to(fdu / kind / f"{stem}.{ending}")
    begun = config(tmp_path / "run", photos=tmp_path, held_out=8, validation=8, start_from=DEFAULT_WEIGHTS)
    assert split_photos(begun) == some


def test_weights_tell_nothing_of_the_machine(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_few(monkeypatch)
    first = finished / "weights" / "tiny"
    folder = train(config(tmp_path / "later", steps=1, start_from=first), log=lambda line: None)
    stored = load_weights(folder).config
    assert (stored["training"]["out"], stored["training"]["start_from"]) == ("later", "tiny")
    assert stored["widths"] == [32, 64, 128, 192]
    card = (folder / "CARD.md").read_text()
    assert card.count("\n| tiny | ") == 2, "its own row and that of the weights it began from"
    assert str(finished.parent) not in card + (folder / "config.json").read_text()


@pytest.mark.parametrize("name", [DEFAULT_WEIGHTS, "follicle-v2-phantom"])
def test_the_cards_that_are_shipped_tell_what_is_stored(name: str) -> None:
    stored = dict(load_weights(name).config)
    assert (find_weights(name) / "CARD.md").read_text() == export._card(stored)
    assert ("FDU_HairFollicleDataset" in export._card(stored)) == (name == DEFAULT_WEIGHTS)


def test_own_photos_are_not_taken_for_ours() -> None:
    stored = dict(load_weights().config)
    stored["training"] = stored["training"] | {"name": TrainConfig.name, "provenance": None}
    card = export._card(stored | {"name": TrainConfig.name, "earlier": []})
    assert "was not stated" in card
    assert "FDU" not in card and DEFAULT_WEIGHTS not in card


def test_a_label_tells_what_results_depend_on() -> None:
    first = load_weights()
    told = replace(first, config=first.config | {"training": {}, "earlier": []})
    other = replace(first, config=first.config | {"count_cv": 0.5})
    assert told.label == first.label != other.label


def test_held_out_photos_are_listed_and_no_twin_of_them_is_trained_on(fdu: Path, tmp_path: Path) -> None:
    split = split_photos(config(tmp_path, photos=fdu))
    assert [len(split[side]) for side in ("held_out", "validation", "train")] == [60, 24, 206]
    side_of = {name: side for side, names in split.items() for name in names}
    twins = find_twins({f.stem: f for f in (fdu / "images").glob("*.jpg")})
    assert len(twins) == 17
    assert all(len({side_of[name] for name in group if name in side_of}) == 1 for group in twins)
    assert load_weights().config["split"] == split


def test_nothing_to_train_on_is_said(tmp_path: Path) -> None:
    with pytest.raises(TrichoscanError, match="nothing to train on"):
        train(config(tmp_path, phantom_share=0.0))
