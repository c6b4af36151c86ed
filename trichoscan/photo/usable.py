"""Tells scalp from what is not: the surround of a round aperture, borders, burnt-in boxes and bars."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.photo.channels import brightest_channel
from trichoscan.photo.drawn import RUN_PX, EdgeRun, edge_runs
from trichoscan.photo.scale_bar import ScaleBar, find_scale_bar
from trichoscan.photo.shrink import shrunk
from trichoscan.photo.writing import writing_mask

Mask = NDArray[np.bool_]

WORK_PX = 640
"""Longest side of the copy on which the dark surround is sought."""
BLACK = 28
"""Brightest channel of a surround; lit scalp lies above 60 and black hair in the light mostly above."""
WIDEST_HAIR_SHARE = 1 / 24
"""Of the longest side: a dark corner this wide is no hair, even close up (data/other: up to 1/40)."""
FLAT_STEP = 3.0
"""Mean difference of neighbouring pixels along a border's row; drawn grey with JPEG noise is below 1."""
FLAT_RANGE = 10.0
"""Grey levels between the 2nd and 98th percentile of a border's row; scalp with its light is above 20."""
WIDEST_BORDER_SHARE = 0.2
"""Of a side; a wider flat area is a picture of nothing, not a border."""
BOX_HEIGHT_PX = (9, 200)
SIDE_SHARE = 0.6
"""Share of a box's sides along which the edge must be seen."""
CRISP_SHARE = 0.7
"""Of the step over six rows, that between the middle two; hair on data/fdu stays below 0.5."""
OPAQUE_NOISE = 4.0
"""Median deviation of an opaque box from its grey after JPEG."""
BOX_MARGIN_PX = 2
BAR_MARGIN_PX = 3


def surround_mask(pixels: NDArray[np.uint8]) -> Mask:
    """Black that fills a corner or a border of the photo and is wider than any hair.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        RGB.

    Returns
    -------
    (H, W) bool
        True in the surround.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, WORK_PX / max(height, width))
    small = shrunk(pixels, scale)
    black = (brightest_channel(small) <= BLACK).astype(np.uint8)
    radius = max(4, round(max(small.shape[:2]) * WIDEST_HAIR_SHARE / 2))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disk = (np.hypot(x, y) <= radius).astype(np.uint8)  # OpenCV's own ellipse changes when transposed
    # Beyond the photo counts as light, so that a hair that leaves through a corner does not seem wide.
    padded = np.pad(black, radius)
    wide = cv2.morphologyEx(padded, cv2.MORPH_OPEN, disk)[radius:-radius, radius:-radius]
    reach = radius // 2  # how far the tip of a square corner lies beyond the disk that fits in it
    wide_to_corner = cv2.dilate(wide, np.ones((2 * reach + 1,) * 2, np.uint8)) & black
    count, parts = cv2.connectedComponents(wide_to_corner, connectivity=4)
    corners = {int(parts[y, x]) for y in (0, -1) for x in (0, -1)} - {0}
    if count < 2 or not corners:
        return np.zeros((height, width), np.bool_)
    seed = np.isin(parts, list(corners)).astype(np.uint8)
    found = cv2.dilate(seed, np.ones((2 * reach + 1,) * 2, np.uint8)) & black
    if scale < 1:
        found = cv2.resize(found, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(found > 0)


def border_mask(gray: NDArray[np.uint8]) -> Mask:
    """Flat strips along the photo's edges, as letterboxes and status bars leave them.

    Parameters
    ----------
    gray : (H, W) uint8

    Returns
    -------
    (H, W) bool
        True in the strips.
    """
    mask = np.zeros(gray.shape, np.bool_)
    for view, lines in (
        (mask, gray),
        (mask[::-1], gray[::-1]),
        (mask.T, gray.T),
        (mask.T[::-1], gray.T[::-1]),
    ):
        most = int(lines.shape[0] * WIDEST_BORDER_SHARE)
        depth = 0
        while depth < most and _is_flat(lines[depth]):
            depth += 1
        if 2 <= depth < most:
            view[: depth + 1] = True
    return mask


def _is_flat(line: NDArray[np.uint8]) -> bool:
    low, high = np.percentile(line, (2, 98))
    if high - low > FLAT_RANGE:
        return False
    return float(np.abs(np.diff(line.astype(np.int16))).mean()) <= FLAT_STEP


def box_mask(gray: NDArray[np.uint8]) -> Mask:
    """Drawn rectangles, opaque or see-through: banners and boxes of text.

    A rectangle has an upper and a lower edge, exactly along rows, over the same columns, and at
    least one side exactly along a column; at most one of its four sides may lie on the photo's edge.

    Parameters
    ----------
    gray : (H, W) uint8

    Returns
    -------
    (H, W) bool
        True in the boxes.
    """
    mask = np.zeros(gray.shape, np.bool_)
    for x0, y0, x1, y1 in _boxes(gray):
        mask[
            max(y0 - BOX_MARGIN_PX, 0) : y1 + BOX_MARGIN_PX, max(x0 - BOX_MARGIN_PX, 0) : x1 + BOX_MARGIN_PX
        ] = True
    return mask


def _boxes(gray: NDArray[np.uint8]) -> Iterator[tuple[int, int, int, int]]:
    """x0, y0, x1, y1 of each box, the end exclusive."""
    height = gray.shape[0]
    runs = [run for run in edge_runs(gray) if _is_crisp(gray, run)]
    for index, upper in enumerate(runs):
        for lower in runs[index + 1 :]:
            if lower.y - upper.y > BOX_HEIGHT_PX[1]:
                break
            if lower.sign == upper.sign or lower.y - upper.y < BOX_HEIGHT_PX[0]:
                continue
            x0, x1 = min(upper.x0, lower.x0), max(upper.x1, lower.x1)
            both = min(upper.x1, lower.x1) - max(upper.x0, lower.x0)
            if both >= 0.8 * (x1 - x0) and _has_sides(gray, upper, lower, x0, x1):
                yield x0, upper.y + 1, x1 + 1, lower.y + 1
            elif both >= RUN_PX:
                span = _opaque_span(gray, upper, lower)
                if span is not None:
                    yield span[0], upper.y + 1, span[1] + 1, lower.y + 1
    for run in runs:  # boxes that start at the top of the photo, or end at its foot
        if run.y < 40 and _has_sides(gray, EdgeRun(-1, run.x0, run.x1, -run.sign), run, run.x0, run.x1):
            yield run.x0, 0, run.x1 + 1, run.y + 1
        foot = EdgeRun(height - 1, run.x0, run.x1, -run.sign)
        if height - run.y < 40 and _has_sides(gray, run, foot, run.x0, run.x1):
            yield run.x0, run.y + 1, run.x1 + 1, height


def _opaque_span(gray: NDArray[np.uint8], upper: EdgeRun, lower: EdgeRun) -> tuple[int, int] | None:
    """First and last column of an opaque box part of whose edges lies over dark hair and is not seen.

    Its rows next to one edge or the other, which text leaves free, are of one grey.
    """
    rows = gray[[upper.y + 1, upper.y + 2, lower.y - 1, lower.y]].astype(np.int16)
    first, last = max(upper.x0, lower.x0), min(upper.x1, lower.x1)
    known = rows[:, first : last + 1]
    grey = float(np.median(known))
    if float(np.median(np.abs(known - grey))) > OPAQUE_NOISE:
        return None
    near = np.abs(rows - grey) <= 5 * OPAQUE_NOISE
    flat = np.pad((near[:2].all(axis=0) | near[2:].all(axis=0)).astype(np.uint8), 9)[None]
    flat = cv2.morphologyEx(flat, cv2.MORPH_CLOSE, np.ones((1, 9), np.uint8))[0, 9:-9] > 0
    ends = np.flatnonzero(~flat)
    left, right = ends[ends < first], ends[ends > last]
    x0 = int(left[-1]) + 1 if len(left) else 0
    x1 = int(right[0]) - 1 if len(right) else gray.shape[1] - 1
    inside = gray[upper.y + 1 : lower.y + 1]
    stands = [max(_side_share(inside, x, sign) for sign in (1, -1)) >= SIDE_SHARE for x in (x0, x1 + 1)]
    return (x0, x1) if any(stands) else None


def _is_crisp(gray: NDArray[np.uint8], run: EdgeRun) -> bool:
    """Whether the whole step is between two rows; the edge of a hair, however level, takes three or more."""
    above, below = max(run.y - 2, 0), min(run.y + 3, gray.shape[0] - 1)
    rows = gray[[above, run.y, run.y + 1, below], run.x0 : run.x1 + 1].astype(np.int16)
    step, whole = run.sign * (rows[2] - rows[1]), run.sign * (rows[3] - rows[0])
    return float(np.median(step)) >= CRISP_SHARE * float(np.median(whole))


def _has_sides(gray: NDArray[np.uint8], upper: EdgeRun, lower: EdgeRun, x0: int, x1: int) -> bool:
    """Whether both sides stand, or one stands and the other is the photo's edge."""
    rows = slice(upper.y + 1, lower.y + 1)
    if rows.stop - rows.start < BOX_HEIGHT_PX[0]:
        return False
    sides = [_side_share(gray[rows], x, upper.sign * direction) for x, direction in ((x0, 1), (x1 + 1, -1))]
    at_edge = [x0 <= 1, x1 >= gray.shape[1] - 2]
    if all(at_edge):
        return True
    return all(share >= SIDE_SHARE or edge for share, edge in zip(sides, at_edge, strict=True))


def _side_share(rows: NDArray[np.uint8], x: int, sign: int) -> float:
    """Share of the rows with a step of the given sign near column x, from left to right."""
    left = max(x - 3, 0)
    near = rows[:, left : x + 3].astype(np.int16)
    if near.shape[1] < 3:
        return 0.0
    steps = sign * np.diff(near, axis=1) >= 9
    return float(steps.mean(axis=0).max(initial=0.0))


def bar_mask(pixels: NDArray[np.uint8], bar: ScaleBar) -> Mask:
    """Mark a scale bar, its label, and an upright line that starts at one of its ends.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        RGB.
    bar : ScaleBar
        Of this photo.

    Returns
    -------
    (H, W) bool
        True on the bar and its label.
    """
    mask = np.zeros(pixels.shape[:2], np.bool_)
    x0, y0, x1, y1 = bar.label_box
    pad = max(4, (y1 - y0) // 3)
    mask[max(y0 - pad, 0) : y1 + pad, max(x0 - pad, 0) : x1 + pad] = True
    half = bar.thickness_px / 2 + BAR_MARGIN_PX
    left, right = max(round(bar.x0_px - half), 0), round(bar.x1_px + half) + 1
    mask[max(round(bar.y_px - half), 0) : round(bar.y_px + half) + 1, left:right] = True
    for x in (bar.x0_px, bar.x1_px):
        first, last = max(round(x) - 12, 0), round(x) + 13
        columns = cv2.cvtColor(np.ascontiguousarray(pixels[:, first:last]), cv2.COLOR_RGB2GRAY)
        for run in edge_runs(np.ascontiguousarray(columns.T)):
            if abs(first + run.y - x) <= 6 and run.x0 - 8 <= bar.y_px <= run.x1 + 8:
                mask[run.x0 : run.x1 + 1, max(first + run.y - 3, 0) : first + run.y + 5] = True
    return mask


def not_scalp(pixels: NDArray[np.uint8]) -> tuple[Mask, Mask]:
    """All that is not scalp.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        RGB.

    Returns
    -------
    surround : (H, W) bool
        Dark surround of an aperture.
    overlay : (H, W) bool
        Borders, boxes, bars, labels, text and rulers.
    """
    gray = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    overlay = border_mask(gray) | box_mask(gray) | writing_mask(pixels)
    bar = find_scale_bar(pixels)
    if bar is not None:
        overlay |= bar_mask(pixels, bar)
    return surround_mask(pixels), overlay
