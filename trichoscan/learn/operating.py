"""Operating points: what a candidate must show to be reported as a hair, and how sure that is.

Chosen on validation photos (neither trained on nor held out) and stored with the weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from trichoscan.learn.dataset import AnnotatedPhoto
from trichoscan.learn.judge import Judged, judge
from trichoscan.learn.logistic import fit_logistic
from trichoscan.photo.quality import assess
from trichoscan.records import Photo, Segmentation
from trichoscan.segment.candidates import FEATURES, Candidates, find_candidates
from trichoscan.segment.infer import segment
from trichoscan.segment.thresholds import DEFAULT_THRESHOLDS
from trichoscan.segment.weights import Weights

F1_TO_SPARE = 0.015
"""F1 is flat about its best, and 24 photos tell it to about .01; so much is given for an unbiased count."""
AGAINST = {"field"}
"""Features that speak against a hair; the others speak for it, and a fit may not turn them round."""


@dataclass(frozen=True, eq=False)
class Trial:
    """All candidates of one photo, judged against its truth."""

    candidates: Candidates
    judged: Judged


def try_photos(photos: Sequence[AnnotatedPhoto], weights: Weights, device: str = "auto") -> list[Trial]:
    """Find and judge all candidates, also the doubtful ones."""
    return [try_photo(photo, weights, device)[0] for photo in photos]


def try_photo(
    annotated: AnnotatedPhoto, weights: Weights, device: str
) -> tuple[Trial, Segmentation, NDArray[np.bool_]]:
    """Trial of one photo, what the network saw there, and the (H, W) bool mask of what is usable."""
    segmentation, mask = look_at(annotated, weights, device)
    candidates = find_candidates(segmentation, mask)
    return Trial(candidates, judge(candidates, annotated, segmentation.px_per_cell)), segmentation, mask


def look_at(
    annotated: AnnotatedPhoto, weights: Weights, device: str
) -> tuple[Segmentation, NDArray[np.bool_]]:
    """What the network sees on one photo, and the (H, W) bool mask of what is usable."""
    photo = Photo(annotated.pixels, annotated.um_per_px, "manifest")
    mask = assess(photo).usable_mask
    return segment(photo, mask, weights, device), mask


def fit_confidence(trials: Sequence[Trial], *, field: bool) -> dict[str, float]:
    """Logistic regression of being right on the features, slightly shrunk.

    Parameters
    ----------
    trials : sequence of Trial
    field : bool
        Whether it may ask how a hair lies to its neighbours. Where a verifier looked this tells little more
        of clipped hair, and hair that was combed apart would be held to be read backwards.

    Returns
    -------
    dict
        weight_<feature> for each of `FEATURES`, and weight_bias.
    """
    x = np.concatenate([t.candidates.features[~t.judged.ignored] for t in trials])
    x[:, FEATURES.index("field")] *= field
    right = np.concatenate([t.judged.right[~t.judged.ignored] for t in trials])
    signs = {name: -1 if name in AGAINST else 1 for name in FEATURES}
    return {f"weight_{name}": w for name, w in fit_logistic(x, right, signs).items()}


def fit_tip_confidence(trials: Sequence[Trial]) -> dict[str, float]:
    """Logistic regression, over right hairs with a tip, of its lying within 140 um of the true one.

    Returns
    -------
    dict
        tip_<feature> for each of `TIP_FEATURES`, and tip_bias; empty where there are no such hairs.
    """
    seen = [t.candidates.tip_seen & t.judged.tip_known for t in trials]
    x = np.concatenate([t.candidates.tip_features[some] for t, some in zip(trials, seen, strict=True)])
    right = np.concatenate([t.judged.tip_right[some] for t, some in zip(trials, seen, strict=True)])
    if not len(x):
        return {}
    return {f"tip_{name}": w for name, w in fit_logistic(x, right, {"peak": 1, "own": 1, "look": 1}).items()}


def choose_least_confidence(
    trials: Sequence[Trial], fitted: Mapping[str, float], to_spare: float = F1_TO_SPARE
) -> float:
    """Confidence from which to report a hair: that at which the count of all photos is least biased.

    Only such are considered at which F1 comes within `to_spare` of the best: 0 takes the best itself, as for
    hard phantoms, of which no count needs to be unbiased. The default where nothing was found at all.
    """
    kept = [reported(trial, fitted, 0.0) for trial in trials]
    p = np.concatenate([t.candidates.confidence(fitted)[k] for t, k in zip(trials, kept, strict=True)])
    if not len(p):
        return DEFAULT_THRESHOLDS["confidence"]
    right = np.concatenate([t.judged.right[k] for t, k in zip(trials, kept, strict=True)])
    true_count = sum(t.judged.true_count for t in trials)
    order = np.argsort(-p)
    found = np.arange(1, len(p) + 1)
    f1 = 2 * np.cumsum(right[order]) / (found + true_count)
    bias = np.where(f1 >= f1.max() - to_spare, np.abs(found - true_count), np.inf)
    return round(float(p[order][int(bias.argmin())]), 3)


def reported(trial: Trial, fitted: Mapping[str, float], least: float) -> NDArray[np.int64]:
    """Numbers of the candidates that tracing reports and the truth can judge."""
    kept = np.array(trial.candidates.reported(trial.candidates.confidence(fitted), least), np.int64)
    return kept[~trial.judged.ignored[kept]]


def left_out_points(
    trials: Sequence[Trial], beside: Sequence[Trial], *, field: bool
) -> list[tuple[dict[str, float], float]]:
    """Confidence and least confidence for each photo, chosen on the other ones.

    Parameters
    ----------
    trials : sequence of Trial
        Photos on which the least confidence is chosen; of one alone, on itself.
    beside : sequence of Trial
        Others on which confidence is fitted, too.
    field : bool
        See `fit_confidence`.

    Returns
    -------
    list of (dict, float)
        As of `fit_confidence` and `choose_least_confidence`, in the order of `trials`.
    """
    points = []
    for k in range(len(trials)):
        others = [*trials[:k], *trials[k + 1 :]] or trials
        fitted = fit_confidence([*others, *beside], field=field)
        points.append((fitted, choose_least_confidence(others, fitted)))
    return points


def count_cv(trials: Sequence[Trial], points: Sequence[tuple[Mapping[str, float], float]]) -> float:
    """Relative SD of the count beyond what the confidences explain, at each photo's `left_out_points`.

    By moments, over photos with at least 10 hairs: mean of error^2 / found^2, less that of
    sum p (1 - p) / found^2. A few photos tell a variance badly, so its upper 95 % limit is taken (chi-square,
    one-sided).
    """
    error, by_chance = [], []
    for trial, (fitted, least) in zip(trials, points, strict=True):
        kept = reported(trial, fitted, least)
        if trial.judged.true_count >= 10:
            p = trial.candidates.confidence(fitted)[kept]
            whole = len(kept) or trial.judged.true_count
            error.append((len(kept) - trial.judged.true_count) ** 2 / whole**2)
            by_chance.append((p * (1 - p)).sum() / whole**2)
    if not error:
        return 0.1
    largest = np.sum(error) / chi2.ppf(0.05, len(error))
    return round(float(np.sqrt(max(largest - np.mean(by_chance), 0.0))), 4)
