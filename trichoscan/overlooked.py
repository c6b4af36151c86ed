"""How often detection overlooks a hair: matching and response judge by the same figures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MISSED_FLOOR, MISSED_POWER, MOST_MISSED = 0.005, 1.5, 0.5
"""Chance that detection overlooks a hair which the other visit shows with confidence c: this floor and
(1 - c) to this power. On 48 plucked pairs of the 24 validation photos of follicle-v1 0.25, 0.21, 0.09, 0.03,
0.009 and 0.002 of the hairs with confidence 0.55-0.65, -0.75, -0.85, -0.92, -0.97 and above were missed.
Those are the same photos moved, relit and recompressed: with another focus or gel more will be missed."""


def overlooked(confidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K,) chance that detection overlooks hairs as plain to see as those of these confidences, 0-1."""
    return np.minimum(MISSED_FLOOR + (1 - confidence) ** MISSED_POWER, MOST_MISSED)
