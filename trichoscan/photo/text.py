"""Finds text that is burnt into a photo without a box: rows of glyphs of one height on one line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.photo.ink import Box, Ink

Mask = NDArray[np.bool_]

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


class _Glyphs(NamedTuple):
    """K pieces of ink: bounds (ends exclusive) and whether each is bent; (K,) each."""

    x0: NDArray[np.int64]
    y0: NDArray[np.int64]
    x1: NDArray[np.int64]
    y1: NDArray[np.int64]
    bent: Mask


def text_boxes(ink: Ink) -> Iterator[Box]:
    """Bounds of each line of text that stands on the scalp itself.

    At least four crisp pieces as tall as letters, side by side, whose tops and feet lie on two common rows
    are a line of text; what touches the line left and right belongs to it.
    """
    yield from _rows(_glyphs(ink))


def _glyphs(ink: Ink) -> _Glyphs:
    """Pieces of ink as tall as letters and crisp."""
    low, high = HEIGHT_PX
    fits = (ink.h >= low) & (ink.h <= high) & (ink.w <= WIDEST_GLYPH * ink.h)
    fits &= (ink.area >= 0.06 * ink.w * ink.h) & (ink.area >= ink.h)
    fits[0] = False
    chosen = [k for k in np.flatnonzero(fits).tolist() if ink.is_crisp(k)]
    bent = np.array([_is_bent(ink, k) for k in chosen], np.bool_)
    return _Glyphs(ink.x[chosen], ink.y[chosen], (ink.x + ink.w)[chosen], (ink.y + ink.h)[chosen], bent)


def _is_bent(ink: Ink, piece: int) -> bool:
    _, own = ink.cut(piece, 1)
    points = np.argwhere(own)[:, ::-1].astype(np.int32)
    # The hull of pixels, not of their centres: half a pixel more on each side.
    corners = points[:, None] + np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.int32)
    hull = cv2.convexHull(corners.reshape(-1, 2))
    return float(own.sum()) < STRAIGHT_SOLIDITY * float(cv2.contourArea(hull))


def _rows(glyphs: _Glyphs) -> Iterator[Box]:
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


def _grown(line: list[int], glyphs: _Glyphs) -> Box:
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
