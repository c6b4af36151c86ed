"""Operating points: what a candidate must show to be reported as a hair, and how sure that is.

Chosen on validation photos (neither trained on nor held out) and stored with the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from trichoscan.learn.dataset import AnnotatedPhoto
from trichoscan.learn.judge import Judged, judge
from trichoscan.photo.quality import assess
from trichoscan.records import Photo
from trichoscan.segment.infer import Weights, segment
from trichoscan.segment.trace import find_candidates

FEATURES = ("weight_root", "weight_tip", "weight_shaft", "weight_bias")


@dataclass(frozen=True, eq=False)
class Trial:
    """All candidates of one photo, judged against its truth.

    Attributes
    ----------
    features : (K, 3) float64
        See `segment.trace.Candidates`.
    judged : Judged
    """

    features: NDArray[np.float64]
    judged: Judged


def try_photos(photos: Sequence[AnnotatedPhoto], weights: Weights, device: str = "auto") -> list[Trial]:
    """Find and judge all candidates, also the doubtful ones."""
    trials = []
    for annotated in photos:
        photo = Photo(annotated.pixels, annotated.um_per_px, "manifest")
        mask = assess(photo).usable_mask
        segmentation = segment(photo, mask, weights, device)
        candidates = find_candidates(segmentation, mask)
        trials.append(Trial(candidates.features, judge(candidates, annotated, segmentation.px_per_cell)))
    return trials


def fit_confidence(trials: Sequence[Trial]) -> dict[str, float]:
    """Logistic regression of being right on the features, slightly shrunk.

    Returns
    -------
    dict
        weight_root, weight_tip, weight_shaft, weight_bias.
    """
    x = np.concatenate([t.features[~t.judged.ignored] for t in trials])
    right = np.concatenate([t.judged.right[~t.judged.ignored] for t in trials]).astype(float)
    x = np.column_stack([x, np.ones(len(x))])

    def loss(w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = x @ w
        p = 1 / (1 + np.exp(-z))
        value = (np.logaddexp(0, z) - right * z).sum() + 0.5 * (w[:3] ** 2).sum()
        return float(value), x.T @ (p - right) + np.append(w[:3], 0.0)

    best = minimize(loss, np.zeros(4), jac=True, method="L-BFGS-B").x
    return {name: round(float(w), 4) for name, w in zip(FEATURES, best, strict=True)}


def confidence(trial: Trial, fitted: dict[str, float]) -> NDArray[np.float64]:
    """(K,) probability that each candidate is right."""
    z = trial.features @ [fitted[name] for name in FEATURES[:3]] + fitted["weight_bias"]
    return np.asarray(1 / (1 + np.exp(-z)), np.float64)


def choose_least_confidence(trials: Sequence[Trial], fitted: dict[str, float]) -> float:
    """Confidence at which F1 over all photos is highest."""
    p = np.concatenate([confidence(t, fitted)[~t.judged.ignored] for t in trials])
    right = np.concatenate([t.judged.right[~t.judged.ignored] for t in trials])
    true_count = sum(t.judged.true_count for t in trials)
    order = np.argsort(-p)
    hits = np.cumsum(right[order])
    f1 = 2 * hits / (np.arange(1, len(p) + 1) + true_count)
    return round(float(p[order][int(f1.argmax())]), 3)


def count_cv(trials: Sequence[Trial], fitted: dict[str, float], least: float) -> float:
    """Root mean square of (found - true) / true over photos with at least 10 hairs."""
    errors = []
    for t in trials:
        if t.judged.true_count >= 10:
            found = int(((confidence(t, fitted) >= least) & ~t.judged.ignored).sum())
            errors.append(found / t.judged.true_count - 1)
    return round(float(np.sqrt(np.mean(np.square(errors)))), 4) if errors else 0.1
