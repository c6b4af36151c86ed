"""Brings samples with an embedded colour profile to sRGB."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from trichoscan.photo.samples import to_rgb

MODES = {"RGB ": ("RGB", 3), "GRAY": ("L", 1), "CMYK": ("CMYK", 4)}
"""Colour space of a profile as the ICC calls it, Pillow's mode for it, and its channels."""
LARGEST_PROFILE_BYTES = 8 << 20
"""Profiles of printing presses have up to 3 MB."""
BAND_PX = 4_000_000
"""Pixels converted at a time: Pillow holds a band in and out, about 32 MB."""
IGNORED = "colour_profile_ignored"
"""Flag of `PHOTO_FLAGS` where a profile is damaged or does not fit the samples."""


def to_srgb(samples: NDArray[np.uint8], profile: bytes | None) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Convert samples to sRGB, relative to white and with black point compensation.

    Parameters
    ----------
    samples : (H, W, C) uint8
        RGB (C = 3), grey that may be repeated three times, or CMYK (C = 4, 0 for no ink).
    profile : bytes or None
        ICC profile of the file. None and any sRGB leave RGB and grey as they are, to the bit.

    Returns
    -------
    pixels : (H, W, 3) uint8
        RGB; of CMYK without a usable profile light = (1 - ink) (1 - black).
    flags : tuple of str
        `colour_profile_ignored` where the profile could not be used.
    """
    is_cmyk = samples.shape[-1] == 4
    if profile is None:
        return (_plain_cmyk(samples) if is_cmyk else to_rgb(samples)), ()
    try:
        found = None if len(profile) > LARGEST_PROFILE_BYTES else _transform(profile)
    except Exception:  # ImageCms answers hostile profiles with exceptions of several types
        found = None
    if found is None or (found[1] == 4) != is_cmyk:
        return (_plain_cmyk(samples) if is_cmyk else to_rgb(samples)), (IGNORED,)
    mode, channels, transform = found
    if transform is None:
        return to_rgb(samples), ()
    if channels == 3:
        samples = to_rgb(samples)
    return _converted(np.ascontiguousarray(samples[..., :channels]), mode, transform), ()


@lru_cache(maxsize=4)
def _transform(profile: bytes) -> tuple[str, int, Any]:
    """Mode, channels and transform of a profile; no transform for sRGB, which needs none."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    mode, channels = MODES[source.profile.xcolor_space]
    if mode == "RGB" and "srgb" in (source.profile.profile_description or "").casefold():
        return mode, channels, None
    made = ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    return mode, channels, made


def _converted(samples: NDArray[np.uint8], mode: str, transform: Any) -> NDArray[np.uint8]:
    height, width = samples.shape[:2]
    pixels = np.empty((height, width, 3), np.uint8)
    rows = max(1, BAND_PX // width)
    flat = samples[..., 0] if mode == "L" else samples
    for top in range(0, height, rows):
        band = np.ascontiguousarray(flat[top : top + rows])
        image = Image.frombuffer(mode, (width, band.shape[0]), band.tobytes(), "raw", mode, 0, 1)
        pixels[top : top + rows] = np.asarray(ImageCms.applyTransform(image, transform))
    return pixels


def _plain_cmyk(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    light = 255 - ink[..., :4].astype(np.uint16)
    return ((light[..., :3] * light[..., 3:] + 127) // 255).astype(np.uint8)
