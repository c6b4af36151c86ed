"""Light on the relief of skin: diffuse shading, glints and haze of a ring of lamps.

A facet of the skin's surface throws the lamps into the lens where its slope is that of the half angle
between lens and lamps. The slope is the sum of the fine relief, of the skin that bulges into the field and of
the skin that emerging shafts lift: so glints lie along fibres, near roots and on one side of the photo.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from trichoscan.phantom.camera import Camera
from trichoscan.phantom.layout import rotation
from trichoscan.phantom.relief import (
    FINE_CELL_UM,
    RELIEF_CELL_UM,
    RELIEF_CELLS,
    SLOPE_X,
    fine_slopes,
    relief,
)
from trichoscan.phantom.skin import Skin
from trichoscan.phantom.warp import sample_skin

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

FACET_SLOPE = 0.185
"""SD of the slopes of the fine relief at roughness 1, tangent; our choice."""

HAZE_SPREAD = 0.26
"""Range of slopes in which the roughness below a px throws the lamps' light back."""

REPEATS_SEEN_UM = 7200.0
"""Photos that show more of the skin than this mingle two parts of the relief, which repeats every 4.6 mm."""

ELSEWHERE = rotation(2.2)
"""How the other part lies."""

MINGLING_CELLS = 47.0
"""Cells of the relief to one of the mingling's shares: the parts change every mm or so."""

FINER_BELOW_UM_PER_PX = 4.0
"""Photos sharper than this see slopes finer than the relief's cells."""

FINE_SLOPE = 1.1
"""SD of the finer slopes beside those of the relief, 1 um per px below that scale."""

LIFT = 0.13
"""How steep emerging shafts lift the skin, for a streak from nought to full within `LIFT_CELL_UM`."""

LIFT_CELL_UM = 11.0


def sample_relief(skin: Skin, camera: Camera, size: tuple[int, int]) -> Singles:
    """(H, W, 4) relief of the skin on the photo; the channels of `relief.relief`."""
    tile = relief(skin.relief)
    cell_px = RELIEF_CELL_UM / camera.um_per_px
    if cell_px < 0.8:
        tile = cv2.GaussianBlur(tile, (0, 0), 0.45 / cell_px)
    turn, photo = rotation(skin.relief_turn_rad), (camera.width_px, camera.height_px)

    def laid(px: Floats) -> Floats:
        return np.asarray((camera.to_um(px) @ turn.T + skin.relief_shift_um) / RELIEF_CELL_UM)

    field = sample_skin(tile, laid, photo, size, cv2.BORDER_WRAP)
    if max(photo) * camera.um_per_px > REPEATS_SEEN_UM:
        elsewhere = sample_skin(
            tile, lambda px: laid(px) @ ELSEWHERE.T + RELIEF_CELLS / 2, photo, size, cv2.BORDER_WRAP
        )
        share = sample_skin(_mingling(), lambda px: laid(px) / MINGLING_CELLS, photo, size, cv2.BORDER_WRAP)
        elsewhere[..., SLOPE_X:] = elsewhere[..., SLOPE_X:] @ ELSEWHERE.astype(np.float32)
        field = np.asarray(cv2.blendLinear(field, elsewhere, share, np.sqrt(1 - share * share)), np.float32)
    if camera.um_per_px < FINER_BELOW_UM_PER_PX:
        fine = sample_skin(
            fine_slopes(),
            lambda px: laid(px) * (RELIEF_CELL_UM / FINE_CELL_UM),
            photo,
            size,
            cv2.BORDER_WRAP,
        )
        strength = FINE_SLOPE * min(FINER_BELOW_UM_PER_PX - camera.um_per_px, 1.0)
        field[..., SLOPE_X:] += fine * np.float32(strength)
    return field


@lru_cache(maxsize=1)
def _mingling() -> Singles:
    """(64, 64) periodic shares, 0-1, of the relief as it lies and as it lies elsewhere."""
    noise = gaussian_filter(np.random.default_rng(23).normal(size=(64, 64)), 2.0, mode="wrap")
    return np.asarray(np.clip(0.5 + 1.5 * noise / noise.std(), 0, 1), dtype=np.float32)


def tilt_of_skin(bulges: Singles, lifted: Singles, camera: Camera, skin: Skin) -> Singles:
    """(H, W, 2) slope of the skin without its fine relief, in the frame of the relief's tile.

    Parameters
    ----------
    bulges : (H, W, 2) float32
        Slope of slow undulations, in the scalp's frame.
    lifted : (H, W) float32
        How strongly shafts lie under the skin, 0-1.
    camera : Camera
    skin : Skin
    """
    height, width = lifted.shape
    x = np.linspace(-1, 1, width, dtype=np.float32)[None] * np.float32(camera.curvature)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(camera.curvature * height / width)
    soft = cv2.blur(lifted, (5, 5))
    cell_um = camera.um_per_px * camera.width_px / width
    steep = LIFT * min(LIFT_CELL_UM / cell_um, 1.5)
    slope_x = cv2.Sobel(soft, -1, 1, 0, ksize=3, scale=steep) + x + np.float32(camera.tilt[0])
    slope_y = cv2.Sobel(soft, -1, 0, 1, ksize=3, scale=steep) + y + np.float32(camera.tilt[1])
    to_tile = rotation(skin.relief_turn_rad) @ rotation(-camera.turn_rad)
    photo = cv2.transform(cv2.merge([slope_x, slope_y]), to_tile.astype(np.float32))
    skin_part = cv2.transform(bulges, rotation(skin.relief_turn_rad).astype(np.float32))
    return np.asarray(photo + skin_part, dtype=np.float32)


def shade(field: Singles, tilt: Singles, skin: Skin, camera: Camera) -> tuple[Singles, Singles]:
    """Light and dark of the surface, and the lamps' reflection on it.

    Parameters
    ----------
    field : (H, W, 4) float32
        See `sample_relief`.
    tilt : (h, w, 2) float32
        See `tilt_of_skin`, at reduced size.
    skin : Skin
    camera : Camera

    Returns
    -------
    (H, W, 3) float32
        Factor of the diffuse light.
    (H, W) float32
        Linear light to be added in the lamps' colour.
    """
    size = (field.shape[1], field.shape[0])
    tone, furrow, slope_x, slope_y = cv2.split(field)
    lamp = rotation(skin.relief_turn_rad - camera.turn_rad) @ [
        np.cos(camera.lamp_rad),
        np.sin(camera.lamp_rad),
    ]
    toward = slope_x * np.float32(lamp[0]) + slope_y * np.float32(lamp[1])
    rough = np.float32(skin.roughness)
    grain = tone * (np.float32(0.06) * rough) + toward * (np.float32(0.035) * rough)
    furrow *= np.float32(skin.furrow_depth)
    grain -= furrow
    grain += np.float32(1)
    # Blood shows more in the furrows, and blue light sees but the surface: its contrast is higher.
    grains = cv2.merge([grain + furrow * np.float32(0.4), grain, grain * np.float32(1.25) - np.float32(0.25)])
    if camera.glare <= 0:
        return grains, np.zeros_like(grain)
    steep = np.float32(FACET_SLOPE) * rough
    tilt_x, tilt_y = cv2.split(cv2.resize(tilt, size, interpolation=cv2.INTER_LINEAR))
    slope_x = slope_x * steep + tilt_x
    slope_y = slope_y * steep + tilt_y
    away = (cv2.magnitude(slope_x, slope_y) - np.float32(camera.lamp_slope)) / np.float32(camera.glint_spread)
    gloss = cv2.exp(-away * away)
    small_x, small_y = cv2.split(tilt)
    off = np.maximum(np.float32(camera.lamp_slope) - cv2.magnitude(small_x, small_y), 0) / np.float32(
        HAZE_SPREAD
    )
    near_lamp = 1 + np.float32(camera.lamp_side) * (
        small_x * np.float32(lamp[0]) + small_y * np.float32(lamp[1])
    ) / np.float32(camera.lamp_slope)
    haze = cv2.exp(-off * off) * np.clip(near_lamp, 0, 2)
    haze = cv2.resize(haze, size, interpolation=cv2.INTER_LINEAR)
    gloss *= haze * np.float32(0.5) + np.float32(0.65)
    gloss *= np.float32(camera.glint)
    haze *= (tone * np.float32(0.12) + np.float32(1)) * np.float32(camera.haze)
    return grains, (gloss + haze) * np.float32(camera.glare)
