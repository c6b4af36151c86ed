"""Right or wrong, hair by hair: candidates of the network against hairs of known course."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from trichoscan.learn.dataset import AnnotatedPhoto
from trichoscan.segment.trace import Candidates

SAME_ROOT_UM = 140.0
"""A found root this near a true one may be the same hair's."""
SAME_DIRECTION_RAD = np.deg2rad(20.0)
SEAM_MARGIN_PX = 26.0
"""Hairs that come this near a seam of the annotation are not judged."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Verdict on K candidates.

    Attributes
    ----------
    right : (K,) bool
        One to one with a true hair.
    ignored : (K,) bool
        Where the annotation says nothing.
    true_count : int
        True hairs that are judged.
    """

    right: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    true_count: int


def match_vectors(
    found: NDArray[np.float64], true: NDArray[np.float64], um_per_px: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pair found with true hairs, one to one, at least total cost.

    Parameters
    ----------
    found : (K, 2, 2) float64
        Root and tip of each, px.
    true : (T, 2, 2) float64
    um_per_px : float

    Returns
    -------
    tuple of (M,) intp
        Numbers of the found and of the true hairs of each pair. Pairs lie within `SAME_ROOT_UM`
        and `SAME_DIRECTION_RAD`; the cost is um plus twice the degrees.
    """
    if not len(found) or not len(true):
        empty = np.zeros(0, np.intp)
        return empty, empty
    apart = um_per_px * np.hypot(*(found[:, None, 0] - true[None, :, 0]).transpose(2, 0, 1))
    a, b = found[:, 1] - found[:, 0], true[:, 1] - true[:, 0]
    cross = a[:, None, 0] * b[None, :, 1] - a[:, None, 1] * b[None, :, 0]
    turn = np.abs(np.arctan2(cross, a @ b.T))
    possible = (apart <= SAME_ROOT_UM) & (turn <= SAME_DIRECTION_RAD)
    rows, columns = linear_sum_assignment(np.where(possible, apart + 2 * np.rad2deg(turn), 1e6))
    held = possible[rows, columns]
    return rows[held], columns[held]


def judge(candidates: Candidates, truth: AnnotatedPhoto, px_per_cell: float) -> Judged:
    """Judge every candidate of a photo.

    Parameters
    ----------
    candidates : Candidates
    truth : AnnotatedPhoto
    px_per_cell : float
        Of the segmentation that the candidates come from.
    """
    found = ends(candidates.paths) * px_per_cell + (0.5 * px_per_cell - 0.5)
    true = ends([h.path for h in truth.hairs if h.root_visible])
    rows, columns = match_vectors(found, true, truth.um_per_px)
    skip_found, skip_true = unjudged(found, truth), unjudged(true, truth)
    right = np.zeros(len(found), bool)
    right[rows] = True
    skip_found[rows] = skip_true[columns]
    return Judged(right, skip_found, int((~skip_true).sum()))


def ends(paths: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """(K, 2, 2) root and tip of each path."""
    return np.array([[p[0], p[-1]] for p in paths], float).reshape(-1, 2, 2)


def unjudged(hairs: NDArray[np.float64], truth: AnnotatedPhoto) -> NDArray[np.bool_]:
    """(K,) whether a hair lies where the annotation is incomplete: at its margin or on a seam."""
    margin = truth.edge_um / truth.um_per_px
    limits = np.array(truth.pixels.shape[1::-1]) - margin
    out = ~((hairs[:, 0] >= margin) & (hairs[:, 0] < limits)).all(1)
    if truth.seams_px is not None:
        low, high = hairs.min(1) - SEAM_MARGIN_PX, hairs.max(1) + SEAM_MARGIN_PX
        out |= ((low < truth.seams_px) & (truth.seams_px < high)).any(1)
    return np.asarray(out, bool)
