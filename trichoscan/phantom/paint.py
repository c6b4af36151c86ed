"""Painting of skin: base colour, relief, lines, pores, vessels, halos of emerging shafts, glitter."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.camera import Camera
from trichoscan.phantom.chance import own_chance
from trichoscan.phantom.halo import HALO_TINT, warm_halo
from trichoscan.phantom.marks import INK, PORE_RADIUS_UM, absorb, dots, paint_marks, strokes, to_canvas
from trichoscan.phantom.relief import RELIEF_CELL_UM, TONE, relief
from trichoscan.phantom.render import SUBPIXEL_BITS, fixed_point
from trichoscan.phantom.roots import DEEP_TINT, NEAR_TINT, folds, streaks
from trichoscan.phantom.scalp import TrueHair
from trichoscan.phantom.shade import sample_relief, shade, tilt_of_skin
from trichoscan.phantom.shafts import arc
from trichoscan.phantom.skin import Skin
from trichoscan.phantom.warp import sample_skin

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Bytes = NDArray[np.uint8]

PERIPILAR = np.array([0.65, 0.8, 1.0], np.float32)
"""Relative absorption of the brown ring about some roots."""

FOLD_DEPTH = 0.17
"""Share of light that the trough of a fold of skin round a root takes away and its crest adds."""

FOLD_GLOSS = 0.12
"""Linear light of the lamps on the crest."""

SHADOW_RISE = 0.06
"""How far a shaft's shadow moves aside for each um along the shaft: shafts leave the skin at a low angle."""

SHADOW_REACH_UM = 90.0
"""How far it moves aside at most: long hair lies down again."""

INK_SITE_CELLS = 7
"""Cells of the slow field that says where on the scalp a marker left its crumbs, over the skin's extent."""

OPAQUE = 0.9
"""Scales laid more opaque than this hide what lies beneath them all over."""

SCALE_YELLOW = np.array([0.04, 0.0, -0.13], np.float32)
"""What makes the thickest scales yellow."""

SCALE_WHITE = np.array([0.46, 0.47, 0.45], np.float32)
"""Linear light of a scale of skin."""


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
    paint_marks(depth, skin, camera)
    if skin.peripilar > 0 and hairs:
        roots = np.array([h.path_um[0] for h in hairs])
        absorb(depth, dots(roots, 110.0, camera, small), PERIPILAR * skin.peripilar)
    near, deep = streaks(hairs, camera, small)
    absorb(depth, near, NEAR_TINT)
    absorb(depth, deep, DEEP_TINT)
    if skin.warmth > 0:
        absorb(depth, warm_halo(hairs, camera, small), HALO_TINT * np.float32(skin.warmth))
    if skin.shadow > 0.02 or skin.far_shadow_um is not None:
        absorb(depth, _shadows(skin, hairs, camera, small), np.ones(3, np.float32))
    if skin.ink:
        absorb(depth, _ink(skin, camera, small), INK)
    light = cv2.exp(depth)
    light *= skin.colour.astype(np.float32)
    painted = cv2.resize(light, size, interpolation=cv2.INTER_LINEAR)
    undulations = cv2.resize(skin.bulges, (200, 200), interpolation=cv2.INTER_CUBIC)
    bulges = _sample(undulations, skin.extent_um, camera, small)
    tilt = tilt_of_skin(bulges, near + deep, camera, skin)
    grain, gloss = shade(sample_relief(skin, camera, size), tilt, skin, camera)
    if len(skin.pores_um):
        pores = dots(skin.pores_um, PORE_RADIUS_UM, camera, size)
        grain -= (pores * np.float32(skin.pore_depth))[..., None]
    fold = folds(hairs, camera, size)
    grain += (fold * np.float32(FOLD_DEPTH))[..., None]
    painted = cv2.multiply(painted, np.maximum(grain, np.float32(0.05), out=grain))
    if camera.glare > 0:
        gloss += np.maximum(fold, 0) * np.float32(FOLD_GLOSS * camera.glare)
        painted += cv2.merge([gloss * np.float32(tint) for tint in camera.gloss_tint])
    return np.asarray(painted, dtype=np.float32)


def _shadows(skin: Skin, hairs: Sequence[TrueHair], camera: Camera, small: tuple[int, int]) -> Singles:
    """Soft shadow of the shafts on the skin, cast to one side by the lamp; at times of a hair far above."""
    canvas: Bytes = np.zeros((small[1], small[0]), np.uint8)
    per_um = small[0] / camera.width_px / camera.um_per_px
    if hairs:
        counts = [len(h.path_um) for h in hairs]
        shift = np.concatenate([shadow_shift_um(h.path_um) for h in hairs])[:, None]
        way = np.array([np.cos(camera.lamp_rad), np.sin(camera.lamp_rad)]) / camera.um_per_px
        ratio = np.array(small) / (camera.width_px, camera.height_px)
        px = to_canvas(np.concatenate([h.path_um for h in hairs]), camera, small) + shift * way * ratio
        for hair, line in zip(hairs, np.split(fixed_point(px), np.cumsum(counts)[:-1]), strict=True):
            thick = max(round(float(hair.width_um.mean()) * per_um), 1)
            cv2.polylines(canvas, [line], False, 255, thick, cv2.LINE_AA, SUBPIXEL_BITS)
    strength = np.float32(skin.shadow / 255)
    shade = cv2.GaussianBlur(canvas, (0, 0), max(22.0 * per_um, 0.6)) * strength
    if skin.far_shadow_um is not None:
        shade += np.float32(0.5) * strokes([skin.far_shadow_um], 190.0, camera, small)
    return np.asarray(shade, dtype=np.float32)


def shadow_shift_um(path_um: Floats) -> Floats:
    """(N,) how far aside the shadow of each point of a shaft falls, um; the same however the path is cut."""
    return np.asarray(np.minimum(SHADOW_RISE * arc(path_um), SHADOW_REACH_UM))


def _ink(skin: Skin, camera: Camera, small: tuple[int, int]) -> Singles:
    """Crumbs of a blue skin marker that was drawn over a part of the scalp."""
    crumbs = _wrap(np.ascontiguousarray(relief(skin.relief)[..., TONE]), RELIEF_CELL_UM / 1.3, camera, small)
    drawn = np.random.default_rng([skin.relief, int(skin.extent_um)])
    cells = drawn.normal(0.0, 1.2, (INK_SITE_CELLS, INK_SITE_CELLS)).astype(np.float32)
    slow = cv2.resize(cells, (8 * INK_SITE_CELLS, 8 * INK_SITE_CELLS), interpolation=cv2.INTER_CUBIC)
    site = _sample(slow, skin.extent_um, camera, small)
    return np.asarray(np.clip(crumbs + site - np.float32(1.8), 0, 1.5), dtype=np.float32)


def lay_scales(scene: Singles, outlines_um: Sequence[Floats], camera: Camera, opacity: float) -> None:
    """Lay white scales of skin over the scene, in place: thin plates that curl up at the rim."""
    plain = opacity > OPAQUE
    for outline in outlines_um:
        # Thin ones let the skin shine through, thick ones are yellow: keratin and sebum.
        kind = float(own_chance([int(abs(outline[0]).sum() * 10)], 30)[0])
        thick = np.float32(opacity * (0.55 + 0.6 * kind))
        colour = SCALE_WHITE + np.float32(kind * kind) * SCALE_YELLOW
        px = camera.to_px(outline)
        low = np.maximum(np.floor(px.min(axis=0)).astype(int) - 2, 0)
        high = np.minimum(np.ceil(px.max(axis=0)).astype(int) + 3, (camera.width_px, camera.height_px))
        if np.any(low >= high) or np.any(high - low >= 400):
            continue
        patch = scene[low[1] : high[1], low[0] : high[0]]
        mask: Bytes = np.zeros(patch.shape[:2], np.uint8)
        cv2.fillPoly(mask, [fixed_point(px - low)], 255, cv2.LINE_AA, SUBPIXEL_BITS)
        y, x = int(low[1]) * 7 % 100, int(low[0]) * 7 % 100
        grain = camera.sparkle[y : y + patch.shape[0], x : x + patch.shape[1]]
        soft_px = max(9.0 / camera.um_per_px, 0.8)
        plate = cv2.GaussianBlur(mask, (0, 0), 0.5 * soft_px) * np.float32(1 / 255)
        core = cv2.GaussianBlur(mask, (0, 0), 2.2 * soft_px) * np.float32(1 / 255)
        fine = cv2.GaussianBlur(grain, (0, 0), 0.6 * soft_px) * np.float32(1.3 * soft_px)
        tatter = cv2.GaussianBlur(grain, (0, 0), 1.8 * soft_px) * np.float32(4.0 * soft_px)
        rim = np.clip(1.6 * (plate - core), 0, 1) * np.clip(np.float32(0.6) + tatter, 0, 1.3)
        white = colour * (np.float32(0.85) + np.float32(0.14) * fine + np.float32(0.35) * rim)[..., None]
        if plain:
            share = plate * np.clip(np.float32(0.9) + np.float32(0.2) * tatter, 0.4, 1) * np.float32(opacity)
        else:
            share = (
                plate
                * np.clip(np.float32(0.3) + np.float32(0.35) * tatter + rim, 0, 1)
                * np.minimum(thick, 1)
            )
        patch += share[..., None] * (white - patch)


def _wrap(tile: Singles, cell_um: float, camera: Camera, size: tuple[int, int]) -> Singles:
    """Values of a periodic tile with cells of side `cell_um`, on the photo at the given size."""
    photo = (camera.width_px, camera.height_px)
    return sample_skin(tile, lambda px: camera.to_um(px) / cell_um, photo, size, cv2.BORDER_WRAP)


def _sample(grid: Singles, extent_um: float, camera: Camera, small: tuple[int, int]) -> Singles:
    """Values of a square grid that spans the skin's extent, on the photo at reduced size."""
    cells, photo = grid.shape[0], (camera.width_px, camera.height_px)
    return sample_skin(
        grid,
        lambda px: camera.to_um(px) * (cells / extent_um) + (cells - 1) / 2,
        photo,
        small,
        cv2.BORDER_REFLECT,
    )
