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
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from tables import into_page, markdown

from trichoscan.learn.dataset import photos_by_stem
from trichoscan.learn.pairing import near_edge, pair_hairs, starts
from trichoscan.photo.read import read_photo
from trichoscan.pipeline import analyze
from trichoscan.records import Photo
from trichoscan.segment.weights import Weights, load_weights

MARKS = Path(__file__).with_name("others.json")
WIDTH_UM = 5000.0
WITHIN_DEG = 40.0
"""Directions were marked by eye."""
START_UM, EDGE_UM = 300.0, 100.0
"""A found hair's direction is that of so much of its path; nearer to the edge nothing is judged."""
FOUND, FALSE, MISSED, UNJUDGED = (0, 200, 0), (0, 0, 255), (255, 0, 255), (160, 160, 160)
"""Colours of overlays, BGR."""


class Marks(NamedTuple):
    """(K, 2, 2) px root of each hair and a point ahead of it, and (K,) which are doubtful."""

    ends_px: NDArray[np.float64]
    doubtful: NDArray[np.bool_]


class Beside(NamedTuple):
    """Found and marked hairs of a photo: (K,) and (L,) colours of what became of each."""

    paths_px: list[NDArray[np.float64]]
    marks: Marks
    of_found: list[tuple[int, int, int]]
    of_mark: list[tuple[int, int, int]]

    @property
    def counts(self) -> tuple[int, int, int]:
        """Hairs found, missed and false."""
        return self.of_mark.count(FOUND), self.of_mark.count(MISSED), self.of_found.count(FALSE)


def read_marks(stem: str, ahead_px: float = 40.0) -> Marks:
    """Marks of a photo."""
    sides = json.loads(MARKS.read_text(encoding="utf-8"))[stem]
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
    of_found = [UNJUDGED if edge else FALSE for edge in near_edge(found[:, 0], size_px, EDGE_UM / um_per_px)]
    of_mark = [UNJUDGED if doubtful else MISSED for doubtful in marks.doubtful]
    for one, other in zip(pairs.found, pairs.true, strict=True):
        of_found[one] = of_mark[other] = UNJUDGED if marks.doubtful[other] else FOUND
    return Beside(paths, marks, of_found, of_mark)


def drawn(pixels: NDArray[np.uint8], hairs: Beside, width_px: int = 1400) -> NDArray[np.uint8]:
    """Paths and marks on an enlarged photo, BGR."""
    zoom = width_px / pixels.shape[1]
    picture = cv2.resize(pixels[..., ::-1], None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    for path, colour in zip(hairs.paths_px, hairs.of_found, strict=True):
        line = np.round(path * zoom).astype(int)
        cv2.polylines(picture, [line], False, colour, 2, cv2.LINE_AA)
        cv2.circle(picture, line[0].tolist(), 7, colour, 2, cv2.LINE_AA)
    for ends, colour in zip(hairs.marks.ends_px, hairs.of_mark, strict=True):
        root, ahead = np.round(ends * zoom).astype(int).tolist()
        cv2.arrowedLine(picture, root, ahead, colour, 2, cv2.LINE_AA)
    return np.asarray(picture, np.uint8)


def rows(photos: Path, overlays: Path | None) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """Name of each marked photo, and hairs found, missed and false there."""
    weights, files = load_weights(), photos_by_stem(photos)
    for stem in sorted(json.loads(MARKS.read_text(encoding="utf-8"))):
        photo = read_photo(files[stem])
        hairs = beside(photo, read_marks(stem), weights)
        if overlays is not None:
            overlays.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(overlays / f"{stem}.png"), drawn(photo.pixels, hairs))
        yield stem, hairs.counts


def table(photos: Path, overlays: Path | None) -> str:
    """Markdown table."""
    counts = list(rows(photos, overlays))
    counts.append(("all", tuple(np.sum([count for _, count in counts], 0).tolist())))
    cells = []
    for stem, (found, missed, false) in counts:
        shares = found / max(found + false, 1), found / max(found + missed, 1)
        cells.append(
            [stem, str(found + missed), str(found), str(false), *(f"{share:.2f}" for share in shares)]
        )
    head = ["photo", "hairs marked", "found", "false", "precision", "recall"]
    return (
        f"{markdown(head, cells)}\n\nWeights {load_weights().label}; made by `python benchmarks/others.py`."
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--overlays", type=Path, help="folder for pictures of what is found beside the marks")
    parser.add_argument("--page", type=Path, help="put the table into this page, docs/accuracy.md")
    options = parser.parse_args()
    text = table(options.photos, options.overlays)
    print(text)
    if options.page:
        page = into_page(options.page.read_text(encoding="utf-8"), "others", text)
        options.page.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
