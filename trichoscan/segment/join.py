"""Joins: which open ends may belong together.

At a crossing, under debris, where shafts become one or a hair lies upon another, several pieces may go on as
each other, and a piece may begin at several roots or end at several tips. Each such join has log odds, by its
gap, angles, curvature, width and colour. What is made of them is decided over the whole photo
(`segment.decide`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from trichoscan.segment.cells import ahead_and_aside
from trichoscan.segment.ends import PIECE, Ends
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

    Roots and tips are not joined to each other here: see `segment.readings`.
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
    width, colour = ends.unlike(one, other)
    columns = (
        reckoned / 10.0,
        np.minimum(aside / 1.5, 5.0),
        np.minimum(5.0 * aside / np.maximum(gap, 4.0), 5.0),
        np.minimum(turn / 0.2, 5.0),
        np.minimum(np.abs(ends.bend[one] + ends.bend[other]) / 0.03, 3.0),
        width,
        colour,
        np.minimum(np.minimum(ends.length[one], ends.length[other]), 20.0) / 20.0,
        ends.sureness[one] + ends.sureness[other],
    )
    return np.stack(columns, -1)


def beside_rivals(joins: Joins, odds: Floats, count: int) -> Floats:
    """(L,) log odds of each join, given that either of its ends may as well belong to another.

    Parameters
    ----------
    joins : Joins
    odds : (L,) float64
        Of each by itself; see `Joins.log_odds`.
    count : int
        Number of all ends.
    """
    for_it = np.exp(odds)
    at_end = np.bincount(joins.ends.ravel(), np.repeat(for_it, 2), count)
    return odds - np.log1p(at_end[joins.ends].sum(1) - 2 * for_it)
