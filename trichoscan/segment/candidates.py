"""Possible hairs of a photo, with what speaks for and against each.

Roots and tips are peaks. From each root the shaft is followed through the map of its own
orientation, so that a crossing hair does not lead astray; then tips are given to roots. A tip that is left
over may be that of a hair whose root is not seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from trichoscan.records import Peaks, Segmentation
from trichoscan.segment.from_tips import beside, shared_roots, ways_back
from trichoscan.segment.link import TIP_GAP_CELLS, Links, assign_tips, possible_links
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

FEATURES = ("root", "tip", "shaft", "field", "beyond", "look", "from_tip", "tip_look")
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
    "weight_from_tip": -1.0,
    "weight_tip_look": 0.6,
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
        K roots; those inferred from a tip, which come last, have the score 0.
    paths : tuple of (N, 2) float64
        Cells, root first.
    tip_seen : (K,) bool
        Whether a tip was found; else the path ends where its evidence does.
    from_tip : (K,) bool
        Whether the root was not seen, but inferred from the tip.
    spare_tips : Peaks
        Tips that belong to no root that was seen.
    features : (K, 8) float64
        Log odds of the root peak; height of the tip peak, 0 without one; mean evidence of the shaft
        along the path; angle, rad, against the neighbours' mean direction, times how much they
        agree with each other (0-1); 1 where the shaft leads out of what is usable before a tip is seen,
        so that the missing tip says nothing, else 0; log odds by the verifier of roots; 1 where the root was
        inferred from the tip, else 0, and, only there, log odds by the verifier of tips. What is about the
        root is 0 where none was seen.
    tip_features : (K, 3) float64
        Log odds of the tip peak, the cost of its link to the root, 0 where that was inferred, and log odds by
        the verifier; NaN without a tip.
    """

    roots: Peaks
    paths: tuple[NDArray[np.float64], ...]
    tip_seen: NDArray[np.bool_]
    from_tip: NDArray[np.bool_]
    spare_tips: Peaks
    features: NDArray[np.float64]
    tip_features: NDArray[np.float64]

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
    links = possible_links(roots, followed, tips)
    tip_of, link_cost = assign_tips(roots, tips, links)
    paths = [_to_tip(roots, k, followed, None if j < 0 else tips.at[j]) for k, j in enumerate(tip_of)]
    spare = np.setdiff1d(np.arange(len(tips)), tip_of)
    if tips.second_look.any():
        back = _from_tips(roots, followed, tips, spare, links, shafts, limits["shaft"])
        begins = np.array([path[0] for path in back]).reshape(-1, 2)
        inside = usable(begins, usable_mask, segmentation.px_per_cell)
        paths += [back[i] for i in np.flatnonzero(inside)]
        tip_of = np.concatenate([tip_of, spare[inside]])
        link_cost = np.concatenate([link_cost, np.zeros(inside.sum())])
    starts = _starts(roots, paths)
    cut = np.array(leads_out(paths, usable_mask, segmentation.px_per_cell), bool)
    return Candidates(
        roots=starts,
        paths=tuple(paths),
        tip_seen=tip_of >= 0,
        from_tip=np.arange(len(paths)) >= len(roots),
        spare_tips=tips.take(spare),
        features=_features(starts, paths, tip_of, tips, shafts, cut),
        tip_features=_tip_features(tip_of, tips, link_cost),
    )


def _from_tips(
    roots: Peaks,
    followed: Sequence[NDArray[np.float64]],
    tips: Peaks,
    which: NDArray[np.int64],
    links: Links,
    shafts: ShaftMap,
    least: float,
) -> list[NDArray[np.float64]]:
    """Path to each of some tips, from a root that it may share, else from where its shaft begins."""
    paths = ways_back(tips.take(which), shafts, least, LONGEST_CELLS)
    for i, link in enumerate(shared_roots(which, links)):
        if link >= 0:
            k = int(links.root[link])
            paths[i] = beside(_to_tip(roots, k, followed, tips.at[which[i]]), float(roots.angle[k]))
    return paths


def _starts(roots: Peaks, paths: Sequence[NDArray[np.float64]]) -> Peaks:
    """Roots of all paths: those seen, then those of the paths beyond."""
    chords = np.array([path[-1] - path[0] for path in paths[len(roots) :]]).reshape(-1, 2)
    at = np.array([path[0] for path in paths[len(roots) :]]).reshape(-1, 2)
    angle, unseen = np.arctan2(chords[:, 1], chords[:, 0]), np.zeros(len(chords))
    more = (at, angle, unseen, np.hypot(*chords.T), unseen)
    columns = (getattr(roots, column.name) for column in fields(Peaks))
    return Peaks(*(np.concatenate(pair) for pair in zip(columns, more, strict=True)))


def _features(
    starts: Peaks,
    paths: Sequence[NDArray[np.float64]],
    tip_of: NDArray[np.int64],
    tips: Peaks,
    shafts: ShaftMap,
    cut: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """(K, 8) see `Candidates`."""
    seen = starts.score > 0
    features = np.zeros((len(paths), len(FEATURES)))
    features[:, 0] = np.where(seen, log_odds(starts.score), 0.0)
    features[:, 1] = _of_tips(tips.score, tip_of, 0.0)
    features[:, 2] = [_support(shafts, path) for path in paths]
    features[:, 3] = against_field(starts)
    features[:, 4] = cut & (tip_of < 0)
    features[:, 5] = starts.second_look
    features[:, 6] = ~seen
    features[:, 7] = np.where(seen, 0.0, _of_tips(tips.second_look, tip_of, 0.0))
    return features


def _tip_features(
    tip_of: NDArray[np.int64], tips: Peaks, link_cost: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(K, 3) see `Candidates`."""
    peak = _of_tips(log_odds(tips.score), tip_of, np.nan)
    return np.stack([peak, link_cost, _of_tips(tips.second_look, tip_of, np.nan)], -1)


def _of_tips(values: NDArray[np.float64], tip_of: NDArray[np.int64], without: float) -> NDArray[np.float64]:
    """(K,) what `values` says of the tip of each, `without` where it has none."""
    return np.append(values, without)[tip_of]


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


def _to_tip(
    roots: Peaks, k: int, courses: Sequence[NDArray[np.float64]], tip: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """The path from root `k` to its tip, if it has one: along the followed shaft as far as that goes."""
    root, angle, followed = roots.at[k], roots.angle[k], courses[k]
    if tip is None:
        if len(followed) > 2:
            return followed
        return np.stack([root, root + roots.reach[k] * np.array([np.cos(angle), np.sin(angle)])])
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


def _support(shafts: ShaftMap, path: NDArray[np.float64]) -> float:
    """Mean evidence along the beginning of a path."""
    points = respaced(path, SUPPORT_SPACING_CELLS)[:SUPPORT_POINTS]
    heading = np.arctan2(*np.gradient(points, axis=0).T[::-1])
    return float(shafts.sample(points[:, 0], points[:, 1], heading).mean())
