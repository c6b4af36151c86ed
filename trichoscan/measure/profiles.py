"""Width profiles of hair shafts, read from the photo at its own resolution.

A shaft is cut into short straight windows, a few px long, that follow its path. One window gives one
profile: the colour across the shaft, averaged over the window's length. The windows' positions are
first guesses from the network's path; `shafts` finds the shaft in them and `straighten` moves them onto it.

Letters for shapes: G windows of all hairs of a photo, T samples across the shaft.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.records import Hair

WINDOW_PX = 5.0
"""Length of shaft in one profile: averages the noise, short enough for a curve to look straight."""
STATIONS = 4
"""Parallel lines read and averaged in a window."""
MOST_WINDOWS = 40
"""Windows of one hair: of long hair most lie on crossings or beside other hair."""
FEWEST_WINDOWS = 3
SHORTEST_PX = 8.0
"""Shaft left between root zone and tip for a diameter: three windows of 2.7 px."""
ROOT_ZONE_SHARE, TIP_SHARE = 0.15, 0.10
"""Left out at the root (skin covers the shaft there) and at the tip (cut obliquely or frayed)."""
LEAST_TRIM_PX, MOST_TRIM_PX = 4.0, 25.0
"""A path's ends are off by up to 4 px; no more than 25 px need be left out of a long hair."""
OFF_AXIS_PX = 7.0
"""How far from the path the shaft is looked for: a path is off by up to 4 px and a few degrees."""
SMOOTHING = 4.0
"""Penalty on the bending of the line of windows (Whittaker smoother, order 2): about 40 px."""
MOST_REMAPPED = 32_000
"""Rows at once: cv2.remap takes fewer than 32767."""


@dataclass(frozen=True, eq=False)
class Windows:
    """G windows along the shafts of a photo.

    Attributes
    ----------
    hair : (G,) int64
        Index of the hair; non-decreasing, windows of one hair from root to tip.
    centre_px : (G, 2) float64
    along : (G, 2) float64
        Unit vector from root to tip.
    length_px : (G,) float64
    to_tip_px : (G,) float64
        Distance along the path from the window's centre to the tip.
    """

    hair: NDArray[np.int64]
    centre_px: NDArray[np.float64]
    along: NDArray[np.float64]
    length_px: NDArray[np.float64]
    to_tip_px: NDArray[np.float64]

    @property
    def across(self) -> NDArray[np.float64]:
        """(G, 2) unit vectors, a quarter turn from `along`."""
        return np.stack([-self.along[:, 1], self.along[:, 0]], axis=1)


def place_windows(hairs: Sequence[Hair]) -> Windows:
    """Windows along the path of each hair, root zone and tip left out.

    15 % of the path is left out at the root and 10 % at the tip, each at least 4 px and at most
    25 px. A hair of which less than 8 px is left gets no window.
    """
    parts: list[tuple[NDArray[np.float64], ...]] = []
    for index, hair in enumerate(hairs):
        steps = np.hypot(*np.diff(hair.path_px, axis=0).T)
        arc = np.concatenate([[0.0], np.cumsum(steps)])
        length = float(arc[-1])
        start = float(np.clip(ROOT_ZONE_SHARE * length, LEAST_TRIM_PX, MOST_TRIM_PX))
        stop = length - float(np.clip(TIP_SHARE * length, LEAST_TRIM_PX, MOST_TRIM_PX))
        if not stop - start >= SHORTEST_PX:
            continue
        n = int(np.clip(round((stop - start) / WINDOW_PX), FEWEST_WINDOWS, MOST_WINDOWS))
        at = start + (np.arange(n) + 0.5) * (stop - start) / n
        ahead, behind = (_points_at(hair.path_px, arc, at + d) for d in (WINDOW_PX, -WINDOW_PX))
        chord = ahead - behind
        size = np.hypot(chord[:, 0], chord[:, 1])
        along = chord / np.maximum(size, 1e-9)[:, None]
        width = np.full(n, min((stop - start) / n, 1.3 * WINDOW_PX))
        keep = size > 0
        centre = _points_at(hair.path_px, arc, at)
        parts.append((np.full(n, index)[keep], centre[keep], along[keep], width[keep], (length - at)[keep]))
    if not parts:
        none = np.zeros(0)
        return Windows(np.zeros(0, np.int64), np.zeros((0, 2)), np.zeros((0, 2)), none, none)
    hair_of, centre, along, width, to_tip = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Windows(hair_of.astype(np.int64), centre, along, width, to_tip)


def _points_at(
    path_px: NDArray[np.float64], arc: NDArray[np.float64], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.stack([np.interp(at, arc, path_px[:, k]) for k in (0, 1)], axis=1)


def read_profiles(
    image: NDArray[np.float32], windows: Windows, offsets_px: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Colour across the shaft, averaged along each window.

    Parameters
    ----------
    image : (H, W, C) float32
    windows : Windows
    offsets_px : (T,) float64
        Signed distances from the window's centre along `Windows.across`.

    Returns
    -------
    (G, T, C) float64
        NaN where the line leaves the photo.
    """
    steps = (np.arange(STATIONS) + 0.5) / STATIONS - 0.5
    start = (
        windows.centre_px[:, None] + windows.along[:, None] * (windows.length_px[:, None] * steps)[..., None]
    )
    points = start[:, :, None] + windows.across[:, None, None] * offsets_px[None, None, :, None]
    points = points.reshape(-1, offsets_px.size, 2).astype(np.float32)
    lines = np.empty((*points.shape[:2], image.shape[2]), np.float32)
    for first in range(0, len(points), MOST_REMAPPED):
        part = points[first : first + MOST_REMAPPED]
        lines[first : first + MOST_REMAPPED] = cv2.remap(
            image, part[..., 0], part[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
    height, width = image.shape[:2]
    x, y = points[..., 0], points[..., 1]
    lines[np.asarray((x < 0) | (y < 0) | (x > width - 1) | (y > height - 1))] = np.nan
    return np.asarray(lines.reshape(-1, STATIONS, *lines.shape[1:]).mean(axis=1, dtype=np.float64))


def other_paths(
    shape: tuple[int, int], hairs: Sequence[Hair], windows: Windows, reach_px: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the paths of other hairs cross each window's line.

    Parameters
    ----------
    shape : (H, W)
    hairs : sequence of Hair
    windows : Windows
    reach_px : float
        How far to look on either side.

    Returns
    -------
    left, right : (G,) float64
        Signed offsets (px, left <= 0 <= right) of the nearest other path on either side of the
        window's centre; -inf and inf where there is none.
    """
    drawn = np.full(shape, -1.0, np.float32)
    for index, hair in enumerate(hairs):
        points = np.round(hair.path_px).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(drawn, [points], False, float(index), thickness=2)
    offsets = np.arange(-np.ceil(reach_px), np.ceil(reach_px) + 1)
    left, right = np.full(len(windows.hair), -np.inf), np.full(len(windows.hair), np.inf)
    for step in (-0.5, 0.0, 0.5):
        at = windows.centre_px + windows.along * (windows.length_px * step)[:, None]
        points = np.round(at[:, None] + windows.across[:, None] * offsets[None, :, None]).astype(np.int64)
        inside = np.asarray(((points >= 0) & (points < (shape[1], shape[0]))).all(axis=-1))
        x, y = np.moveaxis(np.where(inside[..., None], points, 0), -1, 0)
        label = np.where(inside, drawn[y, x], -1)
        foreign = (label >= 0) & (label != windows.hair[:, None])
        left = np.maximum(left, np.where(foreign & (offsets <= 0), offsets, -np.inf).max(axis=1))
        right = np.minimum(right, np.where(foreign & (offsets >= 0), offsets, np.inf).min(axis=1))
    return left, right


def straighten(windows: Windows, centre_px: NDArray[np.float64], trust: NDArray[np.float64]) -> Windows:
    """Move the windows onto the shaft, along a smooth line through the centres found in them.

    Parameters
    ----------
    windows : Windows
    centre_px : (G,) float64
        Offset of the shaft's middle along `Windows.across`.
    trust : (G,) float64
        Weight of each, >= 0.

    Returns
    -------
    Windows
        With new centres and directions.
    """
    centre, along = windows.centre_px.copy(), windows.along.copy()
    for rows in hair_rows(windows.hair):
        offset = _smooth(centre_px[rows], trust[rows])
        centre[rows] = windows.centre_px[rows] + windows.across[rows] * offset[:, None]
        if rows.stop - rows.start < FEWEST_WINDOWS or not trust[rows].any():
            continue
        slope = np.gradient(centre[rows], axis=0)
        size = np.hypot(slope[:, 0], slope[:, 1])
        along[rows] = np.where(size[:, None] > 0.5, slope / np.maximum(size, 1e-9)[:, None], along[rows])
    return replace(windows, centre_px=centre, along=along)


def _smooth(values: NDArray[np.float64], trust: NDArray[np.float64]) -> NDArray[np.float64]:
    """Whittaker smoother with Cauchy weights of 1 px, so that a jump onto a neighbour is ignored."""
    if not trust.any():
        return np.zeros_like(values)
    n = len(values)
    bend = np.diff(np.eye(n), 2, axis=0)
    penalty = SMOOTHING * bend.T @ bend + 1e-6 * np.eye(n)
    base = trust / trust.max()
    order = np.argsort(values)
    half = np.searchsorted(np.cumsum(base[order]), base.sum() / 2)
    smooth = np.full(n, values[order][min(half, n - 1)])
    for _ in range(4):
        weight = base / (1 + ((values - smooth) / 2.0) ** 2)
        smooth = np.linalg.solve(np.diag(weight) + penalty, weight * values)
    return smooth


def hair_rows(hair: NDArray[np.int64]) -> list[slice]:
    """Slice of the windows of each hair that has any, in order."""
    if not hair.size:
        return []
    starts = np.flatnonzero(np.diff(hair, prepend=-1))
    return [slice(int(a), int(b)) for a, b in zip(starts, [*starts[1:], hair.size], strict=True)]
