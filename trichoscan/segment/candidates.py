"""Possible hairs of a photo, with what speaks for and against each.

Roots and tips are peaks. Which pieces of shaft, and which tip, belong to each root is one decision over the
photo (`segment.tie`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trichoscan.records import Peaks, Segmentation
from trichoscan.segment.cells import leads_out, respaced, unit
from trichoscan.segment.ends import TIP
from trichoscan.segment.peaks import against_field, log_odds
from trichoscan.segment.shaft_map import ShaftMap
from trichoscan.segment.thresholds import log_odds_of
from trichoscan.segment.tie import tie

SUPPORT_SPACING_CELLS, SUPPORT_POINTS = 1.5, 40
"""The shaft's evidence is averaged over its first 0.65 mm: long hair is blurred further on."""
TIP_STRAIGHT_CELLS = 8.0
"""The last 90 um to a tip are drawn straight, so that a tip beside the followed shaft makes no kink."""
BACKWARDS_CELLS, BACKWARDS_COSINE = 12.0, -0.8
"""A hair that begins this near another's tip and runs back along it is that hair, read backwards."""

FEATURES = ("root", "tip", "shaft", "field", "beyond", "look")
TIP_FEATURES = ("peak", "own", "look")


@dataclass(frozen=True, eq=False)
class Candidates:
    """K possible hairs.

    Attributes
    ----------
    roots : Peaks
        K roots.
    paths : tuple of (N, 2) float64
        Cells, root first.
    tip_seen : (K,) bool
        Whether a tip was found; else the path ends where its evidence does.
    spare_tips : Peaks
        Tips that belong to no root.
    spare_paths : tuple of (N, 2) float64
        Cells, from each of these back along its shaft.
    features : (K, 6) float64
        Log odds of the root peak; height of the tip peak, 0 without one; mean evidence of the shaft
        along the path; angle, rad, against the neighbours' mean direction, times how much they
        agree with each other (0-1); 1 where the shaft leads, or may lead among others, out of what is
        usable before a tip is seen, so that the missing tip says nothing, else 0; log odds by the verifier.
    tip_features : (K, 3) float64
        Log odds of the tip peak, those of a height of 0 without a tip; that the tip is the root's own,
        and by the verifier of tips, NaN without a tip.
    shafts : ShaftMap
        What the paths follow.
    """

    roots: Peaks
    paths: tuple[NDArray[np.float64], ...]
    tip_seen: NDArray[np.bool_]
    spare_tips: Peaks
    spare_paths: tuple[NDArray[np.float64], ...]
    features: NDArray[np.float64]
    tip_features: NDArray[np.float64]
    shafts: ShaftMap

    def tip_confidence(self, thresholds: Mapping[str, float]) -> NDArray[np.float64]:
        """(K,) probability that the tip of each is its own, if it is a hair; NaN where none was found."""
        return 1 / (1 + np.exp(-log_odds_of("tip", TIP_FEATURES, self.tip_features, thresholds)))

    def confidence(self, thresholds: Mapping[str, float]) -> NDArray[np.float64]:
        """(K,) probability that each is a hair: logistic in the features."""
        return 1 / (1 + np.exp(-log_odds_of("weight", FEATURES, self.features, thresholds)))

    def reported(self, confidence: NDArray[np.float64], least: float) -> list[int]:
        """Numbers of those at least so confident, best first, less hairs read backwards from their tip."""
        order = np.argsort(-confidence, kind="stable")
        order = order[confidence[order] >= least]
        if not len(order):
            return []
        roots, tips = (np.array([self.paths[k][end] for k in order]) for end in (0, -1))
        ways = (tips - roots) / np.maximum(np.hypot(*(tips - roots).T), 1e-9)[:, None]
        keep = np.ones(len(order), bool)
        for i in range(len(order)):
            back = np.hypot(*(tips[:i] - roots[i]).T) <= BACKWARDS_CELLS
            keep[i] = not (keep[:i] & back & (ways[:i] @ ways[i] < BACKWARDS_COSINE)).any()
        return [int(k) for k in order[keep]]


def find_candidates(segmentation: Segmentation, usable_mask: NDArray[np.bool_]) -> Candidates:
    """Find all possible hairs, also the doubtful ones.

    Parameters
    ----------
    segmentation : Segmentation
    usable_mask : (H, W) bool
        What begins or ends outside is no hair's root or tip.

    Returns
    -------
    Candidates
    """
    tied = tie(segmentation, usable_mask)
    roots, tips, shafts, tip_of = tied.roots, tied.tips, tied.shafts, tied.tip_of
    ended = (
        _ended(tied.course_of(k).points, roots.angle[k], roots.reach[k], None if j < 0 else tips.at[j])
        for k, j in enumerate(tip_of)
    )
    paths = tuple(_inside(path, segmentation.shaft.shape[1:]) for path in ended)
    features = np.empty((len(roots), len(FEATURES)))
    features[:, 0] = log_odds(roots.score)
    features[:, 1] = [0.0 if j < 0 else tips.score[j] for j in tip_of]
    features[:, 2] = [_support(shafts, path) for path in paths]
    features[:, 3] = against_field(roots)
    cut = leads_out(paths, usable_mask, segmentation.px_per_cell)
    features[:, 4] = (np.array(cut, bool) | tied.maybe_out) & (tip_of < 0)
    features[:, 5] = roots.second_look
    spare = np.setdiff1d(np.arange(len(tips)), tip_of)
    look = np.append(tips.second_look, np.nan)[tip_of]
    tip_features = np.stack([log_odds(features[:, 1]), tied.tip_odds, look], -1)
    spare_paths = tuple(tied.likeliest_from(int(k)).points for k in tied.ends.numbers(TIP)[spare])
    seen, spare_tips = tip_of >= 0, tips.take(spare)
    return Candidates(roots, paths, seen, spare_tips, spare_paths, features, tip_features, shafts)


def _ended(
    course: NDArray[np.float64], angle: float, reach: float, tip: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """The path from a root along its course to its tip, or as far as that is seen."""
    if tip is None:
        return course if len(course) > 2 else np.stack([course[0], course[0] + reach * unit(np.array(angle))])
    toward = tip - course[0]
    before = course[: int(np.hypot(*(course - tip).T).argmin()) + 1]
    short_of_it = (before - tip) @ toward < -TIP_STRAIGHT_CELLS * np.hypot(*toward)
    return np.concatenate([before[:1], before[1:][short_of_it[1:]], tip[None]])


def _inside(path: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """The path as far as it lies on a map of `shape` (rows, columns), where its root does."""
    low, high = np.full(2, -0.5), np.array(shape[::-1]) - 0.5
    out = np.flatnonzero(((path < low) | (path > high)).any(1))
    if not len(out):
        return path
    before, step = path[out[0] - 1], path[out[0]] - path[out[0] - 1]
    room = np.where(step > 0, high, low) - before
    share = np.divide(room, step, out=np.full(2, np.inf), where=step != 0).min()
    return np.concatenate([path[: out[0]], (before + share * step)[None]])


def _support(shafts: ShaftMap, path: NDArray[np.float64]) -> float:
    """Mean evidence along the beginning of a path."""
    points = respaced(path, SUPPORT_SPACING_CELLS)[:SUPPORT_POINTS]
    heading = np.arctan2(*np.gradient(points, axis=0).T[::-1])
    return float(shafts.sample(points[:, 0], points[:, 1], heading).mean())
