"""Whether two roots that lie along one shaft are the ends of one: what the pixels show between them.

Detection may take a hair up late, where it has come clear of another or of a shade. Then the shaft is to be
seen from the other visit's root on. Another hair that stands farther along begins where it was detected, and
the way to it is bare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trichoscan.match.pixels import Evidence, Sight, cells_at, course_px, in_sight
from trichoscan.records import Hair

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Both = tuple[Evidence, Evidence]

LEAST_UM, MOST_UM, ASIDE_UM = 35.0, 200.0, 60.0
"""Roots so far apart along the shaft, and no farther across, are looked between."""
INNER = (0.15, 0.85)
"""Part of the way that is looked at: either root is blurred."""
POINTS = 12
TRIES_UM = (-12.0, 0.0, 12.0)
"""The other root may lie so far aside: error of the map."""
OPEN_SHARE = 0.5
"""Less of the way free of other hairs, and nothing is said."""
LEAST_DARKNESS = 0.1
"""Paler shafts cannot be told from skin."""
SHAFT, SHAFT_SD, BARE, BARE_SD = 0.62, 0.18, 0.15, 0.15
"""Darkness of the way as a share of the shaft's: of one hair, whose first part is sunk in the skin's shade,
and of bare skin. By 56
pairs of 24 plucked validation photos and 12 pairs of phantoms, 18 of them wrong."""
DARK_ANYWAY = 0.35
"""Of two hairs, the share with something dark between them: five of these 18, and some more (our choice)."""
STRANGE = 0.02
"""Density of anything, by glare or a hair that nobody found (our choice)."""


def gap_gain(
    step_um: tuple[Floats, Floats],
    hairs: tuple[Sequence[Hair], Sequence[Hair]],
    number: tuple[Ints, Ints],
    from_other_px: tuple[Floats, Floats],
    sights: tuple[Sight, Sight],
) -> Floats:
    """(K, L) log ratio of what is seen between two roots if they are of one hair, over two.

    Parameters
    ----------
    step_um : two (K, L) float64
        Across and along the baseline's hair, from its root to the follow-up's.
    hairs : two sequences of Hair
        K of the baseline and L of the follow-up.
    number : (K,) and (L,) int64
        Of these in their sights.
    from_other_px : (L, 2) and (K, 2) float64
        The follow-up's roots on the baseline photo, and the baseline's on the follow-up photo.
    sights : (Sight, Sight)

    Returns
    -------
    (K, L) float64
        0 where nothing can be said.
    """
    across, along = np.abs(step_um[0]), step_um[1]
    gain = np.zeros(along.shape)
    look = (np.abs(along) >= LEAST_UM) & (across <= ASIDE_UM) & (np.hypot(across, along) < MOST_UM)
    for i, k in np.argwhere(look):
        side = int(along[i, k] > 0)  # the photo whose root is the farther one
        own, other = (k, i) if side else (i, k)
        share = _share_dark(
            sights[side], hairs[side][own], int(number[side][own]), from_other_px[side][other]
        )
        gain[i, k] = _log_ratio(share)
    return gain


def with_gaps(evidence: Both, along_um: Floats, gain: Floats) -> Both:
    """What the pixels say of each hair, with the ways to hairs that stand farther along its shaft.

    Where such a way is bare the hair is not there, though the rest of its place lies below the other.

    Parameters
    ----------
    evidence : (Evidence, Evidence)
    along_um : (K, L) float64
        From the baseline's root to the follow-up's, along the baseline's hair.
    gain : (K, L) float64
        From `gap_gain`.
    """
    found = []
    for one, on_its_way, axis in ((evidence[0], along_um > 0, 1), (evidence[1], along_um < 0, 0)):
        bare = np.where(on_its_way, gain, 0.0).min(axis, initial=0.0)
        tells = bare < np.minimum(one.log_ratio, 0.0)
        found.append(
            replace(
                one,
                log_ratio=np.where(tells, bare, one.log_ratio),
                hidden=np.where(tells, 0.0, one.hidden),
            )
        )
    return found[0], found[1]


def _share_dark(sight: Sight, hair: Hair, number: int, start_px: Floats) -> float:
    """Darkness on the way from `start_px` to the root over that of the shaft; NaN where it is not seen."""
    way = hair.root_px - start_px
    aside = np.array([-way[1], way[0]]) / max(float(np.hypot(*way)), 1e-9) / sight.um_per_px
    part = np.linspace(*INNER, POINTS)[:, None]
    tried = [(start_px + t * aside) * (1 - part) + hair.root_px * part for t in TRIES_UM]
    ways = _darkness(sight, np.array(tried), number)
    shaft = _darkness(sight, course_px(hair, sight.um_per_px)[None], number)[0]
    if not np.isfinite(ways).any() or not abs(shaft) >= LEAST_DARKNESS:
        return float("nan")
    return float(np.nanmax(ways / shaft))


def _darkness(sight: Sight, at_px: Floats, number: int) -> Floats:
    """(T,) median darkness of courses (T, N, 2) where no other hair lies; NaN where most is hidden."""
    row, column, _ = cells_at(sight, at_px)
    seen = in_sight(sight, sight.rims, at_px, np.full(len(at_px), number))
    dark = [
        float(np.median(d[s])) if s.mean() >= OPEN_SHARE else float("nan")
        for d, s in zip(sight.darkness[row, column], seen, strict=True)
    ]
    return np.array(dark)


def _log_ratio(share: float) -> float:
    if np.isnan(share):
        return 0.0
    one = _normal((min(share, SHAFT) - SHAFT) / SHAFT_SD) / SHAFT_SD + STRANGE
    bare = _normal((max(share, BARE) - BARE) / BARE_SD) / BARE_SD + STRANGE
    return float(np.log(one / ((1 - DARK_ANYWAY) * bare + DARK_ANYWAY * one)))


def _normal(z: float) -> float:
    return float(np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi))
