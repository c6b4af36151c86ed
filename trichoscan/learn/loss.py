"""How far the network's maps lie from the truth, map by map."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

LOSS_SHARES = {"root": 1.0, "tip": 0.5, "shaft": 1.0, "bend": 1.0, "reach": 0.5}


def peak_loss(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Focal loss on heatmaps with soft surrounds, per peak (Zhou et al. 2019, Objects as Points)."""
    peak = target > 0.97
    miss = torch.sigmoid(logits).square() * F.softplus(logits) * ((1 - target).square().square() * weight)
    at_peak = logits[peak]
    hit = torch.sigmoid(-at_peak).square() * F.softplus(-at_peak)
    return (miss.sum() + hit.sum()) / peak.sum().clamp(min=1)


def shaft_loss(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean cross-entropy where the target is known, shafts counting threefold, plus a soft Dice term."""
    known = weight * torch.isfinite(target)
    truth = torch.nan_to_num(target)
    entropy = F.binary_cross_entropy_with_logits(logits, truth, known * (1 + 2 * truth), reduction="sum")
    p = torch.sigmoid(logits) * known
    dice = 1 - (2 * (p * truth).sum() + 1) / (p.sum() + (truth * known).sum() + 1)
    return 20 * entropy / known.sum().clamp(min=1) + dice


def beside_loss(values: Tensor, target: Tensor, heat: Tensor) -> Tensor:
    """Mean absolute error beside root peaks, where the target is known."""
    at = (heat > 0.3) & torch.isfinite(target)
    return ((values[at] - target[at]).abs() * heat[at]).sum() / heat[at].sum().clamp(min=1)


def losses(maps: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Each part of the loss, unweighted."""
    maps = {name: value.float() for name, value in maps.items()}
    batch = {name: value.float() for name, value in batch.items()}
    return {
        "root": peak_loss(maps["root"], batch["root"], batch["root_weight"]),
        "tip": peak_loss(maps["tip"], batch["tip"], batch["tip_weight"]),
        "shaft": shaft_loss(maps["shaft"], batch["shaft"], batch["shaft_weight"]),
        "bend": beside_loss(maps["bend"], batch["bend"], batch["root"]),
        "reach": beside_loss(maps["reach"], batch["reach"], batch["root"]),
    }
