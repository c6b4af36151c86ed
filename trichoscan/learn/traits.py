"""What a hair looks like on its photo: clear of others or crossing them, dark or light against its skin."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from trichoscan.phantom.style import linear

TOUCH_UM = 55.0
"""Hairs whose centre lines come this close touch or nearly do, as for the hair flag `overlapped`."""
ROOT_ZONE_UM = 150.0
"""Beginning of a hair that is left out: hairs of a unit leave one ostium and touch there by nature."""
STEP_UM = 15.0
"""Distance of the points at which a path is looked at; less than half of a hair's width."""
CORE_UM = 30.0
"""The centre of a shaft lies within this of a path drawn by hand (roots are right to about 20 um)."""
SKIN_WINDOW_UM = 1500.0
"""The skin's light is the median over so wide a window: hair covers less than half of it, bundles too."""
SKIN_CELL_UM = 40.0
"""Cell of the copy on which that median is taken; less than half of a shaft more or less does not matter."""
INNER_SHARE = (0.15, 0.85)
"""Stretch of a path on which its light is read: clear of the ostium and of the tapering tip."""
PARTS = 3


def along(
    path_px: NDArray[np.float64], step_px: float, share: tuple[float, float] = (0.0, 1.0)
) -> NDArray[np.float64]:
    """(N, 2) points of a path, about `step_px` apart, between two shares of its length; at least 4."""
    passed = np.concatenate([[0.0], np.hypot(*np.diff(path_px, axis=0).T).cumsum()])
    low, high = share[0] * passed[-1], share[1] * passed[-1]
    at = np.linspace(low, high, max(4, int(np.ceil((high - low) / step_px)) + 1))
    return np.column_stack([np.interp(at, passed, path_px[:, axis]) for axis in (0, 1)])


def neighbourhood(paths_px: tuple[NDArray[np.float64], ...], um_per_px: float) -> NDArray[np.str_]:
    """(K,) "crossing", "touching" or "clear": what each hair does beyond 150 um from its root.

    A hair crosses where its centre line cuts another's, touches where it comes within 55 um of one.
    """
    if not paths_px:
        return np.empty(0, "<U8")
    step_px = STEP_UM / um_per_px
    points = [along(path, step_px) for path in paths_px]
    owner = np.repeat(np.arange(len(points)), [len(some) for some in points])
    tree = cKDTree(np.concatenate(points))
    answers = []
    for hair, some in enumerate(points):
        outside = some[np.hypot(*(some - some[0]).T) * um_per_px > ROOT_ZONE_UM]
        near = tree.query_ball_point(outside, (TOUCH_UM + STEP_UM) / um_per_px) if len(outside) else []
        others = {int(owner[index]) for indices in near for index in indices} - {hair}
        nearest_px = min((gap_px(outside, points[other]) for other in others), default=np.inf)
        if any(_cut(outside, points[other]) for other in others):
            answers.append("crossing")
        else:
            answers.append("touching" if nearest_px * um_per_px <= TOUCH_UM else "clear")
    return np.array(answers, "<U8")


def gap_px(points: NDArray[np.float64], path: NDArray[np.float64]) -> float:
    """Least distance of points, (M, 2), from a polyline, (N, 2)."""
    start, way = path[:-1], np.diff(path, axis=0)
    length2 = np.maximum((way**2).sum(1), 1e-12)
    share = np.clip(((points[:, None] - start) * way).sum(2) / length2, 0, 1)
    off = points[:, None] - start - share[..., None] * way
    return float(np.hypot(off[..., 0], off[..., 1]).min())


def _cut(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    """Whether two polylines, (M, 2) and (N, 2), cut each other."""
    if len(a) < 2:
        return False
    p, r = a[:-1, None], np.diff(a, axis=0)[:, None]
    q, s = b[None, :-1], np.diff(b, axis=0)[None]
    cross = _cross(r, s)
    with np.errstate(divide="ignore", invalid="ignore"):
        t, u = _cross(q - p, s) / cross, _cross(q - p, r) / cross
    return bool(((cross != 0) & (t >= 0) & (t <= 1) & (u >= 0) & (u <= 1)).any())


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])


def linear_light(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Light 0-1 of sRGB greys of any shape (IEC 61966-2-1)."""
    return np.asarray(linear(np.arange(256)).astype(np.float32)[grey], np.float32)


def light_against_skin(
    pixels: NDArray[np.uint8], paths_px: tuple[NDArray[np.float64], ...], um_per_px: float
) -> NDArray[np.float64]:
    """Light of each hair as a share of that of the skin around it.

    The light across the path is averaged along each third of it, and the shaft is taken to be what is
    least like the skin within 30 um of the path, so that a line drawn a little aside still finds it.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        The photo, RGB.
    paths_px : tuple of (N, 2) float64
        K paths.
    um_per_px : float

    Returns
    -------
    (K,) float64
        Below 1 for hair darker than its skin; the median of the thirds. NaN for a path of no length.
    """
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    light, skin_light = linear_light(grey), linear_light(_skin(grey, um_per_px))
    step = max(0.5, 5.0 / um_per_px)
    offsets = np.arange(-CORE_UM / um_per_px, CORE_UM / um_per_px + 1e-9, step)
    answers = np.full(len(paths_px), np.nan)
    for hair, path in enumerate(paths_px):
        points = along(path, 1.0, INNER_SHARE)
        way = np.gradient(points, axis=0)
        length = np.hypot(*way.T)[:, None]
        if (length == 0).any():
            continue
        across = np.column_stack([-way[:, 1], way[:, 0]]) / length
        skin = float(np.median(_read(skin_light, points, across, np.zeros(1))))
        shaft = _read(light, points, across, offsets)
        profiles = [part.mean(axis=0) for part in np.array_split(shaft, PARTS)]
        extremes = [profile[np.argmax(np.abs(profile - skin))] for profile in profiles]
        answers[hair] = float(np.median(extremes)) / max(skin, 1e-4)
    return answers


def skin_ita_deg(pixels: NDArray[np.uint8], um_per_px: float) -> float:
    """Individual typology angle of the skin of a photo, as its camera and light show it.

    arctan((L* - 50) / b*) in CIELAB (Chardon et al. 1991, Int J Cosmet Sci 13:191), of the median over
    the photo of medians over 1.5 mm, of which hair covers less than half.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        The photo, RGB.
    um_per_px : float

    Returns
    -------
    float
        -90 to 90 degrees: below -30 dark, above 41 light.
    """
    channels = [_skin(np.ascontiguousarray(channel), um_per_px) for channel in cv2.split(pixels)]
    skin = np.array([[[np.median(channel) / 255 for channel in channels]]], np.float32)
    lightness, _, yellow = cv2.cvtColor(skin, cv2.COLOR_RGB2LAB)[0, 0]
    return float(np.degrees(np.arctan2(lightness - 50, max(yellow, 1e-3))))


def _skin(grey: NDArray[np.uint8], um_per_px: float) -> NDArray[np.uint8]:
    """(H, W) grey of the skin around each pixel."""
    height, width = grey.shape
    shrink = min(1.0, um_per_px / SKIN_CELL_UM)
    cells = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    small = cv2.resize(grey, cells, interpolation=cv2.INTER_AREA)
    size = 2 * round(SKIN_WINDOW_UM / um_per_px * shrink / 2) + 1
    median = cv2.medianBlur(small, size)
    return np.asarray(cv2.resize(median, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _read(
    light: NDArray[np.float32],
    points: NDArray[np.float64],
    across: NDArray[np.float64],
    offsets_px: NDArray[np.float64],
) -> NDArray[np.float32]:
    """(N, M) light at M offsets across a path of N points; the photo's edge goes on beyond it."""
    at = (points[:, None] + offsets_px[None, :, None] * across[:, None]).astype(np.float32)
    read = cv2.remap(light, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(read, np.float32)
