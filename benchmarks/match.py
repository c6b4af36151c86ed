"""How well two visits are aligned and matched, and how often two sites are taken for one.

Run: python benchmarks/match.py [--pairs 300] [--sites 300] [--photos 24] [--fdu ../shared/data/fdu]

Three parts, printed as JSON: pairs of constellations over the ranges that matching is built for (no
pixels); pairs of different sites, of constellations and, with --fdu, of hand-drawn real ones; pairs of drawn
photos from pixels to fates, beside unmatched subtraction and a similarity by SIFT and RANSAC on the same
photos.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent))
from constellations import Ranges, Seen, as_analysis, scalp_of, visits

from trichoscan.match.pair import pair
from trichoscan.match.register import register
from trichoscan.records import Alignment, Analysis, Hair, Pairing

Floats = NDArray[np.float64]
Figures = dict[str, float]

SEED = 880_000
OVERLAP_BINS = (0.0, 0.25, 0.4, 0.6, 1.0)
LANDED_UM = 100.0
"""An accepted alignment beyond this root-mean-square error is a wrong one: a third of the units' distance."""
SIFT_RATIO, SIFT_TOLERANCE_PX, SIFT_LEAST = 0.75, 4.0, 12


def map_error_um(alignment: Alignment, first: Seen, second: Seen) -> float:
    """Root-mean-square error of the map over the common field."""
    y, x = np.nonzero(alignment.overlap_mask[::16, ::16])
    at = np.column_stack([x, y]) * 16.0
    apart = alignment.to_followup(at) - second.view.to_px(first.view.to_um(at))
    return float(np.sqrt(np.mean(np.square(apart).sum(1)))) * second.view.um_per_px


def shared_share(first: Seen, second: Seen) -> float:
    """Share of the first field that the second shows."""
    height, width = first.analysis.counting_mask.shape
    x, y = np.meshgrid(np.arange(0, width, 32), np.arange(0, height, 32))
    at = second.view.to_px(first.view.to_um(np.column_stack([x.ravel(), y.ravel()]).astype(float)))
    return float(((at >= 0) & (at <= [width - 1, height - 1])).all(1).mean())


def match_figures(first: Seen, second: Seen, pairing: Pairing) -> tuple[int, int, int, float, float]:
    """Right pairs, pairs, hairs detected in both, error of the change matched and subtracted, % of count."""
    one, other = first.who(pairing.baseline_hairs), second.who(pairing.followup_hairs)
    matched = [m for m in pairing.matches if m.baseline is not None and m.followup is not None]
    right = sum(one[m.baseline] == other[m.followup] != -1 for m in matched)
    both = len((set(first.identity.tolist()) & set(second.identity.tolist())) - {-1})
    mask = pairing.alignment.overlap_mask
    inside = _inside(mask, first.true_px)
    present = np.array([k in first.present for k in range(len(inside))])
    later = np.array([k in second.present for k in range(len(inside))])
    true = int((inside & later).sum() - (inside & present).sum())
    count = max(int((inside & present).sum()), 1)
    gone = sum(m.probability for m in pairing.matches if m.kind == "lost")
    come = sum(m.probability for m in pairing.matches if m.kind == "new")
    back = pairing.alignment.to_baseline(np.array([h.root_px for h in second.analysis.hairs]).reshape(-1, 2))
    ahead = np.array([h.root_px for h in first.analysis.hairs]).reshape(-1, 2)
    subtracted = int(_inside(mask, back).sum()) - int(_inside(mask, ahead).sum())
    scale = 100 / count
    return right, len(matched), both, abs(come - gone - true) * scale, abs(subtracted - true) * scale


def _inside(mask: NDArray[np.bool_], points_px: Floats) -> NDArray[np.bool_]:
    cells = np.floor(points_px + 0.5).astype(int)
    height, width = mask.shape
    good = ((cells >= 0) & (cells < [width, height])).all(1)
    x, y = np.clip(cells[:, 0], 0, width - 1), np.clip(cells[:, 1], 0, height - 1)
    return np.asarray(good & mask[y, x], bool)


def constellation_pairs(number: int, ranges: Ranges) -> dict[str, Figures]:
    """Figures of pairs of one site, by how much of the field they share."""
    rows = []
    for seed in range(number):
        rng = np.random.default_rng(SEED + seed)
        first, second = visits(scalp_of(rng), ranges, rng)
        alignment = register(first.analysis, second.analysis)
        row = [shared_share(first, second), float(alignment.accepted), np.nan, 0, 0, 0, np.nan, np.nan]
        if alignment.accepted:
            row[2] = map_error_um(alignment, first, second)
            pairing = pair(first.analysis, second.analysis, alignment)
            row[3:] = match_figures(first, second, pairing)
        rows.append(row)
    table = np.array(rows)
    found = {"all": _summary(table)}
    for low, high in itertools.pairwise(OVERLAP_BINS):
        some = table[(table[:, 0] >= low) & (table[:, 0] < high)]
        if len(some):
            found[f"{100 * low:.0f}-{100 * high:.0f} % shared"] = _summary(some)
    return found


def _summary(table: Floats) -> Figures:
    accepted = table[table[:, 1] > 0]
    if not len(accepted):
        return {"pairs": len(table), "refused_percent": 100.0}
    return {
        "pairs": len(table),
        "refused_percent": round(100 * (1 - len(accepted) / len(table)), 1),
        "wrong_accepted": int((accepted[:, 2] > LANDED_UM).sum()),
        "map_error_median_um": round(float(np.median(accepted[:, 2])), 1),
        "map_error_95_um": round(float(np.percentile(accepted[:, 2], 95)), 1),
        "match_precision": round(float(accepted[:, 3].sum() / accepted[:, 4].sum()), 4),
        "match_recall": round(float(accepted[:, 3].sum() / accepted[:, 5].sum()), 4),
        "change_error_percent": round(float(accepted[:, 6].mean()), 2),
        "change_error_subtracted_percent": round(float(accepted[:, 7].mean()), 2),
    }


def different_sites(analyses: list[Analysis], number: int) -> Figures:
    """How often two sites are accepted as one."""
    rng = np.random.default_rng(SEED)
    chances = []
    accepted = 0
    for _ in range(number):
        i, j = rng.choice(len(analyses), 2, replace=False)
        alignment = register(analyses[i], analyses[j])
        accepted += alignment.accepted
        chances.append(-alignment.log10_chance)
    return {
        "pairs": number,
        "accepted": accepted,
        "log10_evidence_99": round(float(np.percentile(chances, 99)), 2),
        "log10_evidence_most": round(float(max(chances)), 2),
    }


def drawn_sites(number: int) -> list[Analysis]:
    """Constellations of different scalps."""
    rngs = [np.random.default_rng(SEED + 50_000 + k) for k in range(number)]
    return [visits(scalp_of(rng), Ranges(), rng)[0].analysis for rng in rngs]


def real_sites(fdu: Path) -> list[Analysis]:
    """Hand-drawn constellations of real scalps."""
    found = []
    for path in sorted((fdu / "truth").glob("*.json")):
        truth = json.loads(path.read_text())
        hairs = tuple(
            Hair(np.linspace(hair["root"], hair["tip"], 3), 0.9)
            for hair in truth["hairs"]
            if hair["kind"] != "abnormal"
        )
        found.append(as_analysis(hairs, truth["um_per_px"], tuple(truth["size"])))
    return found


def sift_similarity(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """(2, 3) similarity by matched SIFT features and RANSAC, the usual way; None where it finds none."""
    sift = cv2.SIFT_create(4000)
    (points, one), (others, other) = (
        sift.detectAndCompute(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY), None) for p in (before, after)
    )
    if one is None or other is None or min(len(one), len(other)) < 2:
        return None
    good = [m for m, n in cv2.BFMatcher().knnMatch(one, other, k=2) if m.distance < SIFT_RATIO * n.distance]
    if len(good) < 3:
        return None
    source = np.float32([points[m.queryIdx].pt for m in good])
    target = np.float32([others[m.trainIdx].pt for m in good])
    found, inliers = cv2.estimateAffinePartial2D(source, target, ransacReprojThreshold=SIFT_TOLERANCE_PX)
    return None if found is None or inliers.sum() < SIFT_LEAST else found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--sites", type=int, default=300)
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--fdu", type=Path)
    chosen = parser.parse_args()
    figures: dict[str, object] = {}
    if chosen.pairs:
        figures["constellations"] = constellation_pairs(chosen.pairs, Ranges())
        half = replace(Ranges(), shift_share=0.25, jitter_um=12.0)
        figures["constellations, shift up to a quarter, roots to 12 um"] = constellation_pairs(
            chosen.pairs, half
        )
    if chosen.sites:
        figures["different sites, drawn"] = different_sites(drawn_sites(60), chosen.sites)
        if chosen.fdu:
            figures["different sites, real"] = different_sites(real_sites(chosen.fdu), chosen.sites)
    if chosen.photos:
        from photo_pairs import photo_pairs

        figures["drawn photos"] = photo_pairs(chosen.photos)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
