"""The reviewed columns and rows that stand beside the automatic ones in the tables of RESULTS.

What a review makes of a photo or pair is kept as a small JSON file in RESULTS/.parts/review, made by
`corrections.refresh`; here its cells are put beside the automatic cells, which stay as they are. A hair or
match that stands only in the review has a row of its own, of source ``review``; of an automatic one, the
review says whether it was kept or dropped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from trichoscan.measure import distribution
from trichoscan.study.columns import HAIR_COLUMNS, IMAGE_COLUMNS, MATCH_COLUMNS, PAIR_COLUMNS, text_cell

Row = list[str]
Part = Mapping[str, Any]

MEASURED = (
    *IMAGE_COLUMNS[IMAGE_COLUMNS.index("area_cm2") : IMAGE_COLUMNS.index("focus")],
    *distribution.COLUMNS,
    "unit_density_low",
    "unit_density_high",
)
"""Columns of images.csv that follow from the hairs and the counting area."""
COMPARED = (*PAIR_COLUMNS[PAIR_COLUMNS.index("matched_hairs") : PAIR_COLUMNS.index("flags")], "flags")
"""Columns of pairs.csv that follow from the matches."""

REVIEW_IMAGE_COLUMNS = (
    "review",
    "reviewed_by",
    "corrections",
    *(f"reviewed_{name}" for name in MEASURED),
    "reviewed_flags",
    "reviewed_geometry",
)
REVIEW_HAIR_COLUMNS = ("source", "review", "reviewed_counted", "reviewed_unit_id")
REVIEW_PAIR_COLUMNS = ("review", "reviewed_by", *(f"reviewed_{name}" for name in COMPARED))
REVIEW_MATCH_COLUMNS = ("source", "review")

IMAGE_TABLE = (*IMAGE_COLUMNS, *REVIEW_IMAGE_COLUMNS)
HAIR_TABLE = (*HAIR_COLUMNS, *REVIEW_HAIR_COLUMNS)
PAIR_TABLE = (*PAIR_COLUMNS, *REVIEW_PAIR_COLUMNS)
MATCH_TABLE = (*MATCH_COLUMNS, *REVIEW_MATCH_COLUMNS)

PLACE = slice(*(HAIR_COLUMNS.index(name) for name in ("root_x_px", "length_um")))
FLAGS = HAIR_COLUMNS.index("flags")

FOLDER = "reviewed"
"""Of what stands beside the automatic files, in geometry/ and overlays/."""

FoundIds = dict[tuple[str, ...], str]
"""hair_id of the hairs that matching found again, by image and the cells of root and tip."""


def review_part_path(out: Path, kind: str, name: str) -> Path:
    """Where the review's cells of a photo (by its image) or of a pair (by its pair_id) are kept."""
    digits = hashlib.sha256(text_cell(name).encode()).hexdigest()[:24]
    return out / ".parts" / "review" / f"{kind}-{digits}.json"


def read_review_part(out: Path, kind: str, name: str) -> Part | None:
    """Cells of a photo or pair under review; None where it is not."""
    try:
        part = json.loads(review_part_path(out, kind, name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return part if isinstance(part, dict) and {"key", "cells"} <= part.keys() else None


def reviewed_files(out: Path, geometry: str) -> tuple[Path, Path]:
    """Reviewed geometry and overlay of the photo with this cell `geometry`."""
    stem = Path(geometry).name.removesuffix(".geojson")
    return out / "geometry" / FOLDER / f"{stem}.geojson", out / "overlays" / FOLDER / f"{stem}.jpg"


def reviewed_pair_overlay(out: Path, pair_id: str) -> Path:
    """Reviewed overlay of a pair."""
    return out / "overlays" / FOLDER / "pairs" / f"{pair_id}.jpg"


def image_rows(out: Path, rows: Iterable[Sequence[str]]) -> Iterator[Row]:
    """Rows of images.csv with the reviewed cells."""
    for row in rows:
        part = read_review_part(out, "photo", row[0])
        cells = {} if part is None else part["cells"]
        yield [*row, *(cells.get(name, "") for name in REVIEW_IMAGE_COLUMNS)]


def hair_rows(out: Path, images: Iterable[str], rows: Iterable[Sequence[str]]) -> Iterator[Row]:
    """Rows of hairs.csv with the reviewed cells; after those of each photo the hairs made in review.

    Parameters
    ----------
    out : Path
    images : iterable of str
        Cells `image` of images.csv, in its order.
    rows : iterable
        Automatic ones, in that order.
    """
    groups = groupby(rows, key=itemgetter(0))
    at, group = next(groups, ("", iter(())))
    for image in images:
        part = read_review_part(out, "photo", image)
        if at == image:
            for row in group:
                again = _found_again(row)
                said = [""] * 3 if part is None or again else part["hairs"].get(row[1], [""] * 3)
                yield [*row, "matching" if again else "automatic", *said]
            at, group = next(groups, ("", iter(())))
        for made in part["added"] if part is not None else ():
            yield [image, *made]


def _found_again(row: Sequence[str]) -> bool:
    return "found_again" in row[FLAGS].split(" ")


def found_ids(rows: Iterable[Sequence[str]]) -> FoundIds:
    """Numbers of the hairs that matching found again, from rows of hairs.csv."""
    return {(row[0], *row[PLACE]): row[1] for row in rows if _found_again(row)}


def pair_rows(out: Path, rows: Iterable[Sequence[str]]) -> Iterator[Row]:
    """Rows of pairs.csv with the reviewed cells."""
    for row in rows:
        part = read_review_part(out, "pair", row[0])
        cells = {} if part is None else part["cells"]
        yield [*row, *(cells.get(name, "") for name in REVIEW_PAIR_COLUMNS)]


def match_rows(out: Path, rows: Iterable[Sequence[str]], found: FoundIds) -> Iterator[Row]:
    """Rows of matches.csv with the reviewed cells; after those of each pair what only the review says.

    Parameters
    ----------
    out : Path
    rows : iterable
        Automatic ones, those of a pair together.
    found : dict
        See `found_ids`.
    """
    pair_id: str | None = None
    left: dict[tuple[str, ...], Row] = {}
    part: Part | None = None
    for row in rows:
        if row[0] != pair_id:
            yield from _said_in_review(pair_id, left)
            pair_id, part = row[0], read_review_part(out, "pair", row[0])
            left = {} if part is None else _reviewed_matches(part, found)
        if not left and (part is None or not part["matches"]):
            yield [*row, "automatic", ""]
            continue
        kept = left.pop(tuple(row[1:4]), None)
        yield [*row, "automatic", "dropped" if kept is None else "kept"]
    yield from _said_in_review(pair_id, left)


def _reviewed_matches(part: Part, found: FoundIds) -> dict[tuple[str, ...], Row]:
    """Cells after pair_id of each reviewed match, by its kind and hairs."""
    rows = {}
    for cells in part["matches"]:
        row = [found.get(tuple(cell), "") if isinstance(cell, list) else cell for cell in cells]
        rows[tuple(row[:3])] = row
    return rows


def _said_in_review(pair_id: str | None, left: Mapping[tuple[str, ...], Row]) -> Iterator[Row]:
    if pair_id is not None:
        for row in left.values():
            yield [pair_id, *row, "review", "added"]
