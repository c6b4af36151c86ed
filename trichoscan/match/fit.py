"""A rough similarity grown into pairs of roots and a map of the skin, and how much speaks for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from trichoscan.match.constellation import Constellation
from trichoscan.match.deform import Deformation, Prior, fit_deformation
from trichoscan.match.vote import Similarities, distinct

Floats = NDArray[np.float64]

SEEN_AGAIN = 0.6
"""Share of hairs in the common field that the other visit shows again: two thirds stay, most are found."""
UNIT_AGAIN = 0.7
"""The same of units, of which one hair is enough: 0.79 for units of Han Chinese size whose hairs are seen
again at that share, less where a unit is a mistake of detection; our estimate."""
AREA_STEPS = 24
"""Points along either side of the photo by which the common field is measured for the evidence."""
SAME_UNIT_PER_UM2 = 2e-5
"""Density of roots about another root of the same unit: some two within 0.2 mm. Where one hair of a unit
fell on a root by chance, the second does so easily; it must not count as a second coincidence."""
CLOSING_UM = (150.0, 110.0, 80.0, 60.0)
"""SDs of the fit by expectation and maximization, narrowing."""
ROUNDS = 5
"""Of pairing and fitting in turn; the pairs rarely change after three."""
FIRST_FIT_UM = (30.0, 60.0)
"""Jitter and bend of the rounds before the last."""
GATE_SD = 3.0
LARGEST_GAP_UM = 180.0
"""Less than the distance of follicular units: no pair is farther apart, however vague the map."""
FEWEST_PAIRS = 4
"""Three shifts and a turn fit three pairs by themselves."""
NEVER = 1e6


@dataclass(frozen=True, eq=False)
class Fit:
    """One alignment with its pairs.

    Attributes
    ----------
    linear : (2, 2) float64
    shift_um : (2,) float64
        The similarity, baseline um -> follow-up um.
    deformation : Deformation or None
        None where too few pairs were found.
    pairs : (M, 2) int64
        Baseline and follow-up hair, numbers within the constellations.
    evidence : float
        Log of how much likelier both photos are if they show one site so aligned than if they do
        not; the volume of all alignments that are allowed counts against it.
    """

    linear: Floats
    shift_um: Floats
    deformation: Deformation | None
    pairs: NDArray[np.int64]
    evidence: float

    def apply(self, points_um: Floats) -> Floats:
        """Baseline points (N, 2) um on the follow-up, um."""
        moved = points_um @ self.linear.T + self.shift_um
        return moved if self.deformation is None else moved + self.deformation.displacement(moved)


def close_in(
    rough: Similarities, baseline: Constellation, followup: Constellation, number: int
) -> Similarities:
    """Refine similarities by expectation and maximization; the best `number` that differ, best first."""
    x, y = baseline.roots_um, followup.roots_um
    if not len(rough) or not len(x) or not len(y):
        return rough
    density = len(y) / (followup.usable_mm2 * 1e6)
    linear, shift = rough.linear(), rough.shift_um
    for sd in CLOSING_UM:
        at = np.einsum("nij,kj->nki", linear, x) + shift[:, None]
        share = _shares(at, y, sd, density)
        linear, shift = _procrustes(x, y, share)
    at = np.einsum("nij,kj->nki", linear, x) + shift[:, None]
    gain = np.log1p(_ratio(at, y, CLOSING_UM[-1], density).sum(2)) + np.log(1 - SEEN_AGAIN)
    score = (gain * followup.visible(at)).sum(1)
    best = np.argsort(-score, kind="stable")
    turn = np.arctan2(linear[best, 1, 0], linear[best, 0, 0])
    closed = Similarities(turn, np.log(np.hypot(linear[best, 0, 0], linear[best, 1, 0])), shift[best])
    return closed.take(distinct(closed, baseline.field_um, number))


def _ratio(at: Floats, y: Floats, sd: float, density: float) -> Floats:
    """(n, K, L) likelihood of each root as partner over that of none and chance."""
    apart = np.square(at[:, :, None] - y[None, None]).sum(-1)
    height = SEEN_AGAIN / (1 - SEEN_AGAIN) / (2 * np.pi * sd**2 * density)
    return height * np.exp(-0.5 * apart / sd**2)


def _shares(at: Floats, y: Floats, sd: float, density: float) -> Floats:
    ratio = _ratio(at, y, sd, density)
    return ratio / (1 + ratio.sum(2, keepdims=True))


def _procrustes(x: Floats, y: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Least-squares similarities (n, 2, 2), (n, 2) for shares (n, K, L) (Umeyama 1991, in the plane)."""
    total = share.sum((1, 2)) + 1e-9
    mean_x = share.sum(2) @ x / total[:, None]
    mean_y = share.sum(1) @ y / total[:, None]
    moments = np.einsum("nkl,ka,lb->nab", share, x, y) - total[:, None, None] * np.einsum(
        "na,nb->nab", mean_x, mean_y
    )
    spread = share.sum(2) @ np.square(x).sum(1) - total * np.square(mean_x).sum(1) + 1e-6
    c = (moments[:, 0, 0] + moments[:, 1, 1]) / spread
    s = (moments[:, 0, 1] - moments[:, 1, 0]) / spread
    linear = np.stack([np.stack([c, -s], -1), np.stack([s, c], -1)], -2)
    return linear, mean_y - np.einsum("nij,nj->ni", linear, mean_x)


def grow(start: Similarities, baseline: Constellation, followup: Constellation, prior: Prior) -> Fit:
    """Grow one similarity (N = 1) into pairs and a map, and weigh it.

    Parameters
    ----------
    start : Similarities
        One of them.
    baseline, followup : Constellation
    prior : Prior
        Which alignments are allowed at all.

    Returns
    -------
    Fit
    """
    linear, shift = start.linear()[0], start.shift_um[0]
    x, y = baseline.roots_um, followup.roots_um
    near = Prior(60.0, 0.03, 0.03)
    deformation: Deformation | None = None
    pairs = np.zeros((0, 2), np.int64)
    for step in range(ROUNDS):
        at = x @ linear.T + shift
        if deformation is None:
            sd = np.full(len(x), CLOSING_UM[-1])
        else:
            at, sd = at + deformation.displacement(at), np.hypot(deformation.sd_um(at), deformation.jitter_um)
        pairs = pair_up(at, sd, followup)
        if len(pairs) < FEWEST_PAIRS:
            return Fit(linear, shift, None, pairs, -np.inf)
        one = np.zeros((1, len(x), len(y)))
        one[0, pairs[:, 0], pairs[:, 1]] = 1.0
        fitted, moved = _procrustes(x, y, one)
        linear, shift = fitted[0], moved[0]
        at = x[pairs[:, 0]] @ linear.T + shift
        last = step >= ROUNDS - 2
        deformation = fit_deformation(at, y[pairs[:, 1]] - at, near, None if last else FIRST_FIT_UM)
    fit = Fit(linear, shift, deformation, pairs, 0.0)
    return Fit(linear, shift, deformation, pairs, _evidence(fit, baseline, followup, prior))


def pair_up(at: Floats, sd_um: Floats, followup: Constellation) -> NDArray[np.int64]:
    """(M, 2) pairs of baseline roots, mapped to (K, 2) `at` with SDs (K,), and roots of the follow-up."""
    y = followup.roots_um
    apart = np.hypot(*(at[:, None] - y[None]).transpose(2, 0, 1))
    density = len(y) / (followup.usable_mm2 * 1e6)
    sd = sd_um[:, None]
    gain = (
        np.log(SEEN_AGAIN / (1 - SEEN_AGAIN) ** 2 / (2 * np.pi * sd**2 * density)) - 0.5 * (apart / sd) ** 2
    )
    possible = (apart < np.minimum(GATE_SD * sd, LARGEST_GAP_UM)) & (gain > 0)
    rows, columns = linear_sum_assignment(np.where(possible, -gain, 0.0))
    good = possible[rows, columns]
    return np.stack([rows[good], columns[good]], -1).astype(np.int64)


def _evidence(fit: Fit, baseline: Constellation, followup: Constellation, prior: Prior) -> float:
    """Log likelihood ratio of one site, so aligned, against two sites whose units lie as they fall.

    Units are what chance scatters: of the hairs of a pair of units, the first counts as a coincidence of
    two units, the others as coincidences within a unit. Units that the other photo should show and does
    not speak against the alignment, in either photo.
    """
    pairs = fit.pairs
    at = baseline.roots_um @ fit.linear.T + fit.shift_um
    seen = followup.roots_um[pairs[:, 1]] - at[pairs[:, 0]]
    together = fit_deformation(at[pairs[:, 0]], seen, prior).log_likelihood
    back = (followup.roots_um - fit.shift_um) @ np.linalg.inv(fit.linear).T
    missing = _unseen(baseline.unit, followup.visible(fit.apply(baseline.roots_um)), pairs[:, 0])
    missing_too = _unseen(followup.unit, baseline.visible(back), pairs[:, 1])
    units_per_um2 = len(np.unique(followup.unit)) / (followup.usable_mm2 * 1e6)
    fresh = _first_of_both_units(baseline.unit[pairs[:, 0]], followup.unit[pairs[:, 1]])
    within = len(pairs) - fresh
    coincidence = fresh * np.log(UNIT_AGAIN / units_per_um2) + within * np.log(SEEN_AGAIN / SAME_UNIT_PER_UM2)
    misses = (missing.units + missing_too.units) * np.log(1 - UNIT_AGAIN)
    misses += (missing.hairs + missing_too.hairs) * np.log(1 - SEEN_AGAIN)
    expected = UNIT_AGAIN * units_per_um2 * _shared_um2(fit, baseline, followup)
    return float(together + coincidence + misses + expected)


class _Missing(NamedTuple):
    """Units none of whose hairs found a partner; hairs without a partner in units that have one."""

    units: int
    hairs: int


def _unseen(unit: NDArray[np.int64], shown: NDArray[np.bool_], paired: NDArray[np.int64]) -> _Missing:
    alone = shown.copy()
    alone[paired] = False
    known = np.isin(unit, unit[paired])
    return _Missing(len(np.unique(unit[alone & ~known])), int((alone & known).sum()))


def _first_of_both_units(unit: NDArray[np.int64], other: NDArray[np.int64]) -> int:
    """Pairs that are the first of their unit in both photos: no more than there are units in either."""
    _, first = np.unique(unit, return_index=True)
    _, first_too = np.unique(other, return_index=True)
    return len(np.intersect1d(first, first_too))


def _shared_um2(fit: Fit, baseline: Constellation, followup: Constellation) -> float:
    """Area of the follow-up photo in which both photos show roots."""
    steps = (np.arange(AREA_STEPS) + 0.5) / AREA_STEPS - 0.5
    at = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2) * baseline.field_um
    both = baseline.visible(at) & followup.visible(at @ fit.linear.T + fit.shift_um)
    return float(both.mean() * np.prod(baseline.field_um) * np.linalg.det(fit.linear))
