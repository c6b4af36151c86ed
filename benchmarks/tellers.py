"""What tells real crops from phantoms: a small network, trees on statistics, and how well they do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from crop_statistics import Statistics
from crops import Crops
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.inspection import permutation_importance
from threadpoolctl import threadpool_limits
from torch import Tensor, nn
from torch.nn import functional as F

Floats = NDArray[np.float64]

BATCH, LEARNING_RATE, WIDTHS = 48, 2e-3, (16, 32, 64, 96)
LEARN_PX = 128
"""Side of what is cut at random from a square crop while learning; all of it is seen when judged."""
BOOTSTRAPS = 300


@dataclass(frozen=True, eq=False)
class Side:
    """Real crops and phantom crops, to learn from or to be judged on."""

    real: Crops
    phantom: Crops

    def truth(self) -> NDArray[np.bool_]:
        """(K,) whether each is a phantom: the real ones come first."""
        return np.arange(len(self.real) + len(self.phantom)) >= len(self.real)

    def photos(self) -> NDArray[np.str_]:
        """(K,) photo of each crop."""
        return np.concatenate([self.real.photo, self.phantom.photo])

    def pixels(self) -> NDArray[np.uint8]:
        """(K, H, W, 3) all crops."""
        return np.concatenate([self.real.pixels, self.phantom.pixels])


@dataclass(frozen=True, eq=False)
class Fold:
    """One side to learn from, the other to be judged on; no photo is in both."""

    learn: Side
    unseen: Side


@dataclass(frozen=True, eq=False)
class Described:
    """Statistics of a fold's crops: of those that are learned from and of those that are judged."""

    learnt: Statistics
    met: Statistics


@dataclass(frozen=True)
class Verdict:
    """Area under the ROC curve on unseen photos, with its 95 % interval by photo, and each crop's score.

    `scores` (K,) are ranks within the fold, 0-1, higher the more a crop looks like a phantom; folds follow
    each other. `runs` are the areas of the single networks, whose mean `auc` is. `tells` are the statistics
    that the trees lean on, each with the area that is lost when it is shuffled.
    """

    auc: float
    low: float
    high: float
    scores: Floats
    runs: tuple[float, ...] = ()
    tells: tuple[tuple[str, float], ...] = ()


def area_under_curve(scores: Floats, phantom: NDArray[np.bool_]) -> float:
    """Chance that a phantom scores above a real crop; ties count half.

    Parameters
    ----------
    scores : (K,) float64
    phantom : (K,) bool
        Both kinds must be there.
    """
    order = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(order[2]) - (order[2] - 1) / 2)[order[1]]
    ones, zeros = np.count_nonzero(phantom), np.count_nonzero(~phantom)
    return float((ranks[phantom].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def ranked(scores: Floats) -> Floats:
    """(K,) ranks of scores, 0-1: those of two folds, judged by two tellers, can then be put together."""
    order = np.argsort(np.argsort(scores, kind="stable"), kind="stable")
    return np.asarray((order + 0.5) / len(scores))


def judged(folds: Sequence[Fold], scores: Floats) -> tuple[float, float, float]:
    """Mean area of R runs, and its 95 % interval when photos, not crops, are drawn again.

    Parameters
    ----------
    folds : sequence of Fold
    scores : (R, K) float64
        Of all unseen crops, fold after fold, ranked within the fold.
    """
    phantom = np.concatenate([f.unseen.truth() for f in folds])
    photos = np.concatenate([f.unseen.photos() for f in folds])
    rng = np.random.default_rng(0)
    groups = [np.flatnonzero(photos == name) for name in np.unique(photos)]
    real = [g for g in groups if not phantom[g[0]]]
    drawn = [g for g in groups if phantom[g[0]]]

    def mean_area(chosen: NDArray[np.int64]) -> float:
        return float(np.mean([area_under_curve(row[chosen], phantom[chosen]) for row in scores]))

    areas = []
    for _ in range(BOOTSTRAPS):
        some = [side[i] for side in (real, drawn) for i in rng.integers(len(side), size=len(side))]
        areas.append(mean_area(np.concatenate(some)))
    low, high = np.percentile(areas, (2.5, 97.5))
    return mean_area(np.arange(len(phantom))), float(low), float(high)


def tell_by_trees(folds: Sequence[Fold], tables: Sequence[Described]) -> Verdict:
    """Gradient-boosted trees on statistics of the crops, one forest a fold."""
    scores, lean = [], np.zeros(len(tables[0].learnt.names))
    with threadpool_limits(1):  # so small a task only waits for other threads
        for fold, table in zip(folds, tables, strict=True):
            trees = HistGradientBoostingClassifier(
                max_iter=150, max_leaf_nodes=8, learning_rate=0.08, class_weight="balanced", random_state=0
            )
            trees.fit(table.learnt.values, fold.learn.truth())
            scores.append(ranked(trees.decision_function(table.met.values)))
            shuffled = permutation_importance(
                trees, table.met.values, fold.unseen.truth(), scoring="roc_auc", n_repeats=3, random_state=0
            )
            lean += shuffled.importances_mean / len(folds)
    pooled = np.concatenate(scores)
    names = tables[0].learnt.names
    tells = tuple((names[i], float(lean[i])) for i in np.argsort(-lean)[:6])
    return Verdict(*judged(folds, pooled[None]), pooled, tells=tells)


def tell_by_network(folds: Sequence[Fold], *, grey: bool, steps: int, runs: int) -> Verdict:
    """Train small networks from scratch, `runs` a fold; `grey` shows them no colour and no exposure."""
    scores = np.array(
        [
            np.concatenate([ranked(_scores_of_network(f, grey, steps, seed)) for f in folds])
            for seed in range(runs)
        ]
    )
    phantom = np.concatenate([f.unseen.truth() for f in folds])
    areas = tuple(area_under_curve(row, phantom) for row in scores)
    return Verdict(*judged(folds, scores), scores.mean(axis=0), runs=areas)


def _scores_of_network(fold: Fold, grey: bool, steps: int, seed: int) -> Floats:
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = _network().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    wanted = torch.tensor([0.0] * (BATCH // 2) + [1.0] * (BATCH // 2))
    for _ in range(steps):
        sides = (fold.learn.real, fold.learn.phantom)
        pixels = np.concatenate([s.pixels[rng.integers(len(s), size=BATCH // 2)] for s in sides])
        loss = F.binary_cross_entropy_with_logits(network(_turned(_shown(pixels, grey), rng))[:, 0], wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    network.eval()
    pixels = fold.unseen.pixels()
    with torch.inference_mode():
        parts = [network(_shown(pixels[i : i + 64], grey))[:, 0] for i in range(0, len(pixels), 64)]
    return np.asarray(torch.cat(parts).double().numpy())


def _network() -> nn.Sequential:
    layers: list[nn.Module] = []
    before = 3
    for width in WIDTHS:
        layers += [
            nn.Conv2d(before, width, 5 if before == 3 else 3, stride=2, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
        before = width
    last = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(before, 1)]
    return nn.Sequential(*layers, *last)


def _shown(pixels: NDArray[np.uint8], grey: bool) -> Tensor:
    """(B, 3, H, W) what the network sees."""
    shown = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    if not grey:
        return shown / 128 - 1
    level = shown.mean(1, keepdim=True)
    level = (level - level.mean((2, 3), keepdim=True)) / (level.std((2, 3), keepdim=True) + 1.0)
    return level.expand(-1, 3, -1, -1)


def _turned(shown: Tensor, rng: np.random.Generator) -> Tensor:
    """Mirrored; where square, turned by quarters and cut."""
    if rng.random() < 0.5:
        shown = shown.flip(2)
    if shown.shape[2] == shown.shape[3]:
        y, x = (int(v) for v in rng.integers(shown.shape[2] - LEARN_PX + 1, size=2))
        shown = torch.rot90(shown[..., y : y + LEARN_PX, x : x + LEARN_PX], int(rng.integers(4)), (2, 3))
    return shown.contiguous(memory_format=torch.channels_last)
