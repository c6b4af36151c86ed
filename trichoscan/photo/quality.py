"""Judges a photo: where scalp can be judged, how sharp it is, how much is glare, how red the skin is."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.photo.usable import Mask, not_scalp
from trichoscan.records import Photo, Quality

WORK_AREA_PX = 2_000_000
"""Larger photos are judged on a copy of this size."""
COLOUR_WORK_PX = 512
"""Longest side of the copy on which colour is judged."""
FINE_PX, COARSE_PX = 0.8, 3.2
"""Standard deviations of the two Gaussians whose edges are compared."""
BLURRED_BELOW = 0.40
"""An edge blur of 3 px: on phantoms recall falls from 0.96 to 0.85 there and diameters are 25 % too large,
at 0.34 recall is 0.65 (`benchmarks/quality.py`). Photos of data/fdu and data/other lie at 0.38-0.78."""
GLARE_LEVEL = 235
"""Least channel of a pixel of glare: bright in all three, so of no colour."""
GLARE_ABOVE_PERCENT = 10.0
"""As `PHOTO_FLAGS` says; the shiniest photo of data/fdu has 0.9."""
DARK_BELOW = 45.0
"""Median grey level of the usable area, 0-255; black hair lies at 20-40 and would drown."""
OVEREXPOSED_ABOVE = 235.0
"""Median grey level from which half of the skin is as bright as glare."""
SKIN_SHARE = 0.8
"""A pixel darker than this share of the light skin around it is hair or shadow."""


def assess(photo: Photo) -> Quality:
    """Judge a photo and mark the scalp that can be judged.

    Parameters
    ----------
    photo : Photo

    Returns
    -------
    Quality
        The flags are of this photo's quality only; those of the photo itself are not repeated.
        Where nothing is usable the measures are NaN.
    """
    surround, overlay = not_scalp(photo.pixels)
    usable = ~(surround | overlay)
    pixels, mask = _reduced(photo.pixels, usable, WORK_AREA_PX)
    gray = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    focus = focus_of(gray, mask) if mask.any() else math.nan
    glare = _glare_percent(pixels, mask)
    redness = erythema_index(photo.pixels, usable)
    level = float(np.median(gray[mask])) if mask.any() else math.nan
    raised = {
        "blurred": focus < BLURRED_BELOW,
        "glare": glare > GLARE_ABOVE_PERCENT,
        "dark": level < DARK_BELOW,
        "overexposed": level > OVEREXPOSED_ABOVE,
        "round_aperture": bool(surround.any()),
        "overlay_masked": bool(overlay.any()),
    }
    flags = tuple(flag for flag, is_raised in raised.items() if is_raised)
    burnt_in = {"burnt_in_mask": overlay} if overlay.any() else {}
    return Quality(usable, focus, glare, redness, flags, **burnt_in)


def focus_of(gray: NDArray[np.uint8], usable_mask: Mask) -> float:
    """Sharpness of the strongest edges, 0 (none) to 1 (as sharp as the pixels allow).

    The steepest gradients are compared at two scales. An edge blurred by a Gaussian of s px has
    its peak gradient in proportion to 1 / sqrt(s^2 + scale^2), so the ratio of the two tells s
    whatever the contrast; the focus is 1 / (1 + s / 2).

    Parameters
    ----------
    gray : (H, W) uint8
    usable_mask : (H, W) bool

    Returns
    -------
    float
        0 where there is no edge at all.
    """
    margin = int(2 * COARSE_PX)
    inner = cv2.erode(usable_mask.astype(np.uint8), np.ones((2 * margin + 1,) * 2, np.uint8)) > 0
    if not inner.any():
        return 0.0
    fine, coarse = (_edge_strength(gray, inner, sigma) for sigma in (FINE_PX, COARSE_PX))
    if coarse < 0.5:  # less than half a grey level per px: nothing is drawn here
        return 0.0
    ratio = max(fine / coarse, 1.0 + 1e-6)
    blur_px = np.sqrt(max(COARSE_PX**2 - ratio**2 * FINE_PX**2, 0.0) / (ratio**2 - 1))
    return float(1.0 / (1.0 + blur_px / 2.0))


def _edge_strength(gray: NDArray[np.uint8], inner: Mask, sigma_px: float) -> float:
    """99th percentile of the gradient, grey levels per px."""
    smooth = cv2.GaussianBlur(gray, (0, 0), sigma_px).astype(np.float32)
    across = (smooth[1:-1, 2:] - smooth[1:-1, :-2]) / 2
    down = (smooth[2:, 1:-1] - smooth[:-2, 1:-1]) / 2
    return (
        float(np.percentile(np.hypot(across, down)[inner[1:-1, 1:-1]], 99))
        if inner[1:-1, 1:-1].any()
        else 0.0
    )


def _glare_percent(pixels: NDArray[np.uint8], mask: Mask) -> float:
    usable = np.count_nonzero(mask)
    burnt = np.count_nonzero((pixels.min(axis=2) >= GLARE_LEVEL) & mask)
    return 100.0 * burnt / usable if usable else math.nan


def erythema_index(pixels: NDArray[np.uint8], usable_mask: Mask) -> float:
    """Median of 100 * log10(R / G) over skin, R and G in linear light (Diffey et al. 1984).

    Skin is what is usable, neither glare nor black and at least `SKIN_SHARE` as bright as the
    light skin around it. sRGB is taken as the photo's colour space (IEC 61966-2-1).

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        RGB.
    usable_mask : (H, W) bool

    Returns
    -------
    float
        NaN where there is no skin to judge.
    """
    small, mask = _reduced(pixels, usable_mask, COLOUR_WORK_PX**2)
    gray = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    light = cv2.GaussianBlur(cv2.morphologyEx(gray, cv2.MORPH_CLOSE, np.ones((31, 31), np.uint8)), (0, 0), 10)
    skin = mask & (gray >= SKIN_SHARE * light) & (small.min(axis=2) > 5) & (small.min(axis=2) < GLARE_LEVEL)
    if not skin.any():
        return math.nan
    red, green = (_linear(small[..., channel][skin]) for channel in (0, 1))
    return float(np.median(100.0 * np.log10(red / green)))


def _linear(values: NDArray[np.uint8]) -> NDArray[np.float64]:
    """SRGB values as linear light 0-1."""
    share = values / 255.0
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def _reduced(pixels: NDArray[np.uint8], mask: Mask, area_px: int) -> tuple[NDArray[np.uint8], Mask]:
    """Photo and mask brought down to about an area; as they are where they are smaller."""
    height, width = mask.shape
    scale = (area_px / (height * width)) ** 0.5
    if scale >= 1:
        return pixels, mask
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8), small > 0
