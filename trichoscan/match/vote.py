"""Every turn, scale and shift that is allowed, voted for by all pairs of roots; the best are kept.

Under the right turn and scale, the shift from each root to its partner is the same for all: it stands out
as a peak among the shifts of all pairs. Nothing is drawn at random, so the same photos give the same map.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.match.constellation import Constellation

Floats = NDArray[np.float64]

LARGEST_TURN_RAD = np.deg2rad(45.0)
"""A photo is set up again by hand along the same landmark; 40 degrees is the most that is promised."""
TURN_STEP_RAD = np.deg2rad(2.0)
"""Half a step moves a root 3 mm from the centre by 52 um."""
KNOWN_LOG_SCALES = (-0.05, 0.0, 0.05)
"""Where both scales are known: calibration within 2 % each, and the stretch of the skin."""
FREE_LOG_SCALES = tuple(float(s) for s in np.linspace(-0.28, 0.28, 12))
"""Where they are not: 0.76 to 1.32."""
LARGEST_SHIFT = 0.6
"""Of the photo's centre, as a share of the larger field."""
CELL_UM = 90.0
"""Shifts are counted in cells; a pair votes for the cells about its own with a Gaussian of this SD."""
BACKGROUND_UM = 700.0
"""Votes by chance are judged from within about this distance: it follows the overlap of the fields."""
HAIRS_AT_MOST = 90
"""Beyond that many hairs, units vote instead."""
UNITS_AT_MOST = 220
"""Beyond that many units, those of the photo's middle vote."""


@dataclass(frozen=True, eq=False)
class Similarities:
    """N similarities, baseline um -> follow-up um: ``scale * R(turn) @ x + shift``.

    Attributes
    ----------
    turn_rad, log_scale : (N,) float64
    shift_um : (N, 2) float64
    """

    turn_rad: Floats
    log_scale: Floats
    shift_um: Floats

    def __len__(self) -> int:
        """Number of similarities."""
        return len(self.turn_rad)

    def linear(self) -> Floats:
        """(N, 2, 2) turn and scale."""
        c = np.exp(self.log_scale) * np.cos(self.turn_rad)
        s = np.exp(self.log_scale) * np.sin(self.turn_rad)
        return np.stack([np.stack([c, -s], -1), np.stack([s, c], -1)], -2)

    def apply(self, points_um: Floats) -> Floats:
        """(N, K, 2) where each of them takes (K, 2) points."""
        return np.einsum("nij,kj->nki", self.linear(), points_um) + self.shift_um[:, None]

    def take(self, index: NDArray[np.intp] | slice) -> Similarities:
        """Those of `index`, in its order."""
        return Similarities(self.turn_rad[index], self.log_scale[index], self.shift_um[index])


def vote(
    baseline: Constellation, followup: Constellation, log_scales: tuple[float, ...], number: int
) -> Similarities:
    """Most voted similarities, best first.

    Parameters
    ----------
    baseline, followup : Constellation
    log_scales : tuple of float
        Those to try, logarithms of follow-up um per baseline um.
    number : int
        How many to keep at most.

    Returns
    -------
    Similarities
    """
    stars, weights = _voters(baseline)
    others, other_weights = _voters(followup)
    if not len(stars) or not len(others):
        return Similarities(np.zeros(0), np.zeros(0), np.zeros((0, 2)))
    limit = LARGEST_SHIFT * np.maximum(baseline.field_um, followup.field_um).max()
    turns = np.arange(-LARGEST_TURN_RAD, LARGEST_TURN_RAD + TURN_STEP_RAD / 2, TURN_STEP_RAD)
    pair_weights = np.outer(weights, other_weights).ravel()
    found = []
    for log_scale in log_scales:
        for turn in turns:
            one = Similarities(np.array([turn]), np.array([log_scale]), np.zeros((1, 2)))
            shifts = (others[None] - one.apply(stars)[0][:, None]).reshape(-1, 2)
            found.append(_peaks(shifts, pair_weights, limit, turn, log_scale))
    table = np.concatenate(found)
    table = table[np.argsort(-table[:, 0], kind="stable")][: 12 * number]
    best = Similarities(table[:, 1], table[:, 2], table[:, 3:])
    return best.take(distinct(best, baseline.field_um, number))


def _voters(stars: Constellation) -> tuple[Floats, Floats]:
    """Points (K, 2) um that vote, and the weight (K,) of each: a unit's hairs share its vote."""
    units, index, size = np.unique(stars.unit, return_inverse=True, return_counts=True)
    if len(stars) <= HAIRS_AT_MOST:
        return stars.roots_um, 1 / np.sqrt(size[index])
    centres = np.zeros((len(units), 2))
    np.add.at(centres, index, stars.roots_um)
    centres /= size[:, None]
    near = np.argsort(np.hypot(*centres.T), kind="stable")[:UNITS_AT_MOST]
    return centres[near], np.ones(len(near))


def _peaks(shifts: Floats, weights: Floats, limit: float, turn: float, log_scale: float) -> Floats:
    """(P, 5) z score, turn, log scale and shift of the cells that stand out most."""
    cells = int(np.ceil(limit / CELL_UM))
    at = np.floor(shifts / CELL_UM + 0.5).astype(np.int64) + cells
    inside = ((at >= 0) & (at <= 2 * cells)).all(1)
    flat = at[inside, 1] * (2 * cells + 1) + at[inside, 0]
    votes = np.bincount(flat, weights[inside], minlength=(2 * cells + 1) ** 2)
    votes = votes.reshape(2 * cells + 1, -1).astype(np.float32)
    near = cv2.GaussianBlur(votes, (7, 7), 1.0, borderType=cv2.BORDER_CONSTANT)
    wide = BACKGROUND_UM / CELL_UM
    chance = cv2.GaussianBlur(votes, (0, 0), wide, borderType=cv2.BORDER_CONSTANT)
    score = (near - chance) / np.sqrt(chance / (4 * np.pi) + 0.01)
    top = score == cv2.dilate(score, np.ones((3, 3), np.uint8))
    y, x = np.nonzero(top & (score > 1.0))
    best = np.argsort(-score[y, x], kind="stable")[:24]
    y, x = y[best], x[best]
    same = np.ones(len(best))
    shift = (np.stack([x, y], -1) - cells) * CELL_UM
    return np.column_stack([score[y, x], turn * same, log_scale * same, shift])


def distinct(ranked: Similarities, field_um: Floats, number: int) -> NDArray[np.intp]:
    """First `number` that differ: no two take the field's corners to within two cells of each other."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * field_um / 3
    at = ranked.apply(corners)
    kept: list[int] = []
    for k in range(len(at)):
        apart = np.abs(at[kept] - at[k]).max((1, 2)) if kept else np.full(1, np.inf)
        if apart.min() > 2 * CELL_UM:
            kept.append(k)
        if len(kept) == number:
            break
    return np.array(kept, np.intp)
