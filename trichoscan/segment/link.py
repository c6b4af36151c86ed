"""Which tip belongs to which root: one optimal assignment over the photo.

A tip costs by its gap from the shaft followed from the root, by the difference of directions, and by
how far it lies from where the network, at the root, expects it; each in standard deviations.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from trichoscan.records import Peaks
from trichoscan.segment.peaks import wrap

TIP_GAP_CELLS = 5.0
"""A tip within 55 um of a followed shaft may end it."""
TIP_TURN_RAD = np.deg2rad(35.0)
TIP_BEYOND_CELLS = 20.0
"""A tip may lie up to 0.22 mm beyond where the shaft was lost."""
SHORTEST_CELLS = 3.0
ASIDE_SD_CELLS, TURN_SD_RAD, REACH_SD = 2.0, 0.25, 0.25
"""Deviations that a right tip has: aside of the shaft, from its direction, and of log distance."""
IMPOSSIBLE = 1e6
NO_TIP_COST = 3.0
"""Cost of leaving a root without a tip, in standard deviations squared over two."""


def assign_tips(
    roots: Peaks, followed: Sequence[NDArray[np.float64]], tips: Peaks
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Give tips to roots at least total cost.

    Parameters
    ----------
    roots : Peaks
        K roots.
    followed : sequence of (N, 2) float64
        The shaft as followed from each root, cells.
    tips : Peaks

    Returns
    -------
    tip_of : (K,) int64
        Number of the tip of each root, -1 for none.
    cost : (K,) float64
        Of each link; NaN where there is none.
    """
    tip_of, cost_of = np.full(len(roots), -1, np.int64), np.full(len(roots), np.nan)
    if not len(roots) or not len(tips):
        return tip_of, cost_of
    links = np.concatenate([_links(k, roots, followed[k], tips) for k in range(len(roots))])
    # Roots that share no tip are settled apart: one matrix for a large photo would not fit in memory.
    root, tip = links[:, 0].astype(int), links[:, 1].astype(int)
    nodes = len(roots) + len(tips)
    graph = coo_array((np.ones(len(links)), (root, len(roots) + tip)), shape=(nodes, nodes))
    _, group = connected_components(graph, directed=False)
    for members in _groups(group[root]):
        rows, row = np.unique(root[members], return_inverse=True)
        columns, column = np.unique(tip[members], return_inverse=True)
        cost = np.full((len(rows), len(columns) + len(rows)), IMPOSSIBLE)
        cost[np.arange(len(rows)), len(columns) + np.arange(len(rows))] = NO_TIP_COST
        cost[row, column] = links[members, 2]
        chosen = linear_sum_assignment(cost)[1]
        found = chosen < len(columns)
        tip_of[rows[found]] = columns[chosen[found]]
        cost_of[rows[found]] = cost[found, chosen[found]]
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
    costs -= 0.5 * np.log(tips.score[near])
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
