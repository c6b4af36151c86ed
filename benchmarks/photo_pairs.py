"""Pairs of drawn photos, from pixels to fates: the part of benchmarks/match.py that needs the network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from trichoscan.match.pair import pair
from trichoscan.match.register import register
from trichoscan.phantom.draw import Phantom, draw_phantom, photograph
from trichoscan.phantom.visits import follow_up
from trichoscan.pipeline import analyze
from trichoscan.records import Alignment, Analysis, Hair, Photo
from trichoscan.segment.infer import load_weights

Floats = NDArray[np.float64]

SEED = 990_000
STYLES = ("plain", "clipped")
SAME_ROOT_UM = 60.0
"""A detected root this near to a true one is that hair: about its width."""


def photo_pairs(number: int) -> dict[str, dict[str, float]]:
    """Figures for each style: alignment, matching and change, beside subtraction and SIFT with RANSAC."""
    return {style: _of_style(style, number // len(STYLES)) for style in STYLES}


def _of_style(style: str, number: int) -> dict[str, float]:
    from match import sift_similarity

    weights = load_weights()
    ours, sift, change, subtracted = [], [], [], []
    right = pairs = both = refused = 0
    for seed in range(SEED, SEED + number):
        before = draw_phantom(seed, style, 1280, 1024, 5.5)
        course = follow_up(before.scalp, before.camera, seed, style)
        after = photograph(course.scalp, course.camera, style)
        one, other = (
            analyze(Photo(np.ascontiguousarray(p.pixels), p.um_per_px, "manifest"), weights, device="cpu")
            for p in (before, after)
        )
        alignment = register(one, other)
        if not alignment.accepted:
            refused += 1
            continue
        y, x = np.nonzero(alignment.overlap_mask[::16, ::16])
        at = np.column_stack([x, y]) * 16.0
        truth = after.camera.to_px(before.camera.to_um(at))
        ours.append(_rms(alignment.to_followup(at), truth) * after.um_per_px)
        plain = sift_similarity(before.pixels, after.pixels)
        error = np.inf if plain is None else _rms(at @ plain[:, :2].T + plain[:, 2], truth) * after.um_per_px
        sift.append(error)
        pairing = pair(one, other, alignment)
        names = _names(pairing.baseline_hairs, before), _names(pairing.followup_hairs, after)
        matched = [m for m in pairing.matches if m.baseline is not None and m.followup is not None]
        right += sum(names[0][m.baseline] == names[1][m.followup] != -1 for m in matched)
        pairs += sum(names[0][m.baseline] >= 0 or names[1][m.followup] >= 0 for m in matched)
        both += len((set(_names(one.hairs, before)) & set(_names(other.hairs, after))) - {-1})
        true, count = _true_change(before, after, alignment)
        estimate = sum(
            {"new": m.probability, "lost": -m.probability}.get(m.kind, 0.0) for m in pairing.matches
        )
        change.append(100 * abs(estimate - true) / max(count, 1))
        subtracted.append(100 * abs(_subtracted(one, other, alignment) - true) / max(count, 1))
    return {
        "pairs": number,
        "refused": refused,
        "map_error_median_um": round(float(np.median(ours)), 1),
        "map_error_most_um": round(float(np.max(ours)), 1),
        "sift_error_median_um": round(float(np.median(sift)), 1),
        "sift_failed": int(np.sum(np.array(sift) > 100)),
        "match_precision": round(right / max(pairs, 1), 4),
        "match_recall": round(right / max(both, 1), 4),
        "change_error_percent": round(float(np.mean(change)), 2),
        "change_error_subtracted_percent": round(float(np.mean(subtracted)), 2),
    }


def _rms(points: Floats, truth: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(points - truth).sum(1))))


def _names(hairs: tuple[Hair, ...], phantom: Phantom) -> list[int]:
    """hair_id of each detected hair, -1 where no true root is near; one to one."""
    true = [hair for hair in phantom.hairs if hair.root_visible and hair.kind != "abnormal"]
    names = np.full(len(hairs), -1)
    if true and hairs:
        roots = np.array([hair.root_px for hair in hairs])
        apart = np.hypot(*(roots[:, None] - np.array([h.path_px[0] for h in true])[None]).transpose(2, 0, 1))
        limit = SAME_ROOT_UM / phantom.um_per_px
        rows, columns = linear_sum_assignment(np.minimum(apart, limit))
        for row, column in zip(rows, columns, strict=True):
            if apart[row, column] < limit:
                names[row] = true[column].hair_id
    return [int(name) for name in names]


def _true_change(before: Phantom, after: Phantom, alignment: Alignment) -> tuple[int, int]:
    """Hairs more in the common field at the later visit, and how many there were before."""
    mask = alignment.overlap_mask
    counts = []
    for phantom in (before, after):
        hairs = [h for h in phantom.scalp.hairs if h.kind == "hair"]
        roots = np.array([h.path_um[0] for h in hairs]).reshape(-1, 2)
        counts.append(_count(mask, before.camera.to_px(roots)))
    return counts[1] - counts[0], counts[0]


def _subtracted(one: Analysis, other: Analysis, alignment: Alignment) -> int:
    """Change as counted apart in the common field."""
    roots = [np.array([h.root_px for h in a.hairs]).reshape(-1, 2) for a in (one, other)]
    mask = alignment.overlap_mask
    return _count(mask, alignment.to_baseline(roots[1])) - _count(mask, roots[0])


def _count(mask: NDArray[np.bool_], points_px: Floats) -> int:
    cells = np.floor(points_px + 0.5).astype(int)
    height, width = mask.shape
    cells = cells[((cells >= 0) & (cells < [width, height])).all(1)]
    return int(mask[cells[:, 1], cells[:, 0]].sum())
