"""Tips: whose they are, and which are right."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from test_trace import PX_PER_CELL, SHAPE, maps_of, segmented, straight

from trichoscan.learn.dataset import AnnotatedPhoto
from trichoscan.learn.judge import judge, judge_tips
from trichoscan.learn.labels import LabelledHair
from trichoscan.records import Peaks
from trichoscan.segment.candidates import find_candidates
from trichoscan.segment.cells import to_px
from trichoscan.segment.courses import Course
from trichoscan.segment.decide import decide
from trichoscan.segment.ends import open_ends
from trichoscan.segment.peaks import SUREST, log_odds, sureness
from trichoscan.segment.readings import NO_TIP, READING_SIGNS, Readings, find_readings
from trichoscan.segment.shaft_map import ShaftMap
from trichoscan.segment.thresholds import DEFAULT_THRESHOLDS
from trichoscan.segment.weights import load_weights

USABLE = np.ones((2 * SHAPE[0], 2 * SHAPE[1]), bool)
Floats = NDArray[np.float64]
PIXELS = np.zeros((*USABLE.shape, 3), np.uint8)
V = [straight(80, 100, degrees, 60) for degrees in (-9.0, 9.0)]


def peaks(looks: list[float], score: float = 0.5) -> Peaks:
    none = np.zeros(len(looks))
    return Peaks(np.zeros((len(looks), 2)), none, none + score, none + 1, np.array(looks))


ALONE = Course((), 0.0, np.zeros((1, 2)), 0)


def readings(roots: list[int], tips: list[int], features: Floats | None = None) -> Readings:
    """Of stated features, beside one of each root without a tip."""
    count = max(roots) + 1
    root, tip = np.array([*range(count), *roots]), np.array([NO_TIP] * count + tips)
    x = np.zeros((len(root), len(READING_SIGNS)))
    x[count:] = 0.0 if features is None else features
    order = np.argsort(root, kind="stable")
    return Readings(root[order], root[order], tip[order], x[order], [ALONE] * count)


def tips_by(some: Readings, scores: Floats, sure: list[float]) -> list[int]:
    return [int(t) for t in some.tip[decide(some, scores, np.array(sure), DEFAULT_THRESHOLDS)]]


def test_a_doubtful_root_takes_no_tip_from_a_sure_one() -> None:
    rivals = readings([0, 1], [0, 0])
    scores = np.array([0.0, 3.5, 0.0, 4.0])
    assert tips_by(rivals, scores, [4.0, -3.0]) == [0, NO_TIP]
    assert tips_by(rivals, scores, [2.0, 2.0]) == [NO_TIP, 0]


def test_a_tip_is_taken_where_it_is_likelier_than_none_and_the_root_is_one() -> None:
    one, scores = readings([0], [0]), np.array([0.0, 1.0])
    assert tips_by(one, scores, [-1.0]) == [NO_TIP]
    assert tips_by(one, scores, [3.0]) == [0]
    assert tips_by(one, -scores, [9.0]) == [NO_TIP], "however sure"


def test_the_odds_of_a_tip_are_those_of_all_its_readings_against_the_others() -> None:
    some = readings([0, 0, 0, 1], [0, 0, 1, 1])
    scores = np.log([1.0, 2.0, 3.0, 4.0, 5.0, 1.0])
    odds = some.tip_odds(scores, np.array([1, 4]))
    assert odds[0] == pytest.approx(np.log((2 + 3) / (1 + 4)))
    assert np.isnan(odds[1])


def test_without_roots_or_tips_nothing_is_read_but_what_is_there() -> None:
    none, some = peaks([]), peaks([1.0, 2.0])
    course = [[Course((0,), 1.0, np.array([[0.0, 0.0], [9.0, 0.0]]), 0)]] * 2
    shafts = ShaftMap(np.zeros((8, 20, 20), np.uint8))
    for roots, courses, tips in ((none, [], some), (some, course, none), (none, [], none)):
        ends = open_ends(np.zeros((40, 40, 3), np.uint8), [], roots, tips)
        found = find_readings(roots, courses, tips, ends, shafts, USABLE, PX_PER_CELL)
        assert list(found.tip) == [NO_TIP] * len(roots)
        assert list(decide(found, np.zeros(len(roots)), np.zeros(len(roots)), DEFAULT_THRESHOLDS)) == list(
            range(len(roots))
        )


@pytest.mark.parametrize("name", ["colour", "width", "bend", "sway", "aside", "off", "weakest", "sureness"])
def test_of_two_tips_that_one_is_taken_that_is_more_alike(name: str) -> None:
    """By the shipped model, all else equal."""
    speaks_for = READING_SIGNS[name] > 0
    features = np.zeros((2, len(READING_SIGNS)))
    features[:, list(READING_SIGNS).index("tip")] = 1.0
    features[:, list(READING_SIGNS).index(name)] = (0.2, 0.8) if speaks_for else (1.0, 0.3)
    some = readings([0, 0], [0, 1], features)
    assert tips_by(some, some.scores(load_weights().thresholds), [2.0]) == [1]


def test_a_peak_that_nothing_looked_at_again_is_as_sure_as_it_is_high() -> None:
    assert sureness(peaks([0.0], score=0.7)) == log_odds(np.array([0.7]))
    assert list(sureness(peaks([9.0, -9.0, 1.0]))) == [SUREST, -SUREST, 1.0]


def test_a_tip_is_right_where_a_hair_of_its_direction_ends() -> None:
    truth = AnnotatedPhoto("v", PIXELS, 5.5, tuple(LabelledHair(to_px(path, PX_PER_CELL)) for path in V))
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
    course = np.array([80.0, 40.0]) + 110 * np.stack([np.sin(turn), 1 - np.cos(turn)], -1)
    truth = AnnotatedPhoto("long", PIXELS, 5.5, (LabelledHair(to_px(course, PX_PER_CELL)),))
    candidates = find_candidates(segmented(maps_of([course])), USABLE)
    half = replace(candidates, paths=tuple(path[: len(path) // 2] for path in candidates.paths))
    for some in (candidates, half):
        assert judge(some, truth, PX_PER_CELL).right.sum() == 1
    far_down = replace(truth, seams_px=(0.0, float(to_px(course, PX_PER_CELL)[-1, 1])))
    assert judge(candidates, far_down, PX_PER_CELL).ignored.all(), "cut by the seam, if far from its root"
