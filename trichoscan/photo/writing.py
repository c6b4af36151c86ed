"""What is written on the scalp itself, without a box about it: lines of text, and the ticks of a ruler."""

from __future__ import annotations

from itertools import chain

import numpy as np
from numpy.typing import NDArray

from trichoscan.photo.ink import inks
from trichoscan.photo.shrink import shrunk
from trichoscan.photo.text import text_boxes
from trichoscan.photo.ticks import tick_boxes

WORK_AREA_PX = 8_000_000
"""Larger photos are searched on a copy of this size: text that people can read there survives it."""


def writing_mask(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Mark text that is burnt into the scalp itself, and the ticks of rulers, burnt in or lying on it.

    Ink is sought by its contrast (light and dark) and by its colour, in pieces with edges that no lens makes.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        RGB.

    Returns
    -------
    (H, W) bool
        True in the rectangles of lines of text and of rows of ticks with their numbers.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, (WORK_AREA_PX / (height * width)) ** 0.5)
    mask = np.zeros((height, width), np.bool_)
    small = shrunk(pixels, scale)
    lines = (box for ink in inks(small) for box in text_boxes(ink))
    for x0, y0, x1, y1 in chain(lines, tick_boxes(small)):
        pad = 2 + min(x1 - x0, y1 - y0) // 3
        left, top, right, bottom = ((v / scale) for v in (x0 - pad, y0 - pad, x1 + pad, y1 + pad))
        mask[max(int(top), 0) : int(bottom) + 1, max(int(left), 0) : int(right) + 1] = True
    return mask
