"""The fine relief of skin: furrows that cross, plateaus between them, fibres; kept tiles that repeat."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, rfft2
from scipy.ndimage import gaussian_filter

Singles = NDArray[np.float32]

RELIEF_CELL_UM = 6.0
"""Side of a cell of the relief, finer than a px of most photos."""

RELIEF_CELLS = 768
"""Side of the tile: it repeats every 4.6 mm."""

BEND_UM = 45.0
"""SD of the way by which furrows and fibres leave a straight line."""

FINE_CELL_UM, FINE_CELLS = 1.6, 640
"""Side of a cell of the finer slopes, for photos sharper than the relief; the tile's cells."""

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
    threads = _furrows(noise, (*ways, first + 2.7), float(rng.uniform(180, 340)), 11.0, 0.1)
    threads *= np.clip(noise.wave(240, 0.8) * 0.7 + 0.3, 0, 1.2)
    furrow = _bent(np.maximum(furrow, 0.8 * threads), noise)
    # Fibres of each direction lie in tufts of their own.
    fibres = noise.wave(float(rng.uniform(40, 70)), 1.0, ways[0], 0.25) * np.exp(0.7 * noise.wave(330, 0.7))
    fibres += noise.wave(float(rng.uniform(35, 60)), 1.0, ways[2], 0.3) * np.exp(0.7 * noise.wave(260, 0.7))
    fibres = _bent(unit(fibres * coarse), noise)
    grain = noise.wave(float(rng.uniform(19, 27)), 0.5) * np.exp(0.9 * noise.wave(120, 0.8))
    grain = unit(grain)
    lumps = noise.wave(float(rng.uniform(90, 150)), 0.7)
    # In um, each layer by what it adds to the slopes: short waves are steep even where they are low.
    fine = 1.5 * grain * np.clip(coarse, 0.3, 2.0) + 1.0 * fibres + 1.7 * lumps
    height = fine - 9.0 * _soften(furrow, 1.2)
    height += 8.0 * _soften(furrow, 6.0)
    slope_x = np.roll(height, -1, axis=1) - np.roll(height, 1, axis=1)
    slope_y = np.roll(height, -1, axis=0) - np.roll(height, 1, axis=0)
    steep = np.sqrt(slope_x.var() + slope_y.var())
    # Bright fibres stand out of smooth skin: fine light is skewed, broad light and dark is not.
    bright = unit(np.exp(np.float32(0.9) * np.clip(unit(fibres + 0.5 * grain), -3, 3)))
    tone = (
        0.7 * (bright - bright.mean())
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


def _bent(values: Singles, noise: _Noise) -> Singles:
    """Moved aside by up to some `BEND_UM`, so that no line runs straight; still periodic."""
    y, x = np.indices(values.shape, dtype=np.float32)
    aside = [noise.wave(650, 0.7) * np.float32(BEND_UM / RELIEF_CELL_UM) for _ in range(2)]
    return np.asarray(
        cv2.remap(values, x + aside[0], y + aside[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP),
        np.float32,
    )


@lru_cache(maxsize=1)
def fine_slopes() -> Singles:
    """Periodic slopes finer than a cell of the relief, of unit SD together.

    Returns
    -------
    (F, F, 2) float32
        F: `FINE_CELLS`, of side `FINE_CELL_UM`.
    """
    rng = np.random.default_rng(17)
    height = gaussian_filter(rng.normal(size=(FINE_CELLS, FINE_CELLS)), 0.9, mode="wrap")
    height += 2.0 * gaussian_filter(rng.normal(size=(FINE_CELLS, FINE_CELLS)), 1.8, mode="wrap")
    slopes = np.stack([np.roll(height, -1, axis) - np.roll(height, 1, axis) for axis in (1, 0)], axis=-1)
    return np.asarray(slopes / np.sqrt(2 * slopes.var()), dtype=np.float32)


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
