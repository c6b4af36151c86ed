"""How steady the count of a real photo is when the photo is turned, mirrored, shrunk, relit or recompressed.

Run: python benchmarks/laws.py [--fdu ../shared/data/fdu] [--photos 24]

None of these changes what stands on the scalp. Compared are the hairs whose root lies in the disc in the
middle of the photo, which every copy shows whole. Photos are held out from training. With the default number
the table goes into docs/accuracy.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tables import markdown, put_into

from trichoscan.photo.quality import assess
from trichoscan.photo.read import read_photo
from trichoscan.records import Photo
from trichoscan.segment.infer import segment
from trichoscan.segment.trace import trace
from trichoscan.segment.weights import Weights, load_weights

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "accuracy.md"
PHOTOS = 24
UM_PER_PX = 5.54
DISC_SHARE = 0.44
"""Radius of the compared disc beside the photo's shorter side."""

Pixels = NDArray[np.uint8]


def turned(pixels: Pixels, degrees: float) -> Pixels:
    """Turned about the middle, the corners filled by mirroring."""
    height, width = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    picture = cv2.warpAffine(
        pixels, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(picture, np.uint8)


def shrunk(pixels: Pixels) -> Pixels:
    """At 60 % of the px a side."""
    return np.asarray(cv2.resize(pixels, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA), np.uint8)


def recompressed(pixels: Pixels) -> Pixels:
    """Through JPEG at quality 60."""
    _, coded = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 60])
    return np.ascontiguousarray(cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1], np.uint8)


def relit(pixels: Pixels, factor: float) -> Pixels:
    """Encoded values times `factor`."""
    return np.clip(np.round(pixels * factor), 0, 255).astype(np.uint8)


CHANGES: dict[str, tuple[Callable[[Pixels], Pixels], float]] = {
    "turned by 90 degrees": (lambda p: np.ascontiguousarray(np.rot90(p)), 1.0),
    "turned by 180 degrees": (lambda p: np.ascontiguousarray(p[::-1, ::-1]), 1.0),
    "turned by 17 degrees": (lambda p: turned(p, 17.0), 1.0),
    "mirrored": (lambda p: np.ascontiguousarray(p[:, ::-1]), 1.0),
    "shrunk to 60 %": (shrunk, 0.6),
    "recompressed, JPEG quality 60": (recompressed, 1.0),
    "brightened by 15 %": (lambda p: relit(p, 1.15), 1.0),
    "darkened by 15 %": (lambda p: relit(p, 0.85), 1.0),
}
"""What is done to the photo, and how many px then stand for one."""


def hairs_in_the_middle(pixels: Pixels, um_per_px: float, weights: Weights) -> int:
    """Number of hairs whose root lies in the middle disc."""
    photo = Photo(pixels, um_per_px, "manifest")
    usable_mask = assess(photo).usable_mask
    hairs = trace(segment(photo, usable_mask, weights, "cpu"), usable_mask)
    roots = np.array([h.root_px for h in hairs if "root_not_visible" not in h.flags]).reshape(-1, 2)
    height, width = pixels.shape[:2]
    away = np.hypot(*(roots - [(width - 1) / 2, (height - 1) / 2]).T)
    return int((away <= DISC_SHARE * min(height, width)).sum())


def measure(files: list[Path]) -> pd.DataFrame:
    """Count of each photo (rows) as it is and after each change (columns)."""
    weights, rows = load_weights(), []
    for file in files:
        pixels = read_photo(file).pixels
        row = {"as it is": hairs_in_the_middle(pixels, UM_PER_PX, weights)}
        for name, (change, scale) in CHANGES.items():
            row[name] = hairs_in_the_middle(change(pixels), UM_PER_PX / scale, weights)
        rows.append(row)
    return pd.DataFrame(rows, index=[f.stem for f in files])


def table(counts: pd.DataFrame) -> str:
    """Markdown table of the changes of the count."""
    before, rows = counts["as it is"], []
    for name in CHANGES:
        percent = 100 * (counts[name] / before - 1)
        total = 100 * (counts[name].sum() / before.sum() - 1)
        rows.append([name, f"{total:+.1f}", f"{percent.abs().mean():.1f}", f"{percent.abs().max():.1f}"])
    return markdown(["copy", "all hairs, %", "a photo, mean of abs. %", "a photo, largest %"], rows)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fdu", type=Path, default=ROOT.parent / "shared" / "data" / "fdu")
    parser.add_argument("--photos", type=int, default=PHOTOS)
    options = parser.parse_args()
    stems = load_weights().config["split"]["held_out"][: options.photos]
    counts = measure([options.fdu / "images" / f"{stem}.jpg" for stem in stems])
    said = (
        f"{len(counts)} held-out photos, {counts['as it is'].sum()} hairs in their middle discs; weights "
        f"{load_weights().label}; made by `python benchmarks/laws.py`."
    )
    print(f"{table(counts)}\n\n{said}")
    if options.photos == PHOTOS:
        put_into(PAGE, "laws", f"{table(counts)}\n\n{said}")


if __name__ == "__main__":
    main()
