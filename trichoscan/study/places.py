"""The photos of a run, found again where they lie and known to be the same bytes; decoded once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trichoscan.photo.read import read_photo
from trichoscan.records import TrichoscanError

Places = Mapping[str, Sequence[Path]]
"""Where each photo may lie, by its name in images.csv."""
KEPT = 4
"""Decoded photos kept: both of a pair, and of the next."""


def read_pixels(image: str, places: Sequence[Path], sha256: str) -> NDArray[np.uint8]:
    """(H, W, 3) pixels of the photo with this sha256.

    Raises
    ------
    TrichoscanError
        It is gone, or another file has its name now.
    """
    there = [place for place in places if place.is_file()]
    if not there:
        raise TrichoscanError(f"{image}: the photo is gone: put it back, or start with --photos FOLDER")
    for place in there:
        if file_sha256(place, place.stat().st_mtime_ns) == sha256:
            return _decoded(place, _frame(image, place), sha256)
    raise TrichoscanError(f"{image}: is not the photo that was measured: run 'trichoscan analyze' again")


def _frame(image: str, path: Path) -> int:
    """Frame of a DICOM file with several, such as 2 of "visit1.dcm#2"; 0 for any other photo."""
    numbered = re.fullmatch(r".+#(\d+)", image)
    return int(numbered[1]) if numbered and not path.name.endswith(f"#{numbered[1]}") else 0


@lru_cache(maxsize=4096)
def file_sha256(path: Path, changed_ns: int) -> str:
    """Of a file's bytes; `changed_ns` is its time of change, so that a new file is read anew."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=KEPT)
def _decoded(path: Path, frame: int, sha256: str) -> NDArray[np.uint8]:
    photo = read_photo(path, frame)
    if photo.sha256 != sha256:
        raise TrichoscanError(f"{path.name}: changed while it was read: try again")
    return photo.pixels
