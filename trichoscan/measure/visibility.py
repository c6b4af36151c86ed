"""What of the hair may have gone unseen: pale against its skin, hidden by long hair, or too few to tell."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.records import Analysis, Hair

UNSEEN_ABOVE = 0.2
"""On 43 phantoms of all kinds 60 % of the hairs were found above it, 89 % below (`benchmarks/quality.py`)."""
PALE_BELOW = 0.12
"""On 40 such phantoms 76 % of the hairs were found below it, by follicle-v3."""
LONG_ABOVE_UM, NO_TIP_ABOVE = 1500.0, 0.8
"""Clipped hair of data/fdu: medians of 0.2-0.9 mm, 5-69 % of hairs without a tip (99 % of 239 photos); drawn
long hair shows no tip at all, and of its roots 70 % are found."""
TIP_HIDDEN = frozenset({"cut_by_edge", "tip_not_seen"})
FEW_BELOW = 10
"""Of 8-11 hairs counted in windows of 239 photos of data/fdu the count is off by 18 % (root mean square), of
5-7 by 23 %, of whole photos with about 50 by 8 %."""
THINNEST_UM, WIDEST_UM = 25.0, 125.0
"""Median and upper quartile of the diameters: 53-106 and 67-124 um on 239 photos of data/fdu; median 47 +- 8
with androgenetic alopecia (field.md). At 1.6 and 2.5 times the true um per px quartiles are 97-153."""
DENSEST_PER_CM2 = 330.0
"""Data/fdu: 71-208; normal scalp 230 + 3 x 33 (field.md). At 0.6 times the true um per px it is 300-380."""
FEWEST_FOR_MEDIAN = 4

SMOOTH_PX = 0.7
STRETCH, POINTS = (0.2, 0.8), 7
"""Part of the path on which the contrast is read, and at how many points."""
BESIDE_UM = 30.0
"""Skin is read this far, and 2 px, beyond the shaft's edge: past its blur, before its neighbour."""
TYPICAL_UM = 60.0
"""Width of a shaft that could not be measured."""
TYPICAL_PX = 11.0
"""The same without a scale, at the network's working scale."""


def contrasts(
    pixels: NDArray[np.uint8], hairs: Sequence[Hair], um_per_px: float | None
) -> NDArray[np.float64]:
    """How much darker, or lighter, than the skin beside it each shaft is.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        RGB.
    hairs : sequence of Hair
        K of them, measured.
    um_per_px : float or None

    Returns
    -------
    (K,) float64
        Median along the shaft of |skin - shaft| in luma, 0-1.
    """
    if not hairs:
        return np.empty(0)
    gray = cv2.GaussianBlur(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), (0, 0), SMOOTH_PX)
    per_um = 1 / um_per_px if um_per_px is not None else TYPICAL_PX / TYPICAL_UM
    middle, beside = np.empty((len(hairs), POINTS, 2)), np.empty((len(hairs), POINTS, 2))
    for k, hair in enumerate(hairs):
        path = hair.path_px
        along = np.gradient(path, axis=0)
        along /= np.maximum(np.hypot(*along.T), 1e-9)[:, None]
        at = (np.linspace(*STRETCH, POINTS) * (len(path) - 1)).round().astype(int)
        width = hair.diameter_px if np.isfinite(hair.diameter_px) else TYPICAL_UM * per_um
        middle[k] = path[at]
        beside[k] = (width / 2 + BESIDE_UM * per_um + 2) * along[at][:, ::-1] * (-1, 1)
    shaft, left, right = (_read(gray, points) for points in (middle, middle + beside, middle - beside))
    return np.asarray(np.abs(np.median((left + right) / 2 - shaft, axis=1)) / 255)


def _read(gray: NDArray[np.uint8], points_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K, P) grey levels at (K, P, 2) points; beyond the photo those of its edge."""
    x, y = np.ascontiguousarray(points_px.astype(np.float32).transpose(2, 0, 1))
    read = [
        cv2.remap(gray, x[k : k + ROWS], y[k : k + ROWS], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for k in range(0, len(x), ROWS)
    ]
    return np.concatenate(read).astype(np.float64)


ROWS = 8192
"""Rows of a map that OpenCV's remap takes at once: fewer than 32,767."""


def median_length_um(analysis: Analysis) -> float:
    """Median length of the counted hairs, um, as far as the photo shows it; NaN without a scale or hairs."""
    seen = [h.length_px for h, counted in zip(analysis.hairs, analysis.counted, strict=True) if counted]
    if not seen or analysis.um_per_px is None:
        return float("nan")
    return float(np.median(seen)) * analysis.um_per_px


def unseen_share(counted: Sequence[Hair], doubtful: Sequence[Hair]) -> float:
    """Share of the hairs to be expected that are not counted, each alone being too doubtful.

    Parameters
    ----------
    counted, doubtful : sequence of Hair
        Hairs that are counted, and candidates in the counting area that are not reported; the confidence of
        each is the probability that it is a hair.

    Returns
    -------
    float
        0-1; NaN without any.
    """
    missed = float(sum(hair.confidence for hair in doubtful))
    expected = missed + float(sum(hair.confidence for hair in counted))
    return missed / expected if expected > 0 else float("nan")


def unseen_flags(
    counted: Sequence[Hair], contrast: NDArray[np.float64], unseen: float, um_per_px: float | None
) -> set[str]:
    """Flags of `PHOTO_FLAGS` on hair that may have been missed.

    Parameters
    ----------
    counted : sequence of Hair
        K counted hairs, measured.
    contrast : (K,) float64
        Of them, as `contrasts` tells.
    unseen : float
        As `unseen_share` tells.
    um_per_px : float or None
    """
    flags = {"lower_bound"} if unseen > UNSEEN_ABOVE else set()
    if len(counted) < FEWEST_FOR_MEDIAN:
        return flags
    if np.median(contrast) < PALE_BELOW:
        flags.add("pale_hair")
    no_tip = np.mean([not TIP_HIDDEN.isdisjoint(hair.flags) for hair in counted])
    longest_um = np.median([hair.length_px for hair in counted]) * (um_per_px or 0.0)
    if no_tip > NO_TIP_ABOVE or longest_um > LONG_ABOVE_UM:
        flags.add("long_hair")
    return flags


def scale_is_doubtful(
    counted: Sequence[Hair], counting_mask: NDArray[np.bool_], um_per_px: float | None
) -> bool:
    """Whether at this scale the counted hairs would be wider, thinner or denser than on any scalp.

    Parameters
    ----------
    counted : sequence of Hair
        Measured.
    counting_mask : (H, W) bool
    um_per_px : float or None
        Without one there is nothing to doubt.
    """
    if um_per_px is None or len(counted) < FEWEST_FOR_MEDIAN:
        return False
    widths_um = [hair.diameter_px * um_per_px for hair in counted if np.isfinite(hair.diameter_px)]
    if len(widths_um) >= FEWEST_FOR_MEDIAN:
        median_um, upper_um = np.percentile(widths_um, (50, 75))
        if median_um < THINNEST_UM or upper_um > WIDEST_UM:
            return True
    area_cm2 = float(np.count_nonzero(counting_mask)) * (um_per_px * 1e-4) ** 2
    return len(counted) > DENSEST_PER_CM2 * area_cm2
