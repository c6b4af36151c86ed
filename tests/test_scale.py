"""benchmarks/scale.py runs, and the docs say what it last said."""

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from trichoscan.study.events import NAME, log_event

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))  # they import each other by name, as when run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pins to cores and reads /proc")

RECORD = {
    "cores": 2,
    "photos": 16,
    "one core": 0.5,
    "one": 0.7,
    "two": 0.95,
    "apart": 1.0,
    "cluster": 0.9,
    "worker_mb": 800.0,
    "stages": {"decode": 0.1, "network": 0.6, "all measurement": 1.8, "floor": 0.5, "whole": 2.0},
    "still_mb": 2000.0,
    "still_s": 50.0,
    "many": {"photos": 5000, "rate": 8.0, "main_mb": 400.0, "worker_mb": 500.0, "growth_mb": 3.0},
}


@pytest.fixture(scope="module")
def scale() -> ModuleType:
    return importlib.import_module("scale")


def test_the_docs_say_what_was_measured(scale: ModuleType) -> None:
    if not scale.FIGURES.is_file():
        pytest.skip("not measured yet: run benchmarks/scale.py")
    page = scale.PAGE.read_text()
    assert scale.into_docs(page, json.loads(scale.FIGURES.read_text())) == page


def test_the_table_compares_what_it_says(scale: ModuleType) -> None:
    table = scale.table(RECORD)
    for row in (
        "| two workers against one on one core | 1.90 times | 1.8 |",
        "| two workers against two separate runs | 0.95 times |",
        "| cost of the cluster | 6 % | 10 % |",
        "| beyond decoding, network and measurement | 5 % | 10 % |",
        "| whole against the floor, on one core | 4.0 times | 2 |",
        "| whole against decoding and the networks as fast as they are here | 2.9 times |",
    ):
        assert row in table
    assert "next bottleneck is quality, tracing, diameters and counting" in scale.said(RECORD)


def test_finished_photos_are_counted_as_the_log_grows(scale: ModuleType, tmp_path: Path) -> None:
    log = scale.Finished(tmp_path)
    assert log.count() == 0
    for number in range(3):
        log_event(tmp_path, "run", "photo_done", image="a")
        log_event(tmp_path, "run", "photo_failed" if number else "photo_reused", image="b")
        assert log.count() == 1 + 2 * number
    with (tmp_path / NAME).open("ab") as file:
        file.write(b'{"event": "photo_done"')
    assert log.count() == 5


def test_the_rate_is_that_of_full_hands(scale: ModuleType) -> None:
    assert scale.steady_rate([0.0, 10.0, 11.0, 12.0, 13.0], 2) == 1.0
    steady = [2.0 * number for number in range(9)]
    assert scale.steady_rate([-10.0, *steady, 16.1, 16.2], 1) == 0.5


def test_a_run_is_timed_and_its_stages(scale: ModuleType, clinic: Path, tmp_path: Path) -> None:
    photos = clinic / "images"
    run = scale.timed(photos, tmp_path / "out", core=0 if 0 in scale.os.sched_getaffinity(0) else None)
    assert run.rate > 0
    assert 100 < run.main_mb == run.worker_mb < 3000
    stages = scale.stages_of(photos)
    assert 0 < stages["decode"] < stages["floor"]
    assert 0 < stages["network"] < stages["all measurement"]
