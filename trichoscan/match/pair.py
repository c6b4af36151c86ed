"""The same hairs again: who is whom between two aligned visits, and what became of the others.

Every pair of hairs is weighed by place under the alignment, by unit, direction, diameter and confidence
(`gain`); one optimal assignment pairs them, the doubtful hairs of both photos with them (`again`), and belief
propagation over all assignments gives each pair its probability (`posterior`). Who stays alone is looked for
in the pixels of the other photo (`pixels`), and is then lost or new with the probability that it truly is,
rather than overlooked there or no hair at all here (`outcome`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trichoscan.match.again import look_again, sides, with_doubtful
from trichoscan.match.constellation import Constellation
from trichoscan.match.gain import (
    Both,
    Jitter,
    Rates,
    again_share,
    chances_alone,
    comb,
    density_about_a_root,
    direction_gain,
    lasting,
    learn_jitter,
    place_gain,
    presence_gain,
    unit_gain,
    width_gain,
)
from trichoscan.match.gap import LEAST_UM, gap_gain, with_gaps
from trichoscan.match.outcome import write_down
from trichoscan.match.pixels import Evidence, Sight, examine, look_at
from trichoscan.match.posterior import best_assignment, marginals
from trichoscan.match.scene import Scene, see
from trichoscan.records import Alignment, Analysis, Pairing, TrichoscanError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Image = NDArray[np.uint8]

FIRST_RATES = Rates(0.1, 0.1)
PRIOR_HAIRS = 4.0
"""The first rates, a guess, weigh as much as this many hairs."""
MOST_GONE = 0.8
ROUNDS = 4
"""Of pairing and learning the rates, the comb and the units in turn."""
SURE = 0.8
"""Pairs at least so probable teach how hair was combed, and how far roots lie about the map."""


def pair(
    baseline: Analysis,
    followup: Analysis,
    alignment: Alignment,
    pixels: tuple[Image, Image] | None = None,
) -> Pairing:
    """Match the hairs and the follicular units of two visits.

    Parameters
    ----------
    baseline, followup : Analysis
    alignment : Alignment
        From `register`, accepted.
    pixels : two (H, W, 3) uint8, optional
        RGB of both photos, upright, as they were analysed: there it is looked again for hairs that only one
        visit shows. Without them only among the doubtful hairs.

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
    gain, chance, rates, jitter = _weigh(scene)
    evidence = None
    if pixels is not None and gain.size:
        sights = _sights(scene, (baseline, followup), pixels)
        between = _between(scene, (baseline, followup), alignment, sights)
        gain = gain + between
        chance, chosen = marginals(gain), best_assignment(gain)
        shown = _look_at_pixels(scene, chosen, chance, (baseline, followup), alignment, sights)
        evidence = with_gaps(shown, scene.step_um[1], between)
        rates = _rates(scene, chance, rates, evidence)
    both = sides(scene, rates, evidence)
    every = with_doubtful(gain, both, jitter, scene.followup_area_um2)
    chance, chosen = marginals(every), best_assignment(every)
    found, gone = look_again(both[0], chosen, chance)
    found_back, came = look_again(both[1], chosen[:, ::-1], chance.T)
    sure = chosen[(chosen < gain.shape).all(1)]
    return write_down(baseline, followup, alignment, scene, sure, chance, (gone, came), (found, found_back))


def _sights(
    scene: Scene, analyses: tuple[Analysis, Analysis], pixels: tuple[Image, Image]
) -> tuple[Sight, Sight]:
    """Both photos, prepared to be looked at."""
    stars = scene.baseline, scene.followup
    first, second = (
        look_at(image, a.quality.usable_mask, a.hairs, a.doubtful, s.um_per_px)
        for image, a, s in zip(pixels, analyses, stars, strict=True)
    )
    return first, second


def _between(
    scene: Scene,
    analyses: tuple[Analysis, Analysis],
    alignment: Alignment,
    sights: tuple[Sight, Sight],
) -> Floats:
    """(K, L) what the pixels between two roots say."""
    first, second = scene.baseline, scene.followup
    hairs = [analyses[0].hairs[k] for k in first.hair], [analyses[1].hairs[k] for k in second.hair]
    onward = alignment.to_followup(first.to_px(first.roots_um))
    back = first.to_px(scene.at_um)
    return gap_gain(scene.step_um, hairs, (first.hair, second.hair), (back, onward), sights)


def _look_at_pixels(
    scene: Scene,
    chosen: Ints,
    chance: Floats,
    analyses: tuple[Analysis, Analysis],
    alignment: Alignment,
    sights: tuple[Sight, Sight],
) -> Both:
    """What the follow-up's pixels say of the baseline's hairs, and the other way round."""
    stars = scene.baseline, scene.followup
    # A partner that stands apart is to be looked past: seeing it is not seeing the hair itself.
    partner = np.full(len(stars[0]), -1, np.int64), np.full(len(stars[1]), -1, np.int64)
    sure = np.zeros(len(stars[0]), bool), np.zeros(len(stars[1]), bool)
    near = np.hypot(*(step[chosen[:, 0], chosen[:, 1]] for step in scene.step_um)) < LEAST_UM
    for side in (0, 1):
        partner[side][chosen[near, side]] = stars[1 - side].hair[chosen[near, 1 - side]]
        sure[side][chosen[:, side]] = chance[chosen[:, 0], chosen[:, 1]] > SURE
    middle, spread = comb(scene.turn_rad[chance > SURE])
    onward = alignment.to_followup, alignment.to_baseline
    found = [
        examine(
            [analyses[side].hairs[k] for k in stars[side].hair],
            stars[side].hair,
            partner[side],
            sure[side],
            sights[side],
            sights[1 - side],
            onward[side],
            (middle if side == 0 else -middle, spread),
        )
        for side in (0, 1)
    ]
    return found[0], found[1]


def _weigh(scene: Scene) -> tuple[Floats, Floats, Rates, Jitter]:
    """(K, L) gain and probability of each pair, and the rates and the jitter learned on the way."""
    first, second = scene.baseline, scene.followup
    rates, jitter, middle, spread = FIRST_RATES, Jitter(), 0.0, np.inf
    width = width_gain(first, second)
    gain = np.full((len(first), len(second)), -np.inf)
    chance = np.zeros(gain.shape)
    if not chance.size:
        return gain, chance, rates, jitter
    for _ in range(ROUNDS):
        alone = float(np.mean(1 - again_share(second, rates.new)))
        density = alone * density_about_a_root(scene.at_um, scene.followup_area_um2)
        place = place_gain(scene.step_um, scene.sd_map_um, jitter, np.log(density))
        presence = presence_gain(first, second, rates) + np.log(alone)
        gain = place + presence + width + direction_gain(scene.turn_rad, middle, spread)
        gain = gain + unit_gain(first.unit, second.unit, chance)
        chance = marginals(gain)
        rates = _rates(scene, chance, rates, None)
        middle, spread = comb(scene.turn_rad[chance > SURE])
        jitter = learn_jitter(scene.step_um, chance > SURE)
    return gain, chance, rates, jitter


def _rates(scene: Scene, chance: Floats, rates: Rates, evidence: Both | None) -> Rates:
    """Shares of the hairs in the common field that are gone, from those believed before."""
    one, other = evidence or (None, None)
    return Rates(
        _share_gone(scene.baseline, chance.sum(1), scene.shown, rates.lost, one),
        _share_gone(scene.followup, chance.sum(0), scene.shown_back, rates.new, other),
    )


def _share_gone(
    stars: Constellation,
    paired: Floats,
    shown: NDArray[np.bool_],
    share: float,
    evidence: Evidence | None,
) -> float:
    weights = stars.repeatability
    gone = float(chances_alone(stars.confidence, 1 - paired, share, weights, evidence)[0][shown].sum())
    real = float(lasting(stars.confidence, weights)[shown].sum())
    return min((gone + PRIOR_HAIRS * FIRST_RATES.lost) / (real + PRIOR_HAIRS), MOST_GONE)
