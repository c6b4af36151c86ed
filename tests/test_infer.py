import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from trichoscan.learn.export import golden_pixels
from trichoscan.phantom.draw import draw_phantom
from trichoscan.records import Photo, TrichoscanError
from trichoscan.segment import tiles
from trichoscan.segment.infer import segment
from trichoscan.segment.network import CHANNELS, DIRECTIONS, DIVISOR, WORKING_UM_PER_PX
from trichoscan.segment.thresholds import DEFAULT_THRESHOLDS
from trichoscan.segment.weights import Weights, completed, load_weights

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def phantom_photo_() -> Photo:
    return Photo(draw_phantom(8, "clipped", 700, 520, 5.5).pixels, 5.5, "option")


def everywhere(photo: Photo) -> np.ndarray:
    return np.ones(photo.pixels.shape[:2], bool)


@pytest.mark.parametrize("folder", sorted((ROOT / "weights").iterdir()), ids=lambda folder: folder.name)
def test_the_stored_answer_comes_out_again(folder: Path) -> None:
    maps = tiles.run_tile(golden_pixels(), load_weights(folder).network, torch.device("cpu"))
    stored = np.load(folder / "golden.npz")
    for name in CHANNELS:
        np.testing.assert_allclose(maps[name], stored[name], atol=0.02 if name != "reach" else 0.5)


def test_the_same_photo_gives_the_same_bytes_with_one_thread_or_more(
    weights: Weights, phantom_photo_: Photo
) -> None:
    threads = torch.get_num_threads()
    answers = []
    try:
        for number in (1, 2, 3, 2):
            torch.set_num_threads(number)
            seen = segment(phantom_photo_, everywhere(phantom_photo_), weights, "cpu")
            roots, tips = seen.roots, seen.tips
            parts = (roots.at, roots.angle, roots.reach, roots.score, roots.second_look)
            parts += (tips.at, tips.angle, tips.score, tips.second_look, seen.shaft)
            answers.append(b"".join(part.tobytes() for part in parts))
    finally:
        torch.set_num_threads(threads)
    assert len(set(answers)) == 1
    assert roots.second_look.all() and tips.second_look.all(), "each was looked at again"


def test_noise_at_the_edge_of_a_photo_is_no_hair(weights: Weights) -> None:
    """Sides that are no multiple of what the network takes: with the last column drawn out, it saw 5 here."""
    noise = np.random.default_rng(0).normal((150, 120, 105), 16, (240, 243, 3))
    pixels = np.clip(noise, 0, 255).astype(np.uint8)
    roots, _, _ = tiles.run_tiles(
        pixels, weights.network, torch.device("cpu"), DEFAULT_THRESHOLDS | weights.config["thresholds"]
    )
    assert len(roots) == 0


def test_tiles_leave_no_seam(
    weights: Weights, phantom_photo_: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = segment(phantom_photo_, everywhere(phantom_photo_), weights, "cpu")
    monkeypatch.setattr(tiles, "TILE_PX", 448)
    tiled = segment(phantom_photo_, everywhere(phantom_photo_), weights, "cpu")
    assert tiled.shaft.shape == whole.shaft.shape
    assert np.mean(np.abs(tiled.shaft.astype(int) - whole.shaft) > 25) < 0.001
    sure = whole.roots.at[whole.roots.score > 0.3]
    assert len(sure) > 5
    apart = np.hypot(*(sure[:, None] - tiled.roots.at[None]).transpose(2, 0, 1)).min(1)
    assert (apart < 0.5).all()


def test_a_tile_turned_by_half_gives_the_same_maps_turned(weights: Weights) -> None:
    pixels = draw_phantom(8, "clipped", 320, 240, 5.5).pixels
    cpu = torch.device("cpu")
    maps = tiles.run_tile(pixels, weights.network, cpu)
    turned = tiles.run_tile(np.ascontiguousarray(pixels[::-1, ::-1]), weights.network, cpu)
    for name, value in maps.items():
        back = turned[name][:, ::-1, ::-1]
        back = back if name == "shaft" else np.roll(back, DIRECTIONS // 2, 0)
        np.testing.assert_allclose(back, value, atol=1e-4)


@pytest.mark.parametrize("length", [1, 200, 1344, 1345, 1600, 2433, 8660])
def test_tiles_are_of_one_size_and_keep_each_px_once(length: int) -> None:
    starts, ends, kept_from, kept_to = zip(*tiles._spans(length), strict=True)
    sizes = np.subtract(ends, starts)
    assert kept_from[0] == starts[0] == 0 and kept_to[-1] == ends[-1] == length
    assert kept_from[1:] == kept_to[:-1]
    assert sizes.max() <= tiles.TILE_PX and np.ptp(sizes) <= DIVISOR * len(sizes)
    for near, far in ((starts, kept_from), (kept_to, ends)):
        assert set(np.subtract(far, near)) <= {0, tiles.OVERLAP_PX // 2}


def test_a_large_photo_keeps_memory_bounded(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps of a tile are dropped before the next: what is kept of 50 MP is less than 0.3 GB."""
    asked = []

    def flat_maps(pixels: np.ndarray, *_: object) -> dict[str, np.ndarray]:
        asked.append(pixels.shape[:2])
        h, w = -(-pixels.shape[0] // 2), -(-pixels.shape[1] // 2)
        return {name: np.broadcast_to(np.float32(0), (n, h, w)) for name, n in CHANNELS.items()}

    monkeypatch.setattr(tiles, "run_tile", flat_maps)
    photo = Photo(np.zeros((5800, 8660, 3), np.uint8), 5.5, "option")
    seen = segment(photo, everywhere(photo), weights, "cpu")
    assert max(max(shape) for shape in asked) <= tiles.TILE_PX + DIVISOR
    assert seen.shaft.nbytes < 300e6 and len(seen.roots) == 0
    larger = segment(replace(photo, um_per_px=14.0), everywhere(photo), weights, "cpu")
    assert larger.flags == ("scale_out_of_range",)
    assert larger.shaft.nbytes < 300e6


@pytest.mark.parametrize("um_per_px", [2.75, 11.0])
def test_maps_cover_the_photo_at_any_scale(weights: Weights, um_per_px: float) -> None:
    photo = Photo(np.full((330, 410, 3), 150, np.uint8), um_per_px, "option")
    maps = segment(photo, everywhere(photo), weights, "cpu")
    height, width = maps.shaft.shape[1:]
    assert maps.px_per_cell == pytest.approx(2 * WORKING_UM_PER_PX / um_per_px)
    assert abs(height * maps.px_per_cell - 330) <= maps.px_per_cell
    assert abs(width * maps.px_per_cell - 410) <= maps.px_per_cell
    assert not maps.flags


def test_without_a_scale_one_is_guessed_and_flagged(weights: Weights) -> None:
    for seed, true in ((1, 5.0), (4, 8.0)):
        pixels = draw_phantom(seed, "clipped", 900, 700, true).pixels
        maps = segment(Photo(pixels), np.ones((700, 900), bool), weights, "cpu")
        assert maps.flags == ("working_scale_guessed",)
        guess = 2 * WORKING_UM_PER_PX / maps.px_per_cell
        assert 1 / 2.5 < guess / true < 1.6


def test_a_scale_that_is_assumed_is_taken_and_flagged(weights: Weights) -> None:
    photo = Photo(np.full((220, 220, 3), 150, np.uint8))
    maps = segment(photo, everywhere(photo), weights, "cpu", assumed_um_per_px=11.0)
    assert maps.px_per_cell == pytest.approx(WORKING_UM_PER_PX / 11.0 * 2)
    assert maps.flags == ("working_scale_guessed",)


def test_a_scale_beyond_training_is_flagged(weights: Weights) -> None:
    photo = Photo(np.full((220, 220, 3), 150, np.uint8), 20.0, "option")
    assert segment(photo, everywhere(photo), weights, "cpu").flags == ("scale_out_of_range",)


def copy_of_weights(weights: Weights, folder: Path) -> Path:
    return Path(shutil.copytree(ROOT / "weights" / weights.name, folder / "mine"))


def test_weights_in_a_folder_are_the_same_as_by_name(weights: Weights, tmp_path: Path) -> None:
    assert load_weights(copy_of_weights(weights, tmp_path)).label == weights.label


def test_damaged_weights_are_refused(weights: Weights, tmp_path: Path) -> None:
    folder = copy_of_weights(weights, tmp_path)
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(bytes(data))
    with pytest.raises(TrichoscanError, match="damaged"):
        load_weights(folder)


@pytest.mark.parametrize("name", ["confidence", "tip_look"])
def test_an_operating_point_that_is_no_number_is_refused(weights: Weights, tmp_path: Path, name: str) -> None:
    folder = copy_of_weights(weights, tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config["thresholds"][name] = "high"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(TrichoscanError, match="cannot be read"):
        load_weights(folder)


def test_weights_of_another_network_are_refused(weights: Weights, tmp_path: Path) -> None:
    folder = copy_of_weights(weights, tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"widths": [16, 32, 64, 96]}))
    with pytest.raises(TrichoscanError, match="another version"):
        load_weights(folder)


def test_missing_weights_are_named() -> None:
    with pytest.raises(TrichoscanError, match=r"nonsense: no weights"):
        load_weights("nonsense")


def test_models_by_other_features_are_left_out_whole() -> None:
    """Weights before follicle-v8 fitted theirs beside costs and odds that no longer are."""
    of_tips = {"tip_peak": 9.0, "tip_link": -0.3, "tip_odds": 1.0, "tip_bias": 7.0}
    of_tracing = {"join_bias": 9.0, "enter_bias": 9.0, "link_bias": 9.0}
    older = {"root": 0.08, "tip": 0.1} | of_tips | of_tracing
    assert completed(older) == DEFAULT_THRESHOLDS | {"root": 0.08, "tip": 0.1}
    own = {"reading_tip": 2.0, "join_bias": 9.0}
    assert completed(own) == DEFAULT_THRESHOLDS | own
    newer = {"tip_own": 1.0, "tip_bias": 7.0}
    assert completed(newer) == DEFAULT_THRESHOLDS | newer
