"""Right or wrong, candidate by candidate, against the hairs of a photo of known truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trichoscan.learn.dataset import AnnotatedPhoto
from trichoscan.learn.pairing import near_edge, near_seam, pair_hairs
from trichoscan.segment.candidates import Candidates, to_px


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
    true = _ends([h.path for h in truth.hairs if h.root_visible])
    pairs = pair_hairs(found, true, truth.um_per_px)
    ignored, true_ignored = _unjudged(found, truth), _unjudged(true, truth)
    right = np.zeros(len(found), bool)
    right[pairs.found] = True
    ignored[pairs.found] = true_ignored[pairs.true]
    return Judged(right, ignored, int((~true_ignored).sum()))


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
