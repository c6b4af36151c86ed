"""Colours of the report: text stands out from its ground, and each layer has a sample of its own."""

from __future__ import annotations

import re

from trichoscan.report import page
from trichoscan.report.layers import COLOURS


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_text_stands_out_from_its_ground() -> None:
    css = page.asset("report.css")
    grounds = ["#ffffff", "#f4f6f7"]
    named = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", css))
    for name in ("ink", "muted", "accent"):
        assert min(contrast(named[name], ground) for ground in grounds) >= 4.5, name
    for name, ground in (("stop", "#fdece5"), ("check", "#fdf3d8"), ("note", "#e9eff4")):
        assert contrast(named[name], ground) >= 4.5
        assert contrast(named[name], "#ffffff") >= 4.5
    for colour in re.findall(r"\.response\.\w+ { color: (#[0-9a-f]{6})", css):
        assert contrast(colour, "#ffffff") >= 4.5
    assert contrast("#ffffff", "#12324a") >= 4.5 and contrast("#b9d7ea", "#12324a") >= 4.5


def test_each_layer_has_a_sample_of_its_colour_in_the_style_sheet() -> None:
    css = page.asset("report.css")
    for kind, colour in COLOURS.items():
        rules = "".join(re.findall(rf"\.swatch\.{kind}\b[^{{]*{{([^}}]*)}}", css))
        assert colour in rules or colour == "#ffffff", kind
