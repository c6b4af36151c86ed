"""The numbers of a photo as it stands after its corrections, by the same code that `analyze` uses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.measure.density import count_hairs, counting_mask, roots_in
from trichoscan.measure.units import group_units
from trichoscan.pipeline import COUNT_FLAGS, count_flags
from trichoscan.records import Analysis, Hair
from trichoscan.records.estimate import NORMAL_95
from trichoscan.study.corrections.events import FIRST_REVIEW_HAIR, GONE, Slots

REVIEWED_COUNT_CV = 0.05
"""Relative SD of a count that a person corrected: their change errors, 7 % of the count for two photos
(Karger SAD 8(5):382), divided by sqrt 2."""
SUBPIXEL_BITS = 4


@dataclass(frozen=True, eq=False)
class Reviewed:
    """A photo as it stands.

    Attributes
    ----------
    analysis : Analysis
        K hairs, in the order of an automatic one.
    ids : tuple of int
        (K,) number of each hair in hairs.csv.
    """

    analysis: Analysis
    ids: tuple[int, ...]


def hair_slot(hair: Hair, made_of: Sequence[int] = ()) -> dict[str, Any]:
    """Slot of a hair made in review; `made_of` are the hairs it was made from."""
    return {
        "path_px": [[round(float(x), 2), round(float(y), 2)] for x, y in hair.path_px],
        "confidence": hair.confidence,
        "flags": list(hair.flags),
        "diameter_px": _or_none(hair.diameter_px),
        "diameter_se_px": _or_none(hair.diameter_se_px),
        "widths_px": [[round(float(v), 3) for v in row] for row in hair.widths_px],
        "width_profiles": hair.width_profiles,
        "made_of": list(made_of),
    }


def _or_none(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


def slot_hair(slot: dict[str, Any]) -> Hair:
    """Hair of a slot."""
    diameter, se = (
        math.nan if slot[name] is None else slot[name] for name in ("diameter_px", "diameter_se_px")
    )
    return Hair(
        np.array(slot["path_px"], np.float64),
        slot["confidence"],
        tuple(slot["flags"]),
        diameter,
        se,
        np.array(slot["widths_px"], np.float64).reshape(-1, 3),
        slot["width_profiles"],
    )


def standing_hairs(base: Analysis, slots: Slots) -> dict[int, Hair]:
    """Hairs by number, from top to bottom and left to right by root."""
    hairs = {
        index + 1: hair for index, hair in enumerate(base.hairs) if slots.get(f"hair/{index + 1}") != GONE
    }
    for name, slot in slots.items():
        if name.startswith("hair/") and slot != GONE:
            hairs[int(name.removeprefix("hair/"))] = slot_hair(slot)
    if all(number < FIRST_REVIEW_HAIR for number in hairs):
        return hairs
    return dict(sorted(hairs.items(), key=lambda item: (item[1].root_px[1], item[1].root_px[0], item[0])))


def next_hair(numbers: Sequence[int]) -> int:
    """Number of the next hair made in review; `numbers` are all that were ever given."""
    return max([FIRST_REVIEW_HAIR - 1, *numbers]) + 1


def recount(base: Analysis, slots: Slots) -> Reviewed:
    """Count, group and summarize again what stands.

    A hair that a person made or put right is there for sure; when the photo is signed off every hair is. Of a
    photo that is signed off nothing is left doubtful, and the count's own spread is that of counts which
    people corrected, `REVIEWED_COUNT_CV`.

    Parameters
    ----------
    base : Analysis
        The automatic result.
    slots : mapping
        See `corrections.events`.

    Returns
    -------
    Reviewed
        `base` itself where nothing is corrected.
    """
    signed = bool(slots.get("signed"))
    if not signed and not any(name.partition("/")[0] in CORRECTED for name in slots):
        return Reviewed(base, tuple(range(1, len(base.hairs) + 1)))
    standing = standing_hairs(base, slots)
    hairs = tuple(replace(hair, confidence=1.0) if signed else hair for hair in standing.values())
    ids = tuple(standing)
    mask = _counting_mask(base, slots)
    counted = roots_in(hairs, mask)
    cv = REVIEWED_COUNT_CV if signed else count_cv_of(base)
    flags = (set(base.flags) - set(COUNT_FLAGS)) | count_flags(hairs, counted, mask, base.um_per_px)
    analysis = replace(
        base,
        hairs=hairs,
        unit_of_hair=_units(hairs, ids, base, slots),
        counted=counted,
        counting_mask=mask,
        hair_count=count_hairs(hairs, counted, cv),
        flags=tuple(sorted(flags)),
        doubtful=() if signed else base.doubtful,
    )
    return Reviewed(analysis, ids)


CORRECTED = ("hair", "area", "excluded", "unit")
"""Slots of a photo that change its numbers."""


def count_cv_of(analysis: Analysis) -> float:
    """Relative SD of the photo as a whole behind an automatic count, from the interval it made."""
    p = np.array([h.confidence for h, inside in zip(analysis.hairs, analysis.counted, strict=True) if inside])
    if not len(p):
        return REVIEWED_COUNT_CV
    variance = ((analysis.hair_count.high - analysis.hair_count.value) / NORMAL_95) ** 2
    return math.sqrt(max(variance - float(np.sum(p * (1 - p))), 0.0)) / len(p)


def _counting_mask(base: Analysis, slots: Slots) -> NDArray[np.bool_]:
    """The automatic area or the one marked in its place, less the guard strip and what was excluded.

    A person may count where the program saw no usable scalp, but not in the guard strip at the photo's edge.
    """
    mask = base.counting_mask
    if "area" in slots:
        photo = np.ones(mask.shape, bool)
        mask = counting_mask(photo, base.um_per_px, None) & fill(slots["area"], mask.shape)
    for name in sorted(slots):
        if name.startswith("excluded/"):
            mask = mask & ~fill(slots[name], mask.shape)
    return mask


def fill(corners_px: Sequence[Sequence[float]], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """(H, W) bool: pixels whose centre lies in the polygon with these corners, or on its border."""
    canvas = np.zeros(shape[:2], np.uint8)
    corners = np.round(np.array(corners_px, float) * 2**SUBPIXEL_BITS).astype(np.int32)
    cv2.fillPoly(canvas, [corners], 1, shift=SUBPIXEL_BITS)
    return canvas.astype(bool)


def _units(hairs: Sequence[Hair], ids: Sequence[int], base: Analysis, slots: Slots) -> NDArray[np.int64]:
    """Units as grouped, and by hand where it was said; numbered in order of first appearance."""
    unit = group_units(hairs, base.um_per_px)
    by_hand = [slots.get(f"unit/{number}") for number in ids]
    labels = [
        (0, int(automatic)) if hand is None else (1, int(hand))
        for automatic, hand in zip(unit, by_hand, strict=True)
    ]
    order = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    return np.array([order[label] for label in labels], np.int64)
