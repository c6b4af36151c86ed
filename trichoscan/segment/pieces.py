"""Pieces of shaft: what the shaft map shows without a doubt, as courses from one open question to the next.

Crests of the map are thinned to points a few cells apart. Each point names the next one ahead and the next
one behind; two that name each other belong together (Steger 1998 links the points of lines in this way).
Where two shafts become one, or one hides another, somebody is not named back, and a piece ends: what goes on
there is for `segment.join` to decide, over the whole photo at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from trichoscan.records import Peaks
from trichoscan.segment.cells import ahead_and_aside, unit, unlike
from trichoscan.segment.peaks import parabola_top, wrap
from trichoscan.segment.shaft_map import ShaftMap

Floats = NDArray[np.float64]

SOFT_CELLS = 1.0
"""SD of the Gaussian over the map: a shaft is a flat band there, and a crest has to have a top."""
LOWER = 0.004
"""A crest may be so much lower than its neighbour across the shaft: between two cells both are one."""
TOP_STEPS = 0.7
"""A crest is looked for so far from its cell, and from its orientation."""
APART_CELLS, APART_RAD = 2.0, np.deg2rad(30.0)
"""Of two points of about one orientation so near each other the higher is kept."""
NEXT_CELLS, NEXT_RAD = 5.5, np.deg2rad(22.0)
"""How far the next point of a shaft may lie, and how much it may be turned."""
ASIDE_CELLS, ASIDE_SHARE = 0.5, 0.25
"""How far aside of the direction it may lie, and how much more for each cell ahead."""
PER_ASIDE, PER_TURN = 2.0, 3.0
"""What a cell aside and a rad of turn weigh against a cell ahead where several points may be the next."""
SMOOTH_POINTS = 1.0
KINK_RAD, KINK_POINTS = 0.4, 3
"""A piece is cut where its course turns by more between the three points before and the three after: no hair
bends so within 0.15 mm, but a course does that goes over from one hair to another."""
SPLIT_CELLS, SPLIT_RAD, SPLIT_POINTS = 3.5, np.deg2rad(30.0), 2
"""A peak of that direction so near to a piece, and so many points from its ends, splits it."""


def find_pieces(shaft: NDArray[np.uint8], least: float) -> list[Floats]:
    """Find all pieces of shaft of a photo.

    Parameters
    ----------
    shaft : (S, h, w) uint8
        See `records.Segmentation`.
    least : float
        Evidence, 0-1, below which no shaft is seen.

    Returns
    -------
    list of (N, 2) float64
        Courses, cells, N >= 2, points two to six cells apart; either end may come first.
    """
    at, angle, height = _thinned(*_crests(shaft, least))
    pieces = []
    for chain in _chains(at, angle, height):
        if len(chain) > 1:
            pieces += [part for part in _without_kinks(_smooth(at[chain])) if len(part) > 1]
    return pieces


def _crests(shaft: NDArray[np.uint8], least: float) -> tuple[Floats, Floats, Floats]:
    """Points where the softened map is as high as anywhere across the shaft and between orientations.

    Returns
    -------
    at : (K, 2), angle, height : (K,)
        Cells, rad in [0, pi), 0-1.
    """
    soft = np.empty(shaft.shape, np.float32)
    for channel, sharp in zip(soft, shaft, strict=True):
        channel[:] = cv2.GaussianBlur(sharp.astype(np.float32) / 255.0, (0, 0), SOFT_CELLS)
    slot, y, x = np.nonzero(soft >= least)
    before, here, after = (soft[(slot + k) % len(soft), y, x].astype(float) for k in (-1, 0, 1))
    top = (here >= after) & (here > before)
    slot, x, y = slot[top], x[top].astype(float), y[top].astype(float)
    angle = (slot + parabola_top(before[top], here[top], after[top], TOP_STEPS)) * np.pi / len(soft) % np.pi
    across = np.stack([-np.sin(angle), np.cos(angle)], -1)
    shafts = ShaftMap(soft, whole=1.0)
    left, middle, right = (
        shafts.sample(x + k * across[:, 0], y + k * across[:, 1], angle) for k in (-1.0, 0.0, 1.0)
    )
    crest = (middle >= left - LOWER) & (middle >= right - LOWER)
    at = np.stack([x, y], -1) + parabola_top(left, middle, right, TOP_STEPS)[:, None] * across
    return at[crest], angle[crest], middle[crest]


def _thinned(at: Floats, angle: Floats, height: Floats) -> tuple[Floats, Floats, Floats]:
    """Crests, highest first, less those too near to a higher one of their orientation."""
    order = np.lexsort((at[:, 0], at[:, 1], -height))
    at, angle, height = at[order], angle[order], height[order]
    pairs = cKDTree(at).query_pairs(APART_CELLS, output_type="ndarray")
    pairs = pairs[unlike(angle[pairs[:, 0]], angle[pairs[:, 1]]) < APART_RAD]
    pairs.sort(1)
    higher, lower = pairs[np.argsort(pairs[:, 0], kind="stable")].T
    first = np.searchsorted(higher, np.arange(len(at) + 1))
    keep = np.ones(len(at), bool)
    for k in range(len(at)):
        if keep[k]:
            keep[lower[first[k] : first[k + 1]]] = False
    return at[keep], angle[keep], height[keep]


def _chains(at: Floats, angle: Floats, height: Floats) -> list[NDArray[np.intp]]:
    """Numbers of points that name each other, in order along their shafts; each point is in one chain."""
    beside = _named_back(at, angle)
    taken = np.zeros(len(at), bool)

    def walk(point: int, side: int) -> list[int]:
        way: list[int] = []
        while (onward := int(beside[point, side])) >= 0 and not taken[onward]:
            taken[onward] = True
            side = 1 - int(_ahead(at[point] - at[onward], angle[onward]) > 0)
            point = onward
            way.append(point)
        return way

    chains = []
    for point in np.argsort(-height, kind="stable"):
        if not taken[point]:
            taken[point] = True
            onward, back = walk(int(point), 1), walk(int(point), 0)
            chains.append(np.array([*back[::-1], int(point), *onward]))
    return chains


def _ahead(step: Floats, angle: Floats) -> Floats:
    """How far steps lead along directions."""
    return np.asarray((step * unit(angle)).sum(-1))


def _named_back(at: Floats, angle: Floats) -> NDArray[np.intp]:
    """(K, 2) the next point behind and ahead of each that names it back, -1 where there is none."""
    pairs = cKDTree(at).query_pairs(NEXT_CELLS, output_type="ndarray")
    here, there = np.concatenate([pairs, pairs[:, ::-1]]).T
    along, aside = ahead_and_aside(at[there] - at[here], angle[here])
    turn = unlike(angle[there], angle[here])
    fits = (np.abs(along) > 0.5) & (aside < ASIDE_CELLS + ASIDE_SHARE * np.abs(along)) & (turn < NEXT_RAD)
    cost = (np.abs(along) + PER_ASIDE * aside + PER_TURN * turn)[fits]
    here, there, side = here[fits], there[fits], (along[fits] > 0).astype(int)
    order = np.lexsort((cost, 2 * here + side))
    slots, first = np.unique((2 * here + side)[order], return_index=True)
    named = np.full(2 * len(at), -1)
    named[slots] = there[order][first]
    one, other = slots // 2, named[slots]
    facing = (_ahead(at[one] - at[other], angle[other]) > 0).astype(int)
    named[slots[named[2 * other + facing] != one]] = -1
    return named.reshape(-1, 2)


def _smooth(course: Floats) -> Floats:
    """The course less the jitter of its points; both ends stay."""
    if len(course) < 4:
        return course
    smooth = gaussian_filter1d(course, SMOOTH_POINTS, axis=0, mode="nearest")
    smooth[[0, -1]] = course[[0, -1]]
    return np.asarray(smooth, np.float64)


def _without_kinks(course: Floats) -> list[Floats]:
    """Parts of a course between its kinks."""
    middle = np.arange(KINK_POINTS, len(course) - KINK_POINTS)
    if not len(middle):
        return [course]
    before = course[middle] - course[middle - KINK_POINTS]
    after = course[middle + KINK_POINTS] - course[middle]
    turn = np.abs(wrap(np.arctan2(after[:, 1], after[:, 0]) - np.arctan2(before[:, 1], before[:, 0])))
    cuts = []
    while turn.max() > KINK_RAD:
        sharpest = int(turn.argmax())
        cuts.append(int(middle[sharpest]))
        turn[max(sharpest - KINK_POINTS, 0) : sharpest + KINK_POINTS + 1] = 0.0
    return np.split(course, sorted(cuts))


def split_at(pieces: Sequence[Floats], peaks: Peaks) -> list[Floats]:
    """Pieces, split where a root or tip lies upon them: there a hair may begin or end.

    Parameters
    ----------
    pieces : sequence of (N, 2) float64
    peaks : Peaks

    Returns
    -------
    list of (N, 2) float64
        Both parts keep the point of the split.
    """
    if not len(peaks) or not pieces:
        return list(pieces)
    points = np.concatenate(pieces)
    owner = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
    place = np.concatenate([np.arange(len(piece)) for piece in pieces])
    cuts: dict[int, set[int]] = {}
    for k, near in enumerate(cKDTree(points).query_ball_point(peaks.at, SPLIT_CELLS)):
        distance = np.hypot(*(points[near] - peaks.at[k]).T)
        nearest = np.array(near, int)[np.argsort(distance, kind="stable")]
        for which in nearest[np.unique(owner[nearest], return_index=True)[1]]:
            if _leads_along(pieces[owner[which]], int(place[which]), float(peaks.angle[k])):
                cuts.setdefault(int(owner[which]), set()).add(int(place[which]))
    parts = []
    for k, piece in enumerate(pieces):
        parts += _split(piece, sorted(cuts.get(k, ())))
    return parts


def _leads_along(piece: Floats, place: int, angle: float) -> bool:
    """Whether a piece has about that direction at one of its inner points."""
    if not SPLIT_POINTS <= place < len(piece) - SPLIT_POINTS:
        return False
    way = piece[place + SPLIT_POINTS] - piece[place - SPLIT_POINTS]
    return bool(unlike(np.arctan2(way[1], way[0]), np.array(angle)) < SPLIT_RAD)


def _split(piece: Floats, places: Sequence[int]) -> list[Floats]:
    """Parts of a piece; of places closer than `SPLIT_POINTS` only the first counts."""
    parts, last = [], 0
    for place in places:
        if place - last >= SPLIT_POINTS:
            parts.append(piece[last : place + 1])
            last = place
    return [*parts, piece[last:]]
