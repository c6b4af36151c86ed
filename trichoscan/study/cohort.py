"""cohort.csv of a run with arms, and the changes of its pairs for planning the next trial."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

from trichoscan.records import TrichoscanError
from trichoscan.response.cohort import COLUMNS, CohortRow, Enrolled, VisitChange, summarize_cohort
from trichoscan.response.growth import is_phototrichogram
from trichoscan.study import store
from trichoscan.study.columns import text_cell
from trichoscan.study.manifest import Entry
from trichoscan.study.pairs import read_pair_part
from trichoscan.study.visits import Visits

LEVELS = {
    "density_per_cm2": "hair_density_per_cm2",
    "unit_density_per_cm2": "unit_density_per_cm2",
    "hairs_per_unit": "hairs_per_unit",
    "diameter_um": "mean_diameter_um",
    "cumulative_thickness_mm_per_cm2": "cumulative_thickness_mm_per_cm2",
    "vellus_percent": "vellus_percent",
}
"""Measures of a cohort and the columns of images.csv that hold them; terminal hairs per cm2 is computed."""


def write_cohort(out: Path, visits: Visits) -> str:
    """Write cohort.csv where there are arms and follow-ups; else one of an earlier run is deleted.

    Phototrichograms, photos a few days after the baseline, are no follow-ups of a treatment.

    Returns
    -------
    str
        A note where subjects without an arm were left out.
    """
    arm_of = {(p.subject, p.site): p.arm for p in reversed(visits.pairs) if p.arm}
    arm_of |= {(e.subject, e.site): e.arm for e in visits.baselines if e.arm}
    enrolled = [entry for entry in visits.baselines if (entry.subject, entry.site) in arm_of]
    pairs = [pair for pair in visits.pairs if pair.arm and not is_phototrichogram(pair.days)]
    if not pairs:
        (out / "cohort.csv").unlink(missing_ok=True)
        return ""
    rows = summarize_cohort(
        [_visit_change(out, p.pair_id, p.subject, p.site, p.arm, p.followup.visit, p.days) for p in pairs],
        [
            Enrolled(e.subject, e.site, arm_of[e.subject, e.site], baseline_levels(_cells_of(out, e)))
            for e in enrolled
        ],
    )
    store.write_table(out / "cohort.csv", COLUMNS, (_cells(row) for row in rows))
    known = {entry.subject for entry in enrolled} | {pair.subject for pair in pairs}
    missing = {entry.subject for entry in visits.baselines} - known
    return f"{len(missing)} subjects without an arm are left out of cohort.csv" if missing else ""


def _cells_of(out: Path, entry: Entry) -> Mapping[str, str]:
    part = store.read_part(out, entry.image)
    return part["cells"] if part else {}


def baseline_levels(cells: Mapping[str, str]) -> dict[str, float]:
    """Measures of a photo, from its cells of images.csv; those that are empty are left out."""
    levels = {measure: float(cells[name]) for measure, name in LEVELS.items() if cells.get(name)}
    if cells.get("terminal_count") and cells.get("area_cm2") and float(cells["area_cm2"]) > 0:
        levels["terminal_per_cm2"] = float(cells["terminal_count"]) / float(cells["area_cm2"])
    return levels


def read_changes(results: Path) -> list[VisitChange]:
    """Changes of all pairs of RESULTS.

    Raises
    ------
    TrichoscanError
        There are no pairs.
    """
    for name in ("pairs.csv", "images.csv"):
        if not (results / name).is_file():
            raise TrichoscanError(f"{results}: no {name}: give a folder of results with follow-ups")
    visit_of = {row["image"]: row["visit"] for row in _read(results / "images.csv")}
    return [
        _visit_change(
            results,
            row["pair_id"],
            row["subject"],
            row["site"],
            row["arm"],
            visit_of.get(row["followup_image"], ""),
            int(row["days"]) if row["days"] else None,
        )
        for row in _read(results / "pairs.csv")
        if not is_phototrichogram(int(row["days"]) if row["days"] else None)
    ]


def _read(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _visit_change(
    out: Path, pair_id: str, subject: str, site: str, arm: str, visit: str, days: float | None
) -> VisitChange:
    part = read_pair_part(out, pair_id)
    known = part["cohort"] if part else {}
    return VisitChange(
        subject,
        site,
        arm,
        visit,
        days,
        known.get("baseline", {}),
        known.get("change", {}),
        known.get("response"),
    )


def _cells(row: CohortRow) -> list[str]:
    return [_cell(field.name, getattr(row, field.name)) for field in fields(CohortRow)]


def _cell(name: str, value: str | int | float) -> str:
    """Five significant digits, of a p three."""
    if isinstance(value, str):
        return text_cell(value)
    if not math.isfinite(value):
        return ""
    return f"{value:.3g}" if name.startswith("p") else f"{value:.5g}"
