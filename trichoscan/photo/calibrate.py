"""Settles how many um a px of the photo stands for, and from where that is known."""

from __future__ import annotations

import math
from dataclasses import replace

from trichoscan.photo.scale_bar import ScaleBar, find_scale_bar
from trichoscan.records import Photo, ScaleSource, TrichoscanError

ACCEPTED_UM_PER_PX = (0.2, 200.0)
"""From a 200x microscope to a whole head on one photo; what lies outside is a slip of the pen."""

__all__ = ["ScaleBar", "calibrate", "find_scale_bar"]


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
        With um_per_px and its source; flag `scale_from_bar` or `no_scale` where it applies.

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
    return replace(photo, um_per_px=bar.um_per_px, um_per_px_source="scale_bar", flags=flags)


def _with_flag(photo: Photo, flag: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*photo.flags, flag)))


def _accepted(value: float, name: str) -> float:
    low, high = ACCEPTED_UM_PER_PX
    if not (math.isfinite(value) and low <= value <= high):
        raise TrichoscanError(f"{name} is {value:g}; give the um that one px stands for, {low:g} to {high:g}")
    return float(value)
