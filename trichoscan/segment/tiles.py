"""The network over a photo of any size, tile by tile, so that memory stays bounded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from trichoscan.records import Peaks
from trichoscan.segment.cells import CELL_PX
from trichoscan.segment.network import (
    DIRECTIONS,
    DIVISOR,
    ORIENTATIONS,
    REACH_UNIT_CELLS,
    HairNet,
)
from trichoscan.segment.peaks import find_peaks, one_each

TILE_PX, OVERLAP_PX = 1344, 256
"""Tiles at the working scale: a photo of 7 x 7 mm is one tile; half of the overlap, 0.7 mm, is as far as
the network looks."""


class _Span(NamedTuple):
    """One side of a tile, px at the working scale: from where to where, and what of it is kept."""

    start: int
    end: int
    kept_start: int
    kept_end: int

    @property
    def kept_cells(self) -> slice:
        """What is kept, as cells of the whole photo."""
        return slice(-(-self.kept_start // CELL_PX), -(-self.kept_end // CELL_PX))


def _spans(length: int) -> list[_Span]:
    """Tiles of one size along one side."""
    count = max(1, math.ceil((length - OVERLAP_PX) / (TILE_PX - OVERLAP_PX)))
    stride = DIVISOR * math.ceil((length - OVERLAP_PX) / count / DIVISOR)
    margin = OVERLAP_PX // 2
    spans = []
    for i in range(count):
        first, last, start = i == 0, i == count - 1, i * stride
        end = length if last else start + stride + OVERLAP_PX
        spans.append(_Span(start, end, start if first else start + margin, end if last else end - margin))
    return spans


def run_tiles(
    pixels: NDArray[np.uint8], network: HairNet, device: torch.device, thresholds: Mapping[str, float]
) -> tuple[Peaks, Peaks, NDArray[np.uint8]]:
    """Roots, tips and shaft map of the whole photo, tile by tile: only these are kept of a tile.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        At the working scale.
    network : HairNet
        On `device`.
    device : torch.device
    thresholds : mapping
        "root" and "tip": the least height of a peak.

    Returns
    -------
    roots, tips : Peaks
    shaft : (ORIENTATIONS, h, w) uint8
        255 times the probability; h and w are half of H and W, rounded up.
    """
    height, width = pixels.shape[:2]
    shape = (-(-height // CELL_PX), -(-width // CELL_PX))
    shaft = np.zeros((ORIENTATIONS, *shape), np.uint8)
    found: dict[str, list[Peaks]] = {"root": [], "tip": []}
    for rows, columns in product(_spans(height), _spans(width)):
        place = shaft[:, rows.kept_cells, columns.kept_cells]
        tile = pixels[rows.start : rows.end, columns.start : columns.end]
        for name, peaks in _read_tile(tile, (rows, columns), network, device, thresholds, place).items():
            found[name].append(peaks)
    roots, tips = (one_each(_joined(peaks)) for peaks in found.values())
    return roots, tips, shaft


def _read_tile(
    pixels: NDArray[np.uint8],
    spans: tuple[_Span, _Span],
    network: HairNet,
    device: torch.device,
    thresholds: Mapping[str, float],
    shaft: NDArray[np.uint8],
) -> dict[str, Peaks]:
    """Peaks of what is kept of a tile; its shaft map is put into `shaft`.

    In a function of its own, so that the maps are gone before those of the next tile are made.
    """
    maps = run_tile(pixels, network, device)
    (y, rows), (x, columns) = ((span.start // CELL_PX, span.kept_cells) for span in spans)
    kept = maps["shaft"][:, rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]
    shaft[:] = np.round(255 * kept)
    found = {}
    for name in ("root", "tip"):
        peaks = find_peaks(maps, name, thresholds[name])
        at = peaks.at + np.array([x, y])
        nearest = np.round(at)
        inside = (nearest >= [columns.start, rows.start]) & (nearest < [columns.stop, rows.stop])
        found[name] = replace(peaks, at=at).take(np.asarray(inside.all(1), bool))
    return found


def _joined(peaks: Sequence[Peaks]) -> Peaks:
    return Peaks(*(np.concatenate([getattr(p, column.name) for p in peaks]) for column in fields(Peaks)))


@torch.inference_mode()
def run_tile(
    pixels: NDArray[np.uint8], network: HairNet, device: torch.device
) -> dict[str, NDArray[np.float32]]:
    """The network's maps over a piece of photo at the working scale: the mean of two looks.

    The second look is at the piece turned by half. On validation photos F1 is the same with it, on phantoms
    .04 higher, and a photo turned by half gives nearly the same hairs.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
    network : HairNet
        On `device`.
    device : torch.device

    Returns
    -------
    dict of str to (C, h, w) float32
        See `network.CHANNELS`: root, tip and shaft as probabilities, bend in rad, reach in cells;
        h and w are half of H and W, rounded up.
    """
    height, width = pixels.shape[:2]
    # Mirrored, not drawn out: rows of the last column's noise look like hairs that leave the photo.
    padded = np.pad(pixels, ((0, -height % DIVISOR), (0, -width % DIVISOR), (0, 0)), mode="symmetric")
    rgb = torch.from_numpy(padded.transpose(2, 0, 1)[None]).to(device, torch.float32) / 255
    maps = _maps(network, rgb)
    for name, turned in _maps(network, rgb.flip(2, 3)).items():
        back = turned.flip(2, 3)
        maps[name].add_(back if name == "shaft" else back.roll(DIRECTIONS // 2, 1)).mul_(0.5)
    h, w = -(-height // CELL_PX), -(-width // CELL_PX)
    return {name: value[0, :, :h, :w].float().cpu().numpy() for name, value in maps.items()}


def _maps(network: HairNet, rgb: torch.Tensor) -> dict[str, torch.Tensor]:
    """Maps of (1, 3, H, W) as probabilities, rad and cells."""
    maps = network(rgb.contiguous(memory_format=torch.channels_last))
    for name in ("root", "tip", "shaft"):
        maps[name].sigmoid_()
    maps["reach"].mul_(REACH_UNIT_CELLS)
    return maps
