"""Both visits in the baseline's frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trichoscan.match.constellation import Constellation, constellation, working_scales
from trichoscan.match.gain import JITTER_LIMITS_UM
from trichoscan.records import Alignment, Analysis

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scene:
    """Both constellations, and the doubtful hairs of both photos, in the baseline's frame.

    Attributes
    ----------
    baseline, followup : Constellation
        K and L hairs.
    at_um : (L, 2) float64
        Follow-up roots mapped back, um of the baseline.
    turn_rad : (K, L) float64
        Angle of the follow-up's hair, mapped back, less that of the baseline's.
    sd_map_um : (K,) float64
        Of the map at the baseline's roots.
    jitter_um : float
        SD of a root about its partner, the map being right.
    shown, shown_back : (K,) and (L,) bool
        Whether the other photo shows the skin there.
    doubtful, doubtful_back : (P, 2) and (Q, 2) float64
        Roots of the doubtful hairs of the follow-up, and of the baseline, um of the baseline.
    doubtful_hair, doubtful_hair_back : (P,) and (Q,) int64
        Their numbers in `Analysis.doubtful`.
    doubtful_confidence, doubtful_confidence_back : (P,) and (Q,) float64
    followup_area_um2 : float
        Usable area of the follow-up photo, on the baseline's scale.
    """

    baseline: Constellation
    followup: Constellation
    at_um: Floats
    turn_rad: Floats
    sd_map_um: Floats
    jitter_um: float
    shown: NDArray[np.bool_]
    shown_back: NDArray[np.bool_]
    doubtful: Floats
    doubtful_back: Floats
    doubtful_hair: NDArray[np.int64]
    doubtful_hair_back: NDArray[np.int64]
    doubtful_confidence: Floats
    doubtful_confidence_back: Floats
    followup_area_um2: float


def see(baseline: Analysis, followup: Analysis, alignment: Alignment) -> Scene:
    """Bring both visits into the baseline's frame."""
    first_um, second_um, _ = working_scales(baseline, followup)
    first, second = constellation(baseline, first_um), constellation(followup, second_um)
    spare = constellation(followup, second_um, doubtful=True)
    spare_back = constellation(baseline, first_um, doubtful=True)
    turn = np.arctan2(alignment.similarity[1, 0], alignment.similarity[0, 0])

    def back(points_um: Floats) -> Floats:
        return first.to_um(alignment.to_baseline(second.to_px(points_um)))

    at = back(second.roots_um)
    onward = second.to_um(alignment.to_followup(first.to_px(first.roots_um)))
    growth = alignment.scale * second_um / first_um
    return Scene(
        baseline=first,
        followup=second,
        at_um=at,
        turn_rad=second.angle_rad[None] - turn - first.angle_rad[:, None],
        sd_map_um=alignment.sd_px_at(first.to_px(first.roots_um)) * first_um,
        jitter_um=float(np.clip(alignment.residual_px * first_um / np.sqrt(2), *JITTER_LIMITS_UM)),
        shown=second.visible(onward),
        shown_back=first.visible(at),
        doubtful=back(spare.roots_um),
        doubtful_back=spare_back.roots_um,
        doubtful_hair=spare.hair,
        doubtful_hair_back=spare_back.hair,
        doubtful_confidence=spare.confidence,
        doubtful_confidence_back=spare_back.confidence,
        followup_area_um2=second.usable_mm2 * 1e6 / growth**2,
    )
