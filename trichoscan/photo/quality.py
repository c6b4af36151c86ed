"""Judges a photo: where scalp can be judged, how sharp, lit and red it is, and whether it is of any use."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.photo.bubbles import bubble_mask
from trichoscan.photo.channels import darkest_channel
from trichoscan.photo.sharpness import Sharpness, sharpness_of
from trichoscan.photo.shrink import shrunk
from trichoscan.photo.usable import Mask, not_scalp
from trichoscan.records import Photo, Quality

WORK_AREA_PX = 2_000_000
"""Larger photos are judged on a copy of this size."""
COLOUR_WORK_PX = 512
"""Longest side of the copy on which colour is judged."""
BLURRED_BELOW = 0.35
"""An edge blur of 3.7 px: recall is unharmed above it, 0.93 of 0.96 at 0.32 and 0.85 at 0.27, with one hair
in five false (`benchmarks/quality.py`). Photos of data/fdu and data/other lie at 0.38-0.79."""
MOVED_ABOVE_PX = 3.0
"""A straight way of 12-20 px; recall falls from 0.96 to 0.89 at 20 px and 0.63 at 30
(`benchmarks/quality.py`). Of 74 good photos of data/fdu and data/other 95 % lie below 1.7, all below 2.9."""
GLARE_LEVEL = 235
"""Least channel of a pixel of glare: bright in all three, so of no colour."""
GLARE_PATCH_SHARE = 1 / 160
"""Radius of the smallest patch of glare that is left out, of the longest side: a thick hair on data/fdu."""
GLARE_ABOVE_PERCENT = 2.0
"""At 3.7 % recall beside the patches is 0.82 of 0.96, and a third of the counting area is gone
(`benchmarks/quality.py`); the shiniest photo of data/fdu has 0.9."""
DARK_BELOW = 45.0
"""Median grey level of the scalp, 0-255: recall is 0.96 at 48, 0.92 at 33 (`benchmarks/quality.py`); black
hair lies at 20-40 and drowns."""
DARKEST = 25.0
"""Below it the scalp itself is taken for the surround of an aperture: 3-19 % of it was usable."""
OVEREXPOSED_ABOVE = 235.0
"""Median grey level from which half of the skin is as bright as glare."""
BRIGHTEST = 250.0
"""From here on half of the scalp is burnt out, and 70-90 % of it is left out as glare."""
UM_PER_PX = (0.5, 50.0)
"""Below it the photo shows less than a mm and no unit whole; above it a hair is narrower than 1.5 px. At 38
recall is 0.85 and diameters are 28 % too large (`benchmarks/quality.py`)."""
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
        Where there is no scalp the measures are NaN.
    """
    surround, overlay = not_scalp(photo.pixels)
    scalp = ~(surround | overlay)
    pixels, mask = _reduced(photo.pixels, scalp, WORK_AREA_PX)
    gray = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    sharpness = sharpness_of(gray, mask) if mask.any() else Sharpness(math.nan, math.nan)
    glare = _glare_percent(pixels, mask)
    level = float(np.median(gray[mask])) if mask.any() else math.nan
    bubbles = bubble_mask(gray, mask)
    raised = {
        "blurred": sharpness.focus < BLURRED_BELOW,
        "moved": sharpness.motion_px > MOVED_ABOVE_PX,
        "glare": glare > GLARE_ABOVE_PERCENT,
        "bubbles": bool(bubbles.any()),
        "dark": level < DARK_BELOW,
        "overexposed": level > OVEREXPOSED_ABOVE,
        "round_aperture": bool(surround.any()),
        "overlay_masked": bool(overlay.any()),
    }
    burnt_in = {"burnt_in_mask": overlay} if overlay.any() else {}
    return Quality(
        usable_mask=scalp & ~_enlarged(bubbles | glare_patches(pixels), scalp.shape),
        focus=sharpness.focus,
        glare_percent=glare,
        erythema_index=erythema_index(photo.pixels, scalp),
        flags=tuple(flag for flag, is_raised in raised.items() if is_raised),
        motion_px=sharpness.motion_px,
        bubbles_percent=100.0 * float(bubbles.sum()) / max(int(mask.sum()), 1),
        exposure=level,
        refusal=refusal(level, photo.um_per_px),
        **burnt_in,
    )


def refusal(exposure: float, um_per_px: float | None) -> str:
    """Why a photo cannot be used, and how to retake it; empty where it can.

    Parameters
    ----------
    exposure : float
        Median grey level of the scalp, 0-255; NaN where there is none.
    um_per_px : float or None
    """
    if math.isnan(exposure):
        return "no scalp can be seen on it: see that the lens is open and the lamp lit, and retake"
    if exposure < DARKEST:
        return f"far too dark (median grey {exposure:.0f} of 255): retake with more light or longer exposure"
    if exposure >= BRIGHTEST:
        return f"burnt out (median grey {exposure:.0f} of 255): retake with less light or shorter exposure"
    low, high = UM_PER_PX
    if um_per_px is not None and not low <= um_per_px <= high:
        return (
            f"{um_per_px:g} um per px is no magnification at which hair can be counted: correct um_per_px, "
            "or retake at 2 to 12"
        )
    return ""


def glare_patches(pixels: NDArray[np.uint8]) -> Mask:
    """(H, W) True in patches of glare that are wider than a hair: what lies beneath them cannot be judged."""
    burnt = (darkest_channel(pixels) >= GLARE_LEVEL).astype(np.uint8)
    if not burnt.any():
        return burnt > 0
    radius = max(2, round(GLARE_PATCH_SHARE * max(burnt.shape)))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disk = (np.hypot(x, y) <= radius).astype(np.uint8)
    patches = cv2.morphologyEx(burnt, cv2.MORPH_OPEN, disk)
    return np.asarray((cv2.dilate(patches, disk) > 0) & (burnt > 0))


def _enlarged(mask: Mask, shape: tuple[int, ...]) -> Mask:
    """A mask of a reduced copy, for the photo itself."""
    if mask.shape == shape:
        return mask
    size = (shape[1], shape[0])
    return np.asarray(cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0)


def _glare_percent(pixels: NDArray[np.uint8], mask: Mask) -> float:
    usable = np.count_nonzero(mask)
    burnt = np.count_nonzero((darkest_channel(pixels) >= GLARE_LEVEL) & mask)
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
    darkest = darkest_channel(small)
    skin = mask & (gray >= SKIN_SHARE * light) & (darkest > 5) & (darkest < GLARE_LEVEL)
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
    small = shrunk(pixels, scale)
    size = (small.shape[1], small.shape[0])
    return small, cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
