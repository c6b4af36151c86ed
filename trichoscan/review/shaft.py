"""The shaft under a line that somebody drew: the cheapest way along the ridge that the photo shows there.

A shaft is a ridge of dark (or light) in the photo. Its strength at each pixel is the larger curvature of the
blurred lightness (the Hessian's eigenvalue, at two blurs that suit hair of 25 to 100 um); going along strong
ridge is cheap, across skin dear. The clicks are joined by shortest paths in a strip about the drawn line, and
the way found is pulled to the middle of the ridge and smoothed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d, map_coordinates
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

Floats = NDArray[np.float64]

BLURS_UM = (9.0, 24.0)
"""The ridge of a stripe is strongest at a blur of about a third of its width: 25-80 um."""
LEAST_BLUR_PX = 0.9
STRIP_UM = 150.0
"""How far the drawn line may lie beside the shaft; less than half of the distance between units."""
SNAP_UM = 30.0
"""How far a click is moved to the ridge: half of a usual shaft."""
POINT_SPACING_UM = 27.5
"""Of the path's points, as tracing spaces them."""
TYPICAL_UM_PER_PX = 5.5
"""Taken where the photo has no scale: the blurs then suit shafts of 5 to 15 px."""
RIDGE_COST, AWAY_COST = 0.02, 0.3
"""Cost per px of the best ridge, and of the strip's border, that of skin being 1: along the ridge a way of 50
times the length is as dear, but a neighbouring hair is dearer than the one under the line."""
LEAST_RIDGE = 2.5
"""Median strength along the way, in robust standard deviations of the strip: below, no shaft is seen."""
LARGEST_STRIP_PX = 4e6


@dataclass(frozen=True, eq=False)
class Shaft:
    """A line on the photo.

    Attributes
    ----------
    path_px : (N, 2) float64
        Root first.
    seen : bool
        Whether the photo shows a shaft there; else the path is the line as it was drawn.
    """

    path_px: Floats
    seen: bool


def follow_shaft(
    pixels: NDArray[np.uint8], points_px: Sequence[Sequence[float]], um_per_px: float | None
) -> Shaft:
    """Find the shaft under a drawn line.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
    points_px : (N, 2)
        Root, points along the shaft, tip; N >= 2, inside the photo.
    um_per_px : float or None

    Returns
    -------
    Shaft
    """
    scale = um_per_px or TYPICAL_UM_PER_PX
    drawn = np.array(points_px, np.float64)
    strip_px, snap_px = STRIP_UM / scale, SNAP_UM / scale
    low = np.maximum(np.floor(drawn.min(0) - strip_px - 8), 0).astype(int)
    high = np.minimum(np.ceil(drawn.max(0) + strip_px + 9), pixels.shape[1::-1]).astype(int)
    line = respaced(drawn, POINT_SPACING_UM / scale)
    if len(drawn) < 2 or np.prod((high - low).astype(float)) > LARGEST_STRIP_PX:
        return Shaft(line, False)
    lightness = cv2.cvtColor(pixels[low[1] : high[1], low[0] : high[0]], cv2.COLOR_RGB2LAB)[..., 0]
    away = _away(drawn - low, lightness.shape) / strip_px
    inside = np.asarray(away <= 1, np.bool_)
    ridge = _ridge(lightness.astype(np.float64), drawn - low, scale, inside)
    clicks = [_snapped(point, ridge, snap_px) for point in drawn - low]
    way = _cheapest_way(clicks, ridge, away)
    if way is None:
        return Shaft(line, False)
    strength = map_coordinates(ridge, way.T[::-1], order=1)
    if float(np.median(strength)) < LEAST_RIDGE:
        return Shaft(line, False)
    centred = _centred(_smoothed(way, 2.0), ridge, snap_px / 2)
    path = np.clip(_smoothed(centred, 3.0) + low, 0, np.array(pixels.shape[1::-1]) - 1)
    return Shaft(respaced(path, POINT_SPACING_UM / scale), True)


def respaced(path_px: Floats, spacing_px: float) -> Floats:
    """(M, 2) points about `spacing_px` apart along an (N, 2) path, with its ends."""
    steps = np.hypot(*np.diff(path_px, axis=0).T)
    keep = np.concatenate([[True], steps > 0])
    path, along = path_px[keep], np.concatenate([[0.0], np.cumsum(steps[steps > 0])])
    if len(path) < 2:
        return np.vstack([path[0], path[0] + np.array([0.5, 0.0])])
    at = np.linspace(0, along[-1], max(round(along[-1] / spacing_px) + 1, 2))
    return np.column_stack([np.interp(at, along, path[:, axis]) for axis in (0, 1)])


def _away(drawn: Floats, shape: tuple[int, ...]) -> Floats:
    """(H, W) distance in px from the drawn line."""
    off = np.ones(shape, np.uint8)
    cv2.polylines(off, [np.round(drawn).astype(np.int32)], False, 0, 1)
    return np.asarray(cv2.distanceTransform(off, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float64)


def _ridge(lightness: Floats, drawn: Floats, um_per_px: float, inside: NDArray[np.bool_]) -> Floats:
    """(H, W) strength of the ridge in robust standard deviations; of dark or of light, as the line has it."""
    along = respaced(drawn, 1.0).T[::-1]
    found: list[Floats] = []
    for sign in (1.0, -1.0):
        strength = np.zeros_like(lightness)
        for blur_um in BLURS_UM:
            strength = np.maximum(
                strength, _curvature(lightness, max(blur_um / um_per_px, LEAST_BLUR_PX), sign)
            )
        spread = 1.4826 * float(np.median(np.abs(strength[inside] - np.median(strength[inside]))))
        found.append(strength / max(spread, 0.3))
    near = [float(np.mean(map_coordinates(gaussian_filter(one, 2.0), along, order=1))) for one in found]
    return found[int(near[1] > near[0])]


def _curvature(lightness: Floats, blur_px: float, sign: float) -> Floats:
    """(H, W) larger eigenvalue of the Hessian, times the blur squared: high in the middle of a dark line."""
    xx, yy, xy = (
        sign * gaussian_filter(lightness, blur_px, order=order) for order in ((0, 2), (2, 0), (1, 1))
    )
    larger = (xx + yy) / 2 + np.hypot((xx - yy) / 2, xy)
    return np.maximum(larger, 0.0) * blur_px**2


def _snapped(point: Floats, ridge: Floats, reach_px: float) -> Floats:
    """The best place within reach of a click: strong ridge, and near."""
    height, width = ridge.shape
    reach = int(np.ceil(reach_px))
    x0, y0 = np.maximum(np.round(point).astype(int) - reach, 0)
    x1, y1 = np.minimum(np.round(point).astype(int) + reach + 1, (width, height))
    y, x = np.mgrid[y0:y1, x0:x1]
    away = np.hypot(x - point[0], y - point[1]) / reach_px
    value = np.where(away <= 1, ridge[y0:y1, x0:x1] * (1 - away**2), -1.0)
    row, column = np.unravel_index(int(np.argmax(value)), value.shape)
    return np.array([x0 + column, y0 + row], np.float64)


def _cheapest_way(clicks: Sequence[Floats], ridge: Floats, away: Floats) -> Floats | None:
    """(N, 2) pixels from click to click; None where the strip does not join them.

    Parameters
    ----------
    clicks : sequence of (2,)
    ridge : (H, W) float64
    away : (H, W) float64
        Distance from the drawn line; the strip ends at 1.
    """
    inside = away <= 1
    number = np.full(ridge.shape, -1, np.int64)
    rows, columns = np.nonzero(inside)
    number[rows, columns] = np.arange(len(rows))
    best = max(float(np.percentile(ridge[inside], 99)), 1e-9)
    cost = RIDGE_COST + (1 - np.clip(ridge / best, 0, 1)) ** 2 + AWAY_COST * away**2
    graph = _graph(number, cost, len(rows))
    pieces: list[Floats] = []
    for start, end in pairwise(clicks):
        first, last = (int(number[int(p[1]), int(p[0])]) for p in (start, end))
        if first < 0 or last < 0:
            return None
        distance, before = dijkstra(graph, directed=False, indices=first, return_predecessors=True)
        if not np.isfinite(distance[last]):
            return None
        nodes = [last]
        while nodes[-1] != first:
            nodes.append(int(before[nodes[-1]]))
        piece = np.column_stack([columns[nodes[::-1]], rows[nodes[::-1]]]).astype(np.float64)
        pieces.append(piece if not pieces else piece[1:])
    way = np.concatenate(pieces)
    return way if len(way) > 1 else None


def _graph(number: NDArray[np.int64], cost: Floats, nodes: int) -> coo_array:
    """Pixels of the strip joined with their eight neighbours, at the mean cost times the distance."""
    height, width = number.shape
    ends, weights = [], []
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        a = (slice(0, height - dy), slice(max(-dx, 0), width - max(dx, 0)))
        b = (slice(dy, height), slice(max(dx, 0), width - max(-dx, 0)))
        joined = (number[a] >= 0) & (number[b] >= 0)
        ends.append(np.stack([number[a][joined], number[b][joined]]))
        weights.append((cost[a][joined] + cost[b][joined]) / 2 * np.hypot(dx, dy))
    return coo_array((np.concatenate(weights), np.concatenate(ends, axis=1)), shape=(nodes, nodes)).tocsr()


def _smoothed(path: Floats, points: float) -> Floats:
    """The path smoothed along itself; its ends stay."""
    if len(path) < 5:
        return path
    smooth = np.asarray(gaussian_filter1d(path, min(points, len(path) / 4), axis=0, mode="nearest"))
    smooth[0], smooth[-1] = path[0], path[-1]
    return smooth


def _centred(path: Floats, ridge: Floats, reach_px: float) -> Floats:
    """Each point moved across the path to the middle of the ridge within reach."""
    along = np.gradient(path, axis=0) if len(path) > 1 else np.ones_like(path)
    along /= np.maximum(np.hypot(*along.T), 1e-9)[:, None]
    across = np.column_stack([-along[:, 1], along[:, 0]])
    offsets = np.linspace(-reach_px, reach_px, 2 * int(np.ceil(2 * reach_px)) + 1)
    places = path[:, None] + offsets[:, None] * across[:, None]
    weight = map_coordinates(ridge, (places[..., 1], places[..., 0]), order=1, mode="nearest") ** 2
    shift = (weight * offsets).sum(1) / np.maximum(weight.sum(1), 1e-9)
    return np.asarray(path + gaussian_filter1d(shift, 2.0, mode="nearest")[:, None] * across)
