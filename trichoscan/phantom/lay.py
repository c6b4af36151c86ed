"""Laying of hair on skin: the light of each shaft, shaft over shaft."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.camera import Camera
from trichoscan.phantom.paint import GLOSS
from trichoscan.phantom.render import Cover
from trichoscan.phantom.scalp import TrueHair

Singles = NDArray[np.float32]

BAND_BLUR_UM = 120.0
"""Way over which dye fades into the hair's own colour; our choice."""


def lay_hairs(
    scene: Singles, hairs: tuple[TrueHair, ...], covered: Cover, camera: Camera
) -> tuple[NDArray[np.int32], Singles]:
    """Lay the hairs on the skin in their order, in place.

    Returns
    -------
    (H * W,) int32
        Index of the uppermost shaft that covers at least half of the pixel; -1 for none.
    (K,) float32
        Mean change of light where each shaft lies, as a share of the light beneath it; 0 outside the photo.
    """
    flat = scene.reshape(-1, 3)
    top = np.full(len(flat), -1, np.int32)
    contrast = np.zeros(len(hairs), np.float32)
    for k, hair in enumerate(hairs):
        part = slice(covered.start[k], covered.start[k + 1])
        pixel, share = covered.pixel[part], covered.share[part]
        if not len(pixel):
            continue
        along_um = covered.along_px[part] * np.float32(camera.um_per_px)
        colour = _shaft_light(k, hair, covered.across[part], along_um, camera)
        alpha = share * np.float32(hair.opacity)
        # A shaft comes through the skin over a way that is the longer the flatter it lies.
        if hair.halo_um > 20:
            way = np.float32((0.5 + 0.4 * (hair.hair_id % 3)) * hair.width_um[0])
            alpha *= np.clip(along_um / way + np.float32(0.5), 0, 1)
        under = flat[pixel]
        change = alpha[:, None] * (colour - under)
        flat[pixel] = under + change
        weight = float(share.sum()) + 1e-6
        contrast[k] = float(np.abs(change[:, 1]).sum()) / (float((under[:, 1] * share).sum()) + 0.01 * weight)
        top[pixel[share >= 0.5]] = k
    return top, contrast


def _shaft_light(k: int, hair: TrueHair, across: Singles, along_um: Singles, camera: Camera) -> Singles:
    """(M, 3) colour of a shaft's pixels: dark rim, uneven pigment, fibres, scales, crushed end, gloss."""
    noise = camera.sparkle[k % 64]
    tone = np.interp(along_um, np.arange(64) * 90.0, noise[(7 * k) % 440 :][:64]).astype(np.float32)
    fleck = _flecks(k, across, along_um, 16.0, 4.0, camera)
    fibre = _flecks(k + 7, across, along_um, 130.0, 7.0, camera)
    scaly = np.float32(0.06 + 0.018 * min(hair.rough_um, 6.0))
    round_light = np.float32(1 + hair.rim / 3) - np.float32(hair.rim) * np.minimum(across**2, 1.2)
    light = (1 + np.float32(0.2) * tone + scaly * (fleck + np.float32(0.9) * fibre)) * round_light
    colour = np.maximum(light, np.float32(0.15))[:, None] * hair_colour(hair, along_um)
    # Dull reflections of scales that stand up, and the paler face of a crushed cut.
    dull = np.clip(fleck + np.float32(0.6) * tone + np.float32(0.5) * fibre - np.float32(1.3), 0, 2)
    added = dull * np.float32(0.004 + 0.002 * min(hair.rough_um, 6.0))
    if hair.rough_um > 0:
        length_um = float(np.hypot(*np.diff(hair.path_um, axis=0).T).sum())
        face = np.clip((along_um - np.float32(length_um)) / np.float32(0.3 * hair.width_um[-1]) + 1, 0, 1)
        added += face * np.float32(0.012 * (hair.hair_id % 4))
    if hair.gloss > 0.02:
        added += np.float32(hair.gloss) * _sheen(k, hair, across, along_um, fleck, camera)
    return np.asarray(colour + added[:, None] * GLOSS, dtype=np.float32)


def _flecks(
    k: int, across: Singles, along_um: Singles, long_um: float, lanes: float, camera: Camera
) -> Singles:
    """(M,) noise in cells as long along the shaft and so many on a radius of it."""
    u = (along_um / np.float32(long_um)).astype(np.int64) + 61 * k
    v = (across * np.float32(lanes) + np.float32(8.0)).astype(np.int64) + 17 * k
    return np.asarray(camera.sparkle[u & 511, v & 511], dtype=np.float32)


def _sheen(
    k: int, hair: TrueHair, across: Singles, along_um: Singles, fleck: Singles, camera: Camera
) -> Singles:
    """(M,) bright line of the lamps on the cuticle: it flickers, wanders and breaks off."""
    noise = camera.sparkle[(k + 32) % 64]
    slow = np.interp(along_um, np.arange(40) * 420.0, noise[(11 * k) % 440 :][:40]).astype(np.float32)
    fast = np.interp(along_um, np.arange(256) * 38.0, camera.sparkle[(k + 96) % 512, :256]).astype(np.float32)
    chord = hair.path_um[-1] - hair.path_um[0]
    toward = np.sin(camera.lamp_rad - np.arctan2(chord[1], chord[0]))
    sharp = np.float32(0.12 + 0.2 * ((k * 7) % 5) / 4)
    middle = np.float32(0.45 * toward) + np.float32(0.06) * fast
    seam = np.exp(-(((across - middle) / sharp) ** 2))
    if camera.ring_lamp:
        seam += np.float32(0.6) * np.exp(-(((across + np.float32(0.5 * toward)) / sharp) ** 2))
    flicker = np.clip(np.float32(0.7) + np.float32(0.45) * fast + np.float32(0.3) * fleck, 0.1, 2.0)
    shine = np.float32(0.8) * seam * flicker * np.clip(np.float32(0.25) + np.float32(0.3) * slow, 0.0, 0.8)
    return np.asarray(shine + np.float32(0.1) * np.clip(fleck - np.float32(1.5), 0, None), dtype=np.float32)


def hair_colour(hair: TrueHair, along_um: Singles) -> Singles:
    """(M, 3) or (3,) colour of a shaft at distances from its root: its own, then its tip's."""
    if hair.tip_colour is None:
        return hair.colour.astype(np.float32)
    beyond = np.clip((along_um - np.float32(hair.band_um)) / np.float32(BAND_BLUR_UM) + np.float32(0.5), 0, 1)
    own, tip = hair.colour.astype(np.float32), hair.tip_colour.astype(np.float32)
    return np.asarray(own + beyond[:, None] * (tip - own), dtype=np.float32)
