"""Make weights: read from top to bottom.

Crops of real photos and of phantoms are mixed; the loss is a focal loss on the peak maps, binary
cross-entropy on the shafts and an absolute error on what stands beside a root peak. While the network
learns, a run can be stopped at any time and goes on from its checkpoint with the same crops in the same
order; the verifiers, which come after it, begin anew.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from trichoscan.learn.config import TrainConfig, split_photos
from trichoscan.learn.crops import Crops
from trichoscan.learn.dataset import AnnotatedPhoto, phantom_photo, read_annotated, turned_about
from trichoscan.learn.loss import LOSS_SHARES, losses
from trichoscan.records import TrichoscanError
from trichoscan.segment.infer import resolve_device
from trichoscan.segment.memory import keep_freed_memory
from trichoscan.segment.network import WORKING_UM_PER_PX, HairNet, for_inference
from trichoscan.segment.thresholds import DEFAULT_THRESHOLDS
from trichoscan.segment.verifier import Verifier
from trichoscan.segment.weights import VERIFIERS, Weights, load_weights, stored_states

__all__ = ["TrainConfig", "train"]

EMA_STEPS = 200
"""The weights kept are an exponential mean over about this many steps."""
CHECKPOINT_STEPS = 100
VERIFIER_SEED = 1_000_003
"""Sets the phantoms of the verifiers apart from those of the network."""
VERIFIER_PHANTOM_PX = 640
"""As if crops were so large, two thirds more than usual: fewer hairs of these phantoms are cut, and they
carry rulers and other signs, which small photos do not."""


@dataclass(frozen=True, eq=False)
class _Learner:
    """The network that learns, the mean over its steps that is kept, and what moves it."""

    model: HairNet
    mean_model: HairNet
    optimizer: torch.optim.Optimizer

    def state(self) -> dict[str, Any]:
        return {name: getattr(self, name).state_dict() for name in ("model", "mean_model", "optimizer")}


def train(config: TrainConfig, log: Callable[[str], None] = print) -> Path:
    """Train the network, then the verifiers, choose the operating points, and write a weights folder.

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
        Where there is nothing to train on or to train, or `out` holds a run on other crops.
    """
    from trichoscan.learn.export import export_weights

    if config.photos is None and config.phantom_share <= 0:
        raise TrichoscanError("nothing to train on: give --photos FOLDER or a phantom share above 0")
    if not config.steps and config.start_from is None:
        raise TrichoscanError("nothing is taught in 0 steps: give --start-from WEIGHTS")
    start = _checked_start(config)
    device = torch.device(resolve_device(config.device))
    keep_freed_memory()
    config.out.mkdir(parents=True, exist_ok=True)
    split = split_photos(config)
    run = _run_of(config, split["train"], start)
    learner, step = _start(config, run, device)
    if step < config.steps:
        _go_on(learner, step, config, run, device, log)
    elif config.steps:
        log(f"{config.out}: {step} steps are done already; on to the operating points")
    verifiers = _train_verifiers(learner.mean_model, config, split["train"], device, log)
    return export_weights(
        learner.mean_model, verifiers, config, split, config.out / "weights" / config.name, log
    )


def _train_verifiers(
    network: HairNet, config: TrainConfig, stems: list[str], device: torch.device, log: Callable[[str], None]
) -> dict[str, Verifier]:
    """`VERIFIERS` for the finished network, from the photos trained on and phantoms of their own.

    Without a time to learn they stay those of the weights to start from, if these have any.
    """
    from trichoscan.learn.second_look import see, train_verifier

    start = {} if config.start_from is None else stored_states(config.start_from)[1]
    if not config.verifier_epochs:
        return {name: _verifier(state) for name, state in start.items()}
    stored = {"working_um_per_px": WORKING_UM_PER_PX, "thresholds": DEFAULT_THRESHOLDS}
    weights = Weights(config.name, "", stored, for_inference(network))
    seen = [see(photo, weights, device.type) for photo in _photos_to_see(config, stems)]
    verifiers = {}
    for name in VERIFIERS:
        learned = train_verifier(
            name,
            [photo[name] for photo in seen],
            epochs=config.verifier_epochs,
            learning_rate=config.learning_rate,
            seed=config.seed,
            device=device.type,
            log=log,
            start=start.get(name),
        )
        if learned is not None:
            verifiers[name] = learned
    return verifiers


def _verifier(state: Mapping[str, Tensor]) -> Verifier:
    verifier = Verifier()
    verifier.load_state_dict(state)
    return verifier.eval()


def _photos_to_see(config: TrainConfig, stems: list[str]) -> Iterator[AnnotatedPhoto]:
    """Each photo as it is and, for more of them, turned about; then phantoms."""
    for stem in stems:
        assert config.photos is not None
        (photo,) = read_annotated(config.photos, [stem], seams=config.seams)
        yield photo
        for view in range(config.verifier_views):
            rng = np.random.default_rng([config.seed, *stem.encode(), view, VERIFIER_SEED])
            yield turned_about(photo, rng)
    for which in range(config.verifier_phantoms):
        rng = np.random.default_rng([config.seed, which, VERIFIER_SEED])
        style = "bare" if rng.random() < config.verifier_bare_share else None
        yield phantom_photo(int(rng.integers(2**31)), VERIFIER_PHANTOM_PX, rng, style)


def _checked_start(config: TrainConfig) -> Weights | None:
    """Weights to start from, if any; TrichoscanError where they are missing, damaged or of another size."""
    if config.start_from is None:
        return None
    start = load_weights(config.start_from, unproven=True)
    widths = tuple(start.config["widths"])
    if widths != HairNet().widths:
        raise TrichoscanError(
            f"{config.start_from}: a network of another size, {widths}: start from others, or from nothing"
        )
    return start


def _run_of(config: TrainConfig, photos: list[str], start: Weights | None) -> dict[str, Any]:
    """What the crops of a run depend on; a checkpoint goes on only with the same."""
    return {
        "photos": photos,
        "crop_px": config.crop_px,
        "batch": config.batch,
        "seed": config.seed,
        "phantom_share": config.phantom_share,
        "seams": config.seams,
        "start": None if start is None else start.sha256,
    }


def _go_on(
    learner: _Learner,
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
        seen.append(_step(learner, batch, step, config, device))
        step += 1
        if step % 20 == 0:
            mean = {k: float(np.mean([s[k] for s in seen[-20:]])) for k in seen[-1]}
            rate = (time.monotonic() - started) / len(seen)
            log(
                f"step {step}/{config.steps}  {rate:.2f} s/step  "
                + "  ".join(f"{k} {v:.3f}" for k, v in mean.items())
            )
        if step % CHECKPOINT_STEPS == 0 or step == config.steps:
            _save(config.out / "checkpoint.pt", learner.state() | {"step": step, "run": run})


def _start(config: TrainConfig, run: dict[str, Any], device: torch.device) -> tuple[_Learner, int]:
    """Who learns and the steps done: from the checkpoint in `out`, the weights to start from, or new."""
    torch.manual_seed(config.seed)
    model, mean_model = HairNet().to(device), HairNet().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=0.02)
    checkpoint, step = config.out / "checkpoint.pt", 0
    if config.resume and config.steps and checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        _check_same_run(config.out, state.get("run", {}), run)
        model.load_state_dict(state["model"])
        mean_model.load_state_dict(state["mean_model"])
        optimizer.load_state_dict(state["optimizer"])
        step = int(state["step"])
    elif config.start_from is not None:
        state, _ = stored_states(config.start_from)
        model.load_state_dict(state)
        mean_model.load_state_dict(state)
    else:
        mean_model.load_state_dict(model.state_dict())
    return _Learner(model, mean_model, optimizer), step


def _check_same_run(out: Path, earlier: dict[str, Any], run: dict[str, Any]) -> None:
    changed = [name.replace("_", " ") for name, value in run.items() if earlier.get(name) != value]
    if changed:
        raise TrichoscanError(
            f"{out}: the checkpoint here is of a run with other {', '.join(changed)}: "
            "give another --out, or --no-resume to begin anew"
        )


def _step(
    learner: _Learner, batch: dict[str, Tensor], step: int, config: TrainConfig, device: torch.device
) -> dict[str, float]:
    """One step of the optimizer on one batch; each part of the loss before it."""
    model, optimizer = learner.model, learner.optimizer
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
    _follow(learner.mean_model, model, step)
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


def _save(path: Path, state: dict[str, Any]) -> None:
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)
