"""Plots of a study: every subject over time, the last visit sorted, and each measure with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from trichoscan.report.axes import (
    GRID,
    INK,
    MUTED,
    SERIES,
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
from trichoscan.report.plots import Point, interval, key, polyline, reached, shortened, signed, spaced
from trichoscan.report.svg import tag

WIDE = 760.0
NAMED_BARS = 40
"""With more bars their names would run into one another."""
KEY_STEP = 180.0
ROW_PX = 24.0
LABEL_PX = 330.0
"""Right end of what names a row of a forest plot."""


@dataclass(frozen=True)
class Line:
    """A subject's site over the follow-ups.

    Attributes
    ----------
    name, arm : str
    points : tuple of Point
        By days.
    """

    name: str
    arm: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Effect:
    """A row of a forest plot: a change with its interval, or why there is none."""

    label: str
    n: str
    value: float | None
    low: float | None
    high: float | None
    is_difference: bool = False
    note: str = ""


def series_of(arms: Sequence[str]) -> dict[str, tuple[str, str, str]]:
    """Colour, dashes and sign of each arm."""
    return {arm: SERIES[k % len(SERIES)] for k, arm in enumerate(arms)}


def _key(arms: Sequence[str], y: float) -> Markup:
    styles = series_of(arms)
    return key([(arm or "no arm", *styles[arm]) for arm in arms[:4]], 60, y, KEY_STEP)


def spaghetti(lines: Sequence[Line], arms: Sequence[str], unit: str) -> Markup:
    """Change from baseline of every subject's site over the days."""
    values = [0.0, *(p.value for line in lines for p in line.points)]
    at = ticks(min(values), max(values), 6)
    latest = max(p.days for line in lines for p in line.points)
    x, y = Scale(0, latest, 60, WIDE - 24), Scale(at[0], at[-1], 260, 34)
    styles = series_of(arms)
    faint = 0.85 if len(lines) <= 30 else 0.45
    drawn = []
    for line in lines:
        colour, dashes, kind = styles[line.arm]
        told = "; ".join(f"{p.visit} {signed(p.value)}" for p in line.points)
        drawn.append(
            tag(
                "g",
                tag("title", f"{line.name}: {told} {unit}"),
                polyline(line.points, x, y, stroke=colour, stroke_width=1.8, stroke_dasharray=dashes or None),
                *(sign(x.at(p.days), y.at(p.value), kind, colour, 4) for p in line.points),
                opacity=faint,
            )
        )
    visits = sorted({(p.days, p.visit) for line in lines for p in line.points})
    days = [(0.0, "baseline"), *spaced(visits, latest)]
    return plot(
        WIDE,
        306,
        f"Change from baseline of {len(lines)} sites over {latest:g} days, from {signed(min(values))} to "
        f"{signed(max(values))} {unit}",
        _key(arms, 16),
        y_axis(y, x.start, x.end, at),
        rule(x.start, y.at(0), x.end, y.at(0), INK, stroke_width=1.2),
        *drawn,
        x_axis(x, y.start, [(day, shortened(words, 14)) for day, words in days]),
        text((x.start + x.end) / 2, 302, f"visit, placed by its day; change in {unit}", anchor="middle"),
    )


def waterfall(lines: Sequence[Line], arms: Sequence[str], unit: str) -> Markup:
    """Change at the last follow-up of each subject's site, sorted, with its interval."""
    ordered = sorted(lines, key=lambda line: (-line.points[-1].value, line.name))
    last = [line.points[-1] for line in ordered]
    ends = reached(last)
    at = ticks(min(ends), max(ends), 6)
    x, y = Scale(0, max(len(ordered), 4), 60, WIDE - 12), Scale(at[0], at[-1], 260, 34)
    styles = series_of(arms)
    named = len(ordered) <= NAMED_BARS
    told = "; ".join(f"{line.name} {signed(p.value)}" for line, p in zip(ordered, last, strict=True))
    return plot(
        WIDE,
        392 if named else 304,
        f"Change at the last follow-up of {len(ordered)} sites, highest first: {told}",
        _key(arms, 16),
        y_axis(y, x.start, x.end, at),
        *(_bar(line, styles[line.arm], x, y, k, unit, named) for k, line in enumerate(ordered)),
        rule(x.start, y.at(0), x.end, y.at(0), INK, stroke_width=1.2),
        *(upright(x.at(k + 0.5), y.start, line.name) for k, line in enumerate(ordered) if named),
        text((x.start + x.end) / 2, 388 if named else 300, f"change in {unit}", anchor="middle"),
    )


def _bar(
    line: Line, style: tuple[str, str, str], x: Scale, y: Scale, place: int, unit: str, with_interval: bool
) -> Markup:
    p = line.points[-1]
    colour, _, kind = style
    middle, width = x.at(place + 0.5), min(0.76 * (x.at(1) - x.at(0)), 44)
    top, bottom = y.at(max(p.value, 0.0)), y.at(min(p.value, 0.0))
    parts = [
        tag("title", f"{line.name}, {p.visit}: {signed(p.value)} ({interval(p.low, p.high)}) {unit}"),
        tag(
            "rect",
            x=middle - width / 2,
            y=top,
            width=width,
            height=max(bottom - top, 1.0),
            fill=colour,
            fill_opacity=0.75,
            stroke=colour,
        ),
    ]
    if with_interval and p.low is not None and p.high is not None:
        parts.append(whisker(middle, y.at(p.low), middle, y.at(p.high), INK))
    return tag("g", *parts, sign(middle, y.at(p.value), kind, colour))


def upright(x: float, y: float, name: str) -> Markup:
    """A name that runs down from the axis."""
    turned = text(0, 4, shortened(name, 17), colour=MUTED)
    return tag("g", turned, transform=f"translate({x:.1f} {y + 8:.1f}) rotate(90)")


def forest(effects: Sequence[Effect], unit: str) -> Markup:
    """Changes and differences of one measure with their intervals, one row each."""
    ends = [0.0, *(v for e in effects for v in (e.value, e.low, e.high) if v is not None)]
    at = ticks(min(ends), max(ends), 5)
    x = Scale(at[0], at[-1], LABEL_PX + 14, WIDE - 200)
    bottom = 26 + ROW_PX * len(effects)
    parts = [
        tag("g", *(rule(x.at(v), 24, x.at(v), bottom, GRID) for v in at)),
        rule(x.at(0), 24, x.at(0), bottom, INK, stroke_width=1.2),
        text(0, 14, "arm and visit", colour=MUTED),
        text(LABEL_PX, 14, "subjects", anchor="end", colour=MUTED),
        text(WIDE - 186, 14, "change (95 % interval)", colour=MUTED),
    ]
    for k, effect in enumerate(effects):
        parts += _forest_row(effect, x, 26 + ROW_PX * (k + 0.5))
    told = "; ".join(f"{e.label}: {signed(e.value)} ({interval(e.low, e.high)})" for e in effects)
    return plot(
        WIDE,
        bottom + 38,
        f"Change in {unit} with 95 % intervals. {told}",
        *parts,
        x_axis(x, bottom, [(value, tick_text(value)) for value in at]),
        text((x.start + x.end) / 2, bottom + 34, unit, anchor="middle"),
    )


def _forest_row(effect: Effect, x: Scale, y: float) -> list[Markup]:
    heavy = "600" if effect.is_difference else "400"
    colour, _, kind = SERIES[1] if effect.is_difference else SERIES[0]
    parts = [
        text(0, y + 4, shortened(effect.label, 41), font_weight=heavy),
        text(LABEL_PX, y + 4, effect.n, anchor="end", colour=MUTED),
    ]
    if effect.value is None:
        return [*parts, text(WIDE - 186, y + 4, shortened(effect.note or "not known", 30), colour=MUTED)]
    words = signed(effect.value)
    if effect.low is not None and effect.high is not None:
        words += f" ({interval(effect.low, effect.high)})"
        parts.append(whisker(x.at(effect.low), y, x.at(effect.high), y, colour))
    diamond = "diamond" if effect.is_difference else kind
    parts.append(sign(x.at(effect.value), y, diamond, colour, 5))
    return [*parts, text(WIDE - 186, y + 4, words, font_weight=heavy)]
