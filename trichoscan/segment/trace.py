"""Maps to hairs: the candidates that are sure enough, with what a reader of the results must know of each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trichoscan.records import Hair, Segmentation
from trichoscan.segment.candidates import Candidates, find_candidates
from trichoscan.segment.cells import leads_out, respaced, to_px, usable
from trichoscan.segment.centre import centred
from trichoscan.segment.shaft_map import ShaftMap

OVERLAP_CELLS = 5.0
"""Centre lines closer than this (55 um) touch or cross."""
POINT_SPACING_CELLS = 2.5
LEAST_STRAY_TIP = 0.3
"""Height of a tip peak from which a shaft without a root is followed back to the edge it came in by."""
STRAY_APART_CELLS = 8.0
"""It must pass the hairs with a root at this distance (90 um): else it is one of them."""
LEAST_DOUBTFUL = 0.05
"""Candidates less likely than this are not kept even as doubtful."""


def trace(segmentation: Segmentation, usable_mask: NDArray[np.bool_]) -> tuple[Hair, ...]:
    """Trace every hair of a photo: the first part of `trace_all`."""
    return trace_all(segmentation, usable_mask)[0]


def trace_all(
    segmentation: Segmentation, usable_mask: NDArray[np.bool_]
) -> tuple[tuple[Hair, ...], tuple[Hair, ...]]:
    """Trace every hair of a photo, and apart from them those that are too doubtful to be reported.

    Parameters
    ----------
    segmentation : Segmentation
    usable_mask : (H, W) bool
        Where scalp can be judged: what begins outside is no hair.

    Returns
    -------
    hairs : tuple of Hair
        Sorted from top to bottom, then left to right, by root. Diameters are not measured yet. Shafts
        that enter from the edge, flagged `root_not_visible`, begin where they enter.
    doubtful : tuple of Hair
        Sorted likewise; all with a root.
    """
    thresholds, px_per_cell = segmentation.thresholds, segmentation.px_per_cell
    candidates = find_candidates(segmentation, usable_mask)
    confidence = candidates.confidence(thresholds)
    considered = candidates.reported(confidence, min(LEAST_DOUBTFUL, thresholds["confidence"]))
    laid = [_laid(candidates.paths[k], candidates.shafts) for k in considered]
    sure = int((confidence[considered] >= thresholds["confidence"]).sum())
    paths = laid[:sure]
    doubtful = _doubtful(candidates, confidence, considered[sure:], laid[sure:], px_per_cell)
    strays = _strays(segmentation, candidates, paths, usable_mask)
    overlapped = _overlapped([*paths, *(path for path, _ in strays)])
    cut = leads_out(paths, usable_mask, px_per_cell)
    tip_confidence = candidates.tip_confidence(thresholds)
    hairs = []
    for k, path, leaves, touched in zip(considered[:sure], paths, cut, overlapped[:sure], strict=True):
        seen = bool(candidates.tip_seen[k])
        flags = {
            "cut_by_edge": leaves and not seen,
            "tip_not_seen": not leaves and not seen,
            "overlapped": touched,
            "uncertain": confidence[k] < 0.5,
        }
        hair = _hair(path, confidence[k], flags, px_per_cell)
        hairs.append(replace(hair, tip_confidence=float(tip_confidence[k])))
    for (path, score), touched in zip(strays, overlapped[sure:], strict=True):
        flags = {"root_not_visible": True, "overlapped": touched, "uncertain": score < 0.5}
        hairs.append(_hair(path, score, flags, px_per_cell))
    return _sorted(hairs), _sorted(doubtful)


def _doubtful(
    candidates: Candidates,
    confidence: NDArray[np.float64],
    which: list[int],
    paths: list[NDArray[np.float64]],
    px_per_cell: float,
) -> list[Hair]:
    """Hairs that are too doubtful to be reported."""
    hairs = []
    for k, path in zip(which, paths, strict=True):
        flags = {"tip_not_seen": not bool(candidates.tip_seen[k]), "uncertain": confidence[k] < 0.5}
        hairs.append(_hair(path, confidence[k], flags, px_per_cell))
    return hairs


def _sorted(hairs: list[Hair]) -> tuple[Hair, ...]:
    return tuple(sorted(hairs, key=lambda h: (round(h.root_px[1], 2), round(h.root_px[0], 2))))


def _laid(path: NDArray[np.float64], shafts: ShaftMap) -> NDArray[np.float64]:
    """The path with points evenly spaced, on the middle of its shaft."""
    return centred(shafts, respaced(path, POINT_SPACING_CELLS))


def _hair(path: NDArray[np.float64], confidence: float, flags: dict[str, bool], px_per_cell: float) -> Hair:
    raised = tuple(name for name, holds in flags.items() if holds)
    return Hair(to_px(respaced(path, POINT_SPACING_CELLS), px_per_cell), float(confidence), raised)


def _strays(
    segmentation: Segmentation,
    candidates: Candidates,
    paths: list[NDArray[np.float64]],
    usable_mask: NDArray[np.bool_],
) -> list[tuple[NDArray[np.float64], float]]:
    """Paths, entry first, and tip heights of shafts that come in from the edge and end in the photo."""
    sure = candidates.spare_tips.score >= LEAST_STRAY_TIP
    strays: list[tuple[NDArray[np.float64], float]] = []
    for k in np.flatnonzero(sure):
        path, score = candidates.spare_paths[k], candidates.spare_tips.score[k]
        if len(path) < 3 or not leads_out([path], usable_mask, segmentation.px_per_cell)[0]:
            continue
        middle = path[len(path) // 2]
        if all(np.hypot(*(other - middle).T).min() > STRAY_APART_CELLS for other in paths):
            inside = path[usable(path, usable_mask, segmentation.px_per_cell)][::-1]
            if len(inside) > 2:
                strays.append((_laid(inside, candidates.shafts), float(score)))
    return strays


def _overlapped(paths: list[NDArray[np.float64]]) -> list[bool]:
    """Whether any other path comes within `OVERLAP_CELLS` of each."""
    points = [respaced(p, 2.0) for p in paths]
    boxes = np.array([[*p.min(0) - OVERLAP_CELLS, *p.max(0) + OVERLAP_CELLS] for p in points]).reshape(-1, 4)
    touched = [False] * len(paths)
    for i, p in enumerate(points):
        near = (boxes[:, :2] <= boxes[i, 2:]).all(1) & (boxes[:, 2:] >= boxes[i, :2]).all(1)
        for j in np.nonzero(near)[0]:
            if j > i and np.hypot(*(p[:, None] - points[j][None]).transpose(2, 0, 1)).min() < OVERLAP_CELLS:
                touched[i] = touched[j] = True
    return touched
