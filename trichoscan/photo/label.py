"""Reads the label of a scale bar, such as "1.0 mm" or "500 µm", by templates of its characters."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

CHARACTER_SCORE = 0.55
"""Least correlation of a character with its template."""
LABEL_SCORE = 0.70
"""Least mean correlation over the label's characters."""
DIGIT_MARGIN = 0.02
"""A digit whose second reading is this close is not read at all."""
ROUND_NUMBERS = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)
"""Scale bars stand for round lengths; any other reading is a misreading."""
_SHAPE_PX = (24, 16)
_TEXT_HEIGHT_PX = (6, 80)
_SYMBOLS = (*"0123456789", "m", "u", "c", "mm", "um", "cm")
_LABEL = re.compile(r"(\d+(?:\.\d+)?)(mm|um|cm)")
_UM_PER_UNIT = {"um": 1.0, "mm": 1e3, "cm": 1e4}


class Label(NamedTuple):
    """A length written in the photo.

    `x0, y0, x1, y1` bound its characters, px, the end exclusive.
    """

    um: float
    x0: int
    y0: int
    x1: int
    y1: int
    score: float


_Ink = tuple[NDArray[np.uint8], int, int]


class _Templates(NamedTuple):
    """T drawn symbols.

    Shapes at one size, with mean 0 and variance 1; width over height; first and last row relative to the
    digits (0 top, 1 foot).
    """

    symbol: tuple[str, ...]
    shape: NDArray[np.float32]
    aspect: NDArray[np.float64]
    top: NDArray[np.float64]
    bottom: NDArray[np.float64]
    is_digit: NDArray[np.bool_]


class _Glyph(NamedTuple):
    x0: int
    y0: int
    x1: int
    y1: int


def read_labels(gray: NDArray[np.uint8]) -> list[Label]:
    """All lengths that can be read in a small region, the surest first.

    Parameters
    ----------
    gray : (h, w) uint8
        Region around a scale bar; light text on dark and dark text on light are both tried.

    Returns
    -------
    list of Label
        Bounds in px of the region.
    """
    labels: list[Label] = []
    for light in (gray, 255 - gray):
        stroke = cv2.getStructuringElement(cv2.MORPH_RECT, (15, 15))
        strokes = cv2.morphologyEx(light, cv2.MORPH_TOPHAT, stroke)
        strongest = float(np.percentile(strokes, 99.7))
        if strongest < 30:
            continue
        for share in (0.5, 0.35, 0.7):
            labels += _labels_in(strokes, strongest * share)
    return sorted(
        (label for label in labels if not _lost_point(label, labels)), key=lambda label: -label.score
    )


def _lost_point(label: Label, labels: list[Label]) -> bool:
    """Whether another reading of the same characters sees a decimal point that this one overlooked."""
    return any(
        other.um < label.um and max(abs(a - b) for a, b in zip(label[1:5], other[1:5], strict=True)) <= 3
        for other in labels
    )


def _labels_in(strokes: NDArray[np.uint8], level: float) -> list[Label]:
    mask = (strokes > level).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    glyphs = [_Glyph(x, y, x + w, y + h) for x, y, w, h, area in stats[1:].tolist() if area >= 2]
    low, high = _TEXT_HEIGHT_PX
    tall = [g for g in glyphs if low <= g.y1 - g.y0 <= high and g.x1 - g.x0 <= 3.2 * (g.y1 - g.y0)]
    ends = np.array([(g.x1, g.y1) for g in glyphs]).reshape(-1, 2)
    labels = []
    for first in sorted(tall):
        close = np.flatnonzero(_may_precede(ends, first))
        if any(_precedes(strokes, glyphs[k], first) for k in close.tolist()):
            continue
        line = _line_from(first, glyphs)
        if 2 <= len(line) <= 8:
            label = _read_line(strokes, line, first)
            if label is not None:
                labels.append(label)
    return labels


def _may_precede(ends: NDArray[np.int64], first: _Glyph) -> NDArray[np.bool_]:
    """(K,) whether glyphs whose right lower corners are (K, 2) stand closely before `first`, on its line."""
    height = first.y1 - first.y0
    gap = first.x0 - ends[:, 0]
    return np.asarray((gap >= -1) & (gap <= 0.6 * height) & (np.abs(ends[:, 1] - first.y1) <= 0.3 * height))


def _precedes(strokes: NDArray[np.uint8], glyph: _Glyph, first: _Glyph) -> bool:
    """Whether what stands closely before `first` is a digit or a point, and so belongs to the number."""
    height = first.y1 - first.y0
    if glyph.y1 - glyph.y0 <= 0.3 * height:
        return glyph.y1 - glyph.y0 >= 2 and glyph.x1 - glyph.x0 <= 0.3 * height
    return max(_scores(strokes, glyph, first, allow_units=False).values(), default=0) >= CHARACTER_SCORE


def _line_from(first: _Glyph, glyphs: list[_Glyph]) -> list[_Glyph]:
    """Characters that follow `first`, a digit, on its line with no gap wider than a space."""
    height = first.y1 - first.y0
    line = [first]
    for glyph in sorted(glyphs):
        if glyph.x0 <= first.x0 or glyph == first:
            continue
        if glyph.x0 - line[-1].x1 > 0.9 * height:
            break
        on_line = glyph.y0 >= first.y0 - 0.15 * height and glyph.y1 <= first.y1 + 0.4 * height
        if on_line and glyph.y1 >= first.y1 - 0.15 * height:
            line.append(glyph)
    return line


def _read_line(strokes: NDArray[np.uint8], line: list[_Glyph], first: _Glyph) -> Label | None:
    height = first.y1 - first.y0
    text, scores = "", []
    for number, glyph in enumerate(line):
        w, h = glyph.x1 - glyph.x0, glyph.y1 - glyph.y0
        if h <= 0.34 * height and w <= 0.34 * height:
            text += "."
            continue
        symbol, score = _classify(strokes, glyph, first, allow_units=number > 0)
        if score < CHARACTER_SCORE:
            return None
        text += symbol
        scores.append(score)
        match = _LABEL.fullmatch(text.replace("µ", "u"))
        following = line[number + 1] if number + 1 < len(line) else None
        if match and (following is None or following.x0 - glyph.x1 > 0.25 * height):
            return _as_label(match, line[: number + 1], float(np.mean(scores)))
    return None


def _as_label(match: re.Match[str], line: list[_Glyph], score: float) -> Label | None:
    value = float(match.group(1))
    if value <= 0 or score < LABEL_SCORE:
        return None
    mantissa = value / 10.0 ** np.floor(np.log10(value) + 1e-9)
    if not any(abs(mantissa - usual) < 1e-6 for usual in ROUND_NUMBERS):
        return None
    um = value * _UM_PER_UNIT[match.group(2)]
    x0, y0 = min(g.x0 for g in line), min(g.y0 for g in line)
    return Label(um, x0, y0, max(g.x1 for g in line), max(g.y1 for g in line), score)


def _classify(
    strokes: NDArray[np.uint8], glyph: _Glyph, first: _Glyph, allow_units: bool
) -> tuple[str, float]:
    """Best symbol and its correlation; no score where a digit is ambiguous."""
    best = _scores(strokes, glyph, first, allow_units)
    if not best:
        return "", 0.0
    ranked = sorted(best, key=lambda symbol: -best[symbol])
    if ranked[0].isdigit() and ranked[1:] and best[ranked[0]] - best[ranked[1]] < DIGIT_MARGIN:
        return "", 0.0
    return ranked[0], best[ranked[0]]


def _scores(strokes: NDArray[np.uint8], glyph: _Glyph, first: _Glyph, allow_units: bool) -> dict[str, float]:
    """Correlation with each symbol of like proportions and like place on the line."""
    w, h = glyph.x1 - glyph.x0, glyph.y1 - glyph.y0
    height = first.y1 - first.y0
    shape = _normal_shape(strokes[glyph.y0 : glyph.y1, glyph.x0 : glyph.x1])
    top, bottom = (glyph.y0 - first.y0) / height, (glyph.y1 - first.y0) / height
    slack = 0.12 + 1.0 / height
    templates = _templates()
    like = np.abs(np.log(w / h / templates.aspect)) <= 0.4 + 1.0 / min(w, h)
    like &= (np.abs(top - templates.top) <= slack) & (np.abs(bottom - templates.bottom) <= slack)
    if not allow_units:
        like &= templates.is_digit
    best: dict[str, float] = {}
    chosen = np.flatnonzero(like).tolist()
    for k, score in zip(chosen, (templates.shape[chosen] @ shape.ravel() / shape.size).tolist(), strict=True):
        symbol = templates.symbol[k]
        best[symbol] = max(score, best.get(symbol, -1.0))
    return best


def _normal_shape(patch: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Patch at the templates' size with mean 0 and variance 1."""
    rows, columns = _SHAPE_PX
    shape = cv2.resize(patch.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    shape = shape - shape.mean()
    return np.asarray(shape / max(float(shape.std()), 1e-6), np.float32)


@lru_cache(maxsize=1)
def _templates() -> _Templates:
    """Every symbol in each font at hand."""
    symbols, shapes, places = [], [], []
    hershey = [(font, weight) for font in _HERSHEY for weight in (2, 4)]
    for font, weight in [(None, size) for size in (20, 48)] + hershey:
        drawn = {symbol: _ink(font, weight, symbol) for symbol in _SYMBOLS}
        drawn |= {"µ" + after: _with_tail(drawn["u" + after]) for after in ("", "m")}
        zero = drawn["0"]
        if zero is None:
            continue
        height = zero[2] - zero[1]
        for symbol, glyph in drawn.items():
            if glyph is not None:
                patch, y0, y1 = glyph
                symbols.append(symbol)
                shapes.append(_normal_shape(patch).ravel())
                places.append(
                    (patch.shape[1] / patch.shape[0], (y0 - zero[1]) / height, (y1 - zero[1]) / height)
                )
    is_digit = np.array([symbol.isdigit() for symbol in symbols])
    aspect, top, bottom = np.array(places).T
    return _Templates(tuple(symbols), np.stack(shapes), aspect, top, bottom, is_digit)


_HERSHEY = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_PLAIN,
)


def _ink(font: int | None, weight: int, text: str) -> _Ink | None:
    """Text drawn light on dark, cropped to its ink, with its first and last row (exclusive)."""
    if font is None:
        canvas = _pillow_text(text, weight)
    else:
        canvas = np.zeros((120, 240), np.uint8)
        cv2.putText(canvas, text, (20, 80), font, 1.6, 255, weight, cv2.LINE_AA)
    rows, columns = np.flatnonzero(canvas.max(1) > 100), np.flatnonzero(canvas.max(0) > 100)
    if not len(rows):
        return None
    y0, y1 = int(rows[0]), int(rows[-1]) + 1
    return canvas[y0:y1, columns[0] : columns[-1] + 1], y0, y1


def _with_tail(u: _Ink | None) -> _Ink | None:
    """Turn a u into a µ, which the fonts at hand lack: its left stem goes on below the line."""
    if u is None:
        return None
    patch, y0, y1 = u
    tail = round(0.4 * (y1 - y0))
    stem = int(np.argmin(patch[(y1 - y0) // 3] > 100))
    longer = np.pad(patch, ((0, tail), (0, 0)))
    longer[(y1 - y0) // 2 :, :stem] = 255
    return longer, y0, y1 + tail


def _pillow_text(text: str, size_px: int) -> NDArray[np.uint8]:
    image = Image.new("L", (240, 120))
    ImageDraw.Draw(image).text((20, 20), text, fill=255, font=ImageFont.load_default(size_px))
    return np.asarray(image)
