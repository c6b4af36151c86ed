"""Sizes of trials, checked by running them."""

import math

import numpy as np
import pytest
from scipy.stats import binom

from trichoscan.records import TrichoscanError
from trichoscan.response.cohort import PRIMARY, VisitChange
from trichoscan.response.models import SubjectChange, ancova
from trichoscan.response.plan import Plan, plan_trial, power_of, seen_variance


def run_trials(plan: Plan, trials: int, effect: float, seed: int) -> float:
    """Share of trials of the planned size in which the analysis of covariance finds something."""
    rng = np.random.default_rng(seed)
    found = 0
    for _ in range(trials):
        rows = []
        for arm, shift in (("drug", effect), ("placebo", 0.0)):
            for i in range(plan.per_arm):
                base = rng.normal()
                subject = rng.normal() * math.sqrt(plan.site_correlation)
                sites = rng.normal(size=plan.sites) * math.sqrt(1 - plan.site_correlation)
                # The sites' mean, its variance shared between baseline and what is new by the correlation.
                spread = math.sqrt(plan.site_correlation + (1 - plan.site_correlation) / plan.sites)
                new = subject + sites.mean()
                r = plan.correlation
                change = shift + plan.sd * (r * base * spread + math.sqrt(1 - r**2) * new)
                rows.append(SubjectChange(f"{arm}{i}", arm, "end", base, change, plan.sites))
        found += ancova(rows, "placebo")[0].p < 0.05
    return found / trials


@pytest.mark.parametrize(
    ("effect", "sd", "options"),
    [
        (15.0, 24.0, {}),
        (30.0, 24.0, {"correlation": 0.5}),
        (20.0, 24.0, {"sites": 3, "site_correlation": 0.4}),
    ],
)
def test_the_planned_trial_has_its_power(effect, sd, options):
    plan = plan_trial(effect, sd, **options)
    assert 0.8 <= plan.power < 0.86
    # Three SDs of chance, and 4 points that robust errors may cost small trials.
    assert run_trials(plan, 250, effect, 1) == pytest.approx(plan.power, abs=0.076 + 0.04)


def test_without_an_effect_the_planned_trial_rarely_finds_one():
    share = run_trials(plan_trial(15.0, 24.0), 250, 0.0, 2)
    assert binom.ppf(0.005, 250, 0.03) / 250 <= share <= binom.ppf(0.995, 250, 0.07) / 250


def test_the_size_is_that_of_the_textbook():
    # Two-sided t test, standardized effect 0.5, 80 %: 64 an arm (Cohen 1988, table 2.4.1); one more for the
    # covariate.
    assert plan_trial(0.5, 1.0).per_arm in (64, 65)
    assert plan_trial(-0.5, 1.0).per_arm == plan_trial(0.5, 1.0).per_arm


def test_a_correlated_baseline_saves_its_square():
    plain, adjusted = plan_trial(2.0, 20.0), plan_trial(2.0, 20.0, correlation=0.7)
    assert adjusted.per_arm / plain.per_arm == pytest.approx(1 - 0.49, abs=0.003)


def test_sites_help_as_far_as_they_differ():
    one, alike = plan_trial(10.0, 20.0), plan_trial(10.0, 20.0, sites=4, site_correlation=1.0)
    apart = plan_trial(10.0, 20.0, sites=4, site_correlation=0.0)
    assert alike.per_arm == one.per_arm
    assert apart.per_arm == pytest.approx(one.per_arm / 4, abs=2)  # fewer degrees of freedom cost one or two


def test_dropouts_are_enrolled_on_top():
    plan = plan_trial(15.0, 24.0, dropout_share=0.2)
    assert plan.enrolled_per_arm == math.ceil(plan.per_arm / 0.8)
    assert plan.per_arm == plan_trial(15.0, 24.0).per_arm


def test_one_less_would_not_do():
    plan = plan_trial(15.0, 24.0, correlation=0.3)
    assert power_of(plan.per_arm - 1, 15.0, 24.0, correlation=0.3) < 0.8 <= plan.power
    assert plan_trial(500.0, 1.0).per_arm == 3


@pytest.mark.parametrize(
    "options",
    [
        {"effect": 0.0}, {"sd": 0.0}, {"sd": math.nan}, {"correlation": 1.0}, {"alpha": 0.0}, {"power": 1.0},
        {"power": 0.01}, {"dropout_share": 1.0}, {"sites": 0}, {"site_correlation": 1.1}, {"effect": 1e-4},
    ],
)  # fmt: skip
def test_impossible_plans_are_refused(options):
    with pytest.raises(TrichoscanError):
        plan_trial(**({"effect": 15.0, "sd": 24.0} | options))


def changes_of(n, seed=3):
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        arm, baseline = ("drug", "placebo")[i % 2], float(rng.normal(150, 30))
        change = 20.0 * (arm == "drug") - 0.4 * (baseline - 150) + float(rng.normal(0, 16))
        for visit, days in (("week24", 168.0), ("week48", 336.0)):
            rows.append(
                VisitChange(str(i), "v", arm, visit, days, {PRIMARY: baseline}, {PRIMARY: change}, "improved")
            )
    return rows


def test_variance_is_taken_from_a_cohort_within_its_arms():
    seen = seen_variance(changes_of(4000))
    assert seen.sd == pytest.approx(20.0, rel=0.04) and seen.correlation == pytest.approx(-0.6, abs=0.04)
    assert seen.subjects == 4000 and seen.sd < seen.sd_high < 1.03 * seen.sd


def test_a_cautious_sd_is_too_small_in_one_case_of_five():
    short = [seen_variance(changes_of(16, seed)).sd_high < 20.0 for seed in range(300)]
    assert np.mean(short) == pytest.approx(0.2, abs=0.07)


def test_a_variance_needs_subjects():
    with pytest.raises(TrichoscanError, match="only 6 subjects"):
        seen_variance(changes_of(6))
