"""The photos of a run: found again, known to be the same bytes, decoded once."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trichoscan.photo.read import find_photos
from trichoscan.records import TrichoscanError
from trichoscan.study import store
from trichoscan.study.places import file_sha256

JPEG_QUALITY = 93
"""Of the picture sent to the page: twice as many levels as an overlay has, for thin hair is to be judged."""


@dataclass(frozen=True, eq=False)
class ReviewPhoto:
    """A photo of the worklist.

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


def list_photos(results: Path, photos: Path | None) -> list[ReviewPhoto]:
    """Photos of a RESULTS folder.

    Parameters
    ----------
    results : Path
    photos : Path or None
        Folder where they lie now; None where they lay when they were measured.

    Raises
    ------
    TrichoscanError
        `results` is not a folder that `trichoscan analyze` wrote.
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
        found.append(ReviewPhoto(store.part_path(results, image).stem, image, row, tuple(known)))
    return found


def _named_alike(photos: Path, rows: Sequence[dict[str, str]]) -> bool:
    return all((photos / row["image"]).is_file() for row in rows if row["status"] == "ok")


def _by_sha256(folder: Path) -> dict[str, list[Path]]:
    """Photos of a folder by their bytes: results with codes do not tell their names."""
    found: dict[str, list[Path]] = {}
    for path in find_photos([folder]):
        found.setdefault(file_sha256(path, path.stat().st_mtime_ns), []).append(path)
    return found


def check_photos(results: Path, listed: Sequence[ReviewPhoto]) -> None:
    """Raise TrichoscanError where none of the measured photos is to be found."""
    measured = [photo for photo in listed if photo.row["status"] == "ok"]
    if not measured:
        raise TrichoscanError(f"{results}: no photo was measured: see the column 'error' of images.csv")
    if not any(place.is_file() for photo in measured for place in photo.places):
        raise TrichoscanError(
            f"{results}: the photos are not where they were measured: name their folder with --photos FOLDER"
        )


def as_jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """The picture alone: nothing of EXIF goes with it."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()
