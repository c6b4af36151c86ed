from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from trichoscan.flags import HAIR_FLAGS, PHOTO_FLAGS
from trichoscan.phantom.draw import draw_phantom
from trichoscan.pipeline import analyze, hopeless
from trichoscan.records import Analysis, Photo, TargetArea, TrichoscanError
from trichoscan.segment.weights import Weights

UM_PER_PX = 5.5
SAME_ROOT_PX = 6.0
"""33 um: far less than hairs of one unit are apart."""


@pytest.fixture(scope="module")
def photo() -> Photo:
    phantom = draw_phantom(11, "plain", 900, 700, UM_PER_PX)
    return Photo(np.ascontiguousarray(phantom.pixels), UM_PER_PX, "manifest", "ab" * 32)


@pytest.fixture(scope="module")
def analysis(photo: Photo, weights: Weights) -> Analysis:
    return analyze(photo, weights, device="cpu")


def roots_of(analysis: Analysis) -> np.ndarray:
    return np.array([hair.root_px for hair in analysis.hairs]).reshape(-1, 2)


def share_found_again(roots: np.ndarray, others: np.ndarray) -> float:
    apart = np.hypot(*(roots[:, None] - others[None]).transpose(2, 0, 1))
    return float((apart.min(axis=1) <= SAME_ROOT_PX).mean())


def test_all_parts_of_the_analysis_fit_together(analysis: Analysis, photo: Photo, weights: Weights) -> None:
    n = len(analysis.hairs)
    assert n > 5
    assert analysis.unit_of_hair.shape == analysis.counted.shape == (n,)
    assert analysis.counting_mask.shape == photo.pixels.shape[:2]
    assert analysis.hair_count.value == np.count_nonzero(analysis.counted)
    assert analysis.hair_count.low <= analysis.hair_count.value <= analysis.hair_count.high
    assert (analysis.sha256, analysis.weights) == (photo.sha256, weights.label)
    assert list(analysis.flags) == sorted(set(analysis.flags))
    assert set(analysis.flags) <= PHOTO_FLAGS.keys()
    assert {flag for hair in analysis.hairs for flag in hair.flags} <= HAIR_FLAGS.keys()
    assert len(np.unique(roots_of(analysis), axis=0)) == n
    _, first = np.unique(analysis.unit_of_hair, return_index=True)
    assert (np.diff(first) > 0).all(), "units are numbered in order of first appearance"


def test_the_same_photo_gives_the_same_analysis(analysis: Analysis, photo: Photo, weights: Weights) -> None:
    again = analyze(photo, weights, device="cpu")
    assert len(again.hairs) == len(analysis.hairs)
    for one, other in zip(analysis.hairs, again.hairs, strict=True):
        np.testing.assert_array_equal(one.path_px, other.path_px)
        np.testing.assert_equal(one.diameter_px, other.diameter_px)


@pytest.mark.parametrize("turn", ["mirror", "flip", "half turn"])
def test_a_mirrored_photo_has_mirrored_hairs(
    turn: str, analysis: Analysis, photo: Photo, weights: Weights
) -> None:
    across, down = {"mirror": (True, False), "flip": (False, True), "half turn": (True, True)}[turn]
    pixels = photo.pixels[:: -1 if down else 1, :: -1 if across else 1]
    turned = analyze(replace(photo, pixels=np.ascontiguousarray(pixels)), weights, device="cpu")
    height, width = photo.pixels.shape[:2]
    roots = roots_of(turned)
    if across:
        roots[:, 0] = width - 1 - roots[:, 0]
    if down:
        roots[:, 1] = height - 1 - roots[:, 1]
    assert share_found_again(roots_of(analysis), roots) >= 0.85
    assert share_found_again(roots, roots_of(analysis)) >= 0.85


def test_without_a_scale_hairs_are_traced_and_it_is_flagged(
    analysis: Analysis, photo: Photo, weights: Weights
) -> None:
    unscaled = analyze(replace(photo, um_per_px=None, um_per_px_source="none"), weights, device="cpu")
    assert {"no_scale", "working_scale_guessed"} <= set(unscaled.flags)
    assert unscaled.area_cm2 is None
    assert len(unscaled.hairs) == pytest.approx(len(analysis.hairs), rel=0.2)


def test_a_target_area_counts_only_within(analysis: Analysis, photo: Photo, weights: Weights) -> None:
    target = TargetArea(450, 350, 200)
    within = analyze(photo, weights, target=target, device="cpu")
    assert "target_area" in within.flags
    assert len(within.hairs) == len(analysis.hairs), "all hairs are traced, whatever is counted"
    far = np.hypot(*(roots_of(within) - (450, 350)).T)
    assert not within.counted[far > 201].any()
    assert within.hair_count.value == np.count_nonzero(within.counted)
    assert within.counting_mask.sum() <= np.pi * 201**2


def test_bare_skin_has_no_hair_and_no_crash(weights: Weights) -> None:
    rng = np.random.default_rng(2)
    skin = np.clip(np.array([205, 170, 150]) + rng.normal(0, 4, (300, 320, 1)), 0, 255).astype(np.uint8)
    analysis = analyze(Photo(skin, UM_PER_PX, "manifest"), weights, device="cpu")
    assert analysis.hairs == ()
    assert "no_hair" in analysis.flags
    assert analysis.hair_count.value == 0


def test_a_photo_of_no_use_is_refused_or_measured_all_the_same(weights: Weights) -> None:
    black = Photo(np.zeros((240, 320, 3), np.uint8), UM_PER_PX, "manifest")
    with pytest.raises(TrichoscanError, match=r"no scalp can be seen .*retake"):
        analyze(black, weights, device="cpu")
    analysis = analyze(black, weights, device="cpu", refuse=False)
    assert {"no_area", "no_hair"} <= set(analysis.flags)


def test_a_blurred_photo_is_refused_where_most_hairs_are_doubtful() -> None:
    assert hopeless(("blurred", "lower_bound"), 0.6, 0.3) and not hopeless(("blurred",), 0.4, 0.3)
    assert not hopeless(("lower_bound", "pale_hair"), 0.9, 0.5)  # no other photo would show it better
    assert hopeless(("blurred", "no_hair"), float("nan"), 0.2)
    assert not hopeless(("blurred", "no_hair"), float("nan"), 0.0)  # bare skin has no edges at all


def held_out(fdu: Path, weights: Weights, which: slice) -> list[tuple[str, Photo]]:
    """Names and photos of some that were held out from training."""
    from trichoscan.photo.read import read_photo

    stems = sorted(weights.config["split"]["held_out"])[which]
    photos = [read_photo(fdu / "images" / f"{stem}.jpg") for stem in stems]
    return [
        (stem, replace(photo, um_per_px=5.54, um_per_px_source="manifest"))
        for stem, photo in zip(stems, photos, strict=True)
    ]


def count(photos: Iterable[Photo], weights: Weights) -> int:
    return sum(len(analyze(photo, weights, device="cpu").hairs) for photo in photos)


def test_real_photos_come_near_their_hand_count(fdu: Path, weights: Weights) -> None:
    """Three of the photos held out from training, counted over the whole photo."""
    for stem, photo in held_out(fdu, weights, slice(3)):
        marks = json.loads((fdu / "truth" / f"{stem}.json").read_text())["hairs"]
        true = sum(mark["kind"] != "abnormal" for mark in marks)
        assert count([photo], weights) == pytest.approx(true, rel=0.4)


@pytest.fixture(scope="module")
def counted(fdu: Path, weights: Weights) -> tuple[list[Photo], int]:
    """Three held-out photos and their hairs together."""
    photos = [photo for _, photo in held_out(fdu, weights, slice(3, 6))]
    return photos, count(photos, weights)


@pytest.mark.parametrize("change", ["mirror", "quarter turn", "brighter"])
def test_real_photos_keep_their_count(
    counted: tuple[list[Photo], int], weights: Weights, change: str
) -> None:
    """Counts over the three together, turned or brightened."""
    photos, hairs = counted
    changed = {
        "mirror": lambda pixels: pixels[:, ::-1],
        "quarter turn": np.rot90,
        "brighter": lambda pixels: np.clip(pixels * 1.12, 0, 255).astype(np.uint8),
    }[change]
    others = [replace(photo, pixels=np.ascontiguousarray(changed(photo.pixels))) for photo in photos]
    assert count(others, weights) == pytest.approx(hairs, rel=0.05)
