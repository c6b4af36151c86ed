"""Possible hairs of a photo, with what speaks for and against each.

Roots and tips are peaks. From each root the shaft is followed through the map of its own
orientation, so that a crossing hair does not lead astray; then tips are given to roots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trichoscan.records import Peaks, Segmentation
from trichoscan.segment.link import TIP_GAP_CELLS, assign_tips, possible_links
from trichoscan.segment.march import ShaftMap, march
from trichoscan.segment.peaks import against_field, log_odds

LONGEST_CELLS = 900.0
"""Hairs are followed for 10 mm at most, more than any photo shows of one."""
SUPPORT_SPACING_CELLS, SUPPORT_POINTS = 1.5, 40
"""The shaft's evidence is averaged over its first 0.65 mm: long hair is blurred further on."""
TIP_STRAIGHT_CELLS = 8.0
"""The last 90 um to a tip are drawn straight, so that a tip beside the followed shaft makes no kink."""
BORDER_CELLS = 6.0
"""A shaft that comes this close to what is not usable is cut by it."""
BACKWARDS_CELLS, BACKWARDS_COSINE = 12.0, -0.8
"""A hair that begins this near another's tip and runs back along it is that hair, read backwards."""

FEATURES = ("root", "tip", "shaft", "field", "beyond", "look")
TIP_FEATURES = ("peak", "link", "look")
DEFAULT_THRESHOLDS = {
    "root": 0.06,
    "tip": 0.1,
    "shaft": 0.25,
    "confidence": 0.4,
    "weight_root": 1.0,
    "weight_tip": 0.5,
    "weight_shaft": 1.0,
    "weight_field": -1.0,
    "weight_beyond": 0.3,
    "weight_look": 0.0,
    "weight_bias": 0.5,
    "tip_peak": 0.3,
    "tip_link": -0.3,
    "tip_look": 0.0,
    "tip_bias": 2.0,
}
"""Operating points for weights that store none: least peaks and shaft evidence to consider, least confidence
to report, and the logistic models of confidence in a hair and in its tip."""


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
    features : (K, 6) float64
        Log odds of the root peak; height of the tip peak, 0 without one; mean evidence of the shaft
        along the path; angle, rad, against the neighbours' mean direction, times how much they
        agree with each other (0-1); 1 where the shaft leads out of what is usable before a tip is seen,
        so that the missing tip says nothing, else 0; log odds by the verifier.
    tip_features : (K, 3) float64
        Log odds of the tip peak, those of a height of 0 without a tip; the cost of its link to the root, and
        log odds by the verifier of tips, NaN without a tip.
    shafts : ShaftMap
        What the paths follow.
    """

    roots: Peaks
    paths: tuple[NDArray[np.float64], ...]
    tip_seen: NDArray[np.bool_]
    spare_tips: Peaks
    features: NDArray[np.float64]
    tip_features: NDArray[np.float64]
    shafts: ShaftMap

    def tip_confidence(self, thresholds: Mapping[str, float]) -> NDArray[np.float64]:
        """(K,) probability that the tip of each is its own, if it is a hair; NaN where none was found."""
        weights = [thresholds[f"tip_{name}"] for name in TIP_FEATURES]
        return np.asarray(1 / (1 + np.exp(-(self.tip_features @ weights + thresholds["tip_bias"]))))

    def confidence(self, thresholds: Mapping[str, float]) -> NDArray[np.float64]:
        """(K,) probability that each is a hair: logistic in the features."""
        weights = [thresholds[f"weight_{name}"] for name in FEATURES]
        return 1 / (1 + np.exp(-(self.features @ weights + thresholds["weight_bias"])))

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
    limits = segmentation.thresholds
    roots, tips = (
        peaks.take(usable(peaks.at, usable_mask, segmentation.px_per_cell))
        for peaks in (segmentation.roots, segmentation.tips)
    )
    shafts = ShaftMap(segmentation.shaft)
    followed = march(shafts, roots.at, roots.angle, limits["shaft"], LONGEST_CELLS)
    tip_of, link_cost = assign_tips(roots, tips, possible_links(roots, followed, tips))
    ended = (
        _ended(roots.at[k], roots.angle[k], roots.reach[k], followed[k], None if j < 0 else tips.at[j])
        for k, j in enumerate(tip_of)
    )
    paths = tuple(_inside(path, segmentation.shaft.shape[1:]) for path in ended)
    features = np.empty((len(roots), len(FEATURES)))
    features[:, 0] = log_odds(roots.score)
    features[:, 1] = [0.0 if j < 0 else tips.score[j] for j in tip_of]
    features[:, 2] = [_support(shafts, path) for path in paths]
    features[:, 3] = against_field(roots)
    cut = leads_out(paths, usable_mask, segmentation.px_per_cell)
    features[:, 4] = np.array(cut, bool) & (tip_of < 0)
    features[:, 5] = roots.second_look
    spare = np.setdiff1d(np.arange(len(tips)), tip_of)
    look = np.append(tips.second_look, np.nan)[tip_of]
    tip_features = np.stack([log_odds(features[:, 1]), link_cost, look], -1)
    return Candidates(roots, paths, tip_of >= 0, tips.take(spare), features, tip_features, shafts)


def to_px(cells: NDArray[np.float64], px_per_cell: float) -> NDArray[np.float64]:
    """Map cells to photo px; see `Segmentation.px_per_cell`."""
    return (cells + 0.5) * px_per_cell - 0.5


def usable(at: NDArray[np.float64], usable_mask: NDArray[np.bool_], px_per_cell: float) -> NDArray[np.bool_]:
    """(K,) whether each point, (K, 2) cells, lies in the photo and in its usable mask."""
    height, width = usable_mask.shape
    px = np.round(to_px(at, px_per_cell)).astype(int)
    inside = (px >= 0).all(1) & (px < [width, height]).all(1)
    x, y = np.clip(px[:, 0], 0, width - 1), np.clip(px[:, 1], 0, height - 1)
    return np.asarray(inside & usable_mask[y, x], bool)


def leads_out(
    paths: Sequence[NDArray[np.float64]], usable_mask: NDArray[np.bool_], px_per_cell: float
) -> list[bool]:
    """Whether going on from each path's end, cells, soon leads out of what is usable."""
    cut = []
    for path in paths:
        end = path[-1] - path[max(len(path) - 6, 0)]
        beyond = path[-1] + BORDER_CELLS * end / max(float(np.hypot(*end)), 1e-9)
        cut.append(not bool(usable(beyond[None], usable_mask, px_per_cell)[0]))
    return cut


def respaced(path: NDArray[np.float64], spacing: float) -> NDArray[np.float64]:
    """The same course with points about `spacing` apart, at least 2, ends kept."""
    along = np.concatenate([[0.0], np.hypot(*np.diff(path, axis=0).T).cumsum()])
    at = np.linspace(0, along[-1], max(round(along[-1] / spacing), 1) + 1)
    return np.stack([np.interp(at, along, path[:, 0]), np.interp(at, along, path[:, 1])], -1)


def _ended(
    root: NDArray[np.float64],
    angle: float,
    reach: float,
    followed: NDArray[np.float64],
    tip: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    """The path from root to tip: along the followed shaft as far as that goes."""
    if tip is None:
        if len(followed) > 2:
            return followed
        return np.stack([root, root + reach * np.array([np.cos(angle), np.sin(angle)])])
    ahead = np.hypot(*(followed - tip).T)
    nearest = int(ahead.argmin())
    if ahead[nearest] > TIP_GAP_CELLS:
        return np.stack([root, tip])
    toward = tip - root
    before = followed[: nearest + 1]
    before = before[
        ((before - tip) @ toward < -TIP_STRAIGHT_CELLS * np.hypot(*toward)) | (np.arange(len(before)) == 0)
    ]
    return np.concatenate([before, tip[None]])


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
