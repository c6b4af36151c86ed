"""RESULTS on disk: images.csv, hairs.csv, geometry/, overlays/, run.json and the parts they are made of.

Each photo's rows are first kept as one small JSON file in RESULTS/.parts; the tables are put
together from these in the order of the photos. So a run can stop and go on, and the tables are
the same bytes however many workers made them. Every file is written whole or not at all.

Lines of the tables end in CR LF, as RFC 4180 has it.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import os
import re
import secrets
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.records import TrichoscanError
from trichoscan.study import reviewed
from trichoscan.study.columns import IMAGE_COLUMNS, text_cell
from trichoscan.study.manifest import TEXT_COLUMNS, Entry

PARTS = ".parts"
RESULT_NAMES = (
    "images.csv",
    "hairs.csv",
    "pairs.csv",
    "changes.csv",
    "matches.csv",
    "identities.csv",
    "cohort.csv",
    "run.json",
    "geometry",
    "overlays",
    "pairs",
    "report.html",
    "report.pdf",
    "report",
    "review.sqlite",
    "audit.csv",
    "events.jsonl",
)
JPEG_QUALITY = 88
LONGEST_STEM_BYTES = 180
"""Of UTF-8. With hash and extension it stays well under the 255 bytes that file systems allow for a name."""
BARRED = frozenset('<>:"/\\|?*')
"""Characters that no name on Windows may hold."""
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
"""Names that mean a device there, whatever follows the dot."""
TEMPORARY_START = ".trichoscan-"
FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
"""Errors of a disk, a file or a user's share that is full; Windows knows no shares."""
GONE = (errno.ENOENT, errno.EIO, errno.ENOTCONN, errno.EHOSTDOWN, getattr(errno, "ESTALE", errno.ENOENT))
"""Errors of a folder that was taken away while a run wrote into it."""


def file_names(images: Sequence[str]) -> list[str]:
    """Stem of each photo's geometry and overlay files.

    The photo's own stem as every file system takes it, cut to `LONGEST_STEM_BYTES`. Eight hexadecimal digits
    of its path's sha256 are added where that changed it and where two photos share one (also where only upper
    and lower case, or the way an accent is written, differ, which some file systems do not tell apart).
    """
    # A frame's number, "visit1.dcm#2", becomes part of the stem.
    paths = [re.sub(r"(\.[^./#]*)#(\d+)$", r"-\2\1", text_cell(image)) for image in images]
    stems = [unicodedata.normalize("NFC", PurePosixPath(path).stem) for path in paths]
    folded = [stem.casefold() for stem in stems]
    shared = {stem for stem, times in Counter(folded).items() if times > 1}
    names = []
    for image, stem, fold in zip(images, stems, folded, strict=True):
        short = _safe_on_disk(stem).encode()[:LONGEST_STEM_BYTES].decode(errors="ignore")
        digits = hashlib.sha256(text_cell(image).encode()).hexdigest()[:8]
        names.append(f"{short}-{digits}" if fold in shared or short != stem else stem)
    return names


def _safe_on_disk(stem: str) -> str:
    """The same without what Windows and its network folders refuse, and without signs that cannot be seen."""
    shown = (mark.isprintable() or unicodedata.category(mark) == "Zs" for mark in stem)
    seen = "".join(
        m if is_shown and m not in BARRED else "_" for m, is_shown in zip(stem, shown, strict=True)
    )
    return f"_{seen}" if DEVICE.match(seen) else seen.rstrip(". ") or "_"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Path to write to in place of `path`, which then appears complete under its name, or not at all.

    Also where the power fails: its bytes are on the disk before it has its name. Its name is random, for two
    machines that share a folder may have processes of one number.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{TEMPORARY_START}{os.getpid()}-{secrets.token_hex(8)}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
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
    """Files that belong to the cells of one photo, see `photo_files`; none for a failed photo."""
    if not cells.get("geometry"):
        return []
    return photo_files(out, Path(cells["geometry"]).name.removesuffix(".geojson"))


def photo_files(out: Path, name: str) -> list[Path]:
    """Geometry, overlay and the bare picture for the report of the photo with this stem."""
    return [
        out / "geometry" / f"{name}.geojson",
        out / "overlays" / f"{name}.jpg",
        out / PARTS / "pictures" / f"{name}.jpg",
    ]


def analysis_path(out: Path, image: str) -> Path:
    """Where the Analysis of one photo is kept, for matching."""
    return part_path(out, image).with_suffix(".npz")


def write_tables(
    out: Path, entries: Sequence[Entry], found_again: Mapping[str, Sequence[Sequence[str]]] | None = None
) -> None:
    """Put images.csv and hairs.csv together from the parts of `entries`, one photo in memory at a time.

    What was reviewed stands beside what was measured; see `study.reviewed`.

    Parameters
    ----------
    out : Path
        RESULTS.
    entries : sequence of Entry
        Sorted by `image`; each must have its part.
    found_again : mapping of str to sequence, optional
        Cells of hairs.csv after `image` of the hairs that matching found on an image, put after its own.
    """
    more = found_again or {}
    rows = (_image_row(*pair) for pair in _parts(out, entries))
    write_table(out / "images.csv", reviewed.IMAGE_TABLE, reviewed.image_rows(out, rows))
    images = [text_cell(entry.image) for entry in entries]
    hairs = (
        [text_cell(e.image), *row]
        for e, part in _parts(out, entries)
        for row in (*part["hairs"], *more.get(e.image, ()))
    )
    write_table(out / "hairs.csv", reviewed.HAIR_TABLE, reviewed.hair_rows(out, images, hairs))


def _image_row(entry: Entry, part: Mapping[str, Any]) -> list[str]:
    cells = {name: text_cell(getattr(entry, name)) for name in ("image", *TEXT_COLUMNS)} | part["cells"]
    return [cells.get(column, "") for column in IMAGE_COLUMNS]


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a CSV file of these cells."""
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


def write_json(path: Path, collection: Mapping[str, Any]) -> None:
    """Write a GeoJSON or other JSON file, in few bytes."""
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


def write_places(out: Path, places: Mapping[str, Path]) -> None:
    """Keep where the photos lie, for review: relative to RESULTS, so that both can be moved together."""
    rows = {
        text_cell(image): [os.path.relpath(path, out), str(path.resolve())] for image, path in places.items()
    }
    write_json(out / PARTS / "review" / "places.json", rows)


def read_places(out: Path) -> dict[str, list[Path]]:
    """Where each photo of the run may lie, by its name in images.csv; empty where it was not kept."""
    try:
        places = json.loads((out / PARTS / "review" / "places.json").read_text(encoding="utf-8"))
        return {image: [out / near, Path(far)] for image, (near, far) in places.items()}
    except (OSError, ValueError):
        return {}


def prepare(out: Path, inputs: Iterable[Path]) -> None:
    """Make RESULTS, or make sure that what stands there is ours.

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


def why_not_written(error: OSError) -> str:
    """What to do where something in RESULTS could not be written."""
    reason = error.strerror or str(error)
    if error.errno in FULL:
        return f"the disk is full ({reason}): what is done is kept; make room, and run the same command again"
    if error.errno in GONE:
        return f"is gone ({reason}): what is done is kept; bring it back, and run the same command again"
    return (
        f"cannot be written ({reason}): what is done is kept; see to its permissions, or name another folder"
    )


def unfinished_files(out: Path) -> list[Path]:
    """Temporary files: of a writer at work, or left by one that was killed."""
    parts, overlays = out / PARTS, out / "overlays"
    folders = (
        out, parts, parts / "pairs", parts / "pictures", parts / "review", parts / "run", out / "report",
        out / "geometry", out / "pairs", overlays, overlays / "pairs",
    )  # fmt: skip
    return [path for folder in folders for path in folder.glob(f"{TEMPORARY_START}*.tmp")]


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
        path.with_suffix(".npz").unlink(missing_ok=True)
        path.unlink(missing_ok=True)
    return len(gone)
