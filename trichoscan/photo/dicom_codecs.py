"""Plugin of pydicom that decodes what Pillow cannot: lossless JPEG, JPEG-LS, deep JPEG 2000."""

from __future__ import annotations

from typing import TYPE_CHECKING

import imagecodecs
import numpy as np

if TYPE_CHECKING:
    from pydicom.pixels.decoders.base import DecodeRunner

LABEL = "trichoscan"
_EXTENDED_JPEG = "1.2.840.10008.1.2.4.51"
_LOSSLESS_JPEG = ("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70")
_JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
_JPEG_2000 = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
DECODE = {
    _EXTENDED_JPEG: imagecodecs.jpeg8_decode,
    **dict.fromkeys(_LOSSLESS_JPEG, imagecodecs.jpeg8_decode),
    **dict.fromkeys(_JPEG_LS, imagecodecs.jpegls_decode),
    **dict.fromkeys(_JPEG_2000, imagecodecs.jpeg2k_decode),
}
DECODER_DEPENDENCIES = dict.fromkeys(DECODE, ("imagecodecs",))


def is_available(syntax: str) -> bool:
    """Whether frames of a transfer syntax can be decoded; asked for by pydicom."""
    return syntax in DECODE


def decode_frame(src: bytes, runner: DecodeRunner) -> bytes:
    """Samples of one frame, colour by pixel; called by pydicom."""
    syntax = str(runner.transfer_syntax)
    samples = np.ascontiguousarray(DECODE[syntax](src))
    runner.set_option("bits_allocated", 8 * samples.dtype.itemsize)
    runner.set_option("planar_configuration", 0)
    if "JPEG 2000" in runner.transfer_syntax.name and runner.samples_per_pixel > 1:
        runner.set_option("photometric_interpretation", "RGB")  # the codec undoes its own colour transform
    return samples.tobytes()


def register() -> None:
    """Make pydicom use this plugin, after its own; the second call does nothing."""
    from pydicom.pixels.decoders.base import get_decoder

    for syntax in DECODE:
        decoder = get_decoder(syntax)
        if LABEL not in decoder.available_plugins:
            decoder.add_plugin(LABEL, (__name__, decode_frame.__name__))
