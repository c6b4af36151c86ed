"""The scalp of a phantom, in micrometres: follicular units, hair shafts and skin.

The scalp's frame has its origin where the first photo's centre lies; x to the right, y downwards.
Letters for shapes: K hairs, U follicular units, N points of a path, P points of a skin line.
Colours are linear light, 0-1, RGB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from trichoscan.phantom.skin import Skin, grow_skin
from trichoscan.phantom.style import Style

Floats = NDArray[np.float64]

HAIRS_PER_UNIT_SHARE = np.array([0.284, 0.526, 0.175, 0.013, 0.002])
"""Units with 1 to 5 hairs, Han Chinese scalp (oaepublish 2347-9264.2017.52)."""

SMALLEST_UNIT_SPACING = 0.55
"""Nearest that two units come, in mean spacings: units repel each other on real scalp."""

LONGEST_REACH_UM = 2500.0
"""How far outside the photo hair may be rooted; long hair was parted before the photo was taken."""

BEND_FADES_UM = 3500.0
"""Over this length a shaft's bend fades: long hair is straight where its own weight pulls."""

HOOK_UM = 350.0
"""Over this length a shaft that leaves the skin sideways turns into the field's direction."""

PATH_STEP_UM = 40.0
"""Distance of path points: ten px at 4 um/px, far below the radius of any curl drawn here."""


@dataclass(frozen=True, eq=False)
class TrueHair:
    """A hair shaft, or a broken piece of one, as it lies on the scalp.

    Attributes
    ----------
    hair_id, unit_id : int
        unit_id is -1 for debris.
    path_um : (N, 2) float64
        Centre line, root first.
    width_um : (N,) float64
        Diameter along the path.
    colour : (3,) float64
        Linear light.
    kind : str
        "hair" or "debris".
    opacity : float
        Share of light that the shaft stops, 0-1; thin pale hair lets light through.
    gloss : float
        Strength of the bright line along the middle, 0-1.
    halo_um : float
        Length of the shaft seen blurred through the skin before the root.
    bevel : float
        Slope of the cut end, 0 for square.
    flake : bool
        Whether a scale of skin hides the root.
    defocus_um : float
        Width over which the rim is blurred as it lies above or below the plane of focus.
    rough_um : float
        SD of the rim about its smooth course; zero on average, so that `width_um` stays the mean.
    rim : float
        How much darker the shaft is at its rim than in the middle: translucent hair shows dark edges.
    collar : bool
        Whether loose scales lie about the root, under the shaft.
    """

    hair_id: int
    unit_id: int
    path_um: Floats
    width_um: Floats
    colour: Floats
    kind: Literal["hair", "debris"]
    opacity: float
    gloss: float
    halo_um: float
    bevel: float
    flake: bool = False
    defocus_um: float = 0.0
    rough_um: float = 0.0
    rim: float = 0.3
    collar: bool = False


@dataclass(frozen=True, eq=False)
class Scalp:
    """Hairs in the order in which they lie on each other, lowest first, on their skin."""

    hairs: tuple[TrueHair, ...]
    skin: Skin


def grow_scalp(style: Style, half_size_um: tuple[float, float], rng: np.random.Generator) -> Scalp:
    """Grow a scalp that fills a photo and what reaches into it from outside.

    Parameters
    ----------
    style : Style
    half_size_um : (float, float)
        Half width and half height to be filled, without the margin for hair from outside.
    rng : numpy Generator

    Returns
    -------
    Scalp
    """
    reach = min(style.length_um[1] * 1.1, LONGEST_REACH_UM) + 400.0
    half = np.asarray(half_size_um) + reach
    skin = grow_skin(style, 2.2 * max(half_size_um), rng)
    if style.units_per_cm2 <= 0:
        return Scalp(hairs=(), skin=skin)
    units = place_units(style.units_per_cm2, half, rng)
    outside = np.any(np.abs(units) > np.asarray(half_size_um), axis=1)
    units = units[~(outside & (rng.random(len(units)) < style.parted))]
    if not len(units):
        return Scalp(hairs=(), skin=skin)
    hairs = _grow_hairs(style, units, half, rng)
    debris = _scatter_debris(style, np.asarray(half_size_um), len(hairs), rng)
    order = rng.permutation(len(hairs) + len(debris))
    both = hairs + debris
    return Scalp(hairs=tuple(both[i] for i in order), skin=skin)


def place_units(units_per_cm2: float, half_um: Floats, rng: np.random.Generator) -> Floats:
    """Place follicular units at random, but not too near to each other.

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
    radius = float(np.hypot(*half_um)) + spacing
    i, j = np.meshgrid(np.arange(-radius, radius, row * 2 / np.sqrt(3.0)), np.arange(-radius, radius, row))
    i = i + (np.arange(i.shape[0]) % 2)[:, None] * row / np.sqrt(3.0)
    points = np.column_stack([i.ravel(), j.ravel()])
    points = points @ rotation(rng.uniform(0, np.pi)).T + rng.uniform(-0.36, 0.36, points.shape) * spacing
    points = points[np.all(np.abs(points) < half_um, axis=1)]
    return _push_apart(points, SMALLEST_UNIT_SPACING * spacing)


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


def _growth_angles(points: Floats, spread: float, half_um: Floats, rng: np.random.Generator) -> Floats:
    """Direction in which each unit leans: one for the site, turning slowly over it."""
    lean = rng.uniform(0, 2 * np.pi)
    slow = rng.normal(0, 0.16, 2)
    waves = rng.normal(0, 0.10, 3)
    phase = rng.uniform(0, 2 * np.pi, 3)
    wave = rng.normal(0, 1.0, (3, 2)) / 4000.0
    angle = lean + (points / half_um) @ slow
    angle = angle + (waves * np.sin(points @ wave.T * 2 * np.pi + phase)).sum(axis=1)
    return np.asarray(angle + rng.normal(0, spread, len(points)))


def _grow_hairs(style: Style, units: Floats, half: Floats, rng: np.random.Generator) -> list[TrueHair]:
    per_unit = rng.choice(np.arange(1, 6), len(units), p=HAIRS_PER_UNIT_SHARE)
    unit = np.repeat(np.arange(len(units)), per_unit)
    k = len(unit)
    rank = np.arange(k) - np.repeat(np.cumsum(per_unit) - per_unit, per_unit)
    angles = _growth_angles(units, style.unit_spread_rad, half, rng)
    stray = rng.random(len(units)) < style.stray_share
    angle = np.where(stray, rng.uniform(0, 2 * np.pi, len(units)), angles)[unit]
    side = rank - (per_unit[unit] - 1) / 2
    # Hairs of a tight unit touch each other in one ostium; others stand beside each other.
    tight = rng.random(len(units)) < style.tight_share
    touching = style.diameter_um * rng.uniform(0.35, 1.05, len(units))
    root_gap = np.where(tight, touching, rng.uniform(80, 170, len(units)))[unit]
    across = np.column_stack([-np.sin(angle), np.cos(angle)])
    along = np.column_stack([np.cos(angle), np.sin(angle)])
    roots = units[unit] + across * (side * root_gap * rng.uniform(0.6, 1.2, k))[:, None]
    roots = roots + along * (rng.normal(0, 1, k) * np.where(tight[unit], 35, 60))[:, None]
    crossing = np.where(rng.random(len(units)) < 0.3, -1.0, 1.0)[unit]
    fan = np.abs(rng.normal(0.03, 0.11, len(units)))[unit]
    angle = angle + crossing * side * fan * rng.uniform(0.5, 1.5, k) + rng.normal(0, style.hair_spread_rad, k)
    thin = rng.random(k) < style.thin_share
    width = np.where(thin, rng.uniform(15, 40, k), rng.normal(style.diameter_um, style.diameter_sd_um, k))
    width = np.clip(width, 12, 140)
    unit_length = rng.uniform(*style.length_um, len(units))[unit]
    length = unit_length * rng.lognormal(0, style.length_spread, k) * np.where(thin, style.thin_length, 1.0)
    length = np.clip(length, 60.0, 2.5 * float(np.hypot(*half)))
    paths = grow_paths(roots, angle, length, style, rng, unit)
    return [
        _clothe(i, int(unit[i]), path, float(width[i]), bool(thin[i]), style, rng)
        for i, path in enumerate(paths)
    ]


def grow_paths(
    roots_um: Floats,
    angles_rad: Floats,
    lengths_um: Floats,
    style: Style,
    rng: np.random.Generator,
    unit: NDArray[np.int64] | None = None,
) -> list[Floats]:
    """Draw the centre line of each hair from its root.

    The shaft leaves at its own angle, turns towards the combing direction, bends and waves. Much of
    this is common to the site, more to the hairs of a unit: they run together before they part.

    Parameters
    ----------
    roots_um : (K, 2) float64
    angles_rad, lengths_um : (K,) float64
    style : Style
    rng : numpy Generator
    unit : (K,) int64 or None
        Hairs of a number share most of their course; None: each hair for itself.

    Returns
    -------
    list of K arrays (N, 2) float64
        Root first, um.
    """
    k = len(roots_um)
    if k == 0:
        return []
    group = np.arange(k) if unit is None else unit

    def shared(sd: float, site: float, own: float) -> Floats:
        """Draw (K, 1): for the site once, for each unit, for each hair."""
        units = rng.normal(0, sd, int(group.max()) + 1)[group]
        return np.asarray((rng.normal(0, sd * site) + units + rng.normal(0, sd * own, k))[:, None])

    comb = shared(style.comb_rad, 1.0, 0.2)
    bend = shared(style.bend_rad_per_mm / 1000.0, 1.0, 0.35)
    hook = shared(style.hook_rad, 1.0, 0.15)
    wave = shared(style.wave_rad, 0.0, 0.2)
    period = rng.uniform(2500, 7000, (k, 1))
    phase = rng.uniform(0, 2 * np.pi, (k, 1))
    counts = np.maximum(np.ceil(lengths_um / PATH_STEP_UM).astype(int) + 1, 4)
    step = (lengths_um / (counts - 1))[:, None]
    s = (np.arange(int(counts.max()) - 1) + 0.5) * step
    angle = angles_rad[:, None] + comb * (1 - np.exp(-s / 1200.0))
    angle = angle + bend * BEND_FADES_UM * (1 - np.exp(-s / BEND_FADES_UM))
    angle = angle + hook * np.exp(-s / HOOK_UM)
    angle = angle + wave * (np.sin(2 * np.pi * s / period + phase) - np.sin(phase))
    way = np.stack([np.cos(angle) * step, np.sin(angle) * step], axis=-1)
    points = np.concatenate([np.zeros((k, 1, 2)), np.cumsum(way, axis=1)], axis=1) + roots_um[:, None]
    return [points[i, : counts[i]] for i in range(k)]


def _clothe(
    hair_id: int, unit_id: int, path: Floats, width: float, thin: bool, style: Style, rng: np.random.Generator
) -> TrueHair:
    """Give a path its width, colour and surface."""
    colour = style.hair_colour * np.exp(rng.normal(0, 0.25) + rng.normal(0, 0.04, 3))
    rim, opacity = style.rim * rng.uniform(0.5, 1.3), rng.uniform(0.95, 1.03)
    if rng.random() < style.brown_share:
        colour = colour + np.array([0.09, 0.058, 0.026]) * rng.uniform(0.1, 1.1)
        rim, opacity = rim + 0.3, opacity - rng.uniform(0, 0.25)
    if rng.random() < style.grey_share:
        colour = np.full(3, rng.uniform(0.25, 0.75))
        rim = rng.uniform(0.5, 1.0)
    if thin:
        colour = colour + np.array([0.05, 0.03, 0.015]) * rng.uniform(0, 2.5)
    tapered = style.tapered_share > 0 and rng.random() < style.tapered_share
    strength = np.clip((width - 10) / 45, 0, 1)
    narrow = rng.uniform(0.65, 1.0) if style.halo_um > 120 else rng.uniform(0.9, 1.1)
    return TrueHair(
        hair_id=hair_id,
        unit_id=unit_id,
        path_um=path,
        width_um=shaft_widths(len(path), width, tapered, rng, narrow),
        colour=np.clip(colour, 0.004, 0.9),
        kind="hair",
        opacity=float(min(1.0, opacity - 0.35 * (1 - strength))),
        gloss=float(style.gloss * rng.uniform(0.2, 1)),
        halo_um=float(style.halo_um * rng.uniform(0.4, 1.3) * (0.35 + 0.65 * strength)),
        bevel=float(rng.normal(0, 0.25)),
        defocus_um=float(abs(rng.normal(0, style.defocus_um))),
        flake=bool(rng.random() < style.flake_share),
        rough_um=float(style.rough_um * rng.uniform(0.3, 1.2) * strength),
        rim=float(min(rim, 1.2)),
        collar=bool(rng.random() < style.collar_share),
    )


def shaft_widths(
    n: int, width_um: float, tapered: bool, rng: np.random.Generator, narrow: float = 1.0
) -> Floats:
    """Diameter at N points of a shaft: slightly uneven, thinner towards an uncut tip, `narrow` at the root.

    Returns
    -------
    (N,) float64
        um.
    """
    s = np.linspace(0, 1, n)
    uneven = 1 + np.interp(s, np.linspace(0, 1, 6), rng.normal(0, 0.035, 6))
    uneven[:2] *= (narrow, 0.5 + 0.5 * narrow)
    taper = np.interp(s, [0.0, 0.6, 1.0], [1.0, 0.85, 0.15]) if tapered else 1.0
    return np.asarray(width_um * uneven * taper)


def _scatter_debris(style: Style, half: Floats, first_id: int, rng: np.random.Generator) -> list[TrueHair]:
    """Broken pieces of hair that lie about in any direction."""
    area_cm2 = 4 * half[0] * half[1] * 1e-8
    n = int(rng.poisson(style.debris_per_cm2 * area_cm2))
    straight = style.stubble()
    roots = rng.uniform(-1, 1, (n, 2)) * half
    long = rng.random(n) < 0.35
    lengths = np.where(long, rng.gamma(2.0, 130, n) + 80, rng.gamma(2.0, 25, n) + 40)
    paths = grow_paths(roots, rng.uniform(0, 2 * np.pi, n), lengths, straight, rng)
    pieces = []
    for i, path in enumerate(paths):
        colour = style.hair_colour * np.exp(rng.normal(0.1, 0.3)) + 0.02 * rng.random(3)
        pieces.append(
            TrueHair(
                hair_id=first_id + i,
                unit_id=-1,
                path_um=path,
                width_um=shaft_widths(len(path), float(rng.uniform(18, 80)), False, rng),
                colour=np.clip(colour, 0.004, 0.9),
                kind="debris",
                opacity=float(rng.uniform(0.85, 1.0)),
                gloss=0.0,
                halo_um=0.0,
                bevel=float(rng.normal(0, 0.5)),
                rough_um=float(rng.uniform(2, 9)),
            )
        )
    return pieces
