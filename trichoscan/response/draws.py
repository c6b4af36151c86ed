"""Chance draws of what might have been seen: units drawn again, detections judged again.

B: draws; E: hairs, V: units, C: joint units of the common field; see `events`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trichoscan.overlooked import shared_cv
from trichoscan.records import Analysis
from trichoscan.records.estimate import NORMAL_95
from trichoscan.response.events import Events

Floats = NDArray[np.float64]

DRAWS = 1000
"""Of the bootstrap: a standard error from 1000 draws is itself uncertain by 2 %."""
FAULT_SHARE = 0.13
"""Hairs that detection overlooks, about, on photos with hand-drawn hairs: the mean of `events.overlooked`."""
SHARE_SPREAD = 1.0
"""SD, on the log scale, of the odds that an unmatched hair is gone rather than a fault of detection:
matching must learn the share of hairs that are gone from the same few hairs, and it starts from an
assumption, worth one hair. That of a rate that was learned from one event."""
MOST_FAULT_SHARE = 0.5
UNSEEN_EVENTS = 0.5
"""Hairs, and units, taken to have gone, and come, beyond those seen: Jeffreys' prior of a Poisson mean."""


@dataclass(frozen=True, eq=False)
class Draws:
    """How much each hair and unit weighs in each draw; row 0 is the estimate itself.

    Attributes
    ----------
    hair : (B, E) float64
    unit : (B, V) float64
    unseen, unseen_units : (2, B) float64
        Hairs, and units, of the first visit that were lost, and of the second that came, that are not seen.
    diameter_um : (B, 2, E) or (1, 2, E) float64
    """

    hair: Floats
    unit: Floats
    unseen: Floats
    unseen_units: Floats
    diameter_um: Floats


def generator(baseline: Analysis, followup: Analysis) -> np.random.Generator:
    """Random numbers that depend on the two photos alone, not on which is first."""
    text = "".join(sorted((baseline.sha256, followup.sha256)))
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big"))


def fault_spread(baseline: Analysis, followup: Analysis) -> float:
    """Relative SD, on the log scale, of a photo's share of detection faults about its expectation.

    `Analysis.hair_count` holds the error of a photo as a whole, `count_cv` of its count, beside that of its
    single hairs (`measure.density.count_hairs`); it is taken out again and set against `FAULT_SHARE`.
    """
    cvs = []
    for analysis in (baseline, followup):
        n = analysis.hair_count.n
        if n:
            hairs = zip(analysis.hairs, analysis.counted, strict=True)
            p = np.array([h.confidence for h, inside in hairs if inside])
            sd = (analysis.hair_count.high - analysis.hair_count.value) / NORMAL_95
            cvs.append(shared_cv(sd, p) ** 2)
    return float(np.log1p(np.sqrt(sum(sorted(cvs)) / len(cvs)) / FAULT_SHARE)) if cvs else 0.0


def draw_field(events: Events, spread: float, rng: np.random.Generator) -> Draws:
    """What this piece of skin may truly hold: each lost or new hair is one, or a fault of detection.

    The odds of all lost, and of all new, hairs are shifted together (`_shifted`). A hair that went or came
    stands for others that its one photo does not show (`_unshown`). Diameters vary by their errors, those
    of wrong pairs as two hairs differ.
    """
    faults = np.exp(rng.normal(0.0, spread, (2, DRAWS + 1)))
    chance = _shifted(events.probability, events.sign, spread, rng)
    gone = rng.random(chance.shape) < chance
    hair = gone * (1.0 + rng.poisson(_unshown(events.overlooked, events.sign, faults)))
    hair = np.where(events.sign == 0, 1.0, hair)
    unit_chance = _shifted(events.unit_probability, events.unit_sign, spread, rng)
    unit_gone = rng.random(unit_chance.shape) < unit_chance
    unit = unit_gone * (1.0 + rng.poisson(_unshown(events.unit_overlooked, events.unit_sign, faults)))
    unit = np.where(events.unit_sign == 0, 1.0, unit)
    share = np.minimum(FAULT_SHARE * faults, MOST_FAULT_SHARE)
    unseen = rng.poisson(UNSEEN_EVENTS * share / (1 - share), (2, *share.shape)).astype(np.float64)
    return _finish(events, hair, unit, unseen, _noisy_diameters(events, rng))


def draw_site(events: Events, spread: float, rng: np.random.Generator) -> Draws:
    """What the site may be like of which this piece was seen: each unit weighs by chance, the law Exp(1).

    That is the Bayesian bootstrap (Rubin 1981), its weights not brought to one sum, for another piece need
    not hold as many units. x hairs that came, each in a unit of its own, and `UNSEEN_EVENTS` beside them, are
    so drawn from Gamma(x + 1/2), Jeffreys' posterior of a Poisson mean: skew, as the chances of few events
    are, and not nothing where none were seen.

    Faults of single detections and errors of single diameters differ between units, and so are in the
    spread of the units already; what a whole photo shares is not, and is drawn as in `draw_field`.
    """
    faults = np.exp(rng.normal(0.0, spread, (2, DRAWS + 1)))
    weight = rng.exponential(1.0, (DRAWS + 1, events.clusters))
    hair = _shifted(events.probability, events.sign, spread, rng)
    hair = hair * (1 + _unshown(events.overlooked, events.sign, faults))
    unit = _shifted(events.unit_probability, events.unit_sign, spread, rng)
    unit = unit * (1 + _unshown(events.unit_overlooked, events.unit_sign, faults))
    hair = np.where(events.sign == 0, 1.0, hair) * weight[:, events.cluster]
    unit = np.where(events.unit_sign == 0, 1.0, unit) * weight[:, events.unit_cluster]
    unseen = rng.gamma(UNSEEN_EVENTS, 1.0, (2, 2, DRAWS + 1))
    return _finish(events, hair, unit, unseen, events.diameter_um[None])


def _finish(events: Events, hair: Floats, unit: Floats, unseen: Floats, diameter_um: Floats) -> Draws:
    """Row 0 becomes the estimate; matched hairs and units weigh 1 there.

    A lost or new hair weighs p / (1 - m), m the chance that its one photo would have overlooked it: each
    seen stands for as many as it takes to see one (Horvitz & Thompson 1952).
    """
    hair[0] = np.where(events.sign == 0, 1.0, events.probability / (1 - events.overlooked))
    unit[0] = np.where(events.unit_sign == 0, 1.0, events.unit_probability / (1 - events.unit_overlooked))
    unseen[..., 0] = 0.0
    return Draws(hair, unit, unseen[0], unseen[1], diameter_um)


def _unshown(overlooked: Floats, sign: NDArray[np.int64], faults: Floats) -> Floats:
    """(B, E) hairs overlooked for each one seen, in a photo with so many faults (2, B) times the usual."""
    share = np.minimum(overlooked * faults[_side(sign)].T, MOST_FAULT_SHARE)
    return np.asarray(share / (1 - share))


def _side(sign: NDArray[np.int64]) -> NDArray[np.int64]:
    """Visit that shows a hair: 0 for lost ones, 1 for new ones."""
    return (sign > 0).astype(np.int64)


def _shifted(probability: Floats, sign: NDArray[np.int64], spread: float, rng: np.random.Generator) -> Floats:
    """(B, E) probabilities, the odds of all lost and of all new ones multiplied by one factor each.

    Its logarithm varies by `spread`, and by `SHARE_SPREAD` over the root of one and the number of those that
    are gone: a share is known the better the more it rests on.
    """
    p = np.clip(probability, 1e-6, 1 - 1e-6)
    gone = np.array([p[sign < 0].sum(), p[sign > 0].sum()])
    sd = np.hypot(spread, SHARE_SPREAD / np.sqrt(1 + gone))
    shift = (sd[:, None] * rng.standard_normal((2, DRAWS + 1)))[_side(sign)].T
    return np.asarray(1 / (1 + (1 - p) / p * np.exp(shift)))


def _noisy_diameters(events: Events, rng: np.random.Generator) -> Floats:
    """(B, 2, E) um."""
    wrong = np.where(events.sign == 0, 1 - events.probability, 0.0)
    own = [
        float(np.std(row[np.isfinite(row)])) if np.isfinite(row).any() else 0.0 for row in events.diameter_um
    ]
    shape = (DRAWS + 1, 2, len(events.sign))
    noise = rng.standard_normal(shape) * np.nan_to_num(events.se_um)
    other = rng.standard_normal(shape) * np.array(own)[:, None]
    noise = noise + np.where(rng.random((DRAWS + 1, 1, len(events.sign))) < wrong, other, 0.0)
    noise[0] = 0.0
    return np.asarray(events.diameter_um + noise)
