"""Drawing of a scalp through a camera, in linear light.

Hair covers skin in linear light: where a shaft of colour h covers the share a of a pixel over skin s, the
pixel is a * h + (1 - a) * s; the camera then blurs and encodes to sRGB. Thickness must be measured
in the same domain.
Letters for shapes: H, W rows and columns; K shafts; N points of a path; M covered pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.chance import own_chance
from trichoscan.phantom.shafts import arc

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

_NOTCHES = np.random.default_rng(1).uniform(-1.7, 1.7, (1024, 4)).astype(np.float32)
RIM_NOISE = (_NOTCHES - _NOTCHES.mean(axis=1, keepdims=True)).ravel()
"""Course of ragged rims, periodic, zero over every four notches; each side of each shaft begins elsewhere."""

NOTCH_STEP = 8.0
"""Distance of the rim's notches, in SDs of the rim, but at least 1 px."""

BULGE = 0.3
"""How far a cut end that is not smooth bulges on average, in radii."""

OWN_QUESTIONS = range(20, 24)
"""What `chance.own_chance` is asked about each shaft's rim and end."""

EDGE_PX = 1.5
"""Beyond the shaft's rim, where coverage is nought for certain."""

SUBPIXEL_BITS = 4
"""Of cv2's `shift`: sixteenths of a px."""


@dataclass(frozen=True, eq=False)
class Shaft:
    """A shaft as it falls on the photo.

    Attributes
    ----------
    path_px : (N, 2) float64
        Root first; may leave the photo.
    width_px : (N,) float64
    bevel : float
        Slope of the cut end.
    soft_px : float or (N,) float64
        Side of the square over which coverage is averaged, at least 1; more where the shaft is out of focus.
    rough_px : float
        SD of the rim and of the cut end about their smooth course; zero on average.
    seed : int
        Of the rim's and the end's own course.
    """

    path_px: Floats
    width_px: Floats
    bevel: float = 0.0
    soft_px: float | Floats = 1.0
    rough_px: float = 0.0
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Cover:
    """Pixels that shafts cover, shaft after shaft.

    Attributes
    ----------
    start : (K + 1,) int64
        Pixels of shaft k are start[k] to start[k + 1].
    pixel : (M,) int64
        Row times W plus column.
    share : (M,) float32
        Covered share of the pixel, 0-1.
    across : (M,) float32
        Signed distance from the centre line in radii of the shaft, -1 to 1 within.
    along_px : (M,) float32
        Distance from the root along the path.
    """

    start: NDArray[np.int64]
    pixel: NDArray[np.int64]
    share: Singles
    across: Singles
    along_px: Singles


def cover(shafts: Sequence[Shaft], width_px: int, height_px: int) -> Cover:
    """Find which pixels each shaft covers, and how much of each.

    The covered share is the exact area that the straight strip along the local tangent takes of the pixel's
    square (of a square of side `soft_px` where it is out of focus), so that the sum over a shaft is its
    area at any angle. Scan lines run along rows where the shaft is steep and
    along columns where it is flat, so that each pixel is met once.

    Parameters
    ----------
    shafts : sequence of Shaft
    width_px, height_px : int
        Of the photo.

    Returns
    -------
    Cover
    """
    dense = _densified(shafts, width_px, height_px)
    if not len(dense.points):
        none = np.zeros(0, np.float32)
        return Cover(np.zeros(len(shafts) + 1, np.int64), np.zeros(0, np.int64), none, none, none)
    near = _nearest(dense, *_candidates(dense, width_px, height_px))
    share = _shares(shafts, dense, near)
    picked = np.flatnonzero(share > 0)
    picked = picked[np.argsort(dense.owner[near.sample[picked]], kind="stable")]
    pixel = near.row * width_px + near.column
    looped = np.array([_may_cross_itself(s.path_px) for s in shafts])
    if looped.any():
        picked = _once(picked, dense.owner[near.sample[picked]], pixel[picked], share, looped)
    sample = near.sample[picked]
    return Cover(
        start=np.searchsorted(dense.owner[sample], np.arange(len(shafts) + 1)),
        pixel=pixel[picked],
        share=share[picked],
        across=(near.across[picked] / np.maximum(dense.radius[sample], 0.5)).astype(np.float32),
        along_px=near.along[picked],
    )


@dataclass(frozen=True, eq=False)
class _Dense:
    """All centre lines, a sample every px: `owner` is the shaft's index, `first` its first sample."""

    points: Floats
    radius: Singles
    arc: Singles
    soft: Singles
    tangent: Floats
    owner: NDArray[np.int64]
    first: NDArray[np.int64]
    length: Singles


@dataclass(frozen=True, eq=False)
class _Near:
    """Pixels and the nearest sample of a shaft; distances across and along from it."""

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    sample: NDArray[np.int64]
    across: Singles
    along: Singles


def _densified(shafts: Sequence[Shaft], width_px: int, height_px: int) -> _Dense:
    parts = [_densify(s, width_px, height_px) for s in shafts]
    counts = [len(part[0]) for part in parts]
    owner = np.repeat(np.arange(len(shafts)), counts)
    points = np.concatenate([part[0] for part in parts]) if parts else np.zeros((0, 2))
    radius, arc, soft = (
        np.concatenate([part[i] for part in parts]).astype(np.float32) if parts else np.zeros(0, np.float32)
        for i in (1, 2, 3)
    )
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    length = np.array([part[4] for part in parts], np.float32)
    return _Dense(points, radius, arc, soft, _tangents(points, owner), owner, first, length)


def _candidates(
    dense: _Dense, width_px: int, height_px: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Pixels (row, column) that a sample may cover, and whether a scan along rows found them."""
    steep = np.abs(dense.tangent[:, 1]) >= np.abs(dense.tangent[:, 0])
    reach = (dense.radius + dense.soft / 2 + EDGE_PX).astype(np.float32)
    parts = [
        _scan(dense.points, reach, dense.owner, dense.tangent, steep if axis else ~steep, axis)
        for axis in (1, 0)
    ]
    row, column, sample = (np.concatenate(x) for x in zip(*parts, strict=True))
    by_rows = np.repeat([True, False], [len(part[0]) for part in parts])
    inside = (row >= 0) & (row < height_px) & (column >= 0) & (column < width_px)
    return row[inside], column[inside], sample[inside], by_rows[inside]


def _nearest(
    dense: _Dense,
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    sample: NDArray[np.int64],
    by_rows: NDArray[np.bool_],
) -> _Near:
    """Go along the shaft to the sample nearest to each pixel; keep what the scan of its side found."""
    tangent = dense.tangent.astype(np.float32)
    low, high = dense.first[dense.owner[sample]], dense.first[dense.owner[sample] + 1] - 1
    for _ in range(2):
        dx, dy = column - dense.points[sample, 0], row - dense.points[sample, 1]
        ahead = dx * tangent[sample, 0] + dy * tangent[sample, 1]
        sample = np.clip(sample + np.rint(ahead).astype(np.int64), low, high)
    mine = (np.abs(dense.tangent[:, 1]) >= np.abs(dense.tangent[:, 0]))[sample] == by_rows
    row, column, sample = row[mine], column[mine], sample[mine]
    dx = (column - dense.points[sample, 0]).astype(np.float32)
    dy = (row - dense.points[sample, 1]).astype(np.float32)
    tx, ty = tangent[sample, 0], tangent[sample, 1]
    return _Near(row, column, sample, dy * tx - dx * ty, dense.arc[sample] + dx * tx + dy * ty)


def _shares(shafts: Sequence[Shaft], dense: _Dense, near: _Near) -> Singles:
    """(M,) covered share of each pixel: the strip's, cut at the root and at the ragged end."""
    sample, owner = near.sample, dense.owner[near.sample]
    rim: Singles = dense.radius[sample]
    ragged = np.zeros(1, np.float32)
    rough = np.array([s.rough_px for s in shafts], np.float32)
    if rough.any():
        own = np.stack([own_chance([s.seed for s in shafts], q) for q in OWN_QUESTIONS], axis=1)[owner]
        rim, ragged = _ragged(rim, near.across, near.along, own, rough[owner])
    tx, ty = (dense.tangent[sample, i].astype(np.float32) for i in (0, 1))
    share = _strip_share(near.across, rim, tx, ty, dense.soft[sample])
    bevel = np.array([s.bevel for s in shafts], np.float32)[owner]
    end = dense.length[owner] - near.along + bevel * near.across + ragged
    share *= np.clip(near.along + np.float32(0.5), 0, 1) * np.clip(end + np.float32(0.5), 0, 1)
    return share


def _may_cross_itself(path_px: Floats) -> bool:
    """Whether a path turns back on itself by more than half a turn."""
    way = np.diff(path_px, axis=0)
    turn = np.unwrap(np.arctan2(way[:, 1], way[:, 0]))
    return bool(np.ptp(turn) > np.pi)


def _once(
    picked: NDArray[np.int64],
    owner: NDArray[np.int64],
    pixel: NDArray[np.int64],
    share: Singles,
    looped: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Of several strands of one shaft on a pixel keep that which covers most of it."""
    order = np.lexsort((share[picked], pixel, owner))
    same = (np.diff(pixel[order]) == 0) & (np.diff(owner[order]) == 0) & looped[owner[order[:-1]]]
    last = np.ones(len(order), bool)
    last[:-1] = ~same
    return picked[np.sort(order[last])]


def _ragged(
    r: Singles, across: Singles, along: Singles, own: Floats, rough: Singles
) -> tuple[Singles, Singles]:
    """Radius with notches along it, and how far the cut end juts out across it."""
    step = np.maximum(np.float32(NOTCH_STEP) * rough, 1)
    place = along / step
    cell = np.floor(place).astype(np.int64)
    share = place - cell.astype(np.float32)
    begin = (4096 * own[:, 0]).astype(np.int64) + 2048 * (across > 0)
    low, high = RIM_NOISE[(begin + cell) & 4095], RIM_NOISE[(begin + cell + 1) & 4095]
    rim = r + rough * (low + (high - low) * share)
    lane = across / np.maximum(r, 1)
    fray = (0.5 + 1.9 * own[:, 1]).astype(np.float32)
    place = lane * np.float32(2.2)
    cell = np.floor(place).astype(np.int64)
    share = place - cell.astype(np.float32)
    begin = (4096 * own[:, 2]).astype(np.int64)
    low, high = RIM_NOISE[(begin + cell) & 4095], RIM_NOISE[(begin + cell + 1) & 4095]
    end = (low + (high - low) * share) * rough * fray
    # Scissors crush the cut: it bulges in the middle, by as much as its corners lose.
    crushed = (2 * BULGE * own[:, 3]).astype(np.float32)
    bulge = np.minimum(crushed * r, 6 * rough) * (1 - 3 * np.minimum(lane * lane, 1))
    return np.maximum(rim, np.float32(0.2) * r), end + bulge


def _strip_share(across: Singles, r: Singles, tx: Singles, ty: Singles, soft: Singles) -> Singles:
    """Share of a pixel, `across` from the middle of a strip of half width r, blurred as by a square `soft`.

    A pixel's square is two boxes folded across the strip. The longer is as wide as the pixels of a scan line
    lie apart, so that the shares over the profile add up to the width; blur widens the other one only, to the
    variance of a square of side `soft`.
    """
    away = np.abs(across)
    wide, narrow = np.maximum(np.abs(tx), np.abs(ty)), np.minimum(np.abs(tx), np.abs(ty))
    narrow = np.sqrt(narrow * narrow + np.maximum(soft * soft - 1, 0))
    long_side, short_side = np.maximum(wide, narrow), np.maximum(np.minimum(wide, narrow), np.float32(1e-3))
    share = _half_plane_share(r - away, long_side, short_side)
    both = r + away < (long_side + short_side) / 2
    share[both] -= 1 - _half_plane_share((r + away)[both], long_side[both], short_side[both])
    return np.clip(share, 0, 1)


def _half_plane_share(depth: Singles, long_side: Singles, short_side: Singles) -> Singles:
    """Share of a square whose centre lies `depth` inside a half plane.

    Seen across the edge the square is a trapezoid: two boxes folded, as wide as the projections of its sides.
    """
    u = np.abs(depth)
    rest = np.maximum((long_side + short_side) / 2 - u, 0)
    flat = u <= (long_side - short_side) / 2
    half = np.where(flat, u / long_side, np.float32(0.5) - rest * rest / (2 * long_side * short_side))
    return np.asarray(np.float32(0.5) + np.copysign(half, depth), dtype=np.float32)


def _densify(shaft: Shaft, width_px: int, height_px: int) -> tuple[Floats, Floats, Floats, Floats, float]:
    """Points every px from before the root to beyond the tip; radius, arc, softness; the arc's length."""
    path, width = shaft.path_px, shaft.width_px
    soft = np.broadcast_to(np.asarray(shaft.soft_px, dtype=np.float64), width.shape)
    margin = float(width.max() + soft.max()) / 2 + 2 * EDGE_PX + abs(shaft.bevel) * float(width.max()) / 2
    margin += 7 * shaft.rough_px + 2 * BULGE * float(width.max())
    knots = arc(path)
    length = float(knots[-1])
    near = np.all((path > -margin - 2) & (path < np.array([width_px, height_px]) + margin + 2), axis=1)
    # A long step between two outside points may still cross a corner: half a step of slack on either side.
    if not near.any() and not _crosses(path, width_px, height_px, margin):
        return np.zeros((0, 2)), np.zeros(0), np.zeros(0), np.zeros(0), length
    first, last = np.flatnonzero(near)[[0, -1]] if near.any() else (0, len(path) - 1)
    low = knots[max(first - 1, 0)] - (margin if first <= 1 else 0)
    high = knots[min(last + 1, len(path) - 1)] + (margin if last >= len(path) - 2 else 0)
    along = np.arange(np.floor(low), np.ceil(high) + 1)
    x, y = (np.interp(along, knots, path[:, c]) for c in (0, 1))
    ends = np.where(along < 0, along, np.where(along > length, along - length, 0.0))
    lead = (path[1] - path[0]) / max(knots[1], 1e-9)
    tail = (path[-1] - path[-2]) / max(knots[-1] - knots[-2], 1e-9)
    way = np.where((along < 0)[:, None], lead, tail) * ends[:, None]
    radius, blurred = np.interp(along, knots, width) / 2, np.interp(along, knots, soft)
    return np.column_stack([x, y]) + way, radius, along, blurred, length


def _crosses(path: Floats, width_px: int, height_px: int, margin: float) -> bool:
    low, high = path.min(axis=0) - margin, path.max(axis=0) + margin
    return bool(low[0] < width_px and low[1] < height_px and high[0] > 0 and high[1] > 0)


def _tangents(points: Floats, owner: NDArray[np.int64]) -> Floats:
    """Unit tangents by central differences within each shaft, smoothed over the corners of its polyline."""
    after = np.minimum(np.arange(len(points)) + 2, len(points) - 1)
    before = np.maximum(np.arange(len(points)) - 2, 0)
    here = np.arange(len(points))
    after = np.where(owner[after] == owner, after, here)
    before = np.where(owner[before] == owner, before, here)
    t = points[after] - points[before]
    return np.asarray(t / np.maximum(np.hypot(t[:, 0], t[:, 1]), 1e-9)[:, None])


def _scan(
    points: Floats,
    reach: Singles,
    owner: NDArray[np.int64],
    tangent: Floats,
    wanted: NDArray[np.bool_],
    axis: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Candidates (row, column, nearest sample) of the scan lines along the other axis; see `cover`."""
    slack = int(np.ceil(reach.max())) + 2
    near = cv2.dilate(wanted.astype(np.uint8)[:, None], np.ones((2 * slack + 1, 1), np.uint8))[:, 0] > 0
    a = np.flatnonzero(near[:-1] & (owner[1:] == owner[:-1]))
    u, v = points[a, axis], points[a + 1, axis]
    line = np.ceil(np.minimum(u, v))
    hit = line < np.maximum(u, v)
    a, line, u, v = a[hit], line[hit], u[hit], v[hit]
    share = (line - u) / (v - u)
    centre = points[a, 1 - axis] * (1 - share) + points[a + 1, 1 - axis] * share
    # Near a switch of orientation a scan line may meet the shaft flatly: the rest is the other scan's.
    half = reach[a] / np.maximum(np.abs(tangent[a, axis]), 0.5)
    low = np.ceil(centre - half).astype(np.int64)
    n = np.maximum(np.floor(centre + half).astype(np.int64) - low + 1, 0)
    which = np.repeat(np.arange(len(a)), n)
    step = np.arange(len(which)) - np.repeat(np.cumsum(n) - n, n)
    place = low[which] + step
    lines = line.astype(np.int64)[which]
    sample = a[which]
    return (lines, place, sample) if axis == 1 else (place, lines, sample)


def fixed_point(points_px: Floats) -> NDArray[np.int32]:
    """Points as cv2's drawing functions take them with `shift=SUBPIXEL_BITS`."""
    return np.rint(points_px * (1 << SUBPIXEL_BITS)).astype(np.int32)
