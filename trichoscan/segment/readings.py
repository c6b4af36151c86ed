"""Readings: each course that the shaft of a root may take, with each tip that may end it, or with none.

A reading has a score. On its course bear the log odds of its joins, how far the tip lies aside of it and
beyond it, and, without a tip, whether one was to be expected; on the root and the tip, whatever the course
between them, how far apart the network expects them, the bend of the way from one to the other, the weakest
evidence of a shaft on the straight way, and how alike both are in width and colour. The scores of all
readings of a root, as exponents, stand to each other as their probabilities (conditional logit, McFadden
1974).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from trichoscan.records import Peaks
from trichoscan.segment.cells import leads_out, unit
from trichoscan.segment.courses import STEP_CELLS, Course
from trichoscan.segment.ends import ROOT, TIP, Ends
from trichoscan.segment.peaks import wrap
from trichoscan.segment.shaft_map import ShaftMap

Floats = NDArray[np.float64]

READING_SIGNS = {
    "joins": 1,
    "tip": 0,
    "aside": -1,
    "beyond": -1,
    "off": -1,
    "bend": -1,
    "sway": -1,
    "width": -1,
    "colour": -1,
    "weakest": 1,
    "sureness": 1,
    "short": -1,
    "out": 1,
}
"""Features of a reading, and the sign of their weights, 0 for either.

joins: sum of the log odds of the joins on its course. With a tip, else 0: tip, 1; aside and beyond, how far
it lies aside of the course, in 2 cells, at most 3, and beyond its end, in 10, at most 2, both at most where
no piece is entered; off, the logarithm of its distance over the expected one, in 0.25; bend, the turn from
the root's direction to the tip's, in 0.2 rad; sway, how much more both of them turn from the straight way
between them than an arc does, likewise; width, the difference of the logarithms; colour, in 10 CIELAB;
weakest, the least of the shaft's evidence on the straight way; sureness, log odds of the tip. Without a
tip, else 0: short, the logarithm of the expected distance over the length of the course, in 0.25; out, 1
where it leads out of what is usable."""
TIP_ASIDE_CELLS, BEYOND_CELLS = 5.0, 20.0
"""A tip within 55 um of a course may end it, and up to 0.22 mm beyond where the shaft was lost."""
TURN_RAD = np.deg2rad(35.0)
"""It must point along the course to within so much;"""
STRAIGHT_TURN_RAD, STRAIGHT_OFF_RAD = 1.2, 0.9
"""where no piece leads to it, along the root's direction, and it must be seen in about that direction,"""
FARTHEST_REACH, FARTHEST_CELLS = 2.2, 20.0
"""no farther than this share of the expected distance, and 0.22 mm."""
SHORTEST_CELLS = 3.0
"""No hair is shorter than 33 um."""
WEAKEST_SAMPLES = 12
"""So many places on the straight way are asked for their evidence."""
NO_TIP = -1


@dataclass(frozen=True, eq=False)
class Readings:
    """R readings of K roots.

    Attributes
    ----------
    root, course, tip : (R,) int64
        Their numbers, ascending by root; tip is `NO_TIP` for none.
    features : (R, 13) float64
        `READING_SIGNS`.
    courses : list of Course
        Of all roots.
    """

    root: NDArray[np.int64]
    course: NDArray[np.int64]
    tip: NDArray[np.int64]
    features: Floats
    courses: list[Course]

    def scores(self, thresholds: Mapping[str, float]) -> Floats:
        """(R,) by the model of `thresholds`."""
        return np.asarray(self.features @ [thresholds[f"reading_{name}"] for name in READING_SIGNS])

    def tip_odds(self, scores: Floats, chosen: NDArray[np.int64]) -> Floats:
        """(K,) log odds, by scores alone, that a root's tip is that of its chosen reading; NaN for none."""
        first = np.searchsorted(self.root, np.arange(len(chosen)))
        given = self.tip[chosen]
        same = self.tip == given[self.root]
        for_it, against = (
            np.logaddexp.reduceat(np.where(some, scores, -np.inf), first) for some in (same, ~same)
        )
        return np.where(given != NO_TIP, for_it - against, np.nan)


def find_readings(
    roots: Peaks,
    courses: Sequence[Sequence[Course]],
    tips: Peaks,
    ends: Ends,
    shafts: ShaftMap,
    usable_mask: NDArray[np.bool_],
    px_per_cell: float,
) -> Readings:
    """Find every reading of each root.

    Parameters
    ----------
    roots : Peaks
        K roots.
    courses : sequence of K sequences of Course
        See `courses.courses_from`.
    tips : Peaks
    ends : Ends
        Of this photo.
    shafts : ShaftMap
    usable_mask : (H, W) bool
    px_per_cell : float
        See `Segmentation`.

    Returns
    -------
    Readings
    """
    every = [course for some in courses for course in some]
    of_root = np.repeat(np.arange(len(courses)), [len(some) for some in courses])
    tree = cKDTree(tips.at)
    found = []
    for number, course in enumerate(every):
        root = of_root[number]
        found.append([(root, number, NO_TIP, 0.0, 0.0)])
        near = _along(course, tips, tree) if course.entered else _straight_to(roots, root, tips, tree)
        found.append([(root, number, *one) for one in near])
    table = np.array([row for rows in found for row in rows]).reshape(-1, 5)
    root, course_of, tip = table[:, :3].T.astype(np.int64)
    columns = dict.fromkeys(READING_SIGNS, np.zeros(len(table)))
    columns["joins"] = np.array([every[number].odds for number in course_of])
    ended = tip != NO_TIP
    of_tips = _of_tips(roots, tips, root[ended], tip[ended], table[ended, 3:], ends, shafts)
    for name, values in of_tips.items():
        columns[name] = _spread(values, ended)
    # Each course has one reading without a tip, in their order.
    length = np.array([STEP_CELLS * (len(course.points) - 1) for course in every])
    short = np.log(roots.reach[of_root] / np.maximum(length, 1.0)) / 0.25
    columns["short"] = _spread(np.clip(short, 0.0, 5.0), ~ended)
    out = leads_out([course.points for course in every], usable_mask, px_per_cell)
    columns["out"] = _spread(np.array(out, float), ~ended)
    return Readings(root, course_of, tip, np.stack(list(columns.values()), -1), every)


def _spread(values: Floats, where: NDArray[np.bool_]) -> Floats:
    """(R,) the values, in order, where they belong, and 0 elsewhere."""
    column = np.zeros(len(where))
    column[where] = values
    return column


def _straight_to(roots: Peaks, root: int, tips: Peaks, tree: cKDTree) -> list[tuple[int, float, float]]:
    """Tips that a root may have by no piece: number, and far aside of and beyond any course."""
    at, angle = roots.at[root], roots.angle[root]
    far = FARTHEST_REACH * roots.reach[root] + FARTHEST_CELLS
    near = np.array(tree.query_ball_point(at, far, return_sorted=True), int)
    step = tips.at[near] - at
    seen_at = np.arctan2(step[:, 1], step[:, 0])
    fits = (
        (np.hypot(*step.T) > SHORTEST_CELLS)
        & (np.abs(wrap(tips.angle[near] - angle)) < STRAIGHT_TURN_RAD)
        & (np.abs(wrap(seen_at - angle)) < STRAIGHT_OFF_RAD)
    )
    return [(int(tip), np.inf, np.inf) for tip in near[fits]]


def _along(course: Course, tips: Peaks, tree: cKDTree) -> list[tuple[int, float, float]]:
    """Tips that may end a course on its last piece or beyond: number, cells aside of it and beyond it."""
    points, last = course.points, course.points[course.last :]
    middle = 0.5 * (last.min(0) + last.max(0))
    far = float(np.hypot(*(last - middle).T).max()) + TIP_ASIDE_CELLS + BEYOND_CELLS
    near = np.array(tree.query_ball_point(middle, far, return_sorted=True), int)
    near = near[np.hypot(*(tips.at[near] - points[0]).T) > SHORTEST_CELLS]
    if not len(near):
        return []
    aside, beyond, turn, nearest = _off_course(tips.take(near), points)
    fits = (aside < TIP_ASIDE_CELLS) & (turn < TURN_RAD) & (beyond < BEYOND_CELLS) & (nearest >= course.last)
    return list(zip(near[fits].tolist(), aside[fits].tolist(), beyond[fits].tolist(), strict=True))


def _off_course(tips: Peaks, points: Floats) -> tuple[Floats, Floats, Floats, NDArray[np.intp]]:
    """(L,) cells aside of a course and beyond its end, turn from its direction, rad, and nearest point."""
    heading = np.arctan2(*np.gradient(points, axis=0).T[::-1])
    apart = np.hypot(*(tips.at[:, None] - points[None]).transpose(2, 0, 1))
    nearest = apart.argmin(1)
    gap = apart[np.arange(len(tips)), nearest]
    past = ((tips.at - points[-1]) * unit(heading[-1])).sum(1)
    beyond = np.where(nearest == len(points) - 1, np.maximum(past, 0.0), 0.0)
    aside = np.sqrt(np.maximum(gap**2 - beyond**2, 0.0))
    return aside, beyond, np.abs(wrap(tips.angle - heading[nearest])), nearest


def _of_tips(
    roots: Peaks,
    tips: Peaks,
    root: NDArray[np.int64],
    tip: NDArray[np.int64],
    off_course: Floats,
    ends: Ends,
    shafts: ShaftMap,
) -> dict[str, Floats]:
    """(L,) features of readings with a tip, by name, each of the size of one and bounded."""
    step = tips.at[tip] - roots.at[root]
    chord, seen_at = np.hypot(*step.T), np.arctan2(step[:, 1], step[:, 0])
    leaving, arriving = wrap(seen_at - roots.angle[root]), wrap(tips.angle[tip] - seen_at)
    on_way = roots.at[root] + np.linspace(0.05, 0.95, WEAKEST_SAMPLES)[:, None, None] * step
    evidence = shafts.sample(on_way[..., 0], on_way[..., 1], np.broadcast_to(seen_at, on_way.shape[:2]))
    one, other = ends.numbers(ROOT)[root], ends.numbers(TIP)[tip]
    width, colour = ends.unlike(one, other)
    return {
        "tip": np.ones(len(tip)),
        "aside": np.minimum(off_course[:, 0] / 2.0, 3.0),
        "beyond": np.minimum(off_course[:, 1] / 10.0, 2.0),
        "off": np.minimum(np.abs(np.log(np.maximum(chord, 1.0) / roots.reach[root])) / 0.25, 5.0),
        "bend": np.minimum(np.abs(leaving + arriving) / 0.2, 5.0),
        "sway": np.minimum(np.abs(leaving - arriving) / 0.2, 5.0),
        "width": width,
        "colour": colour,
        "weakest": evidence.min(0),
        "sureness": ends.sureness[other],
    }
