"""Finds photos in folders and decodes them: upright, 8-bit RGB, with the scale that the file states."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from trichoscan.photo.samples import ORIENTATION_TAG, UnfitError, check_size, to_rgb, upright
from trichoscan.photo.tiff import decode_tiff
from trichoscan.records import Photo, TrichoscanError

EXTENSIONS = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".tif", ".tiff", ".bmp", ".webp"})
LARGEST_FILE_BYTES = 1 << 30
"""60 MP of four 32-bit samples: anything longer is no photo."""
PLAUSIBLE_UM_PER_PX = (0.5, 50.0)
"""Dermatoscopes and video microscopes (20-140x) lie at 1-25 um per px."""
_PILLOW_FORMATS = ("JPEG", "PNG", "BMP", "WEBP")
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_photo(path: Path) -> Photo:
    """Decode a photo by what it holds, whatever its extension.

    JPEG, PNG, TIFF (first page), BMP and WebP. The EXIF orientation is applied. Grey, palette and
    CMYK become RGB; transparent pixels become black, for they are no scalp. Samples of more than 8
    bits are brought to 8: 16 bits by 65535 / 255 = 257; where no sample of a 16-bit file exceeds
    4095 (255) it holds 12-bit (8-bit) data and is scaled so. Colour profiles are not applied.

    The scale is taken from a TIFF's resolution, ImageJ or OME metadata where it lies within
    `PLAUSIBLE_UM_PER_PX`. A resolution outside raises the flag `scale_implausible`, save for the
    defaults of printing, `PRINT_DPI`, which say nothing.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Photo
        With (H, W, 3) uint8 RGB pixels of its own.

    Raises
    ------
    TrichoscanError
        If the file is missing, unreadable, empty, cut short, not an image, has a side under 200 px
        or more than 60 million px.
    """
    data = _file_bytes(path)
    um_per_px: float | None = None
    with _quiet():
        try:
            if data[:4] in _TIFF_STARTS:
                samples, um_per_px = decode_tiff(data)
            else:
                samples = _decode_plain(data)
            pixels = np.ascontiguousarray(samples)
        except UnfitError as error:
            raise TrichoscanError(f"{path}: {error}") from None
        except Exception as error:  # decoders answer hostile bytes with exceptions of any type
            raise TrichoscanError(
                f"{path}: cannot be decoded ({_one_line(error)}); export it again as JPEG, PNG or TIFF"
            ) from None
    sha256 = hashlib.sha256(data).hexdigest()
    if um_per_px is None:
        return Photo(pixels, sha256=sha256)
    if not PLAUSIBLE_UM_PER_PX[0] <= um_per_px <= PLAUSIBLE_UM_PER_PX[1]:
        return Photo(pixels, sha256=sha256, flags=("scale_implausible",))
    return Photo(pixels, um_per_px, "tiff", sha256)


def find_photos(paths: Sequence[Path]) -> list[Path]:
    """Photos named by the user or lying in folders they named.

    Folders are searched through all their subfolders, links included, each real folder once.
    Hidden files and folders, the results folders of this program and files whose extension is not
    in `EXTENSIONS` are left out. A file named by the user is kept whatever its name.

    Parameters
    ----------
    paths : sequence of Path
        Files and folders.

    Returns
    -------
    list of Path
        In the order of `paths`, those of one folder sorted by the bytes of their relative POSIX
        path; each real file once.

    Raises
    ------
    TrichoscanError
        If a path is missing, a folder cannot be opened or has no photo in it.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        try:
            photos = _photos_in(path) if path.is_dir() else [path]
            if not photos:
                raise TrichoscanError(_why_no_photo(path))
            if not path.exists():
                raise TrichoscanError(f"{path}: no such file or folder; check the path")
            for photo in photos:
                found.setdefault(photo.resolve(), photo)
        except (OSError, ValueError, RuntimeError) as error:
            raise TrichoscanError(
                f"{path}: cannot be searched ({_one_line(error)}); check the path and its permissions"
            ) from None
    return list(found.values())


def _photos_in(folder: Path) -> list[Path]:
    photos: list[Path] = []
    seen: set[Path] = set()
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        real = here.resolve()
        if real in seen:
            continue
        seen.add(real)
        if _holds_results(here):
            continue
        entries = sorted(here.iterdir(), key=lambda entry: os.fsencode(entry.name), reverse=True)
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                waiting.append(entry)
            elif entry.suffix.lower() in EXTENSIONS:
                photos.append(entry)
    return sorted(photos, key=lambda photo: os.fsencode(photo.relative_to(folder).as_posix()))


def _holds_results(folder: Path) -> bool:
    """Whether a run wrote into this folder, finished or not."""
    return all((folder / name).exists() for name in (".parts", "overlays")) or all(
        (folder / name).exists() for name in ("run.json", "images.csv")
    )


def _why_no_photo(folder: Path) -> str:
    if _holds_results(folder):
        return f"{folder}: is a results folder; name the folder of the photos"
    endings = " ".join(sorted(EXTENSIONS))
    return f"{folder}: no photo in this folder ({endings}); name a folder that holds photos"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what decoders say about odd files off the screen."""
    loggers = [logging.getLogger(name) for name in ("PIL", "tifffile")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def _one_line(error: BaseException) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(reason.split())[:120] or type(error).__name__


def _file_bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise TrichoscanError(f"{path}: is a folder, not a photo; name a file")
        if not path.exists():
            raise TrichoscanError(f"{path}: no such file; check the path")
        if not path.is_file():
            raise TrichoscanError(f"{path}: is no ordinary file; name a photo")
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise TrichoscanError(f"{path}: larger than 1 GiB; export it again as JPEG or PNG")
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise TrichoscanError(
            f"{path}: cannot be read ({_one_line(error)}); check the path and its permissions"
        ) from None
    if not data:
        raise TrichoscanError(f"{path}: the file is empty; copy it again from the camera")
    return data


def _decode_plain(data: bytes) -> NDArray[np.uint8]:
    """JPEG, PNG, BMP and WebP."""
    try:
        image = Image.open(io.BytesIO(data), formats=_PILLOW_FORMATS)
    except Image.DecompressionBombError:
        raise UnfitError("more than 60 megapixels; make it smaller") from None
    except UnidentifiedImageError:
        raise UnfitError("not an image, or one of an unknown kind; export it as JPEG, PNG or TIFF") from None
    with image:
        check_size(*image.size)
        image.load()
        orientation = image.getexif().get(ORIENTATION_TAG, 1)
        if image.format == "PNG" and data[24] == 16:  # Pillow would keep 8 bits of 16, rounded down
            pixels = to_rgb(np.asarray(imagecodecs.png_decode(data)))
        elif image.mode in ("RGB", "RGBA", "L", "F") or image.mode.startswith("I"):
            pixels = to_rgb(np.asarray(image))
        else:
            see_through = "transparency" in image.info or "a" in image.mode.lower()
            pixels = to_rgb(np.asarray(image.convert("RGBA" if see_through else "RGB")))
        if image.mode in ("RGB", "L") and isinstance(image.info.get("transparency"), (tuple, int)):
            pixels = to_rgb(np.asarray(image.convert("RGBA")))
    return upright(pixels, orientation)
