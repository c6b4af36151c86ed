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

UNDER_SKIN = np.array([1.0, 0.86, 0.66], np.float32)
"""Relative darkening by a shaft seen through the skin: blue is scattered back before it gets there."""

PIGMENT = np.array([0.3, 0.7, 1.0], np.float32)
"""Relative absorption of yellow-brown spots."""

INK = np.array([1.3, 0.9, 0.05], np.float32)
"""Relative absorption of blue marker ink."""

GLOSS = np.array([0.86, 0.95, 1.15], np.float32)
"""Colour of the lamp's reflection: bluish white beside skin."""

SCALE_WHITE = np.array([0.62, 0.62, 0.6], np.float32)
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
        depth -= (_strokes(skin.vessels_um, 22.0, camera, small) * np.float32(skin.vessel_depth))[
            ..., None
        ] * BLOOD
    if len(skin.spots_um):
        spots = _dots(skin.spots_um, skin.spot_radius_um, camera, small)
        depth -= (spots * np.float32(skin.spot_depth))[..., None] * PIGMENT
    halo = _halos(hairs, camera, small)
    shade_of_hair = _shadows(hairs, camera, small) * np.float32(skin.shadow)
    depth -= halo[..., None] * UNDER_SKIN + shade_of_hair[..., None]
    if skin.ink:
        depth -= _ink(skin, camera, small)[..., None] * INK
    relief, furrows = cv2.split(_wrap(skin.texture, camera.px_to_um() / RELIEF_CELL_UM, size))
    shade = np.exp(depth) * skin.colour.astype(np.float32)
    painted = cv2.resize(shade, size, interpolation=cv2.INTER_LINEAR)
    painted *= _grain(skin, relief, furrows, hairs, camera)[..., None]
    painted += _gloss(relief, cv2.resize(halo, size), camera)
    return np.asarray(painted, dtype=np.float32)


def _grain(
    skin: Skin, relief: Singles, furrows: Singles, hairs: Sequence[TrueHair], camera: Camera
) -> Singles:
    """Fine light and dark of the relief: fibres, furrows, pores, folds round the shafts."""
    size = (camera.width_px, camera.height_px)
    grain = 1 + relief * np.float32(0.045 * skin.roughness) - furrows * np.float32(skin.furrow_depth)
    if len(skin.pores_um):
        grain -= _dots(skin.pores_um, 28.0, camera, size) * np.float32(skin.pore_depth)
    grain -= _folds(hairs, camera, size) * np.float32(0.3)
    return np.asarray(np.maximum(grain, 0.05), dtype=np.float32)


def _gloss(relief: Singles, halo: Singles, camera: Camera) -> Singles:
    """Light that the wet or greasy surface throws back: a bluish veil on the relief, and sparks on it.

    Both are strong in some regions, and where emerging shafts lift the skin.
    """
    size = (camera.width_px, camera.height_px)
    cell_px = max(8.0 / camera.um_per_px, 1.0)
    spark = _wrap(camera.sparkle, np.array([[1 / cell_px, 0, 0], [0, 1 / cell_px, 0]]), size)
    # Any part of the noise serves as the map of the glossy regions.
    sites = cv2.resize(camera.sparkle[:4, :5], (64, 64), interpolation=cv2.INTER_CUBIC)
    sites = cv2.resize(sites * np.float32(0.8), size, interpolation=cv2.INTER_LINEAR) + halo * np.float32(0.9)
    wet = np.clip(sites + np.float32(2.2 * camera.glare - 1.0), 0, 2.0)
    surface = relief * np.float32(0.7) + spark * np.float32(0.6)
    veil = wet * np.clip(surface * np.float32(0.07) + np.float32(0.03), 0, None)
    veil += wet * np.clip(surface - np.float32(1.6), 0, None) * np.float32(0.4)
    return np.asarray(veil[..., None] * GLOSS, dtype=np.float32)


def _folds(hairs: Sequence[TrueHair], camera: Camera, size: tuple[int, int]) -> Singles:
    """Rims of skin round the place where a shaft comes out."""
    canvas: Bytes = np.zeros((size[1], size[0]), np.uint8)
    one = 1 << SUBPIXEL_BITS
    for hair in hairs:
        if hair.halo_um < 110 or hair.hair_id % 3 == 0:
            continue
        centre = fixed_point(camera.to_px(hair.path_um[:1]))[0]
        back = camera.to_px(hair.path_um[:1]) - camera.to_px(hair.path_um[1:2])
        turn = float(np.degrees(np.arctan2(back[0, 1], back[0, 0])))
        for ring in range(1 + hair.hair_id % 4):
            radius = (0.62 + 0.32 * ring) * hair.width_um[0] / camera.um_per_px * one
            axes = (round(radius * 0.8), round(radius))
            half = 95.0 - 12.0 * ring
            level = 255 - 55 * ring
            cv2.ellipse(
                canvas, centre.tolist(), axes, turn, -half, half, level, 1, cv2.LINE_AA, SUBPIXEL_BITS
            )
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 0.7) / np.float32(255), dtype=np.float32)


def _shadows(hairs: Sequence[TrueHair], camera: Camera, small: tuple[int, int]) -> Singles:
    """Soft shadow of the shafts on the skin, 0-1, cast to one side by the lamp."""
    scale = small[0] / camera.width_px
    canvas: Bytes = np.zeros((small[1], small[0]), np.uint8)
    angle = float(camera.sparkle[3, 3])
    offset = np.array([np.cos(3 * angle), np.sin(3 * angle)]) * 35.0
    for hair in hairs:
        lift = np.minimum(np.arange(len(hair.path_um)) / 8.0, 1.0)[:, None]
        line = fixed_point(camera.to_px(hair.path_um + offset * lift) * scale)
        thick = max(round(float(hair.width_um.mean()) / camera.um_per_px * scale), 1)
        cv2.polylines(canvas, [line], False, 255, thick, cv2.LINE_AA, SUBPIXEL_BITS)
    return np.asarray(
        cv2.GaussianBlur(canvas, (0, 0), max(22.0 / camera.um_per_px * scale, 0.6)) / np.float32(255),
        dtype=np.float32,
    )


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
        share = cv2.GaussianBlur(mask, (0, 0), 0.8) * np.float32(opacity / 255)
        white = SCALE_WHITE * (1 + np.float32(0.1) * grain)[..., None]
        share *= np.clip(1 + np.float32(0.35) * cv2.GaussianBlur(grain, (0, 0), 1.5) * 3, 0.2, 1)
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
        (-0.05, 0.3, 0.8, 10.0, 0.7),
        (0.0, 0.7, 1.2, 24.0, 0.6),
        (0.1, 1.3, 2.2, 60.0, 0.6),
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
