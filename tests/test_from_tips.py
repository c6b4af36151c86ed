"""Hairs known by their tip: what the maps would say of a bundle whose roots look like one."""

from dataclasses import replace

import numpy as np
import pytest
from test_trace import PX_PER_CELL, SHAPE, maps_of, segmented, straight

from trichoscan.learn.dataset import AnnotatedPhoto
from trichoscan.learn.judge import judge, judge_tips
from trichoscan.learn.labels import LabelledHair
from trichoscan.records import Peaks, Segmentation
from trichoscan.segment.candidates import find_candidates, to_px
from trichoscan.segment.from_tips import BESIDE_CELLS, beside
from trichoscan.segment.link import Links, assign_tips
from trichoscan.segment.trace import trace

USABLE = np.ones((2 * SHAPE[0], 2 * SHAPE[1]), bool)
ROOT = (80.0, 100.0)
V = [straight(*ROOT, degrees, 60) for degrees in (-9.0, 9.0)]
SURE = 3.0


def looked_at(segmentation: Segmentation) -> Segmentation:
    """Both verifiers being sure of every peak."""
    roots, tips = (
        replace(peaks, second_look=np.full(len(peaks), SURE))
        for peaks in (segmentation.roots, segmentation.tips)
    )
    limits = segmentation.thresholds | {"weight_look": 1.0, "weight_tip_look": 1.0}
    return replace(segmentation, roots=roots, tips=tips, thresholds=limits)


def bundle(degrees: float = 0.0) -> Segmentation:
    """Two hairs of one ostium, of which the maps show one root and both tips."""
    paths = [straight(*ROOT, degrees + side, 60) for side in (-9.0, 9.0)]
    seen = segmented(maps_of(paths))
    return looked_at(replace(seen, roots=seen.roots.take(np.array([0]))))


@pytest.mark.parametrize("degrees", [0.0, 50.0, 140.0, 260.0])
def test_a_second_cut_end_is_a_second_hair_of_the_root(degrees: float) -> None:
    hairs = trace(bundle(degrees), USABLE)
    assert len(hairs) == 2
    assert [("root_from_tip" in hair.flags) for hair in hairs].count(True) == 1
    roots, tips = (np.array([getattr(hair, end) for hair in hairs]) for end in ("root_px", "tip_px"))
    assert np.hypot(*(roots[0] - roots[1])) <= (BESIDE_CELLS + 1) * PX_PER_CELL
    for path in (straight(*ROOT, degrees + side, 60) for side in (-9.0, 9.0)):
        assert np.hypot(*(tips - to_px(path[1], PX_PER_CELL)).T).min() < 2 * PX_PER_CELL


def test_a_hair_without_any_root_begins_where_its_shaft_does() -> None:
    seen = looked_at(segmented(maps_of([straight(*ROOT, 30, 60)])))
    (hair,) = trace(replace(seen, roots=seen.roots.take(np.zeros(0, int))), USABLE)
    assert "root_from_tip" in hair.flags
    assert np.hypot(*(hair.root_px - to_px(np.array(ROOT), PX_PER_CELL))) < 8 * PX_PER_CELL


def test_a_tip_of_which_nothing_but_a_peak_is_known_makes_no_hair() -> None:
    seen = segmented(maps_of(V))
    candidates = find_candidates(replace(seen, roots=seen.roots.take(np.array([0]))), USABLE)
    assert not candidates.from_tip.any()
    doubted = bundle()
    tips = replace(doubted.tips, second_look=np.array([SURE, -SURE]))
    assert len(trace(replace(doubted, tips=tips), USABLE)) == 1


def test_the_root_moves_to_the_side_on_which_the_tip_lies() -> None:
    for side in (-1, 1):
        path = np.array([[0.0, 0.0], [30.0, side * 1.0], [60.0, side * 10.0]])
        assert beside(path, 0.0)[0] == pytest.approx([0.0, side * BESIDE_CELLS])
    assert beside(np.array([[0.0, 0.0], [50.0, 1.0]]), 0.0)[0] == pytest.approx([0.0, 1.0])


def peaks(count: int, looks: list[float]) -> Peaks:
    none = np.zeros(count)
    return Peaks(np.zeros((count, 2)), none, np.full(count, 0.5), none, np.array(looks))


def test_a_doubtful_root_takes_no_tip_from_a_sure_one() -> None:
    links = Links(np.array([0, 1]), np.array([0, 0]), np.array([1.5, 1.0]))
    tip_of, cost = assign_tips(peaks(2, [4.0, -3.0]), peaks(1, [2.0]), links)
    assert list(tip_of) == [0, -1]
    assert cost[0] == 1.5
    assert np.isnan(cost[1])
    assert list(assign_tips(peaks(2, [1.0, 1.0]), peaks(1, [2.0]), links)[0]) == [-1, 0]


def test_a_tip_is_right_where_a_hair_of_its_direction_ends() -> None:
    hairs = tuple(LabelledHair(to_px(path, PX_PER_CELL)) for path in V)
    pixels = np.zeros((*USABLE.shape, 3), np.uint8)
    truth = AnnotatedPhoto("v", pixels, 5.5, hairs)
    tips = segmented(maps_of(V)).tips
    right, ignored = judge_tips(tips, truth, PX_PER_CELL)
    assert right.all() and not ignored.any()
    assert not judge_tips(replace(tips, angle=tips.angle + np.pi), truth, PX_PER_CELL)[0].any()
    twice = Peaks(*(np.repeat(column, 2, 0) for column in vars(tips).values()))
    assert judge_tips(twice, truth, PX_PER_CELL)[0].sum() == len(tips)
    margin = replace(truth, edge_um=950.0)
    assert judge_tips(tips, margin, PX_PER_CELL)[1].all()


def test_a_long_hair_is_right_by_its_beginning_however_far_it_was_followed() -> None:
    turn = np.deg2rad(np.linspace(0, 100, 60))
    course = np.array(ROOT) + 110 * np.stack([np.sin(turn), 1 - np.cos(turn)], -1)
    truth = AnnotatedPhoto(
        "long", np.zeros((*USABLE.shape, 3), np.uint8), 5.5, (LabelledHair(to_px(course, PX_PER_CELL)),)
    )
    candidates = find_candidates(segmented(maps_of([course])), USABLE)
    half = replace(candidates, paths=tuple(path[: len(path) // 2] for path in candidates.paths))
    for some in (candidates, half):
        assert judge(some, truth, PX_PER_CELL).right.sum() == 1
