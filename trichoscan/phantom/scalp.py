"""The scalp of a phantom, in micrometres: follicular units, hair shafts and skin.

The scalp's frame has its origin where the first photo's centre lies; x to the right, y downwards.
Letters for shapes: K hairs, U follicular units, N points of a path, P dots on the skin.
Colours are linear light, 0-1, RGB.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.biology import THINNEST_UM
from trichoscan.phantom.crop import SHOWING, THIN_SHORTER_UM, Crop, draw_crop, draw_lengths
from trichoscan.phantom.layout import STUBBLE_UM, growth_angles, place_units, stand_in_units
from trichoscan.phantom.patch import Patch, draw_patch
from trichoscan.phantom.person import Person
from trichoscan.phantom.shafts import exclamation_widths, grow_paths, shaft_widths, stub_widths
from trichoscan.phantom.skin import Skin, grow_skin
from trichoscan.phantom.style import Style

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LONGEST_REACH_UM = 2500.0
"""How far outside the photo hair may be rooted; long hair was parted before the photo was taken."""

SLIVER_SHARE = 0.04
"""Clipped stubs with a sliver hanging at their cut end, by eye beside real photos."""

TELOGEN_HALO = 0.5
"""Club hairs sit high: less of them shows through the skin before the root (our choice)."""

THIN_SLOWER = 0.6
"""Growth of the thinnest hair as a share of that of hair of `FULL_GROWTH_UM` and more; our choice."""

FULL_GROWTH_UM = 50.0

LARGEST_SEED = 2**31
"""Seeds of hairs lie below."""

OWN_GROWTH_CV = 0.1
"""SD of growth between the hairs of one head, as a share; our choice."""


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
    anagen : bool
        Whether the hair grows; otherwise it rests (telogen).
    growth_um_per_day : float
        0 in telogen.
    tip_colour : (3,) float64 or None
        Colour beyond `band_um` from the root: dye, above what has grown since.
    band_um : float
    seed : int
        Of the hair's own small chances on each photo; the same at all visits.
    scales_seed : int
        Of the outlines of the scales about and over the root; another once these were washed off.
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
    anagen: bool = True
    growth_um_per_day: float = 367.0
    tip_colour: Floats | None = None
    band_um: float = 0.0
    seed: int = 0
    scales_seed: int = 0


@dataclass(frozen=True, eq=False)
class Scalp:
    """Hairs in the order in which they lie on each other, lowest first, on their skin.

    Attributes
    ----------
    hairs : tuple of TrueHair
    skin : Skin
    person : Person
    patch : Patch or None
        Of alopecia areata.
    flake_share, collar_share : float
        Roots under a scale, and with loose scales about them.
    """

    hairs: tuple[TrueHair, ...]
    skin: Skin
    person: Person
    patch: Patch | None = None
    flake_share: float = 0.0
    collar_share: float = 0.0


def grow_scalp(
    style: Style, person: Person, half_size_um: tuple[float, float], rng: np.random.Generator
) -> Scalp:
    """Grow a scalp that fills a photo and what reaches into it from outside.

    Parameters
    ----------
    style : Style
    person : Person
    half_size_um : (float, float)
        Half width and half height to be filled, without the margin for hair from outside.
    rng : numpy Generator

    Returns
    -------
    Scalp
    """
    size = np.asarray(half_size_um)
    half = size + min(style.length_um[1] * 1.1, LONGEST_REACH_UM) + 400.0
    skin = grow_skin(style, 2.2 * max(half_size_um), rng)
    if person.units_per_cm2 <= 0:
        return Scalp(hairs=(), skin=skin, person=person)
    units = place_units(person.units_per_cm2, half, rng)
    outside = np.any(np.abs(units) > size, axis=1)
    units = units[~(outside & (rng.random(len(units)) < style.parted))]
    patch = draw_patch(size, rng) if person.rule.patch else None
    crop = draw_crop(person, units, patch, rng)
    empty = np.bincount(crop.unit[np.isin(crop.fate, SHOWING)], minlength=len(units)) == 0
    if patch is not None:
        empty &= patch.depth_um(units) > 0
    yellow = units[empty & (rng.random(len(units)) < person.rule.yellow_share)]
    skin = replace(skin, yellow_dots_um=yellow)
    hairs, black = _grow_hairs(style, person, units, half, crop, rng)
    if style.length_um[0] < STUBBLE_UM:
        hairs += _slivers(hairs, style, rng)
    hairs += _scatter_debris(style, size, len(hairs), rng)
    order = rng.permutation(len(hairs))
    skin = replace(skin, black_dots_um=black)
    shown = tuple(hairs[i] for i in order)
    return Scalp(shown, skin, person, patch, style.flake_share, style.collar_share)


def _grow_hairs(
    style: Style, person: Person, units: Floats, half: Floats, crop: Crop, rng: np.random.Generator
) -> tuple[list[TrueHair], Floats]:
    """Grow the hairs of a crop; and find the roots of those that broke at the surface, (P, 2) um."""
    length = np.minimum(draw_lengths(crop, style, rng), 2.5 * float(np.hypot(*half)))
    lean = growth_angles(units, style.unit_spread_rad, half, person.whorl, rng)
    stray = rng.random(len(units)) < style.stray_share
    lean = np.where(stray, rng.uniform(0, 2 * np.pi, len(units)), lean)
    stand = stand_in_units(units, lean, crop, length, style, rng)
    show = np.isin(crop.fate, SHOWING)
    roots, angles = stand.roots_um[show], stand.angles_rad[show]
    shown = crop.only(show)
    paths = grow_paths(roots, angles, length[show], style, rng, shown.unit, person.form)
    hairs = [
        _clothe(i, int(shown.unit[i]), path, float(shown.width_um[i]), str(shown.fate[i]), style, person, rng)
        for i, path in enumerate(paths)
    ]
    return hairs, stand.roots_um[crop.fate == "black_dot"]


def _clothe(
    hair_id: int,
    unit_id: int,
    path: Floats,
    width: float,
    fate: str,
    style: Style,
    person: Person,
    rng: np.random.Generator,
) -> TrueHair:
    """Give a path its width, colour, surface and growth."""
    chance, bell = rng.random(16), rng.normal(size=8)
    colour, rim, opacity, grey = _pigment(style, width, chance, bell)
    anagen = bool(chance[5] >= person.telogen_share) or fate in ("regrowing", "vellus")
    anagen &= fate != "exclamation"
    tip, band = style.dye_colour, style.natural_um * float(np.exp(0.12 * bell[4]))
    if fate == "exclamation":
        # The root of such a hair is pale, its end dark.
        tip, band = colour, 0.35 * float(np.hypot(*(path[-1] - path[0])))
        colour = colour + 0.25 * (1 - colour) * np.array([0.3, 0.22, 0.15])
    strength = min(max((width - 10) / 45, 0.0), 1.0)
    halo = style.halo_um * (0.4 + 0.9 * chance[6]) * (0.35 + 0.65 * strength)
    grown = min(max((width - THINNEST_UM) / (FULL_GROWTH_UM - THINNEST_UM), 0.0), 1.0)
    growth = person.growth_um_per_day * (THIN_SLOWER + (1 - THIN_SLOWER) * grown)
    return TrueHair(
        hair_id=hair_id,
        unit_id=unit_id,
        path_um=path,
        width_um=_widths(path, width, fate, bool(chance[7] < style.tapered_share), style, rng),
        colour=np.clip(colour, 0.004, 0.9),
        kind="hair",
        opacity=float(min(1.0, opacity - 0.35 * (1 - strength))),
        gloss=float(style.gloss * (0.2 + 0.8 * chance[8])),
        halo_um=float(halo if anagen else TELOGEN_HALO * halo),
        bevel=float((0.45 if style.length_um[0] < STUBBLE_UM else 0.25) * bell[5]),
        defocus_um=float(abs(style.defocus_um * bell[6])),
        flake=bool(chance[9] < style.flake_share),
        rough_um=float(style.rough_um * (0.3 + 0.9 * chance[10]) * strength),
        rim=float(min(rim, 1.2)),
        collar=bool(chance[11] < style.collar_share),
        anagen=anagen,
        growth_um_per_day=float(growth * max(1 + OWN_GROWTH_CV * bell[7], 0.5)) if anagen else 0.0,
        tip_colour=None if grey and fate != "exclamation" else tip,
        band_um=band,
        seed=int(chance[15] * LARGEST_SEED),
        scales_seed=int(chance[15] * LARGEST_SEED),
    )


def _pigment(style: Style, width: float, chance: Floats, bell: Floats) -> tuple[Floats, float, float, bool]:
    """Colour, rim and opacity of one hair, and whether it is grey."""
    colour = style.hair_colour * np.exp(0.25 * bell[0] + 0.04 * bell[1:4])
    rim, opacity = style.rim * (0.5 + 0.8 * chance[0]), 0.95 + 0.08 * chance[1]
    grey = bool(chance[3] < style.grey_share)
    if grey:
        return np.full(3, 0.25 + 0.5 * chance[4]), 0.5 + 0.5 * chance[0], opacity, True
    if chance[2] < style.brown_share:
        colour = colour + np.array([0.09, 0.058, 0.026]) * (0.1 + chance[12])
        rim, opacity = rim + 0.3, opacity - 0.25 * chance[13]
    if width < THIN_SHORTER_UM:
        colour = colour + np.array([0.05, 0.03, 0.015]) * 2.5 * chance[14]
    return colour, rim, opacity, False


def _widths(
    path: Floats, width: float, fate: str, tapered: bool, style: Style, rng: np.random.Generator
) -> Floats:
    if fate == "exclamation":
        return exclamation_widths(len(path), width, rng)
    if tapered or fate in ("regrowing", "vellus"):
        return shaft_widths(len(path), width, True, rng)
    if style.rough_um > 0 and style.length_um[0] < STUBBLE_UM:
        return stub_widths(path, width, rng.uniform(0.65, 1.0) if style.halo_um > 120 else 1.0, rng)
    narrow = rng.uniform(0.65, 1.0) if style.halo_um > 120 else rng.uniform(0.9, 1.1)
    return shaft_widths(len(path), width, False, rng, narrow)


def _slivers(hairs: list[TrueHair], style: Style, rng: np.random.Generator) -> list[TrueHair]:
    """Slivers that hang at cut ends."""
    pieces: list[TrueHair] = []
    for hair in hairs:
        if rng.random() > SLIVER_SHARE or style.rough_um <= 0:
            continue
        end = hair.path_um[-1] - hair.path_um[-2]
        angle = np.arctan2(end[1], end[0]) + rng.normal(0, 0.45)
        start = hair.path_um[-2] + rng.normal(0, 0.25, 2) * hair.width_um[-1]
        way = np.array([np.cos(angle), np.sin(angle)]) * rng.uniform(80, 320)
        end_colour = hair.colour if hair.tip_colour is None else hair.tip_colour
        path = start + np.linspace(0, 1, 5)[:, None] * way
        piece = _piece(path, 0.4 * float(hair.width_um[-1]), end_colour, rng)
        pieces.append(replace(piece, hair_id=len(hairs) + len(pieces)))
    return pieces


def _scatter_debris(style: Style, half: Floats, first_id: int, rng: np.random.Generator) -> list[TrueHair]:
    """Broken pieces of hair that lie about in any direction."""
    area_cm2 = 4 * half[0] * half[1] * 1e-8
    n = int(rng.poisson(style.debris_per_cm2 * area_cm2))
    roots = rng.uniform(-1, 1, (n, 2)) * half
    long = rng.random(n) < 0.35
    lengths = np.where(long, rng.gamma(2.0, 130, n) + 80, rng.gamma(2.0, 25, n) + 40)
    paths = grow_paths(roots, rng.uniform(0, 2 * np.pi, n), lengths, style.stubble(), rng)
    pieces = []
    for i, path in enumerate(paths):
        colour = style.hair_colour * np.exp(rng.normal(0.1, 0.3)) + 0.02 * rng.random(3)
        pieces.append(replace(_piece(path, float(rng.uniform(18, 80)), colour, rng), hair_id=first_id + i))
    return pieces


def _piece(path: Floats, width: float, colour: Floats, rng: np.random.Generator) -> TrueHair:
    """Return a piece of hair without a number."""
    return TrueHair(
        hair_id=-1,
        unit_id=-1,
        path_um=path,
        width_um=shaft_widths(len(path), width, False, rng),
        colour=np.clip(colour, 0.004, 0.9),
        kind="debris",
        opacity=float(rng.uniform(0.85, 1.0)),
        gloss=0.0,
        halo_um=0.0,
        bevel=float(rng.normal(0, 0.5)),
        rough_um=float(rng.uniform(2, 9)),
        anagen=False,
        growth_um_per_day=0.0,
        seed=int(rng.integers(LARGEST_SEED)),
    )
