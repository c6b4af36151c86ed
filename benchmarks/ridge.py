"""Widths by the package `ridge-detector` 0.1.4 (Steger 1998), told polarity and range of widths.

It asks for opencv-python, whose files are those of our opencv-python-headless: the two cannot be installed
side by side. So it is no extra of ours: `pip install --no-deps ridge-detector==0.1.4` (and numba, imageio);
without it the row is left out.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NEAR_PX = 6.0
"""Points of a line so near a hair's path are of that hair."""
FEWEST_POINTS = 5
LOW, HIGH = 5, 10
"""Contrast thresholds, grey levels: low enough for brown hair."""


def is_installed() -> bool:
    """Whether the package is there."""
    return find_spec("ridge_detector") is not None


def ridge_widths(
    pixels: NDArray[np.uint8], paths_px: list[Floats], widths_px: tuple[float, float], dark: bool
) -> Floats:
    """Median width (K,) px of the line points near each path; NaN where it found no line."""
    from ridge_detector import RidgeDetector

    steps = np.unique(np.linspace(*widths_px, 4).round().astype(int))
    detector = RidgeDetector(line_widths=steps, low_contrast=LOW, high_contrast=HIGH, dark_line=dark)
    detector.detect_lines(pixels)
    lines = [(c.col, c.row, np.add(c.width_l, c.width_r)) for c in detector.contours if c.num]
    if not lines:
        return np.full(len(paths_px), np.nan)
    x, y, width = (np.concatenate([np.asarray(line[k], float) for line in lines]) for k in range(3))
    found = []
    for path in paths_px:
        middle = path[1:-1]
        away = np.min(np.hypot(x[:, None] - middle[:, 0], y[:, None] - middle[:, 1]), axis=1)
        step = float(np.hypot(*np.diff(path, axis=0).T).max()) / 2
        near = (away < np.hypot(NEAR_PX, step)) & (width > 0)
        found.append(float(np.median(width[near])) if near.sum() >= FEWEST_POINTS else float("nan"))
    return np.array(found)
