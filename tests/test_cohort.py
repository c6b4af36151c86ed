"""Cohorts of known truth: coverage and error rates over simulated trials, responders, who is missing."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import binom, t, ttest_rel
from test_change import planted

from trichoscan.phantom.trial import EFFECT_WEEKS, LAST_WEEK, Arm, draw_trial
from trichoscan.response.change import quantify_change
from trichoscan.response.cohort import (
    BASELINE,
    COHORT_MEASURES,
    COLUMNS,
    PRIMARY,
    CohortRow,
    Enrolled,
    VisitChange,
    average_sites,
    find_reference,
    last_visit,
    order_visits,
    summarize_cohort,
    visit_change,
)
from trichoscan.response.models import SubjectChange, ancova, mixed_model
from trichoscan.response.proportions import difference, holm, share
from trichoscan.response.robust import fit_robust

FIELD_SD_PER_CM2 = 8.0
"""Of the change of a field about the response of its scalp (docs/phantoms.md: some 6), and of matching."""
DIFFERENCE = 18.6 - 3.9
SAME = (Arm("drug", 5.0, 22.0), Arm("placebo", 5.0, 22.0))


def observe(trial, seed, sites=("vertex",), measures=(PRIMARY,)):
    """Changes as they would be measured on a planned trial: the subject's response, its field and noise."""
    rng = np.random.default_rng([seed, 77])
    changes, enrolled = [], []
    for subject in trial.subjects:
        level = rng.normal(150.0, 30.0)
        for site in sites:
            base = {m: level + rng.normal(0, 8.0) for m in measures}
            enrolled.append(Enrolled(subject.subject, site, subject.arm, base))
            for visit in subject.visits[1:]:
                if visit.attended:
                    reached = (1 - math.exp(-visit.week / EFFECT_WEEKS)) / (
                        1 - math.exp(-LAST_WEEK / EFFECT_WEEKS)
                    )
                    found = {
                        m: subject.change_per_cm2 * reached + rng.normal(0, FIELD_SD_PER_CM2)
                        for m in measures
                    }
                    response = "improved" if found[measures[0]] > 15 else "inconclusive"
                    who = (subject.subject, site, subject.arm, visit.name, float(visit.days))
                    changes.append(VisitChange(*who, base, found, response))
    return changes, enrolled


def effects_at_end(seed, subjects=40, model=ancova, **plan):
    changes, _ = observe(draw_trial(subjects, seed, **plan), seed)
    rows = average_sites(changes, PRIMARY)
    if model is ancova:
        return ancova([r for r in rows if r.visit == "week48"], "placebo")[0]
    return mixed_model(rows, order_visits(changes), "placebo")[-1]


TRIALS = pytest.mark.parametrize(("model", "trials"), [(ancova, 200), (mixed_model, 60)])


@TRIALS
def test_intervals_of_simulated_trials_cover_the_truth(model, trials):
    found = [effects_at_end(seed, model=model) for seed in range(trials)]
    assert {e.visit for e in found} == {"week48"} and all(e.n > 20 for e in found)
    covered = sum(e.low <= DIFFERENCE <= e.high for e in found)
    assert binom.ppf(0.005, trials, 0.93) <= covered <= binom.ppf(0.995, trials, 0.97)
    assert np.mean([e.value for e in found]) == pytest.approx(DIFFERENCE, abs=3 * 8.0 / math.sqrt(trials))


@TRIALS
def test_without_an_effect_few_trials_find_one(model, trials):
    found = [effects_at_end(seed, model=model, arms=SAME) for seed in range(trials)]
    rejected = sum(e.p < 0.05 for e in found)
    assert binom.ppf(0.005, trials, 0.03) <= rejected <= binom.ppf(0.995, trials, 0.07)


def test_robust_errors_of_two_groups_are_welchs_and_do_not_depend_on_the_order():
    """Equal groups of 8: variance s1^2 / 8 + s2^2 / 8, and 14 degrees of freedom."""
    rng = np.random.default_rng(7)
    arm = np.repeat([0.0, 1.0], 8)
    y = rng.normal(0, 1 + 2 * arm)
    design = np.column_stack([np.ones(16), arm])
    fit = fit_robust(design, y, np.arange(16), 0.0)
    assert fit.variance[1] == pytest.approx((y[:8].var(ddof=1) + y[8:].var(ddof=1)) / 8)
    assert fit.degrees[1] == pytest.approx(14)
    visits, subject = np.tile(design, (2, 1)), np.tile(np.arange(16), 2)
    twice = np.concatenate([y, y + 1e-6 * rng.normal(size=16)])
    again = fit_robust(visits, twice, subject, 0.7)
    assert again.variance[1] == pytest.approx(fit.variance[1], rel=1e-3)  # a copy of a row adds nothing
    assert again.degrees[1] == pytest.approx(14)
    order = rng.permutation(32)
    mixed = fit_robust(visits[order], twice[order], subject[order], 0.7)
    assert mixed.mean == pytest.approx(again.mean) and mixed.degrees == pytest.approx(again.degrees)


def test_change_within_an_arm_is_a_paired_t_test():
    changes, enrolled = observe(draw_trial(24, 4, arms=(Arm("serum", 21.0, 20.0),)), 4)
    rows = summarize_cohort(changes, enrolled)
    row = next(r for r in rows if r.visit == "week48" and r.measure == PRIMARY and r.method.endswith("t"))
    last = [c for c in changes if c.visit == "week48"]
    test = ttest_rel(
        [c.baseline[PRIMARY] + c.change[PRIMARY] for c in last], [c.baseline[PRIMARY] for c in last]
    )
    assert (row.p, row.n) == (pytest.approx(test.pvalue), len(last))
    interval = test.confidence_interval()
    assert (row.low, row.high) == (pytest.approx(interval.low), pytest.approx(interval.high))
    assert not any(" - " in r.arm for r in rows)


def test_a_whole_study_has_every_row_and_swapping_arms_negates_differences():
    changes, enrolled = observe(draw_trial(30, 6, dropout_share=0.2), 6, measures=COHORT_MEASURES)
    rows = summarize_cohort(changes, enrolled)
    assert all(tuple(vars(r)) == COLUMNS for r in rows)
    arms, visits = ("minoxidil", "placebo"), ("week24", "week48")
    for arm, visit, measure in itertools.product(arms, (BASELINE, *visits), COHORT_MEASURES):
        assert sum((r.arm, r.visit, r.measure) == (arm, visit, measure) for r in rows) == 1
    for measure in COHORT_MEASURES:
        versus = [
            (r.visit, r.method) for r in rows if r.arm == "minoxidil - placebo" and r.measure == measure
        ]
        model = "mixed model, random intercept"
        assert versus == [("week24", model), ("week48", model), ("week48", "ANCOVA, robust")]
    back = summarize_cohort(changes, enrolled, reference="minoxidil")
    one = [r for r in rows if r.arm == "minoxidil - placebo" and math.isfinite(r.change)]
    other = [r for r in back if r.arm == "placebo - minoxidil" and math.isfinite(r.change)]
    assert len(one) == len(other) > 20
    for a, b in zip(one, other, strict=True):
        assert (a.change, a.low) == (pytest.approx(-b.change, rel=1e-3), pytest.approx(-b.high, rel=1e-3))
    assert repr(rows) == repr(summarize_cohort(changes[::-1], enrolled[::-1]))


def test_who_is_missing_is_counted_and_not_filled_in():
    trial = draw_trial(40, 3, dropout_share=0.3)
    changes, enrolled = observe(trial, 3)
    lost = next(c for c in changes if c.visit == "week48")
    changes[changes.index(lost)] = VisitChange(lost.subject, lost.site, lost.arm, lost.visit, lost.days)
    rows = summarize_cohort(changes, enrolled)
    for arm, visit in itertools.product(("minoxidil", "placebo"), ("week24", "week48")):
        here = {r.measure: r for r in rows if (r.arm, r.visit) == (arm, visit) and r.method.split()[0] in
                ("change", "count", "Clopper-Pearson")}  # fmt: skip
        people = [s for s in trial.subjects if s.arm == arm]
        came = sum(v.attended for s in people for v in s.visits if v.name == visit)
        refused = int((arm, visit) == (lost.arm, lost.visit))
        assert here[PRIMARY].n == here["responders_percent"].n == came - refused
        missing = here["missing_percent"]
        assert missing.n == len(people) - came + refused
        assert missing.mean == pytest.approx(100 * missing.n / len(people))
        assert missing.note.startswith(
            f"of {len(people)}: {len(people) - came} without a photo, {refused} whose"
        )


def test_sites_of_a_subject_count_once():
    trial = draw_trial(30, 8, dropout_share=0.0)
    one, _ = observe(trial, 8)
    twice = [VisitChange(c.subject, site, *list(vars(c).values())[2:]) for c in one for site in ("a", "b")]
    enrolled = [Enrolled(s.subject, "a", s.arm) for s in trial.subjects]
    single, double = summarize_cohort(one, enrolled), summarize_cohort(twice, enrolled)
    for a, b in zip(single, double, strict=True):
        assert a.n == b.n and (a.p == pytest.approx(b.p, rel=1e-3) or math.isnan(a.p))
    assert any("sites of a subject averaged" in r.note for r in double)


def test_p_values_are_adjusted_over_measures_and_the_primary_one_is_named():
    changes, enrolled = observe(draw_trial(30, 2), 2, measures=COHORT_MEASURES)
    rows = [r for r in summarize_cohort(changes, enrolled) if r.method == "ANCOVA, robust"]
    assert [r.p_holm for r in rows] == pytest.approx(holm([r.p for r in rows]))
    assert [r.note.startswith("primary") for r in rows] == [r.measure == PRIMARY for r in rows]


def subjects(n, arm, visit="week24", change=3.0, baseline=100.0):
    spread = np.linspace(-5, 5, n) if n > 1 else [0.0]
    return [
        SubjectChange(f"{arm}{i}", arm, visit, baseline + 3 * ((7 * i) % n), change + spread[i], 1)
        for i in range(n)
    ]


@pytest.mark.parametrize(("changes", "reason"), [([4.0, 4.1], "2 of at least 3"), ([4.0] * 5, "alike")])
def test_no_interval_is_made_of_two_subjects_or_of_like_ones(changes, reason):
    visits = [
        VisitChange(f"S{k}", "vertex", "serum", "week24", 168, {PRIMARY: 100.0}, {PRIMARY: value}, "improved")
        for k, value in enumerate(changes)
    ]
    enrolled = [Enrolled(v.subject, v.site, v.arm, v.baseline) for v in visits]
    rows = [row for row in summarize_cohort(visits, enrolled) if row.measure == PRIMARY]
    assert [row.visit for row in rows] == ["baseline", "week24"]
    assert rows[1].change == pytest.approx(np.mean(changes)) and reason in rows[1].note
    assert all(math.isnan(end) for row in rows for end in (row.low, row.high, row.p))


def test_the_mean_at_baseline_has_its_interval():
    changes, enrolled = observe(draw_trial(24, 5, arms=(Arm("serum", 21.0, 20.0),)), 5)
    row = next(r for r in summarize_cohort(changes, enrolled) if r.visit == "baseline")
    subjects = [e.baseline[PRIMARY] for e in enrolled]
    ends = t.interval(0.95, len(subjects) - 1, np.mean(subjects), np.std(subjects, ddof=1) / 24**0.5)
    assert (row.low, row.high) == (pytest.approx(ends[0]), pytest.approx(ends[1])) and math.isnan(row.p)


def test_too_few_subjects_get_a_reason_instead_of_a_number():
    rows = subjects(2, "drug") + subjects(8, "placebo")
    for effect in (ancova(rows, "placebo")[0], mixed_model(rows, ["week24"], "placebo")[0]):
        assert math.isnan(effect.p) and effect.note == "too few subjects: 2 in drug, at least 3 are needed"
    alone = mixed_model(subjects(8, "drug") + subjects(8, "placebo"), ["week24"], "placebo")[0]
    assert math.isnan(alone.value) and "ANCOVA" in alone.note


def test_where_the_mixed_model_fails_the_fallback_says_so():
    rng = np.random.default_rng(1)
    rows = [
        SubjectChange(f"{arm}{i}", arm, visit, 100.0 + i, float(sign * rng.normal(10, 0.1) + 2 * i % 3), 1)
        for arm in ("drug", "placebo")
        for i in range(8)
        for visit, sign in (("week24", 1), ("week48", -1))
    ]
    flat = [SubjectChange(r.subject, r.arm, r.visit, r.baseline, 2.0 * (r.arm == "drug"), 1) for r in rows]
    found = [e for data in (rows, flat) for e in mixed_model(data, ["week24", "week48"], "placebo")]
    assert any("no mixed model" in e.note and e.method.startswith("least squares") for e in found)
    assert all(math.isfinite(e.value) for e in found)
    assert found[-1].value == pytest.approx(2.0)


def test_a_baseline_that_is_alike_or_unknown_is_left_out_and_said():
    rows = subjects(8, "drug", change=9.0) + subjects(8, "placebo")
    for baseline in (100.0, math.nan):
        same = [SubjectChange(r.subject, r.arm, r.visit, baseline, r.change, 1) for r in rows]
        effect = ancova(same, "placebo")[0]
        assert effect.value == pytest.approx(6.0) and "not adjusted" in effect.note


def test_ancova_takes_out_what_the_baseline_explains():
    rng = np.random.default_rng(2)
    rows = []
    for i in range(60):
        baseline, arm = rng.normal(150, 30), ("drug", "placebo")[i % 2]
        change = 10.0 * (arm == "drug") - 0.4 * (baseline - 150) + rng.normal(0, 3)
        rows.append(SubjectChange(str(i), arm, "week48", baseline, change, 1))
    effect = ancova(rows, "placebo")[0]
    assert effect.low <= 10 <= effect.high and effect.high - effect.low < 4.5


def test_a_study_without_follow_up_or_with_nothing_measured():
    assert summarize_cohort([], [Enrolled("1", "v", "a", {PRIMARY: 150.0})]) == []
    nothing = [VisitChange(s, "v", arm, "week24", 168.0) for s, arm in (("1", "a"), ("2", "b"))]
    rows = summarize_cohort(nothing, [Enrolled("1", "v", "a"), Enrolled("2", "b", "b")])
    assert {r.n for r in rows if r.measure in COHORT_MEASURES} == {0}
    assert [(r.n, r.mean) for r in rows if r.measure == "missing_percent"] == [(1, 100.0), (1, 100.0)]


def test_visits_are_in_order_of_their_days_or_names():
    named = [VisitChange("1", "v", "a", visit, None) for visit in ("week24", "week8", "week102")]
    assert order_visits(named) == ["week8", "week24", "week102"]
    dated = [VisitChange("1", "v", "a", visit, days) for visit, days in (("end", 300.0), ("mid", 90.0))]
    assert order_visits(dated) == ["mid", "end"] and last_visit(dated) == "end"


def test_the_reference_arm_is_found_by_its_name():
    assert find_reference(["Vehicle foam", "active"]) == "Vehicle foam"
    assert find_reference(["5 %", "2 %"]) == "5 %"


def test_a_change_becomes_a_row_of_the_cohort():
    first, second, pairing = planted(["matched"] * 10 + ["new"] * 2)
    change = quantify_change(first, second, pairing)
    row = visit_change(change, subject="1", site="v", arm="a", visit="w", days=90.0)
    assert row.change[PRIMARY] == change.measures[PRIMARY].site.value and row.response == change.response
    assert row.baseline["diameter_um"] == change.measures["diameter_um"].baseline
    assert visit_change(None, subject="1", site="v", arm="a", visit="w", days=90.0).change == {}


def test_shares_have_exact_intervals():
    # Clopper & Pearson 1934; values by the beta quantiles and, at 0, by 1 - 0.025^(1/n).
    assert share(0, 10).high == pytest.approx(1 - 0.025**0.1)
    assert share(10, 10).low == pytest.approx(0.025**0.1)
    found = share(3, 12)
    assert binom.sf(2, 12, found.low) == pytest.approx(0.025)
    assert binom.cdf(3, 12, found.high) == pytest.approx(0.025)
    assert math.isnan(share(0, 0).value)


def test_a_difference_of_shares_is_that_of_newcombes_paper():
    found, _ = difference(56, 70, 48, 80)  # Newcombe 1998, table II, example a, method 10
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    assert difference(5, 10, 5, 10)[1] == pytest.approx(1.0)


def test_holm():
    assert holm([0.01, 0.04, 0.03, math.nan]) == pytest.approx([0.03, 0.06, 0.06, math.nan], nan_ok=True)
    assert holm([]) == [] and holm([0.9, 0.8]) == [1.0, 1.0]


def test_an_unknown_number_is_not_a_number():
    row = CohortRow("a", "v", "m", 0)
    assert math.isnan(row.change) and math.isnan(row.p_holm)
