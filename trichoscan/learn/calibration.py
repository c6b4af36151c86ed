"""Whether confidence means what it says: of hairs given 0.8, about 80 % should be right."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

BINS = 10
"""Bins of equal width from 0 to 1, as is usual for the expected calibration error (Guo et al. 2017)."""


def calibration_bins(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> pd.DataFrame:
    """Confidence given and share right, bin by bin.

    Parameters
    ----------
    confidence : (K,) float64
        0-1; hairs without one (NaN) are left out.
    right : (K,) bool

    Returns
    -------
    DataFrame
        confidence_from, confidence_below (the last bin holds 1 too), hairs, mean_confidence, right_share;
        a row for each bin that holds a hair.
    """
    known = np.isfinite(confidence)
    confidence, right = confidence[known], right[known]
    slot = np.minimum((confidence * BINS + 1e-9).astype(int), BINS - 1)
    rows = [
        {
            "confidence_from": some / BINS,
            "confidence_below": (some + 1) / BINS,
            "hairs": int(np.count_nonzero(slot == some)),
            "mean_confidence": float(confidence[slot == some].mean()),
            "right_share": float(right[slot == some].mean()),
        }
        for some in np.unique(slot)
    ]
    names = ["confidence_from", "confidence_below", "hairs", "mean_confidence", "right_share"]
    return pd.DataFrame(rows, columns=names)


def calibration_error(bins: pd.DataFrame) -> float | None:
    """Expected calibration error: mean distance of confidence and share right, each bin by its hairs.

    Parameters
    ----------
    bins : DataFrame
        Of `calibration_bins`.

    Returns
    -------
    float or None
        0-1; None where there are no hairs.
    """
    if bins.empty:
        return None
    apart = (bins["mean_confidence"] - bins["right_share"]).abs()
    return float((apart * bins["hairs"]).sum() / bins["hairs"].sum())
