"""Jobs shared out to processes; results come back in the order of the jobs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any, TypeVar

from trichoscan.records import TrichoscanError

Job = TypeVar("Job")
Result = TypeVar("Result")

AHEAD = 2
"""Jobs handed out beyond those at work, for each worker."""


def run_in_processes(
    work: Callable[[Job], Result],
    jobs: Sequence[Job],
    workers: int,
    initializer: Callable[..., None],
    initargs: tuple[Any, ...],
) -> Iterator[Result]:
    """Result of each job, in the order of `jobs`.

    Parameters
    ----------
    work, initializer : callable
        Functions of a module, for each process imports them anew; `initializer` runs once in each.
    jobs : sequence
    workers : int
    initargs : tuple

    Raises
    ------
    TrichoscanError
        A process died.
    """
    with ProcessPoolExecutor(
        min(workers, len(jobs)),
        mp_context=get_context("spawn"),
        initializer=initializer,
        initargs=initargs,
    ) as pool:
        waiting: deque[Future[Result]] = deque()
        remaining = iter(jobs)
        try:
            for job in remaining:
                waiting.append(pool.submit(work, job))
                if len(waiting) >= workers * (1 + AHEAD):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise TrichoscanError(
                "a worker process died, likely for want of memory: run again with fewer --workers"
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
