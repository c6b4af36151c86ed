"""One run at a time in a folder of results: a lock that the system releases when its process dies."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from trichoscan.records import TrichoscanError
from trichoscan.study import store


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
    lock = FileLock(folder / "lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
        shutil.rmtree(folder / "begun", ignore_errors=True)
        store.write_json(folder / "holder.json", _me(run))
    except Timeout:
        raise TrichoscanError(_who_is_there(out)) from None
    except OSError as error:
        lock.release()
        raise TrichoscanError(f"{out}: {store.why_not_written(error)}") from None
    try:
        yield run
    finally:
        (folder / "holder.json").unlink(missing_ok=True)
        shutil.rmtree(folder / "begun", ignore_errors=True)
        lock.release()


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
    return f"{out}: another run is at work there{who}: wait for it, stop it, or name another folder"
