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
    "join_gap": -0.4812,
    "join_aside": -0.5105,
    "join_bend": -0.3907,
    "join_turn": -0.4092,
    "join_curvature": -0.365,
    "join_width": -0.0017,
    "join_colour": -0.2966,
    "join_short": -0.9845,
    "join_bias": 3.2347,
    "enter_gap": -0.7802,
    "enter_aside": -1.1062,
    "enter_bend": -0.0433,
    "enter_turn": -0.2792,
    "enter_curvature": -0.0599,
    "enter_width": 0.0,
    "enter_colour": -0.3709,
    "enter_short": -1.0366,
    "enter_sureness": 0.7303,
    "enter_bias": 1.6942,
    "reading_joins": 0.1861,
    "reading_tip": 3.8291,
    "reading_aside": -0.26,
    "reading_beyond": -0.8549,
    "reading_off": -0.3026,
    "reading_bend": -1.0819,
    "reading_sway": -1.2419,
    "reading_width": -0.0693,
    "reading_colour": -0.1867,
    "reading_weakest": 0.1408,
    "reading_sureness": 0.2507,
    "reading_short": -0.1452,
    "reading_out": 1.2431,
    "decide_piece": 0.3,
    "decide_share": 1.0,
}
"""Models of tracing (`segment.join`, `segment.readings`) for weights that store none, as fitted with
follicle-v9; what `segment.decide` weighs them by was chosen on photos trained on and phantoms, and stands for
all weights."""

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
