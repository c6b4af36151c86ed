"""Writes real DICOM files of photos, by pydicom, for the tests."""

from __future__ import annotations

import io
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian

VL_PHOTOGRAPHIC = "1.2.840.10008.5.1.4.1.1.77.1.4"
DERMOSCOPIC = "1.2.840.10008.5.1.4.1.1.77.1.7"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
MULTI_FRAME_CAPTURE = "1.2.840.10008.5.1.4.1.1.7.4"


def dataset(samples: np.ndarray, *, frames: int = 0, kind: str = VL_PHOTOGRAPHIC, **more: Any) -> Dataset:
    """Dataset of (H, W[, 3]) samples, or (F, H, W[, 3]) where there are frames; `more` is by keyword."""
    shape = samples.shape[1:] if frames else samples.shape
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = kind, "1.2.3.4"
    made.PatientName, made.PatientID = "MARKER^JANE", "MARKER-77"
    made.Rows, made.Columns = shape[:2]
    made.SamplesPerPixel = 3 if len(shape) == 3 else 1
    made.PhotometricInterpretation = "RGB" if len(shape) == 3 else "MONOCHROME2"
    if len(shape) == 3:
        made.PlanarConfiguration = 0
    made.BitsAllocated = made.BitsStored = 8 * samples.dtype.itemsize
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = int(samples.dtype.kind == "i")
    if frames:
        made.NumberOfFrames = frames
    made.PixelData = samples.tobytes() + b"\0" * (samples.nbytes % 2)
    for keyword, value in more.items():
        setattr(made, keyword, value)
    return made


def written(made: Dataset, syntax: str = ExplicitVRLittleEndian, frames: list[bytes] | None = None) -> bytes:
    """Bytes of a DICOM file; `frames` are compressed ones."""
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = UID(syntax)
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    if frames is not None:
        made.PixelData = encapsulate(frames)
        made["PixelData"].is_undefined_length = True
    stream = io.BytesIO()
    made.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def jpeg(samples: np.ndarray, quality: int = 95) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(samples).save(stream, "JPEG", quality=quality, subsampling=0)
    return stream.getvalue()


COMPRESSED = {
    "1.2.840.10008.1.2.4.50": ("YBR_FULL", jpeg, 3.0),
    "1.2.840.10008.1.2.4.57": ("RGB", lambda s: imagecodecs.jpeg8_encode(s, lossless=True), 0.0),
    "1.2.840.10008.1.2.4.70": ("RGB", lambda s: imagecodecs.jpeg8_encode(s, lossless=True), 0.0),
    "1.2.840.10008.1.2.4.80": ("RGB", imagecodecs.jpegls_encode, 0.0),
    "1.2.840.10008.1.2.4.81": ("RGB", lambda s: imagecodecs.jpegls_encode(s, level=2), 2.0),
    "1.2.840.10008.1.2.4.90": (
        "YBR_RCT",
        lambda s: imagecodecs.jpeg2k_encode(s, codecformat="j2k", reversible=True),
        0.0,
    ),
    "1.2.840.10008.1.2.4.91": (
        "YBR_ICT",
        lambda s: imagecodecs.jpeg2k_encode(s, level=45, codecformat="j2k"),
        3.0,
    ),
    "1.2.840.10008.1.2.4.201": ("YBR_RCT", lambda s: imagecodecs.htj2k_encode(s, reversible=True), 0.0),
}
"""Of each transfer syntax: colour coding, encoder of a frame, and the mean error it may leave."""
