"""What is painted into skin: vessels, spots, moles, dots of sebum and keratin, pores, ink, tattoos."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.camera import Camera
from trichoscan.phantom.render import SUBPIXEL_BITS, fixed_point
from trichoscan.phantom.skin import Skin

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Bytes = NDArray[np.uint8]

BLOOD = np.array([0.25, 1.0, 0.8], np.float32)
"""Relative absorption of blood in red, green and blue."""

PIGMENT = np.array([0.3, 0.7, 1.0], np.float32)
"""Relative absorption of yellow-brown spots."""

MOLE = np.array([0.9, 1.25, 1.5], np.float32)
"""Relative absorption of melanin, dense."""

SEBUM = np.array([-0.05, 0.16, 0.62], np.float32)
"""Relative absorption of sebum and keratin in an ostium: yellow, a little brighter than skin in red."""

INK = np.array([0.9, 0.6, 0.04], np.float32)
"""Relative absorption of blue marker ink."""

TATTOO = np.array([1.9, 1.5, 1.0], np.float32)
"""Relative absorption of tattoo ink: carbon, blue by the skin above it."""

TATTOO_RADIUS_UM = 260.0
PORE_RADIUS_UM = 28.0
YELLOW_DOT_RADIUS_UM = 95.0
BLACK_DOT_RADIUS_UM = 32.0
PEN_WIDTH_UM = 420.0


def absorb(depth: Singles, strength: Singles, tint: Floats | Singles) -> None:
    """Subtract an absorber from the logarithm of light, in place."""
    depth -= cv2.merge([strength * np.float32(t) for t in tint])


def paint_marks(depth: Singles, skin: Skin, camera: Camera) -> None:
    """Absorb light where the skin's own marks lie, in place; `depth` is the photo at reduced size."""
    size = (depth.shape[1], depth.shape[0])
    if skin.vessels_um:
        absorb(depth, _vessels(skin, camera, size) * np.float32(1.6 * skin.vessel_depth), BLOOD)
    if len(skin.spots_um):
        absorb(depth, dots(skin.spots_um, skin.spot_radius_um, camera, size), PIGMENT * skin.spot_depth)
    if len(skin.sun_spots_um):
        absorb(depth, _round(skin.sun_spots_um, 0.18, camera, size), PIGMENT * np.float32(0.35))
    if len(skin.moles_um):
        absorb(depth, _round(skin.moles_um, 0.1, camera, size), MOLE)
    if len(skin.yellow_dots_um):
        absorb(depth, dots(skin.yellow_dots_um, YELLOW_DOT_RADIUS_UM, camera, size), SEBUM)
    if len(skin.black_dots_um):
        black = dots(skin.black_dots_um, BLACK_DOT_RADIUS_UM, camera, size, soft=0.25)
        absorb(depth, black, np.full(3, 2.0, np.float32))
    if len(skin.tattoo_um):
        absorb(depth, dots(skin.tattoo_um, TATTOO_RADIUS_UM, camera, size, soft=0.3), TATTOO)
    if skin.pen_um:
        absorb(depth, strokes(skin.pen_um, PEN_WIDTH_UM, camera, size, soft=0.06), INK * np.float32(0.8))


def strokes(
    paths_um: Sequence[Floats], width_um: float, camera: Camera, size: tuple[int, int], soft: float = 0.5
) -> Singles:
    """Soft lines, 0-1, on a canvas of the given size that shows the whole photo.

    `soft` is the SD of their rim in widths.
    """
    scale = size[0] / camera.width_px
    canvas: Bytes = np.zeros((size[1], size[0]), np.uint8)
    thick = max(round(width_um / camera.um_per_px * scale), 1)
    if paths_um:
        ends = np.cumsum([len(p) for p in paths_um])[:-1]
        lines = np.split(fixed_point(to_canvas(np.concatenate(paths_um), camera, size)), ends)
        cv2.polylines(canvas, lines, False, 255, thick, cv2.LINE_AA, SUBPIXEL_BITS)
    blur_px = max(soft * width_um / camera.um_per_px * scale, 0.7)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), blur_px) / np.float32(255), dtype=np.float32)


def dots(
    points_um: Floats, radius_um: float, camera: Camera, size: tuple[int, int], soft: float = 0.5
) -> Singles:
    """Soft discs, 0-1, on a canvas of the given size; `soft` is the SD of their rim in radii."""
    scale = size[0] / camera.width_px
    canvas: Bytes = np.zeros((size[1], size[0]), np.uint8)
    radius = radius_um / camera.um_per_px * scale
    if not len(points_um):
        return np.zeros((size[1], size[0]), np.float32)
    px = to_canvas(points_um, camera, size)
    near = np.all((px > -2 * radius) & (px < np.array(size) + 2 * radius), axis=1)
    drawn = max(round((radius - 0.5) * (1 << SUBPIXEL_BITS)), 1)  # cv2 adds half a px of soft rim
    for x, y in fixed_point(px[near]):
        cv2.circle(canvas, (int(x), int(y)), drawn, 255, -1, cv2.LINE_AA, SUBPIXEL_BITS)
    return np.asarray(
        cv2.GaussianBlur(canvas, (0, 0), max(soft * radius, 0.6)) / np.float32(255), dtype=np.float32
    )


def to_canvas(points_um: Floats, camera: Camera, size: tuple[int, int]) -> Floats:
    """(N, 2) points of the scalp on a canvas of the given size that shows the whole photo."""
    ratio = np.array(size) / (camera.width_px, camera.height_px)
    return np.asarray((camera.to_px(points_um) + 0.5) * ratio - 0.5)


def _vessels(skin: Skin, camera: Camera, size: tuple[int, int]) -> Singles:
    """Fine vessels sharp, broad ones deeper and more blurred."""
    total = np.zeros((size[1], size[0]), np.float32)
    for low, high, soft in ((0.0, 14.0, 0.45), (14.0, 24.0, 0.6), (24.0, 1e9, 0.9)):
        of_width = (skin.vessel_width_um >= low) & (skin.vessel_width_um < high)
        paths = [p for p, mine in zip(skin.vessels_um, of_width, strict=True) if mine]
        if paths:
            total += strokes(paths, float(skin.vessel_width_um[of_width].mean()), camera, size, soft)
    return total


def _round(marks_um: Floats, soft: float, camera: Camera, size: tuple[int, int]) -> Singles:
    """(x, y, radius) discs with lobed rims."""
    total = np.zeros((size[1], size[0]), np.float32)
    per_um = size[0] / camera.width_px / camera.um_per_px
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    for x, y, radius in marks_um:
        lobes = (
            1 + 0.12 * np.sin(2 * turn + x) + 0.08 * np.sin(3 * turn + y) + 0.04 * np.sin(7 * turn + x + y)
        )
        rim = np.column_stack([np.cos(turn), np.sin(turn)]) * (lobes * radius)[:, None] + (x, y)
        px = to_canvas(rim, camera, size)
        if np.any(px.max(axis=0) < 0) or np.any(px.min(axis=0) > size):
            continue
        canvas: Bytes = np.zeros((size[1], size[0]), np.uint8)
        cv2.fillPoly(canvas, [fixed_point(px)], 255, cv2.LINE_AA, SUBPIXEL_BITS)
        total += cv2.GaussianBlur(canvas, (0, 0), max(soft * radius * per_um, 0.7)) / np.float32(255)
    return np.minimum(total, np.float32(1.3))
