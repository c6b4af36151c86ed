"""What is in a clinic's folder: manifest.csv, file names, and the photos themselves."""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date as calendar_date
from pathlib import Path

from trichoscan.photo.dicom import count_frames
from trichoscan.photo.read import find_photos
from trichoscan.records import TargetArea, TrichoscanError

TEXT_COLUMNS = ("subject", "site", "visit", "date", "arm")
TARGET_COLUMNS = ("target_x_px", "target_y_px", "target_radius_px")
COLUMNS = ("image", *TEXT_COLUMNS, "um_per_px", *TARGET_COLUMNS)

FRAME = re.compile(r"(.+)#(\d{1,4})")
"""A frame of a DICOM file with several, such as "visit1.dcm#2"."""
MAY_HOLD_FRAMES = re.compile(r"|\.(dcm|dicom|dic|\d+)", re.IGNORECASE)
"""Endings of files that are opened to count their frames."""
ISO_DATE = r"\d{4}-\d{2}-\d{2}"

PROBLEMS_SHOWN = 5
"""Problems of a manifest named in one message; more do not fit on a line that people read."""


@dataclass(frozen=True)
class Entry:
    """A photo of a study and what is known of it before it is opened.

    Attributes
    ----------
    path : Path
        Where the file is.
    image : str
        Its name in the results: the path relative to the folder of photos, with "/"; of a DICOM file with
        several frames "#" and the frame's number follow, as many digits as the last has.
    subject, site, visit, date, arm : str
        Empty where unknown; `date` is YYYY-MM-DD.
    um_per_px : float or None
        Scale given in the manifest.
    target : TargetArea or None
        Circle within which hairs are counted.
    frame : int
        Of a DICOM file with several, from 1; 0 for the only one. In a manifest's entry 0 stands for all.
    """

    path: Path
    image: str
    subject: str = ""
    site: str = ""
    visit: str = ""
    date: str = ""
    arm: str = ""
    um_per_px: float | None = None
    target: TargetArea | None = None
    frame: int = 0


def list_entries(
    paths: Sequence[Path],
    *,
    manifest: Path | None = None,
    pattern: str | None = None,
    skipped: list[str] | None = None,
) -> tuple[list[Entry], list[Path]]:
    """Photos under `paths`, each with its manifest row or what its file name tells.

    Each frame of a DICOM file is a photo. A row for a frame ("visit1.dcm#2") goes before one for the file.

    Parameters
    ----------
    paths : sequence of Path
        Folders (searched recursively) and single files. A file in one of the folders that a manifest
        names is a photo whatever its name.
    manifest : Path, optional
        Default: manifest.csv in each folder of `paths` and beside each single file, where there is one.
    pattern : str, optional
        Such as "{subject}_{site}_{visit}", for what the manifest leaves empty.
    skipped : list of str, optional
        Takes a line for each subfolder that could not be opened.

    Returns
    -------
    entries : list of Entry
        Sorted by `image`.
    unmatched : list of Path
        Photos whose name does not fit and of which the manifest tells no text; empty without a pattern.

    Raises
    ------
    TrichoscanError
        For a missing folder, a folder without photos, a bad manifest, a bad pattern, or a row for a frame
        that a file does not have.
    """
    for path in paths:
        if not path.exists():
            raise TrichoscanError(f"{path}: no such file or folder: check the path")
    expression = None if pattern is None else _pattern_expression(pattern)
    rows = {
        (_absolute(entry.path), entry.frame): entry
        for file in _manifests(paths, manifest)
        for entry in read_manifest(file)
    }
    root = _common_root(paths)
    entries: list[Entry] = []
    unmatched: list[Path] = []
    folders = [_absolute(path) for path in paths if path.is_dir()]
    named = [row.path for (key, _), row in rows.items() if any(key.is_relative_to(f) for f in folders)]
    for path in find_photos([*paths, *named], skipped):
        key, image = _absolute(path), Path(os.path.relpath(_absolute(path), root)).as_posix()
        frames = count_frames(path) if MAY_HOLD_FRAMES.fullmatch(path.suffix) else 1
        for frame in range(1, frames + 1):
            row = rows.get((key, frame)) or rows.get((key, 0)) or Entry(path, image)
            entry = _with_name(row, path, image, expression)
            if entry is None:
                unmatched.append(path)
                entry = replace(row, path=path, image=image)
            if frames > 1:
                entry = replace(entry, image=f"{image}#{frame:0{len(str(frames))}d}", frame=frame)
            entries.append(entry)
    if not entries:
        raise TrichoscanError(
            f"{paths[0] if paths else '.'}: no photo found (JPEG, PNG, TIFF): check the folder"
        )
    return sorted(entries, key=lambda entry: entry.image), list(dict.fromkeys(unmatched))


def _with_name(row: Entry, path: Path, image: str, expression: re.Pattern[str] | None) -> Entry | None:
    """What a row tells of a photo and, where it is silent, its name; None where neither tells a text."""
    given = {name: text for name in TEXT_COLUMNS if (text := getattr(row, name))}
    fields = {} if expression is None else _fields_of_name(expression, path.stem)
    if fields is None and not given:
        return None
    text = (fields or {}) | given
    return Entry(path, image, **text, um_per_px=row.um_per_px, target=row.target)


def read_manifest(path: Path) -> list[Entry]:
    """Read a manifest.csv.

    Comma, semicolon or tab between the cells, with or without a byte order mark, blank rows and
    unknown columns are all taken as they come. Where the separator is no comma, numbers may have
    a decimal comma, as spreadsheets in Europe write them.

    Parameters
    ----------
    path : Path
        Images are relative to its folder.

    Returns
    -------
    list of Entry
        In the manifest's order; `image` as written there.

    Raises
    ------
    TrichoscanError
        Naming the file, the first few bad rows (counted as a spreadsheet does) and the remedy.
    """
    header, rows, separator = _read_table(path)
    entries: list[Entry] = []
    problems: list[str] = []
    first_row_of: dict[tuple[Path, int], int] = {}
    for number, cells in rows:
        if len(cells) > len(header) and any(cells[len(header) :]):
            problems.append(
                f"row {number}: more cells than the header: put text that holds a {separator!r} in quotes"
            )
            continue
        row = {name: cell for name, cell in zip(header, cells, strict=False) if name in COLUMNS}
        entry, found = _parse_row(path.parent, row, decimal_comma=separator != ",")
        problems += [f"row {number}: {problem}" for problem in found]
        if entry is None:
            continue
        key = _absolute(entry.path), entry.frame
        if key in first_row_of:
            problems.append(
                f"row {number}: {entry.image!r} is already in row {first_row_of[key]}: keep one of the two"
            )
        first_row_of.setdefault(key, number)
        entries.append(entry)
    if problems:
        more = len(problems) - PROBLEMS_SHOWN
        shown = problems[:PROBLEMS_SHOWN] + ([f"and {more} more"] if more > 0 else [])
        raise TrichoscanError(f"{path}: {'; '.join(shown)}")
    return entries


def _read_table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]], str]:
    """Header in lower case, the rows that are not blank with their number, and the separator."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise TrichoscanError(
            f"{path}: not UTF-8 text: save it as 'CSV UTF-8' from the spreadsheet"
        ) from None
    except OSError as error:
        raise TrichoscanError(f"{path}: cannot be read ({error.strerror}): check the path") from None
    first_line = next((line for line in text.splitlines() if line.strip()), "")
    separator = next((mark for mark in (",", ";", "\t") if mark in first_line), ",")
    if first_line.lower().startswith("sep="):
        separator = first_line[4:5] or separator
    try:
        table = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise TrichoscanError(f"{path}: not a CSV file ({error}): save it again as 'CSV UTF-8'") from None
    rows = [(number, [cell.strip() for cell in cells]) for number, cells in enumerate(table, 1)]
    rows = [(number, cells) for number, cells in rows if any(cells)]
    if rows and "".join(rows[0][1]).lower().startswith("sep="):
        rows = rows[1:]
    header = [cell.lower() for cell in rows[0][1]] if rows else []
    if "image" not in header:
        raise TrichoscanError(
            f"{path}: no column 'image' in the header: name the column of file names 'image'"
        )
    twice = [name for name in COLUMNS if header.count(name) > 1]
    if twice:
        raise TrichoscanError(f"{path}: two columns called {twice[0]!r}: keep one")
    return header, rows[1:], separator


def _parse_row(
    folder: Path, row: Mapping[str, str], *, decimal_comma: bool
) -> tuple[Entry | None, list[str]]:
    """Entry of one row (None without a photo) and what is wrong with it."""
    name = row.get("image", "")
    if not name:
        return None, ["no image: name the photo or delete the row"]
    path, frame = _named_photo(folder, name)
    problems = []
    if not _is_file(path):
        problems.append(f"no photo {name!r} beside the manifest: correct the name or delete the row")
    elif frame > 1 and frame > count_frames(path):
        problems.append(f"{name!r}: the file has no such frame: correct the number, from 1")
    numbers: dict[str, float] = {}
    for column in ("um_per_px", *TARGET_COLUMNS):
        cell = row.get(column, "")
        number = _number(cell.replace(",", ".") if decimal_comma else cell)
        if cell and (number is None or (column in ("um_per_px", "target_radius_px") and number <= 0)):
            problems.append(f"{column} {cell!r} is not a positive number: correct it or leave it empty")
        elif number is not None:
            numbers[column] = number
    if row.get("date") and not _is_iso_date(row["date"]):
        problems.append(f"date {row['date']!r}: write it as YYYY-MM-DD")
    given = [column for column in TARGET_COLUMNS if row.get(column)]
    if 0 < len(given) < len(TARGET_COLUMNS):
        problems.append("a target area needs target_x_px, target_y_px and target_radius_px: give all or none")
    circle = [numbers[column] for column in TARGET_COLUMNS if column in numbers]
    target = TargetArea(*circle) if len(circle) == len(TARGET_COLUMNS) else None
    text = {column: row.get(column, "") for column in TEXT_COLUMNS}
    return Entry(path, name, **text, um_per_px=numbers.get("um_per_px"), target=target, frame=frame), problems


def _named_photo(folder: Path, name: str) -> tuple[Path, int]:
    """File that a manifest's cell names, and its frame; 0 for none."""
    path = folder / name
    if not _is_file(path) and "\\" in name:
        name = name.replace("\\", "/")
        path = folder / name
    if not _is_file(path) and (found := FRAME.fullmatch(name)) and int(found[2]):
        return folder / found[1], int(found[2])
    return path, 0


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long a name, or one with a null byte
        return False


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _is_iso_date(text: str) -> bool:
    if not re.fullmatch(ISO_DATE, text):
        return False
    try:
        calendar_date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _pattern_expression(pattern: str) -> re.Pattern[str]:
    """Regular expression of a name pattern.

    No field holds a text that separates two fields of the pattern (dates excepted), so that a name
    is read in one way or not at all.
    """
    pieces = re.split(r"\{(\w*)\}", pattern)
    names, texts = pieces[1::2], pieces[0::2]
    if not names or set(names) - set(TEXT_COLUMNS) or len(set(names)) < len(names):
        known = ", ".join(f"{{{name}}}" for name in TEXT_COLUMNS)
        raise TrichoscanError(f"--pattern {pattern!r}: use each of {known} at most once, and no others")
    separators = texts[1:-1]
    if "" in separators:
        raise TrichoscanError(f"--pattern {pattern!r}: put a separator such as '_' between two fields")
    barred = "".join(f"(?!{re.escape(text)})" for text in separators)
    expression = re.escape(texts[0])
    for name, text in zip(names, texts[1:], strict=True):
        body = ISO_DATE if name == "date" else f"(?:{barred}.)+"
        expression += f"(?P<{name}>{body}){re.escape(text)}"
    return re.compile(expression)


def _fields_of_name(expression: re.Pattern[str], stem: str) -> dict[str, str] | None:
    match = expression.fullmatch(stem)
    if match is None:
        return None
    fields = match.groupdict()
    return fields if _is_iso_date(fields.get("date", "2000-01-01")) else None


def _manifests(paths: Sequence[Path], manifest: Path | None) -> list[Path]:
    if manifest is not None:
        return [manifest]
    folders = dict.fromkeys(path if path.is_dir() else path.parent for path in paths)
    return [folder / "manifest.csv" for folder in folders if (folder / "manifest.csv").is_file()]


def _common_root(paths: Sequence[Path]) -> Path:
    """Folder that image names are relative to: the deepest that holds all of `paths`."""
    folders = [path if path.is_dir() else path.parent for path in paths]
    return Path(os.path.commonpath([_absolute(folder) for folder in folders]))


def _absolute(path: Path) -> Path:
    """Path that two spellings of one file share; links are not followed."""
    return Path(os.path.abspath(path))  # noqa: PTH100  (Path.absolute keeps "..")
