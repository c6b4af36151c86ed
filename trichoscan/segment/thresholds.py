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
    "join_gap": -0.3874,
    "join_aside": -0.5867,
    "join_bend": -0.225,
    "join_turn": -0.3965,
    "join_curvature": -0.2918,
    "join_width": -0.2336,
    "join_colour": -0.1555,
    "join_short": -1.209,
    "join_bias": 2.9872,
    "enter_gap": -0.8015,
    "enter_aside": -1.0524,
    "enter_bend": 0.0,
    "enter_turn": -0.3418,
    "enter_curvature": -0.1469,
    "enter_width": -0.0612,
    "enter_colour": -0.3926,
    "enter_short": -0.8036,
    "enter_sureness": 0.6557,
    "enter_bias": 1.6671,
    "reading_joins": 0.2427,
    "reading_tip": 3.5088,
    "reading_aside": -0.231,
    "reading_beyond": -0.8215,
    "reading_off": -0.2835,
    "reading_bend": -0.6755,
    "reading_sway": -1.1977,
    "reading_width": -0.3036,
    "reading_colour": -0.4084,
    "reading_weakest": 0.2412,
    "reading_sureness": 0.238,
    "reading_short": -0.2052,
    "reading_out": 1.0211,
    "decide_piece": 0.3,
    "decide_share": 1.0,
}
"""Models of tracing (`segment.join`, `segment.readings`) for weights that store none, as fitted with
follicle-v8; what `segment.decide` weighs them by was chosen on photos trained on and phantoms, and stands for
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
