"""Chance that belongs to a hair: the same in every photo, whichever hairs lie about it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def own_chance(seeds: Sequence[int] | NDArray[np.int64], question: int) -> Floats:
    """Answer a question about each of some hairs by chance.

    Parameters
    ----------
    seeds : (K,) int
        `TrueHair.seed` of each.
    question : int
        Not negative; answers to two questions are independent.

    Returns
    -------
    (K,) float64
        0-1, evenly spread: the upper bits of SplitMix64 (Steele, Lea and Flood 2014) at seed and question.
    """
    mixed = np.asarray(seeds, dtype=np.int64).reshape(-1).astype(np.uint64)
    mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0xD1B54A32D192ED03 * (question + 1) % 2**64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return np.asarray((mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53)
