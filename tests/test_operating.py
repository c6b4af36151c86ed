"""Operating points on candidates of known truth: unbiased counts, and an honest error of the count."""

from dataclasses import replace

import numpy as np
import pytest

from trichoscan.learn.judge import Judged
from trichoscan.learn.operating import (
    Trial,
    choose_least_confidence,
    count_cv,
    fit_confidence,
    left_out_points,
    reported,
)
from trichoscan.records import Peaks
from trichoscan.segment.candidates import FEATURES, TIP_FEATURES, Candidates
from trichoscan.segment.shaft_map import ShaftMap

LOOK = FEATURES.index("look")
OVERLOOKED = 6
"""Hairs of each photo without any candidate."""


def draw_trial(rng, count=90, truth_sd=0.0):
    """Candidates that are as often right as their log odds say, of a photo whose truth is off by a factor."""
    look = rng.normal(0.5, 2.5, count)
    right = rng.random(count) < 1 / (1 + np.exp(-look))
    features = np.zeros((count, len(FEATURES)))
    features[:, LOOK] = look
    at = rng.uniform(0, 2000, (count, 2))
    peaks = Peaks(at, np.zeros(count), np.full(count, 0.5), np.full(count, 20.0), look)
    paths = tuple(np.array([xy, xy + np.array([20.0, 0.0])]) for xy in at)
    seen = np.zeros(count, bool)
    candidates = Candidates(
        peaks, paths, seen, peaks.take(seen), (), features, np.zeros((count, len(TIP_FEATURES))),
        ShaftMap(np.zeros((8, 4, 4), np.uint8)),
    )  # fmt: skip
    true_count = round((right.sum() + OVERLOOKED) * np.exp(rng.normal(0, truth_sd)))
    return Trial(candidates, Judged(right, seen, true_count, seen, seen))


def drawn(number, seed=0, **changes):
    rng = np.random.default_rng(seed)
    return [draw_trial(rng, **changes) for _ in range(number)]


def test_confidence_is_the_chance_to_be_right():
    fitted = fit_confidence(drawn(40), field=True)
    assert fitted["weight_look"] == pytest.approx(1.0, abs=0.1)
    assert fitted["weight_bias"] == pytest.approx(0.0, abs=0.15)


def test_the_field_is_asked_only_where_it_may_be():
    """Those that are wrong lie against it here, and the look tells less than all."""
    rng = np.random.default_rng(7)
    trials = drawn(20, 7)
    for trial in trials:
        against = np.abs(rng.normal(0.2, 0.2, len(trial.judged.right))) + 0.8 * ~trial.judged.right
        trial.candidates.features[:, FEATURES.index("field")] = against
    before = [trial.candidates.features.copy() for trial in trials]
    assert fit_confidence(trials, field=True)["weight_field"] < -2
    assert fit_confidence(trials, field=False)["weight_field"] == 0
    assert all((trial.candidates.features == old).all() for trial, old in zip(trials, before, strict=True))


def test_the_count_of_the_photos_chosen_on_is_unbiased():
    trials = drawn(40)
    fitted = fit_confidence(trials, field=True)
    least = choose_least_confidence(trials, fitted)
    found = sum(len(reported(trial, fitted, least)) for trial in trials)
    assert found == pytest.approx(sum(trial.judged.true_count for trial in trials), rel=0.005)


def test_with_nothing_to_spare_the_best_f1_is_taken():
    trials = drawn(40)
    fitted = fit_confidence(trials, field=True)
    true = sum(trial.judged.true_count for trial in trials)

    def f1(least):
        kept = [reported(trial, fitted, least) for trial in trials]
        right = sum(trial.judged.right[k].sum() for trial, k in zip(trials, kept, strict=True))
        return 2 * right / (sum(map(len, kept)) + true)

    best = f1(choose_least_confidence(trials, fitted, 0.0))
    assert best >= max(f1(least) for least in np.linspace(0.05, 0.95, 91)) - 1e-3
    assert best > f1(choose_least_confidence(trials, fitted))


def test_points_of_a_photo_do_not_know_it():
    trials = drawn(6)
    other = replace(trials[2].judged, right=~trials[2].judged.right, true_count=9)
    changed = [*trials[:2], replace(trials[2], judged=other), *trials[3:]]
    before, after = (left_out_points(some, drawn(2, 1), field=True) for some in (trials, changed))
    assert before[2] == after[2]
    assert all(before[k] != after[k] for k in (0, 1, 3, 4, 5))


def test_one_photo_alone_has_its_own_points():
    (trial,) = drawn(1)
    fitted = fit_confidence([trial], field=True)
    assert left_out_points([trial], [], field=True) == [(fitted, choose_least_confidence([trial], fitted))]


def test_a_photo_of_which_nothing_is_found_counts_as_wrong_altogether():
    trials = drawn(8)
    candidates = trials[0].candidates
    blind = replace(trials[0], candidates=replace(candidates, features=candidates.features - 99))
    points = left_out_points(trials, [], field=True)
    assert count_cv([blind, *trials[1:]], points) > 2 * count_cv(trials, points)


@pytest.mark.parametrize("truth_sd", [0.1, 0.2])
def test_the_error_of_the_count_is_found_and_not_flattered(truth_sd):
    """Its upper limit lies above the truth in most sets of photos, and not far above."""
    told = []
    for seed in range(20):
        trials = drawn(24, seed, truth_sd=truth_sd)
        told.append(count_cv(trials, left_out_points(trials, [], field=True)))
    assert np.mean(np.array(told) >= truth_sd) >= 0.8
    assert np.median(told) < 1.7 * truth_sd
