"""Runs over a folder of photos, in one process or several, and goes on where an earlier run stopped."""

from __future__ import annotations

import math
import os
import platform
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

import trichoscan
from trichoscan.match import register
from trichoscan.photo.calibrate import ACCEPTED_UM_PER_PX
from trichoscan.records import TrichoscanError
from trichoscan.response import growth, rule
from trichoscan.segment.memory import keep_freed_memory
from trichoscan.study import store
from trichoscan.study.cohort import write_cohort
from trichoscan.study.columns import text_cell
from trichoscan.study.corrections.refresh import refresh
from trichoscan.study.interrupt import heed_ctrl_c
from trichoscan.study.manifest import Entry, list_entries
from trichoscan.study.one_photo import Job, Outcome, Settings, process_photo
from trichoscan.study.pair_tables import gather_found_again, write_pair_tables
from trichoscan.study.pairs import PairOutcome, is_kept, process_pair, read_pair_part, remove_pairs
from trichoscan.study.pool import run_in_processes
from trichoscan.study.pseudonym import hide_names
from trichoscan.study.report import write_report
from trichoscan.study.visits import Pair, Visits, find_pairs, make_pairs

if TYPE_CHECKING:
    from trichoscan.segment.infer import Weights

OnPhoto = Callable[[Outcome, int], None]
OnPair = Callable[[PairOutcome, int], None]


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
    pairs : tuple of PairOutcome
        Follow-ups and what became of them, sorted by `pair_id`.
    """

    ok: int
    failed: int
    kept: int
    seconds: float
    notes: tuple[str, ...] = ()
    pairs: tuple[PairOutcome, ...] = ()


@dataclass(frozen=True)
class _Run:
    """How the photos of a run are measured.

    Attributes
    ----------
    out : Path
    settings : Settings
    weights : str, Path or None
        As the user named them.
    device : str
        "cpu" or "cuda".
    workers : int
    overwrite : bool
    on_progress, on_pair : callable or None
    """

    out: Path
    settings: Settings
    weights: str | Path | None
    device: str
    workers: int
    overwrite: bool
    on_progress: OnPhoto | None = None
    on_pair: OnPair | None = None


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
    pseudonymize: Path | None = None,
    on_progress: OnPhoto | None = None,
    on_pair: OnPair | None = None,
) -> RunSummary:
    """Measure every photo under `paths`, compare every follow-up with its baseline, and write RESULTS.

    See `study.store` for its files and `study.visits` for what is compared.

    A photo whose result is already in `out`, made of the same bytes with the same parameters,
    weights and version, is not measured again, nor is a pair of such photos compared again. RESULTS
    then holds the photos of this run alone; a note tells how many of earlier runs left it. A photo that
    fails gets a row with the reason; the run goes on. An interrupted run keeps what is finished: call
    again to go on.

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
    pseudonymize : Path, optional
        Key file, see `study.pseudonym`: nothing in `out` holds a name or a date then.
    on_progress : callable, optional
        Called with the outcome of each photo and the number of photos of the run.
    on_pair : callable, optional
        The same for pairs.

    Raises
    ------
    TrichoscanError
        For bad paths, a bad manifest, missing weights, or a results folder that is not ours.
    """
    started = time.monotonic()
    _check_numbers(um_per_px, vellus_below_um, intermediate_below_um, workers)
    asked: dict[str, Any] = {"pattern": pattern}
    skipped: list[str] = []
    entries, unmatched = list_entries(paths, manifest=manifest, pattern=pattern, skipped=skipped)
    entries = [entry for entry in entries if not _lies_in(entry.path, out)]
    if pseudonymize is not None:
        entries, unmatched, asked = hide_names(entries, unmatched, asked, pseudonymize, out)
    settings = Settings(um_per_px, vellus_below_um, intermediate_below_um)
    run = _Run(out, settings, weights, device, workers, overwrite, on_progress, on_pair)
    notes = (*skipped, *_unmatched_notes(unmatched))
    return _carry_out(run, paths, entries, find_pairs(entries), asked, notes, started)


def compare_photos(
    baseline: Path,
    followup: Path,
    out: Path,
    *,
    days: int | None = None,
    um_per_px: float | None = None,
    vellus_below_um: float = 30.0,
    weights: str | Path | None = None,
    device: str = "auto",
    overwrite: bool = False,
) -> RunSummary:
    """Measure two photos, compare them, and write RESULTS as `analyze_folder` does.

    Parameters
    ----------
    baseline, followup : Path
        What a manifest.csv beside them tells of them is taken: scale, dates, target.
    out : Path
        RESULTS.
    days : int, optional
        Between the photos; by the manifest's dates where it is not given.
    um_per_px, vellus_below_um, weights, device, overwrite
        As for `analyze_folder`.

    Raises
    ------
    TrichoscanError
        As `analyze_folder`, and where the two are one file.
    """
    started = time.monotonic()
    settings = Settings(um_per_px, vellus_below_um, max(Settings().intermediate_below_um, vellus_below_um))
    _check_numbers(um_per_px, vellus_below_um, settings.intermediate_below_um, 1)
    for path in (baseline, followup):
        if path.is_dir():
            raise TrichoscanError(f"{path}: a folder: name two photos, or use 'trichoscan analyze'")
    if baseline.resolve() == followup.resolve():
        raise TrichoscanError(f"{followup}: is the baseline itself: name two photos")
    entries, _ = list_entries([baseline, followup])
    if len(entries) > 2:
        raise TrichoscanError(f"{baseline}: of several frames, or {followup}: use 'trichoscan analyze'")
    entry_of = {entry.path.resolve(): entry for entry in entries}
    both = entry_of[baseline.resolve()], entry_of[followup.resolve()]
    pairs = make_pairs([(*both, "")], entries, days)
    run = _Run(out, settings, weights, device, 1, overwrite)
    return _carry_out(
        run, [baseline, followup], entries, Visits(pairs, both[:1]), {"days": days}, (), started, cohort=False
    )


def _carry_out(
    run: _Run,
    paths: Sequence[Path],
    entries: Sequence[Entry],
    visits: Visits,
    asked: Mapping[str, Any],
    notes: tuple[str, ...],
    started: float,
    *,
    cohort: bool = True,
) -> RunSummary:
    """Measure the photos, compare the pairs, write the tables."""
    from trichoscan.segment.infer import load_weights, resolve_device  # brings in torch

    run = replace(run, device=resolve_device(run.device))
    keep_freed_memory()
    loaded = load_weights(run.weights)
    store.prepare(run.out, paths)
    if not entries:
        raise TrichoscanError(
            f"{run.out}: all photos found lie in the results folder: name the folder of photos"
        )
    jobs = list(zip(entries, store.file_names([entry.image for entry in entries]), strict=True))
    done = {"ok": 0, "failed": 0, "kept": 0}
    hashes: dict[str, str] = {}
    with heed_ctrl_c() as check_interrupt:
        for outcome in _outcomes(jobs, run, loaded):
            check_interrupt()
            done[outcome.status] += 1
            done["kept"] += outcome.kept
            hashes[outcome.image] = outcome.sha256
            if run.on_progress is not None:
                run.on_progress(outcome, len(entries))
        pairs = tuple(_pair_outcomes(visits.pairs, run))
        check_interrupt()
    removed = store.remove_parts(run.out, keep=entries)
    remove_pairs(run.out, keep=visits.pairs)
    found = gather_found_again(run.out, visits.pairs)
    hidden = "pseudonymized" in asked
    store.write_places(run.out, {} if hidden else {entry.image: entry.path for entry in entries})
    refresh(run.out, {text_cell(entry.image): [entry.path] for entry in entries})
    store.write_tables(run.out, entries, found.rows)
    write_pair_tables(run.out, visits.pairs, found)
    left_out = write_cohort(run.out, visits if cohort else Visits((), ()))
    parameters = {**asdict(run.settings), **asked, "device": run.device, "pairs": PAIR_PARAMETERS}
    store.write_run(run.out, _run_record(loaded, parameters, hashes))
    write_report(run.out)
    return RunSummary(
        **done,
        seconds=time.monotonic() - started,
        notes=(*notes, *visits.notes, *([left_out] if left_out else []), *_removed_notes(removed)),
        pairs=pairs,
    )


PAIR_PARAMETERS = {
    "least_confidence": register.LEAST_CONFIDENCE,
    "least_overlap": register.LEAST_OVERLAP,
    "fewest_hairs": register.FEWEST_HAIRS,
    "largest_sd_um": register.LARGEST_SD_UM,
    "stable_within": rule.STABLE_WITHIN,
    "growth_within_days": growth.LONGEST_DAYS,
}
"""What pairs are judged by, for run.json."""


def _check_numbers(
    um_per_px: float | None, vellus_below_um: float, intermediate_below_um: float, workers: int
) -> None:
    low, high = ACCEPTED_UM_PER_PX
    if um_per_px is not None and not low <= um_per_px <= high:
        raise TrichoscanError(
            f"--um-per-px {um_per_px:g}: give the um that one px stands for, {low:g} to {high:g}"
        )
    if not 0 < vellus_below_um < math.inf:
        raise TrichoscanError(f"--vellus-below {vellus_below_um:g}: give a diameter in um, such as 30 or 40")
    if workers < 1:
        raise TrichoscanError(f"--workers {workers}: give 1 or more")
    if not vellus_below_um <= intermediate_below_um < math.inf:
        raise TrichoscanError(
            f"--intermediate-below {intermediate_below_um:g}: give a diameter in um not below --vellus-below"
        )


def _unmatched_notes(unmatched: Sequence[Path]) -> tuple[str, ...]:
    if not unmatched:
        return ()
    names = ", ".join(path.name for path in unmatched[:3]) + (", ..." if len(unmatched) > 3 else "")
    return (
        f"{len(unmatched)} photos do not fit --pattern ({names}): their subject, site and visit stay empty",
    )


def _removed_notes(removed: int) -> tuple[str, ...]:
    if not removed:
        return ()
    return (
        f"{removed} photos of earlier runs are no longer in RESULTS: it holds the photos of one run; "
        "name all folders at once to have them together",
    )


def _lies_in(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _outcomes(jobs: Sequence[Job], run: _Run, loaded: Weights) -> Iterator[Outcome]:
    """Outcome of each photo, in the order of `jobs`."""
    if run.workers == 1:
        for job in jobs:
            yield process_photo(job, run.out, run.settings, loaded, run.device, overwrite=run.overwrite)
        return
    started = run.out, run.settings, run.weights, run.device, run.workers, run.overwrite
    yield from run_in_processes(_work, jobs, run.workers, _start_worker, started)


def _pair_outcomes(pairs: Sequence[Pair], run: _Run) -> Iterator[PairOutcome]:
    """Outcome of each pair, in the order of `pairs`; the photos have their parts."""
    vellus_below_um = run.settings.vellus_below_um
    kept = {pair.pair_id for pair in pairs if not run.overwrite and is_kept(pair, run.out, vellus_below_um)}
    left = [pair for pair in pairs if pair.pair_id not in kept]
    if run.workers > 1 and len(left) > 1:
        started = run.out, vellus_below_um, run.workers
        fresh = run_in_processes(_work_on_pair, left, run.workers, _start_pair_worker, started)
    else:
        fresh = (process_pair(pair, run.out, vellus_below_um) for pair in left)
    for pair in pairs:
        if pair.pair_id in kept:
            part = read_pair_part(run.out, pair.pair_id) or {}
            outcome = PairOutcome(pair.pair_id, part["cells"]["status"], True)
        else:
            outcome = next(fresh)
        if run.on_pair is not None:
            run.on_pair(outcome, len(pairs))
        yield outcome


_worker: dict[str, Any] = {}
"""What a worker process needs for every job; filled once, when it starts."""


def _start_worker(
    out: Path, settings: Settings, weights: str | Path | None, device: str, workers: int, overwrite: bool
) -> None:
    from trichoscan.segment.infer import load_weights
    from trichoscan.segment.runtime import use_threads

    use_threads(_start_process(workers))
    _worker.update(
        out=out, settings=settings, weights=load_weights(weights), device=device, overwrite=overwrite
    )


def _start_pair_worker(out: Path, vellus_below_um: float, workers: int) -> None:
    _start_process(workers)
    _worker.update(out=out, vellus_below_um=vellus_below_um)


def _start_process(workers: int) -> int:
    """Give a worker its share of the cores, and say how many threads that is."""
    # Ctrl-C: the main process ends the run; the job at work is finished.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()
    threads = max(1, (os.cpu_count() or 1) // workers)
    cv2.setNumThreads(threads)
    return threads


def _work(job: Job) -> Outcome:
    return process_photo(job, **_worker)


def _work_on_pair(pair: Pair) -> PairOutcome:
    return process_pair(pair, **_worker)


def _run_record(weights: Weights, parameters: Mapping[str, Any], hashes: Mapping[str, str]) -> dict[str, Any]:
    from trichoscan.segment.runtime import torch_version

    return {
        "trichoscan": trichoscan.__version__,
        "weights": {"label": weights.label, "sha256": weights.sha256},
        "parameters": dict(parameters),
        "inputs": {text_cell(image): sha256 for image, sha256 in hashes.items()},
        "machine": {
            "platform": platform.platform(),
            "python": platform.python_version(),
            "torch": torch_version(),
            "cpu_count": os.cpu_count(),
        },
    }
