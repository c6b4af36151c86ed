"""Runs over a folder of photos, in one process or several, and goes on where an earlier run stopped."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import platform
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import cv2

import trichoscan
from trichoscan.photo.calibrate import ACCEPTED_UM_PER_PX, calibrate
from trichoscan.photo.read import read_photo
from trichoscan.pipeline import analyze
from trichoscan.records import TrichoscanError
from trichoscan.report.overlay import draw_overlay
from trichoscan.segment.memory import keep_freed_memory
from trichoscan.study import store
from trichoscan.study.geometry import feature_collection
from trichoscan.study.manifest import Entry, list_entries

if TYPE_CHECKING:
    from trichoscan.segment.infer import Weights

AHEAD = 2
"""Photos handed out beyond those at work, for each worker."""

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


@dataclass(frozen=True)
class RunSummary:
    """What became of a folder.

    Attributes
    ----------
    ok, failed, kept : int
        Photos measured (`kept` of them in an earlier run) and photos that could not be.
    seconds : float
    notes : tuple of str
        What the user should know, one line each.
    """

    ok: int
    failed: int
    kept: int
    seconds: float
    notes: tuple[str, ...] = ()


def analyze_folder(
    paths: Sequence[Path],
    out: Path,
    *,
    manifest: Path | None = None,
    pattern: str | None = None,
    um_per_px: float | None = None,
    vellus_below_um: float = 30.0,
    intermediate_below_um: float = 60.0,
    weights: str | Path | None = None,
    device: str = "auto",
    workers: int = 1,
    overwrite: bool = False,
    on_progress: Callable[[Outcome, int], None] | None = None,
) -> RunSummary:
    """Measure every photo under `paths` and write RESULTS; see `study.store` for its files.

    A photo whose result is already in `out`, made of the same bytes with the same parameters,
    weights and version, is not measured again. RESULTS then holds the photos of this run alone; a
    note tells how many of earlier runs left it. A photo that fails gets a row with the reason; the
    run goes on. An interrupted run keeps what is finished: call again to go on.

    Parameters
    ----------
    paths : sequence of Path
        Folders and files.
    out : Path
        RESULTS; made if missing. It may lie in a folder of `paths`, but none of `paths` in it.
        Photos in it are not measured.
    manifest, pattern
        See `study.manifest.list_entries`.
    um_per_px : float, optional
        Scale of photos for which the manifest gives none.
    vellus_below_um : float
        Hairs thinner than this are vellus.
    intermediate_below_um : float
        Terminal hairs thinner than this are also counted as intermediate.
    weights : str or Path, optional
        Name of weights that come with the package, or a folder of weights.
    device : str
        "auto", "cpu" or "cuda".
    workers : int
        Processes, each with a copy of the network and its share of the cores.
    overwrite : bool
        Measure every photo again, also those whose result is in `out`.
    on_progress : callable, optional
        Called with the outcome of each photo and the number of photos of the run.

    Raises
    ------
    TrichoscanError
        For bad paths, a bad manifest, missing weights, or a results folder that is not ours.
    """
    started = time.monotonic()
    _check_numbers(um_per_px, vellus_below_um, workers)
    if not vellus_below_um <= intermediate_below_um < math.inf:
        raise TrichoscanError(
            f"--intermediate-below {intermediate_below_um:g}: give a diameter in um not below --vellus-below"
        )
    entries, unmatched = list_entries(paths, manifest=manifest, pattern=pattern)
    from trichoscan.segment.infer import load_weights, resolve_device  # brings in torch

    device = resolve_device(device)
    keep_freed_memory()
    loaded = load_weights(weights)
    store.prepare(out, paths)
    entries = [entry for entry in entries if not _lies_in(entry.path, out)]
    if not entries:
        raise TrichoscanError(f"{out}: all photos found lie in the results folder: name the folder of photos")
    settings = Settings(um_per_px, vellus_below_um, intermediate_below_um)
    jobs = list(zip(entries, store.file_names([entry.image for entry in entries]), strict=True))
    done = {"ok": 0, "failed": 0, "kept": 0}
    hashes: dict[str, str] = {}
    for outcome in _outcomes(jobs, out, settings, loaded, weights, device, workers, overwrite):
        done[outcome.status] += 1
        done["kept"] += outcome.kept
        hashes[outcome.image] = outcome.sha256
        if on_progress is not None:
            on_progress(outcome, len(entries))
    removed = store.remove_parts(out, keep=entries)
    store.write_tables(out, entries)
    parameters = {**asdict(settings), "pattern": pattern, "device": device}
    store.write_run(out, _run_record(loaded, parameters, hashes))
    return RunSummary(**done, seconds=time.monotonic() - started, notes=_notes(unmatched, removed))


def _check_numbers(um_per_px: float | None, vellus_below_um: float, workers: int) -> None:
    low, high = ACCEPTED_UM_PER_PX
    if um_per_px is not None and not low <= um_per_px <= high:
        raise TrichoscanError(
            f"--um-per-px {um_per_px:g}: give the um that one px stands for, {low:g} to {high:g}"
        )
    if not 0 < vellus_below_um < math.inf:
        raise TrichoscanError(f"--vellus-below {vellus_below_um:g}: give a diameter in um, such as 30 or 40")
    if workers < 1:
        raise TrichoscanError(f"--workers {workers}: give 1 or more")


def _notes(unmatched: Sequence[Path], removed: int) -> tuple[str, ...]:
    notes = []
    if unmatched:
        names = ", ".join(path.name for path in unmatched[:3]) + (", ..." if len(unmatched) > 3 else "")
        notes.append(
            f"{len(unmatched)} photos do not fit --pattern ({names}): "
            "their subject, site and visit stay empty"
        )
    if removed:
        notes.append(
            f"{removed} photos of earlier runs are no longer in RESULTS: it holds the photos of one run; "
            "name all folders at once to have them together"
        )
    return tuple(notes)


def _lies_in(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


Job = tuple[Entry, str]


def _outcomes(
    jobs: Sequence[Job],
    out: Path,
    settings: Settings,
    loaded: Weights,
    weights: str | Path | None,
    device: str,
    workers: int,
    overwrite: bool,
) -> Iterator[Outcome]:
    """Outcome of each job, in the order of `jobs`."""
    if workers == 1:
        for job in jobs:
            yield process_photo(job, out, settings, loaded, device, overwrite=overwrite)
        return
    with ProcessPoolExecutor(
        min(workers, len(jobs)),
        mp_context=get_context("spawn"),
        initializer=_start_worker,
        initargs=(out, settings, weights, device, workers, overwrite),
    ) as pool:
        waiting: deque[Future[Outcome]] = deque()
        remaining = iter(jobs)
        try:
            for job in remaining:
                waiting.append(pool.submit(_work, job))
                if len(waiting) >= workers * (1 + AHEAD):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise TrichoscanError(
                f"{out}: a worker process died, likely for want of memory: run again with fewer --workers"
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


_worker: dict[str, Any] = {}
"""What a worker process needs for every photo; filled once, when it starts."""


def _start_worker(
    out: Path, settings: Settings, weights: str | Path | None, device: str, workers: int, overwrite: bool
) -> None:
    from trichoscan.segment.infer import load_weights
    from trichoscan.segment.runtime import use_threads

    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # the main process ends the run; the photo at work is finished
    keep_freed_memory()
    threads = max(1, (os.cpu_count() or 1) // workers)
    use_threads(threads)
    cv2.setNumThreads(threads)
    _worker.update(
        out=out, settings=settings, weights=load_weights(weights), device=device, overwrite=overwrite
    )


def _work(job: Job) -> Outcome:
    return process_photo(job, **_worker)


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
    files = [out / "geometry" / f"{name}.geojson", out / "overlays" / f"{name}.jpg"]
    stored = store.part_files(out, earlier["cells"])
    if (
        not overwrite
        and earlier["made_from"] == made_from
        and earlier["cells"].get("status") == "ok"
        and stored == files
        and all(file.is_file() for file in stored)
    ):
        return Outcome(entry.image, "ok", True, made_from["sha256"])
    for file in (*stored, store.part_path(out, entry.image)):
        file.unlink(missing_ok=True)
    hairs: list[list[str]] = []
    try:
        cells, hairs = _measure(entry, name, out, settings, weights, device)
    except TrichoscanError as error:
        cells = store.failed_cells(str(error).removeprefix(f"{entry.path}: "))
    except OSError:
        raise  # RESULTS cannot be written: no photo after this one will fare better
    except Exception as error:
        log.debug("%s", entry.image, exc_info=True)
        cells = store.failed_cells(
            f"unexpected {type(error).__name__}: {error}; please report it with --debug"
        )
    store.write_part(out, entry.image, made_from=made_from, cells=cells, hairs=hairs)
    return Outcome(entry.image, "ok" if cells["status"] == "ok" else "failed", False, made_from["sha256"])


def _measure(
    entry: Entry, name: str, out: Path, settings: Settings, weights: Weights, device: str
) -> tuple[dict[str, str], list[list[str]]]:
    photo = calibrate(
        read_photo(entry.path), manifest_um_per_px=entry.um_per_px, option_um_per_px=settings.um_per_px
    )
    analysis = analyze(photo, weights, target=entry.target, device=device)
    store.write_geometry(out / "geometry" / f"{name}.geojson", feature_collection(analysis))
    overlay = draw_overlay(photo.pixels, analysis, settings.vellus_below_um)
    store.write_overlay(out / "overlays" / f"{name}.jpg", overlay)
    return (
        store.measured_cells(analysis, name, settings.vellus_below_um, settings.intermediate_below_um),
        store.hair_rows(analysis, settings.vellus_below_um),
    )


def _made_from(entry: Entry, settings: Settings, weights: Weights, device: str) -> dict[str, Any]:
    """All that the rows of a photo depend on."""
    try:
        with entry.path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        sha256 = ""
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


def _run_record(weights: Weights, parameters: Mapping[str, Any], hashes: Mapping[str, str]) -> dict[str, Any]:
    from trichoscan.segment.runtime import torch_version

    return {
        "trichoscan": trichoscan.__version__,
        "weights": {"label": weights.label, "sha256": weights.sha256},
        "parameters": dict(parameters),
        "inputs": {store.text_cell(image): sha256 for image, sha256 in hashes.items()},
        "machine": {
            "platform": platform.platform(),
            "python": platform.python_version(),
            "torch": torch_version(),
            "cpu_count": os.cpu_count(),
        },
    }
