"""Steps of a task that needs no photo: squares numbers, and dies on demand. Workers import this module."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from trichoscan.records import TrichoscanError
from trichoscan.study.executors.task import Task

Job = tuple[str, int]
"""What is to happen, and a number to be squared."""


def task(folder: Path) -> Task:
    return Task(start, (folder,), read, work, write)


def start(folder: Path) -> Path:
    return folder


def read(job: Job, folder: Path) -> Job:
    if job[0] == "unreadable":
        raise OSError(5, "Input/output error", str(folder / "photo.jpg"))
    return job


def work(job: Job, folder: Path) -> tuple[str, int]:
    what, number = job
    if what == "wrong":
        raise TrichoscanError("the weights are damaged")
    if what == "wait":
        (folder / f"{os.getpid()}.at_work").touch()
        time.sleep(600)
    if what == "kill" or (what == "kill once" and not (folder / f"killed-{number}").exists()):
        (folder / f"killed-{number}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return what, number * number


def write(made: tuple[str, int], folder: Path) -> int:
    with (folder / "written").open("a") as file:
        file.write(f"{os.getpid()} {made[1]}\n")
    return made[1]


def expected(jobs: list[Job]) -> dict[Job, Any]:
    return {job: job[1] ** 2 for job in jobs}
