"""One photo of a run: measured and its results kept, or those of an earlier run taken."""

from __future__ import annotations

import hashlib
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

import trichoscan
from trichoscan.photo.calibrate import calibrate
from trichoscan.photo.read import read_photo
from trichoscan.pipeline import analyze
from trichoscan.records import Analysis, Photo, TrichoscanError
from trichoscan.report.hide import hide_burnt_in
from trichoscan.report.overlay import draw_overlay
from trichoscan.report.picture import shrink
from trichoscan.segment.memory import give_memory_back
from trichoscan.study import columns, store
from trichoscan.study.executors.task import Task
from trichoscan.study.geometry import feature_collection
from trichoscan.study.kept import save_analysis
from trichoscan.study.manifest import Entry

if TYPE_CHECKING:
    from trichoscan.segment.weights import Weights

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
    seconds : float
        It took to read, measure and write; without waiting.
    error : str
        Why it failed.
    """

    image: str
    status: Literal["ok", "failed"]
    kept: bool
    sha256: str
    seconds: float = 0.0
    error: str = ""


LARGE_SAMPLES = 3 * 16_000_000
"""Of a photo of 16 MP."""
LARGE_FILE_BYTES = 6_000_000
"""Such a photo as JPEG; where it is wrong nothing but an overlap is lost."""
_large = threading.Lock()

Job = tuple[Entry, str]
"""A photo and the stem of its files."""


@dataclass(frozen=True, eq=False)
class Tools:
    """What the steps of every photo need; see `analyze_folder`."""

    out: Path
    settings: Settings
    weights: Weights
    device: str


@dataclass(frozen=True, eq=False)
class Step:
    """A photo between two steps.

    Attributes
    ----------
    entry : Entry
    name : str
        Stem of its files.
    seconds : float
        Spent so far.
    sha256 : str
        Of its file; empty where it could not be read.
    photo : Photo or None
        None where it could not be read.
    analysis : Analysis or None
        None before it is measured, and where it could not be.
    reason : str
        Why it failed.
    """

    entry: Entry
    name: str
    seconds: float
    sha256: str
    photo: Photo | None = None
    analysis: Analysis | None = None
    reason: str = ""


def load_tools(out: Path, settings: Settings, weights: str | Path | None, label: str, device: str) -> Tools:
    """Tools for `read_step`, `measure_step` and `write_step`, in the process that takes them.

    Raises
    ------
    TrichoscanError
        The weights of this machine are not those of this label, or the device is not there.
    """
    from trichoscan.segment.infer import resolve_device  # brings in torch
    from trichoscan.segment.weights import load_weights  # brings in torch

    loaded = load_weights(weights)
    if loaded.label != label:
        raise TrichoscanError(
            f"{socket.gethostname()} has weights {loaded.label}, not {label}: install one version everywhere"
        )
    return Tools(out, settings, loaded, resolve_device(device))


def photo_task(tools: Tools, weights: str | Path | None) -> Task:
    """What is done to each `Job` of a run; its result is an `Outcome`."""
    args = tools.out, tools.settings, weights, tools.weights.label, tools.device
    return Task(load_tools, args, read_step, measure_step, write_step)


def find_kept(job: Job, tools: Tools) -> Outcome | None:
    """Outcome of a photo whose result of an earlier run holds: it was made of the same, and is all there."""
    started = time.perf_counter()
    entry, name = job
    earlier = store.read_part(tools.out, entry.image)
    if earlier is None or earlier["cells"].get("status") != "ok":
        return None
    files = store.photo_files(tools.out, name)
    if store.part_files(tools.out, earlier["cells"]) != files:
        return None
    if not all(file.is_file() for file in (*files, store.analysis_path(tools.out, entry.image))):
        return None
    sha256 = _file_sha256(entry)
    if earlier["made_from"] != _made_from(entry, tools, sha256):
        return None
    return Outcome(entry.image, "ok", True, sha256, time.perf_counter() - started)


def read_step(job: Job, tools: Tools) -> Step:
    """Read a photo and settle its scale."""
    started = time.perf_counter()
    entry, name = job
    with _alone_if(_is_large_file(entry.path)):
        photo, reason = _attempt(entry, lambda: _read(entry, tools.settings))
    sha256 = _file_sha256(entry) if photo is None else photo.sha256
    return Step(entry, name, time.perf_counter() - started, sha256, photo, reason=reason)


def measure_step(step: Step, tools: Tools) -> Step:
    """Measure a photo that was read."""
    started, photo = time.perf_counter(), step.photo
    if photo is None:
        return step
    with _alone_if(photo.pixels.size > LARGE_SAMPLES):
        analysis, reason = _attempt(
            step.entry, lambda: analyze(photo, tools.weights, target=step.entry.target, device=tools.device)
        )
    seconds = step.seconds + time.perf_counter() - started
    return replace(step, analysis=analysis, reason=reason, seconds=seconds)


def write_step(step: Step, tools: Tools) -> Outcome:
    """Keep a photo's result, its rows last.

    What an earlier run left of it is removed first, its rows last: rows without their files are not taken by
    a later run. So rows never stand beside geometry or an overlay of other settings, wherever it is stopped.
    """
    started, entry, out = time.perf_counter(), step.entry, tools.out
    made_from = _made_from(entry, tools, step.sha256)
    _remove_earlier(entry, out)
    cells, reason = columns.failed_cells(step.reason), step.reason
    hairs: list[list[str]] = []
    if step.photo is not None and step.analysis is not None:
        with _alone_if(step.photo.pixels.size > LARGE_SAMPLES):
            cells, hairs, reason = _files_written(step, tools)
    store.write_part(out, entry.image, made_from=made_from, cells=cells, hairs=hairs)
    seconds = step.seconds + time.perf_counter() - started
    return Outcome(
        entry.image, "failed" if reason else "ok", False, step.sha256, seconds, cells.get("error", "")
    )


def _files_written(step: Step, tools: Tools) -> tuple[dict[str, str], list[list[str]], str]:
    """Cells and rows of a photo whose files are written, or why there are none."""
    drawn, reason = _attempt(step.entry, lambda: _drawn(step, tools.settings))
    if drawn is None:
        return columns.failed_cells(reason), [], reason
    # Should the run be stopped here and the photo be gone at the next, its files are known by this.
    known = {"geometry": drawn.cells["geometry"]}
    store.write_part(tools.out, step.entry.image, made_from={}, cells=known)
    _write_files(step, drawn, tools)
    return drawn.cells, drawn.hairs, ""


def give_up(job: Job, out: Path, reason: str) -> Outcome:
    """Keep a row for a photo that took its workers with it."""
    entry, _ = job
    _remove_earlier(entry, out)
    cells, sha256 = columns.failed_cells(reason), _file_sha256(entry)
    store.write_part(out, entry.image, made_from={"sha256": sha256}, cells=cells)
    return Outcome(entry.image, "failed", False, sha256, error=cells["error"])


def _remove_earlier(entry: Entry, out: Path) -> None:
    earlier = store.read_part(out, entry.image) or {"cells": {}}
    stale = store.part_files(out, earlier["cells"])
    for file in (*stale, store.analysis_path(out, entry.image), store.part_path(out, entry.image)):
        file.unlink(missing_ok=True)


@dataclass(frozen=True, eq=False)
class _Drawn:
    """All that is written of a photo, ready to be written."""

    cells: dict[str, str]
    hairs: list[list[str]]
    geometry: dict[str, Any]
    overlay: NDArray[np.uint8]
    picture: NDArray[np.uint8]


def _drawn(step: Step, settings: Settings) -> _Drawn:
    photo, analysis = step.photo, step.analysis
    assert photo is not None and analysis is not None
    shown = hide_burnt_in(photo.pixels, analysis.quality)
    vellus, intermediate = settings.vellus_below_um, settings.intermediate_below_um
    return _Drawn(
        columns.measured_cells(analysis, step.name, vellus, intermediate),
        columns.hair_rows(analysis, vellus),
        feature_collection(analysis, vellus),
        draw_overlay(shown, analysis, vellus),
        shrink(shown),
    )


def _write_files(step: Step, drawn: _Drawn, tools: Tools) -> None:
    assert step.analysis is not None
    geometry_file, overlay_file, picture_file = store.photo_files(tools.out, step.name)
    store.write_json(geometry_file, drawn.geometry)
    save_analysis(store.analysis_path(tools.out, step.entry.image), step.analysis)
    store.write_overlay(overlay_file, drawn.overlay)
    store.write_overlay(picture_file, drawn.picture)


@contextmanager
def _alone_if(large: bool) -> Iterator[None]:
    """Have nothing done to two large photos at once: each takes ten times its size meanwhile."""
    if not large:
        yield
        return
    with _large:
        yield
    give_memory_back()


def _is_large_file(path: Path) -> bool:
    with suppress(OSError):
        return path.stat().st_size > LARGE_FILE_BYTES
    return False


Made = TypeVar("Made")


def _attempt(entry: Entry, step: Callable[[], Made]) -> tuple[Made | None, str]:
    """What a step gives, or why it fails: that is the photo's failure, and the run goes on."""
    try:
        return step(), ""
    except TrichoscanError as error:
        return None, str(error).removeprefix(f"{entry.path}: ")
    except OSError as error:
        return None, f"cannot be read ({error.strerror or type(error).__name__}): check the disk or network"
    except MemoryError:
        return None, "too little memory for it: run again with fewer --workers, or make it smaller"
    except Exception as error:
        log.debug("%s", entry.image, exc_info=True)
        # Its words may repeat a path or what stands in the file.
        return None, f"unexpected {type(error).__name__}; please report it with the output of --debug"


def _read(entry: Entry, settings: Settings) -> Photo:
    return calibrate(
        read_photo(entry.path, entry.frame),
        manifest_um_per_px=entry.um_per_px,
        option_um_per_px=settings.um_per_px,
    )


def _file_sha256(entry: Entry) -> str:
    with suppress(OSError):
        if entry.path.is_file():  # opening a pipe would wait for ever
            with entry.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
    return ""


def _made_from(entry: Entry, tools: Tools, sha256: str) -> dict[str, Any]:
    """All that the rows of a photo depend on."""
    settings, config = tools.settings, json.dumps(dict(tools.weights.config), sort_keys=True)
    return {
        "sha256": sha256,
        "um_per_px": entry.um_per_px if entry.um_per_px is not None else settings.um_per_px,
        "um_per_px_given_by": "manifest" if entry.um_per_px is not None else "option",
        "target": None if entry.target is None else asdict(entry.target),
        "vellus_below_um": settings.vellus_below_um,
        "intermediate_below_um": settings.intermediate_below_um,
        "weights": tools.weights.sha256,
        "weights_config": hashlib.sha256(config.encode()).hexdigest(),
        "device": tools.device,
        "version": trichoscan.__version__,
    }
