"""A study: change from baseline in each arm, differences between arms, responders, and who is missing.

The unit of analysis is the subject: a subject's sites are averaged at each visit, for they are not
independent. Missing visits are left out and counted, never filled in.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.stats import t as student

from trichoscan.records import Change, Response
from trichoscan.response.models import FEWEST_PER_ARM, Effect, SubjectChange, ancova, mixed_model
from trichoscan.response.proportions import difference, holm, share

PRIMARY = "density_per_cm2"
COHORT_MEASURES = (
    PRIMARY, "unit_density_per_cm2", "hairs_per_unit", "diameter_um", "cumulative_thickness_mm_per_cm2",
    "terminal_per_cm2", "vellus_percent",
)  # fmt: skip
REFERENCE_WORDS = ("placebo", "vehicle", "control", "sham", "untreated")
"""An arm with such a word in its name is that with which others are compared."""
COLUMNS = (
    "arm", "visit", "measure", "n", "mean", "change", "low", "high", "p", "method", "p_holm", "note",
)  # fmt: skip
BASELINE = "baseline"


@dataclass(frozen=True)
class VisitChange:
    """A follow-up of one site of one subject.

    Attributes
    ----------
    subject, site, arm, visit : str
    days : float or None
        Since the baseline.
    baseline, change : mapping of str to float
        Of each measure, over the common field; empty where the pair was refused or failed.
    response : str or None
    """

    subject: str
    site: str
    arm: str
    visit: str
    days: float | None
    baseline: Mapping[str, float] = field(default_factory=dict)
    change: Mapping[str, float] = field(default_factory=dict)
    response: Response | None = None


@dataclass(frozen=True)
class Enrolled:
    """A subject with a baseline photo of a site.

    Attributes
    ----------
    subject, site, arm : str
    baseline : mapping of str to float
        Of each measure over the whole counting area; empty where the photo failed.
    """

    subject: str
    site: str
    arm: str
    baseline: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class CohortRow:
    """A row of cohort.csv; NaN and "" where a cell is empty.

    Attributes
    ----------
    arm : str
        An arm, or "A - B" for a difference between two.
    visit, measure : str
    n : int
        Subjects.
    mean : float
        Level at the visit; of responders and missing ones the percentage.
    change, low, high, p : float
        Change from baseline, or difference of changes, 95 % interval, two-sided p. Where there is no
        change, at baseline and of responders, the interval is that of `mean`.
    method : str
    p_holm : float
        p adjusted for all measures (and arms) tested by the same method at the same visit.
    note : str
    """

    arm: str
    visit: str
    measure: str
    n: int
    mean: float = float("nan")
    change: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    p: float = float("nan")
    method: str = ""
    p_holm: float = float("nan")
    note: str = ""


def visit_change(
    change: Change | None, subject: str, site: str, arm: str, visit: str, days: float | None
) -> VisitChange:
    """Take from a change what the cohort needs; None for a pair that was refused or failed."""
    empty = VisitChange(subject, site, arm, visit, days)
    if change is None:
        return empty
    known = {m: change.measures[m] for m in COHORT_MEASURES if math.isfinite(change.measures[m].site.value)}
    return replace(
        empty,
        baseline={m: v.baseline for m, v in known.items()},
        change={m: v.site.value for m, v in known.items()},
        response=change.response,
    )


def summarize_cohort(
    changes: Sequence[VisitChange], enrolled: Sequence[Enrolled], reference: str | None = None
) -> list[CohortRow]:
    """All rows of cohort.csv.

    Parameters
    ----------
    changes : sequence of VisitChange
        One for each follow-up photo, also of pairs that were refused or failed.
    enrolled : sequence of Enrolled
        One for each baseline photo: who could have come to a later visit.
    reference : str, optional
        Arm with which the others are compared; else the one named placebo, vehicle, control, sham or
        untreated, else the first in the alphabet.

    Returns
    -------
    list of CohortRow
        For each arm: baseline, change from baseline at each visit (t interval over subjects), responders
        (Clopper-Pearson), missing subjects. For each other arm against the reference: mixed model at each
        visit, ANCOVA at the last visit, difference of responders. Empty without a follow-up.
    """
    changes = sorted(changes, key=lambda c: (c.subject, c.site, c.visit, c.arm))
    enrolled = sorted(enrolled, key=lambda e: (e.subject, e.site, e.arm))
    visits = order_visits(changes)
    if not visits:
        return []
    arms = sorted({e.arm for e in enrolled} | {c.arm for c in changes})
    against = reference if reference is not None else find_reference(arms)
    rows: list[CohortRow] = []
    for measure in COHORT_MEASURES:
        subjects = average_sites(changes, measure)
        rows += _baseline_rows(enrolled, arms, measure)
        rows += [_change_row(subjects, arm, visit, measure) for arm in arms for visit in visits]
        if len(arms) > 1:
            last = [s for s in subjects if s.visit == visits[-1]]
            effects = mixed_model(subjects, visits, against) + [
                replace(e, visit=visits[-1]) for e in ancova(last, against)
            ]
            rows += [_effect_row(e, measure, against) for e in effects]
    rows = _adjust(rows)
    rows += _responder_rows(changes, visits, arms, against)
    return rows + _missing_rows(changes, enrolled, visits, arms)


def find_reference(arms: Sequence[str]) -> str:
    """Arm with which the others are compared."""
    named = [arm for arm in arms if any(word in arm.casefold() for word in REFERENCE_WORDS)]
    return (named or list(arms))[0]


def order_visits(changes: Iterable[VisitChange]) -> list[str]:
    """Names of the visits after baseline, by their median day, or else by the numbers in their names."""
    days: dict[str, list[float]] = defaultdict(list)
    for c in changes:
        days[c.visit] += [] if c.days is None else [c.days]

    def key(visit: str) -> tuple[float, list[tuple[int, int, str]]]:
        parts = [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in re.findall(r"\d+|\D+", visit)]
        return (float(np.median(days[visit])) if days[visit] else math.inf, parts)

    return sorted(days, key=key)


def last_visit(changes: Sequence[VisitChange]) -> str:
    """Name of the last visit; empty without any."""
    return (order_visits(changes) or [""])[-1]


def average_sites(changes: Iterable[VisitChange], measure: str) -> list[SubjectChange]:
    """Each subject's mean over the sites at which the measure is known, at each visit; sorted."""
    groups: dict[tuple[str, str, str], list[tuple[float, float]]] = defaultdict(list)
    for c in changes:
        if math.isfinite(c.change.get(measure, math.nan)):
            pair = (c.baseline.get(measure, math.nan), c.change[measure])
            groups[c.subject, c.arm, c.visit].append(pair)
    return [
        SubjectChange(
            subject,
            arm,
            visit,
            baseline=float(np.mean([before for before, _ in pairs])),
            change=float(np.mean([change for _, change in pairs])),
            sites=len(pairs),
        )
        for (subject, arm, visit), pairs in sorted(groups.items())
    ]


def _baseline_rows(enrolled: Sequence[Enrolled], arms: Sequence[str], measure: str) -> list[CohortRow]:
    rows = []
    for arm in arms:
        sites: dict[str, list[float]] = defaultdict(list)
        for e in enrolled:
            if e.arm == arm and math.isfinite(e.baseline.get(measure, math.nan)):
                sites[e.subject].append(e.baseline[measure])
        row = CohortRow(arm, BASELINE, measure, len(sites), method="mean of subjects, t")
        if not sites:
            rows.append(replace(row, note="nobody was measured"))
            continue
        means = np.array([float(np.mean(values)) for values in sites.values()])
        mean, half, _, note = _about(means)
        rows.append(replace(row, mean=mean, low=mean - half, high=mean + half, note=note))
    return rows


def _change_row(subjects: Sequence[SubjectChange], arm: str, visit: str, measure: str) -> CohortRow:
    here = [s for s in subjects if s.arm == arm and s.visit == visit]
    n = len(here)
    method = "change from baseline, t"
    if n == 0:
        return CohortRow(arm, visit, measure, 0, method=method, note="nobody was measured")
    change = np.array([s.change for s in here])
    level = float(np.mean([s.baseline + s.change for s in here]))
    mean, half, p, note = _about(change)
    averaged = "sites of a subject averaged" if any(s.sites > 1 for s in here) else ""
    notes = "; ".join(filter(None, (averaged, note)))
    return CohortRow(arm, visit, measure, n, level, mean, mean - half, mean + half, p, method, note=notes)


def _about(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, float, float, str]:
    """Mean, half of its 95 % interval and p against 0 by Student's t, or NaN and why there are none."""
    n, mean = len(values), float(values.mean())
    error = float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else 0.0
    if n < FEWEST_PER_ARM:
        return mean, math.nan, math.nan, f"no interval from {n} of at least {FEWEST_PER_ARM} subjects"
    if error <= 0:
        return mean, math.nan, math.nan, "no interval: all subjects are alike"
    half = error * float(student.isf(0.025, n - 1))
    return mean, half, float(2 * student.sf(abs(mean) / error, n - 1)), ""


def _effect_row(effect: Effect, measure: str, reference: str) -> CohortRow:
    return CohortRow(
        f"{effect.arm} - {reference}", effect.visit, measure, effect.n, math.nan, effect.value, effect.low,
        effect.high, effect.p, effect.method, math.nan, effect.note,
    )  # fmt: skip


def _adjust(rows: list[CohortRow]) -> list[CohortRow]:
    """Fill `p_holm`: one family for each visit and method; of changes within arms, also for each arm."""
    families: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        if math.isfinite(row.p):
            kind = row.method.split(",")[0]
            families[kind, row.visit, row.arm if kind.startswith("change") else ""].append(i)
    out = list(rows)
    for members in families.values():
        for i, p in zip(members, holm([rows[i].p for i in members]), strict=True):
            role = (
                "primary: p needs no adjustment" if rows[i].measure == PRIMARY else "secondary: read p_holm"
            )
            note = "; ".join(filter(None, (rows[i].note, role)))
            out[i] = replace(rows[i], p_holm=p, note=note)
    return out


def _responder_rows(
    changes: Sequence[VisitChange], visits: Sequence[str], arms: Sequence[str], reference: str
) -> list[CohortRow]:
    rows = []
    for visit in visits:
        counts = {}
        for arm in arms:
            sites: dict[str, list[bool]] = defaultdict(list)
            for c in changes:
                if c.visit == visit and c.arm == arm and c.response is not None:
                    sites[c.subject].append(c.response == "improved")
            k, n = sum(2 * sum(s) > len(s) for s in sites.values()), len(sites)
            counts[arm] = k, n
            found = share(k, n)
            rows.append(
                CohortRow(
                    arm, visit, "responders_percent", n, 100 * found.value, low=100 * found.low,
                    high=100 * found.high, method="Clopper-Pearson",
                    note=f"{k} improved, at most of their sites; missing subjects left out",
                )
            )  # fmt: skip
        for arm in arms:
            (k1, n1), (k2, n2) = counts[arm], counts[reference]
            if arm != reference and n1 and n2:
                apart, p = difference(k1, n1, k2, n2)
                rows.append(
                    CohortRow(
                        f"{arm} - {reference}", visit, "responders_percent", n1 + n2, math.nan,
                        100 * apart.value, 100 * apart.low, 100 * apart.high, p, "Newcombe, Fisher exact p",
                    )
                )  # fmt: skip
    return rows


def _missing_rows(
    changes: Sequence[VisitChange], enrolled: Sequence[Enrolled], visits: Sequence[str], arms: Sequence[str]
) -> list[CohortRow]:
    rows = []
    for visit in visits:
        for arm in arms:
            here = [c for c in changes if c.visit == visit and c.arm == arm]
            seen = {c.subject for c in here if c.response is not None}
            due = {e.subject for e in enrolled if e.arm == arm} | {c.subject for c in here}
            came = {c.subject for c in here} - seen
            missing = len(due - seen)
            note = (
                f"of {len(due)}: {missing - len(came)} without a photo, {len(came)} whose pair was refused "
                "or failed; left out, not imputed"
            )
            percent = 100 * missing / len(due) if due else math.nan
            rows.append(CohortRow(arm, visit, "missing_percent", missing, percent, method="count", note=note))
    return rows
