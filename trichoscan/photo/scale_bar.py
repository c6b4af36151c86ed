"""Finds a scale bar burnt into a photo and measures it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.photo.drawn import EdgeRun, edge_runs
from trichoscan.photo.label import Label, read_labels

SHORTEST_BAR_PX = 40
THICKEST_BAR_SHARE = 1 / 80
"""Of the photo's height; a box of text is thicker."""
PLAUSIBLE_UM_PER_PX = (0.5, 50.0)
WIDEST_TICK_PX = 6
_MOST_CANDIDATES = 40


@dataclass(frozen=True)
class ScaleBar:
    """A scale bar with its label, px of the photo.

    Attributes
    ----------
    x0_px, x1_px, y_px : float
        Ends and row of the bar; `x1_px - x0_px` is its length.
    length_um : float
        What the label says.
    um_per_px : float
    label_box : tuple of int
        x0, y0, x1, y1 of the label's characters, the end exclusive.
    thickness_px : int
    confidence : float
        Mean correlation of the label's characters with their templates, 0-1.
    """

    x0_px: float
    x1_px: float
    y_px: float
    length_um: float
    um_per_px: float
    label_box: tuple[int, int, int, int]
    thickness_px: int
    confidence: float = 1.0


@dataclass(frozen=True)
class _Bar:
    x0: int
    x1: int
    top: int
    bottom: int
    length_px: float

    @property
    def thickness(self) -> int:
        return self.bottom - self.top + 1


def find_scale_bar(pixels: NDArray[np.uint8]) -> ScaleBar | None:
    """Find a straight horizontal bar with a label that states its length.

    The bar is dark or light, one px to 1/80 of the photo's height thick, at least 40 px long, with
    or without ticks at its ends; the label stands beside, above or below it. A bar without ticks
    is measured over all of its pixels, one with ticks at both ends from middle to middle of them.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        RGB.

    Returns
    -------
    ScaleBar or None
        None where there is no bar, its label cannot be read, or two readings disagree.
    """
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    found: list[tuple[float, ScaleBar]] = []
    for bar in _bars(gray):
        for label in _labels_near(gray, bar):
            um_per_px = label.um / bar.length_px
            if PLAUSIBLE_UM_PER_PX[0] <= um_per_px <= PLAUSIBLE_UM_PER_PX[1]:
                found.append((label.score, _as_record(bar, label, um_per_px)))
                break
    if not found:
        return None
    best = max(found, key=lambda item: item[0])[1]
    if any(abs(bar.um_per_px / best.um_per_px - 1) > 0.03 for _, bar in found):
        return None
    return best


def _as_record(bar: _Bar, label: Label, um_per_px: float) -> ScaleBar:
    margin = (bar.x1 - bar.x0 + 1 - bar.length_px) / 2
    x0 = bar.x0 - 0.5 + margin
    box = (label.x0, label.y0, label.x1, label.y1)
    y = (bar.top + bar.bottom) / 2
    return ScaleBar(x0, x0 + bar.length_px, y, label.um, um_per_px, box, bar.thickness, min(label.score, 1.0))


def _bars(gray: NDArray[np.uint8]) -> list[_Bar]:
    """Candidates, each place once, the longest first."""
    bars: list[_Bar] = []
    pairs = sorted(_paired(edge_runs(gray), gray.shape[0]), key=lambda pair: pair[0].x0 - pair[0].x1)
    for upper, lower in pairs[:_MOST_CANDIDATES]:
        bar = _measured(gray, upper, lower)
        if bar is not None and not any(_same_place(bar, other) for other in bars):
            bars.append(bar)
    return bars


def _same_place(one: _Bar, other: _Bar) -> bool:
    rows = one.top <= other.bottom + 2 and other.top <= one.bottom + 2
    return rows and one.x0 <= other.x1 and other.x0 <= one.x1


def _paired(runs: list[EdgeRun], height_px: int) -> Iterator[tuple[EdgeRun, EdgeRun]]:
    """Opposite edges, one shortly below the other, over the same columns."""
    thickest = max(8, int(height_px * THICKEST_BAR_SHARE))
    for index, upper in enumerate(runs):
        if upper.x1 - upper.x0 + 1 < SHORTEST_BAR_PX - 8:
            continue
        for lower in runs[index + 1 :]:
            if lower.y - upper.y > thickest:
                break
            if lower.y == upper.y or lower.sign == upper.sign:
                continue
            both = min(upper.x1, lower.x1) - max(upper.x0, lower.x0)
            if both > 0.6 * (max(upper.x1, lower.x1) - min(upper.x0, lower.x0)):
                yield upper, lower


def _measured(gray: NDArray[np.uint8], upper: EdgeRun, lower: EdgeRun) -> _Bar | None:
    """Where the bar between two edges ends, and its length."""
    top, bottom, sign = upper.y + 1, lower.y, -upper.sign  # sign 1: the bar is dark
    if top < 2 or bottom + 3 > gray.shape[0]:
        return None
    ink = sign * gray[top : bottom + 1].mean(axis=0)
    beside = sign * gray[[top - 2, bottom + 2]].astype(np.float64)
    first, last = max(upper.x0, lower.x0), min(upper.x1, lower.x1)
    contrast = float(np.median((beside.mean(axis=0) - ink)[first : last + 1]))
    level = float(np.median(ink[first : last + 1]))
    if contrast < 15:
        return None
    inked = ink < level + 0.5 * contrast
    clear = inked & (beside.min(axis=0) - ink > 0.5 * contrast)
    seen = np.flatnonzero(clear[first : last + 1])
    if not len(seen):
        return None
    left, right = _end(inked, clear, first + int(seen[0]), -1), _end(inked, clear, first + int(seen[-1]), 1)
    if left is None or right is None:
        return None
    (x0, left_px), (x1, right_px) = left, right
    # What is not clear at an end is a tick: as wide as the bar is thick, or like that at the other end.
    if max(left_px, right_px) > bottom - top + 2 and abs(left_px - right_px) > 1:
        return None
    if x1 - x0 + 1 < SHORTEST_BAR_PX:
        return None
    ticks = (
        _tick_px(gray, x0, 1, top, bottom, sign, level + 0.5 * contrast),
        _tick_px(gray, x1, -1, top, bottom, sign, level + 0.5 * contrast),
    )
    length = x1 - x0 + 1 - (sum(ticks) / 2 if min(ticks) > 0 else 0)
    return _Bar(x0, x1, top, bottom, length)


def _end(inked: NDArray[np.bool_], clear: NDArray[np.bool_], start: int, step: int) -> tuple[int, int] | None:
    """Last inked column from `start` on and how many before it are not clear.

    None where a hair or the photo's edge hides the end.
    """
    x, last_clear = start, start
    while 0 <= x + step < len(inked) and inked[x + step]:
        x += step
        if clear[x]:
            last_clear = x
    unclear_px = abs(x - last_clear)
    return None if x in (0, len(inked) - 1) or unclear_px > WIDEST_TICK_PX else (x, unclear_px)


def _tick_px(
    gray: NDArray[np.uint8], end: int, inwards: int, top: int, bottom: int, sign: int, level: float
) -> int:
    """Width of the tick at an end of the bar; 0 where there is none."""
    reach = 3 + (bottom - top + 1) // 2
    widths = []
    for rows in (slice(max(top - 1 - reach, 0), top - 1), slice(bottom + 2, bottom + 2 + reach)):
        columns = gray[rows, max(end - 12, 0) : end + 13]
        if columns.shape[0] < 3 or columns.shape[1] < 25:
            continue
        dark = np.asarray((sign * columns.astype(np.float64) < level).all(axis=0))[12::inwards]
        width = int(np.argmin(dark)) if not dark.all() else 0
        widths.append(width if width <= WIDEST_TICK_PX else 0)
    return max(widths, default=0)


def _labels_near(gray: NDArray[np.uint8], bar: _Bar) -> list[Label]:
    """Labels beside, above or below a bar, in px of the photo, the surest first."""
    larger = max(1.0, gray.shape[0] / 1024)
    margin_x, margin_y = int(150 * larger), int(80 * larger)
    x, y = max(bar.x0 - margin_x, 0), max(bar.top - margin_y, 0)
    region = gray[y : bar.bottom + margin_y, x : bar.x1 + margin_x]
    near = []
    for label in read_labels(region):
        place = label._replace(x0=label.x0 + x, x1=label.x1 + x, y0=label.y0 + y, y1=label.y1 + y)
        if _belongs(place, bar):
            near.append(place)
    return near


def _belongs(label: Label, bar: _Bar) -> bool:
    height = label.y1 - label.y0
    row = (bar.top + bar.bottom) / 2
    if label.y0 - height / 4 <= row <= label.y1 + height / 4:
        return 0 <= label.x0 - bar.x1 <= 3 * height or 0 <= bar.x0 - label.x1 <= 3 * height
    over = bar.x0 - height <= (label.x0 + label.x1) / 2 <= bar.x1 + height
    return over and max(bar.top - label.y1, label.y0 - bar.bottom) <= 3 * height
