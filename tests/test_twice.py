"""The benchmark that puts the program beside a second annotation."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from trichoscan.learn.evaluate import summarize
from trichoscan.learn.hair_sets import NO_UNIT, HairSet, read_truth
from trichoscan.learn.verdict import judge_photo

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
twice = importlib.import_module("twice")

UM_PER_PX = 5.0


def hairs(columns: list[float], debris: tuple[int, ...] = (), ignored: tuple[int, ...] = ()) -> HairSet:
    """Upright hairs of 100 px with roots at these columns."""
    ends = np.array([[[x, 200.0], [x, 100.0]] for x in columns]).reshape(-1, 2, 2)
    unit = np.arange(len(columns), dtype=np.int64)
    unit[list(debris)] = NO_UNIT
    unjudged = np.zeros(len(columns), bool)
    unjudged[[*debris, *ignored]] = True
    unknown = np.full(len(columns), np.nan)
    no = np.zeros(len(columns), bool)
    return HairSet(tuple(ends), ends, unit, unknown, unknown, unknown, no, unjudged)


def verdict(found: HairSet, true: HairSet):
    return judge_photo("a", "ok", found, true, um_per_px=UM_PER_PX, focus=1.0)


def test_hairs_are_told_by_who_drew_them() -> None:
    """Drawn here at 0-400, there at 0, 100 and 500; found at 0, 200, 500, 800; 400 is not judged."""
    drawn = hairs([0, 100, 200, 300, 400], ignored=(4,))
    drawn_there, found = hairs([0, 100, 500]), hairs([0, 200, 500, 800, 400])
    told = twice.shared([verdict(drawn_there, drawn)], [verdict(found, drawn)])
    assert told == {"both_found_percent": 50.0, "one_found_percent": 50.0, "nobodys_percent": 25.0}


def test_a_hair_found_twice_is_nobodys_once() -> None:
    drawn = hairs([0, 300])
    told = twice.shared([verdict(drawn, drawn)], [verdict(hairs([0, 4, 300]), drawn)])
    assert told["nobodys_percent"] == pytest.approx(100 / 3)


def test_who_finds_what_both_drew_finds_all_of_it() -> None:
    drawn = hairs([0, 100, 200])
    told = twice.shared([verdict(drawn, drawn)], [verdict(drawn, drawn)])
    assert told == {"both_found_percent": 100.0, "one_found_percent": None, "nobodys_percent": 0.0}


def test_debris_is_nobodys_finding() -> None:
    marked = hairs([0, 100, 200], debris=(1,))
    kept = twice.without_debris(marked)
    assert [path[0, 0] for path in kept.paths_px] == [0, 200]
    assert kept.unit.tolist() == [0, 2]
    assert not kept.ignored.any()


def test_an_annotation_agrees_with_itself_but_not_wholly_with_its_twin(fdu: Path) -> None:
    truth = read_truth(fdu / "truth" / "230219_A012.json", seams=True, direction="chord")
    alone = summarize([verdict(twice.without_debris(truth.hairs), truth.hairs)])
    assert alone["f1"] == pytest.approx(1.0)
    pair = [("230219_A012", "220907_A267"), ("220907_A267", "230219_A012")]
    assert frozenset(pair[0]) in twice.twice_drawn(fdu)
    figures = [summarize([one]) for one in twice.by_the_other(fdu, pair)]
    assert all(0.8 < one["f1"] < 1.0 for one in figures)
    assert figures[0]["precision"] == pytest.approx(figures[1]["recall"], abs=0.05)


def test_a_table_of_one_exposure(fdu: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twice, "twice_drawn", lambda _: [frozenset({"230219_A012", "220907_A267"})])
    head, _, *rows = [line.split(" | ") for line in twice.table(fdu).splitlines() if line.startswith("|")]
    assert [cell.strip("| ") for cell in head[1:]] == ["the others: second annotation", "the others: program"]
    of = {row[0].strip("| "): row[1:] for row in rows}
    assert of["comparisons"][0] == "2"
    assert 0.8 < float(of["F1"][0]) < 1
    assert 0.8 < float(of["F1"][1].strip("| ")) < 1


@pytest.mark.parametrize("mark", ["twice", "laws", "paths"])
def test_the_tables_of_the_page_are_of_the_shipped_weights(mark: str, weights) -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "accuracy.md").read_text()
    block = page.split(f"<!-- {mark} -->")[1].split(f"<!-- /{mark} -->")[0]
    assert weights.label in block, f"run benchmarks/{mark}.py: the weights have changed"
