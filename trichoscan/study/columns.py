"""Columns of the tables in RESULTS, how their numbers are rounded, and the rows of one photo.

Hairs and units are numbered from 1 in the files.
"""

from __future__ import annotations

import math

from trichoscan.measure import distribution
from trichoscan.measure.density import hair_kind, summarize
from trichoscan.measure.visibility import median_length_um
from trichoscan.records import Analysis, Hair
from trichoscan.response.rows import COLUMNS as CHANGE_COLUMNS
from trichoscan.response.rows import MEASURE_COLUMNS
from trichoscan.study.manifest import TEXT_COLUMNS

IMAGE_COLUMNS = (
    "image",
    *TEXT_COLUMNS,
    "status",
    "error",
    "flags",
    "width_px",
    "height_px",
    "um_per_px",
    "um_per_px_source",
    "area_cm2",
    "hair_count",
    "hair_density_per_cm2",
    "hair_density_low",
    "hair_density_high",
    "unit_count",
    "unit_density_per_cm2",
    "hairs_per_unit",
    "single_hair_unit_percent",
    "mean_diameter_um",
    "mean_diameter_se_um",
    "median_diameter_um",
    "sd_diameter_um",
    "cumulative_thickness_mm_per_cm2",
    "terminal_count",
    "vellus_count",
    "vellus_percent",
    "terminal_to_vellus_ratio",
    "mean_unit_spacing_um",
    "focus",
    "glare_percent",
    "erythema_index",
    "geometry",
    *distribution.COLUMNS,
    "usable_percent",
    "exposure",
    "motion_px",
    "bubbles_percent",
    "hair_contrast",
    "unseen_percent",
    "median_length_um",
    "unit_density_low",
    "unit_density_high",
)
HAIR_COLUMNS = (
    "image",
    "hair_id",
    "unit_id",
    "root_x_px",
    "root_y_px",
    "tip_x_px",
    "tip_y_px",
    "length_um",
    "diameter_um",
    "diameter_se_um",
    "kind",
    "counted",
    "confidence",
    "flags",
)
PAIR_COLUMNS = (
    "pair_id",
    "subject",
    "site",
    "arm",
    "baseline_image",
    "followup_image",
    "days",
    "status",
    "error",
    "overlap_cm2",
    "residual_um",
    "alignment_confidence",
    "matched_hairs",
    "lost_hairs",
    "new_hairs",
    "matched_units",
    "lost_units",
    "new_units",
    *CHANGE_COLUMNS,
    "flags",
)
MATCH_COLUMNS = (
    "pair_id",
    "kind",
    "baseline_hair_id",
    "followup_hair_id",
    "baseline_unit_id",
    "followup_unit_id",
    "distance_um",
    "diameter_change_um",
    "length_change_um",
    "confidence",
)
CHANGES_HEADER = ("pair_id", *MEASURE_COLUMNS)
IDENTITIES_HEADER = ("subject", "site", "identity_id", "image", "visit", "date", "hair_id", "probability")
MEASURE_DECIMALS = {
    "hairs_per_unit": 3,
    "diameter_um": 2,
    "cumulative_thickness_mm_per_cm2": 2,
}
"""Of the rows of changes.csv that have not one decimal."""
DECIMALS = {
    "um_per_px": 4,
    "area_cm2": 5,
    "hair_density_per_cm2": 1,
    "hair_density_low": 1,
    "hair_density_high": 1,
    "unit_density_per_cm2": 1,
    "unit_density_low": 1,
    "unit_density_high": 1,
    "hairs_per_unit": 3,
    "single_hair_unit_percent": 1,
    "mean_diameter_um": 2,
    "mean_diameter_se_um": 2,
    "median_diameter_um": 2,
    "sd_diameter_um": 2,
    "cumulative_thickness_mm_per_cm2": 2,
    "vellus_percent": 1,
    "terminal_to_vellus_ratio": 2,
    "mean_unit_spacing_um": 0,
    "below_30_um_percent": 1,
    "below_40_um_percent": 1,
    "anisotrichosis_percent": 1,
    "diameter_bimodality": 2,
    "corrected_mean_diameter_um": 2,
    "corrected_below_30_um_percent": 1,
    "corrected_below_40_um_percent": 1,
    "corrected_cumulative_thickness_mm_per_cm2": 2,
    "unmeasured_percent": 1,
    "focus": 3,
    "glare_percent": 2,
    "erythema_index": 2,
    "usable_percent": 1,
    "motion_px": 2,
    "bubbles_percent": 2,
    "hair_contrast": 3,
    "unseen_percent": 1,
    "root_x_px": 2,
    "root_y_px": 2,
    "tip_x_px": 2,
    "tip_y_px": 2,
    "length_um": 1,
    "diameter_um": 2,
    "diameter_se_um": 2,
    "confidence": 3,
    "tip_confidence": 3,
    "overlap_cm2": 5,
    "residual_um": 1,
    "alignment_confidence": 4,
    "distance_um": 1,
    "length_change_um": 1,
    "smallest_detectable_change_per_cm2": 1,
    **{f"{name}{end}": 1 for name in ("lost_hairs", "new_hairs") for end in ("_low", "_high")},
    **{
        f"{measure}{end}": decimals
        for measure, decimals in {
            "density_change_per_cm2": 1,
            "density_change_percent": 1,
            "unit_density_change_per_cm2": 1,
            "diameter_change_um": 2,
            "cumulative_thickness_change_percent": 1,
            "growth_um_per_day": 0,
            "anagen_percent": 1,
        }.items()
        for end in ("", "_low", "_high")
    },
}
"""Decimals kept: one more than the measurement's own repeatability, no less than a mean needs."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def number_cell(column: str, value: float | int | None) -> str:
    """Text of a number: rounded as `DECIMALS` says, never "-0", empty where there is none."""
    return rounded(value, DECIMALS.get(column, 0))


def rounded(value: float | int | None, decimals: int) -> str:
    """Text of a number, never "-0", empty where there is none."""
    if value is None or not math.isfinite(value):
        return ""
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def text_cell(text: str) -> str:
    """Text that no spreadsheet runs as a formula: an apostrophe is put before one; UTF-8 always."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def measured_cells(
    analysis: Analysis, name: str, vellus_below_um: float, intermediate_below_um: float = 60.0
) -> dict[str, str]:
    """Cells of images.csv that come from the photo, for a photo that could be measured.

    Parameters
    ----------
    analysis : Analysis
    name : str
        Stem of the geometry file, as `file_names` gives it.
    vellus_below_um : float
        Hairs thinner than this are vellus.
    intermediate_below_um : float
        Terminal hairs thinner than this are also counted as intermediate.
    """
    height, width = analysis.counting_mask.shape
    numbers = {
        "width_px": width,
        "height_px": height,
        "um_per_px": analysis.um_per_px,
        "area_cm2": analysis.area_cm2,
        "focus": analysis.quality.focus,
        "glare_percent": analysis.quality.glare_percent,
        "erythema_index": analysis.quality.erythema_index,
        "usable_percent": 100 * float(analysis.quality.usable_mask.mean()),
        "exposure": analysis.quality.exposure,
        "motion_px": analysis.quality.motion_px,
        "bubbles_percent": analysis.quality.bubbles_percent,
        "hair_contrast": analysis.hair_contrast,
        "unseen_percent": 100 * analysis.unseen_share,
        "median_length_um": median_length_um(analysis),
        **summarize(analysis, vellus_below_um, intermediate_below_um),
    }
    cells = {column: number_cell(column, value) for column, value in numbers.items()}
    return cells | {
        "status": "ok",
        "flags": " ".join(analysis.flags),
        "um_per_px_source": analysis.um_per_px_source,
        "geometry": f"geometry/{name}.geojson",
    }


def failed_cells(reason: str) -> dict[str, str]:
    """Cells of images.csv for a photo that could not be measured."""
    return {"status": "failed", "error": text_cell(" ".join(reason.split()))}


def hair_rows(analysis: Analysis, vellus_below_um: float) -> list[list[str]]:
    """Cells of hairs.csv after `image`, one list for each hair, in the analysis' order."""
    return [
        hair_row(
            hair,
            index + 1,
            int(analysis.unit_of_hair[index]) + 1,
            bool(analysis.counted[index]),
            analysis,
            vellus_below_um,
        )
        for index, hair in enumerate(analysis.hairs)
    ]


def hair_row(
    hair: Hair, hair_id: int, unit_id: int, counted: bool, analysis: Analysis, vellus_below_um: float
) -> list[str]:
    """Cells of hairs.csv after `image` of one hair of an analysis."""
    um_per_px = math.nan if analysis.um_per_px is None else analysis.um_per_px
    diameter_um = hair.diameter_px * um_per_px
    numbers = {
        "hair_id": hair_id,
        "unit_id": unit_id,
        "root_x_px": hair.root_px[0],
        "root_y_px": hair.root_px[1],
        "tip_x_px": hair.tip_px[0],
        "tip_y_px": hair.tip_px[1],
        "length_um": hair.length_px * um_per_px,
        "diameter_um": diameter_um,
        "diameter_se_um": math.hypot(hair.diameter_se_px * um_per_px, diameter_um * analysis.um_per_px_cv),
        "confidence": hair.confidence,
    }
    cells = {column: number_cell(column, value) for column, value in numbers.items()}
    cells["kind"] = hair_kind(diameter_um, vellus_below_um) or ""
    cells["counted"] = "true" if counted else "false"
    cells["flags"] = " ".join(hair.flags)
    return [cells[column] for column in HAIR_COLUMNS[1:]]
