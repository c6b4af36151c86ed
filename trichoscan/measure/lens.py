"""What the camera did to all shafts of a photo alike: blur, its rise to the photo's rim, and sharpening.

Letters for shapes: G profiles, P parameters of `edges`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trichoscan.measure.edges import (
    AMOUNT,
    LOG_BLUR,
    PARAMETERS,
    Prior,
    Profiles,
    begin,
    fit_edges,
)

Floats = NDArray[np.float64]

MEAN = np.array([np.log(1.2), 0.0, 0.25, 0.3])
SD = np.array([0.6, 0.4, 0.3, 0.5])
"""Prior of: log blur at the centre (0.7 to 2.2 px for two thirds of photos), its rise to the corners, that of
colour, which JPEG keeps at half resolution, and the amount of sharpening."""
MOST_SHARPENING = 2.5
PROFILES = 70
"""So many tell the camera; more tell no more."""
ITERATIONS = 9
HAIR_LOG_SD = 0.08
"""Change of the blur from hair to hair of a photo, which lie at different heights."""
AMOUNT_SD = 0.02
SUSPECT_CHI2 = 6.0
"""A profile that asks for so much another camera counts half."""
LOCAL = np.array([k for k in range(PARAMETERS) if k not in (LOG_BLUR, AMOUNT)])
COMMON = np.array([LOG_BLUR, AMOUNT])


@dataclass(frozen=True, eq=False)
class Lens:
    """Log blur (G,) and amount of sharpening (G,) at each profile."""

    log_blur: Floats
    amount: Floats

    def prior(self, c0: Floats, c0_sd: Floats) -> Prior:
        """Prior of the profiles' fits: the hairs' own blur within `HAIR_LOG_SD`."""
        spread = np.full(len(self.log_blur), HAIR_LOG_SD)
        return Prior(self.log_blur, spread, self.amount, np.full(len(self.amount), AMOUNT_SD), c0, c0_sd)


def find_lens(profiles: Profiles, half_px: Floats, away: Floats) -> Lens:
    """Blur and sharpening of a photo, fitted to some of its profiles together.

    Parameters
    ----------
    profiles : Profiles
    half_px : (G,) float64
        Rough half width of the shafts.
    away : (G,) float64
        Distance from the photo's centre in half diagonals.

    Returns
    -------
    Lens
    """
    count = len(half_px)
    pick = np.unique(np.linspace(0, count - 1, min(count, PROFILES)).astype(np.intp))
    some = profiles.take(pick)
    shared = _Shared(_design(away[pick], some.straight))
    log_blur, amount = shared.values()
    free, none = np.full(pick.size, np.inf), np.zeros(pick.size)
    start = begin(some, -1.1 * half_px[pick], 1.1 * half_px[pick], log_blur, amount)
    fit_edges(some, start, Prior(log_blur, free, amount, free, none, free), ITERATIONS, shared)
    shared.design = _design(away, profiles.straight)
    return Lens(*shared.values())


def _design(away: Floats, straight: NDArray[np.bool_]) -> Floats:
    """(G, 2, 4) how log blur and amount follow from the camera's four numbers."""
    design = np.zeros((len(away), 2, 4))
    design[:, 0, 0], design[:, 0, 1], design[:, 0, 2], design[:, 1, 3] = 1, away**2, straight, 1
    return design


class _Shared:
    """Joint Gauss-Newton steps of the camera's numbers, each profile's own eliminated (Schur complement)."""

    def __init__(self, design: Floats) -> None:
        self.design = design
        self.camera = MEAN.copy()

    def values(self) -> tuple[Floats, Floats]:
        both = self.design @ self.camera
        return np.clip(both[:, 0], np.log(0.3), np.log(8.0)), np.clip(both[:, 1], 0.0, MOST_SHARPENING)

    def step(self, normal: Floats, pull: Floats, floor: Floats) -> Floats:
        own = normal[:, LOCAL[:, None], LOCAL]
        crossed = normal[:, LOCAL[:, None], COMMON]
        solved = np.linalg.solve(own, np.concatenate([crossed, pull[:, LOCAL, None]], axis=2))
        turned = crossed.transpose(0, 2, 1)
        left = normal[:, COMMON[:, None], COMMON] - turned @ solved[:, :, :2]
        asked = pull[:, COMMON] - (turned @ solved[:, :, 2:])[..., 0]
        chi2 = (asked * np.linalg.solve(left, asked[..., None])[..., 0]).sum(axis=1) / floor**2
        weight = 1 / (floor**2 * (1 + np.maximum(chi2, 0) / SUSPECT_CHI2))
        information = np.einsum("gab,gac,gcd,g->bd", self.design, left, self.design, weight)
        force = np.einsum("gab,ga,g->b", self.design, asked, weight)
        move = np.linalg.solve(information + np.diag(SD**-2), force + (MEAN - self.camera) / SD**2)
        before = self.design @ self.camera
        self.camera = self.camera + np.clip(move, -0.3, 0.3)
        self.camera[3] = np.clip(self.camera[3], 0.0, MOST_SHARPENING)
        moved = self.design @ self.camera - before
        step = np.zeros_like(pull)
        step[:, LOCAL] = solved[:, :, 2] - (solved[:, :, :2] @ moved[..., None])[..., 0]
        step[:, COMMON] = moved
        return step
