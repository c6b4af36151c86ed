"""Does a flag of the photo's quality foretell the error? Phantoms, spoilt step by step, against their truth.

    python benchmarks/quality.py [--photos 6]

Each phantom is photographed sharp, then blurred, shaken, darkened, burnt out and covered with glare. Of each
version the measures of `photo.quality` are printed beside what became of the hairs.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import cv2
import numpy as np
from scipy.spatial import cKDTree
from tables import markdown

from trichoscan import analyze, load_weights
from trichoscan.phantom.draw import Phantom, draw_phantom
from trichoscan.records import Analysis, Photo

FOUND_WITHIN_UM = 140.0
"""As in `learn.verdict`."""
SIDE_PX = 600
UM_PER_PX = 8.0


def spoilt(pixels: np.ndarray) -> Iterator[tuple[str, float, np.ndarray]]:
    """What is wrong, how much of it, and the photo."""
    yield "nothing", 0.0, pixels
    for sd_px in (1.0, 2.0, 3.0, 4.0, 6.0):
        yield "blur px", sd_px, cv2.GaussianBlur(pixels, (0, 0), sd_px)
    for way_px in (4, 8, 12, 20):
        kernel = np.zeros((way_px + 1, way_px + 1), np.float32)
        cv2.line(kernel, (0, way_px // 4), (way_px, way_px - way_px // 4), 1.0)
        yield "motion px", way_px, cv2.filter2D(pixels, -1, kernel / kernel.sum())
    for share in (0.5, 0.25, 0.12):
        yield "light left", share, (pixels * share).astype(np.uint8)
    for gain in (1.5, 2.0, 3.0):
        yield "gain", gain, np.clip(pixels * gain, 0, 255).astype(np.uint8)
    noise = cv2.GaussianBlur(np.random.default_rng(1).normal(size=pixels.shape[:2]), (0, 0), 12)
    for share in (0.05, 0.15, 0.3):
        burnt = noise > np.quantile(noise, 1 - share)
        yield "glare share", share, np.where(burnt[..., None], np.uint8(252), pixels)


def judged(phantom: Phantom, analysis: Analysis) -> tuple[int, int, int]:
    """Visible hairs, those found, and hairs found that are none, within the counting area."""
    roots = np.array(
        [h.path_px[0] for h in phantom.hairs if h.root_visible and h.kind != "abnormal"]
    ).reshape(-1, 2)
    mask = analysis.counting_mask
    cells = np.floor(roots + 0.5).astype(int)
    inside = [0 <= x < mask.shape[1] and 0 <= y < mask.shape[0] and mask[y, x] for x, y in cells]
    seen = np.array([h.root_px for h, c in zip(analysis.hairs, analysis.counted, strict=True) if c])
    reach = FOUND_WITHIN_UM / phantom.um_per_px
    if not len(seen):
        return int(np.sum(inside)), 0, 0
    near = cKDTree(seen.reshape(-1, 2)).query(roots, distance_upper_bound=reach)[0] <= reach
    wrong = cKDTree(roots).query(seen, distance_upper_bound=reach)[0] > reach
    return int(np.sum(inside)), int(np.sum(near & np.array(inside))), int(wrong.sum())


def main() -> None:
    """Print a row for each kind and degree of spoiling."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=6)
    weights = load_weights()
    rows: dict[tuple[str, float], list[tuple[float, ...]]] = {}
    flags: dict[tuple[str, float], list[str]] = {}
    for seed in range(parser.parse_args().photos):
        style = ("clipped", "plain")[seed % 2]
        phantom = draw_phantom(
            900 + seed, style=style, width_px=SIDE_PX, height_px=SIDE_PX, um_per_px=UM_PER_PX
        )
        for what, degree, pixels in spoilt(phantom.pixels):
            analysis = analyze(
                Photo(np.ascontiguousarray(pixels), UM_PER_PX, "option"), weights, device="cpu"
            )
            true, found, wrong = judged(phantom, analysis)
            widths = [h.diameter_px * UM_PER_PX for h in analysis.hairs if np.isfinite(h.diameter_px)]
            quality = analysis.quality
            row = (
                true,
                found,
                wrong,
                quality.focus,
                quality.glare_percent,
                float(np.mean(widths or [np.nan])),
            )
            rows.setdefault((what, degree), []).append(row)
            flags.setdefault((what, degree), []).extend(quality.flags)
    print(markdown(*table(rows, flags)))


def table(
    rows: dict[tuple[str, float], list[tuple[float, ...]]], flags: dict[tuple[str, float], list[str]]
) -> tuple[list[str], list[list[str]]]:
    """Header and cells."""
    head = ["spoilt by", "degree", "recall", "false %", "focus", "glare %", "mean um", "flags"]
    lines = []
    for (what, degree), values in rows.items():
        true, found, wrong = np.sum([v[:3] for v in values], axis=0)
        focus, glare, width = (_mean([v[3 + i] for v in values]) for i in range(3))
        names = flags[what, degree]
        told = " ".join(f"{name} {names.count(name)}" for name in dict.fromkeys(names))
        cells = [found / max(true, 1), 100 * wrong / max(true, 1), focus, glare, width]
        lines.append([what, f"{degree:g}", *(f"{c:.2f}" for c in cells), told])
    return head, lines


def _mean(values: list[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


if __name__ == "__main__":
    main()
