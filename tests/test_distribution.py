import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trichoscan.measure.density import with_scale_error
from trichoscan.measure.distribution import bimodality, precision, stand_ins
from trichoscan.records import Estimate, Hair


def test_bimodality_of_one_peak_two_peaks_and_none():
    rng = np.random.default_rng(0)
    assert bimodality(rng.normal(60, 8, 4000)) == pytest.approx(0.333, abs=0.03)
    assert bimodality(rng.uniform(20, 90, 4000)) == pytest.approx(0.556, abs=0.03)
    assert bimodality(np.r_[rng.normal(40, 3, 500), rng.normal(80, 3, 500)]) > 0.8
    assert bimodality(np.full(50, 60.0)) is None and bimodality(np.arange(5.0)) is None


def hairs_of(diameters, cause):
    path = np.array([[0.0, 0], [80, 0]])
    return [Hair(path, 0.9, flags=() if np.isfinite(um) else (cause, "no_diameter")) for um in diameters]


def test_faint_hairs_that_failed_are_taken_to_be_thin_and_covered_ones_like_all():
    um = np.array([20.0, 20, 60, 60, 60, 60, 60, 60, np.nan, np.nan])
    covered, faint = (stand_ins(hairs_of(um, cause), um) for cause in ("overlapped", "blurred"))
    assert covered[:8] == pytest.approx(10 / 8) and faint[:3] == pytest.approx([2, 2, 1])
    assert covered.sum() == faint.sum() == 10 and not faint[8:].any()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(15, 120), min_size=1, max_size=30), st.integers(0, 20))
def test_each_hair_is_stood_for_once_and_faint_ones_never_raise_the_mean(known, lost):
    um = np.array([*known, *[np.nan] * lost])
    stands_for = stand_ins(hairs_of(um, "blurred"), um)
    assert stands_for.sum() == pytest.approx(um.size)
    assert np.average(known, weights=stands_for[: len(known)]) <= np.mean(known) + 1e-9


def test_when_thin_hairs_fail_the_corrected_figures_are_nearer_to_the_truth():
    rng = np.random.default_rng(0)
    for _ in range(20):
        true = rng.normal(65, 18, 80).clip(15, 120)
        faint = rng.random(80) < 1 / (1 + np.exp((true - 35) / 5))
        um = np.where(faint, np.nan, true)
        stands_for, known = stand_ins(hairs_of(um, "blurred"), um)[~faint], true[~faint]
        for figure in (lambda d: d, lambda d: d < 40.0):
            corrected = np.average(figure(known), weights=stands_for)
            assert abs(corrected - figure(true).mean()) <= abs(figure(known).mean() - figure(true).mean())


def test_hairs_measured_badly_weigh_less_and_equal_ones_alike():
    rng = np.random.default_rng(3)
    true, se = rng.normal(70, 12, 400), np.where(np.arange(400) < 120, 30.0, 2.0)
    weights = precision(true + rng.normal(0, se), se)
    assert weights[0] < weights[-1] / 3
    assert precision(true, np.full(400, 5.0)) == pytest.approx(precision(true, np.full(400, 5.0))[0])
    # Against the mean of all the error is smaller, over many photos.
    off = []
    for _ in range(200):
        true = rng.normal(70, 12, 40)
        seen = true + rng.normal(0, se[100:140])
        by_weight = np.average(seen, weights=precision(seen, se[100:140]))
        off.append((by_weight - true.mean(), seen.mean() - true.mean()))
    assert np.std(off, axis=0)[0] < 0.8 * np.std(off, axis=0)[1] and abs(np.mean(off, axis=0)[0]) < 0.5


def test_the_scale_widens_the_interval_of_a_density_twice():
    count = Estimate(100.0, 90.0, 110.0, 100)
    assert with_scale_error(count, 0.0) == (90.0, 110.0)
    low, high = with_scale_error(Estimate(100.0, 100.0, 100.0, 100), 0.01)
    assert (high - low) / 2 == pytest.approx(1.96 * 2, rel=0.01)
    assert with_scale_error(count, 0.5)[0] == 0.0
