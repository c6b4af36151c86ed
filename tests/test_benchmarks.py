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


def test_the_promised_figures_hold() -> None:
    figures = json.loads(load("accuracy").FIGURES.read_text())["figures"]
    real, plain = figures["real, clipped"], figures["phantom, plain"]
    assert real["photos"] == 60
    assert real["f1"] >= 0.80
    assert plain["f1"] >= 0.95
    assert abs(plain["diameter_bias_um"]) <= 1
    assert abs(plain["count_bias_percent"]) <= 3


def test_an_interval_holds_the_hand_count_within_what_is_judged(tmp_path: Path) -> None:
    """Density 100 (80-120) and 10 hairs found in the judged part: 8 to 12 true ones are held."""
    true = {"low.jpg": 7, "least.jpg": 8, "most.jpg": 12, "high.jpg": 13, "failed.jpg": 10}
    rows = [f"{image},{m},10" for image, m in true.items()]
    (tmp_path / "evaluation.csv").write_text("\n".join(["image,true_hairs,found_hairs", *rows]))
    rows = [f"{image},{',,' if image == 'failed.jpg' else '100,80,120'}" for image in sorted(true)]
    head = "image,hair_density_per_cm2,hair_density_low,hair_density_high"
    (tmp_path / "images.csv").write_text("\n".join([head, *rows]))
    assert load("accuracy").interval_holds_percent(tmp_path) == 40


def test_figures_are_kept_to_four_digits() -> None:
    figures = load("accuracy").rounded({"real": {"f1": 0.123456, "count_r": None, "photos": 3}})
    assert figures == {"real": {"f1": 0.1235, "count_r": None, "photos": 3}}


def test_the_speed_in_the_readme_is_what_was_measured() -> None:
    speed = load("speed")
    readme = speed.README.read_text()
    assert speed.into_readme(readme, json.loads(speed.FIGURES.read_text())) == readme


def test_accuracy_runs_on_real_photos_and_phantoms(fdu: Path, tmp_path: Path) -> None:
    accuracy = load("accuracy")
    figures = {
        "real": accuracy.real_photos(fdu, 3, tmp_path / "real"),
        "plain": accuracy.phantoms("plain", 2, tmp_path / "plain"),
    }
    assert figures["real"]["photos"] == 3
    assert figures["real"]["f1"] > 0.6
    assert 0 <= figures["real"]["interval_holds_percent"] <= 100
    assert figures["plain"]["f1"] > 0.8
    assert accuracy.table(figures).count("\n") == len(accuracy.ROWS) + 1


def test_speed_prints_a_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("skan", reason="the bench extra is not installed")
    speed = load("speed")
    before = speed.FIGURES.read_bytes(), speed.README.read_bytes()
    results = speed.compare(photos=1)
    assert (speed.FIGURES.read_bytes(), speed.README.read_bytes()) == before
    assert all(r["hairs"] > 0 and r["seconds"] > 0 for r in results.values())
    assert results["trichoscan"]["peak_mb"] < 1500
    assert "s / s of skan" in capsys.readouterr().out
