"""Ctrl-C and SIGTERM that are not lost, though a library swallow them: they then come at the next check."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(KeyboardInterrupt):
    """SIGTERM: a service manager, a batch system or a machine that shuts down asks the run to end."""


@contextmanager
def heed_signals() -> Iterator[Callable[[], None]]:
    """Within, Ctrl-C raises KeyboardInterrupt and SIGTERM `Terminated`, at once and again at each check.

    Gives the check. Outside the main thread, and for a signal that others handle already, nothing changes.
    """
    came: list[type[KeyboardInterrupt]] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        came.append(Terminated if number == signal.SIGTERM else KeyboardInterrupt)
        raise came[0]

    def check() -> None:
        if came:
            raise came[0]

    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    ours = {}
    if threading.current_thread() is threading.main_thread():
        ours = {number: handler for number, handler in usual.items() if signal.getsignal(number) is handler}
    for number in ours:
        signal.signal(number, interrupt)
    try:
        yield check
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)
