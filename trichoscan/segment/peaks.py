"""Peaks of a heatmap that is split over direction."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np
from numpy.typing import NDArray

from trichoscan.records import Peaks

ALONG_CELLS, ASIDE_CELLS = 12.0, 3.0
"""Two peaks of about one direction are one hair when they lie closer than this along and across it.

A root is vague along its shaft, so one hair may show several peaks there. 0.13 mm and 33 um keep the
hairs of a bundle apart: 1.4 % more of the hairs of validation photos had a peak left than with the 0.22 mm
and 41 um that are best where nothing looks again. Whether both of two close peaks are hairs is for
`segment.verifier` to tell.
"""
FIELD_CELLS = 150.0
"""Hairs within about this distance (1.65 mm, SD of a Gaussian) lean one way; on validation photos
half of it was worse and twice as much no better."""
LEAST_REACH_CELLS = 4.0
"""No hair is shorter than 44 um."""
SUREST = 4.0
"""Log odds beyond which a peak counts no more where tips are given to roots: 98 %; our choice."""
SAME_RAD = np.deg2rad(20.0)
"""Two peaks at one place whose directions differ by more are two hairs (a V from one ostium)."""


def wrap(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles in [-pi, pi)."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


def log_odds(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log odds of probabilities, bounded to those of 0.0001 and 0.9999."""
    bounded = np.clip(probability, 1e-4, 1 - 1e-4)
    return np.asarray(np.log(bounded / (1 - bounded)), np.float64)


def sureness(peaks: Peaks) -> NDArray[np.float64]:
    """(K,) log odds of each peak, bounded to `SUREST` either way: by the second look, else by its height."""
    looked = peaks.second_look if peaks.second_look.any() else log_odds(peaks.score)
    return np.clip(looked, -SUREST, SUREST)


def find_peaks(maps: Mapping[str, NDArray[np.float32]], name: str, least: float) -> Peaks:
    """Local maxima of the root or the tip map over place and direction, to a fraction of a cell.

    Parameters
    ----------
    maps : mapping of str to (C, h, w) float32
        The network's maps by name, probabilities and cells; see `segment.network`.
    name : "root" or "tip"
        Roots take their direction and reach from the maps beside them; the direction of tips is
        interpolated between channels.
    least : float
        Smallest height of a peak.

    Returns
    -------
    Peaks
        Several may stand for one hair; see `one_each`.
    """
    heat = maps[name]
    d, y, x = _local_maxima(heat, least)
    score = heat[d, y, x].astype(np.float64)
    order = np.lexsort((x, y, d, -score))
    d, y, x, score = d[order], y[order], x[order], score[order]
    step = 2 * np.pi / len(heat)
    turn = maps["bend"][d, y, x].astype(float) if name == "root" else step * _vertex(heat, (d, y, x), 0)
    reach = np.maximum(maps["reach"][d, y, x].astype(float), LEAST_REACH_CELLS)
    at = np.stack([x + _vertex(heat, (d, y, x), 2), y + _vertex(heat, (d, y, x), 1)], -1)
    reach = reach if name == "root" else np.full(len(d), np.nan)
    return Peaks(at, wrap(d * step + turn), score, reach, np.zeros(len(d)))


def _local_maxima(
    heat: NDArray[np.float32], least: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Where `heat` is at least `least` and no lower than at its 26 neighbours; directions wrap round."""
    d, y, x = np.nonzero(heat >= least)
    height = heat[d, y, x]
    top = np.ones(len(d), bool)
    for turn, down, right in product((-1, 0, 1), repeat=3):
        rows, columns = np.clip(y + down, 0, heat.shape[1] - 1), np.clip(x + right, 0, heat.shape[2] - 1)
        top &= height >= heat[(d + turn) % len(heat), rows, columns]
    return d[top], y[top], x[top]


def _vertex(
    heat: NDArray[np.float32], index: tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]], axis: int
) -> NDArray[np.float64]:
    """Offset, within half a cell, of the parabola's top through a peak and its two neighbours."""
    size = heat.shape[axis]
    before, after = list(index), list(index)
    before[axis], after[axis] = index[axis] - 1, index[axis] + 1
    if axis == 0:
        after[0] %= size
    else:
        before[axis], after[axis] = np.maximum(before[axis], 0), np.minimum(after[axis], size - 1)
    low, top, high = (np.log(np.maximum(heat[tuple(i)], 1e-4)).astype(float) for i in (before, index, after))
    return parabola_top(low, top, high, 0.5)


def parabola_top(
    before: NDArray[np.float64], here: NDArray[np.float64], after: NDArray[np.float64], most: float
) -> NDArray[np.float64]:
    """Offset, within `most` steps, of the top of the parabola through three equidistant values; 0 if flat."""
    curvature = before - 2 * here + after
    flat = curvature > -1e-6
    offset = 0.5 * (before - after) / np.where(flat, -1.0, curvature)
    return np.where(flat, 0.0, np.clip(offset, -most, most))


def one_each(peaks: Peaks) -> Peaks:
    """Peaks, best first, less what stands for the same hair as a better one."""
    peaks = peaks.take(np.lexsort((peaks.at[:, 0], peaks.at[:, 1], -peaks.score)))
    keep = np.ones(len(peaks), bool)
    for i in range(len(peaks)):
        if not keep[i]:
            continue
        rest = slice(i + 1, None)
        away = peaks.at[rest] - peaks.at[i]
        c, s = np.cos(peaks.angle[i]), np.sin(peaks.angle[i])
        along, aside = np.abs(away @ [c, s]), np.abs(away @ [-s, c])
        turned = np.abs(wrap(peaks.angle[rest] - peaks.angle[i]))
        keep[rest] &= ~((along < ALONG_CELLS) & (aside < ASIDE_CELLS) & (turned < SAME_RAD))
    return peaks.take(keep)


def against_field(roots: Peaks) -> NDArray[np.float64]:
    """(K,) angle, rad, between each root's direction and its neighbours' mean, times their agreement.

    Hairs of a site lean one way, so a lone dissenter is likely a hair read backwards or debris;
    where the neighbours disagree among themselves, nothing is held against anyone.
    """
    against = np.zeros(len(roots))
    ways = np.exp(1j * roots.angle)
    for k in range(len(roots)):
        near = np.hypot(*(roots.at - roots.at[k]).T)
        weight = roots.score**2 * np.exp(-0.5 * (near / FIELD_CELLS) ** 2)
        weight[k] = 0.0
        mean = (weight * ways).sum() / (weight.sum() + 1.0)
        against[k] = abs(mean) * abs(wrap(roots.angle[k] - np.angle(mean)))
    return against
