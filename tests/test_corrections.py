"""The review log and what stands after it."""

from __future__ import annotations

import csv
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trichoscan.records import TrichoscanError
from trichoscan.study.corrections import events as log
from trichoscan.study.corrections.audit import Audit, OtherWasFasterError, open_audit
from trichoscan.study.corrections.events import Draft, Event, State, Subject

PHOTO: Subject = ("photo", "a.jpg")
NAMES = st.sampled_from(["hair/1", "hair/2", "hair/100001", "area", "excluded/1", "unit/2", "link/b1"])
CHANGES = st.dictionaries(
    NAMES, st.one_of(st.none(), st.just("gone"), st.lists(st.integers(0, 9))), min_size=1
)
DEEDS = st.lists(st.one_of(CHANGES, st.sampled_from(["undo", "redo"])), max_size=12)


def told(deeds: Sequence[dict[str, object] | str]) -> list[Event]:
    """Events of somebody who does all that can be done of `deeds`."""
    events: list[Event] = []
    for deed in deeds:
        state = log.replay(events)
        try:
            if deed == "undo":
                draft = log.undo(state, events)
            elif deed == "redo":
                draft = log.redo(state, events)
            else:
                draft = log.draft(state, "edit", "did something", deed)  # type: ignore[arg-type]
        except TrichoscanError:
            continue
        events.append(Event(len(events) + 1, PHOTO, len(events) + 1, "Ann", "2026-01-01T00:00:00", draft))
    return events


@settings(max_examples=50)
@given(DEEDS)
def test_undoing_all_leaves_nothing_and_doing_it_again_all(deeds: list[dict[str, object] | str]) -> None:
    events = told(deeds)
    state = log.replay(events)
    undone = told([event_deed(e) for e in events] + ["undo"] * len(state.undoable))
    assert log.replay(undone).slots == {}
    again = told([event_deed(e) for e in events] + ["undo", "redo"] * min(len(state.undoable), 1))
    assert log.replay(again).slots == state.slots


def event_deed(event: Event) -> dict[str, object] | str:
    return event.draft.what if event.draft.what in ("undo", "redo") else dict(event.draft.after)


@settings(max_examples=50)
@given(DEEDS, CHANGES)
def test_undo_gives_the_very_state_before_and_redo_the_one_after(
    deeds: list[dict[str, object] | str], change: dict[str, object]
) -> None:
    before = log.replay(told(deeds))
    first = [event_deed(e) for e in told(deeds)]
    after = log.replay(told([*first, change]))
    assert log.replay(told([*first, change, "undo"])).slots == before.slots
    assert log.replay(told([*first, change, "undo", "redo"])).slots == after.slots
    assert log.replay(told([*first, change])) == after, "replay is deterministic"


def test_an_event_that_does_not_follow_is_no_history() -> None:
    stray = Event(1, PHOTO, 1, "Ann", "", Draft("edit", "", {"area": [1]}, {"area": None}))
    with pytest.raises(TrichoscanError, match="event 1 does not follow"):
        log.replay([stray])


def test_nothing_can_be_undone_twice_or_beyond_the_beginning() -> None:
    with pytest.raises(TrichoscanError, match="nothing to undo"):
        log.undo(State(), [])
    with pytest.raises(TrichoscanError, match="nothing to do again"):
        log.redo(State(), [])


def add(change: dict[str, object], words: str = "did") -> Callable[[State, Sequence[Event]], list[Draft]]:
    return lambda state, events: [log.draft(state, "edit", words, change)]


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    made = open_audit(tmp_path)
    made.append(PHOTO, 0, "Ann", add({"hair/1": "gone"}))
    made.append(PHOTO, 1, "Ben", add({"hair/2": "gone"}))
    return made


@pytest.mark.parametrize("deed", ["UPDATE events SET who = 'Eve'", "DELETE FROM events"])
def test_the_log_is_only_added_to(audit: Audit, deed: str) -> None:
    with sqlite3.connect(audit.path) as connection, pytest.raises(sqlite3.IntegrityError, match="only added"):
        connection.execute(deed)
    connection.close()
    assert [event.who for event in audit.events(PHOTO)] == ["Ann", "Ben"]


def test_a_change_behind_its_back_shows(audit: Audit) -> None:
    audit.check()
    connection = sqlite3.connect(audit.path)
    connection.execute("DROP TRIGGER events_stay")
    connection.execute("UPDATE events SET who = 'Eve' WHERE number = 1")
    connection.commit()
    connection.close()
    with pytest.raises(TrichoscanError, match="event 1 is not as it was written"):
        audit.check()


def test_who_looks_at_an_old_version_is_told_who_was_faster(audit: Audit) -> None:
    with pytest.raises(OtherWasFasterError, match=r"Ben changed this at .* UTC: did"):
        audit.append(PHOTO, 1, "Ann", add({"hair/3": "gone"}))
    assert len(audit.events(PHOTO)) == 2
    audit.append(("photo", "b.jpg"), 0, "Ann", add({"hair/3": "gone"}))


def test_of_many_at_once_each_version_is_won_by_one(audit: Audit) -> None:
    won, lost = [], []

    def race(who: str) -> None:
        try:
            won.append(audit.append(PHOTO, 2, who, add({"hair/9": who})))
        except OtherWasFasterError as error:
            lost.append(error)

    racers = [threading.Thread(target=race, args=(f"R{k}",)) for k in range(6)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert (len(won), len(lost)) == (1, 5)
    assert [event.version for event in audit.events(PHOTO)] == [1, 2, 3]
    audit.check()


def test_what_is_refused_leaves_no_trace(audit: Audit) -> None:
    def refuse(state: State, events: Sequence[Event]) -> list[Draft]:
        raise TrichoscanError("no")

    with pytest.raises(TrichoscanError, match="no"):
        audit.append(PHOTO, 2, "Ann", refuse, b"base")
    assert len(audit.all_events()) == 2
    with pytest.raises(TrichoscanError, match="damaged"):
        audit.base("0" * 64)


def test_the_log_as_csv_says_who_when_what_before_after_and_why(audit: Audit, tmp_path: Path) -> None:
    audit.append(PHOTO, 2, "=cmd", lambda state, events: [log.undo(state, events, "a slip, \n sorry")])
    audit.export(tmp_path / "audit.csv")
    with (tmp_path / "audit.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["what"] for row in rows] == ["edit", "edit", "undo"]
    assert (rows[0]["before"], rows[0]["after"]) == ('{"hair/1": null}', '{"hair/1": "gone"}')
    assert (rows[2]["before"], rows[2]["after"]) == ('{"hair/2": "gone"}', '{"hair/2": null}')
    assert (rows[2]["who"], rows[2]["undoes_event"], rows[2]["why"]) == ("'=cmd", "2", "a slip, \n sorry")
    assert len({row["sha256"] for row in rows}) == 3


def test_what_is_no_log_is_said(tmp_path: Path) -> None:
    (tmp_path / "review.sqlite").write_text("this is no database, whatever its name says " * 30)
    with pytest.raises(TrichoscanError, match=r"review\.sqlite: cannot be used"):
        open_audit(tmp_path).all_events()


@settings(max_examples=8)
@given(st.text(min_size=1, max_size=30), st.text(max_size=30))
def test_any_name_and_reason_survive(tmp_path_factory: pytest.TempPathFactory, who: str, why: str) -> None:
    audit = open_audit(tmp_path_factory.mktemp("log"))
    who, why = (text.encode("utf-8", "replace").decode() for text in (who, why))
    audit.append(PHOTO, 0, who, lambda state, _: [log.draft(state, "edit", "", {"area": [[1, 2]]}, why)])
    (event,) = audit.events(PHOTO)
    assert (event.who, event.draft.why, event.draft.after) == (who, why, {"area": [[1, 2]]})
    audit.check()
