"""Edges that no lens makes: exactly along a row of pixels, as only a program draws them."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

EDGE_STEP = 9
"""Grey levels between two neighbouring rows; JPEG noise of skin stays below over a whole run."""
RUN_PX = 25
"""A hair at 2 degrees from the horizontal leaves its row after about 28 px; few lie so."""
GAP_PX = 64
"""A hair that crosses a drawn line hides up to this much of it."""


class EdgeRun(NamedTuple):
    """A straight edge between row `y` and row `y + 1`, columns `x0` to `x1` inclusive.

    `sign` is 1 where it is brighter below, -1 where it is darker.
    """

    y: int
    x0: int
    x1: int
    sign: int


def edge_runs(gray: NDArray[np.uint8]) -> list[EdgeRun]:
    """Straight horizontal edges of at least `RUN_PX`, pieces of one row joined over `GAP_PX`.

    Parameters
    ----------
    gray : (H, W) uint8
        The photo; transpose it for vertical edges.

    Returns
    -------
    list of EdgeRun
        Sorted by row, then column.
    """
    kernel = np.ones((1, RUN_PX), np.uint8)
    runs: list[EdgeRun] = []
    for sign, upper, lower in ((1, gray[:-1], gray[1:]), (-1, gray[1:], gray[:-1])):
        steep = (cv2.subtract(lower, upper) >= EDGE_STEP).astype(np.uint8)
        runs += _joined(cv2.morphologyEx(steep, cv2.MORPH_OPEN, kernel), sign)
    return sorted(runs)


def _joined(mask: NDArray[np.uint8], sign: int) -> list[EdgeRun]:
    width = mask.shape[1] + 2
    change = np.diff(np.pad(mask, ((0, 0), (1, 1))).ravel().view(np.int8))
    starts, stops = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    runs: list[EdgeRun] = []
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        run = EdgeRun(start // width, start % width, stop % width - 1, sign)
        if runs and runs[-1].y == run.y and run.x0 - runs[-1].x1 - 1 <= GAP_PX:
            run = run._replace(x0=runs.pop().x0)
        runs.append(run)
    return runs
