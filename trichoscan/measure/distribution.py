"""How the diameters of a photo's hairs are distributed: shares, unevenness, peaks, what is missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trichoscan.records import Analysis, Hair

Floats = NDArray[np.float64]

THIN_UM = (30.0, 40.0)
"""Both limits in use for vellus hair (PMC2938574; TrichoScan 5.0)."""
UNLIKE_SHARE = 0.2
"""Anisotrichosis: hairs whose diameter is off the median by more than this share of it."""
FEWEST_FOR_SHAPE = 20
"""Hairs that it takes to speak of two peaks."""
FEWEST_IN_CLASS = 3
"""Measured hairs that it takes to stand for those of their class that could not be measured."""
LONGER_PX, SURE = 60.0, 0.8
"""Limits between short and long paths, and sure and unsure hairs, in the classes of `corrected_mean`."""

COLUMNS = (
    "intermediate_count",
    "below_30_um_percent",
    "below_40_um_percent",
    "anisotrichosis_percent",
    "diameter_bimodality",
    "corrected_mean_diameter_um",
    "unmeasured_percent",
)


def describe_diameters(
    analysis: Analysis, vellus_below_um: float, intermediate_below_um: float
) -> dict[str, float | int | None]:
    """Cells of images.csv about the distribution of the counted hairs' diameters.

    Parameters
    ----------
    analysis : Analysis
    vellus_below_um, intermediate_below_um : float
        Hairs from the first to below the second are intermediate.

    Returns
    -------
    dict
        Keys are `COLUMNS`; None where there is no scale or nothing to describe.
    """
    cells: dict[str, float | int | None] = dict.fromkeys(COLUMNS)
    counted = [hair for hair, inside in zip(analysis.hairs, analysis.counted, strict=True) if inside]
    if analysis.um_per_px is None or not counted:
        return cells
    um = np.array([hair.diameter_px for hair in counted]) * analysis.um_per_px
    known = um[np.isfinite(um)]
    cells["unmeasured_percent"] = 100 * float(np.isnan(um).mean())
    if not known.size:
        return cells
    middle = float(np.median(known))
    below_30, below_40 = (100 * float((known < limit).mean()) for limit in THIN_UM)
    return cells | {
        "intermediate_count": int(((known >= vellus_below_um) & (known < intermediate_below_um)).sum()),
        "below_30_um_percent": below_30,
        "below_40_um_percent": below_40,
        "anisotrichosis_percent": 100 * float((np.abs(known - middle) > UNLIKE_SHARE * middle).mean()),
        "diameter_bimodality": bimodality(known),
        "corrected_mean_diameter_um": corrected_mean(counted, um),
    }


def bimodality(values: Floats) -> float | None:
    """Bimodality coefficient (Pfister et al. 2013): 0.33 normal, 0.56 uniform, towards 1 two peaks.

    None of fewer than `FEWEST_FOR_SHAPE` values, or of equal ones.
    """
    n = len(values)
    if n < FEWEST_FOR_SHAPE or np.ptp(values) == 0:
        return None
    z = (values - values.mean()) / values.std()
    skew = float((z**3).mean()) * np.sqrt(n * (n - 1)) / (n - 2)
    excess = ((n + 1) * (float((z**4).mean()) - 3) + 6) * (n - 1) / ((n - 2) * (n - 3))
    return float((skew**2 + 1) / (excess + 3 * (n - 1) ** 2 / ((n - 2) * (n - 3))))


def corrected_mean(hairs: Sequence[Hair], diameters_um: Floats) -> float:
    """Mean over all hairs, those without a diameter taken to be like the measured ones of their class.

    Classes are by what is known of each hair: length of its path and confidence. Short and unsure hairs are
    thinner and fail more often, so the plain mean is too high. A class with fewer than three measured hairs
    is given the mean of all.

    Parameters
    ----------
    hairs : sequence of Hair
    diameters_um : (K,) float64
        NaN where not measured; at least one is.
    """
    long = np.array([hair.length_px > LONGER_PX for hair in hairs])
    sure = np.array([hair.confidence > SURE for hair in hairs])
    known = np.isfinite(diameters_um)
    overall = float(diameters_um[known].mean())
    filled = np.where(known, diameters_um, overall)
    for group in range(4):
        members = 2 * long + sure == group
        if (members & known).sum() >= FEWEST_IN_CLASS:
            filled[members & ~known] = diameters_um[members & known].mean()
    return float(filled.mean())
