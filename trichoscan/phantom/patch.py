"""A patch of alopecia areata: where it lies and what befalls each hair in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RIM_UM = 250.0
"""Over about this way hair goes from spared to lost at the patch's rim; our choice."""

ACTIVE_RIM_UM = 1500.0
"""Exclamation-mark hairs stand within this of the patch's rim, where the disease is active (our choice)."""

FATES = ("kept", "gone", "black_dot", "exclamation", "vellus")
FATE_SHARE = (0.03, 0.71, 0.08, 0.02, 0.16)
RIM_FATE_SHARE = (0.12, 0.54, 0.11, 0.15, 0.08)
"""What befalls hairs inside the patch, and near its rim. The signs are those of PMC10236002, which counts
patients, not follicles: the shares are our choice."""


@dataclass(frozen=True, eq=False)
class Patch:
    """A smooth-rimmed region of the scalp.

    Attributes
    ----------
    centre_um : (2,) float64
    radius_um : float
    waves : (3, 2) float64
        Amplitude, as a share of the radius, and phase of the rim's second to fourth harmonic.
    """

    centre_um: Floats
    radius_um: float
    waves: Floats

    def depth_um(self, points_um: Floats) -> Floats:
        """(K,) distance inside the rim along the ray from the centre; negative outside."""
        away = points_um - self.centre_um
        angle = np.arctan2(away[:, 1], away[:, 0])[:, None] * np.array([2, 3, 4])
        rim = self.radius_um * (1 + (self.waves[:, 0] * np.sin(angle + self.waves[:, 1])).sum(axis=1))
        return np.asarray(rim - np.hypot(away[:, 0], away[:, 1]))


def draw_patch(half_size_um: Floats, rng: np.random.Generator) -> Patch:
    """Draw a patch that the photo shows: mostly its border, sometimes nothing but its inside.

    Patches are 6 to 30 mm across (our choice: coin-sized).
    """
    radius = float(np.exp(rng.uniform(np.log(3000.0), np.log(15000.0))))
    angle = rng.uniform(0, 2 * np.pi)
    reach = float(np.hypot(*half_size_um))
    # Distance of the rim from the photo's centre, positive where the centre lies inside.
    rim = rng.uniform(-0.35, 0.5) * reach if rng.random() < 0.7 else rng.uniform(0.5, 1.2) * reach
    away = max(radius - rim, 0.0)
    return Patch(
        centre_um=away * np.array([np.cos(angle), np.sin(angle)]),
        radius_um=radius,
        waves=np.column_stack([rng.normal(0, [0.06, 0.04, 0.025]), rng.uniform(0, 2 * np.pi, 3)]),
    )


def draw_fates(patch: Patch, roots_um: Floats, rng: np.random.Generator) -> NDArray[np.str_]:
    """(K,) what befalls each hair, one of `FATES`; outside the patch all are kept."""
    depth = patch.depth_um(roots_um)
    k = len(roots_um)
    deep = rng.choice(FATES, k, p=FATE_SHARE)
    rim = rng.choice(FATES, k, p=RIM_FATE_SHARE)
    fate = np.where(depth > ACTIVE_RIM_UM, deep, rim)
    caught = rng.random(k) < 1 / (1 + np.exp(-np.clip(4 * depth / RIM_UM, -30, 30)))
    return np.asarray(np.where(caught, fate, "kept"))
