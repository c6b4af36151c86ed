"""What belongs together on a photo: pieces of shaft, roots and tips, by one decision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order

from trichoscan.records import Peaks, Segmentation
from trichoscan.segment.cells import BORDER_CELLS, unit, usable
from trichoscan.segment.courses import LEAST_MAYBE, Course, Onward, courses_from, onward_from
from trichoscan.segment.decide import decide
from trichoscan.segment.ends import PIECE, ROOT, Ends, open_ends
from trichoscan.segment.join import Joins, beside_rivals, possible_joins
from trichoscan.segment.peaks import sureness
from trichoscan.segment.pieces import find_pieces, split_at
from trichoscan.segment.readings import Readings, find_readings
from trichoscan.segment.shaft_map import ShaftMap

LEAST_SPLIT = -2.0
"""Peaks of at least these log odds split the pieces on which they lie."""


@dataclass(frozen=True, eq=False)
class Tied:
    """What belongs together on a photo, decided, and what was in question.

    Attributes
    ----------
    roots, tips : Peaks
        Those in what is usable; K roots.
    px_per_cell : float
    shafts : ShaftMap
    pieces : list of (N, 2) float64
        See `pieces.find_pieces`.
    ends : Ends
    joins : Joins
    onward : mapping
        See `courses.onward_from`.
    readings : Readings
    chosen : (K,) int64
        The reading of each root.
    tip_of : (K,) int64
        Number of its tip, -1 for none.
    tip_odds : (K,) float64
        Log odds that its tip is that one; NaN where there is none.
    maybe_out : (K,) bool
        Whether the shaft of each root may lead out of what is usable, by joins that were not taken, too.
    """

    roots: Peaks
    tips: Peaks
    px_per_cell: float
    shafts: ShaftMap
    pieces: list[NDArray[np.float64]]
    ends: Ends
    joins: Joins
    onward: Onward
    readings: Readings
    chosen: NDArray[np.int64]
    tip_of: NDArray[np.int64]
    tip_odds: NDArray[np.float64]
    maybe_out: NDArray[np.bool_]

    def course_of(self, root: int) -> Course:
        """The course of a root's chosen reading."""
        return self.readings.courses[self.readings.course[self.chosen[root]]]

    def likeliest_from(self, peak: int) -> Course:
        """The course of most log odds from a root or a tip, by the number of its end, whatever is decided."""
        return max(courses_from(peak, self.ends, self.pieces, self.onward), key=lambda course: course.odds)


def tie(segmentation: Segmentation, usable_mask: NDArray[np.bool_]) -> Tied:
    """Decide which pieces of shaft, and which tip, belong to each root."""
    limits, px_per_cell = segmentation.thresholds, segmentation.px_per_cell
    roots, tips = (
        peaks.take(usable(peaks.at, usable_mask, px_per_cell))
        for peaks in (segmentation.roots, segmentation.tips)
    )
    shafts = ShaftMap(segmentation.shaft)
    pieces = find_pieces(segmentation.shaft, limits["shaft"])
    for peaks in (roots, tips):
        pieces = split_at(pieces, peaks.take(sureness(peaks) >= LEAST_SPLIT))
    ends = open_ends(segmentation.pixels, pieces, roots, tips)
    joins = possible_joins(ends)
    odds = joins.log_odds(limits)
    onward = onward_from(ends, joins, beside_rivals(joins, odds, len(ends.at)))
    courses = [courses_from(int(k), ends, pieces, onward) for k in ends.numbers(ROOT)]
    readings = find_readings(roots, courses, tips, ends, shafts, usable_mask, px_per_cell)
    scores = readings.scores(limits)
    chosen = decide(readings, scores, sureness(roots), limits)
    out = _maybe_out(ends, joins, odds, usable_mask, px_per_cell)
    entered = [readings.courses[number].entered for number in readings.course[chosen]]
    maybe_out = np.array([bool(ends_of) and bool(out[ends_of[0]]) for ends_of in entered], bool)
    return Tied(
        roots,
        tips,
        px_per_cell,
        shafts,
        pieces,
        ends,
        joins,
        onward,
        readings,
        chosen,
        readings.tip[chosen],
        readings.tip_odds(scores, chosen),
        maybe_out,
    )


def _maybe_out(
    ends: Ends,
    joins: Joins,
    odds: NDArray[np.float64],
    usable_mask: NDArray[np.bool_],
    px_per_cell: float,
) -> NDArray[np.bool_]:
    """(N,) whether a shaft that enters a piece at each end may lead out, by joins that may be, too.

    Whatever their rivals: it is enough that no tip need be seen.
    """
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
