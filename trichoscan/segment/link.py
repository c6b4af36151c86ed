"""Which tip belongs to which root: one optimal assignment over the photo.

A tip costs by its gap from the shaft followed from the root, by the difference of directions, and by
how far it lies from where the network, at the root, expects it; each in standard deviations. The surer
a root and a tip are, the more it costs to leave them apart: a doubtful root takes no tip from a sure one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from trichoscan.records import Peaks
from trichoscan.segment.peaks import sureness, wrap

TIP_GAP_CELLS = 5.0
"""A tip within 55 um of a followed shaft may end it."""
TIP_TURN_RAD = np.deg2rad(35.0)
TIP_BEYOND_CELLS = 20.0
"""A tip may lie up to 0.22 mm beyond where the shaft was lost."""
SHORTEST_CELLS = 3.0
ASIDE_SD_CELLS, TURN_SD_RAD, REACH_SD = 2.0, 0.25, 0.25
"""Deviations that a right tip has: aside of the shaft, from its direction, and of log distance."""
IMPOSSIBLE = 1e6
NO_TIP_COST = 5.0
"""Cost of leaving a root without a tip, in standard deviations squared over two."""
SURE_SHARE = 0.5
"""How much of the log odds of a root and a tip speaks for joining them.

With this and the cost above F1 at an unbiased count was .910 on the validation photos; with a cost of 3 and
no such share .908; confidence fitted anew each time.
"""


@dataclass(frozen=True, eq=False)
class Links:
    """L tips that roots may have: numbers of root and tip, and cost, squared deviations over two."""

    root: NDArray[np.int64]
    tip: NDArray[np.int64]
    cost: NDArray[np.float64]


def possible_links(roots: Peaks, followed: Sequence[NDArray[np.float64]], tips: Peaks) -> Links:
    """Find every tip that each root may have.

    Parameters
    ----------
    roots : Peaks
        K roots.
    followed : sequence of (N, 2) float64
        The shaft as followed from each root, cells.
    tips : Peaks

    Returns
    -------
    Links
    """
    found = [_links(k, roots, followed[k], tips) for k in range(len(roots))] if len(tips) else []
    links = np.concatenate([np.empty((0, 3)), *found])
    return Links(links[:, 0].astype(np.int64), links[:, 1].astype(np.int64), links[:, 2])


def assign_tips(roots: Peaks, tips: Peaks, links: Links) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Give tips to roots at least total cost.

    Parameters
    ----------
    roots : Peaks
        K roots.
    tips : Peaks
    links : Links
        See `possible_links`.

    Returns
    -------
    tip_of : (K,) int64
        Number of the tip of each root, -1 for none.
    cost : (K,) float64
        Of each link; NaN where there is none.
    """
    tip_of, cost_of = np.full(len(roots), -1, np.int64), np.full(len(roots), np.nan)
    sure = SURE_SHARE * (sureness(roots)[links.root] + sureness(tips)[links.tip])
    joining = links.cost - sure
    # Roots that share no tip are settled apart: one matrix for a large photo would not fit in memory.
    nodes = len(roots) + len(tips)
    joined = (np.ones(len(links.root)), (links.root, len(roots) + links.tip))
    _, group = connected_components(coo_array(joined, shape=(nodes, nodes)), directed=False)
    for members in _groups(group[links.root]):
        rows, row = np.unique(links.root[members], return_inverse=True)
        columns, column = np.unique(links.tip[members], return_inverse=True)
        cost = np.full((len(rows), len(columns) + len(rows)), IMPOSSIBLE)
        cost[np.arange(len(rows)), len(columns) + np.arange(len(rows))] = NO_TIP_COST
        cost[row, column] = joining[members]
        chosen = linear_sum_assignment(cost)[1]
        found = chosen < len(columns)
        tip_of[rows[found]] = columns[chosen[found]]
    given = tip_of[links.root] == links.tip
    cost_of[links.root[given]] = links.cost[given]
    return tip_of, cost_of


def _groups(label: NDArray[np.int32]) -> list[NDArray[np.intp]]:
    """Indices of each distinct label."""
    order = np.argsort(label, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(label[order])) + 1) if len(order) else []


def _links(k: int, roots: Peaks, followed: NDArray[np.float64], tips: Peaks) -> NDArray[np.float64]:
    """(L, 3) root, tip and cost, squared deviations over two, of every tip that root `k` may have."""
    root, angle, reach = roots.at[k], roots.angle[k], roots.reach[k]
    straight = root + np.array([[0.0], [reach]]) * [np.cos(angle), np.sin(angle)]
    courses = [course for course in (followed, straight) if len(course) > 1]
    low = np.min([course.min(0) for course in courses], axis=0) - TIP_BEYOND_CELLS
    high = np.max([course.max(0) for course in courses], axis=0) + TIP_BEYOND_CELLS
    near = np.flatnonzero(((tips.at >= low) & (tips.at <= high)).all(1))
    costs = np.min([_gap_cost(tips.take(near), course, root, reach) for course in courses], axis=0)
    possible = costs < IMPOSSIBLE / 2
    return np.column_stack([np.full(possible.sum(), k), near[possible], costs[possible]])


def _gap_cost(
    tips: Peaks, course: NDArray[np.float64], root: NDArray[np.float64], reach: float
) -> NDArray[np.float64]:
    """(L,) cost of each tip as the end of one course."""
    heading = np.arctan2(*np.gradient(course, axis=0).T[::-1])
    apart = np.hypot(*(tips.at[:, None] - course[None]).transpose(2, 0, 1))
    nearest = apart.argmin(1)
    gap = apart[np.arange(len(tips)), nearest]
    last = nearest == len(course) - 1
    overshoot = ((tips.at - course[-1]) * [np.cos(heading[-1]), np.sin(heading[-1])]).sum(1)
    aside = np.sqrt(np.maximum(gap**2 - np.where(last, np.maximum(overshoot, 0.0), 0.0) ** 2, 0.0))
    turn = np.abs(wrap(tips.angle - heading[nearest]))
    chord = np.hypot(*(tips.at - root).T)
    off = np.minimum(np.abs(np.log(np.maximum(chord, 1.0) / reach)) / REACH_SD, 3.0)
    cost = 0.5 * ((aside / ASIDE_SD_CELLS) ** 2 + (turn / TURN_SD_RAD) ** 2 + off**2)
    impossible = (
        (aside > TIP_GAP_CELLS) | (turn > TIP_TURN_RAD) | (gap > TIP_BEYOND_CELLS) | (chord < SHORTEST_CELLS)
    )
    return np.where(impossible, IMPOSSIBLE, cost)
