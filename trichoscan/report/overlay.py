"""The photo with what was found drawn on it, for a person to check."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from trichoscan.measure.density import hair_kind
from trichoscan.records import Analysis, Hair

Colour = tuple[int, int, int]

TERMINAL: Colour = (86, 180, 233)
VELLUS: Colour = (240, 228, 66)
UNMEASURED: Colour = (204, 121, 167)
"""Of the palette of Okabe & Ito 2008, which colour-blind people tell apart."""
CASING: Colour = (20, 24, 32)
FRAME: Colour = (255, 255, 255)
PAPER: Colour = (250, 250, 248)
INK: Colour = (34, 38, 46)

SIDE_PER_LINE_PX = 900.0
"""A line is one px wide for each of these of the photo's geometric mean side."""
UNCOUNTED_OPACITY = 0.45
LEFT_OUT_LIGHT = 0.45
"""Share of its light that scalp outside the counting area keeps."""
SUBPIXEL_BITS = 4


def draw_overlay(
    pixels: NDArray[np.uint8], analysis: Analysis, vellus_below_um: float = 30.0
) -> NDArray[np.uint8]:
    """Draw hairs, units, counting frame and a legend.

    Each hair is outlined along both edges of its shaft, or drawn as its centre line where the
    diameter is not known; a ring marks its root. Hairs that are not counted are fainter. The roots
    of one follicular unit are joined. What lies outside the counting area is darkened.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        The photo, RGB. Not changed.
    analysis : Analysis
    vellus_below_um : float
        Hairs thinner than this are vellus.

    Returns
    -------
    (H + L, W, 3) uint8
        RGB; the legend of L rows stands below the photo.
    """
    height, width = pixels.shape[:2]
    line_px = max(1, round(math.sqrt(height * width) / SIDE_PER_LINE_PX))
    kinds = [_kind(hair, analysis.um_per_px, vellus_below_um) for hair in analysis.hairs]
    canvas = _dim_outside(pixels, analysis.counting_mask)
    faint = canvas.copy()
    for hair, kind, counted in zip(analysis.hairs, kinds, analysis.counted, strict=True):
        if not counted:
            _draw_hair(faint, hair, COLOUR_OF_KIND[kind], line_px)
    canvas = cv2.addWeighted(faint, UNCOUNTED_OPACITY, canvas, 1 - UNCOUNTED_OPACITY, 0).astype(np.uint8)
    _draw_frame(canvas, analysis.counting_mask, line_px)
    _draw_units(canvas, analysis, line_px)
    for hair, kind, counted in zip(analysis.hairs, kinds, analysis.counted, strict=True):
        if counted:
            _draw_hair(canvas, hair, COLOUR_OF_KIND[kind], line_px)
    counted_kinds = [kind for kind, counted in zip(kinds, analysis.counted, strict=True) if counted]
    return np.vstack([canvas, _legend(width, analysis, counted_kinds)])


COLOUR_OF_KIND = {"terminal": TERMINAL, "vellus": VELLUS, "kind unknown": UNMEASURED}


def _kind(hair: Hair, um_per_px: float | None, vellus_below_um: float) -> str:
    diameter_um = None if um_per_px is None else hair.diameter_px * um_per_px
    return hair_kind(diameter_um, vellus_below_um) or "kind unknown"


def shaft_edges(hair: Hair) -> list[NDArray[np.float64]]:
    """Lines that outline a hair.

    Parameters
    ----------
    hair : Hair
        With N points.

    Returns
    -------
    list of (M, 2) float64
        One closed outline of 2 N points, in px, up one edge of the shaft and down the other; the
        centre line alone where the diameter is not known.
    """
    path = hair.path_px
    if math.isnan(hair.diameter_px):
        return [path]
    along = np.gradient(path, axis=0)
    along /= np.maximum(np.hypot(*along.T)[:, None], 1e-9)
    aside = np.column_stack([-along[:, 1], along[:, 0]]) * (hair.diameter_px / 2)
    outline = np.vstack([path + aside, (path - aside)[::-1]])
    return [np.vstack([outline, outline[:1]])]


def _dim_outside(pixels: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    levels = np.arange(256, dtype=np.float32)
    dimmed = cv2.LUT(pixels, (levels * LEFT_OUT_LIGHT).astype(np.uint8))
    return np.asarray(cv2.copyTo(pixels, mask.astype(np.uint8), dimmed), np.uint8)


def _lines(
    canvas: NDArray[np.uint8], lines: Sequence[NDArray[np.float64]], colour: Colour, width_px: int
) -> None:
    fixed = [np.rint(line * (1 << SUBPIXEL_BITS)).astype(np.int32) for line in lines]
    cv2.polylines(canvas, fixed, False, colour, width_px, cv2.LINE_AA, SUBPIXEL_BITS)


def _draw_hair(canvas: NDArray[np.uint8], hair: Hair, colour: Colour, line_px: int) -> None:
    edges = shaft_edges(hair)
    _lines(canvas, edges, CASING, line_px + 2)
    _lines(canvas, edges, colour, line_px)
    _ring(canvas, hair.root_px, 3.5 * line_px, CASING, line_px + 2)
    _ring(canvas, hair.root_px, 3.5 * line_px, colour, line_px)


def _ring(
    canvas: NDArray[np.uint8], centre_px: NDArray[np.float64], radius_px: float, colour: Colour, width_px: int
) -> None:
    scale = 1 << SUBPIXEL_BITS
    x, y = np.rint(centre_px * scale).astype(int)
    cv2.circle(
        canvas, (int(x), int(y)), round(radius_px * scale), colour, width_px, cv2.LINE_AA, SUBPIXEL_BITS
    )


def _draw_units(canvas: NDArray[np.uint8], analysis: Analysis, line_px: int) -> None:
    """Join the roots of each unit: a line between two, a hull around more."""
    for unit in np.unique(analysis.unit_of_hair):
        members = np.flatnonzero(analysis.unit_of_hair == unit)
        if len(members) < 2:
            continue
        roots = np.array([analysis.hairs[member].root_px for member in members])
        hull = cv2.convexHull(roots.astype(np.float32))[:, 0].astype(float)
        _lines(canvas, [np.vstack([hull, hull[:1]])], FRAME, line_px)


def _draw_frame(canvas: NDArray[np.uint8], mask: NDArray[np.bool_], line_px: int) -> None:
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, contours, -1, FRAME, line_px, cv2.LINE_AA)


def _legend(width_px: int, analysis: Analysis, counted_kinds: Sequence[str]) -> NDArray[np.uint8]:
    """Strip with the count, its area and the key to the colours, as wide as the photo."""
    sentence = _sentence(analysis)
    words = [f"{kind} {counted_kinds.count(kind)}" for kind in COLOUR_OF_KIND]
    font_px = min(max(12.0, width_px / 60), 64.0)
    while font_px > 6:
        font = ImageFont.load_default(font_px)
        pad = font_px * 0.8
        key_widths = [font.getlength(word) + 2.6 * font_px for word in words]
        if max(font.getlength(sentence), sum(key_widths) - 1.2 * font_px) + 2 * pad <= width_px:
            break
        font_px *= 0.93
    strip = Image.new("RGB", (width_px, round(3.9 * font_px)), PAPER)
    draw = ImageDraw.Draw(strip)
    draw.text((pad, 0.6 * font_px), sentence, font=font, fill=INK)
    x, y = pad, 2.2 * font_px
    for word, key_width, colour in zip(words, key_widths, COLOUR_OF_KIND.values(), strict=True):
        draw.ellipse((x, y + 0.1 * font_px, x + font_px, y + 1.1 * font_px), fill=colour, outline=INK)
        draw.text((x + 1.4 * font_px, y), word, font=font, fill=INK)
        x += key_width
    return np.asarray(strip)


def _sentence(analysis: Analysis) -> str:
    count = int(np.count_nonzero(analysis.counted))
    hairs = "1 hair" if count == 1 else f"{count} hairs"
    area_cm2 = analysis.area_cm2
    if area_cm2 is None:
        return f"{hairs} counted; no scale"
    if area_cm2 == 0:
        return "no area to count in"
    low, high = analysis.hair_count.low / area_cm2, analysis.hair_count.high / area_cm2
    return (
        f"{hairs} counted in {area_cm2:.4f} cm2: {count / area_cm2:.0f} per cm2 (95 %: {low:.0f}-{high:.0f})"
    )
