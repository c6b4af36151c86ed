"""How well two visits are aligned and matched, and how often two sites are taken for one.

Run: python benchmarks/pairs.py --fdu ../shared/data/fdu [--side held_out] [--page docs/response.md]

Five parts, each left out where its number is 0: plucked pairs, from real photos of data/fdu with 5-20 % of
the hairs taken out, moved, turned, stretched, relit and recompressed, each also with its visits swapped
(`pluck`); pairs of different subjects among the same photos; drawn pairs with hair re-cut and re-combed;
constellations over all that matching is built for, without pixels (`constellations`); and different
sites among hand-drawn constellations.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent))
from constellations import Ranges, Seen, as_analysis, scalp_of, visits
from pair_figures import NOBODY, Judged, Names, Truth, judge, named_alike, summary
from pluck import Plucked, pluck, still
from tables import markdown, put_into

from trichoscan.learn.twins import find_twins
from trichoscan.match.register import register
from trichoscan.phantom.draw import Phantom, draw_phantom, photograph
from trichoscan.phantom.pairs import map_points
from trichoscan.phantom.scalp import TrueHair
from trichoscan.phantom.visits import follow_up
from trichoscan.pipeline import analyze, compare
from trichoscan.records import Analysis, Hair, Pairing, Photo
from trichoscan.segment.weights import Weights, load_weights

Floats = NDArray[np.float64]
Figures = dict[str, float]
Image = NDArray[np.uint8]
Case = tuple[Analysis, Analysis, Truth, tuple[Image, Image] | None]

SEED = 880_000
SAME_ROOT_UM = 60.0
"""A detected root this near to a true one is that hair: about its width."""
CUT_ROOT_UM = 30.0
"""The same for a hair whose root lies at the photo's edge or below another hair."""
FDU_UM_PER_PX = 5.54
STYLES = ("plain", "clipped")


def figures_of(cases: Iterator[Case]) -> Figures:
    """Compare and judge each pair; seconds of comparing beside."""
    judged: list[Judged] = []
    refused, seconds = 0, []
    for baseline, followup, truth, pixels in cases:
        start = time.process_time()
        found = compare(baseline, followup, pixels=pixels)
        seconds.append(time.process_time() - start)
        if found.pairing is None or found.change is None:
            refused += 1
        else:
            judged.append(judge(baseline, followup, found.pairing, found.change, truth))
    return summary(judged, refused) | {"cpu_s_per_pair": round(float(np.mean(seconds or [0])), 2)}


def plucked_cases(photos: dict[str, Analysis], fdu: Path, weights: Weights) -> Iterator[Case]:
    """Each photo with its plucked twin, and the two swapped."""
    for number, (stem, before) in enumerate(sorted(photos.items())):
        lines = [hair.path_px for hair in hand_drawn(fdu, stem)]
        rng = np.random.default_rng(SEED + number)
        plucked = pluck(pixels_of(fdu, stem), [p[[0, -1]] for p in lines], FDU_UM_PER_PX, rng)
        after = analyzed(plucked.pixels, plucked.view.um_per_px, weights)
        forth, back = plucked_truths(before, after, plucked, np.array([p[[0, -1]] for p in lines]))
        pixels = pixels_of(fdu, stem), plucked.pixels
        yield before, after, forth, pixels
        yield after, before, back, pixels[::-1]


def plucked_truths(
    before: Analysis, after: Analysis, plucked: Plucked, drawn_px: Floats
) -> tuple[Truth, Truth]:
    """Truth of a plucked pair, forth and back; `drawn_px` (N, 2, 2) are the hand-drawn roots and tips."""
    first, second = still(FDU_UM_PER_PX), plucked.view
    limit = SAME_ROOT_UM / FDU_UM_PER_PX
    roots_px = drawn_px[:, 0]
    taken_out = named_alike(roots_px, plucked.removed_px, 0.5) != NOBODY

    def onward(points: Floats) -> Floats:
        return second.to_px(first.to_um(points))

    def back(points: Floats) -> Floats:
        return first.to_px(second.to_um(points))

    mark = named_alike(_roots(before.hairs), roots_px, limit, _unit(drawn_px[:, 1] - roots_px))
    gone = frozenset(np.flatnonzero((mark != NOBODY) & taken_out[mark]).tolist())
    left = roots_px[~taken_out]

    def name(one: Sequence[Hair], other: Sequence[Hair]) -> tuple[Names, Names]:
        """Hairs of the unplucked photo by number; those of the other by the one they truly lie on."""
        stay = np.array([k for k in range(len(one)) if k not in gone], np.int64)
        on = named_alike(back(_roots(other)), _roots(one)[stay], limit, _ways(one)[stay])
        return list(range(len(one))), [NOBODY if k == NOBODY else int(stay[k]) for k in on]

    def forth(p: Pairing) -> tuple[Names, Names]:
        return name(p.baseline_hairs, p.followup_hairs)

    def swapped(p: Pairing) -> tuple[Names, Names]:
        return name(p.followup_hairs, p.baseline_hairs)[::-1]

    none: frozenset[int] = frozenset()
    return (
        Truth(onward, second.um_per_px, forth, gone, none, roots_px, left),
        Truth(back, FDU_UM_PER_PX, swapped, none, gone, onward(left), onward(roots_px)),
    )


def _roots(hairs: Sequence[Hair]) -> Floats:
    return np.array([hair.root_px for hair in hairs], np.float64).reshape(-1, 2)


def _ways(hairs: Sequence[Hair]) -> Floats:
    return _unit(np.array([hair.tip_px - hair.root_px for hair in hairs], np.float64).reshape(-1, 2))


def _unit(vectors: Floats) -> Floats:
    return vectors / np.maximum(np.hypot(*vectors.T), 1e-9)[:, None]


def pixels_of(fdu: Path, stem: str) -> NDArray[np.uint8]:
    """RGB of a photo of data/fdu."""
    return np.ascontiguousarray(cv2.imread(str(fdu / "images" / f"{stem}.jpg"))[:, :, ::-1])


def hand_drawn(fdu: Path, stem: str) -> tuple[Hair, ...]:
    """Hand-drawn hairs of a photo of data/fdu; debris is left out."""
    marks = json.loads((fdu / "truth" / f"{stem}.json").read_text())["hairs"]
    lines = [np.linspace(m["root"], m["tip"], 3) for m in marks if m["kind"] != "abnormal"]
    return tuple(Hair(line, 0.9) for line in lines)


def drawn_cases(number: int, weights: Weights, first_seed: int = SEED) -> Iterator[Case]:
    """Drawn photos of one scalp, hair cut, combed, lost and grown between them."""
    for k in range(number):
        style, seed = STYLES[k % len(STYLES)], first_seed + k
        before = draw_phantom(seed, style, 1280, 1024, 5.5)
        later = follow_up(before.scalp, before.camera, seed, style)
        after = photograph(later.scalp, later.camera, style)
        pixels = np.ascontiguousarray(before.pixels), np.ascontiguousarray(after.pixels)
        one, other = (
            analyzed(image, p.um_per_px, weights) for image, p in zip(pixels, (before, after), strict=True)
        )
        yield one, other, drawn_truth(before, after), pixels


def drawn_truth(before: Phantom, after: Phantom) -> Truth:
    """Truth of a drawn pair."""
    here, there = ({h.hair_id: h for h in p.scalp.hairs if h.kind == "hair"} for p in (before, after))

    def onward(points: Floats) -> Floats:
        return map_points(points, before.camera, after.camera)

    def name(p: Pairing) -> tuple[Names, Names]:
        names = _hair_ids(p.baseline_hairs, before), _hair_ids(p.followup_hairs, after)
        return names[0], _one_name(names, (here, there))

    roots = [
        before.camera.to_px(np.array([h.path_um[0] for h in hairs.values()]).reshape(-1, 2))
        for hairs in (here, there)
    ]
    gone, come = frozenset(here.keys() - there.keys()), frozenset(there.keys() - here.keys())
    return Truth(onward, after.um_per_px, name, gone, come, roots[0], roots[1])


def _hair_ids(hairs: Sequence[Hair], phantom: Phantom) -> Names:
    """True hair of each detected one: those whose root can be seen first, then those cut by the edge."""
    names = [NOBODY] * len(hairs)
    for visible in (True, False):
        left = [k for k, name in enumerate(names) if name == NOBODY]
        true = [h for h in phantom.hairs if h.root_visible == visible and h.kind != "abnormal"]
        true = [h for h in true if h.hair_id not in names]
        roots = np.array([hair.path_px[0] for hair in true]).reshape(-1, 2)
        ways = _unit(np.array([hair.path_px[-1] - hair.path_px[0] for hair in true]).reshape(-1, 2))
        limit = (SAME_ROOT_UM if visible else CUT_ROOT_UM) / phantom.um_per_px
        found = named_alike(_roots([hairs[k] for k in left]), roots, limit, ways)
        for k, at in zip(left, found, strict=True):
            names[k] = NOBODY if at == NOBODY else true[at].hair_id
    return names


def _one_name(names: tuple[Names, Names], hairs: tuple[dict[int, TrueHair], dict[int, TrueHair]]) -> Names:
    """Names of the follow-up's hairs: what neither photo told from its neighbour is named as at baseline.

    Of two hairs that stand closer than a detection can tell (`SAME_ROOT_UM`), both there at both visits, each
    photo may have detected one: it is chance which of the two names that one gets.
    """
    known = set(names[0]), set(names[1])
    merged: dict[int, int] = {}
    for own in sorted(known[0] - known[1] - {NOBODY}):
        for other in sorted(known[1] - known[0] - {NOBODY} - merged.keys()):
            if own in hairs[1] and other in hairs[0]:
                step = hairs[0][own].path_um[0] - hairs[0][other].path_um[0]
                if np.hypot(*step) < SAME_ROOT_UM:
                    merged[other] = own
                    break
    return [merged.get(name, name) for name in names[1]]


def constellation_cases(number: int, ranges: Ranges) -> Iterator[Case]:
    """Visits without pixels."""
    for k in range(number):
        rng = np.random.default_rng(SEED + k)
        first, second = visits(scalp_of(rng), ranges, rng)
        yield first.analysis, second.analysis, constellation_truth(first, second), None


def constellation_truth(first: Seen, second: Seen) -> Truth:
    """Truth of two visits without pixels."""

    def onward(points: Floats) -> Floats:
        return second.view.to_px(first.view.to_um(points))

    def name(p: Pairing) -> tuple[Names, Names]:
        return first.who(p.baseline_hairs), second.who(p.followup_hairs)

    return Truth(
        to_followup=onward,
        followup_um_per_px=second.view.um_per_px,
        name=name,
        gone=first.present - second.there,
        come=second.present - first.there,
        before_px=first.true_px[sorted(first.there)],
        after_px=first.true_px[sorted(second.there)],
    )


def different(analyses: Sequence[Analysis], number: int) -> Figures:
    """How often two sites are accepted as one, over `number` pairs at most."""
    rng = np.random.default_rng(SEED)
    pairs = [(i, k) for i in range(len(analyses)) for k in range(i)]
    chosen = rng.permutation(len(pairs))[:number]
    found = [register(analyses[pairs[c][0]], analyses[pairs[c][1]]) for c in chosen]
    return {
        "pairs": len(found),
        "accepted": sum(one.accepted for one in found),
        "log10_evidence_largest": round(max((-one.log10_chance for one in found), default=0.0), 2),
    }


def stems_of(fdu: Path, weights: Weights, side: str, number: int) -> list[str]:
    """Photos of one side of the split, each exposure once: data/fdu holds some under two or three names."""
    stems = sorted(weights.config["split"][side])
    twins = find_twins({stem: fdu / "images" / f"{stem}.jpg" for stem in stems})
    later = {stem for group in twins for stem in sorted(group)[1:]}
    return [stem for stem in stems if stem not in later][:number]


def photos_of(fdu: Path, weights: Weights, side: str, number: int) -> dict[str, Analysis]:
    """Photos of one side of the split, analysed."""
    return {
        stem: analyzed(pixels_of(fdu, stem), FDU_UM_PER_PX, weights)
        for stem in stems_of(fdu, weights, side, number)
    }


def analyzed(pixels: Image, um_per_px: float, weights: Weights) -> Analysis:
    """A photo measured; its own bytes stand for those of its file."""
    sha256 = hashlib.sha256(pixels.tobytes()).hexdigest()
    return analyze(Photo(pixels, um_per_px, "manifest", sha256=sha256), weights, device="cpu")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fdu", type=Path)
    parser.add_argument("--side", default="held_out", choices=("held_out", "validation", "train"))
    parser.add_argument("--number", type=int, default=60, help="photos to pluck")
    parser.add_argument("--different", type=int, default=100)
    parser.add_argument("--drawn", type=int, default=24)
    parser.add_argument("--constellations", type=int, default=100)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--page", type=Path, help="put the table into this page, docs/response.md")
    chosen = parser.parse_args()
    weights = load_weights()
    figures: dict[str, Figures] = {}
    if chosen.fdu and chosen.number:
        photos = photos_of(chosen.fdu, weights, chosen.side, chosen.number)
        figures["plucked"] = figures_of(plucked_cases(photos, chosen.fdu, weights))
        figures["different subjects"] = different(list(photos.values()), chosen.different)
    if chosen.drawn:
        figures["drawn"] = figures_of(drawn_cases(chosen.drawn, weights))
    if chosen.constellations:
        wide, near = Ranges(), replace(Ranges(), shift_share=0.25, jitter_um=12.0)
        figures["constellations"] = figures_of(constellation_cases(chosen.constellations, wide))
        figures["constellations, near"] = figures_of(constellation_cases(chosen.constellations, near))
        if chosen.fdu:
            stems = stems_of(chosen.fdu, weights, "train", 400)
            sites = [as_analysis(hand_drawn(chosen.fdu, s), FDU_UM_PER_PX) for s in stems]
            figures["different subjects, hand-drawn"] = different(sites, chosen.constellations)
    text = json.dumps(figures, indent=1)
    if chosen.json:
        chosen.json.write_text(text + "\n")
    print(text)
    if chosen.page:
        put_into(chosen.page, "pairs", table(figures, weights.label, chosen.side))


COLUMNS = ("plucked", "drawn", "constellations, near", "constellations")
ROWS = {
    "pairs": "pairs", "refused": "refused (true pairs)", "wrong_accepted": "accepted, and off by over 50 um",
    "map_error_median_um": "error of the map, um, median", "map_error_largest_um": "largest",
    "match_precision": "matching precision", "match_recall": "recall, of hairs detected in both",
    "found_again": "hairs found again", "found_again_precision": "right",
    "changes": "hairs lost or new, detected where they are", "changes_reported": "reported as such",
    "false_changes_per_pair": "false ones, a pair",
    "change_error_percent": "error of the count's change, % of the count",
    "change_error_subtracted_percent": "the same by subtracting two counts",
    "changed_stated": "lost or new: mean probability stated", "changed_true": "and share that is right",
    "cpu_s_per_pair": "CPU seconds beyond analysing the two photos",
}  # fmt: skip


def table(figures: dict[str, Figures], label: str, side: str) -> str:
    """Markdown of all figures, with the weights and the side of the photos that they were measured on."""
    columns = [name for name in COLUMNS if name in figures]
    rows = [[words, *(str(figures[c].get(key, "")) for c in columns)] for key, words in ROWS.items()]
    told = [f"Weights {label}; photos: {side.replace('_', ' ')}.", "", markdown(["", *columns], rows)]
    for name, one in figures.items():
        if name.startswith("different"):
            told += ["", f"Of {one['pairs']} pairs of {name} {one['accepted']} were accepted."]
    return "\n".join(told)


if __name__ == "__main__":
    main()
