"""The skin of a phantom, in micrometres: colour, relief, lines, pores, vessels, spots, scales.

Colours are linear light, 0-1, RGB. P: points of a line or an outline, or dots.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom

from trichoscan.phantom.relief import RELIEFS
from trichoscan.phantom.style import Style
from trichoscan.phantom.vessels import grow_vessels

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

FAR_SHADOW_CHANCE = 0.06
"""How often a hair far above the skin throws a blurred shadow into the photo."""

TATTOO_CHANCE = 0.04
"""How often the target area carries the dot of a tattoo that marks it for later visits."""

BULGE_UM, BULGE_SLOPE = 420.0, 0.1
"""Cell and slope of the skin's undulations: they gather the lamps' glare into islands; by eye."""

PEN_CHANCE = 0.03
"""How often the target area is circled with a skin pen."""


@dataclass(frozen=True, eq=False)
class Skin:
    """Skin without hair.

    Attributes
    ----------
    colour : (3,) float64
        Mean, linear light.
    patches : (48, 48, 3) float32
        Logarithm of slow colour changes, over `extent_um` squared.
    vessels_um : tuple of V (P, 2) float64
        Small blood vessels.
    vessel_width_um : (V,) float64
    pores_um, spots_um : (P, 2) float64
    scales_um : tuple of (P, 2) float64
        Outlines of loose white scales.
    spot_radius_um : float
    moles_um, sun_spots_um : (P, 3) float64
        x, y and radius of raised brown spots and of flat ones.
    tattoo_um : (P, 2) float64
        Tattooed dots.
    pen_um : tuple of (P, 2) float64
        Lines drawn with a skin pen.
    bulges : (B, B, 2) float32
        Slope of the skin's undulations over `extent_um` squared, in cells of about `BULGE_UM`.
    relief : int
        Which of the kept reliefs; see `relief.relief`.
    relief_turn_rad, relief_shift_um : float, (2,) float64
        How the relief lies on the scalp.
    roughness : float
        Strength of the relief.
    furrow_depth, pore_depth, vessel_depth, spot_depth : float
        Share or logarithm of the darkening.
    shadow : float
        Strength of the hairs' soft shadow, 0-1.
    warmth : float
        Strength of the warm shade beside hairs, 1 as on the mean of the photos behind `halo`.
    far_shadow_um : (2, 2) float64 or None
        Ends of the blurred shadow of a hair far above the skin.
    peripilar : float
        Strength of the brown ring about the roots.
    ink : bool
        Whether a blue marker was used on the skin.
    extent_um : float
        Side of the square that the skin's features fill.
    yellow_dots_um, black_dots_um : (P, 2) float64
        Ostia filled with sebum and keratin; hairs broken at the surface.
    """

    colour: Floats
    patches: NDArray[np.float32]
    vessels_um: tuple[Floats, ...]
    vessel_width_um: Floats
    pores_um: Floats
    spots_um: Floats
    scales_um: tuple[Floats, ...]
    spot_radius_um: float
    moles_um: Floats
    sun_spots_um: Floats
    tattoo_um: Floats
    pen_um: tuple[Floats, ...]
    bulges: NDArray[np.float32]
    relief: int
    relief_turn_rad: float
    relief_shift_um: Floats
    roughness: float
    furrow_depth: float
    pore_depth: float
    vessel_depth: float
    spot_depth: float
    shadow: float
    warmth: float
    far_shadow_um: Floats | None
    peripilar: float
    ink: bool
    extent_um: float
    yellow_dots_um: Floats = field(default_factory=lambda: np.empty((0, 2)))
    black_dots_um: Floats = field(default_factory=lambda: np.empty((0, 2)))


def grow_skin(style: Style, extent: float, rng: np.random.Generator) -> Skin:
    """Grow skin over a square of side `extent` um."""
    area_mm2 = (extent / 1000) ** 2
    vessels, vessel_width = grow_vessels(
        int(rng.poisson(0.4 * style.vessels_per_mm2 * area_mm2)), extent, rng
    )
    return Skin(
        colour=style.skin_colour,
        patches=(_patches(style.redness, rng) * style.patchiness).astype(np.float32),
        vessels_um=vessels,
        vessel_width_um=vessel_width,
        pores_um=rng.uniform(-0.5, 0.5, (rng.poisson(style.pores_per_mm2 * area_mm2), 2)) * extent,
        spots_um=rng.uniform(-0.5, 0.5, (rng.poisson(style.spots_per_mm2 * area_mm2), 2)) * extent,
        scales_um=grow_scales(int(rng.poisson(style.scales_per_mm2 * area_mm2)), extent, rng),
        spot_radius_um=float(rng.uniform(90, 260)),
        moles_um=_round_marks(rng.poisson(0.002 * area_mm2), (150.0, 900.0), extent, rng),
        sun_spots_um=_round_marks(
            rng.poisson(float(rng.choice([0.0, 0.0, 0.03])) * area_mm2), (200.0, 1500.0), extent, rng
        ),
        tattoo_um=rng.normal(0, 900, (int(rng.random() < TATTOO_CHANCE), 2)),
        pen_um=_pen(rng) if rng.random() < PEN_CHANCE else (),
        bulges=_undulations(extent, rng),
        relief=int(rng.integers(RELIEFS)),
        relief_turn_rad=float(rng.uniform(0, 2 * np.pi)),
        relief_shift_um=rng.uniform(0, 5000, 2),
        roughness=float(rng.uniform(0.5, 1.0) * style.roughness),
        furrow_depth=0.6 * style.furrow_depth + float(rng.uniform(0.03, 0.16)),
        pore_depth=float(rng.uniform(-0.1, 0.35)),
        vessel_depth=float(rng.uniform(0.05, 0.3)),
        spot_depth=float(rng.uniform(0.1, 0.4)),
        shadow=style.shadow,
        warmth=style.warmth,
        far_shadow_um=_far_shadow(extent, rng) if rng.random() < FAR_SHADOW_CHANCE else None,
        peripilar=style.peripilar,
        ink=bool(rng.random() < style.ink_chance),
        extent_um=extent,
    )


def _undulations(extent: float, rng: np.random.Generator) -> Singles:
    """(B, B, 2) slopes: broad undulations, and plaques half as broad upon them."""
    n = max(round(extent / BULGE_UM), 8)
    broad = cv2.resize(rng.normal(0, BULGE_SLOPE, (n // 2, n // 2, 2)), (n, n), interpolation=cv2.INTER_CUBIC)
    return np.asarray(broad + rng.normal(0, 0.7 * BULGE_SLOPE, (n, n, 2)), dtype=np.float32)


def _patches(redness: float, rng: np.random.Generator) -> Floats:
    """(48, 48, 3) logarithm of colour: light and dark, flush and pallor, yellow and blue, over all ways."""
    dark = _cloud(rng)[..., None] * np.array([0.04, 0.045, 0.05])
    blood = _cloud(rng)[..., None]
    flush = np.clip(blood + 0.2, 0, 1.6) * redness * np.array([0.1, 1.0, 0.7])
    yellow = _cloud(rng)[..., None] * np.array([-0.01, 0.005, 0.06])
    return np.asarray(dark - blood * np.array([-0.02, 0.03, 0.015]) - flush + yellow)


def _cloud(rng: np.random.Generator) -> Floats:
    """(48, 48) noise over all ways, of about unit SD; each octave weaker than the one above."""
    total = np.zeros((48, 48))
    for cells, strength in ((3, 0.6), (6, 0.55), (12, 0.45), (24, 0.35), (48, 0.3)):
        total += strength * zoom(rng.normal(0, 1, (cells, cells)), 48 / cells, order=2)
    return total


def _round_marks(n: int, radii_um: tuple[float, float], extent: float, rng: np.random.Generator) -> Floats:
    """(n, 3) places and radii, small ones more often."""
    low, high = np.log(radii_um)
    return np.column_stack(
        [rng.uniform(-0.5, 0.5, (n, 2)) * extent, np.exp(low + (high - low) * rng.random(n) ** 1.5)]
    )


def _pen(rng: np.random.Generator) -> tuple[Floats, ...]:
    """A circle drawn by hand about the target area, not quite closed."""
    turn = np.linspace(0, 2 * np.pi * rng.uniform(0.95, 1.1), 60) + rng.uniform(0, 6)
    radius = rng.uniform(1800, 6000) * (
        1 + 0.04 * np.sin(2 * turn + rng.uniform(0, 6)) + np.linspace(0, 0.05, 60)
    )
    return (np.column_stack([np.cos(turn), np.sin(turn)]) * radius[:, None] + rng.normal(0, 700, 2),)


def _far_shadow(extent: float, rng: np.random.Generator) -> Floats:
    angle = rng.uniform(0, np.pi)
    way = np.array([np.cos(angle), np.sin(angle)]) * extent
    return np.asarray(rng.uniform(-0.15, 0.15, 2) * extent + np.array([[-1.0], [1.0]]) * way)


def grow_scales(n: int, extent: float, rng: np.random.Generator) -> tuple[Floats, ...]:
    """Outlines of n loose scales within a square of side `extent` um."""
    return tuple(
        scale_outline(rng.uniform(-0.5, 0.5, 2) * extent, float(rng.gamma(3.0, 12.0)) + 10.0, rng)
        for _ in range(n)
    )


def scale_outline(centre_um: Floats, radius_um: float, rng: np.random.Generator) -> Floats:
    """(28, 2) ragged outline of a scale of skin: torn into lobes, longer one way than the other."""
    n = 28
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False) + rng.normal(0, 0.04, n)
    lobes = 0.45 * np.sin(2 * angle + rng.uniform(0, 6)) + 0.25 * np.sin(3 * angle + rng.uniform(0, 6))
    radius = radius_um * np.exp(rng.normal(0, 0.16, n) + lobes)
    return np.asarray(centre_um + np.column_stack([np.cos(angle), np.sin(angle)]) * radius[:, None])
