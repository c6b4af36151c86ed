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

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

_NOTCHES = np.random.default_rng(1).uniform(-1.7, 1.7, (1024, 4)).astype(np.float32)
RIM_NOISE = (_NOTCHES - _NOTCHES.mean(axis=1, keepdims=True)).ravel()
"""Course of ragged rims, periodic, zero over every four notches; each side of each shaft begins elsewhere."""

NOTCH_STEP = 8.0
"""Distance of the rim's notches, in SDs of the rim, but at least 1 px."""

BULGE = 0.22
"""How far a cut end that is not smooth bulges, in radii."""

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
    soft_px : float
        Side of the square over which coverage is averaged, at least 1; more where the shaft is out of focus.
    rough_px : float
        SD of the rim and of the cut end about their smooth course; zero on average.
    """

    path_px: Floats
    width_px: Floats
    bevel: float = 0.0
    soft_px: float = 1.0
    rough_px: float = 0.0


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
    dense = [_densify(s, width_px, height_px) for s in shafts]
    counts = np.array([0] + [len(d[0]) for d in dense])
    ends = np.cumsum(counts)
    if ends[-1] == 0:
        none = np.zeros(0, np.float32)
        return Cover(np.zeros(len(shafts) + 1, np.int64), np.zeros(0, np.int64), none, none, none)
    points = np.concatenate([d[0] for d in dense])
    radius = np.concatenate([d[1] for d in dense])
    arc = np.concatenate([d[2] for d in dense])
    owner = np.repeat(np.arange(len(shafts)), counts[1:])
    tangent = _tangents(points, owner)
    steep = np.abs(tangent[:, 1]) >= np.abs(tangent[:, 0])
    reach = radius + np.repeat([s.soft_px / 2 + EDGE_PX for s in shafts], counts[1:])
    parts = [_scan(points, reach, owner, tangent, steep if axis else ~steep, axis) for axis in (1, 0)]
    row, column, sample = (np.concatenate(x) for x in zip(*parts, strict=True))
    inside = (row >= 0) & (row < height_px) & (column >= 0) & (column < width_px)
    row, column, sample = row[inside], column[inside], sample[inside]
    scanned_steep = np.repeat([True, False], [len(parts[0][0]), len(parts[1][0])])[inside]
    dx = (column - points[sample, 0]).astype(np.float32)
    dy = (row - points[sample, 1]).astype(np.float32)
    single = tangent.astype(np.float32)
    for _ in range(2):
        ahead = dx * single[sample, 0] + dy * single[sample, 1]
        step = np.rint(ahead).astype(np.int64)
        nearest = np.clip(sample + step, ends[owner[sample]], ends[owner[sample] + 1] - 1)
        sample = nearest
        dx = (column - points[sample, 0]).astype(np.float32)
        dy = (row - points[sample, 1]).astype(np.float32)
    mine = steep[sample] == scanned_steep
    row, column, sample, dx, dy = row[mine], column[mine], sample[mine], dx[mine], dy[mine]
    tx, ty = single[sample, 0], single[sample, 1]
    ahead = dx * tx + dy * ty
    across = dy * tx - dx * ty
    r = radius[sample].astype(np.float32)
    soft = np.array([s.soft_px for s in shafts], np.float32)[owner[sample]]
    along = arc[sample].astype(np.float32) + ahead
    rough = np.array([s.rough_px for s in shafts], np.float32)
    rim = r
    ragged = np.zeros(1, np.float32)
    if rough.any():
        rim, ragged = _ragged(r, across, along, owner[sample], rough[owner[sample]])
    share = _strip_share(across, rim, tx, ty, soft)
    length = np.array([d[3] for d in dense], np.float32)[owner[sample]]
    bevel = np.array([s.bevel for s in shafts], np.float32)[owner[sample]]
    share *= np.clip(along + 0.5, 0, 1) * np.clip(length - along + bevel * across + ragged + 0.5, 0, 1)
    some = share > 0
    order = np.argsort(owner[sample[some]], kind="stable")
    picked = np.flatnonzero(some)[order]
    looped = np.array([_may_cross_itself(s.path_px) for s in shafts])
    if looped.any():
        picked = _once(picked, owner[sample[picked]], row[picked] * width_px + column[picked], share, looped)
    start = np.searchsorted(owner[sample[picked]], np.arange(len(shafts) + 1))
    return Cover(
        start=start,
        pixel=row[picked] * width_px + column[picked],
        share=share[picked],
        across=across[picked] / np.maximum(r[picked], 0.5),
        along_px=along[picked],
    )


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
    return picked[np.sort(order[np.concatenate([~same, [True]])])]


def _ragged(
    r: Singles, across: Singles, along: Singles, owner: NDArray[np.int64], rough: Singles
) -> tuple[Singles, Singles]:
    """Radius with notches along it, and how far the cut end juts out across it."""
    step = np.maximum(np.float32(NOTCH_STEP) * rough, 1)
    place = along / step
    cell = np.floor(place).astype(np.int64)
    share = place - cell.astype(np.float32)
    begin = 577 * owner + 2048 * (across > 0)
    low, high = RIM_NOISE[(begin + cell) & 4095], RIM_NOISE[(begin + cell + 1) & 4095]
    rim = r + rough * (low + (high - low) * share)
    lane = across / np.maximum(r, 1)
    fray = np.float32(0.7) + np.float32(0.55) * (owner % 4).astype(np.float32)
    end = RIM_NOISE[(331 * owner + np.floor(lane * 3).astype(np.int64)) & 4095] * rough * fray
    # Scissors crush the cut: it bulges in the middle, by as much as its corners lose.
    bulge = np.minimum(np.float32(BULGE) * r, 4 * rough) * (1 - 3 * np.minimum(lane * lane, 1))
    return np.maximum(rim, np.float32(0.2) * r), end + bulge


def _strip_share(across: Singles, r: Singles, tx: Singles, ty: Singles, soft: Singles) -> Singles:
    """Share of a square of side `soft`, `across` from the middle of a strip of half width r."""
    away = np.abs(across)
    long_side = np.maximum(np.abs(tx), np.abs(ty)) * soft
    short_side = np.maximum(np.minimum(np.abs(tx), np.abs(ty)) * soft, np.float32(1e-3))
    share = _half_plane_share(r - away, long_side, short_side)
    both = r + away < soft
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


def _densify(shaft: Shaft, width_px: int, height_px: int) -> tuple[Floats, Floats, Floats, float]:
    """Points every px from before the root to beyond the tip, with radius and arc; and the arc's length."""
    path, width = shaft.path_px, shaft.width_px
    margin = float(width.max() + shaft.soft_px) / 2 + 2 * EDGE_PX + abs(shaft.bevel) * float(width.max()) / 2
    margin += 4.5 * shaft.rough_px + 0.5 * BULGE * float(width.max())
    knots = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    length = float(knots[-1])
    near = np.all((path > -margin - 2) & (path < np.array([width_px, height_px]) + margin + 2), axis=1)
    # A long step between two outside points may still cross a corner: half a step of slack on either side.
    if not near.any() and not _crosses(path, width_px, height_px, margin):
        return np.zeros((0, 2)), np.zeros(0), np.zeros(0), length
    first, last = np.flatnonzero(near)[[0, -1]] if near.any() else (0, len(path) - 1)
    low = knots[max(first - 1, 0)] - (margin if first <= 1 else 0)
    high = knots[min(last + 1, len(path) - 1)] + (margin if last >= len(path) - 2 else 0)
    arc = np.arange(np.floor(low), np.ceil(high) + 1)
    x, y = (np.interp(arc, knots, path[:, c]) for c in (0, 1))
    ends = np.where(arc < 0, arc, np.where(arc > length, arc - length, 0.0))
    lead = (path[1] - path[0]) / max(knots[1], 1e-9)
    tail = (path[-1] - path[-2]) / max(knots[-1] - knots[-2], 1e-9)
    way = np.where((arc < 0)[:, None], lead, tail) * ends[:, None]
    return np.column_stack([x, y]) + way, np.interp(arc, knots, width) / 2, arc, length


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
    reach: Floats,
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
