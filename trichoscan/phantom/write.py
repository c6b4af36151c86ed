"""Phantoms on disk: photos, manifest and truth in the layout that training and evaluation read."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np

from trichoscan.phantom.draw import Phantom, draw_phantom
from trichoscan.phantom.truth import PhantomHair

MANIFEST_COLUMNS = ("image", "subject", "site", "visit", "date", "um_per_px")

FIRST_DATE = "2024-01-15"
"""Date written for all baseline phantoms."""


def truth_json(phantom: Phantom) -> dict[str, object]:
    """Truth of a photo as it is written to truth/<image stem>.json.

    Parameters
    ----------
    phantom : Phantom

    Returns
    -------
    dict
        size [W, H], um_per_px, style, and hairs with root and tip [x, y] px, kind, hair_id, unit_id, path
        [[x, y], ...] px root first, diameter_um (mean over the visible shaft), root_visible, cut_by_edge.
    """
    height, width = phantom.pixels.shape[:2]
    return {
        "size": [width, height],
        "um_per_px": phantom.um_per_px,
        "style": phantom.style,
        "hairs": [_hair_json(h, phantom.um_per_px) for h in phantom.hairs],
    }


def _hair_json(hair: PhantomHair, um_per_px: float) -> dict[str, object]:
    path = np.round(hair.path_px, 2).tolist()
    step = np.hypot(*np.diff(hair.path_px, axis=0).T)
    mean_px = float(((hair.width_px[1:] + hair.width_px[:-1]) / 2 * step).sum() / step.sum())
    return {
        "hair_id": hair.hair_id,
        "unit_id": hair.unit_id,
        "root": path[0],
        "tip": path[-1],
        "kind": hair.kind,
        "path": path,
        "diameter_um": round(mean_px * um_per_px, 2),
        "root_visible": hair.root_visible,
        "cut_by_edge": hair.cut_by_edge,
    }


def write_phantom(folder: Path, stem: str, phantom: Phantom, images: str = "images") -> None:
    """Write <folder>/<images>/<stem>.jpg and <folder>/truth/<stem>.json."""
    (folder / images).mkdir(parents=True, exist_ok=True)
    (folder / "truth").mkdir(parents=True, exist_ok=True)
    (folder / images / f"{stem}.jpg").write_bytes(phantom.jpeg)
    text = json.dumps(truth_json(phantom), separators=(",", ":"))
    (folder / "truth" / f"{stem}.json").write_text(text + "\n", encoding="utf-8")


def write_manifest(path: Path, rows: list[dict[str, str]]) -> None:
    """Write a manifest.csv with the columns of `MANIFEST_COLUMNS`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, MANIFEST_COLUMNS)
        table.writeheader()
        table.writerows(rows)


def write_phantoms(out: Path, n: int, seed: int, style: str | None = None) -> None:
    """Write n phantoms.

    Parameters
    ----------
    out : Path
        Gets images/*.jpg, images/manifest.csv and truth/*.json.
    n : int
        Number of photos, at least 1.
    seed : int
        Not negative; photo i depends on the seed, the style and i only.
    style : str, optional
        A key of `style.STYLE_SHARE`; all in their shares by default.

    Raises
    ------
    ValueError
        n below 1, seed below 0 or style unknown.
    """
    if n < 1 or seed < 0:
        raise ValueError("write_phantoms needs n >= 1 and seed >= 0")
    rows = []
    for i in range(n):
        phantom = draw_phantom(phantom_seed(seed, i), style)
        stem = f"{phantom.style}_{i:04d}"
        write_phantom(out, stem, phantom)
        rows.append(manifest_row(f"{stem}.jpg", f"P{i:04d}", "baseline", FIRST_DATE, phantom))
    write_manifest(out / "images" / "manifest.csv", rows)


def phantom_seed(seed: int, i: int) -> int:
    """Seed of photo i of a set, far from those of neighbouring sets."""
    return int(np.random.SeedSequence([seed, i]).generate_state(1)[0])


def manifest_row(image: str, subject: str, visit: str, date: str, phantom: Phantom) -> dict[str, str]:
    """Row of manifest.csv for a phantom."""
    return {
        "image": image,
        "subject": subject,
        "site": "vertex",
        "visit": visit,
        "date": date,
        "um_per_px": f"{phantom.um_per_px:.4f}",
    }
