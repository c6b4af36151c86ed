"""Plots say what they are given: places, counts, order, and words for who does not see them."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from trichoscan.report.axes import SERIES, Scale, ticks
from trichoscan.report.cohort_plots import Effect, Line, forest, spaghetti, waterfall
from trichoscan.report.layers import sign_path, simplified
from trichoscan.report.plots import Point, course, histogram, spaced
from trichoscan.report.svg import line_path, number, ring_path, tag

HOSTILE = '<script>&"x"'
numbers = st.floats(-1e6, 1e6, allow_nan=False)


def contrast_to_white(colour: str) -> float:
    """Contrast as WCAG 2.2 defines it."""
    values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)


def drawn(svg: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def line(name: str, arm: str, *values: float) -> Line:
    points = tuple(Point(100.0 * (k + 1), f"v{k + 1}", v, v - 5, v + 5) for k, v in enumerate(values))
    return Line(name, arm, points)


@given(numbers, numbers, st.integers(2, 10))
def test_ticks_hold_the_values_and_are_few_and_even(one: float, other: float, wanted: int) -> None:
    low, high = sorted((one, other))
    at = ticks(low, high, wanted)
    slack = 1e-6 * max(abs(low), abs(high), 1)
    assert at[0] <= low + slack and at[-1] >= high - slack
    assert 2 <= len(at) <= wanted + 3
    steps = [later - earlier for earlier, later in pairwise(at)]
    assert max(steps) == pytest.approx(min(steps), rel=1e-3)


def test_a_scale_meets_its_ends() -> None:
    scale = Scale(-10, 30, 200, 0)
    assert (scale.at(-10), scale.at(30), scale.at(10)) == (200, 0, 100)


def test_bars_count_the_hairs() -> None:
    svg = drawn(histogram([12.0, 25.0, 31.0, 32.0, 38.0, 75.0], 30.0))
    bars = svg.findall("rect")
    unit = min(float(bar.get("height", "")) for bar in bars)
    counts = [round(float(bar.get("height", "")) / unit) for bar in bars]
    assert counts == [1, 1, 3, 1]
    assert len({bar.get("fill") for bar in bars[:2]} | {bar.get("fill") for bar in bars[2:]}) == 2
    assert svg.get("aria-label") == "Histogram of 6 hair diameters, median 32 µm, 2 below 30 µm"


def test_the_course_begins_at_zero_and_shows_each_interval() -> None:
    points = [Point(168, "week24", 10.0, -2.0, 22.0), Point(336, "week48", 12.0)]
    svg = drawn(course(points, "hairs/cm²", smallest=8.0))
    (path,) = svg.findall("polyline")
    places = [tuple(map(float, place.split(","))) for place in path.get("points", "").split()]
    assert len(places) == 3 and places[0][0] < places[1][0] < places[2][0]
    assert places[2][1] < places[1][1] < places[0][1], "more is higher"
    label = svg.get("aria-label") or ""
    assert "week24 +10.0 (−2.0 to +22.0); week48 +12.0 (no interval)" in label


def test_the_waterfall_falls() -> None:
    svg = drawn(
        waterfall([line("a", "x", -3), line("b", "y", 8), line("c", "x", 2, 4)], ["x", "y"], "hairs/cm²")
    )
    assert (svg.get("aria-label") or "").endswith("highest first: b +8.0; c +4.0; a −3.0")
    tops = [float(bar.get("y", "")) for bar in svg.iter("rect")]
    assert tops == sorted(tops)


def test_the_forest_has_a_row_for_each_effect_and_says_why_one_is_empty() -> None:
    rows = [
        Effect("active, week24", "8", 9.0, 1.0, 17.0),
        Effect("active - placebo, week24", "16", -8.0, -19.0, 3.0, True),
        Effect("placebo, week24", "0", None, None, None, note="nobody was measured"),
    ]
    svg = drawn(forest(rows, "µm"))
    words = [text.text for text in svg.iter("text")]
    for expected in ("+9.0 (+1.0 to +17.0)", "−8.0 (−19.0 to +3.0)", "nobody was measured"):
        assert expected in words


def test_hostile_names_stay_words() -> None:
    lines = [line(HOSTILE, HOSTILE, 3.0), line("b", "y", 1.0)]
    for svg in (
        spaghetti(lines, [HOSTILE, "y"], HOSTILE),
        waterfall(lines, [HOSTILE, "y"], HOSTILE),
        forest([Effect(HOSTILE, "1", 1.0, 0.0, 2.0)], HOSTILE),
        course([Point(3, HOSTILE, 1.0)], HOSTILE),
        tag("text", HOSTILE, x=HOSTILE),
    ):
        assert "<script" not in svg
        assert any(HOSTILE[:8] in (e.text or "") for e in drawn(svg).iter())


def test_arms_differ_in_more_than_colour_and_stand_out() -> None:
    assert len({(dashes, kind) for _, dashes, kind in SERIES}) == len(SERIES)
    assert min(contrast_to_white(colour) for colour, _, _ in SERIES) >= 3


def test_labels_keep_apart() -> None:
    kept = spaced([(10, "a"), (12, "b"), (50, "c"), (100, "d")], 100)
    assert kept == [(50, "c"), (100, "d")]
    assert spaced([(2, "day2")], 400) == [(2, "day2")]


def test_path_data_has_a_tenth_of_a_px() -> None:
    assert line_path(np.array([[0.04, 1.06], [2.0, 3.55]]), closed=True) == "M0 1.1L2 3.5Z"
    assert ring_path(10, 20, 3).count("A3 3 0 1 0") == 2
    assert (number(-0.001), number(2.50), number(3)) == ("0", "2.5", "3")
    root = np.array([5.0, 5.0])
    assert sign_path(root, 2, "cross") == "M3 3L7 7M7 3L3 7"
    assert sign_path(root, 2, "square") == "M3 3L7 3L7 7L3 7Z"
    straight = np.column_stack([np.linspace(0, 100, 50), np.zeros(50)])
    assert len(simplified(straight)) == 2
    bent = np.vstack([straight, straight[::-1] * 0 + [100, 40]])
    assert re.fullmatch(r"M0 0L100 0L100 40", line_path(simplified(bent)))
