"""Brings the reviewed cells of RESULTS up to date with the log, and the tables with them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from trichoscan.records import Analysis, TrichoscanError
from trichoscan.study import columns, reviewed, store
from trichoscan.study.cohort import rewrite_cohort
from trichoscan.study.columns import text_cell
from trichoscan.study.corrections.audit import Audit, open_audit
from trichoscan.study.corrections.events import FIRST_REVIEW_HAIR, Event, State, replay, standing
from trichoscan.study.corrections.pairs import pair_cells, pair_key
from trichoscan.study.corrections.recount import Reviewed, recount
from trichoscan.study.geometry import feature_collection
from trichoscan.study.kept import load_analysis
from trichoscan.study.pairs import read_pair_part
from trichoscan.study.places import Places

FORMAT = 2
"""Of the parts: raised when their cells come to mean something else."""


def load_base(audit: Audit, state: State) -> Analysis:
    """Automatic result on which a review rests."""
    return _load_base(audit, str(state.slots["base"]))


@lru_cache(maxsize=16)
def _load_base(audit: Audit, sha256: str) -> Analysis:
    return load_analysis(io.BytesIO(audit.base(sha256)))


def refresh(out: Path, places: Places | None = None) -> None:
    """Make the parts of every photo and pair under review anew where the log or the run has moved on.

    Parameters
    ----------
    out : Path
        RESULTS.
    places : mapping, optional
        Where the photos lie; where they lay when they were measured by default.

    Raises
    ------
    TrichoscanError
        The log is damaged.
    """
    audit = open_audit(out)
    if not audit.exists:
        return
    known = store.read_places(out) if places is None else places
    by_subject: dict[tuple[str, str], list[Event]] = {}
    for event in audit.all_events():
        by_subject.setdefault(event.subject, []).append(event)
    for (kind, image), events in by_subject.items():
        if kind == "photo":
            refresh_photo(out, audit, image, events)
    touched = {name for kind, name in by_subject if kind == "photo"}
    linked = {name for kind, name in by_subject if kind == "pair"}
    for pair_id, images in pairs_of_run(out).items():
        if pair_id in linked or touched & set(images):
            refresh_pair(out, audit, pair_id, by_subject.get(("pair", pair_id), []), known)


def pairs_of_run(out: Path) -> dict[str, tuple[str, str]]:
    """Images of each pair of the run that was compared, by its pair_id."""
    pairs = {}
    for path in sorted((out / store.PARTS / "pairs").glob("*.json")):
        try:
            part = json.loads(path.read_text(encoding="utf-8"))
            if part["made_from"]:
                first, second = (text_cell(image) for image in part["made_from"]["images"])
                pairs[str(part["pair_id"])] = first, second
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return pairs


def photo_state(
    out: Path, audit: Audit, image: str, events: Sequence[Event]
) -> tuple[State, Reviewed | None]:
    """State of a photo and what stands of it; None where the photo is another one now, or none."""
    state = replay(events)
    part = store.read_part(out, image)
    if part is None or not events:
        return state, None
    base = load_base(audit, state)
    return state, recount(base, state.slots) if base.sha256 == part["made_from"]["sha256"] else None


def refresh_photo(out: Path, audit: Audit, image: str, events: Sequence[Event]) -> None:
    """Make the part of one photo under review anew where it is stale."""
    part = store.read_part(out, image)
    if part is None:
        return
    made_from = part["made_from"]
    key = [
        FORMAT,
        len(events),
        *(made_from.get(n) for n in ("sha256", "vellus_below_um", "intermediate_below_um")),
        part["cells"].get("geometry"),
    ]
    earlier = reviewed.read_review_part(out, "photo", image)
    if earlier is not None and earlier["key"] == key:
        return
    geometry_file, overlay_file = reviewed.reviewed_files(out, part["cells"].get("geometry", ""))
    for file in (geometry_file, overlay_file):  # the overlay is drawn by `redraw`
        file.unlink(missing_ok=True)
    state, stands = photo_state(out, audit, image, events)
    cells = _state_cells(state, events, stands)
    hairs: dict[str, list[str]] = {}
    added: list[list[str]] = []
    if stands is not None:
        vellus, intermediate = made_from["vellus_below_um"], made_from["intermediate_below_um"]
        cells |= photo_cells(stands.analysis, vellus, intermediate)
        cells["reviewed_geometry"] = geometry_file.relative_to(out).as_posix()
        store.write_json(geometry_file, feature_collection(stands.analysis, vellus, stands.ids))
        hairs, added = _hair_cells(load_base(audit, state), stands, vellus)
    made = {"key": key, "cells": cells, "hairs": hairs, "added": added}
    _write(out, "photo", image, made)


def _state_cells(state: State, events: Sequence[Event], stands: Reviewed | None) -> dict[str, str]:
    review = "outdated" if stands is None else "signed_off" if state.signed_by else "open"
    done = standing(events)
    people = dict.fromkeys([event.who for event in done] + ([state.signed_by] if state.signed_by else []))
    return {
        "review": review,
        "reviewed_by": text_cell("; ".join(people)),
        "corrections": str(len(done)),
    }


def photo_cells(analysis: Analysis, vellus_below_um: float, intermediate_below_um: float) -> dict[str, str]:
    """Reviewed cells of images.csv from what stands."""
    cells = columns.measured_cells(analysis, "", vellus_below_um, intermediate_below_um)
    return {f"reviewed_{name}": cells[name] for name in (*reviewed.MEASURED, "flags")}


def _hair_cells(
    base: Analysis, stands: Reviewed, vellus_below_um: float
) -> tuple[dict[str, list[str]], list[list[str]]]:
    """Of each automatic hair what the review says, and the rows after `image` of those it made."""
    said = {str(number): ["dropped", "false", ""] for number in range(1, len(base.hairs) + 1)}
    added = []
    analysis = stands.analysis
    for index, number in enumerate(stands.ids):
        unit, counted = int(analysis.unit_of_hair[index]) + 1, bool(analysis.counted[index])
        mark = "true" if counted else "false"
        if number < FIRST_REVIEW_HAIR:
            said[str(number)] = ["kept", mark, str(unit)]
            continue
        row = columns.hair_row(analysis.hairs[index], number, unit, False, analysis, vellus_below_um)
        added.append([*row, "review", "added", mark, str(unit)])
    return said, sorted(added, key=lambda row: int(row[0]))


def refresh_pair(out: Path, audit: Audit, pair_id: str, events: Sequence[Event], places: Places) -> None:
    """Make the part of one pair anew where it is stale."""
    part = read_pair_part(out, pair_id)
    if part is None or part["made_from"] is None:
        return
    images = [text_cell(image) for image in part["made_from"]["images"]]
    photos = [audit.events(("photo", image)) for image in images]
    key = [FORMAT, len(events), [len(some) for some in photos], pair_key(part)]
    earlier = reviewed.read_review_part(out, "pair", pair_id)
    if earlier is not None and earlier["key"] == key:
        return
    reviewed.reviewed_pair_overlay(out, pair_id).unlink(missing_ok=True)
    sides = [standing_photo(out, audit, image, some) for image, some in zip(images, photos, strict=True)]
    made = pair_cells(part, replay(events), [*photos, events], images, sides, places)
    _write(out, "pair", pair_id, {"key": key} | made)


def standing_photo(out: Path, audit: Audit, image: str, events: Sequence[Event]) -> Reviewed:
    """A photo as it stands: reviewed where it is, else automatic."""
    _, stands = photo_state(out, audit, image, events)
    if stands is not None:
        return stands
    base = load_analysis(store.analysis_path(out, image))
    return recount(base, {})


def _write(out: Path, kind: str, name: str, part: Mapping[str, Any]) -> None:
    with store.whole_file(reviewed.review_part_path(out, kind, name)) as temporary:
        temporary.write_text(json.dumps(part), encoding="utf-8")


def rewrite_tables(out: Path, places: Places | None = None) -> None:
    """Put the reviewed cells into the tables of RESULTS, and export the log; automatic cells stay.

    The reviewed geometry follows, too; pictures and report wait for `redraw`.

    Each table is written whole or not at all.
    """
    refresh(out, places)
    images, hairs = (
        _read(out / name, header)
        for name, header in (("images.csv", columns.IMAGE_COLUMNS), ("hairs.csv", columns.HAIR_COLUMNS))
    )
    store.write_table(out / "images.csv", reviewed.IMAGE_TABLE, reviewed.image_rows(out, images))
    store.write_table(
        out / "hairs.csv", reviewed.HAIR_TABLE, reviewed.hair_rows(out, [row[0] for row in images], hairs)
    )
    if (out / "pairs.csv").is_file():
        pairs, matches = (
            _read(out / name, header)
            for name, header in (("pairs.csv", columns.PAIR_COLUMNS), ("matches.csv", columns.MATCH_COLUMNS))
        )
        store.write_table(out / "pairs.csv", reviewed.PAIR_TABLE, reviewed.pair_rows(out, pairs))
        rows = reviewed.match_rows(out, matches, reviewed.found_ids(hairs))
        store.write_table(out / "matches.csv", reviewed.MATCH_TABLE, rows)
    rewrite_cohort(out)
    open_audit(out).export(out / "audit.csv")


def _read(path: Path, automatic: Sequence[str]) -> list[list[str]]:
    """The automatic rows of a table, without what a review put beside and between them."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
    except (OSError, ValueError) as error:
        raise TrichoscanError(f"{path}: cannot be read ({error}): run 'trichoscan analyze' again") from None
    if tuple(header[: len(automatic)]) != tuple(automatic):
        raise TrichoscanError(f"{path}: of another version: run 'trichoscan analyze' again")
    source = header.index("source") if "source" in header else None
    return [row[: len(automatic)] for row in rows if source is None or row[source] != "review"]
