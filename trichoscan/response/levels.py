"""Levels of every measure at both visits, for each draw.

B: draws; E: hairs of the common field; see `events` and `draws`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trichoscan.response.draws import Draws
from trichoscan.response.events import Events

Floats = NDArray[np.float64]

LEAST_VARIANCE_UM2 = 1e-4
"""Of a change of diameter: no weight is infinite."""


def levels(events: Events, draws: Draws, area_cm2: float, vellus_below_um: float) -> dict[str, Floats]:
    """(2, B) level of each measure of `Change.measures` that is no percent; NaN where there is none.

    Parameters
    ----------
    events : Events
    draws : Draws
    area_cm2 : float
        NaN without a scale.
    vellus_below_um : float

    Returns
    -------
    dict of str to (2, B) float64
        hair_count and thickness_mm too, the sums over the field.
    """
    there = np.stack([events.sign <= 0, events.sign >= 0]).astype(np.float64)
    count = np.stack([draws.hair @ row for row in there]) + draws.unseen
    unit_there = np.stack([events.unit_sign <= 0, events.unit_sign >= 0]).astype(np.float64)
    units = np.stack([draws.unit @ row for row in unit_there]) + draws.unseen_units
    with np.errstate(divide="ignore", invalid="ignore"):
        per_unit = np.where(units > 0, count / units, np.nan)
        thickness = _thickness_mm(events, draws, count, there)
        terminal, vellus = _kinds(events, draws, vellus_below_um)
        measured = terminal + vellus
        return {
            "hair_count": count,
            "thickness_mm": thickness,
            "density_per_cm2": count / area_cm2,
            "unit_density_per_cm2": units / area_cm2,
            "hairs_per_unit": per_unit,
            "diameter_um": _matched_diameter_um(events, draws),
            "cumulative_thickness_mm_per_cm2": thickness / area_cm2,
            "terminal_per_cm2": terminal / area_cm2,
            "vellus_per_cm2": vellus / area_cm2,
            "vellus_percent": np.where(measured > 0, 100 * vellus / measured, np.nan),
        }


def both_measured(events: Events) -> NDArray[np.bool_]:
    """(E,) matched hairs with a diameter and its error at both visits."""
    known = np.isfinite(events.diameter_um) & np.isfinite(events.se_um)
    return (events.sign == 0) & known.all(axis=0)


def _matched_diameter_um(events: Events, draws: Draws) -> Floats:
    """Mean diameter of the matched hairs, weighted by how well each one's change is known.

    Weights q / (se1^2 + se2^2 + t^2), q the probability of the match, t the SD of true changes between
    hairs (DerSimonian & Laird 1986): the better measured weigh more, but never all.
    """
    use = both_measured(events)
    if not use.any():
        return np.full((2, len(draws.hair)), np.nan)
    weight = diameter_weights(events)[use]
    value = np.nan_to_num(draws.diameter_um[:, :, use])
    weighed = draws.hair[:, use] * weight
    total = weighed.sum(axis=1)
    mean = np.einsum("bvh,bh->vb", np.broadcast_to(value, (len(weighed), *value.shape[1:])), weighed)
    return np.asarray(np.where(total > 0, mean / total, np.nan))


def diameter_weights(events: Events) -> Floats:
    """(E,) weight of each hair's change of diameter; 0 where there is none."""
    use = both_measured(events)
    change = (events.diameter_um[1] - events.diameter_um[0])[use]
    variance = np.maximum((events.se_um[:, use] ** 2).sum(axis=0), LEAST_VARIANCE_UM2)
    q = events.probability[use]
    w = q / variance
    between = 0.0
    if len(w) > 1:
        mean = float(w @ change / w.sum())
        excess = float(w @ (change - mean) ** 2) - float(
            np.sum(w * variance) - np.sum(w**2 * variance) / w.sum()
        )
        between = max(excess / float(w.sum() - np.sum(w**2) / w.sum()), 0.0)
    out = np.zeros(len(events.sign))
    out[use] = q / (variance + between)
    return out


def _thickness_mm(events: Events, draws: Draws, count: Floats, there: Floats) -> Floats:
    """Sum of diameters, mm: hairs without one are as thick as the measured ones of their kind on average."""
    both = both_measured(events)
    out = np.full((2, len(draws.hair)), np.nan)
    for visit in (0, 1):
        diameter = draws.diameter_um[:, visit]
        alone = (there[visit] > 0) & (events.sign != 0)
        matched = events.sign == 0
        known = there[visit].astype(bool) & np.isfinite(events.diameter_um[visit])
        if not known.any():
            out[visit] = np.where(count[visit] == 0, 0.0, np.nan)
            continue
        mean = float(events.diameter_um[visit, known].mean())
        among = draws.hair[:, both].sum(axis=1)
        paired = (draws.hair[:, both] * np.nan_to_num(diameter[:, both])).sum(axis=1)
        middle = np.where(among > 0, paired / np.maximum(among, 1e-9), mean)
        of_alone = np.where(np.isfinite(diameter[:, alone]), diameter[:, alone], mean)
        total = middle * draws.hair[:, matched].sum(axis=1) + (draws.hair[:, alone] * of_alone).sum(axis=1)
        out[visit] = (total + draws.unseen[visit] * mean) * 1e-3
    return out


def _kinds(events: Events, draws: Draws, vellus_below_um: float) -> tuple[Floats, Floats]:
    """(2, B) terminal and vellus hairs among those measured: matched ones at both visits.

    Of the unseen ones as large a share is thin as of the measured ones of that visit.
    """
    both = both_measured(events)
    kinds = np.full((2, 2, len(draws.hair)), np.nan)
    for visit in (0, 1):
        alone = (events.sign == (1 if visit else -1)) & np.isfinite(events.diameter_um[visit])
        use = both | alone
        if np.isfinite(events.diameter_um).any() or not len(events.sign):
            thin = draws.diameter_um[:, visit][:, use] < vellus_below_um
            weight = draws.hair[:, use]
            unseen_thin = draws.unseen[visit] * (thin[0].mean() if thin.size else 0.0)
            kinds[0, visit] = (weight * ~thin).sum(axis=1) + draws.unseen[visit] - unseen_thin
            kinds[1, visit] = (weight * thin).sum(axis=1) + unseen_thin
    return kinds[0], kinds[1]
