"""Decodes the first page of a TIFF and the scale that the file states."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from trichoscan.photo.profile import to_srgb
from trichoscan.photo.samples import (
    LARGEST_AREA_PX,
    ORIENTATION_TAG,
    Decoded,
    UnfitError,
    check_size,
    to_8_bit,
    to_rgb,
    upright,
)
from trichoscan.photo.streams import codestream_size

PRINT_DPI = (72.0, 96.0, 100.0, 120.0, 150.0, 180.0, 200.0, 240.0, 300.0, 350.0, 360.0, 400.0, 600.0, 1200.0)
"""Resolutions that programs write when they know none."""
PROFILE_TAG = 34675
MOST_PIECES_AREA = 4
"""Area of all tiles over that of the page; a page smaller than its one tile is allowed besides."""
_BOUNDED_COMPRESSIONS = (1, 2, 3, 4, 5, 8, 32773, 32946, 34925, 50000)
"""None, CCITT, LZW, Deflate, PackBits, LZMA, Zstandard: inflated into a buffer of the page's size."""
_PICTURE_COMPRESSIONS = (7, 33003, 33005, 34712)
"""JPEG and JPEG 2000."""
_UM_PER_UNIT = {"nm": 1e-3, "micron": 1.0, "um": 1.0, "mm": 1e3, "cm": 1e4, "inch": 25400.0, "in": 25400.0}


def decode_tiff(data: bytes) -> Decoded:
    """First page of a TIFF in sRGB and the um per px that it states."""
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        page = tiff.pages[0].aspage()
        check_size(page.imagewidth, page.imagelength)
        if page.samplesperpixel > 8 or page.tilewidth * page.tilelength > LARGEST_AREA_PX:
            raise UnfitError("holds more channels than a photo has; export it as RGB")
        _check_compression(page, data)
        samples = page.asarray()
        if page.imagedepth > 1:
            samples = samples[0]
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and samples.ndim == 3:
            samples = np.moveaxis(samples, 0, -1)
        pixels, flags = _in_srgb(page, _colours(page, samples))
        tag = page.tags.get(ORIENTATION_TAG)
        turned = upright(pixels, tag.value if tag is not None else 1)
        return Decoded(turned, _tiff_um_per_px(tiff, page), "tiff", flags)


def _check_compression(page: tifffile.TiffPage, data: bytes) -> None:
    """Refuse pieces that are pictures of their own and far larger than the page; others cannot grow."""
    code = int(page.compression)
    if code in _BOUNDED_COMPRESSIONS:
        return
    if code not in _PICTURE_COMPRESSIONS:
        raise UnfitError("its compression is unusual for photos; export it with LZW or without compression")
    total = 0
    for start, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        width_px, height_px = codestream_size(data[start : start + count]) or (0, 0)
        total += width_px * height_px
    if total > MOST_PIECES_AREA * page.imagewidth * page.imagelength + (1 << 20):
        raise UnfitError("its pieces are larger than the photo they make up; export it again")


def _in_srgb(
    page: tifffile.TiffPage, samples: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    tag = page.tags.get(PROFILE_TAG)
    is_cmyk = page.photometric == tifffile.PHOTOMETRIC.SEPARATED
    return to_srgb(samples if is_cmyk else to_rgb(samples), None if tag is None else bytes(tag.value))


def _colours(page: tifffile.TiffPage, samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Grey, RGB or RGBA samples of 8 bits in which more is brighter, or CMYK in which it is more ink."""
    photometric = tifffile.PHOTOMETRIC(page.photometric)
    if photometric == tifffile.PHOTOMETRIC.PALETTE:
        if page.colormap is None:
            raise UnfitError("its palette is missing; export it as RGB")
        # Written as v * 256 or v * 257: the high byte is right for both.
        return np.moveaxis((page.colormap >> 8).astype(np.uint8)[:, samples], 0, -1)
    if photometric == tifffile.PHOTOMETRIC.SEPARATED:
        return to_8_bit(samples[..., :4], page.bitspersample)
    if photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        return np.asarray(255 - to_8_bit(samples, page.bitspersample))
    if photometric == tifffile.PHOTOMETRIC.YCBCR and page.compression != tifffile.COMPRESSION.JPEG:
        raise UnfitError("its colours are coded as YCbCr; export it as RGB")
    if photometric not in (
        tifffile.PHOTOMETRIC.MINISBLACK,
        tifffile.PHOTOMETRIC.RGB,
        tifffile.PHOTOMETRIC.YCBCR,
    ):
        raise UnfitError(f"its colours are coded as {photometric.name}; export it as RGB")
    is_rgb = photometric != tifffile.PHOTOMETRIC.MINISBLACK
    colours = 3 if is_rgb else 1
    if samples.ndim == 2:
        return to_8_bit(samples, page.bitspersample)
    has_alpha = bool(page.extrasamples) and int(page.extrasamples[0]) in (1, 2)
    return to_8_bit(samples[..., : colours + has_alpha], page.bitspersample)


def _tiff_um_per_px(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> float | None:
    """Um per px stated in the file; None where it states nothing, NaN where it contradicts itself."""
    try:
        if tiff.ome_metadata and (stated := _ome_um_per_px(tiff.ome_metadata)) is not None:
            return stated
        across, down = (_rational(page, name) for name in ("XResolution", "YResolution"))
        unit = str((tiff.imagej_metadata or {}).get("unit", "")).replace("\\u00B5", "u")
        um = _UM_PER_UNIT.get(unit.strip().lower().replace("µ", "u").replace("μ", "u"))
        printed = um in (None, _UM_PER_UNIT["inch"])  # ImageJ takes over what a JPEG says of its printing
        if um is None:
            tag = page.tags.get("ResolutionUnit")
            um = {2: 25400.0, 3: 10000.0}.get(int(tag.value) if tag is not None else 2)
    except (ValueError, TypeError, ZeroDivisionError):
        return None
    if um is None or across is None or down is None:
        return None
    dpi = across * 25400.0 / um
    if printed and (dpi <= 2 or any(abs(dpi / usual - 1) < 0.005 for usual in PRINT_DPI)):
        return None
    return um / across if abs(across / down - 1) < 0.01 else float("nan")


def _rational(page: tifffile.TiffPage, name: str) -> float | None:
    tag = page.tags.get(name)
    if tag is None:
        return None
    top, bottom = tag.value
    return float(top) / float(bottom) or None


def _ome_um_per_px(xml: str) -> float | None:
    sizes = []
    for axis in "XY":
        size = re.search(rf'\bPhysicalSize{axis}="([^"]+)"', xml)
        unit = re.search(rf'\bPhysicalSize{axis}Unit="([^"]+)"', xml)
        name = unit.group(1).replace("µ", "u").replace("μ", "u") if unit else "um"
        if size is None or name not in _UM_PER_UNIT:
            return None
        sizes.append(float(size.group(1)) * _UM_PER_UNIT[name])
    return sizes[0] if abs(sizes[0] - sizes[1]) < 0.01 * abs(sizes[0]) else float("nan")
