"""Where follicular units stand, which way they lean, and how hairs stand in an ostium; um and rad.

Letters for shapes: K hairs, U follicular units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from trichoscan.phantom.crop import Crop
from trichoscan.phantom.style import Style

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SMALLEST_UNIT_SPACING = 0.55
"""Nearest that two units come, in mean spacings: units repel each other on real scalp."""

DENSITY_WAVE_UM = (6_000.0, 16_000.0)
DENSITY_WAVE = 0.07
"""Lengths and share of each of three waves of unit density over the scalp; our choice."""

SWIRL_RAD = (0.8, 1.45)
"""Angle between the hair of a whorl and the ray from its centre; our choice: between a star and a ring."""

WHORL_EYE_UM = 900.0
"""Within this of a whorl's centre directions are confused; our choice."""

STUBBLE_UM = 2500.0
"""Hair cut shorter than this stands as the clipper left it, and hairs of a unit stick together."""

TUFT_DEPTH_UM = 80.0
"""SD of the roots of a tuft along its hairs; our choice."""


def place_units(units_per_cm2: float, half_um: Floats, rng: np.random.Generator) -> Floats:
    """Place follicular units at random, but not too near to each other; here and there denser.

    Parameters
    ----------
    units_per_cm2 : float
    half_um : (2,) float64
        Half width and height of the rectangle to fill.
    rng : numpy Generator

    Returns
    -------
    (U, 2) float64
        Unit centres, um.
    """
    spacing = 1e4 / np.sqrt(units_per_cm2)
    row = spacing * np.sqrt(np.sqrt(3.0) / 2.0)
    reach = DENSITY_WAVE * DENSITY_WAVE_UM[1]
    radius = float(np.hypot(*half_um)) + spacing + reach
    i, j = np.meshgrid(np.arange(-radius, radius, row * 2 / np.sqrt(3.0)), np.arange(-radius, radius, row))
    i = i + (np.arange(i.shape[0]) % 2)[:, None] * row / np.sqrt(3.0)
    points = np.column_stack([i.ravel(), j.ravel()])
    points = points @ rotation(rng.uniform(0, np.pi)).T + rng.uniform(-0.36, 0.36, points.shape) * spacing
    points = points[np.all(np.abs(points) < half_um + reach, axis=1)]
    points = _drift(points, rng)
    points = points[np.all(np.abs(points) < half_um, axis=1)]
    return _push_apart(points, SMALLEST_UNIT_SPACING * spacing)


def _drift(points: Floats, rng: np.random.Generator) -> Floats:
    """Shift points along slow waves: they crowd here and thin out there, the mean density stays."""
    angle, phase = rng.uniform(0, 2 * np.pi, (2, 3))
    wave = rng.uniform(*DENSITY_WAVE_UM, 3) / (2 * np.pi)
    way = np.column_stack([np.cos(angle), np.sin(angle)])
    shift = np.sin(points @ (way / wave[:, None]).T + phase) * (DENSITY_WAVE * wave)
    return np.asarray(points + shift @ way)


def _push_apart(points: Floats, nearest_um: float) -> Floats:
    pairs = cKDTree(points).query_pairs(nearest_um, output_type="ndarray")
    gap = points[pairs[:, 1]] - points[pairs[:, 0]]
    length = np.maximum(np.hypot(gap[:, 0], gap[:, 1]), 1e-6)[:, None]
    push = gap / length * (nearest_um - length) / 2
    moved = points.copy()
    np.add.at(moved, pairs[:, 1], push)
    np.add.at(moved, pairs[:, 0], -push)
    return moved


def rotation(angle_rad: float) -> Floats:
    """(2, 2) matrix that turns points (x, y) from +x towards +y."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, -s], [s, c]])


def growth_angles(
    points_um: Floats, spread_rad: float, half_um: Floats, whorl: bool, rng: np.random.Generator
) -> Floats:
    """Direction in which each unit leans: one for the site, turning slowly over it, or round a whorl.

    Parameters
    ----------
    points_um : (U, 2) float64
    spread_rad : float
        SD of each unit about the field.
    half_um : (2,) float64
        Half width and height of the scalp that is drawn.
    whorl : bool
        Whether the field turns about a point in or near the photo.
    rng : numpy Generator

    Returns
    -------
    (U,) float64
    """
    lean = rng.uniform(0, 2 * np.pi)
    slow = rng.normal(0, 0.16, 2)
    waves = rng.normal(0, 0.10, 3)
    phase = rng.uniform(0, 2 * np.pi, 3)
    wave = rng.normal(0, 1.0, (3, 2)) / 4000.0
    angle = lean + (points_um / half_um) @ slow
    angle = angle + (waves * np.sin(points_um @ wave.T * 2 * np.pi + phase)).sum(axis=1)
    if whorl:
        away = points_um - rng.uniform(-0.5, 0.5, 2) * half_um
        swirl = rng.uniform(*SWIRL_RAD) * rng.choice([-1.0, 1.0])
        angle = angle - lean + np.arctan2(away[:, 1], away[:, 0]) + swirl
        eye = np.exp(-((np.hypot(away[:, 0], away[:, 1]) / WHORL_EYE_UM) ** 2))
        angle = angle + rng.normal(0, 1.0, len(points_um)) * eye
    return np.asarray(angle + rng.normal(0, spread_rad, len(points_um)))


@dataclass(frozen=True, eq=False)
class Stand:
    """How hairs stand: (K, 2) roots in um, (K,) angles in rad."""

    roots_um: Floats
    angles_rad: Floats


def stand_in_units(
    units_um: Floats,
    lean_rad: Floats,
    crop: Crop,
    length_um: Floats,
    style: Style,
    rng: np.random.Generator,
) -> Stand:
    """Stand the hairs of each unit in its ostium.

    Clipped units run strictly parallel, fan out, or lean together until their ends touch; in a tight
    unit the shafts touch or lie half on each other, and come out one a little before the other. Tufts are
    tight, and deeper than others.

    Parameters
    ----------
    units_um : (U, 2) float64
    lean_rad : (U,) float64
    crop : Crop
    length_um : (K,) float64
    style : Style
    rng : numpy Generator

    Returns
    -------
    Stand
    """
    unit, side, width_um = crop.unit, crop.side, crop.width_um
    u, k = len(units_um), len(unit)
    tuft = np.bincount(unit, crop.tuft, minlength=u) > 0
    tight = (rng.random(u) < style.tight_share) | tuft
    count = np.maximum(np.bincount(unit, minlength=u), 1)
    mean_width = np.bincount(unit, width_um, minlength=u) / count
    gap = np.where(tight, mean_width * rng.uniform(0.35, 1.1, u), rng.uniform(80, 170, u))[unit]
    across = np.column_stack([-np.sin(lean_rad), np.cos(lean_rad)])[unit]
    along = np.column_stack([np.cos(lean_rad), np.sin(lean_rad)])[unit]
    stagger = np.where(tight, rng.uniform(8, 60, u), 60.0)
    stagger = np.where(tuft, TUFT_DEPTH_UM, stagger)[unit]
    place = side * gap * rng.uniform(0.7, 1.2, k)
    roots = units_um[unit] + across * place[:, None] + along * (rng.normal(0, 1, k) * stagger)[:, None]
    fan = np.abs(rng.normal(0.03, 0.11, u))
    fan = np.where(rng.random(u) < 0.35, rng.normal(0, 0.015, u), fan)[unit] * side
    stubble = style.length_um[0] < STUBBLE_UM
    # Ends that meet: aimed at a point before or a little beyond the shorter hairs' ends.
    meet = np.minimum(length_um, 900.0) * rng.uniform(0.55, 1.3, u)[unit]
    together = (rng.random(u) < 0.3)[unit]
    angle = lean_rad[unit] + np.where(together, -np.arctan2(place, meet), fan * rng.uniform(0.5, 1.5, k))
    loose = np.where(width_um < 35.0, 0.2, 0.0) if stubble else np.zeros(k)
    return Stand(roots, angle + rng.normal(0, 1, k) * np.hypot(style.hair_spread_rad * 0.7, loose))
