"""Pieces of ink that may be burnt into a photo: text and ticks are sought among them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.photo.channels import brightest_channel, darkest_channel

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1; ends exclusive."""
STROKE_PX = 15
"""Widest stroke of a letter."""
CONTRASTS = (36, 72)
"""Steps of grey or colour by which ink stands out from its surroundings; glyphs run together at the lower
one where the ground is uneven, and break up at the higher one where it is faint."""
STROKE_CONTRASTS = (18, *CONTRASTS)
"""The same for upright strokes: a row of even ones tells more than their darkness."""
EDGE_SHARE = 0.45
"""Of the whole step at the ink's border, what lies between two neighbouring pixels: drawn text 0.5-1, hair
through a lens 0.1-0.4."""
COLOUR_EDGE_SHARE = 0.2
"""The same of colour, of which JPEG keeps every other pixel."""


@dataclass(frozen=True, eq=False)
class Ink:
    """Pieces that stand out from their surroundings in one way.

    Attributes
    ----------
    values : (H, W) uint8
        Grey or colour.
    labels : (H, W) int32
        Number of the piece, 0 for none.
    x, y, w, h, area : (K,) int64
        Bounds and size of each piece; the first is the ground.
    edge_share : float
        Of its whole step, what a piece that no lens made shows between two neighbouring pixels at least.
    """

    values: NDArray[np.uint8]
    labels: NDArray[np.int32]
    x: NDArray[np.int64]
    y: NDArray[np.int64]
    w: NDArray[np.int64]
    h: NDArray[np.int64]
    area: NDArray[np.int64]
    edge_share: float

    def cut(self, piece: int, margin: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Values about a piece, and where it lies among them."""
        rows = slice(max(self.y[piece] - margin, 0), self.y[piece] + self.h[piece] + margin)
        columns = slice(max(self.x[piece] - margin, 0), self.x[piece] + self.w[piece] + margin)
        return self.values[rows, columns], self.labels[rows, columns] == piece

    def _around(self, piece: int, margin: int) -> NDArray[np.uint8]:
        """Values so near to the bounds of a piece, but not to itself."""
        values, own = self.cut(piece, margin)
        return values[cv2.dilate(own.astype(np.uint8), np.ones((9, 9), np.uint8)) == 0]

    def is_crisp(self, piece: int) -> bool:
        """Whether a piece has upright edges that no lens makes."""
        values, own = self.cut(piece, 4)
        near = values.astype(np.int16)
        inside = near[own]
        around = self._around(piece, 4)
        if not len(around):  # a stroke that fills its bounds
            around = self._around(piece, 8)
        if not len(around) or near.shape[1] < 2:
            return False
        ground, full = float(np.median(around)), 80 if inside.mean() > around.mean() else 20
        whole = max(abs(ground - float(np.percentile(inside, full))), 1.0)
        steps = np.abs(np.diff(near, axis=1)).max(axis=1)[4:-4]
        return len(steps) > 0 and float(np.median(steps)) / whole >= self.edge_share


def inks(pixels: NDArray[np.uint8]) -> Iterator[Ink]:
    """Find light, dark and coloured ink, each at two contrasts.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        RGB.

    Yields
    ------
    Ink
    """
    gray = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    colour = brightest_channel(pixels) - darkest_channel(pixels)
    kernel = np.ones((STROKE_PX, STROKE_PX), np.uint8)
    yield from _pieces(gray, cv2.MORPH_TOPHAT, kernel, CONTRASTS, EDGE_SHARE)
    yield from _pieces(gray, cv2.MORPH_BLACKHAT, kernel, CONTRASTS, EDGE_SHARE)
    yield from _pieces(colour, cv2.MORPH_TOPHAT, kernel, CONTRASTS, COLOUR_EDGE_SHARE)


def upright_strokes(gray: NDArray[np.uint8]) -> Iterator[Ink]:
    """Find light and dark ink that is narrow from left to right, each at three contrasts.

    A line that lies is no part of it: the teeth of a comb are pieces of their own.

    Parameters
    ----------
    gray : (H, W) uint8

    Yields
    ------
    Ink
    """
    kernel = np.ones((1, STROKE_PX), np.uint8)
    yield from _pieces(gray, cv2.MORPH_TOPHAT, kernel, STROKE_CONTRASTS, EDGE_SHARE)
    yield from _pieces(gray, cv2.MORPH_BLACKHAT, kernel, STROKE_CONTRASTS, EDGE_SHARE)


def _pieces(
    values: NDArray[np.uint8],
    kind: int,
    kernel: NDArray[np.uint8],
    contrasts: tuple[int, ...],
    edge_share: float,
) -> Iterator[Ink]:
    strokes = cv2.morphologyEx(values, kind, kernel)
    for contrast in contrasts:
        stands_out = (strokes >= contrast).astype(np.uint8)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(stands_out, connectivity=8)
        x, y, w, h, area = stats.T.astype(np.int64)
        yield Ink(values, np.asarray(labels, np.int32), x, y, w, h, area, edge_share)
