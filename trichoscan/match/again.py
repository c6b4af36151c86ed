"""A hair that only one visit shows is looked for again in the other, where it should be.

First among the doubtful hairs that detection kept to itself there, then in the pixels (`pixels`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trichoscan.match.constellation import Constellation
from trichoscan.match.gain import Jitter, Rates, chances_alone, lasting, place_gain, steps, unseen
from trichoscan.match.pixels import Evidence
from trichoscan.match.posterior import best_assignment, marginals
from trichoscan.match.scene import Scene
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
class Alone:
    """K hairs of one visit, in the baseline's frame, and what of the other visit may be they.

    Attributes
    ----------
    stars : Constellation
    roots_um, angle_rad, sd_map_um : (K, 2), (K,) and (K,) float64
    alone : (M,) int64
        Those without a partner, where the other photo shows the skin.
    unpaired : (K,) float64
        Probability that none of the hairs detected there is theirs.
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
    alone: Ints
    unpaired: Floats
    gone: float
    doubtful: tuple[Hair, ...]
    doubtful_um: Floats
    evidence: Evidence | None

    def chances(self) -> tuple[Floats, Floats]:
        """(K,) and (K,) probability that each is gone, and that it is there and was overlooked."""
        stars = self.stars
        return chances_alone(stars.confidence, self.unpaired, self.gone, stars.repeatability, self.evidence)


def sides(
    scene: Scene,
    chosen: Ints,
    chance: Floats,
    rates: Rates,
    evidence: tuple[Evidence, Evidence] | None,
) -> tuple[Alone, Alone]:
    """The baseline's hairs, looked for in the follow-up, and the follow-up's, looked for in the baseline."""
    first, second = scene.baseline, scene.followup
    sd = scene.sd_map_um
    sd_back = sd[_nearest(scene.at_um, first.roots_um)] if len(first) else np.zeros(len(second))
    return (
        Alone(
            first,
            first.roots_um,
            first.angle_rad,
            sd,
            np.setdiff1d(np.flatnonzero(scene.shown), chosen[:, 0]),
            1 - chance.sum(1),
            rates.lost,
            scene.doubtful_hairs,
            scene.doubtful,
            evidence[0] if evidence else None,
        ),
        Alone(
            second,
            scene.at_um,
            scene.at_angle_rad,
            sd_back,
            np.setdiff1d(np.flatnonzero(scene.shown_back), chosen[:, 1]),
            1 - chance.sum(0),
            rates.new,
            scene.doubtful_hairs_back,
            scene.doubtful_back,
            evidence[1] if evidence else None,
        ),
    )


def _nearest(points_um: Floats, others_um: Floats) -> Ints:
    apart = np.square(points_um[:, None] - others_um[None]).sum(-1)
    return np.asarray(apart.argmin(1), np.int64)


def look_again(side: Alone, jitter: Jitter, area_um2: float) -> Found:
    """Look for the hairs that stayed alone.

    Parameters
    ----------
    side : Alone
    jitter : Jitter
    area_um2 : float
        Over which the doubtful hairs are spread.

    Returns
    -------
    Found
    """
    among = _among_doubtful(side, jitter, area_um2)
    rest = np.setdiff1d(side.alone, among.partner)
    if side.evidence is None or not len(rest):
        return among
    there = side.chances()[1]
    seen = rest[(side.evidence.log_ratio[rest] >= LEAST_LOG_RATIO) & (there[rest] > SEEN_IN_PIXELS)]
    hairs = tuple(
        Hair(side.evidence.course_px[k], float(there[k]), ("tip_not_seen", "found_again", "no_diameter"))
        for k in seen
    )
    return Found(
        among.hairs + hairs,
        np.concatenate([among.partner, seen]).astype(np.int64),
        np.concatenate([among.probability, there[seen]]),
    )


def _among_doubtful(side: Alone, jitter: Jitter, area_um2: float) -> Found:
    """Doubtful hairs that are the ones missing.

    A doubtful hair speaks for itself by its confidence: above the mean of its kind it is the likelier
    to be a hair at all.
    """
    alone, stars = side.alone, side.stars
    if not len(alone) or not side.doubtful:
        return Found((), np.zeros(0, np.int64), np.zeros(0))
    weights = stars.repeatability
    sure = lasting(stars.confidence[alone], weights)
    own = np.array([hair.confidence for hair in side.doubtful])
    way = steps(side.roots_um[alone], side.angle_rad[alone], side.doubtful_um)
    place = place_gain(way, side.sd_map_um[alone], jitter, np.log(len(own) / area_um2))
    hidden = sure * (1 - side.gone) * unseen(stars.confidence, weights, side.evidence)[alone]
    otherwise = sure * side.gone + hidden * (1 - weights.recovered) + (1 - sure)
    gain = place + np.log(hidden * weights.recovered / otherwise)[:, None] + np.log(own / own.mean())[None]
    chance = marginals(gain)
    rows, columns = best_assignment(gain).T
    return Found(tuple(_found_again(side.doubtful[k]) for k in columns), alone[rows], chance[rows, columns])


def _found_again(hair: Hair) -> Hair:
    return replace(hair, flags=(*hair.flags, "found_again"))
