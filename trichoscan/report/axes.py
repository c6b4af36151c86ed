"""Scales, ticks and axes of the plots."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from trichoscan.report.svg import join, tag

INK, MUTED, GRID = "#1c2430", "#4a5461", "#d9dee3"
FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
TEXT_PX = 12.0
BLUE, VERMILLION, GREEN, PURPLE, BLACK = "#0072b2", "#d55e00", "#009e73", "#b0568a", "#000000"
"""Of the palette of Okabe & Ito 2008; the purple is darkened to stand out from white paper."""
SERIES = (
    (BLUE, "", "circle"),
    (VERMILLION, "7 3", "square"),
    (GREEN, "2 3", "triangle"),
    (PURPLE, "8 3 2 3", "diamond"),
    (BLACK, "1 3", "circle"),
)
"""Colour, dashes and sign of the arms, in their order; no two differ in colour alone."""


@dataclass(frozen=True)
class Scale:
    """A straight axis: values `low` to `high` lie at `start` to `end` of the drawing."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Place of a value in the drawing."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers, 1, 2 or 5 times a power of ten apart, from at or below `low` to at or above `high`."""
    span = high - low if high > low else max(abs(low), 1.0)
    raw = span / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    return [round(k * step, 10) for k in range(first, last + 1)]


def tick_text(value: float) -> str:
    """A tick's number with a true minus sign."""
    return f"{value:g}".replace("-", "−")


def text(x: float, y: float, words: str, *, anchor: str = "start", colour: str = INK, **more: str) -> Markup:
    """Words at a place; `y` is their base line."""
    return tag("text", words, x=x, y=y, text_anchor=anchor, fill=colour, **more)


def rule(x1: float, y1: float, x2: float, y2: float, colour: str = GRID, **more: str | float) -> Markup:
    """A straight line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=colour, **more)


def y_axis(scale: Scale, x_from: float, x_to: float, at: list[float]) -> Markup:
    """Rules across the plot, their numbers at the left."""
    return join(
        part
        for value in at
        for part in (
            rule(x_from, scale.at(value), x_to, scale.at(value)),
            text(x_from - 6, scale.at(value) + 4, tick_text(value), anchor="end", colour=MUTED),
        )
    )


def x_axis(scale: Scale, y: float, at: list[tuple[float, str]]) -> Markup:
    """Numbers or names under the plot, each with a small mark."""
    return join(
        part
        for value, words in at
        for part in (
            rule(scale.at(value), y, scale.at(value), y + 4, MUTED),
            text(scale.at(value), y + 17, words, anchor="middle", colour=MUTED),
        )
    )


CORNERS: dict[str, tuple[tuple[float, float], ...]] = {
    "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "triangle": ((0, -1.2), (1.15, 0.9), (-1.15, 0.9)),
    "diamond": ((0, -1.35), (1.35, 0), (0, 1.35), (-1.35, 0)),
}
"""Of the signs that are no circle, of radius 1."""


def sign(x: float, y: float, kind: str, colour: str, radius: float = 4.5) -> Markup:
    """A circle, square, triangle or diamond with a white rim."""
    rim: dict[str, str | int] = {"fill": colour, "stroke": "#ffffff", "stroke_width": 1}
    if kind == "circle":
        return tag("circle", cx=x, cy=y, r=radius, **rim)
    points = " ".join(f"{x + dx * radius:.1f},{y + dy * radius:.1f}" for dx, dy in CORNERS[kind])
    return tag("polygon", points=points, **rim)


def whisker(x1: float, y1: float, x2: float, y2: float, colour: str) -> Markup:
    """An interval: a line with a small bar across each end."""
    across = 4.0
    dx, dy = (across, 0.0) if x1 == x2 else (0.0, across)
    return join(
        [
            rule(x1, y1, x2, y2, colour, stroke_width=1.6),
            rule(x1 - dx, y1 - dy, x1 + dx, y1 + dy, colour, stroke_width=1.6),
            rule(x2 - dx, y2 - dy, x2 + dx, y2 + dy, colour, stroke_width=1.6),
        ]
    )


def plot(width: float, height: float, label: str, *parts: Markup) -> Markup:
    """The drawing; `label` tells in words what it shows."""
    return tag(
        "svg",
        *parts,
        class_="plot",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        role="img",
        aria_label=label,
        font_family=FONT,
        font_size=TEXT_PX,
    )
