"""Hairs found on photos of other devices, beside those that we marked on them by eye.

Run: python benchmarks/others.py --photos ../shared/data/other [--overlays OUT] [--page docs/accuracy.md]

These photos state no scale and have no annotation. `others.json` says where we see a hair leave the skin and
where it leads, px and degrees clockwise from the right: rough marks of one observer, who had seen what
follicle-v8 finds there. Hairs of which we are not sure are marked as doubtful and not judged, nor is what is
found at the photo's edge. Every photo is read as one without a scale; roots are compared as if it were 5 mm
wide.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from tables import markdown, put_into

from trichoscan.learn.dataset import photos_by_stem
from trichoscan.learn.pairing import near_edge, pair_hairs, starts
from trichoscan.photo.read import read_photo
from trichoscan.pipeline import analyze
from trichoscan.records import Photo, TrichoscanError
from trichoscan.segment.weights import DEFAULT_WEIGHTS, Weights, load_weights

MARKS = Path(__file__).with_name("others.json")
WIDTH_UM = 5000.0
WITHIN_DEG = 40.0
"""Directions were marked by eye."""
START_UM, EDGE_UM = 300.0, 100.0
"""A found hair's direction is that of so much of its path; nearer to the edge nothing is judged."""


class Fate(Enum):
    """What became of a found or marked hair."""

    RIGHT, FALSE, MISSED, UNJUDGED = range(4)


COLOURS = {
    Fate.RIGHT: (0, 200, 0),
    Fate.FALSE: (0, 0, 255),
    Fate.MISSED: (255, 0, 255),
    Fate.UNJUDGED: (160, 160, 160),
}
"""Of overlays, BGR."""


class Marks(NamedTuple):
    """(K, 2, 2) px root of each hair and a point ahead of it, and (K,) which are doubtful."""

    ends_px: NDArray[np.float64]
    doubtful: NDArray[np.bool_]


class Beside(NamedTuple):
    """K found and L marked hairs of a photo, and what became of each."""

    paths_px: list[NDArray[np.float64]]
    marks: Marks
    of_found: list[Fate]
    of_mark: list[Fate]

    @property
    def counts(self) -> tuple[int, int, int]:
        """Hairs found, missed and false."""
        right, missed = (self.of_mark.count(fate) for fate in (Fate.RIGHT, Fate.MISSED))
        return right, missed, self.of_found.count(Fate.FALSE)


def read_marks(ahead_px: float = 40.0) -> dict[str, Marks]:
    """Marks of each photo, by its stem in the alphabet's order."""
    marked = json.loads(MARKS.read_text(encoding="utf-8"))
    return {stem: _marks_of(marked[stem], ahead_px) for stem in sorted(marked)}


def _marks_of(sides: dict[str, list[list[float]]], ahead_px: float) -> Marks:
    rows = np.array(sides["hairs"] + sides["doubtful"], float).reshape(-1, 3)
    angle = np.radians(rows[:, 2])
    ahead = rows[:, :2] + ahead_px * np.column_stack([np.cos(angle), np.sin(angle)])
    return Marks(np.stack([rows[:, :2], ahead], 1), np.arange(len(rows)) >= len(sides["hairs"]))


def beside(photo: Photo, marks: Marks, weights: Weights) -> Beside:
    """Analyze a photo and hold what is found beside the marks."""
    hairs = analyze(replace(photo, um_per_px=None), weights, device="cpu", refuse=False).hairs
    paths = [hair.path_px for hair in hairs if "root_not_visible" not in hair.flags]
    size_px = (photo.pixels.shape[1], photo.pixels.shape[0])
    um_per_px = WIDTH_UM / size_px[0]
    found = starts(paths, START_UM / um_per_px)
    pairs = pair_hairs(found, marks.ends_px, um_per_px, within_deg=WITHIN_DEG)
    at_edge = [near_edge(ends[:, 0], size_px, EDGE_UM / um_per_px) for ends in (found, marks.ends_px)]
    of_found = [Fate.UNJUDGED if edge else Fate.FALSE for edge in at_edge[0]]
    of_mark = [Fate.UNJUDGED if apart else Fate.MISSED for apart in at_edge[1] | marks.doubtful]
    for one, other in zip(pairs.found, pairs.true, strict=True):
        judged = of_mark[other] is not Fate.UNJUDGED
        of_found[one] = of_mark[other] = Fate.RIGHT if judged else Fate.UNJUDGED
    return Beside(paths, marks, of_found, of_mark)


def drawn(pixels: NDArray[np.uint8], hairs: Beside, width_px: int = 1400) -> NDArray[np.uint8]:
    """Paths and marks on an enlarged photo, BGR."""
    zoom = width_px / pixels.shape[1]
    picture = cv2.resize(pixels[..., ::-1], None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    for path, fate in zip(hairs.paths_px, hairs.of_found, strict=True):
        line = np.round(path * zoom).astype(int)
        cv2.polylines(picture, [line], False, COLOURS[fate], 2, cv2.LINE_AA)
        cv2.circle(picture, line[0].tolist(), 7, COLOURS[fate], 2, cv2.LINE_AA)
    for ends, fate in zip(hairs.marks.ends_px, hairs.of_mark, strict=True):
        root, ahead = np.round(ends * zoom).astype(int).tolist()
        cv2.arrowedLine(picture, root, ahead, COLOURS[fate], 2, cv2.LINE_AA)
    return np.asarray(picture, np.uint8)


def table(photos: Path, weights: Weights, overlays: Path | None) -> str:
    """Markdown table; pictures go to the folder `overlays`, if any."""
    files, cells, total = photos_by_stem(photos), [], np.zeros(3, int)
    for stem, marks in read_marks().items():
        if stem not in files:
            raise TrichoscanError(f"{photos}: no photo {stem}: give the folder whose photos are marked")
        photo = read_photo(files[stem])
        hairs = beside(photo, marks, weights)
        if overlays is not None:
            overlays.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(overlays / f"{stem}.png"), drawn(photo.pixels, hairs))
        cells.append(row(stem, *hairs.counts))
        total += hairs.counts
    head = ["photo", "hairs marked", "found", "false", "precision", "recall"]
    text = markdown(head, [*cells, row("all", *total.tolist())])
    return f"{text}\n\nWeights {weights.label}; made by `python benchmarks/others.py`."


def row(name: str, found: int, missed: int, false: int) -> list[str]:
    """Row of the table."""
    shares = found / max(found + false, 1), found / max(found + missed, 1)
    return [name, str(found + missed), str(found), str(false), *(f"{share:.2f}" for share in shares)]


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS)
    parser.add_argument("--overlays", type=Path, help="folder for pictures of what is found beside the marks")
    parser.add_argument("--page", type=Path, help="put the table into this page, docs/accuracy.md")
    options = parser.parse_args()
    text = table(options.photos, load_weights(options.weights), options.overlays)
    print(text)
    if options.page:
        put_into(options.page, "others", text)


if __name__ == "__main__":
    main()
