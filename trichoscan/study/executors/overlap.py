"""Jobs one after the other, with the next one read and the last one written meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from trichoscan.study.executors.task import Task


def overlapped(task: Task, jobs: Iterable[Any], tools: Any) -> Iterator[tuple[Any, Any]]:
    """Each job and its result, in the order of `jobs`, each as soon as it is written.

    At most three jobs are in hand: one being read by a thread of its own, one worked on in the calling
    thread, one being written by a third. `jobs` is drawn from by the reading thread and may wait.
    """
    source = iter(jobs)

    def take() -> tuple[Any, Any] | None:
        for job in source:
            return job, task.read(job, tools)
        return None

    def write(job: Any, made: Any) -> tuple[Any, Any]:
        return job, task.write(made, tools)

    reader, writer = ThreadPoolExecutor(1, "read"), ThreadPoolExecutor(1, "write")
    behind: Future[tuple[Any, Any]] | None = None
    try:
        ahead = reader.submit(take)
        while True:
            either: list[Future[Any]] = [ahead] if behind is None else [ahead, behind]
            wait(either, return_when=FIRST_COMPLETED)
            if behind is not None and behind.done():
                yield behind.result()
                behind = None
                continue
            if (taken := ahead.result()) is None:
                break
            ahead = reader.submit(take)
            job, loaded = taken
            made = task.work(loaded, tools)
            if behind is not None:
                yield behind.result()
            behind = writer.submit(write, job, made)
            del taken, loaded, made, either  # a large photo is not to be kept while the next one is worked on
        if behind is not None:
            yield behind.result()
    finally:
        reader.shutdown(wait=False)  # it may wait for a job for ever
        writer.shutdown()
