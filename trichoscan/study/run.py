"""One run: photos measured, pairs compared, tables and report written; what an earlier run left is taken."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from trichoscan.records import TrichoscanError
from trichoscan.study import store
from trichoscan.study.events import log_event, mend_log
from trichoscan.study.executors.here import in_this_process
from trichoscan.study.executors.processes import in_processes
from trichoscan.study.executors.task import Executor, Lost
from trichoscan.study.interrupt import heed_signals
from trichoscan.study.lock import held
from trichoscan.study.manifest import Entry
from trichoscan.study.one_photo import Job, Outcome, Tools, find_kept, give_up, photo_task
from trichoscan.study.options import RunOptions
from trichoscan.study.outputs import forget_made, provenance, write_outputs
from trichoscan.study.pair_jobs import give_up_pair, pair_task
from trichoscan.study.pairs import PairOutcome, is_kept, read_pair_part, remove_pairs
from trichoscan.study.visits import Pair, Visits

OnPhoto = Callable[[Outcome, int], None]
OnPair = Callable[[PairOutcome, int], None]

LOOKERS = 4
"""Threads that look whether earlier results hold: on a network folder they mostly wait."""


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
class Study:
    """What a run is about.

    Attributes
    ----------
    paths : sequence of Path
        As the user named them.
    entries : sequence of Entry
        Photos, sorted by `image`.
    visits : Visits
        What of them is compared.
    asked : mapping
        Parameters for run.json beside the settings.
    notes : tuple of str
        What was noticed so far.
    arms : bool
        Whether arms are summarized.
    """

    paths: Sequence[Path]
    entries: Sequence[Entry]
    visits: Visits
    asked: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    arms: bool = True


@dataclass(frozen=True)
class Means:
    """What was asked of a run, where it writes, and whom it tells."""

    out: Path
    options: RunOptions
    on_progress: OnPhoto | None = None
    on_pair: OnPair | None = None


def carry_out(means: Means, study: Study) -> RunSummary:
    """Measure the photos, compare the pairs, write tables and report; nobody else may write there meanwhile.

    Raises
    ------
    TrichoscanError
        RESULTS is not ours, in use or cannot be written; weights, device or cluster are not there.
    KeyboardInterrupt
        The run was stopped; what is finished is kept.
    """
    from trichoscan.segment.weights import load_weights  # brings in torch

    started = time.monotonic()
    means = _for_all_machines(means)
    study = study if means.options.dask is None else replace(study, entries=_absolute(study.entries))
    tools = Tools(means.out, means.options.settings, load_weights(means.options.weights), _device(means))
    store.prepare(means.out, study.paths)
    if not study.entries:
        raise TrichoscanError(
            f"{means.out}: all photos found lie in the results folder: name the folder of photos"
        )
    with held(means.out) as name:
        return _logged(_Run(name, means, study, tools), started)


@dataclass(frozen=True, eq=False)
class _Run:
    name: str
    means: Means
    study: Study
    tools: Tools

    def log(self, event: str, **facts: Any) -> None:
        log_event(self.means.out, self.name, event, **facts)

    def parameters(self) -> dict[str, Any]:
        return {**asdict(self.means.options.settings), **self.study.asked, "device": self.tools.device}


def _logged(run: _Run, started: float) -> RunSummary:
    """Carry out a run, with its beginning and end in the log."""
    out = run.means.out
    try:
        mend_log(out)
        facts = provenance(run.tools.weights, run.parameters())
        del facts["inputs"]
        run.log("run_started", **facts, photos=len(run.study.entries), pairs=len(run.study.visits.pairs))
        with heed_signals() as check:
            done = _stages(run, check)
        summary = replace(done, seconds=time.monotonic() - started)
        told = {"ok": summary.ok, "failed": summary.failed, "reused": summary.kept}
        run.log("run_ended", seconds=round(summary.seconds, 3), **told)
    except (KeyboardInterrupt, TrichoscanError, OSError) as stop:
        event = "run_interrupted" if isinstance(stop, KeyboardInterrupt) else "run_failed"
        with suppress(OSError):
            mend_log(out)
            run.log(event, by=type(stop).__name__)
        if isinstance(stop, OSError):
            raise TrichoscanError(f"{out}: {store.why_not_written(stop)}") from stop
        raise
    return summary


def _stages(run: _Run, check: Callable[[], None]) -> RunSummary:
    means, study, out = run.means, run.study, run.means.out
    done = {"ok": 0, "failed": 0, "kept": 0}
    hashes: dict[str, str] = {}
    for outcome in _photos(run):
        check()
        done[outcome.status] += 1
        done["kept"] += outcome.kept
        hashes[outcome.image] = outcome.sha256
        if means.on_progress is not None:
            means.on_progress(outcome, len(study.entries))
    pairs = []
    for pair in _pairs(run):
        check()
        pairs.append(pair)
        if means.on_pair is not None:
            means.on_pair(pair, len(study.visits.pairs))
    left = store.unfinished_files(out)  # by writers that were killed, and a review that is at work
    removed = store.remove_parts(out, keep=study.entries)
    remove_pairs(out, keep=study.visits.pairs)
    record = provenance(run.tools.weights, run.parameters(), hashes)
    enrolled = study.visits if study.arms else Visits((), ())
    left_out = write_outputs(out, study.entries, study.visits, enrolled, record)
    for file in left:  # the review has its own written by now
        file.unlink(missing_ok=True)
    check()
    notes = (*study.notes, *study.visits.notes, *([left_out] if left_out else []), *_removed_notes(removed))
    return RunSummary(
        **done, seconds=0.0, notes=notes, pairs=tuple(sorted(pairs, key=lambda pair: pair.pair_id))
    )


def _removed_notes(removed: int) -> tuple[str, ...]:
    if not removed:
        return ()
    return (
        f"{removed} photos of earlier runs are no longer in RESULTS: it holds the photos of one run; "
        "name all folders at once to have them together",
    )


def _photos(run: _Run) -> Iterator[Outcome]:
    """Outcome of each photo: of those that an earlier run measured first, then as they come."""
    means, images = run.means, [entry.image for entry in run.study.entries]
    jobs: list[Job] = list(zip(run.study.entries, store.file_names(images), strict=True))
    left, were_there = jobs, _any_there(jobs)
    if not means.options.overwrite:
        left = []
        for job, kept in _looked_up(jobs, run.tools):
            if kept is None:
                left.append(job)
                continue
            run.log("photo_reused", image=kept.image, seconds=round(kept.seconds, 3))
            yield kept
    if not left:
        return
    forget_made(means.out)
    task = photo_task(run.tools, means.options.weights)
    for job, result in _executor(means, len(left))(task, left):
        outcome = give_up(job, means.out, result.why) if isinstance(result, Lost) else result
        if were_there and not outcome.sha256 and not _any_there(jobs):
            raise TrichoscanError(
                f"{run.study.paths[0]}: no photo is there any more; what is done is kept: bring the folder "
                "back, and run the same command again"
            )
        facts = {"error": outcome.error} if outcome.error else {}
        event = "photo_failed" if outcome.status == "failed" else "photo_done"
        run.log(event, image=outcome.image, seconds=round(outcome.seconds, 3), **facts)
        yield outcome


def _any_there(jobs: Iterable[Job]) -> bool:
    """Whether any of these photos can be found: a folder that is taken away takes all of them."""
    for entry, _ in jobs:
        with suppress(OSError):
            if entry.path.is_file():
                return True
    return False


def _looked_up(jobs: Sequence[Job], tools: Tools) -> Iterator[tuple[Job, Outcome | None]]:
    with ThreadPoolExecutor(LOOKERS) as pool:
        try:
            yield from zip(jobs, pool.map(partial(find_kept, tools=tools), jobs), strict=True)
        finally:
            pool.shutdown(cancel_futures=True)


def _pairs(run: _Run) -> Iterator[PairOutcome]:
    """Outcome of each pair, likewise; the photos have their parts."""
    means, vellus_below_um = run.means, run.means.options.settings.vellus_below_um
    left: list[Pair] = []
    for pair in run.study.visits.pairs:
        if means.options.overwrite or not is_kept(pair, means.out, vellus_below_um):
            left.append(pair)
            continue
        part = read_pair_part(means.out, pair.pair_id) or {}
        run.log("pair_reused", pair=pair.pair_id)
        yield PairOutcome(pair.pair_id, part["cells"]["status"], True)
    if not left:
        return
    forget_made(means.out)
    task = pair_task(means.out, vellus_below_um)
    for pair, result in _executor(means, len(left))(task, left):
        if isinstance(result, Lost):
            outcome, seconds = give_up_pair(pair, means.out, vellus_below_um, result.why), 0.0
        else:
            outcome, seconds = result
        event = "pair_done" if outcome.status == "ok" else f"pair_{outcome.status}"
        run.log(event, pair=outcome.pair_id, seconds=round(seconds, 3))
        yield outcome


def _executor(means: Means, jobs: int) -> Executor:
    if means.options.dask is not None and jobs:
        from trichoscan.study.executors.cluster import on_cluster  # brings in dask

        return partial(on_cluster, address=means.options.dask, out=means.out)
    workers = min(means.options.workers, jobs)
    if workers <= 1:
        return in_this_process
    from trichoscan.segment.runtime import gpu_count

    return partial(in_processes, workers=workers, gpus=gpu_count())


def _device(means: Means) -> str:
    """Device of the network, "cpu" or "cuda"; with a cluster the one that all of its workers have."""
    from trichoscan.segment.infer import resolve_device

    if means.options.dask is None:
        return resolve_device(means.options.device)
    from trichoscan.study.executors.cluster import ask_workers

    answers = set(ask_workers(means.options.dask, resolve_device, means.options.device))
    return answers.pop() if len(answers) == 1 else "cpu"


def _for_all_machines(means: Means) -> Means:
    """The same with absolute paths where other machines are to find them."""
    if means.options.dask is None:
        return means
    weights = means.options.weights
    if weights is not None and Path(weights).is_dir():
        weights = _absolute_path(Path(weights))
    return replace(means, out=_absolute_path(means.out), options=replace(means.options, weights=weights))


def _absolute(entries: Iterable[Entry]) -> list[Entry]:
    return [replace(entry, path=_absolute_path(entry.path)) for entry in entries]


def _absolute_path(path: Path) -> Path:
    """Without following links, which may lead elsewhere on another machine."""
    return Path(os.path.abspath(path))  # noqa: PTH100  (Path.absolute keeps "..")
