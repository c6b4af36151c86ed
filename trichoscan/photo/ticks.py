"""Finds the ticks of a ruler that is burnt into a photo: strokes of one level, evenly spaced."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from trichoscan.photo.ink import Box, Ink

FEWEST_TICKS = 5
"""Hairs in a row happen; five crisp ones that begin on one row and stand evenly do not."""
LENGTH_PX = (5, 90)
WIDEST_TICK = 0.45
"""Width over length; `FINEST_PX` wide is allowed always."""
FINEST_PX = 3
LEAST_FILLED = 0.6
"""Share of its bounds that a tick fills: it stands upright, as few hairs do."""
LEVEL_PX = 1
"""So far the ends of the ticks lie off their common row."""
UNEVEN_PX, UNEVEN_SHARE = 1.5, 0.02
"""So far, and by so much of the spacing, a tick lies off its place."""
NUMBERS_REACH = 2.5
"""Numbers stand so near to the ticks, in lengths of the longest."""


def tick_boxes(ink: Ink) -> Iterator[Box]:
    """Bounds of each row of ticks, upright or lying, with its numbers."""
    yield from _upright(ink)
    for x0, y0, x1, y1 in _upright(ink.transposed()):
        yield y0, x0, y1, x1


def _upright(ink: Ink) -> Iterator[Box]:
    fits = (ink.h >= LENGTH_PX[0]) & (ink.h <= LENGTH_PX[1])
    fits &= ink.w <= np.maximum(WIDEST_TICK * ink.h, FINEST_PX)
    fits &= ink.area >= LEAST_FILLED * ink.w * ink.h
    fits[0] = False
    strokes = np.flatnonzero(fits)
    for ends in (ink.y, ink.y + ink.h):
        taken: set[int] = set()
        for level in np.unique(ends[strokes]).tolist():
            row = strokes[np.abs(ends[strokes] - level) <= LEVEL_PX]
            row = row[~np.isin(row, list(taken))]
            ticks = _evenly_spaced(row, ink.x[row] + 0.5 * ink.w[row])
            crisp = [k for k in ticks if ink.is_crisp(k)]
            if len(crisp) >= FEWEST_TICKS and len(crisp) >= 0.8 * len(ticks):
                taken.update(ticks)
                yield _with_numbers(ink, np.array(ticks))


def _evenly_spaced(row: NDArray[np.intp], centres: NDArray[np.float64]) -> list[int]:
    """The longest run of evenly spaced strokes of a row, less than `FEWEST_TICKS` for none."""
    order = np.argsort(centres)
    row, centres = row[order], centres[order]
    best: list[int] = []
    for first in range(len(row) - FEWEST_TICKS + 1):
        for second in range(first + 1, min(first + 4, len(row))):
            run = [first, second]
            while True:
                spacing = (centres[run[-1]] - centres[first]) / (len(run) - 1)
                away = np.abs(centres - (centres[run[-1]] + spacing))
                nearest = int(away.argmin())
                if nearest <= run[-1] or away[nearest] > UNEVEN_PX + UNEVEN_SHARE * spacing:
                    break
                run.append(nearest)
            if len(run) > len(best):
                best = run
    return [int(row[k]) for k in best]


def _with_numbers(ink: Ink, ticks: NDArray[np.intp]) -> Box:
    """Bounds of ticks and of what is written within reach, which is as crisp as they are."""
    spacing = float(np.median(np.diff(np.sort(ink.x[ticks]))))
    x0, x1 = int(ink.x[ticks].min()), int((ink.x + ink.w)[ticks].max())
    y0, y1 = int(ink.y[ticks].min()), int((ink.y + ink.h)[ticks].max())
    longest = int(ink.h[ticks].max())
    near = (ink.x + ink.w > x0 - spacing) & (ink.x < x1 + spacing)
    near &= (ink.y >= y0 - NUMBERS_REACH * longest) & (ink.y + ink.h <= y1 + NUMBERS_REACH * longest)
    near &= (ink.h >= LENGTH_PX[0]) & (ink.w <= 1.5 * ink.h)
    written = [k for k in np.flatnonzero(near).tolist() if k and ink.is_crisp(k)]
    everything = [*ticks.tolist(), *written]
    return (
        int(ink.x[everything].min()),
        int(ink.y[everything].min()),
        int((ink.x + ink.w)[everything].max()),
        int((ink.y + ink.h)[everything].max()),
    )
