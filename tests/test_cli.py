from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import trichoscan
from trichoscan.cli import app
from trichoscan.flags import PHOTO_FLAGS

COMMANDS = ("analyze", "compare", "report", "plan", "evaluate", "phantom", "train")


def trichoscan_cli(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does, in a process of its own."""
    program = "from trichoscan.cli import main; main()"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def modules_after(statement: str) -> set[str]:
    program = f"import sys\n{statement}\nprint(*sys.modules)"
    return set(
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout.split()
    )


def test_importing_trichoscan_imports_nothing_heavy() -> None:
    heavy = {"torch", "pandas", "cv2", "skimage", "scipy", "matplotlib", "numpy"}
    assert not heavy & modules_after("import trichoscan")


def test_importing_the_command_line_imports_nothing_slow() -> None:
    assert not {"torch", "pandas", "cv2", "skimage", "scipy", "numpy"} & modules_after(
        "import trichoscan.cli"
    )


def test_every_public_name_is_there() -> None:
    for name in trichoscan.__all__:
        assert getattr(trichoscan, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = trichoscan.nothing


def test_help_answers_in_half_a_second() -> None:
    """Time of the processor, so that a busy machine does not fail it."""

    def seconds() -> float:
        before = os.times()
        assert trichoscan_cli("--help").returncode == 0
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(seconds() for _ in range(3)) < 0.5


@pytest.mark.parametrize("command", COMMANDS)
def test_each_help_shows_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert f"Example: trichoscan {command} " in result.output


def test_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert result.output == f"trichoscan {trichoscan.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("analyze", "nowhere", "-o", "out"), "nowhere: no such file or folder"),
        (("analyze", ".", "-o", "out"), "no photo"),
        (("analyze", ".", "-o", "out", "--um-per-px", "-1"), "--um-per-px -1"),
        (("evaluate", "nowhere", "."), "nowhere: no images.csv"),
    ],
)
def test_usage_errors_take_one_line_and_exit_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("trichoscan: ") and told in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert not list(tmp_path.iterdir())


def test_a_bad_manifest_exits_2(clinic: Path, tmp_path: Path) -> None:
    photos = Path(shutil.copytree(clinic / "images", tmp_path / "photos"))
    (photos / "manifest.csv").write_text("image,date\nphoto_0.jpg,5.1.2026\n")
    result = CliRunner().invoke(app, ["analyze", str(photos), "-o", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "row 2: date '5.1.2026': write it as YYYY-MM-DD" in result.stderr


def test_unknown_options_exit_2() -> None:
    assert CliRunner().invoke(app, ["analyze", "--no-such-option"]).exit_code == 2


def test_debug_shows_where_it_happened(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["evaluate", str(tmp_path), str(tmp_path), "--debug"])
    assert result.exit_code == 2
    assert "Traceback" in result.stderr


def test_analyze_and_evaluate_as_a_user_would(clinic: Path, tmp_path: Path) -> None:
    out = tmp_path / "results"
    shown = trichoscan_cli("analyze", clinic / "images", "-o", out)
    assert shown.returncode == 0, shown.stderr
    said = {line.split(": ")[1] for line in shown.stderr.splitlines()}
    assert said <= PHOTO_FLAGS.keys(), "advice alone: no progress bar where stderr is no terminal"
    assert all(f"photo_{i}.jpg" in shown.stdout for i in range(3))
    assert "3 photos measured" in shown.stdout
    judged = trichoscan_cli("evaluate", out, clinic)
    assert judged.returncode == 0, judged.stderr
    assert re.search(r"^f1 +[01]\.?\d*$", judged.stdout, re.M)
    assert (out / "evaluation.json").is_file() and (out / "evaluation.csv").is_file()


def test_failed_photos_are_named_and_exit_1(clinic: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    shutil.copy(clinic / "images" / "photo_0.jpg", photos / "[bold]photo.jpg")
    (photos / "[red]torn.jpg").write_bytes((clinic / "images" / "photo_1.jpg").read_bytes()[:2000])
    (photos / "empty.jpg").touch()
    result = CliRunner().invoke(
        app, ["analyze", str(photos), "-o", str(tmp_path / "out"), "--um-per-px", "5.5"]
    )
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    named = [line.split(": ")[1] for line in lines]
    assert [name for name in named if name not in PHOTO_FLAGS] == ["[red]torn.jpg", "empty.jpg"]
    assert all(line.startswith("trichoscan: ") for line in lines)
    assert "[bold]photo.jpg" in result.stdout
    assert "1 photos measured, 2 failed" in result.stdout


def test_phantoms_are_written(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["phantom", str(tmp_path / "out"), "--n", "1", "--seed", "3"])
    assert result.exit_code == 0, result.stderr
    assert "1 photo in " in result.stdout
    again = CliRunner().invoke(app, ["phantom", str(tmp_path / "out"), "--n", "1", "--seed", "4"])
    assert again.exit_code == 2 and "not empty" in again.stderr
    assert len(list((tmp_path / "out" / "images").glob("*.jpg"))) == 1
    assert len(list((tmp_path / "out" / "truth").glob("*.json"))) == 1


@pytest.mark.parametrize(
    ("options", "photos", "pairs"),
    [
        (["--n", "1", "--visits", "2", "--condition", "aga", "--ancestry", "african"], 2, 1),
        (["--n", "1", "--phototrichogram", "--days", "3"], 2, 1),
        (["--trial", "2", "--visits", "1", "--dropout", "0.5"], 2, 0),
    ],
)
def test_visits_and_trials_of_phantoms_are_written(
    tmp_path: Path, options: list[str], photos: int, pairs: int
) -> None:
    result = CliRunner().invoke(app, ["phantom", str(tmp_path), *options])
    assert result.exit_code == 0, result.stderr
    assert f"{photos} photos in " in result.stdout
    assert len(list((tmp_path / "images").glob("*.jpg"))) == photos
    assert len(list((tmp_path / "truth" / "pairs").glob("*.json"))) == pairs
    assert (tmp_path / "truth" / "trial.json").is_file() == ("--trial" in options)
    if "--days" in options:
        (pair,) = (tmp_path / "truth" / "pairs").glob("*.json")
        assert json.loads(pair.read_text())["days"] == 3


@pytest.mark.parametrize(
    "options",
    [
        ["--dropout", "0.2"],
        ["--phototrichogram", "--trial", "4"],
        ["--phototrichogram", "--visits", "3"],
        ["--condition", "mange"],
        ["--trial", "0"],
        ["--n", "5", "--trial", "2"],
        ["--days", "3"],
        ["--days", "8", "--phototrichogram"],
    ],
)
def test_phantoms_that_make_no_sense_are_usage_errors(tmp_path: Path, options: list[str]) -> None:
    result = CliRunner().invoke(app, ["phantom", str(tmp_path / "out"), *options])
    assert result.exit_code == 2
    assert options[0] in result.stderr
    assert not (tmp_path / "out").exists()
