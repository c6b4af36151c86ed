"""Stretched skin: a smooth map of the scalp as it is to the scalp as it lies under the lens, and back.

N: points, M: waves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.scalp import TrueHair

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

WAVES = 6
"""Waves of the local stretch; fewer would show their direction."""

WAVE_LENGTHS_UM = (4000.0, 16000.0)
"""Skin is drawn together and apart over ways of the size of the photo: our choice."""

MOST_STRAIN = 0.6
"""Bound of the local strain above which a stretch is refused: at 1 the skin would fold over itself."""

CLOSE_UM = 1e-8
"""Change of a step at which the way back counts as found."""

NODE_PX = 16
"""The way back is found every so many px and interpolated between: at 6 um/px within 0.01 px at 2 %
of strain, and within 0.02 px at 5 %."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """A smooth deformation of the scalp; the origin stays.

    Attributes
    ----------
    strain : (2, 2) float64
        Of the whole site, symmetric.
    ways_um, waves_per_um : (M, 2) float64
        Displacement and wave vector (rad/um) of each wave.
    phase : (M,) float64
    """

    strain: Floats
    ways_um: Floats
    waves_per_um: Floats
    phase: Floats

    def carry(self, points_um: Floats) -> Floats:
        """Where the (N, 2) points of the scalp lie once it is stretched."""
        return np.asarray(points_um + self._displacement(points_um))

    def release(self, points_um: Floats) -> Floats:
        """Inverse of `carry`: what points of the scalp lie at (N, 2) places."""
        found = np.asarray(points_um, dtype=np.float64)
        for _ in range(200):  # each step cuts the error by `bound` at least
            before, found = found, points_um - self._displacement(found)
            if not found.size or np.abs(found - before).max() < CLOSE_UM:
                break
        return found

    def bound(self) -> float:
        """Local strain is nowhere larger."""
        waves = np.hypot(*self.ways_um.T) * np.hypot(*self.waves_per_um.T)
        return float(np.linalg.norm(self.strain, 2) + waves.sum())

    def _displacement(self, points_um: Floats) -> Floats:
        swing = np.sin(points_um @ self.waves_per_um.T + self.phase) - np.sin(self.phase)
        return np.asarray(points_um @ self.strain.T + swing @ self.ways_um)


def draw_stretch(strain: float, rng: np.random.Generator) -> Stretch:
    """Draw a stretch at random.

    Parameters
    ----------
    strain : float
        RMS of the local strain, 0-0.1; half of its variance is common to the site.
    rng : numpy Generator

    Returns
    -------
    Stretch

    Raises
    ------
    ValueError
        Strain so large that the skin might fold over itself.
    """
    turn = rng.uniform(0, np.pi)
    axes = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    common = axes @ np.diag(rng.normal(0, strain * np.sqrt(0.5), 2)) @ axes.T
    shortest, longest = WAVE_LENGTHS_UM
    lengths = shortest * (longest / shortest) ** rng.uniform(0, 1, WAVES)
    toward, along = rng.uniform(0, 2 * np.pi, (2, WAVES, 1))
    wave = np.hstack([np.cos(toward), np.sin(toward)]) * (2 * np.pi / lengths)[:, None]
    way = (
        np.hstack([np.cos(along), np.sin(along)]) * (strain * lengths / (2 * np.pi * np.sqrt(WAVES)))[:, None]
    )
    stretch = Stretch(common, way, wave, rng.uniform(0, 2 * np.pi, WAVES))
    if stretch.bound() > MOST_STRAIN:
        raise ValueError(f"a strain of {strain:g} might fold the skin over itself; it must be below 0.1")
    return stretch


def carry_hairs(hairs: tuple[TrueHair, ...], stretch: Stretch | None) -> tuple[TrueHair, ...]:
    """Hairs whose shafts keep their shape on stretched skin: only the root goes with it.

    Their paths are such that `Stretch.carry` moves each shaft as a whole.
    """
    if stretch is None or not hairs:
        return hairs
    counts = [len(h.path_um) for h in hairs]
    roots = np.repeat(np.array([h.path_um[0] for h in hairs]), counts, axis=0)
    shafts = stretch.carry(roots) + np.concatenate([h.path_um for h in hairs]) - roots
    paths = np.split(stretch.release(shafts), np.cumsum(counts)[:-1])
    return tuple(replace(h, path_um=p) for h, p in zip(hairs, paths, strict=True))


def sample_skin(
    tile: Singles,
    to_cells: Callable[[Floats], Floats],
    photo_px: tuple[int, int],
    size: tuple[int, int],
    border: int,
) -> Singles:
    """Values of a map of the skin on the photo, at full or reduced size.

    Parameters
    ----------
    tile : (R, C) or (R, C, channels) float32
    to_cells : callable
        (N, 2) px of the photo to (N, 2) cells (x, y) of the tile; smooth.
    photo_px, size : (int, int)
        Width and height of the photo and of the picture of it that is wanted.
    border : int
        What lies beyond the tile, such as `cv2.BORDER_WRAP`.

    Returns
    -------
    (H, W[, channels]) float32
    """
    ratio = np.array(photo_px) / size
    # Nodes lie where a picture of NODE_PX times fewer pixels has its pixels' centres, one beyond each rim.
    nodes = [(np.arange(-1, n // NODE_PX + 2) + 0.5) * NODE_PX - 0.5 for n in size]
    x, y = np.meshgrid(*nodes)
    cells = to_cells((np.column_stack([x.ravel(), y.ravel()]) + 0.5) * ratio - 0.5)
    grid = cells.reshape(*x.shape, 2).astype(np.float32)
    all_px = (len(nodes[0]) * NODE_PX, len(nodes[1]) * NODE_PX)
    maps = cv2.resize(grid, all_px, interpolation=cv2.INTER_LINEAR)
    maps = np.ascontiguousarray(maps[NODE_PX : NODE_PX + size[1], NODE_PX : NODE_PX + size[0]])
    return np.asarray(cv2.remap(tile, maps, None, cv2.INTER_LINEAR, borderMode=border), np.float32)
