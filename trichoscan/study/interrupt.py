"""Ctrl-C that is not lost, though a library swallow the interrupt: it then comes at the photo's end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def heed_ctrl_c() -> Iterator[Callable[[], None]]:
    """Within, Ctrl-C raises KeyboardInterrupt at once, and again wherever the given function is called.

    Outside the main thread, and where Ctrl-C is not Python's own to handle, nothing changes.
    """
    came = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True
        raise KeyboardInterrupt

    def check() -> None:
        if came:
            raise KeyboardInterrupt

    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield check
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
