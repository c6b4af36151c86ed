"""How far diameters on real photos can be trusted, where none is known: copies, kinds of hair, share, cost.

Run: python benchmarks/thickness_real.py PHOTOS TRUTH [--photos 12] [--held-out]

PHOTOS and TRUTH are as of data/fdu: truth/<stem>.json names each hair's kind. The same hairs, traced once,
are measured in the photo and in copies that should change nothing. Shown beside: the share of hairs that get
a diameter, whether undersize hairs measure thinner than single ones, and the processor time as a share.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tables import markdown

from trichoscan.measure.thickness import measure_diameters
from trichoscan.photo.quality import assess
from trichoscan.photo.read import read_photo
from trichoscan.records import Hair
from trichoscan.segment.infer import segment
from trichoscan.segment.trace import trace_all
from trichoscan.segment.weights import load_weights

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]
Copy = Callable[[Bytes], tuple[Bytes, Floats]]
"""A copy of a photo, and the (2, 3) map of its points."""

UM_PER_PX = 5.54
SAME_HAIR_UM = 140.0
TURN_DEG, SHRINK, BLUR_PX, BRIGHTER, JPEG_QUALITY = 17.0, 0.7, 0.7, 1.15, 80
SAME = np.array([[1.0, 0, 0], [0, 1, 0]])


def blurred(pixels: Bytes) -> tuple[Bytes, Floats]:
    """Slightly out of focus."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), BLUR_PX), np.uint8), SAME


def brightened(pixels: Bytes) -> tuple[Bytes, Floats]:
    """More light: linear light times a factor, which sRGB's power law makes a factor too."""
    return cv2.convertScaleAbs(pixels, alpha=BRIGHTER ** (1 / 2.4)).astype(np.uint8), SAME


def turned(pixels: Bytes) -> tuple[Bytes, Floats]:
    """Turned about the middle; the corners are lost."""
    height, width = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), TURN_DEG, 1.0)
    flags = cv2.INTER_CUBIC
    copy = cv2.warpAffine(pixels, turn, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(copy, np.uint8), np.asarray(turn)


def recompressed(pixels: Bytes) -> tuple[Bytes, Floats]:
    """JPEG once more."""
    data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None, "our own JPEG"
    return np.ascontiguousarray(decoded[..., ::-1]).astype(np.uint8), SAME


def shrunk(pixels: Bytes) -> tuple[Bytes, Floats]:
    """To 70 %."""
    copy = cv2.resize(pixels, None, fx=SHRINK, fy=SHRINK, interpolation=cv2.INTER_AREA)
    sx, sy = copy.shape[1] / pixels.shape[1], copy.shape[0] / pixels.shape[0]
    return np.asarray(copy, np.uint8), np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2]])


COPIES: dict[str, Copy] = {
    "blurred by 0.7 px": blurred,
    "brightened by 15 %": brightened,
    "turned by 17 degrees": turned,
    "recompressed": recompressed,
    "shrunk to 70 %": shrunk,
}


def diameters_um(pixels: Bytes, hairs: tuple[Hair, ...], moved: Floats = SAME) -> Floats:
    """(K,) diameters of hairs whose paths are moved by a map, in um of the original."""
    scale = float(np.sqrt(np.linalg.det(moved[:, :2])))
    paths = [replace(h, path_px=h.path_px @ moved[:, :2].T + moved[:, 2]) for h in hairs]
    found = measure_diameters(pixels, paths, UM_PER_PX / scale)
    return np.array([h.diameter_px for h in found]) * UM_PER_PX / scale


def kinds_of(truth: Path, hairs: tuple[Hair, ...]) -> list[str]:
    """Kind of the hand-drawn hair whose root is nearest to each found one; empty for none near."""
    drawn = json.loads(truth.read_text(encoding="utf-8"))["hairs"]
    roots = np.array([hair["root"] for hair in drawn]).reshape(-1, 2)
    kinds = []
    for hair in hairs:
        away = np.hypot(*(roots - hair.root_px).T) * UM_PER_PX
        near = away.size and away.min() < SAME_HAIR_UM
        kinds.append(str(drawn[int(away.argmin())]["kind"]) if near else "")
    return kinds


def curve_area(low: Floats, high: Floats) -> float:
    """Chance that one of `low` is less than one of `high`."""
    return float((low[:, None] < high).mean() + 0.5 * (low[:, None] == high).mean())


def judge(photos: list[Path], truth: Path) -> dict[str, str]:
    """Figures over some photos."""
    weights = load_weights()
    off: dict[str, list[Floats]] = {name: [] for name in COPIES}
    whole, own, measured, kinds, widths = 0.0, 0.0, [], [], []
    for path in photos:
        photo = replace(read_photo(path), um_per_px=UM_PER_PX, um_per_px_source="option")
        began = time.process_time()
        usable = assess(photo).usable_mask
        hairs, doubtful = trace_all(segment(photo, usable, weights, "cpu"), usable)
        middle = time.process_time()
        measure_diameters(photo.pixels, (*hairs, *doubtful), UM_PER_PX, len(hairs))
        own += time.process_time() - middle
        whole += time.process_time() - began
        first = diameters_um(photo.pixels, hairs)
        measured.append(np.isfinite(first))
        widths.append(first)
        kinds += kinds_of(truth / f"{path.stem}.json", hairs)
        for name, copy in COPIES.items():
            off[name].append(
                diameters_um(*(lambda made: (made[0], hairs, made[1]))(copy(photo.pixels))) - first
            )
    width, kind = np.concatenate(widths), np.array(kinds)
    known = np.isfinite(width)
    area = curve_area(width[known & (kind == "undersize")], width[known & (kind == "single")])
    figures = {
        "hairs": f"{width.size}",
        "with a diameter, %": f"{100 * known.mean():.1f}",
        "undersize thinner than single, area under the curve": f"{area:.3f}",
        "thickness as a share of `analyze`, %": f"{100 * own / whole:.0f}",
    }
    for name, parts in off.items():
        change = np.concatenate(parts)
        change = change[np.isfinite(change)]
        said = f"{np.median(np.abs(change)):.2f}, of which shift {np.median(change):+.2f}"
        figures[f"{name}: median difference um"] = said
    return figures


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--photos", type=int, default=12)
    parser.add_argument("--held-out", action="store_true")
    given = parser.parse_args()
    split = load_weights().config["split"]
    stems = sorted(split["held_out" if given.held_out else "train"])
    chosen = [given.folder / f"{stem}.jpg" for stem in stems[:: max(len(stems) // given.photos, 1)]]
    figures = judge(chosen[: given.photos], given.truth)
    print(markdown(["", "value"], [[name, value] for name, value in figures.items()]))


if __name__ == "__main__":
    main()
