"""Millimetre scales of a phantom: a paper or steel ruler on the skin, a scale etched into the optics."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.camera import Camera
from trichoscan.phantom.render import SUBPIXEL_BITS, fixed_point

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Bytes = NDArray[np.uint8]

PAPER = np.array([0.62, 0.6, 0.55], np.float32)
"""Linear light of a paper ruler."""

STEEL = np.array([0.33, 0.34, 0.36], np.float32)
"""Linear light of a steel ruler."""

DEEPEST_SHARE = 0.2
"""A ruler's edge covers at most this share of the photo's height."""


def tick_places_px(um_per_px: float, length_px: float, first_px: float, per_mm: int = 1) -> Floats:
    """(T,) distances along a scale at which its ticks stand, `per_mm` of them a millimetre."""
    return np.arange(first_px, length_px, 1000.0 / per_mm / um_per_px)


def draw_ticks(
    canvas: Bytes,
    places_px: Floats,
    foot_px: float,
    lengths_px: Floats,
    level: int,
    numbers_from: int | None = 0,
    size: float = 0.4,
) -> None:
    """Draw upright ticks from a foot line downwards, in place; numbers under the long ones."""
    ends = np.stack(
        [
            np.column_stack([places_px, np.full(len(places_px), foot_px)]),
            np.column_stack([places_px, foot_px + lengths_px]),
        ],
        axis=1,
    )
    cv2.polylines(canvas, list(fixed_point(ends)), False, level, 1, cv2.LINE_AA, SUBPIXEL_BITS)
    if numbers_from is None:
        return
    long = np.flatnonzero(lengths_px >= lengths_px.max())
    for number, k in enumerate(long):
        text = str(numbers_from + number)
        (wide, high), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
        at = (round(places_px[k] - wide / 2), round(foot_px + lengths_px[k] + high + 4))
        cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, level, 1, cv2.LINE_AA)


def lay_ruler(scene: Singles, camera: Camera) -> NDArray[np.bool_]:
    """Lay the edge of a ruler over the scene, in place, with its shadow.

    Returns
    -------
    (H, W) bool
        What the ruler hides.
    """
    height, width = scene.shape[:2]
    if not camera.ruler:
        return np.zeros((height, width), bool)
    rng = np.random.default_rng(camera.seed + 2)
    long, deep = 2 * max(width, height), max(width, height)
    ink: Bytes = np.zeros((deep, long), np.uint8)
    mm_px = 1000 / camera.um_per_px
    halves = tick_places_px(camera.um_per_px, long, float(rng.uniform(0, mm_px)), 2)
    tall = min(0.5 * mm_px, 0.1 * height)
    lengths = np.where(np.arange(len(halves)) % 2 == 0, tall, 0.6 * tall)
    draw_ticks(
        ink, halves, 0.0, lengths, 255, int(rng.integers(0, 80)), float(np.clip(mm_px / 160, 0.35, 1.2))
    )
    inside = (1 - 2 * DEEPEST_SHARE * rng.uniform(0.5, 1.0)) * height / 2
    turn = float(rng.choice([0, 90, 180, 270]) + rng.normal(0, 8))
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    middle = np.array([width, height]) / 2
    # The ruler's edge is the canvas's top row; it lies `inside` px off the photo's middle.
    if abs(s) > 0.7:
        inside *= width / height
    map_ = np.array([[c, s, long / 2 - middle @ [c, s]], [-s, c, -inside - middle @ [-s, c]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    printed = cv2.warpAffine(ink, map_, (width, height), flags=flags).astype(np.float32) / 255
    covers = (
        cv2.warpAffine(np.full_like(ink, 255), map_, (width, height), flags=flags).astype(np.float32) / 255
    )
    shadow = cv2.GaussianBlur(covers, (0, 0), 60 / camera.um_per_px) * np.float32(0.45)
    scene *= (1 - shadow)[..., None]
    face = (PAPER if rng.random() < 0.6 else STEEL) * (1 - np.float32(0.92) * printed)[..., None]
    scene += covers[..., None] * (face - scene)
    return np.asarray(covers > 0.5)


def etch_reticle(scene: Singles, camera: Camera) -> None:
    """Draw the millimetre scale that is etched into the optics, in place: thin, dark, in focus."""
    rng = np.random.default_rng(camera.seed + 3)
    height, width = scene.shape[:2]
    marks: Bytes = np.zeros((height, width), np.uint8)
    places = tick_places_px(camera.um_per_px, 0.95 * width, 0.05 * width, 10)
    rank = np.arange(len(places))
    lengths = np.where(rank % 10 == 0, 22.0, np.where(rank % 5 == 0, 14.0, 8.0))
    y = float(rng.uniform(0.3, 0.7) * height)
    if 100 / camera.um_per_px < 4:  # tenths would run into each other
        places, lengths = places[::10], lengths[::10]
    draw_ticks(marks, places, y, lengths, 255)
    line = fixed_point(np.array([[places[0], y], [places[-1], y]]))
    cv2.polylines(marks, [line], False, 255, 1, cv2.LINE_AA, SUBPIXEL_BITS)
    scene *= 1 - np.float32(0.85 / 255) * marks[..., None]
