"""A pairing as columns: one row for each hair, and for each follicular unit, of the common field.

E: hairs of the common field; V: units; first axis of length 2: the earlier and the later visit.

Swapping the visits must negate every change to the last bit, chance draws included. So all is computed in
one order of the visits (`order.is_swapped`), and turned back at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from trichoscan.order import is_swapped
from trichoscan.overlooked import overlooked
from trichoscan.records import Analysis, Hair, Match, Pairing

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

T = TypeVar("T")

SIGN = {"matched": 0, "lost": -1, "new": 1}


@dataclass(frozen=True, eq=False)
class Events:
    """What happened to the hairs and units of the common field.

    Attributes
    ----------
    sign : (E,) int64
        -1 lost, 0 matched, 1 new.
    match : (E,) int64
        Number in `Pairing.matches`.
    probability : (E,) float64
        That this is what became of it.
    cluster : (E,) int64
        Follicular unit, over both visits: units that share a matched hair are one.
    overlooked : (E,) float64
        Chance that detection would have overlooked it in the one photo that shows it; 0 where matched.
    diameter_um, se_um : (2, E) float64
        NaN where not measured or not there.
    comparable : (E,) bool
        Matched, and measured alike at both visits: found by detection itself, and touched by other hairs at
        both or at neither. Two hairs that were taken for one at one visit have a diameter there, too, twice
        that of the other visit; of 54 hairs not measured alike on plucked validation photos, unchanged all,
        7 differed by more than 2.58 standard errors, of the 356 others 3.
    whole_unit : (E,) bool
        Lost or new with all of its unit.
    unit_sign, unit_probability, unit_overlooked, unit_cluster : (V,)
        The same for units; a unit is overlooked with all of its hairs.
    clusters : int
    """

    sign: Ints
    match: Ints
    probability: Floats
    cluster: Ints
    overlooked: Floats
    diameter_um: Floats
    se_um: Floats
    comparable: NDArray[np.bool_]
    whole_unit: NDArray[np.bool_]
    unit_sign: Ints
    unit_probability: Floats
    unit_overlooked: Floats
    unit_cluster: Ints
    clusters: int


def list_events(baseline: Analysis, followup: Analysis, pairing: Pairing) -> Events:
    """Hairs and units of the common field, in the order of computing.

    Parameters
    ----------
    baseline, followup : Analysis
        For the scales.
    pairing : Pairing

    Returns
    -------
    Events
        Visits exchanged where `is_swapped`.
    """
    swapped = is_swapped(baseline, followup)
    hairs = _in_order(pairing.baseline_hairs, pairing.followup_hairs, swapped)
    units = _in_order(pairing.baseline_units, pairing.followup_units, swapped)
    scales = _in_order(baseline.um_per_px, followup.um_per_px, swapped)
    rows = _rows(pairing.matches, swapped)
    unit_rows = _rows(pairing.unit_matches, swapped)
    label = _clusters(pairing, units, swapped)
    diameter, se = _diameters(rows, hairs, scales)
    alone = {(s, (i, k)[s > 0]) for s, i, k, _, _ in unit_rows if s}
    cluster = np.array([label[s > 0][units[s > 0][(i, k)[s > 0]]] for s, i, k, _, _ in rows], np.int64)
    unit_cluster = np.array([label[s > 0][(i, k)[s > 0]] for s, i, k, _, _ in unit_rows], np.int64)
    weights = _in_order(baseline.repeatability, followup.repeatability, swapped)
    missed = tuple(
        overlooked(np.array([h.confidence for h in side]), w) for side, w in zip(hairs, weights, strict=True)
    )
    known, inverse = np.unique(np.concatenate([cluster, unit_cluster]), return_inverse=True)
    return Events(
        sign=np.array([r[0] for r in rows], np.int64),
        match=np.array([r[4] for r in rows], np.int64),
        probability=np.array([r[3] for r in rows], np.float64),
        cluster=inverse[: len(rows)].astype(np.int64),
        overlooked=np.array([missed[s > 0][(i, k)[s > 0]] if s else 0.0 for s, i, k, _, _ in rows]),
        diameter_um=diameter,
        se_um=se,
        comparable=np.array([s == 0 and _alike(hairs[0][i], hairs[1][k]) for s, i, k, _, _ in rows], bool),
        whole_unit=np.array([(s, int(units[s > 0][(i, k)[s > 0]])) in alone for s, i, k, _, _ in rows], bool),
        unit_sign=np.array([r[0] for r in unit_rows], np.int64),
        unit_probability=np.array([r[3] for r in unit_rows], np.float64),
        unit_overlooked=np.array(
            [missed[s > 0][units[s > 0] == (i, k)[s > 0]].prod() if s else 0.0 for s, i, k, _, _ in unit_rows]
        ),
        unit_cluster=inverse[len(rows) :].astype(np.int64),
        clusters=len(known),
    )


def _in_order(baseline: T, followup: T, swapped: bool) -> tuple[T, T]:
    return (followup, baseline) if swapped else (baseline, followup)


Row = tuple[int, int, int, float, int]


def _rows(matches: Sequence[Match], swapped: bool) -> list[Row]:
    """(sign, first, second, probability, number) of counted matches; -1 for none; sorted."""
    rows = []
    for number, m in enumerate(matches):
        if m.counted:
            one = -1 if m.baseline is None else m.baseline
            other = -1 if m.followup is None else m.followup
            sign = SIGN[m.kind]
            row = (-sign, other, one) if swapped else (sign, one, other)
            rows.append((*row, m.probability, number))
    return sorted(rows)


def _clusters(pairing: Pairing, units: tuple[Ints, Ints], swapped: bool) -> tuple[Ints, Ints]:
    """Joint unit of each unit of either visit, numbered along the first visit's units, then the second's."""
    sizes = [int(u.max(initial=-1)) + 1 for u in units]
    ends = [(m.baseline, m.followup) for m in pairing.matches if m.kind == "matched"]
    pairs = [
        (units[0][b], units[1][a]) if swapped else (units[0][a], units[1][b])
        for a, b in ends
        if a is not None and b is not None
    ]
    edge = np.array(pairs, np.int64).reshape(-1, 2) + np.array([0, sizes[0]])
    graph = coo_array((np.ones(len(edge)), edge.T), shape=(sum(sizes), sum(sizes)))
    label = connected_components(graph, directed=False)[1].astype(np.int64)
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    joint = np.argsort(np.argsort(first))[inverse].astype(np.int64)
    return joint[: sizes[0]], joint[sizes[0] :]


def _alike(one: Hair, other: Hair) -> bool:
    """Whether the diameters of a hair at two visits were measured alike; see `Events.comparable`."""
    first, second = {*one.flags}, {*other.flags}
    return "found_again" not in first | second and ("overlapped" in first) == ("overlapped" in second)


def _diameters(
    rows: list[Row],
    hairs: tuple[tuple[Hair, ...], tuple[Hair, ...]],
    scales: tuple[float | None, float | None],
) -> tuple[Floats, Floats]:
    """(2, E) diameters and standard errors, um."""
    out = np.full((2, 2, len(rows)), np.nan)
    for e, (_, first, second, _, _) in enumerate(rows):
        for visit, index in enumerate((first, second)):
            scale = scales[visit]
            if index >= 0 and scale is not None:
                hair = hairs[visit][index]
                out[:, visit, e] = hair.diameter_px * scale, hair.diameter_se_px * scale
    return out[0], out[1]
