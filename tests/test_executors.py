"""Jobs are done once each, whoever does them, and whatever becomes of the worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import executor_steps
import pytest
from executor_steps import Job, expected, task

from trichoscan.records import TrichoscanError
from trichoscan.study.executors.here import in_this_process
from trichoscan.study.executors.overlap import overlapped
from trichoscan.study.executors.processes import HELD, in_processes
from trichoscan.study.executors.task import Executor, Lost, Task, as_it_is
from trichoscan.study.executors.threads import take_gpu, usable_cores

EXECUTORS = {"here": in_this_process, "two processes": partial(in_processes, workers=2)}
each_executor = pytest.mark.parametrize("executor", EXECUTORS.values(), ids=EXECUTORS)


@each_executor
def test_every_job_is_done_once_and_taken_as_it_is_needed(executor: Executor, tmp_path: Path) -> None:
    jobs: list[Job] = [("", number) for number in range(200)]
    taken = most_ahead = 0

    def source() -> Iterator[Job]:
        nonlocal taken
        for job in jobs:
            taken += 1
            yield job

    results = {}
    for job, result in executor(task(tmp_path), source()):
        assert job not in results
        results[job] = result
        most_ahead = max(most_ahead, taken - len(results))
    assert results == expected(jobs)
    assert most_ahead <= 2 * HELD + 1
    assert len((tmp_path / "written").read_text().splitlines()) == len(jobs)


@each_executor
def test_no_jobs_are_no_trouble(executor: Executor, tmp_path: Path) -> None:
    assert list(executor(task(tmp_path), [])) == []


@each_executor
@pytest.mark.parametrize(
    ("what", "kind", "told"),
    [("wrong", TrichoscanError, "the weights are damaged"), ("unreadable", OSError, "Input/output")],
)
def test_what_a_step_raises_ends_the_run(
    executor: Executor, tmp_path: Path, what: str, kind: type[Exception], told: str
) -> None:
    jobs: list[Job] = [("", 1), (what, 2), ("", 3)]
    with pytest.raises(kind, match=told):
        list(executor(task(tmp_path), jobs))


def test_a_job_whose_worker_dies_is_tried_once_more_and_then_given_up(tmp_path: Path) -> None:
    jobs: list[Job] = [("", n) for n in range(20)]
    jobs[3], jobs[9] = ("kill once", 3), ("kill", 9)
    results = dict(in_processes(task(tmp_path), jobs, workers=2))
    lost = results.pop(("kill", 9))
    assert isinstance(lost, Lost)
    assert lost.why.startswith("its worker process was killed, likely for want of memory, and a second one")
    assert results == {job: n for job, n in expected(jobs).items() if job != ("kill", 9)}


def test_jobs_that_all_kill_end_too(tmp_path: Path) -> None:
    jobs: list[Job] = [("kill", 1), ("kill", 2)]
    assert all(isinstance(result, Lost) for _, result in in_processes(task(tmp_path), jobs, workers=2))


def die_at_start() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_workers_that_cannot_start_are_an_error() -> None:
    dead = Task(die_at_start, (), as_it_is, as_it_is, as_it_is)
    with pytest.raises(TrichoscanError, match="no worker process can be started, they were killed"):
        list(in_processes(dead, [("", 1)], workers=1))


def test_the_next_is_read_and_the_last_written_while_one_is_worked_on() -> None:
    """Each of the three waits for the other two: without overlap none would go on."""
    all_three = threading.Barrier(3, timeout=30)

    def meet(job: int, steps: dict[int, str], step: str) -> int:
        if steps.get(job) == step:
            all_three.wait()
        return job

    together = {1: "write", 2: "work", 3: "read"}
    three = Task(
        dict,
        (),
        lambda job, _: meet(job, together, "read"),
        lambda job, _: meet(job, together, "work"),
        lambda job, _: meet(job, together, "write"),
    )
    assert [result for _, result in overlapped(three, range(1, 6), {})] == [1, 2, 3, 4, 5]


def test_a_result_does_not_wait_for_the_next_job() -> None:
    """As in a worker, that gets its next job only when it has told the result of the last."""
    told = threading.Event()

    def source() -> Iterator[int]:
        yield 1
        assert told.wait(30)

    results = overlapped(Task(dict, (), as_it_is, as_it_is, as_it_is), source(), {})
    assert next(results) == (1, 1)
    told.set()
    assert list(results) == []


def at_work(folder: Path) -> list[int]:
    return [int(path.stem) for path in folder.glob("*.at_work")]


def wait_until(true: Callable[[], Any]) -> None:
    end = time.monotonic() + 300
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_workers_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from executor_steps import task\n"
        "from trichoscan.study.executors.processes import in_processes\n"
        f"list(in_processes(task(Path({str(tmp_path)!r})), [('wait', 1), ('wait', 2)], workers=2))"
    )
    tests = str(Path(executor_steps.__file__).parent)
    parent = subprocess.Popen([sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": tests})
    wait_until(lambda: len(at_work(tmp_path)) == 2 or parent.poll() is not None)
    parent.kill()
    parent.wait()
    assert len(at_work(tmp_path)) == 2
    wait_until(lambda: not any(map(is_alive, at_work(tmp_path))))


def test_a_run_that_is_given_up_leaves_no_worker(tmp_path: Path) -> None:
    results = in_processes(task(tmp_path), [("", 1), ("wait", 2)], workers=2)
    assert next(results) == (("", 1), 1)
    results.close()  # type: ignore[attr-defined]
    assert not any(map(is_alive, at_work(tmp_path)))


def test_cores_are_those_that_may_be_used() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)


def test_several_gpus_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def seen_by(place: int, gpus: int, listed: str | None) -> str | None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if listed is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)
        take_gpu(place, gpus)
        return os.environ.get("CUDA_VISIBLE_DEVICES")

    assert [seen_by(place, 2, None) for place in range(3)] == ["0", "1", "0"]
    assert [seen_by(place, 2, "5,7") for place in range(2)] == ["5", "7"]
    assert seen_by(0, 0, None) is None and seen_by(1, 1, None) is None
