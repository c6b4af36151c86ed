"""The skin of a phantom, in micrometres: colour, relief, lines, pores, vessels, spots, scales.

Colours are linear light, 0-1, RGB. P: points of a line or an outline, or dots.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, rfft2
from scipy.ndimage import zoom

from trichoscan.phantom.style import Style

Floats = NDArray[np.float64]

RELIEF_CELL_UM = 8.0
"""Side of a cell of the skin's texture: the tile of 512 repeats every 4.1 mm."""


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
    ink: bool
    extent_um: float


def grow_skin(style: Style, extent: float, rng: np.random.Generator) -> Skin:
    """Grow skin over a square of side `extent` um."""
    slow = rng.normal(0, 1.0, (20, 20, 1)) * np.array([0.03, 0.035, 0.04])
    hue = rng.normal(0, 1.0, (20, 20, 1)) * np.array([0.01, -0.02, -0.01])
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
        texture=_texture(rng),
        roughness=float(rng.uniform(0.5, 1.0) * style.roughness),
        furrow_depth=style.furrow_depth,
        pore_depth=float(rng.uniform(-0.1, 0.35)),
        vessel_depth=float(rng.uniform(0.05, 0.3)),
        spot_depth=float(rng.uniform(0.1, 0.4)),
        shadow=style.shadow,
        ink=bool(rng.random() < style.ink_chance),
        extent_um=extent,
    )


def _texture(rng: np.random.Generator) -> NDArray[np.float32]:
    """Periodic relief of fibres in two directions, and furrows that cross as skin lines do."""
    n = 512
    f_y = np.fft.fftfreq(n).astype(np.float32)[:, None]
    f_x = np.fft.rfftfreq(n).astype(np.float32)[None]
    f = np.maximum(np.hypot(f_x, f_y), np.float32(1e-6))
    log_f = np.log(f)
    first = rng.uniform(0, np.pi)
    second = first + rng.uniform(0.8, 1.6)
    turns = [(np.float32(np.cos(a)), np.float32(np.sin(a))) for a in (first, second)]
    lobes = [np.exp(-(((f_y * c - f_x * s) / f) ** 2) / np.float32(0.12)) for c, s in turns]
    noise = [rfft2(rng.standard_normal((n, n), dtype=np.float32)) for _ in range(3)]
    band = _band(log_f, rng.uniform(22, 60), 0.7)
    relief = _unit(irfft2(noise[0] * (band * (np.float32(0.3) + lobes[0] + lobes[1]))))
    pitch = _band(log_f, rng.uniform(180, 420), 0.35)
    furrows = np.zeros((n, n), np.float32)
    for spectrum, lobe in zip(noise[1:], lobes, strict=True):
        wave = _unit(irfft2(spectrum * (pitch * lobe)))
        furrows = np.maximum(furrows, np.exp(-((wave / np.float32(0.16)) ** 2)))
    return np.stack([relief, furrows], axis=-1).astype(np.float32)


def _band(log_f: NDArray[np.float32], wave_um: float, octaves: float) -> NDArray[np.float32]:
    """Share of each frequency that passes round a wavelength."""
    away = (log_f + np.float32(np.log(wave_um / RELIEF_CELL_UM))) / np.float32(octaves)
    return np.asarray(np.exp(-(away**2)), dtype=np.float32)


def _unit(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(values / values.std(), dtype=np.float32)


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
    vessels = []
    for _ in range(n):
        angle = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.25, 24))
        step = rng.uniform(25, 70)
        path = np.cumsum(np.column_stack([np.cos(angle), np.sin(angle)]) * step, axis=0)
        vessels.append(path + rng.uniform(-0.5, 0.5, 2) * extent)
    return tuple(vessels)
