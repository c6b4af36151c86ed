"""Operating points that weights store, and those of weights that store none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray


def log_odds_of(
    model: str, names: Sequence[str], features: NDArray[np.float64], thresholds: Mapping[str, float]
) -> NDArray[np.float64]:
    """(K,) log odds by the logistic `model` of `thresholds` from the named (K, F) features."""
    weights = [thresholds[f"{model}_{name}"] for name in names]
    return np.asarray(features @ weights + thresholds[f"{model}_bias"], np.float64)


TRACING = {
    "join_gap": -0.566,
    "join_aside": -0.375,
    "join_bend": -0.3908,
    "join_turn": -0.4469,
    "join_curvature": -0.4561,
    "join_width": -0.4711,
    "join_colour": -0.3526,
    "join_short": -0.986,
    "join_bias": 3.497,
    "enter_gap": -0.7077,
    "enter_aside": -1.085,
    "enter_bend": 0.0,
    "enter_turn": -0.0558,
    "enter_curvature": 0.0,
    "enter_width": -0.066,
    "enter_colour": -0.3775,
    "enter_short": -0.8004,
    "enter_sureness": 0.7035,
    "enter_bias": 1.3073,
    "reading_joins": 0.2901,
    "reading_tip": 3.1572,
    "reading_aside": -0.3382,
    "reading_beyond": -0.6632,
    "reading_off": -0.1919,
    "reading_bend": -0.5468,
    "reading_sway": -0.9299,
    "reading_width": -0.5921,
    "reading_colour": -0.4531,
    "reading_weakest": 0.8781,
    "reading_sureness": 0.2261,
    "reading_short": -0.1557,
    "reading_out": 0.8507,
}
"""Models of tracing (`segment.join`, `segment.readings`) for weights that store none, as fitted with
follicle-v8."""

DEFAULT_THRESHOLDS = {
    "root": 0.06,
    "tip": 0.1,
    "shaft": 0.25,
    "confidence": 0.4,
    "weight_root": 1.0,
    "weight_tip": 0.5,
    "weight_shaft": 1.0,
    "weight_field": -1.0,
    "weight_beyond": 0.3,
    "weight_look": 0.0,
    "weight_bias": 0.5,
    "tip_peak": 0.3,
    "tip_own": 0.3,
    "tip_look": 0.0,
    "tip_bias": 2.0,
    **TRACING,
}
"""Operating points for weights that store none: least peaks and shaft evidence to consider, least confidence
to report, the logistic models of confidence in a hair and in its tip, and those of tracing."""
