"""The skin of a phantom, in micrometres: colour, relief, lines, pores, vessels, spots, scales.

Colours are linear light, 0-1, RGB. P: points of a line or an outline, or dots.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, rfft2
from scipy.ndimage import zoom

from trichoscan.phantom.style import Style

Floats = NDArray[np.float64]

RELIEF_CELL_UM = 8.0
"""Side of a cell of the skin's texture: the tile of 512 repeats every 4.1 mm."""

FAR_SHADOW_CHANCE = 0.06
"""How often a hair far above the skin throws a blurred shadow into the photo."""

TEXTURES = 16
"""Reliefs to choose from: they are costly to make and kept."""


@dataclass(frozen=True, eq=False)
class Skin:
    """Skin without hair.

    Attributes
    ----------
    colour : (3,) float64
        Mean, linear light.
    patches : (20, 20, 3) float32
        Logarithm of slow colour changes, over `extent_um` squared.
    vessels_um : tuple of (P, 2) float64
        Small blood vessels.
    pores_um, spots_um : (P, 2) float64
    scales_um : tuple of (P, 2) float64
        Outlines of loose white scales.
    spot_radius_um : float
    texture : (512, 512, 2) float32
        Relief (zero mean, unit SD) and furrows (0-1), periodic; see `RELIEF_CELL_UM`.
    roughness : float
        Strength of the relief.
    furrow_depth, pore_depth, vessel_depth, spot_depth : float
        Share or logarithm of the darkening.
    shadow : float
        Strength of the hairs' soft shadow, 0-1.
    far_shadow_um : (2, 2) float64 or None
        Ends of the blurred shadow of a hair far above the skin.
    peripilar : float
        Strength of the brown ring about the roots.
    ink : bool
        Whether a blue marker was used on the skin.
    extent_um : float
        Side of the square that the skin's features fill.
    """

    colour: Floats
    patches: NDArray[np.float32]
    vessels_um: tuple[Floats, ...]
    pores_um: Floats
    spots_um: Floats
    scales_um: tuple[Floats, ...]
    spot_radius_um: float
    texture: NDArray[np.float32]
    roughness: float
    furrow_depth: float
    pore_depth: float
    vessel_depth: float
    spot_depth: float
    shadow: float
    far_shadow_um: Floats | None
    peripilar: float
    ink: bool
    extent_um: float


def grow_skin(style: Style, extent: float, rng: np.random.Generator) -> Skin:
    """Grow skin over a square of side `extent` um."""
    slow = rng.normal(0, 1.0, (20, 20, 1)) * np.array([0.03, 0.035, 0.04])
    hue = rng.normal(0, 1.0, (20, 20, 1)) * np.array([0.01, -0.02, -0.01])
    flush = zoom(rng.normal(0, 1.0, (7, 7, 1)), (20 / 7, 20 / 7, 1), order=1) + rng.normal(
        0, 0.4, (20, 20, 1)
    )
    hue = hue - np.maximum(flush, 0) * style.redness * np.array([0.1, 1.0, 0.7])
    wide = rng.normal(0, 0.07, (5, 5, 1)) + rng.normal(0, 0.022, (5, 5, 3))
    broad = zoom(wide, (4, 4, 1), order=1)
    area_mm2 = (extent / 1000) ** 2
    return Skin(
        colour=style.skin_colour,
        patches=((slow + hue + broad) * style.patchiness).astype(np.float32),
        vessels_um=_vessels(int(rng.poisson(style.vessels_per_mm2 * area_mm2)), extent, rng),
        pores_um=rng.uniform(-0.5, 0.5, (rng.poisson(style.pores_per_mm2 * area_mm2), 2)) * extent,
        spots_um=rng.uniform(-0.5, 0.5, (rng.poisson(style.spots_per_mm2 * area_mm2), 2)) * extent,
        scales_um=grow_scales(int(rng.poisson(style.scales_per_mm2 * area_mm2)), extent, rng),
        spot_radius_um=float(rng.uniform(90, 260)),
        texture=np.roll(_texture(int(rng.integers(TEXTURES))), rng.integers(512, size=2), axis=(0, 1)),
        roughness=float(rng.uniform(0.5, 1.0) * style.roughness),
        furrow_depth=style.furrow_depth,
        pore_depth=float(rng.uniform(-0.1, 0.35)),
        vessel_depth=float(rng.uniform(0.05, 0.3)),
        spot_depth=float(rng.uniform(0.1, 0.4)),
        shadow=style.shadow,
        far_shadow_um=_far_shadow(extent, rng) if rng.random() < FAR_SHADOW_CHANCE else None,
        peripilar=style.peripilar,
        ink=bool(rng.random() < style.ink_chance),
        extent_um=extent,
    )


@lru_cache(maxsize=16)
def _texture(variant: int) -> NDArray[np.float32]:
    """Periodic relief of fibres in two directions, and creases; one of `TEXTURES`."""
    rng = np.random.default_rng([variant, 7])
    n = 512
    f_y = np.fft.fftfreq(n).astype(np.float32)[:, None]
    f_x = np.fft.rfftfreq(n).astype(np.float32)[None]
    f = np.maximum(np.hypot(f_x, f_y), np.float32(1e-6))
    log_f = np.log(f)
    first = rng.uniform(0, np.pi)
    second = first + rng.uniform(0.8, 1.6)
    turns = [(np.float32(np.cos(a)), np.float32(np.sin(a))) for a in (first, second)]
    cross = [((f_y * c - f_x * s) / f) ** 2 for c, s in turns]
    noise = [rfft2(rng.standard_normal((n, n), dtype=np.float32)) for _ in range(5)]
    fine = _band(log_f, rng.uniform(18, 40), 0.6) * (0.3 + np.exp(-cross[0] / 0.3) + np.exp(-cross[1] / 0.3))
    coarse = _band(log_f, rng.uniform(70, 160), 0.8)
    relief = _unit(irfft2(noise[0] * fine)) * np.exp(0.45 * _unit(irfft2(noise[3] * coarse)))
    relief = relief + 0.55 * _unit(irfft2(noise[4] * coarse))
    pitch = _band(log_f, rng.uniform(100, 260), 0.5)
    creases = np.zeros((n, n), np.float32)
    for k in range(2):
        wave = _unit(irfft2(noise[1 + k] * (pitch * np.exp(-cross[k] / rng.choice([0.015, 0.06])))))
        creases = np.maximum(creases, np.clip(1 - np.abs(wave) * np.float32(2.2), 0, 1) ** 2)
    creases *= np.clip(_unit(irfft2(noise[3] * _band(log_f, 900, 0.8))) + np.float32(0.4), 0, 1.2)
    return np.stack([_unit(relief.astype(np.float32)), creases], axis=-1).astype(np.float32)


def _band(log_f: NDArray[np.float32], wave_um: float, octaves: float) -> NDArray[np.float32]:
    """Share of each frequency that passes round a wavelength."""
    away = (log_f + np.float32(np.log(wave_um / RELIEF_CELL_UM))) / np.float32(octaves)
    return np.asarray(np.exp(-(away**2)), dtype=np.float32)


def _unit(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(values / values.std(), dtype=np.float32)


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
    """(16, 2) ragged outline of a scale of skin."""
    angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    radius = radius_um * np.exp(rng.normal(0, 0.3, 16) + 0.4 * np.sin(2 * angle + rng.uniform(0, 6)))
    return np.asarray(centre_um + np.column_stack([np.cos(angle), np.sin(angle)]) * radius[:, None])


def _vessels(n: int, extent: float, rng: np.random.Generator) -> tuple[Floats, ...]:
    """Vessels that wander, half of them with a branch."""
    vessels: list[Floats] = []
    for _ in range(n):
        path = _vessel(rng.uniform(-0.5, 0.5, 2) * extent, rng.uniform(0, 2 * np.pi), 24, rng)
        vessels.append(path)
        if rng.random() < 0.5:
            fork = int(rng.integers(4, 18))
            turn = np.arctan2(*(path[fork + 1] - path[fork])[::-1]) + rng.choice([-0.7, 0.7])
            vessels.append(_vessel(path[fork], turn, 12, rng))
    return tuple(vessels)


def _vessel(start: Floats, turn: float, n: int, rng: np.random.Generator) -> Floats:
    angle = turn + np.cumsum(rng.normal(0, 0.3, n))
    step = rng.uniform(20, 60)
    return np.asarray(start + np.cumsum(np.column_stack([np.cos(angle), np.sin(angle)]) * step, axis=0))
