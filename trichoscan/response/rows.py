"""A change as cells of pairs.csv."""

from __future__ import annotations

import math

from trichoscan.records import Change, Estimate

Cell = float | str | None

COUNTED = ("lost_hairs", "new_hairs")


def change_row(change: Change) -> dict[str, Cell]:
    """Columns of pairs.csv from `density_change_per_cm2` on, in their order; None where a cell is empty.

    The intervals are those of the site: detection, matching and spatial sampling; of the numbers of lost and
    new hairs that of this piece of skin. These numbers themselves stand with the other counts.

    Returns
    -------
    dict
    """
    density = change.measures["density_per_cm2"]
    thickness = change.measures["cumulative_thickness_percent"]
    row: dict[str, Cell] = _cells("density_change_per_cm2", density.site)
    percent = _cells("density_change_percent", change.measures["density_percent"].site)
    row["density_change_percent"] = percent.pop("density_change_percent")
    row |= _cells("diameter_change_um", change.measures["diameter_um"].site)
    row |= _cells("cumulative_thickness_change_percent", thickness.site)
    row["smallest_detectable_change_per_cm2"] = _known(change.smallest_detectable_change_per_cm2)
    row["response"] = change.response
    growth = change.growth
    row |= _cells("growth_um_per_day", growth.growth_um_per_day if growth else None)
    row |= _cells("anagen_percent", growth.anagen_percent if growth else None)
    for name in COUNTED:
        ends = _cells(name, change.counts[name])
        row |= {end: cell for end, cell in ends.items() if end != name}
    units = change.measures["unit_density_per_cm2"].site
    return row | percent | _cells("unit_density_change_per_cm2", units)


def measure_rows(change: Change) -> list[dict[str, Cell]]:
    """Rows of changes.csv, less pair_id: each measure, then each number of hairs or units.

    Returns
    -------
    list of dict
        measure; baseline and followup, its levels; change with `low` and `high` of the site, and
        `field_low` and `field_high` of this very piece of skin; n, follicular units behind the first. A
        number of hairs or units, such as `thickened_hairs`, stands under `change` and has only the second.
    """
    rows = []
    for name, found in change.measures.items():
        rows.append(
            {
                "measure": name,
                "baseline": _known(found.baseline),
                "followup": _known(found.followup),
                "change": _known(found.site.value),
                "low": _known(found.site.low),
                "high": _known(found.site.high),
                "field_low": _known(found.field.low),
                "field_high": _known(found.field.high),
                "n": found.site.n,
            }
        )
    for name, count in change.counts.items():
        row: dict[str, Cell] = dict.fromkeys(MEASURE_COLUMNS)
        row |= {"measure": name, "change": _known(count.value), "n": count.n}
        rows.append(row | {"field_low": _known(count.low), "field_high": _known(count.high)})
    return rows


MEASURE_COLUMNS = ("measure", "baseline", "followup", "change", "low", "high", "field_low", "field_high", "n")


def refused_row() -> dict[str, Cell]:
    """The same columns for a pair that was refused or failed: all empty."""
    return dict.fromkeys(COLUMNS)


def _cells(name: str, estimate: Estimate | None) -> dict[str, Cell]:
    if estimate is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    return {
        name: _known(estimate.value),
        f"{name}_low": _known(estimate.low),
        f"{name}_high": _known(estimate.high),
    }


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


COLUMNS = (
    *(f"density_change_per_cm2{end}" for end in ("", "_low", "_high")),
    "density_change_percent",
    *(f"diameter_change_um{end}" for end in ("", "_low", "_high")),
    *(f"cumulative_thickness_change_percent{end}" for end in ("", "_low", "_high")),
    "smallest_detectable_change_per_cm2",
    "response",
    *(f"growth_um_per_day{end}" for end in ("", "_low", "_high")),
    *(f"anagen_percent{end}" for end in ("", "_low", "_high")),
    *(f"{name}{end}" for name in (*COUNTED, "density_change_percent") for end in ("_low", "_high")),
    *(f"unit_density_change_per_cm2{end}" for end in ("", "_low", "_high")),
)
