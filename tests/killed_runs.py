"""Runs that are killed at random moments and then resumed, in forks of one process that has loaded all.

Run: python tests/killed_runs.py PHOTOS FOLDER SEED MOMENTS. Prints as JSON how many were killed before they
had ended, and the files of resumed runs that are not as those of an undisturbed one.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

MOST_S = 120.0
"""A run that takes longer hangs."""


def tree(out: Path) -> dict[str, str]:
    """Sha256 of every file of RESULTS, save the log of events."""
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != "events.jsonl"
    }


def differences(out: Path, reference: dict[str, str]) -> list[str]:
    found = tree(out)
    return sorted(name for name in found.keys() | reference.keys() if found.get(name) != reference.get(name))


def forked(run: Callable[[], object], kill_after_s: float | None = None) -> bool:
    """Do something in a child process, and kill it after a time; says whether it ended by itself, well."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            run()
            code = 0
        finally:
            os._exit(code)
    end = time.monotonic() + (MOST_S if kill_after_s is None else kill_after_s)
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            if status:
                raise SystemExit(f"a run failed with status {status}")
            return True
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if kill_after_s is None:
        raise SystemExit(f"a run hangs: not done after {MOST_S} s")
    return False


def seconds(run: Callable[[], object]) -> float:
    """How long something takes in a child process."""
    started = time.monotonic()
    forked(run)
    return time.monotonic() - started


def main(photos: Path, folder: Path, seed: int, moments: int) -> dict[str, object]:
    """Kill and resume runs over `photos`; see above."""
    import cv2
    import statsmodels.api  # noqa: F401  (so that no child has to load it)
    import torch

    from trichoscan.segment import infer, trace  # noqa: F401
    from trichoscan.study.batch import analyze_folder

    torch.set_num_threads(1)  # threads do not survive a fork
    cv2.setNumThreads(0)
    undisturbed = [folder / name for name in ("first", "undisturbed")]
    lasts_s = min(seconds(partial(analyze_folder, [photos], out)) for out in undisturbed)
    reference = tree(folder / "undisturbed")
    draw, killed, wrong = random.Random(seed), 0, []
    out = folder / "disturbed"
    for _ in range(moments):
        shutil.rmtree(out, ignore_errors=True)
        killed += not forked(lambda: analyze_folder([photos], out), draw.uniform(0, lasts_s))
        forked(lambda: analyze_folder([photos], out))
        wrong.append(differences(out, reference))
    return {"files": len(reference), "killed": killed, "wrong": wrong}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))))
