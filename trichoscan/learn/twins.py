"""Photos of one exposure under several names: they must not stand on both sides of a split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from trichoscan.photo.read import read_photo

THUMBNAIL_PX = (40, 32)
TWIN_CORRELATION = 0.8
"""Of 44,551 pairs of photos in shared/data/fdu the 19 of one exposure lie above 0.96, the next at 0.26."""


def find_twins(photos: Mapping[str, Path]) -> list[frozenset[str]]:
    """Find photos that show the same exposure, whatever is burnt into them.

    Parameters
    ----------
    photos : mapping of str to Path
        File of each name.

    Returns
    -------
    list of frozenset of str
        Names of each group of two and more.

    Raises
    ------
    TrichoscanError
        Where a photo cannot be read.
    """
    names = sorted(photos)
    if len(names) < 2:
        return []
    thumbnails = np.array([_thumbnail(read_photo(photos[name]).pixels) for name in names])
    alike = thumbnails @ thumbnails.T / thumbnails.shape[1] > TWIN_CORRELATION
    _, group = connected_components(alike, directed=False)
    found = [frozenset(names[i] for i in np.flatnonzero(group == g)) for g in np.unique(group)]
    return [twins for twins in found if len(twins) > 1]


def without_twins(names: Sequence[str], others: Sequence[str], twins: Sequence[frozenset[str]]) -> list[str]:
    """Those of `names` of which no twin is among `others`."""
    taken = set(others)
    seen = {name for group in twins if group & taken for name in group}
    return [name for name in names if name not in seen]


def _thumbnail(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N,) brightness of a small copy less its slow course, zero mean and unit SD."""
    small = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), THUMBNAIL_PX, interpolation=cv2.INTER_AREA)
    fine = small.astype(np.float64) - cv2.GaussianBlur(small.astype(np.float64), (0, 0), 5.0)
    return np.asarray((fine - fine.mean()) / max(float(fine.std()), 1e-6)).ravel()
