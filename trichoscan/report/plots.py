"""Plots of one photo and one patient: diameters, and the course over the visits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from trichoscan.report.axes import (
    BLUE,
    INK,
    MUTED,
    SERIES,
    VERMILLION,
    Scale,
    plot,
    rule,
    sign,
    text,
    tick_text,
    ticks,
    whisker,
    x_axis,
    y_axis,
)
from trichoscan.report.svg import join, tag

BIN_UM = 10.0
"""Width of a bar: twice the standard error of most diameters."""
LEAST_SHOWN_UM = 120.0
DAY_LABELS = 6


@dataclass(frozen=True)
class Point:
    """A measured value at a visit; `low` and `high` are None where there is no interval."""

    days: float
    visit: str
    value: float
    low: float | None = None
    high: float | None = None


def histogram(diameters_um: Sequence[float], vellus_below_um: float) -> Markup:
    """Bars of how many hairs are how thick; vellus hairs hatched by an outline and another colour.

    Parameters
    ----------
    diameters_um : sequence of float
        Of the counted hairs that could be measured.
    vellus_below_um : float
    """
    values = np.asarray(diameters_um)
    top_um = max(LEAST_SHOWN_UM, math.ceil((values.max(initial=0) + 1e-9) / BIN_UM) * BIN_UM)
    counts, edges = np.histogram(values, np.arange(0, top_um + BIN_UM / 2, BIN_UM))
    at = ticks(0, max(int(counts.max(initial=0)), 4), 4)
    x, y = Scale(0, top_um, 44, 408), Scale(0, at[-1], 176, 28)
    bars = [
        tag(
            "rect",
            x=x.at(left) + 1,
            y=y.at(count),
            width=x.at(right) - x.at(left) - 2,
            height=y.at(0) - y.at(count),
            fill="#f0e442" if right <= vellus_below_um else BLUE,
            stroke=INK,
            stroke_width=0.7,
        )
        for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True)
        if count
    ]
    limit = x.at(vellus_below_um)
    words = (
        f"Histogram of {len(values)} hair diameters, median {np.median(values):.0f} µm, "
        f"{int(np.sum(values < vellus_below_um))} below {vellus_below_um:g} µm"
    )
    return plot(
        420,
        216,
        words,
        y_axis(y, x.start, x.end, [value for value in at if value == int(value)]),
        *bars,
        rule(limit, y.start, limit, y.end, VERMILLION, stroke_width=1.5, stroke_dasharray="5 3"),
        text(limit + 4, y.end - 4, f"vellus below {vellus_below_um:g} µm", colour="#a34700"),
        x_axis(x, y.start, [(value, tick_text(value)) for value in ticks(0, top_um, 6) if value <= top_um]),
        text((x.start + x.end) / 2, 212, "shaft diameter, µm", anchor="middle"),
        text(x.start - 6, 12, "hairs", anchor="end", colour=MUTED),
    )


def course(points: Sequence[Point], unit: str, *, smallest: float | None = None) -> Markup:
    """Change from baseline at each visit, with its interval, the baseline at zero.

    Parameters
    ----------
    points : sequence of Point
        Follow-ups in their order.
    unit : str
    smallest : float, optional
        Smallest detectable change: a band about zero.
    """
    ends = reached(points)
    if smallest is not None:
        ends += [-smallest, smallest]
    at = ticks(min(ends), max(ends), 5)
    latest = max(p.days for p in points)
    x, y = Scale(0, latest, 58, 316), Scale(at[0], at[-1], 170, 16)
    colour = SERIES[0][0]
    parts = [y_axis(y, x.start - 12, x.end + 30, at)]
    if smallest is not None:
        parts.append(
            tag(
                "rect",
                x=x.start - 12,
                y=y.at(smallest),
                width=x.end - x.start + 42,
                height=y.at(-smallest) - y.at(smallest),
                fill="#8a94a0",
                fill_opacity=0.22,
            )
        )
    parts.append(rule(x.start - 12, y.at(0), x.end + 30, y.at(0), INK, stroke_width=1.2))
    parts.append(polyline(points, x, y, stroke=colour, stroke_width=2))
    parts.append(sign(x.at(0), y.at(0), "circle", INK))
    for p in points:
        if p.low is not None and p.high is not None:
            parts.append(whisker(x.at(p.days), y.at(p.low), x.at(p.days), y.at(p.high), colour))
        parts.append(sign(x.at(p.days), y.at(p.value), "circle", colour))
    named = [(0.0, "baseline"), *spaced([(p.days, p.visit) for p in points], latest)]
    told = "; ".join(f"{p.visit} {signed(p.value)} ({interval(p.low, p.high)})" for p in points)
    return plot(
        360,
        196,
        f"Change from baseline in {unit}: {told}",
        *parts,
        x_axis(x, y.start, [(days, shortened(words)) for days, words in named]),
    )


def reached(points: Iterable[Point]) -> list[float]:
    """Every value that the changes of these points take, or their intervals end at; 0 among them."""
    return [0.0, *(v for p in points for v in (p.value, p.low, p.high) if v is not None)]


def polyline(points: Sequence[Point], x: Scale, y: Scale, **style: str | float | None) -> Markup:
    """The course from the baseline, which is 0, through these points."""
    course = (Point(0, "baseline", 0.0), *points)
    at = " ".join(f"{x.at(p.days):.1f},{y.at(p.value):.1f}" for p in course)
    return tag("polyline", points=at, fill="none", **style)


def spaced(at: Sequence[tuple[float, str]], latest: float) -> list[tuple[float, str]]:
    """Labels that do not run into one another: those at least a sixth of the axis after the one before."""
    kept: list[tuple[float, str]] = []
    before = 0.0
    for days, words in at:
        if days - before >= latest / DAY_LABELS:
            kept.append((days, words))
            before = days
    return kept or list(at[-1:])


def shortened(words: str, longest: int = 11) -> str:
    """Words cut to what fits under a tick."""
    return words if len(words) <= longest else words[: longest - 1] + "…"


def signed(value: float | None, decimals: int = 1) -> str:
    """A change with its sign; a dash where it is not known."""
    if value is None:
        return "–"
    return f"{value:+.{decimals}f}".replace("-", "−")


def interval(low: float | None, high: float | None) -> str:
    """Both ends of a 95 % interval of a change."""
    if low is None or high is None:
        return "no interval"
    return f"{signed(low)} to {signed(high)}"


def key(series: Sequence[tuple[str, str, str, str]], x: float, y: float, step: float) -> Markup:
    """Key of a plot: name, colour, dashes and sign of each series, side by side."""
    parts = []
    for k, (name, colour, dashes, kind) in enumerate(series):
        left = x + k * step
        parts.append(
            rule(left, y - 4, left + 26, y - 4, colour, stroke_width=2, stroke_dasharray=dashes or "none")
        )
        parts.append(sign(left + 13, y - 4, kind, colour))
        parts.append(text(left + 32, y, shortened(name, 18)))
    return join(parts)
