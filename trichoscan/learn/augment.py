"""Changes of light, lens and sensor that leave the hairs where they are."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

LIFT_SHARE, MOST_LIFT = 0.2, 0.4
"""So many pictures have their dark tones lifted, by up to so much of full light: dark hair becomes brown,
red, fair or grey, and skin half as much lighter."""


def augment_pixels(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Change light, colour, sharpness, noise and compression at random.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
    rng : numpy.random.Generator

    Returns
    -------
    (H, W, 3) uint8
    """
    image = _recolour(pixels.astype(np.float32) / 255.0, rng)
    if rng.random() < LIFT_SHARE:
        image = image + (1 - image) * _tint(rng)
    if rng.random() < 0.5:
        image = image * _uneven_light(image.shape[:2], rng)[..., None]
    if rng.random() < 0.35:
        image = _coarser(image, rng.uniform(1.2, 2.4))
    if rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6))
    elif rng.random() < 0.2:
        image = image + rng.uniform(0.3, 1.0) * (image - cv2.GaussianBlur(image, (0, 0), 1.2))
    if rng.random() < 0.4:
        image = image + rng.normal(0, rng.uniform(0.004, 0.03), image.shape).astype(np.float32)
    out = (np.clip(image, 0, 1) * 255).astype(np.uint8)
    return _compress(out, int(rng.integers(35, 95))) if rng.random() < 0.4 else out


def _recolour(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Brightness, contrast, gamma, white balance, saturation; sometimes another hue or grey."""
    if rng.random() < 0.15:
        image = image[..., rng.permutation(3)]
    gain = np.exp(rng.normal(0, 0.15) + rng.normal(0, 0.08, 3)).astype(np.float32)
    image = cv2.pow(np.clip(image * gain, 0, 1), float(np.exp(rng.normal(0, 0.2))))
    grey = image.mean(-1, keepdims=True)
    saturation = 0.0 if rng.random() < 0.08 else float(np.exp(rng.normal(0, 0.35)))
    image = grey + saturation * (image - grey)
    mean = image.mean()
    return np.asarray(mean + np.exp(rng.normal(0, 0.15)) * (image - mean), np.float32)


def _tint(rng: np.random.Generator) -> NDArray[np.float32]:
    """(3,) light of a hair's colour: most red, least blue."""
    green = rng.uniform(0.4, 1.0)
    shares = np.array([1.0, green, green * rng.uniform(0.3, 1.0)])
    return np.asarray(rng.uniform(0.05, MOST_LIFT) * shares, np.float32)


def _uneven_light(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """(H, W) smooth gain around 1."""
    coarse = np.exp(rng.normal(0, 0.18, (4, 4))).astype(np.float32)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)


def _coarser(image: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """As a camera of `factor` times fewer px would have taken it."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (int(width / factor), int(height / factor)), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def _compress(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Through JPEG and back."""
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
