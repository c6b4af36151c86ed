"""Label maps: what the network should answer for a crop whose hairs are known.

Coordinates here are map cells: (x, y), the centre of the top-left cell is (0, 0).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.segment.network import DIRECTIONS, ORIENTATIONS, REACH_UNIT_CELLS
from trichoscan.segment.peaks import wrap

PEAK_SIGMA_CELLS = 1.5
"""Spread of a root or tip peak, 16 um: roots drawn by hand are right to about 20 um."""
PEAK_SIGMA_RAD = 0.7 * 2 * np.pi / DIRECTIONS
"""Spread of a peak over direction channels."""
CHORD_CELLS = 40.0
"""The direction of a hair at its root (tip) is that of its first (last) 0.44 mm."""
SHAFT_CELLS, UNSURE_CELLS = 3, 5
"""Width of the drawn centre line, and of the band around it that is neither shaft nor skin."""


@dataclass(frozen=True, eq=False)
class LabelledHair:
    """A hair of known course.

    Attributes
    ----------
    path : (N, 2) float64
        Root first.
    root_visible, tip_visible : bool
        Whether the path's ends are the hair's own, rather than where something hides or cuts it.
    thin : bool
        Whether it was marked as undersize: training looks at such hairs more often.
    """

    path: NDArray[np.float64]
    root_visible: bool = True
    tip_visible: bool = True
    thin: bool = False


def point_along(path: NDArray[np.float64], distance: float) -> NDArray[np.float64]:
    """Point of an (N, 2) path at `distance` along it from its start, or its end where it is shorter."""
    along = np.concatenate([[0.0], np.hypot(*np.diff(path, axis=0).T).cumsum()])
    return np.array([np.interp(distance, along, path[:, 0]), np.interp(distance, along, path[:, 1])])


def end_directions(path: NDArray[np.float64], chord: float = CHORD_CELLS) -> tuple[float, float]:
    """Direction, rad, in which a path leaves its root, and in which it arrives at its tip."""
    leaving = point_along(path, chord) - path[0]
    arriving = path[-1] - point_along(path[::-1], chord)
    return float(np.arctan2(leaving[1], leaving[0])), float(np.arctan2(arriving[1], arriving[0]))


class _Peaks:
    """Heatmap split over direction, with what stands beside each peak."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.heat = np.zeros((DIRECTIONS, *shape), np.float32)
        self.bend = np.zeros_like(self.heat)
        self.reach = np.full_like(self.heat, np.nan)

    def add(self, at: NDArray[np.float64], direction: float, reach: float) -> None:
        h, w = self.heat.shape[1:]
        centre = np.round(at).astype(int)
        if not (0 <= centre[0] < w and 0 <= centre[1] < h):
            return
        r = int(np.ceil(3 * PEAK_SIGMA_CELLS))
        x0, x1 = max(centre[0] - r, 0), min(centre[0] + r + 1, w)
        y0, y1 = max(centre[1] - r, 0), min(centre[1] + r + 1, h)
        dx, dy = np.arange(x0, x1) - at[0], np.arange(y0, y1) - at[1]
        near = np.exp(-(dx[None] ** 2 + dy[:, None] ** 2) / (2 * PEAK_SIGMA_CELLS**2))
        off = wrap(direction - 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS)
        toward = np.exp(-(off**2) / (2 * PEAK_SIGMA_RAD**2))
        peak = toward[:, None, None] / toward.max() * (near / near.max())
        window = np.s_[:, y0:y1, x0:x1]
        better = peak > self.heat[window]
        self.heat[window] = np.where(better, peak, self.heat[window])
        self.bend[window] = np.where(better, off[:, None, None], self.bend[window])
        self.reach[window] = np.where(better, reach / REACH_UNIT_CELLS, self.reach[window])


def _draw_shafts(hairs: list[LabelledHair], shape: tuple[int, int]) -> NDArray[np.float32]:
    """(S, h, w): 1 on a shaft of that orientation, NaN where it cannot be said, 0 elsewhere."""
    shaft = np.zeros((ORIENTATIONS, *shape), np.uint8)
    unsure = np.zeros_like(shaft)
    step = np.pi / ORIENTATIONS
    for hair in hairs:
        for a, b in zip(hair.path[:-1], hair.path[1:], strict=True):
            start, end = ((round(p[0] * 16), round(p[1] * 16)) for p in (a, b))
            slot = (np.arctan2(b[1] - a[1], b[0] - a[0]) % np.pi) / step
            first, share = int(slot), slot - int(slot)
            for channel, weight in ((first, 1 - share), (first + 1, share)):
                channel %= ORIENTATIONS
                if weight > 0.3:
                    cv2.line(unsure[channel], start, end, 1, UNSURE_CELLS, cv2.LINE_8, 4)
                if weight > 0.45:
                    cv2.line(shaft[channel], start, end, 1, SHAFT_CELLS, cv2.LINE_8, 4)
    return np.where(shaft > 0, 1.0, np.where(unsure > 0, np.nan, 0.0)).astype(np.float32)


def label_maps(hairs: list[LabelledHair], shape: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
    """Draw the answer for one crop.

    Parameters
    ----------
    hairs : list of LabelledHair
    shape : (h, w) of the maps, cells

    Returns
    -------
    dict of str to (C, h, w) float32
        Keys as in `segment.network.CHANNELS`. NaN in shaft and reach means not known.
    """
    roots, tips = _Peaks(shape), _Peaks(shape)
    for hair in hairs:
        leaving, arriving = end_directions(hair.path)
        chord = float(np.hypot(*(hair.path[-1] - hair.path[0])))
        if hair.root_visible:
            roots.add(hair.path[0], leaving, chord if hair.tip_visible else np.nan)
        if hair.tip_visible:
            tips.add(hair.path[-1], arriving, chord)
    return {
        "root": roots.heat,
        "tip": tips.heat,
        "bend": roots.bend,
        "reach": roots.reach,
        "shaft": _draw_shafts(hairs, shape),
    }
