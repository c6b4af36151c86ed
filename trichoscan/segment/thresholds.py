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
    "join_gap": -0.6203,
    "join_aside": -0.381,
    "join_bend": -0.386,
    "join_turn": -0.7083,
    "join_curvature": -0.3383,
    "join_width": -0.2283,
    "join_colour": -0.2861,
    "join_short": -0.9486,
    "join_bias": 3.5082,
    "enter_gap": -0.8096,
    "enter_aside": -1.1465,
    "enter_bend": 0.0,
    "enter_turn": -0.1662,
    "enter_curvature": -0.1106,
    "enter_width": 0.0,
    "enter_colour": -0.3987,
    "enter_short": -0.9009,
    "enter_sureness": 0.721,
    "enter_bias": 1.5924,
    "link_aside": -0.4649,
    "link_beyond": 0.0,
    "link_off": -0.7063,
    "link_bend": -1.1215,
    "link_sway": -1.7739,
    "link_width": 0.0,
    "link_colour": -0.6261,
    "link_weakest": 0.2025,
    "link_bias": 3.0602,
    "link_sure": 0.5,
    "link_none": 1.0,
}
"""Models of tracing (`segment.join`, `segment.link`) for weights that store none, as fitted with follicle-v7;
`link_none` and `link_sure` were chosen by the tips of photos trained on; little hangs on them, and they stand
for all weights."""

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
    "tip_odds": 0.3,
    "tip_look": 0.0,
    "tip_bias": 2.0,
    **TRACING,
}
"""Operating points for weights that store none: least peaks and shaft evidence to consider, least confidence
to report, the logistic models of confidence in a hair and in its tip, and those of tracing."""
