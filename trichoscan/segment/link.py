"""Which tip belongs to which root: one optimal assignment over the photo.

A tip costs by its gap from the shaft followed from the root, by the difference of directions, and by
how far it lies from where the network, at the root, expects it; each in standard deviations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from trichoscan.segment.peaks import Peaks, wrap

TIP_GAP_CELLS = 5.0
"""A tip within 55 um of a followed shaft may end it."""
TIP_TURN_RAD = np.deg2rad(35.0)
NO_TIP_COST = 3.0
"""Cost of leaving a root without a tip, in standard deviations squared over two."""


def assign_tips(
    roots: Peaks, reach: NDArray[np.float64], followed: list[NDArray[np.float64]], tips: Peaks
) -> NDArray[np.int64]:
    """Give tips to roots at least total cost.

    Parameters
    ----------
    roots : Peaks
        K roots.
    reach : (K,) float64
        Distance, cells, at which the network expects the tip of each.
    followed : list of (N, 2) float64
        The shaft as followed from each root, cells.
    tips : Peaks

    Returns
    -------
    (K,) int64
        Number of the tip of each root, -1 for none.
    """
    none = np.full(len(roots), -1, np.int64)
    if not len(roots) or not len(tips):
        return none
    cost = np.full((len(roots), len(tips) + len(roots)), 1e6)
    cost[np.arange(len(roots)), len(tips) + np.arange(len(roots))] = NO_TIP_COST
    for k, path in enumerate(followed):
        cost[k, : len(tips)] = _tip_costs(roots.at[k], roots.angle[k], reach[k], path, tips)
    rows, columns = linear_sum_assignment(cost)
    found = columns < len(tips)
    none[rows[found]] = columns[found]
    return none


def _tip_costs(
    root: NDArray[np.float64], angle: float, reach: float, path: NDArray[np.float64], tips: Peaks
) -> NDArray[np.float64]:
    """Cost of each tip for one root: squared deviations over two, 1e6 where out of the question."""
    straight = root + np.array([[0.0], [reach]]) * [np.cos(angle), np.sin(angle)]
    costs = [_gap_cost(tips, course, root, reach) for course in (path, straight) if len(course) > 1]
    return np.min(costs, axis=0) - np.log(tips.score) * 0.5


def _gap_cost(
    tips: Peaks, course: NDArray[np.float64], root: NDArray[np.float64], reach: float
) -> NDArray[np.float64]:
    heading = np.arctan2(*np.gradient(course, axis=0).T[::-1])
    apart = np.hypot(*(tips.at[:, None] - course[None]).transpose(2, 0, 1))
    nearest = apart.argmin(1)
    gap = apart[np.arange(len(tips)), nearest]
    last = nearest == len(course) - 1
    overshoot = ((tips.at - course[-1]) * [np.cos(heading[-1]), np.sin(heading[-1])]).sum(1)
    aside = np.sqrt(np.maximum(gap**2 - np.where(last, np.maximum(overshoot, 0.0), 0.0) ** 2, 0.0))
    turn = np.abs(wrap(tips.angle - heading[nearest]))
    chord = np.hypot(*(tips.at - root).T)
    off = np.minimum(np.abs(np.log(np.maximum(chord, 1.0) / reach)) / 0.25, 3.0)
    cost = 0.5 * ((aside / 2.0) ** 2 + (turn / 0.25) ** 2 + off**2)
    impossible = (aside > TIP_GAP_CELLS) | (turn > TIP_TURN_RAD) | (gap > 20.0) | (chord < 3.0)
    return np.where(impossible, 1e6, cost)
