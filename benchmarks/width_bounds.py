"""How exactly a width can be told from a photo at all: Cramer-Rao bounds of the hairs of a scene."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from width_scenes import MEASURED_PART, Scene

from trichoscan.measure.edges import (
    DARKER_SHARE,
    EVEN_SD,
    MOST_SHADE,
    PLACE_SD,
    STEEPEST_SKIN,
    TEXTURE_PX,
    WITHIN_SHARE,
)
from trichoscan.measure.lens import AMOUNT_SD, HAIR_LOG_SD
from trichoscan.measure.stripe import (
    AMOUNT,
    C0,
    C1,
    C2,
    GLOSS,
    LEFT,
    LOG_BLUR,
    PARAMETERS,
    PLACE,
    RIGHT,
    SHADE,
    SKIN,
    SLOPE,
    decoded,
    model,
    smoothing,
)
from trichoscan.measure.thickness import SHADE_UM
from trichoscan.phantom.camera import Camera
from trichoscan.phantom.scalp import TrueHair

Floats = NDArray[np.float64]

FINE_PX = 3.0
"""What of a photo is finer is its noise: the sensor's, and the skin's own texture."""
HALF_PX = 45.0
LUMA = np.array([0.299, 0.587, 0.114])
KNOWN, UNKNOWN = 1e-6, 1e6
"""Prior standard deviations that fix a number, and that leave it free."""


def bound_px(scene: Scene) -> Floats:
    """Cramer-Rao bound (K,) of the width of an even dark strip of each hair's length, light and blur.

    Blur and sharpening are taken as known, and neighbouring pixels as independent.
    """
    sd = np.full(PARAMETERS, KNOWN)
    sd[[LEFT, RIGHT, SKIN, C0]] = UNKNOWN
    return _bounds(scene, [sd] * len(scene.true_hairs), 1.0)


def fitted_bound_px(scene: Scene) -> Floats:
    """Bayesian Cramer-Rao bound (K,) of the width with all numbers free that are fitted (Van Trees 1968).

    Free within what is known of them before (`edges`, `lens`): each hair's own blur and the sharpening, slope
    of the skin's light, uneven light within, gloss and its place, shade beside, as in a photo of which
    nothing else is known. Where a prior is wider above its mean than below, the narrower. One value in
    `TEXTURE_PX` both ways is independent. The photo's blur is taken as known still, and texture coarser than
    3 px as none.
    """
    skin = _skin(scene)
    sds = []
    for hair in scene.true_hairs:
        own = float(LUMA @ hair.colour)
        sd = np.full(PARAMETERS, UNKNOWN)
        sd[SLOPE] = STEEPEST_SKIN * skin / HALF_PX
        sd[LOG_BLUR], sd[AMOUNT] = HAIR_LOG_SD, AMOUNT_SD
        sd[C1 : GLOSS + 1] = WITHIN_SHARE[1:] * max(skin, own)
        sd[C2] = np.hypot(DARKER_SHARE * max(skin, own), EVEN_SD * own)
        sd[PLACE], sd[SHADE] = PLACE_SD, MOST_SHADE
        sds.append(sd)
    return _bounds(scene, sds, TEXTURE_PX**2)


def _bounds(scene: Scene, sds: Sequence[Floats], repeats: float) -> Floats:
    """Bounds (K,) of the widths, priors of SD K times (P,) known and each `repeats` pixels one value."""
    um_per_px, noise, skin = scene.camera.um_per_px, _noise(scene), _skin(scene)
    part = MEASURED_PART[1] - MEASURED_PART[0]
    gap = np.zeros(PARAMETERS)
    gap[LEFT], gap[RIGHT] = -1, 1
    bounds = []
    for hair, width_um, sd in zip(scene.true_hairs, scene.width_um, sds, strict=True):
        slopes = _slopes(scene.camera, hair, float(width_um) / um_per_px, skin)
        length_px = part * float(np.hypot(*np.diff(hair.path_um, axis=0).T).sum()) / um_per_px
        information = slopes @ slopes.T * length_px / repeats / noise**2 + np.diag(sd**-2)
        bounds.append(np.sqrt(gap @ np.linalg.solve(information, gap)))
    return np.array(bounds)


def _slopes(camera: Camera, hair: TrueHair, width_px: float, skin: float) -> Floats:
    """Derivatives (P, T) of one profile across a strip of the hair's light."""
    t = np.arange(-HALF_PX, HALF_PX + 1)
    p = np.zeros((1, PARAMETERS))
    p[0, [LEFT, RIGHT, SKIN]] = -width_px / 2, width_px / 2, skin
    p[0, C0] = hair.opacity * (float(LUMA @ hair.colour) - skin)
    p[0, LOG_BLUR], p[0, AMOUNT] = np.log(np.hypot(camera.blur_px, 0.29)), camera.sharpen
    smooth = smoothing(t, camera.sharpen_px)
    return model(t, p, np.zeros(1, bool), smooth, SHADE_UM / camera.um_per_px)[1][0]


def _skin(scene: Scene) -> float:
    """Linear light of the skin, 0-1."""
    return float(decoded(LUMA @ np.median(scene.pixels.reshape(-1, 3)[::97], axis=0) / 255))


def _noise(scene: Scene) -> float:
    """Standard deviation of what is finer than `FINE_PX`, sRGB 0-1."""
    grey = cv2.cvtColor(scene.pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return 1.4826 * float(np.median(np.abs(grey - cv2.GaussianBlur(grey, (0, 0), FINE_PX)))) / 255
