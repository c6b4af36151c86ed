"""How sharp a photo is: the blur of its edges in all directions, and along the way of a hand that moved."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from trichoscan.photo.usable import Mask

Singles = NDArray[np.float32]

FINE_PX, COARSE_PX = 0.8, 3.2
"""Standard deviations of the two Gaussians whose edges are compared."""
FAINTEST_EDGE = 0.5
"""Grey levels per px: where the coarse edges are fainter nothing is drawn."""
DIRECTIONS = 12
"""Directions of edges that are told apart, each with its neighbours: 15 degrees apart, 30 wide."""
EDGE_SHARE = 3e-4
"""Of the usable px: the rank, within its direction, of the edge that stands for it; 400 px of 1280 x 1024."""
LEAST_SHARE_OF_STRONGEST = 0.5
"""A direction whose edges are weaker, beside the strongest direction's, says nothing of the blur."""
FEWEST_DIRECTIONS = 5
"""Directions it takes to fit the three numbers of `_motion_px`."""
MOST_BLUR_PX = 10.0
"""More of it in one direction is a soft shade and no edge."""
RANKS_PERCENT = (85, 99)
"""Percentiles of the gradient: that above which a pixel is taken for an edge of its direction, and that of
the photo's edge."""


@dataclass(frozen=True)
class Sharpness:
    """Of the strongest edges of a photo.

    Attributes
    ----------
    focus : float
        0 (none) to 1 (as sharp as the pixels allow): 1 / (1 + s / 2), s the blur in px; 0 where there is no
        edge.
    motion_px : float
        Standard deviation of the way during exposure, px, as far as the edges of all directions agree on it:
        by how much the blur along one direction exceeds that across it, in squares. NaN where the edges lie
        in too few directions.
    """

    focus: float
    motion_px: float


def sharpness_of(gray: NDArray[np.uint8], usable_mask: Mask) -> Sharpness:
    """Measure the blur of the strongest edges.

    Gradients are compared at two scales. An edge blurred by a Gaussian of s px has its peak gradient in
    proportion to 1 / sqrt(s^2 + scale^2), so the ratio of the two tells s whatever the contrast.

    Parameters
    ----------
    gray : (H, W) uint8
    usable_mask : (H, W) bool

    Returns
    -------
    Sharpness
    """
    margin = int(2 * COARSE_PX)
    inner = cv2.erode(usable_mask.astype(np.uint8), np.ones((2 * margin + 1,) * 2, np.uint8)) > 0
    inside = inner[1:-1, 1:-1]
    if not inside.any():
        return Sharpness(0.0, math.nan)
    fine, coarse = (_gradient(gray, inside, sigma_px) for sigma_px in (FINE_PX, COARSE_PX))
    strengths = [np.hypot(*gradient) for gradient in (fine, coarse)]
    strong, peaks = np.array([np.percentile(strength, RANKS_PERCENT) for strength in strengths]).T
    if peaks[1] < FAINTEST_EDGE:
        return Sharpness(0.0, math.nan)
    blur_px = float(_blur_px2(peaks[0], peaks[1])) ** 0.5
    by_direction = [
        _edges_by_direction(*edges) for edges in zip((fine, coarse), strengths, strong, strict=True)
    ]
    return Sharpness(1.0 / (1.0 + blur_px / 2.0), _motion_px(*by_direction))


def _gradient(gray: NDArray[np.uint8], inside: Mask, sigma_px: float) -> tuple[Singles, Singles]:
    """Gradient along x and along y, grey levels per px, of the pixels of `inside`."""
    smooth = cv2.GaussianBlur(gray, (0, 0), sigma_px).astype(np.float32)
    across = (smooth[1:-1, 2:] - smooth[1:-1, :-2]) / 2
    down = (smooth[2:, 1:-1] - smooth[:-2, 1:-1]) / 2
    return across[inside], down[inside]


def _blur_px2(fine: ArrayLike, coarse: ArrayLike) -> NDArray[np.float64]:
    """Squared blur, px^2, of edges whose gradient is known at both scales."""
    ratio2 = np.maximum(np.divide(fine, np.maximum(coarse, 1e-6)), 1.0 + 1e-6) ** 2.0
    return np.asarray(np.maximum(COARSE_PX**2 - ratio2 * FINE_PX**2, 0.0) / (ratio2 - 1), np.float64)


def _edges_by_direction(gradient: tuple[Singles, Singles], strength: Singles, least: float) -> Singles:
    """(DIRECTIONS,) gradient of strong edges by direction, from 0 in steps of pi / DIRECTIONS; 0: too few."""
    rank = max(30, int(EDGE_SHARE * len(strength)))
    strong = np.flatnonzero(strength >= least)
    # In steps of a direction. Grey levels are whole numbers, so many edges lie exactly on one of them.
    turn = np.round(np.arctan2(gradient[1][strong], gradient[0][strong]) * (DIRECTIONS / np.pi), 4)
    sector = (np.floor(turn) + np.ceil(turn)).astype(np.int64) % (2 * DIRECTIONS)
    order = np.argsort(sector, kind="stable")
    sectors = np.split(strength[strong[order]], np.searchsorted(sector[order], range(1, 2 * DIRECTIONS)))
    found = np.zeros(DIRECTIONS, np.float32)
    for index in range(DIRECTIONS):
        edges = np.concatenate([sectors[2 * index + beside] for beside in (-1, 0, 1)])
        if len(edges) > rank:
            found[index] = np.partition(edges, -rank)[-rank]
    return found


def _motion_px(fine: Singles, coarse: Singles) -> float:
    """Standard deviation of a straight way, from the edges of each direction at both scales.

    An edge whose normal lies at an angle a from the way is blurred by s^2 + m^2 cos^2 a. So the squared blur
    is fitted by 1, cos 2a and sin 2a (least squares, weighted by the edges' strength), and the last two tell
    m. It is taken times the root of the share of the variance that the fit explains: soft shades beside hair
    give one direction more blur, but not by the law of a way.
    """
    known = (fine > 0) & (coarse > LEAST_SHARE_OF_STRONGEST * coarse.max())
    if np.count_nonzero(known) < FEWEST_DIRECTIONS:
        return math.nan
    twice = 2 * np.arange(DIRECTIONS)[known] * np.pi / DIRECTIONS
    terms = np.stack([np.ones_like(twice), np.cos(twice), np.sin(twice)], axis=1)
    weight = np.sqrt(coarse[known])
    blur_px2 = np.minimum(_blur_px2(fine[known], coarse[known]), MOST_BLUR_PX**2)
    fitted = np.linalg.lstsq(terms * weight[:, None], blur_px2 * weight, rcond=None)[0]
    about = blur_px2 - np.average(blur_px2, weights=weight**2)
    left, spread = (float(np.sum((weight * rest) ** 2)) for rest in (blur_px2 - terms @ fitted, about))
    explained = 1 - left / spread if spread > 0 else 0.0
    return float(np.sqrt(2 * np.hypot(fitted[1], fitted[2]) * max(explained, 0.0)))
