"""Following shafts through the orientation-split map, all hairs of a photo at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

STEP_CELLS = 1.5
TURNS_RAD = np.deg2rad(np.linspace(-12.0, 12.0, 7))
"""Changes of heading tried at each step; 12 degrees in 16 um is tighter than curly hair."""
AHEAD_CELLS = np.array([1.5, 3.0, 5.0, 8.0])
"""Where the map is sampled ahead: far enough to see past a crossing hair."""
TURN_COST = 0.35
"""Loss of evidence per rad of turn that a straighter course must not exceed."""
GAP_CELLS = 14.0
"""A shaft may be hidden for this long (0.15 mm)."""


class ShaftMap:
    """The shaft map, to be sampled between cells and between orientations."""

    def __init__(self, shaft: NDArray[np.uint8]) -> None:
        self._padded = np.concatenate([shaft, shaft[:1]])
        self._orientations = len(shaft)

    def sample(
        self, x: NDArray[np.float64], y: NDArray[np.float64], angle: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Evidence, 0-1, of a shaft of direction `angle` (rad) at (x, y); arrays of one shape."""
        slot = (angle % np.pi) / np.pi * self._orientations
        values: NDArray[np.float64] = ndimage.map_coordinates(
            self._padded, [slot, y, x], order=1, mode="constant", output=np.float64
        )
        return values / 255.0


def march(
    shafts: ShaftMap,
    start: NDArray[np.float64],
    heading: NDArray[np.float64],
    least: float,
    longest_cells: float,
) -> list[NDArray[np.float64]]:
    """Follow a shaft from each start until its evidence ends.

    Parameters
    ----------
    shafts : ShaftMap
    start : (K, 2) float64
        (x, y), cells.
    heading : (K,) float64
        First direction, rad.
    least : float
        Evidence below which a shaft is not seen.
    longest_cells : float
        Where to stop at the latest.

    Returns
    -------
    list of (N, 2) float64
        K paths from start to the last point with evidence; a path of one point found none.
    """
    at, heading = start.astype(float).copy(), heading.astype(float).copy()
    steps = int(longest_cells / STEP_CELLS)
    track = np.full((steps + 1, len(at), 2), np.nan)
    track[0] = at
    last_seen = np.zeros(len(at), int)
    active = np.arange(len(at))
    for n in range(1, steps + 1):
        if not len(active):
            break
        turned = heading[active, None] + TURNS_RAD
        ahead = at[active, None, None, :] + AHEAD_CELLS[:, None] * _unit(turned)[:, :, None, :]
        evidence = shafts.sample(
            ahead[..., 0], ahead[..., 1], np.broadcast_to(turned[..., None], ahead.shape[:-1])
        )
        worth = evidence.mean(-1) - TURN_COST * np.abs(TURNS_RAD)
        heading[active] = turned[np.arange(len(active)), worth.argmax(1)]
        at[active] += STEP_CELLS * _unit(heading[active])
        track[n, active] = at[active]
        seen = shafts.sample(at[active, 0], at[active, 1], heading[active]) >= least
        last_seen[active[seen]] = n
        active = active[(n - last_seen[active]) * STEP_CELLS < GAP_CELLS]
    return [track[: end + 1, k] for k, end in enumerate(last_seen)]


def _unit(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 2) unit vectors."""
    return np.stack([np.cos(angle), np.sin(angle)], -1)
