"""Jobs shared out to the workers of a dask.distributed cluster, which need not be on this machine.

All machines see RESULTS and the photos under the same paths. The scheduler gives the jobs of a worker that
is gone to another. How often a job was begun is kept in RESULTS, so that one that kills its workers is given
up before it has killed them all.
"""

from __future__ import annotations

import json
import logging
import math
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trichoscan.records import TrichoscanError
from trichoscan.study.executors.task import Lost, Task
from trichoscan.study.executors.threads import share_threads
from trichoscan.study.lock import read_holder, run_folder

if TYPE_CHECKING:
    from distributed import Client, Future

HELD = 3
"""Jobs handed out for each thread of the cluster: so none waits for this machine."""
MOST_BEGUN = 2
"""Times that a job is begun before it is given up."""
MOST_SENT = 10
"""Times that a job is sent which is lost with workers, but was not begun so often: others' deaths do that."""
ANSWER_S = 30
"""Within this a scheduler answers; as often it is asked for its workers while nothing comes."""
NO_WORKER_S = 120
"""A cluster without a worker for so long is taken to have none: its own restarts take some 10 s."""


@dataclass(frozen=True)
class _Run:
    token: str
    out: Path


@dataclass(eq=False)
class _Sent:
    job: Any
    number: int
    times: int = 1


def on_cluster(task: Task, jobs: Iterable[Any], address: str, out: Path) -> Iterator[tuple[Any, Any]]:
    """Each job and its result, as they come; see `task.Executor`.

    Parameters
    ----------
    task : Task
    jobs : iterable
    address : str
        Of a scheduler, such as "tcp://night:8786".
    out : Path
        RESULTS, held by this run (`study.lock`); absolute, as all paths in jobs.

    Raises
    ------
    TrichoscanError
        There is no such scheduler, it is gone, it has no workers, or they do not see RESULTS.
    """
    holder = read_holder(out)
    with _connected(address) as client:
        yield from _results(client, task, jobs, _Run(str(holder.get("run", "")), out), address)


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    try:
        from distributed import Client
    except ImportError:
        raise TrichoscanError("--dask: needs dask: pip install 'trichoscan[cluster]'") from None
    log = logging.getLogger("distributed")
    level = log.level
    log.setLevel(logging.CRITICAL)  # what matters is said below, in one line
    try:
        client = Client(address, timeout=ANSWER_S, set_as_default=False, name="trichoscan")
    except (OSError, ValueError, ImportError) as error:
        log.setLevel(level)
        raise TrichoscanError(
            f"--dask {address}: no scheduler answers ({type(error).__name__}): start 'dask scheduler', and "
            "give the address that it prints"
        ) from None
    try:
        yield client
    finally:
        with suppress(Exception):
            client.close(timeout=ANSWER_S)
        log.setLevel(level)


def ask_workers(address: str, question: Callable[..., Any], *args: Any) -> list[Any]:
    """What each worker of the cluster answers.

    Raises
    ------
    TrichoscanError
        As `on_cluster`; also what a worker raises.
    """
    with _connected(address) as client:
        _threads(client, address)
        try:
            client.wait_for_workers(1, timeout=NO_WORKER_S)
        except TimeoutError:
            raise _deserted(address) from None
        return list(client.run(question, *args).values())


def _results(
    client: Client, task: Task, jobs: Iterable[Any], run: _Run, address: str
) -> Iterator[tuple[Any, Any]]:
    source = enumerate(jobs)
    sent: dict[Future[Any], _Sent] = {}
    done: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()

    def send(one: _Sent) -> None:
        name = f"{task.start.__name__}-{run.token}-{one.number}-{one.times}"
        future = client.submit(_attempt, task, run, one.job, one.number, key=name, pure=False)
        sent[future] = one
        future.add_done_callback(done.put)

    seen, asked, room = time.monotonic(), -math.inf, 0
    try:
        while True:
            if time.monotonic() - asked > ANSWER_S:
                threads, asked = _threads(client, address), time.monotonic()
                seen, room = asked if threads else seen, HELD * max(threads, 1)
                if asked - seen > NO_WORKER_S:
                    raise _deserted(address)
            while len(sent) < room and (following := next(source, None)) is not None:
                send(_Sent(following[1], following[0]))
            if not sent:
                return
            try:
                future = done.get(timeout=ANSWER_S)
            except queue.Empty:
                continue
            one = sent.pop(future)
            try:
                result = _result(future, one)
            except TimeoutError:  # its worker died before it could tell: it is done anew
                sent[future] = one
                future.add_done_callback(done.put)
                continue
            if result is None:
                _threads(client, address)  # or the scheduler is gone
                one.times += 1
                send(one)
            else:
                yield one.job, result
    finally:
        with suppress(Exception):
            client.cancel(list(sent), force=True)


def _threads(client: Client, address: str) -> int:
    """Threads of all workers of the cluster."""
    try:
        return sum(client.nthreads().values())
    except (OSError, TimeoutError, ValueError, RuntimeError):
        raise _gone(address) from None


def _deserted(address: str) -> TrichoscanError:
    return TrichoscanError(
        f"--dask {address}: no worker for {NO_WORKER_S} s: start 'dask worker'; what is done is kept"
    )


def _gone(address: str) -> TrichoscanError:
    return TrichoscanError(
        f"--dask {address}: the scheduler is gone; what is done is kept: start it, then run the command again"
    )


def _result(future: Future[Any], sent: _Sent) -> Any:
    """Result of a job; None where it is to be sent again: the scheduler gave it up, or lost its result."""
    from distributed import KilledWorker
    from distributed.client import FutureCancelledError

    try:
        return future.result(timeout=ANSWER_S)
    except (KilledWorker, FutureCancelledError):
        if sent.times < MOST_SENT:
            return None
        return Lost("the workers of the cluster died again and again while it waited: run again")


_steps = threading.Lock(), threading.Lock(), threading.Lock()
"""Held by the job that is being read, worked on, written: at most three are in hand, as in `overlap`."""
_starting = threading.Lock()
_tools: dict[tuple[str, str], Any] = {}
"""What the tasks of a run need in this worker, by run and task."""
MOST_TOOLS = 2


def _attempt(task: Task, run: _Run, job: Any, number: int) -> Any:
    """One job, in a thread of a worker.

    One that was in hand when a worker died is tried once more, with nothing else in hand.
    """
    from distributed import secede

    begun = run_folder(run.out) / "begun" / f"{task.start.__name__}-{number}"
    tools = _tools_for(task, run)
    times = _count(begun)
    if times >= MOST_BEGUN:
        begun.unlink(missing_ok=True)
        return Lost("its cluster worker died, and a second one likewise: give workers more memory")
    with _Place(alone=times > 0) as place:
        begun.write_text(str(times + 1), encoding="ascii")
        loaded = task.read(job, tools)
        place.move_on()
        secede()  # the worker may begin its next job
        made = task.work(loaded, tools)
        del loaded  # a large photo is not to be kept while the next one is worked on
        place.move_on()
        result = task.write(made, tools)
    begun.unlink(missing_ok=True)
    return result


class _Place:
    """Where a job stands in its worker: no two are read, worked on or written at once.

    A job that is alone stands everywhere.
    """

    def __init__(self, *, alone: bool) -> None:
        self.step = 0
        self.held = list(_steps) if alone else [_steps[0]]

    def __enter__(self) -> _Place:
        for lock in self.held:
            lock.acquire()
        return self

    def move_on(self) -> None:
        """To the next step, once the job ahead has left it."""
        self.step += 1
        following = _steps[self.step]
        if following not in self.held:
            following.acquire()
            self.held.append(following)
            self.held.pop(0).release()

    def __exit__(self, *_: object) -> None:
        for lock in self.held:
            lock.release()


def _count(begun: Path) -> int:
    try:
        return int(begun.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def _tools_for(task: Task, run: _Run) -> Any:
    from distributed import get_worker

    with _starting:
        key = run.token, task.start.__name__
        if key not in _tools:
            _check_sees(run)
            share_threads(get_worker().state.nthreads)
            while len(_tools) >= MOST_TOOLS:
                del _tools[next(iter(_tools))]
            _tools[key] = task.start(*task.args)
        return _tools[key]


def _check_sees(run: _Run) -> None:
    """Make sure that this machine sees the RESULTS of the machine that asked."""
    try:
        seen = read_holder(run.out).get("run")
        (run_folder(run.out) / "begun").mkdir(exist_ok=True)
    except (OSError, json.JSONDecodeError):
        seen = None
    if seen != run.token:
        raise TrichoscanError(
            f"{run.out}: the worker on {socket.gethostname()} does not see it, or may not write there: keep "
            "photos and results on a folder that all machines share under one path"
        )
