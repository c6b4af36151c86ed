"""Photos spoilt on purpose, in linear light and before the sensor, as bad photos come about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.camera import Camera, draw_camera
from trichoscan.phantom.lens import half_diagonals, see_through_lens
from trichoscan.phantom.style import linear

Pixels = NDArray[np.uint8]
Singles = NDArray[np.float32]

SENSOR_NOISE = 1.5
"""Grey levels of a spoilt photo's own noise, which no blur takes away."""
JPEG_QUALITY = 92


@dataclass(frozen=True, eq=False)
class Spoilt:
    """A photo, and by how much its um per px is multiplied: truly, and in what is stated of it."""

    pixels: Pixels
    zoom: float = 1.0
    stated: float = 1.0


def encoded(light: Singles, seed: int) -> Pixels:
    """Linear light as sRGB (IEC 61966-2-1), through a sensor's noise and JPEG."""
    light = np.clip(light, 0, 1)
    srgb = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    noisy = srgb + np.random.default_rng(seed).normal(0, SENSOR_NOISE, light.shape)
    picture = np.clip(np.round(noisy), 0, 255).astype(np.uint8)
    _, coded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return np.ascontiguousarray(cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1], np.uint8)


def blurred(light: Singles, sd_px: float, seed: int) -> Singles:
    """Out of focus by a Gaussian."""
    return np.asarray(cv2.GaussianBlur(light, (0, 0), sd_px), np.float32)


def moved(light: Singles, way_px: float, seed: int) -> Singles:
    """Moved along a straight way, its direction drawn."""
    turn = np.random.default_rng(seed).uniform(0, np.pi)
    side = int(way_px) // 2 * 2 + 5
    way = way_px / 2 * np.outer([-1, 1], [np.cos(turn), np.sin(turn)])
    ends = np.rint(64 * (side // 2 + way)).astype(int)
    kernel = np.zeros((side, side), np.float32)
    cv2.line(kernel, ends[0].tolist(), ends[1].tolist(), 1.0, 1, cv2.LINE_AA, 6)
    return np.asarray(cv2.filter2D(light, -1, kernel / kernel.sum()), np.float32)


def lit(light: Singles, factor: float, seed: int) -> Singles:
    """With another exposure."""
    return light * np.float32(factor)


def shining(light: Singles, share: float, seed: int) -> Singles:
    """Reflections that burn out a share of the photo, with soft rims."""
    noise = np.random.default_rng(seed).normal(size=light.shape[:2]).astype(np.float32)
    hills = cv2.GaussianBlur(noise, (0, 0), 14)
    over = np.clip((hills - np.quantile(hills, 1 - share)) / hills.std() / 0.25 + 1, 0, 2)
    return light + over[..., None].astype(np.float32)


def bubbly(light: Singles, number: float, seed: int) -> Singles:
    """Bubbles in the immersion."""
    camera = replace(clear_camera(light), bubbles=int(number))
    return see_through_lens(light.copy(), camera, np.random.default_rng(seed))


def clear_camera(light: Singles) -> Camera:
    """A camera that adds nothing."""
    height, width = light.shape[:2]
    camera = draw_camera("plain", width, height, 5.5, np.random.default_rng(0))
    ones = np.ones((4, 4, 3), np.float32)
    return replace(camera, light=ones, rim_tint=np.zeros(3, np.float32), blur_px=0.1)


def through_hole(light: Singles, radius: float, seed: int) -> Singles:
    """Through a round aperture, radius in half diagonals."""
    dark = half_diagonals(light.shape[1], light.shape[0]) > radius
    return np.where(dark[..., None], np.float32(0.001), light)


FAULTS: dict[str, tuple[Callable[[Singles, float, int], Singles], tuple[float, ...]]] = {
    "out of focus, SD in px": (blurred, (1, 2, 3, 4, 6, 10)),
    "moved, way in px": (moved, (4, 8, 12, 20, 30)),
    "light, times": (lit, (0.5, 0.25, 0.12, 0.06, 0.02)),
    "light, times, too much": (lit, (1.5, 2, 3, 5)),
    "glare, share burnt": (shining, (0.03, 0.1, 0.2, 0.4)),
    "bubbles": (bubbly, (4, 12, 30)),
    "aperture, radius in half diagonals": (through_hole, (0.9, 0.7, 0.5)),
}
"""What is done, and how much of it."""
ZOOMS = (1.7, 2.5, 4.0, 7.0)
"""Photos shrunk: um per px grows by this."""
MISSTATED = (0.4, 0.6, 1.6, 2.5)
"""Times the true um per px that is stated."""


def spoil(pixels: Pixels, seed: int) -> dict[tuple[str, float], Spoilt]:
    """Every fault in every degree, and first none."""
    light = linear(pixels).astype(np.float32)
    made = {("none", 0.0): Spoilt(encoded(light, seed))}
    for name, (fault, degrees) in FAULTS.items():
        for degree in degrees:
            made[name, degree] = Spoilt(encoded(fault(light, degree, seed), seed))
    for zoom in ZOOMS:
        small = cv2.resize(light, None, fx=1 / zoom, fy=1 / zoom, interpolation=cv2.INTER_AREA)
        made["magnification, times um per px", zoom] = Spoilt(encoded(small, seed), zoom=zoom)
    for factor in MISSTATED:
        made["stated um per px, times the true", factor] = Spoilt(encoded(light, seed), stated=factor)
    return made
