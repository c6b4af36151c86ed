"""Jobs shared out to processes of this machine; one that dies costs at most the job that killed it, twice."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from trichoscan.records import TrichoscanError
from trichoscan.study.executors.overlap import overlapped
from trichoscan.study.executors.task import Lost, Task
from trichoscan.study.executors.threads import share_threads, take_gpu, usable_cores

HELD = 3
"""Jobs handed to a worker: one it reads, one it works on, one it writes."""
MOST_FAILED_STARTS = 3
"""Workers that die before they are ready; then there is something wrong with all of them."""


@dataclass(frozen=True)
class _Numbered:
    number: int
    job: Any
    suspect: bool = False
    """In hand when a worker died: tried once more, in a worker that holds nothing else."""


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    pipe: Connection
    place: int
    ready: bool = False
    held: dict[int, _Numbered] = field(default_factory=dict)

    def has_room_for(self, job: _Numbered) -> bool:
        if job.suspect:
            return not self.held
        return len(self.held) < HELD and not any(other.suspect for other in self.held.values())


def in_processes(task: Task, jobs: Iterable[Any], workers: int, gpus: int = 0) -> Iterator[tuple[Any, Any]]:
    """Each job and its result, as they come; see `task.Executor`.

    A worker that dies, killed for memory or crashed, is replaced. The jobs it held are tried once more, each
    alone in a worker; one that kills that, too, is `Lost`. Workers die with this process, whatever ends it.

    Raises
    ------
    TrichoscanError
        Workers cannot be started.
    """
    crew = _Crew(task, jobs, workers, gpus)
    try:
        yield from crew.results()
    finally:
        crew.dismiss()


class _Crew:
    """The workers, and what is still to be done."""

    def __init__(self, task: Task, jobs: Iterable[Any], workers: int, gpus: int) -> None:
        self.task, self.workers, self.gpus = task, workers, gpus
        self.threads = max(1, usable_cores() // workers)
        self.fresh = (_Numbered(number, job) for number, job in enumerate(jobs))
        self.again: deque[_Numbered] = deque()
        self.crew: dict[int, _Worker] = {}
        self.failed_starts = 0

    def results(self) -> Iterator[tuple[Any, Any]]:
        """Each job and its result, until all are done."""
        while True:
            self._hand_out()
            if not self.again and not any(worker.held for worker in self.crew.values()):
                return
            by_pipe = {worker.pipe: worker for worker in self.crew.values()}
            for pipe in wait(list(by_pipe)):
                yield from self._heard(by_pipe[pipe])  # type: ignore[index]

    def _hand_out(self) -> None:
        """Fill the hands of all workers, those that hold least first, and hire where there is more to do."""
        while (job := self._next()) is not None:
            worker = self._worker_for(job)
            if worker is None:
                self.again.appendleft(job)
                return
            worker.held[job.number] = job
            try:
                worker.pipe.send((job.number, job.job))
            except OSError:  # it has just died, and will be found so
                del worker.held[job.number]
                self.again.append(job)
                return

    def _next(self) -> _Numbered | None:
        return self.again.popleft() if self.again else next(self.fresh, None)

    def _worker_for(self, job: _Numbered) -> _Worker | None:
        with_room = [worker for worker in self.crew.values() if worker.has_room_for(job)]
        idle = [worker for worker in with_room if not worker.held]
        if not idle and len(self.crew) < self.workers:
            place = min(set(range(self.workers)) - set(self.crew))
            self.crew[place] = self._hire(place)
            return self.crew[place]
        return min(idle or with_room, key=lambda worker: len(worker.held), default=None)

    def _hire(self, place: int) -> _Worker:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        args = theirs, self.task, self.threads, place, self.gpus
        process = context.Process(target=_serve, args=args, daemon=True)
        process.start()
        theirs.close()  # so that the pipe ends with the worker
        return _Worker(process, ours, place)

    def _heard(self, worker: _Worker) -> Iterator[tuple[Any, Any]]:
        """What a worker says, or that it died."""
        try:
            said, *what = worker.pipe.recv()
        except (EOFError, OSError):
            yield from self._bury(worker)
            return
        if said == "ready":
            worker.ready, self.failed_starts = True, 0
        elif said == "raised":
            raise what[0]
        else:
            number, result = what
            yield worker.held.pop(number).job, result

    def _bury(self, worker: _Worker) -> Iterator[tuple[Any, Any]]:
        worker.process.join()
        worker.pipe.close()
        del self.crew[worker.place]
        how = _how_it_died(worker.process.exitcode or 0)
        if not worker.ready:
            self.again.extendleft(worker.held.values())
            self.failed_starts += 1
            if self.failed_starts >= MOST_FAILED_STARTS:
                self.workers = len(self.crew)  # go on with those there are
            if not self.workers:
                raise TrichoscanError(
                    f"no worker process can be started, they were {how}: run again with fewer --workers"
                )
            return
        for job in worker.held.values():
            if not job.suspect:
                self.again.append(replace(job, suspect=True))
                continue
            why = f"its worker process was {how}, and a second one likewise: run again with fewer --workers"
            yield job.job, Lost(why)

    def dismiss(self) -> None:
        """End all workers at once: what they have not written whole does not exist."""
        for worker in self.crew.values():
            worker.process.kill()
        for worker in self.crew.values():
            worker.process.join()
            worker.pipe.close()


def _how_it_died(exitcode: int) -> str:
    if exitcode == -signal.SIGKILL:
        return "killed, likely for want of memory"
    return f"ended by signal {-exitcode}" if exitcode < 0 else f"ended with code {exitcode}"


def _serve(pipe: Connection, task: Task, threads: int, place: int, gpus: int) -> None:
    """Life of a worker."""
    for number in (signal.SIGINT, signal.SIGTERM):  # both are for the main process, which ends its workers
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        share_threads(threads)
        take_gpu(place, gpus)
        tools = task.start(*task.args)
        pipe.send(("ready",))
        inner = replace(task, read=lambda numbered, tools: task.read(numbered[1], tools))
        for (number, _), result in overlapped(inner, _received(pipe), tools):
            pipe.send(("done", number, result))
    except Exception as error:
        pipe.send(("raised", error))


def _received(pipe: Connection) -> Iterator[tuple[int, Any]]:
    while True:
        try:
            yield pipe.recv()
        except EOFError:
            return


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
