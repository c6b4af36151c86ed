"""A hair that only one visit shows is looked for again in the other, where it should be.

The doubtful hairs that detection kept to itself there take part in the assignment; then it is looked for in
the pixels (`pixels`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trichoscan.match.constellation import Constellation
from trichoscan.match.gain import (
    CLUMP_REACH_UM,
    Jitter,
    Rates,
    again_share,
    chances_alone,
    lasting,
    place_gain,
    steps,
    unseen,
)
from trichoscan.match.pixels import Evidence
from trichoscan.match.scene import Scene
from trichoscan.overlooked import overlooked
from trichoscan.records import Hair

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LEAST_LOG_RATIO = 1.5
"""Pixels must speak for a hair by this, four to one or more, before it is taken from them alone."""
SEEN_IN_PIXELS = 0.5
"""And it must be likelier that it is there than that it is not."""


@dataclass(frozen=True, eq=False)
class Found:
    """M hairs of one visit that are believed because the other visit shows a hair there.

    Attributes
    ----------
    hairs : tuple of Hair
        As they are seen where they had been overlooked, flagged `found_again`.
    partner : (M,) int64
        Number in the constellation of the visit that shows it.
    probability : (M,) float64
        That they are one hair.
    """

    hairs: tuple[Hair, ...]
    partner: Ints
    probability: Floats


@dataclass(frozen=True, eq=False)
class Side:
    """K hairs of one visit, in the baseline's frame, and what of the other visit may be they.

    Attributes
    ----------
    stars : Constellation
    roots_um, angle_rad, sd_map_um : (K, 2), (K,) and (K,) float64
    shown : (K,) bool
        Whether the other photo shows the skin there.
    gone : float
        Share of the hairs that are gone.
    doubtful : tuple of Hair
        Of the other visit, P of them.
    doubtful_um : (P, 2) float64
    evidence : Evidence or None
        Of the other photo's pixels, for all K.
    """

    stars: Constellation
    roots_um: Floats
    angle_rad: Floats
    sd_map_um: Floats
    shown: Bools
    gone: float
    doubtful: tuple[Hair, ...]
    doubtful_um: Floats
    evidence: Evidence | None


def sides(scene: Scene, rates: Rates, evidence: tuple[Evidence, Evidence] | None) -> tuple[Side, Side]:
    """The baseline's hairs, looked for in the follow-up, and the follow-up's, looked for in the baseline."""
    first, second = scene.baseline, scene.followup
    sd = scene.sd_map_um
    sd_back = sd[_nearest(scene.at_um, first.roots_um)] if len(first) else np.zeros(len(second))
    return (
        Side(
            first,
            first.roots_um,
            first.angle_rad,
            sd,
            scene.shown,
            rates.lost,
            scene.doubtful_hairs,
            scene.doubtful,
            evidence[0] if evidence else None,
        ),
        Side(
            second,
            scene.at_um,
            scene.at_angle_rad,
            sd_back,
            scene.shown_back,
            rates.new,
            scene.doubtful_hairs_back,
            scene.doubtful_back,
            evidence[1] if evidence else None,
        ),
    )


def _nearest(points_um: Floats, others_um: Floats) -> Ints:
    apart = np.square(points_um[:, None] - others_um[None]).sum(-1)
    return np.asarray(apart.argmin(1), np.int64)


def with_doubtful(gain: Floats, both: tuple[Side, Side], jitter: Jitter, area_um2: float) -> Floats:
    """Let the doubtful hairs of both photos stand for hairs that detection missed.

    Parameters
    ----------
    gain : (K, L) float64
        Of pairs of sure hairs, over being in no such pair.
    both : (Side, Side)
        With P doubtful hairs of the follow-up, and Q of the baseline.
    jitter : Jitter
    area_um2 : float
        Over which the doubtful hairs are spread.

    Returns
    -------
    (K + Q, L + P) float64
        Over being in no pair at all. Two doubtful hairs are none.
    """
    first, second = both
    rows, columns = gain.shape
    every = np.full((rows + len(second.doubtful), columns + len(first.doubtful)), -np.inf)
    every[:rows, :columns] = gain + _not_among_doubtful(first)[:, None] + _not_among_doubtful(second)[None]
    every[:rows, columns:] = _doubtful_gain(first, jitter, area_um2)
    every[rows:, :columns] = _doubtful_gain(second, jitter, area_um2).T
    return every


def _not_among_doubtful(side: Side) -> Floats:
    """(K,) log of being in no pair with a sure hair, over being in none with a doubtful one either."""
    stars, weights = side.stars, side.stars.repeatability
    missed = lasting(stars.confidence, weights) * (1 - side.gone) * overlooked(stars.confidence, weights)
    alone = 1 - again_share(stars, side.gone)
    return np.asarray(np.log(alone / (alone - missed * weights.recovered)))


def _doubtful_gain(side: Side, jitter: Jitter, area_um2: float) -> Floats:
    """(K, P) gain of pairs with a doubtful hair.

    It speaks for itself by its confidence: above the mean of its kind it is the likelier to be a hair at all.
    """
    stars, weights = side.stars, side.stars.repeatability
    if not len(stars) or not side.doubtful:
        return np.zeros((len(stars), len(side.doubtful)))
    sure = lasting(stars.confidence, weights)
    own = np.array([hair.confidence for hair in side.doubtful])
    way = steps(side.roots_um, side.angle_rad, side.doubtful_um)
    place = place_gain(way, side.sd_map_um, jitter, np.log(_clutter_density(way, area_um2)))
    hidden = sure * (1 - side.gone) * unseen(stars.confidence, weights, side.evidence)
    otherwise = sure * side.gone + hidden * (1 - weights.recovered) + (1 - sure)
    gain = place + np.log(hidden * weights.recovered / otherwise)[:, None] + np.log(own / own.mean())[None]
    return np.where(side.shown[:, None], gain, -np.inf)


def _clutter_density(way: tuple[Floats, Floats], area_um2: float) -> float:
    """Doubtful hairs per um**2 about a root: most are shades and second looks at hairs, and stand by them.

    Counted about all roots (K, P), whose own doubtful hairs, where they were missed, are few among them.
    """
    roots, doubtful = way[0].shape
    disc = np.pi * CLUMP_REACH_UM**2
    close = int(np.count_nonzero(np.hypot(*way) < CLUMP_REACH_UM))
    mean = doubtful / area_um2
    return max(mean, (close + mean * disc) / (roots + 1) / disc)


def look_again(side: Side, chosen: Ints, chance: Floats) -> tuple[Found, Floats]:
    """Hairs of the other visit that this one tells of, and which of its own are gone.

    Parameters
    ----------
    side : Side
        K hairs.
    chosen : (M, 2) int64
        Pairs: number here, number there; doubtful hairs come after the others.
    chance : (K + Q, L + P) float64
        Probability of each pair.

    Returns
    -------
    Found
    (K,) float64
        Probability that each is gone.
    """
    stars, evidence = side.stars, side.evidence
    mine = chosen[chosen[:, 0] < len(stars)]
    among = mine[mine[:, 1] >= chance.shape[1] - len(side.doubtful)]
    hairs = tuple(_found_again(side.doubtful[k]) for k in among[:, 1] - chance.shape[1])
    unpaired = 1 - chance[: len(stars)].sum(1)
    gone, there = chances_alone(stars.confidence, unpaired, side.gone, stars.repeatability, evidence)
    partner, probability = among[:, 0], chance[among[:, 0], among[:, 1]]
    if evidence is not None:
        rest = np.setdiff1d(np.flatnonzero(side.shown), mine[:, 0])
        seen = rest[(evidence.log_ratio[rest] >= LEAST_LOG_RATIO) & (there[rest] > SEEN_IN_PIXELS)]
        hairs += tuple(
            Hair(evidence.course_px[k], float(there[k]), ("tip_not_seen", "found_again", "no_diameter"))
            for k in seen
        )
        partner, probability = np.append(partner, seen), np.append(probability, there[seen])
    return Found(hairs, partner, probability), gone


def _found_again(hair: Hair) -> Hair:
    return replace(hair, flags=(*hair.flags, "found_again"))
