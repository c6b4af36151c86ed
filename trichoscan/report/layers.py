"""Hairs, units and areas as SVG over a photo, in layers that the reader switches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from trichoscan.records import Hair
from trichoscan.report.overlay import SIDE_PER_LINE_PX, shaft_edges
from trichoscan.report.results import Row, known
from trichoscan.report.svg import join, line_path, ring_path, tag

Floats = NDArray[np.float64]

CASING = "#141820"
WHITE = "#ffffff"
COLOURS = {
    "terminal": "#56b4e9",
    "vellus": "#f0e442",
    "unmeasured": "#cc79a7",
    "uncounted": "#ffffff",
    "again": "#e69f00",
    "added": "#009e73",
    "dropped": "#d55e00",
    "matched": "#56b4e9",
    "thicker": "#009e73",
    "thinner": "#cc79a7",
    "lost": "#d55e00",
    "new": "#f0e442",
    "unsure": "#ffffff",
}
"""Of the palette of Okabe & Ito 2008, which colour-blind people tell apart. Over a photo each line has a dark
casing; lost and new hairs differ in their sign, too: a cross and a square instead of a ring."""
DASHED = ("again", "dropped", "thinner", "unsure")
LEFT_OUT_OPACITY = 0.55
TOLERANCE_PX = 0.3
"""Centre lines are drawn with as few points as stay this close."""


@dataclass(frozen=True)
class Layer:
    """A layer that can be switched.

    Attributes
    ----------
    key : str
        Class of its group; key of `COLOURS` where it has a colour.
    label : str
        What the switch says.
    drawing : Markup
    shown : bool
        At first.
    """

    key: str
    label: str
    drawing: Markup
    shown: bool = True


def line_px(width_px: float, height_px: float) -> float:
    """Width of lines over a photo, as in the overlays."""
    return max(1.0, float(np.sqrt(width_px * height_px)) / SIDE_PER_LINE_PX)


def paths_of(geometry: Mapping[str, Any], rows: Sequence[Row]) -> dict[str, Floats]:
    """(N, 2) centre line, px, of each hair by hair_id; root to tip for hairs without a line."""
    paths = {row["hair_id"]: np.array(_ends(row)) for row in rows}
    for feature in geometry["features"]:
        if feature["geometry"]["type"] == "LineString":
            paths[str(feature["properties"]["hair_id"])] = np.array(feature["geometry"]["coordinates"])
    return paths


def _ends(row: Row) -> list[list[float]]:
    return [[float(row[f"{end}_{axis}_px"]) for axis in "xy"] for end in ("root", "tip")]


def area_path(geometry: Mapping[str, Any]) -> str:
    """Path data of the counting area, holes included."""
    return "".join(line_path(np.array(ring[:-1]), closed=True) for ring in area_rings(geometry))


def area_rings(geometry: Mapping[str, Any]) -> list[list[list[float]]]:
    """Rings of the counting area, px."""
    rings: list[list[list[float]]] = []
    for feature in geometry["features"]:
        shape = feature["geometry"]
        if shape["type"] == "Polygon":
            rings += shape["coordinates"]
        elif shape["type"] == "MultiPolygon":
            rings += [ring for polygon in shape["coordinates"] for ring in polygon]
    return rings


def frame_layers(area: str, width_px: float, height_px: float, line: float, label: str) -> list[Layer]:
    """What is left out, darkened, and the line about what is counted or compared."""
    whole = f"M-0.5-0.5H{width_px - 0.5}V{height_px - 0.5}H-0.5Z"
    shade = tag("path", d=whole + area, fill="#000000", fill_opacity=LEFT_OUT_OPACITY, fill_rule="evenodd")
    frame = tag("path", d=area, fill="none", stroke=WHITE, stroke_width=1.6 * line)
    return [Layer("left-out", "What was left out (darkened)", shade), Layer("frame", label, frame)]


def kind_of(row: Row) -> str:
    """Layer of a hair by its row of hairs.csv."""
    if row.get("review") in ("added", "dropped"):
        return row["review"]
    if "found_again" in row["flags"].split():
        return "again"
    if row["counted"] != "true":
        return "uncounted"
    return row["kind"] or "unmeasured"


HAIR_LAYERS = {
    "terminal": "Terminal hairs",
    "vellus": "Vellus hairs",
    "unmeasured": "Hairs of unknown kind",
    "uncounted": "Hairs not counted",
    "again": "Hairs found again by matching, not counted",
    "dropped": "Hairs dropped in review (dashed)",
    "added": "Hairs made in review",
}


def hair_layers(
    rows: Sequence[Row], paths: Mapping[str, Floats], um_per_px: float | None, line: float
) -> list[Layer]:
    """The hairs of a photo by kind, those with a diameter as outlines of their shafts."""
    drawn: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in rows:
        diameter_um = known(row, "diameter_um")
        width_px = diameter_um / um_per_px if diameter_um and um_per_px else float("nan")
        drawn[kind_of(row)].append((hair_path(paths[row["hair_id"]], width_px, 3.5 * line), hair_title(row)))
    return [
        Layer(kind, f"{label} ({len(drawn[kind])})", drawn_hairs(drawn[kind], kind, line))
        for kind, label in HAIR_LAYERS.items()
        if drawn[kind]
    ]


def drawn_hairs(hairs: Iterable[tuple[str, str]], kind: str, line: float) -> Markup:
    """Hairs, given as path data and what a pointer on them tells, in the colour of a kind."""
    hairs = list(hairs)
    casing = tag(
        "path", d="".join(path for path, _ in hairs), stroke=CASING, stroke_width=3 * line, fill="none"
    )
    lines = tag(
        "g",
        *(tag("path", tag("title", title), d=path) for path, title in hairs),
        stroke=COLOURS[kind],
        stroke_width=1.2 * line,
        fill="none",
        stroke_dasharray=f"{4 * line:.1f} {2 * line:.1f}" if kind in DASHED else None,
        opacity=0.6 if kind in ("uncounted", "unsure") else None,
    )
    return join([casing, lines])


def hair_path(path_px: Floats, width_px: float, sign_px: float, sign: str = "ring") -> str:
    """Path data of a hair and its root's sign: its outline, or without a width its centre line."""
    path = simplified(path_px)
    edges = shaft_edges(Hair(path, 1.0, diameter_px=width_px))
    return "".join(line_path(edge) for edge in edges) + sign_path(path_px[0], sign_px, sign)


def sign_path(root_px: Floats, radius: float, sign: str) -> str:
    """Path data of a ring, a cross or a square about a root."""
    if sign == "ring":
        return ring_path(float(root_px[0]), float(root_px[1]), radius)
    corners = root_px + radius * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    if sign == "square":
        return line_path(corners, closed=True)
    return line_path(corners[[0, 2]]) + line_path(corners[[1, 3]])


def simplified(path_px: Floats) -> Floats:
    """(M, 2) points of a line, M <= N, within `TOLERANCE_PX` of its (N, 2) points."""
    few = cv2.approxPolyDP(path_px.astype(np.float32), TOLERANCE_PX, False)[:, 0]
    return few.astype(np.float64) if len(few) > 1 else path_px[[0, -1]]


def hair_title(row: Row) -> str:
    """What is known of a hair, in one line."""
    told = [f"hair {row['hair_id']}, unit {row['unit_id']}"]
    if row["diameter_um"]:
        told.append(f"{row['kind']}, {row['diameter_um']} µm (standard error {row['diameter_se_um']})")
    if row["length_um"]:
        told.append(f"{float(row['length_um']):.0f} µm long")
    told.append(f"confidence {row['confidence']}")
    told.append("counted" if row["counted"] == "true" else "not counted")
    if row["flags"]:
        told.append(", ".join(flag.replace("_", " ") for flag in row["flags"].split()))
    return "; ".join(told)


def unit_layer(rows: Sequence[Row], line: float) -> Layer:
    """Roots of one follicular unit joined: a line between two, a hull around more."""
    roots: dict[str, list[list[float]]] = defaultdict(list)
    for row in rows:
        if "found_again" not in row["flags"].split():
            roots[row["unit_id"]].append(_ends(row)[0])
    hulls = [
        cv2.convexHull(np.array(points, np.float32))[:, 0].astype(float)
        for points in roots.values()
        if len(points) > 1
    ]
    data = "".join(line_path(hull, closed=True) for hull in hulls)
    drawing = tag("path", d=data, fill="none", stroke=WHITE, stroke_width=1.2 * line)
    return Layer("units", f"Follicular units of two and more hairs ({len(hulls)})", drawing)


def number_layer(rows: Sequence[Row], line: float) -> Layer:
    """Number of each hair, as in hairs.csv, beside its root; not shown at first."""
    texts = [
        tag("text", row["hair_id"], x=root[0] + 5 * line, y=root[1] + 4 * line)
        for row in rows
        for root in [_ends(row)[0]]
    ]
    drawing = tag(
        "g",
        *texts,
        fill=WHITE,
        stroke=CASING,
        stroke_width=0.7 * line,
        paint_order="stroke",
        font_size=14 * line,
        font_family="sans-serif",
    )
    return Layer("numbers", "Hair numbers", drawing, shown=False)
