"""Which found hair is which true one.

A hair is found when its root lies within 140 um of a true root and its direction within 20 degrees
of the true one; hairs are paired one to one so that the most are found and they lie closest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from trichoscan.learn.labels import point_along

ROOT_WITHIN_UM = 140.0
"""Less than half of the distance between follicular units, about twice a hair's width."""
ANGLE_WITHIN_DEG = 20.0
START_UM = 400.0
"""Where the truth knows the course of a hair, its direction is that of the first 0.4 mm from the root: a long
hair curves away further on."""
UM_PER_DEG = 2.0
"""What a degree costs beside a um of root distance where several pairings are possible."""
EDGE_PX = 30.0
"""Roots this close to the photo's edge are not judged: the hand annotation leaves many out."""
SEAM_PX = 26.0
"""Hairs this close to x = W/2 or y = H/2 were lost or cut in the annotation of data such as fdu."""
NEVER = 1e6
"""Cost of a pair that is no match; more than any sum of real costs differs by."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """M pairs of a found and a true hair.

    Attributes
    ----------
    found, true : (M,) int64
        Their numbers.
    root_error_um, angle_error_deg : (M,) float64
    """

    found: NDArray[np.int64]
    true: NDArray[np.int64]
    root_error_um: NDArray[np.float64]
    angle_error_deg: NDArray[np.float64]


def starts(paths_px: Sequence[NDArray[np.float64]], reach_px: float) -> NDArray[np.float64]:
    """(K, 2, 2) root of each path, (N, 2), and the point `reach_px` along it, its end where it is shorter."""
    ends = [[path[0], point_along(path, reach_px)] for path in paths_px]
    return np.array(ends, float).reshape(-1, 2, 2)


def pair_hairs(
    found_px: NDArray[np.float64],
    true_px: NDArray[np.float64],
    um_per_px: float,
    within_um: float = ROOT_WITHIN_UM,
    within_deg: float = ANGLE_WITHIN_DEG,
) -> Pairs:
    """Pair hairs one to one.

    Parameters
    ----------
    found_px, true_px : (K, 2, 2) float64
        Root of each hair, and the end of the stretch that tells its direction.
    um_per_px : float
    within_um, within_deg : float
        How far the root of a match may lie away, and how much its direction may differ.

    Returns
    -------
    Pairs
    """
    distance_um, angle_deg, fits = _differences(found_px, true_px, um_per_px, within_um, within_deg)
    rows, columns = linear_sum_assignment(np.where(fits, distance_um + UM_PER_DEG * angle_deg, NEVER))
    good = fits[rows, columns]
    rows, columns = rows[good], columns[good]
    return Pairs(rows, columns, distance_um[rows, columns], angle_deg[rows, columns])


def tips_right(
    found_px: NDArray[np.float64], true_px: NDArray[np.float64], um_per_px: float
) -> NDArray[np.bool_]:
    """(M,) whether the tips, (M, 2) px, of paired hairs lie as close as roots have to."""
    return np.asarray(np.hypot(*(found_px - true_px).T) * um_per_px <= ROOT_WITHIN_UM, bool)


def adding_hairs(
    found_px: NDArray[np.float64],
    true_px: NDArray[np.float64],
    um_per_px: float,
    within_um: float = ROOT_WITHIN_UM,
) -> NDArray[np.bool_]:
    """(K,) whether each found hair, taken in their order, adds one to those that can be paired.

    Sets of found hairs that can be paired one to one are the independent sets of a transversal matroid, so
    the set of most weight, with weights falling in that order, is the one chosen hair after hair.
    """
    _, _, fits = _differences(found_px, true_px, um_per_px, within_um)
    weight = fits * (len(found_px) - np.arange(len(found_px)))[:, None]
    rows, columns = linear_sum_assignment(weight, maximize=True)
    adding = np.zeros(len(found_px), bool)
    adding[rows] = fits[rows, columns]
    return adding


def _differences(
    found_px: NDArray[np.float64],
    true_px: NDArray[np.float64],
    um_per_px: float,
    within_um: float,
    within_deg: float = ANGLE_WITHIN_DEG,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """(K, L) distance of roots, um, angle between directions, deg, and whether both are small enough."""
    apart = found_px[:, None, 0] - true_px[None, :, 0]
    distance_um = np.hypot(apart[..., 0], apart[..., 1]) * um_per_px
    ways = [side[:, 1] - side[:, 0] for side in (found_px, true_px)]
    units = [way / np.maximum(np.hypot(*way.T), 1e-9)[:, None] for way in ways]
    angle_deg = np.degrees(np.arccos(np.clip(units[0] @ units[1].T, -1, 1)))
    return distance_um, angle_deg, (distance_um <= within_um) & (angle_deg <= within_deg)


def near_edge(root_px: NDArray[np.float64], size_px: tuple[int, int], margin_px: float) -> NDArray[np.bool_]:
    """(K,) whether each root lies within `margin_px` of the edge of a photo of (width, height)."""
    inside = (root_px >= margin_px) & (root_px < np.array(size_px) - margin_px)
    return np.asarray(~inside.all(axis=1), bool)


def near_seam(hairs_px: NDArray[np.float64], seams_px: tuple[float, float]) -> NDArray[np.bool_]:
    """(K,) whether the box around root and tip, (K, 2, 2), comes within `SEAM_PX` of column x or row y."""
    low, high = hairs_px.min(1), hairs_px.max(1)
    seams = np.array(seams_px)
    return np.asarray(((low - SEAM_PX < seams) & (seams < high + SEAM_PX)).any(axis=1), bool)
