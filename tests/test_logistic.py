"""The small models: they find what made the data, and no weight turns against its sign."""

import numpy as np
import pytest

from trichoscan.learn.logistic import fit_choice, fit_logistic

NAMES = ("one", "other", "none")
TRUE = np.array([1.5, -0.8, 0.0])


def test_a_logistic_regression_finds_what_made_the_data() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(0, 1, (20_000, 3))
    right = rng.random(len(x)) < 1 / (1 + np.exp(-(x @ TRUE + 0.4)))
    fitted = fit_logistic(x, right, {"one": 1, "other": -1, "none": 1})
    assert [fitted[name] for name in (*NAMES, "bias")] == pytest.approx([*TRUE, 0.4], abs=0.06)
    assert fit_logistic(x, right, {"one": -1, "other": -1, "none": 1})["one"] == 0


def choices(rng: np.random.Generator, groups: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    group = np.repeat(np.arange(groups), rng.integers(1, 7, groups))
    x = rng.normal(0, 1, (len(group), 3))
    # The largest of scores with Gumbel noise is chosen with the probabilities of a conditional logit.
    noisy = x @ TRUE + rng.gumbel(size=len(group))
    best = np.full(groups, -np.inf)
    np.maximum.at(best, group, noisy)
    return x, group, noisy == best[group]


def test_a_conditional_logit_finds_what_made_the_choices() -> None:
    x, group, right = choices(np.random.default_rng(2), 8000)
    fitted = fit_choice(x, group, right, {"one": 1, "other": -1, "none": 0})
    assert [fitted[name] for name in NAMES] == pytest.approx(TRUE, abs=0.06)
    assert fit_choice(x, group, right, {"one": -1, "other": -1, "none": 0})["one"] == 0


def test_a_choice_among_one_teaches_nothing_and_a_constant_of_each_group_makes_no_difference() -> None:
    rng = np.random.default_rng(3)
    x, group, right = choices(rng, 500)
    signs = {"one": 1, "other": -1, "none": 0}
    moved = x + rng.normal(0, 5, (500, 3))[group]
    here, there = (fit_choice(some, group, right, signs) for some in (x, moved))
    assert list(here.values()) == pytest.approx(list(there.values()), abs=1e-3)
    alone = fit_choice(x[:5], np.arange(5), np.ones(5, bool), signs)
    assert set(alone.values()) == {0.0}
