"""The worst errors of an evaluation, chosen for a person to look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from trichoscan.learn.hair_sets import HairSet
from trichoscan.learn.pairing import ANGLE_WITHIN_DEG, NEVER, ROOT_WITHIN_UM
from trichoscan.learn.traits import along, gap_px
from trichoscan.learn.verdict import Verdict
from trichoscan.report.error_sheet import ErrorPicture, cut_square

Kind = Literal["missed", "false", "wrong direction", "wrong root"]
TITLES: dict[Kind, str] = {
    "missed": "Missed hairs, the clearest first",
    "false": "False hairs, the surest first",
    "wrong direction": "Found in a wrong direction or backwards, the surest first",
    "wrong root": "Found with its root elsewhere along the shaft, the surest first",
}
ASIDE_UM = 55.0
"""A found hair whose middle lies this close to a true one's line is on the same shaft."""
ERRORS_A_KIND = 12
ERRORS_A_PHOTO = 2
"""Of one kind, so that one bad photo does not fill the sheet."""
LEAST_SIDE_UM, AROUND_UM, MOST_SIDE_UM = 800.0, 400.0, 3000.0
"""Side of a picture: its hair and some skin around it."""


@dataclass(frozen=True)
class Error:
    """One error.

    Attributes
    ----------
    image : str
    kind : "missed", "false", "wrong direction" or "wrong root"
    true, found : int or None
        Numbers of the hairs it is about.
    badness : float
        By which errors of a kind are sorted, 0-1: how unlike its skin a missed hair is, the confidence
        of one that is false.
    """

    image: str
    kind: Kind
    true: int | None
    found: int | None
    badness: float


def errors_of(verdict: Verdict, rows: pd.DataFrame) -> list[Error]:
    """All errors of a photo.

    A false and a missed hair are one error where they have one root or run along one shaft.

    Parameters
    ----------
    verdict : Verdict
    rows : DataFrame
        Of `slices.hair_rows` for the same photo.
    """
    false = np.flatnonzero(verdict.found_judged & ~verdict.found_right)
    missed = np.flatnonzero(verdict.true_judged & ~verdict.true_hit)
    light = rows[rows["side"] == "true"].set_index("index")["light"]
    sure = np.nan_to_num(verdict.found.confidence)
    same = _same_hair(verdict, false, missed)
    errors = [Error(verdict.image, kind, t, f, float(sure[f])) for f, (t, kind) in same.items()]
    errors += [
        Error(verdict.image, "false", None, int(f), float(sure[f])) for f in false if int(f) not in same
    ]
    told = {true for true, _ in same.values()}
    errors += [
        Error(verdict.image, "missed", int(t), None, min(float(np.nan_to_num(abs(1 - light[int(t)]))), 1.0))
        for t in missed
        if int(t) not in told
    ]
    return errors


def _same_hair(
    verdict: Verdict, false: NDArray[np.int64], missed: NDArray[np.int64]
) -> dict[int, tuple[int, Kind]]:
    """Missed hair that each false one is another version of, one to one, and what is wrong with it."""
    cost = np.full((len(false), len(missed)), NEVER)
    kinds: dict[tuple[int, int], Kind] = {}
    for row, f in enumerate(false):
        for column, t in enumerate(missed):
            kind, far_um = _version(verdict, int(f), int(t))
            if kind is not None:
                cost[row, column], kinds[row, column] = far_um, kind
    rows, columns = linear_sum_assignment(cost)
    pairs = [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if (int(r), int(c)) in kinds]
    return {int(false[r]): (int(missed[c]), kinds[r, c]) for r, c in pairs}


def _version(verdict: Verdict, found: int, true: int) -> tuple[Kind | None, float]:
    """How a found hair differs from a true one that it is a version of, and the distance of their roots, um.

    None where they are different hairs.
    """
    ours, theirs = verdict.found.ends_px[found], verdict.true.ends_px[true]
    far_um = float(np.hypot(*(ours[0] - theirs[0]))) * verdict.um_per_px
    if far_um <= ROOT_WITHIN_UM:
        return "wrong direction", far_um
    middle = along(verdict.found.paths_px[found], 1.0, (0.5, 0.5))[:1]
    if gap_px(middle, verdict.true.paths_px[true]) * verdict.um_per_px > ASIDE_UM:
        return None, far_um
    off_deg = degrees_off(ours, theirs)
    if off_deg <= ANGLE_WITHIN_DEG:
        return "wrong root", far_um
    return ("wrong direction" if off_deg >= 180 - ANGLE_WITHIN_DEG else None), far_um


def degrees_off(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Angle, 0-180 degrees, between two hairs of root and far end, (2, 2)."""
    angles = [float(np.arctan2(*(ends[1] - ends[0])[::-1])) for ends in (a, b)]
    return float(np.degrees(abs(np.angle(np.exp(1j * (angles[0] - angles[1]))))))


def worst(errors: Sequence[Error]) -> dict[Kind, list[Error]]:
    """The worst of each kind, at most `ERRORS_A_PHOTO` of one photo."""
    chosen: dict[Kind, list[Error]] = {kind: [] for kind in TITLES}
    for error in sorted(errors, key=lambda e: (-e.badness, e.image, e.true or 0, e.found or 0)):
        some = chosen[error.kind]
        of_photo = sum(other.image == error.image for other in some)
        if len(some) < ERRORS_A_KIND and of_photo < ERRORS_A_PHOTO:
            some.append(error)
    return chosen


def error_pictures(
    errors: Mapping[Kind, Sequence[Error]],
    verdicts: Mapping[str, Verdict],
    read: Callable[[str], NDArray[np.uint8]],
) -> dict[str, list[ErrorPicture]]:
    """Pictures of errors by title, for `report.error_sheet.draw_error_sheet`.

    Parameters
    ----------
    errors : mapping of kind to errors
    verdicts : mapping of image to Verdict
    read : callable
        Pixels of an image, (H, W, 3) uint8.
    """
    photos = {error.image: read(error.image) for some in errors.values() for error in some}
    return {
        TITLES[kind]: [picture_of(error, verdicts[error.image], photos[error.image]) for error in some]
        for kind, some in errors.items()
    }


def picture_of(error: Error, verdict: Verdict, pixels: NDArray[np.uint8]) -> ErrorPicture:
    """Picture of one error with all hairs around it."""
    true, found = verdict.true, verdict.found
    focus = [*_paths(true, error.true), *_paths(found, error.found)]
    points = np.concatenate(focus)
    low, high = points.min(0), points.max(0)
    um = verdict.um_per_px
    extent_um = float((high - low).max()) * um + AROUND_UM
    side_px = max(8, round(float(np.clip(extent_um, LEAST_SIDE_UM, MOST_SIDE_UM)) / um))
    centre = (low + high) / 2 if extent_um <= MOST_SIDE_UM else points[0]
    square, corner = cut_square(pixels, (float(centre[0]), float(centre[1])), side_px)
    others = [
        tuple(path - corner for index, path in enumerate(hairs.paths_px) if index != own)
        for hairs, own in ((true, error.true), (found, error.found))
    ]
    return ErrorPicture(
        square,
        others[0],
        others[1],
        tuple(path - corner for path in _paths(true, error.true)),
        tuple(path - corner for path in _paths(found, error.found)),
        _caption(error, verdict),
    )


def _paths(hairs: HairSet, index: int | None) -> list[NDArray[np.float64]]:
    return [] if index is None else [hairs.paths_px[index]]


def _caption(error: Error, verdict: Verdict) -> tuple[str, str]:
    parts = []
    if error.found is not None:
        parts.append(f"confidence {verdict.found.confidence[error.found]:.2f}")
    if error.kind == "missed":
        parts.append(f"{100 * error.badness:.0f} % unlike its skin")
    if error.true is not None and error.found is not None:
        ours, theirs = verdict.found.ends_px[error.found], verdict.true.ends_px[error.true]
        far_um = float(np.hypot(*(ours[0] - theirs[0]))) * verdict.um_per_px
        parts.append(f"root {far_um:.0f} um and {degrees_off(ours, theirs):.0f} degrees off")
    return error.image, ", ".join(parts)
