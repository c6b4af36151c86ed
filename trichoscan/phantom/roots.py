"""Where shafts come out of the skin: the streak of the shaft under the skin, folds round it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.camera import Camera
from trichoscan.phantom.marks import to_canvas
from trichoscan.phantom.render import SUBPIXEL_BITS, fixed_point
from trichoscan.phantom.scalp import TrueHair

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Bytes = NDArray[np.uint8]

SHOWS_FROM_UM = 20.0
"""Shafts that lie under the skin over a shorter way show no streak."""

NEAR_TINT = np.array([1.05, 0.92, 0.76], np.float32)
"""Relative darkening by a shaft just under the skin."""

DEEP_TINT = np.array([0.95, 0.66, 0.32], np.float32)
"""The same deeper down: blue light is scattered back before it gets there."""

_LAYERS = (
    # begin and end in halo lengths, width at either in shafts, blur in um, strength, deep
    (-0.06, 0.25, 0.75, 0.9, 8.0, 0.7, False),
    (0.0, 0.8, 0.9, 1.5, 20.0, 0.4, False),
    (-0.1, 1.3, 1.1, 2.2, 32.0, 0.4, True),
    (0.0, 1.6, 1.8, 3.4, 75.0, 0.45, True),
)


def streaks(hairs: Sequence[TrueHair], camera: Camera, size: tuple[int, int]) -> tuple[Singles, Singles]:
    """Darkening by the shafts under the skin, in line with each: wider and paler further back.

    Returns
    -------
    (H, W) float32, (H, W) float32
        Of shafts just under the skin and deeper down, on a canvas of the given size.
    """
    near, deep = (np.zeros((size[1], size[0]), np.float32) for _ in range(2))
    shown = [h for h in hairs if h.halo_um > SHOWS_FROM_UM]
    if not shown:
        return near, deep
    per_um = size[0] / camera.width_px / camera.um_per_px
    roots = np.array([h.path_um[0] for h in shown])
    back = np.array([h.path_um[0] - h.path_um[1] for h in shown])
    back /= np.hypot(back[:, 0], back[:, 1])[:, None]
    across = np.column_stack([-back[:, 1], back[:, 0]])
    width = np.array([h.width_um[0] for h in shown])
    reach = np.array([h.halo_um for h in shown])
    light = np.array([max(0.1, 1 - 2.5 * float(h.colour.mean())) for h in shown])
    own = np.array([0.45 + 0.11 * (h.hair_id * 37 % 8) for h in shown])
    strong = light * np.minimum(1.0, 0.35 + width / 110) * own
    for begin, end, thin, wide, blur_um, strength, is_deep in _LAYERS:
        canvas: Bytes = np.zeros((size[1], size[0]), np.uint8)
        a, b = roots + back * (begin * reach)[:, None], roots + back * (end * reach)[:, None]
        side_a, side_b = across * (width * thin / 2)[:, None], across * (width * wide / 2)[:, None]
        corners = np.stack([a - side_a, a + side_a, b + side_b, b - side_b], axis=1)
        quads = fixed_point(to_canvas(corners.reshape(-1, 2), camera, size)).reshape(-1, 4, 2)
        for quad, level in zip(quads, np.minimum(255 * strong, 255).astype(int), strict=True):
            cv2.fillConvexPoly(canvas, quad, int(level), cv2.LINE_AA, SUBPIXEL_BITS)
        soft = cv2.GaussianBlur(canvas, (0, 0), max(blur_um * per_um, 0.5)) * np.float32(strength / 255)
        if is_deep:
            deep += soft
        else:
            near += soft
    return near, deep


def folds(hairs: Sequence[TrueHair], camera: Camera, size: tuple[int, int]) -> Singles:
    """Rims of skin round the place where some shafts come out, 0-1."""
    canvas: Bytes = np.zeros((size[1], size[0]), np.uint8)
    one = 1 << SUBPIXEL_BITS
    for hair in hairs:
        if hair.halo_um < 110 or hair.hair_id % 3 != 0:
            continue
        centre = fixed_point(camera.to_px(hair.path_um[:1]))[0]
        back = camera.to_px(hair.path_um[:1]) - camera.to_px(hair.path_um[1:2])
        turn = float(np.degrees(np.arctan2(back[0, 1], back[0, 0])))
        for ring in range(1 + hair.hair_id % 3):
            radius = (0.62 + 0.4 * ring) * hair.width_um[0] / camera.um_per_px * one
            axes = (round(radius * 1.1), round(radius))
            half = 75.0 - 12.0 * ring
            level = 255 - 70 * ring
            cv2.ellipse(
                canvas, centre.tolist(), axes, turn, -half, half, level, 1, cv2.LINE_AA, SUBPIXEL_BITS
            )
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 0.9) * np.float32(1 / 255), dtype=np.float32)
