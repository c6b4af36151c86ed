"""Can a small classifier tell phantoms from real photos? 0.5 is perfect, 1 is told every time.

Run: python benchmarks/lifelikeness.py [--photos ../shared/data/fdu]
         [--other ../shared/data/other] [--out DIR]

Real photos are halved by the hash of their name: one half is learned from, the other judged; phantoms are
drawn from seeds of their own for each side. The photos that the weights hold out are in neither half: no
choice about looks may rest on them. --out gets a contact sheet, most easily told first, and the
statistics of real and phantom crops. With the default numbers the table goes into docs/phantoms.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from crop_statistics import beside, describe
from crops import LIKE_FDU, LIKE_OTHER, PhantomKind, Views, joined, phantom_views, real_views
from tables import markdown, put_into
from tellers import Described, Fold, Side, Verdict, area_under_curve, tell_by_network, tell_by_trees

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "phantoms.md"
MARK = "lifelikeness"
SEEDS = (31_000_000, 32_000_000)
"""First seed of the phantoms that are learned from, and of those that are judged."""
PHOTOS, CROPS, STEPS, RUNS = 80, 6, 200, 3
"""Photos a side, crops a photo, steps and runs of the network: the numbers of the published table."""
OTHER_CROPS = 24
SHEET_ROWS, SHEET_COLUMNS = 7, 6


@dataclass(frozen=True, eq=False)
class Half:
    """Views of one half: of the real photos and of the phantoms."""

    real: Views
    drawn: Views

    def crops(self) -> Side:
        """Crops anywhere."""
        return Side(self.real.crops, self.drawn.crops)

    def shafts(self) -> Side:
        """Straightened shafts."""
        return Side(self.real.shafts, self.drawn.shafts)


@dataclass(frozen=True, eq=False)
class Halves:
    """The half of the photos that is learned from and the one that is judged."""

    learn: Half
    unseen: Half

    def crops(self) -> Fold:
        """Crops anywhere."""
        return Fold(self.learn.crops(), self.unseen.crops())

    def shafts(self) -> Fold:
        """Straightened shafts."""
        return Fold(self.learn.shafts(), self.unseen.shafts())


def held_out_stems(weights: Path) -> set[str]:
    """Stems of the photos that any of the weights in the folder hold out: for final figures only."""
    configs = [json.loads(p.read_text(encoding="utf-8")) for p in sorted(weights.glob("*/config.json"))]
    return {stem for config in configs for stem in config.get("split", {}).get("held_out", ())}


def usable_photos(fdu: Path, weights: Path) -> list[Path]:
    """Photos of data/fdu that may steer the phantoms' looks.

    Raises
    ------
    FileNotFoundError
        No weights say which photos are held out.
    """
    held_out = held_out_stems(weights)
    if not held_out:
        raise FileNotFoundError(f"no config.json under {weights} says which photos are held out")
    return [p for p in sorted((fdu / "images").glob("*.jpg")) if p.stem not in held_out]


def halves(
    paths: list[Path], truth: Path | None, kind: PhantomKind, photos: int, crops: int, workers: int
) -> Halves:
    """Split photos by name, draw as many phantoms, cut both."""
    order = sorted(paths, key=lambda p: hashlib.sha256(p.name.encode()).hexdigest())
    cut = []
    for side, seed in zip((order[::2], order[1::2]), SEEDS, strict=True):
        real = real_views(side[:photos], truth, crops, workers)
        drawn = max(min(photos, len(side)), 24)
        each = crops if drawn <= len(side) else max(crops * len(side) // drawn, 2)
        cut.append(Half(real, phantom_views(kind, drawn, seed, each, workers)))
    return Halves(*cut)


def both(one: Halves, two: Halves) -> Halves:
    """Put two sets together."""

    def together(a: Views, b: Views) -> Views:
        return Views(joined([a.crops, b.crops]), joined([a.shafts, b.shafts]))

    def half(a: Half, b: Half) -> Half:
        return Half(together(a.real, b.real), together(a.drawn, b.drawn))

    return Halves(half(one.learn, two.learn), half(one.unseen, two.unseen))


Tables = dict[str, Described]
"""Statistics by what they are of: colour, texture, shaft."""


def described(data: Halves) -> Tables:
    """Statistics of all crops and shafts."""
    folds = {"colour": data.crops(), "texture": data.crops(), "shaft": data.shafts()}
    return {
        kind: Described(describe(fold.learn.pixels(), kind), describe(fold.unseen.pixels(), kind))
        for kind, fold in folds.items()
        if all(len(side.real) and len(side.phantom) for side in (fold.learn, fold.unseen))
    }


def clipped_verdicts(data: Halves, tables: Tables, steps: int) -> dict[str, Verdict]:
    """Phantoms in the manner of data/fdu against its photos."""
    crops, shafts = [data.crops()], [data.shafts()]
    return {
        "network, colour": tell_by_network(crops, grey=False, steps=steps, runs=RUNS),
        "network, grey": tell_by_network(crops, grey=True, steps=steps, runs=RUNS),
        "network, one shaft": tell_by_network(shafts, grey=False, steps=steps, runs=RUNS),
        "trees, all statistics": tell_by_trees(crops, [_all_kinds(tables)]),
        "trees, colour": tell_by_trees(crops, [tables["colour"]]),
        "trees, grey texture": tell_by_trees(crops, [tables["texture"]]),
        "trees, one shaft": tell_by_trees(shafts, [tables["shaft"]]),
    }


def other_verdicts(data: Halves, tables: Tables, steps: int) -> dict[str, Verdict]:
    """Phantoms in the manner of data/other: too few photos for one split, so each half is judged once."""
    there = data.crops()
    folds = [there, Fold(there.unseen, there.learn)]
    table = _all_kinds(tables)
    return {
        "network, colour": tell_by_network(folds, grey=False, steps=steps, runs=RUNS),
        "network, grey": tell_by_network(folds, grey=True, steps=steps, runs=RUNS),
        "trees, all statistics": tell_by_trees(folds, [table, Described(table.met, table.learnt)]),
    }


def _all_kinds(tables: Tables) -> Described:
    colour, texture = tables["colour"], tables["texture"]
    return Described(beside(colour.learnt, texture.learnt), beside(colour.met, texture.met))


def verdict_rows(name: str, verdicts: dict[str, Verdict]) -> list[list[str]]:
    """Rows of the table."""
    return [
        [
            name,
            teller,
            f"{v.auc:.3f}",
            f"{v.low:.3f}-{v.high:.3f}",
            " ".join(f"{area:.3f}" for area in v.runs),
            ", ".join(t for t, _ in v.tells[:4]),
        ]
        for teller, v in verdicts.items()
    ]


def statistics_table(data: Halves, tables: Tables) -> str:
    """Every statistic, real and phantom, farthest first; AUC is that of the statistic alone."""
    rows = []
    for kind, table in tables.items():
        fold = data.shafts() if kind == "shaft" else data.crops()
        values = np.vstack([table.learnt.values, table.met.values])
        phantom = np.concatenate([fold.learn.truth(), fold.unseen.truth()])
        for name, column in zip(table.learnt.names, values.T, strict=True):
            real, drawn = column[~phantom], column[phantom]
            auc = area_under_curve(column, phantom)
            shown = [_spread(real), _spread(drawn), f"{auc:.2f}"]
            rows.append((abs(auc - 0.5), [kind, name, *shown]))
    rows.sort(key=lambda row: -row[0])
    head = ("of", "statistic", "real: median (10-90 %)", "phantom", "AUC alone (above 0.5: phantom higher)")
    return markdown(head, [row for _, row in rows])


def _spread(values: np.ndarray) -> str:
    low, middle, high = np.percentile(values, (10, 50, 90))
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def contact_sheet(side: Side, scores: np.ndarray) -> np.ndarray:
    """Real left, phantom right; the phantoms most easily told first, the real ones least like a phantom."""
    real, drawn = scores[: len(side.real)], scores[len(side.real) :]
    panels = []
    for crops, order in ((side.real, np.argsort(real)), (side.phantom, np.argsort(-drawn))):
        number = min(SHEET_ROWS * SHEET_COLUMNS, len(order) // SHEET_COLUMNS * SHEET_COLUMNS)
        spread = order[np.linspace(0, len(order) - 1, number).astype(int)]
        shown = np.pad(crops.pixels[spread], ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=255)
        panels.append(
            np.vstack([np.hstack(list(row)) for row in shown.reshape(-1, SHEET_COLUMNS, *shown.shape[1:])])
        )
    rows = min(len(p) for p in panels)
    gap = np.zeros((rows, 24, 3), np.uint8)
    return np.hstack([panels[0][:rows], gap, panels[1][:rows]])


def write_sheets(out: Path, name: str, data: Halves, verdicts: dict[str, Verdict]) -> None:
    """Contact sheets of one set."""
    out.mkdir(parents=True, exist_ok=True)
    sheets = {
        "crops": (data.crops().unseen, "network, colour"),
        "shafts": (data.shafts().unseen, "network, one shaft"),
    }
    for what, (side, teller) in sheets.items():
        if teller in verdicts:
            scores = verdicts[teller].scores[: len(side.real) + len(side.phantom)]
            sheet = contact_sheet(side, scores)
            cv2.imwrite(str(out / f"{name}_{what}.png"), sheet[..., ::-1])


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, default=ROOT.parent / "shared" / "data" / "fdu")
    parser.add_argument("--other", type=Path, default=ROOT.parent / "shared" / "data" / "other")
    parser.add_argument("--out", type=Path, default=Path("lifelikeness"))
    parser.add_argument("--number", type=int, default=PHOTOS, help="photos a side")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--fdu-only", action="store_true")
    options = parser.parse_args()
    head = ("phantoms against", "told by", "AUC", "95 % by photo", "each network", "leaning on")
    paths = usable_photos(options.photos, ROOT / "weights")
    truth = options.photos / "truth"
    torch.set_num_threads(1)
    fdu = halves(paths, truth, LIKE_FDU, options.number, CROPS, options.workers)
    tables = described(fdu)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "statistics.md").write_text(statistics_table(fdu, tables) + "\n", encoding="utf-8")
    verdicts = clipped_verdicts(fdu, tables, options.steps)
    rows = verdict_rows(f"{min(len(paths), 2 * options.number)} photos of data/fdu", verdicts)
    print(markdown(head, rows), flush=True)
    write_sheets(options.out, "clipped", fdu, verdicts)
    others = sorted(p for p in options.other.glob("*.*g"))
    if others and not options.fdu_only:
        other = halves(others, None, LIKE_OTHER, options.number, OTHER_CROPS, options.workers)
        tables = described(other)
        (options.out / "statistics_other.md").write_text(
            statistics_table(other, tables) + "\n", encoding="utf-8"
        )
        verdicts = other_verdicts(other, tables, options.steps // 2)
        rows += verdict_rows(f"{len(others)} photos of data/other", verdicts)
        write_sheets(options.out, "other", other, verdicts)
        whole = [both(fdu, other).crops()]
        told = {"network, colour": tell_by_network(whole, grey=False, steps=options.steps, runs=RUNS)}
        rows += verdict_rows("both", told)
    text = markdown(head, rows)
    print(text)
    (options.out / "table.md").write_text(text + "\n", encoding="utf-8")
    if others and not options.fdu_only and (options.number, options.steps) == (PHOTOS, STEPS):
        put_into(PAGE, MARK, text)


if __name__ == "__main__":
    main()
