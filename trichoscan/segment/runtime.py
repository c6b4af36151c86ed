"""What a run asks of torch beside the network."""

from __future__ import annotations

import torch


def use_threads(n: int) -> None:
    """Let torch use `n` threads in this process."""
    torch.set_num_threads(n)


def torch_version() -> str:
    """Version of torch, with its build, such as "2.13.0+cpu"."""
    return str(torch.__version__)


def gpu_count() -> int:
    """GPUs that torch can use."""
    return int(torch.cuda.device_count())
