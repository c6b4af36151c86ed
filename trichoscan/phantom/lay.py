"""Laying of hair on skin: the light of each shaft, shaft over shaft."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.camera import Camera
from trichoscan.phantom.chance import own_chance
from trichoscan.phantom.render import Cover
from trichoscan.phantom.scalp import TrueHair

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

OWN_QUESTIONS = range(10, 15)
"""What `chance.own_chance` is asked about each hair's light."""

THROUGH = np.array([1.0, 0.62, 0.33], np.float32)
"""Colour of light that has come through pigmented hair."""

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
    chances = np.stack([own_chance([h.seed for h in hairs], q) for q in OWN_QUESTIONS], axis=1)
    for k, (hair, own) in enumerate(zip(hairs, chances, strict=True)):
        part = slice(covered.start[k], covered.start[k + 1])
        pixel, share = covered.pixel[part], covered.share[part]
        if not len(pixel):
            continue
        along_um = covered.along_px[part] * np.float32(camera.um_per_px)
        colour = _shaft_light(own, hair, covered.across[part], along_um, camera)
        alpha = share * np.float32(hair.opacity)
        # A shaft comes through the skin over a way that is the longer the flatter it lies.
        if hair.halo_um > 20:
            way = np.float32((0.7 + 1.6 * own[0]) * hair.width_um[0])
            lip = _flecks(own, covered.across[part], along_um, 14.0, 3.0, camera) * np.float32(0.22)
            alpha *= np.clip(along_um / way + np.float32(0.6) + lip, 0, 1)
        under = flat[pixel]
        change = alpha[:, None] * (colour - under)
        flat[pixel] = under + change
        weight = float(share.sum()) + 1e-6
        contrast[k] = float(np.abs(change[:, 1]).sum()) / (float((under[:, 1] * share).sum()) + 0.01 * weight)
        top[pixel[share >= 0.5]] = k
    return top, contrast


def _shaft_light(own: Floats, hair: TrueHair, across: Singles, along_um: Singles, camera: Camera) -> Singles:
    """(M, 3) colour of a shaft's pixels: dark rim, uneven pigment, fibres, scales, crushed end, gloss."""
    tone = _course(own[1], along_um, 90.0, camera)
    fleck = _flecks(own, across, along_um, 16.0, 4.0, camera)
    fibre = _flecks(own[::-1], across, along_um, 130.0, 7.0, camera)
    scaly = np.float32(0.05 + 0.01 * min(hair.rough_um, 6.0))
    round_light = np.float32(1 + hair.rim / 3) - np.float32(hair.rim) * np.minimum(across**2, 1.2)
    light = (1 + np.float32(0.2) * tone + scaly * (fleck + np.float32(0.9) * fibre)) * round_light
    colour = np.maximum(light, np.float32(0.15))[:, None] * hair_colour(hair, along_um)
    # Here and there a stub lets brown light through, on one side more than on the other.
    lean = np.float32(own[3] - 0.5) * across + np.float32(0.7) * tone + np.float32(0.4) * fibre
    clear = np.clip(lean - np.float32(0.2), 0, 1.5) * np.float32(0.02 * own[4] * min(hair.rough_um, 3.0))
    colour = colour + clear[:, None] * THROUGH
    # Dull reflections of scales that stand up, and the paler face of a crushed cut.
    dull = np.clip(fleck + np.float32(0.6) * tone + np.float32(0.5) * fibre - np.float32(1.3), 0, 2)
    added = dull * np.float32(0.004 + 0.002 * min(hair.rough_um, 6.0))
    if hair.rough_um > 0:
        length_um = float(np.hypot(*np.diff(hair.path_um, axis=0).T).sum())
        face = np.clip((along_um - np.float32(length_um)) / np.float32(0.3 * hair.width_um[-1]) + 1, 0, 1)
        added += face * np.float32(0.036 * own[2])
    if hair.gloss > 0.02:
        added += np.float32(hair.gloss) * _sheen(own, hair, across, along_um, fleck, camera)
    return np.asarray(colour + added[:, None] * camera.gloss_tint, dtype=np.float32)


def _course(own: float, along_um: Singles, step_um: float, camera: Camera) -> Singles:
    """(M,) noise along a shaft, a value every `step_um`, straight between."""
    row, column = divmod(int(own * 2**18), 512)
    values = camera.sparkle[row, (np.arange(256) + column) & 511]
    return np.interp(along_um, np.arange(256) * step_um, values).astype(np.float32)


def _flecks(
    own: Floats, across: Singles, along_um: Singles, long_um: float, lanes: float, camera: Camera
) -> Singles:
    """(M,) noise in cells as long along the shaft and so many on a radius of it."""
    u = (along_um / np.float32(long_um)).astype(np.int64) + int(512 * own[0])
    v = (across * np.float32(lanes) + np.float32(8.0)).astype(np.int64) + int(512 * own[1])
    return np.asarray(camera.sparkle[u & 511, v & 511], dtype=np.float32)


def _sheen(
    own: Floats, hair: TrueHair, across: Singles, along_um: Singles, fleck: Singles, camera: Camera
) -> Singles:
    """(M,) bright line of the lamps on the cuticle: it flickers, wanders and breaks off."""
    slow, fast = _course(own[3], along_um, 420.0, camera), _course(own[4], along_um, 38.0, camera)
    chord = hair.path_um[-1] - hair.path_um[0]
    toward = np.sin(camera.lamp_rad - np.arctan2(chord[1], chord[0]))
    sharp = np.float32(0.12 + 0.2 * own[2])
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
