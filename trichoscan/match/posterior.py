"""Who is whom, as probabilities: marginals of a one-to-one assignment with misses on both sides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Floats = NDArray[np.float64]

SWEEPS = 60
"""Rounds of message passing at most; it converges from any start (Williams & Lau 2014)."""
CLOSE = 1e-6


def marginals(log_gain: Floats) -> Floats:
    """Probability of each pair, over all one-to-one assignments.

    An assignment weighs the product of the gains of its pairs; who is in no pair weighs one. The sum
    over all of them is approached by belief propagation, which is exact where no ring of candidates
    closes and close to it elsewhere (Williams & Lau 2014, doi 10.1109/TAES.2014.120568).

    Parameters
    ----------
    log_gain : (K, L) float64
        -inf where a pair is impossible.

    Returns
    -------
    (K, L) float64
        0-1. One less the sum of a row is the probability that its hair has no partner.
    """
    if 0 in log_gain.shape:
        return np.zeros(log_gain.shape)
    weight = np.exp(np.minimum(log_gain, 60.0))
    back = np.ones_like(weight)
    for _ in range(SWEEPS):
        offered = weight * back
        onward = weight / (1 + offered.sum(1, keepdims=True) - offered)
        fresh = 1 / (1 + onward.sum(0, keepdims=True) - onward)
        change = float(np.abs(fresh - back).max())
        back = fresh
        if change < CLOSE:
            break
    offered = weight * back
    return offered / (1 + offered.sum(1, keepdims=True))


def best_assignment(log_gain: Floats) -> NDArray[np.int64]:
    """(M, 2) rows and columns of the likeliest one-to-one assignment; pairs that only lose are left out."""
    possible = log_gain > 0
    rows, columns = linear_sum_assignment(np.where(possible, -np.minimum(log_gain, 60.0), 0.0))
    good = possible[rows, columns]
    return np.stack([rows[good], columns[good]], -1).astype(np.int64)
