"""The warm shade beside shafts: a dark shaft swallows light that would have come back through the skin.

Measured as the mean over 365 aligned stubs of clipped scalp (training photos of a public set): beside a
shaft the light falls most in blue.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.camera import Camera
from trichoscan.phantom.marks import to_canvas
from trichoscan.phantom.render import SUBPIXEL_BITS, fixed_point
from trichoscan.phantom.scalp import TrueHair

Singles = NDArray[np.float32]

HALO_TINT = np.array([0.32, 0.5, 1.0], np.float32)
"""Relative absorption: light that came back from deep in the skin is red, and it is missed least."""

REACHES_UM = ((60.0, 0.8), (140.0, 2.0))
"""SD of the spread of light in the skin, and logarithm of the darkening in blue by a wide black sheet."""

COARSE = 0.5
"""What is so blurred is blurred on a canvas of half the size."""


def warm_halo(hairs: Sequence[TrueHair], camera: Camera, size: tuple[int, int]) -> Singles:
    """(H, W) logarithm of the darkening in blue beside the shafts, on a canvas of the given size."""
    small = (max(size[0] // 2, 2), max(size[1] // 2, 2))
    covered: NDArray[np.uint8] = np.zeros(small[::-1], np.uint8)
    px_per_um = small[0] / camera.width_px / camera.um_per_px
    if hairs:
        dark = [255 * max(0.0, 1 - 2.5 * float(h.colour.mean())) * h.opacity for h in hairs]
        px = to_canvas(np.concatenate([h.path_um for h in hairs]), camera, small)
        cuts = np.cumsum([len(h.path_um) for h in hairs])[:-1]
        for hair, level, line in zip(hairs, dark, np.split(fixed_point(px), cuts), strict=True):
            width = float(hair.width_um.mean()) * px_per_um
            thick = max(round(width), 1)
            share = min(width / thick, 1.0)
            cv2.polylines(covered, [line], False, level * share, thick, cv2.LINE_AA, SUBPIXEL_BITS)
    coarse = cv2.resize(covered, None, fx=COARSE, fy=COARSE, interpolation=cv2.INTER_AREA)
    shade: Singles = np.zeros(coarse.shape, np.float32)
    for reach_um, strength in REACHES_UM:
        spread = cv2.GaussianBlur(coarse, (0, 0), max(reach_um * px_per_um * COARSE, 0.6))
        shade += spread * np.float32(strength / 255)
    return np.asarray(cv2.resize(shade, size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)
