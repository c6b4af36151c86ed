"""One pair of visits judged against its truth, and many of them summed up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from trichoscan.match.rows import REPORTED
from trichoscan.records import Alignment, Analysis, Change, Pairing

Floats = NDArray[np.float64]
Names = list[int]
NOBODY = -1

LANDED_UM = 50.0
"""An accepted alignment whose median error is larger is a wrong one."""
ALONG = 3.0
"""Our choice, after looking at the pairs that were called wrong: most had their roots 70-110 um apart along
one and the same shaft, and less than 20 um across."""


@dataclass(frozen=True, eq=False)
class Truth:
    """Of a pair.

    Attributes
    ----------
    to_followup : function
        (N, 2) baseline px -> follow-up px.
    followup_um_per_px : float
    name : function
        True hair of each of a pairing's baseline and follow-up hairs; `NOBODY` where it is none.
    gone, come : frozenset of int
        Names of the hairs that only the baseline, and only the follow-up, truly has.
    before_px, after_px : (N, 2) and (M, 2) float64
        Roots of all true hairs of either visit, baseline px.
    """

    to_followup: Callable[[Floats], Floats]
    followup_um_per_px: float
    name: Callable[[Pairing], tuple[Names, Names]]
    gone: frozenset[int]
    come: frozenset[int]
    before_px: Floats
    after_px: Floats


@dataclass(frozen=True)
class Judged:
    """Figures of one accepted pair.

    Attributes
    ----------
    map_error_um : float
        Median over the common field.
    right, pairs, both : int
        Among hairs detected by themselves in both photos: pairs that are right, pairs, hairs.
    again_right, again : int
        Pairs of which one was only found when looked for again.
    changed, told : int
        Hairs truly gone or come, detected in the photo that shows them, in the common field; those reported.
    false_changes : int
        Reported as lost or new, and not.
    change_error_percent, subtracted_error_percent : float
        Of the change of the count in the common field, matched and by subtracting two counts; % of the count.
    chances : tuple of (str, float, bool)
        Kind, probability and truth of each match.
    """

    map_error_um: float
    right: int
    pairs: int
    both: int
    again_right: int
    again: int
    changed: int
    told: int
    false_changes: int
    change_error_percent: float
    subtracted_error_percent: float
    chances: tuple[tuple[str, float, bool], ...]


def judge(baseline: Analysis, followup: Analysis, pairing: Pairing, change: Change, truth: Truth) -> Judged:
    """Hold a pairing and the change of its counts against the truth."""
    names = truth.name(pairing)
    detected = len(baseline.hairs), len(followup.hairs)
    alone = [set(n[:d]) - {NOBODY} for n, d in zip(names, detected, strict=True)]
    chances, plain, again = [], [], []
    changed = told = false = 0
    for m in pairing.matches:
        if m.baseline is not None and m.followup is not None:
            if names[0][m.baseline] == names[1][m.followup] == NOBODY:
                continue  # debris found twice
            right = names[0][m.baseline] == names[1][m.followup]
            (plain if m.baseline < detected[0] and m.followup < detected[1] else again).append(right)
        elif m.baseline is not None:
            right = names[0][m.baseline] in truth.gone
        else:
            right = m.followup is not None and names[1][m.followup] in truth.come
        if m.kind != "matched":
            told += right and m.probability >= REPORTED
            false += not right and m.probability >= REPORTED
        chances.append((m.kind, m.probability, bool(right)))
    for side, absent in enumerate((truth.gone, truth.come)):
        ends = [m.baseline if side == 0 else m.followup for m in pairing.matches if m.counted]
        changed += sum(i is not None and i < detected[side] and names[side][i] in absent for i in ends)
    mask = pairing.alignment.overlap_mask
    count = _count(mask, truth.before_px)
    true = _count(mask, truth.after_px) - count
    estimate = change.counts["new_hairs"].value - change.counts["lost_hairs"].value
    scale = 100 / max(count, 1)
    return Judged(
        map_error_um=map_error_um(pairing.alignment, truth),
        right=sum(plain),
        pairs=len(plain),
        both=len(alone[0] & alone[1]),
        again_right=sum(again),
        again=len(again),
        changed=changed,
        told=told,
        false_changes=false,
        change_error_percent=abs(estimate - true) * scale,
        subtracted_error_percent=abs(_subtracted(baseline, followup, pairing.alignment) - true) * scale,
        chances=tuple(chances),
    )


def map_error_um(alignment: Alignment, truth: Truth) -> float:
    """Median error of the map over the common field, um of the follow-up."""
    y, x = np.nonzero(alignment.overlap_mask[::16, ::16])
    at = np.column_stack([x, y]) * 16.0
    apart = alignment.to_followup(at) - truth.to_followup(at)
    return float(np.median(np.hypot(*apart.T))) * truth.followup_um_per_px


def named_alike(
    points: Floats, others: Floats, limit: float, ways: Floats | None = None
) -> NDArray[np.int64]:
    """Who is whom by place.

    Parameters
    ----------
    points, others : (N, 2) and (M, 2) float64
    limit : float
        Farther apart they are two.
    ways : (M, 2) float64, optional
        Unit vectors along the others' shafts; along them the limit is `ALONG` times as wide, for one hair
        may be taken up anywhere where its shaft leaves the skin at a slant.

    Returns
    -------
    (N,) int64
        Number of the other point that each is, one to one; `NOBODY` where none.
    """
    names = np.full(len(points), NOBODY)
    if len(points) and len(others):
        step = points[:, None] - others[None]
        if ways is not None:
            step = step - (1 - 1 / ALONG) * (step * ways).sum(-1, keepdims=True) * ways
        apart = np.hypot(*step.transpose(2, 0, 1))
        rows, columns = linear_sum_assignment(np.minimum(apart, limit))
        near = apart[rows, columns] < limit
        names[rows[near]] = columns[near]
    return names


def _subtracted(baseline: Analysis, followup: Analysis, alignment: Alignment) -> int:
    """Change as counted apart in the common field."""
    roots = [np.array([h.root_px for h in a.hairs]).reshape(-1, 2) for a in (baseline, followup)]
    mask = alignment.overlap_mask
    return _count(mask, alignment.to_baseline(roots[1])) - _count(mask, roots[0])


def _count(mask: NDArray[np.bool_], points_px: Floats) -> int:
    cells = np.floor(points_px + 0.5).astype(int)
    height, width = mask.shape
    cells = cells[((cells >= 0) & (cells < [width, height])).all(1)]
    return int(mask[cells[:, 1], cells[:, 0]].sum())


def summary(judged: Sequence[Judged], refused: int) -> dict[str, float]:
    """Figures over all pairs."""

    def total(name: str) -> float:
        return float(sum(getattr(one, name) for one in judged))

    figures: dict[str, float] = {"pairs": len(judged) + refused, "refused": refused}
    if not judged:
        return figures
    errors = np.array([one.map_error_um for one in judged])
    return figures | {
        "map_error_median_um": round(float(np.median(errors)), 1),
        "map_error_largest_um": round(float(errors.max()), 1),
        "wrong_accepted": int((errors > LANDED_UM).sum()),
        "match_precision": _share(total("right"), total("pairs")),
        "match_recall": _share(total("right"), total("both")),
        "found_again": int(total("again")),
        "found_again_precision": _share(total("again_right"), total("again")),
        "changes": int(total("changed")),
        "changes_reported": _share(total("told"), total("changed")),
        "false_changes_per_pair": round(total("false_changes") / len(judged), 2),
        "change_error_percent": round(total("change_error_percent") / len(judged), 2),
        "change_error_subtracted_percent": round(total("subtracted_error_percent") / len(judged), 2),
        **_calibration(judged),
    }


def _share(part: float, whole: float) -> float:
    return round(part / max(whole, 1), 4)


def _calibration(judged: Sequence[Judged]) -> dict[str, float]:
    """Mean probability and share that is right, of matched and of lost and new hairs."""
    rows = [row for one in judged for row in one.chances]
    found = {}
    for word, kinds in (("matched", ("matched",)), ("changed", ("lost", "new"))):
        some = [(p, right) for kind, p, right in rows if kind in kinds]
        if some:
            p, right = np.mean(some, axis=0)
            found[f"{word}_stated"], found[f"{word}_true"] = round(float(p), 3), round(float(right), 3)
    return found
