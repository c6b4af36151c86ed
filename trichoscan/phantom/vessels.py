"""Small blood vessels of a phantom's skin: trees that branch, and hairpin loops, in micrometres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FINEST_UM = 9.0
"""Vessels finer than this do not show."""

LOOP_SHARE = 0.25
"""How many of the vessels are hairpin loops of the papillae rather than trees."""


def grow_vessels(n: int, extent_um: float, rng: np.random.Generator) -> tuple[tuple[Floats, ...], Floats]:
    """Grow n vessels within a square about the origin.

    Parameters
    ----------
    n : int
    extent_um : float
        Side of the square.
    rng : numpy Generator

    Returns
    -------
    tuple of (P, 2) float64
        Course of each branch.
    (V,) float64
        Width of each branch, um.
    """
    paths: list[Floats] = []
    widths: list[float] = []
    for _ in range(n):
        start, turn = rng.uniform(-0.5, 0.5, 2) * extent_um, rng.uniform(0, 2 * np.pi)
        if rng.random() < LOOP_SHARE:
            for _ in range(int(rng.integers(1, 6))):
                paths.append(_loop(start + rng.normal(0, 150, 2), turn + rng.normal(0, 0.4), rng))
                widths.append(float(rng.uniform(FINEST_UM, 16)))
        else:
            _branch(
                start, turn, float(rng.uniform(14, 40)), float(rng.uniform(400, 1500)), rng, paths, widths
            )
    return tuple(paths), np.array(widths)


def _branch(
    start: Floats,
    turn: float,
    width_um: float,
    length_um: float,
    rng: np.random.Generator,
    paths: list[Floats],
    widths: list[float],
) -> None:
    """Append a branch and what forks off it."""
    n = max(int(length_um / 30.0), 4)
    # A steady bend and kinks on top, drawn back to the first direction: vessels wander but go on.
    kinks = rng.normal(0, 0.28, n)
    angle = (
        turn
        + np.cumsum(kinks)
        - 0.8 * np.cumsum(np.linspace(0, 1, n) * kinks.mean())
        + rng.normal(0, 0.15, n)
    )
    path = start + np.cumsum(np.column_stack([np.cos(angle), np.sin(angle)]) * (length_um / n), axis=0)
    paths.append(path)
    widths.append(width_um)
    finer = width_um * float(rng.uniform(0.55, 0.8))
    if finer < FINEST_UM:
        return
    for fork in rng.integers(1, n, int(rng.integers(1, 4))):
        away = float(rng.choice([-1, 1]) * rng.uniform(0.4, 1.1))
        _branch(
            path[fork],
            float(angle[fork]) + away,
            finer,
            length_um * float(rng.uniform(0.3, 0.7)),
            rng,
            paths,
            widths,
        )


def _loop(centre: Floats, turn: float, rng: np.random.Generator) -> Floats:
    """(14, 2) hairpin: up, round and back."""
    length, wide = rng.uniform(50, 130), rng.uniform(14, 30)
    along = np.concatenate([np.linspace(0, length, 5), np.full(4, length), np.linspace(length, 0, 5)])
    across = np.concatenate([np.zeros(5), wide * np.array([0.1, 0.4, 0.8, 1.0]), np.full(5, wide)])
    along[5:9] += 0.4 * wide * np.array([0.6, 1.0, 1.0, 0.6])
    c, s = np.cos(turn), np.sin(turn)
    points = np.column_stack([along, across]) + rng.normal(0, 2.5, (14, 2))
    return np.asarray(centre + points @ np.array([[c, s], [-s, c]]))
