"""Plan of a trial on phantoms: arms, subjects, visits, dropouts, and the response of each subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from trichoscan.phantom.course import THIN_NEW_SHARE, Course
from trichoscan.phantom.write import FIRST_DATE, phantom_seed

LAST_WEEK = 48
"""Week for which the arms' effects are given, and that of the last visit."""

EFFECT_WEEKS = 12.0
"""Time constant with which an effect comes: two thirds by week 12. Our choice; cell therapy shows its whole
effect by week 23 (PMC6678214)."""

TURNOVER_SHARE = 0.05
"""Hairs that go and as many that come by `LAST_WEEK` under no effect at all. Our choice."""

REGROWN_SHARE = 0.3
"""Of the hairs that come, those in units that stood empty; the rest stand beside others. Our choice."""

THICKENING, THINNING = 0.25, 0.2
"""By which share of its diameter a hair changes that changes at all; by more where all hairs that stay are
not enough to reach the response. Our choice."""

TIRED_SHARE = 0.04
"""Hairs that miniaturize by `LAST_WEEK` under no effect, and are made good by others. Our choice."""

MOST_SHARE = 0.9
"""No more hairs are lost, or change their diameter, than this."""

MISSED_SHARE = 0.03
"""Visits that a subject who stays misses."""

ENROLMENT_DAYS, EARLY_OR_LATE_DAYS = 90, 3
"""Over so many days subjects enter; SD of the day of a visit."""


@dataclass(frozen=True)
class Arm:
    """A treatment and its effect at `LAST_WEEK`.

    Attributes
    ----------
    name : str
    change_per_cm2, change_sd_per_cm2 : float
        Of hair density: mean of subjects, SD between them.
    diameter_change_percent, diameter_change_sd_percent : float
        Of the mean diameter of all hairs that are there at a visit, whatever became of them: new ones are in
        it, lost ones are not.
    """

    name: str
    change_per_cm2: float
    change_sd_per_cm2: float
    diameter_change_percent: float = 0.0
    diameter_change_sd_percent: float = 4.0


ARMS = (Arm("minoxidil", 18.6, 25.4, 6.0), Arm("placebo", 3.9, 21.7))
"""Density: minoxidil 5 % and placebo at week 48 (PMC6691938). Diameter: our choice, between none and the 14 %
against 6 % of an ADSC extract at week 16 (doi 10.1002/sctm.19-0410)."""


@dataclass(frozen=True)
class TrialVisit:
    """A planned visit.

    Attributes
    ----------
    name, date : str
    week, days : int
        Planned week; days since the subject's first visit.
    attended : bool
        Otherwise there is no photo.
    """

    name: str
    date: str
    week: int
    days: int
    attended: bool


@dataclass(frozen=True)
class Subject:
    """A person of the trial.

    Attributes
    ----------
    subject, arm : str
    seed : int
        Of scalp, course and cameras.
    change_per_cm2, diameter_change_percent : float
        The person's own response at `LAST_WEEK`.
    visits : tuple of TrialVisit
        The first one is always attended.
    """

    subject: str
    arm: str
    seed: int
    change_per_cm2: float
    diameter_change_percent: float
    visits: tuple[TrialVisit, ...]


@dataclass(frozen=True)
class Trial:
    """A plan from which all photos follow.

    Attributes
    ----------
    arms : tuple of Arm
    sites : tuple of str
    style, condition : str
    ancestry : str or None
    subjects : tuple of Subject
    relocation : Course
        How well site, comb and camera are found again; its biology is not used.
    """

    arms: tuple[Arm, ...]
    sites: tuple[str, ...]
    style: str
    condition: str
    ancestry: str | None
    subjects: tuple[Subject, ...]
    relocation: Course


def draw_trial(
    subjects: int,
    seed: int,
    *,
    arms: Sequence[Arm] = ARMS,
    visits: int = 3,
    dropout_share: float = 0.1,
    sites: Sequence[str] = ("vertex",),
    style: str = "clipped",
    condition: str = "aga",
    ancestry: str | None = None,
    relocation: Course | None = None,
) -> Trial:
    """Plan a trial: who is in which arm, responds how, and comes when.

    Parameters
    ----------
    subjects : int
        At least 1; dealt to the arms in blocks of one each.
    seed : int
        Not negative.
    arms : sequence of Arm
    visits : int
        At least 1, the first one included; evenly up to `LAST_WEEK`.
    dropout_share : float
        Subjects who leave before the last visit, each after one of the earlier ones, 0-1. `MISSED_SHARE`
        of the other visits are missed.
    sites : sequence of str
    style, condition, ancestry : str or None
        See `draw.draw_scene`.
    relocation : Course, optional
        Defaults of `Course`.

    Returns
    -------
    Trial

    Raises
    ------
    ValueError
        Fewer than 1 subject, arm, visit or site; dropout_share outside 0-1; seed below 0.
    """
    if min(subjects, len(arms), visits, len(sites)) < 1 or seed < 0 or not 0 <= dropout_share <= 1:
        raise ValueError(
            "a trial needs a subject, arm, visit and site at least, a seed of 0 or more and dropouts of 0-1"
        )
    rng = np.random.default_rng([seed, 4])
    blocks = [arms[i] for _ in range(-(-subjects // len(arms))) for i in rng.permutation(len(arms))]
    drawn = []
    for i, arm in enumerate(blocks[:subjects]):
        drawn.append(
            Subject(
                subject=f"S{i + 1:03d}",
                arm=arm.name,
                seed=phantom_seed(seed, i),
                change_per_cm2=float(rng.normal(arm.change_per_cm2, arm.change_sd_per_cm2)),
                diameter_change_percent=float(
                    rng.normal(arm.diameter_change_percent, arm.diameter_change_sd_percent)
                ),
                visits=_plan_visits(visits, dropout_share, rng),
            )
        )
    return Trial(tuple(arms), tuple(sites), style, condition, ancestry, tuple(drawn), relocation or Course())


def _plan_visits(count: int, dropout_share: float, rng: np.random.Generator) -> tuple[TrialVisit, ...]:
    """Visits of one subject."""
    first = date.fromisoformat(FIRST_DATE) + timedelta(days=int(rng.integers(ENROLMENT_DAYS)))
    leaves = rng.random() < dropout_share
    last_seen = int(rng.integers(max(count - 1, 1)))
    weeks = np.rint(np.linspace(0, LAST_WEEK, count)).astype(int)
    late = np.rint(np.clip(rng.normal(size=count), -2, 2) * EARLY_OR_LATE_DAYS).astype(int)
    missed = rng.random(count) < MISSED_SHARE
    planned = []
    for k, week in enumerate(weeks.tolist()):
        days = 7 * week + int(late[k]) if k else 0
        stays = k == 0 or not (missed[k] or (leaves and k > last_seen))
        day = (first + timedelta(days=days)).isoformat()
        planned.append(TrialVisit(f"week{week}" if k else "baseline", day, week, days, stays))
    return tuple(planned)


def course_at(subject: Subject, week: float, hairs_per_cm2: float, relocation: Course) -> Course:
    """What a subject's response makes of the scalp by a week.

    Parameters
    ----------
    subject : Subject
    week : float
    hairs_per_cm2 : float
        At the first visit.
    relocation : Course
        For comb, cut and camera.

    Returns
    -------
    Course
        Gains less losses are the change that the subject's response has reached by the week. Hairs that
        replace lost ones are of full width; those that come beyond are thin, and what they take from the
        mean diameter the hairs that stay make good.
    """
    reached = (1 - np.exp(-week / EFFECT_WEEKS)) / (1 - np.exp(-LAST_WEEK / EFFECT_WEEKS))
    passed = week / LAST_WEEK
    net = subject.change_per_cm2 * reached / hairs_per_cm2 if hairs_per_cm2 > 0 else 0.0
    turnover = TURNOVER_SHARE * passed
    lost = float(min(turnover + max(-net, 0.0), MOST_SHARE))
    come = turnover + max(net, 0.0)
    # Sum of diameters over that at first, if each hair had its width: (1 + response) times the hairs there.
    response = subject.diameter_change_percent / 100 * reached
    missing = max(net, 0.0) * (1 - float(np.mean(THIN_NEW_SHARE)))
    wider = response * (1 - lost + come) + missing
    tired = TIRED_SHARE * passed
    thinned = min(tired + max(-wider, 0.0) / THINNING, MOST_SHARE - lost)
    gained = tired * THINNING + max(wider, 0.0)
    thickened = float(min(gained / THICKENING, 1.0 - lost - thinned))
    return replace(
        relocation,
        days=7.0 * week,
        lost_share=lost,
        new_share=min(come * (1 - REGROWN_SHARE), 1.0),
        regrown_share=min(come * REGROWN_SHARE, 1.0),
        thin_share=float(max(net, 0.0) / come) if come > 0 else 0.0,
        thinned_share=float(thinned),
        thinning=THINNING,
        thickened_share=thickened,
        thickening=gained / thickened if thickened > 0 else THICKENING,
    )
