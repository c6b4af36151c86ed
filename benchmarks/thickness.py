"""How true diameters are: isolated hairs of known width under the whole camera, beside bound and peers.

Run: python benchmarks/thickness.py [--photos 30]

With the default number the tables go into docs/thickness.md between its marks; with another they are printed
only. All measure along the same paths, off by up to 2 px; the seeds are not those of any choice. A second
table is of pairs side by side, from overlapping to 60 um apart. What it costs, and how it does on real
photos, is measured by thickness_real.py.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from ridge import is_installed, ridge_widths
from tables import into_page, markdown

from trichoscan.measure.stripe import AMOUNT, C0, LEFT, LOG_BLUR, PARAMETERS, RIGHT, SKIN, model, smoothing
from trichoscan.measure.thickness import SHADE_UM, measure_diameters
from trichoscan.phantom.camera import Camera, draw_camera
from trichoscan.phantom.draw import photograph
from trichoscan.phantom.person import draw_person
from trichoscan.phantom.render import Shaft, cover
from trichoscan.phantom.scalp import Scalp, TrueHair
from trichoscan.phantom.skin import grow_skin
from trichoscan.phantom.style import DARK_SKIN_SRGB, SKIN_SRGB, draw_style, linear
from trichoscan.records import Hair

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]
Measure = Callable[["Scene"], tuple[Floats, Floats]]
"""Diameters and their standard errors, px; NaN where there is none."""

DOCS = Path(__file__).resolve().parents[1] / "docs" / "thickness.md"
PHOTOS = 30
FIRST_SEED = 1000

SIZE_PX = (1280, 1024)
CELL_UM = 1050.0
"""Distance of the hairs: each lies alone in its cell."""
WIDTHS_UM = (20.0, 110.0)
UM_PER_PX = (3.0, 10.0)
MEASURED_PART = (0.15, 0.9)
"""Root zone and tip are left out."""
GAP_UM = (-20.0, 60.0)
"""Between the rims of a pair; below 0 one lies partly on the other."""
HAIR_SRGB = {
    "dark": (30, 25, 23),
    "brown": (92, 66, 48),
    "blond": (178, 146, 104),
    "grey": (150, 150, 152),
    "white": (222, 222, 216),
}


@dataclass(frozen=True, eq=False)
class Scene:
    """A photo of isolated hairs; K hairs.

    Attributes
    ----------
    pixels : (H, W, 3) uint8
    camera : Camera
    colour, skin : str
    width_um : (K,) float64
        True mean width over the measured part.
    hairs : tuple of Hair
        Paths as a tracer would give them: off by up to 2 px.
    """

    pixels: NDArray[np.uint8]
    camera: Camera
    colour: str
    skin: str
    width_um: Floats
    hairs: tuple[Hair, ...]
    true_hairs: tuple[TrueHair, ...]


def draw_scene(seed: int, pairs: bool = False, **camera_changes: object) -> Scene:
    """Draw a photo: one colour of hair and one of skin, hairs of all widths in all directions."""
    rng = np.random.default_rng([seed, 77])
    colour = list(HAIR_SRGB)[seed % len(HAIR_SRGB)]
    skin_name = "dark skin" if seed // len(HAIR_SRGB) % 3 == 2 else "light skin"
    um_per_px = float(rng.uniform(*UM_PER_PX))
    style = replace(draw_style("clipped", rng), ink_chance=0.0)
    table = DARK_SKIN_SRGB if skin_name == "dark skin" else SKIN_SRGB
    style = replace(style, skin_colour=linear(table[rng.integers(len(table))] * rng.uniform(0.95, 1.05)))
    half = np.array(SIZE_PX) * um_per_px / 2
    hairs = _hairs(colour, half, rng)
    if pairs:
        hairs = _paired(hairs, rng)
    camera = draw_camera("clipped", *SIZE_PX, um_per_px, rng)
    camera = replace(
        camera,
        blur_px=float(rng.uniform(0.4, 2.5)),
        burnt_in=(),
        aperture=2.0,
        bubbles=0,
        ruler=False,
        reticle=False,
        **camera_changes,
    )
    person, _ = draw_person(style, None, "normal", np.random.default_rng(seed))
    scalp = Scalp(hairs=hairs, skin=grow_skin(style, 2.2 * float(half.max()), rng), person=person)
    photo = photograph(scalp, camera, "clipped")
    kept, paths, widths = [], [], []
    seen = {hair.hair_id for hair in photo.hairs}
    for hair in (hair for hair in hairs if hair.hair_id in seen):
        px = camera.to_px(hair.path_um)
        if np.all((px > 30) & (px < np.array(SIZE_PX) - 31)):
            kept.append(hair)
            paths.append(Hair(px[:: max(len(px) // 8, 1)] + rng.uniform(-2, 2, 2), 1.0))
            widths.append(painted_um(hair, px, camera.um_per_px))
    return Scene(photo.pixels, camera, colour, skin_name, np.array(widths), tuple(paths), tuple(kept))


def painted_um(hair: TrueHair, path_px: Floats, um_per_px: float) -> float:
    """Mean width of the measured part as it is painted, its ragged rims included: area over length."""
    shaft = Shaft(path_px, hair.width_um / um_per_px, rough_px=hair.rough_um / um_per_px, seed=hair.seed)
    area = cover([shaft], *SIZE_PX)
    low, high = (share * float(np.hypot(*np.diff(path_px, axis=0).T).sum()) for share in MEASURED_PART)
    middle = (area.along_px > low) & (area.along_px < high)
    return float(area.share[middle].sum()) / (high - low) * um_per_px


def _hairs(colour: str, half_um: Floats, rng: np.random.Generator) -> tuple[TrueHair, ...]:
    """One hair in each cell, of a width drawn evenly."""
    x, y = (np.arange(-h + CELL_UM / 2, h - CELL_UM / 2 + 1, CELL_UM) for h in half_um)
    gloss, rim = float(rng.choice([0.0, 0.1, 0.3, 0.8])), float(rng.uniform(0.0, 1.0))
    rough = float(rng.choice([0.0, 1.0, 2.0, 4.0]))
    hairs = []
    for place in np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2):
        angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(400, 800)
        bend = rng.normal(0, 0.25)
        n = int(length / 20) + 2
        turn = angle + bend * (np.linspace(0, 1, n) - 0.5)
        path = np.cumsum(np.stack([np.cos(turn), np.sin(turn)], axis=1) * length / (n - 1), axis=0)
        width = rng.uniform(*WIDTHS_UM)
        uneven = np.interp(np.linspace(0, 1, n), np.linspace(0, 1, 5), 1 + rng.normal(0, 0.02, 5))
        tint = linear(np.array(HAIR_SRGB[colour])) * np.exp(rng.normal(0, 0.15) + rng.normal(0, 0.04, 3))
        strength = float(np.clip((width - 10) / 45, 0, 1))
        hairs.append(
            TrueHair(
                hair_id=len(hairs),
                unit_id=len(hairs),
                path_um=path - path.mean(axis=0) + place,
                width_um=width * uneven,
                colour=np.clip(tint, 0.004, 0.9),
                kind="hair",
                opacity=float(min(1.0, rng.uniform(0.95, 1.03) - 0.35 * (1 - strength))),
                gloss=gloss * float(rng.uniform(0.2, 1)),
                halo_um=float(rng.uniform(0, 200)) * strength,
                bevel=0.0,
                rough_um=rough * strength,
                rim=min(rim * float(rng.uniform(0.5, 1.3)), 1.2),
                seed=int(rng.integers(2**31)),
            )
        )
    return tuple(hairs)


def _paired(hairs: tuple[TrueHair, ...], rng: np.random.Generator) -> tuple[TrueHair, ...]:
    """Each hair with a second one beside it."""
    both = list(hairs)
    for hair in hairs:
        chord = hair.path_um[-1] - hair.path_um[0]
        across = np.array([-chord[1], chord[0]]) / np.hypot(*chord)
        width = rng.uniform(*WIDTHS_UM)
        away = (width + float(hair.width_um.mean())) / 2 + rng.uniform(*GAP_UM)
        beside = hair.path_um + across * away + chord * rng.uniform(-0.1, 0.1)
        even = hair.width_um * width / hair.width_um.mean()
        own = {"hair_id": len(both), "unit_id": len(both), "seed": int(rng.integers(2**31))}
        both.append(replace(hair, path_um=beside, width_um=even, **own))
    return tuple(both)


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


def bound_px(scene: Scene) -> Floats:
    """Cramer-Rao bound (K,) of the width of a dark strip of the hair's length, light and blur.

    Blur and sharpening are taken as known, the light within as even, and the noise as what of the photo is
    finer than 3 px: the sensor's and the skin's own texture, as if neighbouring pixels were independent.
    """
    camera = scene.camera
    grey = cv2.cvtColor(scene.pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    noise = 1.4826 * float(np.median(np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 3)))) / 255
    t = np.arange(-45.0, 46.0)
    free = [LEFT, RIGHT, SKIN, C0]
    gap = np.array([-1.0, 1.0, 0.0, 0.0])
    bounds = []
    for hair, width_um in zip(scene.true_hairs, scene.width_um, strict=True):
        p = np.zeros((1, PARAMETERS))
        half = width_um / camera.um_per_px / 2
        luma = np.array([0.299, 0.587, 0.114])
        skin = float(luma @ np.median(scene.pixels.reshape(-1, 3)[::97], axis=0)) / 255
        p[0, [LEFT, RIGHT, SKIN]] = -half, half, ((skin + 0.055) / 1.055) ** 2.4
        p[0, C0] = hair.opacity * (float(luma @ hair.colour) - p[0, SKIN])
        p[0, LOG_BLUR], p[0, AMOUNT] = np.log(np.hypot(camera.blur_px, 0.29)), camera.sharpen
        smooth = smoothing(t, camera.sharpen_px)
        slopes = model(t, p, np.zeros(1, bool), smooth, SHADE_UM / camera.um_per_px)[1][0][free]
        length = 0.75 * float(np.hypot(*np.diff(hair.path_um, axis=0).T).sum()) / camera.um_per_px
        bounds.append(np.sqrt(gap @ np.linalg.pinv(slopes @ slopes.T) @ gap / length) * noise)
    return np.array(bounds)


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
        bound = bound_px(scene)
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
                "true_um": scene.width_um, "width_px": width, "se_px": se, "bound_px": bound,
                "seconds": time.process_time() - began,
            }  # fmt: skip
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
            page = into_page(DOCS.read_text(encoding="utf-8"), mark, text)
            DOCS.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
