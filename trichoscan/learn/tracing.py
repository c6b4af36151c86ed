"""Teach tracing: which ends of shaft belong together, and which reading of a root is right.

Every possible join and reading is told right or wrong by the true courses of the hairs of photos, and
models of their features are fitted. What the truth cannot tell (pieces that are nobody's, or lie
upon two hairs) is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from trichoscan.learn.dataset import AnnotatedPhoto
from trichoscan.learn.labels import end_directions
from trichoscan.learn.logistic import fit_choice, fit_logistic
from trichoscan.learn.operating import look_at
from trichoscan.segment.cells import respaced, unlike
from trichoscan.segment.ends import PIECE, ROOT, TIP, Ends
from trichoscan.segment.join import ENTER_FEATURES, JOIN_FEATURES
from trichoscan.segment.peaks import wrap
from trichoscan.segment.readings import NO_TIP, READING_SIGNS
from trichoscan.segment.tie import Tied, tie
from trichoscan.segment.weights import Weights

Floats = NDArray[np.float64]
Examples = tuple[Floats, NDArray[np.bool_]]
"""(L, F) features and (L,) whether they are right."""

UPON_CELLS, CELLS_PER_RAD = 3.2, 4.0
"""A point is upon a true hair that lies so near; a rad of turn counts for four cells."""
WITHIN_CELLS, NEIGHBOURS = 3.5, 12
MOST = 0.6
"""A piece belongs to the hair upon which so much of it lies."""
PEAK_CELLS, PEAK_RAD, CHORD_CELLS = 9.0, 0.45, 10.0
"""A root or tip belongs to the hair that has its own so near, in that direction over the first 0.1 mm."""
FINE_CELLS = 0.7


@dataclass(frozen=True, eq=False)
class _Owners:
    """The hair of each of N ends, -1 for none, and how far along it they lie, cells; of N ends."""

    hair: NDArray[np.int64]
    along: Floats


def fit_tracing(photos: Iterable[AnnotatedPhoto], weights: Weights, device: str) -> dict[str, float]:
    """Fit the models of tracing: first those of joins, then, on the courses these allow, that of readings.

    Parameters
    ----------
    photos : iterable of AnnotatedPhoto
        Photos trained on: thousands of joins of a few dozen photos tell nine weights well. What the network
        sees of all of them is held at once, some 8 MB of a photo of 1.3 MP.
    weights : Weights
        Whose network and verifiers look at them.
    device : str

    Returns
    -------
    dict of str to float
        join_..., enter_... and reading_... as in `segment.thresholds.DEFAULT_THRESHOLDS`, those which the
        photos tell.
    """
    seen = [(photo, *look_at(photo, weights, device)) for photo in photos]
    tied = ((photo, tie(segmentation, mask)) for photo, segmentation, mask in seen)
    joins = [joins_of(one, photo) for photo, one in tied]
    fitted: dict[str, float] = {}
    for k, (model, names) in enumerate((("join", JOIN_FEATURES), ("enter", ENTER_FEATURES))):
        x, right = (np.concatenate([some[k][part] for some in joins]) for part in (0, 1))
        if right.any() and not right.all():
            signs = {name: 1 if name == "sureness" else -1 for name in names}
            fitted |= {f"{model}_{name}": w for name, w in fit_logistic(x, right, signs).items()}
    readings = []
    for photo, segmentation, mask in seen:
        allowed = replace(segmentation, thresholds={**segmentation.thresholds, **fitted})
        readings.append(readings_of(tie(allowed, mask), photo))
    x, root, right = (np.concatenate([some[part] for some in readings]) for part in (0, 1, 2))
    if right.any():
        photo_of = np.repeat(np.arange(len(readings)), [len(some[1]) for some in readings])
        group = np.unique(np.stack([photo_of, root], -1), axis=0, return_inverse=True)[1].ravel()
        chosen = fit_choice(x, group, right, READING_SIGNS)
        fitted |= {f"reading_{name}": w for name, w in chosen.items()}
    return fitted


def joins_of(tied: Tied, photo: AnnotatedPhoto) -> tuple[Examples, Examples]:
    """Judge every possible join of a photo: those of two pieces, and those of a piece and a root or tip."""
    owners = _owners(tied, photo)
    right = _right_joins(tied.ends, tied.joins.ends, owners)
    one, other = owners.hair[tied.joins.ends.T]
    nobody = (owners.hair < 0) & (tied.ends.kind == PIECE)
    told = ~nobody[tied.joins.ends].any(1) & ((one != other) | right)
    of_peak, of_pieces = told & tied.joins.of_peak, told & ~tied.joins.of_peak
    features = tied.joins.features
    pieces = features[of_pieces, : len(JOIN_FEATURES)], right[of_pieces]
    return pieces, (features[of_peak], right[of_peak])


def readings_of(tied: Tied, photo: AnnotatedPhoto) -> tuple[Floats, NDArray[np.int64], NDArray[np.bool_]]:
    """Judge every reading of each root of a true hair.

    Right are those, among what ends at the hair's own tip if any does, else among what ends at none, that
    enter no other hair's piece and go the farthest along its own, to a cell; half of what is nobody's is
    taken off.

    Returns
    -------
    features : (R, F) float64
    root : (R,) int64
    right : (R,) bool
    """
    owners, readings = _owners(tied, photo), tied.readings
    its = owners.hair[tied.ends.numbers(ROOT)][readings.root]
    tip_owners = np.append(owners.hair[tied.ends.numbers(TIP)], -2)
    of_tip = tip_owners[readings.tip]
    strange, own = np.zeros(len(its), bool), np.zeros(len(its))
    for r, hair in enumerate(its):
        entered = np.array(readings.courses[readings.course[r]].entered, int)
        whose, length = owners.hair[entered], tied.ends.length[entered]
        strange[r] = ((whose >= 0) & (whose != hair)).any()
        own[r] = length[whose == hair].sum() - 0.5 * length[whose < 0].sum()
    fits = (its >= 0) & ~strange & ((of_tip == its) | (readings.tip == NO_TIP))
    right = np.zeros(len(its), bool)
    for root in np.unique(readings.root[fits]):
        some = np.flatnonzero(fits & (readings.root == root))
        ended = some[readings.tip[some] != NO_TIP]
        some = ended if len(ended) else some
        right[some[own[some] >= own[some].max() - 1.0]] = True
    told = np.isin(readings.root, readings.root[right])
    return readings.features[told], readings.root[told], right[told]


def _owners(tied: Tied, photo: AnnotatedPhoto) -> _Owners:
    """Whose each end is."""
    ends = tied.ends
    paths = [(hair.path + 0.5) / tied.px_per_cell - 0.5 for hair in photo.hairs]
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
