"""Shafts that are probably two: too wide beside the photo's other hair, or with a doubtful hair along them.

Two hairs that lie together and were traced as one have one width, their common one. On whole phantoms such
hairs made a photo's mean diameter 2 to 20 um too large.

Letters for shapes: N points of a path, K hairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trichoscan.measure.shafts import SAME_PX
from trichoscan.records import Hair

Floats = NDArray[np.float64]

AS_TWO, THICK_UM = 1.35, 100.0
"""So many times the photo's upper quartile, and thick at all, so that the few thick hairs among miniaturized
ones are kept. On phantoms (seeds 7000 to 7030) all of 31 such shafts were two hairs."""
WIDEST_SINGLE_UM = 140.0
"""On these phantoms all shafts above 125 um were two; of eleven above 135 um on 24 training photos of
data/fdu ten were, looked at by eye."""
BESIDE_AS_TWO = 1.1
"""The same with a doubtful hair alongside: 27 of 30 were two."""
LEAST_DOUBTFUL, ALONGSIDE_SHARE, REACH = 0.1, 0.7, 0.75
"""Confidence of that one; share of the shaft along which it lies, no further off than so many widths."""
BESIDE_SE_SHARE = 0.15
"""Standard error of a shaft along which a doubtful hair lies, as of touched ones."""
MIDDLE, POINTS = (0.15, 0.9), 15
FEWEST = 5
"""Hairs without a flag whose upper quartile is taken; of fewer, that of all measured ones."""


def without_doubles(hairs: Sequence[Hair], sure: int, um_per_px: float) -> tuple[Hair, ...]:
    """Take the diameter from shafts that are probably two, and widen the error of those that may be.

    Parameters
    ----------
    hairs : sequence of Hair
        K hairs, measured; those from number `sure` on are doubtful.
    sure : int
    um_per_px : float
        As known or assumed.

    Returns
    -------
    tuple of Hair
        In the same order; what is taken from or widened is flagged `overlapped`.
    """
    usual_px = _upper_quartile_px(hairs[:sure])
    beside = [hair for hair in hairs[sure:] if hair.confidence >= LEAST_DOUBTFUL]
    return tuple(
        _judged(hair, usual_px, beside if k < sure else [], um_per_px) if hair.diameter_px > 0 else hair
        for k, hair in enumerate(hairs)
    )


def _upper_quartile_px(hairs: Sequence[Hair]) -> float:
    measured = [hair for hair in hairs if np.isfinite(hair.diameter_px)]
    clear = [hair for hair in measured if "overlapped" not in hair.flags]
    chosen = clear if len(clear) >= FEWEST else measured
    return float(np.quantile([h.diameter_px for h in chosen], 0.75)) if len(chosen) >= FEWEST else np.inf


def _judged(hair: Hair, usual_px: float, beside: Sequence[Hair], um_per_px: float) -> Hair:
    ratio, width_um = hair.diameter_px / usual_px, hair.diameter_px * um_per_px
    doubled = any(_lies_along(hair, other.path_px) for other in beside)
    flags = tuple(dict.fromkeys((*hair.flags, "overlapped")))
    alone = width_um > WIDEST_SINGLE_UM or (ratio > AS_TWO and width_um > THICK_UM)
    if alone or (doubled and ratio > BESIDE_AS_TWO):
        unknown = float("nan")
        return replace(
            hair,
            flags=(*flags, "no_diameter"),
            diameter_px=unknown,
            diameter_se_px=unknown,
            widths_px=np.empty((0, 3)),
            width_profiles=0,
        )
    if not doubled:
        return hair
    se = float(np.hypot(hair.diameter_se_px, BESIDE_SE_SHARE * hair.diameter_px))
    return replace(hair, flags=flags, diameter_se_px=se)


def _lies_along(hair: Hair, path_px: Floats) -> bool:
    """Whether another path lies along a shaft, beside its middle line but within or next to it."""
    reach = REACH * hair.diameter_px + SAME_PX
    low, high = path_px.min(axis=0) - reach, path_px.max(axis=0) + reach
    if (hair.path_px.max(axis=0) < low).any() or (hair.path_px.min(axis=0) > high).any():
        return False
    steps = np.hypot(*np.diff(hair.path_px, axis=0).T)
    arc = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.linspace(*MIDDLE, POINTS) * arc[-1]
    middle = np.stack([np.interp(at, arc, hair.path_px[:, k]) for k in (0, 1)], axis=1)
    away = _distance(middle, path_px)
    return bool(((away > SAME_PX) & (away < reach)).mean() >= ALONGSIDE_SHARE)


def _distance(points_px: Floats, path_px: Floats) -> Floats:
    """Distance of each point from a path of straight pieces."""
    first, piece = path_px[:-1], np.diff(path_px, axis=0)
    off = points_px[:, None] - first
    share = (off * piece).sum(axis=2) / np.maximum((piece**2).sum(axis=1), 1e-12)
    nearest = off - np.clip(share, 0, 1)[..., None] * piece
    return np.asarray(np.hypot(nearest[..., 0], nearest[..., 1]).min(axis=1))
