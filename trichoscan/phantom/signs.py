"""Signs that microscopes burn into their photos: banner, bar, circle, strip, watermark, ruler, note."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.camera import Camera
from trichoscan.phantom.rulers import draw_ticks, tick_places_px

Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]

SITES = ("vertex", "frontal", "occipital", "temple L", "temple R")
BRANDS = ("ScopeView", "SkinCam", "DermaFi")
WATERMARK_SHARE = 0.18
"""Share of the photo's light that the watermark takes away: what lies beneath shows through."""

BOX_SHARE = 0.5
"""The same for the box with the circle's numbers."""


def burn_in(pixels: Bytes, camera: Camera) -> Mask:
    """Draw the camera's signs into the photo, in place.

    What belongs to the patient and the device is the same in every photo with the same `signs_seed`.

    Returns
    -------
    (H, W) bool
        What the signs hide: opaque boxes, banners and strips; neither thin lines nor what only tints.
    """
    hidden = np.zeros(pixels.shape[:2], bool)
    for sign in camera.burnt_in:
        device = np.random.default_rng([camera.signs_seed, list(_DRAW).index(sign)])
        _DRAW[sign](pixels, hidden, camera, device)
    return hidden


def patient_number(camera: Camera) -> str:
    """Return what the burnt-in texts call the patient."""
    rng = np.random.default_rng(camera.signs_seed)
    return f"{rng.choice(list('ABC'))}{rng.integers(1000):03d}"


def _text(
    pixels: Bytes,
    hidden: Mask,
    text: str,
    at: tuple[int, int],
    size: float,
    colour: tuple[int, int, int],
    box: tuple[int, int, int] | None,
) -> int:
    """Text with its lower left corner at `at`, on an opaque box if wanted; its right end."""
    (width, height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    if box is not None:
        _box(pixels, hidden, (at[0] - 4, at[1] - height - 4), (at[0] + width + 4, at[1] + base), box)
    cv2.putText(pixels, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
    return int(at[0] + width + 10)


def _box(
    pixels: Bytes, hidden: Mask, low: tuple[int, int], high: tuple[int, int], colour: tuple[int, int, int]
) -> None:
    cv2.rectangle(pixels, low, high, colour, -1)
    hidden[max(low[1], 0) : high[1] + 1, max(low[0], 0) : high[0] + 1] = True


def _banner(pixels: Bytes, hidden: Mask, camera: Camera, rng: np.random.Generator) -> None:
    of_photo = np.random.default_rng([camera.seed, 1])
    year, month, day = of_photo.integers((2018, 1, 1), (2027, 13, 29))
    time = f"{of_photo.integers(8, 18):02d}:{of_photo.integers(60):02d}:{of_photo.integers(60):02d}"
    words = [
        patient_number(camera),
        f"{camera.width_px}x{camera.height_px}",
        f"{camera.date or f'{year}/{month:02d}/{day:02d}'} {time}",
        f"unit: mm  {camera.magnification}x",
    ]
    right = 7
    for i, word in enumerate(words):
        colour = (60, 230, 220) if i == 0 else (235, 235, 235)
        right = _text(pixels, hidden, word, (right, 17), 0.45, colour, (72, 72, 72))


def _bar(pixels: Bytes, hidden: Mask, camera: Camera, rng: np.random.Generator) -> None:
    mm = next(m for m in (2.0, 1.0, 0.5, 0.2, 0.1) if m * 1000 / camera.um_per_px < 0.35 * camera.width_px)
    length = round(mm * 1000 / camera.um_per_px)
    x, y = 18, camera.height_px - 42
    last = length - 1  # cv2 draws both ends
    cv2.line(pixels, (x, y), (x + last, y), (25, 25, 25), 1)
    if rng.random() < 0.6:
        cv2.line(pixels, (x, y), (x, max(y - last, 0)), (25, 25, 25), 1)
    _text(pixels, hidden, f"{mm:.1f} mm", (x + length + 10, y + 4), 0.45, (235, 235, 235), (72, 72, 72))


def _circle(pixels: Bytes, hidden: Mask, camera: Camera, rng: np.random.Generator) -> None:
    of_photo = np.random.default_rng([camera.seed, 2])  # the user draws it anew on each photo
    radius = round(0.45 * camera.height_px * of_photo.uniform(0.85, 1.0))
    x = round(camera.width_px * of_photo.uniform(0.4, 0.6))
    y = camera.height_px // 2
    red = (235, 40, 40)
    cv2.circle(pixels, (x, y), radius, red, 1, cv2.LINE_AA)
    end = (round(x + radius * 0.986), round(y + radius * 0.166))
    cv2.line(pixels, (x, y), end, red, 1, cv2.LINE_AA)
    left, top = min(end[0] + 6, camera.width_px - 175), end[1] + 6
    box = pixels[top : top + 125, left : left + 190]
    box[:] = ((1 - BOX_SHARE) * box + BOX_SHARE * np.array([210, 205, 190])).astype(np.uint8)
    mm = radius * camera.um_per_px / 1000
    lines = ("RC0", f"C={2 * np.pi * mm:.3f} mm", f"A={np.pi * mm * mm:.3f} mm^2", f"r={mm:.3f} mm")
    for i, line in enumerate(lines):
        _text(pixels, hidden, line, (left + 6, top + 24 + 29 * i), 0.62, (20, 20, 215), None)


def _strip(pixels: Bytes, hidden: Mask, camera: Camera, rng: np.random.Generator) -> None:
    top = camera.height_px - int(rng.integers(8, 22))
    pixels[top:] = 220
    hidden[top:] = True


def _watermark(pixels: Bytes, hidden: Mask, camera: Camera, rng: np.random.Generator) -> None:
    text = str(rng.choice(BRANDS))
    size = camera.width_px / 350
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, max(round(2 * size), 1))
    mark: NDArray[np.uint8] = np.zeros(pixels.shape[:2], np.uint8)
    at = ((camera.width_px - width) // 2, camera.height_px - height // 2)
    cv2.putText(mark, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, 255, max(round(2 * size), 1), cv2.LINE_AA)
    share = (mark * np.float32(WATERMARK_SHARE / 255))[..., None]
    pixels[:] = (pixels + share * (235 - pixels.astype(np.float32))).astype(np.uint8)


def _ruler(pixels: Bytes, hidden: Mask, camera: Camera, rng: np.random.Generator) -> None:
    """A printed scale along the photo's upper rim, ticks every half millimetre."""
    marks: NDArray[np.uint8] = np.zeros(pixels.shape[:2], np.uint8)
    places = tick_places_px(camera.um_per_px, camera.width_px - 10.0, 10.0, 2)
    lengths = np.where(np.arange(len(places)) % 2 == 0, 14.0, 7.0)
    draw_ticks(marks, places, 26.0, lengths, 255)
    ink = np.array([(250, 250, 250), (15, 15, 15), (250, 220, 40)][int(rng.integers(3))], np.float32)
    share = marks[..., None] * np.float32(1 / 255)
    pixels[:] = (pixels + share * (ink - pixels)).astype(np.uint8)


def _note(pixels: Bytes, hidden: Mask, camera: Camera, rng: np.random.Generator) -> None:
    """A box with a few words in a corner."""
    site = str(rng.choice(SITES))
    lines = [f"ID {patient_number(camera)}", site, f"{camera.magnification}x"]
    if camera.date:
        lines.append(camera.date)
    wide, high = 150, 22 * len(lines) + 10
    x = int(rng.choice([8, camera.width_px - wide - 8]))
    y = int(rng.choice([34, camera.height_px - high - 30]))
    dark = bool(rng.random() < 0.5)
    _box(pixels, hidden, (x, y), (x + wide, y + high), (20, 20, 20) if dark else (245, 245, 245))
    for i, line in enumerate(lines):
        ink = (240, 240, 240) if dark else (15, 15, 15)
        _text(pixels, hidden, line, (x + 8, y + 22 * (i + 1)), 0.5, ink, None)


_DRAW = {
    "banner": _banner,
    "bar": _bar,
    "circle": _circle,
    "strip": _strip,
    "watermark": _watermark,
    "ruler": _ruler,
    "note": _note,
}
