"""Pieces of shaft, how their ends look, and what belongs together."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from test_trace import SHAPE, arc, maps_of, off_course, segmented, shaft_of, straight

from trichoscan.learn.dataset import phantom_photo
from trichoscan.learn.tracing import examples_of, fit_tracing
from trichoscan.records import Peaks, Segmentation
from trichoscan.segment.candidates import find_candidates
from trichoscan.segment.cells import CELL_PX, respaced, to_px
from trichoscan.segment.ends import PIECE, ROOT, TIP, Ends, open_ends
from trichoscan.segment.groups import linked_groups
from trichoscan.segment.join import (
    ENTER_FEATURES,
    JOIN_FEATURES,
    Joined,
    Joins,
    follow,
    join,
    possible_joins,
)
from trichoscan.segment.link import LINK_FEATURES
from trichoscan.segment.pieces import find_pieces, split_at
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
    ends = open_ends(pixels, pieces, NOTHING, NOTHING)
    joins = possible_joins(ends)
    mate = join(ends, joins, joins.log_odds(DEFAULT_THRESHOLDS)).mate
    return {(k // 2, int(m) // 2) for k, m in enumerate(mate) if m > k}


def test_shafts_go_on_straight_past_what_hides_their_crossing() -> None:
    whole = [straight(40, 100 - 80 * np.sin(a), np.rad2deg(a), 160) for a in (-0.4, 0.4)]
    points = [respaced(path, 2.5) for path in whole]
    parts = [part for path in points for part in (path[:28], path[-28:])]
    assert joined_pieces(picture(*((path, 40, 4.0) for path in whole)), parts) == {(0, 1), (2, 3)}


@pytest.mark.parametrize("seen", ["tone", "width"])
@pytest.mark.parametrize("like", [1, 2])
def test_where_the_way_is_open_a_shaft_goes_on_as_what_looks_alike(seen: str, like: int) -> None:
    """It ends midway between the courses of two others, of which one is as dark, or as wide."""
    pieces = [respaced(straight(x, y, 0, 60), 2.5) for x, y in ((40, 100), (112, 103), (112, 97))]
    looks = [(130, 4.0) if seen == "tone" else (40, 2.0)] * 3
    looks[0] = looks[like] = (40, 4.0)
    pixels = picture(*((piece, *look) for piece, look in zip(pieces, looks, strict=True)))
    assert joined_pieces(pixels, pieces) == {(0, like)}


def ends_of(count: int) -> Ends:
    none = np.zeros(count)
    kind = np.full(count, PIECE)
    return Ends(np.zeros((count, 2)), none, kind, none, none, none, none + 5, np.zeros((count, 3)))


@pytest.mark.parametrize("seed", range(8))
def test_the_joins_of_most_log_odds_are_taken_all_together(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = np.array(list(combinations(range(6), 2)))[rng.permutation(15)[:9]]
    odds = rng.normal(0.5, 1.5, len(pairs))
    features = np.zeros((len(pairs), len(ENTER_FEATURES)))
    features[:, 0] = odds
    model = {f"join_{name}": 0.0 for name in JOIN_FEATURES} | {"join_gap": 1.0, "join_bias": 0.0}
    joins = Joins(pairs, np.zeros(len(pairs), bool), features)
    mate = join(ends_of(6), joins, joins.log_odds(DEFAULT_THRESHOLDS | model)).mate
    taken = sum(z for (one, other), z in zip(pairs, odds, strict=True) if mate[one] == other)
    best = max(
        sum(odds[list(some)])
        for n in range(4)
        for some in combinations(range(len(pairs)), n)
        if len({end for k in some for end in pairs[k]}) == 2 * n
    )
    assert taken == pytest.approx(best)
    assert all(mate[mate[k]] == k for k in range(6) if mate[k] >= 0)


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
        course = tied.followed[k]
        assert np.hypot(*(course[-1] - path[-1])) < 3
        assert off_course(course, path).max() < 3
        number = tied.ends.numbers(ROOT)[k]
        assert len(follow(tied.ends, tied.joined, tied.pieces, int(number))) == 4


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


def test_two_roots_of_one_shaft_share_it_and_one_of_them_has_it() -> None:
    (piece,) = pieces_of(straight(60, 100, 0, 90))
    at = np.array([[59.0, 99.5], [60.5, 101.0]])
    roots = Peaks(at, np.zeros(2), np.ones(2), np.full(2, 90.0), np.array([4.0, 3.0]))
    pixels = picture((straight(60, 100, 0, 90), 40, 4.0))
    ends = open_ends(pixels, [piece], roots, NOTHING)
    joins = possible_joins(ends)
    joined = join(ends, joins, joins.log_odds(DEFAULT_THRESHOLDS))
    first = int(np.argmin([piece[0, 0], piece[-1, 0]]))
    assert list(joined.entry[2:]) == [first, first]
    assert sorted(joined.mate[2:]) == [-1, first]


def test_a_piece_that_meets_itself_is_followed_once() -> None:
    ring = 60 + 30 * np.stack([np.cos(t := np.linspace(0, 6.2, 70)), np.sin(t)], -1)
    ends = ends_of(3)
    ends.kind[2] = ROOT
    around = Joined(np.array([1, 0, -1]), np.array([-1, -1, 0]))
    assert len(follow(ends, around, [ring], 2)) == 2


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
    back = tied.shaft_of(int(tied.ends.numbers(TIP)[0]))
    assert np.hypot(*(back[-1] - path[0])) < 2 and off_course(back, path).max() < 2


def test_tracing_learns_from_phantoms_what_speaks_for_a_join() -> None:
    """Hairs that go on straight, are near and alike belong together: no weight may be turned round."""
    rng = np.random.default_rng(4)
    photos = [phantom_photo(2**31 + 5000 + k, 512, rng, style) for k, style in enumerate(("clipped", "long"))]
    fitted = fit_tracing(photos, load_weights(), "cpu")
    models = {"join": JOIN_FEATURES, "enter": ENTER_FEATURES, "link": LINK_FEATURES}
    assert fitted.keys() == {f"{model}_{name}" for model in models for name in (*models[model], "bias")}
    seen = [examples_of(photo, load_weights(), "cpu") for photo in photos]
    for model, names in models.items():
        x, right = (np.concatenate([getattr(some, model)[k] for some in seen]) for k in (0, 1))
        odds = x @ [fitted[f"{model}_{name}"] for name in names]
        pairs = odds[right][:, None] - odds[~right]
        assert (pairs > 0).mean() > 0.7, f"{model}: half by chance"
    assert fitted["enter_sureness"] > 0 > fitted["link_sway"]
