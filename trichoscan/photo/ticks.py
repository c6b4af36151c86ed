"""Finds the ticks of a ruler that is burnt into a photo: strokes of one level, evenly spaced."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.photo.ink import Box, Ink, upright_strokes

FEWEST_TICKS, FEWEST_BLURRED = 5, 8
"""Hairs in a row happen; five crisp strokes that begin on one line and stand evenly do not, nor do eight that
a lens has blurred: a ruler may lie on the skin."""
LENGTH_PX = (5, 90)
WIDEST_TICK = 0.45
"""Width over length; `FINEST_PX` wide is allowed always."""
FINEST_PX = 3
LEAST_FILLED = 0.6
"""Share of its bounds that a tick fills: it stands upright, as few hairs do."""
LEVEL_PX = 1.5
"""So far the ends of the ticks lie off their common line."""
STEEPEST = 0.06
"""Rise of that line: a ruler lies straight, within 3.5 degrees, or is not found."""
UNEVEN_PX, UNEVEN_SHARE = 1.5, 0.02
"""So far, and by so much of the spacing, a tick lies off its place."""
NEIGHBOURS = 6
"""Of the strokes that may follow one on its line, so many nearest are tried as the next tick."""
NUMBERS_REACH = 2.5
"""Numbers stand so near to the ticks, in lengths of the longest."""


def tick_boxes(pixels: NDArray[np.uint8]) -> Iterator[Box]:
    """Bounds of each row of ticks, upright or lying, with its numbers, in (H, W, 3) uint8 RGB."""
    gray = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    for ink in upright_strokes(gray):
        yield from _rows_of(ink)
    for ink in upright_strokes(np.ascontiguousarray(gray.T)):
        for x0, y0, x1, y1 in _rows_of(ink):
            yield y0, x0, y1, x1


def _rows_of(ink: Ink) -> Iterator[Box]:
    fits = (ink.h >= LENGTH_PX[0]) & (ink.h <= LENGTH_PX[1])
    fits &= ink.w <= np.maximum(WIDEST_TICK * ink.h, FINEST_PX)
    fits &= ink.area >= LEAST_FILLED * ink.w * ink.h
    fits[0] = False
    strokes = np.flatnonzero(fits)
    centre = ink.x[strokes] + 0.5 * ink.w[strokes]
    order = np.argsort(centre)
    for end in (ink.y, ink.y + ink.h):
        at = np.stack([centre, end[strokes]], -1)[order]
        for run in _evenly_spaced(at):
            ticks = strokes[order][run]
            crisp = sum(ink.is_crisp(k) for k in ticks.tolist())
            if len(ticks) >= FEWEST_BLURRED or crisp >= max(FEWEST_TICKS, 0.8 * len(ticks)):
                yield _with_numbers(ink, ticks)


def _evenly_spaced(at: NDArray[np.float64]) -> Iterator[list[int]]:
    """Runs of at least `FEWEST_TICKS` points, (N, 2) px from left to right, at even steps along a line."""
    taken: set[int] = set()
    for first in range(len(at)):
        step = at - at[first]
        follows = (step[:, 0] > 1) & (np.abs(step[:, 1]) <= STEEPEST * step[:, 0] + 1)
        runs = [_run(at, first, int(second)) for second in np.flatnonzero(follows)[:NEIGHBOURS]]
        best = max(runs, key=len, default=[])
        if len(best) >= FEWEST_TICKS and not taken.issuperset(best):
            taken.update(best)
            yield best


def _run(at: NDArray[np.float64], first: int, second: int) -> list[int]:
    """Points at the places to which the step from the first to the second leads, as far as there are any."""
    run = [first, second]
    while True:
        step = (at[run[-1]] - at[first]) / (len(run) - 1)
        away = np.abs(at - at[run[-1]] - step)
        near = np.flatnonzero((away[:, 0] <= UNEVEN_PX + UNEVEN_SHARE * step[0]) & (away[:, 1] <= LEVEL_PX))
        near = near[near > run[-1]]
        if not len(near):
            return run
        run.append(int(near[away[near].sum(1).argmin()]))


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
