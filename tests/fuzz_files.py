"""Damaged photo files of every format: python fuzz_files.py FOLDER FIRST COUNT reads so many of them.

Exit code 0 says that each was read or refused with a TrichoscanError; the last line is the peak memory in
megabytes beyond that of reading the sound files. What is being read lies in FOLDER/case.
"""

from __future__ import annotations

import faulthandler
import io
import resource
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pillow_heif
import tifffile
from dicom_files import COMPRESSED, MULTI_FRAME_CAPTURE, dataset, written
from PIL import Image, ImageCms

from trichoscan.photo.dicom import count_frames
from trichoscan.photo.read import read_photo
from trichoscan.records import Photo, TrichoscanError

HANGS_AFTER_S = 240
"""Wall time of one file on a busy machine; a sound one takes some milliseconds."""
WILD = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def picture() -> np.ndarray:
    coarse = np.random.default_rng(5).integers(40, 220, (3, 4, 3), dtype=np.uint8)
    return np.array(Image.fromarray(coarse).resize((208, 200), Image.Resampling.BICUBIC))


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _tiff(samples: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, samples, **options)
    return stream.getvalue()


def sound_files() -> list[bytes]:
    """Small files of every format, sound."""
    rgb = picture()
    grey, deep = rgb[..., 0], rgb.astype(np.uint16) * 257
    image = Image.fromarray(rgb)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "words"
    heic = io.BytesIO()
    pillow_heif.from_pillow(image).save(heic, quality=60)
    plain = [
        _saved(image, "JPEG", exif=exif, icc_profile=profile),
        _saved(image, "JPEG", progressive=True, quality=50),
        _saved(image.convert("CMYK"), "JPEG"),
        _saved(image, "PNG", icc_profile=profile),
        _saved(image.quantize(16), "PNG", transparency=0),
        imagecodecs.png_encode(deep),
        _saved(image.resize((200, 200)), "BMP"),
        _saved(image, "WEBP", exif=exif),
        _saved(image.convert("RGBA"), "WEBP", lossless=True),
        heic.getvalue(),
    ]
    tiffs = [
        _tiff(rgb, photometric="rgb", compression="zlib", resolution=(4600, 4600), resolutionunit=2),
        _tiff(rgb, photometric="rgb", compression="jpeg", tile=(64, 64)),
        _tiff(grey, compression="lzw", imagej=False, predictor=True),
        _tiff(grey, resolution=(0.2, 0.2), imagej=True, metadata={"unit": "micron"}),
        _tiff(deep, photometric="rgb", ome=True, compression="zlib", metadata={"PhysicalSizeX": 5.5}),
        _saved(image.convert("CMYK"), "TIFF", compression="tiff_lzw", icc_profile=profile),
        _saved(image.quantize(16), "TIFF"),
    ]
    dicoms = [
        written(dataset(rgb, PixelSpacing=[0.0055, 0.0055], ICCProfile=profile)),
        written(dataset(grey, WindowCenter="100", WindowWidth="200")),
        written(dataset(rgb), "1.2.840.10008.1.2.1.99"),
        written(dataset(np.stack([grey, grey]), frames=2, kind=MULTI_FRAME_CAPTURE)),
        *(
            written(dataset(rgb, PhotometricInterpretation=coding), syntax, [encode(rgb)])
            for syntax, (coding, encode, _) in COMPRESSED.items()
        ),
    ]
    return plain + tiffs + dicoms


def damaged(files: list[bytes], number: int) -> bytes:
    """One of the files after an accident or a few; the same number gives the same bytes."""
    rng = np.random.default_rng([7, number])
    data = bytearray(files[number % len(files)])
    for _ in range(1 + int(rng.geometric(0.6)) // 2):
        accident = int(rng.integers(7))
        size = max(len(data), 1)
        # Half of the accidents fall on the first 1,000 bytes, where the headers are.
        at = int(rng.integers(size if rng.random() < 0.5 else min(size, 1000)))
        length = int(2 ** rng.uniform(0, 9))
        if accident == 0:
            for place in rng.integers(0, len(data) or 1, int(2 ** rng.uniform(0, 4))).tolist():
                data[place : place + 1] = bytes([sum(data[place : place + 1]) ^ 1 << int(rng.integers(8))])
        elif accident == 1:
            del data[int(rng.integers(size)) :]
        elif accident == 2:
            del data[at : at + length]
        elif accident == 3:
            data[at:at] = data[at : at + length]
        elif accident == 4:
            other = files[int(rng.integers(len(files)))]
            start = int(rng.integers(len(other)))
            data[at : at + length] = other[start : start + length]
        elif accident == 5:
            width = int(rng.choice([1, 2, 4]))
            value = int(rng.choice(WILD)) & (256**width - 1)
            data[at : at + width] = value.to_bytes(width, "little" if rng.random() < 0.5 else "big")
        else:
            data[at : at + length] = rng.integers(0, 256, min(length, 64), dtype=np.uint8).tobytes()
    return bytes(data)


def read_all(folder: Path, first: int, count: int) -> int:
    """Read the files; megabytes that it took at most beyond the sound ones."""
    files = sound_files()
    case = folder / "case"
    for data in files:
        case.write_bytes(data)
        assert isinstance(read_photo(case, min(count_frames(case) - 1, 1)), Photo)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(first, first + count):
        case.write_bytes(damaged(files, number))
        faulthandler.dump_traceback_later(HANGS_AFTER_S, exit=True)
        try:
            photo = read_photo(case, min(count_frames(case) - 1, 1))
        except TrichoscanError as error:
            told = str(error)
            assert told.startswith(f"{case}: ") and "\n" not in told and len(told) < 400, told
        else:
            assert photo.pixels.dtype == np.uint8 and photo.pixels.shape[2] == 3
            assert min(photo.pixels.shape[:2]) >= 200 and photo.pixels.size <= 3 * 60_000_000
            assert photo.um_per_px is None or 0.5 <= photo.um_per_px <= 50
    faulthandler.cancel_dump_traceback_later()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024


if __name__ == "__main__":
    print(read_all(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
