"""Improved, stable, worsened or inconclusive: the stated rule."""

from __future__ import annotations

from trichoscan.records import Estimate, Response

STABLE_WITHIN = 0.10
"""Of the mean density of both visits: a change within it does not matter. Our choice, less than half of the
23 % that a panel of dermatologists saw as a change."""


def judge(change: Estimate, level: float, smallest_detectable: float) -> Response:
    """Response by the change of hair density, all in hairs per cm2, or all in hairs of the field.

    1. `stable`: the whole interval lies within 10 % of the mean of both visits' levels about no change.
    2. `improved` (`worsened`): the whole interval lies above (below) 0, and the change is at least the
       smallest detectable one.
    3. `inconclusive`: all else, and where nothing could be estimated.

    Parameters
    ----------
    change : Estimate
        Of the site, 95 % interval.
    level : float
        Mean of the densities at both visits.
    smallest_detectable : float

    Returns
    -------
    str
        With no true change at most 5 % are improved or worsened, if the interval holds what it says.
    """
    margin = STABLE_WITHIN * level
    if -margin <= change.low and change.high <= margin and margin > 0:
        return "stable"
    if abs(change.value) >= smallest_detectable:
        if change.low > 0:
            return "improved"
        if change.high < 0:
            return "worsened"
    return "inconclusive"
