"""Light and lens of a phantom's microscope: light, blur, fringe, and what lies before the skin."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.camera import Camera

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


BLOB_RADIUS, BLOB_LIGHT = (0.02, 0.09), (0.05, 0.3)
"""Of a lamp's reflection: share of the photo's width, linear light; our choice."""

BUBBLE_RADIUS_UM = (60.0, 350.0)
BUBBLE_POWER, BUBBLE_RIM = 0.22, 0.45
"""How far a bubble draws what lies beneath towards its middle, in radii; light that its rim takes."""

FILM_BENDS = ((2.0, 0.08), (5.0, 0.035), (13.0, 0.014), (31.0, 0.006), (67.0, 0.003))
"""Waves across the photo and their height in photo sides: where the film of immersion oil ends."""


def see_through_lens(scene: Singles, camera: Camera, rng: np.random.Generator) -> Singles:
    """Scene as the lens throws it on the sensor.

    Parameters
    ----------
    scene : (H, W, 3) float32
        Linear light under an even lamp; used up.
    camera : Camera
    rng : numpy Generator

    Returns
    -------
    (H, W, 3) float32
        Linear light.
    """
    _add_blobs(scene, camera, rng)
    _add_bubbles(scene, camera, rng)
    if camera.film_edge:
        _end_film(scene, camera, rng)
    scene = cv2.multiply(scene, _illumination(camera), dst=scene)
    scene = cv2.GaussianBlur(scene, (0, 0), camera.blur_px)
    if camera.edge_blur_px > 0 or np.any(camera.focus_tilt):
        scene = _lose_focus(scene, camera)
    if np.abs(camera.motion_px).max() > 0.5:
        scene = cv2.filter2D(scene, -1, _motion_kernel(camera.motion_px))
    if camera.fringe_px > 0.1:
        scene = _fringe(scene, camera.fringe_px)
    if camera.flare > 0:
        scene += camera.gloss_tint * np.float32(camera.flare * float(scene[::8, ::8].mean()))
    if camera.dust:
        scene *= _dust(camera, rng)[..., None]
    return scene


def _add_blobs(scene: Singles, camera: Camera, rng: np.random.Generator) -> None:
    """Add reflections of the lamp, in place; the hair shines through."""
    height, width = scene.shape[:2]
    for _ in range(camera.blobs):
        radius = int(rng.uniform(*BLOB_RADIUS) * width) + 2
        x, y = int(rng.integers(width)), int(rng.integers(height))
        patch = scene[max(y - 2 * radius, 0) : y + 2 * radius, max(x - 2 * radius, 0) : x + 2 * radius]
        rows, columns = np.ogrid[: patch.shape[0], : patch.shape[1]]
        away = (rows - min(y, 2 * radius)) ** 2 + (columns - min(x, 2 * radius)) ** 2
        spot = (np.exp(-away / (0.5 * radius**2)) * rng.uniform(*BLOB_LIGHT)).astype(np.float32)
        patch += spot[..., None] * camera.gloss_tint


def _add_bubbles(scene: Singles, camera: Camera, rng: np.random.Generator) -> None:
    """Lay bubbles in the immersion over the scene, in place: small lenses with a dark rim and a glint."""
    height, width = scene.shape[:2]
    for _ in range(camera.bubbles):
        radius = float(rng.uniform(*BUBBLE_RADIUS_UM) / camera.um_per_px) + 2
        x, y = float(rng.uniform(0, width)), float(rng.uniform(0, height))
        low = np.maximum(np.floor([x - 1.2 * radius, y - 1.2 * radius]).astype(int), 0)
        high = np.minimum(np.ceil([x + 1.2 * radius, y + 1.2 * radius]).astype(int) + 1, (width, height))
        if np.any(high - low < 3):
            continue
        patch = scene[low[1] : high[1], low[0] : high[0]]
        rows, columns = np.mgrid[low[1] : high[1], low[0] : high[0]].astype(np.float32)
        off_x, off_y = (
            (columns - np.float32(x)) / np.float32(radius),
            (rows - np.float32(y)) / np.float32(radius),
        )
        r = cv2.magnitude(off_x, off_y)
        # Air in oil is a diverging lens: what lies beneath looks smaller, the more so near the rim.
        push = np.where(r < 1, BUBBLE_POWER * (1 + 2 * r * r * r * r), 0).astype(np.float32) * np.float32(
            radius
        )
        map_x = columns - np.float32(low[0]) + push * off_x
        map_y = rows - np.float32(low[1]) + push * off_y
        bent = cv2.remap(patch, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        rim = np.exp(-(((r - np.float32(0.95)) / np.float32(0.06)) ** 2))
        toward = off_x * np.float32(np.cos(camera.lamp_rad)) + off_y * np.float32(np.sin(camera.lamp_rad))
        glint = (
            np.exp(-(((r - np.float32(0.82)) / np.float32(0.07)) ** 2)) * np.clip(toward - 0.5, 0, 1) * 1.2
        )
        patch[:] = bent * (1 - np.float32(BUBBLE_RIM) * rim)[..., None]
        patch += (glint + np.float32(0.15) * rim * np.clip(-toward, 0, 1))[..., None] * camera.gloss_tint


def _end_film(scene: Singles, camera: Camera, rng: np.random.Generator) -> None:
    """Let the film of immersion oil end in the photo, in place: a bright line, paler dry skin beyond."""
    height, width = scene.shape[:2]
    along = np.linspace(-0.2, 1.2, 240)
    middle = rng.uniform(0.1, 0.3) * rng.choice([-1, 1])
    bend = sum(
        high * np.sin(often * along * rng.uniform(0.8, 1.3) + rng.uniform(0, 6)) for often, high in FILM_BENDS
    )
    turn = rng.uniform(0, 2 * np.pi)
    c, s = np.cos(turn), np.sin(turn)
    side = max(height, width)
    u, v = (along - 0.5) * 2 * side, (middle + bend) * side
    line = np.column_stack([width / 2 + u * c - v * s, height / 2 + u * s + v * c])
    beyond = line + np.sign(middle) * 3 * side * np.array([-s, c])
    dry: NDArray[np.uint8] = np.zeros((height, width), np.uint8)
    cv2.fillPoly(dry, [np.rint(np.vstack([line, beyond[::-1]])).astype(np.int32)], 255, cv2.LINE_AA)
    soft = cv2.GaussianBlur(dry, (0, 0), 2.0).astype(np.float32) / 255
    wide = cv2.GaussianBlur(dry, (0, 0), 30 / camera.um_per_px + 1.0).astype(np.float32) / 255
    rim = np.clip(4 * soft * (1 - wide) - 0.9, 0, 1) * np.float32(0.25)
    dark = np.clip(4 * (1 - soft) * wide - 0.9, 0, 1) * np.float32(0.3)
    scene *= (1 + np.float32(0.06) * soft - dark)[..., None]
    # The film is nowhere equally thick at its end: the line swells, thins and breaks.
    broken = cv2.resize(
        rng.normal(0.5, 0.55, (9, 12)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    rim *= np.clip(broken, 0, 1.3)
    scene += (rim + np.float32(0.012) * soft)[..., None]


def _lose_focus(scene: Singles, camera: Camera) -> Singles:
    """Blur where the skin lies off the plane of focus: at the rim, and on one side."""
    height, width = scene.shape[:2]
    sd_px = max(camera.edge_blur_px, 2.2)
    half = cv2.resize(scene, (max(width // 2, 1), max(height // 2, 1)), interpolation=cv2.INTER_AREA)
    soft = cv2.resize(
        cv2.GaussianBlur(half, (0, 0), sd_px / 2), (width, height), interpolation=cv2.INTER_LINEAR
    )
    x = np.linspace(-1, 1, width, dtype=np.float32)[None] * np.float32(camera.focus_tilt[0])
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(camera.focus_tilt[1])
    share = np.maximum(x + y, 0)
    if camera.edge_blur_px > 0:
        share = share + np.maximum(half_diagonals(width, height) - np.float32(0.5), 0) * np.float32(2.5)
    share = np.minimum(share, 1)
    return np.asarray(cv2.blendLinear(scene, soft, 1 - share, share), dtype=np.float32)


def _dust(camera: Camera, rng: np.random.Generator) -> Singles:
    """(H, W) share of light that specks and fibres near the sensor let through."""
    shadow: NDArray[np.uint8] = np.zeros((camera.height_px, camera.width_px), np.uint8)
    for _ in range(camera.dust):
        x, y = rng.uniform(0, 1, 2) * (camera.width_px, camera.height_px)
        if rng.random() < 0.4:
            turn = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.3, 12))
            step = np.column_stack([np.cos(turn), np.sin(turn)]) * rng.uniform(2, 7)
            fibre = np.rint(np.cumsum(step, axis=0) + np.array([x, y])).astype(np.int32)
            cv2.polylines(shadow, [fibre], False, 150, int(rng.integers(1, 3)), cv2.LINE_AA)
        else:
            cv2.circle(shadow, (int(x), int(y)), int(rng.integers(2, 9)), 190, -1, cv2.LINE_AA)
    soft = cv2.GaussianBlur(shadow, (0, 0), 2.5)
    return np.asarray(1 - soft * np.float32(0.35 / 255), dtype=np.float32)


def _motion_kernel(way_px: Floats) -> Singles:
    """(9, 9) kernel of a straight way."""
    kernel: Singles = np.zeros((9, 9), np.float32)
    ends = np.rint(64 + np.clip(way_px, -4, 4) * 8 * np.array([[-1.0], [1.0]])).astype(int)
    cv2.line(kernel, ends[0].tolist(), ends[1].tolist(), 1.0, 1, cv2.LINE_AA, 4)
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def _illumination(camera: Camera) -> Singles:
    size = (camera.width_px, camera.height_px)
    small = (max(size[0] // 8, 8), max(size[1] // 8, 8))
    light = cv2.resize(camera.light, small, interpolation=cv2.INTER_CUBIC)
    radius = half_diagonals(*small, camera.lens_centre)
    light = light * np.exp(radius[..., None] ** 2 * camera.rim_tint)
    light = light * np.exp(-camera.vignette * radius**2.5)[..., None].astype(np.float32)
    full = cv2.resize(light.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    if camera.aperture < 1.5:
        edge = np.clip(
            (camera.aperture - half_diagonals(*size, camera.lens_centre)) / np.float32(camera.aperture_edge),
            0.004,
            1,
        )
        full *= edge[..., None]
    return np.asarray(full, dtype=np.float32)


def half_diagonals(width_px: int, height_px: int, centre: Floats | None = None) -> Singles:
    """(H, W) distance in half diagonals from the photo's middle, or from a point in half widths off it."""
    off_x, off_y = (0.0, 0.0) if centre is None else (float(v) for v in centre)
    x = np.linspace(-1, 1, width_px, dtype=np.float32) - np.float32(off_x)
    y = np.linspace(-1, 1, height_px, dtype=np.float32)[:, None] * np.float32(height_px / width_px)
    y = y - np.float32(off_y)
    return np.asarray(np.hypot(x, y) / np.float32(np.hypot(1, height_px / width_px)), dtype=np.float32)


def dark_surround(camera: Camera) -> NDArray[np.bool_]:
    """(H, W) where the round aperture lets no light through."""
    if camera.aperture >= 1.5:
        return np.zeros((camera.height_px, camera.width_px), bool)
    return np.asarray(
        half_diagonals(camera.width_px, camera.height_px, camera.lens_centre)
        > camera.aperture - 0.25 * camera.aperture_edge
    )


def _fringe(scene: Singles, shift_px: float) -> Singles:
    """Red a little larger and blue a little smaller than green, as simple lenses draw them."""
    height, width = scene.shape[:2]
    out = scene.copy()
    for channel, sign in ((0, 1.0), (2, -1.0)):
        grow = 1 + sign * shift_px / (width / 2)
        map_ = np.array(
            [[1 / grow, 0, width / 2 * (1 - 1 / grow)], [0, 1 / grow, height / 2 * (1 - 1 / grow)]]
        )
        out[..., channel] = cv2.warpAffine(
            np.ascontiguousarray(scene[..., channel]),
            map_,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    return out
