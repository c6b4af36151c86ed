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
TICK_PX = 8
"""Height over which a tick must be seen."""
WIDEST_DOUBT_PX = 2
"""Without a tick, so many columns may be hidden by hair where a bar ends: 1 % of a bar of 200 px."""
SCRAP_SHARE = 1 / 3
LEAST_CONTRAST = 15
"""Grey levels between a bar and what lies beside it."""
LINE_SD, SUREST = 4.0, 4.0
"""Grey levels by which a drawn line and a photo vary after JPEG; most that one column may tell."""
_MOST_CANDIDATES = 40

Floats = NDArray[np.float64]


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
    # Bars come longest first: a scrap by the label, such as its box's edge, is no rival of a real bar.
    best = max(found, key=lambda item: item[0])[1]
    found = [item for item in found if not _scrap_of(item[1], best)]
    if any(abs(bar.um_per_px / best.um_per_px - 1) > 0.03 for _, bar in found):
        return None
    return best


def _scrap_of(bar: ScaleBar, best: ScaleBar) -> bool:
    """Whether a far shorter line claims the label of another bar."""
    same = bar.label_box == best.label_box
    return same and bar.x1_px - bar.x0_px < SCRAP_SHARE * (best.x1_px - best.x0_px)


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
    beside = sign * gray[[top - 2, top - 1, bottom + 1, bottom + 2]].astype(np.float64)
    first, last = max(upper.x0, lower.x0), min(upper.x1, lower.x1)
    contrast = float(np.median((beside[[0, 3]].mean(axis=0) - ink)[first : last + 1]))
    level = float(np.median(ink[first : last + 1]))
    if contrast < LEAST_CONTRAST:
        return None
    drawn = _evidence(ink, beside, level)
    middle = first + int(np.argmax(np.convolve(drawn[first : last + 1], np.ones(9), "same")))
    ends, ticks = [], []
    for step in (-1, 1):
        end = _end(drawn, middle, step)
        if end is None:
            return None
        inner, outer = end
        wide, x = _tick(gray, sign, inner, outer, step, (top, bottom), level, contrast)
        if not wide and (abs(outer - inner) > WIDEST_DOUBT_PX or _cut_off(beside, inner, step, contrast)):
            return None
        ends.append(x)
        ticks.append(wide)
    x0, x1 = ends
    if x1 - x0 + 1 < SHORTEST_BAR_PX:
        return None
    length = x1 - x0 + 1 - (sum(ticks) / 2 if min(ticks) > 0 else 0)
    return _Bar(x0, x1, top, bottom, length)


def _evidence(ink: Floats, beside: Floats, level: float) -> Floats:
    """(W,) log likelihood ratio of drawn line to skin or hair at each column, within +-`SUREST`.

    A drawn line is of one level; what was photographed is like what lies above and below it. Both hold,
    and nothing is known, where a hair as dark as the line crosses it.
    """
    off_line = np.abs(ink - level)
    off_photo = np.maximum(np.maximum(beside.min(axis=0) - ink, ink - beside.max(axis=0)), 0)
    return np.clip((off_photo**2 - off_line**2) / (2 * LINE_SD**2), -SUREST, SUREST)


def _end(drawn: Floats, start: int, step: int) -> tuple[int, int] | None:
    """Last column that is surely the line's, and the last that may be; None where no end is seen."""
    way = drawn[start::step]
    total = np.cumsum(way)
    peak = np.maximum.accumulate(total)
    over = np.flatnonzero(total < peak - 3 * SUREST)
    if not len(over):
        return None
    total = total[: over[0]]
    inner = int(np.flatnonzero(total >= total.max() - 0.1)[0])
    after = np.flatnonzero(way[inner + 1 :] < -1.0)
    return (start + step * inner, start + step * (inner + int(after[0]))) if len(after) else None


def _cut_off(beside: Floats, end: int, step: int, contrast: float) -> bool:
    """Whether the picture steps just where the line ends, above and below it: something is drawn over it."""
    last = beside.shape[1] - 1
    inside, beyond = (beside[:, min(max(x, 0), last)] for x in (end, end + step))
    return bool((np.abs(beyond - inside) > 0.5 * contrast).all())


def _tick(
    gray: NDArray[np.uint8],
    sign: int,
    inner: int,
    outer: int,
    step: int,
    rows: tuple[int, int],
    level: float,
    contrast: float,
) -> tuple[int, int]:
    """Width of the tick at an end, 0 where there is none, and the bar's last column.

    The tick's outer side lies at the last column that is surely the bar's, or in those that may be.
    """
    top, bottom = rows
    columns = np.arange(inner - step * WIDEST_TICK_PX, outer + 2 * step, step)
    columns = columns[(columns >= 2) & (columns < gray.shape[1] - 2)]
    for part in (gray[max(top - 2 - TICK_PX, 0) : top - 2], gray[bottom + 3 : bottom + 3 + TICK_PX]):
        if part.shape[0] < TICK_PX:
            continue
        lane = sign * part.astype(np.float64)
        alike = (np.abs(lane[:, columns] - level) < max(3 * LINE_SD, 0.25 * contrast)).mean(axis=0) > 0.8
        seen = np.flatnonzero(alike)
        for run in np.split(seen, np.flatnonzero(np.diff(seen) > 1) + 1) if len(seen) else []:
            last = int(columns[run[-1]])
            beside = lane[:, [columns[run[0]] - 2 * step, last + 2 * step]]
            stands_out = np.abs(beside - lane[:, [last]]).mean(axis=0).max() > 2 * LINE_SD
            if len(run) <= bottom - top + 3 and stands_out and (last - inner) * step >= -1:
                return len(run), max(last, inner) if step > 0 else min(last, inner)
    return 0, inner


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
