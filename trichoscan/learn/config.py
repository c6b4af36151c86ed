"""What to train on, and for how long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trichoscan.learn.dataset import photos_by_stem, split_by_name
from trichoscan.learn.twins import find_twins, without_twins
from trichoscan.segment.weights import load_weights


@dataclass(frozen=True)
class TrainConfig:
    """What to train on, and for how long.

    Attributes
    ----------
    photos : Path or None
        Folder with images/ and truth/; None trains on phantoms alone.
    out : Path
        Folder for the checkpoint; weights are written to `out`/weights.
    name : str
        Name of the weights.
    steps : int
        Optimizer steps; 2 500 take about an hour on two cores, the verifiers of 200 photos an hour more.
        0, with `start_from`, teaches the verifiers alone, whatever checkpoint there is.
    batch : int
        Crops a step.
    crop_px : int
        Side of a crop at the working scale, a multiple of 32.
    phantom_share : float
        Share of crops that are phantoms, 0-1.
    held_out, validation : int
        Photos never trained on, by name hash; see `dataset.split_by_name`. Nor is a photo of the same
        exposure as one of them (`twins.find_twins`).
    learning_rate : float
        Peak of the one-cycle schedule.
    seed : int
    device : str
        "auto", "cpu" or "cuda".
    resume : bool
        Go on from the checkpoint in `out` if there is one.
    start_from : Path, str or None
        Weights to begin with, by their folder or the name of shipped ones; their verifiers go on, too.
    seams : bool
        Whether the annotation was cut along the photos' middle lines, as in shared/data/fdu.
    split : mapping or None
        Stems for "train", "validation" and "held_out"; None: by name hash.
    verifier_epochs : int
        Times that the verifiers see each possible root and tip; 0 keeps those of the weights to start from,
        if there are any.
    verifier_phantoms : int
        Phantoms that they learn from, beside the photos.
    verifier_views : int
        So often they see each photo turned about, beside as it is; a view takes 2 s and 7 MB for 1.3 MP.
    verifier_bare_share : float
        So many of their phantoms are without hair, 0-1: rulers, glints and ink must be met often.
    provenance : str or None
        Where the photos come from, what they show and under what licence, for the card.
    """

    photos: Path | None
    out: Path
    name: str = "own-v1"
    steps: int = 2500
    batch: int = 8
    crop_px: int = 512
    phantom_share: float = 0.4
    held_out: int = 60
    validation: int = 24
    learning_rate: float = 2e-3
    seed: int = 1
    device: str = "auto"
    resume: bool = True
    start_from: Path | str | None = None
    seams: bool = False
    split: Mapping[str, Sequence[str]] | None = None
    verifier_epochs: int = 10
    verifier_phantoms: int = 900
    verifier_views: int = 3
    verifier_bare_share: float = 0.4
    provenance: str | None = None


def split_photos(config: TrainConfig) -> dict[str, list[str]]:
    """Stems for "train", "validation" and "held_out": as `config` says, else by name hash, twins apart.

    Photos that the weights to start from know by name stay on the side where they stood.
    """
    if config.photos is None:
        return {"train": [], "validation": [], "held_out": []}
    if config.split is not None:
        return {side: list(stems) for side, stems in config.split.items()}
    stems = [f.stem for f in sorted((config.photos / "truth").glob("*.json"))]
    before = _split_before(config, stems)
    fresh = sorted(set(stems).difference(*before.values()))
    split = split_by_name(
        fresh,
        max(config.held_out - len(before["held_out"]), 0),
        max(config.validation - len(before["validation"]), 0),
    )
    files = photos_by_stem(config.photos / "images")
    twins = find_twins({stem: files[stem] for stem in stems if stem in files})
    held_out = before["held_out"] + without_twins(split["held_out"], before["train"], twins)
    validation = before["validation"] + without_twins(split["validation"], before["train"], twins)
    validation = without_twins(validation, held_out, twins)
    train = without_twins(before["train"] + split["train"], held_out + validation, twins)
    return {"held_out": sorted(held_out), "validation": sorted(validation), "train": sorted(train)}


def _split_before(config: TrainConfig, stems: Sequence[str]) -> dict[str, list[str]]:
    """On which side photos of these names stood for the weights to start from: what these saw is no test."""
    start = config.start_from
    split = {} if start is None else load_weights(start, unproven=True).config["split"]
    stood = {side: set(split.get(side, ())) for side in ("held_out", "validation", "train")}
    return {side: [stem for stem in stems if stem in names] for side, names in stood.items()}
