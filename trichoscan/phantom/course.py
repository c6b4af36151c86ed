"""What happens between two visits of a scalp, in numbers; `visits.follow_up` makes it happen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

Fate = Literal["kept", "thickened", "thinned", "lost", "new", "regrown"]
FATES: tuple[Fate, ...] = ("kept", "thickened", "thinned", "lost", "new", "regrown")

THIN_NEW_SHARE = (0.5, 0.9)
"""Diameter of a thin new hair as a share of its neighbour's. Our choice."""

FULL_NEW_SHARE = (0.9, 1.1)
"""The same of a new hair that takes the place of a lost one. Our choice."""

FARTHEST_SD = 2.0
"""No camera is further off than so many SDs."""


@dataclass(frozen=True)
class Course:
    """What happens between the first visit and a later one.

    Attributes
    ----------
    days : float
        Between the visits.
    lost_share : float
        Hairs that are gone, 0-1.
    new_share, regrown_share : float
        Hairs that were not there, as a share of those that were, 0-1: in units that had hair; in units
        that stood empty.
    thin_share : float
        Of the new and regrown hairs, those that are thin (`THIN_NEW_SHARE`), 0-1; others are as thick as
        their neighbour, more or less (`FULL_NEW_SHARE`).
    thickened_share, thickening : float
        Hairs that grew thicker, and by which share of their diameter.
    thinned_share, thinning : float
        Hairs that miniaturized, and by which share of their diameter; 1 - lost - thickened at most.
    width_spread : float
        SD of the change of diameter of all other hairs, as a share.
    length_factor, length_spread : float
        Later length over earlier length; SD of its logarithm between hairs.
    uncut : bool
        Whether hairs in anagen are longer by what they grew in `days`, along the path as it is seen.
    comb_rad : float
        SD of the swing of shafts about their root; half of its variance is common to the site.
    stretch : float
        RMS of the skin's local strain under the lens, 0-0.1.
    turn_rad, shift_um, zoom : float
        SD of the camera's turn, of its shift along x and y, and of the logarithm of its scale; none is
        more than `FARTHEST_SD` SDs off.
    relit : bool
        Whether light, lens and noise are others.
    washed : bool
        Whether loose scales, those about and on roots, and pieces of hair are others.
    """

    days: float = 168.0
    lost_share: float = 0.06
    new_share: float = 0.09
    regrown_share: float = 0.03
    thin_share: float = 1.0
    thickened_share: float = 0.25
    thickening: float = 0.2
    thinned_share: float = 0.05
    thinning: float = 0.15
    width_spread: float = 0.01
    length_factor: float = 1.1
    length_spread: float = 0.1
    uncut: bool = False
    comb_rad: float = 0.12
    stretch: float = 0.01
    turn_rad: float = 0.06
    shift_um: float = 250.0
    zoom: float = 0.015
    relit: bool = True
    washed: bool = True


UNTREATED = Course(
    days=0.0, lost_share=0.0, new_share=0.0, regrown_share=0.0, thickened_share=0.0, thinned_share=0.0,
    width_spread=0.0, length_factor=1.0, length_spread=0.0,
)  # fmt: skip
"""Another photo of the same hair, combed and found again anew."""

STILL = replace(
    UNTREATED, comb_rad=0.0, stretch=0.0, turn_rad=0.0, shift_um=0.0, zoom=0.0, relit=False, washed=False
)
"""Nothing happens at all."""


def margin_um(course: Course, half_size_um: tuple[float, float]) -> float:
    """Scalp beyond the first photo of a half width and height that the later photo may show."""
    half = np.asarray(half_size_um)
    turn = min(FARTHEST_SD * course.turn_rad, float(np.arctan2(half.min(), half.max())))
    far = half * np.cos(turn) + half[::-1] * np.sin(turn)
    grown = far * np.exp(FARTHEST_SD * course.zoom) * (1 + 2 * course.stretch) - half
    return float(grown.max() + FARTHEST_SD * course.shift_um)
