"""Figures of a photo have the intervals that they promise."""

from __future__ import annotations

import numpy as np

from trichoscan.report.photo_figures import Figure, Measured, figures_of, measured

ROW = {
    "hair_density_per_cm2": "100.0",
    "hair_density_low": "80.0",
    "hair_density_high": "120.0",
    "hair_count": "36",
    "area_cm2": "0.36",
    "mean_diameter_um": "70.0",
    "mean_diameter_se_um": "3.0",
    "median_diameter_um": "69.0",
    "sd_diameter_um": "20.0",
    "vellus_count": "2",
    "terminal_count": "34",
    "cumulative_thickness_mm_per_cm2": "7.00",
    "unit_density_per_cm2": "60.0",
    "unit_count": "24",
    "hairs_per_unit": "1.500",
    "single_hair_unit_percent": "50.0",
    "unmeasured_percent": "0.0",
    "um_per_px": "5.5",
    "um_per_px_source": "manifest",
    "focus": "0.5",
}


def ends(figures: list[Figure], name: str) -> tuple[float, float]:
    (figure,) = (figure for figure in figures if figure.name == name)
    low, high = figure.interval.split(" to ")
    return float(low), float(high)


def test_the_interval_of_a_median_holds_the_true_one_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(400):
        drawn = tuple(sorted(np.exp(rng.normal(4.0, 0.5, 35))))
        low, high = ends(figures_of(ROW, Measured(drawn, ()), 30.0), "Median diameter")
        held += low <= np.exp(4.0) <= high
    assert 0.93 < held / 400 < 0.995


def test_few_diameters_have_a_median_without_an_interval() -> None:
    figures = figures_of(ROW, Measured((50.0, 60.0, 70.0), (2,)), 30.0)
    assert {f.name: f.interval for f in figures if f.name in ("Median diameter", "Hairs per unit")} == {
        "Median diameter": "",
        "Hairs per unit": "",
    }


def test_the_error_of_the_thickness_is_that_of_its_two_factors() -> None:
    low, high = ends(figures_of(ROW, Measured((), ()), 30.0), "Cumulative hair thickness")
    half = 7.0 * np.hypot(0.2, 1.96 * 3.0 / 70.0)
    assert np.isclose((high - low) / 2, half, atol=0.01) and np.isclose((low + high) / 2, 7.0, atol=0.01)


def test_hairs_that_are_counted_are_those_of_the_column() -> None:
    hairs = [
        {"counted": "true", "unit_id": "1", "diameter_um": "70.0", "reviewed_counted": "false"},
        {"counted": "true", "unit_id": "1", "diameter_um": "", "reviewed_counted": "true"},
        {"counted": "false", "unit_id": "2", "diameter_um": "20.0", "reviewed_counted": "true"},
    ]
    assert measured(hairs, "unit_id", "counted") == Measured((70.0,), (2,))
    assert measured(hairs, "unit_id", "reviewed_counted") == Measured((20.0,), (1, 1))


def test_the_mean_size_of_units_is_told_by_their_spread() -> None:
    sizes = (1, 1, 2, 2, 1, 2, 3, 1)
    low, high = ends(figures_of(ROW, Measured((), sizes), 30.0), "Hairs per unit")
    se = np.std(sizes, ddof=1) / np.sqrt(len(sizes))
    assert np.isclose(high - low, 2 * 1.96 * se, atol=0.02) and low >= 1
