"""Rough edges of each shaft in the windows along it, and where the next hair begins on either side.

A sample is judged by how unlike the skin's colour it is, as a share of how unlike the hair's own shaft is.
Letters for shapes: G windows, T samples across the shaft.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.measure.colour import Skin, skin_of
from trichoscan.measure.profiles import (
    OFF_AXIS_PX,
    Windows,
    hair_rows,
    other_paths,
    read_profiles,
    straighten,
)
from trichoscan.records import Hair

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SHAFT_SHARE = 0.5
"""A sample belongs to hair where it is at least so unlike skin, as a share of the shaft."""
GLOSS_SHARE, GLOSS_PX = 0.3, 4.0
"""A gloss line or thin place, less unlike skin than the shaft but more than skin, up to so wide."""
SEED_PX = 3.0
"""A path is off the middle of its shaft by about so much."""
SAME_PX = 2.5
"""Another path so near runs along, or crosses, the very same shaft."""
NEAR_PX = 4.0
"""A hair that begins so near an edge leaves too little skin to know how bright it is."""
AGREES = 0.3
"""Greatest difference, log, of a window's width from that of the hair's others; another hair lies in it."""
FAINT_SHARE = 0.5
"""Windows so much paler than the hair's others lie beneath the skin."""
FEWEST_CLEAR, CLEAR_SHARE = 2, 0.3
"""Windows clear of other hair that a shaft is judged by alone: so many, and such a share of its windows; a
few at the end of a touched shaft may be of both."""
ALONE_QUANTILE, TOUCHED_QUANTILE = 0.3, 0.65
"""Of the widths of a shaft's windows the one that is its own: low where skin is seen on both sides, for what
disturbs is other hair that no path tells of, which makes it wider; high where another hair lies on it and
leaves a part to be seen. Chosen on whole phantoms, seeds 7000 to 7011."""
SEEN_UNLIKE = 6.0
"""Standard deviations of skin by which a shaft differs at least: below, phantoms show, noise is measured."""


@dataclass(frozen=True, eq=False)
class Runs:
    """The shaft in each of G windows, px from the window's centre.

    Attributes
    ----------
    left, right : (G,) float64
        Edges; NaN where there is none.
    next_left, next_right : (G,) float64
        Where the next hair begins: at the edge itself where it touches; -inf and inf where there is none.
    shared_px : (G,) float64
        Width of all hair that lies together, of which the shaft is a part; 0 where it lies alone.
    crossed : (G,) bool
        Another path runs or crosses within the shaft's very middle.
    unlike : (G,) float64
        Mean unlikeness of the shaft to skin.
    """

    left: Floats
    right: Floats
    next_left: Floats
    next_right: Floats
    shared_px: Floats
    crossed: Bools
    unlike: Floats

    @property
    def width(self) -> Floats:
        """(G,) between the edges."""
        return self.right - self.left

    @property
    def touched(self) -> tuple[Bools, Bools]:
        """(G,) whether a neighbour leaves too little skin on the left, and on the right."""
        return self.left - self.next_left < NEAR_PX, self.next_right - self.right < NEAR_PX

    @property
    def lone(self) -> Bools:
        """(G,) both edges border on skin."""
        left, right = self.touched
        return np.isfinite(self.width) & ~left & ~right & ~self.crossed


@dataclass(frozen=True, eq=False)
class Shafts:
    """Windows laid on the shafts; width_px (G,) a rough width of each hair's."""

    windows: Windows
    width_px: Floats
    skin: Skin
    level: Floats


def find_shafts(
    image: NDArray[np.float32], hairs: Sequence[Hair], windows: Windows, widest_px: float
) -> Shafts:
    """Lay the windows on the shafts, with one rough width for each hair.

    Parameters
    ----------
    image : (H, W, 3) float32
        sRGB 0-1.
    hairs : sequence of Hair
        What may lie in the way.
    windows : Windows
        Along the hairs' paths.
    widest_px : float
        No shaft is wider.

    Returns
    -------
    Shafts
        Its width is NaN for hairs of which no edge was found.
    """
    reach = widest_px / 2 + OFF_AXIS_PX + NEAR_PX
    step = max(0.5, reach / 30)
    t = np.arange(-np.ceil(reach / step), np.ceil(reach / step) + 1) * step
    profiles = read_profiles(image, windows, t)
    skin = skin_of(image, windows)
    unlike = skin.unlike(profiles)
    level = _level(unlike, windows.hair, np.abs(t) <= OFF_AXIS_PX)
    others = other_paths((image.shape[0], image.shape[1]), hairs, windows, float(t[-1]))
    runs = find_runs(unlike / level[:, None], t, others, OFF_AXIS_PX)
    width = rough_widths(runs, windows.hair, widest_px)
    trust = (
        np.where(runs.lone, 1.0, 0.2)
        * np.isfinite(runs.width)
        * (np.abs(np.log(runs.width / width)) < AGREES)
    )
    centre = np.nan_to_num((runs.left + runs.right) / 2)
    return Shafts(straighten(windows, centre, np.nan_to_num(trust)), width, skin, level)


def _level(unlike: Floats, hair: NDArray[np.int64], near: Bools) -> Floats:
    """(G,) unlikeness of the hair's shaft to skin: about the highest near its path."""
    smooth = np.nan_to_num(unlike[:, near])
    smooth = np.asarray(cv2.blur(smooth, (3, 1), borderType=cv2.BORDER_REPLICATE), np.float64)
    top = smooth.max(axis=1)
    level = np.empty(len(unlike))
    for rows in hair_rows(hair):
        level[rows] = max(float(np.quantile(top[rows], 0.6)), 1e-6)
    return level


def find_runs(share: Floats, t: Floats, others: tuple[Floats, Floats], off_axis_px: float) -> Runs:
    """Edges of the hair that lies at each window's centre.

    Parameters
    ----------
    share : (G, T) float64
        Unlikeness to skin as a share of the shaft's; NaN outside the photo.
    t : (T,) float64
        Equally spaced offsets.
    others : tuple of (G,) float64
        Offsets of the nearest other path on the left (<= 0) and right, -inf and inf for none.
    off_axis_px : float
        How far off the centre the shaft may lie.

    Returns
    -------
    Runs
    """
    count, step = len(share), float(t[1] - t[0])
    known = np.isfinite(share)
    share = np.where(known, share, 0.0)
    hair = _closed(share, step)
    left_path, right_path = (
        np.where(np.abs(o) < SAME_PX, np.inf * sign, o) for o, sign in zip(others, (-1, 1), strict=True)
    )
    seed = _seed(np.minimum(share, 1.0) * hair, t, left_path / 2, right_path / 2, off_axis_px)
    rows = np.arange(count)
    index = np.arange(t.size)
    skin_before = np.maximum.accumulate(np.where(~hair, index, -1), axis=1)
    skin_after = np.minimum.accumulate(np.where(~hair, index, t.size)[:, ::-1], axis=1)[:, ::-1]
    hair_before = np.maximum.accumulate(np.where(hair, index, -1), axis=1)
    hair_after = np.minimum.accumulate(np.where(hair, index, t.size)[:, ::-1], axis=1)[:, ::-1]
    a, b = skin_before[rows, seed], skin_after[rows, seed]
    ends_left, ends_right = a >= 0, b < t.size
    a, b = np.clip(a, 0, t.size - 2), np.clip(b, 1, t.size - 1)
    ends_left, ends_right = ends_left & known[rows, a], ends_right & known[rows, b]
    left = t[a] + step * _crossing(share[rows, a], share[rows, a + 1])
    right = t[b] - step * _crossing(share[rows, b], share[rows, b - 1])
    beyond_left, beyond_right = hair_before[rows, a], hair_after[rows, b]
    next_left = np.where(beyond_left >= 0, t[np.maximum(beyond_left, 0)] + step / 2, -np.inf)
    next_right = np.where(beyond_right < t.size, t[np.minimum(beyond_right, t.size - 1)] - step / 2, np.inf)
    shared = right - left
    # Two paths in one run are two shafts side by side, which meet about half way. A path just beyond it,
    # where no other hair is, is off its shaft and lies in it, too.
    meets_left = (left_path > left) | ((left_path > left - SAME_PX) & (next_left < left_path - SAME_PX))
    meets_right = (right_path < right) | (
        (right_path < right + SAME_PX) & (next_right > right_path + SAME_PX)
    )
    left, next_left = (np.where(meets_left, left_path / 2, x) for x in (left, next_left))
    right, next_right = (np.where(meets_right, right_path / 2, x) for x in (right, next_right))
    found = hair[rows, seed] & (ends_left | meets_left) & (ends_right | meets_right) & (right - left > step)
    inside = (t > left[:, None]) & (t < right[:, None])
    mean = (share * inside).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)
    return Runs(
        left=np.where(found, left, np.nan),
        right=np.where(found, right, np.nan),
        next_left=next_left,
        next_right=next_right,
        shared_px=np.where(meets_left | meets_right, shared, 0.0),
        crossed=(np.abs(others[0]) < SAME_PX) | (np.abs(others[1]) < SAME_PX),
        unlike=mean,
    )


def _closed(share: Floats, step: float) -> Bools:
    """(G, T) samples of hair, gloss lines within it filled."""
    hair = (share > SHAFT_SHARE).astype(np.uint8)
    size = int(GLOSS_PX / step) + 1
    filled = cv2.morphologyEx(hair, cv2.MORPH_CLOSE, np.ones((1, size), np.uint8))
    return np.asarray((hair > 0) | ((filled > 0) & (share > GLOSS_SHARE)))


def _seed(share: Floats, t: Floats, low: Floats, high: Floats, off_axis_px: float) -> NDArray[np.intp]:
    """(G,) sample most likely within the window's own shaft."""
    smooth = np.asarray(cv2.blur(share, (3, 1), borderType=cv2.BORDER_REPLICATE), np.float64)
    likely = smooth * np.exp(-0.5 * (t / SEED_PX) ** 2) * (np.abs(t) <= off_axis_px)
    likely = np.where((t > low[:, None]) & (t < high[:, None]), likely, 0.0)
    return np.asarray((likely + 1e-9 * np.exp(-np.abs(t))).argmax(axis=1))


def _crossing(skin: Floats, hair: Floats) -> Floats:
    """Way from a sample of skin to one of hair at which the share crosses its limit, 0-1."""
    return np.clip((SHAFT_SHARE - skin) / np.maximum(hair - skin, 1e-6), 0.0, 1.0)


def rough_widths(runs: Runs, hair: NDArray[np.int64], widest_px: float) -> Floats:
    """(G,) rough width of each hair by its lone windows, else by all; NaN where it has none."""
    rough = np.full(len(hair), np.nan)
    fits = np.isfinite(runs.width) & (runs.width <= 1.1 * widest_px)
    for rows in hair_rows(hair):
        clear = fits[rows] & runs.lone[rows]
        alone = enough_clear(clear, fits[rows])
        chosen = clear if alone else fits[rows]
        if chosen.sum() >= FEWEST_CLEAR:
            own = ALONE_QUANTILE if alone else TOUCHED_QUANTILE
            rough[rows] = np.quantile(runs.width[rows][chosen], own)
    return rough


def enough_clear(clear: Bools, usable: Bools) -> bool:
    """Whether so many of a hair's usable windows lie clear of other hair that the rest is not needed."""
    return bool(clear.sum() >= max(FEWEST_CLEAR, CLEAR_SHARE * usable.sum()))
