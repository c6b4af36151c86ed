import math
from dataclasses import replace

import numpy as np
import pytest

from trichoscan.measure import distribution
from trichoscan.measure.density import count_hairs, counting_mask, hair_kind, roots_in, summarize
from trichoscan.measure.units import group_units
from trichoscan.records import Analysis, Estimate, Hair, Quality, TargetArea

UM_PER_PX = 5.0
SHAPE = (800, 1000)
COLUMNS = [
    "hair_count", "hair_density_per_cm2", "hair_density_low", "hair_density_high", "unit_count",
    "unit_density_per_cm2", "hairs_per_unit", "single_hair_unit_percent", "mean_diameter_um",
    "mean_diameter_se_um", "median_diameter_um", "sd_diameter_um", "cumulative_thickness_mm_per_cm2",
    "terminal_count", "vellus_count", "vellus_percent", "terminal_to_vellus_ratio", "mean_unit_spacing_um",
]  # fmt: skip
UNIT_ENDS = ["unit_density_low", "unit_density_high"]


def hair(x, y, diameter_px=16.0, se_px=0.4, confidence=0.9, flags=()):
    return Hair(np.array([[x, y], [x + 70.0, y + 30.0]]), confidence, flags, diameter_px, se_px)


def analysis_of(hairs, um_per_px=UM_PER_PX, usable=None, target=None, count_cv=0.05):
    usable = np.ones(SHAPE, bool) if usable is None else usable
    mask = counting_mask(usable, um_per_px, target)
    counted = roots_in(hairs, mask)
    return Analysis(
        tuple(hairs), group_units(hairs, um_per_px), counted, mask, Quality(usable, 0.5, 0.0, 20.0),
        um_per_px, "none" if um_per_px is None else "manifest", "", "", count_hairs(hairs, counted, count_cv),
    )  # fmt: skip


def test_guard_keeps_its_distance_from_every_edge():
    usable = np.ones(SHAPE, bool)
    usable[:100, :300] = False
    mask = counting_mask(usable, UM_PER_PX, None)
    rows, columns = np.nonzero(mask)
    assert rows.max() == SHAPE[0] - 1 - 30 and columns.max() == SHAPE[1] - 1 - 30
    assert columns.min() == 30 and rows.min() == 30
    assert not mask[129, 200] and mask[130, 200] and not mask[60, 329] and mask[60, 330]


def test_guard_without_a_scale_is_a_share_of_the_width():
    rows, columns = np.nonzero(counting_mask(np.ones(SHAPE, bool), None, None))
    assert (rows.min(), columns.min()) == (25, 25)


def test_target_circle_has_its_area():
    mask = counting_mask(np.ones(SHAPE, bool), UM_PER_PX, TargetArea(500.0, 400.0, 200.0))
    assert np.count_nonzero(mask) == pytest.approx(math.pi * 200**2, rel=2e-3)
    assert mask[400, 300] and not mask[400, 299]


def test_nothing_usable_is_an_empty_frame():
    result = summarize(analysis_of([], usable=np.zeros(SHAPE, bool)))
    assert result["hair_count"] == 0 and result["hair_density_per_cm2"] is None


def test_roots_count_where_they_are():
    mask = np.zeros((50, 60), bool)
    mask[10:20, 30:40] = True
    hairs = [
        hair(30, 10),
        hair(29.4, 10),
        hair(29.6, 19.4),
        hair(-5, 10),
        hair(500, 10),
        hair(35, 15, flags=("root_not_visible",)),
    ]
    assert roots_in(hairs, mask).tolist() == [True, False, True, False, False, False]
    assert roots_in([], mask).shape == (0,)


def test_frames_that_tile_share_out_every_hair():
    rng = np.random.default_rng(3)
    hairs = [hair(*xy) for xy in rng.uniform(0, [1000, 800], (400, 2)) - 0.5]
    left = np.zeros(SHAPE, bool)
    left[:, :437] = True
    assert np.all(roots_in(hairs, left) ^ roots_in(hairs, ~left))


def test_density_is_unbiased_over_random_fields():
    rng = np.random.default_rng(4)
    true_per_cm2 = 200.0
    found = []
    for _ in range(60):
        n = rng.poisson(true_per_cm2 * 1400 * 1200 * (UM_PER_PX * 1e-4) ** 2)
        hairs = [hair(*xy) for xy in rng.uniform(-200, [1200, 1000], (n, 2))]
        analysis = analysis_of(hairs)
        found.append(analysis.hair_count.value / analysis.area_cm2)
    assert np.mean(found) == pytest.approx(true_per_cm2, abs=3 * np.std(found) / math.sqrt(60))


def test_count_of_nothing():
    assert count_hairs([], np.zeros(0, bool), 0.05) == Estimate(0.0, 0.0, 3.0, 0)


def test_count_interval_joins_both_errors():
    hairs = [hair(100, 100, confidence=0.8)] * 100
    counted = np.ones(100, bool)
    assert count_hairs(hairs, counted, 0.0).high == pytest.approx(100 + 1.96 * 4, abs=0.01)
    assert count_hairs(hairs, counted, 0.03).low == pytest.approx(100 - 1.96 * 5, abs=0.01)
    sure = [hair(100, 100, confidence=1.0)] * 100
    assert count_hairs(sure, counted, 0.0) == Estimate(100.0, 100.0, 100.0, 100)


def test_count_interval_covers_bernoulli_detections():
    rng = np.random.default_rng(5)
    inside = 0
    for _ in range(400):
        p = rng.beta(6, 1, 120)
        estimate = count_hairs([hair(1, 1, confidence=q) for q in p], np.ones(120, bool), 0.0)
        inside += estimate.low <= estimate.value + (rng.random(120) < p).sum() - p.sum() <= estimate.high
    assert 0.92 <= inside / 400 <= 0.98


def test_hair_kind():
    assert hair_kind(29.99, 30.0) == "vellus"
    assert hair_kind(30.0, 30.0) == "terminal"
    assert hair_kind(None, 30.0) is None
    assert hair_kind(float("nan"), 30.0) is None


def test_summary_of_a_known_photo():
    hairs = [
        hair(200, 200, 16),
        hair(210, 205, 12),
        hair(600, 300, 4),
        hair(800, 600, math.nan, math.nan),
        hair(5, 5, 20),
    ]
    analysis = analysis_of(hairs)
    result = summarize(analysis)
    area = (SHAPE[0] - 60) * (SHAPE[1] - 60) * (UM_PER_PX * 1e-4) ** 2
    assert list(result) == [*COLUMNS, *distribution.COLUMNS, *UNIT_ENDS]
    assert result["hair_count"] == 4 and result["unit_count"] == 3
    assert result["hair_density_per_cm2"] == pytest.approx(4 / area)
    assert result["unit_density_per_cm2"] == pytest.approx(3 / area)
    assert result["hairs_per_unit"] == pytest.approx(4 / 3)
    assert result["single_hair_unit_percent"] == pytest.approx(200 / 3)
    assert result["mean_diameter_um"] == pytest.approx((80 + 60 + 20) / 3)
    assert result["median_diameter_um"] == pytest.approx(60)
    assert result["sd_diameter_um"] == pytest.approx(np.std([80, 60, 20], ddof=1))
    assert result["mean_diameter_se_um"] == pytest.approx(np.std([80, 60, 20], ddof=1) / 3**0.5)
    assert result["cumulative_thickness_mm_per_cm2"] == pytest.approx(4 * 160 / 3 * 1e-3 / area)
    assert (result["terminal_count"], result["vellus_count"]) == (2, 1)
    assert result["vellus_percent"] == pytest.approx(100 / 3)
    assert result["terminal_to_vellus_ratio"] == pytest.approx(2.0)
    assert summarize(analysis, vellus_below_um=10.0)["terminal_to_vellus_ratio"] is None


def test_units_have_the_interval_of_the_hairs_where_each_has_one():
    alone = [hair(100 + 150 * k, 100 + 100 * k, confidence=0.7) for k in range(5)]
    found = summarize(analysis_of(alone))
    assert found["unit_count"] == 5
    for end in ("low", "high"):
        assert found[f"unit_density_{end}"] == pytest.approx(found[f"hair_density_{end}"])
    doubled = summarize(analysis_of([*alone, *(replace(h, path_px=h.path_px + 6.0) for h in alone)]))
    assert doubled["unit_count"] == 5 and doubled["unit_density_low"] > found["unit_density_low"]
    none = summarize(analysis_of([]))
    area = (SHAPE[0] - 60) * (SHAPE[1] - 60) * (UM_PER_PX * 1e-4) ** 2
    assert none["unit_density_low"] == 0 and none["unit_density_high"] == pytest.approx(3 / area)


def test_one_hair_has_its_own_error():
    result = summarize(analysis_of([hair(300, 300, 16, 0.4)]))
    assert result["mean_diameter_se_um"] == pytest.approx(2.0)
    assert result["sd_diameter_um"] is None and result["mean_unit_spacing_um"] is None


@pytest.mark.parametrize("um_per_px", [UM_PER_PX, None])
def test_no_hair(um_per_px):
    result = summarize(analysis_of([], um_per_px))
    assert list(result) == [*COLUMNS, *distribution.COLUMNS, *UNIT_ENDS]
    assert result["hair_count"] == 0 and result["unit_count"] == 0
    assert result["hair_density_per_cm2"] == (0.0 if um_per_px else None)
    assert result["cumulative_thickness_mm_per_cm2"] == (0.0 if um_per_px else None)
    assert all(result[name] is None for name in COLUMNS[6:12])


def test_no_scale_leaves_um_and_density_empty():
    result = summarize(analysis_of([hair(300, 300), hair(500, 400)], None))
    assert result["hair_count"] == 2 and result["unit_count"] == 2
    assert all(value is None for name, value in result.items() if "_um" in name or "cm2" in name)
    assert result["unit_density_low"] is None and result["unit_density_high"] is None
    assert result["vellus_count"] is None


def test_scale_law():
    hairs = [hair(x, y) for x, y in np.random.default_rng(6).uniform(60, 740, (40, 2))]
    once = summarize(analysis_of(hairs))
    big = np.ones((1600, 2000), bool)
    double = [
        replace(
            h, path_px=h.path_px * 2 + 0.5, diameter_px=h.diameter_px * 2, diameter_se_px=h.diameter_se_px * 2
        )
        for h in hairs
    ]
    twice = summarize(analysis_of(double, UM_PER_PX / 2, big))
    for name in COLUMNS:
        assert twice[name] == (None if once[name] is None else pytest.approx(once[name], rel=3e-3)), name


def test_unit_spacing_of_random_points_is_not_shortened_by_the_border():
    rng = np.random.default_rng(7)
    per_px2 = 40 / (SHAPE[0] * SHAPE[1])
    expected_um = 0.5 / math.sqrt(per_px2) * UM_PER_PX  # mean nearest neighbour of a Poisson field
    found = []
    for _ in range(120):
        points = rng.uniform(-300, [1300, 1100], (rng.poisson(per_px2 * 1600 * 1400), 2))
        seen = points[((points > 0) & (points < [999, 799])).all(axis=1)]
        analysis = analysis_of([hair(*point) for point in seen])
        alone = replace(analysis, unit_of_hair=np.arange(len(seen)))
        found.append(summarize(alone)["mean_unit_spacing_um"])
    assert np.mean(found) == pytest.approx(expected_um, rel=0.04)
