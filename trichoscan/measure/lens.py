"""What the camera did to all shafts of a photo alike: blur, its rise to the photo's rim, and sharpening.

Letters for shapes: G profiles, P parameters of `edges`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trichoscan.measure.edges import MOST_SHADE, Prior, Profiles, begin, fit_edges
from trichoscan.measure.stripe import AMOUNT, LOG_BLUR, PARAMETERS, SHADE

Floats = NDArray[np.float64]

MEAN = np.array([np.log(1.2), 0.0, 0.25, 0.3, 0.0, 0.0, 0.0])
SD = np.array([0.6, 0.8, 0.3, 0.5, 0.25, 0.25, 1.6])
"""Prior of: log blur at the centre (0.7 to 2.2 px for two thirds of photos), its rise to the corners, that of
colour, which JPEG keeps at half resolution, the amount of sharpening, the blur's rise to the right and the
foot of the photo, for skin lies aslant, and its rise near the corners alone: many lenses are sharp up to
there."""
SHARPENING = (-0.5, 2.5)
"""Bounds of its amount; below 0 it is a veil: part of the light comes from out of focus."""
PROFILES = 70
"""So many tell the camera; more tell no more."""
ITERATIONS = 9
HAIR_LOG_SD = 0.08
"""Change of the blur from hair to hair of a photo, which lie at different heights."""
AMOUNT_SD = 0.02
SUSPECT_CHI2 = 6.0
"""A profile that asks for so much another camera counts half."""
WIDE_IN_BLURS = 4.0
"""Width and darkness of a shaft so wide are told apart."""
FEWEST_FOR_SHADE, LEAST_SHADE_SD = 8, 0.05
LOCAL = np.array([k for k in range(PARAMETERS) if k not in (LOG_BLUR, AMOUNT)])
COMMON = np.array([LOG_BLUR, AMOUNT])


@dataclass(frozen=True, eq=False)
class Lens:
    """The camera's numbers (7,), as in `MEAN`; mean and spread of the shade, shares of the skin's light."""

    camera: Floats
    shade: tuple[float, float]

    def at(self, away: Floats, straight: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Log blur and amount of sharpening, each (G,), at places of the photo; see `find_lens`."""
        return _clipped(_design(away, straight) @ self.camera)


def lens_prior(log_blur: Floats, amount: Floats, shade: tuple[float, float]) -> Prior:
    """Prior of fits under a known camera: the hairs' own blur within `HAIR_LOG_SD`."""
    count = len(log_blur)
    within, unknown = np.zeros((count, 4)), np.full((count, 4), np.nan)
    own, known = np.full(count, HAIR_LOG_SD), np.full(count, AMOUNT_SD)
    return Prior(log_blur, own, amount, known, within, unknown, shade)


def find_lens(profiles: Profiles, left_px: Floats, right_px: Floats, away: Floats) -> Lens:
    """Blur and sharpening of a photo, fitted to some of its profiles together.

    Parameters
    ----------
    profiles : Profiles
    left_px, right_px : (G,) float64
        Rough edges of the shafts.
    away : (G, 2) float64
        From the photo's centre, in half diagonals.

    Returns
    -------
    Lens
    """
    count = len(left_px)
    pick = np.unique(np.linspace(0, count - 1, min(count, PROFILES)).astype(np.intp))
    some = profiles.take(pick)
    shared = _Shared(_design(away[pick], some.straight))
    log_blur, amount = shared.values()
    free, unknown = np.full(pick.size, np.inf), np.full((pick.size, 4), np.nan)
    start = begin(some, left_px[pick], right_px[pick], log_blur, amount)
    prior = Prior(log_blur, free, amount, free, np.zeros_like(unknown), unknown)
    fit = fit_edges(some, start, prior, ITERATIONS, shared)
    wide = fit.width_px > WIDE_IN_BLURS * fit.blur_px
    share = fit.parameters[wide & ~some.straight, SHADE]
    if share.size < FEWEST_FOR_SHADE:
        return Lens(shared.camera, (0.0, MOST_SHADE / 2))
    middle = float(np.median(share))
    spread = 1.4826 * float(np.median(np.abs(share - middle)))
    return Lens(shared.camera, (middle, max(spread, LEAST_SHADE_SD)))


def _clipped(both: Floats) -> tuple[Floats, Floats]:
    return np.clip(both[:, 0], np.log(0.3), np.log(8.0)), np.clip(both[:, 1], *SHARPENING)


def _design(away: Floats, straight: NDArray[np.bool_]) -> Floats:
    """(G, 2, 7) how log blur and amount follow from the camera's seven numbers."""
    design = np.zeros((len(away), 2, 7))
    square = (away**2).sum(axis=1)
    design[:, 0, 0], design[:, 0, 1], design[:, 0, 2], design[:, 1, 3] = 1, square, straight, 1
    design[:, 0, 4:6], design[:, 0, 6] = away, square**2
    return design


class _Shared:
    """Joint Gauss-Newton steps of the camera's numbers, each profile's own eliminated (Schur complement)."""

    def __init__(self, design: Floats) -> None:
        self.design = design
        self.camera = MEAN.copy()

    def values(self) -> tuple[Floats, Floats]:
        return _clipped(self.design @ self.camera)

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
        self.camera[3] = np.clip(self.camera[3], *SHARPENING)
        moved = self.design @ self.camera - before
        step = np.zeros_like(pull)
        step[:, LOCAL] = solved[:, :, 2] - (solved[:, :, :2] @ moved[..., None])[..., 0]
        step[:, COMMON] = moved
        return step
