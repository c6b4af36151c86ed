"""Map cells: points and courses upon them, and their place in the photo."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

CELL_PX = 2
"""Working px per map cell."""
BORDER_CELLS = 6.0
"""A shaft that comes this close to what is not usable is cut by it."""


def to_px(cells: NDArray[np.float64], px_per_cell: float) -> NDArray[np.float64]:
    """Map cells to photo px; see `Segmentation.px_per_cell`."""
    return (cells + 0.5) * px_per_cell - 0.5


def usable(at: NDArray[np.float64], usable_mask: NDArray[np.bool_], px_per_cell: float) -> NDArray[np.bool_]:
    """(K,) whether each point, (K, 2) cells, lies in the photo and in its usable mask."""
    height, width = usable_mask.shape
    px = np.round(to_px(at, px_per_cell)).astype(int)
    inside = (px >= 0).all(1) & (px < [width, height]).all(1)
    x, y = np.clip(px[:, 0], 0, width - 1), np.clip(px[:, 1], 0, height - 1)
    return np.asarray(inside & usable_mask[y, x], bool)


def leads_out(
    paths: Sequence[NDArray[np.float64]], usable_mask: NDArray[np.bool_], px_per_cell: float
) -> list[bool]:
    """Whether going on from each path's end, cells, soon leads out of what is usable."""
    cut = []
    for path in paths:
        end = path[-1] - path[max(len(path) - 6, 0)]
        beyond = path[-1] + BORDER_CELLS * end / max(float(np.hypot(*end)), 1e-9)
        cut.append(not bool(usable(beyond[None], usable_mask, px_per_cell)[0]))
    return cut


def respaced(path: NDArray[np.float64], spacing: float) -> NDArray[np.float64]:
    """The same course with points about `spacing` apart, at least 2, ends kept."""
    along = np.concatenate([[0.0], np.hypot(*np.diff(path, axis=0).T).cumsum()])
    at = np.linspace(0, along[-1], max(round(along[-1] / spacing), 1) + 1)
    return np.stack([np.interp(at, along, path[:, 0]), np.interp(at, along, path[:, 1])], -1)


def unit(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 2) unit vectors of directions, rad."""
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def unlike(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angle, rad, 0 to pi / 2, between orientations: a shaft and the same shaft turned round are alike."""
    return np.abs((a - b + np.pi / 2) % np.pi - np.pi / 2)


def ahead_and_aside(
    step: NDArray[np.float64], direction: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(L,) how far steps, (L, 2), lead along directions, (L,) rad, and how far aside of them."""
    way = unit(direction)
    return (step * way).sum(1), np.abs(way[:, 0] * step[:, 1] - way[:, 1] * step[:, 0])
