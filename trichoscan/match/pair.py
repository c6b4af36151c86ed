"""The same hairs again: who is whom between two aligned visits, and what became of the others.

Every pair of hairs is weighed by place under the alignment, by unit, direction, diameter and confidence
(`gain`); one optimal assignment pairs them, and belief propagation over all assignments gives each pair its
probability (`posterior`). Who stays alone is looked for again among the doubtful hairs of the other photo
(`again`), and is then lost or new with the probability that it truly is, rather than overlooked there or no
hair at all here (`outcome`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trichoscan.match.again import look_again
from trichoscan.match.gain import (
    Rates,
    again_share,
    comb,
    density_about_a_root,
    direction_gain,
    lasting,
    place_gain,
    presence_gain,
    truly_gone,
    unit_gain,
    width_gain,
)
from trichoscan.match.outcome import write_down
from trichoscan.match.posterior import best_assignment, marginals
from trichoscan.match.scene import Scene, see
from trichoscan.records import Alignment, Analysis, Pairing, TrichoscanError

Floats = NDArray[np.float64]

FIRST_RATES = Rates(0.1, 0.1)
PRIOR_HAIRS = 4.0
"""The first rates, a guess, weigh as much as this many hairs."""
MOST_GONE = 0.8
ROUNDS = 4
"""Of pairing and learning the rates, the comb and the units in turn."""
SURE = 0.8
"""Pairs at least so probable teach how hair was combed."""


def pair(baseline: Analysis, followup: Analysis, alignment: Alignment) -> Pairing:
    """Match the hairs and the follicular units of two visits.

    Parameters
    ----------
    baseline, followup : Analysis
    alignment : Alignment
        From `register`, accepted.

    Returns
    -------
    Pairing

    Raises
    ------
    TrichoscanError
        The alignment was refused.
    """
    if not alignment.accepted:
        raise TrichoscanError(f"these photos cannot be matched: {alignment.reason}")
    scene = see(baseline, followup, alignment)
    gain, chance, rates = _weigh(scene)
    chosen = best_assignment(gain)
    found = look_again(scene, chosen, rates)
    return write_down(baseline, followup, alignment, scene, chosen, chance, rates, found)


def _weigh(scene: Scene) -> tuple[Floats, Floats, Rates]:
    """(K, L) gain and probability of each pair, and the rates learned on the way."""
    first, second = scene.baseline, scene.followup
    rates, middle, spread = FIRST_RATES, 0.0, np.inf
    width = width_gain(first, second)
    gain = np.full((len(first), len(second)), -np.inf)
    chance = np.zeros(gain.shape)
    if not chance.size:
        return gain, chance, rates
    for _ in range(ROUNDS):
        alone = float(np.mean(1 - again_share(second.confidence, rates.new)))
        density = alone * density_about_a_root(scene.at_um, scene.followup_area_um2)
        place = place_gain(first.roots_um, scene.at_um, scene.sd_map_um, scene.jitter_um, np.log(density))
        presence = presence_gain(first.confidence, second.confidence, rates) + np.log(alone)
        gain = place + presence + width + direction_gain(scene.turn_rad, middle, spread)
        gain = gain + unit_gain(first.unit, second.unit, chance)
        chance = marginals(gain)
        rates = Rates(
            _share_gone(first.confidence, chance.sum(1), scene.shown, rates.lost),
            _share_gone(second.confidence, chance.sum(0), scene.shown_back, rates.new),
        )
        middle, spread = comb(scene.turn_rad[chance > SURE])
    return gain, chance, rates


def _share_gone(confidence: Floats, paired: Floats, shown: NDArray[np.bool_], share: float) -> float:
    """Share of the hairs in the common field that are gone, from the share believed before."""
    gone = float(truly_gone(confidence, 1 - paired, share)[shown].sum())
    real = float(lasting(confidence)[shown].sum())
    return min((gone + PRIOR_HAIRS * FIRST_RATES.lost) / (real + PRIOR_HAIRS), MOST_GONE)
