"""Signs that microscopes burn into their photos: banner, bar, circle, strip, watermark, ruler, note."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.camera import Camera
from trichoscan.phantom.rulers import draw_ticks, tick_places_px


def burn_in(pixels: NDArray[np.uint8], camera: Camera) -> None:
    """Draw the camera's signs into the photo, in place."""
    rng = np.random.default_rng(camera.seed + 1)
    for sign in camera.burnt_in:
        _DRAW[sign](pixels, camera, rng)


def _text(
    pixels: NDArray[np.uint8],
    text: str,
    at: tuple[int, int],
    size: float,
    colour: tuple[int, int, int],
    box: tuple[int, int, int] | None,
) -> int:
    """Text with its lower left corner at `at`, on a box if wanted; its right end."""
    (width, height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    if box is not None:
        cv2.rectangle(pixels, (at[0] - 4, at[1] - height - 4), (at[0] + width + 4, at[1] + base), box, -1)
    cv2.putText(pixels, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
    return int(at[0] + width + 10)


def _banner(pixels: NDArray[np.uint8], camera: Camera, rng: np.random.Generator) -> None:
    right = 7
    words = [
        f"{rng.choice(list('ABC'))}{rng.integers(1000):03d}",
        f"{camera.width_px}x{camera.height_px}",
        f"20{rng.integers(18, 27)}/{rng.integers(1, 13):02d}/{rng.integers(1, 29):02d}"
        f" {rng.integers(8, 18):02d}:{rng.integers(60):02d}:42",
        f"unit: mm  {rng.choice([20, 50, 70])}x",
    ]
    for i, word in enumerate(words):
        colour = (60, 230, 220) if i == 0 else (235, 235, 235)
        right = _text(pixels, word, (right, 17), 0.45, colour, (72, 72, 72))


def _bar(pixels: NDArray[np.uint8], camera: Camera, rng: np.random.Generator) -> None:
    mm = next(m for m in (2.0, 1.0, 0.5, 0.2, 0.1) if m * 1000 / camera.um_per_px < 0.35 * camera.width_px)
    length = round(mm * 1000 / camera.um_per_px)
    x, y = 18, camera.height_px - 42
    last = length - 1  # cv2 draws both ends
    cv2.line(pixels, (x, y), (x + last, y), (25, 25, 25), 1)
    if rng.random() < 0.6:
        cv2.line(pixels, (x, y), (x, max(y - last, 0)), (25, 25, 25), 1)
    _text(pixels, f"{mm:.1f} mm", (x + length + 10, y + 4), 0.45, (235, 235, 235), (72, 72, 72))


def _circle(pixels: NDArray[np.uint8], camera: Camera, rng: np.random.Generator) -> None:
    radius = round(0.45 * camera.height_px * rng.uniform(0.85, 1.0))
    x = round(camera.width_px * rng.uniform(0.4, 0.6))
    y = camera.height_px // 2
    red = (235, 40, 40)
    cv2.circle(pixels, (x, y), radius, red, 1, cv2.LINE_AA)
    end = (round(x + radius * 0.986), round(y + radius * 0.166))
    cv2.line(pixels, (x, y), end, red, 1, cv2.LINE_AA)
    left, top = min(end[0] + 6, camera.width_px - 175), end[1] + 6
    box = pixels[top : top + 125, left : left + 190]
    box[:] = (0.5 * box + 0.5 * np.array([210, 205, 190])).astype(np.uint8)
    mm = radius * camera.um_per_px / 1000
    lines = ("RC0", f"C={2 * np.pi * mm:.3f} mm", f"A={np.pi * mm * mm:.3f} mm^2", f"r={mm:.3f} mm")
    for i, line in enumerate(lines):
        _text(pixels, line, (left + 6, top + 24 + 29 * i), 0.62, (20, 20, 215), None)


def _strip(pixels: NDArray[np.uint8], camera: Camera, rng: np.random.Generator) -> None:
    pixels[camera.height_px - int(rng.integers(8, 22)) :] = 220


def _watermark(pixels: NDArray[np.uint8], camera: Camera, rng: np.random.Generator) -> None:
    text = str(rng.choice(["ScopeView", "SkinCam", "DermaFi"]))
    size = camera.width_px / 350
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, max(round(2 * size), 1))
    mark: NDArray[np.uint8] = np.zeros(pixels.shape[:2], np.uint8)
    at = ((camera.width_px - width) // 2, camera.height_px - height // 2)
    cv2.putText(mark, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, 255, max(round(2 * size), 1), cv2.LINE_AA)
    share = (mark * np.float32(0.18 / 255))[..., None]
    pixels[:] = (pixels + share * (235 - pixels.astype(np.float32))).astype(np.uint8)


def _ruler(pixels: NDArray[np.uint8], camera: Camera, rng: np.random.Generator) -> None:
    """A printed scale along the photo's upper rim, ticks every half millimetre."""
    marks: NDArray[np.uint8] = np.zeros(pixels.shape[:2], np.uint8)
    places = tick_places_px(camera.um_per_px, camera.width_px - 10.0, 10.0, 2)
    lengths = np.where(np.arange(len(places)) % 2 == 0, 14.0, 7.0)
    draw_ticks(marks, places, 26.0, lengths, 255)
    ink = np.array([(250, 250, 250), (15, 15, 15), (250, 220, 40)][int(rng.integers(3))], np.float32)
    share = marks[..., None] * np.float32(1 / 255)
    pixels[:] = (pixels + share * (ink - pixels)).astype(np.uint8)


def _note(pixels: NDArray[np.uint8], camera: Camera, rng: np.random.Generator) -> None:
    """A box with a few words in a corner."""
    site = str(rng.choice(["vertex", "frontal", "occipital", "temple L", "temple R"]))
    lines = (f"ID {rng.integers(10000):04d}", site, f"V{rng.integers(6)}  {rng.choice([20, 50, 70, 100])}x")
    wide, high = 150, 22 * len(lines) + 10
    x = int(rng.choice([8, camera.width_px - wide - 8]))
    y = int(rng.choice([34, camera.height_px - high - 30]))
    dark = bool(rng.random() < 0.5)
    cv2.rectangle(pixels, (x, y), (x + wide, y + high), (20, 20, 20) if dark else (245, 245, 245), -1)
    for i, line in enumerate(lines):
        _text(pixels, line, (x + 8, y + 22 * (i + 1)), 0.5, (240, 240, 240) if dark else (15, 15, 15), None)


_DRAW = {
    "banner": _banner,
    "bar": _bar,
    "circle": _circle,
    "strip": _strip,
    "watermark": _watermark,
    "ruler": _ruler,
    "note": _note,
}
