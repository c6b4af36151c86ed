"""What weights trained on phantoms alone are worth on real photos: the figure that phantoms are judged by.

Run: python benchmarks/usefulness.py WEIGHTS [--photos ../shared/data/fdu] [--number 60]
     python benchmarks/usefulness.py --train OUT --steps 800

WEIGHTS is a folder of weights. With --train a network is trained on phantoms alone first, always with the
same budget but for the steps, and its weights are judged. Real photos are those that the shipped weights'
config.json lists as held out; no choice is made by them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tables import markdown

from trichoscan.learn.evaluate import evaluate
from trichoscan.learn.pairing import EDGE_PX, near_edge, near_seam, pair_hairs
from trichoscan.segment.weights import load_weights
from trichoscan.study.batch import RunOptions, analyze_folder

ROOT = Path(__file__).resolve().parents[1]
PHOTOS, STEPS, BATCH, CROP_PX, SEED = 60, 800, 8, 384, 1
KINDS = ("premium", "single", "undersize")
THIN_BELOW_UM = 40.0
"""What the truth calls undersize; found hairs have no kind, so their precision is told by diameter."""
FIGURES = {
    "photos": "{:.0f}",
    "true_hairs": "{:.0f}",
    "f1": "{:.3f}",
    "precision": "{:.3f}",
    "recall": "{:.3f}",
    "count_bias_percent": "{:+.1f}",
    "count_error_percent": "{:.1f}",
    "count_r": "{:.2f}",
    **{f"recall, {kind}": "{:.3f}" for kind in KINDS},
    "precision, thin found": "{:.3f}",
    "precision, thick found": "{:.3f}",
    "root_error_median_um": "{:.0f}",
    "angle_error_median_deg": "{:.1f}",
}


def train_on_phantoms(out: Path, steps: int) -> Path:
    """Train with the fixed budget and return the weights folder; goes on where an earlier call stopped."""
    from trichoscan.learn.train import TrainConfig, train

    config = TrainConfig(
        photos=None,
        out=out,
        name="phantom-only",
        steps=steps,
        batch=BATCH,
        crop_px=CROP_PX,
        seed=SEED,
        device="cpu",
    )
    return train(config, lambda line: print(line, flush=True))


def judge(weights: Path | None, photos: Path, number: int, out: Path) -> dict[str, float | None]:
    """Figures of weights on the first `number` held-out photos; results are written into `out`."""
    held_out = load_weights().config["split"]["held_out"][:number]
    paths = [photos / "images" / f"{stem}.jpg" for stem in held_out]
    analyze_folder(
        paths, out, RunOptions(manifest=photos / "images" / "manifest.csv", weights=weights, device="cpu")
    )
    return evaluate(out, photos / "truth", seams=True) | by_kind(out, photos / "truth")


def by_kind(results: Path, truth: Path) -> dict[str, float | None]:
    """Recall by the true kind, and precision of found hairs below and above `THIN_BELOW_UM`."""
    images = pd.read_csv(results / "images.csv")
    hairs = {str(name): table for name, table in pd.read_csv(results / "hairs.csv").groupby("image")}
    true_of: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    right_of: dict[str, list[bool]] = {"thin": [], "thick": []}
    for image in images["image"]:
        record = json.loads((truth / f"{Path(image).stem}.json").read_text(encoding="utf-8"))
        if image in hairs:
            _count_kinds(hairs[image], record, true_of, right_of)
        else:
            for mark in record["hairs"]:
                true_of.get(mark["kind"], []).append(False)
    shares = {f"recall, {kind}": found for kind, found in true_of.items()}
    shares |= {f"precision, {size} found": right for size, right in right_of.items()}
    return {name: float(np.mean(values)) if values else None for name, values in shares.items()}


def _count_kinds(
    table: pd.DataFrame,
    record: dict[str, Any],
    true_of: dict[str, list[bool]],
    right_of: dict[str, list[bool]],
) -> None:
    """Add one photo's hairs: those that `learn.evaluate` would judge too."""
    size, um_per_px, marks = record["size"], record["um_per_px"], record["hairs"]
    true = np.array([[m["root"], m["tip"]] for m in marks], float).reshape(-1, 2, 2)
    kinds = np.array([m["kind"] for m in marks], dtype=str)
    columns = ["root_x_px", "root_y_px", "tip_x_px", "tip_y_px"]
    found = table[columns].to_numpy(float).reshape(-1, 2, 2)
    thin = table["diameter_um"].to_numpy(float) < THIN_BELOW_UM
    pairs = pair_hairs(found, true, um_per_px)
    hit: np.ndarray = np.zeros(len(true), bool)
    hit[pairs.true] = True
    judged = ~(_unjudged(true, size) | (kinds == "abnormal"))
    for kind in KINDS:
        true_of[kind] += hit[judged & (kinds == kind)].tolist()
    right: np.ndarray = np.zeros(len(found), bool)
    right[pairs.found] = True
    counts = ~_unjudged(found, size)
    counts[pairs.found] = judged[pairs.true]
    for name, some in (("thin", thin), ("thick", ~thin)):
        right_of[name] += right[counts & some].tolist()


def _unjudged(hairs_px: np.ndarray, size: list[int]) -> np.ndarray:
    edge = near_edge(hairs_px[:, 0], (size[0], size[1]), EDGE_PX)
    return np.asarray(edge | near_seam(hairs_px, (size[0] / 2, size[1] / 2)))


def table(columns: dict[str, dict[str, float | None]]) -> str:
    """Markdown table: a column for each weights."""
    rows = []
    for key, form in FIGURES.items():
        values = [figures.get(key) for figures in columns.values()]
        rows.append([key.replace("_", " "), *("" if v is None else form.format(v) for v in values)])
    return markdown(("", *columns), rows)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path, nargs="*")
    parser.add_argument("--photos", type=Path, default=ROOT.parent / "shared" / "data" / "fdu")
    parser.add_argument("--number", type=int, default=PHOTOS)
    parser.add_argument("--train", type=Path)
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    folders = list(options.weights)
    if options.train is not None:
        folders.append(train_on_phantoms(options.train, options.steps))
    if not folders:
        parser.error("name a folder of weights, or a folder to --train in")
    columns = {}
    for folder in folders:
        with tempfile.TemporaryDirectory() as out:
            columns[str(folder)] = judge(folder, options.photos, options.number, Path(out))
    print(table(columns))


if __name__ == "__main__":
    main()
