"""Both visits in the baseline's frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trichoscan.match.constellation import Constellation, constellation, working_scales
from trichoscan.match.gain import steps
from trichoscan.records import Alignment, Analysis, Hair

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
    at_angle_rad : (L,) float64
        Of the follow-up's hairs, mapped back.
    step_um : two (K, L) float64
        From the baseline's roots to those, across and along the baseline's hair.
    turn_rad : (K, L) float64
        Angle of the follow-up's hair, mapped back, less that of the baseline's.
    sd_map_um : (K,) float64
        Of the map at the baseline's roots.
    shown, shown_back : (K,) and (L,) bool
        Whether the other photo shows the skin there.
    doubtful, doubtful_back : (P, 2) and (Q, 2) float64
        Roots of the doubtful hairs of the follow-up, and of the baseline, um of the baseline.
    doubtful_hairs, doubtful_hairs_back : tuple of Hair
        These.
    followup_area_um2 : float
        Usable area of the follow-up photo, on the baseline's scale.
    """

    baseline: Constellation
    followup: Constellation
    at_um: Floats
    at_angle_rad: Floats
    step_um: tuple[Floats, Floats]
    turn_rad: Floats
    sd_map_um: Floats
    shown: NDArray[np.bool_]
    shown_back: NDArray[np.bool_]
    doubtful: Floats
    doubtful_back: Floats
    doubtful_hairs: tuple[Hair, ...]
    doubtful_hairs_back: tuple[Hair, ...]
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
        at_angle_rad=second.angle_rad - turn,
        step_um=steps(first.roots_um, first.angle_rad, at),
        turn_rad=second.angle_rad[None] - turn - first.angle_rad[:, None],
        sd_map_um=alignment.sd_px_at(first.to_px(first.roots_um)) * first_um,
        shown=second.visible(onward),
        shown_back=first.visible(at),
        doubtful=back(spare.roots_um),
        doubtful_back=spare_back.roots_um,
        doubtful_hairs=tuple(followup.doubtful[k] for k in spare.hair),
        doubtful_hairs_back=tuple(baseline.doubtful[k] for k in spare_back.hair),
        followup_area_um2=second.usable_mm2 * 1e6 / growth**2,
    )
