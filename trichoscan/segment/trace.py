"""Maps to hairs: which root, which shaft and which tip belong together.

Roots and tips are peaks. From each root the shaft is followed through the map of its own
orientation, so that a crossing hair does not lead astray. Tips are then given to roots by one
optimal assignment over the photo: a tip costs by its gap from the followed path, by the difference
of directions, and by how far it lies from where the network, at the root, expects it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from trichoscan.records import Hair, Segmentation
from trichoscan.segment.march import ShaftMap, march
from trichoscan.segment.peaks import Peaks, find_peaks, wrap

LONGEST_CELLS = 900.0
"""Hairs are followed for 10 mm at most, more than any photo shows of one."""
TIP_GAP_CELLS = 5.0
"""A tip within 55 um of a followed path may end it."""
TIP_TURN_RAD = np.deg2rad(35.0)
NO_TIP_COST = 3.0
"""Cost of leaving a root without a tip, in standard deviations squared over two."""
BORDER_CELLS = 6.0
"""A shaft that comes this close to what is not usable is cut by it."""
OVERLAP_CELLS = 5.0
"""Centre lines closer than this (55 um) touch or cross."""
POINT_SPACING_CELLS = 4.0

DEFAULT_THRESHOLDS = {
    "root": 0.08,
    "tip": 0.15,
    "shaft": 0.25,
    "confidence": 0.4,
    "weight_bias": 0.5,
    "weight_root": 1.0,
    "weight_tip": 0.5,
    "weight_shaft": 1.0,
}
"""Operating points for weights that store none."""


def trace(segmentation: Segmentation, usable_mask: NDArray[np.bool_]) -> tuple[Hair, ...]:
    """Trace every hair of a photo.

    Parameters
    ----------
    segmentation : Segmentation
    usable_mask : (H, W) bool
        Where scalp can be judged: what begins outside is no hair.

    Returns
    -------
    tuple of Hair
        Sorted from top to bottom, then left to right, by root. Diameters are not measured yet.
    """
    candidates = find_candidates(segmentation, usable_mask)
    confidence = candidates.confidence(segmentation.thresholds)
    kept = candidates.without_reversed(confidence, segmentation.thresholds["confidence"])
    paths = [candidates.paths[k] for k in kept]
    cut = _cut_by_edge(paths, usable_mask, segmentation.px_per_cell)
    overlapped = _overlapped(paths)
    hairs = [
        Hair(
            to_px(_respaced(candidates.paths[k]), segmentation.px_per_cell),
            float(confidence[k]),
            tuple(
                name
                for name, holds in (
                    ("cut_by_edge", cut[i] and not candidates.has_tip[k]),
                    ("overlapped", overlapped[i]),
                    ("uncertain", confidence[k] < 0.5),
                )
                if holds
            ),
        )
        for i, k in enumerate(kept)
    ]
    return tuple(sorted(hairs, key=lambda h: (round(h.root_px[1], 2), round(h.root_px[0], 2))))


def to_px(cells: NDArray[np.float64], px_per_cell: float) -> NDArray[np.float64]:
    """Map cells to photo px; see `Segmentation.px_per_cell`."""
    return (cells + 0.5) * px_per_cell - 0.5


class Candidates:
    """Possible hairs with what speaks for each.

    Attributes
    ----------
    roots : Peaks
        K roots.
    paths : list of (N, 2) float64
        Cells, root first.
    has_tip : (K,) bool
        Whether a tip was found.
    features : (K, 3) float64
        Log odds of the root peak, height of the tip peak (0 without one), mean shaft evidence
        along the path.
    """

    def __init__(
        self,
        roots: Peaks,
        paths: list[NDArray[np.float64]],
        has_tip: NDArray[np.bool_],
        features: NDArray[np.float64],
    ) -> None:
        self.roots, self.paths, self.has_tip, self.features = roots, paths, has_tip, features

    def confidence(self, thresholds: dict[str, float]) -> NDArray[np.float64]:
        """(K,) probability that each is a hair: logistic in the features."""
        weights = [thresholds[f"weight_{name}"] for name in ("root", "tip", "shaft")]
        return 1 / (1 + np.exp(-(self.features @ weights + thresholds["weight_bias"])))

    def without_reversed(self, confidence: NDArray[np.float64], least: float) -> list[int]:
        """Numbers of those at least so confident, less hairs read backwards from their tip."""
        order = [int(k) for k in np.argsort(-confidence, kind="stable") if confidence[k] >= least]
        kept: list[int] = []
        for k in order:
            if not any(_reversed(self.paths[k], self.paths[other]) for other in kept):
                kept.append(k)
        return kept


def _reversed(path: NDArray[np.float64], better: NDArray[np.float64]) -> bool:
    """Whether `path` begins near the tip of `better` and runs back along it."""
    if np.hypot(*(path[0] - better[-1])) > 12.0:
        return False
    a, b = path[-1] - path[0], better[-1] - better[0]
    return bool(a @ b < -0.8 * np.hypot(*a) * np.hypot(*b))


def find_candidates(segmentation: Segmentation, usable_mask: NDArray[np.bool_]) -> Candidates:
    """All possible hairs, also the doubtful ones.

    Parameters
    ----------
    segmentation : Segmentation
    usable_mask : (H, W) bool

    Returns
    -------
    Candidates
    """
    limits, px_per_cell = segmentation.thresholds, segmentation.px_per_cell
    roots = find_peaks(segmentation.root, limits["root"], segmentation.bend)
    tips = find_peaks(segmentation.tip, limits["tip"])
    roots, tips = (p.take(_usable(p.at, usable_mask, px_per_cell)) for p in (roots, tips))
    cell = np.round(roots.at).astype(int)
    h, w = segmentation.root.shape[1:]
    x, y = np.clip(cell[:, 0], 0, w - 1), np.clip(cell[:, 1], 0, h - 1)
    reach = np.maximum(segmentation.reach[roots.channel, y, x].astype(float), 4.0)
    shafts = ShaftMap(segmentation.shaft)
    followed = march(shafts, roots.at, roots.angle, limits["shaft"], LONGEST_CELLS)
    tip_of = _assign_tips(roots, reach, followed, tips)
    paths = [
        _ended(roots.at[k], roots.angle[k], reach[k], followed[k], None if j < 0 else tips.at[j])
        for k, j in enumerate(tip_of)
    ]
    odds = np.log(np.clip(roots.score, 1e-4, 1 - 1e-4) / (1 - np.clip(roots.score, 1e-4, 1 - 1e-4)))
    tip_score = np.array([0.0 if j < 0 else tips.score[j] for j in tip_of])
    support = np.array([_support(shafts, p) for p in paths])
    features = np.stack([odds, tip_score, support], -1) if len(roots) else np.zeros((0, 3))
    return Candidates(roots, paths, tip_of >= 0, features)


def _usable(at: NDArray[np.float64], usable_mask: NDArray[np.bool_], px_per_cell: float) -> NDArray[np.bool_]:
    height, width = usable_mask.shape
    px = np.round(to_px(at, px_per_cell)).astype(int)
    inside = (px >= 0).all(1) & (px < [width, height]).all(1)
    x, y = np.clip(px[:, 0], 0, width - 1), np.clip(px[:, 1], 0, height - 1)
    return np.asarray(inside & usable_mask[y, x], bool)


def _assign_tips(
    roots: Peaks, reach: NDArray[np.float64], followed: list[NDArray[np.float64]], tips: Peaks
) -> NDArray[np.int64]:
    """(K,) number of the tip of each root, -1 for none."""
    none = np.full(len(roots), -1, np.int64)
    if not len(roots) or not len(tips):
        return none
    cost = np.full((len(roots), len(tips) + len(roots)), 1e6)
    cost[np.arange(len(roots)), len(tips) + np.arange(len(roots))] = NO_TIP_COST
    for k, path in enumerate(followed):
        cost[k, : len(tips)] = _tip_costs(roots.at[k], roots.angle[k], reach[k], path, tips)
    rows, columns = linear_sum_assignment(cost)
    found = columns < len(tips)
    none[rows[found]] = columns[found]
    return none


def _tip_costs(
    root: NDArray[np.float64], angle: float, reach: float, path: NDArray[np.float64], tips: Peaks
) -> NDArray[np.float64]:
    """Cost of each tip for one root: squared deviations over two, 1e6 where out of the question."""
    straight = root + np.array([[0.0], [reach]]) * [np.cos(angle), np.sin(angle)]
    costs = [_gap_cost(tips, course, root, reach) for course in (path, straight) if len(course) > 1]
    return np.min(costs, axis=0) - np.log(tips.score) * 0.5


def _gap_cost(
    tips: Peaks, course: NDArray[np.float64], root: NDArray[np.float64], reach: float
) -> NDArray[np.float64]:
    heading = np.arctan2(*np.gradient(course, axis=0).T[::-1])
    apart = np.hypot(*(tips.at[:, None] - course[None]).transpose(2, 0, 1))
    nearest = apart.argmin(1)
    gap = apart[np.arange(len(tips)), nearest]
    last = nearest == len(course) - 1
    overshoot = ((tips.at - course[-1]) * [np.cos(heading[-1]), np.sin(heading[-1])]).sum(1)
    aside = np.sqrt(np.maximum(gap**2 - np.where(last, np.maximum(overshoot, 0.0), 0.0) ** 2, 0.0))
    turn = np.abs(wrap(tips.angle - heading[nearest]))
    chord = np.hypot(*(tips.at - root).T)
    off = np.minimum(np.abs(np.log(np.maximum(chord, 1.0) / reach)) / 0.25, 3.0)
    cost = 0.5 * ((aside / 2.0) ** 2 + (turn / 0.25) ** 2 + off**2)
    impossible = (aside > TIP_GAP_CELLS) | (turn > TIP_TURN_RAD) | (gap > 20.0) | (chord < 3.0)
    return np.where(impossible, 1e6, cost)


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
    before = before[((before - tip) @ toward < -2.0 * np.hypot(*toward)) | (np.arange(len(before)) == 0)]
    return np.concatenate([before, tip[None]])


def _support(shafts: ShaftMap, path: NDArray[np.float64]) -> float:
    """Mean evidence along the first 60 cells of a path."""
    points = _respaced(path, 1.5)[:40]
    heading = np.arctan2(*np.gradient(points, axis=0).T[::-1])
    return float(shafts.sample(points[:, 0], points[:, 1], heading).mean())


def _respaced(path: NDArray[np.float64], spacing: float = POINT_SPACING_CELLS) -> NDArray[np.float64]:
    """The same course with points about `spacing` apart, at least 2, ends kept."""
    along = np.concatenate([[0.0], np.hypot(*np.diff(path, axis=0).T).cumsum()])
    at = np.linspace(0, along[-1], max(round(along[-1] / spacing), 1) + 1)
    return np.stack([np.interp(at, along, path[:, 0]), np.interp(at, along, path[:, 1])], -1)


def _cut_by_edge(
    paths: list[NDArray[np.float64]], usable_mask: NDArray[np.bool_], px_per_cell: float
) -> list[bool]:
    """Whether going on from each tip soon leads out of what is usable."""
    cut = []
    for path in paths:
        end = path[-1] - path[max(len(path) - 6, 0)]
        beyond = path[-1] + BORDER_CELLS * end / max(float(np.hypot(*end)), 1e-9)
        cut.append(not bool(_usable(beyond[None], usable_mask, px_per_cell)[0]))
    return cut


def _overlapped(paths: list[NDArray[np.float64]]) -> list[bool]:
    """Whether any other path comes within `OVERLAP_CELLS` of each."""
    points = [_respaced(p, 2.0) for p in paths]
    boxes = np.array([[*p.min(0) - OVERLAP_CELLS, *p.max(0) + OVERLAP_CELLS] for p in points]).reshape(-1, 4)
    touched = [False] * len(paths)
    for i, p in enumerate(points):
        near = (boxes[:, :2] <= boxes[i, 2:]).all(1) & (boxes[:, 2:] >= boxes[i, :2]).all(1)
        for j in np.nonzero(near)[0]:
            if j > i and np.hypot(*(p[:, None] - points[j][None]).transpose(2, 0, 1)).min() < OVERLAP_CELLS:
                touched[i] = touched[j] = True
    return touched
