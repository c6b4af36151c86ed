"""Hairs whose tip was seen, but no root of their own: where a bundle leaves one ostium, roots look like one.

Such a hair is followed back from its tip: to a root that it may share with another hair, else along its
shaft as far as that is seen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trichoscan.records import Peaks
from trichoscan.segment.link import Links
from trichoscan.segment.march import ShaftMap, march
from trichoscan.segment.network import REACH_UNIT_CELLS

FEWEST_POINTS = 3
"""A way back of fewer points shows no shaft: the hair is then straight, of a typical clipped length."""
BESIDE_CELLS = 3.0
"""Hairs that share a root stand beside each other there: up to 33 um, half of a hair's width, to its side."""


def shared_roots(which: NDArray[np.int64], links: Links) -> NDArray[np.int64]:
    """(M,) number of the link by which each tip is joined to a root at least cost; -1 where there is none."""
    cheapest = np.full(len(which), -1, np.int64)
    for i, tip in enumerate(which):
        possible = np.flatnonzero(links.tip == tip)
        if len(possible):
            cheapest[i] = possible[links.cost[possible].argmin()]
    return cheapest


def beside(path: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """`path` with its root moved to the side, seen along `angle`, rad, on which its tip lies."""
    aside = np.array([-np.sin(angle), np.cos(angle)])
    offset = float(np.clip((path[-1] - path[0]) @ aside, -BESIDE_CELLS, BESIDE_CELLS))
    return np.concatenate([path[:1] + offset * aside, path[1:]])


def ways_back(tips: Peaks, shafts: ShaftMap, least: float, longest_cells: float) -> list[NDArray[np.float64]]:
    """Path, (N, 2) cells and root first, that leads to each tip; for the rest see `march.march`."""
    followed = march(shafts, tips.at, tips.angle + np.pi, least, longest_cells)
    ways = np.stack([np.cos(tips.angle), np.sin(tips.angle)], -1)
    straight = np.stack([tips.at - REACH_UNIT_CELLS * ways, tips.at], 1)
    return [
        path[::-1] if len(path) >= FEWEST_POINTS else line
        for path, line in zip(followed, straight, strict=True)
    ]
