"""Finds photos in folders and decodes them: upright, 8-bit RGB, with the scale that the file states."""

from __future__ import annotations

import hashlib
import io
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from trichoscan.photo.dicom import decode_dicom, is_dicom
from trichoscan.photo.heic import decode_heic, is_heic
from trichoscan.photo.profile import to_srgb
from trichoscan.photo.quiet import quiet
from trichoscan.photo.samples import ORIENTATION_TAG, Decoded, UnfitError, check_size, to_rgb, upright
from trichoscan.photo.tiff import decode_tiff
from trichoscan.records import Photo, TrichoscanError

log = logging.getLogger(__name__)

EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".png", ".tif", ".tiff", ".bmp", ".webp", ".dcm", ".dicom", ".dic"}
    | {".heic", ".heif", ".hif"}
)
LARGEST_FILE_BYTES = 1 << 30
"""60 MP of four 32-bit samples: anything longer is no photo."""
PLAUSIBLE_UM_PER_PX = (0.5, 50.0)
"""Dermatoscopes and video microscopes (20-140x) lie at 1-25 um per px."""
_PILLOW_FORMATS = ("JPEG", "PNG", "BMP", "WEBP")
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_photo(path: Path, frame: int = 0) -> Photo:
    """Decode a photo by what it holds, whatever its extension.

    JPEG, PNG, TIFF (first page), BMP, WebP, HEIC (main picture) and DICOM. The EXIF orientation is applied.
    Grey, palette and CMYK become RGB, and colours with an embedded profile sRGB; transparent pixels become
    black, for they are no scalp. Samples of more than 8 bits are brought to 8: 16 bits by 65535 / 255 = 257;
    where no sample of a 16-bit file exceeds 4095 (255) it holds 12-bit (8-bit) data and is scaled so. DICOM
    states its bits, and grey is shown through its window.

    The scale is taken from DICOM's pixel spacing or a TIFF's resolution, ImageJ or OME metadata where it
    lies within `PLAUSIBLE_UM_PER_PX`. What lies outside raises the flag `scale_implausible`, save for the
    defaults of printing, `PRINT_DPI`, which say nothing.

    Parameters
    ----------
    path : Path
        The file.
    frame : int
        Of a DICOM file with several, from 1; 0 for the only one.

    Returns
    -------
    Photo
        With (H, W, 3) uint8 RGB pixels of its own. Nothing else of the file is kept.

    Raises
    ------
    TrichoscanError
        If the file is missing, unreadable, empty, cut short, not an image, has a side under 200 px
        or more than 60 million px. The message repeats nothing that stands in the file.
    """
    data = _file_bytes(path)
    with quiet():
        try:
            found = _decode(data, frame)
            pixels = np.ascontiguousarray(found.pixels)
        except UnfitError as error:
            raise TrichoscanError(f"{path}: {error}") from None
        except Exception as error:  # decoders answer hostile bytes with exceptions of any type
            log.debug("%s", path, exc_info=True)
            raise TrichoscanError(
                f"{path}: cannot be decoded ({_in_our_words(error)}); export it again as JPEG, PNG or TIFF"
            ) from None
    sha256 = hashlib.sha256(data).hexdigest()
    if found.um_per_px is None:
        return Photo(pixels, sha256=sha256, flags=found.flags)
    if not PLAUSIBLE_UM_PER_PX[0] <= found.um_per_px <= PLAUSIBLE_UM_PER_PX[1]:
        kept = tuple(flag for flag in found.flags if flag != "scale_at_sensor")
        return Photo(pixels, sha256=sha256, flags=(*kept, "scale_implausible"))
    return Photo(pixels, found.um_per_px, found.source, sha256, found.flags)


def _decode(data: bytes, frame: int) -> Decoded:
    ImageFile.LOAD_TRUNCATED_IMAGES = False  # weasyprint sets it, for all of the process
    if frame and not is_dicom(data[:132]):
        raise UnfitError("is no DICOM file, so it has no frames; name the file alone")
    if data[:4] in _TIFF_STARTS:
        return decode_tiff(data)
    if is_dicom(data[:132]):
        return decode_dicom(data, frame)
    if is_heic(data[:12]):
        return decode_heic(data)
    return _decode_plain(data)


def _in_our_words(error: Exception) -> str:
    """What went wrong, without the decoder's words: they may repeat what stands in the file."""
    if isinstance(error, MemoryError):
        return "too little memory"
    told = str(error).lower()
    if isinstance(error, EOFError) or any(word in told for word in ("truncat", "end of ", "not enough")):
        return "cut short"
    return "damaged, or of a kind that is not supported"


def find_photos(paths: Sequence[Path], skipped: list[str] | None = None) -> list[Path]:
    """Photos named by the user or lying in folders they named.

    Folders are searched through all their subfolders, links included, each real folder once.
    Hidden files and folders, the results folders of this program and files whose extension is not in
    `EXTENSIONS` are left out; a file without an extension, or with one of digits, is kept where it is DICOM.
    A file named by the user is kept whatever its name.

    Parameters
    ----------
    paths : sequence of Path
        Files and folders.
    skipped : list of str, optional
        Takes a line for each subfolder that could not be opened and each link that leads to itself.

    Returns
    -------
    list of Path
        In the order of `paths`, those of one folder sorted by the bytes of their relative POSIX
        path; each real file once.

    Raises
    ------
    TrichoscanError
        If a path is missing, a folder of `paths` cannot be opened or has no photo in it.
    """
    found: dict[Path, Path] = {}
    left_out: list[str] = [] if skipped is None else skipped
    for path in paths:
        try:
            photos = _photos_in(path, left_out) if path.is_dir() else [path]
            if not photos:
                raise TrichoscanError(_why_no_photo(path))
            if not path.exists():
                raise TrichoscanError(f"{path}: no such file or folder; check the path")
            for photo in photos:
                real = _real(photo)
                if real is None:
                    left_out.append(f"{photo}: is left out, a link that leads to itself; delete it")
                else:
                    found.setdefault(real, photo)
        except (OSError, ValueError, RuntimeError) as error:
            raise TrichoscanError(
                f"{path}: cannot be searched ({_one_line(error)}); check the path and its permissions"
            ) from None
    return list(found.values())


def _real(path: Path) -> Path | None:
    """Path without links; None for a link that leads to itself."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return None


def _photos_in(folder: Path, skipped: list[str]) -> list[Path]:
    photos: list[Path] = []
    seen: set[Path] = set()
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            real = here.resolve()
            if real in seen or _holds_results(here):
                continue
            seen.add(real)
            folders, files = _sorted_out(here)
        except OSError as error:
            if here == folder:
                raise
            skipped.append(f"{here}: cannot be opened ({_one_line(error)}); its photos are left out")
            continue
        waiting += folders
        photos += files
    return sorted(photos, key=lambda photo: os.fsencode(photo.relative_to(folder).as_posix()))


def _sorted_out(folder: Path) -> tuple[list[Path], list[Path]]:
    """Folders in a folder, last first, and its photos; what vanishes meanwhile is still named by its name."""
    folders: list[Path] = []
    photos: list[Path] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: os.fsencode(entry.name), reverse=True):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            folders.append(entry)
        elif entry.suffix.lower() in EXTENSIONS or _is_unnamed_dicom(entry):
            photos.append(entry)
    return folders, photos


def _is_unnamed_dicom(path: Path) -> bool:
    """Whether a file without an extension, or with one of digits as in a UID, is DICOM."""
    ending = path.suffix[1:]
    if (ending and not ending.isdigit()) or path.name == "DICOMDIR" or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return is_dicom(file.read(132))
    except OSError:
        return False


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


def _decode_plain(data: bytes) -> Decoded:
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
        profile = image.info.get("icc_profile") or None
        if image.format == "PNG" and data[24] == 16:  # Pillow would keep 8 bits of 16, rounded down
            samples = to_rgb(np.asarray(imagecodecs.png_decode(data)))
        elif image.mode == "CMYK":
            samples = np.asarray(image)
        elif image.mode in ("RGB", "L") and isinstance(image.info.get("transparency"), (tuple, int)):
            samples = to_rgb(np.asarray(image.convert("RGBA")))
        elif image.mode in ("RGB", "RGBA", "L", "F") or image.mode.startswith("I"):
            samples = to_rgb(np.asarray(image))
        else:
            see_through = "transparency" in image.info or "a" in image.mode.lower()
            samples = to_rgb(np.asarray(image.convert("RGBA" if see_through else "RGB")))
    pixels, flags = to_srgb(samples, profile)
    return Decoded(upright(pixels, orientation), flags=flags)
