"""Decodes one frame of a DICOM file and the scale that the file states; nothing else of it is kept."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trichoscan.photo.profile import to_srgb
from trichoscan.photo.quiet import quiet
from trichoscan.photo.samples import Decoded, UnfitError, check_size, to_rgb
from trichoscan.photo.streams import codestream_size

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MOST_FRAMES = 1000
"""A longer series is a film; a wild header may state any number."""
HEADER_BYTES = 1 << 20
"""Read of each file to learn its frames; a header that is longer makes the whole file be read."""
LARGEST_INFLATED_BYTES = 1 << 29
"""Of a deflated data set: 60 MP of three 16-bit samples."""
SQUARE_WITHIN = 0.01
"""Relative difference of the spacing of rows and of columns that is still rounding."""
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_PHOTO_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.7",  # secondary capture and, below it, its multi-frame kinds
    "1.2.840.10008.5.1.4.1.1.77.1.1",  # endoscopic
    "1.2.840.10008.5.1.4.1.1.77.1.2",  # microscopic
    "1.2.840.10008.5.1.4.1.1.77.1.3",  # slide coordinates microscopic
    "1.2.840.10008.5.1.4.1.1.77.1.4",  # photographic
    "1.2.840.10008.5.1.4.1.1.77.1.7",  # dermoscopic photography
)
_NOT_INSTALLED = "DICOM needs a library: pip install 'trichoscan[dicom]'"


def is_dicom(start: bytes) -> bool:
    """Whether the first 132 bytes of a file are those of a DICOM file."""
    return start[128:132] == b"DICM"


def count_frames(path: Path) -> int:
    """Photos in a DICOM file; 1 where the header does not tell, for then decoding says why."""
    try:
        import pydicom

        with path.open("rb") as file:
            start = file.read(HEADER_BYTES)
            if not is_dicom(start):
                return 1
            whole = _is_deflated(start)
            data = start + file.read() if whole else start
        _check_inflated(data)
        with quiet():
            frames = pydicom.dcmread(
                io.BytesIO(data), stop_before_pixels=True, specific_tags=["NumberOfFrames"]
            ).get("NumberOfFrames")
        return int(frames) if frames and 1 <= int(frames) <= MOST_FRAMES else 1
    except Exception:  # hostile bytes, or no pydicom: read_photo tells the user
        return 1


def decode_dicom(data: bytes, frame: int) -> Decoded:
    """One frame of a DICOM file, upright as stored, in sRGB.

    Parameters
    ----------
    data : bytes
        The file.
    frame : int
        From 1; 0 for the only one.

    Raises
    ------
    UnfitError
        For what is no photo: another kind of object, a film, more frames than one where none is named.
    """
    try:
        import pydicom
    except ImportError:
        raise UnfitError(_NOT_INSTALLED) from None
    _check_inflated(data)
    dataset = pydicom.dcmread(io.BytesIO(data))
    index = _frame_index(dataset, frame)
    _check_kind(dataset)
    check_size(int(dataset.Columns), int(dataset.Rows))
    colours, flags = _colours(dataset, _samples(dataset, index))
    um_per_px, scale_flags = _um_per_px(dataset, index)
    return Decoded(colours, um_per_px, "dicom", (*flags, *scale_flags))


def _is_deflated(data: bytes) -> bool:
    return _DEFLATED in data[:4096]


def _check_inflated(data: bytes) -> None:
    """Refuse a deflated data set that would fill the memory, before pydicom inflates it."""
    if not _is_deflated(data):
        return
    start = 144 + int.from_bytes(data[140:144], "little")  # the header's own length stands there
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    left, total = data[start:], 0
    while left and not inflater.eof:
        total += len(inflater.decompress(left, 1 << 24))
        left = inflater.unconsumed_tail
        if total > LARGEST_INFLATED_BYTES:
            raise UnfitError("inflates to more than 512 MiB; export it without compression")


def _frame_index(dataset: Dataset, frame: int) -> int:
    frames = int(dataset.get("NumberOfFrames") or 1)
    if not 1 <= frames <= MOST_FRAMES:
        raise UnfitError(f"states {frames} frames; export single photos")
    if frame == 0 and frames > 1:
        raise UnfitError(f"holds {frames} frames; analyze its folder, or export single photos")
    if frame > frames:
        raise UnfitError(f"has no frame {frame}; it holds {frames}")
    return max(frame, 1) - 1


def _check_kind(dataset: Dataset) -> None:
    from pydicom.uid import UID

    kind = str(dataset.get("SOPClassUID") or "")
    if not any(kind == known or kind.startswith(f"{known}.") for known in _PHOTO_CLASSES) or (
        kind.endswith(("77.1.1.1", "77.1.2.1", "77.1.4.1"))
    ):
        name = UID(kind).name if UID(kind).name != kind else "of an unknown kind"
        raise UnfitError(f"a DICOM object {name}, not a photo; export it as VL Photographic or Dermoscopic")
    if "PixelData" not in dataset:
        raise UnfitError("a DICOM object without a picture; export the photo itself")
    aspect = dataset.get("PixelAspectRatio")
    if aspect and abs(float(aspect[0]) / float(aspect[1]) - 1) > SQUARE_WITHIN:
        raise UnfitError("its pixels are not square; export it with square pixels")
    if int(dataset.BitsAllocated) not in (1, 8, 16) or int(dataset.SamplesPerPixel) not in (1, 3):
        raise UnfitError("its samples are not of 8 or 16 bits, grey or RGB; export it as RGB of 8 bits")


def _samples(dataset: Dataset, index: int) -> NDArray[Any]:
    """(H, W) or (H, W, 3) samples of a frame as stored, YBR turned to RGB."""
    from pydicom.encaps import get_frame
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import RLELossless

    from trichoscan.photo.dicom_codecs import register

    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise UnfitError("a film or of an unknown compression; export single photos as JPEG") from None
    register()
    if not decoder.is_available:
        raise UnfitError(f"its compression, {syntax.name}, is not supported; export it as JPEG in DICOM")
    if syntax.is_encapsulated:
        frames = int(dataset.get("NumberOfFrames") or 1)
        stream = get_frame(dataset.PixelData, index, number_of_frames=frames)
        size = codestream_size(stream)
        if syntax != RLELossless and size != (int(dataset.Columns), int(dataset.Rows)):
            raise UnfitError("its header and its compressed picture are of different size; export it again")
    return decoder.as_array(dataset, index=index)[0]


def _colours(dataset: Dataset, samples: NDArray[Any]) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """RGB of 8 bits in sRGB, and flags."""
    profile = dataset.get("ICCProfile")
    coding = str(dataset.PhotometricInterpretation)
    if coding == "PALETTE COLOR":
        from pydicom.pixels.processing import apply_color_lut

        looked_up = apply_color_lut(samples, dataset)
        return to_srgb(to_rgb(looked_up, 8 * looked_up.dtype.itemsize), profile)
    if samples.ndim == 3:
        return to_srgb(_brought_to_8_bit(dataset, samples, shown=False), profile)
    if coding not in ("MONOCHROME1", "MONOCHROME2"):
        raise UnfitError("its colours are coded in an unknown way; export it as RGB of 8 bits")
    return to_srgb(_brought_to_8_bit(dataset, samples, shown=True)[..., None], profile)


def _brought_to_8_bit(dataset: Dataset, samples: NDArray[Any], *, shown: bool) -> NDArray[np.uint8]:
    """Samples by a table of all values they can have; grey is `shown` through rescale and window."""
    if "ModalityLUTSequence" in dataset or "VOILUTSequence" in dataset:
        raise UnfitError("its grey values need a table; export it as RGB of 8 bits")
    bits, signed = int(dataset.BitsStored), samples.dtype.kind == "i"
    if not 1 <= bits <= 8 * samples.dtype.itemsize <= 16:
        raise UnfitError("its samples are not of 8 or 16 bits; export it as RGB of 8 bits")
    codes = np.arange(1 << (8 * samples.dtype.itemsize), dtype=np.uint32)
    values = codes.astype(f"u{samples.dtype.itemsize}").view(samples.dtype).astype(np.float64)
    low, high = (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if signed else (0.0, 2.0**bits - 1)
    if shown:
        slope, intercept = (float(dataset.get(f"Rescale{name}", by) or by)
                            for name, by in (("Slope", 1), ("Intercept", 0)))  # fmt: skip
        values, low, high = values * slope + intercept, low * slope + intercept, high * slope + intercept
        share = _windowed(dataset, values, low, high)
        if dataset.PhotometricInterpretation == "MONOCHROME1":
            share = 1 - share
    else:
        share = (values - low) / (high - low)
    table = np.rint(255 * np.clip(np.nan_to_num(share), 0, 1)).astype(np.uint8)
    return table[samples.view(f"u{samples.dtype.itemsize}")]


def _windowed(dataset: Dataset, values: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Share of full light by the first window, PS3.3 C.11.2.1.2; of the whole range without one."""
    centre, width = (_first(dataset.get(f"Window{name}")) for name in ("Center", "Width"))
    if centre is None or width is None or not width > 0:
        return (values - low) / (high - low)
    function = str(dataset.get("VOILUTFunction") or "LINEAR")
    if function == "SIGMOID":
        return np.asarray(1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -500, 500))))
    if function == "LINEAR" and width > 1:
        return (values - (centre - 0.5)) / (width - 1) + 0.5
    return (values - centre) / width + 0.5


def _first(value: Any) -> float | None:
    """First of one or several numbers; None where there is none."""
    if value is None or value == "":
        return None
    return float(value if isinstance(value, (int, float)) else value[0] if len(value) else "nan")


def _um_per_px(dataset: Dataset, index: int) -> tuple[float | None, tuple[str, ...]]:
    """Um per px and flags; None where the file states nothing, NaN where it contradicts itself.

    The spacing of the frame or of all frames goes before that of the file; then that of a scanner. The
    spacing at the sensor is that of the skin only where no lens lies between, and is flagged.
    """
    for holder, name, flags in (
        (_measures(dataset, "PerFrameFunctionalGroupsSequence", index), "PixelSpacing", ()),
        (_measures(dataset, "SharedFunctionalGroupsSequence", 0), "PixelSpacing", ()),
        (dataset, "PixelSpacing", ()),
        (dataset, "NominalScannedPixelSpacing", ()),
        (dataset, "ImagerPixelSpacing", ("scale_at_sensor",)),
    ):
        try:
            spacing = None if holder is None else holder.get(name)
            if not spacing:
                continue
            down_mm, across_mm = (float(v) for v in spacing)
        except (ValueError, TypeError, AttributeError):
            return float("nan"), ()
        if not across_mm > 0 or abs(down_mm / across_mm - 1) > SQUARE_WITHIN:
            return float("nan"), ()
        return 500 * (down_mm + across_mm), flags
    return None, ()


def _measures(dataset: Dataset, groups: str, index: int) -> Dataset | None:
    """Pixel measures of a frame in the functional groups of an enhanced object."""
    sequence = dataset.get(groups)
    if not sequence or index >= len(sequence):
        return None
    measures = sequence[index].get("PixelMeasuresSequence")
    return measures[0] if measures else None
