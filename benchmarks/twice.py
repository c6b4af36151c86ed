"""The program beside a second annotation, of exposures that stand in data/fdu under several names.

Run: python benchmarks/twice.py --fdu ../shared/data/fdu [--page docs/accuracy.md]

What two annotations of one exposure say of each other is what may be hoped for from any third. Each name is
judged by its own annotation, once by the hairs that were drawn under each other name, once by those that the
program finds; of these it is also asked what both drew, what only one drew, and what neither did. As every
pair of names is compared both ways, the second annotation has no bias, and as much precision as recall.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from itertools import permutations
from pathlib import Path

import numpy as np
from tables import markdown, put_into

from trichoscan.learn.dataset import photos_by_stem
from trichoscan.learn.evaluate import judge_all, summarize
from trichoscan.learn.hair_sets import NO_UNIT, HairSet, read_truth
from trichoscan.learn.pairing import pair_hairs
from trichoscan.learn.twins import find_twins
from trichoscan.learn.verdict import Verdict, judge_photo
from trichoscan.segment.weights import load_weights
from trichoscan.study.batch import RunOptions, analyze_folder

ROWS = {
    "photos": ("comparisons", "{:.0f}"),
    "f1": ("F1", "{:.3f}"),
    "count_error_percent": ("count error %", "{:.1f}"),
    "root_error_median_um": ("root error um", "{:.0f}"),
    "thin_recall": ("thin recall", "{:.2f}"),
    "units_right_percent": ("hairs per unit right %", "{:.0f}"),
    "both_found_percent": ("found of what both drew %", "{:.1f}"),
    "one_found_percent": ("found of what one drew %", "{:.0f}"),
    "nobodys_percent": ("drawn by neither, of all found %", "{:.1f}"),
}

Names = list[tuple[str, str]]
"""Ordered pairs of names of one exposure: whose annotation is the truth, and the other."""


def twice_drawn(fdu: Path) -> list[frozenset[str]]:
    """Names of each exposure that has several."""
    return find_twins(photos_by_stem(fdu / "images"))


def without_debris(hairs: HairSet) -> HairSet:
    """The set as someone's finding: what is marked as debris was not called a hair."""
    keep = np.flatnonzero(hairs.unit != NO_UNIT)
    columns = [column.name for column in fields(HairSet) if column.name != "paths_px"]
    kept = {name: getattr(hairs, name)[keep] for name in columns}
    return replace(hairs, paths_px=tuple(hairs.paths_px[k] for k in keep), **kept)


def by_the_other(fdu: Path, names: Names) -> list[Verdict]:
    """Each name's annotation as truth, the other's as what was found."""
    verdicts = []
    for name, other in names:
        truth, second = (
            read_truth(fdu / "truth" / f"{stem}.json", seams=True, direction="chord")
            for stem in (name, other)
        )
        found = without_debris(second.hairs)
        verdicts.append(
            judge_photo(name, "ok", found, truth.hairs, um_per_px=truth.um_per_px, focus=float("nan"))
        )
    return verdicts


def by_the_program(fdu: Path, stems: Sequence[str]) -> dict[str, Verdict]:
    """Each name's annotation as truth, what the program finds on its file beside it."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [fdu / "images" / f"{stem}.jpg" for stem in stems]
        analyze_folder(
            paths, Path(folder), RunOptions(manifest=fdu / "images" / "manifest.csv", device="cpu")
        )
        files = {f"{stem}.jpg": fdu / "truth" / f"{stem}.json" for stem in stems}
        verdicts = judge_all(Path(folder), files, seams=True, direction="chord")
    return {Path(verdict.image).stem: verdict for verdict in verdicts}


def shared(second: Sequence[Verdict], program: Sequence[Verdict]) -> dict[str, float | None]:
    """What the program finds of hairs that both drew, or one, and how much of what it finds neither drew, %.

    `second` and `program` are of the same names. Judged is what each name's own annotation judges. A found
    hair is nobody's where neither annotation has a hair left for it. None: nothing to divide by.
    """
    total = np.zeros(6, int)
    for other, own in zip(second, program, strict=True):
        drawn_twice, known_there = np.zeros(len(other.true), bool), np.zeros(len(other.found), bool)
        drawn_twice[other.pairs.true], known_there[other.pairs.found] = True, True
        judged, hit = own.true_judged, own.true_hit
        free = own.found_judged & ~own.found_right
        fits_other = pair_hairs(own.found.ends_px[free], other.found.ends_px[~known_there], own.um_per_px)
        sets = (hit & drawn_twice, judged & drawn_twice, hit & ~drawn_twice, judged & ~drawn_twice)
        total[:4] += [np.count_nonzero(some) for some in sets]
        total[4:] += [free.sum() - len(fits_other.found), own.found_judged.sum()]
    names = ("both_found_percent", "one_found_percent", "nobodys_percent")
    parts = zip(names, total[::2], total[1::2], strict=True)
    return {name: 100 * float(part / whole) if whole else None for name, part, whole in parts}


def columns_of(fdu: Path) -> Iterator[tuple[str, list[Verdict], list[Verdict]]]:
    """Title, verdicts on the second annotation and on the program: held-out exposures, then the others."""
    held_out = set(load_weights().config["split"]["held_out"])
    groups = twice_drawn(fdu)
    program = by_the_program(fdu, sorted(set().union(*groups)))
    for title, apart in (("held out", True), ("the others", False)):
        of_side = [group for group in groups if bool(group & held_out) == apart]
        names = [pair for group in of_side for pair in permutations(sorted(group), 2)]
        if names:
            yield title, by_the_other(fdu, names), [program[name] for name, _ in names]


def table(fdu: Path) -> str:
    """Markdown of all figures."""
    head, figures = [""], []
    for title, second, program in columns_of(fdu):
        head += [f"{title}: second annotation", f"{title}: program"]
        figures += [summarize(second), summarize(program) | shared(second, program)]
    rows = []
    for key, (words, form) in ROWS.items():
        values = [one.get(key) for one in figures]
        rows.append([words, *("" if value is None else form.format(value) for value in values)])
    return f"{markdown(head, rows)}\n\nWeights {load_weights().label}; made by `python benchmarks/twice.py`."


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fdu", type=Path, required=True)
    parser.add_argument("--page", type=Path, help="put the table into this page, docs/accuracy.md")
    options = parser.parse_args()
    text = table(options.fdu)
    print(text)
    if options.page:
        put_into(options.page, "twice", text)


if __name__ == "__main__":
    main()
