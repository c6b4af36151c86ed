"""The photos of a run, found again where they lie and known to be the same bytes; decoded once."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trichoscan.photo.read import find_photos, read_photo
from trichoscan.records import TrichoscanError
from trichoscan.study import store

Places = Mapping[str, Sequence[Path]]
"""Where each photo may lie, by its name in images.csv."""
KEPT = 4
"""Decoded photos kept: both of a pair, and of the next."""


@dataclass(frozen=True, eq=False)
class PlacedPhoto:
    """A photo of a run and where it may lie now.

    Attributes
    ----------
    key : str
        Names it in addresses: no name of a file does.
    image : str
        As in images.csv.
    row : dict
        Its row there.
    places : tuple of Path
        Where it may lie.
    """

    key: str
    image: str
    row: dict[str, str]
    places: tuple[Path, ...]


def place_photos(results: Path, photos: Path | None) -> list[PlacedPhoto]:
    """Photos of a RESULTS folder.

    Parameters
    ----------
    results : Path
    photos : Path or None
        Folder where they lie now; None where they lay when they were measured. There they are known by their
        names, else by their bytes: so are renamed ones, and those of results with codes in place of names.

    Raises
    ------
    TrichoscanError
        `results` is not a folder that `trichoscan analyze` wrote, or there is no folder `photos`.
    """
    table = results / "images.csv"
    if not table.is_file() or not (results / store.PARTS).is_dir():
        raise TrichoscanError(
            f"{results}: not a folder of results: run 'trichoscan analyze PHOTOS -o {results}'"
        )
    places = store.read_places(results)
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    by_sha256 = _by_sha256(photos) if photos is not None and not _named_alike(photos, rows) else {}
    found = []
    for row in rows:
        image = row["image"]
        part = store.read_part(results, image) or {"made_from": {}}
        known = places.get(image, []) if photos is None else [photos / image]
        known += by_sha256.get(part["made_from"].get("sha256", ""), [])
        found.append(PlacedPhoto(store.part_path(results, image).stem, image, row, tuple(known)))
    return found


def _named_alike(photos: Path, rows: Sequence[dict[str, str]]) -> bool:
    return all((photos / row["image"]).is_file() for row in rows if row["status"] == "ok")


def _by_sha256(folder: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in find_photos([folder]):
        found.setdefault(file_sha256(path, path.stat().st_mtime_ns), []).append(path)
    return found


def missing_photos(results: Path, placed: Sequence[PlacedPhoto], photos: Path | None) -> list[PlacedPhoto]:
    """Measured photos that are not where they may lie.

    Raises
    ------
    TrichoscanError
        None of them is to be found, or none was measured.
    """
    measured = [photo for photo in placed if photo.row["status"] == "ok"]
    if not measured:
        raise TrichoscanError(f"{results}: no photo was measured: see the column 'error' of images.csv")
    missing = [photo for photo in measured if not any(place.is_file() for place in photo.places)]
    if len(missing) < len(measured):
        return missing
    if photos is not None:
        raise TrichoscanError(
            f"{photos}: holds none of the photos of {results}: name the folder that was measured"
        )
    if is_pseudonymized(results):
        raise TrichoscanError(
            f"{results}: holds codes in place of names, and does not tell where the photos lie: name their "
            "folder with --photos FOLDER; they are known by their bytes, no key is needed"
        )
    raise TrichoscanError(
        f"{results}: the photos are not where they were measured: name their folder with --photos FOLDER"
    )


def is_pseudonymized(results: Path) -> bool:
    """Whether a run put codes in place of names, by its run.json."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return "pseudonymized" in json.loads((results / "run.json").read_text(encoding="utf-8"))["parameters"]
    return False


def read_pixels(image: str, places: Sequence[Path], sha256: str) -> NDArray[np.uint8]:
    """(H, W, 3) pixels of the photo with this sha256.

    Raises
    ------
    TrichoscanError
        It is gone, or another file has its name now.
    """
    there = [place for place in places if place.is_file()]
    if not there:
        raise TrichoscanError(
            f"{image}: the photo is not where it was: put it back, or name its folder with --photos FOLDER"
        )
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
