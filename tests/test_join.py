"""Pieces of shaft, how their ends look, which may be joined, and what is decided of it."""

from dataclasses import replace
from itertools import combinations, permutations, product

import numpy as np
import pytest
from numpy.typing import NDArray
from test_trace import SHAPE, arc, maps_of, off_course, segmented, shaft_of, straight

from trichoscan.learn.dataset import phantom_photo
from trichoscan.learn.operating import look_at
from trichoscan.learn.tracing import fit_tracing, joins_of, readings_of
from trichoscan.records import Peaks, Segmentation
from trichoscan.segment.candidates import find_candidates
from trichoscan.segment.cells import CELL_PX, respaced, to_px
from trichoscan.segment.courses import LEAST_COURSE, MOST_COURSES, Course, courses_from
from trichoscan.segment.decide import decide
from trichoscan.segment.ends import PIECE, ROOT, TIP, Ends, open_ends
from trichoscan.segment.groups import linked_groups
from trichoscan.segment.join import ENTER_FEATURES, JOIN_FEATURES, Joins, beside_rivals, possible_joins
from trichoscan.segment.pieces import find_pieces, split_at
from trichoscan.segment.readings import NO_TIP, READING_SIGNS, Readings
from trichoscan.segment.thresholds import DEFAULT_THRESHOLDS
from trichoscan.segment.tie import tie
from trichoscan.segment.weights import load_weights

Floats = NDArray[np.float64]
LEAST = 0.25
NOTHING = Peaks(np.zeros((0, 2)), np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0))
USABLE = np.ones((2 * SHAPE[0], 2 * SHAPE[1]), bool)


def pieces_of(*paths: Floats) -> list[Floats]:
    return find_pieces(shaft_of(maps_of(list(paths))), LEAST)


def length(path: Floats) -> float:
    return float(np.hypot(*np.diff(path, axis=0).T).sum())


@pytest.mark.parametrize("turn", [-120.0, 0.0, 40.0])
@pytest.mark.parametrize("degrees", [0.0, 33.0, 101.0, 250.0])
def test_a_shaft_alone_is_one_piece_on_its_middle(degrees: float, turn: float) -> None:
    path = arc(120, 100, degrees, 60, turn) if turn else straight(120, 100, degrees, 80)
    (piece,) = pieces_of(path)
    assert off_course(piece, path).mean() < 0.3
    assert abs(length(piece) - length(path)) < 7, "the map runs on a little beyond both ends"


@pytest.mark.parametrize("between", [30.0, 60.0, 90.0])
def test_every_stretch_of_crossing_shafts_lies_in_a_piece_of_its_own(between: float) -> None:
    paths = [straight(60, 100, 0, 120), straight(120, 100, between, 60)]
    paths[1] = np.concatenate([2 * paths[1][:1] - paths[1][1:], paths[1][1:]])
    pieces = pieces_of(*paths)
    for path in paths:
        own = [piece for piece in pieces if off_course(piece, path).mean() < 1.5]
        assert sum(length(piece) for piece in own) > 0.75 * length(path)
    assert len(pieces) <= 6
    assert all(min(off_course(piece, path).max() for path in paths) < 3 for piece in pieces)


def test_an_empty_map_has_no_pieces() -> None:
    assert pieces_of() == []


def test_pieces_of_a_mirrored_map_are_mirrored() -> None:
    paths = [straight(60, 60, 20, 60), arc(50, 150, -20, 100, 40), straight(40, 140, -60, 110)]
    shaft = shaft_of(maps_of(paths))
    turned = shaft[(-np.arange(len(shaft))) % len(shaft), :, ::-1]
    here, there = find_pieces(shaft, LEAST), find_pieces(np.ascontiguousarray(turned), LEAST)
    assert len(here) == len(there) >= 3
    mirrored = [np.array([SHAPE[1] - 1, 0]) + piece * [-1, 1] for piece in there]
    for piece in here:
        assert min(off_course(piece, other).max() for other in mirrored) < 1.5


def test_a_course_that_goes_over_to_another_shaft_is_cut_at_the_kink() -> None:
    bend = np.concatenate([straight(40, 100, 0, 60), straight(100, 100, 40, 60)[1:]])
    assert len(pieces_of(bend)) == 2
    assert len(pieces_of(arc(40, 100, 0, 100, 70))) == 1


def test_a_root_upon_a_shaft_splits_it_and_one_across_it_does_not() -> None:
    (piece,) = pieces_of(straight(40, 100, 0, 120))
    along = Peaks(np.array([[90.0, 101.0]]), np.zeros(1), np.ones(1), np.ones(1), np.ones(1))
    before, after = split_at([piece], along)
    assert length(before) + length(after) == pytest.approx(length(piece))
    np.testing.assert_array_equal(before[-1], after[0])
    assert abs(before[-1, 0] - 90) < 3
    assert len(split_at([piece], replace(along, angle=np.array([1.2])))) == 1
    assert len(split_at([piece], NOTHING)) == 1


@pytest.mark.parametrize("width_px", [4, 8, 12])
@pytest.mark.parametrize("dark", [30, 90])
def test_ends_know_how_wide_and_of_what_colour_their_shaft_is(width_px: int, dark: int) -> None:
    pixels = np.full((2 * SHAPE[0], 2 * SHAPE[1], 3), 220, np.uint8)
    middle = 200
    pixels[middle - width_px // 2 : middle + width_px // 2, 60:400] = dark
    piece = np.stack([np.linspace(40, 190, 50), np.full(50, (middle - 0.5 + 0.5) / CELL_PX - 0.5)], -1)
    ends = open_ends(pixels, [piece], NOTHING, NOTHING)
    assert np.abs(ends.width_px - width_px).max() <= 1.5
    grey = 116 * np.cbrt(((dark / 255 + 0.055) / 1.055) ** 2.4) - 16
    np.testing.assert_allclose(ends.colour, [[grey, 0, 0]] * 2, atol=2)
    np.testing.assert_allclose(np.exp(1j * ends.away), [-1, 1], atol=1e-6)
    assert list(ends.kind) == [PIECE, PIECE]


def test_bends_of_one_arc_cancel_and_of_an_s_do_not() -> None:
    whole = respaced(arc(40, 100, 0, 60, 120), 2.7)
    first, second = whole[: len(whole) // 2], whole[len(whole) // 2 :]
    pixels = np.zeros((2 * SHAPE[0], 2 * SHAPE[1], 3), np.uint8)
    bend = open_ends(pixels, [first, second, second * [1, -1]], NOTHING, NOTHING).bend
    assert abs(bend[1]) == pytest.approx(1 / 60, rel=0.2)
    assert abs(bend[1] + bend[2]) < 0.2 * abs(bend[1])
    assert abs(bend[1] + bend[4]) > 1.5 * abs(bend[1])


def picture(*shafts: tuple[Floats, int, float]) -> NDArray[np.uint8]:
    """Straight shafts on fair skin: their course, cells, tone and half of the width, px."""
    pixels = np.full((2 * SHAPE[0], 2 * SHAPE[1], 3), 220, np.uint8)
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    for course, tone, half_px in shafts:
        start, end = to_px(course[0], CELL_PX), to_px(course[-1], CELL_PX)
        way = (end - start) / np.hypot(*(end - start))
        along, across = ((np.stack([x, y], -1) - start) @ v for v in (way, np.array([-way[1], way[0]])))
        pixels[(np.abs(across) < half_px) & (along >= 0) & (along <= np.hypot(*(end - start)))] = tone
    return pixels


def joined_pieces(pixels: NDArray[np.uint8], pieces: list[Floats]) -> set[tuple[int, int]]:
    """Pieces of which the join is the likeliest of both ends, and likelier than not by itself."""
    ends = open_ends(pixels, pieces, NOTHING, NOTHING)
    joins = possible_joins(ends)
    alone = joins.log_odds(DEFAULT_THRESHOLDS)
    odds = beside_rivals(joins, alone, len(ends.at))
    best = np.full(len(ends.at), -np.inf)
    np.maximum.at(best, joins.ends.ravel(), np.repeat(odds, 2))
    likeliest = (odds[:, None] == best[joins.ends]).all(1) & (alone > 0)
    return {(int(one) // 2, int(other) // 2) for one, other in joins.ends[likeliest]}


def test_shafts_go_on_straight_past_what_hides_their_crossing() -> None:
    whole = [straight(40, 100 - 80 * np.sin(a), np.rad2deg(a), 160) for a in (-0.4, 0.4)]
    points = [respaced(path, 2.5) for path in whole]
    parts = [part for path in points for part in (path[:28], path[-28:])]
    assert joined_pieces(picture(*((path, 40, 4.0) for path in whole)), parts) == {(0, 1), (2, 3)}


@pytest.mark.parametrize("seen", ["tone", "width"])
@pytest.mark.parametrize("like", [1, 2])
def test_where_the_way_is_open_a_shaft_goes_on_as_what_looks_alike(seen: str, like: int) -> None:
    """It ends midway between the courses of two others, of which one is as dark, or as wide."""
    pieces = [respaced(straight(x, y, 0, 60), 2.5) for x, y in ((40, 100), (108, 102), (108, 98))]
    looks = [(130, 4.0) if seen == "tone" else (40, 2.0)] * 3
    looks[0] = looks[like] = (40, 4.0)
    pixels = picture(*((piece, *look) for piece, look in zip(pieces, looks, strict=True)))
    assert joined_pieces(pixels, pieces) == {(0, like)}


def ends_of(count: int) -> Ends:
    none = np.zeros(count)
    kind = np.full(count, PIECE)
    return Ends(np.zeros((count, 2)), none, kind, none, none, none, none + 5, np.zeros((count, 3)))


def joins_between(*pairs: tuple[int, int]) -> Joins:
    return Joins(np.array(pairs), np.zeros(len(pairs), bool), np.zeros((len(pairs), len(ENTER_FEATURES))))


def test_of_rivals_for_an_end_each_is_less_likely_than_alone() -> None:
    joins = joins_between((0, 2), (0, 4), (1, 6))
    odds = beside_rivals(joins, np.array([1.0, 3.0, 1.0]), 8)
    assert odds[2] == 1.0
    assert odds[0] < -1.0 and 1.0 < odds[1] < 3.0
    both = 1 / (1 + np.exp(-odds[:2]))
    assert both.sum() < 1, "probabilities of what excludes each other"
    assert both[1] == pytest.approx(np.exp(3) / (1 + np.exp(1) + np.exp(3)))


def row(odds: dict[int, float]) -> tuple[Ends, list[Floats], dict[int, list[tuple[int, float]]]]:
    """A root and as many pieces; by piece, the log odds with which whatever ends before it goes on as it."""
    ends = ends_of(2 * len(odds) + 1)
    ends.kind[-1] = ROOT
    pieces = [np.array([[10.0 * k, 0.0], [10.0 * k + 9, 0.0]]) + 2 for k in odds]
    onward = {
        here: [(2 * k, z) for k, z in odds.items() if here // 2 != k] for here in range(2 * len(odds) + 1)
    }
    return ends, pieces, onward


@pytest.mark.parametrize("odds", [[1.0], [-1.0, 3.0], [0.5, -0.5, -1.5, 4.0], [-1.0] * 5 + [5.0]])
def test_courses_are_the_likeliest_ones_in_order_and_enter_no_piece_twice(odds: list[float]) -> None:
    ends, pieces, onward = row(dict(enumerate(odds)))
    found = {course.entered: course for course in courses_from(2 * len(odds), ends, pieces, onward)}
    probability = {
        tuple(2 * k for k in way): np.prod([1 / (1 + np.exp(-odds[k])) for k in way])
        for n in range(len(odds) + 1)
        for way in permutations(range(len(odds)), n)
    }
    of_found = [probability[way] for way in found]
    assert of_found == sorted(of_found, reverse=True)
    others = [p for way, p in probability.items() if way not in found]
    assert all(p <= of_found[-1] + 1e-9 or p < LEAST_COURSE for p in others)
    assert len(others) == 0 or len(found) == MOST_COURSES or max(others) < LEAST_COURSE
    for way, course in found.items():
        assert course.odds == pytest.approx(sum(odds[end // 2] for end in way))
        assert (len(course.points) == 1) == (not way)
        assert 0 <= course.last < len(course.points)


def test_a_piece_that_lies_upon_the_peak_is_no_course() -> None:
    ends = ends_of(3)
    ends.at[2] = 5.0
    piece = np.array([[4.0, 5.0], [6.0, 5.0]])
    courses = courses_from(2, ends, [piece], {2: [(0, 2.0)]})
    assert [course.entered for course in courses] == [()]


def test_a_shaft_in_many_pieces_is_followed_to_its_end() -> None:
    count = MOST_COURSES - 2
    ends, pieces, _ = row(dict.fromkeys(range(count), 0.0))
    after = {2 * k + 1: [(2 * k + 2, 2.5)] for k in range(count - 1)}
    courses = courses_from(2 * count, ends, pieces, {2 * count: [(0, 2.5)], **after})
    assert [len(course.entered) for course in courses] == list(range(count + 1))
    np.testing.assert_allclose(courses[-1].points[-1], pieces[-1][-1])


def some_readings(rng: np.random.Generator, roots: int, tips: int, pieces: int) -> Readings:
    """Each root alone, and with two to four courses, of which some have tips."""
    rows, courses = [], []
    for root in range(roots):
        ways = [
            (),
            *(tuple(2 * rng.permutation(pieces)[: rng.integers(1, 3)]) for _ in range(rng.integers(2, 5))),
        ]
        for way in ways:
            rows.append((root, len(courses), NO_TIP))
            rows += [(root, len(courses), int(t)) for t in rng.permutation(tips)[: rng.integers(0, 3)]]
            courses.append(Course(tuple(int(end) for end in way), 0.0, np.zeros((1, 2)), 0))
    root, course, tip = np.array(rows).T
    return Readings(root, course, tip, np.zeros((len(rows), len(READING_SIGNS))), courses)


@pytest.mark.parametrize("share", [0.0, 1.0, 9.0])
@pytest.mark.parametrize("seed", range(8))
def test_the_readings_worth_the_most_together_are_chosen(seed: int, share: float) -> None:
    """By trying all of them."""
    rng = np.random.default_rng(seed)
    readings = some_readings(rng, roots=4, tips=3, pieces=4)
    scores, sure = rng.normal(0, 1.5, len(readings.root)), rng.normal(1, 1, 4)

    def worth(which: tuple[int, ...]) -> float:
        tips = [int(t) for t in readings.tip[list(which)] if t != NO_TIP]
        if len(tips) > len(set(tips)):
            return -np.inf
        entered = [end // 2 for r in which for end in readings.courses[readings.course[r]].entered]
        more = len(entered) - len(set(entered))
        ended = readings.tip[list(which)] != NO_TIP
        unsure = np.log1p(np.exp(-sure)) @ ended
        return float(scores[list(which)].sum() - unsure - 0.3 * len(entered) - share * more)

    chosen = decide(readings, scores, sure, {"decide_piece": 0.3, "decide_share": share})
    assert list(readings.root[chosen]) == [0, 1, 2, 3]
    of_each = [np.flatnonzero(readings.root == k).tolist() for k in range(4)]
    assert worth(tuple(chosen)) == pytest.approx(max(worth(which) for which in product(*of_each)))


def test_where_nothing_is_wanted_twice_each_root_has_its_best_reading() -> None:
    rng = np.random.default_rng(3)
    readings = some_readings(rng, roots=1, tips=3, pieces=4)
    scores = rng.normal(0, 1, len(readings.root))
    (chosen,) = decide(readings, scores, np.zeros(1), DEFAULT_THRESHOLDS)
    entered = np.array([len(readings.courses[c].entered) for c in readings.course])
    unsure = np.log(2) * (readings.tip != NO_TIP)
    assert chosen == np.argmax(scores - unsure - DEFAULT_THRESHOLDS["decide_piece"] * entered)


def test_two_roots_that_have_but_one_tip_between_them_are_both_read() -> None:
    """Also where each would give much for it."""
    courses = [Course((), 0.0, np.zeros((1, 2)), 0)] * 2
    some = Readings(
        np.array([0, 0, 1, 1]),
        np.array([0, 0, 1, 1]),
        np.array([NO_TIP, 0, NO_TIP, 0]),
        np.zeros((4, len(READING_SIGNS))),
        courses,
    )
    scores = np.array([0.0, 30.0, 0.0, 33.0])
    assert list(decide(some, scores, np.zeros(2), DEFAULT_THRESHOLDS)) == [0, 3]
    assert list(decide(some, scores, np.array([6.0, -6.0]), DEFAULT_THRESHOLDS)) == [1, 2]


def test_without_roots_nothing_is_decided() -> None:
    none = np.zeros(0, np.int64)
    nothing = Readings(none, none, none, np.zeros((0, len(READING_SIGNS))), [])
    assert len(decide(nothing, np.zeros(0), np.zeros(0), DEFAULT_THRESHOLDS)) == 0


def test_a_hair_is_followed_past_what_hides_it_to_its_own_tip() -> None:
    """Two hairs cross; the map is blank where they do."""
    paths = [straight(40, 100, 0, 150), straight(115, 100, 50, 60)]
    paths[1] = np.concatenate([2 * paths[1][:1] - paths[1][1:], paths[1][1:]])
    seen = segmented(maps_of(paths))
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    seen.shaft[:, np.hypot(x - 115, y - 100) < 10] = 0
    tied = tie(seen, USABLE)
    assert len(tied.roots) == 2
    for k, root in enumerate(tied.roots.at):
        path = min(paths, key=lambda p: np.hypot(*(p[0] - root)))
        course = tied.course_of(k).points
        assert np.hypot(*(course[-1] - path[-1])) < 3
        assert off_course(course, path).max() < 3
        assert len(tied.course_of(k).entered) == 2
        assert np.hypot(*(tied.tips.at[tied.tip_of[k]] - path[-1])) < 3


@pytest.mark.parametrize("kept", [(), ("roots",), ("tips",), ("roots", "tips")])
@pytest.mark.parametrize("side", [2, 30])
def test_peaks_without_any_shaft_are_tied_to_nothing(kept: tuple[str, ...], side: int) -> None:
    peak = Peaks(np.array([[1.0, 1.0]]), np.zeros(1), np.ones(1), np.full(1, 4.0), np.ones(1))
    peaks = {name: peak if name in kept else NOTHING for name in ("roots", "tips")}
    pixels = np.full((2 * side, 2 * side, 3), 200, np.uint8)
    blank = Segmentation(
        **peaks,
        shaft=np.zeros((8, side, side), np.uint8),
        pixels=pixels,
        px_per_cell=2.0,
        thresholds=DEFAULT_THRESHOLDS,
    )
    found = find_candidates(blank, np.ones((2 * side, 2 * side), bool))
    assert len(found.paths) == len(found.roots) == ("roots" in kept)
    assert all(np.isfinite(path).all() for path in found.paths)
    assert not found.tip_seen.any()


def test_two_roots_of_one_shaft_share_it_where_each_has_a_tip_of_its_own() -> None:
    path = straight(60, 100, 0, 90)
    seen = segmented(maps_of([path]))
    two = np.array([[0.0, -1.0], [1.0, 1.0]])
    beside = replace(
        seen,
        roots=Peaks(path[0] + two, np.zeros(2), np.ones(2), np.full(2, 90.0), np.full(2, 3.0)),
        tips=Peaks(path[-1] + two, np.zeros(2), np.ones(2), np.ones(2), np.full(2, 3.0)),
    )
    tied = tie(beside, USABLE)
    assert sorted(tied.tip_of) == [0, 1]
    assert [len(tied.course_of(k).entered) for k in range(2)] == [1, 1]
    assert np.isfinite(tied.tip_odds).all()
    one = tie(replace(beside, tips=beside.tips.take(np.array([0]))), USABLE)
    assert sorted(one.tip_of) == [-1, 0]
    assert np.isfinite(one.tip_odds).sum() == 1


def test_links_that_hang_together_are_one_group() -> None:
    rng = np.random.default_rng(2)
    one, other = rng.integers(0, 40, (2, 30))
    groups = linked_groups(one, other)
    assert sorted(np.concatenate(groups)) == list(range(30))
    nodes = [set(one[group]) | set(other[group]) for group in groups]
    assert all(not a & b for a, b in combinations(nodes, 2))
    for group in groups:
        reached, new = set(), {int(one[group[0]])}
        while new - reached:
            reached |= new
            new = {n for k in group if {one[k], other[k]} & reached for n in (int(one[k]), int(other[k]))}
        assert reached == set(one[group]) | set(other[group])
    assert linked_groups(one[:0], other[:0]) == []


def test_a_shaft_may_lead_out_where_it_goes_and_not_where_it_comes_from() -> None:
    width = SHAPE[1]
    out, inward = straight(width - 60, 60, 0, 90), straight(4, 140, 0, 70)
    tied = tie(segmented(maps_of([out, inward])), USABLE)
    its = {round(float(root[1])): bool(out) for root, out in zip(tied.roots.at, tied.maybe_out, strict=True)}
    assert its == {60: True, 140: False}
    hidden = segmented(maps_of([out]))
    y, x = np.mgrid[: SHAPE[0], :width]
    hidden.shaft[:, np.hypot(x - (width - 30), y - 60) < 8] = 0
    assert tie(hidden, USABLE).maybe_out.all(), "beyond what hides it"


def test_a_tip_is_followed_back_to_its_root() -> None:
    path = arc(60, 90, 10, 90, 60)
    tied = tie(segmented(maps_of([path])), USABLE)
    back = tied.likeliest_from(int(tied.ends.numbers(TIP)[0])).points
    assert np.hypot(*(back[-1] - path[0])) < 7 and off_course(back, path).max() < 2


def test_tracing_learns_from_phantoms_what_speaks_for_a_join_and_for_a_reading() -> None:
    """Hairs that go on straight, are near and alike belong together."""
    rng = np.random.default_rng(4)
    photos = [phantom_photo(2**31 + 5000 + k, 512, rng, style) for k, style in enumerate(("clipped", "long"))]
    fitted = fit_tracing(photos, load_weights(), "cpu")
    models = {"join": (*JOIN_FEATURES, "bias"), "enter": (*ENTER_FEATURES, "bias"), "reading": READING_SIGNS}
    assert fitted.keys() == {f"{model}_{name}" for model, names in models.items() for name in names}
    tied = [(tie(*look_at(photo, load_weights(), "cpu")), photo) for photo in photos]
    joins = [joins_of(*some) for some in tied]
    for k, (model, names) in enumerate((("join", JOIN_FEATURES), ("enter", ENTER_FEATURES))):
        x, right = (np.concatenate([some[k][part] for some in joins]) for part in (0, 1))
        odds = x @ [fitted[f"{model}_{name}"] for name in names]
        assert (odds[right][:, None] > odds[~right]).mean() > 0.7, f"{model}: half by chance"
    fresh = phantom_photo(2**31 + 5100, 640, rng, "clipped")
    x, root, right = readings_of(tie(*look_at(fresh, load_weights(), "cpu")), fresh)
    worth = np.exp(x @ [fitted[f"reading_{name}"] for name in READING_SIGNS])
    of_right = [worth[right & (root == k)].sum() / worth[root == k].sum() for k in np.unique(root)]
    by_chance = [right[root == k].mean() for k in np.unique(root)]
    assert len(of_right) > 10
    assert np.mean(of_right) > np.mean(by_chance) + 0.15
    assert fitted["enter_sureness"] > 0 > fitted["reading_sway"]
