"""One photo of a run: measured and its results kept, or those of an earlier run taken."""

from __future__ import annotations

import hashlib
import json
import logging
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import trichoscan
from trichoscan.photo.calibrate import calibrate
from trichoscan.photo.read import read_photo
from trichoscan.pipeline import analyze
from trichoscan.records import TrichoscanError
from trichoscan.report.hide import hide_burnt_in
from trichoscan.report.overlay import draw_overlay
from trichoscan.report.picture import shrink
from trichoscan.study import columns, store
from trichoscan.study.geometry import feature_collection
from trichoscan.study.kept import save_analysis
from trichoscan.study.manifest import Entry

if TYPE_CHECKING:
    from trichoscan.segment.infer import Weights

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """What the numbers of every photo of a run depend on, beside the photo and the weights.

    Attributes
    ----------
    um_per_px : float or None
        Scale of photos for which the manifest gives none.
    vellus_below_um : float
        Hairs thinner than this are vellus.
    intermediate_below_um : float
        Terminal hairs thinner than this are also counted as intermediate.
    """

    um_per_px: float | None = None
    vellus_below_um: float = 30.0
    intermediate_below_um: float = 60.0


@dataclass(frozen=True)
class Outcome:
    """What became of one photo.

    Attributes
    ----------
    image : str
    status : "ok" or "failed"
    kept : bool
        Whether the result of an earlier run was taken.
    sha256 : str
        Of the photo's file; empty where it could not be read.
    """

    image: str
    status: Literal["ok", "failed"]
    kept: bool
    sha256: str


Job = tuple[Entry, str]


def process_photo(
    job: Job, out: Path, settings: Settings, weights: Weights, device: str, *, overwrite: bool = False
) -> Outcome:
    """Measure one photo and keep its rows, geometry and overlay; take those of an earlier run if they hold.

    What an earlier run left of a photo is removed before it is measured, its rows last. So rows are
    never beside geometry or an overlay of other settings, wherever the run is stopped.

    Parameters
    ----------
    job : (Entry, str)
        The photo and the stem of its files.
    out, settings, weights, device, overwrite
        As in `analyze_folder`.
    """
    entry, name = job
    made_from = _made_from(entry, settings, weights, device)
    earlier = store.read_part(out, entry.image) or {"made_from": {}, "cells": {}}
    files = store.photo_files(out, name)
    stored = store.part_files(out, earlier["cells"])
    analysis_file = store.analysis_path(out, entry.image)
    if (
        not overwrite
        and earlier["made_from"] == made_from
        and earlier["cells"].get("status") == "ok"
        and stored == files
        and all(file.is_file() for file in (*stored, analysis_file))
    ):
        return Outcome(entry.image, "ok", True, made_from["sha256"])
    for file in (*stored, analysis_file, store.part_path(out, entry.image)):
        file.unlink(missing_ok=True)
    hairs: list[list[str]] = []
    try:
        cells, hairs = _measure(entry, name, out, settings, weights, device)
    except TrichoscanError as error:
        cells = columns.failed_cells(str(error).removeprefix(f"{entry.path}: "))
    except OSError:
        raise  # RESULTS cannot be written: no photo after this one will fare better
    except Exception as error:
        log.debug("%s", entry.image, exc_info=True)
        cells = columns.failed_cells(
            f"unexpected {type(error).__name__}: {error}; please report it with --debug"
        )
    store.write_part(out, entry.image, made_from=made_from, cells=cells, hairs=hairs)
    return Outcome(entry.image, "ok" if cells["status"] == "ok" else "failed", False, made_from["sha256"])


def _measure(
    entry: Entry, name: str, out: Path, settings: Settings, weights: Weights, device: str
) -> tuple[dict[str, str], list[list[str]]]:
    photo = calibrate(
        read_photo(entry.path, entry.frame),
        manifest_um_per_px=entry.um_per_px,
        option_um_per_px=settings.um_per_px,
    )
    analysis = analyze(photo, weights, target=entry.target, device=device)
    geometry_file, overlay_file, picture_file = store.photo_files(out, name)
    store.write_json(geometry_file, feature_collection(analysis))
    save_analysis(store.analysis_path(out, entry.image), analysis)
    shown = hide_burnt_in(photo.pixels, analysis.quality)
    store.write_overlay(overlay_file, draw_overlay(shown, analysis, settings.vellus_below_um))
    store.write_overlay(picture_file, shrink(shown))
    return (
        columns.measured_cells(analysis, name, settings.vellus_below_um, settings.intermediate_below_um),
        columns.hair_rows(analysis, settings.vellus_below_um),
    )


def _made_from(entry: Entry, settings: Settings, weights: Weights, device: str) -> dict[str, Any]:
    """All that the rows of a photo depend on."""
    sha256 = ""
    with suppress(OSError):
        if entry.path.is_file():  # opening a pipe would wait for ever
            with entry.path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "sha256": sha256,
        "um_per_px": entry.um_per_px if entry.um_per_px is not None else settings.um_per_px,
        "um_per_px_given_by": "manifest" if entry.um_per_px is not None else "option",
        "target": None if entry.target is None else asdict(entry.target),
        "vellus_below_um": settings.vellus_below_um,
        "intermediate_below_um": settings.intermediate_below_um,
        "weights": weights.sha256,
        "weights_config": hashlib.sha256(
            json.dumps(dict(weights.config), sort_keys=True).encode()
        ).hexdigest(),
        "device": device,
        "version": trichoscan.__version__,
    }
