"""Where shafts come out of the skin: the fan of the shaft under the skin, folds of skin round it.

Kept stencils are laid at each root. Their frame: u backwards from the root, v across.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from trichoscan.phantom.camera import Camera
from trichoscan.phantom.chance import own_chance
from trichoscan.phantom.marks import to_canvas
from trichoscan.phantom.scalp import TrueHair

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

SHOWS_FROM_UM = 20.0
"""Shafts that lie under the skin over a shorter way show no fan."""

FOLDS_FROM_UM = 60.0
"""Shafts that lie under the skin over a shorter way lift no folds."""

FOLDED_SHARE = 0.8
"""How many of the others do, by eye beside real photos."""

NEAR_TINT = np.array([1.05, 0.92, 0.76], np.float32)
"""Relative darkening by a shaft just under the skin."""

DEEP_TINT = np.array([0.95, 0.66, 0.32], np.float32)
"""The same deeper down: blue light is scattered back before it gets there."""

NEAR_STRENGTH, DEEP_STRENGTH = 1.3, 1.1
"""Logarithm of the darkening by a thick black shaft, as on the mean of aligned real roots; see `halo`."""

STENCILS = 24
"""Kept fans and kept folds; each hair takes one of either, at a size and strength of its own."""

FAN_U, FAN_V, FAN_CELLS = (-0.4, 1.8), (-5.0, 5.0), (88, 80)
"""Extent of a fan's stencil along in lengths under the skin, across in shaft widths; its cells."""

FOLD_U, FOLD_V, FOLD_CELLS = (-2.0, 5.0), (-3.5, 3.5), (112, 112)
"""Extent of the folds' stencil, both ways in shaft widths; its cells."""

WIDTH_LIMITS_UM = (25.0, 110.0)
"""Fans and folds grow with their shaft within these widths."""


def streaks(hairs: Sequence[TrueHair], camera: Camera, size: tuple[int, int]) -> tuple[Singles, Singles]:
    """Darkening by the shafts under the skin, in line with each: wider and paler further back.

    Returns
    -------
    (H, W) float32, (H, W) float32
        Of shafts just under the skin and deeper down, on a canvas of the given size.
    """
    canvas: Singles = np.zeros((size[1], size[0], 2), np.float32)
    shown = [h for h in hairs if h.halo_um > SHOWS_FROM_UM]
    if shown:
        seeds = np.array([h.seed for h in shown])
        width = _widths(shown)
        reach = np.array([h.halo_um for h in shown])
        light = np.array([max(0.3, 1 - 2.5 * float(h.colour.mean())) for h in shown])
        strong = light * np.minimum(1.0, 0.35 + width / 110) * (0.45 + 0.75 * own_chance(seeds, 0))
        spread = width * (0.8 + 0.6 * own_chance(seeds, 1))
        maps = _to_canvas(shown, reach, spread, (FAN_U, FAN_V, FAN_CELLS), camera, size)
        which = (own_chance(seeds, 2) * STENCILS).astype(int)
        for kind, map_, strength in zip(which, maps, strong, strict=True):
            _lay(canvas, fan_stencil(int(kind)), map_, float(strength))
    near, deep = cv2.split(canvas)
    return near * np.float32(NEAR_STRENGTH), deep * np.float32(DEEP_STRENGTH)


def folds(hairs: Sequence[TrueHair], camera: Camera, size: tuple[int, int]) -> Singles:
    """(H, W) light and dark of the folds of skin that shafts lift where they come out, about -1 to 1."""
    canvas: Singles = np.zeros((size[1], size[0]), np.float32)
    folded = [h for h in hairs if h.halo_um > FOLDS_FROM_UM]
    if not folded:
        return canvas
    seeds = np.array([h.seed for h in folded])
    strong = np.clip(own_chance(seeds, 3) / FOLDED_SHARE, 0, 1)
    strong = np.where(strong < 1, 0.35 + 0.65 * strong, 0.0)
    scale = _widths(folded) * (0.85 + 0.4 * own_chance(seeds, 4))
    maps = _to_canvas(folded, scale, scale, (FOLD_U, FOLD_V, FOLD_CELLS), camera, size)
    which = (own_chance(seeds, 5) * STENCILS).astype(int)
    for kind, map_, strength in zip(which, maps, strong, strict=True):
        if strength > 0:
            _lay(canvas, fold_stencil(int(kind)), map_, float(strength))
    return canvas


def _widths(hairs: Sequence[TrueHair]) -> Floats:
    return np.clip(np.array([h.width_um[0] for h in hairs]), *WIDTH_LIMITS_UM)


def _to_canvas(
    hairs: Sequence[TrueHair],
    u_um: Floats,
    v_um: Floats,
    frame: tuple[tuple[float, float], tuple[float, float], tuple[int, int]],
    camera: Camera,
    size: tuple[int, int],
) -> Floats:
    """(K, 2, 3) maps from a stencil's cells (u, v) to px of the canvas."""
    (low_u, high_u), (low_v, high_v), (cells_u, cells_v) = frame
    roots = np.array([h.path_um[0] for h in hairs])
    back = np.array([h.path_um[0] - h.path_um[1] for h in hairs])
    back /= np.maximum(np.hypot(back[:, 0], back[:, 1]), 1e-9)[:, None]
    across = np.column_stack([-back[:, 1], back[:, 0]])
    origin, tip, side = np.split(
        to_canvas(np.concatenate([roots, roots + back, roots + across]), camera, size), 3
    )
    along = (tip - origin) * u_um[:, None]
    aside = (side - origin) * v_um[:, None]
    step_u, step_v = (high_u - low_u) / (cells_u - 1), (high_v - low_v) / (cells_v - 1)
    return np.stack([along * step_u, aside * step_v, origin + along * low_u + aside * low_v], axis=2)


def _lay(canvas: Singles, stencil: Singles, map_: Floats, strength: float) -> None:
    """Add a stencil to the canvas, in place; what lies there already leaves less to add to."""
    cells_v, cells_u = stencil.shape[:2]
    corners = np.array([[0, 0, 1], [cells_u, 0, 1], [0, cells_v, 1], [cells_u, cells_v, 1]]) @ map_.T
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, canvas.shape[1::-1])
    if np.any(low >= high):
        return
    part = canvas[low[1] : high[1], low[0] : high[0]]
    shifted = map_ - np.array([[0, 0, low[0]], [0, 0, low[1]]])
    laid = cv2.warpAffine(stencil, shifted, (int(high[0] - low[0]), int(high[1] - low[1])))
    laid *= np.float32(strength)
    part += laid * (1 - np.minimum(np.abs(part), np.float32(1)))


@lru_cache(maxsize=STENCILS)
def fan_stencil(kind: int) -> Singles:
    """(V, U, 2) darkening by a shaft just under the skin and deeper down, 0-1: a fan of rays and bands."""
    rng = np.random.default_rng([kind, 11])
    u, v = np.meshgrid(np.linspace(*FAN_U, FAN_CELLS[0]), np.linspace(*FAN_V, FAN_CELLS[1]))
    v = v - rng.normal(0, 0.35) * np.maximum(u, 0) ** 2
    ahead = np.maximum(u, 0)
    bands, rays = _noise(rng, 3.0, 9.0), _noise(rng, 14.0, 2.2)
    blotches = _noise(rng, 5.0, 5.0)
    half = 0.5 + rng.uniform(0.2, 0.7) * ahead
    near = np.exp(-((np.abs(v) / half) ** 3)) * _rise(u, -0.1, 0.04)
    near *= np.exp(-((ahead / rng.uniform(0.3, 0.75)) ** 1.5)) * np.clip(0.85 + 0.3 * bands, 0.1, 1.4)
    half = rng.uniform(0.8, 1.2) + rng.uniform(1.0, 2.3) * ahead**0.8
    fan = np.exp(-((np.abs(v) / half) ** 2)) * _rise(u, -0.22, 0.2)
    fan *= np.exp(-((np.maximum(ahead - 0.1, 0) / rng.uniform(0.55, 0.85)) ** 2))
    fan *= np.clip(0.85 + 0.22 * rays + 0.16 * bands + 0.16 * blotches, 0.1, 1.6)
    return np.stack([_centred(near), _centred(fan)], axis=-1).astype(np.float32)


@lru_cache(maxsize=STENCILS)
def fold_stencil(kind: int) -> Singles:
    """(V, U) folds: curved ones across the hidden shaft, at times long ones beside it; crest over trough."""
    rng = np.random.default_rng([kind, 12])
    u, v = np.meshgrid(np.linspace(*FOLD_U, FOLD_CELLS[0]), np.linspace(*FOLD_V, FOLD_CELLS[1]))
    broken = np.clip(0.55 + 0.45 * _noise(rng, 6.0, 6.0, FOLD_CELLS), 0, 1.2)
    relief = np.zeros_like(u)
    for place in 0.1 + np.cumsum(rng.gamma(3.0, 0.16, int(rng.integers(2, 6)))):
        bow = place + rng.uniform(0.05, 0.35) * v**2 + rng.normal(0, 0.12) * v
        wide = rng.uniform(0.5, 1.4)
        relief += (
            _crest(u - bow, rng.uniform(0.07, 0.16)) * np.exp(-(((v / wide) ** 2) ** 2)) * rng.uniform(0.4, 1)
        )
    for side in rng.choice([-1, 1], int(rng.integers(0, 3))):
        bow = side * (rng.uniform(0.8, 1.5) - rng.uniform(0.02, 0.1) * (u - rng.uniform(0, 1.5)) ** 2)
        long = np.exp(-(((u - 0.5) / rng.uniform(1.0, 2.0)) ** 4))
        relief += _crest(v - bow, rng.uniform(0.06, 0.13)) * long * rng.uniform(0.3, 0.7)
    return np.asarray(np.clip(relief * broken, -1, 1), dtype=np.float32)


def _crest(away: Floats, thick: float) -> Floats:
    """Light of a fold: bright on one side, dark on the other."""
    return np.asarray(np.exp(-((away / thick) ** 2)) - 0.8 * np.exp(-((away / thick - 1.8) ** 2)))


def _rise(u: Floats, low: float, high: float) -> Floats:
    share = np.clip((u - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share))


def _noise(
    rng: np.random.Generator, along: float, across: float, cells: tuple[int, int] = FAN_CELLS
) -> Floats:
    """(V, U) smooth noise of unit SD."""
    noise = gaussian_filter(rng.normal(size=cells[::-1]), (across / 2, along / 2))
    return np.asarray(noise / noise.std())


def _centred(stencil: Floats) -> Floats:
    """Moved across so that its mass lies on its axis."""
    rows = np.arange(len(stencil)) - (len(stencil) - 1) / 2
    off = float((stencil.sum(axis=1) * rows).sum() / stencil.sum())
    map_ = np.array([[1.0, 0, 0], [0, 1, -off]])
    return np.asarray(cv2.warpAffine(stencil, map_, stencil.shape[::-1]))
