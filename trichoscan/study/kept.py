"""An Analysis as a file in RESULTS/.parts: a later run can match photos without measuring them again."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from trichoscan.overlooked import Repeatability
from trichoscan.records import Analysis, Estimate, Hair, Quality, TrichoscanError
from trichoscan.study.store import whole_file

Arrays = dict[str, NDArray[Any]]
QUALITY_WORDS = (
    "focus", "glare_percent", "erythema_index", "flags", "motion_px", "bubbles_percent", "exposure",
    "refusal",
)  # fmt: skip
"""What a `Quality` holds beside its masks."""


def save_analysis(path: Path, analysis: Analysis) -> None:
    """Write an analysis whole or not at all; `load_analysis` gives it back to the last bit."""
    quality = analysis.quality
    words = {
        "shape": analysis.counting_mask.shape,
        "quality": {name: getattr(quality, name) for name in QUALITY_WORDS},
        "hair_contrast": analysis.hair_contrast,
        "unseen_share": analysis.unseen_share,
        "um_per_px": analysis.um_per_px,
        "um_per_px_source": analysis.um_per_px_source,
        "um_per_px_cv": analysis.um_per_px_cv,
        "sha256": analysis.sha256,
        "weights": analysis.weights,
        "hair_count": astuple(analysis.hair_count),
        "flags": analysis.flags,
        "repeatability": asdict(analysis.repeatability),
    }
    arrays: Arrays = {
        "words": np.array(json.dumps(words)),
        "unit_of_hair": analysis.unit_of_hair,
        "counted": analysis.counted,
        "counting_mask": np.packbits(analysis.counting_mask),
        "usable_mask": np.packbits(quality.usable_mask),
        "burnt_in_mask": np.packbits(quality.burnt_in_mask),
        **_packed("hairs", analysis.hairs),
        **_packed("doubtful", analysis.doubtful),
    }
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def load_analysis(path: Path | BinaryIO) -> Analysis:
    """Read what `save_analysis` wrote, from its file or the file's bytes.

    Raises
    ------
    TrichoscanError
        The file is gone or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            return _unpacked(dict(stored))
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        raise TrichoscanError(f"{path}: gone or damaged: run again with --overwrite") from None


def _unpacked(stored: Arrays) -> Analysis:
    words = json.loads(str(stored["words"]))
    quality = words["quality"] | {"flags": tuple(words["quality"]["flags"])}
    burnt_in = _mask(stored["burnt_in_mask"], words["shape"] if len(stored["burnt_in_mask"]) else (0, 0))
    return Analysis(
        hairs=_hairs("hairs", stored),
        unit_of_hair=stored["unit_of_hair"],
        counted=stored["counted"],
        counting_mask=_mask(stored["counting_mask"], words["shape"]),
        quality=Quality(_mask(stored["usable_mask"], words["shape"]), burnt_in_mask=burnt_in, **quality),
        um_per_px=words["um_per_px"],
        um_per_px_source=words["um_per_px_source"],
        um_per_px_cv=words["um_per_px_cv"],
        sha256=words["sha256"],
        weights=words["weights"],
        hair_count=Estimate(*words["hair_count"]),
        flags=tuple(words["flags"]),
        doubtful=_hairs("doubtful", stored),
        repeatability=Repeatability(**words["repeatability"]),
        hair_contrast=words["hair_contrast"],
        unseen_share=words["unseen_share"],
    )


def _mask(bits: NDArray[np.uint8], shape: Sequence[int]) -> NDArray[np.bool_]:
    height, width = shape
    return np.unpackbits(bits, count=height * width).reshape(height, width).astype(bool)


def _packed(name: str, hairs: Sequence[Hair]) -> Arrays:
    """Columns over K hairs; paths and widths stand one after the other, with their lengths."""
    return {
        f"{name}_points": np.array([len(h.path_px) for h in hairs], np.int64),
        f"{name}_path": np.concatenate([np.empty((0, 2)), *(h.path_px for h in hairs)]),
        f"{name}_sections": np.array([len(h.widths_px) for h in hairs], np.int64),
        f"{name}_widths": np.concatenate([np.empty((0, 3)), *(h.widths_px for h in hairs)]),
        f"{name}_numbers": np.array(
            [(h.confidence, h.diameter_px, h.diameter_se_px, h.tip_confidence) for h in hairs], np.float64
        ).reshape(-1, 4),
        f"{name}_profiles": np.array([h.width_profiles for h in hairs], np.int64),
        f"{name}_flags": np.array(json.dumps([h.flags for h in hairs])),
    }


def _hairs(name: str, stored: Arrays) -> tuple[Hair, ...]:
    paths = np.split(stored[f"{name}_path"], np.cumsum(stored[f"{name}_points"]))
    widths = np.split(stored[f"{name}_widths"], np.cumsum(stored[f"{name}_sections"]))
    flags = json.loads(str(stored[f"{name}_flags"]))
    numbers, profiles = stored[f"{name}_numbers"].tolist(), stored[f"{name}_profiles"].tolist()
    return tuple(
        Hair(paths[k], sure, tuple(flags[k]), diameter, se, widths[k], profiles[k], tip_sure)
        for k, (sure, diameter, se, tip_sure) in enumerate(numbers)
    )
