"""Paints over what may name a person, before a photo is shown in the results."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trichoscan.records import Quality

PAINT = (96, 96, 96)
"""RGB of what is hidden; no skin, no hair and no colour of the overlays."""


def hide_burnt_in(pixels: NDArray[np.uint8], quality: Quality) -> NDArray[np.uint8]:
    """Paint over burnt-in text, boxes and bars.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        The photo, RGB. Not changed.
    quality : Quality
        Of this photo.

    Returns
    -------
    (H, W, 3) uint8
        The photo itself where nothing is to be hidden.
    """
    if not quality.burnt_in_mask.any():
        return pixels
    shown = pixels.copy()
    shown[quality.burnt_in_mask] = PAINT
    return shown
