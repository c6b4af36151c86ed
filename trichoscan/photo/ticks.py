"""Finds the ticks of a ruler, burnt into a photo or on the skin: strokes of one level, evenly spaced."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice

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
LEAST_SPACING_PX = 6.0
"""Nearer to each other, evenness could not be told from chance."""
NEIGHBOURS = 6
"""Of the strokes that may follow one on its line, so many nearest are tried as the next tick."""
MOST_STROKES = 300
"""More are hair or grain; the time grows with their square."""
NUMBERS_REACH = 2.5
"""Numbers stand so near to the ticks, in lengths of the longest."""


def tick_boxes(pixels: NDArray[np.uint8]) -> Iterator[Box]:
    """Find each row of ticks, upright or lying.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        RGB.

    Yields
    ------
    tuple of int
        Bounds, px, of the ticks and of the numbers beside them that are as crisp as if burnt in; several may
        be of one row.
    """
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
    if not FEWEST_TICKS <= len(strokes) <= MOST_STROKES:
        return
    centre = ink.x[strokes] + 0.5 * ink.w[strokes]
    order = np.argsort(centre, kind="stable")
    for end in (ink.y, ink.y + ink.h):
        for run in _evenly_spaced(centre[order].tolist(), end[strokes][order].tolist()):
            ticks = strokes[order][run]
            crisp = sum(ink.is_crisp(k) for k in ticks.tolist())
            if len(ticks) >= FEWEST_BLURRED or crisp >= max(FEWEST_TICKS, 0.8 * len(ticks)):
                yield _with_numbers(ink, ticks)


def _evenly_spaced(x: Sequence[float], y: Sequence[float]) -> Iterator[list[int]]:
    """Runs of at least `FEWEST_TICKS` points, x rising, at even steps on a line; none begins in another."""
    taken: set[int] = set()
    for first in range(len(x)):
        if first in taken:
            continue
        follows = (
            k for k in range(bisect_left(x, x[first] + LEAST_SPACING_PX), len(x)) if _is_level(x, y, first, k)
        )
        runs = [_run(x, y, first, second) for second in islice(follows, NEIGHBOURS)]
        best = max(runs, key=len, default=[])
        if len(best) >= FEWEST_TICKS and _is_level(x, y, first, best[-1]):
            taken.update(best)
            yield best


def _is_level(x: Sequence[float], y: Sequence[float], first: int, last: int) -> bool:
    return abs(y[last] - y[first]) <= STEEPEST * (x[last] - x[first]) + LEVEL_PX


def _run(x: Sequence[float], y: Sequence[float], first: int, second: int) -> list[int]:
    """Points at the places to which the step from the first to the second leads, as far as there are any."""
    run = [first, second]
    while True:
        steps, last = len(run) - 1, run[-1]
        step = (x[last] - x[first]) / steps
        place, level = x[last] + step, y[last] + (y[last] - y[first]) / steps
        slack = UNEVEN_PX + UNEVEN_SHARE * step
        some = range(max(bisect_left(x, place - slack), last + 1), bisect_right(x, place + slack))
        near = [k for k in some if abs(y[k] - level) <= LEVEL_PX]
        if not near:
            return run
        run.append(min(near, key=lambda k: abs(x[k] - place) + abs(y[k] - level)))


def _with_numbers(ink: Ink, ticks: NDArray[np.intp]) -> Box:
    """Bounds of ticks and of what is written crisply within reach."""
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
