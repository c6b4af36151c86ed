"""Figures of one photo, as the report tells them: value, unit and 95 % interval."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import binom

from trichoscan.records.estimate import NORMAL_95
from trichoscan.report.results import Row, known
from trichoscan.report.words import SCALE_SOURCES
from trichoscan.response.proportions import share


@dataclass(frozen=True)
class Figure:
    """A line of a table: what, its value, its 95 % interval (empty where none is computed), as reviewed."""

    name: str
    value: str
    interval: str = ""
    reviewed: str = ""


def with_review(measured: Sequence[Figure], stands: Sequence[Figure]) -> tuple[Figure, ...]:
    """Figures with what a review says of each."""
    said = {
        figure.name: figure.value + (f" ({figure.interval})" if figure.interval else "") for figure in stands
    }
    return tuple(replace(figure, reviewed=said.get(figure.name, "")) for figure in measured)


@dataclass(frozen=True)
class Measured:
    """Counted hairs of a photo.

    Attributes
    ----------
    diameters_um : tuple of float
        Sorted; of those that could be measured.
    unit_sizes : tuple of int
        Counted hairs of each follicular unit.
    """

    diameters_um: tuple[float, ...]
    unit_sizes: tuple[int, ...]


def measured(hairs: Sequence[Row], unit: str, counted: str) -> Measured:
    """What rows of hairs.csv say, by the columns that name the unit and that count a hair."""
    inside = [hair for hair in hairs if hair.get(counted) == "true"]
    return Measured(
        tuple(sorted(float(hair["diameter_um"]) for hair in inside if hair["diameter_um"])),
        tuple(Counter(hair[unit] for hair in inside if hair[unit]).values()),
    )


def figures_of(row: Row, hairs: Measured, vellus_below_um: float) -> list[Figure]:
    """Figures of a measured photo, with intervals where they are estimates that have one."""
    area = f"in {float(row['area_cm2']):.3f} cm²" if row["area_cm2"] else ""
    found = [
        Figure("Hair density", _with(row["hair_density_per_cm2"], "hairs/cm²"), density_interval(row)),
        Figure("Hairs counted", _with(row["hair_count"], area), _count_interval(row)),
        Figure("Mean diameter", _with(row["mean_diameter_um"], "µm"), diameter_interval(row)),
        Figure(
            "Median diameter", _with(row["median_diameter_um"], "µm"), _median_interval(hairs.diameters_um)
        ),
        Figure("Spread of diameters (SD)", _with(row["sd_diameter_um"], "µm")),
        _share_figure(
            f"Vellus hairs, below {vellus_below_um:g} µm", *_vellus_of_measured(row), "measured hairs"
        ),
        Figure(
            "Cumulative hair thickness",
            _with(row["cumulative_thickness_mm_per_cm2"], "mm/cm²"),
            _thickness_interval(row),
        ),
        Figure(
            "Follicular units",
            _with(row["unit_density_per_cm2"], f"units/cm² ({row['unit_count']} counted)"),
            _between(row.get("unit_density_low", ""), row.get("unit_density_high", "")),
        ),
        Figure("Hairs per unit", row["hairs_per_unit"], _size_interval(hairs.unit_sizes)),
        _single_units(row),
        Figure("Hairs without a diameter", _with(row["unmeasured_percent"], "%")),
        Figure("Scale", _scale(row)),
        Figure("Focus, 0 to 1", row["focus"]),
    ]
    return [figure for figure in found if figure.value]


def _with(value: str, unit: str) -> str:
    return f"{value} {unit}" if value else ""


def density_interval(row: Row) -> str:
    """95 % interval of a photo's hair density."""
    return _between(row["hair_density_low"], row["hair_density_high"])


def _between(low: str, high: str) -> str:
    return f"{low} to {high}" if low and high else ""


def _count_interval(row: Row) -> str:
    low, high, area = (known(row, name) for name in ("hair_density_low", "hair_density_high", "area_cm2"))
    return "" if low is None or high is None or not area else f"{low * area:.0f} to {high * area:.0f}"


def diameter_interval(row: Row) -> str:
    """95 % interval of a photo's mean diameter, by its standard error."""
    mean, se = known(row, "mean_diameter_um"), known(row, "mean_diameter_se_um")
    return "" if mean is None or se is None else f"{mean - NORMAL_95 * se:.1f} to {mean + NORMAL_95 * se:.1f}"


def vellus_interval(row: Row) -> str:
    """95 % interval of a photo's share of vellus hairs, percent."""
    vellus, of = _vellus_of_measured(row)
    return "" if vellus is None or not of else _percent_interval(vellus, of)


def _vellus_of_measured(row: Row) -> tuple[float | None, float]:
    vellus = known(row, "vellus_count")
    return vellus, (vellus or 0) + (known(row, "terminal_count") or 0)


def _median_interval(ordered: Sequence[float]) -> str:
    """Exact by order statistics, whatever the distribution: the ranks between which 95 % of medians lie."""
    rank = int(binom.ppf(0.025, len(ordered), 0.5)) if ordered else 0
    return f"{ordered[rank - 1]:.1f} to {ordered[-rank]:.1f}" if rank else ""


def _thickness_interval(row: Row) -> str:
    """Density times mean diameter: their relative errors add in squares."""
    value, density, low, high, mean, se = (
        known(row, name)
        for name in ("cumulative_thickness_mm_per_cm2", "hair_density_per_cm2", "hair_density_low",
                     "hair_density_high", "mean_diameter_um", "mean_diameter_se_um")
    )  # fmt: skip
    if value is None or not density or low is None or high is None or not mean or se is None:
        return ""
    half = value * math.hypot((high - low) / (2 * density), NORMAL_95 * se / mean)
    return f"{max(value - half, 0.0):.2f} to {value + half:.2f}"


def _size_interval(sizes: Sequence[int]) -> str:
    """Of the mean size of units, by their spread."""
    if len(sizes) < 2:
        return ""
    half = NORMAL_95 * float(np.std(sizes, ddof=1)) / math.sqrt(len(sizes))
    mean = float(np.mean(sizes))
    return f"{max(mean - half, 1.0):.2f} to {mean + half:.2f}"


def _single_units(row: Row) -> Figure:
    percent, units = known(row, "single_hair_unit_percent"), known(row, "unit_count")
    single = None if percent is None or units is None else round(percent * units / 100)
    return _share_figure("Units of one hair", single, units or 0, "units")


def _share_figure(name: str, part: float | None, whole: float, of: str) -> Figure:
    if part is None or whole == 0:
        return Figure(name, "")
    value = f"{100 * part / whole:.1f} % ({part:g} of {whole:g} {of})"
    return Figure(name, value, _percent_interval(part, whole))


def _percent_interval(part: float, whole: float) -> str:
    estimate = share(int(part), int(whole))
    return f"{100 * estimate.low:.1f} to {100 * estimate.high:.1f}"


def _scale(row: Row) -> str:
    source = SCALE_SOURCES.get(row["um_per_px_source"], "")
    return f"{row['um_per_px']} µm per px, {source}" if row["um_per_px"] else source
