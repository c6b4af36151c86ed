"""Results against truth, hair by hair.

Hairs are paired as `learn.pairing` says. Not judged, on either side: roots within 30 px of the
photo's edge, and true hairs that are debris or whose root cannot be seen, with what is paired with
them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from trichoscan.learn.calibration import calibration_bins, calibration_error
from trichoscan.learn.hair_sets import (
    Direction,
    Truth,
    file_of_image,
    read_drawn,
    read_found,
    read_table,
    read_truth,
)
from trichoscan.learn.pairing import tips_right
from trichoscan.learn.slices import hair_rows, slice_table
from trichoscan.learn.verdict import Verdict, judge_photo, units_right
from trichoscan.learn.worst import error_pictures, errors_of, worst
from trichoscan.photo.read import read_photo
from trichoscan.records import TrichoscanError
from trichoscan.report.error_sheet import draw_error_sheet
from trichoscan.study.store import whole_file

DIGITS = 4
"""Of the tables; a hair more or less of ten thousand."""


def evaluate(
    results: Path,
    truth: Path,
    *,
    seams: bool = False,
    direction: Direction = "chord",
    photos: Path | None = None,
    sheet: Path | None = None,
) -> dict[str, float | None]:
    """Compare RESULTS with truth and write what came out into RESULTS.

    evaluation.json holds the figures, evaluation.csv those of each photo, evaluation_slices.csv those of
    kinds of hair and photo (`learn.slices`), evaluation_calibration.csv how often hairs of each
    confidence are right (`learn.calibration`).

    Parameters
    ----------
    results : Path
        Folder with images.csv, hairs.csv and geometry/.
    truth : Path
        Folder of <image stem>.json, or one that has such a folder truth/.
    seams : bool
        Do not judge hairs at x = W/2 and y = H/2 either, where the annotation was cut.
    direction : "chord" or "start"
        Compare directions from root to tip, or over the first 0.4 mm of both paths: fairer to
        long curved hairs. Where there is no path the tip is taken.
    photos : Path or None
        Folder of the photos; None for the folder images/ beside truth/. Where a photo is not there, how
        light its hairs are is not told.
    sheet : Path or None
        PNG to write, with pictures of the worst errors.

    Returns
    -------
    dict
        photos, true_hairs, found_hairs, precision, recall, f1 (0-1, over all hairs),
        count_bias_percent (of the total), count_error_percent (mean of the absolute error by photo),
        count_r (correlation over photos), root_error_median_um, angle_error_median_deg, thin_recall,
        units (true ones that are judged), units_right_percent (of them, those whose number of hairs was
        found), calibration_error, tip_calibration_error (0-1, over as many as "tips"), confidence_bias (mean
        confidence less the share right), photos_without_hair, false_hairs_without_hair (found hairs a photo
        on these, edges and all),
        diameters, diameter_bias_um, diameter_error_um (mean absolute), diameter_slope (measured on
        true), truth_without_result (truth files of which no photo is in the results: not judged).
        None where there is nothing to compute it from.

    Raises
    ------
    TrichoscanError
        If a folder or table is missing or damaged, no photo has truth, two photos would be judged by
        one truth file, a photo is not of its truth's size, or a photo of the sheet is not there.
    """
    folder = truth / "truth" if (truth / "truth").is_dir() else truth
    photo_folder = photos if photos is not None else folder.parent / "images"
    files = truth_files(results, folder)
    verdicts = judge_all(results, files, seams=seams, direction=direction)
    rows = [hair_rows(verdict, _pixels(photo_folder, verdict)) for verdict in verdicts]
    without = set(folder.rglob("*.json")) - set(files.values())
    summary = summarize(verdicts) | {"truth_without_result": len(without)}
    _write(results, verdicts, summary)
    _write_table(results / "evaluation_slices.csv", slice_table(rows))
    _write_table(results / "evaluation_calibration.csv", calibration_bins(*_confidence(verdicts)))
    if sheet is not None:
        _write_sheet(sheet, verdicts, rows, photo_folder)
    return summary


def truth_files(results: Path, folder: Path) -> dict[str, Path]:
    """Truth file of each image of RESULTS that has one."""
    files: dict[str, Path] = {}
    image_of: dict[Path, str] = {}
    for image in read_table(results, "images.csv")["image"].astype(str):
        file = file_of_image(folder, image, ".json")
        if file is None:
            continue
        if file in image_of:
            raise TrichoscanError(
                f"{file}: truth of both {image_of[file]} and {image}: put it under the photo's folder"
            )
        files[image], image_of[file] = file, image
    if not files:
        raise TrichoscanError(
            f"{folder}: no truth for any photo of {results}: it is looked for as <image stem>.json"
        )
    return files


def judge_all(results: Path, files: dict[str, Path], *, seams: bool, direction: Direction) -> list[Verdict]:
    """Verdict on each photo of RESULTS that has a truth file, in the order of images.csv."""
    hairs = read_table(results, "hairs.csv")
    if "flags" in hairs:  # a hair found again was found by another photo's help
        hairs = hairs[~hairs["flags"].str.contains("found_again")]
    if "source" in hairs:  # nor is a person's hair the program's
        hairs = hairs[hairs["source"] != "review"]
    hairs_of = {str(image): table for image, table in hairs.groupby("image", sort=False)}
    verdicts = []
    for row in read_table(results, "images.csv").itertuples(index=False):
        image = str(row.image)
        if image not in files:
            continue
        truth = read_truth(files[image], seams=seams, direction=direction)
        if row.status == "ok":
            _check_size(files[image], image, truth, (str(row.width_px), str(row.height_px)))
        drawn = read_drawn(results / str(row.geometry)) if row.geometry else {}
        table = hairs_of.get(image, hairs.iloc[:0])
        found = read_found(table, drawn, truth, seams=seams, direction=direction)
        focus = float(str(row.focus) or "nan")
        verdicts.append(
            judge_photo(image, str(row.status), found, truth.hairs, um_per_px=truth.um_per_px, focus=focus)
        )
    return verdicts


def _check_size(file: Path, image: str, truth: Truth, measured_px: tuple[str, str]) -> None:
    if measured_px != tuple(str(side) for side in truth.size_px):
        raise TrichoscanError(
            f"{file}: of a photo of {truth.size_px[0]}x{truth.size_px[1]} px, but {image} has "
            f"{measured_px[0]}x{measured_px[1]}: give the truth of the photos as they were measured"
        )


def _pixels(folder: Path, verdict: Verdict) -> NDArray[np.uint8] | None:
    file = file_of_image(folder, verdict.image, None)
    return None if file is None or verdict.status != "ok" else read_photo(file).pixels


def _confidence(verdicts: Sequence[Verdict]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Confidence of all found hairs that are judged, and whether they are right."""
    confidence = np.concatenate([v.found.confidence[v.found_judged] for v in verdicts])
    return confidence, np.concatenate([v.found_right[v.found_judged] for v in verdicts])


def _tip_confidence(verdicts: Sequence[Verdict]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Confidence in the tips of all judged pairs, NaN where none was seen, and whether they are right."""
    confidence, right = [np.empty(0)], [np.zeros(0, bool)]
    for v in verdicts:
        judged = _judged_pairs(v)
        sides = ((v.found, v.pairs.found[judged]), (v.true, v.pairs.true[judged]))
        found, true = (
            np.array([hairs.paths_px[k][-1] for k in which]).reshape(-1, 2) for hairs, which in sides
        )
        confidence.append(v.found.tip_confidence[v.pairs.found[judged]])
        right.append(tips_right(found, true, v.um_per_px))
    return np.concatenate(confidence), np.concatenate(right)


def summarize(verdicts: Sequence[Verdict]) -> dict[str, float | None]:
    """Figures over all photos; their names and meaning are those of `evaluate`."""
    true = np.array([np.count_nonzero(v.true_judged) for v in verdicts], float)
    # judged by their own place, so that a count does not depend on what is paired
    found = np.array([np.count_nonzero(~v.found.ignored) for v in verdicts], float)
    hits, missed, false_hairs = (sum(some) for some in zip(*(outcomes(v) for v in verdicts), strict=True))
    some = true > 0
    varied = len(verdicts) > 1 and np.ptp(true) > 0 and np.ptp(found) > 0
    bias = _ratio(float(found.sum() - true.sum()), float(true.sum()))
    thin = np.concatenate([v.true_hit[v.true.thin & v.true_judged] for v in verdicts])
    return {
        "photos": len(verdicts),
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
        "root_error_median_um": _median([v.pairs.root_error_um[_judged_pairs(v)] for v in verdicts]),
        "angle_error_median_deg": _median([v.pairs.angle_error_deg[_judged_pairs(v)] for v in verdicts]),
        "thin_recall": float(thin.mean()) if len(thin) else None,
        **_units_and_confidence(verdicts),
        **_diameters(verdicts),
    }


def outcomes(verdict: Verdict) -> tuple[int, int, int]:
    """Hits, missed and false hairs of a photo."""
    hits = int(np.count_nonzero(verdict.true_hit))
    missed = int(np.count_nonzero(verdict.true_judged)) - hits
    return hits, missed, int(np.count_nonzero(verdict.found_judged & ~verdict.found_right))


def _judged_pairs(verdict: Verdict) -> NDArray[np.bool_]:
    return verdict.true_judged[verdict.pairs.true]


def _units_and_confidence(verdicts: Sequence[Verdict]) -> dict[str, float | None]:
    right, units = (sum(some) for some in zip(*(units_right(v) for v in verdicts), strict=True))
    share = _ratio(right, units)
    confidence, is_right = _confidence(verdicts)
    known = np.isfinite(confidence)
    tip_bins = calibration_bins(*_tip_confidence(verdicts))
    bare = [len(v.found) for v in verdicts if (v.true.unit < 0).all() and v.status == "ok"]
    return {
        "units": units,
        "units_right_percent": None if share is None else 100 * share,
        "calibration_error": calibration_error(calibration_bins(confidence, is_right)),
        "tips": int(tip_bins["hairs"].sum()),
        "tip_calibration_error": calibration_error(tip_bins),
        "confidence_bias": float((confidence - is_right)[known].mean()) if known.any() else None,
        "photos_without_hair": len(bare),
        "false_hairs_without_hair": float(np.mean(bare)) if bare else None,
    }


def _diameters(verdicts: Sequence[Verdict]) -> dict[str, float | None]:
    both = [
        np.column_stack([v.true.diameter_um[v.pairs.true], v.found.diameter_um[v.pairs.found]])[
            _judged_pairs(v)
        ]
        for v in verdicts
    ]
    diameters = np.vstack(both)
    diameters = diameters[np.isfinite(diameters).all(axis=1)]
    error_um = diameters[:, 1] - diameters[:, 0]
    sloped = len(diameters) > 2 and np.ptp(diameters[:, 0]) > 0
    return {
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


NOT_OF_ONE_PHOTO = (
    "photos",
    "count_r",
    "diameters",
    "photos_without_hair",
    "calibration_error",
    "tips",
    "tip_calibration_error",
)


def _write(results: Path, verdicts: Sequence[Verdict], summary: dict[str, float | None]) -> None:
    with whole_file(results / "evaluation.json") as temporary:
        temporary.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    rows = []
    for verdict in verdicts:
        hits, missed, false_hairs = outcomes(verdict)
        counts = {
            "image": verdict.image,
            "status": verdict.status,
            "hits": hits,
            "false_hairs": false_hairs,
            "missed": missed,
        }
        alone = summarize([verdict])
        rows.append(counts | {name: value for name, value in alone.items() if name not in NOT_OF_ONE_PHOTO})
    _write_table(results / "evaluation.csv", pd.DataFrame(rows))


def _write_table(file: Path, table: pd.DataFrame) -> None:
    with whole_file(file) as temporary:
        table.round(DIGITS).to_csv(temporary, index=False, lineterminator="\r\n")


def _write_sheet(file: Path, verdicts: list[Verdict], rows: list[pd.DataFrame], folder: Path) -> None:
    def read(image: str) -> NDArray[np.uint8]:
        photo = file_of_image(folder, image, None)
        if photo is None:
            raise TrichoscanError(f"{folder}: no photo {image}: name the photos' folder with --photos")
        return read_photo(photo).pixels

    errors = [error for v, table in zip(verdicts, rows, strict=True) for error in errors_of(v, table)]
    pictures = error_pictures(worst(errors), {v.image: v for v in verdicts}, read)
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(file) as temporary:
        Image.fromarray(draw_error_sheet(pictures)).save(temporary, "PNG")
