"""How far detection can be trusted: measuring, matching and response judge by the same figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_MISSED = 0.5


@dataclass(frozen=True)
class Repeatability:
    """What weights do when they see the same hairs on another photo.

    Measured by `benchmarks/repeatability.py` and kept with the weights; the figures here are those of
    follicle-v1, for weights that have none. Plucked pairs are the same photos moved, relit and recompressed:
    with another focus or gel more will be missed.

    Attributes
    ----------
    overlooked_floor, overlooked_power : float
        Chance to overlook a hair which the other visit shows with confidence c: the floor, and (1 - c) to
        the power. On 48 plucked pairs of 24 validation photos 0.25, 0.21, 0.09, 0.03, 0.009 and 0.002 of the
        hairs with confidence 0.55-0.65, -0.75, -0.85, -0.92, -0.97 and above were missed.
    recovered : float
        Of those, the share that is found among the doubtful hairs: 78 of 146.
    transient : float
        A detection is no hair, and not there at the other visit, with this share of (1 - c): 13 of 108 on 12
        pairs of phantoms with loose hair clippings, 9 of 166 on plucked pairs, of which both photos are one.
    """

    overlooked_floor: float = 0.005
    overlooked_power: float = 1.5
    recovered: float = 0.5
    transient: float = 0.12


FOLLICLE_V1 = Repeatability()


def overlooked(confidence: NDArray[np.float64], weights: Repeatability = FOLLICLE_V1) -> NDArray[np.float64]:
    """(K,) chance that detection overlooks hairs as plain to see as those of these confidences, 0-1."""
    missed = weights.overlooked_floor + (1 - confidence) ** weights.overlooked_power
    return np.minimum(missed, MOST_MISSED)


def shared_cv(count_sd: float, confidence: NDArray[np.float64]) -> float:
    """Relative SD of the error of a count that the photo as a whole makes.

    Parameters
    ----------
    count_sd : float
        Standard error of the count, of which that of its single hairs, p (1 - p) each, is a part.
    confidence : (N,) float64
        Of the hairs counted.

    Returns
    -------
    float
        0 where none was counted.
    """
    p = np.clip(confidence, 0.0, 1.0)
    own = float(np.sum(p * (1 - p)))
    return float(np.sqrt(max(count_sd**2 - own, 0.0))) / len(p) if len(p) else 0.0
