"""What a reviewer did, as events; what stands follows from them by replay. No disk, no clock.

What can be corrected lies in slots, each with a name and a JSON value:

- ``hair/12``: an automatic hair of that number, ``"gone"``; or a hair made in review, its shaft
- ``area``: corners of the counting area; ``excluded/1``: corners of an area left out
- ``unit/12``: a number; hairs of one number are one follicular unit
- ``link/b12``: ``"f15"`` or ``"none"``: which hair of the follow-up a hair of the baseline is
- ``signed``: who signed; ``base``: sha256 of the automatic result on which the review rests

An empty slot means: as the automatic result has it. An event states the slots it touched before and after,
so it is its own way back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from trichoscan.records import TrichoscanError

Slots = Mapping[str, Any]
SubjectKind = Literal["photo", "pair"]
Subject = tuple[SubjectKind, str]
"""A photo with its name in images.csv, or a pair with its pair_id."""

FIRST_REVIEW_HAIR = 100_001
"""Numbers of hairs made in review begin here: no photo holds so many automatic ones."""
GONE = "gone"
NOT_UNDONE = ("begin", "sign_off", "reopen", "undo", "redo")
"""What undo passes over: these stand until something else is done."""


@dataclass(frozen=True)
class Draft:
    """An event that is not in the log yet.

    Attributes
    ----------
    what : str
        Kind of the deed: one word.
    words : str
        The same for people, with what it was done to.
    before, after : mapping
        The touched slots; None where empty.
    why : str
    undoes : int or None
        Of an undo or redo, the number of the event concerned.
    """

    what: str
    words: str
    before: Slots
    after: Slots
    why: str = ""
    undoes: int | None = None


@dataclass(frozen=True)
class Event:
    """An entry of the log.

    Attributes
    ----------
    number : int
        In the whole log, from 1.
    subject : (str, str)
    version : int
        Number among the events of its subject, from 1.
    who : str
    at_utc : str
        ISO 8601, UTC.
    draft : Draft
        What was done.
    """

    number: int
    subject: Subject
    version: int
    who: str
    at_utc: str
    draft: Draft


@dataclass(frozen=True)
class State:
    """What stands of one photo or pair.

    Attributes
    ----------
    slots : mapping
    version : int
        Number of events behind it.
    undoable, redoable : tuple of int
        Numbers of events, the next one last.
    """

    slots: Slots = field(default_factory=dict)
    version: int = 0
    undoable: tuple[int, ...] = ()
    redoable: tuple[int, ...] = ()

    @property
    def signed_by(self) -> str:
        """Who signed it off; empty while it is open."""
        return str(self.slots.get("signed", ""))


def put(slots: Slots, change: Slots) -> Slots:
    """Slots after a change; None empties one."""
    merged = {**slots, **change}
    return {name: value for name, value in merged.items() if value is not None}


def replay(events: Sequence[Event]) -> State:
    """Follow the events of one subject, in their order.

    Raises
    ------
    TrichoscanError
        An event does not begin where the one before it ended: the log is damaged.
    """
    state = State()
    for event in events:
        state = follow(state, event)
    return state


def follow(state: State, event: Event) -> State:
    """State after one more event."""
    draft = event.draft
    stood = {name: state.slots.get(name) for name in draft.before}
    if event.version != state.version + 1 or stood != dict(draft.before):
        raise TrichoscanError(
            f"review log: event {event.number} does not follow from those before it: restore a backup"
        )
    undoable, redoable = state.undoable, state.redoable
    if draft.what == "begin":
        undoable, redoable = (), ()
    elif draft.what == "undo":
        undoable, redoable = undoable[:-1], (*redoable, undoable[-1])
    elif draft.what == "redo":
        undoable, redoable = (*undoable, redoable[-1]), redoable[:-1]
    elif draft.what not in NOT_UNDONE:
        undoable, redoable = (*undoable, event.number), ()
    return State(put(state.slots, draft.after), event.version, undoable, redoable)


def draft(state: State, what: str, words: str, after: Slots, why: str = "") -> Draft:
    """Deed that puts `after` into the slots of a state."""
    return Draft(what, words, {name: state.slots.get(name) for name in after}, dict(after), why)


def undo(state: State, events: Sequence[Event], why: str = "") -> Draft:
    """Draft that takes the last deed back.

    Raises
    ------
    TrichoscanError
        There is none.
    """
    if not state.undoable:
        raise TrichoscanError("nothing to undo")
    done = _event(events, state.undoable[-1]).draft
    return Draft("undo", f"took back: {done.words}", done.after, done.before, why, state.undoable[-1])


def redo(state: State, events: Sequence[Event], why: str = "") -> Draft:
    """Draft that does again what was taken back last; errors as `undo`."""
    if not state.redoable:
        raise TrichoscanError("nothing to do again")
    done = _event(events, state.redoable[-1]).draft
    return Draft("redo", f"did again: {done.words}", done.before, done.after, why, state.redoable[-1])


def begin(state: State, base: str, why: str = "") -> Draft:
    """Draft that lets the review rest on this automatic result, with nothing corrected yet."""
    emptied: dict[str, Any] = dict.fromkeys(state.slots)
    words = "began the review" if state.version == 0 else "began anew from the automatic result"
    return draft(state, "begin", words, emptied | {"base": base}, why)


def standing(events: Sequence[Event]) -> list[Event]:
    """Corrections that are not undone, since the review began."""
    state = replay(events)
    wanted = set(state.undoable)
    return [event for event in events if event.number in wanted]


def _event(events: Sequence[Event], number: int) -> Event:
    return next(event for event in events if event.number == number)
