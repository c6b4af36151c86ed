"""How right the paths of found hairs are: whose shaft they lie on, how far they lead, and where they end.

Run: python benchmarks/paths.py [--fdu ../shared/data/fdu] [--number 16]

Of hairs that were found, on phantoms that no choice saw and on the held-out photos. The hand-drawn truth of
photos is a straight line from root to tip, so of these only the ends and coarse errors are told. With the
default number the table goes into docs/accuracy.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from tables import markdown, put_into

from trichoscan.learn.dataset import AnnotatedPhoto, phantom_photo, read_annotated
from trichoscan.learn.pairing import START_UM, pair_hairs, starts
from trichoscan.photo.quality import assess
from trichoscan.records import Photo
from trichoscan.segment.cells import respaced
from trichoscan.segment.infer import segment
from trichoscan.segment.trace import trace
from trichoscan.segment.weights import Weights, load_weights

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "accuracy.md"
FIRST_SEED = 3 * 2**30 + 500_000
STYLES = ("clipped", "long", "thin", "light", "dark_skin")
NUMBER, SIDE_PX = 16, 768
SPACING_UM = 20.0
"""Points of the found and the true path lie so far apart."""
OFF_UM = 33.0
"""A point is wrong so far off its own hair; and beyond half of that, where another hair is nearer."""
AT_TIP_UM = 60.0
"""A path that ends so near to the true tip ends there: cut ends of a bundle lie some 100 um apart."""


class Followed(NamedTuple):
    """One found hair: points of its path, wrong ones, um of its true path found and in all, and its end."""

    points: int
    wrong: int
    found_um: float
    true_um: float
    at_tip: bool | None


def followed(photo: AnnotatedPhoto, weights: Weights) -> Iterator[Followed]:
    """Judge the paths of all hairs of a photo that were found and whose root can be judged."""
    plain = Photo(photo.pixels, photo.um_per_px, "manifest")
    usable_mask = assess(plain).usable_mask
    traced = trace(segment(plain, usable_mask, weights, "cpu"), usable_mask)
    hairs = [hair.path_px for hair in traced if "root_not_visible" not in hair.flags]
    rooted = [k for k, hair in enumerate(photo.hairs) if hair.root_visible]
    courses = [hair.path for hair in photo.hairs]
    drawn = any(len(course) > 2 for course in courses)
    reach_px = START_UM / photo.um_per_px if drawn else np.inf
    sides = (starts(paths, reach_px) for paths in (hairs, [courses[k] for k in rooted]))
    pairs = pair_hairs(*sides, photo.um_per_px)
    trees = [cKDTree(respaced(course, SPACING_UM / photo.um_per_px / 4)) for course in courses]
    for one, other in zip(pairs.found, pairs.true, strict=True):
        yield _judged(hairs[one], photo, rooted[other], trees, told=drawn)


def _judged(
    path: NDArray[np.float64], photo: AnnotatedPhoto, own: int, trees: Sequence[cKDTree], *, told: bool
) -> Followed:
    """Judge one path against the hair that it is; `told`: whether the truth knows courses."""
    points = respaced(path, SPACING_UM / photo.um_per_px)
    off_um = photo.um_per_px * trees[own].query(points)[0]
    wrong = off_um > OFF_UM
    others = [tree.query(points)[0] for k, tree in enumerate(trees) if k != own]
    if told and others:
        wrong |= (photo.um_per_px * np.min(others, axis=0) < off_um) & (off_um > OFF_UM / 2)
    course = photo.hairs[own].path
    true_um = photo.um_per_px * float(np.hypot(*np.diff(course, axis=0).T).sum())
    from_tip_um = photo.um_per_px * float(np.hypot(*(path[-1] - course[-1])))
    at_tip = from_tip_um < AT_TIP_UM if photo.hairs[own].tip_visible else None
    return Followed(
        len(points), int(wrong.sum()), min(SPACING_UM * float((~wrong).sum()), true_um), true_um, at_tip
    )


def row(name: str, photos: Iterable[AnnotatedPhoto], weights: Weights) -> list[str]:
    """Row of the table."""
    hairs = [hair for photo in photos for hair in followed(photo, weights)]
    if not hairs:
        return [name, "0", *[""] * 5]
    points, wrong, found_um, true_um = (sum(column) for column in list(zip(*hairs, strict=True))[:4])
    clean = np.mean([hair.wrong == 0 for hair in hairs])
    tips = [hair.at_tip for hair in hairs if hair.at_tip is not None]
    shares = (wrong / points, clean, found_um / true_um, np.mean(tips))
    return [name, str(len(hairs)), *(f"{100 * share:.0f}" for share in shares), str(len(tips))]


def drawn_photos(style: str, number: int) -> Iterator[AnnotatedPhoto]:
    """Phantoms of one style, of seeds that nothing else uses."""
    rng = np.random.default_rng([FIRST_SEED, STYLES.index(style)])
    for k in range(number):
        yield phantom_photo(FIRST_SEED + 1000 * STYLES.index(style) + k, SIDE_PX, rng, style)


def table(fdu: Path, photos: int, number: int) -> str:
    """Markdown table."""
    weights = load_weights()
    rows = [row(f"phantoms, {s.replace('_', ' ')}", drawn_photos(s, number), weights) for s in STYLES]
    stems = weights.config["split"]["held_out"][:photos]
    rows.append(row("held-out photos", read_annotated(fdu, stems, seams=True), weights))
    head = [
        "hair",
        "found hairs",
        "points on another hair or off their own, %",
        "paths without such a point, %",
    ]
    return markdown([*head, "length found, %", "ends at its own tip, %", "tips seen"], rows)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fdu", type=Path, default=ROOT.parent / "shared" / "data" / "fdu")
    parser.add_argument("--number", type=int, default=NUMBER, help="phantoms of each style")
    options = parser.parse_args()
    said = f"Weights {load_weights().label}; made by `python benchmarks/paths.py`."
    text = f"{table(options.fdu, 60, options.number)}\n\n{said}"
    print(text)
    if options.number == NUMBER:
        put_into(PAGE, "paths", text)


if __name__ == "__main__":
    main()
