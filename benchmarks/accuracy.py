"""How right the weights are, on photos that they were never trained on; writes the tables of the README.

Run: python benchmarks/accuracy.py [--fdu ../shared/data/fdu] [--photos 60] [--phantoms 40]

Real photos are those that the weights' config.json lists as held out. Phantoms are drawn from seeds that
training does not reach. With the default numbers the figures go to benchmarks/accuracy.json and the tables
into README.md; with fewer they are printed only.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from tables import into_page

from trichoscan.learn.evaluate import evaluate
from trichoscan.phantom.write import write_phantoms
from trichoscan.segment.infer import load_weights
from trichoscan.study.batch import analyze_folder

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "benchmarks" / "accuracy.json"
README = ROOT / "README.md"
PHOTOS, PHANTOMS = 60, 40
DIGITS = 4
PHANTOM_SEED = 20_260
STYLES = ("plain", "clipped", "long", "thin", "light", "dark_skin", "wide", "bare")
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


def real_photos(fdu: Path, photos: int, folder: Path) -> dict[str, float | None]:
    """Figures on held-out real photos with hand-drawn hairs; seams of the annotation are left out."""
    held_out = load_weights().config["split"]["held_out"][:photos]
    paths = [fdu / "images" / f"{stem}.jpg" for stem in held_out]
    analyze_folder(paths, folder, manifest=fdu / "images" / "manifest.csv", device="cpu")
    figures = evaluate(folder, fdu / "truth", seams=True) | {"crossing_f1": crossing_f1(folder)}
    return figures | {"interval_holds_percent": interval_holds_percent(folder)}


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
    write_phantoms(folder / "set", n=number, seed=PHANTOM_SEED, style=style)
    analyze_folder([folder / "set" / "images"], folder / "results", device="cpu")
    figures = evaluate(folder / "results", folder / "set" / "truth", direction="start")
    return figures | {"crossing_f1": crossing_f1(folder / "results")}


def measure(fdu: Path | None, photos: int, number: int) -> dict[str, dict[str, float | None]]:
    """Figures by kind of photo; phantoms count a fifth of `number` for each style but plain."""
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        if fdu is not None:
            figures["real, clipped"] = real_photos(fdu, photos, Path(folder) / "real")
        for style in STYLES:
            some = number if style == "plain" else max(number // 5, 1)
            figures[f"phantom, {style.replace('_', ' ')}"] = phantoms(style, some, Path(folder) / style)
    return figures


def rounded(figures: dict[str, dict[str, float | None]]) -> dict[str, dict[str, float | None]]:
    """To `DIGITS` decimals: more would differ between machines and say nothing."""
    return {
        kind: {key: None if value is None else round(value, DIGITS) for key, value in values.items()}
        for kind, values in figures.items()
    }


def table(figures: dict[str, dict[str, float | None]]) -> str:
    """Markdown table: a column for each kind of photo; a row for each of `ROWS` that was measured."""
    lines = ["| | " + " | ".join(figures) + " |", "|---|" + "---|" * len(figures)]
    for key, (title, form) in ROWS.items():
        if not any(key in kind for kind in figures.values()):
            continue
        values = [kind.get(key) for kind in figures.values()]
        cells = ["" if value is None else form.format(value) for value in values]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def into_readme(readme: str, record: dict[str, object]) -> str:
    """The README with the tables of `record` between its marks."""
    said = f"Weights {record['weights']}; made by `python benchmarks/accuracy.py`."
    return into_page(readme, "accuracy", f"{table(record['figures'])}\n\n{said}")  # type: ignore[arg-type]


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fdu", type=Path, default=ROOT.parent / "shared" / "data" / "fdu")
    parser.add_argument("--photos", type=int, default=PHOTOS)
    parser.add_argument("--phantoms", type=int, default=PHANTOMS)
    options = parser.parse_args()
    fdu = options.fdu if (options.fdu / "truth").is_dir() else None
    figures = rounded(measure(fdu, options.photos, options.phantoms))
    print(table(figures))
    if fdu is not None and (options.photos, options.phantoms) == (PHOTOS, PHANTOMS):
        record = {"weights": load_weights().label, "figures": figures}
        FIGURES.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        README.write_text(into_readme(README.read_text(encoding="utf-8"), record), encoding="utf-8")


if __name__ == "__main__":
    main()
