"""How much likelier two hairs are to be one than two: place, direction and diameter, as log ratios."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from trichoscan.match.constellation import Constellation
from trichoscan.match.pixels import Evidence
from trichoscan.overlooked import Repeatability, overlooked

Floats = NDArray[np.float64]
Both = tuple[Evidence, Evidence]
"""Of the baseline's hairs in the follow-up's pixels, and of the follow-up's in the baseline's."""

ACROSS_UM, ALONG_UM = 8.0, 15.0
"""SD of a root about the map, across its shaft and along it, before a pair of photos has told its own: a root
is vague along its shaft. Both detections together; 6-10 and 10-22 um were seen on validation photos that were
moved and relit, and on pairs of phantoms."""
LEAST_JITTER_UM, MOST_JITTER_UM = 6.0, 60.0
GUESS_PAIRS = 8.0
"""Pairs of hairs that the guess weighs as much as."""
STRAY_SHARE, STRAY_FACTORS = 0.1, (2.0, 4.0)
"""One in ten pairs lies that much wider across, and along the shaft: of 1245 right pairs of such photos one
in a hundred lay more than 23-33 um apart across, and 55-87 um along."""
CLUMP_PER_UM2 = 2e-5
"""No less than this: some two hairs within 0.2 mm of another of their unit. Detection finds fewer, for it
takes hairs that touch for one, and so a new hair beside a lost one would pass for that."""
CLUMP_REACH_UM = 120.0
"""Within this distance the density about a root is counted: where a hair of the same unit may come anew."""
LARGEST_GAP_UM = 200.0
"""No pair is farther apart: less than half of the distance of follicular units."""
HIDDEN_MISSED = 0.8
"""Chance to overlook a hair that lies below hairs that were found, beyond the usual one (our choice)."""
DIRECTION_LIMITS = (-1.5, 0.5)
"""Log ratio that direction may add: hair is combed anew."""
OTHER_DIRECTION_SD_RAD = 0.25
"""The hairs that could be taken for each other are of one unit, and lean the same way to about this, our
choice; direction speaks against a pair rather than for it."""
LARGEST_COMB_SD_RAD = 0.6
SAME_WIDTH_SD = 0.15
"""SD of the log ratio of one hair's two diameters, beside their standard errors: it may have thickened."""
OTHER_WIDTH_LIMITS = (0.2, 0.6)
"""The same for two hairs, as measured on the photos; within these bounds."""
WIDTH_LIMITS = (-2.0, 1.0)
WRONG_UNIT_LOG = -0.8
"""Log ratio of a pair whose units are otherwise paired with others. Units are grouped by distance, so that
this happens to one hair in four; that units agree proves little, for a hair that came new would be in the
same unit."""


@dataclass(frozen=True)
class Rates:
    """What is expected of a pair of visits.

    Attributes
    ----------
    lost, new : float
        Share of the baseline's hairs that are gone, and of the follow-up's that were not there, 0-1.
    """

    lost: float
    new: float


@dataclass(frozen=True)
class Jitter:
    """SD of a root about its partner, the map being right, um: across and along its shaft."""

    across_um: float = ACROSS_UM
    along_um: float = ALONG_UM


def lasting(confidence: Floats, weights: Repeatability) -> Floats:
    """(K,) probability that what was detected is a hair, or at least stays."""
    return 1 - weights.transient * (1 - confidence)


def steps(baseline_um: Floats, angle_rad: Floats, followup_um: Floats) -> tuple[Floats, Floats]:
    """(K, L) ways from each baseline root to each follow-up root, across and along the baseline's hair.

    Parameters
    ----------
    baseline_um : (K, 2) float64
    angle_rad : (K,) float64
        Of the baseline's hairs.
    followup_um : (L, 2) float64
        In the baseline's frame.
    """
    x, y = (followup_um[None] - baseline_um[:, None]).transpose(2, 0, 1)
    c, s = np.cos(angle_rad)[:, None], np.sin(angle_rad)[:, None]
    return y * c - x * s, x * c + y * s


def place_gain(
    step_um: tuple[Floats, Floats], sd_map_um: Floats, jitter: Jitter, log_density: float
) -> Floats:
    """(K, L) log density of each follow-up root, mapped back, about each baseline root, over `log_density`.

    Parameters
    ----------
    step_um : two arrays (K, L) float64
        From `steps`.
    sd_map_um : (K,) float64
    jitter : Jitter
    log_density : float
        Of hairs that have no partner, per um**2.
    """
    variance = [(sd_map_um**2 + sd**2)[:, None] for sd in (jitter.across_um, jitter.along_um)]
    apart = step_um[0] ** 2 / variance[0] + step_um[1] ** 2 / variance[1]
    tight = (1 - STRAY_SHARE) * np.exp(-0.5 * apart)
    far = [step**2 / (v * f**2) for step, v, f in zip(step_um, variance, STRAY_FACTORS, strict=True)]
    loose = STRAY_SHARE * np.exp(-0.5 * (far[0] + far[1])) / np.prod(STRAY_FACTORS)
    gain = np.log((tight + loose) / np.sqrt(variance[0] * variance[1]) / (2 * np.pi) + 1e-300) - log_density
    return np.where(np.hypot(*step_um) < LARGEST_GAP_UM, gain, -np.inf)


def learn_jitter(step_um: tuple[Floats, Floats], sure: NDArray[np.bool_]) -> Jitter:
    """How far roots lie about the map, from sure pairs (K, L), by the median and with the guess beside."""
    n = int(np.count_nonzero(sure))
    found = []
    for step, guess in zip(step_um, (ACROSS_UM, ALONG_UM), strict=True):
        seen = 1.4826 * float(np.median(np.abs(step[sure]))) if n else guess
        sd = np.sqrt((n * seen**2 + GUESS_PAIRS * guess**2) / (n + GUESS_PAIRS))
        found.append(float(np.clip(sd, LEAST_JITTER_UM, MOST_JITTER_UM)))
    return Jitter(*found)


def density_about_a_root(roots_um: Floats, area_um2: float) -> float:
    """Hairs per um**2 close to another hair: in units they stand much denser than on the whole.

    Parameters
    ----------
    roots_um : (K, 2) float64
        At least one.
    area_um2 : float
        Over which they are spread.
    """
    mean = len(roots_um) / area_um2
    close = 2 * len(cKDTree(roots_um).query_pairs(CLUMP_REACH_UM))
    disc = np.pi * CLUMP_REACH_UM**2
    return max(CLUMP_PER_UM2, mean, (close + mean * disc) / (len(roots_um) + 1) / disc)


def unseen(confidence: Floats, weights: Repeatability, evidence: Evidence | None) -> Floats:
    """(K,) chance that detection overlooks each, times the likelihood of the other photo's pixels if so."""
    missed = overlooked(confidence, weights)
    if evidence is None:
        return missed
    return (missed + (1 - missed) * HIDDEN_MISSED * evidence.hidden) * np.exp(evidence.log_ratio)


def chances_alone(
    confidence: Floats,
    alone: Floats,
    share: float,
    weights: Repeatability,
    evidence: Evidence | None = None,
) -> tuple[Floats, Floats]:
    """What became of hairs without a partner: gone, or there and overlooked; else they were no hairs.

    Parameters
    ----------
    confidence : (K,) float64
        That each is a hair.
    alone : (K,) float64
        Probability that it has no partner among the hairs of the other visit.
    share : float
        Of the hairs that are gone.
    weights : Repeatability
    evidence : Evidence, optional
        Of the other photo's pixels.

    Returns
    -------
    (K,) and (K,) float64
    """
    real = lasting(confidence, weights)
    gone = real * share
    there = real * (1 - share) * (1 - weights.recovered) * unseen(confidence, weights, evidence)
    total = np.maximum(gone + there + 1 - real, 1e-12)
    return alone * gone / total, alone * there / total


def again_share(stars: Constellation, gone: float) -> Floats:
    """(K,) probability that the other visit's detection shows each again."""
    missed = overlooked(stars.confidence, stars.repeatability)
    return lasting(stars.confidence, stars.repeatability) * (1 - gone) * (1 - missed)


def presence_gain(baseline: Constellation, followup: Constellation, rates: Rates) -> Floats:
    """(K, L) log odds of being in a pair, over both being alone."""
    there = again_share(baseline, rates.lost)
    alone = 1 - there
    alone_too = 1 - again_share(followup, rates.new)
    return np.log(there / alone)[:, None] - np.log(alone_too)[None]


def direction_gain(turn_rad: Floats, comb_rad: float, comb_sd_rad: float) -> Floats:
    """Log ratio for differences of direction, given the turn of the comb and its spread."""
    if comb_sd_rad > LARGEST_COMB_SD_RAD:
        return np.zeros_like(turn_rad)
    turn = _wrap(turn_rad - comb_rad)
    same = 0.85 * _normal(turn, comb_sd_rad) + 0.15 / (2 * np.pi)
    other = 0.7 * _normal(turn, float(np.hypot(comb_sd_rad, OTHER_DIRECTION_SD_RAD))) + 0.3 / (2 * np.pi)
    return np.clip(np.log(same / other), *DIRECTION_LIMITS)


def comb(turn_rad: Floats) -> tuple[float, float]:
    """How hair was combed anew, from the turns of sure pairs: middle and spread, rad."""
    if len(turn_rad) < 5:
        return 0.0, np.inf
    middle = float(np.angle(np.exp(1j * turn_rad).mean()))
    spread = 1.4826 * float(np.median(np.abs(_wrap(turn_rad - middle))))
    return middle, float(np.hypot(spread, 0.1))


def width_gain(baseline: Constellation, followup: Constellation) -> Floats:
    """(K, L) log ratio for diameters; 0 where one is not known."""
    widths = np.log([w for stars in (baseline, followup) for w in stars.diameter_um if np.isfinite(w)])
    spread = 1.4826 * np.median(np.abs(widths - np.median(widths))) if len(widths) else 0.0
    other = float(np.clip(np.sqrt(2) * spread, *OTHER_WIDTH_LIMITS))
    with np.errstate(invalid="ignore", divide="ignore"):
        change = np.log(followup.diameter_um[None] / baseline.diameter_um[:, None])
        se = np.hypot(
            (followup.diameter_se_um / followup.diameter_um)[None],
            (baseline.diameter_se_um / baseline.diameter_um)[:, None],
        )
        gain = np.log(_normal(change, np.hypot(se, SAME_WIDTH_SD)) / _normal(change, np.hypot(se, other)))
    return np.clip(np.nan_to_num(gain, nan=0.0, neginf=WIDTH_LIMITS[0]), *WIDTH_LIMITS)


def unit_gain(baseline_unit: NDArray[np.int64], followup_unit: NDArray[np.int64], pairs: Floats) -> Floats:
    """(K, L) log ratio for pairs whose units are paired by their other hairs, from probabilities (K, L)."""
    if 0 in pairs.shape:
        return np.zeros(pairs.shape)
    rows, columns = (np.eye(int(u.max()) + 1)[u] for u in (baseline_unit, followup_unit))
    votes = rows.T @ pairs @ columns
    mine = votes[np.ix_(baseline_unit, followup_unit)] - pairs
    from_mine = votes.sum(1)[baseline_unit][:, None] - pairs.sum(1, keepdims=True)
    share = mine / np.maximum(from_mine, 1e-9)
    heard = np.minimum(from_mine, 1.0)
    return np.asarray(heard * WRONG_UNIT_LOG * (1 - np.clip(share, 0, 1)))


def _normal(x: Floats, sd: Floats | float) -> Floats:
    return np.exp(-0.5 * np.square(x / sd)) / (sd * np.sqrt(2 * np.pi))


def _wrap(angle: Floats) -> Floats:
    return (angle + np.pi) % (2 * np.pi) - np.pi
