"""What belongs together at the open ends of shafts: one decision over the whole photo.

At a crossing, under debris, where shafts become one or a hair lies upon another, several pieces may go on as
each other, and a piece may begin at several roots or end at several tips. Each such join has log odds, by its
gap, angles, curvature, width and colour; the joins of most total log odds are taken, of which every end has
one at most: a matching of largest weight (Edmonds 1965), the likeliest answer if joins are right or wrong
independently of each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from trichoscan.segment.cells import ahead_and_aside
from trichoscan.segment.ends import PIECE, ROOT, TIP, Ends
from trichoscan.segment.groups import linked_groups
from trichoscan.segment.peaks import wrap
from trichoscan.segment.thresholds import log_odds_of

Floats = NDArray[np.float64]

JOIN_FEATURES = ("gap", "aside", "bend", "turn", "curvature", "width", "colour", "short")
"""See `_features`; of a join of two pieces."""
ENTER_FEATURES = (*JOIN_FEATURES, "sureness")
"""Of a join of a piece and a root or a tip."""
GAP_CELLS = 40.0
"""Joins bridge 0.44 mm at most."""
TURN_RAD, BEHIND_CELLS = np.deg2rad(60.0), 7.0
"""They turn by no more; one end may lie so far behind the other, as where the map runs on beyond a tip."""
ASIDE_CELLS, ASIDE_SHARE = 4.0, 0.25
"""How far aside of each other's direction ends may lie, and how much more for each cell of gap."""
BEHIND_COUNTS = 1.5
"""What a cell behind counts for beside one ahead."""


@dataclass(frozen=True, eq=False)
class Joins:
    """L possible joins.

    Attributes
    ----------
    ends : (L, 2) int64
        Numbers of both ends, the smaller first.
    of_peak : (L,) bool
        Whether one of them is a root or a tip.
    features : (L, 9) float64
        `ENTER_FEATURES`.
    """

    ends: NDArray[np.int64]
    of_peak: NDArray[np.bool_]
    features: Floats

    def log_odds(self, thresholds: Mapping[str, float]) -> Floats:
        """(L,) log odds that the ends of each belong together, by the models of `thresholds`."""
        pieces = log_odds_of("join", JOIN_FEATURES, self.features[:, :-1], thresholds)
        peaks = log_odds_of("enter", ENTER_FEATURES, self.features, thresholds)
        return np.where(self.of_peak, peaks, pieces)


def possible_joins(ends: Ends) -> Joins:
    """All joins of two pieces, or of a piece and a root or tip, that are not out of the question.

    Roots and tips are not joined to each other here: see `segment.link`.
    """
    pairs = cKDTree(ends.at).query_pairs(GAP_CELLS, output_type="ndarray").astype(np.int64)
    pairs.sort(1)
    pairs = pairs[np.lexsort(pairs.T[::-1])]
    one, other = pairs.T
    apart = (ends.kind[one] == PIECE) & ((ends.kind[other] != PIECE) | (one // 2 != other // 2))
    pairs = pairs[apart]
    one, other = pairs.T
    step = ends.at[other] - ends.at[one]
    gap = np.hypot(*step.T)
    (ahead, aside), (ahead_back, aside_back) = (
        ahead_and_aside(step, ends.away[one]),
        ahead_and_aside(-step, ends.away[other]),
    )
    least, most = np.minimum(ahead, ahead_back), np.maximum(aside, aside_back)
    turn = np.abs(wrap(ends.away[one] + np.pi - ends.away[other]))
    fits = (turn < TURN_RAD) & (least > -BEHIND_CELLS) & (most < ASIDE_CELLS + ASIDE_SHARE * gap)
    pairs, gap, aside, turn, least = (values[fits] for values in (pairs, gap, most, turn, least))
    features = _features(ends, pairs, np.where(least > 0, gap, BEHIND_COUNTS * gap), gap, aside, turn)
    return Joins(pairs, ends.kind[pairs[:, 1]] != PIECE, features)


def _features(
    ends: Ends, pairs: NDArray[np.int64], reckoned: Floats, gap: Floats, aside: Floats, turn: Floats
) -> Floats:
    """(L, 9) features of joins, each of the size of one and bounded.

    The gap, in 10 cells; how far the ends lie aside of each other's direction, in 1.5 cells, and in a fifth
    of the gap; the turn, in 0.2 rad; the difference of the curvatures, in 0.03 rad per cell; of the logarithm
    of the widths; of the colours, in 10 CIELAB; the length of the shorter piece, up to 20 cells, in 20; and
    the sureness of the root or tip.
    """
    one, other = pairs.T
    colour = np.sqrt(((ends.colour[one] - ends.colour[other]) ** 2).sum(1))
    columns = (
        reckoned / 10.0,
        np.minimum(aside / 1.5, 5.0),
        np.minimum(5.0 * aside / np.maximum(gap, 4.0), 5.0),
        np.minimum(turn / 0.2, 5.0),
        np.minimum(np.abs(ends.bend[one] + ends.bend[other]) / 0.03, 3.0),
        np.abs(np.log(ends.width_px[one] / ends.width_px[other])),
        np.minimum(colour / 10.0, 3.0),
        np.minimum(np.minimum(ends.length[one], ends.length[other]), 20.0) / 20.0,
        ends.sureness[one] + ends.sureness[other],
    )
    return np.stack(columns, -1)


@dataclass(frozen=True, eq=False)
class Joined:
    """The answer.

    Attributes
    ----------
    mate : (N,) int64
        The end to which each was joined, -1 for none.
    entry : (N,) int64
        Of a root or tip: the end of a piece to which it was joined, else that at which its shaft is likeliest
        to begin, if more likely than not, though another was joined there; -1 for none, and of pieces.
    """

    mate: NDArray[np.int64]
    entry: NDArray[np.int64]


def join(ends: Ends, joins: Joins, odds: Floats) -> Joined:
    """Decide which ends belong together.

    Parameters
    ----------
    ends : Ends
    joins : Joins
    odds : (L,) float64
        See `Joins.log_odds`.

    Returns
    -------
    Joined
        Hairs of a bundle may share the piece they begin with: what no end was left for has an entry all the
        same.
    """
    mate, entry = np.full(len(ends.at), -1), np.full(len(ends.at), -1)
    likely = odds > 0
    pairs, weights = joins.ends[likely], odds[likely]
    for members in linked_groups(*pairs.T):
        for one, other in _matching(pairs[members], weights[members]):
            mate[one], mate[other] = other, one
    entering = np.flatnonzero(joins.of_peak & likely)
    best_last = entering[np.argsort(odds[entering], kind="stable")]
    entry[joins.ends[best_last, 1]] = joins.ends[best_last, 0]
    matched = (ends.kind != PIECE) & (mate >= 0)
    entry[matched] = mate[matched]
    return Joined(mate, entry)


def _matching(pairs: NDArray[np.int64], weights: Floats) -> set[tuple[int, int]]:
    """Those pairs of most total weight of which no two share an end."""
    if len(pairs) == 1:
        return {(int(pairs[0, 0]), int(pairs[0, 1]))}
    graph = nx.Graph()
    graph.add_weighted_edges_from(
        (int(one), int(other), float(weight)) for (one, other), weight in zip(pairs, weights, strict=True)
    )
    return set(nx.max_weight_matching(graph))


def follow(ends: Ends, joined: Joined, pieces: Sequence[Floats], start: int) -> list[Floats]:
    """Parts of the shaft that begins at a root, or that a tip ends, as far as they are joined.

    Parameters
    ----------
    ends : Ends
    joined : Joined
    pieces : sequence of (N, 2) float64
    start : int
        Number of the root or tip.

    Returns
    -------
    list of (N, 2) float64
        Cells: the place of `start` itself, pieces in the direction in which they are followed, and the tip
        (the root) where one is reached.
    """
    parts, used, end = [ends.at[start][None]], set(), int(joined.entry[start])
    goal = TIP if ends.kind[start] == ROOT else ROOT
    while end >= 0 and ends.kind[end] == PIECE and end // 2 not in used:
        used.add(end // 2)
        parts.append(pieces[end // 2][:: 1 if end % 2 == 0 else -1])
        end = int(joined.mate[end ^ 1])
    if end >= 0 and ends.kind[end] == goal:
        parts.append(ends.at[end][None])
    return parts
