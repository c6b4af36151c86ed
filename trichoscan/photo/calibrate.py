"""Settles how many um a px of the photo stands for, and from where that is known."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trichoscan.photo.ruler import find_circle, find_ticks
from trichoscan.photo.scale_bar import ScaleBar, find_scale_bar
from trichoscan.records import Photo, ScaleSource, TrichoscanError

ACCEPTED_UM_PER_PX = (0.2, 200.0)
"""From a 200x microscope to a whole head on one photo; what lies outside is a slip of the pen."""

BAR_END_PX = 1 / 12**0.5
"""Standard error of each end of a burnt-in bar: it is drawn to whole px."""

__all__ = ["Scale", "ScaleBar", "calibrate", "find_scale_bar", "find_scales"]


@dataclass(frozen=True)
class Scale:
    """A scale found in a photo.

    Attributes
    ----------
    found : str
        What it was read from.
    um_per_px : float
    cv : float
        Relative standard error of the reading; the bar's or ruler's own truth is not in it.
    confidence : float
        How sure it is that this is what it is taken for, 0-1.
    """

    found: str
    um_per_px: float
    cv: float
    confidence: float


def bar_cv(bar: ScaleBar) -> float:
    """Relative standard error of a bar's length."""
    return float(np.hypot(BAR_END_PX, BAR_END_PX) / (bar.x1_px - bar.x0_px))


def find_scales(
    pixels: NDArray[np.uint8], *, tick_um: float = 1000.0, circle_radius_mm: float | None = None
) -> tuple[Scale, ...]:
    """All scales that can be read in a photo, the surest first.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        RGB.
    tick_um : float
        Distance of the ticks of a ruler.
    circle_radius_mm : float or None
        Radius of a drawn circle, which is looked for only then.

    Returns
    -------
    tuple of Scale
        Empty where there is none.
    """
    for value, name in ((tick_um, "--tick-um"), (circle_radius_mm, "--circle-radius-mm")):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise TrichoscanError(f"{name} is {value:g}; give a length above 0")
    scales = []
    if (bar := find_scale_bar(pixels)) is not None:
        length = f"scale bar of {bar.length_um:g} um over {bar.x1_px - bar.x0_px:.1f} px"
        scales.append(Scale(length, bar.um_per_px, bar_cv(bar), bar.confidence))
    if (ticks := find_ticks(pixels)) is not None:
        found = f"ticks every {ticks.period_px:.2f} px, taken as {tick_um:g} um"
        scales.append(Scale(found, tick_um / ticks.period_px, ticks.period_cv, ticks.confidence))
    if circle_radius_mm is not None and (circle := find_circle(pixels)) is not None:
        found = f"circle of radius {circle.radius_px:.1f} px, stated as {circle_radius_mm:g} mm"
        um_per_px = circle_radius_mm * 1000 / circle.radius_px
        scales.append(Scale(found, um_per_px, circle.radius_cv, circle.confidence))
    return tuple(sorted(scales, key=lambda scale: -scale.confidence))


def calibrate(
    photo: Photo, *, manifest_um_per_px: float | None = None, option_um_per_px: float | None = None
) -> Photo:
    """Give a photo its scale from the first source that knows it.

    The order is manifest, option, the file itself (a TIFF, set by `read_photo`), a scale bar
    in the photo. A manifest value is used even where an option is given, for it is of this photo.

    Parameters
    ----------
    photo : Photo
        As read.
    manifest_um_per_px, option_um_per_px : float or None
        What the manifest says of this photo, and the command line of all.

    Returns
    -------
    Photo
        With um_per_px, its source and, for a bar, its relative error; flag `scale_from_bar` or `no_scale`
        where it applies.

    Raises
    ------
    TrichoscanError
        If a stated value is not a number within 0.2-200.
    """
    stated: tuple[tuple[float | None, ScaleSource, str], ...] = (
        (manifest_um_per_px, "manifest", "um_per_px in the manifest"),
        (option_um_per_px, "option", "--um-per-px"),
    )
    for value, source, name in stated:
        if value is not None:
            return replace(photo, um_per_px=_accepted(value, name), um_per_px_source=source)
    if photo.um_per_px is not None:
        return photo
    bar = find_scale_bar(photo.pixels)
    if bar is None:
        return replace(photo, flags=_with_flag(photo, "no_scale"))
    flags = _with_flag(photo, "scale_from_bar")
    return replace(
        photo, um_per_px=bar.um_per_px, um_per_px_source="scale_bar", um_per_px_cv=bar_cv(bar), flags=flags
    )


def _with_flag(photo: Photo, flag: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*photo.flags, flag)))


def _accepted(value: float, name: str) -> float:
    low, high = ACCEPTED_UM_PER_PX
    if not (math.isfinite(value) and low <= value <= high):
        raise TrichoscanError(f"{name} is {value:g}; give the um that one px stands for, {low:g} to {high:g}")
    return float(value)
