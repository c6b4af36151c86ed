"""Phototrichogram: how fast hairs grow, and which share of them, from two photos some days apart.

Hair is clipped, photographed, and photographed again 1 to 7 days later. A hair in anagen is longer by its
rate times the days; one in telogen (or catagen) is not. Two normal distributions are fitted to what the
matched hairs grew, by maximum likelihood; M: matched hairs.

- Telogen: mean 0, SD s, which is the error of measuring a length twice.
- Anagen: mean m, SD sqrt(s^2 + v^2), v the spread of the hairs' own rates.
- A wrong pair, with the probability that matching gives it: anything within the range seen (uniform).

A hair cut by the edge is at least as long as it was traced. Where that is so at the second visit, its growth
is at least the difference (censored to the right), at the first visit at most (to the left): it enters the
likelihood as the probability of that, not as a number (Tobin 1958). Where it is so at both visits it says
nothing and only `censored` counts it.

Where no tip was seen, the shaft was followed until nothing more was seen of it. That is mostly its end, but
it may have faded before, or been followed on along another hair: the length is right with a probability that
is fitted too, the same for all such ends, and else the growth may be anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize
from scipy.special import expit, log_expit, log_ndtr

from trichoscan.records import Analysis, Estimate, Growth, Hair, Pairing
from trichoscan.records.estimate import NORMAL_95

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LONGEST_DAYS = 7.0
"""Visits at most so far apart are a phototrichogram: hair was clipped, and photographed twice."""
FEWEST_HAIRS = 10
UNKNOWN = frozenset(("root_not_visible",))
END_RIGHT = (3.0, 2.0)
"""Beta prior of the share of ends without a tip that are right: our guess, worth five hairs."""
LEAST_WRONG = 0.01
"""Share of hairs that may have grown anything at all, whatever matching says: lengths go wrong where
shafts cross."""
RATES_UM_PER_DAY = (60.0, 900.0)
"""Mean rates that are believed: human scalp hair grows 280-411 um a day on average (TRI Princeton)."""
LEAST_SD_UM = 5.0
SHORTER_UM = -60.0
"""Median growth below which hairs were cut between the photos: no error of length is so common."""
APART_SD = 2.0
"""The two means must be this many SDs of telogen apart, or growth cannot be told (our choice)."""
LOG_ROOT_2_PI = 0.5 * np.log(2 * np.pi)
LIMITS = (
    (-6.0, 6.0),
    RATES_UM_PER_DAY,
    (float(np.log(LEAST_SD_UM)), float(np.log(500.0))),
    (0.0, float(np.log(1500.0))),
    (-4.0, 6.0),
)
"""Of the five parameters of `_maximize`."""
WALD_SD = 0.8
"""Of the log odds of the share: beyond, the likelihood is too lopsided for one error (our choice)."""
NOT_KNOWN = Estimate(float("nan"), float("nan"), float("nan"), 0)


@dataclass(frozen=True, eq=False)
class Grown:
    """What M matched hairs grew.

    Attributes
    ----------
    growth_um : (M,) float64
    bound : (M,) int64
        0: known; 1: at least so much; -1: at most so much.
    wrong : (M,) float64
        Probability that the pair is wrong.
    unsure_ends : (M,) int64
        Visits, 0-2, at which no tip was seen.
    uninformative : int
        Hairs with a lower bound at both visits, which are not among the M.
    """

    growth_um: Floats
    bound: Ints
    wrong: Floats
    unsure_ends: Ints
    uninformative: int = 0


def is_phototrichogram(days: float | None) -> bool:
    """Whether visits so many days apart tell growth, and nothing of a treatment."""
    return days is not None and abs(days) <= LONGEST_DAYS


def measure_growth(baseline: Analysis, followup: Analysis, pairing: Pairing, days: float | None) -> Growth:
    """Growth rate and anagen share of the matched hairs of the common field.

    Parameters
    ----------
    baseline, followup : Analysis
    pairing : Pairing
    days : float or None
        Between the photos.

    Returns
    -------
    Growth
        NaN with a flag where the visits are not up to 7 days apart, a scale is missing, hair was cut
        between the photos, or too little is known.
    """
    if (
        days is None
        or not 0 < days <= LONGEST_DAYS
        or baseline.um_per_px is None
        or followup.um_per_px is None
    ):
        return Growth(NOT_KNOWN, NOT_KNOWN, 0, ("no_growth",))
    return fit_growth(_grown(pairing, baseline.um_per_px, followup.um_per_px), days)


def _grown(pairing: Pairing, first_um_per_px: float, second_um_per_px: float) -> Grown:
    growth, bound, wrong, unsure, uninformative = [], [], [], [], 0
    for m in pairing.matches:
        if m.kind != "matched" or not m.counted or m.baseline is None or m.followup is None:
            continue
        hairs = pairing.baseline_hairs[m.baseline], pairing.followup_hairs[m.followup]
        if any(_is_unknown(hair) for hair in hairs):
            continue
        cut = ["cut_by_edge" in hair.flags for hair in hairs]
        if all(cut):
            uninformative += 1
            continue
        growth.append(hairs[1].length_px * second_um_per_px - hairs[0].length_px * first_um_per_px)
        bound.append(cut[1] - cut[0])
        wrong.append(1 - m.probability)
        unsure.append(sum("tip_not_seen" in hair.flags for hair in hairs))
    ints = np.array(bound, np.int64), np.array(unsure, np.int64)
    return Grown(np.array(growth), ints[0], np.array(wrong), ints[1], uninformative)


def _is_unknown(hair: Hair) -> bool:
    """Whether its length says nothing: found again without an end, it was only looked at near its root."""
    return bool(UNKNOWN & {*hair.flags}) or {"found_again", "tip_not_seen"} <= {*hair.flags}


def fit_growth(grown: Grown, days: float) -> Growth:
    """Fit the mixture of the module's text.

    Parameters
    ----------
    grown : Grown
    days : float
        Above 0.

    Returns
    -------
    Growth
        Intervals by the observed information (Wald), of the share on the log-odds scale; where nearly all or
        none grow, of the share by the likelihood ratio.
    """
    known = grown.bound == 0
    censored = int(np.count_nonzero(~known)) + grown.uninformative
    if np.count_nonzero(known) < FEWEST_HAIRS:
        return Growth(NOT_KNOWN, NOT_KNOWN, censored, ("few_lengths",))
    if np.median(grown.growth_um[known]) < SHORTER_UM:
        return Growth(NOT_KNOWN, NOT_KNOWN, censored, ("cut_between",))
    best = _maximize(grown, days)
    if (expit(best[4]) ** grown.unsure_ends[known]).sum() < FEWEST_HAIRS:
        return Growth(NOT_KNOWN, NOT_KNOWN, censored, ("few_lengths",))
    mean, telogen_sd = best[1] * days, np.exp(best[2])
    at_limit = best[1] <= RATES_UM_PER_DAY[0] * 1.01 or best[1] >= RATES_UM_PER_DAY[1] * 0.99
    if at_limit or mean < APART_SD * telogen_sd:
        return Growth(NOT_KNOWN, NOT_KNOWN, censored, ("no_growth_seen",))
    sd = _standard_errors(best, grown, days)
    n = len(grown.growth_um)
    ends = np.array([0.0, -NORMAL_95, NORMAL_95])
    odds = best[0] + ends * sd[0] if sd[0] < WALD_SD else _profiled(best, grown, days)
    share = (100 * expit(odds)).tolist()
    rate = (best[1] + ends * sd[1]).tolist()
    return Growth(Estimate(rate[0], rate[1], rate[2], n), Estimate(share[0], share[1], share[2], n), censored)


def _profiled(best: Floats, grown: Grown, days: float) -> Floats:
    """(3,) log odds of the share and the ends between which the likelihood falls by half of chi squared."""
    least = _loss(best, grown, days)

    def fallen(odds: float) -> float:
        rest = minimize(
            lambda at: _loss(np.concatenate([[odds], at]), grown, days),
            best[1:],
            method="L-BFGS-B",
            bounds=LIMITS[1:],
        )
        return 2 * (float(rest.fun) - least) - NORMAL_95**2

    ends = []
    for limit, none in zip(LIMITS[0], (-np.inf, np.inf), strict=True):
        found = abs(limit - best[0]) > 0.01 and fallen(limit) > 0
        ends.append(float(brentq(fallen, best[0], limit, xtol=0.02)) if found else none)
    return np.array([best[0], *ends])


def _maximize(grown: Grown, days: float) -> Floats:
    """(5,) log odds of anagen, its rate um/day, log telogen SD um, log SD of rates um, log odds of ends."""
    known = grown.growth_um[grown.bound == 0]
    upper = np.quantile(known, [0.5, 0.8]) / days
    results = [
        minimize(
            _loss,
            [odds, float(np.clip(rate, *RATES_UM_PER_DAY)), np.log(25.0), np.log(50.0 * days), 0.5],
            (grown, days),
            "L-BFGS-B",
            bounds=LIMITS,
        )
        for odds, rate in product((0.0, 2.0), upper)
    ]
    return np.asarray(min(results, key=lambda r: float(r.fun)).x, np.float64)


def _loss(at: Floats, grown: Grown, days: float) -> float:
    """Negative log likelihood."""
    share, telogen = expit(at[0]), np.exp(at[2])
    anagen = np.hypot(telogen, np.exp(at[3]))
    right = np.clip(1 - grown.wrong, LEAST_WRONG, 1 - LEAST_WRONG) * expit(at[4]) ** grown.unsure_ends
    wrong = 1 - right
    low, high = min(grown.growth_um.min(), 0.0) - 100.0, max(grown.growth_um.max(), 0.0) + 100.0
    parts = np.stack(
        [
            np.log(right * share) + _log_normal(grown, at[1] * days, anagen),
            np.log(right * (1 - share)) + _log_normal(grown, 0.0, telogen),
            np.log(wrong) + _log_uniform(grown, low, high),
        ]
    )
    prior = END_RIGHT[0] * log_expit(at[4]) + END_RIGHT[1] * log_expit(-at[4])
    return -float(np.logaddexp.reduce(parts, axis=0).sum() + prior)


def _log_normal(grown: Grown, mean: float, sd: float) -> Floats:
    z = (grown.growth_um - mean) / sd
    density = -0.5 * z**2 - LOG_ROOT_2_PI - np.log(sd)
    return np.where(grown.bound == 0, density, log_ndtr(np.where(grown.bound > 0, -z, z)))


def _log_uniform(grown: Grown, low: float, high: float) -> Floats:
    x, wide = grown.growth_um, high - low
    part = np.where(grown.bound == 0, 1.0, np.where(grown.bound > 0, high - x, x - low))
    return np.log(part / wide)


def _standard_errors(best: Floats, grown: Grown, days: float) -> Floats:
    """(5,) from the curvature of the likelihood; a parameter at a limit has none and is held."""
    step = np.array([0.02, 1.0, 0.02, 0.05, 0.05])
    free = [k for k in range(5) if k in (0, 1, 4) or best[k] > np.log(LEAST_SD_UM if k == 2 else 1.0) + 0.1]
    curvature = np.zeros((len(free), len(free)))
    for a, i in enumerate(free):
        for b, j in enumerate(free):
            corners = [
                s * t * _loss(best + s * step[i] * np.eye(5)[i] + t * step[j] * np.eye(5)[j], grown, days)
                for s in (-1, 1)
                for t in (-1, 1)
            ]
            curvature[a, b] = sum(corners) / (4 * step[i] * step[j])
    out = np.full(5, np.nan)
    try:
        variance = np.diag(np.linalg.inv(curvature))
    except np.linalg.LinAlgError:
        return out
    out[free] = np.sqrt(np.where(variance > 0, variance, np.nan))
    return out
