"""Every example of README, docs and --help can be carried out as it stands there."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from trichoscan.cli import app
from trichoscan.flags import PHOTO_FLAGS
from trichoscan.segment.weights import DEFAULT_WEIGHTS

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHELL = re.compile(r"^ *```sh\n(.*?)^ *```", re.M | re.S)
PLACEHOLDER = re.compile(r"\b[A-Z]{3,}\b")
NOT_RUN = {
    "phantom": "twenty photos take minutes: tests/test_cli.py draws few",
    "train": "an hour: tests/test_train.py takes a step",
    "review": "waits for a browser: its tests start it",
    "plan results": "needs eight subjects: tests/test_plan.py has them",
    "analyze study": "a trial of phantoms: see phantom",
}
"""Beginnings of examples that are only parsed, and where they are tested."""

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def examples() -> Iterator[tuple[str, str]]:
    """Where it stands, and the line after ``trichoscan``."""
    for page in PAGES:
        for block in SHELL.findall(page.read_text(encoding="utf-8")):
            for line in block.splitlines():
                if line.startswith("trichoscan ") and not PLACEHOLDER.search(line):
                    yield page.name, line.removeprefix("trichoscan ")
    for name, command in COMMANDS.items():
        for line in re.findall(r"trichoscan (.*?)(?=; |$)", command.epilog or ""):
            yield f"{name} --help", line


ALL = sorted({line: page for page, line in examples()}.items())


def arguments(line: str) -> list[str]:
    """Arguments of an example, without what the shell makes of its output."""
    return shlex.split(line.partition(" > ")[0], comments=True)


def test_there_are_examples_of_every_command() -> None:
    assert {line.split()[0] for line, _ in ALL} == set(COMMANDS)
    for name, command in COMMANDS.items():
        assert re.search(rf"^Example: trichoscan {name} ", command.epilog or ""), f"{name} --help: no example"


@pytest.mark.parametrize(("line", "page"), ALL)
def test_examples_name_what_the_command_knows(line: str, page: str) -> None:
    name, *rest = arguments(line)
    COMMANDS[name].make_context(name, rest)


@pytest.fixture(scope="module")
def desk(clinic: Path, study: Path, measured: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the examples name. Do not write into it."""
    folder = tmp_path_factory.mktemp("desk")
    shutil.copytree(clinic / "images", folder / "photos")
    (folder / "photos" / "photo_2.jpg").unlink()
    manifest = folder / "photos" / "manifest.csv"
    manifest.write_text("".join(manifest.read_text(encoding="utf-8").splitlines(keepends=True)[:3]), "utf-8")
    shutil.copy(study / "images" / "S1_vertex_baseline.jpg", folder / "before.jpg")
    shutil.copy(study / "images" / "S1_vertex_week24.jpg", folder / "after.jpg")
    shutil.copytree(measured, folder / "results")
    shutil.copytree(study / "truth", folder / "phantoms" / "truth")
    shutil.copytree(study / "images", folder / "phantoms" / "images")
    pixels = np.full((600, 800, 3), 200, np.uint8)
    for k, x in enumerate(range(10, 800, 30)):
        cv2.line(pixels, (x, 250), (x, 330 if k % 10 else 370), (40, 40, 40), 2, cv2.LINE_AA)
    cv2.imwrite(str(folder / "ruler.jpg"), pixels)
    return folder


@pytest.mark.parametrize("line", [line for line, _ in ALL if not line.startswith(tuple(NOT_RUN))])
def test_examples_do_what_they_say(
    line: str, desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    shutil.copytree(desk, here)
    monkeypatch.chdir(here)
    words = arguments(line)
    if "--pdf" in words:
        pytest.importorskip(
            "weasyprint", reason="no weasyprint, or no Pango", exc_type=(ImportError, OSError)
        )
    if words[0] == "codes" and "--new" not in words:
        assert CliRunner().invoke(app, ["codes", words[1], "--new"]).exit_code == 0
    if words[:2] == ["analyze", "photos"] or words[0] == "compare":
        shutil.rmtree("results")
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 0, told.output
    assert {line.split(": ")[1] for line in told.stderr.splitlines()} <= PHOTO_FLAGS.keys(), "advice alone"


@pytest.mark.parametrize("beginning", NOT_RUN)
def test_what_is_not_run_is_among_the_examples(beginning: str) -> None:
    assert any(line.startswith(beginning) for line, _ in ALL), "delete it from NOT_RUN"


def test_the_model_card_is_that_of_the_weights_in_use() -> None:
    card = (ROOT / "docs" / "model-card.md").read_text(encoding="utf-8")
    assert f'--8<-- "weights/{DEFAULT_WEIGHTS}/CARD.md"' in card
    assert (ROOT / "weights" / DEFAULT_WEIGHTS / "CARD.md").is_file()


def test_every_page_is_in_the_contents() -> None:
    contents = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert re.search(rf"\b{re.escape(page.name)}$", contents, re.M), page.name
