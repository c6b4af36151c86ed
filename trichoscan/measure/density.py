"""Counting frame, counts and densities.

Edge rule: a hair counts where its root is, and a unit where the mean of its roots is (associated-point
rule, Miles 1974; Gundersen 1977). A point lies in the frame or not, so each hair of the scalp belongs to
one of any set of frames that tile it, and the density is unbiased whatever the length and direction of
the hairs. A guard strip inside the photo's edge, in which roots are not counted and which is no part of
the area, makes sure that a counted root, and what is around it, can be recognised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from trichoscan.measure.distribution import describe_diameters
from trichoscan.overlooked import shared_cv
from trichoscan.records import Analysis, Estimate, Hair, TargetArea
from trichoscan.records.estimate import NORMAL_95

GUARD_UM = 150.0
"""Guard strip: the ostium and enough of the shaft to see which way it goes."""
GUARD_WIDTH_SHARE = 0.025
"""Guard strip without a scale, as a share of the photo's width: about 150 um of a 6 mm field."""
NONE_SEEN_HIGH = 3.0
"""Upper 95 % bound of a Poisson mean when nothing was seen: -ln 0.05 (the rule of three)."""


def counting_mask(
    usable_mask: NDArray[np.bool_], um_per_px: float | None, target: TargetArea | None
) -> NDArray[np.bool_]:
    """Where roots are counted.

    Parameters
    ----------
    usable_mask : (H, W) bool
        Scalp that can be judged.
    um_per_px : float or None
    target : TargetArea or None
        Circle within which alone is counted.

    Returns
    -------
    (H, W) bool
        Pixels farther than 150 um (2.5 % of the width without a scale) from the photo's edge and from
        pixels that are not usable, and with their centre in the target circle.
    """
    guard_px = GUARD_UM / um_per_px if um_per_px is not None else GUARD_WIDTH_SHARE * usable_mask.shape[1]
    mask = _to_border(usable_mask) > guard_px
    if target is not None:
        y, x = np.ogrid[: mask.shape[0], : mask.shape[1]]
        mask &= (x - target.x_px) ** 2 + (y - target.y_px) ** 2 <= target.radius_px**2
    return np.asarray(mask, np.bool_)


def _to_border(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(H, W) distance in px to the nearest pixel outside the mask; outside the photo is outside."""
    padded = np.pad(mask.astype(np.uint8), 1)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance[1:-1, 1:-1], np.float32)


def _points_in(points_px: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    cells = np.floor(points_px + 0.5).astype(np.int64).reshape(-1, 2)
    inside = ((cells >= 0) & (cells < (mask.shape[1], mask.shape[0]))).all(axis=1)
    result = np.zeros(len(cells), bool)
    result[inside] = mask[cells[inside, 1], cells[inside, 0]]
    return np.asarray(result, np.bool_)


def roots_in(hairs: Sequence[Hair], counting_mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which hairs count: root within the counting mask, and not flagged `root_not_visible`.

    Returns
    -------
    (K,) bool
    """
    roots = np.array([hair.root_px for hair in hairs], np.float64).reshape(-1, 2)
    visible = np.array(["root_not_visible" not in hair.flags for hair in hairs], bool)
    return np.asarray(_points_in(roots, counting_mask) & visible, np.bool_)


def count_hairs(hairs: Sequence[Hair], counted: NDArray[np.bool_], count_cv: float) -> Estimate:
    """Count the hairs, with the 95 % interval of what counting by hand would give.

    Two errors are added: that of each detection, a Bernoulli variance p (1 - p) with p the hair's
    confidence, and that of the photo as a whole, `count_cv` times the count. The upper end is never
    below 3.0, which is where it stands when no hair was seen.

    Parameters
    ----------
    hairs : sequence of Hair
    counted : (K,) bool
    count_cv : float
        Relative standard deviation of the count's error on validation photos.

    Returns
    -------
    Estimate
        value and n are the number of hairs counted.
    """
    p = np.clip(
        [hair.confidence for hair, in_frame in zip(hairs, counted, strict=True) if in_frame], 0.0, 1.0
    )
    n = len(p)
    half = NORMAL_95 * float(np.sqrt(np.sum(p * (1 - p)) + (count_cv * n) ** 2))
    return Estimate(float(n), max(n - half, 0.0), max(n + half, NONE_SEEN_HIGH), n)


def hair_kind(diameter_um: float | None, vellus_below_um: float) -> Literal["terminal", "vellus"] | None:
    """Kind of a hair by its diameter: vellus below the threshold; None where not measured."""
    if diameter_um is None or not np.isfinite(diameter_um):
        return None
    return "vellus" if diameter_um < vellus_below_um else "terminal"


def summarize(
    analysis: Analysis, vellus_below_um: float = 30.0, intermediate_below_um: float = 60.0
) -> dict[str, float | int | None]:
    """Numeric columns of images.csv that come from the hairs.

    Parameters
    ----------
    analysis : Analysis
    vellus_below_um : float
        Hairs thinner than this are vellus.
    intermediate_below_um : float
        Terminal hairs thinner than this are also counted as intermediate.

    Returns
    -------
    dict
        None where not measurable: um and density cells without a scale, densities without an area,
        means without members. `cumulative_thickness_mm_per_cm2` gives unmeasured hairs the mean
        diameter of the measured ones; the terminal and vellus cells are of measured hairs only.
    """
    area_cm2 = analysis.area_cm2 or None
    count = analysis.hair_count

    def per_cm2(number: float) -> float | None:
        return None if area_cm2 is None else number / area_cm2

    low, high = with_scale_error(count, analysis.um_per_px_cv)
    units = _units(analysis)
    size = units.size[_counted(units, analysis)]
    unit_low, unit_high = _unit_interval(analysis, units)
    diameters = _diameters(analysis, vellus_below_um)
    mean_um = diameters["mean_diameter_um"]
    thickness_mm = 0.0 if not count.value else None if mean_um is None else count.value * mean_um * 1e-3
    return {
        "hair_count": int(count.value),
        "hair_density_per_cm2": per_cm2(count.value),
        "hair_density_low": per_cm2(low),
        "hair_density_high": per_cm2(high),
        "unit_count": len(size),
        "unit_density_per_cm2": per_cm2(len(size)),
        "hairs_per_unit": float(size.mean()) if size.size else None,
        "single_hair_unit_percent": 100 * float((size == 1).mean()) if size.size else None,
        **{name: diameters[name] for name in DIAMETER_COLUMNS},
        "cumulative_thickness_mm_per_cm2": None if thickness_mm is None else per_cm2(thickness_mm),
        **{name: diameters[name] for name in KIND_COLUMNS},
        "mean_unit_spacing_um": _mean_spacing_um(analysis),
        **describe_diameters(analysis, vellus_below_um, intermediate_below_um),
        "unit_density_low": per_cm2(unit_low),
        "unit_density_high": per_cm2(unit_high),
    }


def with_scale_error(count: Estimate, um_per_px_cv: float) -> tuple[float, float]:
    """Interval of a count that is to be divided by an area: the scale's error enters twice, squared.

    Parameters
    ----------
    count : Estimate
    um_per_px_cv : float
        Relative standard error of the scale.

    Returns
    -------
    low, high : float
        Each end moved out in squares with 1.96 x 2 cv of the count.
    """
    by_scale = NORMAL_95 * 2 * um_per_px_cv * count.value
    low = max(count.value - float(np.hypot(count.value - count.low, by_scale)), 0.0)
    return low, count.value + float(np.hypot(count.high - count.value, by_scale))


DIAMETER_COLUMNS = ("mean_diameter_um", "mean_diameter_se_um", "median_diameter_um", "sd_diameter_um")
KIND_COLUMNS = ("terminal_count", "vellus_count", "vellus_percent", "terminal_to_vellus_ratio")


def _diameters(analysis: Analysis, vellus_below_um: float) -> dict[str, float | int | None]:
    """Diameter and kind cells of the counted hairs."""
    cells: dict[str, float | int | None] = dict.fromkeys((*DIAMETER_COLUMNS, *KIND_COLUMNS))
    if analysis.um_per_px is None:
        return cells
    counted = [hair for hair, in_frame in zip(analysis.hairs, analysis.counted, strict=True) if in_frame]
    measured = [hair for hair in counted if np.isfinite(hair.diameter_px)]
    if not measured:
        return cells if counted else cells | {"terminal_count": 0, "vellus_count": 0}
    um = np.array([hair.diameter_px for hair in measured]) * analysis.um_per_px
    se_um = np.array([hair.diameter_se_px for hair in measured]) * analysis.um_per_px
    sd = float(um.std(ddof=1)) if len(um) > 1 else None
    # The spread of measured diameters holds both the hairs' own and the measuring error.
    own_error = float(np.sqrt(np.sum(se_um**2))) / len(um)
    vellus = sum(hair_kind(float(value), vellus_below_um) == "vellus" for value in um)
    terminal = len(um) - vellus
    return {
        "mean_diameter_um": float(um.mean()),
        "mean_diameter_se_um": float(
            np.hypot(
                max(own_error, 0.0 if sd is None else sd / len(um) ** 0.5), um.mean() * analysis.um_per_px_cv
            )
        ),
        "median_diameter_um": float(np.median(um)),
        "sd_diameter_um": sd,
        "terminal_count": terminal,
        "vellus_count": vellus,
        "vellus_percent": 100 * vellus / len(um),
        "terminal_to_vellus_ratio": terminal / vellus if vellus else None,
    }


@dataclass(frozen=True, eq=False)
class _Units:
    """U follicular units: mean root points (U, 2), numbers of hairs (U,), chances that any is a hair (U,)."""

    points_px: NDArray[np.float64]
    size: NDArray[np.int64]
    chance: NDArray[np.float64]


def _units(analysis: Analysis) -> _Units:
    """Units whose roots are visible."""
    known = [k for k, hair in enumerate(analysis.hairs) if "root_not_visible" not in hair.flags]
    if not known:
        return _Units(np.zeros((0, 2)), np.zeros(0, np.int64), np.zeros(0))
    roots = np.stack([analysis.hairs[k].root_px for k in known])
    _, unit, size = np.unique(analysis.unit_of_hair[known], return_inverse=True, return_counts=True)
    points = np.stack([np.bincount(unit, roots[:, axis]) / size for axis in (0, 1)], axis=1)
    none = np.ones(len(size))
    np.multiply.at(none, unit, 1 - np.clip([analysis.hairs[k].confidence for k in known], 0.0, 1.0))
    return _Units(points, size, 1 - none)


def _counted(units: _Units, analysis: Analysis) -> NDArray[np.bool_]:
    """(U,) whether the mean root point is in the counting mask."""
    return _points_in(units.points_px, analysis.counting_mask)


def _unit_interval(analysis: Analysis, units: _Units) -> tuple[float, float]:
    """95 % interval of the number of units, as that of the hairs, the scale's error with it.

    A unit is one with the chance that any of its hairs is a hair, and the photo as a whole errs by as large
    a share of its units as of its hairs. It held 23 of 24 counts by hand of validation photos (follicle-v1).
    """
    count = analysis.hair_count
    p = np.array([hair.confidence for hair in analysis.hairs])[analysis.counted]
    cv = shared_cv((count.high - count.value) / NORMAL_95, p)
    chance = units.chance[_counted(units, analysis)]
    n = len(chance)
    half = NORMAL_95 * float(np.sqrt(np.sum(chance * (1 - chance)) + (cv * n) ** 2))
    found = Estimate(float(n), max(n - half, 0.0), max(n + half, NONE_SEEN_HIGH), n)
    return with_scale_error(found, analysis.um_per_px_cv)


def _mean_spacing_um(analysis: Analysis) -> float | None:
    """Mean distance from a counted unit to the nearest other unit.

    A unit's nearest neighbour is known only if it is nearer than the border of the usable mask. Units
    of which it is known are weighted by the inverse of the area in which a distance like theirs could
    have been known (Hanisch 1984), so that long distances, which the border hides more often, are not
    missed in the mean.
    """
    units = _units(analysis)
    points, counted = units.points_px, _counted(units, analysis)
    if analysis.um_per_px is None or len(points) < 2 or not counted.any():
        return None
    nearest = cKDTree(points).query(points[counted], k=2)[0][:, 1]
    to_border = _to_border(analysis.quality.usable_mask)
    cells = np.floor(points[counted] + 0.5).astype(np.int64)
    known = nearest <= to_border[cells[:, 1], cells[:, 0]]
    if not known.any():
        return None
    in_frame = np.sort(to_border[analysis.counting_mask])
    area = in_frame.size - np.searchsorted(in_frame, nearest[known])
    weight = 1 / np.maximum(area, 1)
    return float(weight @ nearest[known] / weight.sum()) * analysis.um_per_px
