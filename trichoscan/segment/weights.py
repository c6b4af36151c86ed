"""Weights: what a folder of them holds, checked and ready to use."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load

from trichoscan.records import TrichoscanError
from trichoscan.segment.network import HairNet, for_inference
from trichoscan.segment.thresholds import DEFAULT_THRESHOLDS, TRACING
from trichoscan.segment.verifier import Verifier

LATER_THRESHOLDS = {"weight_look", "tip_peak", "tip_own", "tip_look", "tip_bias", *TRACING}
"""Operating points that older weights do not store."""
DEFAULT_WEIGHTS = "follicle-v9"
ABOUT = {"training", "earlier", "split", "validation", "validation_phantoms"}
"""Entries of config.json that tell how weights were made; no result depends on them."""
VERIFIERS = ("verifier", "tip_verifier")
"""Their tensors in model.safetensors begin with this and a dot."""


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
    verifier, tip_verifier : Verifier or None
        Likewise, of roots and of tips; without them, confidence rests on the maps alone.
    """

    name: str
    sha256: str
    config: Mapping[str, Any]
    network: HairNet
    verifier: Verifier | None = None
    tip_verifier: Verifier | None = None

    @property
    def thresholds(self) -> dict[str, float]:
        """Operating points; what older weights do not store is that of `DEFAULT_THRESHOLDS`."""
        return completed(self.config["thresholds"])

    @property
    def label(self) -> str:
        """Name and first digits of a sha256 over model and config less `ABOUT`, as it stands in results."""
        decisive = {name: value for name, value in self.config.items() if name not in ABOUT}
        config = json.dumps(decisive, sort_keys=True)
        return f"{self.name}/{hashlib.sha256((self.sha256 + config).encode()).hexdigest()[:12]}"


def completed(stored: Mapping[str, float]) -> dict[str, float]:
    """Operating points with the missing ones put in; models of other features are left out whole."""
    known = stored.keys() & DEFAULT_THRESHOLDS.keys()
    if "reading_tip" not in stored:
        known -= TRACING.keys()
    if "tip_own" not in stored:
        known -= {"tip_peak", "tip_look", "tip_bias"}
    return DEFAULT_THRESHOLDS | {name: stored[name] for name in known}


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
        f"{wanted}: no weights of this name, nor a folder with them; {DEFAULT_WEIGHTS} comes with trichoscan"
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
        verifiers = _load_networks(load(data), network)
    except (SafetensorError, RuntimeError) as error:
        raise TrichoscanError(
            f"{folder}/model.safetensors: made for another version; update trichoscan"
        ) from error
    return Weights(config["name"], sha256, config, for_inference(network), **verifiers)


def stored_states(
    name_or_path: str | Path,
) -> tuple[dict[str, torch.Tensor], dict[str, dict[str, torch.Tensor]]]:
    """States, float32, of the network and of each of `VERIFIERS` that there is, to go on training from.

    Raises
    ------
    TrichoscanError
        Where the weights are missing or damaged.
    """
    folder = find_weights(name_or_path)
    try:
        return _states_of(load((folder / "model.safetensors").read_bytes()))
    except (OSError, SafetensorError) as error:
        raise TrichoscanError(f"{folder}/model.safetensors: cannot be read ({error})") from error


def _states_of(
    tensors: Mapping[str, torch.Tensor],
) -> tuple[dict[str, torch.Tensor], dict[str, dict[str, torch.Tensor]]]:
    """States of the network and of the verifiers in model.safetensors."""
    whole = {name: value.float() for name, value in tensors.items()}
    states = {}
    for verifier in VERIFIERS:
        names = [name for name in whole if name.startswith(f"{verifier}.")]
        if names:
            states[verifier] = {name.removeprefix(f"{verifier}."): whole.pop(name) for name in names}
    return whole, states


def _load_networks(tensors: Mapping[str, torch.Tensor], network: HairNet) -> dict[str, Verifier]:
    """Fill `network`; those of `VERIFIERS` that the tensors hold."""
    whole, states = _states_of(tensors)
    network.load_state_dict(whole, strict=True)
    verifiers = {}
    for name, state in states.items():
        verifier = Verifier()
        verifier.load_state_dict(state, strict=True)
        verifiers[name] = for_inference(verifier)
    return verifiers


def _check_config(config: Mapping[str, Any]) -> None:
    """Raise KeyError or ValueError where something is missing or no number."""
    stored = {name: DEFAULT_THRESHOLDS[name] for name in LATER_THRESHOLDS} | config["thresholds"]
    for name in DEFAULT_THRESHOLDS:
        float(stored[name])
    for name in ("working_um_per_px", "count_cv"):
        float(config[name])
    for name in ("name", "sha256"):
        if not isinstance(config[name], str):
            raise ValueError(f"{name} is no text")
