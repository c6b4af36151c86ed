"""Weights from a folder, and the network over one photo in tiles."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from importlib import resources
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load

from trichoscan.records import Peaks, Photo, Segmentation, TrichoscanError
from trichoscan.segment.candidates import DEFAULT_THRESHOLDS
from trichoscan.segment.network import (
    CELL_PX,
    DIVISOR,
    ORIENTATIONS,
    REACH_UNIT_CELLS,
    WORKING_UM_PER_PX,
    HairNet,
    for_inference,
)
from trichoscan.segment.peaks import find_peaks, one_each
from trichoscan.segment.verifier import Verifier, look_again

DEFAULT_WEIGHTS = "follicle-v3"
VERIFIER_PREFIX = "verifier."
"""Of the verifier's tensors in model.safetensors."""
TILE_PX, OVERLAP_PX = 1344, 256
"""Tiles at the working scale: a photo of 7 x 7 mm is one tile; half of the overlap, 0.7 mm, is as far as
the network looks."""
WORKING_LIMITS_UM_PER_PX = (1.5, 14.0)
"""Scales for which the network was trained: finer and coarser photos are flagged."""
LARGEST_WORKING_PX = 100e6
"""A photo is not enlarged beyond this: the working copy and its shaft map take about 0.5 GB then."""
GUESSES_UM_PER_PX = (1.5, 2.1, 3.0, 4.2, 5.5, 7.5, 10.5)
"""Scales tried on a photo that has none."""
GUESS_SIDE_PX = 640
"""Side, at the working scale, of the piece of photo on which each guess is tried."""


@dataclass(frozen=True, eq=False)
class Weights:
    """A network ready to use.

    Attributes
    ----------
    name : str
    sha256 : str
        Of model.safetensors, hexadecimal.
    config : dict
        config.json: widths, working_um_per_px, thresholds, and how they were made.
    network : HairNet
        Ready for inference; see `network.for_inference`.
    verifier : Verifier or None
        Likewise; without one, confidence rests on the maps alone.
    """

    name: str
    sha256: str
    config: Mapping[str, Any]
    network: HairNet
    verifier: Verifier | None = None

    @property
    def label(self) -> str:
        """Name and the first digits of a sha256 over model and config, as it stands in results."""
        config = json.dumps(self.config, sort_keys=True)
        return f"{self.name}/{hashlib.sha256((self.sha256 + config).encode()).hexdigest()[:12]}"


def find_weights(name_or_path: str | Path | None = None) -> Path:
    """Folder of the weights: a path, or the name of some that come with trichoscan.

    Raises
    ------
    TrichoscanError
        Where there are none.
    """
    wanted = DEFAULT_WEIGHTS if name_or_path is None else name_or_path
    package = Path(str(resources.files("trichoscan")))
    places = [package / "weights" / wanted, package.parent / "weights" / wanted, Path(wanted)]
    for place in places:
        if (place / "config.json").is_file():
            return place
    raise TrichoscanError(
        f"{wanted}: no weights of this name or folder; leave --weights out to use {DEFAULT_WEIGHTS}"
    )


def load_weights(name_or_path: str | Path | None = None, *, unproven: bool = False) -> Weights:
    """Read and check weights.

    Parameters
    ----------
    name_or_path : str or Path, optional
        Name of weights that come with trichoscan, or a folder with model.safetensors and
        config.json; `DEFAULT_WEIGHTS` by default.
    unproven : bool
        Also weights that are marked as no better than those they were made from.

    Returns
    -------
    Weights

    Raises
    ------
    TrichoscanError
        Where the folder is missing, damaged, or made for another network.
    """
    folder = find_weights(name_or_path)
    try:
        config = json.loads((folder / "config.json").read_text())
        data = (folder / "model.safetensors").read_bytes()
        network = HairNet(tuple(config["widths"]))
        _check_config(config)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrichoscanError(
            f"{folder}: the weights cannot be read ({error}); install them again"
        ) from error
    if config.get("usable") is False and not unproven:
        raise TrichoscanError(
            f"{folder}: these weights were not better on the photos held out: see review_training.md there; "
            f"leave --weights out to use {DEFAULT_WEIGHTS}"
        )
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != config["sha256"]:
        raise TrichoscanError(
            f"{folder}/model.safetensors: damaged, its sha256 is not the stated one; install it again"
        )
    try:
        verifier = _load_networks(load(data), network)
    except (SafetensorError, RuntimeError) as error:
        raise TrichoscanError(
            f"{folder}/model.safetensors: made for another version; update trichoscan"
        ) from error
    return Weights(config["name"], sha256, config, for_inference(network), verifier)


def states_of(
    tensors: Mapping[str, torch.Tensor],
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """States, float32, of the network and of the verifier (empty without one) in model.safetensors."""
    whole = {name: value.float() for name, value in tensors.items()}
    names = [name for name in whole if name.startswith(VERIFIER_PREFIX)]
    own = {name.removeprefix(VERIFIER_PREFIX): whole.pop(name) for name in names}
    return whole, own


def _load_networks(tensors: Mapping[str, torch.Tensor], network: HairNet) -> Verifier | None:
    """Fill `network`; the verifier, where the tensors hold one."""
    whole, own = states_of(tensors)
    network.load_state_dict(whole, strict=True)
    if not own:
        return None
    verifier = Verifier()
    verifier.load_state_dict(own, strict=True)
    return for_inference(verifier)


def _check_config(config: Mapping[str, Any]) -> None:
    """Raise KeyError or ValueError where something is missing or no number."""
    for name in DEFAULT_THRESHOLDS.keys() - {"weight_look", "tip_peak", "tip_link", "tip_bias"}:
        float(config["thresholds"][name])
    for name in ("working_um_per_px", "count_cv"):
        float(config[name])
    for name in ("name", "sha256"):
        if not isinstance(config[name], str):
            raise ValueError(f"{name} is no text")


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
    thresholds = DEFAULT_THRESHOLDS | weights.config["thresholds"]
    working_pixels = resampled(photo.pixels, zoom)
    roots, tips, shaft = _run(working_pixels, weights.network, chosen, thresholds)
    if weights.verifier is not None:
        verifier = weights.verifier.to(chosen)
        roots = replace(roots, second_look=look_again(verifier, working_pixels, shaft, roots, tips))
    return Segmentation(roots, tips, shaft, CELL_PX / zoom, thresholds, flags)


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


def _run(
    pixels: NDArray[np.uint8], network: HairNet, device: torch.device, thresholds: Mapping[str, float]
) -> tuple[Peaks, Peaks, NDArray[np.uint8]]:
    """Roots, tips and shaft map of the whole photo, tile by tile: only these are kept of a tile."""
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
    """The network's maps over a piece of photo at the working scale.

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
    padded = np.pad(pixels, ((0, -height % DIVISOR), (0, -width % DIVISOR), (0, 0)), mode="edge")
    rgb = torch.from_numpy(padded.transpose(2, 0, 1)[None]).to(device, torch.float32) / 255
    maps = network(rgb.contiguous(memory_format=torch.channels_last))
    for name in ("root", "tip", "shaft"):
        maps[name].sigmoid_()
    maps["reach"].mul_(REACH_UNIT_CELLS)
    h, w = -(-height // CELL_PX), -(-width // CELL_PX)
    return {name: value[0, :, :h, :w].float().cpu().numpy() for name, value in maps.items()}


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
