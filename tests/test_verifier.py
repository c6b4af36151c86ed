from itertools import combinations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trichoscan.learn.labels import LabelledHair, label_maps
from trichoscan.learn.pairing import adding_hairs, pair_hairs
from trichoscan.learn.second_look import NO_FIELD_SHARE, SeenPhoto, _Patches, train_verifier
from trichoscan.records import Peaks, Segmentation
from trichoscan.segment.network import for_inference
from trichoscan.segment.peaks import find_peaks, one_each
from trichoscan.segment.thresholds import DEFAULT_THRESHOLDS
from trichoscan.segment.verifier import (
    AGAINST_FIELD,
    LONG_PX,
    WIDE_PX,
    Verifier,
    as_input,
    facts_of,
    frame,
    look_again,
    patch_of,
)

SIDE_CELLS = 96
HAIRS = ([[40.0, 48.0], [70.0, 58.0]], [[42.0, 52.0], [60.0, 80.0]], [[60.0, 20.0], [25.0, 16.0]])


def scene(turns: int = 0, mirrored: bool = False) -> tuple[np.ndarray, np.ndarray, Peaks, Peaks]:
    """Pixels, shaft map, roots and tips of three drawn hairs, turned by quarters."""
    middle = (SIDE_CELLS - 1) / 2
    paths = [np.array(path) - middle for path in HAIRS]
    if mirrored:
        paths = [path * [1, -1] for path in paths]
    for _ in range(turns):
        paths = [path[:, ::-1] * [-1, 1] for path in paths]
    paths = [path + middle for path in paths]
    maps = label_maps([LabelledHair(path) for path in paths], (SIDE_CELLS, SIDE_CELLS))
    maps["reach"] = np.nan_to_num(maps["reach"], nan=0.5) * 50
    roots, tips = (one_each(find_peaks(maps, name, 0.3)) for name in ("root", "tip"))
    pixels = np.full((2 * SIDE_CELLS, 2 * SIDE_CELLS, 3), (200, 180, 160), np.uint8)
    for n, path in enumerate(paths):
        ends = np.round((path + 0.5) * 2 - 0.5).astype(int)
        cv2.line(pixels, *(tuple(int(v) for v in end) for end in ends), (60 + 20 * n, 40, 30), 7, cv2.LINE_AA)
    shaft = np.round(255 * np.nan_to_num(maps["shaft"], nan=0.5)).astype(np.uint8)
    return pixels, shaft, roots, tips


def nearest(roots: Peaks, at: np.ndarray) -> int:
    return int(np.hypot(*(roots.at - at).T).argmin())


def patch(part: tuple, k: int) -> np.ndarray:
    pixels, shaft, roots, tips = part
    to_cells = frame(roots.at[k], float(roots.angle[k]))
    return as_input(*patch_of(pixels, shaft, roots, tips, k, to_cells))


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_photo_gives_the_same_patch(turns: int) -> None:
    upright, turned = scene(), scene(turns)
    middle = (SIDE_CELLS - 1) / 2
    for k in range(len(upright[2])):
        at = upright[2].at[k] - middle
        for _ in range(turns):
            at = at[::-1] * [-1, 1]
        one, other = patch(upright, k), patch(turned, nearest(turned[2], at + middle))
        assert np.abs(one[:3] - other[:3]).mean() < 0.06, "colours span -2 to 2"
        assert np.abs(one[3:5] - other[3:5]).mean() < 0.06
        assert one[5:7].sum() == pytest.approx(other[5:7].sum(), rel=0.1)
        assert np.abs(one[7] - other[7]).mean() < 0.02


def test_a_mirrored_frame_shows_the_mirrored_photo() -> None:
    (pixels, shaft, roots, tips), other = scene(), scene(mirrored=True)
    k = nearest(roots, np.array(HAIRS[0][0]))
    mirrored, _ = patch_of(
        pixels, shaft, roots, tips, k, frame(roots.at[k], float(roots.angle[k]), mirrored=True)
    )
    at = roots.at[k] * [1, -1] + [0, SIDE_CELLS - 1]
    as_seen = patch(other, nearest(other[2], at))[:3].transpose(1, 2, 0) / 4 + 0.5
    assert np.abs(mirrored / 255 - as_seen).mean() < 0.015


def test_the_root_lies_at_one_place_and_its_shaft_leads_to_the_right() -> None:
    pixels, shaft, roots, tips = scene()
    k = nearest(roots, np.array(HAIRS[2][0]))
    seen = patch((pixels, shaft, roots, tips), k)
    dark = seen[:3].mean(0) < 0
    column, row = 16, (WIDE_PX - 1) / 2
    assert dark[int(row), column + 3 : column + 30].all()
    assert not dark[:, : column - 6].any()
    tip = np.unravel_index(seen[7].argmax(), seen[7].shape)
    length = float(np.hypot(*np.subtract(*HAIRS[2])))
    assert tip[1] == pytest.approx(column + length, abs=2)
    assert tip[0] == pytest.approx(row, abs=3)
    assert seen.shape == (8, WIDE_PX, LONG_PX)


def test_higher_and_lower_roots_are_shown_apart() -> None:
    pixels, shaft, roots, tips = scene()
    one, other = (nearest(roots, np.array(HAIRS[n][0])) for n in (0, 1))
    first, second = (patch((pixels, shaft, roots, tips), k) for k in sorted((one, other)))
    assert first[5].max() == 0 and first[6].max() > 0.5
    assert second[6].max() == 0 and second[5].max() > 0.5


points = st.tuples(st.integers(0, 60), st.integers(0, 60))


@settings(max_examples=40, deadline=None)
@given(st.lists(points, min_size=1, max_size=6), st.lists(points, min_size=0, max_size=5))
def test_hairs_that_add_one_are_chosen_as_one_after_another(found: list, true: list) -> None:
    sides = [
        np.array([[p, (p[0] + 100, p[1])] for p in side], float).reshape(-1, 2, 2) for side in (found, true)
    ]
    um_per_px = 6.0
    adding = adding_hairs(sides[0], sides[1], um_per_px)
    chosen: list[int] = []
    for k in range(len(found)):
        if len(pair_hairs(sides[0][[*chosen, k]], sides[1], um_per_px).found) > len(chosen):
            chosen.append(k)
    assert chosen == list(np.flatnonzero(adding))
    most = len(pair_hairs(*sides, um_per_px).found)
    assert len(chosen) == most
    for some in combinations(range(len(found)), most):
        assert chosen <= list(some) or len(pair_hairs(sides[0][list(some)], sides[1], 6.0).found) < most


def test_the_verifier_learns_what_the_maps_do_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same peaks and shafts, with a hair or on bare skin."""

    def see(number: int) -> SeenPhoto:
        pixels, shaft, roots, tips = scene(number % 4)
        right = number % 3 == 0
        shown = pixels if right else np.full_like(pixels, (200, 180, 160))
        segmentation = Segmentation(roots, tips, shaft, shown, 2.0, dict(DEFAULT_THRESHOLDS))
        return SeenPhoto(segmentation, np.arange(len(roots)), np.full(len(roots), right))

    monkeypatch.setattr("trichoscan.learn.second_look.BATCH", 16)
    monkeypatch.setattr("trichoscan.learn.second_look.WARM_UP_STEPS", 5)
    lines: list[str] = []
    options = {"epochs": 4, "learning_rate": 3e-3, "seed": 1, "device": "cpu", "log": lines.append}
    verifier = train_verifier("verifier", [see(number) for number in range(90)], **options)
    assert verifier is not None
    assert len(lines) == 5
    for number in (300, 301):
        photo = see(number)
        s = photo.segmentation
        odds = look_again(for_inference(verifier), s.pixels, s.shaft, s.roots, s.tips)
        assert ((odds > 0) == photo.right).all()


def test_some_ends_are_shown_without_what_the_field_says() -> None:
    """The shown photo keeps its facts; the other two facts of a shown end are as they were."""
    pixels, shaft, roots, tips = scene()
    segmentation = Segmentation(roots, tips, shaft, pixels, 2.0, dict(DEFAULT_THRESHOLDS))
    told = facts_of(roots)
    dissenters = np.flatnonzero(told[:, AGAINST_FIELD] > 0)
    seen = SeenPhoto(segmentation, dissenters, np.ones(len(dissenters), bool))
    shown = np.array([facts.numpy() for _, facts, _ in _Patches([seen] * 200, [5])])
    without = shown[:, AGAINST_FIELD] == 0
    assert without.mean() == pytest.approx(NO_FIELD_SHARE, abs=0.06)
    known = {tuple(row) for row in told[dissenters]}
    assert all(tuple(row) in known for row in shown[~without])
    kept = {tuple(np.delete(row, AGAINST_FIELD)) for row in told[dissenters]}
    assert all(tuple(np.delete(row, AGAINST_FIELD)) in kept for row in shown)
    np.testing.assert_array_equal(facts_of(roots), told)


def test_one_batch_or_two_look_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    verifier = for_inference(Verifier())
    pixels, shaft, roots, tips = scene()
    whole = look_again(verifier, pixels, shaft, roots, tips)
    monkeypatch.setattr("trichoscan.segment.verifier.BATCH", 2)
    assert look_again(verifier, pixels, shaft, roots, tips) == pytest.approx(whole, abs=1e-4)
    assert facts_of(roots).shape == (len(whole), 3)
    none = roots.take(np.zeros(0, int))
    assert look_again(verifier, pixels, shaft, none, tips).shape == (0,)


def test_nothing_seen_makes_no_verifier() -> None:
    options = {"epochs": 3, "learning_rate": 3e-3, "seed": 1, "device": "cpu", "log": print}
    assert train_verifier("verifier", [], **options) is None
