"""How true diameters are: isolated hairs of known width under the whole camera, beside bound and peers.

Run: python benchmarks/thickness.py [--photos 100]

With the default number the tables go into docs/thickness.md between its marks; with another they are printed
only. All measure along the same paths, off by up to 2 px; the seeds are not those of any choice. A second
table is of pairs side by side, from overlapping to 60 um apart. What it costs, and how it does on real
photos, is measured by thickness_real.py.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from ridge import is_installed, ridge_widths
from tables import markdown, put_into
from width_bounds import bound_px, fitted_bound_px
from width_scenes import HAIR_SRGB, WIDTHS_UM, Scene, draw_scene

from trichoscan.measure.thickness import measure_diameters

Floats = NDArray[np.float64]
Measure = Callable[[Scene], tuple[Floats, Floats]]
"""Diameters and their standard errors, px; NaN where there is none."""

DOCS = Path(__file__).resolve().parents[1] / "docs" / "thickness.md"
PHOTOS = 100
FIRST_SEED = 1000


def ours(scene: Scene) -> tuple[Floats, Floats]:
    """The program's own diameters."""
    hairs = measure_diameters(scene.pixels, scene.hairs, scene.camera.um_per_px)
    return np.array([h.diameter_px for h in hairs]), np.array([h.diameter_se_px for h in hairs])


def half_maximum(scene: Scene) -> tuple[Floats, Floats]:
    """Width at half the height of the mean grey profile across the chord of the path."""
    grey = cv2.cvtColor(scene.pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.array([_half_width(grey, hair.path_px) for hair in scene.hairs]), _no_errors(scene)


def _half_width(grey: NDArray[np.float32], path: Floats) -> float:
    t, lines = _lines(grey, path)
    widths = []
    for line in lines:
        away = np.abs(line - np.median(line))
        top = int(np.argmax(np.where(np.abs(t) < 8, away, 0)))
        below = away < away[top] / 2
        left, right = np.flatnonzero(below[:top]), np.flatnonzero(below[top:])
        if left.size and right.size:
            widths.append((right[0] + top - left[-1] - 1) * 0.25)
    return float(np.median(widths)) if widths else float("nan")


def otsu_distance(scene: Scene) -> tuple[Floats, Floats]:
    """Twice the distance transform of an Otsu mask of the flattened photo, median along the path."""
    grey = cv2.cvtColor(scene.pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    flat = cv2.convertScaleAbs(grey - cv2.GaussianBlur(grey, (0, 0), 40))
    mask = cv2.threshold(flat, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1]
    distance = cv2.dilate(cv2.distanceTransform(mask, cv2.DIST_L2, 5), np.ones((7, 7)))
    widths = []
    for hair in scene.hairs:
        at = np.rint(hair.path_px[1:-1]).astype(int)
        width = 2 * float(np.median(distance[at[:, 1], at[:, 0]])) - 1
        widths.append(width if width > 0 else float("nan"))
    return np.array(widths), _no_errors(scene)


def _no_errors(scene: Scene) -> Floats:
    return np.full(len(scene.hairs), np.nan)


def steepest(scene: Scene) -> tuple[Floats, Floats]:
    """Distance of the steepest places on either side, after smoothing by 1.5 px, as ridge detectors measure.

    Steger (1998) takes the inflections of the smoothed profile for the line's edges.
    """
    grey = cv2.cvtColor(scene.pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    soft = cv2.GaussianBlur(grey, (0, 0), RIDGE_SMOOTHING_PX)
    return np.array([_steepest_width(soft, hair.path_px) for hair in scene.hairs]), _no_errors(scene)


RIDGE_SMOOTHING_PX = 1.5


def _steepest_width(soft: NDArray[np.float32], path: Floats) -> float:
    t, lines = _lines(soft, path)
    slope = np.gradient(lines, axis=1)
    away = np.abs(lines - np.median(lines, axis=1, keepdims=True))
    widths = []
    for line, rise in zip(away, slope, strict=True):
        top = int(np.argmax(np.where(np.abs(t) < 8, line, 0)))
        near = np.abs(t - t[top]) < 20
        left, right = near & (t < t[top]), near & (t > t[top])
        steep = np.abs(rise)
        widths.append(t[right][steep[right].argmax()] - t[left][steep[left].argmax()])
    return float(np.median(widths))


def ridges(scene: Scene) -> tuple[Floats, Floats]:
    """What the package ridge-detector says, told polarity and the range of the widths."""
    dark = scene.colour in ("dark", "brown") or (scene.skin == "light skin" and scene.colour == "blond")
    between = (WIDTHS_UM[0] / scene.camera.um_per_px, WIDTHS_UM[1] / scene.camera.um_per_px)
    return ridge_widths(scene.pixels, [h.path_px for h in scene.hairs], between, dark), _no_errors(scene)


def _lines(grey: NDArray[np.float32], path: Floats) -> tuple[Floats, Floats]:
    """Offsets (T,) and twelve lines (12, T) across the chord of a path."""
    t, lines = np.arange(-40, 40.1, 0.25), []
    for share in np.linspace(0.2, 0.85, 12):
        k = share * (len(path) - 1)
        place, ahead = (
            np.array([np.interp(k + d, range(len(path)), path[:, c]) for c in (0, 1)]) for d in (0, 0.5)
        )
        along = (ahead - place) / np.hypot(*(ahead - place))
        points = (place + np.array([-along[1], along[0]]) * t[:, None]).astype(np.float32)
        line = cv2.remap(grey, points[:, 0], points[:, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        lines.append(line.ravel())
    return t, np.array(lines, np.float64)


OURS = "trichoscan"
RIDGES, RIDGE_PHOTOS = "ridge-detector 0.1.4", 3
"""A peer so slow that it sees so many of the photos only, of dark hair."""
METHODS: dict[str, Measure] = {
    OURS: ours,
    "width at half maximum": half_maximum,
    "steepest places": steepest,
    "distance transform on Otsu mask": otsu_distance,
} | ({RIDGES: ridges} if is_installed() else {})


def measure(photos: int, pairs: bool = False) -> pd.DataFrame:
    """One row for each hair and method; of pairs, by our own method alone."""
    tables = []
    for seed in range(FIRST_SEED, FIRST_SEED + photos):
        scene = draw_scene(seed, pairs)
        bounds = {"bound_px": bound_px(scene), "fitted_bound_px": fitted_bound_px(scene)}
        for name, method in METHODS.items() if not pairs else [(OURS, ours)]:
            if name == RIDGES and (
                scene.colour != "dark" or seed >= FIRST_SEED + RIDGE_PHOTOS * len(HAIR_SRGB)
            ):
                continue
            began = time.process_time()
            width, se = method(scene)
            columns = {
                "method": name, "colour": scene.colour, "skin": scene.skin,
                "um_per_px": scene.camera.um_per_px,
                "true_um": scene.width_um, "width_px": width, "se_px": se,
                "seconds": time.process_time() - began,
            } | bounds  # fmt: skip
            tables.append(pd.DataFrame(columns))
    rows = pd.concat(tables, ignore_index=True)
    return rows.assign(error_px=rows.width_px - rows.true_um / rows.um_per_px)


def figures(rows: pd.DataFrame) -> dict[str, float]:
    """What the table shows of some rows of one method."""
    known = rows.dropna(subset="width_px")
    error_um = known.error_px * known.um_per_px
    judged = known.dropna(subset="se_px")
    held = (judged.error_px.abs() <= 2 * judged.se_px).mean() if len(judged) else float("nan")
    return {
        "hairs": len(rows),
        "measured %": 100 * len(known) / max(len(rows), 1),
        "bias um": error_um.mean(),
        "median um": error_um.median(),
        "mean abs px": known.error_px.abs().mean(),
        "median abs px": known.error_px.abs().median(),
        "slope": np.polyfit(known.true_um, known.width_px * known.um_per_px, 1)[0]
        if len(known) > 2
        else np.nan,
        "within 2 SE %": 100 * held,
        "error / bound": (known.error_px.abs() / known.bound_px).median(),
        "error / fitted bound": (known.error_px.abs() / known.fitted_bound_px).median(),
    }


def table(rows: pd.DataFrame) -> str:
    """Markdown: a row for each method, then for our own by colour and by width."""
    mine = rows[rows.method == OURS]
    parts = {name: rows[rows.method == name] for name in METHODS}
    parts |= {f"{colour} hair": mine[mine.colour == colour] for colour in HAIR_SRGB}
    for low, high in ((20, 40), (40, 70), (70, 110)):
        parts[f"{low}-{high} um"] = mine[mine.true_um.between(low, high)]
    shown = {name: figures(part) for name, part in parts.items() if len(part)}
    titles = list(next(iter(shown.values())))
    cells = [
        [
            name,
            *("" if np.isnan(v) else f"{v:.0f}" if k == "hairs" else f"{v:.3g}" for k, v in values.items()),
        ]
        for name, values in shown.items()
    ]
    return markdown(["", *titles], cells)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=PHOTOS)
    photos = parser.parse_args().photos
    said = {"thickness": table(measure(photos)), "thickness-pairs": table(measure(photos // 3, pairs=True))}
    for mark, text in said.items():
        print(text)
        if photos == PHOTOS:
            put_into(DOCS, mark, text)


if __name__ == "__main__":
    main()
