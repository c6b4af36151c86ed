"""What tells real crops from phantoms: a small network, trees on statistics, and how well they do."""

from __future__ import annotations

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


@dataclass(frozen=True)
class Verdict:
    """Area under the ROC curve on the unseen side, with its 95 % interval by photo, and each crop's score.

    `scores` are higher the more a crop looks like a phantom; `tells` are the statistics that the trees
    lean on, each with the area that is lost when it is shuffled.
    """

    auc: float
    low: float
    high: float
    scores: Floats
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


def judged(
    scores: Floats, phantom: NDArray[np.bool_], photos: NDArray[np.str_]
) -> tuple[float, float, float]:
    """Area and its 95 % interval when photos, not crops, are drawn again."""
    rng = np.random.default_rng(0)
    groups = [np.flatnonzero(photos == name) for name in np.unique(photos)]
    real = [g for g in groups if not phantom[g[0]]]
    drawn = [g for g in groups if phantom[g[0]]]
    areas = []
    for _ in range(BOOTSTRAPS):
        some = [side[i] for side in (real, drawn) for i in rng.integers(len(side), size=len(side))]
        chosen = np.concatenate(some)
        areas.append(area_under_curve(scores[chosen], phantom[chosen]))
    low, high = np.percentile(areas, (2.5, 97.5))
    return area_under_curve(scores, phantom), float(low), float(high)


def tell_by_trees(learn: Side, unseen: Side, learnt: Statistics, met: Statistics) -> Verdict:
    """Gradient-boosted trees on statistics of the crops of both sides."""
    trees = HistGradientBoostingClassifier(
        max_iter=150, max_leaf_nodes=8, learning_rate=0.08, class_weight="balanced", random_state=0
    )
    with threadpool_limits(1):  # so small a task only waits for other threads
        trees.fit(learnt.values, learn.truth())
        scores = trees.decision_function(met.values)
        lean = permutation_importance(
            trees, met.values, unseen.truth(), scoring="roc_auc", n_repeats=3, random_state=0
        ).importances_mean
    tells = tuple((learnt.names[i], float(lean[i])) for i in np.argsort(-lean)[:6])
    return Verdict(*judged(scores, unseen.truth(), unseen.photos()), scores, tells)


def tell_by_network(learn: Side, unseen: Side, *, grey: bool, steps: int) -> Verdict:
    """Train a small convolutional network from scratch; `grey` shows it no colour and no exposure."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    network = _network().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    for _ in range(steps):
        halves = [(side, rng.integers(len(side), size=BATCH // 2)) for side in (learn.real, learn.phantom)]
        pixels = np.concatenate([side.pixels[i] for side, i in halves])
        wanted = torch.tensor([0.0] * (BATCH // 2) + [1.0] * (BATCH // 2))
        loss = F.binary_cross_entropy_with_logits(network(_turned(_shown(pixels, grey), rng))[:, 0], wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    network.eval()
    pixels = unseen.pixels()
    with torch.inference_mode():
        parts = [network(_shown(pixels[i : i + 64], grey))[:, 0] for i in range(0, len(pixels), 64)]
    scores = torch.cat(parts).double().numpy()
    return Verdict(*judged(scores, unseen.truth(), unseen.photos()), scores)


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
