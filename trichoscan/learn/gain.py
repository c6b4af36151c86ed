"""Whether weights found more hairs right than others, beyond the chance of which subjects were asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trichoscan.learn.dataset import AnnotatedPhoto
from trichoscan.learn.operating import reported, try_photos
from trichoscan.learn.signed import FEWEST_JUDGES, FEWEST_TO_TELL
from trichoscan.segment.weights import Weights

DRAWS = 2000
SURE = 0.95
"""Share of draws of subjects in which the new weights must be better."""


@dataclass(frozen=True)
class Score:
    """Hairs of the held-out photos, found with some weights.

    Attributes
    ----------
    true, found, right : int
    f1 : float
    count_error_percent : float
        Mean of the absolute error by photo, of photos with hair.
    """

    true: int
    found: int
    right: int
    f1: float
    count_error_percent: float


@dataclass(frozen=True)
class Outcome:
    """What became of a training from a review.

    Attributes
    ----------
    folder : Path
        The new weights.
    better : bool
        Whether they may be used.
    before, after : Score
        On the held-out photos.
    share_better : float
        Share of draws of held-out subjects, with replacement, in which F1 rose.
    why : str
        In one sentence.
    """

    folder: Path
    better: bool
    before: Score
    after: Score
    share_better: float
    why: str


Rows = NDArray[np.int64]
"""(P, 3) true, found and right hairs of each held-out photo."""


def judge_photos(photos: Sequence[AnnotatedPhoto], weights: Weights, device: str) -> Rows:
    """True, found and right hairs of each photo, at the weights' own operating point."""
    thresholds = weights.config["thresholds"]
    rows = []
    for trial in try_photos(photos, weights, device):
        kept = reported(trial, thresholds, thresholds["confidence"])
        rows.append((trial.judged.true_count, len(kept), int(trial.judged.right[kept].sum())))
    return np.array(rows, np.int64).reshape(-1, 3)


def compare_rows(folder: Path, before: Rows, after: Rows, subjects: Sequence[str]) -> Outcome:
    """Judge whether the gain of F1 is more than the chance of which subjects were held out.

    Subjects are drawn with replacement, all of their photos with them.
    """
    names = sorted(set(subjects))
    member = np.array([[subject == name for subject in subjects] for name in names], float)
    drawn = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), DRAWS)
    weight = drawn @ member
    gain = _f1(weight @ after) - _f1(weight @ before)
    share = float(np.mean(gain > 0))
    one, other = _score(before), _score(after)
    rose, counts_hold = other.f1 > one.f1, other.count_error_percent <= one.count_error_percent
    enough = len(names) >= FEWEST_JUDGES
    figures = (
        f"F1 {one.f1:.3f} before, {other.f1:.3f} after, on {len(subjects)} photos of {len(names)} subjects"
    )
    refused = "the new weights are not marked usable"
    if not rose:
        why = f"not better: {figures}; {refused}"
    elif not enough:
        why = (
            f"more hairs right, but so few subjects cannot tell that from chance: {figures}; {refused}: "
            f"sign off photos of at least {FEWEST_TO_TELL} subjects"
        )
    elif share < SURE:
        why = f"not surely better: {figures}, and that may be chance; {refused}"
    elif not counts_hold:
        why = f"more hairs right, but counts farther off: {figures}; {refused}"
    else:
        why = f"better: {figures}; the new weights may be used"
    better = rose and enough and share >= SURE and counts_hold
    return Outcome(folder, better, one, other, share, why)


def _f1(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    true, found, right = totals[..., 0], totals[..., 1], totals[..., 2]
    return np.asarray(2 * right / np.maximum(true + found, 1), np.float64)


def _score(rows: Rows) -> Score:
    true, found, right = (int(total) for total in rows.sum(0))
    some = rows[:, 0] > 0
    error = np.abs(rows[some, 1] - rows[some, 0]) / rows[some, 0]
    return Score(true, found, right, float(_f1(rows.sum(0).astype(float))), float(100 * error.mean()))
