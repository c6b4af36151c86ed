"""A real dask cluster on loopback: a scheduler and two workers, one of which is killed in mid-run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from executor_steps import Job, expected, task
from killed_runs import differences, tree
from test_executors import is_alive, wait_until

from trichoscan.records import TrichoscanError
from trichoscan.study.batch import RunOptions, analyze_folder
from trichoscan.study.executors.task import Lost
from trichoscan.study.lock import held

distributed = pytest.importorskip("distributed", reason="no dask: pip install 'trichoscan[cluster]'")

PHOTOS = 8


def dask(*arguments: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a scheduler with two workers, which are started again when they die."""
    folder = tmp_path_factory.mktemp("dask")
    file = str(folder / "scheduler.json")
    here = ("--no-dashboard", "--host", "127.0.0.1")
    processes = [dask("scheduler", "--port", "0", "--scheduler-file", file, *here)]
    workers = ("--scheduler-file", file, "--nthreads", "1", "--local-directory", str(folder), *here)
    processes += [dask("worker", *workers) for _ in range(2)]
    try:
        with distributed.Client(scheduler_file=file, timeout=120, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=120)
            yield client.scheduler.address
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def workers_of(address: str) -> list[int]:
    with distributed.Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=120)
        return sorted(client.run(os.getpid).values())


@pytest.fixture
def photos(clinic: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(PHOTOS):
        shutil.copy(clinic / "images" / f"photo_{number % 3}.jpg", folder / f"{number}.jpg")
    return folder


def on_cluster(address: str, jobs: list[Job], out: Path) -> dict[Job, Any]:
    from trichoscan.study.executors.cluster import on_cluster as run_on_cluster

    with held(out):
        return dict(run_on_cluster(task(out), jobs, address, out))


def test_a_cluster_writes_the_bytes_of_one_process_though_a_worker_is_killed(
    cluster: str, photos: Path, tmp_path: Path
) -> None:
    analyze_folder([photos], tmp_path / "alone", RunOptions(um_per_px=5.5))
    victim, _ = workers_of(cluster)

    def kill(*_: object) -> None:
        if is_alive(victim):
            os.kill(victim, signal.SIGKILL)

    out = tmp_path / "together"
    summary = analyze_folder([photos], out, RunOptions(um_per_px=5.5, dask=cluster), on_progress=kill)
    assert (summary.ok, summary.failed) == (PHOTOS, 0)
    assert not is_alive(victim)
    assert differences(out, tree(tmp_path / "alone")) == []


def test_a_job_that_kills_its_workers_is_given_up(cluster: str, tmp_path: Path) -> None:
    workers_of(cluster)
    jobs: list[Job] = [*(("", number) for number in range(30)), ("kill once", 77), ("kill", 88)]
    results = on_cluster(cluster, jobs, tmp_path)
    lost = results.pop(("kill", 88))
    assert isinstance(lost, Lost) and "its cluster worker died, and a second one likewise" in lost.why
    assert results == expected([job for job in jobs if job != ("kill", 88)])
    assert not list((tmp_path / ".parts" / "run").glob("begun*"))


@pytest.mark.parametrize(
    ("what", "kind", "told"),
    [("wrong", TrichoscanError, "the weights are damaged"), ("unreadable", OSError, "Input/output")],
)
def test_what_a_step_raises_ends_the_run(
    cluster: str, tmp_path: Path, what: str, kind: type[Exception], told: str
) -> None:
    workers_of(cluster)
    with pytest.raises(kind, match=told):
        on_cluster(cluster, [("", 1), (what, 2), ("", 3)], tmp_path)


def test_workers_that_do_not_see_the_results_are_told(cluster: str, tmp_path: Path) -> None:
    from trichoscan.study.executors.cluster import on_cluster as run_on_cluster

    workers_of(cluster)
    with pytest.raises(TrichoscanError, match="does not see it, or may not write there"):
        list(run_on_cluster(task(tmp_path), [("", 1)], cluster, tmp_path / "nowhere"))


def test_a_scheduler_that_is_not_there_is_told(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(TrichoscanError, match=r"--dask tcp://127\.0\.0\.1:9: no scheduler answers"):
        analyze_folder([photos], tmp_path / "out", RunOptions(dask="tcp://127.0.0.1:9"))
    with pytest.raises(TrichoscanError, match="no scheduler answers"):
        analyze_folder([photos], tmp_path / "out", RunOptions(dask="post://x"))


def test_a_scheduler_that_dies_ends_the_run(tmp_path: Path) -> None:
    scheduler_file = tmp_path / "scheduler.json"
    here = ("--no-dashboard", "--host", "127.0.0.1", "--scheduler-file", str(scheduler_file))
    scheduler = dask("scheduler", "--port", "0", *here)
    worker = dask("worker", "--nthreads", "1", "--no-nanny", "--local-directory", str(tmp_path), *here)
    try:
        wait_until(lambda: scheduler_file.exists() and scheduler_file.read_text().endswith("}"))
        with distributed.Client(scheduler_file=str(scheduler_file), set_as_default=False) as client:
            address = client.scheduler.address

        def jobs() -> Iterator[Job]:
            yield "", 1
            yield "", 2
            scheduler.kill()
            yield "", 3

        run = partial(on_cluster, address, jobs(), tmp_path / "out")  # type: ignore[arg-type]
        with pytest.raises(TrichoscanError, match="the scheduler is gone; what is done is kept"):
            run()
    finally:
        for process in (scheduler, worker):
            process.kill()
            process.wait()


def test_dask_and_workers_do_not_go_together(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(TrichoscanError, match="--dask and --workers do not go together"):
        analyze_folder([photos], tmp_path / "out", RunOptions(dask="tcp://127.0.0.1:9", workers=2))
