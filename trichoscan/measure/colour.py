"""Telling hair from skin by colour: how unlike the skin a sample is, and which mix of channels shows a shaft.

Letters for shapes: G windows, T samples across the shaft.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.measure.profiles import MOST_REMAPPED, Windows, hair_rows

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LUMA = np.array([0.299, 0.587, 0.114])
"""Sum of the sRGB values that JPEG keeps at full resolution (ITU-T T.871); colour it keeps at half."""
LUMA_ENOUGH = 0.3
"""Luma is used where it shows a shaft at least so well as the best mix: the mix is blurred by JPEG."""
CELL_PX, CELLS = 8, 21
"""Skin is the median of cells of a photo over 168 px; hair covers less than half of what is so wide."""
LUMA_CLEAR = 0.08
"""SRGB 0-1 between shaft and skin from which luma is used: how a mix of channels is encoded is not known."""
LEAST_VARIANCE = (1 / 255) ** 2
"""Of a channel: a grey level."""
CORE_VARIANCE = 0.44
"""Variance, of each of three normal variates, that is left within their median distance."""


@dataclass(frozen=True, eq=False)
class Skin:
    """Skin about each hair.

    Attributes
    ----------
    colour : (G, 3) float64
        Median colour about each window, sRGB 0-1.
    covariance : (3, 3) float64
        Of skin about its local median, over the photo, in cells of 4 px.
    """

    colour: Floats
    covariance: Floats

    def unlike(self, profiles: Floats) -> Floats:
        """(G, T) Mahalanobis distance of (G, T, 3) colours from the skin; NaN stays."""
        values, vectors = np.linalg.eigh(self.covariance)
        whiten = (vectors / np.sqrt(values)) @ vectors.T
        return np.asarray(np.linalg.norm((profiles - self.colour[:, None]) @ whiten, axis=-1))


def skin_of(image: NDArray[np.float32], windows: Windows) -> Skin:
    """Skin about each window of a photo of which hair covers less than half.

    Parameters
    ----------
    image : (H, W, 3) float32
        sRGB 0-1.
    windows : Windows

    Returns
    -------
    Skin
    """
    small = cv2.resize(image, None, fx=1 / CELL_PX, fy=1 / CELL_PX, interpolation=cv2.INTER_AREA)
    usual = cv2.medianBlur(cv2.convertScaleAbs(small, alpha=255.0), CELLS)
    at = ((windows.centre_px + 0.5) / CELL_PX - 0.5).astype(np.float32)
    colour = np.concatenate(
        [
            cv2.remap(usual, part[:, :1], part[:, 1:], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for part in np.array_split(at, len(at) // MOST_REMAPPED + 1)
        ]
    ).reshape(-1, 3)
    colour = colour.astype(np.float64) / 255
    half = cv2.resize(image, (2 * usual.shape[1], 2 * usual.shape[0]), interpolation=cv2.INTER_AREA)[::2, ::2]
    rest = (half - usual.astype(np.float32) / 255).reshape(-1, 3).astype(np.float64)
    return Skin(colour, _core_covariance(rest))


def _core_covariance(rest: Floats) -> Floats:
    """Covariance of the half of the samples that lie nearest, as of a normal distribution."""
    least = LEAST_VARIANCE * np.eye(3)
    if len(rest) < 10:
        return 9 * least
    covariance = np.cov(rest.T) + least
    for _ in range(5):
        distance = np.einsum("ni,ij,nj->n", rest, np.linalg.inv(covariance), rest)
        near = rest[distance <= np.median(distance)]
        covariance = near.T @ near / len(near) / CORE_VARIANCE + least
    return np.asarray(covariance)


def axes(
    profiles: Floats, inside: Bools, beside: Bools, hair: NDArray[np.int64], skin: Skin
) -> tuple[Floats, Bools]:
    """Mix of channels in which each hair stands out from its skin.

    Luma, or where that shows the shaft faintly and less than `LUMA_ENOUGH` as well, Fisher's discriminant of
    the shaft's mean colour against the skin's. How well is the root mean square of the shaft's profile,
    averaged over its windows, so that a pale shaft with dark rims is seen too.

    Parameters
    ----------
    profiles : (G, T, 3) float64
        Finite.
    inside, beside : (G, T) bool
        Samples of the shaft and of skin.
    hair : (G,) int64
    skin : Skin

    Returns
    -------
    axis : (G, 3) float64
    coloured : (G,) bool
        Whether the axis is not luma.
    """
    axis = np.tile(LUMA, (len(hair), 1))
    coloured = np.zeros(len(hair), bool)
    for rows in hair_rows(hair):
        shaft, ground = inside[rows], beside[rows]
        n = shaft.sum(axis=0)
        if not n.any() or not ground.any():
            continue
        total = (profiles[rows] * shaft[..., None]).sum(axis=0)[n > 0]
        mean = total / n[n > 0][:, None] - profiles[rows][ground].mean(axis=0)
        weight = n[n > 0] / n.sum()
        scatter = (mean * weight[:, None]).T @ mean
        best = np.linalg.solve(skin.covariance, weight @ mean)
        seen, possible = (a @ scatter @ a / max(float(a @ skin.covariance @ a), 1e-30) for a in (LUMA, best))
        if LUMA @ scatter @ LUMA < LUMA_CLEAR**2 and seen < LUMA_ENOUGH**2 * possible:
            axis[rows] = best / np.abs(best).sum()
            coloured[rows] = True
    return axis, coloured
