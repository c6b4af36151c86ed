"""Courses that a shaft may take: from a root or tip along pieces, by joins that may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from trichoscan.segment.cells import respaced
from trichoscan.segment.ends import PIECE, Ends
from trichoscan.segment.join import Joins

Floats = NDArray[np.float64]
Onward = Mapping[int, Sequence[tuple[int, float]]]

LEAST_MAYBE = -2.0
"""Log odds, one in eight, from which a join may be."""
LEAST_COURSE, MOST_COURSES = 0.001, 32
"""Courses of which all joins together are less likely are not considered, nor more of one peak, the likeliest
first. Each stretch of a course is one of them: a shaft may be in many pieces."""
STEP_CELLS = 1.5
"""Distance between points of a course."""
BESIDE_POINTS, BESIDE_CELLS = 6, 1.5
"""Of the first points of a piece, nothing is kept up to the one nearest to the root (or tip) it is joined to,
nor what lies so close to that: the map runs on behind roots and beyond tips."""


@dataclass(frozen=True, eq=False)
class Course:
    """A course from a root or tip.

    Attributes
    ----------
    entered : tuple of int
        Ends at which its pieces are entered, in order.
    odds : float
        Sum of the log odds of its joins.
    points : (N, 2) float64
        Cells, the peak first; the peak alone where no piece is entered.
    last : int
        Number of the point from which its last piece leads on.
    """

    entered: tuple[int, ...]
    odds: float
    points: Floats
    last: int


def onward_from(ends: Ends, joins: Joins, odds: Floats) -> Onward:
    """By end: the ends of pieces that may follow there, each with the log odds of the join."""
    onward: dict[int, list[tuple[int, float]]] = {}
    maybe = odds > LEAST_MAYBE
    for (one, other), likely in zip(joins.ends[maybe].tolist(), odds[maybe].tolist(), strict=True):
        for here, there in ((one, other), (other, one)):
            if ends.kind[there] == PIECE:
                onward.setdefault(here, []).append((there, likely))
    return onward


def courses_from(peak: int, ends: Ends, pieces: Sequence[Floats], onward: Onward) -> list[Course]:
    """Courses from one root or tip, the likeliest first.

    Parameters
    ----------
    peak : int
        Number of its end.
    ends : Ends
    pieces : sequence of (N, 2) float64
    onward : mapping
        See `onward_from`.

    Returns
    -------
    list of Course
        By the product of the probabilities of their joins: the peak alone, then what enters a piece or more,
        also what stops where it might go on.
    """
    courses: list[Course] = []
    waiting: list[tuple[float, tuple[int, ...], float]] = [(0.0, (), 0.0)]
    while waiting and len(courses) < MOST_COURSES:
        against, entered, odds = heappop(waiting)
        course = _course(entered, odds, ends.at[peak], pieces)
        if course is not None:
            courses.append(course)
        here = entered[-1] ^ 1 if entered else peak
        used = {end // 2 for end in entered}
        for there, likely in onward.get(here, ()):
            unlikely = against + float(np.logaddexp(0.0, -likely))
            if there // 2 not in used and unlikely < -np.log(LEAST_COURSE):
                heappush(waiting, (unlikely, (*entered, there), odds + likely))
    return courses


def _course(entered: tuple[int, ...], odds: float, start: Floats, pieces: Sequence[Floats]) -> Course | None:
    """A course, None where all of its pieces lie upon the peak."""
    if not entered:
        return Course(entered, odds, start[None], 0)
    ways = [pieces[end // 2][:: 1 if end % 2 == 0 else -1] for end in entered]
    shaft = _beyond(np.concatenate(ways), start)
    if not len(shaft):
        return None
    points = respaced(np.concatenate([start[None], shaft]), STEP_CELLS)
    from_last = np.hypot(*(points - ways[-1][0]).T)
    return Course(entered, odds, points, int(from_last.argmin()) if len(ways) > 1 else 0)


def _beyond(shaft: Floats, peak: Floats) -> Floats:
    """What of a shaft leads on from a peak near its first point."""
    near = np.hypot(*(shaft - peak).T)
    shaft, near = (values[int(near[:BESIDE_POINTS].argmin()) :] for values in (shaft, near))
    return shaft[(near > BESIDE_CELLS) | (np.arange(len(shaft)) >= BESIDE_POINTS)]
