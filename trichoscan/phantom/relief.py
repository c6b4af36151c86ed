"""The fine relief of skin: furrows that cross, plateaus between them, fibres; kept tiles that repeat."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, rfft2
from scipy.ndimage import gaussian_filter

Singles = NDArray[np.float32]

RELIEF_CELL_UM = 6.0
"""Side of a cell of the relief, finer than a px of most photos."""

RELIEF_CELLS = 768
"""Side of the tile: it repeats every 4.6 mm."""

RELIEFS = 12
"""Reliefs to choose from: they are costly to make and kept; each skin shifts and turns its own."""

TONE, FURROW, SLOPE_X, SLOPE_Y = range(4)
"""Channels of a relief: light and dark (zero mean, unit SD), furrows (0-1), slopes (unit SD together)."""


@lru_cache(maxsize=RELIEFS)
def relief(variant: int) -> Singles:
    """Periodic relief of skin, one of `RELIEFS`.

    Returns
    -------
    (S, S, 4) float32
        See `TONE`; S: `RELIEF_CELLS`.
    """
    rng = np.random.default_rng([variant, 7])
    noise = _Noise(rng)
    first = float(rng.uniform(0, np.pi))
    ways = (first, first + float(rng.uniform(0.7, 1.2)), first + float(rng.uniform(1.6, 2.3)))
    coarse = np.exp(0.5 * noise.wave(700, 0.8))
    main = _furrows(noise, ways[:2], float(rng.uniform(320, 620)), 34.0, 0.07)
    side = _furrows(noise, ways, float(rng.uniform(150, 300)), 19.0, float(rng.choice([0.06, 0.15])))
    furrow = np.maximum(main * float(rng.uniform(0.4, 1.0)), 0.7 * side)
    furrow *= np.clip(noise.wave(900, 0.8) * 0.5 + 0.75, 0.1, 1.2)
    fibres = noise.wave(float(rng.uniform(40, 70)), 1.0, ways[0], 0.12) * coarse
    fibres += 0.7 * noise.wave(float(rng.uniform(35, 60)), 1.0, ways[2], 0.2)
    grain = noise.wave(float(rng.uniform(19, 27)), 0.5)
    lumps = noise.wave(float(rng.uniform(90, 150)), 0.7)
    # In um, each layer by what it adds to the slopes: short waves are steep even where they are low.
    fine = 1.3 * grain * np.clip(coarse, 0.3, 2.0) + 1.0 * fibres + 1.7 * lumps
    height = fine - 9.0 * _soften(furrow, 1.2)
    height += 8.0 * _soften(furrow, 6.0)
    slope_x = np.roll(height, -1, axis=1) - np.roll(height, 1, axis=1)
    slope_y = np.roll(height, -1, axis=0) - np.roll(height, 1, axis=0)
    steep = np.sqrt(slope_x.var() + slope_y.var())
    # Bright fibres stand out of smooth skin: fine light is skewed, broad light and dark is not.
    bright = unit(np.exp(np.float32(0.7) * unit(unit(fibres) + 0.5 * grain)))
    tone = (
        0.5 * (bright - bright.mean())
        + 0.25 * lumps
        + 0.45 * noise.wave(200, 0.8)
        + 0.6 * noise.wave(480, 0.8)
    )
    tone = unit(tone - tone.mean())
    return np.stack([tone, furrow, slope_x / steep, slope_y / steep], axis=-1).astype(np.float32)


class _Noise:
    """Periodic noise of a chosen wavelength and direction."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        n = RELIEF_CELLS
        self.f_y = np.fft.fftfreq(n).astype(np.float32)[:, None]
        self.f_x = np.fft.rfftfreq(n).astype(np.float32)[None]
        self.f = np.maximum(np.hypot(self.f_x, self.f_y), np.float32(1e-6))
        self.log_f = np.log(self.f)

    def wave(
        self, wave_um: float, octaves: float, along_rad: float | None = None, narrow: float = 1.0
    ) -> Singles:
        """Noise of unit SD; with lines `along_rad` the straighter the smaller `narrow` is."""
        away = (self.log_f + np.float32(np.log(wave_um / RELIEF_CELL_UM))) / np.float32(octaves)
        share = np.exp(-(away**2))
        if along_rad is not None:
            c, s = np.float32(np.cos(along_rad)), np.float32(np.sin(along_rad))
            share = share * np.exp(-(((self.f_x * c + self.f_y * s) / self.f) ** 2) / np.float32(narrow))
        white = self.rng.standard_normal((RELIEF_CELLS, RELIEF_CELLS), dtype=np.float32)
        return unit(np.asarray(irfft2(rfft2(white) * share), dtype=np.float32))


def _soften(values: Singles, sd_cells: float) -> Singles:
    return np.asarray(gaussian_filter(values, sd_cells, mode="wrap"), dtype=np.float32)


def unit(values: Singles) -> Singles:
    """Scale to unit SD."""
    return np.asarray(values / values.std(), dtype=np.float32)


def _furrows(
    noise: _Noise, ways_rad: tuple[float, ...], pitch_um: float, width_um: float, narrow: float
) -> Singles:
    """(S, S) furrows, 0-1, along some directions: where waves of that direction change their sign."""
    furrow: Singles = np.zeros((RELIEF_CELLS, RELIEF_CELLS), np.float32)
    for way in ways_rad:
        wave = noise.wave(pitch_um, 0.45, way, narrow)
        # The slope of a wave of unit SD where it crosses zero is about 2 pi / pitch.
        away_um = np.abs(wave) * np.float32(pitch_um / (2 * np.pi))
        deep = np.clip(noise.wave(3 * pitch_um, 0.7, way, 4 * narrow) * 0.35 + 0.7, 0.25, 1)
        furrow = np.maximum(furrow, deep * np.exp(-(np.abs(away_um / np.float32(width_um / 1.7)) ** 1.4)))
    return furrow
