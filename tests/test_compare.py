"""Two photos compared ad hoc, and the size of a trial, as a user asks for them."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from trichoscan.cli import app
from trichoscan.report.words import RESPONSES

UM_PER_PX = 8.0


@pytest.fixture(scope="module")
def photos(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """before.jpg and after.jpg of one site, and other.jpg of another subject, without a manifest."""
    folder = tmp_path_factory.mktemp("photos")
    for name, source in (("before", "S1_vertex_baseline"), ("after", "S1_vertex_week24")):
        shutil.copy(study / "images" / f"{source}.jpg", folder / f"{name}.jpg")
    shutil.copy(study / "images" / "S2_vertex_baseline.jpg", folder / "other.jpg")
    return folder


@pytest.fixture(scope="module")
def compared(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """RESULTS of before.jpg and after.jpg, and what was said."""
    out = tmp_path_factory.mktemp("compared") / "out"
    both = photos / "before.jpg", photos / "after.jpg"
    return out, invoke("compare", *both, "-o", out, "--um-per-px", UM_PER_PX, "--days", 168)


def pair_row(out: Path) -> dict[str, str]:
    with (out / "pairs.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    return row


def invoke(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_two_photos_are_compared_in_words_and_files(compared: tuple[Path, Result]) -> None:
    out, told = compared
    assert told.exit_code == 0, told.output
    row = pair_row(out)
    assert (row["pair_id"], row["subject"], row["days"]) == ("before__after", "", "168")
    assert f"{row['matched_hairs']} matched, {row['lost_hairs']} lost, {row['new_hairs']} new" in told.stdout
    assert f"{float(row['lost_hairs_low']):g} to {float(row['lost_hairs_high']):g} lost" in told.stdout
    assert f"{float(row['density_change_percent']):+g} % of the baseline's (95 % interval " in told.stdout
    assert f"{row['overlap_cm2']} cm2" in told.stdout
    assert f"{row['response']}: {RESPONSES[row['response']]}" in told.stdout
    assert (out / "overlays" / "pairs" / f"{row['pair_id']}.jpg").is_file()
    assert not (out / "cohort.csv").exists()


def test_without_a_scale_no_um_and_no_density_is_told(photos: Path, tmp_path: Path) -> None:
    bare = invoke("compare", photos / "before.jpg", photos / "after.jpg", "-o", tmp_path / "bare")
    assert bare.exit_code == 0, bare.output
    row = pair_row(tmp_path / "bare")
    assert "no_scale" in row["flags"].split()
    assert (
        row["density_change_per_cm2"] == row["diameter_change_um"] == row["overlap_cm2"] == row["days"] == ""
    )
    assert row["density_change_percent"] and row["response"] and int(row["matched_hairs"]) > 5
    assert "no scale" in bare.stdout


def test_photos_of_two_people_are_refused_with_the_reason(
    photos: Path, compared: tuple[Path, Result], tmp_path: Path
) -> None:
    """Into the same results: what was measured of the first photo is kept."""
    shutil.copytree(compared[0], tmp_path / "out")
    two = photos / "before.jpg", photos / "other.jpg"
    told = invoke("compare", *two, "-o", tmp_path / "out", "--um-per-px", UM_PER_PX)
    assert told.exit_code == 1
    row = pair_row(tmp_path / "out")
    assert row["status"] == "refused" and row["error"] and row["response"] == ""
    assert f"refused: {row['error']}" in told.stderr
    alignment = json.loads((tmp_path / "out" / "pairs" / f"{row['pair_id']}.json").read_text())
    assert alignment["baseline_grid_px"] == [] and alignment["error"] == row["error"]


def test_a_photo_is_not_compared_with_itself_or_a_folder(photos: Path, tmp_path: Path) -> None:
    before = photos / "before.jpg"
    assert invoke("compare", before, before, "-o", tmp_path / "out").exit_code == 2
    assert invoke("compare", before, photos, "-o", tmp_path / "out").exit_code == 2
    assert not (tmp_path / "out").exists()


def test_a_trial_is_planned_from_an_sd() -> None:
    """Two groups, SD 20, effect 15: 29 an arm by any textbook's table of the t test (28.9)."""
    told = invoke("plan", "--effect", 15, "--sd", 20)
    assert told.exit_code == 0, told.output
    (per_arm,) = (int(line.split()[0]) for line in told.stdout.splitlines() if "subjects per arm" in line)
    assert 29 <= per_arm <= 30
    more = invoke("plan", "--effect", 15, "--sd", 20, "--dropout", 0.5)
    assert f"{2 * per_arm} to be enrolled per arm for 50% dropouts" in more.stdout
    paired = invoke("plan", "--effect", 15, "--sd", 20, "--correlation", 0.7)
    assert int(paired.stdout.splitlines()[1].split()[0]) < 0.6 * per_arm


def test_a_trial_is_planned_from_the_variance_of_results(tmp_path: Path) -> None:
    """Results of 32 subjects as `analyze` keeps them; SD and correlation are those put in."""
    from trichoscan.study.columns import PAIR_COLUMNS
    from trichoscan.study.pairs import KEYS, pair_part_path
    from trichoscan.study.store import write_table

    changes = [(100.0 + 10 * (i % 4), 12.0 * (-1) ** (i // 4)) for i in range(32)]
    rows = []
    for i, (baseline, change) in enumerate(changes):
        known = {
            "pair_id": f"p{i:02}",
            "subject": f"S{i}",
            "arm": "AB"[i >= 16],
            "followup_image": f"{i}.jpg",
        }
        rows.append([known.get(name, "") for name in PAIR_COLUMNS])
        cohort = {"baseline": {"density_per_cm2": baseline}, "change": {"density_per_cm2": change}}
        part = {key: {} for key in KEYS} | {"matches": [], "cohort": cohort | {"response": "stable"}}
        path = pair_part_path(tmp_path, f"p{i:02}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(part))
    write_table(tmp_path / "pairs.csv", PAIR_COLUMNS, rows)
    write_table(tmp_path / "images.csv", ("image", "visit"), [[f"{i}.jpg", "week24"] for i in range(32)])
    told = invoke("plan", tmp_path, "--effect", 15)
    assert told.exit_code == 0, told.output
    assert "seen in 32 subjects: SD of the change 12.39," in told.stdout
    assert "correlation with the baseline 0.00" in told.stdout or "baseline -0.00" in told.stdout


@pytest.mark.parametrize(
    "options",
    [[], ["--sd", "20", "--power", "2"], ["--sd", "-1"], ["nowhere"], ["nowhere", "--measure", "taste"]],
)
def test_plans_that_make_no_sense_exit_2(options: list[str]) -> None:
    assert invoke("plan", *options).exit_code == 2
