"""RESULTS on disk: images.csv, hairs.csv, geometry/, overlays/, run.json and the parts they are made of.

Each photo's rows are first kept as one small JSON file in RESULTS/.parts; the tables are put
together from these in the order of the photos. So a run can stop and go on, and the tables are
the same bytes however many workers made them. Every file is written whole or not at all.

Hairs and units are numbered from 1 in the files. Lines of the tables end in CR LF, as RFC 4180 has it.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.measure import distribution
from trichoscan.measure.density import hair_kind, summarize
from trichoscan.records import Analysis, TrichoscanError
from trichoscan.study.manifest import TEXT_COLUMNS, Entry

IMAGE_COLUMNS = (
    "image",
    *TEXT_COLUMNS,
    "status",
    "error",
    "flags",
    "width_px",
    "height_px",
    "um_per_px",
    "um_per_px_source",
    "area_cm2",
    "hair_count",
    "hair_density_per_cm2",
    "hair_density_low",
    "hair_density_high",
    "unit_count",
    "unit_density_per_cm2",
    "hairs_per_unit",
    "single_hair_unit_percent",
    "mean_diameter_um",
    "mean_diameter_se_um",
    "median_diameter_um",
    "sd_diameter_um",
    "cumulative_thickness_mm_per_cm2",
    "terminal_count",
    "vellus_count",
    "vellus_percent",
    "terminal_to_vellus_ratio",
    "mean_unit_spacing_um",
    "focus",
    "glare_percent",
    "erythema_index",
    "geometry",
    *distribution.COLUMNS,
)
HAIR_COLUMNS = (
    "image",
    "hair_id",
    "unit_id",
    "root_x_px",
    "root_y_px",
    "tip_x_px",
    "tip_y_px",
    "length_um",
    "diameter_um",
    "diameter_se_um",
    "kind",
    "counted",
    "confidence",
    "flags",
)
DECIMALS = {
    "um_per_px": 4,
    "area_cm2": 5,
    "hair_density_per_cm2": 1,
    "hair_density_low": 1,
    "hair_density_high": 1,
    "unit_density_per_cm2": 1,
    "hairs_per_unit": 3,
    "single_hair_unit_percent": 1,
    "mean_diameter_um": 2,
    "mean_diameter_se_um": 2,
    "median_diameter_um": 2,
    "sd_diameter_um": 2,
    "cumulative_thickness_mm_per_cm2": 2,
    "vellus_percent": 1,
    "terminal_to_vellus_ratio": 2,
    "mean_unit_spacing_um": 0,
    "below_30_um_percent": 1,
    "below_40_um_percent": 1,
    "anisotrichosis_percent": 1,
    "diameter_bimodality": 2,
    "corrected_mean_diameter_um": 2,
    "unmeasured_percent": 1,
    "focus": 3,
    "glare_percent": 2,
    "erythema_index": 2,
    "root_x_px": 2,
    "root_y_px": 2,
    "tip_x_px": 2,
    "tip_y_px": 2,
    "length_um": 1,
    "diameter_um": 2,
    "diameter_se_um": 2,
    "confidence": 3,
}
"""Decimals kept: one more than the measurement's own repeatability, no less than a mean needs."""

PARTS = ".parts"
RESULT_NAMES = ("images.csv", "hairs.csv", "run.json", "geometry", "overlays")
JPEG_QUALITY = 88
LONGEST_STEM_BYTES = 180
"""Of UTF-8. With hash and extension it stays well under the 255 bytes that file systems allow for a name."""
TEMPORARY_START = ".trichoscan-"
STALE_TEMPORARY_S = 24 * 3600
"""Age at which no run can still be writing a temporary file."""
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def number_cell(column: str, value: float | int | None) -> str:
    """Text of a number: rounded as `DECIMALS` says, never "-0", empty where there is none."""
    if value is None or not math.isfinite(value):
        return ""
    decimals = DECIMALS.get(column, 0)
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def text_cell(text: str) -> str:
    """Text that no spreadsheet runs as a formula: an apostrophe is put before one; UTF-8 always."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def file_names(images: Sequence[str]) -> list[str]:
    """Stem of each photo's geometry and overlay files.

    The photo's own stem, cut to `LONGEST_STEM_BYTES`. Eight hexadecimal digits of its path's sha256
    are added where it was cut and where two photos share one (also where only upper and lower case
    differ, which some file systems do not tell apart).
    """
    stems = [Path(text_cell(image)).stem for image in images]
    folded = [stem.casefold() for stem in stems]
    shared = {stem for stem in folded if folded.count(stem) > 1} if len(set(folded)) < len(folded) else set()
    names = []
    for image, stem, fold in zip(images, stems, folded, strict=True):
        short = stem.encode()[:LONGEST_STEM_BYTES].decode(errors="ignore")
        digits = hashlib.sha256(text_cell(image).encode()).hexdigest()[:8]
        names.append(f"{short}-{digits}" if fold in shared or short != stem else stem)
    return names


def measured_cells(
    analysis: Analysis, name: str, vellus_below_um: float, intermediate_below_um: float = 60.0
) -> dict[str, str]:
    """Cells of images.csv that come from the photo, for a photo that could be measured.

    Parameters
    ----------
    analysis : Analysis
    name : str
        Stem of the geometry file, as `file_names` gives it.
    vellus_below_um : float
        Hairs thinner than this are vellus.
    intermediate_below_um : float
        Terminal hairs thinner than this are also counted as intermediate.
    """
    height, width = analysis.counting_mask.shape
    numbers = {
        "width_px": width,
        "height_px": height,
        "um_per_px": analysis.um_per_px,
        "area_cm2": analysis.area_cm2,
        "focus": analysis.quality.focus,
        "glare_percent": analysis.quality.glare_percent,
        "erythema_index": analysis.quality.erythema_index,
        **summarize(analysis, vellus_below_um, intermediate_below_um),
    }
    cells = {column: number_cell(column, value) for column, value in numbers.items()}
    return cells | {
        "status": "ok",
        "flags": " ".join(analysis.flags),
        "um_per_px_source": analysis.um_per_px_source,
        "geometry": f"geometry/{name}.geojson",
    }


def failed_cells(reason: str) -> dict[str, str]:
    """Cells of images.csv for a photo that could not be measured."""
    return {"status": "failed", "error": text_cell(" ".join(reason.split()))}


def hair_rows(analysis: Analysis, vellus_below_um: float) -> list[list[str]]:
    """Cells of hairs.csv after `image`, one list for each hair, in the analysis' order."""
    um_per_px = math.nan if analysis.um_per_px is None else analysis.um_per_px
    rows = []
    for index, hair in enumerate(analysis.hairs):
        diameter_um = hair.diameter_px * um_per_px
        numbers = {
            "hair_id": index + 1,
            "unit_id": int(analysis.unit_of_hair[index]) + 1,
            "root_x_px": hair.root_px[0],
            "root_y_px": hair.root_px[1],
            "tip_x_px": hair.tip_px[0],
            "tip_y_px": hair.tip_px[1],
            "length_um": hair.length_px * um_per_px,
            "diameter_um": diameter_um,
            "diameter_se_um": math.hypot(
                hair.diameter_se_px * um_per_px, diameter_um * analysis.um_per_px_cv
            ),
            "confidence": hair.confidence,
        }
        cells = {column: number_cell(column, value) for column, value in numbers.items()}
        cells["kind"] = hair_kind(diameter_um, vellus_below_um) or ""
        cells["counted"] = "true" if analysis.counted[index] else "false"
        cells["flags"] = " ".join(hair.flags)
        rows.append([cells[column] for column in HAIR_COLUMNS[1:]])
    return rows


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Path to write to in place of `path`, which then appears complete under its name, or not at all.

    Its name is random, for two machines that share a folder may have processes of one number.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{TEMPORARY_START}{os.getpid()}-{secrets.token_hex(8)}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def part_path(out: Path, image: str) -> Path:
    """Where the rows of one photo are kept until the tables are put together."""
    return out / PARTS / f"{hashlib.sha256(text_cell(image).encode()).hexdigest()[:24]}.json"


def write_part(
    out: Path,
    image: str,
    *,
    made_from: Mapping[str, Any],
    cells: Mapping[str, str],
    hairs: Sequence[Sequence[str]] = (),
) -> None:
    """Keep one photo's rows.

    Parameters
    ----------
    out : Path
        RESULTS.
    image : str
    made_from : mapping
        All that the rows depend on: sha256 of the photo, parameters, weights, version.
    cells : mapping of str to str
        Cells of images.csv that do not come from the manifest.
    hairs : sequence of sequences of str
        Cells of hairs.csv after `image`.
    """
    part = {"made_from": made_from, "cells": cells, "hairs": hairs}
    with whole_file(part_path(out, image)) as temporary:
        temporary.write_text(json.dumps(part, ensure_ascii=True), encoding="utf-8")


def read_part(out: Path, image: str) -> dict[str, Any] | None:
    """Rows of one photo as `write_part` kept them; None where there are none or they are damaged."""
    try:
        part = json.loads(part_path(out, image).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return part if isinstance(part, dict) and {"made_from", "cells", "hairs"} <= part.keys() else None


def part_files(out: Path, cells: Mapping[str, str]) -> list[Path]:
    """Geometry and overlay that belong to the cells of one photo; none for a failed photo."""
    if not cells.get("geometry"):
        return []
    name = Path(cells["geometry"]).name
    return [out / "geometry" / name, out / "overlays" / f"{name.removesuffix('.geojson')}.jpg"]


def write_tables(out: Path, entries: Sequence[Entry]) -> None:
    """Put images.csv and hairs.csv together from the parts of `entries`, one photo in memory at a time.

    Parameters
    ----------
    out : Path
        RESULTS.
    entries : sequence of Entry
        Sorted by `image`; each must have its part.
    """
    _write_table(out / "images.csv", IMAGE_COLUMNS, (_image_row(*pair) for pair in _parts(out, entries)))
    hairs = ([text_cell(e.image), *row] for e, part in _parts(out, entries) for row in part["hairs"])
    _write_table(out / "hairs.csv", HAIR_COLUMNS, hairs)


def _image_row(entry: Entry, part: Mapping[str, Any]) -> list[str]:
    cells = {name: text_cell(getattr(entry, name)) for name in ("image", *TEXT_COLUMNS)} | part["cells"]
    return [cells.get(column, "") for column in IMAGE_COLUMNS]


def _write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\r\n")
        table.writerow(header)
        table.writerows(rows)


def _parts(out: Path, entries: Iterable[Entry]) -> Iterator[tuple[Entry, dict[str, Any]]]:
    for entry in entries:
        part = read_part(out, entry.image)
        if part is None:
            raise TrichoscanError(
                f"{part_path(out, entry.image)}: gone or damaged: run the same command again"
            )
        yield entry, part


def write_geometry(path: Path, collection: Mapping[str, Any]) -> None:
    """Write a GeoJSON file."""
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(collection, separators=(",", ":")), encoding="utf-8")


def write_overlay(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write (H, W, 3) uint8 RGB pixels as a JPEG that carries nothing else."""
    _, data = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    with whole_file(path) as temporary:
        temporary.write_bytes(data.tobytes())


def write_run(out: Path, run: Mapping[str, Any]) -> None:
    """Write run.json, keys in order."""
    with whole_file(out / "run.json") as temporary:
        temporary.write_text(json.dumps(run, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def prepare(out: Path, inputs: Iterable[Path]) -> None:
    """Make RESULTS, or make sure that what stands there is ours, and sweep what crashed runs left.

    Parameters
    ----------
    out : Path
        RESULTS.
    inputs : iterable of Path
        Folders and files that the user named as photos.

    Raises
    ------
    TrichoscanError
        Where `out` is a file, is or holds one of `inputs`, cannot be made, or holds files of others
        under the names of ours.
    """
    if any(path.resolve().is_relative_to(out.resolve()) for path in inputs):
        raise TrichoscanError(f"{out}: the photos lie in it: name another folder, such as {out / 'results'}")
    if not (out / PARTS).is_dir():
        taken = [name for name in RESULT_NAMES if (out / name).exists()]
        if taken:
            raise TrichoscanError(
                f"{out}: holds {taken[0]!r} that trichoscan did not write: name another folder"
            )
    try:
        for folder in (PARTS, "geometry", "overlays"):
            (out / folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrichoscanError(f"{out}: cannot be made ({error.strerror}): name another folder") from None
    _sweep(out)


def _sweep(out: Path) -> None:
    """Delete temporary files that no run can still be writing."""
    for folder in (out, out / PARTS, out / "geometry", out / "overlays"):
        for path in folder.glob(f"{TEMPORARY_START}*.tmp"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > STALE_TEMPORARY_S:
                    path.unlink()


def remove_parts(out: Path, keep: Sequence[Entry]) -> int:
    """Delete what trichoscan wrote for photos other than `keep`, and say for how many."""
    kept_parts = {part_path(out, entry.image) for entry in keep}
    kept_files = {
        file
        for entry in keep
        if (part := read_part(out, entry.image))
        for file in part_files(out, part["cells"])
    }
    gone = [path for path in sorted((out / PARTS).glob("*.json")) if path not in kept_parts]
    for path in gone:
        with suppress(OSError, ValueError, KeyError, AttributeError):
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            for file in set(part_files(out, cells)) - kept_files:
                file.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
    return len(gone)
