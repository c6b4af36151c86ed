import numpy as np
import pytest

from trichoscan.measure.density import with_scale_error
from trichoscan.measure.distribution import bimodality, corrected_mean
from trichoscan.records import Estimate, Hair


def test_bimodality_of_one_peak_two_peaks_and_none():
    rng = np.random.default_rng(0)
    assert bimodality(rng.normal(60, 8, 4000)) == pytest.approx(0.333, abs=0.03)
    assert bimodality(rng.uniform(20, 90, 4000)) == pytest.approx(0.556, abs=0.03)
    assert bimodality(np.r_[rng.normal(40, 3, 500), rng.normal(80, 3, 500)]) > 0.8
    assert bimodality(np.full(50, 60.0)) is None and bimodality(np.arange(5.0)) is None


def test_short_hairs_that_failed_are_taken_to_be_like_short_hairs():
    short, long = (Hair(np.array([[0.0, 0], [length, 0]]), 0.9) for length in (30.0, 100.0))
    um = np.array([30.0] * 5 + [np.nan] * 5 + [80.0] * 10)
    assert corrected_mean([short] * 10 + [long] * 10, um) == pytest.approx(55)
    assert corrected_mean([long] * 20, np.full(20, 70.0)) == pytest.approx(70)


def test_the_scale_widens_the_interval_of_a_density_twice():
    count = Estimate(100.0, 90.0, 110.0, 100)
    assert with_scale_error(count, 0.0) == (90.0, 110.0)
    low, high = with_scale_error(Estimate(100.0, 100.0, 100.0, 100), 0.01)
    assert (high - low) / 2 == pytest.approx(1.96 * 2, rel=0.01)
    assert with_scale_error(count, 0.5)[0] == 0.0
