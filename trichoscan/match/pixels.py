"""What the other photo's pixels show where a hair should be: a shaft, bare skin, or other hairs upon it.

Detection may overlook a hair in plain sight, most often one that touches another. So each hair is laid upon
the other photo along the alignment, and it is looked how dark the skin is there. What a hair that is there
looks like is learned from the pairs that are sure, what bare skin looks like from the same course laid down
beside: both from these two photos, so that neither light nor the colour of hair and skin needs a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.records import Hair

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CELL_UM = 11.0
"""Photos are looked at by this step: a sixth of a shaft."""
SKIN_UM = 700.0
"""The skin's own brightness is the median over a square this wide."""
FLOOR = 4.0
"""Grey levels added before the logarithm, so that black is not infinitely dark."""
FROM_UM, TO_UM, POINTS = 50.0, 320.0, 14
"""Part of the shaft that is looked at, from the root: it is vague before, and combed elsewhere beyond."""
SHORT_SHARE = (0.15, 0.9)
"""Of a shorter hair, between these shares of its length."""
TYPICAL_UM = 65.0
"""Width of a shaft without a measured one."""
ASIDE_UM = (-10.0, 0.0, 10.0)
"""A course is also tried so far aside: the error of a root across its shaft."""
TURNS_SD = (-1.5, -0.75, 0.0, 0.75, 1.5)
"""And turned about its root by so many SDs of the comb."""
ANGLE_SD_RAD = 0.1
"""SD of the difference of two measured directions of one hair that nobody combed, taken out of the comb's."""
TURN_SD_RAD = (0.03, 0.2)
RIM_UM = 11.0
"""Beyond the width of another hair that is found there, its blurred rim is not looked at either."""
OPEN_SHARE = 0.4
"""Less of the course, or of its first half, in sight, and nothing is said."""
PALEST = 0.25
BESIDE_UM = (250.0, 700.0)
BESIDE_TRIES = 16
"""Distance and number of the places at which the same course shows what bare skin looks like."""
BARE_SHARE = 0.8
"""Of such a place must be free of hairs, doubtful ones too."""
FEWEST = 8
"""Sure pairs, and bare places, that it takes to judge."""
LEAST_RATIO_SD = 0.15
"""SD of one hair's darkness in two photos, as a share of it: no less than this (our choice)."""
STRANGE_SHARE = 0.05
"""Of both what is there and what is bare looks like anything: an undetected hair, glare, a scar (our choice);
no ratio is beyond some twenty to one by it."""


@dataclass(frozen=True, eq=False)
class Layer:
    """Where hairs lie.

    Attributes
    ----------
    count : (h, w) uint8
        Hairs upon each cell.
    number : (h, w) int32
        Number of one of them, -1 for none.
    """

    count: NDArray[np.uint8]
    number: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Sight:
    """One photo to be looked at, in cells.

    Attributes
    ----------
    darkness : (h, w) float32
        Log of the skin's brightness about each cell over that of the cell.
    hairs, rims, doubtful : Layer
        Hairs that were found, the same with their blurred rims, and doubtful ones.
    usable : (h, w) bool
    cells_per_px : float
    um_per_px : float
    """

    darkness: NDArray[np.float32]
    hairs: Layer
    rims: Layer
    doubtful: Layer
    usable: Bools
    cells_per_px: float
    um_per_px: float


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the other photo's pixels say of K hairs.

    Attributes
    ----------
    log_ratio : (K,) float64
        Log likelihood of what stands there if the hair is there, over bare skin; 0 where nothing can be said.
    hidden : (K,) float64
        Share of its place that lies below hairs found there, 0-1.
    course_px : (K, N, 2) float64
        Where it is, or would be, on the other photo, root first.
    """

    log_ratio: Floats
    hidden: Floats
    course_px: Floats


def look_at(
    pixels: NDArray[np.uint8],
    usable_mask: Bools,
    hairs: Sequence[Hair],
    doubtful: Sequence[Hair],
    um_per_px: float,
) -> Sight:
    """Prepare a photo.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        RGB.
    usable_mask : (H, W) bool
    hairs, doubtful : sequence of Hair
        Of this photo.
    um_per_px : float

    Returns
    -------
    Sight
    """
    zoom = min(um_per_px / CELL_UM, 1.0)
    size = tuple(max(round(n * zoom), 1) for n in usable_mask.shape[::-1])
    grey = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
    wide = cv2.resize(grey, tuple(max(n // 2, 1) for n in size), interpolation=cv2.INTER_AREA)
    reach = 2 * round(SKIN_UM * zoom / um_per_px / 4) + 1
    skin = cv2.resize(cv2.medianBlur(wide, reach), size, interpolation=cv2.INTER_LINEAR)
    darkness = np.log((skin + np.float32(FLOOR)) / (grey + np.float32(FLOOR)))
    typical = _typical_px(hairs, um_per_px)
    usable = cv2.resize(usable_mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    rim_px = 2 * RIM_UM / um_per_px
    return Sight(
        darkness=cv2.GaussianBlur(darkness.astype(np.float32), (0, 0), 1.0),
        hairs=_layer(hairs, typical, 0.0, grey.shape, zoom),
        rims=_layer(hairs, typical, rim_px, grey.shape, zoom),
        doubtful=_layer(doubtful, typical, rim_px, grey.shape, zoom),
        usable=usable,
        cells_per_px=zoom,
        um_per_px=um_per_px,
    )


def _typical_px(hairs: Sequence[Hair], um_per_px: float) -> float:
    known = [h.diameter_px for h in hairs if np.isfinite(h.diameter_px)]
    return float(np.median(known)) if known else TYPICAL_UM / um_per_px


def _layer(
    hairs: Sequence[Hair], typical_px: float, more_px: float, shape: tuple[int, ...], zoom: float
) -> Layer:
    """Hairs drawn `more_px` wider than they are."""
    count, number = np.zeros(shape, np.uint8), np.full(shape, -1, np.int32)
    for k, hair in enumerate(hairs):
        width = (hair.diameter_px if np.isfinite(hair.diameter_px) else typical_px) + more_px
        path = (hair.path_px + 0.5) * zoom - 0.5
        low = np.maximum(np.floor(path.min(0) - width), 0).astype(int)
        high = np.maximum(np.ceil(path.max(0) + width).astype(int) + 1, low + 1)
        piece = np.zeros(count[low[1] : high[1], low[0] : high[0]].shape, np.uint8)
        if piece.size:
            fixed = np.rint((path - low) * 8).astype(np.int32)
            cv2.polylines(piece, [fixed], False, 1, max(round(width * zoom), 1), cv2.LINE_8, 3)
            count[low[1] : high[1], low[0] : high[0]] += piece
            number[low[1] : high[1], low[0] : high[0]][piece > 0] = k
    return Layer(count, number)


def examine(
    hairs: Sequence[Hair],
    number: Ints,
    partner: Ints,
    sure: Bools,
    here: Sight,
    there: Sight,
    onward: Callable[[Floats], Floats],
    comb: tuple[float, float],
) -> Evidence:
    """Look at the other photo where each hair should be.

    Parameters
    ----------
    hairs : sequence of Hair
        K hairs of one visit.
    number : (K,) int64
        Of each in `here`.
    partner : (K,) int64
        Number of each one's partner in `there`, -1 for none.
    sure : (K,) bool
        Whether that is beyond doubt: such pairs teach.
    here, there : Sight
    onward : function
        (N, 2) px of this photo -> px of the other.
    comb : (float, float)
        By how much hair was turned, and the SD of that, rad.

    Returns
    -------
    Evidence
    """
    own = np.array([course_px(h, here.um_per_px) for h in hairs]).reshape(-1, POINTS, 2)
    roots_here = np.array([h.root_px for h in hairs]).reshape(-1, 2)
    roots = onward(roots_here)
    laid = onward(own.reshape(-1, 2)).reshape(own.shape)
    spread = float(np.clip(np.sqrt(max(comb[1] ** 2 - ANGLE_SD_RAD**2, 0.0)), *TURN_SD_RAD))
    middle = comb[0] if np.isfinite(comb[1]) else 0.0
    turns = middle + spread * np.array(TURNS_SD)
    straight = _tried(own, own[:, :1], np.zeros(1), here.um_per_px)
    if np.nansum(np.sign(_darkest(here, straight[1:2], number)[0])) < 0:  # light hair on darker skin
        here, there = replace(here, darkness=-here.darkness), replace(there, darkness=-there.darkness)
    dark_here, _ = _darkest(here, straight, number)
    tried = _tried(laid, roots[:, None], turns, there.um_per_px)
    dark, best = _darkest(there, tried, partner)
    course = _from_root(tried[best, np.arange(len(hairs))], own, roots_here)
    plain = tried[len(tried) // 2]
    hidden = 1 - in_sight(there, there.hairs, plain, partner).mean(-1)
    bare = _bare(there, laid, roots, turns)
    ratio = _log_ratio(dark_here, dark, sure, bare)
    return Evidence(ratio, np.where(_inside(there, plain), hidden, 0.0), course)


def course_px(hair: Hair, um_per_px: float) -> Floats:
    """(N, 2) px, the part of the shaft that is looked at."""
    along = np.concatenate([[0.0], np.hypot(*np.diff(hair.path_px, axis=0).T).cumsum()])
    length = along[-1] * um_per_px
    start, end = min(FROM_UM, SHORT_SHARE[0] * length), min(TO_UM, SHORT_SHARE[1] * length)
    at = np.linspace(start, end, POINTS) / um_per_px
    return np.stack([np.interp(at, along, hair.path_px[:, k]) for k in (0, 1)], -1)


def _from_root(course: Floats, own: Floats, root: Floats) -> Floats:
    """(K, N + 1, 2) courses, with the root as far before them as it is on the other photo."""
    step, start = np.hypot(*(own[:, 1] - own[:, 0]).T), np.hypot(*(own[:, 0] - root).T)
    back = (start / np.maximum(step, 1e-9))[:, None] * (course[:, 1] - course[:, 0])
    return np.concatenate([(course[:, 0] - back)[:, None], course], axis=1)


def _tried(course: Floats, root: Floats, turns: Floats, um_per_px: float) -> Floats:
    """(T, K, N, 2) courses turned about their roots (K, 1, 2), each also a little aside."""
    away = course - root
    c, s = np.cos(turns)[:, None, None, None], np.sin(turns)[:, None, None, None]
    turned = np.concatenate(
        [c * away[..., :1] - s * away[..., 1:], s * away[..., :1] + c * away[..., 1:]], -1
    )
    chord = turned[:, :, -1] - turned[:, :, 0]
    normal = np.stack([-chord[..., 1], chord[..., 0]], -1)
    normal = normal / np.maximum(np.hypot(*chord.transpose(2, 0, 1)), 1e-9)[..., None]
    aside = np.array(ASIDE_UM)[:, None, None] / um_per_px * normal[:, None]
    tried = (root + turned)[:, None] + aside[:, :, :, None]
    return np.asarray(tried.reshape(-1, *course.shape))


def cells_at(sight: Sight, at_px: Floats) -> tuple[Ints, Ints, Bools]:
    """Rows and columns of the nearest cells, and whether they are in the photo."""
    at = np.floor((at_px + 0.5) * sight.cells_per_px).astype(np.int64)
    height, width = sight.darkness.shape
    inside = ((at >= 0) & (at < [width, height])).all(-1)
    return np.clip(at[..., 1], 0, height - 1), np.clip(at[..., 0], 0, width - 1), np.asarray(inside)


def _inside(sight: Sight, at_px: Floats) -> Bools:
    """(K,) whether most of each course (K, N, 2) can be judged."""
    row, column, inside = cells_at(sight, at_px)
    return np.asarray((inside & sight.usable[row, column]).mean(-1) > 0.5)


def in_sight(sight: Sight, layer: Layer, at_px: Floats, own: Ints) -> Bools:
    """(..., K, N) whether no other hair than each one's own lies there."""
    row, column, inside = cells_at(sight, at_px)
    count = layer.count[row, column]
    mine = (count == 1) & (layer.number[row, column] == own[:, None]) & (own >= 0)[:, None]
    return np.asarray(inside & sight.usable[row, column] & ((count == 0) | mine))


def _darkest(sight: Sight, tried_px: Floats, own: Ints) -> tuple[Floats, Ints]:
    """Darkness (K,) of the darkest of (T, K, N, 2) courses in sight, NaN where none is, and its number.

    Of a course it is that of its palest quarter: a hair is dark from its root on, the way beside another hair
    only where it runs into that.
    """
    row, column, _ = cells_at(sight, tried_px)
    seen = in_sight(sight, sight.rims, tried_px, own)
    dark = np.sort(np.where(seen, sight.darkness[row, column], np.inf), axis=-1)
    quarter = (PALEST * np.maximum(seen.sum(-1) - 1, 0)).astype(np.int64)
    palest = np.take_along_axis(dark, quarter[..., None], -1)[..., 0]
    first = seen[..., : tried_px.shape[2] // 2].mean(-1)
    palest = np.where((seen.mean(-1) >= OPEN_SHARE) & (first >= OPEN_SHARE), palest, -np.inf)
    best = palest.argmax(0) if len(palest) else np.zeros(len(own), np.int64)
    found = palest[best, np.arange(len(own))]
    middle = len(tried_px) // 2
    return np.where(np.isfinite(found), found, np.nan), np.where(np.isfinite(found), best, middle)


def _bare(sight: Sight, laid: Floats, roots: Floats, turns: Floats) -> Floats:
    """Darkness of bare skin, seen along the same courses laid down beside."""
    found = []
    for n in range(BESIDE_TRIES):
        angle = 2.399963 * n  # the golden angle: all ways round
        reach = np.interp(n, [0, BESIDE_TRIES - 1], BESIDE_UM) / sight.um_per_px
        step = reach * np.array([np.cos(angle), np.sin(angle)])
        row, column, inside = cells_at(sight, laid + step)
        free = inside & sight.usable[row, column] & (sight.rims.count[row, column] == 0)
        clean = (free & (sight.doubtful.count[row, column] == 0)).mean(-1) >= BARE_SHARE
        tried = _tried((laid + step)[clean], (roots + step)[clean][:, None], turns, sight.um_per_px)
        found.append(_darkest(sight, tried, np.full(int(clean.sum()), -1, np.int64))[0])
    dark = np.concatenate(found)
    return dark[np.isfinite(dark)]


def _log_ratio(dark_here: Floats, dark: Floats, sure: Bools, bare: Floats) -> Floats:
    """(K,) log likelihood ratio of darkness on the other photo: the hair, or bare skin."""
    teach = sure & np.isfinite(dark_here) & np.isfinite(dark)
    if np.count_nonzero(teach) < FEWEST or len(bare) < FEWEST:
        return np.zeros(len(dark))
    middle = float(np.median(bare))
    below = np.abs(bare[bare <= middle] - middle)  # above it stand hairs that nobody found
    noise = max(1.4826 * float(np.median(below)), 0.01)
    share = _slope(dark_here[teach] - middle, dark[teach] - middle)
    left = dark[teach] - middle - share * (dark_here[teach] - middle)
    typical = float(np.median(dark_here[teach]))
    own = np.where(np.isfinite(dark_here), dark_here, typical)  # below another hair in its own photo
    size = np.maximum(share * (own - middle), 0.0)
    relative = np.median(np.abs(left) / np.maximum(size[teach], noise)) * 1.4826
    sd = np.hypot(max(float(relative), LEAST_RATIO_SD) * size, noise)
    unlike = share * 1.4826 * float(np.median(np.abs(dark_here[teach] - typical)))
    sd = np.where(np.isfinite(dark_here), sd, np.hypot(sd, unlike))
    wide = float(np.ptp(np.concatenate([dark[teach], bare])))
    strange = STRANGE_SHARE / max(wide, noise)
    off = np.clip(dark - middle, 0.0, size)  # paler than skin is no hair, and darker than the hair is hair
    there = (1 - STRANGE_SHARE) * _normal((off - size) / sd) / sd + strange
    skin = (1 - STRANGE_SHARE) * _normal(off / noise) / noise + strange
    return np.nan_to_num(np.log(there / skin), nan=0.0)


def _slope(x: Floats, y: Floats) -> float:
    """Of y on x through the origin, by the weighted median of their ratios; 0 where nothing is dark."""
    use = np.abs(x) > 1e-6
    if not use.any():
        return 0.0
    ratio, weight = y[use] / x[use], np.abs(x[use])
    order = np.argsort(ratio)
    share = np.cumsum(weight[order]) / weight.sum()
    return float(ratio[order][np.searchsorted(share, 0.5)])


def _normal(z: Floats) -> Floats:
    return np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
