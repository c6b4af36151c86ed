"""Results against truth, hair by hair.

Hairs are paired as `learn.pairing` says. Not judged, on either side: roots within 30 px of the
photo's edge, and true hairs that are debris or whose root cannot be seen, with what is paired with
them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trichoscan.learn.labels import point_along
from trichoscan.learn.pairing import EDGE_PX, near_edge, near_seam, pair_hairs
from trichoscan.records import TrichoscanError
from trichoscan.study.store import whole_file

Direction = Literal["chord", "start"]

NEEDED_COLUMNS = {
    "images.csv": ("image", "status", "width_px", "height_px", "geometry"),
    "hairs.csv": ("image", "hair_id", "root_x_px", "root_y_px", "tip_x_px", "tip_y_px", "diameter_um"),
}
START_UM = 400.0
"""Direction "start" is that of the first 0.4 mm from the root, before a long hair curves away."""


@dataclass(frozen=True, eq=False)
class HairSet:
    """Hairs of one photo, found or true.

    Attributes
    ----------
    root_px, tip_px : (K, 2) float64
        `tip_px` is the far end of the stretch whose direction is compared.
    diameter_um : (K,) float64
        NaN where unknown.
    thin : (K,) bool
        Marked as thin in the truth.
    ignored : (K,) bool
        Not judged.
    """

    root_px: NDArray[np.float64]
    tip_px: NDArray[np.float64]
    diameter_um: NDArray[np.float64]
    thin: NDArray[np.bool_]
    ignored: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PhotoScore:
    """How one photo came out.

    Attributes
    ----------
    image, status : str
    true_hairs, found_hairs : int
        Hairs judged on either side.
    hits, false_hairs, missed : int
    thin_hairs, thin_hits : int
    root_error_um, angle_error_deg : (M,) float64
        Of each hit.
    diameter_um : (L, 2) float64
        True and measured, of the hits where both are known.
    """

    image: str
    status: str
    true_hairs: int
    found_hairs: int
    hits: int
    false_hairs: int
    missed: int
    thin_hairs: int
    thin_hits: int
    root_error_um: NDArray[np.float64]
    angle_error_deg: NDArray[np.float64]
    diameter_um: NDArray[np.float64]


def evaluate(
    results: Path, truth: Path, *, seams: bool = False, direction: Direction = "chord"
) -> dict[str, float | None]:
    """Compare RESULTS with truth; write evaluation.json and evaluation.csv into RESULTS.

    Parameters
    ----------
    results : Path
        Folder with images.csv, hairs.csv and, for `direction` "start", geometry/.
    truth : Path
        Folder of <image stem>.json, or one that has such a folder truth/.
    seams : bool
        Do not judge hairs at x = W/2 and y = H/2 either, where the annotation was cut.
    direction : "chord" or "start"
        Compare directions from root to tip, or over the first 0.4 mm of both paths: fairer to
        long curved hairs. Where there is no path the tip is taken.

    Returns
    -------
    dict
        photos, true_hairs, found_hairs, precision, recall, f1 (0-1, over all hairs),
        count_bias_percent (of the total), count_error_percent (mean of the absolute error by photo),
        count_r (correlation over photos), root_error_median_um, angle_error_median_deg, thin_recall,
        diameters, diameter_bias_um, diameter_error_um (mean absolute), diameter_slope (measured on
        true), truth_without_result (truth files of which no photo is in the results: not judged).
        None where there is nothing to compute it from.

    Raises
    ------
    TrichoscanError
        If a folder or table is missing or damaged, no photo has truth, two photos would be judged by
        one truth file, or a photo is not of its truth's size.
    """
    folder = truth / "truth" if (truth / "truth").is_dir() else truth
    images, hairs = _read_results(results, "images.csv"), _read_results(results, "hairs.csv")
    hairs_of = {str(image): table for image, table in hairs.groupby("image", sort=False)}
    scores = []
    judged_by: dict[Path, str] = {}
    for row in images.itertuples(index=False):
        file = _truth_file(folder, str(row.image))
        if file is None:
            continue
        if file in judged_by:
            raise TrichoscanError(
                f"{file}: truth of both {judged_by[file]} and {row.image}: put it under the photo's folder"
            )
        judged_by[file] = str(row.image)
        size_px, um_per_px, true = _read_truth(file, seams=seams, direction=direction)
        if row.status == "ok":
            _check_size(file, str(row.image), size_px, (str(row.width_px), str(row.height_px)))
        table = hairs_of.get(str(row.image), hairs.iloc[:0])
        paths = _paths(results, str(row.geometry)) if direction == "start" and row.geometry else {}
        found = _found_hairs(table, paths, size_px, um_per_px, seams=seams)
        scores.append(_score(str(row.image), str(row.status), found, true, um_per_px))
    if not scores:
        raise TrichoscanError(
            f"{folder}: no truth for any photo of {results}: it is looked for as <image stem>.json"
        )
    without = set(folder.rglob("*.json")) - set(judged_by)
    summary = summarize_scores(scores) | {"truth_without_result": len(without)}
    _write(results, scores, summary)
    return summary


def _check_size(file: Path, image: str, true_px: tuple[int, int], measured_px: tuple[str, str]) -> None:
    if measured_px != tuple(str(side) for side in true_px):
        raise TrichoscanError(
            f"{file}: of a photo of {true_px[0]}x{true_px[1]} px, but {image} has "
            f"{measured_px[0]}x{measured_px[1]}: give the truth of the photos as they were measured"
        )


def _read_results(results: Path, name: str) -> pd.DataFrame:
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


def _truth_file(folder: Path, image: str) -> Path | None:
    """Truth of an image: under its path where stems are shared between folders, else under its stem."""
    escaped = image[:1] == "'" and image[1:2] in tuple("=+-@")
    path = Path(image[1:] if escaped else image)
    candidates = (folder / path.with_suffix(".json"), folder / f"{path.stem}.json")
    return next((file for file in candidates if file.is_file()), None)


def _read_truth(file: Path, *, seams: bool, direction: Direction) -> tuple[tuple[int, int], float, HairSet]:
    """Size (width, height) in px, um per px, and the hairs of a truth file."""
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        size_px = (int(record["size"][0]), int(record["size"][1]))
        um_per_px = float(record["um_per_px"])
        marks: list[dict[str, Any]] = record["hairs"]
        root_px = np.array([mark["root"] for mark in marks], float).reshape(-1, 2)
        tip_px = np.array([mark["tip"] for mark in marks], float).reshape(-1, 2)
        kinds = np.array([mark["kind"] for mark in marks], dtype=str)
        hidden = np.array([not mark.get("root_visible", True) for mark in marks], bool)
        diameter_um = np.array([mark.get("diameter_um") or np.nan for mark in marks], float)
        if direction == "start":
            paths = [np.array(mark.get("path") or [mark["root"], mark["tip"]], float) for mark in marks]
            tip_px = np.array([point_along(path, START_UM / um_per_px) for path in paths]).reshape(-1, 2)
            far_px = np.array([path[-1] for path in paths]).reshape(-1, 2)
        else:
            far_px = tip_px
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise TrichoscanError(
            f"{file}: not a truth file ({error!r}): see 'trichoscan phantom --help'"
        ) from None
    ignored = (kinds == "abnormal") | hidden | near_edge(root_px, size_px, EDGE_PX)
    if seams:
        ignored |= near_seam(np.stack([root_px, far_px], 1), (size_px[0] / 2, size_px[1] / 2))
    return size_px, um_per_px, HairSet(root_px, tip_px, diameter_um, kinds == "undersize", ignored)


def _found_hairs(
    table: pd.DataFrame,
    paths: dict[int, NDArray[np.float64]],
    size_px: tuple[int, int],
    um_per_px: float,
    *,
    seams: bool,
) -> HairSet:
    root_px = table[["root_x_px", "root_y_px"]].astype(float).to_numpy()
    far_px = table[["tip_x_px", "tip_y_px"]].astype(float).to_numpy()
    tip_px = far_px.copy()
    for index, hair_id in enumerate(table["hair_id"].astype(int)):
        if hair_id in paths:
            tip_px[index] = point_along(paths[hair_id], START_UM / um_per_px)
    diameter_um = pd.to_numeric(table["diameter_um"], errors="coerce").to_numpy(float)
    ignored = near_edge(root_px, size_px, EDGE_PX)
    if seams:
        ignored |= near_seam(np.stack([root_px, far_px], 1), (size_px[0] / 2, size_px[1] / 2))
    return HairSet(root_px, tip_px, diameter_um, np.zeros(len(table), bool), ignored)


def _paths(results: Path, geometry: str) -> dict[int, NDArray[np.float64]]:
    """Path of each hair_id from a photo's GeoJSON."""
    try:
        features = json.loads((results / geometry).read_text(encoding="utf-8"))["features"]
    except (OSError, ValueError, KeyError) as error:
        raise TrichoscanError(
            f"{results / geometry}: cannot be read ({error!r}): analyze the photos again"
        ) from None
    lines = [feature for feature in features if feature["geometry"]["type"] == "LineString"]
    return {line["properties"]["hair_id"]: np.array(line["geometry"]["coordinates"], float) for line in lines}


def _vectors(hairs: HairSet) -> NDArray[np.float64]:
    """(K, 2, 2) root and far end."""
    return np.stack([hairs.root_px, hairs.tip_px], 1)


def _score(image: str, status: str, found: HairSet, true: HairSet, um_per_px: float) -> PhotoScore:
    pairs = pair_hairs(_vectors(found), _vectors(true), um_per_px)
    rows, columns = pairs.found, pairs.true
    judged = ~true.ignored[columns]
    unpaired_found = np.setdiff1d(np.flatnonzero(~found.ignored), rows)
    unpaired_true = np.setdiff1d(np.flatnonzero(~true.ignored), columns)
    diameters = np.column_stack([true.diameter_um[columns], found.diameter_um[rows]])[judged]
    return PhotoScore(
        image=image,
        status=status,
        true_hairs=int(np.count_nonzero(~true.ignored)),
        found_hairs=int(np.count_nonzero(~found.ignored)),
        hits=int(np.count_nonzero(judged)),
        false_hairs=len(unpaired_found),
        missed=len(unpaired_true),
        thin_hairs=int(np.count_nonzero(true.thin & ~true.ignored)),
        thin_hits=int(np.count_nonzero(true.thin[columns] & judged)),
        root_error_um=pairs.root_error_um[judged],
        angle_error_deg=pairs.angle_error_deg[judged],
        diameter_um=diameters[np.isfinite(diameters).all(axis=1)],
    )


def summarize_scores(scores: list[PhotoScore]) -> dict[str, float | None]:
    """Figures over all photos; their names and meaning are those of `evaluate`."""
    true = np.array([score.true_hairs for score in scores], float)
    found = np.array([score.found_hairs for score in scores], float)
    hits = sum(score.hits for score in scores)
    false_hairs, missed = sum(score.false_hairs for score in scores), sum(score.missed for score in scores)
    some = true > 0
    varied = len(scores) > 1 and np.ptp(true) > 0 and np.ptp(found) > 0
    bias = _ratio(float(found.sum() - true.sum()), float(true.sum()))
    diameters = np.vstack([score.diameter_um for score in scores])
    error_um = diameters[:, 1] - diameters[:, 0]
    sloped = len(diameters) > 2 and np.ptp(diameters[:, 0]) > 0
    return {
        "photos": len(scores),
        "true_hairs": int(true.sum()),
        "found_hairs": int(found.sum()),
        "precision": _ratio(hits, hits + false_hairs),
        "recall": _ratio(hits, hits + missed),
        "f1": _ratio(2 * hits, 2 * hits + false_hairs + missed),
        "count_bias_percent": None if bias is None else 100 * bias,
        "count_error_percent": float(100 * np.mean(np.abs(found - true)[some] / true[some]))
        if some.any()
        else None,
        "count_r": float(np.corrcoef(found, true)[0, 1]) if varied else None,
        "root_error_median_um": _median([score.root_error_um for score in scores]),
        "angle_error_median_deg": _median([score.angle_error_deg for score in scores]),
        "thin_recall": _ratio(sum(s.thin_hits for s in scores), sum(s.thin_hairs for s in scores)),
        "diameters": len(diameters),
        "diameter_bias_um": float(error_um.mean()) if len(diameters) else None,
        "diameter_error_um": float(np.abs(error_um).mean()) if len(diameters) else None,
        "diameter_slope": float(np.polyfit(diameters[:, 0], diameters[:, 1], 1)[0]) if sloped else None,
    }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _median(arrays: list[NDArray[np.float64]]) -> float | None:
    values = np.concatenate(arrays)
    return float(np.median(values)) if len(values) else None


def _write(results: Path, scores: list[PhotoScore], summary: dict[str, float | None]) -> None:
    with whole_file(results / "evaluation.json") as temporary:
        temporary.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    rows = []
    for score in scores:
        alone = summarize_scores([score])
        counts = {name: getattr(score, name) for name in ("image", "status", "hits", "false_hairs", "missed")}
        shown = {
            name: value for name, value in alone.items() if name not in ("photos", "count_r", "diameters")
        }
        rows.append(
            counts | {name: None if value is None else round(value, 4) for name, value in shown.items()}
        )
    with whole_file(results / "evaluation.csv") as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False, lineterminator="\r\n")
