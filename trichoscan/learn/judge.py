"""Right or wrong, candidate by candidate, against the hairs of a photo of known truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trichoscan.learn.dataset import AnnotatedPhoto
from trichoscan.learn.pairing import (
    ROOT_WITHIN_UM,
    START_UM,
    adding_hairs,
    near_edge,
    near_seam,
    pair_hairs,
    starts,
    tips_right,
)
from trichoscan.records import Peaks
from trichoscan.segment.candidates import Candidates
from trichoscan.segment.cells import to_px
from trichoscan.segment.network import REACH_UNIT_CELLS

TIP_WITHIN_UM = 100.0
"""Two cut ends of a bundle lie closer to each other than two roots that could be confused; our choice."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Verdict on K candidates.

    Attributes
    ----------
    right : (K,) bool
        Whether each, taken in the order of what the verifier says, then of the height of their peaks, adds
        one to the hairs that can be paired with true ones: of two that are one hair only the better is right.
        Where the truth knows courses, directions are those of the first 0.4 mm, else those of the chords.
    ignored : (K,) bool
        Where the annotation says nothing.
    true_count : int
        True hairs that are judged.
    tip_known, tip_right : (K,) bool
        Where the true tip of a right hair is seen, and whether the path ends there.
    """

    right: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    true_count: int
    tip_known: NDArray[np.bool_]
    tip_right: NDArray[np.bool_]


def judge(candidates: Candidates, truth: AnnotatedPhoto, px_per_cell: float) -> Judged:
    """Judge every candidate of a photo.

    Parameters
    ----------
    candidates : Candidates
    truth : AnnotatedPhoto
    px_per_cell : float
        Of the segmentation that the candidates come from.
    """
    hairs = [hair for hair in truth.hairs if hair.root_visible]
    paths, courses = [to_px(path, px_per_cell) for path in candidates.paths], [hair.path for hair in hairs]
    found, true = (starts(some, _reach_px(truth)) for some in (paths, courses))
    order = np.lexsort((-candidates.roots.score, -candidates.roots.second_look))
    right, chosen, its = _chosen(found, true, order, truth.um_per_px, ROOT_WITHIN_UM)
    ends, true_ends = _ends(paths), _ends(courses)
    ignored, true_ignored = _unjudged(ends, truth), _unjudged(true_ends, truth)
    ignored[chosen] = true_ignored[its]
    tip_known, tip_right = np.zeros(len(found), bool), np.zeros(len(found), bool)
    tip_known[chosen] = np.array([hair.tip_visible for hair in hairs], bool)[its] & ~ignored[chosen]
    tip_right[chosen] = tips_right(ends[chosen, 1], true_ends[its, 1], truth.um_per_px)
    return Judged(right, ignored, int((~true_ignored).sum()), tip_known, tip_right)


def judge_tips(
    tips: Peaks, truth: AnnotatedPhoto, px_per_cell: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Judge every tip that was seen on a photo.

    Parameters
    ----------
    tips : Peaks
    truth : AnnotatedPhoto
    px_per_cell : float
        Of the segmentation that the tips come from.

    Returns
    -------
    right, ignored : (K,) bool
        As in `Judged`, by the height of their peaks: within `TIP_WITHIN_UM` of the true tip of a hair of
        that direction.
    """
    courses = [hair.path for hair in truth.hairs if hair.tip_visible]
    ways = np.stack([np.cos(tips.angle), np.sin(tips.angle)], -1)
    at = to_px(tips.at, px_per_cell)
    begins = at - REACH_UNIT_CELLS * px_per_cell * ways
    back = np.stack([at, begins], 1)
    true_back = starts([course[::-1] for course in courses], _reach_px(truth))
    best_first = np.arange(len(tips))
    right, chosen, its = _chosen(back, true_back, best_first, truth.um_per_px, TIP_WITHIN_UM)
    ignored = _unjudged(back[:, ::-1], truth)
    ignored[chosen] = _unjudged(_ends(courses), truth)[its]
    return right, ignored


def _chosen(
    found: NDArray[np.float64],
    true: NDArray[np.float64],
    order: NDArray[np.intp],
    um_per_px: float,
    within_um: float,
) -> tuple[NDArray[np.bool_], NDArray[np.intp], NDArray[np.intp]]:
    """(K,) which found ones, in that order, add one to the pairs; numbers of these, and of the true ones."""
    right = np.zeros(len(found), bool)
    right[order] = adding_hairs(found[order], true, um_per_px, within_um)
    chosen = np.flatnonzero(right)
    pairs = pair_hairs(found[chosen], true, um_per_px, within_um)
    return right, chosen[pairs.found], pairs.true


def _reach_px(truth: AnnotatedPhoto) -> float:
    """How much of a path tells its direction: all of it where the truth is root and tip alone."""
    curved = any(len(hair.path) > 2 for hair in truth.hairs)
    return START_UM / truth.um_per_px if curved else float("inf")


def _ends(paths: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """(K, 2, 2) root and tip of each path."""
    return np.array([[path[0], path[-1]] for path in paths], float).reshape(-1, 2, 2)


def _unjudged(hairs: NDArray[np.float64], truth: AnnotatedPhoto) -> NDArray[np.bool_]:
    """(K,) whether a hair lies where the annotation is incomplete: at its margin or on a seam."""
    height, width = truth.pixels.shape[:2]
    out = near_edge(hairs[:, 0], (width, height), truth.edge_um / truth.um_per_px)
    if truth.known_mask is not None:
        x, y = np.clip(np.round(hairs[:, 0]), 0, (width - 1, height - 1)).astype(int).T
        out |= ~truth.known_mask[y, x]
    return out if truth.seams_px is None else out | near_seam(hairs, truth.seams_px)
