"""A weights folder from a trained network: model, config, card and a stored answer to replay."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save

from trichoscan.learn.dataset import AnnotatedPhoto, phantom_photo, read_annotated
from trichoscan.learn.operating import (
    F1_TO_SPARE,
    Trial,
    choose_least_confidence,
    count_cv,
    fit_confidence,
    fit_tip_confidence,
    left_out_points,
    reported,
    try_photos,
)
from trichoscan.learn.tracing import fit_tracing
from trichoscan.learn.train import TrainConfig
from trichoscan.segment.network import WORKING_UM_PER_PX, HairNet
from trichoscan.segment.thresholds import DEFAULT_THRESHOLDS
from trichoscan.segment.tiles import run_tile
from trichoscan.segment.verifier import Verifier
from trichoscan.segment.weights import Weights, load_weights

PHANTOM_VALIDATION = 48
"""Phantoms on which confidence is fitted beside real photos, which show no long or light hair, or alone."""

TRACED_PHOTOS, TRACED_PHANTOMS = 70, 60
"""Photos trained on and phantoms on which tracing is taught: some 15,000 joins and 10,000 readings."""


def export_weights(
    network: HairNet,
    verifiers: Mapping[str, Verifier],
    config: TrainConfig,
    split: dict[str, list[str]],
    folder: Path,
    log: Callable[[str], None],
) -> Path:
    """Teach tracing on training photos, choose operating points on validation photos, write the folder.

    Parameters
    ----------
    network : HairNet
    verifiers : mapping of str to Verifier
        By name; see `segment.weights.VERIFIERS`.
    config : TrainConfig
    split : dict
        See `dataset.split_by_name`.
    folder : Path
        Written anew.
    log : callable

    Returns
    -------
    Path
        `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = network.state_dict()
    for kind, verifier in verifiers.items():
        state |= {f"{kind}.{name}": value for name, value in verifier.state_dict().items()}
    tensors = {k: v.detach().cpu().contiguous() for k, v in state.items()}
    data = save({k: v.half() if v.dtype == torch.float32 else v for k, v in tensors.items()})
    (folder / "model.safetensors").write_bytes(data)
    stored: dict[str, Any] = {
        "name": config.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "widths": list(network.widths),
        "working_um_per_px": WORKING_UM_PER_PX,
        "thresholds": DEFAULT_THRESHOLDS,
        "count_cv": 0.1,
        "training": _training(config),
        "earlier": _earlier(config),
        "split": split,
    }
    _write_config(folder, stored)
    weights = load_weights(folder)
    tracing = fit_tracing(_traced(config, split), weights, config.device)
    stored["thresholds"] = DEFAULT_THRESHOLDS | tracing
    weights = replace(weights, config=stored)
    real = try_photos(_real_validation(config, split), weights, config.device)
    drawn = try_photos(_drawn_validation(config), weights, config.device)
    fitted = fit_confidence([*real, *drawn], field=not verifiers)
    judged = real or drawn
    least = choose_least_confidence(judged, fitted, F1_TO_SPARE if real else 0.0)
    tips = fit_tip_confidence([*real, *drawn])
    stored["thresholds"] |= fitted | tips | {"confidence": least}
    if real:
        stored["count_cv"] = count_cv(real, left_out_points(real, drawn, field=not verifiers))
    else:  # of hard phantoms it would say nothing of photos: of clipped ones, which no choice has seen
        clipped = try_photos(_drawn_validation(config, "clipped"), weights, config.device)
        stored["count_cv"] = count_cv(clipped, [(fitted, least)] * len(clipped))
    stored["validation"] = _summary(judged, fitted, least)
    stored["validation_phantoms"] = _summary(drawn, fitted, least)
    _write_config(folder, stored)
    _write_golden(folder, weights)
    (folder / "CARD.md").write_text(_card(stored))
    log(f"{folder}: " + json.dumps(stored["validation"]))
    log(
        f"{folder}: how often they show a hair again is not measured yet "
        "(benchmarks/repeatability.py --write): matching takes the figures of earlier weights"
    )
    return folder


def _training(config: TrainConfig) -> dict[str, Any]:
    """`config` for strangers: names of folders rather than where they lie on this machine."""
    photos = config.photos
    known = {name: value for name, value in asdict(config).items() if name != "split"}
    return known | {
        "photos": None if photos is None else photos.resolve().name,
        "out": config.out.resolve().name,
        "start_from": None if config.start_from is None else Path(config.start_from).name,
    }


def _earlier(config: TrainConfig) -> list[dict[str, Any]]:
    """How the weights to start from were made, first things first."""
    if config.start_from is None:
        return []
    start = load_weights(config.start_from, unproven=True).config
    return [*start.get("earlier", []), start["training"] | {"name": start["name"]}]


def _write_config(folder: Path, stored: dict[str, Any]) -> None:
    (folder / "config.json").write_text(json.dumps(stored, indent=1) + "\n")


def _real_validation(config: TrainConfig, split: dict[str, list[str]]) -> list[AnnotatedPhoto]:
    if config.photos is None:
        return []
    return read_annotated(config.photos, split["validation"], seams=config.seams)


def _traced(config: TrainConfig, split: dict[str, list[str]]) -> Iterator[AnnotatedPhoto]:
    """What tracing is taught on: photos trained on, and phantoms of seeds that nothing else reaches."""
    rng = np.random.default_rng([config.seed, 2**32 - 2])
    if config.photos is not None:
        count = min(TRACED_PHOTOS, len(split["train"]))
        stems = sorted(rng.choice(split["train"], count, replace=False).tolist())
        for stem in stems:
            yield from read_annotated(config.photos, [stem], seams=config.seams)
    for i in range(TRACED_PHANTOMS):
        yield phantom_photo(2**31 + 2 * PHANTOM_VALIDATION + i, 640, rng)


def _drawn_validation(config: TrainConfig, style: str | None = None) -> list[AnnotatedPhoto]:
    """Phantoms of seeds that training does not reach, of any style or of one."""
    rng = np.random.default_rng([config.seed, 2**32 - 1])
    first = 2**31 + (PHANTOM_VALIDATION if style else 0)
    return [phantom_photo(first + i, 640, rng, style) for i in range(PHANTOM_VALIDATION)]


def _summary(trials: Sequence[Trial], fitted: dict[str, float], least: float) -> dict[str, float | int]:
    """F1 and its parts at the operating point."""
    kept = [reported(t, fitted, least) for t in trials]
    found = sum(len(k) for k in kept)
    right = sum(int(t.judged.right[k].sum()) for k, t in zip(kept, trials, strict=True))
    true = sum(t.judged.true_count for t in trials)
    return {
        "photos": len(trials),
        "hairs": true,
        "precision": round(right / max(found, 1), 4),
        "recall": round(right / max(true, 1), 4),
        "f1": round(2 * right / max(found + true, 1), 4),
        "count_bias": round(found / max(true, 1) - 1, 4),
    }


def golden_pixels() -> NDArray[np.uint8]:
    """(128, 128, 3) picture whose maps are stored with the weights: dark strokes and a ramp of light."""
    y, x = np.mgrid[:128, :128]
    pixels = np.repeat((170 + 40 * np.sin(x / 31) * np.cos(y / 23))[..., None], 3, -1).astype(np.uint8)
    for i in range(4):
        start = (20 + 27 * i, 15 + 8 * i)
        cv2.line(pixels, start, (start[0] + 25 - 9 * i, start[1] + 80), (40, 35, 30), 6 + 3 * i, cv2.LINE_AA)
    return pixels


def _write_golden(folder: Path, weights: Weights) -> None:
    maps = run_tile(golden_pixels(), weights.network.cpu(), torch.device("cpu"))
    halves: dict[str, Any] = {name: value.astype(np.float16) for name, value in maps.items()}
    np.savez_compressed(folder / "golden.npz", **halves)


CARD = """# {name}

Finds hair roots, tips and shafts on scalp photos for trichoscan. Research use: it measures, it does not
diagnose.

## Trained on
{data}

| weights | steps of the network | crops a step | phantoms, % | learning rate | verifiers |
|---|---|---|---|---|---|
{stages}

Each row goes on from the one above. All at {working_um_per_px} um per px.

## Split
{split}

## On the validation photos and phantoms
The operating point was chosen on them, so these figures flatter. Figures on photos held out stand where
weights are offered: for trichoscan's own in its docs (how-well.md, accuracy.md), with what was chosen after
a look at them.

{figures}

## Limits
{limits} Photos finer than 1.5 or coarser than 14 um per px are outside of what they have seen.

How often they show a hair again on another photo is measured afterwards, by benchmarks/repeatability.py, and
stands in config.json (`repeatability`); without it, matching takes the figures of follicle-v1.
"""
REAL_DATA = """{train} real photos with hand-drawn hairs, and phantoms.

{provenance}"""
UNSTATED = (
    "Where the photos come from, what they show and under what licence was not stated (`--provenance`)."
)
PHANTOMS_ALONE = "Phantoms only: no real photo was used, nor one for a choice."
SPLIT = """By the sha256 of the photo's name, and no exposure under two names on two sides. {train} for
training, {validation} for operating points, {held_out} held out: not trained on. config.json lists them."""


def _card(stored: dict[str, Any]) -> str:
    """What a person should know before trusting these weights."""
    training = stored["training"]
    counts = {side: len(names) for side, names in stored["split"].items()}
    real = training["photos"] is not None
    told = {"train": counts["train"], "provenance": training.get("provenance") or UNSTATED}
    return CARD.format(
        name=stored["name"],
        data=REAL_DATA.format(**told) if real else PHANTOMS_ALONE,
        stages="\n".join(_stage(one) for one in [*stored.get("earlier", []), training]),
        working_um_per_px=stored["working_um_per_px"],
        split=SPLIT.format(**counts) if real else PHANTOMS_ALONE,
        limits="What these photos do not show was learned from phantoms."
        if real
        else "All hair in training was drawn.",
        figures=_figures(stored),
    )


def _stage(training: Mapping[str, Any]) -> str:
    """Row of the card: how long network and verifiers learned in one run, and from what."""
    cells = [training["name"], str(training["steps"])]
    if training["steps"]:
        share, rate = 100 * training["phantom_share"], training["learning_rate"]
        cells += [f"{training['batch']} of {training['crop_px']} px", f"{share:.0f}", f"{rate:g}"]
    else:
        cells += ["", "", ""]
    return f"| {' | '.join([*cells, _verifiers(training)])} |"


def _verifiers(training: Mapping[str, Any]) -> str:
    """What the verifiers learned from; weights before follicle-v6 do not tell how many phantoms were bare."""
    if not training.get("verifier_epochs"):
        return ""
    views, bare = training.get("verifier_views"), training.get("verifier_bare_share")
    parts = [f"{training['verifier_epochs']} times"]
    if views and training["photos"] is not None:
        parts.append(f"{views} other view{'s' if views > 1 else ''} of each photo")
    parts.append(f"{training['verifier_phantoms']} phantoms")
    return ", ".join(parts) + ("" if bare is None else f", {100 * bare:.0f} % of them bare")


def _figures(stored: dict[str, Any]) -> str:
    """Markdown table of the figures on what the operating points were chosen on."""
    kinds = {"phantoms": stored["validation_phantoms"]}
    if stored["training"]["photos"] is not None:
        kinds = {"real photos": stored["validation"]} | kinds
    lines = [f"| | {' | '.join(kinds)} |", "|---|" + "---|" * len(kinds)]
    names = stored["validation_phantoms"]
    lines += [f"| {name} | {' | '.join(str(kind[name]) for kind in kinds.values())} |" for name in names]
    return "\n".join(lines)
