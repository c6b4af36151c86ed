"""Teach tracing: which ends of shaft belong together, and which tip to which root, on photos of known truth.

Every possible join and link of the photos is told right or wrong by the true courses of the hairs, and
logistic models of their features are fitted. What the truth cannot tell (pieces that are nobody's, or lie
upon two hairs) is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from trichoscan.learn.dataset import AnnotatedPhoto
from trichoscan.learn.labels import end_directions
from trichoscan.learn.logistic import fit_logistic
from trichoscan.learn.operating import look_at
from trichoscan.segment.cells import respaced, unlike
from trichoscan.segment.ends import PIECE, ROOT, TIP, Ends
from trichoscan.segment.join import ENTER_FEATURES, JOIN_FEATURES
from trichoscan.segment.link import LINK_FEATURES
from trichoscan.segment.peaks import wrap
from trichoscan.segment.tie import Tied, tie
from trichoscan.segment.weights import Weights

Floats = NDArray[np.float64]

UPON_CELLS, CELLS_PER_RAD = 3.2, 4.0
"""A point is upon a true hair that lies so near; a rad of turn counts for four cells."""
WITHIN_CELLS, NEIGHBOURS = 3.5, 12
MOST = 0.6
"""A piece belongs to the hair upon which so much of it lies."""
PEAK_CELLS, PEAK_RAD, CHORD_CELLS = 9.0, 0.45, 10.0
"""A root or tip belongs to the hair that has its own so near, in that direction over the first 0.1 mm."""
FINE_CELLS = 0.7


@dataclass(frozen=True, eq=False)
class Examples:
    """What one photo tells: for each model, (L, F) features and (L,) whether they are right."""

    join: tuple[Floats, NDArray[np.bool_]]
    enter: tuple[Floats, NDArray[np.bool_]]
    link: tuple[Floats, NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class _Owners:
    """The hair of each of N ends, -1 for none, and how far along it they lie, cells; of N ends."""

    hair: NDArray[np.int64]
    along: Floats


def fit_tracing(photos: Iterable[AnnotatedPhoto], weights: Weights, device: str) -> dict[str, float]:
    """Fit the models of tracing.

    Links are judged on shafts followed by the joins of `weights`, not yet by those that are fitted here.

    Parameters
    ----------
    photos : iterable of AnnotatedPhoto
        Photos trained on: thousands of joins of a few dozen photos tell nine weights well.
    weights : Weights
        Whose network and verifiers look at them.
    device : str

    Returns
    -------
    dict of str to float
        join_..., enter_... and link_... as in `segment.thresholds.DEFAULT_THRESHOLDS`, those which the photos
        tell.
    """
    examples = [examples_of(photo, weights, device) for photo in photos]
    fitted: dict[str, float] = {}
    for model, names in (("join", JOIN_FEATURES), ("enter", ENTER_FEATURES), ("link", LINK_FEATURES)):
        x, right = (np.concatenate([getattr(some, model)[k] for some in examples]) for k in (0, 1))
        if right.any() and not right.all():
            signs = {name: 1 if name in ("sureness", "weakest") else -1 for name in names}
            fitted |= {f"{model}_{name}": w for name, w in fit_logistic(x, right, signs).items()}
    return fitted


def examples_of(photo: AnnotatedPhoto, weights: Weights, device: str) -> Examples:
    """Judge every possible join and link of a photo."""
    segmentation, mask = look_at(photo, weights, device)
    tied = tie(segmentation, mask)
    paths = [(hair.path + 0.5) / segmentation.px_per_cell - 0.5 for hair in photo.hairs]
    owners = _owners(tied, paths, photo)
    right = _right_joins(tied.ends, tied.joins.ends, owners)
    one, other = owners.hair[tied.joins.ends.T]
    nobody = (owners.hair < 0) & (tied.ends.kind == PIECE)
    told = ~nobody[tied.joins.ends].any(1) & ((one != other) | right)
    of_peak, of_pieces = told & tied.joins.of_peak, told & ~tied.joins.of_peak
    roots, tips = tied.ends.numbers(ROOT)[tied.links.root], tied.ends.numbers(TIP)[tied.links.tip]
    true_root = owners.hair[roots] >= 0
    return Examples(
        (tied.joins.features[of_pieces][:, : len(JOIN_FEATURES)], right[of_pieces]),
        (tied.joins.features[of_peak], right[of_peak]),
        (tied.links.features[true_root], (owners.hair[roots] == owners.hair[tips])[true_root]),
    )


def _owners(tied: Tied, paths: list[Floats], photo: AnnotatedPhoto) -> _Owners:
    """Whose each end is."""
    ends = tied.ends
    owners = _Owners(np.full(len(ends.at), -1), np.full(len(ends.at), np.nan))
    if not paths:
        return owners
    fine = [respaced(path, FINE_CELLS) for path in paths]
    points = np.concatenate(fine)
    hair = np.repeat(np.arange(len(fine)), [len(path) for path in fine])
    along = np.concatenate([np.linspace(0.0, _length(path), len(path)) for path in fine])
    heading = np.concatenate([_heading(path) for path in fine])
    tree = cKDTree(points)
    for k, piece in enumerate(tied.pieces):
        course = respaced(piece, 1.0)
        away, near = tree.query(course, k=NEIGHBOURS, distance_upper_bound=WITHIN_CELLS)
        near = np.where(np.isfinite(away), near, 0)
        turn = unlike(heading[near], _heading(course)[:, None])
        cost = np.where(np.isfinite(away), away + CELLS_PER_RAD * turn, np.inf)
        nearest = near[np.arange(len(course)), cost.argmin(1)]
        upon = cost.min(1) < UPON_CELLS
        votes = np.bincount(hair[nearest[upon]], minlength=1)
        if votes.max() >= MOST * len(course):
            its = np.flatnonzero(upon & (hair[nearest] == votes.argmax()))
            owners.hair[2 * k : 2 * k + 2] = votes.argmax()
            owners.along[2 * k], owners.along[2 * k + 1] = along[nearest[its[[0, -1]]]]
    _own_peaks(ends, ROOT, paths, np.array([h.root_visible for h in photo.hairs]), owners)
    _own_peaks(ends, TIP, paths, np.array([h.tip_visible for h in photo.hairs]), owners)
    return owners


def _own_peaks(
    ends: Ends, kind: int, paths: list[Floats], visible: NDArray[np.bool_], owners: _Owners
) -> None:
    """Fill in the owners of roots, or of tips, one to one."""
    which, hairs = ends.numbers(kind), np.flatnonzero(visible)
    if not len(which) or not len(hairs):
        return
    from_end = [paths[k] if kind == ROOT else paths[k][::-1] for k in hairs]
    at = np.array([path[0] for path in from_end])
    way = np.array([end_directions(path, CHORD_CELLS)[0] for path in from_end])
    apart = np.hypot(*(ends.at[which][:, None] - at[None]).transpose(2, 0, 1))
    turn = np.abs(wrap(ends.away[which][:, None] - way))
    fits = (apart < PEAK_CELLS) & (turn < PEAK_RAD)
    rows, columns = linear_sum_assignment(np.where(fits, apart + 2 * CELLS_PER_RAD * turn, 1e3))
    for row, column in zip(rows, columns, strict=True):
        if fits[row, column]:
            hair = hairs[column]
            owners.hair[which[row]] = hair
            owners.along[which[row]] = 0.0 if kind == ROOT else _length(paths[hair])


def _right_joins(ends: Ends, joins: NDArray[np.int64], owners: _Owners) -> NDArray[np.bool_]:
    """(L,) whether the two ends of each join follow upon each other along one hair, with no other between."""
    other_end = np.where(ends.kind == PIECE, np.arange(len(ends.at)) ^ 1, np.arange(len(ends.at)))
    middle = 0.5 * (owners.along + owners.along[other_end])
    middle[ends.kind == ROOT], middle[ends.kind == TIP] = -np.inf, np.inf
    swapped = middle[joins[:, 0]] > middle[joins[:, 1]]
    before, after = np.where(swapped[:, None], joins[:, ::-1], joins).T
    facing = (owners.along[before] >= owners.along[other_end[before]]) & (
        owners.along[after] <= owners.along[other_end[after]]
    )
    right = (owners.hair[before] >= 0) & (owners.hair[before] == owners.hair[after]) & facing
    right &= (ends.kind[before] != TIP) & (ends.kind[after] != ROOT)
    for k in np.flatnonzero(right):
        of_hair = middle[owners.hair == owners.hair[before[k]]]
        right[k] = not ((of_hair > middle[before[k]] + 0.01) & (of_hair < middle[after[k]] - 0.01)).any()
    return right


def _heading(path: Floats) -> Floats:
    """(N,) direction, rad, at each point."""
    return np.asarray(np.arctan2(*np.gradient(path, axis=0).T[::-1]), np.float64)


def _length(path: Floats) -> float:
    return float(np.hypot(*np.diff(path, axis=0).T).sum())
