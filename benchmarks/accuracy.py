"""How right the weights are, on photos that they were never trained on; writes the tables of the README.

Run: python benchmarks/accuracy.py [--fdu ../shared/data/fdu] [--photos 60] [--phantoms 40]

Real photos are those that the weights' config.json lists as held out. Phantoms are drawn from seeds that
training does not reach. With the default numbers the figures go to benchmarks/accuracy.json and the tables
into README.md and docs/how-well.md; with fewer they are printed only.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tables import each_float, into_page, markdown

from trichoscan.learn.evaluate import evaluate
from trichoscan.learn.slices import SLICES
from trichoscan.phantom.write import write_phantoms
from trichoscan.segment.weights import load_weights
from trichoscan.study.batch import RunOptions, analyze_folder

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "benchmarks" / "accuracy.json"
README = ROOT / "README.md"
PAGE = ROOT / "docs" / "how-well.md"
PHOTOS, PHANTOMS = 60, 40
DIGITS = 4
FEWEST = 20
"""Fewer hairs say nothing of their kind."""
PHANTOM_SEED, BARE_SEED = 20_260, 777_000
"""Bare phantoms of the first were looked at while follicle-v6 was made."""
STYLES = ("plain", "clipped", "long", "thin", "light", "dark_skin", "wide", "bare")
MANY = ("plain", "bare")
"""Styles of which more are drawn: few false hairs, on few photos, tell little."""
ROWS = {
    "photos": ("photos", "{:.0f}"),
    "true_hairs": ("hairs", "{:.0f}"),
    "precision": ("precision", "{:.2f}"),
    "recall": ("recall", "{:.2f}"),
    "f1": ("F1", "{:.2f}"),
    "crossing_f1": ("F1 of crossing hair", "{:.2f}"),
    "count_bias_percent": ("count bias %", "{:+.1f}"),
    "count_error_percent": ("count error %", "{:.1f}"),
    "count_r": ("count r", "{:.2f}"),
    "interval_holds_percent": ("interval holds hand count %", "{:.0f}"),
    "units_right_percent": ("hairs per unit right %", "{:.0f}"),
    "calibration_error": ("calibration error", "{:.3f}"),
    "tip_calibration_error": ("calibration error of tips", "{:.3f}"),
    "false_hairs_without_hair": ("false hairs a photo without hair", "{:.1f}"),
    "root_error_median_um": ("root error um", "{:.0f}"),
    "angle_error_median_deg": ("angle error deg", "{:.1f}"),
    "thin_recall": ("thin recall", "{:.2f}"),
    "diameter_bias_um": ("diameter bias um", "{:+.1f}"),
    "diameter_error_um": ("diameter error um", "{:.1f}"),
}


NEEDS = {
    "precision": "true_hairs",
    "f1": "true_hairs",
    "calibration_error": "true_hairs",
    "tip_calibration_error": "tips",
}
"""What a figure is of: of fewer than `FEWEST` it is not told."""


def real_photos(fdu: Path, photos: int, folder: Path) -> dict[str, float | None]:
    """Figures on held-out real photos with hand-drawn hairs; seams of the annotation are left out."""
    held_out = load_weights().config["split"]["held_out"][:photos]
    paths = [fdu / "images" / f"{stem}.jpg" for stem in held_out]
    analyze_folder(paths, folder, RunOptions(manifest=fdu / "images" / "manifest.csv", device="cpu"))
    return figures_of(folder, fdu / "truth", seams=True)


def figures_of(results: Path, truth: Path, **how: Any) -> dict[str, float | None]:
    """Figures of `evaluate`, of crossing hair, and of how often the interval holds where there is hair."""
    figures = evaluate(results, truth, **how)
    holds = interval_holds_percent(results) if figures["true_hairs"] else None
    return figures | {"crossing_f1": crossing_f1(results), "interval_holds_percent": holds}


def crossing_f1(results: Path) -> float | None:
    """F1 of the hairs whose line cuts another's, away from the root; of long hair it is the hardest part."""
    slices = pd.read_csv(results / "evaluation_slices.csv")
    crossing = slices.loc[(slices["slice"] == "neighbours") & (slices["class"] == "crossing"), "f1"].dropna()
    return float(crossing.iloc[0]) if len(crossing) else None


def interval_holds_percent(results: Path) -> float:
    """Share of photos whose density interval, brought to the hairs that are judged, holds the hand count.

    The annotation lacks hairs at its seams and edges, so of n found and m true hairs that are judged
    there, the interval [low, high] around a density holds m when n low / density <= m <= n high / density.
    A photo without a density holds nothing.
    """
    judged = pd.read_csv(results / "evaluation.csv").set_index("image")
    measured = pd.read_csv(results / "images.csv").set_index("image").loc[judged.index]
    per_hair = judged["found_hairs"] / measured["hair_density_per_cm2"].replace(0, np.nan)
    low, high = per_hair * measured["hair_density_low"], per_hair * measured["hair_density_high"]
    return float(100 * judged["true_hairs"].between(low, high).mean())


def phantoms(style: str, number: int, folder: Path) -> dict[str, float | None]:
    """Figures on phantoms of one style, seen by directions over the first 0.4 mm of each hair."""
    seed = BARE_SEED if style == "bare" else PHANTOM_SEED
    write_phantoms(folder / "set", n=number, seed=seed, style=style)
    analyze_folder([folder / "set" / "images"], folder / "results", RunOptions(device="cpu"))
    return figures_of(folder / "results", folder / "set" / "truth", direction="start")


def measure(fdu: Path | None, photos: int, number: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Figures by kind of photo, and slices of the real and of the hard drawn hairs.

    Phantoms count a fifth of `number` for each style but those of `MANY`.
    """
    figures = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if fdu is not None:
            figures["real, clipped"] = real_photos(fdu, photos, folder / "real")
        for style in STYLES:
            some = number if style in MANY else max(number // 5, 1)
            figures[f"phantom, {style.replace('_', ' ')}"] = phantoms(style, some, folder / style)
        hard = [folder / style / "results" for style in STYLES if style != "plain"]
        slices = sliced({"real": [folder / "real"] if fdu is not None else [], "drawn": hard})
    return figures, slices


def sliced(results: Mapping[str, Sequence[Path]]) -> list[dict[str, Any]]:
    """A row for each class of each slice: hairs, recall and precision of each side, of several runs."""
    rows: list[dict[str, Any]] = []
    tables = {
        side: pd.concat([pd.read_csv(run / "evaluation_slices.csv") for run in runs] or [EMPTY])
        .groupby(["slice", "class"])[["true_hairs", "hits", "found_hairs", "right"]]
        .sum()
        for side, runs in results.items()
    }
    for name, classes in SLICES.items():
        for some in classes:
            row: dict[str, Any] = {"slice": name, "class": some}
            for side, table in tables.items():
                if (name, some) in table.index:
                    true, hits, found, right = (int(value) for value in table.loc[(name, some)])
                    row |= {f"{side}_hairs": true, f"{side}_recall": hits / true if true else None}
                    row |= {f"{side}_precision": right / found if found else None}
            rows += [row] if len(row) > 2 else []
    return rows


EMPTY = pd.DataFrame(columns=["slice", "class", "true_hairs", "hits", "found_hairs", "right"])
SIDES = {"real": "real", "drawn": "phantoms"}


def slice_table(slices: Sequence[Mapping[str, Any]]) -> str:
    """Markdown table of `sliced`; classes of fewer than `FEWEST` true hairs on either side are left out."""
    head = ["slice", "class"]
    for title in SIDES.values():
        head += [f"{title}: hairs", "recall", "precision"]
    rows, last = [], ""
    for row in slices:
        counts = {side: row.get(f"{side}_hairs", 0) for side in SIDES}
        if max(counts.values()) < FEWEST:
            continue
        cells = ["" if row["slice"] == last else row["slice"], row["class"]]
        for side, count in counts.items():
            shares = [row.get(f"{side}_{what}") for what in ("recall", "precision")]
            enough = count >= FEWEST
            cells += [str(count) if enough else ""]
            cells += ["" if share is None or not enough else f"{share:.2f}" for share in shares]
        rows.append(cells)
        last = row["slice"]
    return markdown(head, rows)


def rounded(value: Any) -> Any:
    """The same to `DIGITS` decimals: more would differ between machines and say nothing."""
    return each_float(value, lambda number: round(number, DIGITS))


def table(figures: dict[str, dict[str, float | None]]) -> str:
    """Markdown table: a column for each kind of photo; a row for each of `ROWS` that was measured."""
    lines = ["| | " + " | ".join(figures) + " |", "|---|" + "---|" * len(figures)]
    for key, (title, form) in ROWS.items():
        if not any(key in kind for kind in figures.values()):
            continue
        values = [kind.get(key) if _enough(kind, key) else None for kind in figures.values()]
        cells = ["" if value is None else form.format(value) for value in values]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _enough(kind: Mapping[str, float | None], key: str) -> bool:
    return key not in NEEDS or (kind[NEEDS[key]] or 0) >= FEWEST


def made_of(record: dict[str, Any]) -> str:
    """With which weights, and by what, the tables of `record` were made."""
    return f"Weights {record['weights']}; made by `python benchmarks/accuracy.py`."


def into_readme(readme: str, record: dict[str, Any]) -> str:
    """The README with the tables of `record` between its marks."""
    return into_page(readme, "accuracy", f"{table(record['figures'])}\n\n{made_of(record)}")


def into_how_well(page: str, record: dict[str, Any]) -> str:
    """The page with the slices of `record` between its marks."""
    return into_page(page, "slices", f"{slice_table(record['slices'])}\n\n{made_of(record)}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fdu", type=Path, default=ROOT.parent / "shared" / "data" / "fdu")
    parser.add_argument("--photos", type=int, default=PHOTOS)
    parser.add_argument("--phantoms", type=int, default=PHANTOMS)
    options = parser.parse_args()
    fdu = options.fdu if (options.fdu / "truth").is_dir() else None
    figures, slices = rounded(measure(fdu, options.photos, options.phantoms))
    print(f"{table(figures)}\n\n{slice_table(slices)}")
    if fdu is not None and (options.photos, options.phantoms) == (PHOTOS, PHANTOMS):
        record = {"weights": load_weights().label, "figures": figures, "slices": slices}
        FIGURES.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        README.write_text(into_readme(README.read_text(encoding="utf-8"), record), encoding="utf-8")
        PAGE.write_text(into_how_well(PAGE.read_text(encoding="utf-8"), record), encoding="utf-8")


if __name__ == "__main__":
    main()
