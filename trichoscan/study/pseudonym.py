"""Keyed codes in place of subjects and file names, and day numbers in place of dates.

A code is the start of HMAC-SHA256 (RFC 2104) under the key of a key file, in base32: the same text has
the same code in every run with this key, and without the key nobody can tell or test what it stands for.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import hmac
import io
import json
import re
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

from trichoscan.photo.read import EXTENSIONS
from trichoscan.records import TrichoscanError
from trichoscan.study.columns import text_cell
from trichoscan.study.events import read_events
from trichoscan.study.manifest import Entry

FEWEST_KEY_BYTES = 32
"""As many as the hash has: fewer could be guessed, and a password is fewer than it looks."""
CODE_CHARACTERS = 10
"""50 bits: among 10,000 subjects two share a code once in 20 million studies."""
DAY_DIGITS = 5
"""Day numbers are padded so that they sort as text."""
SHORTEST_WORD = 3
"""A shorter piece of a subject is not looked for in other cells: it would be found everywhere."""
_DATE_LIKE = re.compile(
    r"(?<!\d)(?:\d{4}[-/._]?\d{2}[-/._]?\d{2}|\d{1,2}[-/._]\d{1,2}[-/._](?:\d{4}|\d{2}))(?!\d)"
)


def read_key(path: Path) -> bytes:
    """Key of a key file: its bytes without white space around.

    Raises
    ------
    TrichoscanError
        Where the file is missing or holds fewer than 32 bytes.
    """
    make_one = f"make one with 'trichoscan codes {path} --new' and keep it apart from the results"
    try:
        key = path.read_bytes().strip()
    except FileNotFoundError:
        raise TrichoscanError(f"{path}: no such key file: {make_one}") from None
    except OSError as error:
        raise TrichoscanError(f"{path}: cannot be read ({error.strerror}): check the path") from None
    if len(key) < FEWEST_KEY_BYTES:
        raise TrichoscanError(f"{path}: a key has {FEWEST_KEY_BYTES} bytes or more: {make_one}")
    return key


def make_key(path: Path) -> None:
    """Write a new key file that only its owner may read.

    Raises
    ------
    TrichoscanError
        Where there is such a file already, or it cannot be written.
    """
    try:
        path.touch(mode=0o600, exist_ok=False)
        path.write_text(secrets.token_hex(FEWEST_KEY_BYTES) + "\n", encoding="ascii")
    except FileExistsError:
        raise TrichoscanError(f"{path}: is there already: a key is made once; name another file") from None
    except OSError as error:
        raise TrichoscanError(f"{path}: cannot be written ({error.strerror}): name another file") from None


def code_of(key: bytes, kind: str, text: str) -> str:
    """Code of a text, ten characters A-Z and 2-7.

    Parameters
    ----------
    key : bytes
    kind : str
        What the text is, such as "subject"; one text has another code in each.
    text : str
        Its Unicode spelling does not matter (NFC).
    """
    message = f"{kind}\0{unicodedata.normalize('NFC', text)}".encode(errors="surrogateescape")
    return base64.b32encode(hmac.digest(key, message, hashlib.sha256)).decode()[:CODE_CHARACTERS]


def pseudonymize(entries: Sequence[Entry], key: bytes) -> list[Entry]:
    """Entries without names and dates; only `path`, which no result holds, still tells them.

    - `subject`: its code;
    - `date`: days since the subject's first date among `entries`, five digits;
    - `image`: "<subject's code>_d<day>_<image's code>.<ending>", without folders;
    - `site`, `visit`, `arm`: kept, save that the subject's words become its code, its date "d<day>" and what
      else looks like a date a code.

    Parameters
    ----------
    entries : sequence of Entry
    key : bytes

    Returns
    -------
    list of Entry
        Sorted by the new `image`.
    """
    first: dict[str, date] = {}
    for entry in entries:
        if entry.date:
            day = date.fromisoformat(entry.date)
            first[entry.subject] = min(day, first.get(entry.subject, day))
    coded = [_coded(entry, key, first.get(entry.subject)) for entry in entries]
    return sorted(coded, key=lambda entry: entry.image)


def code_table(entries: Sequence[Entry], key: bytes) -> str:
    """CSV that says what each image name and subject code stands for: who has it has the names."""
    real = {(entry.path, entry.frame): entry for entry in entries}
    lines = io.StringIO()
    table = csv.writer(lines, lineterminator="\n")
    table.writerow(("coded_image", "coded_subject", "day", "image", "subject", "date"))
    for coded in pseudonymize(entries, key):
        known = real[coded.path, coded.frame]
        cells = coded.image, coded.subject, coded.date, known.image, known.subject, known.date
        table.writerow([text_cell(cell) for cell in cells])
    return lines.getvalue()


def hide_names(
    entries: Sequence[Entry],
    unmatched: Sequence[Path],
    asked: Mapping[str, Any],
    key_file: Path,
    out: Path,
) -> tuple[list[Entry], list[Path], dict[str, Any]]:
    """Entries, photos to be named in a note, and parameters of a run, all without names.

    The parameters tell that names were hidden, and a code of the key by which runs of one key are known. Of a
    pattern they keep a code: it may hold a name between its fields.

    Raises
    ------
    TrichoscanError
        For a bad key file, one that lies in the results, or results that hold names already.
    """
    key = read_key(key_file)
    if key_file.resolve().is_relative_to(out.resolve()):
        raise TrichoscanError(f"{key_file}: lies in the results: keep the key apart from them")
    with suppress(OSError, ValueError, KeyError, TypeError):
        if "pseudonymized" not in json.loads((out / "run.json").read_text(encoding="utf-8"))["parameters"]:
            raise TrichoscanError(f"{out}: holds results with names: name another folder")
    started = [event for event in read_events(out) if event.get("event") == "run_started"]
    if any("pseudonymized" not in event.get("parameters", {}) for event in started):
        raise TrichoscanError(f"{out}: holds results with names: name another folder")
    coded = pseudonymize(entries, key)
    name_of = {entry.path: Path(entry.image) for entry in coded}
    hidden = [name_of[path] for path in unmatched if path in name_of]
    told = {name: code_of(key, name, value) for name, value in asked.items() if value is not None}
    return coded, hidden, {**asked, **told, "pseudonymized": code_of(key, "key", "")}


def _coded(entry: Entry, key: bytes, first: date | None) -> Entry:
    subject = code_of(key, "subject", entry.subject) if entry.subject else ""
    day = ""
    if entry.date and first is not None:
        day = f"{(date.fromisoformat(entry.date) - first).days:0{DAY_DIGITS}d}"
    name, _, frame = entry.image.partition("#") if entry.frame else (entry.image, "", "")
    ending = PurePosixPath(name).suffix.lower()
    pieces = [subject, f"d{day}" if day else "", code_of(key, "image", name)]
    image = "_".join(piece for piece in pieces if piece) + (ending if ending in EXTENSIONS else "")
    site, visit, arm = (
        _without_names(text, entry, subject, day, key) for text in (entry.site, entry.visit, entry.arm)
    )
    image = f"{image}#{frame}" if frame else image
    return replace(entry, image=image, subject=subject, date=day, site=site, visit=visit, arm=arm)


def _without_names(text: str, entry: Entry, subject: str, day: str, key: bytes) -> str:
    """Text of a cell without the subject's words and without dates."""
    words = {entry.subject, *re.findall(r"[^\W_]+", entry.subject)}
    for word in sorted((w for w in words if len(w) >= SHORTEST_WORD), key=len, reverse=True):
        text = re.sub(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", subject, text, flags=re.IGNORECASE)
    own = re.sub(r"\D", "", entry.date)

    def undated(found: re.Match[str]) -> str:
        digits = re.sub(r"\D", "", found[0])
        return f"d{day}" if day and digits == own else code_of(key, "date", digits)

    return _DATE_LIKE.sub(undated, text)
