"""The numbers of a pair as both photos, and the matches between them, stand after their corrections."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from trichoscan.match.overrule import Links
from trichoscan.match.rows import match_rows, pairing_row
from trichoscan.pipeline import Comparison, compare
from trichoscan.records import Hair, Pairing, TrichoscanError
from trichoscan.response.rows import change_row
from trichoscan.study.columns import HAIR_COLUMNS, number_cell, text_cell
from trichoscan.study.corrections.events import Event, Slots, State, standing
from trichoscan.study.corrections.recount import Reviewed
from trichoscan.study.pairs import change_flags, for_cohort
from trichoscan.study.places import Places, read_pixels
from trichoscan.study.reviewed import COMPARED

PLACE_COLUMNS = HAIR_COLUMNS[HAIR_COLUMNS.index("root_x_px") : HAIR_COLUMNS.index("length_um")]
NONE = "none"


def pair_key(part: dict[str, Any]) -> list[Any]:
    """What of a pair's automatic part its review depends on."""
    made_from = part["made_from"]
    return [made_from["images"], made_from["days"], made_from["vellus_below_um"], made_from["photos"]]


def links_of(slots: Slots, ids: Sequence[Sequence[int]]) -> Links:
    """What a person said of a pair's hairs, by their index among those that stand."""
    at = [{number: index for index, number in enumerate(some)} for some in ids]
    same: list[tuple[int, int]] = []
    alone: tuple[list[int], list[int]] = [], []
    for name, said in slots.items():
        if not name.startswith("link/"):
            continue
        side, number = int(name[5] == "f"), int(name[6:])
        if number not in at[side]:
            continue
        if said == NONE:
            alone[side].append(at[side][number])
        elif side == 0 and int(said[1:]) in at[1]:
            same.append((at[0][number], at[1][int(said[1:])]))
    return Links(same, *alone)


def reviewed_comparison(
    part: dict[str, Any], slots: Slots, sides: Sequence[Reviewed], places: Places
) -> Comparison:
    """Compare both photos as they stand, with the matches that a person said.

    Without the photos themselves it is not looked again in them for hairs that only one visit shows.
    """
    made_from = part["made_from"]
    pixels = None
    with suppress(TrichoscanError):
        first, second = (
            read_pixels(image, places.get(text_cell(image), ()), side.analysis.sha256)
            for image, side in zip(made_from["images"], sides, strict=True)
        )
        pixels = first, second
    return compare(
        sides[0].analysis,
        sides[1].analysis,
        days=made_from["days"],
        vellus_below_um=made_from["vellus_below_um"],
        links=links_of(slots, [side.ids for side in sides]),
        pixels=pixels,
    )


def pair_cells(
    part: dict[str, Any],
    state: State,
    events: Sequence[Sequence[Event]],
    images: Sequence[str],
    sides: Sequence[Reviewed],
    places: Places,
) -> dict[str, Any]:
    """Reviewed cells of pairs.csv, rows of matches.csv after pair_id, and what cohort.csv needs.

    Parameters
    ----------
    part : dict
        Automatic part of the pair.
    state : State
        Of the pair.
    events : sequence
        Of the baseline photo, of the follow-up, of the pair.
    images : sequence of str
    sides : sequence of Reviewed
        Baseline, follow-up.
    places : mapping
        Of the photos.
    """
    people = dict.fromkeys(event.who for some in events for event in standing(some))
    if state.signed_by:
        people[state.signed_by] = None
    cells = {
        "review": "signed_off" if state.signed_by else "open",
        "reviewed_by": text_cell("; ".join(people)),
    }
    found = reviewed_comparison(part, state.slots, sides, places)
    if found.pairing is None or found.change is None:
        return {"cells": cells, "matches": [], "cohort": {}}
    row: dict[str, Any] = {**pairing_row(found.pairing), **change_row(found.change)}
    row["flags"] = " ".join(change_flags(found.change))
    for name in COMPARED:
        value = row[name]
        cells[f"reviewed_{name}"] = value if isinstance(value, str) else number_cell(name, value)
    return {
        "cells": cells,
        "matches": _match_cells(found.pairing, images, sides),
        "cohort": for_cohort(found.change),
    }


def _match_cells(
    pairing: Pairing, images: Sequence[str], sides: Sequence[Reviewed]
) -> list[list[str | list[str]]]:
    """Cells of matches.csv after pair_id.

    A hair that matching found again stands as its image and place: the tables know its number.
    """
    rows = []
    for row in match_rows(pairing, sides[1].analysis.um_per_px):
        cells: list[str | list[str]] = [str(row["kind"])]
        for side, index, hairs in (
            (0, row["baseline_hair_id"], pairing.baseline_hairs),
            (1, row["followup_hair_id"], pairing.followup_hairs),
        ):
            cells.append(_hair_cell(index, hairs, images[side], sides[side]))
        for name in ("baseline_unit_id", "followup_unit_id"):
            cells.append("" if row[name] is None else str(row[name] + 1))
        for name in ("distance_um", "diameter_change_um", "length_change_um", "confidence"):
            cells.append(number_cell(name, row[name]))
        rows.append(cells)
    return rows


def _hair_cell(index: int | None, hairs: Sequence[Hair], image: str, side: Reviewed) -> str | list[str]:
    if index is None:
        return ""
    if index < len(side.ids):
        return str(side.ids[index])
    values = (*hairs[index].root_px, *hairs[index].tip_px)
    return [text_cell(image), *(number_cell(n, float(v)) for n, v in zip(PLACE_COLUMNS, values, strict=True))]
