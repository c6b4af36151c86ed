"""A RESULTS folder under review: what the page asks for, and what it is told."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from trichoscan.records import Analysis, TrichoscanError
from trichoscan.report.hide import hide_burnt_in
from trichoscan.review import edits, shown
from trichoscan.review.picture import as_jpeg
from trichoscan.review.worklist import Summaries
from trichoscan.review.writer import TableWriter
from trichoscan.study import store
from trichoscan.study.corrections import events as log
from trichoscan.study.corrections.audit import Audit, open_audit
from trichoscan.study.corrections.events import Draft, Event, State, Subject
from trichoscan.study.corrections.pairs import reviewed_comparison
from trichoscan.study.corrections.recount import Reviewed, recount
from trichoscan.study.corrections.refresh import load_base, pairs_of_run, photo_state
from trichoscan.study.kept import load_analysis
from trichoscan.study.pairs import read_pair_part
from trichoscan.study.places import PlacedPhoto, Places, missing_photos, place_photos, read_pixels

Answer = dict[str, Any]


class GoneError(TrichoscanError):
    """There is nothing of this name in RESULTS."""


@dataclass(frozen=True, eq=False)
class Session:
    """One person's review of one RESULTS folder. May be used by several threads.

    Attributes
    ----------
    results : Path
    user : str
        Who signs and corrects.
    photos : dict of str to PlacedPhoto
        By key, in the order of images.csv.
    pairs : dict of str to (str, str, str)
        pair_id and both images, by key.
    audit : Audit
    writer : TableWriter
    summaries : Summaries
    missing : tuple of str
        Measured photos that were not found: they can be listed, not shown.
    """

    results: Path
    user: str
    photos: dict[str, PlacedPhoto]
    pairs: dict[str, tuple[str, str, str]]
    audit: Audit
    writer: TableWriter
    summaries: Summaries
    missing: tuple[str, ...] = ()
    _at_work: threading.RLock = field(default_factory=threading.RLock)

    @property
    def places(self) -> Places:
        """Where the photos may lie."""
        return {photo.image: photo.places for photo in self.photos.values()}

    def close(self) -> None:
        """Write the tables and stop."""
        self.writer.close()

    # -- photos

    def worklist(self) -> Answer:
        """Photos and pairs, the most doubtful first, those signed off last."""
        by_subject: dict[Subject, list[Event]] = {}
        for event in self.audit.all_events():
            by_subject.setdefault(event.subject, []).append(event)
        rows = [
            self._photo_row(photo, by_subject.get(("photo", photo.image), []))
            for photo in self.photos.values()
        ]
        pairs = [
            self._pair_row(key, by_subject.get(("pair", pair[0]), [])) for key, pair in self.pairs.items()
        ]
        self.summaries.keep()
        order = {"failed": 3, "signed_off": 2}
        return {
            "user": self.user,
            "results": self.results.resolve().name,
            "last_event": max((e.number for some in by_subject.values() for e in some), default=0),
            "photos": sorted(
                rows, key=lambda row: (order.get(row["review"], 0), -row["doubt"], row["image"])
            ),
            "pairs": sorted(
                pairs, key=lambda row: (row["review"] == "signed_off", row["doubt"], row["pair_id"])
            ),
            "problem": self.writer.problem,
        }

    def photo(self, key: str) -> Answer:
        """All that the page shows of one photo."""
        photo, part = self._photo(key)
        events = self.audit.events(("photo", photo.image))
        state, stands = self._stands(photo, events)
        answer = shown.photo(photo, part["made_from"], state, events, stands, self._automatic(photo))
        neighbours = [k for k, pair in self.pairs.items() if photo.image in pair[1:]]
        return answer | {
            "pairs": [{"key": k, "pair_id": self.pairs[k][0]} for k in neighbours],
            "user": self.user,
        }

    def picture(self, key: str) -> bytes:
        """The photo as JPEG: nothing of EXIF, and burnt-in text hidden as in the overlays."""
        photo, part = self._photo(key)
        return _jpeg(photo, part["made_from"]["sha256"], self._automatic(photo))

    def try_hair(self, key: str, points: Any) -> Answer:
        """What would be added along these points: path, diameter and whether a shaft is seen."""
        photo, _ = self._photo(key)
        events = self.audit.events(("photo", photo.image))
        scene = self._scene(photo, events)
        hair, seen = edits.draw_hair(scene, points)
        return shown.tried(hair, seen, scene.base.um_per_px)

    def edit_photo(self, key: str, request: Mapping[str, Any]) -> Answer:
        """Do to a photo what is asked, write it down, and say what stands then.

        Raises
        ------
        OtherWasFasterError
            Somebody changed the photo since `request["version"]`.
        TrichoscanError
            It cannot be done.
        """
        photo, _ = self._photo(key)
        subject: Subject = ("photo", photo.image)
        with self._at_work:
            seen = self._seen_version(request)
            events = self.audit.events(subject)
            what = str(request.get("what"))
            base = None
            if what == "begin" or not events:
                base = store.analysis_path(self.results, photo.image).read_bytes()

            def make(state: State, known: Sequence[Event]) -> list[Draft]:
                return self._drafts(photo, state, known, request, base)

            added = self.audit.append(subject, seen, self.user, make, base)
            self._after(added)
        return self.photo(key)

    def _drafts(
        self,
        photo: PlacedPhoto,
        state: State,
        events: Sequence[Event],
        request: Mapping[str, Any],
        base: bytes | None,
    ) -> list[Draft]:
        why = " ".join(str(request.get("why", "")).split())[:500]
        drafts: list[Draft] = []
        if base is not None:
            if state.signed_by:
                raise TrichoscanError(
                    f"{state.signed_by} signed this off: open it again first, with a reason"
                )
            if events and not why:
                raise TrichoscanError("say why the review begins anew: the reason goes into the log")
            drafts.append(log.begin(state, hashlib.sha256(base).hexdigest(), why if events else ""))
            if request.get("what") == "begin":
                return drafts
            state = State(log.put(state.slots, drafts[0].after), state.version + 1)
        if request.get("what") == "sign_off":
            self._scene(photo, events, state)
            return [*drafts, edits.sign(state, self.user, why)]
        return [*drafts, edits.edit_photo(self._scene(photo, events, state), request)]

    def _scene(self, photo: PlacedPhoto, events: Sequence[Event], state: State | None = None) -> edits.Scene:
        state = state or log.replay(events)
        part = store.read_part(self.results, photo.image)
        sha256 = "" if part is None else part["made_from"]["sha256"]
        base = self._automatic(photo) if "base" not in state.slots else self._base(photo, events, state)
        if base.sha256 != sha256:
            raise TrichoscanError(
                f"{photo.image}: is another photo than the one reviewed: begin the review anew"
            )
        return edits.Scene(base, lambda: read_pixels(photo.image, photo.places, sha256), state, events)

    def _base(self, photo: PlacedPhoto, events: Sequence[Event], state: State) -> Analysis:
        if not events:
            return self._automatic(photo)
        return load_base(self.audit, state)

    def _automatic(self, photo: PlacedPhoto) -> Analysis:
        path = store.analysis_path(self.results, photo.image)
        return _loaded(path, path.stat().st_mtime_ns if path.is_file() else 0)

    def _stands(self, photo: PlacedPhoto, events: Sequence[Event]) -> tuple[State, Reviewed | None]:
        if not events:
            return State(), recount(self._automatic(photo), {})
        return photo_state(self.results, self.audit, photo.image, events)

    def _photo(self, key: str) -> tuple[PlacedPhoto, dict[str, Any]]:
        photo = self.photos.get(key)
        part = None if photo is None else store.read_part(self.results, photo.image)
        if photo is None or part is None or part["cells"].get("status") != "ok":
            raise GoneError("there is no such measured photo in these results")
        return photo, part

    def _photo_row(self, photo: PlacedPhoto, events: Sequence[Event]) -> Answer:
        if photo.row["status"] != "ok":
            return shown.failed_row(photo)
        try:
            last = events[-1].number if events else 0
            summary = self.summaries.of(photo.key, photo.image, last, lambda: self._stands(photo, events)[1])
            return shown.photo_row(photo, log.replay(events), events, summary)
        except TrichoscanError as error:
            return shown.failed_row(photo) | {"why": [str(error)]}

    # -- pairs

    def pair(self, key: str) -> Answer:
        """All that the page shows of one pair."""
        pair_id, *images = self._pair(key)
        part = read_pair_part(self.results, pair_id)
        if part is None:
            raise GoneError(f"{pair_id}: gone: run 'trichoscan analyze' again")
        events = self.audit.events(("pair", pair_id))
        state = log.replay(events)
        photos = [self._of_image(image) for image in images]
        sides = [self._side(photo) for photo in photos]
        with self._at_work:
            found = reviewed_comparison(part, state.slots, sides, self.places)
        return shown.pair(pair_id, part, photos, state, events, sides, found) | {"user": self.user}

    def edit_pair(self, key: str, request: Mapping[str, Any]) -> Answer:
        """Do to the matches of a pair what is asked; see `edit_photo`."""
        pair_id, *images = self._pair(key)
        ids = [self._side(self._of_image(image)).ids for image in images]
        subject: Subject = ("pair", pair_id)

        def make(state: State, events: Sequence[Event]) -> list[Draft]:
            if request.get("what") == "sign_off":
                return [edits.sign(state, self.user, " ".join(str(request.get("why", "")).split())[:500])]
            return [edits.edit_pair(state, events, ids, request)]

        with self._at_work:
            self._after(self.audit.append(subject, self._seen_version(request), self.user, make))
        return self.pair(key)

    def _pair(self, key: str) -> tuple[str, str, str]:
        if key not in self.pairs:
            raise GoneError("there is no such pair in these results")
        return self.pairs[key]

    def _of_image(self, image: str) -> PlacedPhoto:
        return self.photos[store.part_path(self.results, image).stem]

    def _side(self, photo: PlacedPhoto) -> Reviewed:
        _, stands = self._stands(photo, self.audit.events(("photo", photo.image)))
        return stands if stands is not None else recount(self._automatic(photo), {})

    def _pair_row(self, key: str, events: Sequence[Event]) -> Answer:
        pair_id = self.pairs[key][0]
        part = read_pair_part(self.results, pair_id)
        return shown.pair_row(key, pair_id, part or {"cells": {}}, log.replay(events), events)

    # -- both

    def _seen_version(self, request: Mapping[str, Any]) -> int:
        version = request.get("version")
        if type(version) is not int:
            raise TrichoscanError("the request does not say which version it was made on")
        return version

    def _after(self, added: Sequence[Event]) -> None:
        """Let the tables follow: at once where something was signed off, then pictures and report."""
        signed = any(event.draft.what == "sign_off" for event in added)
        if signed:
            self.writer.write()
        self.writer.want(pictures=signed)

    def news(self, since: int) -> Answer:
        """What was done after event number `since`, by anyone."""
        done = self.audit.all_events(since)
        return {
            "last_event": done[-1].number if done else since,
            "events": [shown.event(event) | {"key": self._key_of(event.subject)} for event in done[-20:]],
            "problem": self.writer.problem,
        }

    def _key_of(self, subject: Subject) -> str:
        kind, name = subject
        if kind == "photo":
            return store.part_path(self.results, name).stem
        return next((key for key, pair in self.pairs.items() if pair[0] == name), "")


@lru_cache(maxsize=16)
def _loaded(path: Path, changed_ns: int) -> Analysis:
    """An automatic result; `changed_ns` is the file's time of change, so that a new one is read anew."""
    return load_analysis(path)


@lru_cache(maxsize=8)
def _jpeg(photo: PlacedPhoto, sha256: str, automatic: Analysis) -> bytes:
    return as_jpeg(hide_burnt_in(read_pixels(photo.image, photo.places, sha256), automatic.quality))


def open_session(results: Path, user: str, photos: Path | None = None) -> Session:
    """Open a RESULTS folder for review.

    Parameters
    ----------
    results : Path
        As `trichoscan analyze` wrote it.
    user : str
        Who reviews: stands with every correction.
    photos : Path, optional
        Folder where the photos lie now, if they were moved.

    Raises
    ------
    TrichoscanError
        It is no such folder, the photos are gone, or its review log is damaged.
    """
    placed = place_photos(results, photos)
    missing = missing_photos(results, placed, photos)
    audit = open_audit(results)
    audit.check()
    pairs = {
        hashlib.sha256(pair_id.encode()).hexdigest()[:24]: (pair_id, *images)
        for pair_id, images in pairs_of_run(results).items()
    }
    places = {photo.image: photo.places for photo in placed}
    writer = TableWriter(results, places)
    writer.want(pictures=True)  # what a server that was killed had not written yet
    gone = tuple(photo.image for photo in missing)
    by_key = {photo.key: photo for photo in placed}
    return Session(results, user, by_key, pairs, audit, writer, Summaries(results), gone)
