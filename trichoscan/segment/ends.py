"""Open ends: where a piece of shaft, a root or a tip waits for what it belongs to, and how it looks there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.records import Peaks
from trichoscan.segment.cells import CELL_PX, unit
from trichoscan.segment.peaks import sureness, wrap

Floats = NDArray[np.float64]

PIECE, ROOT, TIP = 0, 1, 2
WAY_POINTS = 6
"""The direction of a piece's end is that of its last six steps, some 0.2 mm."""
BEND_POINTS, LEAST_BEND_POINTS = 12, 4
"""Its curvature is told by the two halves of its last 12 steps, and by none where it has fewer than four."""
SEEN_POINTS, PEAK_STEP_CELLS = 8, 1.5
"""So many cross-sections of a shaft tell its width and colour; behind a peak they are this far apart."""
LEAST_STEP_CELLS = 0.3
"""Cross-sections closer together, at the end of a short piece, lie across its direction."""
ACROSS_PX = 12
"""Cross-sections reach 66 um to either side, at the working scale."""
SKIN_PX = 5
"""The outermost px of either side are taken for skin."""
LEAST_CONTRAST, UNKNOWN_WIDTH_PX = 1.0, 6.0
"""A shaft that differs from the skin by less than this, CIELAB lightness, has no width to be read off."""
ROWS_OF_STRIP = 512
ROWS_AT_ONCE = 30_000
"""OpenCV remaps no picture of more than 32,767 rows."""


@dataclass(frozen=True, eq=False)
class Ends:
    """N open ends: the two of each piece, number 2 k its first and 2 k + 1 its last; then roots, then tips.

    Attributes
    ----------
    at : (N, 2) float64
        Cells.
    away : (N,) float64
        Direction, rad, in which what belongs to it is expected: away from a piece, along the shaft from a
        root, back along the shaft from a tip.
    kind : (N,) int64
        `PIECE`, `ROOT` or `TIP`.
    bend : (N,) float64
        Change of direction, rad per cell, on the way out; 0 where unknown, as of peaks.
    length : (N,) float64
        Cells; infinite of peaks.
    sureness : (N,) float64
        Log odds of peaks, see `peaks.sureness`; 0 of pieces.
    width_px, colour : (N,), (N, 3) float64
        Full width at half of the contrast, px of the working scale, and CIELAB colour of the shaft there.
    """

    at: Floats
    away: Floats
    kind: NDArray[np.int64]
    bend: Floats
    length: Floats
    sureness: Floats
    width_px: Floats
    colour: Floats

    def numbers(self, kind: int) -> NDArray[np.intp]:
        """Numbers of all of one kind."""
        return np.flatnonzero(self.kind == kind)

    def unlike(self, one: NDArray[np.intp], other: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """(L,) difference of the logarithms of the widths of two ends each, and of colours, in 10 CIELAB.

        The second is 3 at most.
        """
        colour = np.sqrt(((self.colour[one] - self.colour[other]) ** 2).sum(1))
        width = np.abs(np.log(self.width_px[one] / self.width_px[other]))
        return width, np.minimum(colour / 10.0, 3.0)


def open_ends(pixels: NDArray[np.uint8], pieces: Sequence[Floats], roots: Peaks, tips: Peaks) -> Ends:
    """Look at all open ends of a photo.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        The photo at the working scale.
    pieces : sequence of (N, 2) float64
        See `pieces`.
    roots, tips : Peaks

    Returns
    -------
    Ends
    """
    outward = [way for piece in pieces for way in (piece[::-1], piece)]
    at = np.concatenate([np.array([way[-1] for way in outward]).reshape(-1, 2), roots.at, tips.at])
    away = np.concatenate([[_direction(way) for way in outward], roots.angle, wrap(tips.angle + np.pi)])
    of_peaks = len(roots) + len(tips)
    points, ways = _sections(outward, at, away)
    width, colour = _looks(pixels, points, ways)
    length = [float(np.hypot(*np.diff(way, axis=0).T).sum()) for way in outward]
    return Ends(
        at,
        away,
        np.repeat([PIECE, ROOT, TIP], [len(outward), len(roots), len(tips)]),
        np.array([_bend(way) for way in outward] + [0.0] * of_peaks),
        np.array(length + [np.inf] * of_peaks),
        np.concatenate([np.zeros(len(outward)), sureness(roots), sureness(tips)]),
        width,
        colour,
    )


def _direction(way: Floats) -> float:
    """Direction, rad, of the last steps of a way."""
    step = way[-1] - way[-1 - min(WAY_POINTS, len(way) - 1)]
    return float(np.arctan2(step[1], step[0]))


def _bend(way: Floats) -> float:
    """Change of direction, rad per cell, towards the end of a way."""
    points = min(BEND_POINTS, len(way) - 1)
    if points < LEAST_BEND_POINTS:
        return 0.0
    first, middle, last = way[-1 - points], way[-1 - points // 2], way[-1]
    turn = np.arctan2(*(last - middle)[::-1]) - np.arctan2(*(middle - first)[::-1])
    return float(wrap(turn) / max(float(np.hypot(*(last - first))) / 2, 1e-9))


def _sections(outward: Sequence[Floats], at: Floats, away: Floats) -> tuple[Floats, Floats]:
    """(N, SEEN_POINTS, 2) middle, cells, and (N, SEEN_POINTS) direction of the shaft at cross-sections."""
    steps = np.arange(SEEN_POINTS)
    seen = [way[::-1][np.minimum(steps, len(way) - 1)] for way in outward]
    of_peaks = slice(len(outward), None)
    behind = at[of_peaks, None] + PEAK_STEP_CELLS * steps[:, None] * unit(away[of_peaks])[:, None]
    points = np.concatenate([np.array(seen).reshape(-1, SEEN_POINTS, 2), behind])
    along = np.gradient(points, axis=1)
    moving = np.hypot(along[..., 0], along[..., 1]) > LEAST_STEP_CELLS
    return points, np.where(moving, np.arctan2(along[..., 1], along[..., 0]), away[:, None])


def _looks(pixels: NDArray[np.uint8], points: Floats, ways: Floats) -> tuple[Floats, Floats]:
    """(N,) width, px, and (N, 3) colour of shafts: of the median of each shaft's cross-sections."""
    lab = np.empty(pixels.shape, np.float32)
    for rgb, some_rows in zip(_strips(pixels), _strips(lab), strict=True):
        some_rows[:] = cv2.cvtColor(rgb.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    across = np.stack([-np.sin(ways), np.cos(ways)], -1)[..., None, :]
    offsets = np.arange(-ACROSS_PX, ACROSS_PX + 1)[:, None]
    places = ((points + 0.5) * CELL_PX - 0.5)[..., None, :] + offsets * across
    rows = places.reshape(-1, len(offsets), 2).astype(np.float32)
    profiles = np.empty((len(rows), len(offsets), 3), np.float32)
    for i in range(0, len(rows), ROWS_AT_ONCE):
        some = slice(i, i + ROWS_AT_ONCE)
        x, y = (np.ascontiguousarray(rows[some, :, k]) for k in (0, 1))
        profiles[some] = cv2.remap(lab, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    middle = np.median(profiles.reshape(*points.shape[:2], len(offsets), 3), 1).astype(np.float64)
    core = middle[:, ACROSS_PX - 1 : ACROSS_PX + 2]
    return _width(middle[..., 0], core[..., 0].mean(1)), core.mean(1)


def _strips(picture: NDArray[Any]) -> list[NDArray[Any]]:
    """Views of a picture, some rows each: a large one is not converted in one piece."""
    return [picture[i : i + ROWS_OF_STRIP] for i in range(0, len(picture), ROWS_OF_STRIP)]


def _width(lightness: Floats, core: Floats) -> Floats:
    """(N,) px about the middle of each profile that stand out from the skin by more than half of the core."""
    skin = np.median(np.concatenate([lightness[:, :SKIN_PX], lightness[:, -SKIN_PX:]], 1), 1)
    contrast = core - skin
    clear = np.abs(contrast) > LEAST_CONTRAST
    inside = (lightness - skin[:, None]) / np.where(clear, contrast, 1.0)[:, None] > 0.5
    sides = (inside[:, ACROSS_PX + 1 :], inside[:, ACROSS_PX - 1 :: -1])
    width = 1.0 + sum(np.cumprod(side, axis=1).sum(1) for side in sides)
    return np.where(clear, width, UNKNOWN_WIDTH_PX)
