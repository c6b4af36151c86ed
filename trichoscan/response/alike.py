"""Whether a follow-up was taken as its baseline was: magnification, focus, light, length of the hair."""

from __future__ import annotations

import numpy as np

from trichoscan.records import Alignment, Analysis

MAGNIFICATION = 1.15
"""Ratio; a judgement: a lens moved by one mark, and no camera's drift."""
FOCUS = 0.08
"""Of `Quality.focus`: from 0.41 to 0.32 recall falls from 0.96 to 0.93 (`benchmarks/quality.py`)."""
EXPOSURE = 40.0
"""Grey levels: half or twice the light, 38 in `benchmarks/quality.py`."""
ERYTHEMA = 6.0
"""Of the erythema index; a judgement: red beside green by 15 %, 100 log10(1.15)."""
LENGTH, SHORTEST_UM = 2.0, 1500.0
"""Ratio, and the length from which hair hides roots, as in `measure.visibility`."""
FEWEST_HAIRS = 5
"""It takes for a median length."""


def unlike(baseline: Analysis, followup: Analysis, alignment: Alignment, *, regrown: bool) -> set[str]:
    """Keys of `CHANGE_FLAGS` that tell in what the two photos differ as photos.

    Parameters
    ----------
    baseline, followup : Analysis
    alignment : Alignment
        Accepted.
    regrown : bool
        Whether the hair was clipped at the first visit so that it should grow until the second: then it
        may be longer.
    """
    first, second = baseline.quality, followup.quality
    found = {
        "magnification_differs": abs(np.log(alignment.scale)) > np.log(MAGNIFICATION),
        "focus_differs": abs(first.focus - second.focus) > FOCUS,
        "light_differs": abs(first.exposure - second.exposure) > EXPOSURE
        or abs(first.erythema_index - second.erythema_index) > ERYTHEMA,
        "length_differs": not regrown and _cut_otherwise(baseline, followup),
    }
    return {flag for flag, holds in found.items() if holds}


def _cut_otherwise(baseline: Analysis, followup: Analysis) -> bool:
    """Whether the hair of one visit is long, and twice as long as at the other."""
    lengths = [
        float(np.median([h.length_px for h in analysis.hairs])) * analysis.um_per_px
        if analysis.um_per_px is not None and len(analysis.hairs) >= FEWEST_HAIRS
        else float("nan")
        for analysis in (baseline, followup)
    ]
    return max(lengths) > SHORTEST_UM and max(lengths) > LENGTH * min(lengths)
