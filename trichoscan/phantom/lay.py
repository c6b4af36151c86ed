"""Laying of hair on skin: the light of each shaft, shaft over shaft."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.camera import Camera
from trichoscan.phantom.paint import GLOSS
from trichoscan.phantom.render import Cover
from trichoscan.phantom.scalp import TrueHair

Singles = NDArray[np.float32]


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
    """(M, 3) colour of a shaft's pixels: dark rim, uneven pigment, scaly surface, gloss."""
    noise = camera.sparkle[0]
    tone = np.interp(along_um, np.arange(64) * 90.0, noise[(7 * k) % 440 :][:64]).astype(np.float32)
    slow = np.interp(along_um, np.arange(40) * 420.0, noise[(11 * k) % 440 :][:40]).astype(np.float32)
    u = (along_um / np.float32(14.0)).astype(np.int64) + 61 * k
    v = (across * np.float32(4.0) + np.float32(8.0)).astype(np.int64) + 17 * k
    fleck = camera.sparkle[u & 511, v & 511]
    scaly = np.float32(0.08 + 0.03 * min(hair.rough_um, 6.0))
    round_light = np.float32(1 + hair.rim / 3) - np.float32(hair.rim) * np.minimum(across**2, 1.2)
    light = (1 + np.float32(0.14) * tone + scaly * fleck) * round_light
    colour = np.maximum(light, np.float32(0.1))[:, None] * hair.colour.astype(np.float32)
    if hair.gloss > 0.02:
        chord = hair.path_um[-1] - hair.path_um[0]
        toward = np.sin(camera.lamp_rad - np.arctan2(chord[1], chord[0]))
        sharp = np.float32(0.12 + 0.2 * ((k * 7) % 5) / 4)
        seam = np.exp(-(((across - np.float32(0.45 * toward)) / sharp) ** 2))
        if camera.ring_lamp:
            seam += np.float32(0.6) * np.exp(-(((across + np.float32(0.5 * toward)) / sharp) ** 2))
        shine = (
            np.float32(1.2 * hair.gloss) * seam * np.clip(np.float32(0.25) + np.float32(0.3) * slow, 0.0, 0.8)
        )
        shine += np.float32(hair.gloss * 0.12) * np.clip(fleck - np.float32(1.5), 0, None)
        colour += shine[:, None] * GLOSS
    return np.asarray(colour, dtype=np.float32)
