"""Crops of real photos and of phantoms, cut and compressed alike, for what shall tell them apart.

A crop shows no sign, border or surround: those are known to any program and say nothing about skin and
hair. All are compressed once more as JPEG of the same range of qualities.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.learn.pairing import near_seam
from trichoscan.phantom.draw import draw_phantom
from trichoscan.photo.read import read_photo
from trichoscan.photo.usable import not_scalp

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]

CROP_PX = 192
"""About 1.1 mm at 5.54 um per px: two or three follicular units."""
SHAFT_PX = (56, 144)
"""Height and width of a straightened shaft: 0.15 mm to both sides, 0.2 mm before the root, 0.6 mm after."""
ROOT_AT_PX = 36
"""Column of the root in a straightened shaft."""
SHORTEST_SHAFT_PX = 50.0
EDGE_PX = 60.0
JPEG_QUALITY = (70, 92)
FDU_UM_PER_PX = 5.54
RED_STEP, RED_LINE_PX = 28, 9
"""A drawn red line is this much redder (R less the mean of G and B) than the median of this many px about;
vessels are broader or paler."""
CALM = 24
"""Crops are sought this many times as often as asked for before a photo is given up."""


@dataclass(frozen=True, eq=False)
class Crops:
    """K crops of photos.

    Attributes
    ----------
    pixels : (K, H, W, 3) uint8
        RGB.
    photo : (K,) str
        Photo of each; crops of one photo are not independent.
    """

    pixels: Bytes
    photo: NDArray[np.str_]

    def __len__(self) -> int:
        """Number of crops."""
        return len(self.photo)


@dataclass(frozen=True, eq=False)
class Views:
    """What is cut from a set of photos: crops anywhere, and shafts turned root left, tip right."""

    crops: Crops
    shafts: Crops


@dataclass(frozen=True)
class PhantomKind:
    """Which phantoms are set against real photos: styles and sizes are taken in turn."""

    styles: tuple[str, ...]
    sizes_px: tuple[tuple[int, int], ...]
    um_per_px: float | None


LIKE_FDU = PhantomKind(("clipped",), ((1280, 1024),), FDU_UM_PER_PX)
"""Drawn at the real photos' own scale, so that no resampling tells them apart."""
LIKE_OTHER = PhantomKind(
    ("long", "long", "thin", "long", "light", "clipped"), ((640, 480), (720, 480), (1280, 720)), None
)


def real_views(paths: Sequence[Path], truth: Path | None, number: int, workers: int) -> Views:
    """Cut `number` crops and shafts from each real photo; shafts need the truth folder of data/fdu."""
    return _gather(workers, _view_real, paths, repeat(truth), repeat(number))


def phantom_views(kind: PhantomKind, photos: int, seed: int, number: int, workers: int) -> Views:
    """Draw phantoms and cut `number` crops and shafts from each."""
    return _gather(workers, _view_phantom, repeat(kind), repeat(seed), range(photos), repeat(number))


def joined(parts: Iterable[Crops]) -> Crops:
    """Put crops of one size into one set."""
    parts = list(parts)
    return Crops(np.concatenate([p.pixels for p in parts]), np.concatenate([p.photo for p in parts]))


def _gather(workers: int, view, *arguments) -> Views:  # type: ignore[no-untyped-def]
    if workers == 1:
        parts = list(map(view, *arguments))
    else:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            parts = list(pool.map(view, *arguments, chunksize=8))
    return Views(joined(p.crops for p in parts), joined(p.shafts for p in parts))


def _view_real(path: Path, truth: Path | None, number: int) -> Views:
    pixels = read_photo(path).pixels
    hairs = np.zeros((0, 2, 2))
    if truth is not None:
        marks = json.loads((truth / f"{path.stem}.json").read_text(encoding="utf-8"))["hairs"]
        kept = [[m["root"], m["tip"]] for m in marks if m["kind"] in ("premium", "single")]
        hairs = np.array(kept, float).reshape(-1, 2, 2)
        hairs = hairs[~near_seam(hairs, (pixels.shape[1] / 2, pixels.shape[0] / 2))]
    return _views(pixels, hairs, path.stem, number)


def _view_phantom(kind: PhantomKind, seed: int, i: int, number: int) -> Views:
    width_px, height_px = kind.sizes_px[i % len(kind.sizes_px)]
    style = kind.styles[i % len(kind.styles)]
    phantom = draw_phantom(seed + i, style, width_px, height_px, kind.um_per_px)
    kept = [
        h.path_px[[0, -1]]
        for h in phantom.hairs
        if h.kind in ("premium", "single") and h.root_visible and not h.cut_by_edge
    ]
    return _views(phantom.pixels, np.array(kept).reshape(-1, 2, 2), f"{style}_{seed}_{i}", number)


def _views(pixels: Bytes, hairs: Floats, name: str, number: int) -> Views:
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    drawn = _drawn(pixels)
    crops = _cut_crops(pixels, drawn, number, rng)
    shafts = _cut_shafts(pixels, drawn, hairs, number, rng)
    return Views(_named(crops, (CROP_PX, CROP_PX), name), _named(shafts, SHAFT_PX, name))


def _named(pieces: list[Bytes], size: tuple[int, int], name: str) -> Crops:
    pixels: Bytes = np.array(pieces, np.uint8).reshape(-1, *size, 3)
    return Crops(pixels, np.full(len(pieces), name, dtype="U80"))


def _drawn(pixels: Bytes) -> NDArray[np.uint8]:
    """(H, W) 1 where a sign, border or surround stands."""
    surround, overlay = not_scalp(pixels)
    wide = pixels.astype(np.int16)
    redness = np.clip(wide[..., 0] - (wide[..., 1] + wide[..., 2]) // 2, 0, 255).astype(np.uint8)
    line = cv2.subtract(redness, cv2.medianBlur(redness, RED_LINE_PX)) > RED_STEP
    return np.asarray(surround | overlay | line, dtype=np.uint8)


def _cut_crops(pixels: Bytes, drawn: Bytes, number: int, rng: np.random.Generator) -> list[Bytes]:
    count = cv2.integral(drawn)
    most = np.array(pixels.shape[:2]) - CROP_PX
    pieces: list[Bytes] = []
    for _ in range(CALM * number):
        if len(pieces) == number:
            break
        y, x = (int(rng.integers(m + 1)) for m in most)
        far_y, far_x = y + CROP_PX, x + CROP_PX
        if count[far_y, far_x] - count[y, far_x] - count[far_y, x] + count[y, x] == 0:
            pieces.append(_compressed(pixels[y:far_y, x:far_x], rng))
    return pieces


def _cut_shafts(
    pixels: Bytes, drawn: Bytes, hairs: Floats, number: int, rng: np.random.Generator
) -> list[Bytes]:
    size = np.array(pixels.shape[1::-1])
    length = np.hypot(*(hairs[:, 1] - hairs[:, 0]).T)
    inside = np.all((hairs[:, 0] > EDGE_PX) & (hairs[:, 0] < size - EDGE_PX), axis=1)
    choice = rng.permutation(np.flatnonzero(inside & (length > SHORTEST_SHAFT_PX)))
    pieces: list[Bytes] = []
    for root, tip in hairs[choice]:
        if len(pieces) == number:
            break
        c, s = (tip - root) / np.hypot(*(tip - root))
        turn = np.array([[c, s], [-s, c]])
        shift = np.array([ROOT_AT_PX, SHAFT_PX[0] / 2]) - turn @ root
        warp = np.column_stack([turn, shift])
        if not cv2.warpAffine(drawn, warp, SHAFT_PX[::-1], borderValue=1).any():
            turned = cv2.warpAffine(pixels, warp, SHAFT_PX[::-1], flags=cv2.INTER_CUBIC)
            pieces.append(_compressed(turned.astype(np.uint8), rng))
    return pieces


def _compressed(piece: Bytes, rng: np.random.Generator) -> Bytes:
    quality = int(rng.integers(*JPEG_QUALITY))
    _, data = cv2.imencode(".jpg", piece[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    again = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert again is not None, "our own JPEG"
    return np.ascontiguousarray(again[..., ::-1]).astype(np.uint8)
