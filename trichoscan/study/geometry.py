"""An analysis as GeoJSON, for QuPath and GIS tools; coordinates are photo px, y downwards."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from trichoscan.measure.density import hair_kind
from trichoscan.records import Analysis, Hair
from trichoscan.study.columns import DECIMALS

COLOURS = {
    "terminal": (86, 180, 233),
    "vellus": (240, 228, 66),
    "unmeasured": (204, 121, 167),
    "area": (255, 255, 255),
}
"""RGB in QuPath, as in the overlays."""

Corner = tuple[int, int]
Pixel = tuple[int, int]
"""Row and column."""
Sides = dict[Corner, dict[Corner, tuple[Corner, Pixel]]]
"""Straight pieces of a border by where they start and their direction: where they end, and a pixel inside."""
Ring = list[list[float]]
BORDERS = (
    ((1, 0), (0, 0), (-1, 0)),
    ((0, 1), (1, 0), (0, 1)),
    ((-1, 0), (1, 1), (1, 0)),
    ((0, -1), (0, 1), (0, -1)),
)
"""The four sides of a pixel: direction of the walk along it, x and y of where it starts, from the pixel's
left upper corner, and rows and columns to the pixel beyond it."""


def feature_collection(
    analysis: Analysis, vellus_below_um: float = 30.0, ids: Sequence[int] | None = None
) -> dict[str, Any]:
    """GeoJSON FeatureCollection of an analysis.

    A LineString for each hair, root first, and a Polygon (a MultiPolygon where it is in pieces) for
    the counting area. An empty area has no feature. What QuPath knows of an object stands under the names
    that it reads: `name`, `classification` with its colour, `measurements`.

    Parameters
    ----------
    analysis : Analysis
    vellus_below_um : float
        Hairs thinner than this are vellus.
    ids : sequence of int, optional
        Numbers of the hairs in hairs.csv; from 1 by default. Units are numbered from 1.
    """
    numbers = range(1, len(analysis.hairs) + 1) if ids is None else ids
    scale = math.nan if analysis.um_per_px is None else analysis.um_per_px
    features = []
    for index, (number, hair) in enumerate(zip(numbers, analysis.hairs, strict=True)):
        measured = _measurements(hair, scale)
        kind = hair_kind(hair.diameter_px * scale, vellus_below_um) or "unmeasured"
        properties = {
            "objectType": "annotation",
            "name": f"hair {number}",
            "classification": {"name": kind, "color": COLOURS[kind]},
            "hair_id": number,
            "unit_id": int(analysis.unit_of_hair[index]) + 1,
            "diameter_um": measured.get("diameter_um"),
            "counted": bool(analysis.counted[index]),
            "measurements": measured,
        }
        line = [[round(float(x), 2), round(float(y), 2)] for x, y in hair.path_px]
        features.append(_feature("LineString", line, properties))
    polygons = mask_polygons(analysis.counting_mask)
    area = {
        "objectType": "annotation",
        "name": "counting area",
        "classification": {"name": "counting area", "color": COLOURS["area"]},
    }
    if len(polygons) == 1:
        features.append(_feature("Polygon", polygons[0], area))
    elif polygons:
        features.append(_feature("MultiPolygon", polygons, area))
    return {"type": "FeatureCollection", "features": features}


def _measurements(hair: Hair, scale: float) -> dict[str, float]:
    """What is known of a hair; `scale` is um per px, NaN where it is not known."""
    known = {
        "diameter_um": hair.diameter_px * scale,
        "diameter_se_um": hair.diameter_se_px * scale,
        "length_um": hair.length_px * scale,
        "confidence": hair.confidence,
        "tip_confidence": hair.tip_confidence,
    }
    return {
        name: round(float(value), DECIMALS[name]) for name, value in known.items() if math.isfinite(value)
    }


def _feature(kind: str, coordinates: Any, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": kind, "coordinates": coordinates},
        "properties": properties,
    }


def mask_polygons(mask: NDArray[np.bool_]) -> list[list[Ring]]:
    """Outlines of a mask's pieces, exactly along the borders of its pixels.

    Parameters
    ----------
    mask : (H, W) bool

    Returns
    -------
    list of list of Ring
        For each piece (pixels that share sides) its outer ring, then its holes, each a closed list of
        [x, y] px. A full mask is the rectangle from (-0.5, -0.5) to (W - 0.5, H - 0.5); the area
        between the rings is the number of pixels. Outer rings have positive signed area, holes negative.
    """
    pieces, _ = ndimage.label(mask)
    polygons: dict[int, list[Ring]] = defaultdict(list)
    for corners, (row, column) in _rings(mask):
        ring = np.array(corners, float) - 0.5
        x, y = ring.T
        outer = float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) > 0
        closed: Ring = [*ring.tolist(), ring[0].tolist()]
        rings = polygons[int(pieces[row, column])]
        rings.insert(0 if outer else len(rings), closed)
    return [polygons[piece] for piece in sorted(polygons)]


def _rings(mask: NDArray[np.bool_]) -> list[tuple[list[Corner], Pixel]]:
    """Corners at which the border of the mask turns, ring by ring, and a pixel inside of each ring's border.

    The border is walked with the mask on the right hand; where two pixels touch at a corner only,
    the walk turns right and so stays with its pixel.
    """
    sides = _sides(mask)
    rings = []
    for first in sorted(sides):
        while sides[first]:
            corners, pixel = _walk(sides, first)
            rings += [(loop, pixel) for loop in _loops(corners)]
    return rings


def _sides(mask: NDArray[np.bool_]) -> Sides:
    """Straight pieces of the border, each from one turn to the next."""
    padded = np.pad(mask, 1)
    height, width = mask.shape
    sides: Sides = defaultdict(dict)
    for step, (left, top), (down, right) in BORDERS:
        beside = padded[1 + down : 1 + down + height, 1 + right : 1 + right + width]
        at = np.argwhere(mask & ~beside)[:, ::-1]
        way, across = (0, 1) if step[0] else (1, 0)
        at = at[np.lexsort((at[:, way] * step[way], at[:, across]))]
        begins = np.ones(len(at) + 1, bool)
        begins[1:-1] = (np.diff(at, axis=0) != step).any(1)
        for first, last in zip(at[begins[:-1]].tolist(), at[begins[1:]].tolist(), strict=True):
            start = first[0] + left, first[1] + top
            end = last[0] + left + step[0], last[1] + top + step[1]
            sides[start][step] = end, (first[1], first[0])
    return sides


def _loops(corners: list[Corner]) -> list[list[Corner]]:
    """Take a ring that touches itself at corners apart into rings that do not."""
    loops: list[list[Corner]] = []
    ring: dict[Corner, None] = {}
    for corner in corners:
        if corner in ring:
            loop = [corner]
            while (last := ring.popitem()[0]) != corner:
                loop.append(last)
            loops.append([corner, *loop[:0:-1]])
        ring[corner] = None
    return [*loops, list(ring)]


def _walk(sides: Sides, first: Corner) -> tuple[list[Corner], Pixel]:
    """Turning corners of a ring from `first` on, and a pixel inside; its sides are taken out of `sides`."""
    step, (at, pixel) = sides[first].popitem()
    corners = [first]
    while at != first or (-step[1], step[0]) in sides[at]:
        right = (-step[1], step[0])
        step = right if right in sides[at] else next(iter(sides[at]))
        corners.append(at)
        at, _ = sides[at].pop(step)
    return corners, pixel
