"""Reviewed cells stand beside the automatic ones, which stay as they are."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from trichoscan.records import TrichoscanError
from trichoscan.response.cohort import COLUMNS, PRIMARY
from trichoscan.review.session import Session, open_session
from trichoscan.study import columns, reviewed
from trichoscan.study.batch import RunOptions, analyze_folder
from trichoscan.study.corrections.redraw import redraw
from trichoscan.study.corrections.refresh import rewrite_tables

TABLES = {
    "images.csv": columns.IMAGE_COLUMNS,
    "hairs.csv": columns.HAIR_COLUMNS,
    "pairs.csv": columns.PAIR_COLUMNS,
    "matches.csv": columns.MATCH_COLUMNS,
}


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def automatic(results: Path) -> dict[str, list[list[str]]]:
    """Automatic cells of all tables, without the rows that a review made."""
    return {
        name: [[row[c] for c in wanted] for row in read(results / name) if row.get("source") != "review"]
        for name, wanted in TABLES.items()
    }


@pytest.fixture
def session(results: Path) -> Iterator[Session]:
    opened = open_session(results, "Ann")
    yield opened
    opened.close()


def key_of(session: Session, image: str) -> str:
    return next(key for key, photo in session.photos.items() if photo.image == image)


IMAGE = "S1_vertex_baseline.jpg"


@pytest.fixture
def corrected(session: Session) -> Session:
    """One hair deleted, one accepted or drawn, one match parted; nothing signed."""
    key = key_of(session, IMAGE)
    shown = session.photo(key)
    counted = [hair for hair in shown["hairs"] if hair["counted"]]
    done = session.edit_photo(key, {"what": "delete", "hair": counted[0]["id"], "version": 0})
    session.edit_photo(
        key, {"what": "add", "points": counted[0]["path"], "version": done["version"], "why": "it is one"}
    )
    (pair,) = [key for key, (name, *_) in session.pairs.items() if name.startswith("S1")]
    matched = next(
        m for m in session.pair(pair)["matches"] if m["kind"] == "matched" and m["baseline"] < 1000
    )
    session.edit_pair(pair, {"what": "unlink", "baseline": matched["baseline"], "version": 0})
    session.writer.write()
    return session


def test_without_a_review_the_columns_are_empty(measured: Path) -> None:
    assert {row["review"] for name in TABLES for row in read(measured / name)} == {""}
    assert set(read(measured / "hairs.csv")[0]) == set(reviewed.HAIR_TABLE)


def test_corrections_stand_beside_the_automatic_cells(corrected: Session, measured: Path) -> None:
    results = corrected.results
    assert automatic(results) == automatic(measured)
    row = next(row for row in read(results / "images.csv") if row["image"] == IMAGE)
    assert (row["review"], row["reviewed_by"], row["corrections"]) == ("open", "Ann", "2")
    hairs = [hair for hair in read(results / "hairs.csv") if hair["image"] == IMAGE]
    states = [hair["review"] for hair in hairs if hair["source"] == "automatic"]
    assert states.count("dropped") == 1 and states.count("kept") == len(states) - 1
    (made,) = [hair for hair in hairs if hair["source"] == "review"]
    assert (made["review"], made["hair_id"], made["counted"]) == ("added", "100001", "false")
    standing = [hair for hair in hairs if hair["reviewed_counted"] == "true"]
    assert str(len(standing)) == row["reviewed_hair_count"]
    others = [row for row in read(results / "images.csv") if row["image"] != IMAGE]
    assert {row["review"] for row in others} == {""}


def test_a_parted_match_is_dropped_and_what_is_said_instead_added(corrected: Session) -> None:
    results = corrected.results
    pair = next(row for row in read(results / "pairs.csv") if row["pair_id"].startswith("S1"))
    assert (pair["review"], pair["reviewed_by"]) == ("open", "Ann")
    assert pair["reviewed_density_change_per_cm2"]
    rows = [row for row in read(results / "matches.csv") if row["pair_id"] == pair["pair_id"]]
    standing = [row for row in rows if row["review"] in ("kept", "added")]
    for kind in ("matched", "lost", "new"):
        assert sum(row["kind"] == kind for row in standing) >= int(pair[f"reviewed_{kind}_hairs"])
    dropped = [row for row in rows if row["review"] == "dropped"]
    assert any(row["kind"] == "matched" for row in dropped)
    for side in ("baseline", "followup"):
        ids = [row[f"{side}_hair_id"] for row in standing if row[f"{side}_hair_id"]]
        assert len(ids) == len(set(ids)), "each hair once"


def test_the_reviewed_geometry_holds_what_stands_and_the_automatic_one_stays(
    corrected: Session, measured: Path
) -> None:
    results = corrected.results
    automatic_file = results / "geometry" / "S1_vertex_baseline.geojson"
    assert automatic_file.read_bytes() == (measured / "geometry" / automatic_file.name).read_bytes()
    row = next(row for row in read(results / "images.csv") if row["image"] == IMAGE)
    features = json.loads((results / row["reviewed_geometry"]).read_text())["features"]
    ids = {str(f["properties"]["hair_id"]) for f in features if f["geometry"]["type"] == "LineString"}
    hairs = [hair for hair in read(results / "hairs.csv") if hair["image"] == IMAGE]
    assert ids == {hair["hair_id"] for hair in hairs if hair["review"] in ("kept", "added")}
    counted = sum(f["properties"].get("counted", False) for f in features)
    assert counted == int(row["reviewed_hair_count"])


def test_the_cohort_as_reviewed_stands_beside_the_automatic_one(corrected: Session, measured: Path) -> None:
    results = corrected.results
    before, after = read(measured / "cohort.csv"), read(results / "cohort.csv")
    assert [[row[name] for name in COLUMNS] for row in after] == [
        [row[name] for name in COLUMNS] for row in before
    ]
    assert {row["reviewed_count"] for row in before} == {""}
    active = {row["visit"]: row for row in after if row["arm"] == "active" and row["measure"] == PRIMARY}
    pair = next(row for row in read(results / "pairs.csv") if row["pair_id"].startswith("S1"))
    follow_up = active["week24"]
    assert (follow_up["reviewed_count"], follow_up["reviewed_n"]) == ("1", "1")
    assert float(follow_up["reviewed_change"]) == pytest.approx(
        float(pair["reviewed_density_change_per_cm2"]), abs=0.06
    )
    image = next(row for row in read(results / "images.csv") if row["image"] == IMAGE)
    assert float(active["baseline"]["reviewed_mean"]) == pytest.approx(
        float(image["reviewed_hair_density_per_cm2"]), abs=0.06
    )
    assert {row["reviewed_count"] for row in after if row["arm"] == "placebo"} == {""}


def test_overlays_and_report_follow_when_the_review_ends(corrected: Session, measured: Path) -> None:
    results = corrected.results
    automatic_overlay = (measured / "overlays" / "S1_vertex_baseline.jpg").read_bytes()
    corrected.close()
    overlays = results / "overlays"
    assert (overlays / "S1_vertex_baseline.jpg").read_bytes() == automatic_overlay
    drawn = sorted(path.relative_to(overlays).as_posix() for path in (overlays / "reviewed").rglob("*.jpg"))
    (pair,) = [row["pair_id"] for row in read(results / "pairs.csv") if row["pair_id"].startswith("S1")]
    assert drawn == ["reviewed/S1_vertex_baseline.jpg", f"reviewed/pairs/{pair}.jpg"]
    assert (overlays / drawn[0]).read_bytes() != automatic_overlay
    report = (results / "report.html").read_text(encoding="utf-8")
    row = next(row for row in read(results / "images.csv") if row["image"] == IMAGE)
    assert f"reviewed {row['reviewed_hair_density_per_cm2']}" in report
    assert "1 photo reviewed, 0 signed off" in report and "The same, as reviewed" in report


def test_what_was_reviewed_of_a_photo_that_is_no_longer_its_own_is_deleted(
    corrected: Session, study: Path
) -> None:
    corrected.close()
    results = corrected.results
    for folder in ("geometry", "overlays"):
        stray = results / folder / "reviewed" / "gone.jpg"
        stray.write_bytes(b"of a photo that left the study")
    redraw(results, {})
    assert not list(results.glob("*/reviewed/gone.jpg"))
    assert (results / "overlays" / "reviewed" / "S1_vertex_baseline.jpg").is_file()


def test_analyze_again_loses_nothing(corrected: Session, study: Path) -> None:
    results = corrected.results
    before = {name: (results / name).read_bytes() for name in TABLES}
    log = (results / "review.sqlite").read_bytes()
    analyze_folder([study / "images"], results)
    assert {name: (results / name).read_bytes() for name in TABLES} == before
    assert (results / "review.sqlite").read_bytes() == log


def test_other_numbers_of_a_later_run_do_not_move_a_review(corrected: Session, study: Path) -> None:
    results = corrected.results
    row = next(row for row in read(results / "images.csv") if row["image"] == IMAGE)
    shutil.rmtree(results / ".parts" / "review")
    analyze_folder([study / "images"], results, RunOptions(vellus_below_um=50.0, overwrite=True))
    again = next(row for row in read(results / "images.csv") if row["image"] == IMAGE)
    by_kind = ("vellus", "terminal", "intermediate")
    same = [name for name in reviewed.REVIEW_IMAGE_COLUMNS if not any(kind in name for kind in by_kind)]
    assert [again[name] for name in same] == [row[name] for name in same]


def test_another_photo_of_that_name_is_not_what_was_reviewed(
    corrected: Session, study: Path, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(study / "images", photos)
    shutil.copy(photos / "S2_vertex_baseline.jpg", photos / IMAGE)
    corrected.close()
    analyze_folder([photos], corrected.results)
    row = next(row for row in read(corrected.results / "images.csv") if row["image"] == IMAGE)
    assert (row["review"], row["reviewed_hair_count"]) == ("outdated", "")
    again = open_session(corrected.results, "Ben")
    key = key_of(again, IMAGE)
    shown = again.photo(key)
    assert shown["outdated"]
    with pytest.raises(TrichoscanError, match="begin the review anew"):
        again.edit_photo(key, {"what": "delete", "hair": 1, "version": shown["version"]})
    begun = again.edit_photo(key, {"what": "begin", "why": "new photo", "version": shown["version"]})
    assert not begun["outdated"] and begun["corrections"] == 0
    again.close()


def test_what_is_no_result_of_ours_is_said(tmp_path: Path, results: Path) -> None:
    with pytest.raises(TrichoscanError, match="not a folder of results"):
        open_session(tmp_path, "Ann")
    shutil.rmtree(results / ".parts" / "review")
    with pytest.raises(TrichoscanError, match=r"photos are not where they were measured: .* --photos"):
        open_session(results, "Ann")


def test_moved_photos_are_found_by_their_bytes(results: Path, study: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    for number, photo in enumerate(sorted((study / "images").glob("*.jpg"))):
        shutil.copy(photo, moved / f"{number}.jpg")
    session = open_session(results, "Ann", moved)
    assert session.picture(key_of(session, IMAGE)).startswith(b"\xff\xd8")
    session.close()


def test_tables_of_another_version_are_not_touched(results: Path) -> None:
    (results / "hairs.csv").write_text("image,other\r\n")
    with pytest.raises(TrichoscanError, match=r"hairs\.csv: of another version"):
        rewrite_tables(results)
