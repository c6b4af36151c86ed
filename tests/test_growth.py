"""Growth rate and anagen share from two photos some days apart, on growth of known truth."""

from dataclasses import replace

import numpy as np
import pytest
from test_change import analysis_of, straight

from trichoscan.records import Hair, Match, Pairing
from trichoscan.response.growth import Grown, fit_growth, measure_growth

DAYS = 2.0
STILL = np.zeros(80, np.int64), np.full(80, 0.02), np.zeros(80, np.int64)
"""No bounds, likely pairs and all tips seen, of 80 hairs."""


def grow(
    rng, n=120, anagen=0.85, rate=367.0, rate_sd=56.0, error=25.0, censored=0.15, wrong=0.02, tipless=0.0
):
    """What n hairs grew in DAYS; of some only a bound is known, of either photo.

    Of those without a tip three in ten end too early, or run on along another hair.
    """
    true = np.where(rng.random(n) < anagen, rng.normal(rate, rate_sd, n) * DAYS, 0.0)
    seen = true + rng.normal(0, error, n)
    seen = np.where(rng.random(n) < wrong, rng.uniform(-800, 1200, n), seen)
    fate = rng.random(n)
    bound = np.where(fate < censored * 0.7, 1, np.where(fate < censored, -1, 0))
    seen = seen - bound * rng.exponential(200.0, n)
    unsure = rng.random(n) < tipless
    astray = unsure & (rng.random(n) < 0.3)
    seen = np.where(astray, seen + rng.choice([-1, 2], n) * rng.exponential(400.0, n), seen)
    return Grown(seen, bound.astype(np.int64), np.full(n, 0.02), unsure.astype(np.int64))


@pytest.mark.parametrize("tipless", [0.0, 0.6])
def test_rate_and_share_are_right_and_their_intervals_cover_the_truth(tipless):
    rates, shares, covered = [], [], []
    for seed in range(25):
        found = fit_growth(grow(np.random.default_rng(seed), tipless=tipless), DAYS)
        assert found.flags == ()
        rates.append(found.growth_um_per_day.value)
        shares.append(found.anagen_percent.value)
        covered.append(
            [
                found.growth_um_per_day.low <= 367 <= found.growth_um_per_day.high,
                found.anagen_percent.low <= 85 <= found.anagen_percent.high,
            ]
        )
    assert np.mean(rates) == pytest.approx(367, abs=3)
    assert np.mean(shares) == pytest.approx(85, abs=2.0)
    assert np.mean(covered, axis=0).min() >= 0.88


def test_where_all_hairs_grow_the_share_is_bounded_below_and_not_above():
    found = fit_growth(grow(np.random.default_rng(5), n=30, anagen=1.0, wrong=0.0), DAYS)
    assert found.anagen_percent.high == 100.0
    assert 75 < found.anagen_percent.low < found.anagen_percent.value


def test_leaving_censored_hairs_out_as_numbers_would_be_wrong():
    rng = np.random.default_rng(1)
    grown = grow(rng, n=600, censored=0.5)
    taken_as_known = fit_growth(replace(grown, bound=np.zeros(600, np.int64)), DAYS)
    right = fit_growth(grown, DAYS)
    assert abs(right.growth_um_per_day.value - 367) < 12
    assert abs(right.anagen_percent.value - 85) < 6
    wrongly = abs(taken_as_known.growth_um_per_day.value - 367), abs(taken_as_known.anagen_percent.value - 85)
    assert not (wrongly[0] < 12 and wrongly[1] < 6)


def test_what_cannot_be_known_is_not_told():
    rng = np.random.default_rng(2)
    few = fit_growth(grow(rng, n=8), DAYS)
    assert few.flags == ("few_lengths",) and np.isnan(few.growth_um_per_day.value)
    resting = fit_growth(Grown(rng.normal(0, 20, 80), *STILL), DAYS)
    assert resting.flags == ("no_growth_seen",) and np.isnan(resting.anagen_percent.value)
    cut = fit_growth(Grown(rng.normal(-400, 80, 80), *STILL), DAYS)
    assert cut.flags == ("cut_between",)


def photos(rng, um_per_px=5.0):
    """A field of 90 hairs of 0.4 mm, and two days later; one in five runs out of the photo."""
    anagen = rng.random(90) < 0.8
    hairs = [], []
    for k in range(90):
        root = np.array([100.0 + 110 * (k % 10), 100.0 + 90 * (k // 10)])
        grown = 367.0 * DAYS if anagen[k] else 0.0
        cut = rng.random() < 0.2
        for side, length_um in enumerate((400.0, (400.0 + grown) * (rng.uniform(0.6, 1) if cut else 1))):
            path = np.array([root, root + np.array([(length_um + rng.normal(0, 15)) / um_per_px, 0.0])])
            flags = ("cut_by_edge",) if cut and side else ()
            hairs[side].append(Hair(path, 0.95, flags, 11.0, 0.4))
    first, second = analysis_of(hairs[0], "a", um_per_px), analysis_of(hairs[1], "b", um_per_px)
    matches = tuple(Match("matched", k, k, 1.0, 0.98, True) for k in range(90))
    units = np.arange(90)
    return first, second, Pairing(straight(um_per_px), first.hairs, second.hairs, units, units, matches, ())


def test_growth_is_read_from_matched_hairs():
    first, second, pairing = photos(np.random.default_rng(3))
    found = measure_growth(first, second, pairing, DAYS)
    assert found.growth_um_per_day.low <= 367 <= found.growth_um_per_day.high
    assert found.anagen_percent.low <= 80 <= found.anagen_percent.high
    assert found.censored == sum("cut_by_edge" in h.flags for h in second.hairs) > 8
    assert found.growth_um_per_day.high - found.growth_um_per_day.low < 30


@pytest.mark.parametrize("days", [None, 0.0, -2.0, 7.5])
def test_growth_needs_a_few_days_between(days):
    assert measure_growth(*photos(np.random.default_rng(3)), days).flags == ("no_growth",)


def test_growth_needs_a_scale():
    first, second, pairing = photos(np.random.default_rng(3))
    assert measure_growth(replace(first, um_per_px=None), second, pairing, DAYS).flags == ("no_growth",)


def test_photos_in_the_wrong_order_show_hair_cut_between():
    first, second, pairing = photos(np.random.default_rng(3))
    back = replace(pairing, baseline_hairs=second.hairs, followup_hairs=first.hairs)
    assert measure_growth(second, first, back, DAYS).flags == ("cut_between",)
