"""Shafts laid straight and cut into sections: a few windows each, averaged to one profile.

Letters for shapes: G windows, T samples across the shaft, S sections.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trichoscan.measure.colour import Skin, axes, skin_of
from trichoscan.measure.edges import Profiles
from trichoscan.measure.profiles import (
    FEWEST_WINDOWS,
    OFF_AXIS_PX,
    Windows,
    hair_rows,
    locate,
    other_paths,
    read_profiles,
    straighten,
)
from trichoscan.records import Hair

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BESIDE_PX = 8.0
"""Skin seen on either side: more than three times the blur of a photo in focus."""
LEAST_SKIN_PX = 2.5
"""Skin that must be free beside an edge, from the edge on, to know how bright it is."""
SEEN_UNLIKE = 4.0
"""Standard deviations of skin by which a shaft differs at least; nothing to see is not called hidden."""
SECTION_WINDOWS = 3
MOST_SECTIONS = 4
"""Windows of a section, and sections of a hair: enough to see taper and beads."""
BURNT, BLACK = 253 / 255, 5 / 255
"""sRGB at which a channel is cut off."""


@dataclass(frozen=True, eq=False)
class Shafts:
    """Windows laid on the shafts; width_px (G,) a rough width of each hair's; blocked (G,) none was found."""

    windows: Windows
    width_px: Floats
    blocked: Bools
    skin: Skin


@dataclass(frozen=True, eq=False)
class Sections:
    """S sections of all hairs of a photo.

    Attributes
    ----------
    hair : (S,) int64
        Index of the hair, non-decreasing.
    profiles : Profiles
    half_px, to_tip_px : (S,) float64
        Rough half width of the shaft; distance along the path to the tip.
    windows : (S,) int64
        Number of windows averaged.
    away : (S,) float64
        Distance from the photo's centre in half diagonals.
    hidden_share, burnt_share : (K,) float64
        Share of the windows of each hair of the photo that other hair hides, or that are burnt out or black.
    """

    hair: NDArray[np.int64]
    profiles: Profiles
    half_px: Floats
    to_tip_px: Floats
    windows: NDArray[np.int64]
    away: Floats
    hidden_share: Floats
    burnt_share: Floats


def find_shafts(
    image: NDArray[np.float32], hairs: Sequence[Hair], windows: Windows, widest_px: float
) -> Shafts:
    """Lay the windows on the shafts, with one rough width for each hair.

    Parameters
    ----------
    image : (H, W, 3) float32
        sRGB 0-1.
    hairs : sequence of Hair
    windows : Windows
        Along the hairs' paths.
    widest_px : float

    Returns
    -------
    Shafts
    """
    offsets = _offsets(widest_px / 2 + OFF_AXIS_PX + 5, 26)
    left, right = other_paths(image.shape[:2], hairs, windows, float(offsets[-1]))
    profiles = read_profiles(image, windows, offsets)
    skin = skin_of(profiles, windows.hair)
    share = _share_of_shaft(skin.unlike(profiles), windows.hair, np.abs(offsets) <= OFF_AXIS_PX)
    centre, width, score = locate(share, float(offsets[1] - offsets[0]), widest_px, left, right)
    rough = np.empty_like(width)
    for rows in hair_rows(windows.hair):
        rough[rows] = np.median(width[rows][score[rows] >= 0.5 * score[rows].max()])
    # A window that saw another width than the hair's others saw something else.
    agrees = np.abs(np.log(width / rough)) < 0.5
    return Shafts(straighten(windows, centre, score * agrees), rough, score <= 0, skin)


def _offsets(reach_px: float, most: int) -> Floats:
    """Symmetric sample offsets, 0.5 px apart or as far as `most` samples on a side allow."""
    step = max(0.5, reach_px / most)
    n = int(np.ceil(reach_px / step))
    return np.asarray(np.arange(-n, n + 1) * step, np.float64)


def _share_of_shaft(unlike: Floats, hair: NDArray[np.int64], near: Bools) -> Floats:
    """Unlikeness to skin as a share of the hair's own, which is about the highest that is near its path."""
    share = np.empty_like(unlike)
    for rows in hair_rows(hair):
        seen = unlike[rows][:, near]
        seen = seen[np.isfinite(seen)]
        share[rows] = unlike[rows] / max(float(np.quantile(seen, 0.9)) if seen.size else 1.0, 1e-6)
    return share


def cut_sections(image: NDArray[np.float32], hairs: Sequence[Hair], shafts: Shafts) -> Sections:
    """Average the clear windows of each shaft to sections.

    Windows count as clear that no other hair, no burnt light, no tip and no root zone under the skin spoils.

    Parameters
    ----------
    image : (H, W, 3) float32
    hairs : sequence of Hair
    shafts : Shafts

    Returns
    -------
    Sections
        A hair with fewer than two clear windows has none.
    """
    windows, half = shafts.windows, shafts.width_px / 2
    beside = np.maximum(BESIDE_PX, 0.4 * shafts.width_px)
    t = _offsets(float((half + beside).max()) + 1, 44)
    colours = read_profiles(image, windows, t)
    known = np.asarray(np.isfinite(colours).all(axis=2), np.bool_)
    colours = np.where(known[..., None], colours, 0.0)
    unlike = np.where(known, shafts.skin.unlike(colours), 0.0)
    use, hidden = _clear(image.shape[:2], hairs, shafts, t, known, unlike, beside)
    burnt = _burnt(colours, use)
    skin = use & (np.abs(t) > (half + 1.5)[:, None])
    shaft = known & (np.abs(t) < np.maximum(0.85 * half, 0.6)[:, None])
    axis, coloured = axes(
        colours, shaft & ~hidden[:, None], skin & ~hidden[:, None], windows.hair, shafts.skin
    )
    seen = np.einsum("gtc,gc->gt", colours, axis)
    level = np.where(skin, seen, 0).sum(axis=1) / np.maximum(skin.sum(axis=1), 1)
    strength = np.where(shaft, unlike, 0).sum(axis=1) / np.maximum(shaft.sum(axis=1), 1)
    clear = ~(hidden | burnt) & (windows.to_tip_px >= half + 2)
    parts = _parts(windows.hair, clear, strength)
    first = np.array([part[0] for part in parts], np.int64)
    profiles = Profiles(*_averaged(seen - level[:, None], level, use, parts), t, coloured[first])
    place = np.array([windows.centre_px[part].mean(axis=0) for part in parts]).reshape(-1, 2)
    from_centre = place - np.array([image.shape[1], image.shape[0]]) / 2
    hidden &= strength > SEEN_UNLIKE
    count = np.maximum(np.bincount(windows.hair, minlength=len(hairs)), 1)
    return Sections(
        hair=windows.hair[first],
        profiles=profiles,
        half_px=half[first],
        to_tip_px=np.array([windows.to_tip_px[part].mean() for part in parts]),
        windows=np.array([part.size for part in parts], np.int64),
        away=np.hypot(*from_centre.T) / (np.hypot(*image.shape[:2]) / 2),
        hidden_share=np.bincount(windows.hair, hidden, minlength=len(hairs)) / count,
        burnt_share=np.bincount(windows.hair, burnt, minlength=len(hairs)) / count,
    )


def _parts(hair: NDArray[np.int64], clear: Bools, strength: Floats) -> list[NDArray[np.intp]]:
    """Windows of each section; those far paler than the hair's others lie beneath the skin."""
    parts: list[NDArray[np.intp]] = []
    for rows in hair_rows(hair):
        index = np.arange(rows.start, rows.stop)[clear[rows]]
        if index.size:
            index = index[strength[index] > 0.5 * np.quantile(strength[index], 0.75)]
        if index.size >= FEWEST_WINDOWS:
            parts += np.array_split(
                index, int(np.clip(round(index.size / SECTION_WINDOWS), 1, MOST_SECTIONS))
            )
    return parts


def _averaged(
    above: Floats, level: Floats, use: Bools, parts: list[NDArray[np.intp]]
) -> tuple[Floats, Floats]:
    """(S, T) mean profile and weight of each section's windows, each taken from its own level of skin."""
    seen = np.zeros((len(parts), above.shape[1]))
    weight = np.zeros_like(seen)
    for k, part in enumerate(parts):
        used = use[part]
        n = used.sum(axis=0)
        seen[k] = (above[part] * used).sum(axis=0) / np.maximum(n, 1) + level[part].mean()
        weight[k] = n / part.size
    return seen, weight


def _clear(
    shape: tuple[int, ...],
    hairs: Sequence[Hair],
    shafts: Shafts,
    t: Floats,
    known: Bools,
    unlike: Floats,
    beside: Floats,
) -> tuple[Bools, Bools]:
    """Samples (G, T) that show the shaft and free skin beside it; windows (G,) that other hair hides."""
    half = shafts.width_px / 2
    other_left, other_right = other_paths((shape[0], shape[1]), hairs, shafts.windows, float(t[-1]) + 4)
    near = known & (np.abs(t) < (half + beside)[:, None])
    covered = _like_shaft(unlike, near, t, half)
    # The other shaft reaches from its path towards this one by about half a width like this one's.
    margin = (half + 1.5)[:, None]
    near &= ~covered & (t > other_left[:, None] + margin) & (t < other_right[:, None] - margin)
    step = float(t[1] - t[0])
    free = [(near & side).sum(axis=1) * step for side in (t < -half[:, None], t > half[:, None])]
    crossed = (other_left > -half - 2) | (other_right < half + 2)
    hidden = crossed | (np.minimum(*free) < LEAST_SKIN_PX) | shafts.blocked
    return near | (known & (np.abs(t) < half[:, None])), hidden


def _like_shaft(unlike: Floats, near: Bools, t: Floats, half: Floats) -> Bools:
    """Samples at and beyond something beside the shaft that is at least half as unlike skin as the shaft.

    Also other hairs are found so of which no path is known.
    """
    right, left = half[:, None], -half[:, None]
    middle = (np.abs(t) < 0.6 * right) | (np.abs(t) < 0.6)
    shaft = np.nanmedian(np.where(middle, unlike, np.nan), axis=1)[:, None]
    beside = near & (np.abs(t) > right + 1.5)
    contrast = np.quantile(np.where(beside, shaft - unlike, 0.0), 0.9, axis=1)[:, None]
    like_shaft = shaft - unlike < 0.5 * contrast
    hit_right = np.logical_or.accumulate(like_shaft & (t > right + 2), axis=1)
    hit_left = np.logical_or.accumulate((like_shaft & (t < left - 2))[:, ::-1], axis=1)[:, ::-1]
    grown = hit_right | hit_left
    for shift in range(1, round(1.5 / float(t[1] - t[0])) + 1):
        grown[:, :-shift] |= hit_right[:, shift:]
        grown[:, shift:] |= hit_left[:, :-shift]
    return grown & (np.abs(t) > right + 0.5)


def _burnt(colours: Floats, use: Bools) -> Bools:
    """(G,) a channel is cut off in more than 15 % of the samples, or nearly all are black."""
    count = np.maximum(use.sum(axis=1), 1)
    burnt = (use[..., None] & (colours > BURNT)).sum(axis=1).max(axis=1) / count
    black = (use & (colours < BLACK).all(axis=2)).sum(axis=1) / count
    return np.asarray((burnt > 0.15) | (black > 0.9))
