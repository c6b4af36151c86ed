"""Light on the relief of skin: diffuse shading, glints and haze of a ring of lamps.

A facet of the skin's surface throws the lamps into the lens where its slope is that of the half angle
between lens and lamps. The slope is the sum of the fine relief, of the skin that bulges into the field and of
the skin that emerging shafts lift: so glints lie along fibres, near roots and on one side of the photo.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.camera import Camera
from trichoscan.phantom.layout import rotation
from trichoscan.phantom.relief import RELIEF_CELL_UM, relief
from trichoscan.phantom.skin import Skin
from trichoscan.phantom.warp import sample_skin

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

FACET_SLOPE = 0.185
"""SD of the slopes of the fine relief at roughness 1, tangent; our choice."""

HAZE_SPREAD = 0.26
"""Range of slopes in which the roughness below a px throws the lamps' light back."""

LIFT = 0.22
"""How steep emerging shafts lift the skin, for a streak that goes from nought to full within a cell."""


def sample_relief(skin: Skin, camera: Camera, size: tuple[int, int]) -> Singles:
    """(H, W, 4) relief of the skin on the photo; the channels of `relief.relief`."""
    tile = relief(skin.relief)
    cell_px = RELIEF_CELL_UM / camera.um_per_px
    if cell_px < 0.8:
        tile = cv2.GaussianBlur(tile, (0, 0), 0.45 / cell_px)
    turn = rotation(skin.relief_turn_rad)
    return sample_skin(
        tile,
        lambda px: (camera.to_um(px) @ turn.T + skin.relief_shift_um) / RELIEF_CELL_UM,
        (camera.width_px, camera.height_px),
        size,
        cv2.BORDER_WRAP,
    )


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
    slope_x = cv2.Sobel(soft, -1, 1, 0, ksize=3, scale=LIFT) + x + np.float32(camera.tilt[0])
    slope_y = cv2.Sobel(soft, -1, 0, 1, ksize=3, scale=LIFT) + y + np.float32(camera.tilt[1])
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
    grain = tone * (np.float32(0.05) * rough) + toward * (np.float32(0.035) * rough)
    furrow *= np.float32(skin.furrow_depth)
    grain -= furrow
    grain += np.float32(1)
    # Blood shows more in the furrows, and blue light sees but the surface: its contrast is higher.
    grains = cv2.merge(
        [grain + furrow * np.float32(0.25), grain, grain * np.float32(1.25) - np.float32(0.25)]
    )
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
