"""One name for each hair over three visits, from matching to identities.csv."""

from __future__ import annotations

import csv
import json
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from trichoscan.match.identities import join
from trichoscan.photo.read import read_photo
from trichoscan.study import store
from trichoscan.study.columns import hair_rows
from trichoscan.study.kept import save_analysis
from trichoscan.study.manifest import Entry
from trichoscan.study.pair_tables import gather_found_again, write_pair_tables
from trichoscan.study.pairs import pair_part_path, process_pair
from trichoscan.study.visits import Pair, find_pairs

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
from constellations import Ranges, Seen, scalp_of, visits

STEADY = replace(
    Ranges(), shift_share=0.1, turn_deg=15.0, lost=0.0, new=0.0, missed=0.05, spurious=0.02, jitter_um=10.0
)
DATES = ("2026-01-01", "2026-03-01", "2026-06-01")


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Seen, ...], tuple[Pair, ...]]:
    """RESULTS of three visits of one scalp, as `analyze` would keep them; photos of bare skin."""
    folder = tmp_path_factory.mktemp("three")
    rng = np.random.default_rng(78)
    scalp = scalp_of(rng, units_per_cm2=75.0)
    first, second = visits(scalp, STEADY, rng)
    _, third = visits(scalp, STEADY, rng)
    seen, entries = (first, second, third), []
    for number, (visit, date) in enumerate(zip(seen, DATES, strict=True)):
        image = f"v{number}.png"
        bare = np.full((*visit.analysis.counting_mask.shape, 3), 170 + number, np.uint8)
        cv2.imwrite(str(folder / image), bare)
        entries.append(Entry(folder / image, image, subject="S", site="vertex", visit=str(number), date=date))
        analysis = replace(visit.analysis, sha256=read_photo(folder / image).sha256)
        out = folder / "results"
        store.part_path(out, image).parent.mkdir(parents=True, exist_ok=True)
        made_from = {"sha256": str(number)}
        store.write_part(
            out, image, made_from=made_from, cells={"status": "ok"}, hairs=hair_rows(analysis, 30.0)
        )
        save_analysis(store.analysis_path(out, image), analysis)
    pairs = find_pairs(entries).pairs
    for where in ("pairs", "overlays/pairs", ".parts/pairs"):
        (out / where).mkdir(parents=True, exist_ok=True)
    for pair in pairs:
        assert process_pair(pair, out, 30.0).status == "ok"
    write_pair_tables(out, pairs, gather_found_again(out, pairs))
    return out, seen, pairs


def test_each_follow_up_knows_the_one_before(three: tuple) -> None:
    _, _, pairs = three
    assert [(p.followup.image, p.previous and p.previous.image) for p in pairs] == [
        ("v1.png", None),
        ("v2.png", "v1.png"),
    ]


def test_a_hair_has_one_name_over_all_visits(three: tuple) -> None:
    out, seen, _ = three
    table = rows(out / "identities.csv")
    assert list(table[0]) == [
        "subject", "site", "identity_id", "image", "visit", "date", "hair_id", "probability",
    ]  # fmt: skip
    named = [(row["image"], row["hair_id"]) for row in table]
    assert len(set(named)) == len(named), "a hair has one name"
    by_name = defaultdict(list)
    for row in table:
        by_name[row["identity_id"]].append(row)
    for some in by_name.values():
        images = [row["image"] for row in some]
        assert len(set(images)) == len(images), "no two hairs of a photo have one name"
    right = whole = 0
    for some in by_name.values():
        if len(some) < 3:
            continue
        own = [(int(row["image"][1]), int(row["hair_id"]) - 1) for row in some]
        if any(k >= len(seen[v].identity) for v, k in own):
            continue  # found again
        who = {int(seen[v].identity[k]) for v, k in own}
        whole, right = whole + 1, right + (len(who) == 1 and -1 not in who)
    assert whole > 15 and right > 0.93 * whole
    assert all(0 < float(row["probability"]) <= 1 for row in table)
    for number, visit in enumerate(seen):
        ids = {int(row["hair_id"]) for row in table if row["image"] == f"v{number}.png"}
        assert ids >= set(range(1, len(visit.analysis.hairs) + 1)), "every hair of a photo has a name"


def test_a_hair_that_came_between_is_named_by_the_visits_that_show_it(three: tuple) -> None:
    """New at the second visit and seen at the third: the baseline cannot join them, the second visit does."""
    out, _, pairs = three
    part = json.loads(pair_part_path(out, pairs[1].pair_id).read_text())
    assert len(part["links"]) > 15
    assert part["made_from"]["previous"] == {"sha256": "1"}


def test_changes_hold_every_measure_of_pairs(three: tuple) -> None:
    out, _, pairs = three
    changes = {(row["pair_id"], row["measure"]): row for row in rows(out / "changes.csv")}
    for pair in rows(out / "pairs.csv"):
        density = changes[pair["pair_id"], "density_per_cm2"]
        for ours, theirs in (("change", ""), ("low", "_low"), ("high", "_high")):
            assert density[ours] == pair[f"density_change_per_cm2{theirs}"]
        levels = float(density["followup"]) - float(density["baseline"])
        assert levels == pytest.approx(float(density["change"]), abs=0.11)
        lost = changes[pair["pair_id"], "lost_hairs"]
        assert (lost["field_low"], lost["field_high"]) == (pair["lost_hairs_low"], pair["lost_hairs_high"])
        assert lost["baseline"] == lost["low"] == ""
        known = {measure for pair_id, measure in changes if pair_id == pair["pair_id"]}
        assert known >= {
            "unit_density_per_cm2", "hairs_per_unit", "diameter_um", "cumulative_thickness_mm_per_cm2",
            "terminal_per_cm2", "vellus_per_cm2", "regrown_hairs", "thickened_hairs", "miniaturized_hairs",
            "reactivated_units",
        }  # fmt: skip
    assert len(changes) == len(pairs) * len({measure for _, measure in changes})


def test_two_visits_need_no_identities(three: tuple, tmp_path: Path) -> None:
    out, _, pairs = three
    (out / "identities.csv").rename(tmp_path / "identities.csv")
    write_pair_tables(out, pairs[:1], gather_found_again(out, pairs[:1]))
    assert not (out / "identities.csv").exists()
    write_pair_tables(out, pairs, gather_found_again(out, pairs))
    assert (out / "identities.csv").read_bytes() == (tmp_path / "identities.csv").read_bytes()


def test_the_likelier_link_wins_and_no_photo_has_two() -> None:
    stars = [(0, 1), (0, 2), (1, 1), (2, 1)]
    links = [(0.9, (0, 1), (1, 1)), (0.8, (1, 1), (2, 1)), (0.7, (0, 2), (2, 1))]
    assert join(stars, links) == [({0: (0, 1), 1: (1, 1), 2: (2, 1)}, 0.8), ({0: (0, 2)}, 1.0)]
    assert join(stars, links[::-1]) == join(stars, links)
