"""Tables of pairs, and the hairs that matching adds to hairs.csv, from the parts of the pairs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from trichoscan.records import TrichoscanError
from trichoscan.study import reviewed, store
from trichoscan.study.columns import CHANGES_HEADER, HAIR_COLUMNS, MATCH_COLUMNS, PAIR_COLUMNS, text_cell
from trichoscan.study.identities import Names, write_identities
from trichoscan.study.pairs import SIDES, pair_part_path, read_pair_part
from trichoscan.study.visits import Pair

HAIR_ID, UNIT_ID = (HAIR_COLUMNS.index(name) - 1 for name in ("hair_id", "unit_id"))
PLACE = slice(*(HAIR_COLUMNS.index(name) - 1 for name in ("root_x_px", "length_um")))
"""Root and tip: they tell whether two pairs found the same hair again."""

PAIR_TABLES = ("pairs.csv", "changes.csv", "matches.csv", "identities.csv")


class FoundAgain:
    """Hairs that matching found, numbered on after those of their photo: each hair once, whatever the pairs.

    Attributes
    ----------
    rows : dict of str to list
        Cells of hairs.csv after `image`, by image.
    names : dict
    """

    def __init__(self) -> None:
        self.rows: dict[str, list[list[str]]] = defaultdict(list)
        self.names: Names = {}
        self._known: dict[str, dict[tuple[str, ...], tuple[str, str]]] = defaultdict(dict)

    def add(self, pair_id: str, side: str, image: str, rows: Sequence[list[str]], units: int) -> None:
        """Take the hairs that one pair found on one of its photos.

        Parameters
        ----------
        pair_id, side, image : str
        rows : sequence of list of str
            Numbered on after the photo's own hairs.
        units : int
            Units of the photo's own hairs.
        """
        if not rows:
            return
        own = int(rows[0][HAIR_ID]) - 1
        for row in rows:
            place, known = tuple(row[PLACE]), self._known[image]
            if place not in known:
                taken = max([units, *(int(unit) for _, unit in known.values())])
                unit = row[UNIT_ID] if int(row[UNIT_ID]) <= units else str(taken + 1)
                known[place] = str(own + len(known) + 1), unit
                self.rows[image].append(_named(row, known[place]))
            self.names[pair_id, side, row[HAIR_ID]] = known[place]


def _named(row: Sequence[str], name: tuple[str, str]) -> list[str]:
    out = list(row)
    out[HAIR_ID], out[UNIT_ID] = name
    return out


def gather_found_again(out: Path, pairs: Sequence[Pair]) -> FoundAgain:
    """Number the hairs found again, pair by pair."""
    found = FoundAgain()
    for pair, part in _parts(out, pairs):
        for side, entry in zip(SIDES, (pair.baseline, pair.followup), strict=True):
            rows = part["found_again"].get(side, [])
            if entry is None or not rows:
                continue
            photo = store.read_part(out, entry.image)
            own = photo["hairs"] if photo else []
            units = max((int(row[UNIT_ID]) for row in own), default=0)
            found.add(pair.pair_id, side, entry.image, rows, units)
    return found


def write_pair_tables(out: Path, pairs: Sequence[Pair], found: FoundAgain) -> None:
    """Write the tables of pairs; without pairs those of an earlier run are deleted."""
    if not pairs:
        for name in PAIR_TABLES:
            (out / name).unlink(missing_ok=True)
        return
    rows = (_pair_row(pair, part) for pair, part in _parts(out, pairs))
    store.write_table(out / "pairs.csv", reviewed.PAIR_TABLE, reviewed.pair_rows(out, rows))
    again = reviewed.found_ids([text_cell(image), *row] for image, some in found.rows.items() for row in some)
    matches = reviewed.match_rows(out, _match_rows(out, pairs, found), again)
    store.write_table(out / "matches.csv", reviewed.MATCH_TABLE, matches)
    changes = ([text_cell(p.pair_id), *row] for p, part in _parts(out, pairs) for row in part["changes"])
    store.write_table(out / "changes.csv", CHANGES_HEADER, changes)
    write_identities(out, pairs, found.names)


def _pair_row(pair: Pair, part: dict[str, Any]) -> list[str]:
    known = {
        "pair_id": text_cell(pair.pair_id),
        "subject": text_cell(pair.subject),
        "site": text_cell(pair.site),
        "arm": text_cell(pair.arm),
        "baseline_image": text_cell(pair.baseline.image if pair.baseline else ""),
        "followup_image": text_cell(pair.followup.image),
        "days": "" if pair.days is None else str(pair.days),
    }
    cells = known | part["cells"]
    return [cells.get(column, "") for column in PAIR_COLUMNS]


def _match_rows(out: Path, pairs: Sequence[Pair], found: FoundAgain) -> Iterator[list[str]]:
    at = {name: MATCH_COLUMNS.index(name) for name in MATCH_COLUMNS}
    for pair, part in _parts(out, pairs):
        for cells in part["matches"]:
            row = [text_cell(pair.pair_id), *cells]
            for side in SIDES:
                hair, unit = at[f"{side}_hair_id"], at[f"{side}_unit_id"]
                name = (pair.pair_id, side, row[hair])
                row[hair], row[unit] = found.names.get(name, (row[hair], row[unit]))
            yield row


def _parts(out: Path, pairs: Sequence[Pair]) -> Iterator[tuple[Pair, dict[str, Any]]]:
    for pair in pairs:
        part = read_pair_part(out, pair.pair_id)
        if part is None:
            path = pair_part_path(out, pair.pair_id)
            raise TrichoscanError(f"{path}: gone or damaged: run the same command again")
        yield pair, part
