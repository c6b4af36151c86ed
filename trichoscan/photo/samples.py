"""Brings the samples of any image file to upright 8-bit RGB."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trichoscan.records import ScaleSource

SMALLEST_SIDE_PX = 200
LARGEST_AREA_PX = 60_000_000
"""The contract asks for 50 MP; a little more is let through so that a border does no harm."""
ORIENTATION_TAG = 0x0112


class UnfitError(Exception):
    """The file is understood and refused; the text says why and what to do."""


class Decoded(NamedTuple):
    """What a decoder finds in a file.

    `pixels` are (H, W, 3) uint8 RGB, upright; `um_per_px` is None where the file states nothing and NaN
    where it contradicts itself; `source` is where it stands; `flags` are keys of `PHOTO_FLAGS`.
    """

    pixels: NDArray[np.uint8]
    um_per_px: float | None = None
    source: ScaleSource = "none"
    flags: tuple[str, ...] = ()


def check_size(width_px: int, height_px: int) -> None:
    """Raise `UnfitError` for photos too small to judge or too large to hold."""
    if width_px * height_px > LARGEST_AREA_PX:
        raise UnfitError(f"{width_px} x {height_px} px is more than 60 megapixels; make it smaller")
    if min(width_px, height_px) < SMALLEST_SIDE_PX:
        raise UnfitError(f"{width_px} x {height_px} px is too small; both sides need 200 px or more")


def to_8_bit(samples: NDArray[Any], bits: int | None = None) -> NDArray[np.uint8]:
    """Bring samples of any depth to 0-255, rounded to the nearest."""
    if samples.dtype == np.uint8 and (bits is None or bits >= 8):
        return samples.astype(np.uint8, copy=False)
    if samples.dtype == np.bool_:
        return samples.astype(np.uint8) * np.uint8(255)
    if samples.dtype.kind == "f":
        values = np.nan_to_num(samples.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        most = float(values.max(initial=0.0))
        full = next((top for top in (1.0, 255.0, 4095.0, 65535.0) if most <= top), most)
        return np.asarray(np.clip(np.rint(values * (255.0 / full)), 0, 255), np.uint8)
    full = 2.0**bits - 1 if bits in (1, 2, 4, 10, 12, 14) else _full_scale(samples)
    if samples.dtype == np.uint16:
        table = np.clip(np.rint(np.arange(65536) * (255.0 / full)), 0, 255).astype(np.uint8)
        return np.asarray(table[samples])
    return np.asarray(np.clip(np.rint(samples.astype(np.float64) * (255.0 / full)), 0, 255), np.uint8)


def _full_scale(samples: NDArray[Any]) -> float:
    """White of integer samples: 8, 12 or 16 bits where none is brighter, else all bits of their type."""
    most, all_bits = float(samples.max()), float(np.iinfo(samples.dtype).max)
    return next((top for top in (255.0, 4095.0, 65535.0) if most <= top <= all_bits), all_bits)


def to_rgb(samples: NDArray[Any], bits: int | None = None) -> NDArray[np.uint8]:
    """Grey, grey and alpha, RGB or RGBA samples of any depth as RGB on black."""
    full = samples if samples.ndim == 3 else samples[..., None]
    channels = full.shape[-1]
    colours = 3 if channels >= 3 else 1
    pixels = to_8_bit(full[..., :colours], bits)
    if channels in (2, 4):
        alpha = to_8_bit(full[..., -1:], bits)
        if alpha.any():  # some programs write an alpha of 0 everywhere and mean nothing by it
            pixels = ((pixels.astype(np.uint16) * alpha + 127) // 255).astype(np.uint8)
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3))


def upright(pixels: NDArray[np.uint8], orientation: object) -> NDArray[np.uint8]:
    """Apply the EXIF orientation 1-8; anything else is taken as 1."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels
