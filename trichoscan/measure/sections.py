"""Shafts cut into sections: a few windows each, averaged to one profile.

Letters for shapes: G windows, T samples across the shaft, S sections.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trichoscan.measure.colour import axes
from trichoscan.measure.edges import FAR_PX, Profiles
from trichoscan.measure.profiles import hair_rows, other_paths, read_profiles
from trichoscan.measure.shafts import (
    AGREES,
    FAINT_SHARE,
    NEAR_PX,
    SEEN_UNLIKE,
    Runs,
    Shafts,
    enough_clear,
    find_runs,
)
from trichoscan.records import Hair

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BESIDE_PX, BESIDE_SHARE = 9.0, 0.4
"""Skin seen on either side, px and share of the width: more than three times the blur of a photo in focus."""
NEIGHBOUR_PX = 5.0
"""Of a neighbour that touches, so much is seen: its own edge, not its gloss."""
SECTION_WINDOWS = 3
MOST_SECTIONS = 4
"""Windows of a section, and sections of a hair: enough to see taper and beads."""
MOST_OFFSETS, STEPS_PX = 40, (0.5, 0.75)
"""Samples on a side, and their distance."""
OFF_LINE_PX = 3.0
"""How far a window laid on the shaft may still be off it."""
LEAST_TIP_PX, TIP_WIDTHS = 4.0, 0.25
"""A cut end is uneven: left out, px and share of the width."""
TINY = 1e-9
BURNT, BLACK = 253 / 255, 5 / 255
"""sRGB at which a channel is cut off."""


@dataclass(frozen=True, eq=False)
class Sections:
    """S sections of all hairs of a photo.

    Attributes
    ----------
    hair : (S,) int64
        Index of the hair, non-decreasing.
    profiles : Profiles
    left_px, right_px : (S,) float64
        Rough edges of the shaft.
    next_px : (S, 2) float64
        Where a neighbour that leaves too little skin begins on the left and right, -`FAR_PX` and `FAR_PX` for
        none.
    skin : (S,) float64
        Level of the skin about, as in `profiles.seen`.
    shared_px : (S,) float64
        Width of the hair that lies together with the shaft, 0 where a gap is seen.
    to_tip_px : (S,) float64
        Distance along the path to the tip.
    windows : (S,) int64
        Number of windows averaged.
    away : (S, 2) float64
        From the photo's centre in half diagonals.
    hidden_share, burnt_share : (K,) float64
        Share of the windows of each hair of the photo that other hair hides, or that are burnt out or black.
    """

    hair: NDArray[np.int64]
    profiles: Profiles
    left_px: Floats
    right_px: Floats
    next_px: Floats
    skin: Floats
    shared_px: Floats
    to_tip_px: Floats
    windows: NDArray[np.int64]
    away: Floats
    hidden_share: Floats
    burnt_share: Floats

    @property
    def width_px(self) -> Floats:
        """(S,) rough width."""
        return self.right_px - self.left_px

    @property
    def lone(self) -> Bools:
        """(S,) both edges border on skin."""
        return np.asarray((np.abs(self.next_px) >= FAR_PX).all(axis=1), np.bool_)

    def take(self, index: NDArray[np.intp]) -> Sections:
        """Those of `index`; the shares of the hairs stay."""
        return Sections(
            self.hair[index], self.profiles.take(index), self.left_px[index], self.right_px[index],
            self.next_px[index], self.skin[index], self.shared_px[index], self.to_tip_px[index],
            self.windows[index], self.away[index], self.hidden_share, self.burnt_share,
        )  # fmt: skip


def cut_sections(
    image: NDArray[np.float32], total: int, hairs: Sequence[Hair], shafts: Shafts, shade_px: float
) -> Sections:
    """Average the windows of each shaft to sections.

    Windows that lie clear of other hair are used where a hair has enough of them; else those in which other
    hair touches the shaft on the same side.

    Parameters
    ----------
    image : (H, W, 3) float32
    total : int
        K, of hairs that have windows.
    hairs : sequence of Hair
        What may lie in the way.
    shafts : Shafts
    shade_px : float
        Spread of light in the skin.

    Returns
    -------
    Sections
        A hair without usable windows has none.
    """
    windows, width = shafts.windows, np.nan_to_num(shafts.width_px)
    beside = np.maximum(BESIDE_PX, BESIDE_SHARE * width)
    t = _offsets(float((width / 2 + beside).max()) + 1)
    seen = _look(image, hairs, shafts, t, beside)
    runs = seen.runs
    tip = windows.to_tip_px >= np.maximum(LEAST_TIP_PX, TIP_WIDTHS * width)
    usable = np.isfinite(runs.width) & ~seen.burnt & seen.stands_out & tip
    parts, lone = _parts(windows.hair, runs, usable, width)
    mean = _averages(parts)
    left, right = mean(runs.left), mean(runs.right)
    size = np.array([image.shape[1], image.shape[0]])
    first = np.array([part[0] for part in parts], np.intp)
    skin = mean(seen.level)
    weight = mean(seen.use.astype(np.float64))
    profile = mean(seen.above * seen.use) / np.maximum(weight, TINY) + skin[:, None]
    placed = np.maximum(np.bincount(windows.hair, minlength=total), 1)
    return Sections(
        hair=windows.hair[first],
        profiles=Profiles(profile, weight, t, seen.coloured[first], shade_px),
        left_px=left,
        right_px=right,
        next_px=_next_px(mean(runs.next_left), mean(runs.next_right), left, right, lone),
        skin=skin,
        shared_px=mean(runs.shared_px),
        to_tip_px=mean(windows.to_tip_px),
        windows=np.array([part.size for part in parts], np.int64),
        away=(mean(windows.centre_px) - (size - 1) / 2) / (np.hypot(*size) / 2),
        hidden_share=np.bincount(windows.hair, ~runs.lone & seen.stands_out, minlength=total) / placed,
        burnt_share=np.bincount(windows.hair, seen.burnt, minlength=total) / placed,
    )


@dataclass(frozen=True, eq=False)
class _Seen:
    """What is seen in G windows: T samples across each.

    Attributes
    ----------
    runs : Runs
        Where the shaft lies.
    use : (G, T) bool
        Samples that tell of it.
    burnt, stands_out : (G,) bool
        Whether it is burnt out or black; whether it stands out from the skin.
    above : (G, T) float64
        Values above the skin's level.
    level : (G,) float64
        That level.
    coloured : (G,) bool
        Whether a mix of channels is read.
    """

    runs: Runs
    use: Bools
    burnt: Bools
    stands_out: Bools
    above: Floats
    level: Floats
    coloured: Bools


def _look(
    image: NDArray[np.float32], hairs: Sequence[Hair], shafts: Shafts, t: Floats, beside: Floats
) -> _Seen:
    windows = shafts.windows
    colours = read_profiles(image, windows, t)
    known = np.asarray(np.isfinite(colours).all(axis=2), np.bool_)
    colours = np.where(known[..., None], colours, 0.0)
    unlike = np.where(known, shafts.skin.unlike(colours), np.nan)
    others = other_paths((image.shape[0], image.shape[1]), hairs, windows, float(t[-1]) + 4)
    runs = find_runs(unlike / shafts.level[:, None], t, others, OFF_LINE_PX)
    use = known & _used(runs, t, beside)
    above, level, coloured = _values(colours, use, runs, t, shafts, windows.hair)
    return _Seen(runs, use, _burnt(colours, use), shafts.level > SEEN_UNLIKE, above, level, coloured)


def _averages(parts: Sequence[NDArray[np.intp]]) -> Callable[[Floats], Floats]:
    """What takes (G, ...) values of windows to (S, ...) means over the windows of each part."""
    count = np.array([part.size for part in parts], np.int64)
    member = np.concatenate(parts) if parts else np.zeros(0, np.intp)
    starts = np.cumsum(count) - count

    def mean(values: Floats) -> Floats:
        if not parts:
            return np.zeros((0, *values.shape[1:]))
        totals = np.add.reduceat(values[member], starts, axis=0)
        return np.asarray((totals.T / count).T, np.float64)

    return mean


def _next_px(next_left: Floats, next_right: Floats, left: Floats, right: Floats, lone: Bools) -> Floats:
    """(S, 2) where neighbours begin that leave too little skin; see `Sections.next_px`."""
    near_left, near_right = (left - next_left < NEAR_PX) & ~lone, (next_right - right < NEAR_PX) & ~lone
    return np.stack([np.where(near_left, next_left, -FAR_PX), np.where(near_right, next_right, FAR_PX)], -1)


def _offsets(reach_px: float) -> Floats:
    """Symmetric sample offsets: not so many for wide shafts, but close enough for their edges."""
    step = float(np.clip(reach_px / MOST_OFFSETS, *STEPS_PX))
    n = int(np.ceil(reach_px / step))
    return np.asarray(np.arange(-n, n + 1) * step, np.float64)


def _used(runs: Runs, t: Floats, beside: Floats) -> Bools:
    """(G, T) samples of the shaft, of skin beside it, and of the rim of a neighbour that touches."""
    left, right = np.nan_to_num(runs.left), np.nan_to_num(runs.right)
    touched_left, touched_right = runs.touched
    low = np.where(touched_left, runs.next_left - NEIGHBOUR_PX, runs.next_left + 2.0)
    high = np.where(touched_right, runs.next_right + NEIGHBOUR_PX, runs.next_right - 2.0)
    low, high = np.maximum(low, left - beside), np.minimum(high, right + beside)
    return np.asarray((t > low[:, None]) & (t < high[:, None]))


def _parts(
    hair: NDArray[np.int64], runs: Runs, found: Bools, width: Floats
) -> tuple[list[NDArray[np.intp]], Bools]:
    """Windows of each section, and whether other hair lies clear of it."""
    parts: list[NDArray[np.intp]] = []
    lone: list[bool] = []
    agrees = found & (
        np.abs(np.log(np.maximum(np.nan_to_num(runs.width), 1e-3) / np.maximum(width, 1e-3))) < AGREES
    )
    kind = np.stack(runs.touched, axis=1) @ np.array([1, 2])
    for rows in hair_rows(hair):
        index = np.arange(rows.start, rows.stop)
        strong = runs.unlike[rows] > FAINT_SHARE * np.quantile(runs.unlike[rows], 0.75)
        lie_clear = agrees[rows] & runs.lone[rows] & strong
        alone, clear = enough_clear(lie_clear, agrees[rows] & strong), index[lie_clear]
        if not alone:
            # Two paths along the very same shaft are two shafts that cannot be told apart.
            usable = index[agrees[rows] & strong & (kind[rows] > 0)]
            if not usable.size:
                continue
            usual = np.bincount(kind[usable]).argmax()
            clear = usable[kind[usable] == usual]
        cut = np.array_split(clear, int(np.clip(round(clear.size / SECTION_WINDOWS), 1, MOST_SECTIONS)))
        parts += cut
        lone += [bool(alone)] * len(cut)
    return parts, np.array(lone, bool)


def _values(
    colours: Floats, use: Bools, runs: Runs, t: Floats, shafts: Shafts, hair: NDArray[np.int64]
) -> tuple[Floats, Floats, Bools]:
    """Values (G, T) above the skin's level, that level (G,), and whether a mix of channels is read (G,)."""
    left, right = np.nan_to_num(runs.left)[:, None], np.nan_to_num(runs.right)[:, None]
    touched_left, touched_right = runs.touched
    skin = use & (((t < left - 1.5) & ~touched_left[:, None]) | ((t > right + 1.5) & ~touched_right[:, None]))
    core = np.maximum(0.425 * (right - left), 0.6)
    shaft = use & (np.abs(t - (left + right) / 2) < core)
    axis, coloured = axes(colours, shaft, skin, hair, shafts.skin)
    seen = np.einsum("gtc,gc->gt", colours, axis)
    n = skin.sum(axis=1)
    usual = np.einsum("gc,gc->g", shafts.skin.colour, axis)
    level = np.where(n >= 3, (seen * skin).sum(axis=1) / np.maximum(n, 1), usual)
    return seen - level[:, None], level, coloured


def _burnt(colours: Floats, use: Bools) -> Bools:
    """(G,) a channel is cut off in more than 15 % of the samples, or nearly all are black."""
    count = np.maximum(use.sum(axis=1), 1)
    burnt = (use[..., None] & (colours > BURNT)).sum(axis=1).max(axis=1) / count
    black = (use & (colours < BLACK).all(axis=2)).sum(axis=1) / count
    return np.asarray((burnt > 0.15) | (black > 0.9))
