"""report.html and its pages, from what a run left in RESULTS."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from trichoscan.records import TrichoscanError
from trichoscan.report.page import FOLDER, GENERATOR, made_from, report_pages
from trichoscan.report.results import Results, Row, plain
from trichoscan.study import store
from trichoscan.study.pairs import pair_files

HEAD_CHARACTERS = 2000
"""Of a page: what it says of itself stands there."""


def write_report(out: Path, *, pdf: bool = False, anew: bool = False) -> list[Path]:
    """Write report.html, the pages beside it, and on demand all of them as PDF.

    Parameters
    ----------
    out : Path
        RESULTS of a finished run.
    pdf : bool
        Needs the extra ``pdf``.
    anew : bool
        Write also pages beside report.html that would be the same again.

    Returns
    -------
    list of Path
        The pages, report.html (or report.pdf) last. Pages of earlier runs are deleted.

    Raises
    ------
    TrichoscanError
        `out` holds no results, or a file of theirs is gone; weasyprint is missing.
    """
    results = read_results(out)
    pages = []
    changed = []
    for path, text in report_pages(results, known={} if anew else _known_pages(out)):
        pages.append(out / path)
        if text is not None:
            changed.append(out / path)
            with store.whole_file(out / path) as temporary:
                temporary.write_text(text, encoding="utf-8")
    _remove_pages(out, pages, changed)
    return _write_pdfs(out, results) if pdf else pages


def _known_pages(out: Path) -> dict[str, str]:
    """What the pages beside report.html are made from, as they say in their heads."""
    known = {}
    for page in sorted((out / FOLDER).glob("*.html")):
        with page.open(encoding="utf-8", errors="replace") as file:
            known[f"{FOLDER}/{page.name}"] = made_from(file.read(HEAD_CHARACTERS))
    return known


def _write_pdfs(out: Path, results: Results) -> list[Path]:
    from trichoscan.report.pdf import to_pdf

    written = []
    for path, text in report_pages(results, printed=True):
        file = (out / path).with_suffix(".pdf")
        with store.whole_file(file) as temporary:
            temporary.write_bytes(to_pdf(text or ""))
        written.append(file)
    return written


def _remove_pages(out: Path, keep: Sequence[Path], changed: Sequence[Path]) -> None:
    """Delete pages of earlier runs, and PDFs that no longer say what the tables say."""
    for page in sorted((out / FOLDER).glob("*.html")):
        if page not in keep and GENERATOR.encode() in page.read_bytes()[:HEAD_CHARACTERS]:
            page.unlink()
            page.with_suffix(".pdf").unlink(missing_ok=True)
    for page in changed:
        page.with_suffix(".pdf").unlink(missing_ok=True)


def read_results(out: Path) -> Results:
    """Tables of RESULTS, and its files when they are asked for."""
    for name in ("images.csv", "hairs.csv", "run.json"):
        if not (out / name).is_file():
            raise TrichoscanError(f"{out}: no {name}: give a folder that 'trichoscan analyze' wrote")
    hairs, matches = _Lots(out / "hairs.csv", "image"), _Lots(out / "matches.csv", "pair_id")
    return Results(
        images=tuple(_rows(out / "images.csv")),
        pairs=tuple(_rows(out / "pairs.csv")),
        cohort=tuple(_rows(out / "cohort.csv")),
        run=json.loads((out / "run.json").read_text(encoding="utf-8")),
        hairs_of=hairs.rows,
        matches_of=matches.rows,
        geometry_of=partial(_geometry, out),
        picture_of=partial(_picture, out),
        alignment_of=partial(_alignment, out),
    )


class _Lots:
    """Rows of a table by one of its columns, parsed when asked for: a study has many thousand hairs."""

    def __init__(self, file: Path, column: str) -> None:
        self.text = file.read_bytes() if file.is_file() else b""
        self.spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
        lines = io.BytesIO(self.text)
        table = csv.reader(line.decode() for line in iter(lines.readline, b""))
        self.header = next(table, [])
        start = lines.tell()
        for row in table:
            spans, end = self.spans[row[self.header.index(column)]], lines.tell()
            if spans and spans[-1][1] == start:
                start = spans.pop()[0]
            spans.append((start, end))
            start = end

    def rows(self, name: str) -> list[Row]:
        spans = self.spans.get(name, [])
        lots = (io.StringIO(self.text[start:end].decode(), newline="") for start, end in spans)
        return [dict(zip(self.header, cells, strict=True)) for lot in lots for cells in csv.reader(lot)]


def _rows(file: Path) -> Iterator[Row]:
    if file.is_file():
        with file.open(encoding="utf-8", newline="") as opened:
            yield from csv.DictReader(opened)


def _geometry(out: Path, row: Row) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_read(store.part_files(out, row)[0]))
    return found


def _picture(out: Path, row: Row) -> bytes:
    return _read(store.part_files(out, row)[2])


def _alignment(out: Path, pair_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_read(pair_files(out, plain(pair_id))[0]))
    return found


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        raise TrichoscanError(f"{file}: gone: run 'trichoscan analyze' on the photos again") from None
