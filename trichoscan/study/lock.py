"""One run at a time in a folder of results: a lock that the system releases when its process dies.

Some network folders have no such locks (NFS without its lock service). There a file that names its process
is the lock: what a dead process of this machine left is taken over; of another machine people must judge.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from trichoscan.records import TrichoscanError
from trichoscan.study import store

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""Errors of a file system that has no locks."""
LOCK_FILE = "lock.held"
"""The file that is the lock there."""


def run_folder(out: Path) -> Path:
    """Where the run at work keeps what concerns it alone."""
    return out / store.PARTS / "run"


@contextmanager
def held(out: Path) -> Iterator[str]:
    """Within, no other run can begin in RESULTS; gives a name of this run, 16 hexadecimal digits.

    Raises
    ------
    TrichoscanError
        Another run is at work there, or nothing can be written.
    """
    folder, run = run_folder(out), secrets.token_hex(8)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = _acquired(folder)
    except Timeout:
        raise TrichoscanError(_who_is_there(out)) from None
    except OSError as error:
        raise TrichoscanError(f"{out}: {store.why_not_written(error)}") from None
    try:
        shutil.rmtree(folder / "begun", ignore_errors=True)
        _name_holder(out, run)
        yield run
    finally:
        # The folder may be gone by now, or read-only.
        with suppress(OSError):
            (folder / "holder.json").unlink(missing_ok=True)
        shutil.rmtree(folder / "begun", ignore_errors=True)
        with suppress(OSError):
            lock.release()


def _acquired(folder: Path) -> BaseFileLock:
    """The lock, held."""
    lock = FileLock(folder / "lock")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # filelock tells that it does likewise
            lock.acquire(timeout=0)
        return lock
    except NotImplementedError:
        pass
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    in_place = SoftFileLock(folder / LOCK_FILE)
    in_place.acquire(timeout=0)
    return in_place


def _name_holder(out: Path, run: str) -> None:
    try:
        store.write_json(run_folder(out) / "holder.json", _me(run))
    except OSError as error:
        raise TrichoscanError(f"{out}: {store.why_not_written(error)}") from None


def _me(run: str) -> dict[str, Any]:
    since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return {"run": run, "host": socket.gethostname(), "process": os.getpid(), "since": since}


def read_holder(out: Path) -> dict[str, Any]:
    """Who is at work in RESULTS: run, host, process, since; empty where nobody is, or it cannot be told."""
    try:
        holder = json.loads((run_folder(out) / "holder.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return holder if isinstance(holder, dict) else {}


def _who_is_there(out: Path) -> str:
    known = read_holder(out)
    who = f", process {known['process']} on {known['host']} since {known['since']}" if known else ""
    in_place = run_folder(out) / LOCK_FILE
    dead = f"; if it is dead, delete {in_place}" if in_place.exists() else ""
    return f"{out}: another run is at work there{who}: wait for it, stop it, or name another folder{dead}"
