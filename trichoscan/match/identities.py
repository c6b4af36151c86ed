"""Three visits and more: one name for each hair over all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from trichoscan.records import Hair, Pairing

Star = tuple[int, float, float]

S = TypeVar("S", bound=tuple[Any, ...])


@dataclass(frozen=True, eq=False)
class Identity:
    """One hair over V visits.

    Attributes
    ----------
    hairs : tuple of Hair or None
        V of them; None where the visit does not show it.
    probability : float
        Of the weakest of the matches that hold it together; 1 for a hair seen once.
    """

    hairs: tuple[Hair | None, ...]
    probability: float


def identities(pairings: Mapping[tuple[int, int], Pairing], visits: int) -> tuple[Identity, ...]:
    """Join pairwise matches so that no identity holds two hairs of one visit.

    Matches are taken from the likeliest on, as long as what they join has no visit in common: a weak
    match that contradicts stronger ones is dropped. A hair lost at one visit and seen at the next is so
    found as one, through the baseline.

    Parameters
    ----------
    pairings : mapping of (int, int) to Pairing
        By numbers of the earlier and the later visit; at least each follow-up with the baseline, more
        pairs make it surer.
    visits : int
        Number of visits V.

    Returns
    -------
    tuple of Identity
        By the first visit that shows them, then from top to bottom and left to right by root.
    """
    hair_of: dict[Star, Hair] = {}
    links = []
    for (earlier, later), pairing in sorted(pairings.items(), key=lambda item: item[0]):
        firsts = [_star(earlier, hair, hair_of) for hair in pairing.baseline_hairs]
        seconds = [_star(later, hair, hair_of) for hair in pairing.followup_hairs]
        for m in pairing.matches:
            if m.baseline is not None and m.followup is not None:
                links.append((m.probability, firsts[m.baseline], seconds[m.followup]))
    return tuple(
        Identity(tuple(hair_of[stars[v]] if v in stars else None for v in range(visits)), weakest)
        for stars, weakest in join(hair_of, links)
    )


def join(stars: Iterable[S], links: Iterable[tuple[float, S, S]]) -> list[tuple[dict[int, S], float]]:
    """Join links from the likeliest on, as long as what they join has no visit in common.

    Parameters
    ----------
    stars : iterable of tuples
        All that are to be named; first the number of its visit, then what orders it within the visit.
    links : iterable of (float, star, star)
        Probability that two are one.

    Returns
    -------
    list of (dict of int to star, float)
        The stars of each identity by visit, and the probability of the weakest of its links; sorted by the
        first visit that shows it, and within.
    """
    group: dict[S, dict[int, S]] = {star: {star[0]: star} for star in stars}
    weakest = dict.fromkeys(group, 1.0)
    for probability, one, other in sorted(links, key=lambda link: (-link[0], link[1], link[2])):
        mine, theirs = group[one], group[other]
        if mine is theirs or mine.keys() & theirs.keys():
            continue
        joined = mine | theirs
        for star in joined.values():
            group[star] = joined
            weakest[star] = probability
    found = {tuple(sorted(g.values())) for g in group.values()}
    return [({star[0]: star for star in one}, weakest[one[0]]) for one in sorted(found)]


def _star(visit: int, hair: Hair, hair_of: dict[Star, Hair]) -> Star:
    """Name of a hair within its visit, by its root from top to bottom: no two have the same."""
    star = (visit, float(hair.root_px[1]), float(hair.root_px[0]))
    hair_of.setdefault(star, hair)
    return star
