"""Tracing on maps drawn from known hairs: what the network would say if it were perfect."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from trichoscan.learn.labels import LabelledHair, label_maps
from trichoscan.records import Hair, Segmentation
from trichoscan.segment.candidates import find_candidates
from trichoscan.segment.cells import respaced, to_px
from trichoscan.segment.centre import centred
from trichoscan.segment.network import REACH_UNIT_CELLS
from trichoscan.segment.peaks import find_peaks, one_each
from trichoscan.segment.shaft_map import ShaftMap
from trichoscan.segment.thresholds import DEFAULT_THRESHOLDS
from trichoscan.segment.trace import trace

SHAPE = (200, 240)
PX_PER_CELL = 2.0


def maps_of(paths: list[NDArray[np.float64]]) -> dict[str, NDArray[np.float32]]:
    maps = label_maps([LabelledHair(p) for p in paths], SHAPE)
    return maps | {"reach": np.nan_to_num(maps["reach"]) * np.float32(REACH_UNIT_CELLS)}


def segmented(maps: dict[str, NDArray[np.float32]]) -> Segmentation:
    roots, tips = (one_each(find_peaks(maps, name, DEFAULT_THRESHOLDS[name])) for name in ("root", "tip"))
    shaft = shaft_of(maps)
    return Segmentation(roots, tips, shaft, drawn(shaft), PX_PER_CELL, DEFAULT_THRESHOLDS)


def shaft_of(maps: dict[str, NDArray[np.float32]]) -> NDArray[np.uint8]:
    return (255 * np.nan_to_num(maps["shaft"])).astype(np.uint8)


def drawn(shaft: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Dark hair on fair skin, two px per cell."""
    dark = np.kron(shaft.max(0), np.ones((2, 2), np.uint8))
    return np.repeat((210 - 0.7 * dark).astype(np.uint8)[..., None], 3, 2)


def traced(paths: list[NDArray[np.float64]]) -> tuple[Hair, ...]:
    return trace(segmented(maps_of(paths)), np.ones((2 * SHAPE[0], 2 * SHAPE[1]), bool))


def straight(x: float, y: float, degrees: float, length: float) -> NDArray[np.float64]:
    angle = np.deg2rad(degrees)
    return np.array([[x, y], [x + length * np.cos(angle), y + length * np.sin(angle)]])


def arc(x: float, y: float, degrees: float, radius: float, turn_degrees: float) -> NDArray[np.float64]:
    heading = np.deg2rad(degrees + np.linspace(0, turn_degrees, 40))
    step = radius * np.deg2rad(abs(turn_degrees)) / 39
    moves = step * np.stack([np.cos(heading), np.sin(heading)], -1)[:-1]
    start = np.array([[x, y]])
    return np.concatenate([start, start + moves.cumsum(0)])


def ends_match(hair: Hair, path: NDArray[np.float64], within_cells: float) -> bool:
    root, tip = (
        np.hypot(*(a - to_px(b, PX_PER_CELL))) for a, b in ((hair.root_px, path[0]), (hair.tip_px, path[-1]))
    )
    return bool(root <= within_cells * PX_PER_CELL and tip <= 2 * within_cells * PX_PER_CELL)


@settings(deadline=None, max_examples=40)
@given(st.floats(0, 360), st.floats(60, 180), st.floats(70, 130), st.floats(25, 50))
def test_one_hair_is_found_whole_in_any_direction(degrees: float, x: float, y: float, length: float) -> None:
    path = straight(x, y, degrees, length)
    hairs = traced([path])
    assert len(hairs) == 1
    assert ends_match(hairs[0], path, 1.0)
    assert abs(hairs[0].length_px / PX_PER_CELL - length) < 3


@pytest.mark.parametrize("between", [25.0, 45.0, 90.0])
def test_two_hairs_that_leave_one_ostium_are_two(between: float) -> None:
    paths = [straight(100, 60, 60, 50), straight(100, 60, 60 + between, 50)]
    hairs = traced(paths)
    assert len(hairs) == 2
    assert all(any(ends_match(h, p, 2.0) for h in hairs) for p in paths)
    assert all("overlapped" in h.flags for h in hairs)


def test_two_parallel_hairs_side_by_side_are_two() -> None:
    paths = [straight(100, 60, 50, 50), straight(95.5, 64, 50, 45)]
    assert len(traced(paths)) == 2


@pytest.mark.parametrize("crossing", [35.0, 60.0, 90.0])
def test_crossing_hairs_keep_their_own_tips(crossing: float) -> None:
    paths = [straight(60, 100, 0, 110), straight(115, 100, 0, 0)]
    angle = np.deg2rad(crossing)
    half = 45 * np.array([np.cos(angle), np.sin(angle)])
    middle = np.array([115, 100])
    paths[1] = np.array([middle - half, middle + half])
    hairs = traced(paths)
    assert len(hairs) == 2
    assert all(any(ends_match(h, p, 1.5) for h in hairs) for p in paths)


@pytest.mark.parametrize("turn", [-80.0, 60.0])
def test_a_curved_hair_is_followed_to_its_tip(turn: float) -> None:
    path = arc(60, 90, 10, 90, turn)
    hairs = traced([path])
    assert len(hairs) == 1
    assert ends_match(hairs[0], path, 1.5)
    middle = to_px(path[len(path) // 2], PX_PER_CELL)
    assert np.hypot(*(hairs[0].path_px - middle).T).min() < 3 * PX_PER_CELL


def off_course(points: NDArray[np.float64], path: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) cells from each point to a path."""
    return np.asarray(np.hypot(*(points[:, None] - respaced(path, 0.1)).transpose(2, 0, 1)).min(1))


@pytest.mark.parametrize("turn", [-100.0, -30.0, 0.0, 60.0])
@pytest.mark.parametrize("degrees", [0.0, 77.0, 205.0])
def test_a_path_beside_its_shaft_is_laid_on_the_middle(turn: float, degrees: float) -> None:
    path = respaced(arc(120, 100, degrees, 60, turn) if turn else straight(120, 100, degrees, 80), 2.5)
    shafts = ShaftMap(shaft_of(maps_of([path])))
    along = np.gradient(path, axis=0)
    aside = np.stack([-along[:, 1], along[:, 0]], -1) / np.hypot(*along.T)[:, None]
    beside = path + 1.8 * np.sin(np.linspace(0, np.pi, len(path)))[:, None] * aside
    laid = centred(shafts, beside)
    assert off_course(beside, path).mean() > 0.9 and off_course(laid, path).mean() < 0.3
    np.testing.assert_array_equal(laid[[0, -1]], beside[[0, -1]])


@pytest.mark.parametrize("turn", [-90.0, 45.0])
def test_traced_hairs_lie_on_the_middle_of_their_shafts(turn: float) -> None:
    path = arc(100, 90, 30, 50, turn)
    (hair,) = traced([path])
    assert off_course((hair.path_px + 0.5) / PX_PER_CELL - 0.5, path).mean() < 0.25


def test_a_hair_that_leaves_the_photo_is_cut_by_the_edge() -> None:
    hairs = trace(segmented(maps_of([straight(200, 100, 0, 80)])), np.ones((400, 480), bool))
    assert len(hairs) == 1
    assert "cut_by_edge" in hairs[0].flags


def test_a_hair_of_which_only_the_root_is_seen_ends_at_the_edge_of_the_photo() -> None:
    path = straight(SHAPE[1] - 4, SHAPE[0] - 30, 20, 60)
    seen = segmented(maps_of([path]))
    bare = replace(seen, shaft=np.zeros_like(seen.shaft), tips=seen.tips.take(np.zeros(0, int)))
    candidates = find_candidates(bare, np.ones((2 * SHAPE[0], 2 * SHAPE[1]), bool))
    assert len(candidates.paths) > 0
    for found in candidates.paths:
        assert (found >= -0.5).all() and (found <= np.array(SHAPE[::-1]) - 0.5).all()
        assert np.degrees(np.arctan2(*(found[-1] - found[0])[::-1])) == pytest.approx(20, abs=6)


def test_what_lies_outside_of_the_usable_mask_is_no_hair() -> None:
    usable = np.ones((400, 480), bool)
    usable[:, :200] = False
    paths = [straight(50, 100, 90, 40), straight(180, 100, 90, 40)]
    assert len(trace(segmented(maps_of(paths)), usable)) == 1


def test_empty_maps_have_no_hair() -> None:
    assert traced([]) == ()


def test_mirrored_maps_give_mirrored_hairs() -> None:
    paths = [straight(60, 60, 20, 40), straight(120, 110, 75, 45), arc(50, 150, -20, 100, 40)]
    mirrored = [np.array([SHAPE[1] - 1, 0]) + p * [-1, 1] for p in paths]
    width_px = PX_PER_CELL * SHAPE[1]
    for hair, path in zip(traced(paths), sorted(paths, key=lambda p: p[0][1]), strict=True):
        assert ends_match(hair, path, 1.0)
    roots = np.array([h.root_px for h in traced(paths)])
    flipped = np.array([h.root_px for h in traced(mirrored)])
    np.testing.assert_allclose(flipped * [-1, 1] + [width_px - 1, 0], roots, atol=0.5)


def test_a_shaft_that_enters_from_the_edge_is_told_but_not_rooted() -> None:
    path = np.array([[-20.0, 60.0], [70.0, 60.0]])
    hairs = traced([path])
    assert len(hairs) == 1
    assert hairs[0].flags == ("root_not_visible",)
    assert hairs[0].root_px[0] < 30
    np.testing.assert_allclose(hairs[0].tip_px, to_px(path[1], PX_PER_CELL), atol=4)


def test_a_shaft_whose_tip_cannot_be_seen_says_so() -> None:
    maps = maps_of([straight(100, 80, 20, 60)])
    maps["tip"][:] = 0
    hairs = trace(segmented(maps), np.ones((400, 480), bool))
    assert len(hairs) == 1
    assert hairs[0].flags == ("tip_not_seen",)


def test_among_hairs_that_lean_one_way_a_dissenter_is_less_believed() -> None:
    field = [straight(25 + 35 * i, 20 + 3 * i, 80, 40) for i in range(6)]
    along, against = straight(120, 130, 80, 40), straight(120, 130, 260, 40)
    confidence = [
        next(h.confidence for h in traced([*field, last]) if abs(h.root_px[1] - 2 * 130.25) < 6)
        for last in (along, against)
    ]
    assert 1 - confidence[1] > 5 * (1 - confidence[0])
