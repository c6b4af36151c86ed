"""The benchmarks run, and what the README says is what they last said of the weights that are shipped."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_in_the_readme_is_that_of_the_shipped_weights(weights) -> None:
    accuracy = load("accuracy")
    record = json.loads(accuracy.FIGURES.read_text())
    assert record["weights"] == weights.label, "run benchmarks/accuracy.py: the weights have changed"
    readme = accuracy.README.read_text()
    assert accuracy.into_readme(readme, record) == readme


def test_accuracy_runs_on_real_photos_and_phantoms(fdu: Path, tmp_path: Path) -> None:
    accuracy = load("accuracy")
    figures = {
        "real": accuracy.real_photos(fdu, 3, tmp_path / "real"),
        "plain": accuracy.phantoms("plain", 2, tmp_path / "plain"),
    }
    assert figures["real"]["photos"] == 3
    assert figures["real"]["f1"] > 0.6
    assert figures["plain"]["f1"] > 0.8
    assert accuracy.table(figures).count("\n") == len(accuracy.ROWS) + 1


def test_speed_prints_a_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("skan", reason="the bench extra is not installed")
    results = load("speed").compare(photos=1)
    assert results["trichoscan"]["peak_mb"] < 1500
    assert "s / s of skan" in capsys.readouterr().out
