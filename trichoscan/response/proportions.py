"""Shares of responders, and many tests at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import beta, fisher_exact, norm

from trichoscan.records import Estimate


def share(k: int, n: int) -> Estimate:
    """Share k of n, 0-1, with the exact 95 % interval of Clopper & Pearson 1934; NaN where n is 0."""
    if n == 0:
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    low = float(beta.ppf(0.025, k, n - k + 1)) if k > 0 else 0.0
    high = float(beta.ppf(0.975, k + 1, n - k)) if k < n else 1.0
    return Estimate(k / n, low, high, n)


def difference(k1: int, n1: int, k2: int, n2: int) -> tuple[Estimate, float]:
    """Share 1 less share 2 with Newcombe's 95 % interval from Wilson's (1998, method 10), and Fisher's p.

    Both groups must hold somebody.
    """
    first, second = _wilson(k1, n1), _wilson(k2, n2)
    p1, p2 = k1 / n1, k2 / n2
    low = p1 - p2 - float(np.hypot(p1 - first[0], second[1] - p2))
    high = p1 - p2 + float(np.hypot(first[1] - p1, p2 - second[0]))
    test = fisher_exact([[k1, n1 - k1], [k2, n2 - k2]])
    return Estimate(p1 - p2, low, high, n1 + n2), float(test[1])


def _wilson(k: int, n: int) -> tuple[float, float]:
    z = float(norm.isf(0.025))
    p = k / n
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return float(middle - half), float(middle + half)


def holm(p: Sequence[float]) -> list[float]:
    """P values adjusted for all of them (Holm 1979); NaN stays and is not counted."""
    values = np.asarray(p, np.float64)
    out = np.full(len(values), np.nan)
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")]
    steps = values[order] * (len(order) - np.arange(len(order)))
    out[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return out.tolist()
