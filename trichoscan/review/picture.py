"""The photo as the page shows it."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

JPEG_QUALITY = 93
"""Twice as many levels as an overlay has, for thin hair is to be judged."""


def as_jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """JPEG of the (H, W, 3) picture alone: nothing of EXIF goes with it."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()
