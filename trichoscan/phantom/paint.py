"""Painting of skin: base colour, relief, lines, pores, vessels, halos of emerging shafts, glitter."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.camera import Camera
from trichoscan.phantom.render import SUBPIXEL_BITS, fixed_point
from trichoscan.phantom.scalp import TrueHair
from trichoscan.phantom.skin import RELIEF_CELL_UM, Skin

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Bytes = NDArray[np.uint8]

BLOOD = np.array([0.25, 1.0, 0.8], np.float32)
"""Relative absorption of blood in red, green and blue."""

UNDER_SKIN = np.array([1.0, 0.78, 0.52], np.float32)
"""Relative darkening by a shaft seen through the skin: blue is scattered back before it gets there."""

PIGMENT = np.array([0.3, 0.7, 1.0], np.float32)
"""Relative absorption of yellow-brown spots."""

INK = np.array([1.3, 0.9, 0.05], np.float32)
"""Relative absorption of blue marker ink."""

PERIPILAR = np.array([0.65, 0.8, 1.0], np.float32)
"""Relative absorption of the brown ring about some roots."""

GLOSS = np.array([0.86, 0.95, 1.15], np.float32)
"""Colour of the lamp's reflection: bluish white beside skin."""

SCALE_WHITE = np.array([0.55, 0.56, 0.55], np.float32)
"""Linear light of a scale of skin."""

HALF = 0.5
"""Soft things are drawn at half size and enlarged."""


def paint_skin(skin: Skin, hairs: Sequence[TrueHair], camera: Camera) -> Singles:
    """Paint the skin as it would look under an even lamp, with the gloss of its relief.

    Parameters
    ----------
    skin : Skin
    hairs : sequence of TrueHair
        For the halo at their roots and their shadows.
    camera : Camera

    Returns
    -------
    (H, W, 3) float32
        Linear light.
    """
    size = (camera.width_px, camera.height_px)
    small = (max(size[0] // 2, 2), max(size[1] // 2, 2))
    patches = cv2.resize(skin.patches, (200, 200), interpolation=cv2.INTER_CUBIC)
    depth = _sample(patches, skin.extent_um, camera, small)
    if skin.vessels_um:
        vessels = _strokes(skin.vessels_um, 16.0, camera, small) * np.float32(1.6 * skin.vessel_depth)
        _absorb(depth, vessels, BLOOD)
    if len(skin.spots_um):
        _absorb(depth, _dots(skin.spots_um, skin.spot_radius_um, camera, small), PIGMENT * skin.spot_depth)
    if skin.peripilar > 0 and hairs:
        roots = np.array([h.path_um[0] for h in hairs])
        _absorb(depth, _dots(roots, 110.0, camera, small), PERIPILAR * skin.peripilar)
    halo = _halos(hairs, camera, small)
    _absorb(depth, halo, UNDER_SKIN)
    if skin.shadow > 0.02 or skin.far_shadow_um is not None:
        _absorb(depth, _shadows(skin, hairs, camera, small), np.ones(3, np.float32))
    if skin.ink:
        _absorb(depth, _ink(skin, camera, small), INK)
    shade = cv2.exp(depth)
    shade *= skin.colour.astype(np.float32)
    painted = cv2.resize(shade, size, interpolation=cv2.INTER_LINEAR)
    grain, spark = cv2.split(_surface(skin, camera, size))
    if len(skin.pores_um):
        grain -= _dots(skin.pores_um, 28.0, camera, size) * np.float32(skin.pore_depth)
    grain -= _folds(hairs, camera, size)
    grain = np.maximum(grain, np.float32(0.05))
    painted = cv2.multiply(painted, cv2.merge([grain, grain, grain]))
    veil = spark * cv2.resize(_wet(halo, camera, small), size, interpolation=cv2.INTER_LINEAR)
    painted += cv2.merge([veil * shade for shade in GLOSS])
    return np.asarray(painted, dtype=np.float32)


def _absorb(depth: Singles, strength: Singles, tint: Floats | Singles) -> None:
    """Subtract an absorber from the logarithm of light, in place."""
    depth -= cv2.merge([strength * np.float32(t) for t in tint])


def _surface(skin: Skin, camera: Camera, size: tuple[int, int]) -> Singles:
    """(H, W, 2) fine light and dark of fibres and creases; sparks where the relief throws light back."""
    relief, creases = skin.texture[..., 0], skin.texture[..., 1]
    grain = 1 + relief * np.float32(0.045 * skin.roughness) - creases * np.float32(skin.furrow_depth)
    glint = relief * np.float32(0.7) + camera.sparkle * np.float32(0.6)
    spark = np.clip(glint * np.float32(0.07) + np.float32(0.04), 0, None)
    spark += np.clip(glint - np.float32(1.5), 0, None) * np.float32(0.45)
    tile = cv2.merge([grain, spark])
    cell_px = RELIEF_CELL_UM / camera.um_per_px
    if cell_px < 0.8:
        tile = cv2.GaussianBlur(tile, (0, 0), 0.5 / cell_px)
    return _wrap(tile, camera.px_to_um() / RELIEF_CELL_UM, size)


def _wet(halo: Singles, camera: Camera, small: tuple[int, int]) -> Singles:
    """Strength of the gloss, 0-2: strong in some regions and where emerging shafts lift the skin."""
    # Any part of the noise serves as the map of the glossy regions.
    sites = cv2.resize(camera.sparkle[:4, :5], (64, 64), interpolation=cv2.INTER_CUBIC)
    patches = cv2.resize(camera.sparkle[:18, 8:26], (64, 64), interpolation=cv2.INTER_CUBIC)
    sites = sites * np.float32(0.7) + patches * np.float32(0.45)
    wet = cv2.resize(sites, small, interpolation=cv2.INTER_LINEAR) + halo * np.float32(0.55)
    return np.clip(wet + np.float32(2.2 * camera.glare - 1.0), 0, 2.0)


def _folds(hairs: Sequence[TrueHair], camera: Camera, size: tuple[int, int]) -> Singles:
    """Rims of skin round the place where a shaft comes out."""
    canvas: Bytes = np.zeros((size[1], size[0]), np.uint8)
    one = 1 << SUBPIXEL_BITS
    for hair in hairs:
        if hair.halo_um < 110 or hair.hair_id % 3 != 0:
            continue
        centre = fixed_point(camera.to_px(hair.path_um[:1]))[0]
        back = camera.to_px(hair.path_um[:1]) - camera.to_px(hair.path_um[1:2])
        turn = float(np.degrees(np.arctan2(back[0, 1], back[0, 0])))
        for ring in range(1 + hair.hair_id % 2):
            radius = (0.62 + 0.32 * ring) * hair.width_um[0] / camera.um_per_px * one
            axes = (round(radius * 0.8), round(radius))
            half = 95.0 - 12.0 * ring
            level = 255 - 55 * ring
            cv2.ellipse(
                canvas, centre.tolist(), axes, turn, -half, half, level, 1, cv2.LINE_AA, SUBPIXEL_BITS
            )
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 0.7) * np.float32(0.2 / 255), dtype=np.float32)


def _shadows(skin: Skin, hairs: Sequence[TrueHair], camera: Camera, small: tuple[int, int]) -> Singles:
    """Soft shadow of the shafts on the skin, cast to one side by the lamp; at times of a hair far above."""
    scale = small[0] / camera.width_px
    canvas: Bytes = np.zeros((small[1], small[0]), np.uint8)
    offset = np.array([np.cos(camera.lamp_rad), np.sin(camera.lamp_rad)]) * 45.0
    for hair in hairs:
        lift = np.minimum(np.arange(len(hair.path_um)) / 10.0, 2.0)[:, None]
        line = fixed_point(camera.to_px(hair.path_um + offset * lift) * scale)
        thick = max(round(float(hair.width_um.mean()) / camera.um_per_px * scale), 1)
        cv2.polylines(canvas, [line], False, 255, thick, cv2.LINE_AA, SUBPIXEL_BITS)
    strength = np.float32(skin.shadow / 255)
    shade = cv2.GaussianBlur(canvas, (0, 0), max(22.0 / camera.um_per_px * scale, 0.6)) * strength
    if skin.far_shadow_um is not None:
        shade += np.float32(0.5) * _strokes([skin.far_shadow_um], 190.0, camera, small)
    return np.asarray(shade, dtype=np.float32)


def _ink(skin: Skin, camera: Camera, small: tuple[int, int]) -> Singles:
    """Crumbs of a blue skin marker along one side of the photo."""
    map_ = camera.px_to_um() / RELIEF_CELL_UM * 1.3
    map_[:, :2] /= HALF
    crumbs = _wrap(np.ascontiguousarray(skin.texture[..., 0]), map_, small)
    site = cv2.resize(
        np.array([[-1.2, -0.6], [-0.4, 1.6]], np.float32), small, interpolation=cv2.INTER_LINEAR
    )
    return np.asarray(np.clip(crumbs + site - np.float32(1.4), 0, 1.5), dtype=np.float32)


def lay_scales(scene: Singles, outlines_um: Sequence[Floats], camera: Camera, opacity: float) -> None:
    """Lay white scales of skin over the scene, in place."""
    for outline in outlines_um:
        px = camera.to_px(outline)
        low = np.maximum(np.floor(px.min(axis=0)).astype(int) - 2, 0)
        high = np.minimum(np.ceil(px.max(axis=0)).astype(int) + 3, (camera.width_px, camera.height_px))
        if np.any(low >= high):
            continue
        patch = scene[low[1] : high[1], low[0] : high[0]]
        mask: Bytes = np.zeros(patch.shape[:2], np.uint8)
        cv2.fillPoly(mask, [fixed_point(px - low)], 255, cv2.LINE_AA, SUBPIXEL_BITS)
        grain = camera.sparkle[: patch.shape[0], : patch.shape[1]]
        if grain.shape != patch.shape[:2]:
            continue
        soft_px = max(9.0 / camera.um_per_px, 0.8)
        share = cv2.GaussianBlur(mask, (0, 0), 0.8 * soft_px) * np.float32(opacity / 255)
        flakes = cv2.GaussianBlur(grain, (0, 0), soft_px) * np.float32(2.2 * soft_px)
        white = SCALE_WHITE * (1 + np.float32(0.12) * flakes)[..., None]
        share *= np.clip(np.float32(0.7) + np.float32(0.45) * flakes, 0.1, 1)
        patch += share[..., None] * (white - patch)


def _wrap(tile: Singles, map_: Floats, size: tuple[int, int]) -> Singles:
    out = cv2.warpAffine(
        tile, map_, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_WRAP
    )
    return np.asarray(out, dtype=np.float32)


def _sample(grid: Singles, extent_um: float, camera: Camera, small: tuple[int, int]) -> Singles:
    """Values of a square grid that spans the skin's extent, on the photo at reduced size."""
    cells = grid.shape[0] / extent_um
    map_ = camera.px_to_um() * cells
    map_[:, :2] /= HALF
    map_[:, 2] += grid.shape[0] / 2
    out = cv2.warpAffine(
        grid, map_, small, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(out, dtype=np.float32)


def _strokes(paths_um: Sequence[Floats], width_um: float, camera: Camera, size: tuple[int, int]) -> Singles:
    """Soft lines, 0-1, on a canvas of the given size that shows the whole photo."""
    scale = size[0] / camera.width_px
    canvas: Bytes = np.zeros((size[1], size[0]), np.uint8)
    thick = max(round(width_um / camera.um_per_px * scale), 1)
    if paths_um:
        ends = np.cumsum([len(p) for p in paths_um])[:-1]
        lines = np.split(fixed_point(camera.to_px(np.concatenate(paths_um)) * scale), ends)
        cv2.polylines(canvas, lines, False, 255, thick, cv2.LINE_AA, SUBPIXEL_BITS)
    blur_px = max(0.5 * width_um / camera.um_per_px * scale, 0.7)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), blur_px) / np.float32(255), dtype=np.float32)


def _dots(points_um: Floats, radius_um: float, camera: Camera, size: tuple[int, int]) -> Singles:
    scale = size[0] / camera.width_px
    canvas: Bytes = np.zeros((size[1], size[0]), np.uint8)
    radius = radius_um / camera.um_per_px * scale
    if not len(points_um):
        return np.zeros((size[1], size[0]), np.float32)
    px = camera.to_px(points_um) * scale
    near = np.all((px > -2 * radius) & (px < np.array(size) + 2 * radius), axis=1)
    for x, y in fixed_point(px[near]):
        cv2.circle(canvas, (int(x), int(y)), round(radius * 16), 255, -1, cv2.LINE_AA, SUBPIXEL_BITS)
    return np.asarray(
        cv2.GaussianBlur(canvas, (0, 0), max(0.5 * radius, 0.6)) / np.float32(255), dtype=np.float32
    )


def _halos(hairs: Sequence[TrueHair], camera: Camera, small: tuple[int, int]) -> Singles:
    """Darkening by the shafts under the skin, before they emerge: pale and blurred further back."""
    scale = small[0] / camera.width_px
    per_um = scale / camera.um_per_px
    total = np.zeros((small[1], small[0]), np.float32)
    shown = [h for h in hairs if h.halo_um > 20]
    if not shown:
        return total
    roots = np.array([h.path_um[0] for h in shown])
    back = np.array([h.path_um[0] - h.path_um[1] for h in shown])
    back /= np.hypot(back[:, 0], back[:, 1])[:, None]
    width = np.array([h.width_um[0] for h in shown])
    darkness = np.array([max(0.1, 1 - 2.5 * float(h.colour.mean())) for h in shown])
    reach = np.array([h.halo_um for h in shown])
    # Start and end in halo lengths, width in shafts, blur in um, strength: near, middle, far.
    for begin, end, wide, blur_um, strength in (
        (-0.05, 0.35, 0.8, 14.0, 0.6),
        (0.0, 0.8, 1.3, 28.0, 0.7),
        (0.1, 1.2, 2.2, 70.0, 0.6),
    ):
        canvas: Bytes = np.zeros((small[1], small[0]), np.uint8)
        a = fixed_point(camera.to_px(roots + back * (begin * reach)[:, None]) * scale)
        b = fixed_point(camera.to_px(roots + back * (end * reach)[:, None]) * scale)
        for p, q, w, dark in zip(a, b, width, darkness, strict=True):
            thick = max(round(w * wide * per_um), 1)
            level = int(255 * dark * min(1.0, 0.35 + w / 110))
            cv2.line(canvas, p.tolist(), q.tolist(), level, thick, cv2.LINE_AA, SUBPIXEL_BITS)
        total += cv2.GaussianBlur(canvas, (0, 0), max(blur_um * per_um, 0.5)) * np.float32(strength / 255)
    return total
