"""Does a flag of the photo's quality foretell the error? Photos spoilt step by step, against their truth.

Run: python benchmarks/quality.py [--fdu ../shared/data/fdu] [--photos 8] [--phantoms 8] [--kinds 6]

Parts of real photos on which the network was trained, and phantoms, are blurred, shaken, darkened, burnt out,
covered with glare and bubbles, seen through an aperture, shrunk, and given a wrong scale. Of each version the
measures of the photo's quality are told beside what became of the hairs; a refused photo is measured all the
same. Then phantoms of every kind tell how many hairs are found where many are doubtful. With the default
numbers the tables go into docs/quality.md. `--keep FILE` gets the rows of what is done, after each photo.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from faults import Pixels, spoil
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from tables import markdown, put_into

from trichoscan.phantom.draw import Phantom, draw_phantom
from trichoscan.photo.quality import assess
from trichoscan.photo.read import read_photo
from trichoscan.pipeline import analyze, hopeless
from trichoscan.records import Analysis, Photo
from trichoscan.segment.weights import Weights, load_weights

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "quality.md"
PHOTOS, PHANTOMS, KINDS = 8, 8, 6
STYLES = ("clipped", "long", "thin", "light", "dark_skin", "wide", "bare", "plain")
FOUND_WITHIN_UM = 140.0
"""As in `learn.verdict`."""
FDU_UM_PER_PX, PHANTOM_UM_PER_PX = 5.54, 5.5
PARTS_PX = ((20, 40), (660, 40))
"""Upper left corners of the parts of real photos: clear of banner, bar and the seams of the annotation."""
SIZE_PX = (600, 460)
UNSEEN_BANDS = (0.0, 0.05, 0.1, 0.2, 0.35, 1.0)


@dataclass(frozen=True, eq=False)
class Case:
    """A photo in order, and the roots that stand on it: (N, 2) px."""

    name: str
    pixels: Pixels
    um_per_px: float
    roots_px: NDArray[np.float64]


def real_case(fdu: Path, stem: str, part: int) -> Case:
    """Part of a real photo."""
    (x, y), (width, height) = PARTS_PX[part], SIZE_PX
    marks = json.loads((fdu / "truth" / f"{stem}.json").read_text(encoding="utf-8"))["hairs"]
    roots = np.array([m["root"] for m in marks if m["kind"] != "abnormal"], np.float64).reshape(-1, 2)
    pixels = read_photo(fdu / "images" / f"{stem}.jpg").pixels[y : y + height, x : x + width]
    return Case(stem, np.ascontiguousarray(pixels), FDU_UM_PER_PX, roots - (x, y))


def phantom_case(phantom: Phantom, name: str) -> Case:
    """A phantom with the roots that can be seen."""
    roots = [h.path_px[0] for h in phantom.hairs if h.root_visible and h.kind != "abnormal"]
    return Case(name, phantom.pixels, phantom.um_per_px, np.array(roots, np.float64).reshape(-1, 2))


def cases(fdu: Path | None, weights: Weights, photos: int, phantoms: int) -> Iterator[Case]:
    """Real photos and phantoms in turn."""
    train = weights.config["split"]["train"] if fdu is not None else []
    for k in range(max(photos, phantoms)):
        if fdu is not None and k < photos:
            yield real_case(fdu, train[(5 + 11 * k) % len(train)], k % 2)
        if k < phantoms:
            style, size = ("clipped", "plain")[k % 2], SIZE_PX
            yield phantom_case(draw_phantom(7000 + k, style, *size, PHANTOM_UM_PER_PX), f"phantom {k}")


def row_of(
    case: Case, pixels: Pixels, weights: Weights, zoom: float = 1.0, stated: float = 1.0
) -> dict[str, Any]:
    """What was measured of one version, and what became of its hairs."""
    um_per_px = case.um_per_px * zoom
    photo = Photo(pixels, um_per_px * stated, "option")
    quality = assess(photo)
    analysis = analyze(photo, weights, device="cpu", quality=quality, refuse=False)
    true, found, wrong = judged((case.roots_px + 0.5) / zoom - 0.5, analysis, FOUND_WITHIN_UM / um_per_px)
    widths = [h.diameter_px * um_per_px for h, c in zip(analysis.hairs, analysis.counted, strict=True) if c]
    return {
        "true": true,
        "found": found,
        "wrong": wrong,
        "widths_um": [w for w in widths if np.isfinite(w)],
        "focus": quality.focus,
        "motion px": quality.motion_px,
        "glare %": quality.glare_percent,
        "bubbles %": quality.bubbles_percent,
        "exposure": quality.exposure,
        "redness": quality.erythema_index,
        "usable %": 100 * float(quality.usable_mask.mean()),
        "contrast": analysis.hair_contrast,
        "unseen %": 100 * analysis.unseen_share,
        "flags": list(analysis.flags),
        "refused": bool(quality.refusal) or hopeless(analysis.flags, analysis.unseen_share, quality.focus),
    }


def judged(roots_px: NDArray[np.float64], analysis: Analysis, reach_px: float) -> tuple[int, int, int]:
    """True hairs in the counting area, those found, and counted hairs that are none."""
    mask = analysis.counting_mask
    cells = np.floor(roots_px + 0.5).astype(int)
    within = [0 <= x < mask.shape[1] and 0 <= y < mask.shape[0] and bool(mask[y, x]) for x, y in cells]
    inside = np.array(within, bool)
    counted = [h.root_px for h, c in zip(analysis.hairs, analysis.counted, strict=True) if c]
    seen = np.array(counted, np.float64).reshape(-1, 2)
    if not len(seen) or not len(roots_px):
        return int(inside.sum()), 0, len(seen)
    near = cKDTree(seen).query(roots_px, distance_upper_bound=reach_px)[0] <= reach_px
    wrong = cKDTree(roots_px).query(seen, distance_upper_bound=reach_px)[0] > reach_px
    return int(inside.sum()), int((near & inside).sum()), int(wrong.sum())


Rows = dict[str, dict[str, list[dict[str, Any]]]]
"""Rows of each fault and degree."""


def measure_faults(some: Iterator[Case], weights: Weights, keep: Path | None) -> Rows:
    """Every fault in every degree of every case."""
    rows: Rows = defaultdict(lambda: defaultdict(list))
    for seed, case in enumerate(some):
        for (fault, degree), spoilt in spoil(case.pixels, seed).items():
            row = row_of(case, spoilt.pixels, weights, spoilt.zoom, spoilt.stated)
            rows[fault][f"{degree:g}"].append(row)
        if keep is not None:
            keep.write_text(json.dumps(rows), encoding="utf-8")
    return rows


MEANS = ("usable %", "focus", "motion px", "glare %", "bubbles %", "exposure", "unseen %")


def fault_table(rows: Rows) -> str:
    """Markdown table: a row for each fault and degree."""
    sharp = np.mean([w for row in rows["none"]["0"] for w in row["widths_um"]])
    head = ["fault", "degree", "recall", "false %", "diameter, % off", *MEANS, "flags", "refused"]
    lines = []
    for fault, degrees in rows.items():
        for degree, some in degrees.items():
            true, found, wrong = (sum(row[name] for row in some) for name in ("true", "found", "wrong"))
            widths = [w for row in some for w in row["widths_um"]]
            off = f"{100 * (np.mean(widths) / sharp - 1):+.0f}" if widths else ""
            cells = [f"{found / true:.2f}" if true else "", f"{100 * wrong / max(true, 1):.0f}", off]
            means = [_mean([row[name] for row in some]) for name in MEANS]
            lines.append(
                [fault, degree, *cells, *means, _told(some), str(sum(row["refused"] for row in some) or "")]
            )
    return markdown(head, lines)


def _mean(values: Sequence[float]) -> str:
    known = [value for value in values if np.isfinite(value)]
    if not known:
        return ""
    mean = float(np.mean(known))
    return f"{mean:.{2 if abs(mean) < 1 else 1 if abs(mean) < 10 else 0}f}"


TOLD = (
    "blurred", "moved", "dark", "overexposed", "glare", "bubbles", "round_aperture", "scale_doubtful",
    "scale_out_of_range", "lower_bound", "pale_hair", "no_hair",
)  # fmt: skip
"""Flags that the table names."""


def _told(some: Sequence[dict[str, Any]]) -> str:
    counts = {flag: sum(flag in row["flags"] for row in some) for flag in TOLD}
    return ", ".join(f"{flag} {count}" for flag, count in counts.items() if count)


def kind_table(weights: Weights, number: int) -> str:
    """Markdown table: hairs found on phantoms of every kind, by the share of hairs that is unseen."""
    rows = []
    for seed in range(number * len(STYLES)):
        style = STYLES[seed % len(STYLES)]
        case = phantom_case(draw_phantom(9000 + seed, style, 640, 512), style)
        rows.append(row_of(case, case.pixels, weights))
    return markdown(["unseen %", "photos", "true hairs", "recall", "false %"], list(_bands(rows)))


def _bands(rows: Sequence[dict[str, Any]]) -> Iterator[list[str]]:
    for low, high in pairwise(UNSEEN_BANDS):
        some = [row for row in rows if low < row["unseen %"] / 100 <= high or (low == row["unseen %"] == 0)]
        true, found, wrong = (sum(row[name] for row in some) for name in ("true", "found", "wrong"))
        if true:
            recall, false = f"{found / true:.2f}", f"{100 * wrong / true:.0f}"
            yield [f"{100 * low:g}-{100 * high:g}", str(len(some)), str(true), recall, false]


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fdu", type=Path, default=ROOT.parent / "shared" / "data" / "fdu")
    parser.add_argument("--photos", type=int, default=PHOTOS)
    parser.add_argument("--phantoms", type=int, default=PHANTOMS)
    parser.add_argument("--kinds", type=int, default=KINDS)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    weights = load_weights()
    fdu = options.fdu if (options.fdu / "truth").is_dir() else None
    rows = measure_faults(cases(fdu, weights, options.photos, options.phantoms), weights, options.keep)
    tables = {"faults": fault_table(rows), "kinds": kind_table(weights, options.kinds)}
    asked = options.photos, options.phantoms, options.kinds
    said = f"Weights {weights.label}; made by `python benchmarks/quality.py`."
    for mark, text in tables.items():
        print(f"{text}\n")
        if fdu is not None and asked == (PHOTOS, PHANTOMS, KINDS):
            put_into(PAGE, mark, f"{text}\n\n{said}")


if __name__ == "__main__":
    main()
