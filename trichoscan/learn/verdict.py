"""Which hairs of a photo are right, hair by hair and unit by unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trichoscan.learn.hair_sets import NO_UNIT, HairSet
from trichoscan.learn.pairing import Pairs, pair_hairs


@dataclass(frozen=True, eq=False)
class Verdict:
    """How one photo came out.

    Attributes
    ----------
    image, status : str
    um_per_px : float
    focus : float
        As images.csv has it; NaN where it has none.
    found, true : HairSet
        K hairs each.
    pairs : Pairs
        Of a found and a true hair, those that are not judged among them.
    found_judged, found_right, true_judged, true_hit : (K,) bool
        Hairs that are judged, and those of them that are paired.
    """

    image: str
    status: str
    um_per_px: float
    focus: float
    found: HairSet
    true: HairSet
    pairs: Pairs
    found_judged: NDArray[np.bool_]
    found_right: NDArray[np.bool_]
    true_judged: NDArray[np.bool_]
    true_hit: NDArray[np.bool_]


def judge_photo(
    image: str, status: str, found: HairSet, true: HairSet, *, um_per_px: float, focus: float
) -> Verdict:
    """Pair the hairs of a photo and say which are right.

    A found hair that is paired is judged where its true hair is; one that is not, where its own root
    is neither at the photo's edge nor at a seam. A true hair is judged unless the set says otherwise.
    """
    pairs = pair_hairs(found.ends_px, true.ends_px, um_per_px)
    true_judged, found_judged = ~true.ignored, ~found.ignored
    found_judged[pairs.found] = true_judged[pairs.true]
    hit, right = np.zeros(len(true), bool), np.zeros(len(found), bool)
    hit[pairs.true], right[pairs.found] = True, True
    return Verdict(
        image,
        status,
        um_per_px,
        focus,
        found,
        true,
        pairs,
        found_judged,
        right & found_judged,
        true_judged,
        hit & true_judged,
    )


def unit_sizes(hairs: HairSet) -> NDArray[np.int64]:
    """(K,) hairs of the unit that each hair belongs to; 1 for debris."""
    _, inverse, count = np.unique(hairs.unit, return_inverse=True, return_counts=True)
    return np.where(hairs.unit == NO_UNIT, 1, count[inverse]).astype(np.int64)


def units_right(verdict: Verdict) -> tuple[int, int]:
    """Count units whose number of hairs was found.

    A true unit is judged when all of its hairs are. Its number is right when the found unit that holds
    most of its hairs has as many hairs as it; found hairs that are debris in the truth do not count. A
    unit of which no hair was found is wrong.

    Returns
    -------
    right, judged : int
    """
    found, true, pairs = verdict.found, verdict.true, verdict.pairs
    is_debris = np.zeros(len(found), bool)
    is_debris[pairs.found] = true.unit[pairs.true] == NO_UNIT
    right = judged = 0
    for unit in np.unique(true.unit[true.unit != NO_UNIT]):
        members = true.unit == unit
        if not verdict.true_judged[members].all():
            continue
        judged += 1
        holders = found.unit[pairs.found[members[pairs.true]]]
        if len(holders):
            names, count = np.unique(holders, return_counts=True)
            size = np.count_nonzero((found.unit == names[np.argmax(count)]) & ~is_debris)
            right += int(size == np.count_nonzero(members))
    return right, judged
