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
MOST_COURSES = 10
"""Of each peak so many courses are considered, the likeliest first."""
STEP_CELLS = 1.5
"""Distance between points of a course."""
BESIDE_POINTS, BESIDE_CELLS = 6, 1.5
"""Of the first points of a piece, up to the one nearest to the root (or tip) it is joined to, and of what
lies as close to that, nothing is kept: the map runs on behind roots and beyond tips."""


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
    """Courses from one root or tip, likeliest first.

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
        Also those that stop where they might go on, and the peak alone.
    """
    courses: list[Course] = []
    waiting: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    while waiting and len(courses) < MOST_COURSES:
        against, entered = heappop(waiting)
        courses.append(_course(-against, entered, ends.at[peak], pieces))
        here = entered[-1] ^ 1 if entered else peak
        used = {end // 2 for end in entered}
        for there, odds in onward.get(here, ()):
            if there // 2 not in used:
                heappush(waiting, (against - odds, (*entered, there)))
    return courses


def _course(odds: float, entered: tuple[int, ...], start: Floats, pieces: Sequence[Floats]) -> Course:
    if not entered:
        return Course(entered, odds, start[None], 0)
    ways = [pieces[end // 2][:: 1 if end % 2 == 0 else -1] for end in entered]
    shaft = _beyond(np.concatenate(ways), start)
    points = respaced(np.concatenate([start[None], shaft]), STEP_CELLS)
    from_last = np.hypot(*(points - ways[-1][0]).T)
    return Course(entered, odds, points, int(from_last.argmin()) if len(ways) > 1 else 0)


def _beyond(shaft: Floats, peak: Floats) -> Floats:
    """What of a shaft leads on from a peak near its first point."""
    near = np.hypot(*(shaft - peak).T)
    shaft, near = (values[int(near[:BESIDE_POINTS].argmin()) :] for values in (shaft, near))
    return shaft[(near > BESIDE_CELLS) | (np.arange(len(shaft)) >= BESIDE_POINTS)]
