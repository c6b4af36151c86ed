"""Which photos of a study are compared: every follow-up with the baseline of its subject and site."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import PurePosixPath

from trichoscan.study.manifest import Entry
from trichoscan.study.store import file_names

BASELINE = "baseline"
NAMES_SHOWN = 3


@dataclass(frozen=True)
class Pair:
    """A follow-up photo and what it is compared with.

    Attributes
    ----------
    pair_id : str
        "<baseline>__<follow-up>", of the stems of the photos' files; the follow-up's alone without a
        baseline. Names the pair's files.
    baseline : Entry or None
        None where it is not known which of several photos it is.
    followup : Entry
    days : int or None
        Between the photos; None where a date is missing.
    problem : str
        Why the two cannot be compared; empty where they can.
    previous : Entry or None
        The follow-up before this one, of the same baseline: hairs that are new there are named the same here.
    """

    pair_id: str
    baseline: Entry | None
    followup: Entry
    days: int | None = None
    problem: str = ""
    previous: Entry | None = None

    @property
    def subject(self) -> str:
        """Of the follow-up."""
        return self.followup.subject

    @property
    def site(self) -> str:
        """Of the follow-up."""
        return self.followup.site

    @property
    def arm(self) -> str:
        """Of the follow-up, else of the baseline."""
        return self.followup.arm or (self.baseline.arm if self.baseline else "")


@dataclass(frozen=True)
class Visits:
    """What of a folder is to be compared.

    Attributes
    ----------
    pairs : tuple of Pair
        Sorted by `pair_id`.
    baselines : tuple of Entry
        Baseline photos, also those without a follow-up.
    notes : tuple of str
        Photos that could not be placed, one line for each reason.
    """

    pairs: tuple[Pair, ...]
    baselines: tuple[Entry, ...]
    notes: tuple[str, ...] = ()


def find_pairs(entries: Sequence[Entry]) -> Visits:
    """Sort the photos of each subject and site into a baseline and its follow-ups.

    The baseline is the photo whose visit is named "baseline", else the one with the earliest date.

    Parameters
    ----------
    entries : sequence of Entry
        Those without a subject are left out.

    Returns
    -------
    Visits
        Where several photos could be the baseline, each pair has a `problem`.
    """
    groups: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.subject:
            groups[entry.subject, entry.site].append(entry)
    found: list[tuple[Entry | None, Entry, str]] = []
    baselines: list[Entry] = []
    unplaced: dict[str, list[Entry]] = defaultdict(list)
    for (subject, site), group in sorted(groups.items()):
        first, later, left = _split(group)
        for reason, entry in left:
            unplaced[reason].append(entry)
        baselines += first
        problem = ""
        if len(first) > 1:
            where = f"{subject} {site}".strip()
            names = " and ".join(entry.image for entry in first[:NAMES_SHOWN])
            problem = f"{len(first)} photos of {where} may be the baseline ({names}): keep one, or name sites"
        found += [(None if problem else first[0], entry, problem) for entry in later]
    notes = []
    for reason, lot in unplaced.items():
        names = ", ".join(e.image for e in lot[:NAMES_SHOWN]) + (", ..." if len(lot) > NAMES_SHOWN else "")
        photos = "1 photo is" if len(lot) == 1 else f"{len(lot)} photos are"
        notes.append(f"{photos} not compared ({names}): {reason}")
    return Visits(_chained(make_pairs(found, entries)), tuple(baselines), tuple(notes))


def _chained(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """Each pair with the follow-up before its own, by date, else by name."""
    last: dict[str, Entry] = {}
    before = {}
    for pair in sorted(pairs, key=lambda p: (p.followup.date, p.followup.visit, p.followup.image)):
        if pair.baseline is not None:
            before[pair.pair_id] = last.get(pair.baseline.image)
            last[pair.baseline.image] = pair.followup
    return tuple(replace(pair, previous=before.get(pair.pair_id)) for pair in pairs)


def _split(group: Sequence[Entry]) -> tuple[list[Entry], list[Entry], list[tuple[str, Entry]]]:
    """Baseline photos of a subject and site, the later ones, and those that cannot be placed and why."""
    named = [e for e in group if e.visit.casefold() == BASELINE]
    dated = sorted(e.date for e in group if e.date)
    if named:
        start = min((e.date for e in named if e.date), default="")
        early = [e for e in group if e not in named and e.date and e.date < start]
        later = [e for e in group if e not in named and e not in early]
        return named, later, [("dated before the visit named baseline", e) for e in early]
    if dated:
        first = [e for e in group if e.date == dated[0]]
        reason = "no date beside dated photos of the same subject and site, and no visit named baseline"
        return first, [e for e in group if e.date > dated[0]], [(reason, e) for e in group if not e.date]
    reason = "several photos of a subject and site without a date: give dates or name a visit baseline"
    return [], [], [(reason, e) for e in group] if len(group) > 1 else []


def make_pairs(
    found: Sequence[tuple[Entry | None, Entry, str]], entries: Sequence[Entry], days: int | None = None
) -> tuple[Pair, ...]:
    """Pairs with their names, sorted by these.

    Parameters
    ----------
    found : sequence of (baseline, follow-up, problem)
    entries : sequence of Entry
        All photos of the run: they decide how the files are named.
    days : int, optional
        Between the photos, where their dates do not tell.
    """
    names = dict(zip((e.image for e in entries), file_names([e.image for e in entries]), strict=True))
    wanted = []
    for baseline, followup, _ in found:
        stems = [names[e.image] for e in (baseline, followup) if e is not None]
        # The folder makes equal stems distinct; ".jpg" is what `file_names` takes off again.
        folder = PurePosixPath(baseline.image if baseline else "", followup.image)
        wanted.append(str(folder / ("__".join(stems) + ".jpg")))
    pairs = [
        Pair(pair_id, baseline, followup, _days(baseline, followup) if days is None else days, problem)
        for pair_id, (baseline, followup, problem) in zip(file_names(wanted), found, strict=True)
    ]
    return tuple(sorted(pairs, key=lambda pair: pair.pair_id))


def _days(baseline: Entry | None, followup: Entry) -> int | None:
    if baseline is None or not baseline.date or not followup.date:
        return None
    return _day(followup.date) - _day(baseline.date)


def _day(text: str) -> int:
    """Number of a day: of a date, or as pseudonymized."""
    return int(text) if text.isdigit() else date.fromisoformat(text).toordinal()
