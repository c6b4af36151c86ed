"""SVG and HTML elements as text; everything that is not markup already is escaped."""

from __future__ import annotations

import base64
from collections.abc import Iterable

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

Value = str | int | float | None
NOTHING = Markup("")


def tag(name: str, *children: str | Markup, **attributes: Value) -> Markup:
    """An element.

    Parameters
    ----------
    name : str
    children : str or Markup
        Plain text is escaped.
    attributes : str, int, float or None
        ``_`` in a name stands for ``-``, at its end for nothing (``class_``); None leaves it out. Numbers
        are rounded to two decimals.
    """
    words = [
        f' {key.rstrip("_").replace("_", "-")}="{escape(number(value))}"'
        for key, value in attributes.items()
        if value is not None
    ]
    inside = "".join(escape(child) for child in children)
    return Markup(f"<{name}{''.join(words)}>{inside}</{name}>")


def number(value: Value) -> str:
    """Text of an attribute: numbers with two decimals at most."""
    if isinstance(value, float):
        text = f"{value:.2f}".rstrip("0").rstrip(".")
        return "0" if text == "-0" else text
    return str(value)


def join(parts: Iterable[str | Markup]) -> Markup:
    """Elements one after the other."""
    return Markup("").join(parts)


def jpeg_url(jpeg: bytes) -> str:
    """A JPEG as a ``data:`` address."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def line_path(points_px: NDArray[np.float64], *, closed: bool = False) -> str:
    """Path data through (N, 2) points, with one decimal: a tenth of a px."""
    words = [f"{number(round(float(x), 1))} {number(round(float(y), 1))}" for x, y in points_px]
    return "M" + "L".join(words) + ("Z" if closed else "")


def ring_path(x: float, y: float, radius: float) -> str:
    """Path data of a circle."""
    left, right, r = (number(round(value, 1)) for value in (x - radius, x + radius, radius))
    at = number(round(y, 1))
    return f"M{left} {at}A{r} {r} 0 1 0 {right} {at}A{r} {r} 0 1 0 {left} {at}Z"
