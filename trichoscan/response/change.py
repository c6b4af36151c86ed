"""How one site of one patient changed between two visits, over the skin that both photos count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from trichoscan.order import is_swapped
from trichoscan.records import Analysis, Change, Estimate, MeasureChange, Pairing, TrichoscanError
from trichoscan.records.estimate import NORMAL_95
from trichoscan.response.alike import unlike
from trichoscan.response.draws import Draws, draw_field, draw_site, fault_spread, generator
from trichoscan.response.events import Events, list_events
from trichoscan.response.fates import COUNTS, count_fates, name_fates
from trichoscan.response.growth import is_phototrichogram, measure_growth
from trichoscan.response.levels import both_measured, levels
from trichoscan.response.rule import judge

Floats = NDArray[np.float64]

VELLUS_BELOW_UM = 30.0
FEWEST_UNITS = 5
FEW_DIAMETERS = 0.5
SCALE_TOLERANCE = 0.05
"""Skin stretches by some percent under the lens, alike in all directions by less."""
PERCENT = {"density_percent": "hair_count", "cumulative_thickness_percent": "thickness_mm"}
MEASURES = (
    "density_per_cm2", "unit_density_per_cm2", "hairs_per_unit", "diameter_um",
    "cumulative_thickness_mm_per_cm2", "terminal_per_cm2", "vellus_per_cm2", "vellus_percent",
)  # fmt: skip
NOT_KNOWN = Estimate(float("nan"), float("nan"), float("nan"), 0)
UNKNOWN_CHANGE = MeasureChange(float("nan"), float("nan"), NOT_KNOWN, NOT_KNOWN)


def quantify_change(
    baseline: Analysis,
    followup: Analysis,
    pairing: Pairing,
    days: float | None = None,
    vellus_below_um: float = VELLUS_BELOW_UM,
) -> Change:
    """Change of every measure over the common field, and what became of each hair.

    Matched hairs are there at both visits and cancel; the change of a count is the sum of the
    probabilities of the new hairs less that of the lost ones.

    Parameters
    ----------
    baseline, followup : Analysis
    pairing : Pairing
        Of these two.
    days : float, optional
        Between the visits; where they are 1 to 7 growth is measured, and no response is judged.
    vellus_below_um : float
        Hairs thinner than this are vellus.

    Returns
    -------
    Change
        What cannot be known is NaN, and a flag says why. Exchanging the visits negates every change and
        exchanges every pair of counts; percentages are of the baseline and do not negate.

    Raises
    ------
    TrichoscanError
        The alignment was refused.
    """
    alignment = pairing.alignment
    if not alignment.accepted:
        raise TrichoscanError(f"no change can be quantified: {alignment.reason}")
    swapped = is_swapped(baseline, followup)
    events = list_events(baseline, followup, pairing)
    rng = generator(baseline, followup)
    spread = fault_spread(baseline, followup)
    scaled = baseline.um_per_px is not None and followup.um_per_px is not None
    overlap = alignment.overlap_cm2
    area_cm2 = overlap if overlap and scaled else float("nan")
    empty = not alignment.overlap_mask.any()
    scene = _Scene(events, area_cm2, vellus_below_um, swapped)
    field, site = draw_field(events, spread, rng), draw_site(events, spread, rng)
    measures = {} if empty else _measures(scene, field, site)
    for name in (*MEASURES, *PERCENT) if empty else ():
        measures[name] = UNKNOWN_CHANGE
    count = _count_change(scene, field, site)
    least = _smallest_detectable(events, field)
    judged = not empty and not is_phototrichogram(days)
    return Change(
        area_cm2=area_cm2,
        days=days,
        measures=measures,
        counts=dict.fromkeys(COUNTS, NOT_KNOWN)
        if empty
        else count_fates(events, field, vellus_below_um, swapped, rng),
        fates=name_fates(events, pairing, swapped),
        smallest_detectable_change_per_cm2=float("nan") if empty else least / area_cm2,
        response=judge(count[0], count[1], least) if judged else "inconclusive",
        growth=measure_growth(baseline, followup, pairing, days)
        if days is not None and days > 0 and is_phototrichogram(days)
        else None,
        flags=_flags(baseline, followup, pairing, events, days),
    )


@dataclass(frozen=True, eq=False)
class _Scene:
    events: Events
    area_cm2: float
    vellus_below_um: float
    swapped: bool

    def levels(self, draws: Draws) -> dict[str, Floats]:
        """(2, B) levels, baseline first."""
        found = levels(self.events, draws, self.area_cm2, self.vellus_below_um)
        return {name: value[::-1] if self.swapped else value for name, value in found.items()}

    @property
    def degrees(self) -> int:
        """Of freedom: units less one."""
        return max(self.events.clusters - 1, 1)


def _measures(scene: _Scene, field: Draws, site: Draws) -> dict[str, MeasureChange]:
    in_field, in_site = scene.levels(field), scene.levels(site)
    pairs = int(np.count_nonzero(both_measured(scene.events)))
    out = {}
    for name in MEASURES:
        level = in_field[name]
        n = pairs if name == "diameter_um" else len(scene.events.sign)
        here = _about(level[1] - level[0], n)
        there = _middle(in_site[name][1] - in_site[name][0], scene, here)
        out[name] = MeasureChange(float(level[0, 0]), float(level[1, 0]), here, there)
    for name, source in PERCENT.items():
        known = in_field[source][0, 0] > 0 and np.isfinite(in_field[source][1, 0])
        if source == "thickness_mm" and not np.isfinite(scene.area_cm2):
            known = False
        out[name] = UNKNOWN_CHANGE
        if known:
            here = _about(_percent(in_field[source]), len(scene.events.sign))
            there = _middle(_percent(in_site[source]), scene, here)
            out[name] = MeasureChange(100.0, 100.0 + here.value, here, there)
    return out


def _percent(level: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(level[0] > 0, 100 * (level[1] / level[0] - 1), np.nan))


def _about(drawn: Floats, n: int) -> Estimate:
    """Estimate of row 0, with 1.96 times the root-mean-square distance of the draws from it."""
    value, others = float(drawn[0]), _finite(drawn)
    if not np.isfinite(value) or not len(others):
        return NOT_KNOWN
    half = NORMAL_95 * float(np.sqrt(np.mean((others - value) ** 2)))
    return Estimate(value, value - half, value + half, n)


def _middle(drawn: Floats, scene: _Scene, field: Estimate) -> Estimate:
    """Estimate of row 0, with the middle 95 % of the draws, each end moved out for few units.

    No less is unknown of the site than of the field: the interval holds the field's.

    That is by Student's t for the normal quantile, and by sqrt((C + 1) / (C - 1)): the mean over C units,
    drawn with such weights, has that much less of a variance (Rubin 1981). Ranks are counted from both
    sides, so that the negated draws have the negated ends to the last bit.
    """
    value, others = float(drawn[0]), np.sort(_finite(drawn))
    if not np.isfinite(value) or not len(others):
        return NOT_KNOWN
    c = scene.degrees
    wider = float(student.ppf(0.975, c) / NORMAL_95 * np.sqrt((c + 2) / c))
    rank = round(0.025 * len(others))
    below, above = value - others[rank], others[-1 - rank] - value
    low, high = value - wider * max(below, 0.0), value + wider * max(above, 0.0)
    return Estimate(value, min(float(low), field.low), max(float(high), field.high), scene.events.clusters)


def _finite(drawn: Floats) -> Floats:
    """Draws less row 0, those that are known."""
    return drawn[1:][np.isfinite(drawn[1:])]


def _count_change(scene: _Scene, field: Draws, site: Draws) -> tuple[Estimate, float]:
    """Change of the number of hairs with the site's interval, and the mean number of both visits.

    The response is judged on numbers, for they need no scale.
    """
    level, here = scene.levels(site)["hair_count"], scene.levels(field)["hair_count"]
    change = _middle(level[1] - level[0], scene, _about(here[1] - here[0], scene.events.clusters))
    return change, float(level[:, 0].mean())


def _smallest_detectable(events: Events, field: Draws) -> float:
    """Hairs: 1.96 times the standard error that detection and matching leave in this field, at least one.

    The field's own standard error, with what real changes add to it (hairs that went unseen) left in.
    """
    change = (field.hair @ np.sign(events.sign)) + field.unseen[1] - field.unseen[0]
    error = float(np.sqrt(np.mean((change[1:] - change[0]) ** 2)))
    return max(NORMAL_95 * error, 1.0)


def _flags(
    baseline: Analysis, followup: Analysis, pairing: Pairing, events: Events, days: float | None
) -> tuple[str, ...]:
    flags = unlike(baseline, followup, pairing.alignment, regrown=is_phototrichogram(days))
    if is_phototrichogram(days):
        flags.add("too_soon")
    scales = baseline.um_per_px, followup.um_per_px
    if scales[0] is None or scales[1] is None:
        flags.add("no_scale")
    elif abs(np.log(pairing.alignment.scale * scales[1] / scales[0])) > SCALE_TOLERANCE:
        flags.add("scales_disagree")
    if not pairing.alignment.overlap_mask.any():
        flags.add("no_common_field")
    elif events.clusters < FEWEST_UNITS:
        flags.add("few_units")
    matched = np.count_nonzero(events.sign == 0)
    if matched and np.count_nonzero(both_measured(events)) < FEW_DIAMETERS * matched:
        flags.add("few_diameters")
    if baseline.weights != followup.weights:
        flags.add("other_weights")
    return tuple(sorted(flags))
