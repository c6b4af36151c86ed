"""A hair that only one visit shows is looked for again in the other, where it should be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trichoscan.match.gain import RECOVERED, Rates, lasting, place_gain
from trichoscan.match.posterior import best_assignment, marginals
from trichoscan.match.scene import Scene
from trichoscan.overlooked import overlooked

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Found:
    """M doubtful hairs of one visit that are believed, because the other visit shows a hair there.

    Attributes
    ----------
    hair : (M,) int64
        Number in `Analysis.doubtful` of the visit where it was overlooked.
    partner : (M,) int64
        Number in the constellation of the visit that shows it.
    probability : (M,) float64
        That they are one hair.
    """

    hair: Ints
    partner: Ints
    probability: Floats


def look_again(scene: Scene, chosen: Ints, rates: Rates) -> tuple[Found, Found]:
    """Look for the hairs that stayed alone.

    Parameters
    ----------
    scene : Scene
    chosen : (M, 2) int64
        Pairs among the detected hairs.
    rates : Rates

    Returns
    -------
    (Found, Found)
        Found in the baseline photo, found in the follow-up photo.
    """
    first, second = scene.baseline, scene.followup
    sd = scene.sd_map_um
    sd_back = sd[_nearest(scene.at_um, first.roots_um)] if len(first) else np.zeros(len(second))
    in_followup = _find(
        np.setdiff1d(np.flatnonzero(scene.shown), chosen[:, 0]),
        first.roots_um,
        first.confidence,
        sd,
        rates.lost,
        scene.doubtful,
        scene.doubtful_hair,
        scene.doubtful_confidence,
        scene,
    )
    in_baseline = _find(
        np.setdiff1d(np.flatnonzero(scene.shown_back), chosen[:, 1]),
        scene.at_um,
        second.confidence,
        sd_back,
        rates.new,
        scene.doubtful_back,
        scene.doubtful_hair_back,
        scene.doubtful_confidence_back,
        scene,
    )
    return in_baseline, in_followup


def _nearest(points_um: Floats, others_um: Floats) -> Ints:
    apart = np.square(points_um[:, None] - others_um[None]).sum(-1)
    return np.asarray(apart.argmin(1), np.int64)


def _find(
    alone: Ints,
    roots_um: Floats,
    confidence: Floats,
    sd_map_um: Floats,
    share_gone: float,
    doubtful_um: Floats,
    doubtful_hair: Ints,
    doubtful_confidence: Floats,
    scene: Scene,
) -> Found:
    """Doubtful hairs that are the ones missing.

    A doubtful hair speaks for itself by its confidence: above the mean of its kind it is the likelier
    to be a hair at all.
    """
    if not len(alone) or not len(doubtful_um):
        return Found(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    sure = lasting(confidence[alone])
    density = len(doubtful_um) / scene.followup_area_um2
    place = place_gain(roots_um[alone], doubtful_um, sd_map_um[alone], scene.jitter_um, np.log(density))
    hidden = sure * (1 - share_gone) * overlooked(confidence[alone])
    otherwise = sure * share_gone + hidden * (1 - RECOVERED) + (1 - sure)
    gain = place + np.log(hidden * RECOVERED / otherwise)[:, None]
    gain = gain + np.log(doubtful_confidence / doubtful_confidence.mean())[None]
    chance = marginals(gain)
    rows, columns = best_assignment(gain).T
    return Found(doubtful_hair[columns], alone[rows], chance[rows, columns])
