"""Large studies: their benchmark runs, and a report makes only those pages anew that have changed."""

from __future__ import annotations

import csv
import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from trichoscan.report import page
from trichoscan.review.session import open_session
from trichoscan.study.report import write_report

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def benchmark() -> Any:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    return importlib.import_module("report")


def test_a_small_study_entered_many_times_is_a_large_one(
    benchmark: Any, measured: Path, study: Path, tmp_path: Path
) -> None:
    _, results = benchmark.enter_many(measured, study / "images", tmp_path, 25)
    with (results / "images.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 28 and {row["status"] for row in rows} == {"ok"}
    assert len(list((results / "report").glob("*.html"))) == 14, "a page for each subject"
    text = (results / "report.html").read_text(encoding="utf-8")
    bare = benchmark.bare_page(results / "report.html", tmp_path / "bare.html")
    assert bare.read_text().count("<img") == 28 == text.count('<img src="data:')


def test_only_pages_that_have_changed_are_made_anew(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "PHOTOS_ON_ONE_PAGE", 1)
    pages = write_report(results)
    s1, s2 = sorted((results / "report").glob("*.html"))
    assert set(pages) == {s1, s2, results / "report.html"}
    before = {path: path.stat().st_ino for path in (s1, s2)}
    texts = {path: path.read_bytes() for path in pages}
    write_report(results)
    assert {path: path.stat().st_ino for path in (s1, s2)} == before, (
        "whole files: a new one has a new number"
    )
    assert {path: path.read_bytes() for path in pages} == texts
    session = open_session(results, "Ann")
    key = next(key for key, photo in session.photos.items() if photo.row["subject"] == "S1")
    session.edit_photo(key, {"what": "delete", "hair": 1, "version": 0})
    session.close()
    assert s2.stat().st_ino == before[s2] and s1.stat().st_ino != before[s1]
    assert b"As reviewed" in s1.read_bytes()
    write_report(results, anew=True)
    assert s2.read_bytes() == texts[s2]
