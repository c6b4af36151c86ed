"""events.jsonl of RESULTS: what happened when, a line of JSON each, appended to by every run.

It tells photos by their names in images.csv and repeats nothing of their paths: it is as free of names as the
tables are.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NAME = "events.jsonl"


def log_event(out: Path, run: str, event: str, **facts: Any) -> None:
    """Append an event: time (UTC, ISO 8601), name of the run, what happened, and facts of it."""
    time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = json.dumps({"time": time, "run": run, "event": event, **facts}, ensure_ascii=True)
    with (out / NAME).open("ab") as file:
        file.write(f"{line}\n".encode("ascii"))


def mend_log(out: Path) -> None:
    """Cut off a last line that a crash left unfinished, so that every line is JSON."""
    with suppress(FileNotFoundError), (out / NAME).open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        end = size
        while end and (file.seek(end - 1), file.read(1))[1] != b"\n":
            end -= 1
        if end < size:
            file.truncate(end)


def read_events(out: Path) -> list[dict[str, Any]]:
    """Events of all runs, oldest first; empty where there is no log."""
    try:
        lines = (out / NAME).read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return []
    events = []
    for line in lines:
        with suppress(ValueError):
            events.append(json.loads(line))
    return events
