"""What to train on, and for how long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trichoscan.learn.dataset import photos_by_stem, split_by_name
from trichoscan.learn.twins import find_twins, without_twins


@dataclass(frozen=True)
class TrainConfig:
    """What to train on, and for how long.

    Attributes
    ----------
    photos : Path or None
        Folder with images/ and truth/; None trains on phantoms alone.
    out : Path
        Folder for the checkpoint and the log; weights are written to `out`/weights.
    name : str
        Name of the weights.
    steps : int
        Optimizer steps; 2 500 take about an hour on two cores. 0, with `start_from`, teaches the verifiers
        alone.
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
        Times that the verifiers see each possible root and tip; 0 makes weights without them.
    verifier_phantoms : int
        Phantoms that they learn from, beside the photos and these turned about.
    """

    photos: Path | None
    out: Path
    name: str = "follicle-v6"
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


def split_photos(config: TrainConfig) -> dict[str, list[str]]:
    """Stems for "train", "validation" and "held_out": as `config` says, else by name hash, twins apart."""
    if config.photos is None:
        return {"train": [], "validation": [], "held_out": []}
    if config.split is not None:
        return {side: list(stems) for side, stems in config.split.items()}
    stems = [f.stem for f in sorted((config.photos / "truth").glob("*.json"))]
    split = split_by_name(stems, config.held_out, config.validation)
    files = photos_by_stem(config.photos / "images")
    twins = find_twins({stem: files[stem] for stem in stems if stem in files})
    validation = without_twins(split["validation"], split["held_out"], twins)
    train = without_twins(split["train"], split["held_out"] + validation, twins)
    return split | {"validation": validation, "train": train}
