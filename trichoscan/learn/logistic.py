"""Small models with weights of known sign: chance may not turn round what speaks for something."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize


def fit_logistic(
    x: NDArray[np.float64], right: NDArray[np.bool_], signs: Mapping[str, int]
) -> dict[str, float]:
    """Fit a slightly shrunk logistic regression.

    Parameters
    ----------
    x : (N, F) float64
        Features.
    right : (N,) bool
    signs : mapping of str to int
        Name of each feature, in their order, and the sign that its weight must have: 1 or -1.

    Returns
    -------
    dict of str to float
        Weight of each feature, and the "bias"; four decimals.
    """
    x = np.column_stack([x, np.ones(len(x))])

    def loss(w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = x @ w
        p = 1 / (1 + np.exp(-z))
        value = (np.logaddexp(0, z) - right * z).sum() + 0.5 * (w[:-1] ** 2).sum()
        return float(value), x.T @ (p - right) + np.append(w[:-1], 0.0)

    return _of_least(loss, {**signs, "bias": 0})


def fit_choice(
    x: NDArray[np.float64], group: NDArray[np.int64], right: NDArray[np.bool_], signs: Mapping[str, int]
) -> dict[str, float]:
    """Fit a slightly shrunk conditional logit: which of each group is chosen (McFadden 1974).

    Parameters
    ----------
    x : (N, F) float64
        Features.
    group : (N,) int64
        Ascending from 0; each has one right row or more.
    right : (N,) bool
    signs : mapping of str to int
        As in `fit_logistic`; 0 for either.

    Returns
    -------
    dict of str to float
        Weight of each feature; four decimals.
    """
    first = np.searchsorted(group, np.arange(group[-1] + 1))

    def loss(w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = x @ w
        z_right = np.where(right, z, -np.inf)
        whole, part = (np.logaddexp.reduceat(some, first) for some in (z, z_right))
        gradient = x.T @ (np.exp(z - whole[group]) - np.exp(z_right - part[group]))
        return float((whole - part).sum() + 0.5 * w @ w), gradient + w

    return _of_least(loss, signs)


def _of_least(
    loss: Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]], signs: Mapping[str, int]
) -> dict[str, float]:
    """The weights, by name, at which a loss, given with its gradient, is least; 0 stands for either sign."""
    bounds = [(0.0 if sign > 0 else None, 0.0 if sign < 0 else None) for sign in signs.values()]
    best = minimize(loss, np.zeros(len(signs)), jac=True, method="L-BFGS-B", bounds=bounds).x
    return {name: round(float(w), 4) for name, w in zip(signs, best, strict=True)}
