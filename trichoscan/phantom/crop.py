"""The hairs that a scalp bears, before they have a course: how many, how thick, what befalls them.

Letters for shapes: K hairs, U follicular units.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.biology import THIN_BELOW_UM
from trichoscan.phantom.patch import Patch, draw_fates
from trichoscan.phantom.person import Person
from trichoscan.phantom.style import TUFT_HAIRS, Style

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

THICKEST_UM = 140.0
"""No hair is drawn thicker; our choice."""

THIN_SHORTER_UM = 40.0
"""Below this a hair is paler and, where the style says so, shorter; TrichoScan's cut-off."""

SHOWING = ("kept", "regrowing", "exclamation", "vellus")
"""Fates that leave a shaft on the scalp."""

VELLUS_UM = (12.0, 26.0)
FATE_LENGTH_UM = {"exclamation": (400.0, 3500.0), "vellus": (200.0, 1500.0), "regrowing": (150.0, 1200.0)}
"""Diameter of vellus regrowth; length of broken hairs (a few mm), of vellus and of upright regrowing hairs,
as they project on the photo; our choice."""

ROW_OF_A_TUFT = 5
"""n hairs of a tuft stand as wide as a row of sqrt(n times this); our choice."""

UNIT_FATE_SD = 0.6
HAIR_FATE_SD = 0.8
"""How far the hairs of a unit thin together, and each for itself; squares add up to 1; our choice."""


@dataclass(frozen=True, eq=False)
class Crop:
    """Hairs before they have a course: all (K,).

    Attributes
    ----------
    unit : int64
    side : float64
        Place in the row across the unit, 0 in the middle.
    width_um : float64
    fate : str
        kept, regrowing, or one of `patch.FATES`.
    tuft : bool
        Whether its unit is a tuft: round, not a row.
    """

    unit: Ints
    side: Floats
    width_um: Floats
    fate: NDArray[np.str_]
    tuft: NDArray[np.bool_]

    def only(self, mask: NDArray[np.bool_]) -> Crop:
        """Return those of a mask (K,)."""
        return Crop(*(getattr(self, column.name)[mask] for column in fields(self)))


def draw_crop(person: Person, units_um: Floats, patch: Patch | None, rng: np.random.Generator) -> Crop:
    """Draw how many hairs each unit bears, how thick they are and what befalls them.

    A unit's hairs share part of their fate; the second thins before the first, the third before the
    second. Widths over all hairs follow the person's distribution.
    """
    made = rng.choice(np.arange(1, 6), len(units_um), p=person.per_unit_share)
    tuft: NDArray[np.bool_] = np.zeros(len(units_um), np.bool_)
    if person.tuft_share:
        tuft = rng.random(len(units_um)) < person.tuft_share
        made = np.where(tuft, rng.integers(*TUFT_HAIRS, len(made), endpoint=True), made)
    unit = np.repeat(np.arange(len(units_um)), made)
    rank = np.arange(len(unit)) - np.repeat(np.cumsum(made) - made, made)
    rule = person.rule
    emptied = rng.random(len(units_um)) < rule.empty_share
    stays = rng.random(len(unit)) < person.hairs_left / (1 - rule.empty_share)
    own = rng.normal(0, UNIT_FATE_SD, len(units_um))[unit] + rng.normal(0, HAIR_FATE_SD, len(unit))
    side = _shuffled_within(rank, unit, rng) - (made[unit] - 1) / 2
    side *= np.sqrt(ROW_OF_A_TUFT / np.maximum(made, ROW_OF_A_TUFT))[unit]
    kept = np.full(len(unit), "kept", dtype="<U12")
    crop = Crop(unit, side, own - rule.rank_effect * rank, kept, tuft[unit])
    crop = crop.only(stays & ~emptied[unit])
    k = len(crop.unit)
    width = np.empty(k)
    width[np.argsort(crop.width_um)] = np.sort(draw_diameters(person, k, rng))
    fate = np.where(rng.random(k) < rule.regrowing_share, "regrowing", crop.fate)
    if patch is not None:
        fate = draw_fates(patch, units_um[crop.unit], rng)
    width = np.where(fate == "vellus", rng.uniform(*VELLUS_UM, k), width)
    return replace(crop, width_um=width, fate=fate)


def _shuffled_within(rank: Ints, unit: Ints, rng: np.random.Generator) -> Floats:
    """Ranks dealt anew within each unit: the strongest hair does not always stand at one end."""
    dealt = np.empty(len(rank))
    dealt[np.lexsort((rng.random(len(rank)), unit))] = rank
    return dealt


def draw_diameters(person: Person, n: int, rng: np.random.Generator) -> Floats:
    """(n,) um: thin hairs, and the others about the person's peaks."""
    share = np.array([s for s, _, _ in person.peaks])
    which = rng.choice(len(share), n, p=share / share.sum())
    mean, sd = (np.array([peak[i] for peak in person.peaks])[which] for i in (1, 2))
    limit = min(person.thin_um[1], THIN_BELOW_UM)
    thick = np.abs(rng.normal(mean, sd) - limit) + limit
    thin = rng.random(n) < person.thin_share
    return np.minimum(np.where(thin, rng.uniform(*person.thin_um, n), thick), THICKEST_UM)


def draw_lengths(crop: Crop, style: Style, rng: np.random.Generator) -> Floats:
    """(K,) um, length of each shaft: as cut, shorter where it was thin, broken or grows again."""
    k = len(crop.unit)
    own = rng.uniform(*style.length_um, int(crop.unit.max(initial=-1)) + 1)[crop.unit]
    thin = crop.width_um < THIN_SHORTER_UM
    length = own * rng.lognormal(0, style.length_spread, k) * np.where(thin, style.thin_length, 1.0)
    for fate, (low, high) in FATE_LENGTH_UM.items():
        length = np.where(crop.fate == fate, np.minimum(length, rng.uniform(low, high, k)), length)
    return np.maximum(length, 60.0)
