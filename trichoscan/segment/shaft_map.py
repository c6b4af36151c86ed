"""The orientation-split shaft map, to be sampled between cells and between orientations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


class ShaftMap:
    """A shaft map at hand for sampling.

    Parameters
    ----------
    shaft : (S, h, w) uint8 or float32
        Evidence of a shaft; channel s stands for orientation pi s / S.
    whole : float
        What stands for full evidence.
    """

    def __init__(self, shaft: NDArray[np.uint8] | NDArray[np.float32], whole: float = 255.0) -> None:
        self._padded = np.concatenate([shaft, shaft[:1]])
        self._orientations = len(shaft)
        self._whole = whole

    def sample(
        self, x: NDArray[np.float64], y: NDArray[np.float64], angle: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Evidence, 0-1, of a shaft of direction `angle` (rad) at (x, y); arrays of one shape."""
        slot = (angle % np.pi) / np.pi * self._orientations
        values: NDArray[np.float64] = ndimage.map_coordinates(
            self._padded, [slot, y, x], order=1, mode="constant", output=np.float64
        )
        return values / self._whole
