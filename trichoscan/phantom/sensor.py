"""The sensor of a phantom's microscope: one colour a pixel, shot noise, demosaicing."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]

NOISE_SIDE_PX = 1024
"""Side of the kept tile of noise of which each photo's is cut, turned and shifted: anew it costs too much."""

SENSOR_STEPS = 16383
"""Linear light 0-1 as the sensor counts it: 14 bits, four times finer than a grey level in the dark."""

SHOT_SHARE = 0.985
"""Share of the noise's variance at `GREY` that grows with the light (photons); the rest is read-out noise."""

GREY = 0.3
"""Linear light at which the noise is told: skin under automatic exposure."""

GREY_LEVELS = 228.0
"""Grey levels of sRGB per unit of linear light at `GREY` (the slope of IEC 61966-2-1)."""

RAW_GAIN = np.array([1.8, 1.0, 1.6], np.float32)
"""White balance of a silicon sensor under white diodes: red and blue are weaker, and noisier."""

DEMOSAICING = {
    "bilinear": (cv2.COLOR_BayerRGGB2RGB, cv2.COLOR_BayerGRBG2RGB),
    "edges": (cv2.COLOR_BayerRGGB2RGB_EA, cv2.COLOR_BayerGRBG2RGB_EA),
}
"""Interpolations of the mosaic, for red at the first and at the second pixel."""


BAYER = (((0, 1), (1, 2)), ((1, 0), (2, 1)))
"""Channel of each pixel of the mosaic's cell, red first or green first."""


def sense(scene: Singles, noise: float, demosaicing: str, shifted: bool, rng: np.random.Generator) -> Singles:
    """Let a colour sensor see the scene.

    Parameters
    ----------
    scene : (H, W, 3) float32
        Linear light, 0-1; brighter is burnt out.
    noise : float
        SD in grey levels of the sRGB photo at `GREY` before interpolation, of green.
    demosaicing : str
        A key of `DEMOSAICING`, or "none" for three sensors.
    shifted : bool
        Whether the mosaic's first pixel is green rather than red.
    rng : numpy Generator

    Returns
    -------
    (H, W, 3) float32
        Linear light.
    """
    height, width = scene.shape[:2]
    if demosaicing == "none":
        grain = cut_noise(3, width, height, rng)
        scene += grain * _noise_sd(scene, noise)
        return scene
    # The mosaic keeps one colour of each pixel: two of three values need not be made noisy.
    raw = np.empty((height, width), np.float32)
    for row in (0, 1):
        for column in (0, 1):
            channel = BAYER[int(shifted)][row][column]
            raw[row::2, column::2] = scene[row::2, column::2, channel]
    return _interpolate(raw, noise, demosaicing, shifted, rng)


def _interpolate(
    raw: Singles, noise: float, demosaicing: str, shifted: bool, rng: np.random.Generator
) -> Singles:
    height, width = raw.shape
    cell = np.sqrt(RAW_GAIN)[np.array(BAYER[int(shifted)])]
    sd = _noise_sd(raw, noise) * np.tile(cell, (height // 2 + 1, width // 2 + 1))[:height, :width]
    raw += cut_noise(1, width, height, rng)[..., 0] * sd
    counts = np.clip(raw * np.float32(SENSOR_STEPS) + np.float32(0.5), 0, SENSOR_STEPS).astype(np.uint16)
    rgb = cv2.cvtColor(counts, DEMOSAICING[demosaicing][int(shifted)])
    return np.asarray(rgb * np.float32(1 / SENSOR_STEPS), dtype=np.float32)


def _noise_sd(light: Singles, noise: float) -> Singles:
    """SD of linear light that `noise` grey levels at `GREY` amount to at each place."""
    at_grey = np.float32(noise / GREY_LEVELS)
    return at_grey * np.sqrt(
        np.maximum(light, 0) * np.float32(SHOT_SHARE / GREY) + np.float32(1 - SHOT_SHARE)
    )


@lru_cache(maxsize=2)
def kept_noise(channels: int) -> Singles:
    """(S, S, channels) normal noise of zero mean and unit SD; S: `NOISE_SIDE_PX`."""
    rng = np.random.default_rng(channels)
    return rng.standard_normal((NOISE_SIDE_PX, NOISE_SIDE_PX, channels), dtype=np.float32)


def cut_noise(channels: int, width_px: int, height_px: int, rng: np.random.Generator) -> Singles:
    """(H, W, channels) part of the kept noise, turned over and shifted; it repeats in large photos."""
    tile = kept_noise(channels)[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
    y, x = (int(v) for v in rng.integers(NOISE_SIDE_PX, size=2))
    y, x = min(y, max(NOISE_SIDE_PX - height_px, 0)), min(x, max(NOISE_SIDE_PX - width_px, 0))
    part = np.ascontiguousarray(tile[y : y + height_px, x : x + width_px])
    below, right = height_px - part.shape[0], width_px - part.shape[1]
    if below or right:
        part = cv2.copyMakeBorder(part, 0, below, 0, right, cv2.BORDER_WRAP)
    return np.asarray(part.reshape(height_px, width_px, channels), dtype=np.float32)
