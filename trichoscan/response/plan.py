"""How many subjects a trial of two arms needs, by the analysis of covariance that will judge it.

With n subjects an arm, the difference of the arms' adjusted means has the variance

    2 s^2 (1 - r^2) c / n * (1 + 1 / (2 n - 4)),    c = (1 + (m - 1) i) / m

s: SD of the measure at the last visit between subjects at one site (of its change: the same formula, with the
change's own correlation); r: its correlation with the baseline (Borm, Fransen & Lemmens 2007, doi
10.1016/j.jclinepi.2007.02.006); m: sites of a subject, averaged; i: their correlation within a subject; the
last factor is for chance differences of the baselines (Cochran 1957). Power is that of Student's test with
2 n - 3 degrees of freedom, by the noncentral t distribution, so that small trials are right too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, nct
from scipy.stats import t as student

from trichoscan.records import TrichoscanError
from trichoscan.response.cohort import VisitChange, average_sites, last_visit

MOST_PER_ARM = 100_000
FEWEST_SEEN = 8
"""Subjects from whom a variance may be taken: with fewer, its 95 % interval spans a factor of four."""


@dataclass(frozen=True)
class Plan:
    """The size of a trial.

    Attributes
    ----------
    per_arm : int
        Subjects with baseline and last visit that each arm needs.
    enrolled_per_arm : int
        To be enrolled, so that as many are left.
    power : float
        Of that size, 0-1.
    effect, sd, correlation, alpha, dropout_share, site_correlation : float
    sites : int
        What it was computed from.
    """

    per_arm: int
    enrolled_per_arm: int
    power: float
    effect: float
    sd: float
    correlation: float
    alpha: float
    dropout_share: float
    sites: int
    site_correlation: float


@dataclass(frozen=True)
class Seen:
    """Variance of a cohort, for a plan.

    Attributes
    ----------
    sd : float
        Of the change between subjects of one arm, whose sites are averaged.
    sd_high : float
        Upper end of its one-sided 80 % interval (chi-square): a plan on it is short of subjects in one
        case of five (Browne 1995).
    correlation : float
        Of change and baseline within arms.
    subjects : int
    """

    sd: float
    sd_high: float
    correlation: float
    subjects: int


def power_of(
    per_arm: int,
    effect: float,
    sd: float,
    *,
    correlation: float = 0.0,
    alpha: float = 0.05,
    sites: int = 1,
    site_correlation: float = 1.0,
) -> float:
    """Chance that the trial finds the effect, two-sided; see the module's text.

    Parameters
    ----------
    per_arm : int
        At least 3.
    effect, sd : float
        In the measure's unit.
    correlation, alpha, site_correlation : float
    sites : int

    Returns
    -------
    float
        0-1.
    """
    sharing = (1 + (sites - 1) * site_correlation) / sites
    variance = 2 * sd**2 * (1 - correlation**2) * sharing / per_arm * (1 + 1 / (2 * per_arm - 4))
    degrees = 2 * per_arm - 3
    shift = abs(effect) / np.sqrt(variance)
    limit = student.isf(alpha / 2, degrees)
    below = nct.cdf(-limit, degrees, shift)
    return float(nct.sf(limit, degrees, shift) + (below if np.isfinite(below) else 0.0))


def plan_trial(
    effect: float,
    sd: float,
    *,
    correlation: float = 0.0,
    alpha: float = 0.05,
    power: float = 0.8,
    dropout_share: float = 0.0,
    sites: int = 1,
    site_correlation: float = 1.0,
) -> Plan:
    """Smallest trial of two equal arms that has the power.

    Parameters
    ----------
    effect : float
        Difference of the arms' mean changes to be found, in the measure's unit (hairs/cm2).
    sd : float
        Between subjects of one arm.
    correlation : float
        With the baseline, -1 to 1, both excluded.
    alpha, power : float
        0-1, both excluded; two-sided.
    dropout_share : float
        Subjects without a last visit, 0 to below 1.
    sites : int
        Of each subject, averaged; at least 1.
    site_correlation : float
        Of a subject's sites with each other, 0-1. 1, the default, says that a second site tells nothing.

    Returns
    -------
    Plan

    Raises
    ------
    TrichoscanError
        A number outside its range, or more than 100,000 subjects an arm.
    """
    _check(effect, sd, correlation, alpha, power, dropout_share, sites, site_correlation)

    def reached(n: int) -> float:
        return power_of(
            n,
            effect,
            sd,
            correlation=correlation,
            alpha=alpha,
            sites=sites,
            site_correlation=site_correlation,
        )

    low, high = 2, 4
    while reached(high) < power:
        low, high = high, 2 * high
        if low > MOST_PER_ARM:
            raise TrichoscanError(
                f"an effect of {effect:g} needs more than {MOST_PER_ARM} subjects an arm: give a larger one"
            )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) >= power else (middle, high)
    enrolled = int(np.ceil(high / (1 - dropout_share) - 1e-9))
    return Plan(
        high, enrolled, reached(high), effect, sd, correlation, alpha, dropout_share, sites, site_correlation
    )


def _check(
    effect: float,
    sd: float,
    correlation: float,
    alpha: float,
    power: float,
    dropout_share: float,
    sites: int,
    site_correlation: float,
) -> None:
    checks = {
        "the effect must not be 0": effect != 0 and np.isfinite(effect),
        "the SD must be above 0": sd > 0 and np.isfinite(sd),
        "the correlation must lie between -1 and 1": -1 < correlation < 1,
        "alpha must lie between 0 and 1": 0 < alpha < 1,
        "the power must lie between alpha and 1": alpha < power < 1,
        "the share of dropouts must be 0 or more and below 1": 0 <= dropout_share < 1,
        "there must be a site at least": sites >= 1,
        "the correlation of sites must lie within 0-1": 0 <= site_correlation <= 1,
    }
    for message, holds in checks.items():
        if not holds:
            raise TrichoscanError(f"no trial can be planned: {message}")


def seen_variance(changes: Sequence[VisitChange], measure: str = "density_per_cm2") -> Seen:
    """Take SD and correlation for a plan from a cohort's changes at the last visit, within arms.

    Sites are averaged first, so plan with `sites` 1 for as many sites as the cohort had.

    Parameters
    ----------
    changes : sequence of VisitChange
    measure : str

    Returns
    -------
    Seen

    Raises
    ------
    TrichoscanError
        Fewer than 8 subjects have the measure at the last visit.
    """
    last = last_visit(changes)
    rows = [r for r in average_sites(changes, measure) if r.visit == last]
    arms = sorted({r.arm for r in rows})
    degrees = len(rows) - len(arms)
    if len(rows) < FEWEST_SEEN or degrees < 2:
        raise TrichoscanError(
            f"only {len(rows)} subjects have {measure} at the last visit: give the SD yourself"
        )
    residual = np.concatenate(
        [_centred([(r.baseline, r.change) for r in rows if r.arm == arm]) for arm in arms]
    )
    square = residual.T @ residual
    sd = float(np.sqrt(square[1, 1] / degrees))
    scale = float(np.sqrt(square[0, 0] * square[1, 1]))
    return Seen(
        sd=sd,
        sd_high=sd * float(np.sqrt(degrees / chi2.ppf(0.2, degrees))),
        correlation=float(square[0, 1]) / scale if scale > 0 else 0.0,
        subjects=len(rows),
    )


def _centred(pairs: list[tuple[float, float]]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    values = np.array(pairs, np.float64)
    return values - values.mean(axis=0)
