"""A number that was estimated."""

from __future__ import annotations

from dataclasses import dataclass

NORMAL_95 = 1.959964
"""Standard deviations on either side of the mean of a normal distribution that hold 95 % of it."""


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
