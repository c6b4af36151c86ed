"""cohort.csv of a run with arms, and the changes of its pairs for planning the next trial."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from trichoscan.records import TrichoscanError
from trichoscan.response.cohort import (
    BASELINE,
    COLUMNS,
    CohortRow,
    Enrolled,
    VisitChange,
    summarize_cohort,
)
from trichoscan.response.growth import is_phototrichogram
from trichoscan.study import store
from trichoscan.study.columns import rounded, text_cell
from trichoscan.study.pairs import read_pair_part
from trichoscan.study.reviewed import read_review_part
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


REVIEWED = ("n", "mean", "change", "low", "high", "p", "p_holm")
REVIEW_COHORT_COLUMNS = ("reviewed_count", *(f"reviewed_{name}" for name in REVIEWED))
COHORT_TABLE = (*COLUMNS, *REVIEW_COHORT_COLUMNS)


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
        for file in (out / "cohort.csv", _members_path(out)):
            file.unlink(missing_ok=True)
        return ""
    members = {
        "pairs": [[p.pair_id, p.subject, p.site, p.arm, p.followup.visit, p.days] for p in pairs],
        "enrolled": [[e.image, e.subject, e.site, arm_of[e.subject, e.site]] for e in enrolled],
    }
    store.write_json(_members_path(out), members)
    rewrite_cohort(out)
    known = {entry.subject for entry in enrolled} | {pair.subject for pair in pairs}
    missing = {entry.subject for entry in visits.baselines} - known
    return f"{len(missing)} subjects without an arm are left out of cohort.csv" if missing else ""


def _members_path(out: Path) -> Path:
    return out / store.PARTS / "review" / "cohort.json"


def rewrite_cohort(out: Path) -> None:
    """Write cohort.csv of the run's arms again: automatic, and beside it as it stands after the reviews.

    The second rests on each photo and pair as reviewed where it was, else on the automatic one;
    `reviewed_count` says how many of the baseline photos or follow-ups behind a row were reviewed.
    """
    try:
        members = json.loads(_members_path(out).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return  # no arms, or a run of an older version
    counts = _reviewed_counts(out, members)
    rows = _keyed(_summary(out, members, as_reviewed=False))
    stands = _keyed(_summary(out, members, as_reviewed=True)) if any(counts.values()) else {}
    table = []
    for key, row in rows.items():
        cells = [_cell(name, getattr(row, name), row.measure) for name in COLUMNS]
        beside = [""] * len(REVIEW_COHORT_COLUMNS)
        if counts[row.arm, row.visit] and key in stands:
            values = [_cell(name, getattr(stands[key], name), row.measure) for name in REVIEWED]
            beside = [str(counts[row.arm, row.visit]), *values]
        table.append([*cells, *beside])
    store.write_table(out / "cohort.csv", COHORT_TABLE, table)


def _summary(out: Path, members: Mapping[str, Any], *, as_reviewed: bool) -> list[CohortRow]:
    changes = [_visit_change(out, *pair, as_reviewed=as_reviewed) for pair in members["pairs"]]
    enrolled = [
        Enrolled(subject, site, arm, baseline_levels(_cells_of(out, image, as_reviewed)))
        for image, subject, site, arm in members["enrolled"]
    ]
    return summarize_cohort(changes, enrolled)


def _keyed(rows: Iterable[CohortRow]) -> dict[tuple[str, str, str, int], CohortRow]:
    """Rows by arm, visit, measure and their number among those of the same."""
    seen: Counter[tuple[str, str, str]] = Counter()
    keyed = {}
    for row in rows:
        what = row.arm, row.visit, row.measure
        keyed[*what, seen[what]] = row
        seen[what] += 1
    return keyed


def _reviewed_counts(out: Path, members: Mapping[str, Any]) -> Counter[tuple[str, str]]:
    """How many baseline photos or follow-ups were reviewed, by arm (or difference of two) and visit."""
    counts: Counter[tuple[str, str]] = Counter()
    for image, _, _, arm in members["enrolled"]:
        counts[arm, BASELINE] += bool(_reviewed_cells(out, "photo", image).get("reviewed_hair_count"))
    for pair_id, _, _, arm, visit, _ in members["pairs"]:
        counts[arm, visit] += bool(_reviewed_cells(out, "pair", pair_id).get("reviewed_response"))
    arms = sorted({arm for arm, _ in counts})
    for (arm, visit), count in list(counts.items()):
        for other in arms:
            if other != arm:
                counts[f"{arm} - {other}", visit] += count
                counts[f"{other} - {arm}", visit] += count
    return counts


def _reviewed_cells(out: Path, kind: str, name: str) -> Mapping[str, str]:
    part = read_review_part(out, kind, name)
    return part["cells"] if part else {}


def _cells_of(out: Path, image: str, as_reviewed: bool) -> Mapping[str, str]:
    if as_reviewed:
        said = _reviewed_cells(out, "photo", image)
        if said.get("reviewed_hair_count"):
            return {name.removeprefix("reviewed_"): cell for name, cell in said.items()}
    part = store.read_part(out, image)
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
    out: Path,
    pair_id: str,
    subject: str,
    site: str,
    arm: str,
    visit: str,
    days: float | None,
    *,
    as_reviewed: bool = False,
) -> VisitChange:
    part = read_pair_part(out, pair_id)
    known = part["cohort"] if part else {}
    if as_reviewed:
        said = read_review_part(out, "pair", pair_id)
        known = (said or {}).get("cohort") or known
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


DECIMALS = {"hairs_per_unit": 4, "diameter_um": 3, "cumulative_thickness_mm_per_cm2": 3}
"""One more than of a single site, for a mean over subjects; of other measures two."""


def _cell(name: str, value: str | int | float, measure: str) -> str:
    """Text, a number of subjects, a p with three significant digits, or a number by `DECIMALS`."""
    if isinstance(value, str):
        return text_cell(value)
    if name == "n":
        return str(value)
    if name.startswith("p"):
        return f"{value:.3g}" if math.isfinite(value) else ""
    return rounded(value, DECIMALS.get(measure, 2))
