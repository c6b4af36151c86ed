"""How doubtful photos and hairs are, and why: the order in which a person had best look at them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trichoscan.flags import HAIR_FLAGS
from trichoscan.measure.density import roots_in
from trichoscan.records import Analysis, Hair
from trichoscan.report.attention import flag_words

FLAG_DOUBT = {"stop": 0.2, "check": 0.1, "note": 0.0}
"""A flag of the photo weighs like so many wrong hairs of a count, by its severity: 0.1 is about one usual
count error."""
SURE = 0.9
"""Hairs less likely than this are worth a look."""
LEAST_LIKELY = 0.2
"""Candidates left out that are shown: below, five of six are nothing."""
DOUBTFUL_HAIR_FLAGS = ("overlapped", "tip_not_seen", "blurred", "uncertain", "root_not_visible")


@dataclass(frozen=True)
class Doubt:
    """What speaks for looking at a photo.

    Attributes
    ----------
    score : float
        Expected wrong hairs, as a share of those counted, and what its flags weigh.
    why : tuple of str
        In words, the weightiest first.
    """

    score: float
    why: tuple[str, ...]


def photo_doubt(analysis: Analysis) -> Doubt:
    """Doubt about a photo: its unsure hairs, those left out that may be hairs, and its flags."""
    counted = [h for h, inside in zip(analysis.hairs, analysis.counted, strict=True) if inside]
    left_out = likely_left_out(analysis)
    wrong = sum(1 - h.confidence for h in counted)
    missed = sum(h.confidence for _, h in left_out)
    why = []
    if unsure := sum(h.confidence < SURE for h in counted):
        why.append((wrong, f"{unsure} of {len(counted)} counted hairs unsure"))
    if left_out:
        few = "1 place where a hair may be missed"
        why.append(
            (missed, few if len(left_out) == 1 else f"{len(left_out)} places where a hair may be missed")
        )
    unmeasured = sum(not np.isfinite(h.diameter_px) for h in counted)
    advice = flag_words({"flags": " ".join(analysis.flags)}, "images")
    told = [(FLAG_DOUBT[each.severity], each.what) for each in advice]
    why += [(len(counted) * weight, what[0].lower() + what[1:]) for weight, what in told if weight]
    words = [text for _, text in sorted(why, key=lambda item: -item[0])]
    if unmeasured:
        words.append(f"{unmeasured} without a diameter")
    return Doubt((wrong + missed) / max(len(counted), 1) + sum(weight for weight, _ in told), tuple(words))


def likely_left_out(analysis: Analysis) -> list[tuple[int, Hair]]:
    """Candidates that were left out though they may be hairs, with their index, the likeliest first."""
    counted = roots_in(analysis.doubtful, analysis.counting_mask)
    likely = [
        (index, hair)
        for index, (hair, inside) in enumerate(zip(analysis.doubtful, counted, strict=True))
        if inside and hair.confidence >= LEAST_LIKELY
    ]
    return sorted(likely, key=lambda item: -item[1].confidence)


def hair_doubt(hair: Hair) -> float:
    """Chance that a hair is wrong, and a little for what its flags tell; for the order of looking only."""
    flagged = sum(flag in DOUBTFUL_HAIR_FLAGS for flag in hair.flags)
    return 1 - hair.confidence + 0.05 * flagged


def hair_why(hair: Hair) -> str:
    """Why a hair is worth a look; empty where it is not."""
    reasons = [] if hair.confidence >= SURE else [f"{100 * hair.confidence:.0f} % sure"]
    reasons += [HAIR_FLAGS[flag].partition(":")[0] for flag in hair.flags if flag in DOUBTFUL_HAIR_FLAGS]
    return "; ".join(reasons)
