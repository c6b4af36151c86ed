"""Can a small classifier tell phantoms from real photos? 0.5 is perfect, 1 is told every time.

Run: python benchmarks/lifelikeness.py [--photos ../shared/data/fdu]
         [--other ../shared/data/other] [--out DIR]

Real photos are halved by the hash of their name: one half is learned from, the other judged; phantoms are
drawn from seeds of their own for each side. --out gets a contact sheet, most easily told first, and the
statistics of real and phantom crops. With the default numbers the table goes into docs/phantoms.md.
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from crop_statistics import Statistics, beside, describe
from crops import LIKE_FDU, LIKE_OTHER, PhantomKind, Views, joined, phantom_views, real_views
from tables import into_page, markdown
from tellers import Side, Verdict, area_under_curve, tell_by_network, tell_by_trees

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "phantoms.md"
MARK = "lifelikeness"
SEEDS = (31_000_000, 32_000_000)
"""First seed of the phantoms that are learned from, and of those that are judged."""
PHOTOS, CROPS, STEPS = 120, 6, 300
"""Photos a side, crops a photo, steps of the network: the numbers of the published table."""
OTHER_CROPS = 24
SHEET_ROWS, SHEET_COLUMNS = 7, 6


@dataclass(frozen=True, eq=False)
class Halves:
    """Views of the photos that are learned from and of those that are judged."""

    learn: tuple[Views, Views]
    unseen: tuple[Views, Views]

    def crops(self) -> tuple[Side, Side]:
        """Crops anywhere: the side to learn from, the side to be judged on."""
        return tuple(Side(real.crops, drawn.crops) for real, drawn in (self.learn, self.unseen))  # type: ignore[return-value]

    def shafts(self) -> tuple[Side, Side]:
        """Straightened shafts likewise."""
        return tuple(Side(real.shafts, drawn.shafts) for real, drawn in (self.learn, self.unseen))  # type: ignore[return-value]

    def swapped(self) -> Halves:
        """The same with the sides exchanged."""
        return Halves(self.unseen, self.learn)


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
        cut.append((real, phantom_views(kind, drawn, seed, each, workers)))
    return Halves(*cut)


def both(one: Halves, two: Halves) -> Halves:
    """Put two sets together."""

    def together(a: Views, b: Views) -> Views:
        return Views(joined([a.crops, b.crops]), joined([a.shafts, b.shafts]))

    learn, unseen = (
        tuple(together(a, b) for a, b in zip(x, y, strict=True))
        for x, y in ((one.learn, two.learn), (one.unseen, two.unseen))
    )
    return Halves(learn, unseen)  # type: ignore[arg-type]


Described = dict[str, tuple[Statistics, Statistics]]
"""Statistics of each kind of the side that is learned from and of the one that is judged."""


def described(data: Halves) -> Described:
    """Statistics of all crops and shafts."""
    sides = {"colour": data.crops(), "texture": data.crops(), "shaft": data.shafts()}
    return {
        kind: tuple(describe(side.pixels(), kind) for side in both_sides)  # type: ignore[misc]
        for kind, both_sides in sides.items()
        if all(len(side.real) and len(side.phantom) for side in both_sides)
    }


def clipped_verdicts(data: Halves, tables: Described, steps: int) -> dict[str, Verdict]:
    """Phantoms in the manner of data/fdu against its photos."""
    crops, shafts = data.crops(), data.shafts()
    all_kinds = [beside(c, t) for c, t in zip(tables["colour"], tables["texture"], strict=True)]
    return {
        "network, colour": tell_by_network(*crops, grey=False, steps=steps),
        "network, grey": tell_by_network(*crops, grey=True, steps=steps),
        "network, one shaft": tell_by_network(*shafts, grey=False, steps=steps),
        "trees, all statistics": tell_by_trees(*crops, *all_kinds),
        "trees, colour": tell_by_trees(*crops, *tables["colour"]),
        "trees, grey texture": tell_by_trees(*crops, *tables["texture"]),
        "trees, one shaft": tell_by_trees(*shafts, *tables["shaft"]),
    }


def other_verdicts(data: Halves, tables: Described, steps: int) -> dict[str, Verdict]:
    """Phantoms in the manner of data/other: too few photos for one split, so each half is judged once."""
    ways = (data.crops(), data.swapped().crops())
    kinds = [beside(c, t) for c, t in zip(tables["colour"], tables["texture"], strict=True)]
    return {
        "network, colour": _mean([tell_by_network(*w, grey=False, steps=steps) for w in ways]),
        "network, grey": _mean([tell_by_network(*w, grey=True, steps=steps) for w in ways]),
        "trees, all statistics": _mean(
            [tell_by_trees(*ways[0], *kinds), tell_by_trees(*ways[1], *kinds[::-1])]
        ),
    }


def _mean(verdicts: list[Verdict]) -> Verdict:
    auc, low, high = np.mean([[v.auc, v.low, v.high] for v in verdicts], axis=0)
    return Verdict(float(auc), float(low), float(high), verdicts[0].scores, verdicts[0].tells)


def verdict_rows(name: str, verdicts: dict[str, Verdict]) -> list[list[str]]:
    """Rows of the table."""
    return [
        [name, teller, f"{v.auc:.3f}", f"{v.low:.3f}-{v.high:.3f}", ", ".join(t for t, _ in v.tells[:4])]
        for teller, v in verdicts.items()
    ]


def statistics_table(data: Halves, tables: Described) -> str:
    """Every statistic, real and phantom, farthest first; AUC is that of the statistic alone."""
    rows = []
    for kind, parts in tables.items():
        sides = data.shafts() if kind == "shaft" else data.crops()
        values = np.vstack([part.values for part in parts])
        phantom = np.concatenate([side.truth() for side in sides])
        for name, column in zip(parts[0].names, values.T, strict=True):
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
        "crops": (data.crops()[1], "network, colour"),
        "shafts": (data.shafts()[1], "network, one shaft"),
    }
    for what, (side, teller) in sheets.items():
        if teller in verdicts:
            sheet = contact_sheet(side, verdicts[teller].scores)
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
    head = ("phantoms against", "told by", "AUC", "95 % by photo", "leaning on")
    paths = sorted((options.photos / "images").glob("*.jpg"))
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
        whole = both(fdu, other).crops()
        told = {"network, colour": tell_by_network(*whole, grey=False, steps=options.steps)}
        rows += verdict_rows("both", told)
    text = markdown(head, rows)
    print(text)
    (options.out / "table.md").write_text(text + "\n", encoding="utf-8")
    if others and not options.fdu_only and (options.number, options.steps) == (PHOTOS, STEPS):
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(into_page(page, MARK, text), encoding="utf-8")


if __name__ == "__main__":
    main()
