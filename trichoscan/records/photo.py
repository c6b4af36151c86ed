"""A decoded photo and what it is good for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

ScaleSource = Literal["manifest", "option", "dicom", "tiff", "scale_bar", "none"]


@dataclass(frozen=True, eq=False)
class Photo:
    """A decoded, upright scalp photo.

    Attributes
    ----------
    pixels : (H, W, 3) uint8
        RGB.
    um_per_px : float or None
        Scale; None where unknown.
    um_per_px_source : str
        Where the scale comes from; "none" where unknown.
    um_per_px_cv : float
        Relative standard error of reading the scale; 0 where it was stated.
    sha256 : str
        Of the file's bytes, hexadecimal.
    flags : tuple of str
        Keys of `PHOTO_FLAGS`.
    """

    pixels: NDArray[np.uint8]
    um_per_px: float | None = None
    um_per_px_source: ScaleSource = "none"
    sha256: str = ""
    flags: tuple[str, ...] = ()
    um_per_px_cv: float = 0.0


@dataclass(frozen=True)
class TargetArea:
    """The circle of the manifest within which hairs are counted, in px."""

    x_px: float
    y_px: float
    radius_px: float


@dataclass(frozen=True, eq=False)
class Quality:
    """What the photo is good for; a measure is NaN where there is nothing to judge it on.

    Attributes
    ----------
    usable_mask : (H, W) bool
        Scalp that can be judged: no surround of a round aperture, burnt-in text, patch of glare or bubble.
    focus : float
        Sharpness of the finest edges, 0 (none) to 1 (as sharp as the pixels allow).
    glare_percent : float
        Share of the scalp that is burnt out by reflections, 0-100.
    erythema_index : float
        Median of 100 * log10(R / G) over skin, after Diffey et al. 1984; higher is redder.
    flags : tuple of str
        Keys of `PHOTO_FLAGS`.
    burnt_in_mask : (H, W) bool
        Burnt-in text, boxes and bars, which no picture of the results may show; (0, 0) where there are none.
    motion_px : float
        Standard deviation of the hand's way during exposure, px.
    bubbles_percent : float
        Share of the scalp that is seen through bubbles, 0-100.
    exposure : float
        Median grey level of the scalp, 0-255.
    refusal : str
        Why the photo cannot be used, and how to retake it; empty where it can.
    """

    usable_mask: NDArray[np.bool_]
    focus: float
    glare_percent: float
    erythema_index: float
    flags: tuple[str, ...] = ()
    burnt_in_mask: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 0), np.bool_))
    motion_px: float = float("nan")
    bubbles_percent: float = 0.0
    exposure: float = float("nan")
    refusal: str = ""
