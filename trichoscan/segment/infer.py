"""The network over one photo: at its working scale, which is guessed where the photo has none."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from trichoscan.records import Photo, Segmentation, TrichoscanError
from trichoscan.segment.cells import CELL_PX
from trichoscan.segment.network import WORKING_UM_PER_PX
from trichoscan.segment.peaks import find_peaks, one_each
from trichoscan.segment.tiles import run_tile, run_tiles
from trichoscan.segment.verifier import from_the_tips, look_again
from trichoscan.segment.weights import Weights

WORKING_LIMITS_UM_PER_PX = (1.5, 14.0)
"""Scales for which the network was trained: finer and coarser photos are flagged."""
LARGEST_WORKING_PX = 100e6
"""A photo is not enlarged beyond this: the working copy and what tracing makes of it take 2.5 GB then."""
GUESSES_UM_PER_PX = (1.5, 2.1, 3.0, 4.2, 5.5, 7.5, 10.5)
"""Scales tried on a photo that has none."""
GUESS_SIDE_PX = 640
"""Side, at the working scale, of the piece of photo on which each guess is tried."""


def segment(
    photo: Photo,
    usable_mask: NDArray[np.bool_],
    weights: Weights,
    device: str = "auto",
    *,
    assumed_um_per_px: float | None = None,
) -> Segmentation:
    """Run the network over a photo.

    Parameters
    ----------
    photo : Photo
        Resampled to the working scale by its um_per_px.
    usable_mask : (H, W) bool
        What is not usable is shown to the network as it is, but is no place to guess the scale.
    weights : Weights
    device : str
        "auto", "cpu" or "cuda". Results of a CPU are the same bytes every time.
    assumed_um_per_px : float, optional
        Taken where the photo has no scale; guessed by default. Flagged `working_scale_guessed` in
        either case.

    Returns
    -------
    Segmentation
    """
    chosen = torch.device(resolve_device(device))
    weights.network.to(chosen)
    working = float(weights.config["working_um_per_px"])
    flags: tuple[str, ...] = ()
    um_per_px = photo.um_per_px
    if um_per_px is None:
        um_per_px = assumed_um_per_px or guess_um_per_px(photo.pixels, usable_mask, weights, chosen)
        flags = ("working_scale_guessed",)
    zoom = _zoom(um_per_px, photo.pixels.shape[:2]) / working
    if photo.um_per_px is not None and not np.isclose(zoom * working, um_per_px):
        flags += ("scale_out_of_range",)
    thresholds = weights.thresholds
    working_pixels = resampled(photo.pixels, zoom)
    roots, tips, shaft = run_tiles(working_pixels, weights.network, chosen, thresholds)
    if weights.verifier is not None:
        verifier = weights.verifier.to(chosen)
        roots = replace(roots, second_look=look_again(verifier, working_pixels, shaft, roots, tips))
    if weights.tip_verifier is not None:
        verifier, ends = weights.tip_verifier.to(chosen), from_the_tips(roots, tips)
        tips = replace(tips, second_look=look_again(verifier, working_pixels, shaft, *ends))
    return Segmentation(roots, tips, shaft, working_pixels, CELL_PX / zoom, thresholds, flags)


def _zoom(um_per_px: float, shape: tuple[int, ...]) -> float:
    """`um_per_px` within what the network was trained for and what memory holds."""
    low, high = WORKING_LIMITS_UM_PER_PX
    largest = WORKING_UM_PER_PX * (LARGEST_WORKING_PX / (shape[0] * shape[1])) ** 0.5
    return float(min(np.clip(um_per_px, low, high), largest))


def resolve_device(name: str) -> str:
    """Say which of "cpu" and "cuda" is meant by "auto"; any other name is itself.

    Raises
    ------
    TrichoscanError
        Where "cuda" is asked for and there is none.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise TrichoscanError(f"--device {name}: no GPU that torch can use on this machine; use --device cpu")
    return name


def resampled(pixels: NDArray[np.uint8], zoom: float) -> NDArray[np.uint8]:
    """(H, W, 3) pixels at `zoom` times as many px a side."""
    size = [max(round(n * zoom), 1) for n in pixels.shape[1::-1]]
    method = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, size, interpolation=method), np.uint8)


def guess_um_per_px(
    pixels: NDArray[np.uint8], usable_mask: NDArray[np.bool_], weights: Weights, device: torch.device
) -> float:
    """Scale at which the network is surest of what it sees.

    Too fine by up to a factor of two, since a finer scale shows more hairs at once: a first guess,
    which `pipeline` mends by the width of the hairs found. Never used for lengths or densities.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
    usable_mask : (H, W) bool
    weights : Weights
    device : torch.device

    Returns
    -------
    float
        One of `GUESSES_UM_PER_PX`, um per px.
    """
    working = float(weights.config["working_um_per_px"])
    rows, columns = np.nonzero(usable_mask[::8, ::8])
    centre = (8 * int(np.median(columns)), 8 * int(np.median(rows))) if len(rows) else None
    sureness = [_sureness(pixels, centre, guess / working, weights, device) for guess in GUESSES_UM_PER_PX]
    return GUESSES_UM_PER_PX[int(np.argmax(sureness))]


def _sureness(
    pixels: NDArray[np.uint8],
    centre: tuple[int, int] | None,
    zoom: float,
    weights: Weights,
    device: torch.device,
) -> float:
    """Mean height of root peaks at this scale, the higher ones counting more; shrunk where there are few."""
    height, width = pixels.shape[:2]
    half = int(0.5 * GUESS_SIDE_PX / zoom) + 1
    x, y = centre or (width // 2, height // 2)
    piece = pixels[max(y - half, 0) : y + half, max(x - half, 0) : x + half]
    maps = run_tile(resampled(piece, zoom), weights.network, device)
    score = one_each(find_peaks(maps, "root", 0.1)).score
    return float((score**2).sum() / (score.sum() + 1.0)) if len(score) else 0.0
