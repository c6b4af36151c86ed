"""How much likelier two hairs are to be one than two: place, direction and diameter, as log ratios."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from trichoscan.match.constellation import Constellation
from trichoscan.overlooked import overlooked

Floats = NDArray[np.float64]

JITTER_LIMITS_UM = (8.0, 45.0)
"""SD of a root about the map along either axis: between the same photo twice and a pair hardly aligned."""
STRAY_SHARE, STRAY_FACTOR = 0.05, 2.0
"""A root is vague along its shaft: one in twenty pairs lies that much wider (our choice)."""
CLUMP_REACH_UM = 120.0
"""Within this distance the density about a root is counted: where a hair of the same unit may come anew."""
LARGEST_GAP_UM = 200.0
"""No pair is farther apart: less than half of the distance of follicular units."""
RECOVERED = 0.5
"""Of the hairs that detection overlooked, those found when looked for again: 78 of 146 on the same pairs."""
TRANSIENT_SHARE = 0.25
"""A detection is no hair, and not there at the other visit, with this share of (1 - c): half of what is
detected and was not drawn by hand is hair all the same (a second annotation mostly saw more hairs), and half
of the rest is skin or a scar that stays. A guess: no pair of real visits was at hand."""
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


def lasting(confidence: Floats) -> Floats:
    """(K,) probability that what was detected is a hair, or at least stays."""
    return 1 - TRANSIENT_SHARE * (1 - confidence)


def place_gain(
    baseline_um: Floats, followup_um: Floats, sd_map_um: Floats, jitter_um: float, log_density: float
) -> Floats:
    """(K, L) log density of each follow-up root, mapped back, about each baseline root, over `log_density`.

    Parameters
    ----------
    baseline_um : (K, 2) float64
    followup_um : (L, 2) float64
        In the baseline's frame.
    sd_map_um : (K,) float64
    jitter_um : float
    log_density : float
        Of hairs that have no partner, per um**2.
    """
    apart = np.square(baseline_um[:, None] - followup_um[None]).sum(-1)
    variance = (sd_map_um**2 + jitter_um**2)[:, None]
    tight = (1 - STRAY_SHARE) * np.exp(-0.5 * apart / variance) / variance
    wide = variance * STRAY_FACTOR**2
    loose = STRAY_SHARE * np.exp(-0.5 * apart / wide) / wide
    gain = np.log((tight + loose) / (2 * np.pi) + 1e-300) - log_density
    return np.where(apart < LARGEST_GAP_UM**2, gain, -np.inf)


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
    return max(mean, (close + mean * disc) / (len(roots_um) + 1) / disc)


def truly_gone(confidence: Floats, alone: Floats, share: float) -> Floats:
    """Probability that each hair is a hair, and not there in the other visit.

    Parameters
    ----------
    confidence : (K,) float64
        That it is a hair.
    alone : (K,) float64
        Probability that it has no partner among the hairs of the other visit.
    share : float
        Of the hairs that are gone.

    Returns
    -------
    (K,) float64
    """
    gone = lasting(confidence) * share
    hidden = lasting(confidence) * (1 - share) * overlooked(confidence) * (1 - RECOVERED)
    return alone * gone / np.maximum(gone + hidden + 1 - lasting(confidence), 1e-12)


def again_share(confidence: Floats, gone: float) -> Floats:
    """(K,) probability that the other visit's detection shows each again."""
    return lasting(confidence) * (1 - gone) * (1 - overlooked(confidence))


def presence_gain(baseline: Floats, followup: Floats, rates: Rates) -> Floats:
    """(K, L) log odds of being in a pair, over both being alone, from confidences (K,) and (L,)."""
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
