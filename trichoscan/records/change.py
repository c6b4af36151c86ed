"""How much one site changed between two visits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trichoscan.records.estimate import Estimate

Response = Literal["improved", "stable", "worsened", "inconclusive"]
HairFate = Literal["kept", "thickened", "miniaturized", "lost", "new", "regrown"]


@dataclass(frozen=True)
class MeasureChange:
    """One measure at two visits, over their common field; NaN where it cannot be known.

    Attributes
    ----------
    baseline, followup : float
        Its level; of `diameter_um`, over the hairs that are matched and measured at both visits.
    field : Estimate
        Change in this very piece of skin: detection, matching and measuring error.
    site : Estimate
        Change of the site of which this piece is a sample: spatial sampling too. n: follicular units.
    """

    baseline: float
    followup: float
    field: Estimate
    site: Estimate


@dataclass(frozen=True)
class Growth:
    """What a phototrichogram tells; NaN where it cannot be known.

    Attributes
    ----------
    growth_um_per_day : Estimate
        Mean rate of the hairs in anagen.
    anagen_percent : Estimate
        Share of hairs that grow.
    censored : int
        Hairs of which only a bound of the length is known at one visit.
    flags : tuple of str
        Keys of `CHANGE_FLAGS`.
    """

    growth_um_per_day: Estimate
    anagen_percent: Estimate
    censored: int
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Change:
    """What became of one site between two visits.

    Attributes
    ----------
    area_cm2 : float
        Of the common field; NaN without a scale.
    days : float or None
        Between the visits.
    measures : dict of str to MeasureChange
        density_per_cm2, unit_density_per_cm2, hairs_per_unit, diameter_um,
        cumulative_thickness_mm_per_cm2, terminal_per_cm2, vellus_per_cm2, vellus_percent; and
        density_percent and cumulative_thickness_percent, changes in percent of the baseline, whose levels
        are 100 and what that has become.
    counts : dict of str to Estimate
        Hairs of the common field that are lost_hairs, new_hairs, regrown_hairs (the new ones whose unit
        stood empty), emptied_hairs (the lost ones whose unit stands empty), thickened_hairs,
        miniaturized_hairs, to_terminal_hairs, to_vellus_hairs; and reactivated_units, emptied_units.
    fates : tuple of str
        What became of each hair of `Pairing.matches`, in its order.
    smallest_detectable_change_per_cm2 : float
        Change of density in this field beyond which 95 % of no-change pairs do not come.
    response : str
    growth : Growth or None
        Of visits at most 7 days apart.
    flags : tuple of str
        Keys of `CHANGE_FLAGS`, sorted.
    """

    area_cm2: float
    days: float | None
    measures: dict[str, MeasureChange]
    counts: dict[str, Estimate]
    fates: tuple[HairFate, ...]
    smallest_detectable_change_per_cm2: float
    response: Response
    growth: Growth | None
    flags: tuple[str, ...] = ()
