"""A number that was estimated."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A number that was estimated.

    Attributes
    ----------
    value, low, high : float
        The estimate and its 95 % interval, in the unit of the field that holds it.
    n : int
        Independent samples behind it.
    """

    value: float
    low: float
    high: float
    n: int
