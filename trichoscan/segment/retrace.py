"""Where a followed shaft may be another's: followed back, it ends where the way back leads elsewhere.

The four constants were chosen on 18 phantoms (seeds 8100 to 8105 of clipped, long and thin hair). Of the
points of long hair's paths 37 % lay on another hair than the root's before, 25 % after, of thin hair's 40 and
20 %, of clipped hair's 8 and 8 %. Of the true length 72, 70 and 96 % was followed before, 63, 66 and 96 %
after.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trichoscan.segment.march import ShaftMap, march

Floats = NDArray[np.float64]

EVERY_STEPS = 12
"""Steps of the path (0.2 mm) from one look back to the next."""
BACK_CELLS = 31.5
"""The way back is followed for 0.35 mm, past what a crossing hair hides."""
ASIDE_CELLS = 3.0
"""A way back that lies 33 um off the path is that of another hair."""
KEPT_POINTS = 60
"""The first mm is kept: clipped hair ends there, and short paths upon one shaft must be told to lie there."""


def retraced(shafts: ShaftMap, paths: Sequence[Floats], least: float) -> list[Floats]:
    """Cut each path where it may have gone over to another hair.

    At a crossing, and where two shafts become one, several ways lead in and one leads on. Whoever took
    the way of another is told by turning round: the way back follows that other hair.

    Parameters
    ----------
    shafts : ShaftMap
    paths : sequence of (N, 2) float64
        Cells, root first, points `STEP_CELLS` apart; on the middle of their shafts (`centre`), for marching
        keeps to either side of a wide one.
    least : float
        Evidence below which a shaft is not seen.

    Returns
    -------
    list of (M, 2) float64
        Each path up to the last place from which the way back is the way there, or its first mm.
    """
    looks = [
        (k, n)
        for k, path in enumerate(paths)
        if len(path) > KEPT_POINTS
        for n in range(EVERY_STEPS, len(path), EVERY_STEPS)
    ]
    places = np.array([paths[k][n] for k, n in looks]).reshape(-1, 2)
    ways = [paths[k][n - 1] - paths[k][min(n + 1, len(paths[k]) - 1)] for k, n in looks]
    heading = np.arctan2(*np.array(ways).reshape(-1, 2).T[::-1])
    last = [len(path) for path in paths]
    for (k, n), back in zip(looks, march(shafts, places, heading, least, BACK_CELLS), strict=True):
        if _farthest(back[: n + 1], paths[k][: n + 1]) > ASIDE_CELLS:
            last[k] = min(last[k], max(n - EVERY_STEPS + 1, KEPT_POINTS))
    return [path[:end] for path, end in zip(paths, last, strict=True)]


def _farthest(back: Floats, path: Floats) -> float:
    """Largest distance of a point of the way back from the path there."""
    return float(np.hypot(*(back[:, None] - path[None]).transpose(2, 0, 1)).min(1).max())
