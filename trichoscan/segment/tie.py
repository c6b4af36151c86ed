"""What belongs together on a photo: pieces of shaft, roots and tips, and which tips each root may have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order

from trichoscan.records import Peaks, Segmentation
from trichoscan.segment.cells import BORDER_CELLS, respaced, unit, usable
from trichoscan.segment.ends import PIECE, ROOT, Ends, open_ends
from trichoscan.segment.join import Joined, Joins, follow, join, possible_joins
from trichoscan.segment.link import Links, possible_links
from trichoscan.segment.peaks import sureness
from trichoscan.segment.pieces import find_pieces, split_at
from trichoscan.segment.shaft_map import ShaftMap

STEP_CELLS = 1.5
"""Distance between points of a followed shaft."""
LEAST_SPLIT = -2.0
"""Peaks of at least these log odds split the pieces on which they lie."""
LEAST_MAYBE = -2.0
"""Log odds, one in eight, from which a join may be: a shaft lost among others may go on by it."""
BESIDE_POINTS, BESIDE_CELLS = 6, 1.5
"""Of the first points of a piece, up to the one nearest to the root (or tip) it was joined to, and of what
lies as close to that, nothing is kept: the map runs on behind roots and beyond tips."""


@dataclass(frozen=True, eq=False)
class Tied:
    """What belongs together on a photo, decided, and what was in question.

    Attributes
    ----------
    roots, tips : Peaks
        Those in what is usable.
    shafts : ShaftMap
    pieces : list of (N, 2) float64
        See `pieces.find_pieces`.
    ends : Ends
    joins : Joins
    joined : Joined
    followed : list of (N, 2) float64
        Cells, from each root along its shaft.
    links : Links
    maybe_out : (K,) bool
        Whether the shaft of each root may lead out of what is usable, by joins that were not taken, too.
    """

    roots: Peaks
    tips: Peaks
    shafts: ShaftMap
    pieces: list[NDArray[np.float64]]
    ends: Ends
    joins: Joins
    joined: Joined
    followed: list[NDArray[np.float64]]
    links: Links
    maybe_out: NDArray[np.bool_]

    def shaft_of(self, peak: int) -> NDArray[np.float64]:
        """(N, 2) cells, from a root or a tip, by the number of its end, along its shaft."""
        return _course(follow(self.ends, self.joined, self.pieces, peak))


def tie(segmentation: Segmentation, usable_mask: NDArray[np.bool_]) -> Tied:
    """Join pieces of shaft, roots and tips, and find the tips that each root may have."""
    limits = segmentation.thresholds
    roots, tips = (
        peaks.take(usable(peaks.at, usable_mask, segmentation.px_per_cell))
        for peaks in (segmentation.roots, segmentation.tips)
    )
    shafts = ShaftMap(segmentation.shaft)
    pieces = find_pieces(segmentation.shaft, limits["shaft"])
    for peaks in (roots, tips):
        pieces = split_at(pieces, peaks.take(sureness(peaks) >= LEAST_SPLIT))
    ends = open_ends(segmentation.pixels, pieces, roots, tips)
    joins = possible_joins(ends)
    odds = joins.log_odds(limits)
    joined = join(ends, joins, odds)
    followed = [_course(follow(ends, joined, pieces, int(k))) for k in ends.numbers(ROOT)]
    links = possible_links(roots, followed, tips, ends, shafts)
    out = _maybe_out(ends, joins, odds, usable_mask, segmentation.px_per_cell)
    entry = joined.entry[ends.numbers(ROOT)]
    maybe_out = np.append(out, False)[entry]
    return Tied(roots, tips, shafts, pieces, ends, joins, joined, followed, links, maybe_out)


def _maybe_out(
    ends: Ends,
    joins: Joins,
    odds: NDArray[np.float64],
    usable_mask: NDArray[np.bool_],
    px_per_cell: float,
) -> NDArray[np.bool_]:
    """(N,) whether a shaft that enters a piece at each end may lead out, by joins that may be, too."""
    of_pieces = ends.kind == PIECE
    leads = ~usable(ends.at + BORDER_CELLS * unit(ends.away), usable_mask, px_per_cell) & of_pieces
    one, other = joins.ends[(odds > LEAST_MAYBE) & ~joins.of_peak].T
    # From where it leads out back to where it may have come in; the last node is all that lies outside.
    outside = len(ends.at)
    last = np.flatnonzero(leads) ^ 1
    back = np.concatenate([np.full(len(last), outside), one, other])
    there = np.concatenate([last, other ^ 1, one ^ 1])
    graph = csr_array((np.ones(len(back)), (back, there)), shape=(outside + 1,) * 2)
    reached = np.zeros(outside + 1, bool)
    reached[breadth_first_order(graph, outside, return_predecessors=False)] = True
    return reached[:outside]


def _course(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """One course, points evenly spaced, from a peak along pieces, and to another peak if one was reached."""
    start, *rest = parts
    end = rest.pop() if rest and len(rest[-1]) == 1 else None
    shaft = np.concatenate([np.empty((0, 2)), *rest])
    shaft = _beyond(shaft, start[0])
    if end is not None:
        shaft = np.concatenate([_beyond(shaft[::-1], end[0])[::-1], end])
    course = np.concatenate([start, shaft])
    return respaced(course, STEP_CELLS) if len(course) > 1 else course


def _beyond(shaft: NDArray[np.float64], peak: NDArray[np.float64]) -> NDArray[np.float64]:
    """What of a shaft leads on from a peak near its first point."""
    if not len(shaft):
        return shaft
    near = np.hypot(*(shaft - peak).T)
    shaft, near = (values[int(near[:BESIDE_POINTS].argmin()) :] for values in (shaft, near))
    return shaft[(near > BESIDE_CELLS) | (np.arange(len(shaft)) >= BESIDE_POINTS)]
