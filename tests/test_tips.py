"""Tips: whose they are, and which are right."""

from dataclasses import replace

import numpy as np
import pytest
from test_trace import PX_PER_CELL, SHAPE, maps_of, segmented, straight

from trichoscan.learn.dataset import AnnotatedPhoto
from trichoscan.learn.judge import judge, judge_tips
from trichoscan.learn.labels import LabelledHair
from trichoscan.records import Peaks
from trichoscan.segment.candidates import find_candidates
from trichoscan.segment.cells import to_px
from trichoscan.segment.ends import open_ends
from trichoscan.segment.link import LINK_FEATURES, Links, assign_tips, possible_links
from trichoscan.segment.peaks import SUREST, log_odds, sureness
from trichoscan.segment.shaft_map import ShaftMap
from trichoscan.segment.weights import load_weights

USABLE = np.ones((2 * SHAPE[0], 2 * SHAPE[1]), bool)
PIXELS = np.zeros((*USABLE.shape, 3), np.uint8)
V = [straight(80, 100, degrees, 60) for degrees in (-9.0, 9.0)]


def peaks(looks: list[float], score: float = 0.5) -> Peaks:
    none = np.zeros(len(looks))
    return Peaks(np.zeros((len(looks), 2)), none, none + score, none, np.array(looks))


def links(roots: list[int], tips: list[int], odds: list[float]) -> Links:
    """Links of stated log odds, by `PLAIN`."""
    features = np.zeros((len(odds), len(LINK_FEATURES)))
    features[:, 0] = odds
    return Links(np.array(roots, int), np.array(tips, int), features)


PLAIN = {f"link_{name}": 0.0 for name in (*LINK_FEATURES, "bias")}
PLAIN |= {f"link_{LINK_FEATURES[0]}": 1.0, "link_sure": 0.5, "link_none": 5.0}


def test_a_doubtful_root_takes_no_tip_from_a_sure_one() -> None:
    rivals = links([0, 1], [0, 0], [-1.5, -1.0])
    tip_of, odds = assign_tips(peaks([4.0, -3.0]), peaks([2.0]), rivals, PLAIN)
    assert list(tip_of) == [0, -1]
    assert odds[0] == -1.5
    assert np.isnan(odds[1])
    assert list(assign_tips(peaks([1.0, 1.0]), peaks([2.0]), rivals, PLAIN)[0]) == [-1, 0]


def test_of_two_tips_the_surer_is_the_hairs_own() -> None:
    both = links([0, 0], [0, 1], [-1.0, -1.5])
    assert list(assign_tips(peaks([2.0]), peaks([-3.0, 3.0]), both, PLAIN)[0]) == [1]
    assert list(assign_tips(peaks([2.0]), peaks([1.0, 1.0]), both, PLAIN)[0]) == [0]


def test_an_unlikely_tip_is_left_alone_unless_all_else_is_sure() -> None:
    one = links([0], [0], [-6.0])
    assert list(assign_tips(peaks([-2.0]), peaks([-2.0]), one, PLAIN)[0]) == [-1]
    assert list(assign_tips(peaks([3.0]), peaks([3.0]), one, PLAIN)[0]) == [0]


def test_without_roots_or_tips_nothing_is_linked() -> None:
    none, some = peaks([]), peaks([1.0, 2.0])
    course = [np.array([[0.0, 0.0], [9.0, 0.0]])] * 2
    shafts = ShaftMap(np.zeros((8, 20, 20), np.uint8))
    for roots, courses, tips in ((none, [], some), (some, course, none), (none, [], none)):
        ends = open_ends(np.zeros((40, 40, 3), np.uint8), [], roots, tips)
        found = possible_links(roots, courses, tips, ends, shafts)
        tip_of, odds = assign_tips(roots, tips, found, PLAIN)
        assert list(tip_of) == [-1] * len(roots)
        assert np.isnan(odds).all()


@pytest.mark.parametrize("name", ["colour", "bend", "sway", "aside", "off", "weakest"])
def test_of_two_tips_that_one_is_taken_that_is_more_alike(name: str) -> None:
    """By the shipped model, all else equal."""
    worse = 0.2 if name == "weakest" else 1.0
    better = 0.8 if name == "weakest" else 0.3
    features = np.zeros((2, len(LINK_FEATURES)))
    features[:, LINK_FEATURES.index(name)] = worse, better
    thresholds = load_weights().config["thresholds"]
    some = Links(np.zeros(2, int), np.arange(2), features)
    assert list(assign_tips(peaks([2.0]), peaks([2.0, 2.0]), some, thresholds)[0]) == [1]


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
