"""One pair of a run: two photos matched and their change kept, or the result of an earlier run taken.

A pair's part, in RESULTS/.parts/pairs, holds what the tables need of it. Hairs and units are numbered there
as in the pair alone; `study.pair_tables` gives those found again their place among all of a photo's hairs.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trichoscan.match.rows import alignment_json, alignment_row, match_rows, pairing_row
from trichoscan.match.visits import match_visits
from trichoscan.photo.read import read_photo
from trichoscan.pipeline import Comparison, compare
from trichoscan.records import Analysis, Change, Hair, Pairing, TrichoscanError
from trichoscan.report.hide import hide_burnt_in
from trichoscan.report.pair_overlay import draw_pair
from trichoscan.response.cohort import visit_change
from trichoscan.response.rows import MEASURE_COLUMNS, change_row, measure_rows, refused_row
from trichoscan.study import columns, store
from trichoscan.study.kept import load_analysis
from trichoscan.study.manifest import Entry
from trichoscan.study.visits import Pair

Pixels = NDArray[np.uint8]

log = logging.getLogger(__name__)

ID_COLUMNS = ("baseline_hair_id", "followup_hair_id", "baseline_unit_id", "followup_unit_id")
SIDES = ("baseline", "followup")
KEYS = {"made_from", "cells", "matches", "changes", "links"}
"""Of a part; one of an older version has fewer, and its pair is compared again."""


@dataclass(frozen=True)
class PairOutcome:
    """What became of one pair.

    Attributes
    ----------
    pair_id : str
    status : "ok", "refused" or "failed"
    kept : bool
        Whether the result of an earlier run was taken.
    """

    pair_id: str
    status: Literal["ok", "refused", "failed"]
    kept: bool


def pair_part_path(out: Path, pair_id: str) -> Path:
    """Where the rows of one pair are kept, also by its name as it stands in pairs.csv."""
    digits = hashlib.sha256(columns.text_cell(pair_id).encode()).hexdigest()[:24]
    return out / store.PARTS / "pairs" / f"{digits}.json"


def read_pair_part(out: Path, pair_id: str) -> dict[str, Any] | None:
    """Part of one pair; None where there is none or it is damaged."""
    try:
        part = json.loads(pair_part_path(out, pair_id).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return part if isinstance(part, dict) and part.keys() >= KEYS else None


def pair_files(out: Path, pair_id: str) -> tuple[Path, Path]:
    """Alignment and overlay of a pair."""
    return out / "pairs" / f"{pair_id}.json", out / "overlays" / "pairs" / f"{pair_id}.jpg"


def made_from(pair: Pair, out: Path, vellus_below_um: float) -> dict[str, Any] | None:
    """All that the rows of a pair depend on; None where a photo failed."""
    if pair.baseline is None:
        return None
    parts = [_measured(entry, out) for entry in (pair.baseline, pair.followup)]
    if None in parts:
        return None
    return {
        "photos": [part["made_from"] for part in parts if part is not None],
        "images": [pair.baseline.image, pair.followup.image],
        "days": pair.days,
        "vellus_below_um": vellus_below_um,
        "previous": previous["made_from"] if (previous := _measured(pair.previous, out)) else None,
    }


def is_kept(pair: Pair, out: Path, vellus_below_um: float) -> bool:
    """Whether an earlier run left the result of this very pair."""
    earlier = read_pair_part(out, pair.pair_id)
    wanted = made_from(pair, out, vellus_below_um)
    if earlier is None or wanted is None or earlier["made_from"] != wanted:
        return False
    alignment, overlay = pair_files(out, pair.pair_id)
    status = earlier["cells"].get("status")
    return alignment.is_file() and (overlay.is_file() if status == "ok" else status == "refused")


def process_pair(pair: Pair, out: Path, vellus_below_um: float) -> PairOutcome:
    """Match two measured photos and keep rows, alignment and overlay; the rows last.

    Parameters
    ----------
    pair : Pair
    out : Path
        RESULTS, with the parts of both photos.
    vellus_below_um : float
    """
    for file in (*pair_files(out, pair.pair_id), pair_part_path(out, pair.pair_id)):
        file.unlink(missing_ok=True)
    try:
        part = _compared(pair, out, vellus_below_um)
    except TrichoscanError as error:
        part = failed_part(_by_image(str(error), pair))
    except OSError:
        raise  # RESULTS cannot be written
    except Exception as error:
        log.debug("%s", pair.pair_id, exc_info=True)
        part = failed_part(f"unexpected {type(error).__name__}; please report it with the output of --debug")
    part |= {"pair_id": pair.pair_id, "made_from": made_from(pair, out, vellus_below_um)}
    with store.whole_file(pair_part_path(out, pair.pair_id)) as temporary:
        temporary.write_text(json.dumps(part), encoding="utf-8")
    return PairOutcome(pair.pair_id, part["cells"]["status"], False)


def _by_image(reason: str, pair: Pair) -> str:
    """The reason with photos named as in the results, not by their paths."""
    for entry in (pair.baseline, pair.followup):
        reason = reason.replace(str(entry.path), entry.image) if entry is not None else reason
    return reason


def failed_part(reason: str) -> dict[str, Any]:
    """Part of a pair that could not be compared."""
    return _bare(columns.failed_cells(reason))


def _bare(cells: dict[str, str]) -> dict[str, Any]:
    return {"cells": cells, "matches": [], "found_again": {}, "cohort": {}, "changes": [], "links": []}


def _measured(entry: Entry | None, out: Path) -> dict[str, Any] | None:
    """Part of a photo; None where it could not be measured."""
    part = store.read_part(out, entry.image) if entry is not None else None
    return part if part is not None and part["cells"].get("status") == "ok" else None


def _pixels(entry: Entry, analysis: Analysis) -> Pixels:
    """Pixels of the photo that was measured."""
    photo = read_photo(entry.path, entry.frame)
    if photo.sha256 != analysis.sha256:
        raise TrichoscanError(f"{entry.path}: changed since it was measured: run the same command again")
    return photo.pixels


def _compared(pair: Pair, out: Path, vellus_below_um: float) -> dict[str, Any]:
    if pair.baseline is None or pair.problem:
        raise TrichoscanError(pair.problem)
    for name, entry in (("baseline", pair.baseline), ("follow-up", pair.followup)):
        if _measured(entry, out) is None:
            raise TrichoscanError(f"the {name} photo {entry.image} could not be measured")
    baseline, followup = (
        load_analysis(store.analysis_path(out, entry.image)) for entry in (pair.baseline, pair.followup)
    )
    first, second = _pixels(pair.baseline, baseline), _pixels(pair.followup, followup)
    found = compare(
        baseline, followup, days=pair.days, vellus_below_um=vellus_below_um, pixels=(first, second)
    )
    alignment_file, overlay_file = pair_files(out, pair.pair_id)
    store.write_json(alignment_file, alignment_json(found.alignment, baseline.counting_mask.shape))
    if found.pairing is None or found.change is None:
        return _bare(_cells(found))
    shown = hide_burnt_in(first, baseline.quality), hide_burnt_in(second, followup.quality)
    picture = draw_pair(*shown, found.pairing, found.change.fates)
    store.write_overlay(overlay_file, picture)
    return {
        "cells": _cells(found),
        "matches": _match_cells(found.pairing, followup.um_per_px),
        "found_again": _found_again(found.pairing, (baseline, followup), vellus_below_um),
        "cohort": for_cohort(found.change),
        "changes": _change_cells(found.change),
        "links": _links(pair.previous, followup, second, out),
    }


def _links(previous: Entry | None, followup: Analysis, pixels: Pixels, out: Path) -> list[list[Any]]:
    """Hair of the follow-up before, the same hair here, and the probability; numbers as in hairs.csv."""
    if previous is None or _measured(previous, out) is None:
        return []
    earlier = load_analysis(store.analysis_path(out, previous.image))
    before = read_photo(previous.path, previous.frame).pixels
    _, pairing = match_visits(earlier, followup, (before, pixels))
    return [
        [m.baseline + 1, m.followup + 1, m.probability]
        for m in (pairing.matches if pairing else ())
        if m.baseline is not None
        and m.followup is not None
        and m.baseline < len(earlier.hairs)
        and m.followup < len(followup.hairs)
    ]


def _change_cells(change: Change) -> list[list[str]]:
    """Cells of changes.csv after `pair_id`."""
    rows = []
    for row in measure_rows(change):
        name = str(row["measure"])
        decimals = columns.MEASURE_DECIMALS.get(name, 1)
        numbers = [row[column] for column in MEASURE_COLUMNS[1:-1]]
        cells = ["" if isinstance(n, str) else columns.rounded(n, decimals) for n in numbers]
        rows.append([name, *cells, str(row["n"])])
    return rows


def _cells(found: Comparison) -> dict[str, str]:
    """Cells of pairs.csv that the photos tell."""
    row: dict[str, Any] = alignment_row(found.alignment)
    row |= pairing_row(found.pairing) if found.pairing else {}
    row |= change_row(found.change) if found.change else refused_row()
    cells = {
        name: columns.text_cell(value) if isinstance(value, str) else columns.number_cell(name, value)
        for name, value in row.items()
    }
    return cells | {"flags": " ".join(change_flags(found.change)) if found.change else ""}


def change_flags(change: Change) -> list[str]:
    """Flags of a change and of its growth."""
    return sorted({*change.flags, *(change.growth.flags if change.growth else ())})


def _match_cells(pairing: Pairing, followup_um_per_px: float | None) -> list[list[str]]:
    """Cells of matches.csv after `pair_id`; numbers of hairs and units from 1."""
    rows = []
    for row in match_rows(pairing, followup_um_per_px):
        numbered = row | {name: row[name] + 1 for name in ID_COLUMNS if row[name] is not None}
        cells = [
            value if isinstance(value, str) else columns.number_cell(name, value)
            for name, value in numbered.items()
        ]
        rows.append(cells)
    return rows


def _found_again(
    pairing: Pairing, analyses: Sequence[Analysis], vellus_below_um: float
) -> dict[str, list[list[str]]]:
    """Of each photo, the rows of hairs.csv after `image` of the hairs that only matching found."""
    hairs: tuple[tuple[Hair, ...], ...] = pairing.baseline_hairs, pairing.followup_hairs
    units = pairing.baseline_units, pairing.followup_units
    return {
        side: [
            columns.hair_row(hairs[k][i], i + 1, int(units[k][i]) + 1, False, analysis, vellus_below_um)
            for i in range(len(analysis.hairs), len(hairs[k]))
        ]
        for k, (side, analysis) in enumerate(zip(SIDES, analyses, strict=True))
    }


def for_cohort(change: Change) -> dict[str, Any]:
    """What cohort.csv needs of a change."""
    known = visit_change(change, "", "", "", "", None)
    finite = {m: v for m, v in known.baseline.items() if math.isfinite(v)}
    return {"baseline": finite, "change": dict(known.change), "response": known.response}


def remove_pairs(out: Path, keep: Sequence[Pair]) -> None:
    """Delete what trichoscan wrote for other pairs, by the parts that tell of them."""
    wanted = {pair_part_path(out, pair.pair_id) for pair in keep}
    for path in sorted((out / store.PARTS / "pairs").glob("*.json")):
        if path in wanted:
            continue
        with suppress(OSError, ValueError, KeyError, TypeError):
            for file in pair_files(out, json.loads(path.read_text(encoding="utf-8"))["pair_id"]):
                file.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
