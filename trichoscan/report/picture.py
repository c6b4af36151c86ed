"""Bare photos for the report: small enough for a page, and the follow-up in the baseline's frame."""

from __future__ import annotations

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trichoscan.photo.shrink import shrunk
from trichoscan.records import Alignment

Pixels = NDArray[np.uint8]
Shape = tuple[int, int]

LONGEST_PX = 1400
"""Longer side of a picture: twice what a laptop shows of it, and 300 KB or so."""
QUALITY = 82
THUMBNAIL_PX = 176
THUMBNAIL_QUALITY = 70
RASTER_PX = 8
"""The map of the skin is smooth: it is computed at every so many px and interpolated."""


def shrink(pixels: Pixels, longest_px: int = LONGEST_PX) -> Pixels:
    """(H, W, 3) uint8 RGB with sides of at most `longest_px`; never enlarged."""
    return shrunk(pixels, longest_px / max(pixels.shape[:2]))


def encode(pixels: Pixels, quality: int = QUALITY) -> bytes:
    """A JPEG of (H, W, 3) uint8 RGB pixels that carries nothing else."""
    _, data = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes()


def decode(jpeg: bytes, how: int = cv2.IMREAD_COLOR) -> Pixels:
    """(H, W, 3) uint8 RGB pixels of a JPEG that `encode` made."""
    bgr = np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), how))
    return np.ascontiguousarray(bgr[:, :, ::-1])


def shape_of(jpeg: bytes) -> Shape:
    """Height and width of a JPEG in px, by its header."""
    with Image.open(io.BytesIO(jpeg)) as picture:
        return picture.height, picture.width


def thumbnail(jpeg: bytes) -> bytes:
    """A JPEG of the same photo, small enough for a table."""
    pixels = decode(jpeg, cv2.IMREAD_REDUCED_COLOR_4)  # four times as fast, by the JPEG's own blocks
    if max(pixels.shape[:2]) < THUMBNAIL_PX:
        pixels = decode(jpeg)
    return encode(shrink(pixels, THUMBNAIL_PX), THUMBNAIL_QUALITY)


def followup_map(
    alignment: Alignment, baseline: Shape, followup: Shape, picture: Shape, followup_picture: Shape
) -> NDArray[np.float32]:
    """Where each px of the baseline's picture lies on the follow-up's picture, for `cv2.remap`.

    Parameters
    ----------
    alignment : Alignment
        Of the photos.
    baseline, followup : (int, int)
        Height and width of the photos, px.
    picture, followup_picture : (int, int)
        Height and width of their pictures, px.

    Returns
    -------
    (H, W, 2) float32
        (x, y) in px of the follow-up's picture; H, W as `picture`.
    """
    height, width = picture
    middle = (RASTER_PX - 1) / 2
    x, y = (np.arange(-1, -(-n // RASTER_PX) + 1) * RASTER_PX + middle for n in (width, height))
    at = np.stack(np.meshgrid(x, y), -1)
    at = (at + 0.5) * [baseline[1] / width, baseline[0] / height] - 0.5
    landed = alignment.to_followup(at) + 0.5
    landed = landed * [followup_picture[1] / followup[1], followup_picture[0] / followup[0]] - 0.5
    fine = cv2.resize(
        landed.astype(np.float32), None, fx=RASTER_PX, fy=RASTER_PX, interpolation=cv2.INTER_LINEAR
    )
    return np.ascontiguousarray(fine[RASTER_PX : RASTER_PX + height, RASTER_PX : RASTER_PX + width])


def warp(pixels: NDArray[np.uint8], where: NDArray[np.float32], *, smooth: bool = True) -> NDArray[np.uint8]:
    """A follow-up's picture, or a mask of it, brought into the baseline's frame; black beyond its edge."""
    how = cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST
    return cv2.remap(pixels, where, None, how, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
