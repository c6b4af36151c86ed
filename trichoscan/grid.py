"""Values between the nodes of a grid; numpy only, below the records."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def read_grid(values: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values between the nodes of a grid by Catmull-Rom cubics; the edge value holds beyond it.

    Parameters
    ----------
    values : (R, C, D) float64
    at : (..., 2) float64
        (x, y) in nodes.

    Returns
    -------
    (..., D) float64
    """
    rows, columns = values.shape[:2]
    x = np.clip(at[..., 0], 0, columns - 1)
    y = np.clip(at[..., 1], 0, rows - 1)
    x0, y0 = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    out = np.zeros((*x.shape, values.shape[2]))
    for step_y, weight_y in enumerate(_catmull_rom(y - y0), start=-1):
        row = np.clip(y0 + step_y, 0, rows - 1)
        for step_x, weight_x in enumerate(_catmull_rom(x - x0), start=-1):
            column = np.clip(x0 + step_x, 0, columns - 1)
            out += (weight_y * weight_x)[..., None] * values[row, column]
    return out


def _catmull_rom(t: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Weights of the nodes at -1, 0, 1 and 2 for a point at `t`, 0-1."""
    return (
        0.5 * (-t + 2 * t**2 - t**3),
        0.5 * (2 - 5 * t**2 + 3 * t**3),
        0.5 * (t + 4 * t**2 - 3 * t**3),
        0.5 * (-(t**2) + t**3),
    )
