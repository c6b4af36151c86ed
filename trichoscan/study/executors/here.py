"""Jobs done in this process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from threadpoolctl import threadpool_limits

from trichoscan.segment.memory import keep_freed_memory
from trichoscan.study.executors.overlap import overlapped
from trichoscan.study.executors.task import Task


def in_this_process(task: Task, jobs: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """Each job and its result; see `task.Executor`. Nothing is lost here but with the whole run."""
    keep_freed_memory()
    with threadpool_limits(limits=1, user_api="blas"):
        yield from overlapped(task, jobs, task.start(*task.args))
