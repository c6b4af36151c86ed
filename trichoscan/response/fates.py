"""Which hairs are lost, new, regrown, thickened or miniaturized, and how many that makes, with intervals.

E: hairs of the common field, B: draws; see `events` and `draws`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from trichoscan.records import Estimate, HairFate, Pairing
from trichoscan.response.draws import Draws
from trichoscan.response.events import Events
from trichoscan.response.levels import both_measured

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LIKELIER = 0.5
"""As in pairs.csv: likelier gone than not."""
FALSE_POSITIVE_RATE = 0.01
"""Hairs of unchanged diameter that are called thickened or miniaturized, half of them each."""


def changed(events: Events) -> NDArray[np.int64]:
    """(E,) -1 miniaturized, 0 not, 1 thickened: changed by more than 2.58 of its own standard errors.

    Only `Events.comparable` hairs are called so.
    """
    z = np.zeros(len(events.sign))
    use = both_measured(events) & events.comparable
    error = np.hypot(*events.se_um[:, use])
    z[use] = (events.diameter_um[1] - events.diameter_um[0])[use] / np.maximum(error, 1e-9)
    return (np.sign(z) * (np.abs(z) > norm.isf(FALSE_POSITIVE_RATE / 2))).astype(np.int64)


def name_fates(events: Events, pairing: Pairing, swapped: bool) -> tuple[HairFate, ...]:
    """Fate of each hair of `Pairing.matches`; outside the common field a matched one is "kept"."""
    names: list[HairFate] = ["kept"] * len(pairing.matches)
    direction = -1 if swapped else 1
    for match, sign, change, whole in zip(
        events.match, events.sign * direction, changed(events) * direction, events.whole_unit, strict=True
    ):
        if sign:
            names[match] = "lost" if sign < 0 else "regrown" if whole else "new"
        elif change:
            names[match] = "thickened" if change > 0 else "miniaturized"
    return tuple(names)


def count_fates(
    events: Events, field: Draws, vellus_below_um: float, swapped: bool, rng: np.random.Generator
) -> dict[str, Estimate]:
    """Numbers of `Change.counts`.

    Lost and new hairs and units: the sum of their probabilities, and the middle 95 % of the field's draws,
    drawn out to the number of those that are likelier lost, or new, than not.
    Thickened and miniaturized: the number called so; the interval takes away those that chance would have
    called so. Kinds: matched hairs that crossed the limit; the interval is that of the draws about it.

    Returns
    -------
    dict of str to Estimate
        n: the hairs (units) that could have shown it.
    """
    out: dict[str, Estimate] = {}
    for sign in (-1, 1):
        now = sign * (-1 if swapped else 1)
        hairs, units = events.sign == sign, events.unit_sign == sign
        seen = len(events.sign) - int(np.count_nonzero(events.sign == -sign))
        seen_units = len(events.unit_sign) - int(np.count_nonzero(events.unit_sign == -sign))
        unseen = field.unseen[0 if sign < 0 else 1]
        out["lost_hairs" if now < 0 else "new_hairs"] = _middle(
            field.hair[:, hairs].sum(1) + unseen, seen, int((events.probability[hairs] >= LIKELIER).sum())
        )
        with_unit = field.hair[:, hairs & events.whole_unit].sum(1)
        out["emptied_hairs" if now < 0 else "regrown_hairs"] = _middle(with_unit, seen)
        out["emptied_units" if now < 0 else "reactivated_units"] = _middle(
            field.unit[:, units].sum(1), seen_units
        )
        out["miniaturized_hairs" if now < 0 else "thickened_hairs"] = _beyond_chance(events, sign, rng)
        out["to_vellus_hairs" if now < 0 else "to_terminal_hairs"] = _crossed(
            events, field, vellus_below_um, sign
        )
    return {name: out[name] for name in COUNTS}


COUNTS = (
    "lost_hairs", "new_hairs", "regrown_hairs", "emptied_hairs", "thickened_hairs", "miniaturized_hairs",
    "to_terminal_hairs", "to_vellus_hairs", "reactivated_units", "emptied_units",
)  # fmt: skip


def _middle(drawn: Floats, n: int, called: float | None = None) -> Estimate:
    """Row 0 is the estimate; the interval always holds it, and the number `called`."""
    low, high = np.percentile(drawn[1:], [2.5, 97.5])
    value = float(drawn[0])
    others = (value,) if called is None else (value, called)
    return Estimate(value, min(float(low), *others), max(float(high), *others), n)


def _beyond_chance(events: Events, sign: int, rng: np.random.Generator) -> Estimate:
    """Hairs called thickened (sign 1) or miniaturized (-1).

    The low end leaves out as many false ones as the Poisson law allows at 97.5 %; the high end adds the
    spread of a binomial count.
    """
    n = int(np.count_nonzero(both_measured(events) & events.comparable))
    if n == 0:
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    called = changed(events) == sign
    value = float(events.probability[called].sum())
    false = float(np.percentile(rng.poisson(n * FALSE_POSITIVE_RATE / 2, 2000), 97.5))
    share = np.clip((value + 2.0) / (n + 4.0), 0, 1)  # Agresti & Coull 1998
    high = min(value + 1.96 * float(np.sqrt(n * share * (1 - share))), float(n))
    return Estimate(value, max(value - false, 0.0), max(high, value), n)


def _crossed(events: Events, field: Draws, vellus_below_um: float, sign: int) -> Estimate:
    """Matched hairs that became terminal (sign 1) or vellus (-1)."""
    use = both_measured(events)
    if not use.any():
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    thin = field.diameter_um[:, :, use] < vellus_below_um
    # Sign 1 is thickening from the first visit to the second, in the order of computing.
    was, became = (thin[:, 0], ~thin[:, 1]) if sign > 0 else (~thin[:, 0], thin[:, 1])
    crossed = (was & became).sum(axis=1).astype(np.float64)
    value = float(crossed[0])
    half = 1.96 * float(np.sqrt(crossed[1:].var() + (crossed[1:].mean() - value) ** 2))
    return Estimate(value, max(value - half, 0.0), value + half, int(use.sum()))
