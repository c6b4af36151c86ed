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
    row["density_change_percent"] = _known(change.measures["density_percent"].site.value)
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
    return row


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
    *(f"{name}{end}" for name in COUNTED for end in ("_low", "_high")),
)
