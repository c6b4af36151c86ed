"""A pairing as a person put it right."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from trichoscan.match.outcome import inside, match_units, sort_key
from trichoscan.records import Alignment, Match, Pairing


@dataclass(frozen=True)
class Links:
    """What a person said of hairs, by their index in `Analysis.hairs`.

    Attributes
    ----------
    same : collection of (int, int)
        One hair, in the baseline and in the follow-up; each hair at most once.
    alone_baseline, alone_followup : collection of int
        Without a partner.
    """

    same: Collection[tuple[int, int]] = ()
    alone_baseline: Collection[int] = ()
    alone_followup: Collection[int] = ()

    def swapped(self) -> Links:
        """The same, follow-up first."""
        return Links([(k, i) for i, k in self.same], self.alone_followup, self.alone_baseline)


NO_LINKS = Links()


def overrule(pairing: Pairing, links: Links) -> Pairing:
    """Pair and part hairs as they were linked, and their units with them.

    Parameters
    ----------
    pairing : Pairing
    links : Links

    Returns
    -------
    Pairing
        What a person linked or parted has probability 1. Who was left by it without a partner is lost or new,
        with probability 1 too: somebody looked there. Hairs found again that lost their partner are in no
        match.
    """
    if not (links.same or links.alone_baseline or links.alone_followup):
        return pairing
    alignment = pairing.alignment
    roots = np.array([hair.root_px for hair in pairing.baseline_hairs]).reshape(-1, 2)
    back = alignment.to_baseline(np.array([h.root_px for h in pairing.followup_hairs]).reshape(-1, 2))
    said_b = {i for i, _ in links.same} | set(links.alone_baseline)
    said_f = {k for _, k in links.same} | set(links.alone_followup)
    kept = [m for m in pairing.matches if m.baseline not in said_b and m.followup not in said_f]
    gone = [m for m in pairing.matches if m.baseline in said_b or m.followup in said_f]
    um = alignment.um_per_px if alignment.um_per_px is not None else float("nan")
    for i, k in links.same:
        distance = float(np.hypot(*(roots[i] - back[k]))) * um
        kept.append(Match("matched", i, k, distance, 1.0, inside(alignment, (roots[i] + back[k]) / 2)))
    paired_b, paired_f = {i for i, _ in links.same}, {k for _, k in links.same}
    left_b = {m.baseline for m in gone if m.baseline is not None} | set(links.alone_baseline)
    left_f = {m.followup for m in gone if m.followup is not None} | set(links.alone_followup)
    for i in sorted(left_b - paired_b):
        kept += _alone(alignment, Match("lost", i, None, float("nan"), 1.0, True), roots[i], pairing)
    for k in sorted(left_f - paired_f):
        kept += _alone(alignment, Match("new", None, k, float("nan"), 1.0, True), back[k], pairing)
    matches = tuple(sorted(kept, key=sort_key))
    units = pairing.baseline_units, pairing.followup_units
    return replace(
        pairing, matches=matches, unit_matches=match_units(alignment, (roots, back), units, matches)
    )


def _alone(
    alignment: Alignment, match: Match, at_px: np.ndarray[tuple[int], np.dtype[np.float64]], pairing: Pairing
) -> list[Match]:
    """The match, where it lies in the common field and is not of a hair found only by matching."""
    hair = (
        pairing.baseline_hairs[match.baseline]
        if match.baseline is not None
        else pairing.followup_hairs[match.followup or 0]
    )
    return [match] if "found_again" not in hair.flags and inside(alignment, at_px) else []
