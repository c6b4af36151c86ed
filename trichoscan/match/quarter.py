"""A photo turned by quarters: a camera held upright at one visit and on its side at the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trichoscan.records import Alignment, Analysis, Hair

Floats = NDArray[np.float64]


def turned(analysis: Analysis, quarters: int) -> Analysis:
    """The analysis as of its photo turned by quarters against the clock, as `np.rot90` turns pixels."""
    linear, shift = _turn(analysis.counting_mask.shape, quarters)
    quality = replace(
        analysis.quality,
        usable_mask=np.ascontiguousarray(np.rot90(analysis.quality.usable_mask, quarters)),
    )
    return replace(
        analysis,
        hairs=_moved(analysis.hairs, linear, shift),
        doubtful=_moved(analysis.doubtful, linear, shift),
        counting_mask=np.ascontiguousarray(np.rot90(analysis.counting_mask, quarters)),
        quality=quality,
    )


def _moved(hairs: Sequence[Hair], linear: Floats, shift: Floats) -> tuple[Hair, ...]:
    return tuple(replace(hair, path_px=hair.path_px @ linear.T + shift) for hair in hairs)


def turned_back(alignment: Alignment, shape: tuple[int, ...], quarters: int) -> Alignment:
    """An alignment onto the turned photo as one onto the photo (H, W) itself."""
    linear, shift = _turn(shape, quarters)
    back = linear.T
    similarity = np.column_stack(
        [back @ alignment.similarity[:, :2], back @ (alignment.similarity[:, 2] - shift)]
    )
    return replace(alignment, similarity=similarity, displacement_px=alignment.displacement_px @ linear)


def _turn(shape: tuple[int, ...], quarters: int) -> tuple[Floats, Floats]:
    """Turn (2, 2) and shift (2,) of points (x, y) when a photo (H, W) is turned by quarters."""
    linear, shift = np.eye(2), np.zeros(2)
    height, width = shape[:2]
    for _ in range(quarters % 4):
        once = np.array([[0.0, 1.0], [-1.0, 0.0]])
        linear, shift = once @ linear, once @ shift + [0.0, width - 1.0]
        height, width = width, height
    return linear, shift
