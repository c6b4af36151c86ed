"""Readings: each course that the shaft of a root may take, with each tip that may end it, or with none.

A reading has a score, by the log odds of the joins on its course; by how far its tip lies from the course and
from where the network expects it, by the bend of the way there, by how alike both ends are in width and
colour and by the weakest evidence of a shaft between them; and, without a tip, by whether one was to be
expected. The scores of all readings of a root, as exponents, stand to each other as their probabilities
(conditional logit, McFadden 1974).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trichoscan.records import Peaks
from trichoscan.segment.cells import leads_out, unit
from trichoscan.segment.courses import STEP_CELLS, Course
from trichoscan.segment.ends import ROOT, TIP, Ends
from trichoscan.segment.peaks import sureness, wrap
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
"""Features of a reading, see `_features`, and the sign of their weights: 0 for either."""
TIP_ASIDE_CELLS, BEYOND_CELLS = 5.0, 20.0
"""A tip within 55 um of a course may end it, and up to 0.22 mm beyond where the shaft was lost."""
TURN_RAD = np.deg2rad(35.0)
"""It must point along the course to within so much;"""
STRAIGHT_TURN_RAD, STRAIGHT_OFF_RAD = 1.2, 0.9
"""where no piece leads to it, along the root's direction, and it must be seen in about that direction,"""
FARTHEST_REACH, FARTHEST_CELLS = 2.2, 20.0
"""no farther than this share of the expected distance, and 0.22 mm."""
SHORTEST_CELLS = 3.0
WEAKEST_SAMPLES = 12
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
        """(K,) log odds that the tip of each root is that of the chosen reading; NaN where that has none."""
        first = np.searchsorted(self.root, np.arange(len(chosen)))
        given = self.tip[chosen]
        same = self.tip == given[self.root]
        for_it, against = (
            np.logaddexp.reduceat(np.where(some, scores, -np.inf), first) for some in (same, ~same)
        )
        return np.where(given != NO_TIP, for_it - np.where(given != NO_TIP, against, 0.0), np.nan)


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
    found = [np.empty((0, 5))]
    for number, course in enumerate(every):
        k = int(of_root[number])
        near = _tips_of(course, roots.take(np.array([k])), tips)
        found.append(np.array([[k, number, NO_TIP, 0.0, 0.0]]))
        found.append(np.concatenate([np.tile([k, number], (len(near), 1)), near], 1))
    table = np.concatenate(found)
    root, course_of, tip = table[:, :3].T.astype(np.int64)
    features = np.zeros((len(table), len(READING_SIGNS)))
    features[:, 0] = [every[number].odds for number in course_of]
    ended, open_ = tip != NO_TIP, np.flatnonzero(tip == NO_TIP)
    features[ended, 1:-2] = _of_tips(roots, tips, root[ended], tip[ended], table[ended, 3:], ends, shafts)
    # Each course has one reading without a tip, in the order of `every`.
    length = np.array([STEP_CELLS * (len(course.points) - 1) for course in every])
    features[open_, -2] = np.clip(np.log(roots.reach[of_root] / np.maximum(length, 1.0)) / 0.25, 0.0, 5.0)
    features[open_, -1] = leads_out([course.points for course in every], usable_mask, px_per_cell)
    return Readings(root, course_of, tip, features, every)


def _tips_of(course: Course, root: Peaks, tips: Peaks) -> Floats:
    """(L, 3) number of each tip that may end a course, cells aside of it and beyond its end."""
    if not len(tips):
        return np.empty((0, 3))
    step = tips.at - root.at
    chord = np.hypot(*step.T)
    if len(course.points) < 2:
        seen_at = np.arctan2(step[:, 1], step[:, 0])
        straight = (
            (chord > SHORTEST_CELLS)
            & (chord < FARTHEST_REACH * root.reach[0] + FARTHEST_CELLS)
            & (np.abs(wrap(tips.angle - root.angle[0])) < STRAIGHT_TURN_RAD)
            & (np.abs(wrap(seen_at - root.angle[0])) < STRAIGHT_OFF_RAD)
        )
        which = np.flatnonzero(straight)
        return np.stack([which, np.full(len(which), np.inf), np.full(len(which), np.inf)], -1)
    points = course.points
    last, far = points[course.last :], TIP_ASIDE_CELLS + BEYOND_CELLS
    inside = (tips.at > last.min(0) - far) & (tips.at < last.max(0) + far)
    near = np.flatnonzero(inside.all(1) & (chord > SHORTEST_CELLS))
    if not len(near):
        return np.empty((0, 3))
    aside, beyond, turn, nearest = _off_course(tips.take(near), points)
    fits = (aside < TIP_ASIDE_CELLS) & (turn < TURN_RAD) & (beyond < BEYOND_CELLS) & (nearest >= course.last)
    return np.stack([near[fits], aside[fits], beyond[fits]], -1)


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
) -> Floats:
    """(L, 10) features of readings with a tip, from "tip" on, each of the size of one and bounded."""
    step = tips.at[tip] - roots.at[root]
    chord, seen_at = np.hypot(*step.T), np.arctan2(step[:, 1], step[:, 0])
    leaving, arriving = wrap(seen_at - roots.angle[root]), wrap(tips.angle[tip] - seen_at)
    on_way = roots.at[root] + np.linspace(0.05, 0.95, WEAKEST_SAMPLES)[:, None, None] * step
    evidence = shafts.sample(on_way[..., 0], on_way[..., 1], np.broadcast_to(seen_at, on_way.shape[:2]))
    one, other = ends.numbers(ROOT)[root], ends.numbers(TIP)[tip]
    colour = np.sqrt(((ends.colour[one] - ends.colour[other]) ** 2).sum(1))
    columns = (
        np.ones(len(tip)),
        np.minimum(off_course[:, 0] / 2.0, 3.0),
        np.minimum(off_course[:, 1] / 10.0, 2.0),
        np.minimum(np.abs(np.log(np.maximum(chord, 1.0) / roots.reach[root])) / 0.25, 5.0),
        np.minimum(np.abs(leaving + arriving) / 0.2, 5.0),
        np.minimum(np.abs(leaving - arriving) / 0.2, 5.0),
        np.abs(np.log(ends.width_px[one] / ends.width_px[other])),
        np.minimum(colour / 10.0, 3.0),
        evidence.min(0) if len(tip) else np.zeros(0),
        sureness(tips)[tip],
    )
    return np.stack(columns, -1)
