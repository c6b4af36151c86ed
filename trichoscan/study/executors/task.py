"""What is done to each job of a run, in three steps that may overlap with those of other jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Task:
    """Functions of a module, for other processes import them by name.

    Attributes
    ----------
    start : callable
        Called once in each worker with `args`; what it returns is handed to the steps as their tools.
    args : tuple
    read, work, write : callable
        Steps of a job: `read(job, tools)`, `work(what was read, tools)`, `write(what was made, tools)`.
        The last gives the job's result. The next job is read and the last one written while one is worked
        on, so only `work` may use what is not safe with threads.
    """

    start: Callable[..., Any]
    args: tuple[Any, ...]
    read: Callable[[Any, Any], Any]
    work: Callable[[Any, Any], Any]
    write: Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Lost:
    """In place of the result of a job that took its worker with it, twice.

    Attributes
    ----------
    why : str
        In plain words, with a remedy.
    """

    why: str


Executor = Callable[[Task, Iterable[Any]], Iterator[tuple[Any, Any]]]
"""Yields (job, result or `Lost`) for each job, in the order in which they end. Jobs are taken as they are
needed, never all at once. An exception of a step ends the run."""


def as_it_is(job: Any, _tools: Any) -> Any:
    """Step that does nothing."""
    return job
