"""Teach the verifiers of roots and of tips, on what the finished network finds: right ones and wrong ones.

Of several peaks of one hair the highest is right and the others are wrong, and the verifier is shown which
peaks are higher and which are lower.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from trichoscan.learn.augment import augment_pixels
from trichoscan.learn.dataset import AnnotatedPhoto
from trichoscan.learn.judge import judge_tips
from trichoscan.learn.operating import try_photo
from trichoscan.records import Segmentation
from trichoscan.segment.cells import usable
from trichoscan.segment.verifier import (
    AGAINST_FIELD,
    Verifier,
    as_input,
    facts_of,
    frame,
    from_the_tips,
    patch_of,
)
from trichoscan.segment.weights import Weights

BATCH = 64
WEIGHT_DECAY = 0.05
WARM_UP_STEPS = 100
TURN_SD_RAD, SCALE_SD = 0.05, 0.08
SHIFT_SD_CELLS = (1.2, 0.5)
"""Patches are turned, scaled and shifted along and across the shaft by so much: peaks are no surer."""
NO_FIELD_SHARE = 0.3
"""So many ends are shown as if all agreed with the field: clipped hair of a site leans one way, and whoever
learns from it alone takes hair that was combed apart for hair read backwards."""


@dataclass(frozen=True, eq=False)
class SeenPhoto:
    """What the network finds on a photo, and the truth of it.

    Attributes
    ----------
    segmentation : Segmentation
        For the verifier of tips as `segment.verifier.from_the_tips` shows it.
    which : (N,) int64
        Roots that the truth can judge.
    right : (N,) bool
    """

    segmentation: Segmentation
    which: NDArray[np.int64]
    right: NDArray[np.bool_]


def see(annotated: AnnotatedPhoto, weights: Weights, device: str) -> dict[str, SeenPhoto]:
    """Find the possible roots and tips of a photo and judge each: what each of `VERIFIERS` learns from.

    About 7 MB of a photo of 1.3 MP are kept, which both share.
    """
    trial, segmentation, mask = try_photo(annotated, weights, device)
    roots, tips = segmentation.roots, segmentation.tips
    of_root, of_tip = (
        np.flatnonzero(usable(peaks.at, mask, segmentation.px_per_cell)) for peaks in (roots, tips)
    )
    known = ~trial.judged.ignored
    right, ignored = judge_tips(tips.take(of_tip), annotated, segmentation.px_per_cell)
    ends_as_roots, roots_as_ends = from_the_tips(roots, tips)
    back = replace(segmentation, roots=ends_as_roots, tips=roots_as_ends)
    return {
        "verifier": SeenPhoto(segmentation, of_root[known], trial.judged.right[known]),
        "tip_verifier": SeenPhoto(back, of_tip[~ignored], right[~ignored]),
    }


def train_verifier(
    name: str,
    seen: Sequence[SeenPhoto],
    *,
    epochs: int,
    learning_rate: float,
    seed: int,
    device: str,
    log: Callable[[str], None],
    start: Mapping[str, Tensor] | None = None,
) -> Verifier | None:
    """Train a verifier.

    Parameters
    ----------
    name : str
        One of `VERIFIERS`, for the log.
    seen : sequence of SeenPhoto
        As the finished network finds them.
    epochs : int
    learning_rate : float
        Peak; cosine to 0.
    seed : int
    device : str
        "cpu" or "cuda".
    log : callable
        Gets a line for each epoch.
    start : mapping, optional
        State of a verifier to go on from.

    Returns
    -------
    Verifier or None
        In evaluation mode; None where there is nothing to learn from.
    """
    steps = math.ceil(sum(len(photo.which) for photo in seen) / BATCH) * epochs
    if not steps:
        return None
    ends, right_ends = sum(len(photo.which) for photo in seen), sum(int(photo.right.sum()) for photo in seen)
    log(f"{name}: {ends} possible ends of hairs on {len(seen)} photos, {right_ends} right")
    torch.manual_seed(seed)
    verifier = Verifier().to(device)
    if start is not None:
        verifier.load_state_dict(start)
    optimizer = torch.optim.AdamW(verifier.parameters(), lr=learning_rate, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _schedule(step, steps))
    verifier.train()
    for epoch in range(epochs):
        crops = _Patches(seen, [seed, epoch])
        loader = DataLoader(crops, BATCH, num_workers=1 if device == "cpu" else 12)
        losses = []
        for patches, facts, right in loader:
            inputs = patches.to(device).contiguous(memory_format=torch.channels_last)
            with torch.autocast(torch.device(device).type, dtype=torch.bfloat16):
                odds = verifier(inputs, facts.to(device))
            loss = F.binary_cross_entropy_with_logits(odds.float(), right.to(device))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        log(f"{name}: epoch {epoch + 1}/{epochs}  loss {np.mean(losses):.4f}")
    return verifier.eval()


def _schedule(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / WARM_UP_STEPS) * 0.5 * (1 + math.cos(math.pi * min(step / steps, 1.0)))


class _Patches(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Every judged root once, in an order and with changes that depend on the seed alone."""

    def __init__(self, seen: Sequence[SeenPhoto], seed: list[int]) -> None:
        self.seen, self.seed = seen, seed
        self.facts = [facts_of(photo.segmentation.roots) for photo in seen]
        items = [(i, n) for i, photo in enumerate(seen) for n in range(len(photo.which))]
        self.items = [items[j] for j in np.random.default_rng(seed).permutation(len(items))]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = np.random.default_rng([*self.seed, index])
        i, n = self.items[index]
        photo, segmentation = self.seen[i], self.seen[i].segmentation
        k = int(photo.which[n])
        angle = float(segmentation.roots.angle[k] + rng.normal(0, TURN_SD_RAD))
        along = np.array([np.cos(angle), np.sin(angle)])
        shift = rng.normal(0, SHIFT_SD_CELLS)
        at = segmentation.roots.at[k] + shift[0] * along + shift[1] * np.array([-along[1], along[0]])
        to_cells = frame(at, angle, float(np.exp(rng.normal(0, SCALE_SD))), mirrored=bool(rng.integers(2)))
        roots, tips = segmentation.roots, segmentation.tips
        pixels, maps = patch_of(segmentation.pixels, segmentation.shaft, roots, tips, k, to_cells)
        patch = as_input(augment_pixels(pixels, rng), maps)
        facts = self.facts[i][k].copy()
        if rng.random() < NO_FIELD_SHARE:
            facts[AGAINST_FIELD] = 0.0
        return (
            torch.from_numpy(patch),
            torch.from_numpy(facts),
            torch.tensor(float(photo.right[n])),
        )
