"""Cores that may be used, and a worker's share of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cv2
from threadpoolctl import threadpool_limits

from trichoscan.segment.memory import keep_freed_memory

CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Of a container on Linux: microseconds of processor for each period, or "max"."""


def usable_cores() -> int:
    """Cores that this process may use: fewer than the machine has where it is pinned or in a container."""
    pinned = getattr(os, "sched_getaffinity", None)
    cores = len(pinned(0)) if pinned is not None else os.cpu_count() or 1
    try:
        quota, period = CPU_QUOTA.read_text(encoding="ascii").split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):
        return cores


def share_threads(threads: int) -> None:
    """Let this process compute with so many threads.

    Linear algebra stays on one: its problems are small here, and sums by several threads may differ in the
    last bit from those by one.
    """
    keep_freed_memory()
    cv2.setNumThreads(threads)
    threadpool_limits(limits=1, user_api="blas")
    os.environ["OMP_NUM_THREADS"] = str(threads)  # for torch, if it is yet to come
    if "torch" in sys.modules:
        from trichoscan.segment.runtime import use_threads

        use_threads(threads)


def take_gpu(place: int, gpus: int) -> None:
    """Let worker number `place`, before it loads torch, see one of several GPUs."""
    listed = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = listed.split(",") if listed else [str(number) for number in range(gpus)]
    if len(names) > 1:
        os.environ["CUDA_VISIBLE_DEVICES"] = names[place % len(names)]
