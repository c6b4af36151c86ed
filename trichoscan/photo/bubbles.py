"""Finds bubbles in the immersion: thin rings that close."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.photo.usable import Mask

WORK_PX = 800
"""Longest side of the copy on which rings are sought."""
SMOOTH_PX = 1.2
RADIUS_PX = (15, 0.13)
"""On that copy, px, and as a share of the shorter side: smaller rings are scales and follicle openings,
larger ones part of the picture; a drawn circle of the target area is larger."""
EDGE_LEVEL, PERFECTION = 80.0, 0.75
"""Of OpenCV's HOUGH_GRADIENT_ALT, which proposes circles: gradient of an edge, share of the circle."""
ANGLES = 72
STEP_PX = 4
"""Width of the step across the rim that is looked at."""
ON_RIM_PX, OFF_RIM_PX, PROFILE_PX = 3, 6, 14
"""Distances from the circle that are the rim, that are clearly not, and that are looked at."""
LEAST_STEP = 2.5
"""Grey levels per `STEP_PX` px, of the median of the rim."""
CLOSED_SHARE = 0.80
"""Share of the rim that stands out from 80 % of what is near it; arcs of hair reach 0.75 on data/other."""
STANDS_OUT = 1.8
"""Weakest quarter of the rim beside the median of what is near it."""
BURNT_LEVEL, BURNT_SHARE = 235, 0.2
"""Where more of the rim and what is near it is as bright as glare, it is the edge of a reflection."""
MARGIN_SHARE = 0.1
"""Of the radius: the rim's own width."""


def bubble_mask(gray: NDArray[np.uint8], usable_mask: Mask) -> Mask:
    """Discs of bubbles.

    Parameters
    ----------
    gray : (H, W) uint8
    usable_mask : (H, W) bool

    Returns
    -------
    (H, W) bool
        True where the scalp is seen through a bubble.
    """
    mask = np.zeros(gray.shape, np.uint8)
    scale = min(1.0, WORK_PX / max(gray.shape))
    small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else gray
    smooth = np.asarray(cv2.GaussianBlur(small, (0, 0), SMOOTH_PX), np.uint8)
    largest = int(RADIUS_PX[1] * min(small.shape))
    if largest <= RADIUS_PX[0]:
        return mask > 0
    proposed = cv2.HoughCircles(
        smooth, cv2.HOUGH_GRADIENT_ALT, 1.5, RADIUS_PX[0] / 2, param1=EDGE_LEVEL, param2=PERFECTION,
        minRadius=RADIUS_PX[0], maxRadius=largest,
    )  # fmt: skip
    for x, y, radius in np.zeros((0, 3)) if proposed is None else proposed.reshape(-1, 3):
        if is_ring(smooth, float(x), float(y), float(radius)):
            centre = round((x + 0.5) / scale - 0.5), round((y + 0.5) / scale - 0.5)
            cv2.circle(mask, centre, round((1 + MARGIN_SHARE) * radius / scale), 1, -1)
    return np.asarray((mask > 0) & usable_mask)


def is_ring(gray: NDArray[np.uint8], x: float, y: float, radius_px: float) -> bool:
    """Whether a thin ring stands on this circle nearly all round, as no hair or edge of a spot does.

    Parameters
    ----------
    gray : (H, W) uint8
        Smoothed.
    x, y, radius_px : float
    """
    angle = np.arange(ANGLES) * 2 * np.pi / ANGLES
    offset = np.arange(-PROFILE_PX, PROFILE_PX + 1)
    offset = offset[radius_px + offset > 2]
    at_x = (x + np.outer(radius_px + offset, np.cos(angle))).astype(np.float32)
    at_y = (y + np.outer(radius_px + offset, np.sin(angle))).astype(np.float32)
    profile = cv2.remap(gray, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(float)
    if np.mean(profile >= BURNT_LEVEL) > BURNT_SHARE:
        return False
    step = np.abs(profile[STEP_PX:] - profile[:-STEP_PX]) / STEP_PX
    away = np.abs(offset[STEP_PX // 2 : -STEP_PX // 2])
    rim, near = step[away <= ON_RIM_PX].max(axis=0), step[away >= OFF_RIM_PX]
    inner, outer = profile[offset <= -OFF_RIM_PX].mean(axis=0), profile[offset >= OFF_RIM_PX].mean(axis=0)
    ridge = np.abs(profile[np.abs(offset) <= ON_RIM_PX] - (inner + outer) / 2).max(axis=0)
    return bool(
        np.median(rim) >= LEAST_STEP
        and np.median(ridge) > np.median(np.abs(outer - inner))  # else the edge of a spot
        and np.mean(rim > np.percentile(near, 80)) >= CLOSED_SHARE
        and np.percentile(rim, 25) >= STANDS_OUT * (np.median(near) + 0.3)
    )
