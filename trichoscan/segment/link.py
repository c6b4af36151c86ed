"""Which tip belongs to which root: one optimal assignment over the photo.

Every tip that a root may have has log odds to be its own, by its gap from the shaft followed from the root,
by how far it lies from where the network expects it, by the bend of the way there, by how alike both ends are
in width and colour, and by the weakest evidence of a shaft between them. The surer a root and a tip are, the
more speaks for giving them to each other: a doubtful root takes no tip from a sure one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from trichoscan.records import Peaks
from trichoscan.segment.cells import unit
from trichoscan.segment.ends import ROOT, TIP, Ends
from trichoscan.segment.groups import linked_groups
from trichoscan.segment.peaks import sureness, wrap
from trichoscan.segment.shaft_map import ShaftMap
from trichoscan.segment.thresholds import log_odds_of

Floats = NDArray[np.float64]

LINK_FEATURES = ("aside", "beyond", "off", "bend", "sway", "width", "colour", "weakest")
"""See `_features`."""
TIP_ASIDE_CELLS, BEYOND_CELLS = 5.0, 20.0
"""A tip within 55 um of a followed shaft may end it, and up to 0.22 mm beyond where the shaft was lost."""
REACH_CELLS = TIP_ASIDE_CELLS + BEYOND_CELLS
TURN_RAD = np.deg2rad(35.0)
"""It must point along the followed shaft to within so much;"""
STRAIGHT_TURN_RAD, STRAIGHT_OFF_RAD = 1.2, 0.9
"""where it lies elsewhere, along the root's direction, and it must be seen in about that direction,"""
FARTHEST_REACH, FARTHEST_CELLS = 2.2, 20.0
"""no farther than this share of the expected distance, and 0.22 mm."""
SHORTEST_CELLS = 3.0
WEAKEST_SAMPLES = 12
IMPOSSIBLE = 1e6


@dataclass(frozen=True, eq=False)
class Links:
    """L tips that roots may have.

    Attributes
    ----------
    root, tip : (L,) int64
        Their numbers.
    features : (L, 8) float64
        `LINK_FEATURES`.
    """

    root: NDArray[np.int64]
    tip: NDArray[np.int64]
    features: Floats

    def log_odds(self, thresholds: Mapping[str, float]) -> Floats:
        """(L,) log odds that the tip of a true hair's root is that, by the model of `thresholds`."""
        return log_odds_of("link", LINK_FEATURES, self.features, thresholds)


def possible_links(
    roots: Peaks, followed: Sequence[Floats], tips: Peaks, ends: Ends, shafts: ShaftMap
) -> Links:
    """Find every tip that each root may have.

    Parameters
    ----------
    roots : Peaks
        K roots.
    followed : sequence of (N, 2) float64
        The shaft as followed from each root, cells, the root first.
    tips : Peaks
    ends : Ends
        Of this photo.
    shafts : ShaftMap

    Returns
    -------
    Links
    """
    found = [_beside(k, roots, followed[k], tips) for k in range(len(roots))] if len(tips) else []
    table = np.concatenate([np.empty((0, 4)), *found])
    root, tip = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    return Links(root, tip, _features(roots, tips, root, tip, table[:, 2:], ends, shafts))


def _beside(k: int, roots: Peaks, followed: Floats, tips: Peaks) -> Floats:
    """(L, 4) root, tip, cells aside of and beyond the followed shaft, of every tip that root `k` may have."""
    far = FARTHEST_REACH * roots.reach[k] + FARTHEST_CELLS
    inside = (tips.at > followed.min(0) - REACH_CELLS) & (tips.at < followed.max(0) + REACH_CELLS)
    near = np.flatnonzero(inside.all(1) | (np.hypot(*(tips.at - roots.at[k]).T) < far))
    tips = tips.take(near)
    step = tips.at - roots.at[k]
    chord, seen_at = np.hypot(*step.T), np.arctan2(step[:, 1], step[:, 0])
    straight = (
        (np.abs(wrap(tips.angle - roots.angle[k])) < STRAIGHT_TURN_RAD)
        & (np.abs(wrap(seen_at - roots.angle[k])) < STRAIGHT_OFF_RAD)
        & (chord < far)
    )
    aside, beyond, turn = _off_course(tips, followed)
    along = (aside < TIP_ASIDE_CELLS) & (turn < TURN_RAD) & (beyond < BEYOND_CELLS)
    which = np.flatnonzero((straight | along) & (chord > SHORTEST_CELLS))
    return np.stack([np.full(len(which), k), near[which], aside[which], beyond[which]], -1)


def _off_course(tips: Peaks, course: Floats) -> tuple[Floats, Floats, Floats]:
    """(L,) cells aside of a course, cells beyond its end, and turn, rad, from its direction, of each tip."""
    if len(course) < 2:
        return np.full(len(tips), np.inf), np.full(len(tips), np.inf), np.full(len(tips), np.pi)
    heading = np.arctan2(*np.gradient(course, axis=0).T[::-1])
    apart = np.hypot(*(tips.at[:, None] - course[None]).transpose(2, 0, 1))
    nearest = apart.argmin(1)
    gap = apart[np.arange(len(tips)), nearest]
    past = ((tips.at - course[-1]) * unit(heading[-1])).sum(1)
    beyond = np.where(nearest == len(course) - 1, np.maximum(past, 0.0), 0.0)
    return (
        np.sqrt(np.maximum(gap**2 - beyond**2, 0.0)),
        beyond,
        np.abs(wrap(tips.angle - heading[nearest])),
    )


def _features(
    roots: Peaks,
    tips: Peaks,
    root: NDArray[np.int64],
    tip: NDArray[np.int64],
    off_course: Floats,
    ends: Ends,
    shafts: ShaftMap,
) -> Floats:
    """(L, 8) features of links, each of the size of one and bounded.

    How far the tip lies aside of the followed shaft, in 2 cells, and beyond it, in 10; the logarithm of its
    distance over the expected one, in 0.25; the turn from the root's to the tip's direction, in 0.2 rad, and
    how much more both of them turn from the straight way between them than an arc does, likewise (0 for an
    arc); the difference of the logarithms of the widths and of the colours, in 10 CIELAB; and the weakest
    evidence of a shaft on the straight way.
    """
    step = tips.at[tip] - roots.at[root]
    chord, seen_at = np.hypot(*step.T), np.arctan2(step[:, 1], step[:, 0])
    leaving, arriving = wrap(seen_at - roots.angle[root]), wrap(tips.angle[tip] - seen_at)
    on_way = roots.at[root] + np.linspace(0.05, 0.95, WEAKEST_SAMPLES)[:, None, None] * step
    evidence = shafts.sample(on_way[..., 0], on_way[..., 1], np.broadcast_to(seen_at, on_way.shape[:2]))
    one, other = ends.numbers(ROOT)[root], ends.numbers(TIP)[tip]
    colour = np.sqrt(((ends.colour[one] - ends.colour[other]) ** 2).sum(1))
    columns = (
        np.minimum(off_course[:, 0] / 2.0, 3.0),
        np.minimum(off_course[:, 1] / 10.0, 2.0),
        np.minimum(np.abs(np.log(np.maximum(chord, 1.0) / roots.reach[root])) / 0.25, 5.0),
        np.minimum(np.abs(leaving + arriving) / 0.2, 5.0),
        np.minimum(np.abs(leaving - arriving) / 0.2, 5.0),
        np.abs(np.log(ends.width_px[one] / ends.width_px[other])),
        np.minimum(colour / 10.0, 3.0),
        evidence.min(0) if len(root) else np.zeros(0),
    )
    return np.stack(columns, -1)


def assign_tips(
    roots: Peaks, tips: Peaks, links: Links, thresholds: Mapping[str, float]
) -> tuple[NDArray[np.int64], Floats]:
    """Give tips to roots so that the most speaks for all of them together.

    Parameters
    ----------
    roots : Peaks
        K roots.
    tips : Peaks
    links : Links
        See `possible_links`.
    thresholds : mapping of str to float
        `link_...` of the weights: the model, `link_sure`, how much of the log odds of root and tip counts
        beside it, and `link_none`, minus the log odds of a root without a tip.

    Returns
    -------
    tip_of : (K,) int64
        Number of the tip of each root, -1 for none.
    odds : (K,) float64
        Log odds of each link; NaN where there is none.
    """
    tip_of, odds_of = np.full(len(roots), -1, np.int64), np.full(len(roots), np.nan)
    odds = links.log_odds(thresholds)
    sure = thresholds["link_sure"] * (sureness(roots)[links.root] + sureness(tips)[links.tip])
    # A link that costs as much as none is in no optimum, and would make groups large.
    worth = np.flatnonzero(odds + sure > -thresholds["link_none"])
    for group in linked_groups(links.root[worth], len(roots) + links.tip[worth]):
        members = worth[group]
        rows, row = np.unique(links.root[members], return_inverse=True)
        columns, column = np.unique(links.tip[members], return_inverse=True)
        cost = np.full((len(rows), len(columns) + len(rows)), IMPOSSIBLE)
        cost[np.arange(len(rows)), len(columns) + np.arange(len(rows))] = thresholds["link_none"]
        cost[row, column] = -(odds + sure)[members]
        chosen = linear_sum_assignment(cost)[1]
        found = chosen < len(columns)
        tip_of[rows[found]] = columns[chosen[found]]
    given = tip_of[links.root] == links.tip
    odds_of[links.root[given]] = odds[given]
    return tip_of, odds_of
