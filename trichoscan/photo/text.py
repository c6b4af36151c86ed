"""Finds text that is burnt into a photo without a box: rows of glyphs of one height on one line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.photo.channels import brightest_channel, darkest_channel
from trichoscan.photo.shrink import shrunk

Mask = NDArray[np.bool_]

WORK_AREA_PX = 8_000_000
"""Larger photos are searched on a copy of this size: text that people can read there survives it."""
STROKE_PX = 15
"""Widest stroke of a letter on the copy."""
CONTRASTS = (36, 72)
"""Steps of grey or colour by which ink stands out from its surroundings; glyphs run together at the lower
one where the ground is uneven, and break up at the higher one where it is faint."""
HEIGHT_PX = (7, 90)
FEWEST_GLYPHS = 4
"""Side by side: three hairs in a row happen, four of one height and level do not."""
FEWEST_BENT = 2
"""Of these, glyphs that are no straight stroke, as hairs are."""
STRAIGHT_SOLIDITY = 0.72
"""Share of its convex hull that a straight stroke fills at least; letters with bows and corners fill less."""
WIDEST_GLYPH = 1.5
"""Width over height."""
WIDEST_GAP = 2.4
"""Between glyphs of one height, in heights: a space, or two letters of another height."""
WIDEST_SPACE = 1.1
"""Between a line and what else belongs to it, in heights."""
EDGE_SHARE = 0.45
"""Of the whole step at the ink's border, what lies between two neighbouring pixels: drawn text 0.5-1, hair
through a lens 0.1-0.4."""
COLOUR_EDGE_SHARE = 0.2
"""The same of colour, of which JPEG keeps every other pixel."""


class _Glyphs(NamedTuple):
    """K pieces of ink: bounds (ends exclusive) and whether each is bent; (K,) each."""

    x0: NDArray[np.int64]
    y0: NDArray[np.int64]
    x1: NDArray[np.int64]
    y1: NDArray[np.int64]
    bent: Mask


def text_mask(pixels: NDArray[np.uint8]) -> Mask:
    """Mark text that stands on the scalp itself.

    Ink is sought by its contrast (light and dark) and by its colour, in pieces as tall as letters with edges
    that no lens makes. At least four pieces side by side whose tops and feet lie on two common rows are a
    line of text; what touches the line left and right belongs to it.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        RGB.

    Returns
    -------
    (H, W) bool
        True in the lines' rectangles.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, (WORK_AREA_PX / (height * width)) ** 0.5)
    mask = np.zeros((height, width), np.bool_)
    for x0, y0, x1, y1 in _lines(shrunk(pixels, scale)):
        pad = 2 + (y1 - y0) // 3
        left, top, right, bottom = ((v / scale) for v in (x0 - pad, y0 - pad, x1 + pad, y1 + pad))
        mask[max(int(top), 0) : int(bottom) + 1, max(int(left), 0) : int(right) + 1] = True
    return mask


def _lines(pixels: NDArray[np.uint8]) -> Iterator[tuple[int, int, int, int]]:
    gray = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    colour = brightest_channel(pixels) - darkest_channel(pixels)
    kernel = np.ones((STROKE_PX, STROKE_PX), np.uint8)
    for values, kind, edge_share in (
        (gray, cv2.MORPH_TOPHAT, EDGE_SHARE),
        (gray, cv2.MORPH_BLACKHAT, EDGE_SHARE),
        (colour, cv2.MORPH_TOPHAT, COLOUR_EDGE_SHARE),
    ):
        strokes = cv2.morphologyEx(values, kind, kernel)
        for contrast in CONTRASTS:
            ink = (strokes >= contrast).astype(np.uint8)
            yield from _rows(_glyphs(ink, values, edge_share))


def _glyphs(ink: NDArray[np.uint8], values: NDArray[np.uint8], edge_share: float) -> _Glyphs:
    """Pieces of ink as tall as letters and crisp."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    x, y, w, h, area = stats.T.astype(np.int64)
    low, high = HEIGHT_PX
    fits = (h >= low) & (h <= high) & (w <= WIDEST_GLYPH * h) & (area >= 0.06 * w * h) & (area >= h)
    fits[0] = False
    chosen = [
        k for k in np.flatnonzero(fits).tolist() if _edge_share(labels, values, k, stats[k]) >= edge_share
    ]
    bent = np.array([_is_bent(labels, k, stats[k]) for k in chosen], np.bool_)
    return _Glyphs(x[chosen], y[chosen], (x + w)[chosen], (y + h)[chosen], bent)


def _cut(array: NDArray[np.generic], box: NDArray[np.int32], margin: int) -> NDArray[np.generic]:
    x, y, w, h = box[:4].tolist()
    return array[max(y - margin, 0) : y + h + margin, max(x - margin, 0) : x + w + margin]


def _edge_share(
    labels: NDArray[np.int32], values: NDArray[np.uint8], label: int, box: NDArray[np.int32]
) -> float:
    """Of the step from ground to ink, what lies between two pixels in most rows."""
    near = _cut(values, box, 4).astype(np.int16)
    own = _cut(labels, box, 4) == label
    inside = near[own]
    around = near[cv2.dilate(own.astype(np.uint8), np.ones((9, 9), np.uint8)) == 0]
    if not len(around) or not len(inside):
        return 0.0
    ground, full = float(np.median(around)), 80 if inside.mean() > around.mean() else 20
    whole = max(abs(ground - float(np.percentile(inside, full))), 1.0)
    steps = np.abs(np.diff(near, axis=1)).max(axis=1)[4:-4]
    return float(np.median(steps)) / whole if len(steps) else 0.0


def _is_bent(labels: NDArray[np.int32], label: int, box: NDArray[np.int32]) -> bool:
    own = (_cut(labels, box, 1) == label).astype(np.uint8)
    points = np.argwhere(own)[:, ::-1].astype(np.int32)
    # The hull of pixels, not of their centres: half a pixel more on each side.
    corners = points[:, None] + np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.int32)
    hull = cv2.convexHull(corners.reshape(-1, 2))
    return float(own.sum()) < STRAIGHT_SOLIDITY * float(cv2.contourArea(hull))


def _rows(glyphs: _Glyphs) -> Iterator[tuple[int, int, int, int]]:
    """Bounds of each line of text."""
    order = np.argsort(glyphs.x0, kind="stable")
    used: set[int] = set()
    for first in order.tolist():
        if first in used:
            continue
        line = _line_from(first, order, glyphs)
        bent = int(glyphs.bent[line].sum())
        if len(line) < FEWEST_GLYPHS or bent < FEWEST_BENT:
            continue
        used.update(line)
        yield _grown(line, glyphs)


def _line_from(first: int, order: NDArray[np.intp], glyphs: _Glyphs) -> list[int]:
    """Glyphs to the right of `first` with its top and foot, none farther from the last than a gap."""
    top, foot = int(glyphs.y0[first]), int(glyphs.y1[first])
    slack = 1 + (foot - top) // 16
    level = (np.abs(glyphs.y0[order] - top) <= slack) & (np.abs(glyphs.y1[order] - foot) <= slack)
    line = [first]
    for other in order[level].tolist():
        gap = glyphs.x0[other] - glyphs.x1[line[-1]]
        if glyphs.x0[other] > glyphs.x0[line[-1]] and gap >= -1:
            if gap > WIDEST_GAP * (foot - top):
                break
            line.append(other)
    return line


def _grown(line: list[int], glyphs: _Glyphs) -> tuple[int, int, int, int]:
    """Bounds of a line with the letters of other heights, such as g and i, that stand in and beside it."""
    x0, x1 = int(glyphs.x0[line].min()), int(glyphs.x1[line].max())
    y0, y1 = int(glyphs.y0[line].min()), int(glyphs.y1[line].max())
    tall = y1 - y0
    near = (glyphs.y0 >= y0 - 0.5 * tall) & (glyphs.y1 <= y1 + 0.5 * tall)
    near &= glyphs.y1 - glyphs.y0 >= 0.4 * tall
    for _ in range(len(line)):
        touch = near & (glyphs.x1 >= x0 - WIDEST_SPACE * tall) & (glyphs.x0 <= x1 + WIDEST_SPACE * tall)
        left, right = int(glyphs.x0[touch].min()), int(glyphs.x1[touch].max())
        if (left, right) == (min(x0, left), max(x1, right)) == (x0, x1):
            break
        x0, x1 = min(x0, left), max(x1, right)
    touch = near & (glyphs.x0 >= x0) & (glyphs.x1 <= x1)
    return x0, min(y0, int(glyphs.y0[touch].min())), x1, max(y1, int(glyphs.y1[touch].max()))
