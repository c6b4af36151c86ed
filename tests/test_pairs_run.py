"""A folder with visits: every follow-up matched to its baseline, and runs that go on where one stopped."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from trichoscan.cli import app
from trichoscan.records import Analysis, Hair
from trichoscan.study.batch import Outcome, RunOptions, analyze_folder
from trichoscan.study.columns import HAIR_COLUMNS, MATCH_COLUMNS, PAIR_COLUMNS
from trichoscan.study.kept import load_analysis, save_analysis
from trichoscan.study.manifest import Entry
from trichoscan.study.pair_tables import HAIR_ID, UNIT_ID, FoundAgain
from trichoscan.study.visits import find_pairs

TABLES = ("images.csv", "hairs.csv", "pairs.csv", "matches.csv", "cohort.csv")
UM_PER_PX = 8.0


@pytest.fixture(scope="module")
def results(measured: Path) -> Path:
    """Not to be written into."""
    return measured


def tables(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in TABLES}


def rows(out: Path, name: str) -> list[dict[str, str]]:
    with (out / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_columns_are_those_of_the_contract() -> None:
    assert ", ".join(PAIR_COLUMNS) == (
        "pair_id, subject, site, arm, baseline_image, followup_image, days, status, error, overlap_cm2, "
        "residual_um, alignment_confidence, matched_hairs, lost_hairs, new_hairs, matched_units, "
        "lost_units, new_units, density_change_per_cm2, density_change_per_cm2_low, "
        "density_change_per_cm2_high, density_change_percent, diameter_change_um, diameter_change_um_low, "
        "diameter_change_um_high, cumulative_thickness_change_percent, "
        "cumulative_thickness_change_percent_low, cumulative_thickness_change_percent_high, "
        "smallest_detectable_change_per_cm2, response, growth_um_per_day, growth_um_per_day_low, "
        "growth_um_per_day_high, anagen_percent, anagen_percent_low, anagen_percent_high, "
        "lost_hairs_low, lost_hairs_high, new_hairs_low, new_hairs_high, density_change_percent_low, "
        "density_change_percent_high, unit_density_change_per_cm2, unit_density_change_per_cm2_low, "
        "unit_density_change_per_cm2_high, flags"
    )
    assert ", ".join(MATCH_COLUMNS) == (
        "pair_id, kind, baseline_hair_id, followup_hair_id, baseline_unit_id, followup_unit_id, "
        "distance_um, diameter_change_um, length_change_um, confidence"
    )


def test_a_follow_up_is_matched_and_the_change_quantified(study: Path, results: Path) -> None:
    same, other = rows(results, "pairs.csv")
    assert (same["pair_id"], same["subject"], same["arm"]) == (
        "S1_vertex_baseline__S1_vertex_week24",
        "S1",
        "active",
    )
    assert (same["status"], same["days"], same["error"]) == ("ok", "168", "")
    assert int(same["matched_hairs"]) > 5 and same["response"]
    low, change, high = (float(same[f"density_change_per_cm2{end}"]) for end in ("_low", "", "_high"))
    assert low < change < high
    assert (other["status"], other["density_change_per_cm2"], other["matched_hairs"]) == ("refused", "", "")
    assert "another site" in other["error"]
    truth = json.loads((study / "truth" / "pairs" / f"{same['pair_id']}.json").read_text())
    found = json.loads((results / "pairs" / f"{same['pair_id']}.json").read_text())
    true_at = {tuple(p): q for p, q in zip(truth["baseline_grid_px"], truth["followup_grid_px"], strict=True)}
    apart = [
        np.hypot(*np.subtract(at, true_at[tuple(node)]))
        for node, at in zip(found["baseline_grid_px"], found["followup_grid_px"], strict=True)
        if true_at.get(tuple(node)) is not None
    ]
    assert len(apart) > 10
    assert np.median(apart) * UM_PER_PX < 60
    assert (results / "overlays" / "pairs" / f"{same['pair_id']}.jpg").is_file()
    assert not (results / "overlays" / "pairs" / f"{other['pair_id']}.jpg").exists()
    assert "least_confidence" in json.loads((results / "run.json").read_text())["parameters"]["pairs"]


def test_matches_name_hairs_and_units_of_hairs_csv(results: Path) -> None:
    hairs = {(row["image"], row["hair_id"]): row for row in rows(results, "hairs.csv")}
    assert len(hairs) == len(rows(results, "hairs.csv"))
    pair_of = {row["pair_id"]: row for row in rows(results, "pairs.csv")}
    matches = rows(results, "matches.csv")
    seen = set()
    for match in matches:
        for side in ("baseline", "followup"):
            if hair_id := match[f"{side}_hair_id"]:
                image = pair_of[match["pair_id"]][f"{side}_image"]
                hair = hairs[image, hair_id]
                assert hair["unit_id"] == match[f"{side}_unit_id"]
                seen.add((image, hair_id))
        assert (match["kind"] == "lost") == (match["followup_hair_id"] == "")
        assert (match["kind"] == "new") == (match["baseline_hair_id"] == "")
    again = {key for key, hair in hairs.items() if "found_again" in hair["flags"]}
    assert again <= seen
    assert {hairs[key]["counted"] for key in again} <= {"false"}
    counted = [hair for hair in hairs.values() if hair["counted"] == "true"]
    for image in rows(results, "images.csv"):
        assert int(image["hair_count"]) == sum(hair["image"] == image["image"] for hair in counted)


def test_the_cohort_has_its_arms(results: Path) -> None:
    cohort = {(row["arm"], row["visit"], row["measure"]): row for row in rows(results, "cohort.csv")}
    images = {row["image"]: row for row in rows(results, "images.csv")}
    (pair, _) = rows(results, "pairs.csv")
    baseline = cohort["active", "baseline", "density_per_cm2"]
    density = images["S1_vertex_baseline.jpg"]["hair_density_per_cm2"]
    assert (baseline["n"], float(baseline["mean"])) == ("1", float(density))
    change = float(cohort["active", "week24", "density_per_cm2"]["change"])
    assert change == pytest.approx(float(pair["density_change_per_cm2"]), abs=0.06)
    assert cohort["placebo", "week24", "missing_percent"]["n"] == "1"


def test_a_second_run_does_nothing_and_writes_the_same_bytes(
    study: Path, results: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(results, out)
    overlay = next((out / "overlays" / "pairs").iterdir())
    before = overlay.stat().st_mtime_ns
    summary = analyze_folder([study / "images"], out)
    assert (summary.kept, [pair.kept for pair in summary.pairs]) == (4, [True, True])
    assert tables(out) == tables(results)
    assert overlay.stat().st_mtime_ns == before


def test_several_workers_write_the_same_bytes(study: Path, results: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    analyze_folder([study / "images"], out, RunOptions(workers=2))
    assert tables(out) == tables(results)
    for file in (results / "pairs").iterdir():
        assert (out / "pairs" / file.name).read_bytes() == file.read_bytes()


def test_only_the_pair_of_a_changed_photo_is_compared_again(
    study: Path, results: Path, tmp_path: Path
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    shutil.copytree(study / "images", photos)
    shutil.copytree(results, out)
    shutil.copy(photos / "S2_vertex_baseline.jpg", photos / "S2_vertex_week24.jpg")
    summary = analyze_folder([photos], out)
    assert summary.kept == 3
    assert [(pair.status, pair.kept) for pair in summary.pairs] == [("ok", True), ("ok", False)]
    _, same = rows(out, "pairs.csv")
    assert (same["lost_hairs"], same["new_hairs"], float(same["density_change_per_cm2"])) == ("0", "0", 0.0)


def test_without_visits_what_pairs_left_is_removed(study: Path, results: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(results, out)
    (out / "pairs" / "mine.json").touch()
    photos = [study / "images" / f"{name}_vertex_baseline.jpg" for name in ("S1", "S2")]
    summary = analyze_folder(photos, out)
    assert (summary.kept, summary.pairs) == (2, ())
    left = {file.relative_to(out).as_posix() for file in out.rglob("*") if file.is_file()}
    assert not {"pairs.csv", "matches.csv", "cohort.csv"} & left
    assert [name for name in left if "week24" in name] == []
    assert "pairs/mine.json" in left


def test_a_refused_pair_is_no_failed_photo(study: Path, results: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(results, out)
    told = CliRunner().invoke(app, ["analyze", str(study / "images"), "-o", str(out)])
    assert told.exit_code == 0
    assert "S2_vertex_baseline__S2_vertex_week24: refused: " in told.stderr
    assert "1 pairs compared" in told.stdout and "1 refused" in told.stdout


def test_a_photo_that_fails_leaves_its_pair_failed(study: Path, results: Path, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    shutil.copytree(study / "images", photos)
    shutil.copytree(results, out)
    (photos / "S1_vertex_week24.jpg").write_bytes(b"no photo")
    told = CliRunner().invoke(app, ["analyze", str(photos), "-o", str(out)])
    assert told.exit_code == 1
    failed = rows(out, "pairs.csv")[0]
    assert failed["status"] == "failed"
    assert failed["error"] == "the follow-up photo S1_vertex_week24.jpg could not be measured"


def test_a_photo_that_changes_before_it_is_compared_leaves_its_pair_failed(
    study: Path, tmp_path: Path
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    shutil.copytree(study / "images", photos)
    seen: list[Outcome] = []

    def change(outcome: Outcome, of: int) -> None:
        seen.append(outcome)
        if len(seen) == of:
            with (photos / "S1_vertex_baseline.jpg").open("ab") as file:
                file.write(b"more")

    summary = analyze_folder([photos], out, on_progress=change)
    assert {pair.status for pair in summary.pairs if pair.pair_id.startswith("S1")} == {"failed"}
    (error,) = {row["error"] for row in rows(out, "pairs.csv") if row["subject"] == "S1"}
    assert error.startswith("S1_vertex_baseline.jpg: changed since it was measured: ")
    again = analyze_folder([photos], out)
    assert (again.kept, {pair.status for pair in again.pairs if "S1" in pair.pair_id}) == (3, {"ok"})


def test_an_analysis_is_kept_to_the_last_bit(results: Path, tmp_path: Path) -> None:
    for file in sorted((results / ".parts").glob("*.npz")):
        analysis = load_analysis(file)
        save_analysis(tmp_path / "again.npz", analysis)
        assert_equal(load_analysis(tmp_path / "again.npz"), analysis)
        assert len(analysis.hairs) == len(analysis.counted) > 5 and len(analysis.doubtful) > 0


def assert_equal(one: object, other: object) -> None:
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    elif isinstance(one, tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_equal(a, b)
    elif isinstance(one, (Analysis, Hair)) or hasattr(one, "__dataclass_fields__"):
        for name in one.__dataclass_fields__:
            assert_equal(getattr(one, name), getattr(other, name))
    else:
        assert one == other or (one != one and other != other)


def entry(image: str, subject: str = "S", visit: str = "", date: str = "", site: str = "") -> Entry:
    return Entry(Path(image), image, subject=subject, site=site, visit=visit, date=date)


def test_the_baseline_is_the_visit_of_that_name_or_the_earliest_date() -> None:
    dated = find_pairs([entry("a.jpg", date="2026-03-01"), entry("b.jpg", date="2026-01-01")])
    assert [(p.baseline.image, p.followup.image, p.days) for p in dated.pairs] == [("b.jpg", "a.jpg", 59)]
    named = find_pairs([entry("a.jpg", visit="week1"), entry("b.jpg", visit="Baseline")])
    assert [(p.pair_id, p.days) for p in named.pairs] == [("b__a", None)]
    assert find_pairs([entry("a.jpg", subject="", date="2026-01-01"), entry("b.jpg", subject="")]).pairs == ()
    sites = [entry("a.jpg", visit="baseline", site="x"), entry("b.jpg", visit="week1", site="y")]
    assert find_pairs(sites).pairs == ()


def test_what_cannot_be_placed_is_told_and_never_guessed() -> None:
    twins = find_pairs(
        [entry(f"{n}.jpg", visit=v) for n, v in (("a", "baseline"), ("b", "baseline"), ("c", "w"))]
    )
    (pair,) = twins.pairs
    assert pair.baseline is None and "2 photos of S may be the baseline (a.jpg and b.jpg)" in pair.problem
    undated = find_pairs([entry("a.jpg", visit="1"), entry("b.jpg", visit="2")])
    assert undated.pairs == () and "2 photos are not compared (a.jpg, b.jpg)" in undated.notes[0]
    early = find_pairs(
        [
            entry("a.jpg", visit="screening", date="2025-01-01"),
            entry("b.jpg", visit="baseline", date="2026-01-01"),
        ]
    )
    assert early.pairs == () and "dated before" in early.notes[0]


def test_pairs_of_photos_with_equal_stems_have_names_of_their_own() -> None:
    photos = [
        entry(f"{folder}/{stem}.jpg", subject=folder, visit=visit)
        for folder in ("S1", "S2")
        for stem, visit in (("x", "baseline"), ("y", "week1"))
    ]
    pairs = find_pairs(photos).pairs
    assert len({pair.pair_id.casefold() for pair in pairs}) == 2


def found_row(place: str, hair_id: int, unit_id: int) -> list[str]:
    row = dict.fromkeys(HAIR_COLUMNS[1:], "") | {"root_x_px": place}
    return [*({**row, "hair_id": str(hair_id), "unit_id": str(unit_id)}).values()]


def test_a_hair_that_two_pairs_find_again_is_one_hair() -> None:
    """A photo of 10 hairs in 4 units: pair p finds hairs at 1 and 2, pair q those at 2 and 3."""
    found = FoundAgain()
    found.add("p", "baseline", "a.jpg", [found_row("1", 11, 3), found_row("2", 12, 5)], 4)
    found.add("q", "baseline", "a.jpg", [found_row("2", 11, 5), found_row("3", 12, 6)], 4)
    assert [(row[HAIR_ID], row[UNIT_ID]) for row in found.rows["a.jpg"]] == [
        ("11", "3"),
        ("12", "5"),
        ("13", "6"),
    ]
    assert found.names["q", "baseline", "11"] == ("12", "5")
    assert found.names["q", "baseline", "12"] == ("13", "6")
