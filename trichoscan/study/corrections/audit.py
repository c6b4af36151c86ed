"""The review log: one SQLite file in RESULTS to which events are added and never changed.

Triggers refuse every UPDATE and DELETE, and each event carries the sha256 of itself and the one before it, so
that a change made behind the program's back shows. Every event is on the disk (synchronous = FULL, rollback
journal: it also holds on network drives) before anyone is told that it was taken.

Beside the events lie the automatic results on which they rest: a later run with other weights does not take
the ground from under a review.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from trichoscan.records import TrichoscanError
from trichoscan.study.columns import text_cell
from trichoscan.study.corrections.events import Draft, Event, State, Subject, replay
from trichoscan.study.store import write_table

FILE_NAME = "review.sqlite"
AUDIT_COLUMNS = (
    "event", "at_utc", "who", "subject_kind", "subject", "version", "what", "words", "why", "undoes_event",
    "before", "after", "sha256",
)  # fmt: skip
BUSY_S = 10.0
"""Waiting for another process that writes; an event takes milliseconds."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  at_utc TEXT NOT NULL, who TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('photo', 'pair')), name TEXT NOT NULL, version INTEGER NOT NULL,
  what TEXT NOT NULL, words TEXT NOT NULL, why TEXT NOT NULL, undoes INTEGER,
  before TEXT NOT NULL, after TEXT NOT NULL, sha256 TEXT NOT NULL,
  UNIQUE (kind, name, version)
);
CREATE TABLE IF NOT EXISTS bases (sha256 TEXT PRIMARY KEY, analysis BLOB NOT NULL);
CREATE TRIGGER IF NOT EXISTS events_stay BEFORE UPDATE ON events
  BEGIN SELECT RAISE(ABORT, 'the review log is only added to'); END;
CREATE TRIGGER IF NOT EXISTS events_are_kept BEFORE DELETE ON events
  BEGIN SELECT RAISE(ABORT, 'the review log is only added to'); END;
CREATE TRIGGER IF NOT EXISTS bases_stay BEFORE UPDATE ON bases
  BEGIN SELECT RAISE(ABORT, 'the review log is only added to'); END;
CREATE TRIGGER IF NOT EXISTS bases_are_kept BEFORE DELETE ON bases
  BEGIN SELECT RAISE(ABORT, 'the review log is only added to'); END;
"""


class OtherWasFasterError(Exception):
    """Somebody else changed the subject since it was looked at; `last` is what they did last."""

    def __init__(self, last: Event) -> None:
        super().__init__(f"{last.who} changed this at {last.at_utc} UTC: {last.draft.words}")
        self.last = last


@dataclass(frozen=True)
class Audit:
    """The log of one RESULTS folder."""

    path: Path

    @property
    def exists(self) -> bool:
        """Whether anything was ever reviewed."""
        return self.path.is_file()

    def events(self, subject: Subject) -> list[Event]:
        """Events of a photo or pair, in their order."""
        return self._read("WHERE kind = ? AND name = ? ORDER BY version", subject)

    def all_events(self, after: int = 0) -> list[Event]:
        """Every event with a number above `after`, in their order."""
        return self._read("WHERE number > ? ORDER BY number", (after,))

    def subjects(self) -> list[Subject]:
        """Photos and pairs with events."""
        if not self.exists:
            return []
        with self._open() as connection:
            return connection.execute("SELECT DISTINCT kind, name FROM events ORDER BY kind, name").fetchall()

    def base(self, sha256: str) -> bytes:
        """Automatic result that was kept under this sha256."""
        with self._open() as connection:
            row = connection.execute("SELECT analysis FROM bases WHERE sha256 = ?", (sha256,)).fetchone()
        if row is None or hashlib.sha256(row[0]).hexdigest() != sha256:
            raise TrichoscanError(f"{self.path}: damaged: restore a backup")
        return bytes(row[0])

    def append(
        self,
        subject: Subject,
        expected_version: int,
        who: str,
        make: Callable[[State, Sequence[Event]], Sequence[Draft]],
        base: bytes | None = None,
    ) -> list[Event]:
        """Add events to a subject, all or none.

        Parameters
        ----------
        subject : (str, str)
        expected_version : int
            Version that `who` was looking at.
        who : str
        make : callable
            Gets the state and the events as they are in the log, gives what is to be done.
        base : bytes, optional
            Automatic result to be kept with it.

        Returns
        -------
        list of Event

        Raises
        ------
        OtherWasFasterError
            The subject has another version by now.
        TrichoscanError
            `make` refused, or the file cannot be written.
        """
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            events = _events(connection, "WHERE kind = ? AND name = ? ORDER BY version", subject)
            state = replay(events)
            if state.version != expected_version:
                raise OtherWasFasterError(events[-1])
            if base is not None:
                sha256 = hashlib.sha256(base).hexdigest()
                connection.execute("INSERT OR IGNORE INTO bases VALUES (?, ?)", (sha256, base))
            added = [
                _insert(connection, subject, state.version + 1 + step, who, draft)
                for step, draft in enumerate(make(state, events))
            ]
            replay([*events, *added])
            connection.execute("COMMIT")
        return added

    def check(self) -> None:
        """Make sure that no event was changed, taken out or put in by other means.

        Raises
        ------
        TrichoscanError
            Naming the first event that is not as it was written.
        """
        if not self.exists:
            return
        with self._open() as connection:
            before = ""
            for row in connection.execute(f"SELECT {_COLUMNS}, sha256 FROM events ORDER BY number"):
                if row[-1] != _digest(before, row[1:-1]):
                    raise TrichoscanError(
                        f"{self.path}: event {row[0]} is not as it was written: restore a backup"
                    )
                before = row[-1]

    def export(self, path: Path) -> None:
        """Write the log as CSV."""
        rows = []
        if self.exists:
            with self._open() as connection:
                rows = connection.execute(f"SELECT {_COLUMNS}, sha256 FROM events ORDER BY number").fetchall()
        write_table(
            path,
            AUDIT_COLUMNS,
            ([text_cell("" if cell is None else str(cell)) for cell in row] for row in rows),
        )

    def _read(self, where: str, values: Sequence[object]) -> list[Event]:
        if not self.exists:
            return []
        with self._open() as connection:
            return _events(connection, where, values)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)
        except sqlite3.Error as error:
            raise TrichoscanError(f"{self.path}: cannot be opened ({error}): check its permissions") from None
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(SCHEMA)
            yield connection
        except sqlite3.DatabaseError as error:
            raise TrichoscanError(
                f"{self.path}: cannot be used ({error}): check disk and permissions, or restore a backup"
            ) from None
        finally:
            connection.close()


_COLUMNS = "number, at_utc, who, kind, name, version, what, words, why, undoes, before, after"


def _events(connection: sqlite3.Connection, where: str, values: Sequence[object]) -> list[Event]:
    rows = connection.execute(f"SELECT {_COLUMNS} FROM events {where}", tuple(values))
    return [
        Event(
            number,
            (kind, name),
            version,
            who,
            at_utc,
            Draft(what, words, json.loads(before), json.loads(after), why, undoes),
        )
        for number, at_utc, who, kind, name, version, what, words, why, undoes, before, after in rows
    ]


def _insert(connection: sqlite3.Connection, subject: Subject, version: int, who: str, draft: Draft) -> Event:
    at_utc = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    before, after = (json.dumps(dict(slots), sort_keys=True) for slots in (draft.before, draft.after))
    cells = (
        at_utc, who, *subject, version, draft.what, draft.words, draft.why, draft.undoes, before, after,
    )  # fmt: skip
    last = connection.execute("SELECT sha256 FROM events ORDER BY number DESC LIMIT 1").fetchone()
    inserted = connection.execute(
        f"INSERT INTO events ({_COLUMNS.removeprefix('number, ')}, sha256) VALUES ({', '.join('?' * 12)})",
        (*cells, _digest(last[0] if last else "", cells)),
    )
    return Event(int(inserted.lastrowid or 0), subject, version, who, at_utc, draft)


def _digest(before: str, cells: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow([before, *("" if cell is None else cell for cell in cells)])
    return hashlib.sha256(text.getvalue().encode()).hexdigest()


def open_audit(results: Path) -> Audit:
    """The log of a RESULTS folder, whether or not anything stands in it."""
    return Audit(results / FILE_NAME)
