"""identities.csv: one name for each hair over all visits of a site that has three or more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from trichoscan.match.identities import join
from trichoscan.study import store
from trichoscan.study.columns import IDENTITIES_HEADER, MATCH_COLUMNS, rounded, text_cell
from trichoscan.study.manifest import Entry
from trichoscan.study.pairs import read_pair_part
from trichoscan.study.visits import Pair

Names = dict[tuple[str, str, str], tuple[str, str]]
"""Hair and unit number in hairs.csv, by pair_id, side and the hair's number within the pair."""
Star = tuple[int, int]
"""Number of the visit, and of the hair in hairs.csv."""
Parts = Sequence[tuple[Pair, dict[str, Any]]]

FEWEST_VISITS = 3
"""Of two, matches.csv says which hairs are one."""
KIND, BASELINE, FOLLOWUP, CONFIDENCE = (
    MATCH_COLUMNS.index(name) - 1 for name in ("kind", "baseline_hair_id", "followup_hair_id", "confidence")
)


def write_identities(out: Path, pairs: Sequence[Pair], names: Names) -> None:
    """Write identities.csv where a site was seen at three visits or more; else that of an earlier run goes.

    Parameters
    ----------
    out : Path
        RESULTS, with the parts of all photos and pairs.
    pairs : sequence of Pair
    names : dict
        Of the hairs that only matching found.
    """
    sites: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        if pair.baseline is not None:
            sites[pair.baseline.image].append(pair)
    seen = [site for _, site in sorted(sites.items()) if len(site) + 1 >= FEWEST_VISITS]
    if seen:
        store.write_table(out / "identities.csv", IDENTITIES_HEADER, _rows(out, seen, names))
    else:
        (out / "identities.csv").unlink(missing_ok=True)


def _rows(out: Path, sites: Sequence[Sequence[Pair]], names: Names) -> Iterator[list[str]]:
    for pairs in sites:
        parts = [(pair, read_pair_part(out, pair.pair_id)) for pair in pairs]
        site = [(pair, part) for pair, part in parts if part and part["cells"].get("status") == "ok"]
        if len(site) + 1 < FEWEST_VISITS:
            continue
        entries = _visits(site)
        stars, links = _linked(out, site, entries, names)
        for number, (hairs, weakest) in enumerate(join(stars, links), 1):
            for visit, (_, hair) in sorted(hairs.items()):
                entry = entries[visit]
                known = entry.subject, entry.site, str(number), entry.image, entry.visit, entry.date
                yield [*(text_cell(cell) for cell in known), str(hair), rounded(weakest, 3)]


def _visits(site: Parts) -> list[Entry]:
    """Baseline, then the follow-ups in order of date."""
    later = sorted((pair.followup for pair, _ in site), key=lambda e: (e.date, e.visit, e.image))
    return [entry for entry in (site[0][0].baseline, *later) if entry is not None]


def _linked(
    out: Path, site: Parts, entries: Sequence[Entry], names: Names
) -> tuple[list[Star], list[tuple[float, Star, Star]]]:
    """Hairs of all visits, and pairs of them that were matched, each with its probability."""
    number = {entry.image: visit for visit, entry in enumerate(entries)}
    stars: dict[Star, None] = {}
    for entry in entries:
        photo = store.read_part(out, entry.image)
        stars |= {(number[entry.image], k): None for k in range(1, len(photo["hairs"]) + 1 if photo else 1)}
    links = []
    for pair, part in site:
        visit = number[pair.followup.image]
        for row in part["matches"]:
            if row[KIND] == "matched":
                ends = row[BASELINE], row[FOLLOWUP]
                sides = zip(("baseline", "followup"), ends, (0, visit), strict=True)
                one, other = ((v, int(names.get((pair.pair_id, s, k), (k,))[0])) for s, k, v in sides)
                stars |= {one: None, other: None}
                links.append((float(row[CONFIDENCE]), one, other))
        if pair.previous is not None and pair.previous.image in number:
            before = number[pair.previous.image]
            links += [(p, (before, i), (visit, k)) for i, k, p in part["links"]]
    return list(stars), links
