"""Hairs as they stand in files: those found, of RESULTS, and those that are there, of truth files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trichoscan.learn.pairing import EDGE_PX, START_UM, near_edge, near_seam, starts
from trichoscan.measure.units import group_units
from trichoscan.records import Hair, TrichoscanError

Direction = Literal["chord", "start"]

NEEDED_COLUMNS = {
    "images.csv": ("image", "status", "width_px", "height_px", "focus", "geometry"),
    "hairs.csv": (
        "image",
        "hair_id",
        "unit_id",
        "root_x_px",
        "root_y_px",
        "tip_x_px",
        "tip_y_px",
        "diameter_um",
        "confidence",
    ),
}
NO_UNIT = -1
"""Unit of debris."""


@dataclass(frozen=True, eq=False)
class HairSet:
    """K hairs of one photo, found or true.

    Attributes
    ----------
    paths_px : tuple of (N, 2) float64
        Root first; root and tip alone where no more is known.
    ends_px : (K, 2, 2) float64
        Root, and the far end of the stretch whose direction is compared.
    unit : (K,) int64
        Hairs of one number leave the skin together; `NO_UNIT` for debris.
    diameter_um, confidence : (K,) float64
        NaN where unknown; true hairs have no confidence.
    tip_confidence : (K,) float64
        That the end of the path is the hair's tip; NaN where no tip was seen.
    thin : (K,) bool
        Marked as thin in the truth.
    ignored : (K,) bool
        Not judged.
    """

    paths_px: tuple[NDArray[np.float64], ...]
    ends_px: NDArray[np.float64]
    unit: NDArray[np.int64]
    diameter_um: NDArray[np.float64]
    confidence: NDArray[np.float64]
    tip_confidence: NDArray[np.float64]
    thin: NDArray[np.bool_]
    ignored: NDArray[np.bool_]

    def __len__(self) -> int:
        """Number of hairs."""
        return len(self.paths_px)


@dataclass(frozen=True, eq=False)
class Truth:
    """What a truth file says: size (width, height) in px, um per px, and the hairs."""

    size_px: tuple[int, int]
    um_per_px: float
    hairs: HairSet


def read_table(results: Path, name: str) -> pd.DataFrame:
    """Table `name`, a key of `NEEDED_COLUMNS`, of RESULTS; all cells are text."""
    try:
        table = pd.read_csv(results / name, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise TrichoscanError(
            f"{results}: no {name}: name a folder that 'trichoscan analyze' wrote"
        ) from None
    except (OSError, ValueError) as error:
        raise TrichoscanError(
            f"{results / name}: cannot be read ({error}): run 'trichoscan analyze' again"
        ) from None
    missing = [column for column in NEEDED_COLUMNS[name] if column not in table]
    if missing:
        raise TrichoscanError(
            f"{results / name}: no column {', '.join(missing)}: run 'trichoscan analyze' again"
        )
    return table


def file_of_image(folder: Path, image: str, suffix: str | None) -> Path | None:
    """File of an image: under its path where stems are shared between folders, else under its name alone.

    Parameters
    ----------
    folder : Path
    image : str
        As in the tables, where a name that a spreadsheet would run is escaped.
    suffix : str or None
        In place of the image's own.

    Returns
    -------
    Path or None
        None where there is no such file.
    """
    escaped = image[:1] == "'" and image[1:2] in tuple("=+-@")
    path = Path(image[1:] if escaped else image)
    path = path if suffix is None else path.with_suffix(suffix)
    return next((file for file in (folder / path, folder / path.name) if file.is_file()), None)


def read_truth(file: Path, *, seams: bool, direction: Direction) -> Truth:
    """Read a truth file; `seams` and `direction` as for `learn.evaluate.evaluate`."""
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        size_px = (int(record["size"][0]), int(record["size"][1]))
        um_per_px = float(record["um_per_px"])
        marks: list[dict[str, Any]] = record["hairs"]
        paths = tuple(np.array(mark.get("path") or [mark["root"], mark["tip"]], float) for mark in marks)
        chords = np.array([[mark["root"], mark["tip"]] for mark in marks], float).reshape(-1, 2, 2)
        kinds = np.array([mark["kind"] for mark in marks], dtype=str)
        hidden = np.array([not mark.get("root_visible", True) for mark in marks], bool)
        diameter_um = np.array(
            [mark.get("shown_diameter_um") or mark.get("diameter_um") or np.nan for mark in marks], float
        )
        ends_px = chords if direction == "chord" else starts(paths, START_UM / um_per_px)
        units = _true_units(marks, chords, kinds == "abnormal", um_per_px)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise TrichoscanError(
            f"{file}: not a truth file ({error!r}): see 'trichoscan phantom --help'"
        ) from None
    ignored = (kinds == "abnormal") | hidden | near_edge(chords[:, 0], size_px, EDGE_PX)
    if seams:
        far_px = chords[:, 1] if direction == "chord" else np.array([path[-1] for path in paths])
        spans = np.stack([chords[:, 0], far_px.reshape(-1, 2)], 1)
        ignored |= near_seam(spans, (size_px[0] / 2, size_px[1] / 2))
    unknown = np.full(len(marks), np.nan)
    hairs = HairSet(paths, ends_px, units, diameter_um, unknown, unknown, kinds == "undersize", ignored)
    return Truth(size_px, um_per_px, hairs)


def _true_units(
    marks: list[dict[str, Any]],
    chords_px: NDArray[np.float64],
    debris: NDArray[np.bool_],
    um_per_px: float,
) -> NDArray[np.int64]:
    """Units that the truth names, else those that roots close to each other make, as for hairs found."""
    units = np.full(len(marks), NO_UNIT, np.int64)
    if any("unit_id" in mark for mark in marks):
        units[~debris] = [
            mark["unit_id"] for mark, is_debris in zip(marks, debris, strict=True) if not is_debris
        ]
    else:
        units[~debris] = group_units([Hair(chord, 1.0) for chord in chords_px[~debris]], um_per_px)
    return units


@dataclass(frozen=True, eq=False)
class DrawnHair:
    """Path, (N, 2) px, of a hair in a GeoJSON, and its tip's confidence, NaN where no tip was seen."""

    path_px: NDArray[np.float64]
    tip_confidence: float = float("nan")


def read_found(
    table: pd.DataFrame,
    drawn: dict[int, DrawnHair],
    truth: Truth,
    *,
    seams: bool,
    direction: Direction,
) -> HairSet:
    """Hairs found on the photo of a truth.

    Parameters
    ----------
    table : DataFrame
        The photo's rows of hairs.csv.
    drawn : dict of int to DrawnHair
        By hair_id; a hair that is not there is taken to be straight.
    truth : Truth
    seams, direction
        As for `learn.evaluate.evaluate`.
    """
    columns = ["root_x_px", "root_y_px", "tip_x_px", "tip_y_px"]
    chords = table[columns].astype(float).to_numpy().reshape(-1, 2, 2)
    ids = table["hair_id"].astype(int)
    shown = [drawn.get(hair, DrawnHair(chord)) for hair, chord in zip(ids, chords, strict=True)]
    paths = tuple(hair.path_px for hair in shown)
    ignored = near_edge(chords[:, 0], truth.size_px, EDGE_PX)
    if seams:
        ignored |= near_seam(chords, (truth.size_px[0] / 2, truth.size_px[1] / 2))
    return HairSet(
        paths,
        chords if direction == "chord" else starts(paths, START_UM / truth.um_per_px),
        np.asarray(table["unit_id"], np.int64),
        pd.to_numeric(table["diameter_um"], errors="coerce").to_numpy(float),
        pd.to_numeric(table["confidence"], errors="coerce").to_numpy(float),
        np.array([hair.tip_confidence for hair in shown], float),
        np.zeros(len(table), bool),
        ignored,
    )


def read_drawn(file: Path) -> dict[int, DrawnHair]:
    """Hair of each hair_id in a photo's GeoJSON; empty where there is no such file."""
    try:
        features = json.loads(file.read_text(encoding="utf-8"))["features"]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError) as error:
        raise TrichoscanError(f"{file}: cannot be read ({error!r}): analyze the photos again") from None
    lines = [feature for feature in features if feature["geometry"]["type"] == "LineString"]
    return {line["properties"]["hair_id"]: _drawn(line) for line in lines}


def _drawn(line: dict[str, Any]) -> DrawnHair:
    path_px = np.array(line["geometry"]["coordinates"], float)
    return DrawnHair(path_px, float(line["properties"].get("measurements", {}).get("tip_confidence", "nan")))
