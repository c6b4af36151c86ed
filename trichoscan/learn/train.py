"""Make weights: read from top to bottom.

Crops of real photos and of phantoms are mixed; the loss is a focal loss on the peak maps, binary
cross-entropy on the shafts and an absolute error on what stands beside a root peak. A run can be
stopped at any time and goes on from its checkpoint with the same crops in the same order.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from trichoscan.learn.dataset import (
    AnnotatedPhoto,
    Crop,
    phantom_photo,
    photos_by_stem,
    random_crop,
    read_annotated,
    split_by_name,
)
from trichoscan.learn.twins import find_twins, without_twins
from trichoscan.records import TrichoscanError
from trichoscan.segment.candidates import DEFAULT_THRESHOLDS
from trichoscan.segment.infer import Weights, resolve_device
from trichoscan.segment.memory import keep_freed_memory
from trichoscan.segment.network import WORKING_UM_PER_PX, HairNet, for_inference
from trichoscan.segment.verifier import Verifier


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
        Optimizer steps; 2 500 take about an hour on two cores.
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
    start_from : Path or None
        Checkpoint whose weights to begin with; where it holds a verifier, that goes on from it.
    seams : bool
        Whether the annotation was cut along the photos' middle lines, as in shared/data/fdu.
    split : mapping or None
        Stems for "train", "validation" and "held_out"; None: by name hash.
    verifier_epochs : int
        Times that the verifier sees each possible hair; 0 makes weights without one.
    verifier_phantoms : int
        Phantoms that it learns from, beside the photos.
    """

    photos: Path | None
    out: Path
    name: str = "follicle-v3"
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
    start_from: Path | None = None
    seams: bool = False
    split: Mapping[str, Sequence[str]] | None = None
    verifier_epochs: int = 10
    verifier_phantoms: int = 240


EMA_STEPS = 200
"""The weights kept are an exponential mean over about this many steps."""
CHECKPOINT_STEPS = 100
PHANTOM_POOL, PHANTOM_TURNS = 24, 16
"""Drawing a phantom costs as much as learning from three crops: so many are kept at a time, and each has
so many turns at being cropped, a batch or more apart."""
VERIFIER_SEED = 1_000_003
"""Sets the phantoms of the verifier apart from those of the network."""
LOSS_SHARES = {"root": 1.0, "tip": 0.5, "shaft": 1.0, "bend": 1.0, "reach": 0.5}


class Crops(Dataset[dict[str, Tensor]]):
    """Crop number i of a run: the same for the same seed, whatever came before."""

    def __init__(self, photos: list[AnnotatedPhoto], config: TrainConfig, first: int) -> None:
        self.photos, self.config, self.first = photos, config, first
        self._pool: dict[int, AnnotatedPhoto] = {}

    def __len__(self) -> int:
        """Crops left in the run."""
        return max(self.config.steps * self.config.batch - self.first, 0)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Draw, cut and augment one crop."""
        number = self.first + index
        rng = np.random.default_rng([self.config.seed, number])
        if not self.photos or rng.random() < self.config.phantom_share:
            pool, place = number // (PHANTOM_POOL * PHANTOM_TURNS), number % PHANTOM_POOL
            photo = self._phantom(pool * PHANTOM_POOL + place)
        else:
            photo = self.photos[int(rng.integers(len(self.photos)))]
        return _tensors(random_crop(photo, self.config.crop_px, rng))

    def _phantom(self, which: int) -> AnnotatedPhoto:
        """Phantom number `which` of the run, drawn unless it is kept still."""
        if which not in self._pool:
            if len(self._pool) == PHANTOM_POOL:
                del self._pool[next(iter(self._pool))]
            rng = np.random.default_rng([self.config.seed, which, PHANTOM_POOL])
            self._pool[which] = phantom_photo(int(rng.integers(2**31)), self.config.crop_px, rng)
        return self._pool[which]


def _tensors(crop: Crop) -> dict[str, Tensor]:
    rgb = torch.from_numpy(np.ascontiguousarray(crop.pixels.transpose(2, 0, 1)))
    labels = {name: torch.from_numpy(value).half() for name, value in crop.labels.items()}
    weights = {f"{name}_weight": torch.from_numpy(value).half() for name, value in crop.weights.items()}
    return {"rgb": rgb} | labels | weights


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


def train(config: TrainConfig, log: Callable[[str], None] = print) -> Path:
    """Train the network, then the verifier, choose the operating points, and write a weights folder.

    Parameters
    ----------
    config : TrainConfig
    log : callable
        Gets one line every 20 steps.

    Returns
    -------
    Path
        The weights folder.

    Raises
    ------
    TrichoscanError
        Where there is nothing to train on, or `out` holds a run on other crops.
    """
    from trichoscan.learn.export import export_weights

    if config.photos is None and config.phantom_share <= 0:
        raise TrichoscanError("nothing to train on: give --photos FOLDER or a phantom share above 0")
    device = torch.device(resolve_device(config.device))
    keep_freed_memory()
    config.out.mkdir(parents=True, exist_ok=True)
    split = _split(config)
    run = _run_of(config, split["train"])
    model, mean_model, optimizer, step = _start(config, run, device)
    if step < config.steps:
        _go_on(model, mean_model, optimizer, step, config, run, device, log)
    else:
        log(f"{config.out}: {step} steps are done already; on to the operating points")
    verifier = _train_verifier(mean_model, config, split["train"], device, log)
    return export_weights(mean_model, verifier, config, split, config.out / "weights" / config.name, log)


def _train_verifier(
    network: HairNet, config: TrainConfig, stems: list[str], device: torch.device, log: Callable[[str], None]
) -> Verifier | None:
    """Verifier for the finished network, from the photos trained on and phantoms of its own."""
    from trichoscan.learn.second_look import train_verifier

    def photos() -> Iterator[AnnotatedPhoto]:
        for stem in stems:
            assert config.photos is not None
            yield from read_annotated(config.photos, [stem], seams=config.seams)
        for which in range(config.verifier_phantoms):
            rng = np.random.default_rng([config.seed, which, VERIFIER_SEED])
            yield phantom_photo(int(rng.integers(2**31)), config.crop_px, rng)

    start = None
    if config.start_from is not None:
        start = torch.load(config.start_from, map_location=device, weights_only=True).get("verifier")
    stored = {"working_um_per_px": WORKING_UM_PER_PX, "thresholds": DEFAULT_THRESHOLDS}
    return train_verifier(
        photos() if config.verifier_epochs else [],
        Weights(config.name, "", stored, for_inference(network)),
        epochs=config.verifier_epochs,
        learning_rate=config.learning_rate,
        seed=config.seed,
        device=device.type,
        log=log,
        start=start,
    )


def _run_of(config: TrainConfig, photos: list[str]) -> dict[str, Any]:
    """What the crops of a run depend on; a checkpoint goes on only with the same."""
    return {
        "photos": photos,
        "crop_px": config.crop_px,
        "batch": config.batch,
        "seed": config.seed,
        "phantom_share": config.phantom_share,
        "seams": config.seams,
    }


def _go_on(
    model: HairNet,
    mean_model: HairNet,
    optimizer: torch.optim.Optimizer,
    step: int,
    config: TrainConfig,
    run: dict[str, Any],
    device: torch.device,
    log: Callable[[str], None],
) -> None:
    """All steps from number `step` on, with a checkpoint now and then and at the end."""
    photos = read_annotated(config.photos, run["photos"], seams=config.seams) if config.photos else []
    crops = Crops(photos, config, first=step * config.batch)
    workers = 1 if device.type == "cpu" else 12
    loader = DataLoader(crops, config.batch, num_workers=workers, prefetch_factor=4)
    started, seen = time.monotonic(), []
    for batch in loader:
        seen.append(_step(model, mean_model, optimizer, batch, step, config, device))
        step += 1
        if step % 20 == 0:
            mean = {k: float(np.mean([s[k] for s in seen[-20:]])) for k in seen[-1]}
            rate = (time.monotonic() - started) / len(seen)
            log(
                f"step {step}/{config.steps}  {rate:.2f} s/step  "
                + "  ".join(f"{k} {v:.3f}" for k, v in mean.items())
            )
        if step % CHECKPOINT_STEPS == 0 or step == config.steps:
            _save(config.out / "checkpoint.pt", model, mean_model, optimizer, step, run)


def _split(config: TrainConfig) -> dict[str, list[str]]:
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


def _start(
    config: TrainConfig, run: dict[str, Any], device: torch.device
) -> tuple[HairNet, HairNet, torch.optim.Optimizer, int]:
    torch.manual_seed(config.seed)
    model, mean_model = HairNet().to(device), HairNet().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=0.02)
    checkpoint, step = config.out / "checkpoint.pt", 0
    if config.resume and checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        _check_same_run(config.out, state.get("run", {}), run)
        model.load_state_dict(state["model"])
        mean_model.load_state_dict(state["mean_model"])
        optimizer.load_state_dict(state["optimizer"])
        step = int(state["step"])
    elif config.start_from is not None:
        state = torch.load(config.start_from, map_location=device, weights_only=True)
        model.load_state_dict(state["mean_model"])
        mean_model.load_state_dict(state["mean_model"])
    else:
        mean_model.load_state_dict(model.state_dict())
    return model, mean_model, optimizer, step


def _check_same_run(out: Path, earlier: dict[str, Any], run: dict[str, Any]) -> None:
    changed = [name.replace("_", " ") for name, value in run.items() if earlier.get(name) != value]
    if changed:
        raise TrichoscanError(
            f"{out}: the checkpoint here is of a run with other {', '.join(changed)}: "
            "give another --out, or --no-resume to begin anew"
        )


def _step(
    model: HairNet,
    mean_model: HairNet,
    optimizer: torch.optim.Optimizer,
    batch: dict[str, Tensor],
    step: int,
    config: TrainConfig,
    device: torch.device,
) -> dict[str, float]:
    for group in optimizer.param_groups:
        group["lr"] = config.learning_rate * _schedule(step / config.steps)
    model.train()
    batch = {name: value.to(device, non_blocking=True) for name, value in batch.items()}
    rgb = (batch["rgb"].float() / 255).contiguous(memory_format=torch.channels_last)
    with torch.autocast(device.type, dtype=torch.bfloat16):
        maps = model(rgb)
    parts = losses(maps, batch)
    optimizer.zero_grad(set_to_none=True)
    torch.stack([LOSS_SHARES[name] * part for name, part in parts.items()]).sum().backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
    optimizer.step()
    _follow(mean_model, model, step)
    return {name: part.item() for name, part in parts.items()}


def _schedule(done: float) -> float:
    """Share of the peak learning rate: 5 % linear warm-up, then a cosine to 1 %."""
    if done < 0.05:
        return done / 0.05 + 1e-3
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (done - 0.05) / 0.95))


@torch.no_grad()
def _follow(mean_model: HairNet, model: HairNet, step: int) -> None:
    keep = min(1 - 1 / EMA_STEPS, (1 + step) / (10 + step))
    for mean, now in zip(mean_model.state_dict().values(), model.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(now, 1 - keep)
        else:
            mean.copy_(now)


def _save(
    path: Path,
    model: HairNet,
    mean_model: HairNet,
    optimizer: torch.optim.Optimizer,
    step: int,
    run: dict[str, Any],
) -> None:
    state = {
        "model": model.state_dict(),
        "mean_model": mean_model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": step,
        "run": run,
    }
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)
