"""A second look at each possible hair, in a frame of its own.

The maps answer for every place and direction at once. The verifier looks at one root at a time, always
at the same place of its patch and with the shaft leading to the right, and sees beside the skin what the
maps say there: the shaft, the tips, and the other roots, those with a higher peak apart from those with a
lower one. What tells a hair of its own from the same hair seen twice, from debris, or from a hair read
backwards, is learned once instead of once for each direction.

Another one looks at tips in the same way, from the tip back along the shaft: it is given tips for roots and
roots for tips, all turned round (`from_the_tips`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from trichoscan.records import Peaks
from trichoscan.segment.cells import CELL_PX
from trichoscan.segment.network import REACH_UNIT_CELLS, Residual
from trichoscan.segment.peaks import against_field, log_odds, wrap

BEHIND_CELLS, ASIDE_CELLS = 16, 14
"""The patch begins 0.18 mm behind the root and shows 0.15 mm on either side of the shaft."""
LONG_PX, WIDE_PX = 80, 56
"""Size of a patch: a px is a cell along the shaft, so that 0.7 mm of it show, and half a cell across it."""
PEER_CELLS, PEER_RAD = 90.0, 0.8
"""Roots and tips so near, and of about that direction, are shown."""
PEER_SIGMA_CELLS = 1.5
PATCH_CHANNELS = 8
"""Red, green, blue, shaft of this direction and across it, higher roots, lower roots, tips."""
FACTS = 3
"""Beside the patch: log odds of the root peak, expected distance of the tip, and angle against the field."""
AGAINST_FIELD = 2
"""Which of the facts is that angle."""
WIDTHS = (24, 48, 96)
REDUCED = 16
BATCH = 64
"""Patches that the caches hold: of 256 a look took a quarter longer."""


class Verifier(nn.Module):
    """Log odds that a root (a tip) is that of a hair of its own, from its patch and the facts beside it."""

    def __init__(self) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        channels = PATCH_CHANNELS
        for width in WIDTHS:
            stages.append(
                nn.Sequential(
                    nn.Conv2d(channels, width, 3, stride=2, padding=1, bias=False),
                    nn.BatchNorm2d(width),
                    nn.ReLU(inplace=True),
                    Residual(width),
                )
            )
            channels = width
        self.stages = nn.Sequential(*stages)
        self.reduce = nn.Conv2d(channels, REDUCED, 1)
        cells = math.prod(-(-side // 2 ** len(WIDTHS)) for side in (LONG_PX, WIDE_PX))
        self.drop = nn.Dropout(0.3)
        self.gather = nn.Linear(REDUCED * cells + FACTS, 64)
        self.decide = nn.Linear(64, 1)

    def forward(self, patches: Tensor, facts: Tensor) -> Tensor:
        """(B, `PATCH_CHANNELS`, `WIDE_PX`, `LONG_PX`) and (B, `FACTS`) to (B,) log odds."""
        seen = self.drop(F.relu(self.reduce(self.stages(patches))).flatten(1))
        together = F.relu(self.gather(torch.cat([seen, facts], 1)))
        decided: Tensor = self.decide(together)
        return decided.squeeze(1)


def from_the_tips(roots: Peaks, tips: Peaks) -> tuple[Peaks, Peaks]:
    """Tips as roots, whose shafts lead back, of a typical length, and roots as their tips."""
    return _turned(tips), _turned(roots)


def _turned(peaks: Peaks) -> Peaks:
    return replace(peaks, angle=wrap(peaks.angle + np.pi), reach=np.full(len(peaks), REACH_UNIT_CELLS))


def facts_of(roots: Peaks) -> NDArray[np.float32]:
    """(K, `FACTS`) what the verifier is told of each root."""
    columns = [log_odds(roots.score) / 2, roots.reach / REACH_UNIT_CELLS, against_field(roots)]
    return np.stack(columns, -1).astype(np.float32)


def frame(
    at: NDArray[np.float64], angle: float, scale: float = 1.0, mirrored: bool = False
) -> NDArray[np.float64]:
    """(2, 3) from px of the patch of a root at `at`, cells, to cells; `angle`, rad, is that of its shaft.

    A `scale` above 1 shows more, smaller.
    """
    along = scale * np.array([np.cos(angle), np.sin(angle)])
    across = 0.5 * np.array([-along[1], along[0]]) * (-1.0 if mirrored else 1.0)
    origin = at - BEHIND_CELLS * along - (2 * ASIDE_CELLS - 0.5) * across
    return np.stack([along, across, origin], -1)


def patch_of(
    pixels: NDArray[np.uint8],
    shaft: NDArray[np.uint8],
    roots: Peaks,
    tips: Peaks,
    k: int,
    to_cells: NDArray[np.float64],
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Patch of one root: skin and hair, and what the maps say there.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        The photo at the working scale.
    shaft : (S, h, w) uint8
        See `Segmentation`.
    roots, tips : Peaks
        Roots best first.
    k : int
        Number of the root.
    to_cells : (2, 3) float64
        See `frame`.

    Returns
    -------
    pixels : (`WIDE_PX`, `LONG_PX`, 3) uint8
    maps : (5, `WIDE_PX`, `LONG_PX`) float32
        Shaft of this direction and across it, -0.5 to 1.5; higher roots, lower roots and tips, 0-2.
    """
    to_px = CELL_PX * to_cells
    to_px[:, 2] += 0.5 * (CELL_PX - 1)
    maps = np.empty((PATCH_CHANNELS - 3, WIDE_PX, LONG_PX), np.float32)
    slot = float(np.arctan2(to_cells[1, 0], to_cells[0, 0]) % np.pi / np.pi * len(shaft))
    for channel, turned in ((0, 0), (1, len(shaft) // 2)):
        low, share = int(slot) + turned, np.float32(slot % 1)
        pair = [_warped(shaft[(low + i) % len(shaft)], to_cells, cv2.BORDER_CONSTANT) for i in (0, 1)]
        maps[channel] = ((1 - share) * pair[0] + share * pair[1]) / 128 - 0.5
    peers = np.flatnonzero(_near(roots, roots, k))
    maps[2] = _drawn(roots.take(peers[peers < k]), to_cells)
    maps[3] = _drawn(roots.take(peers[peers > k]), to_cells)
    maps[4] = _drawn(tips.take(_near(tips, roots, k)), to_cells)
    return _warped(pixels, to_px, cv2.BORDER_REPLICATE), maps


def as_input(pixels: NDArray[np.uint8], maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """(`PATCH_CHANNELS`, `WIDE_PX`, `LONG_PX`) both parts of a patch, as the verifier takes them."""
    colours = (pixels.transpose(2, 0, 1).astype(np.float32) / 255 - 0.5) * 4
    return np.concatenate([colours, maps])


def _warped(picture: NDArray[np.uint8], affine: NDArray[np.float64], border: int) -> NDArray[np.uint8]:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(picture, affine, (LONG_PX, WIDE_PX), flags=flags, borderMode=border)
    return np.asarray(warped, np.uint8)


def _near(peaks: Peaks, roots: Peaks, k: int) -> NDArray[np.bool_]:
    away = np.hypot(*(peaks.at - roots.at[k]).T)
    turned = np.abs(wrap(peaks.angle - roots.angle[k]))
    return np.asarray((away < PEER_CELLS) & (turned < PEER_RAD), bool)


def _drawn(peaks: Peaks, to_cells: NDArray[np.float64]) -> NDArray[np.float32]:
    """(`WIDE_PX`, `LONG_PX`) a spot at each peak, twice as high as it."""
    if not len(peaks):
        return np.zeros((WIDE_PX, LONG_PX), np.float32)
    at = np.linalg.solve(to_cells[:, :2], (peaks.at - to_cells[:, 2]).T)
    spots = [
        np.exp(-0.5 * ((np.arange(n) - centre[:, None]) / sigma) ** 2)
        for n, centre, sigma in ((LONG_PX, at[0], PEER_SIGMA_CELLS), (WIDE_PX, at[1], 2 * PEER_SIGMA_CELLS))
    ]
    heights = 2 * peaks.score[:, None, None] * spots[1][:, :, None] * spots[0][:, None, :]
    return np.asarray(heights.max(0), np.float32)


@torch.inference_mode()
def look_again(
    verifier: Verifier, pixels: NDArray[np.uint8], shaft: NDArray[np.uint8], roots: Peaks, tips: Peaks
) -> NDArray[np.float64]:
    """Look at every root, and at its mirror image.

    Parameters
    ----------
    verifier : Verifier
        In evaluation mode.
    pixels : (H, W, 3) uint8
        The photo at the working scale.
    shaft : (S, h, w) uint8
    roots, tips : Peaks

    Returns
    -------
    (K,) float64
        Log odds that a hair of its own begins at each root, the mean of both looks.
    """
    device = verifier.decide.weight.device
    facts = torch.from_numpy(facts_of(roots))
    odds = [np.zeros(0)]
    for some in _batches(len(roots)):
        frames = [frame(roots.at[k], float(roots.angle[k])) for k in some]
        parts = [
            patch_of(pixels, shaft, roots, tips, k, to_cells)
            for k, to_cells in zip(some, frames, strict=True)
        ]
        inputs = torch.from_numpy(np.stack([as_input(*part) for part in parts]))
        seen = inputs.contiguous(memory_format=torch.channels_last).to(device)
        told = facts[some.start : some.stop].to(device)
        odds.append((0.5 * (verifier(seen, told) + verifier(seen.flip(2), told))).cpu().numpy())
    return np.concatenate(odds).astype(np.float64)


def _batches(count: int) -> Iterator[range]:
    for start in range(0, count, BATCH):
        yield range(start, min(start + BATCH, count))
