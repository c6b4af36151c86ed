"""Decodes the main picture of a HEIC file, as phones write them."""

from __future__ import annotations

import io

import numpy as np

from trichoscan.photo.profile import to_srgb
from trichoscan.photo.samples import Decoded, UnfitError, check_size, to_rgb

_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def is_heic(start: bytes) -> bool:
    """Whether the first 12 bytes of a file are those of a HEIC file."""
    return start[4:8] == b"ftyp" and start[8:12] in _BRANDS


def decode_heic(data: bytes) -> Decoded:
    """Main picture of a HEIC file, upright, 8 bits, in sRGB.

    The library itself turns the picture as the file says, brings 10 and 12 bits to 8 and keeps limits on
    what a file may make it allocate.
    """
    try:
        import pillow_heif
    except ImportError:
        raise UnfitError("HEIC needs a library: pip install 'trichoscan[heic]'") from None
    picture = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
    check_size(*picture.size)
    samples = to_rgb(np.asarray(picture))
    pixels, flags = to_srgb(samples, picture.info.get("icc_profile"))
    return Decoded(pixels, flags=flags)
