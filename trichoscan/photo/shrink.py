"""A smaller copy of a photo, for what is seen as well on fewer px."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def shrunk(pixels: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """(H, W, ...) pixels with `scale` times as many px a side, at least one; as they are from 1 on."""
    if scale >= 1:
        return pixels
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
