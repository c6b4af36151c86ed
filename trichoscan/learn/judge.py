"""Right or wrong, candidate by candidate, against the hairs of a photo of known truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trichoscan.learn.dataset import AnnotatedPhoto
from trichoscan.learn.pairing import (
    adding_hairs,
    near_edge,
    near_seam,
    pair_hairs,
    tips_right,
)
from trichoscan.segment.candidates import Candidates, to_px


@dataclass(frozen=True, eq=False)
class Judged:
    """Verdict on K candidates.

    Attributes
    ----------
    right : (K,) bool
        Whether each, taken in the order of what the verifier says, then of the height of their peaks, adds
        one to the hairs that can be paired with true ones: of two that are one hair only the better is right.
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
    found = to_px(_ends(candidates.paths), px_per_cell)
    hairs = [hair for hair in truth.hairs if hair.root_visible]
    true = _ends([hair.path for hair in hairs])
    order = np.lexsort((-candidates.roots.score, -candidates.roots.second_look))
    right = np.zeros(len(found), bool)
    right[order] = adding_hairs(found[order], true, truth.um_per_px)
    chosen = np.flatnonzero(right)
    pairs = pair_hairs(found[chosen], true, truth.um_per_px)
    chosen = chosen[pairs.found]
    ignored, true_ignored = _unjudged(found, truth), _unjudged(true, truth)
    ignored[chosen] = true_ignored[pairs.true]
    tip_known, tip_right = np.zeros(len(found), bool), np.zeros(len(found), bool)
    tip_known[chosen] = np.array([hair.tip_visible for hair in hairs], bool)[pairs.true] & ~ignored[chosen]
    tip_right[chosen] = tips_right(found[chosen, 1], true[pairs.true, 1], truth.um_per_px)
    return Judged(right, ignored, int((~true_ignored).sum()), tip_known, tip_right)


def _ends(paths: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """(K, 2, 2) root and tip of each path."""
    return np.array([[p[0], p[-1]] for p in paths], float).reshape(-1, 2, 2)


def _unjudged(hairs: NDArray[np.float64], truth: AnnotatedPhoto) -> NDArray[np.bool_]:
    """(K,) whether a hair lies where the annotation is incomplete: at its margin or on a seam."""
    height, width = truth.pixels.shape[:2]
    out = near_edge(hairs[:, 0], (width, height), truth.edge_um / truth.um_per_px)
    if truth.known_mask is not None:
        x, y = np.clip(np.round(hairs[:, 0]), 0, (width - 1, height - 1)).astype(int).T
        out |= ~truth.known_mask[y, x]
    return out if truth.seams_px is None else out | near_seam(hairs, truth.seams_px)
