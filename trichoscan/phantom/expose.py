"""Taking the photo of a scene: lens, sensor, what the camera makes of it, JPEG."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.camera import Camera
from trichoscan.phantom.lens import see_through_lens
from trichoscan.phantom.rulers import etch_reticle
from trichoscan.phantom.sensor import sense

Singles = NDArray[np.float32]

ENCODED_STEPS = 4095
"""Linear light is looked up in as many steps for its sRGB value: finer than a grey level of the photo."""

EXPOSURE_RANGE = (0.55, 2.2)
"""Automatic exposure's bounds: dark skin stays darker than light skin."""

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


def expose(scene: Singles, camera: Camera) -> NDArray[np.uint8]:
    """Take the photo of a scene.

    Parameters
    ----------
    scene : (H, W, 3) float32
        Linear light under an even lamp; used up.
    camera : Camera

    Returns
    -------
    (H, W, 3) uint8
        RGB, before burnt-in signs and JPEG.
    """
    rng = np.random.default_rng(camera.seed)
    scene = _auto_expose(see_through_lens(scene, camera, rng), camera)
    if camera.reticle:
        etch_reticle(scene, camera)
    scene = sense(scene, camera.noise, camera.demosaicing, camera.bayer_shifted, rng)
    encoded = encode(scene)
    if camera.grey:
        luma = encoded @ LUMA
        encoded = 0.12 * encoded + 0.88 * luma[..., None]
    elif camera.chroma_blur_px > 0:
        encoded = _smooth_colour(encoded, camera.chroma_blur_px)
    if camera.sharpen > 0:
        soft = cv2.GaussianBlur(encoded, (0, 0), camera.sharpen_px)
        encoded = cv2.addWeighted(encoded, 1 + camera.sharpen, soft, -camera.sharpen, 0)
    return np.asarray(cv2.convertScaleAbs(np.maximum(encoded, 0, out=encoded)), dtype=np.uint8)


def _auto_expose(scene: Singles, camera: Camera) -> Singles:
    """Bring the mean light towards what the camera aims at."""
    if camera.exposure_share <= 0:
        return scene
    mean = float(scene[::8, ::8].mean(axis=(0, 1)) @ LUMA)
    gain = np.clip((camera.exposure / max(mean, 1e-3)) ** camera.exposure_share, *EXPOSURE_RANGE)
    return np.asarray(cv2.multiply(scene, np.full(4, float(gain)), dst=scene), dtype=np.float32)


def _smooth_colour(encoded: Singles, sd_px: float) -> Singles:
    """Blur colour and keep luminance, as cameras do against colour noise."""
    ycc = cv2.cvtColor(encoded, cv2.COLOR_RGB2YCrCb)
    luma, red, blue = cv2.split(ycc)
    red, blue = (cv2.GaussianBlur(c, (0, 0), sd_px) for c in (red, blue))
    return np.asarray(cv2.cvtColor(cv2.merge([luma, red, blue]), cv2.COLOR_YCrCb2RGB), dtype=np.float32)


def encode(scene: Singles) -> Singles:
    """SRGB grey levels 0-255 of linear light, not yet rounded (IEC 61966-2-1)."""
    v = np.arange(ENCODED_STEPS + 1) / ENCODED_STEPS
    table = np.where(v <= 0.0031308, 12.92 * v, 1.055 * v ** (1 / 2.4) - 0.055) * 255
    steps = np.clip(scene * np.float32(ENCODED_STEPS) + np.float32(0.5), 0, ENCODED_STEPS)
    return np.asarray(np.take(table.astype(np.float32), steps.astype(np.uint16)), dtype=np.float32)


def to_jpeg(pixels: NDArray[np.uint8], quality: int) -> bytes:
    """Encode (H, W, 3) uint8 RGB as JPEG of the quality 0-100."""
    done, data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done, "cv2 encodes any uint8 picture as JPEG"
    return bytes(data)


def from_jpeg(data: bytes) -> NDArray[np.uint8]:
    """Decode what `to_jpeg` wrote, RGB."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None, "our own JPEG"
    return np.ascontiguousarray(pixels[..., ::-1]).astype(np.uint8, copy=False)
