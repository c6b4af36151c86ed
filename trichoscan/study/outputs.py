"""Tables, run.json and report of a run, from the parts of its photos and pairs; only what has changed."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trichoscan
from trichoscan.match import register
from trichoscan.response import growth, rule
from trichoscan.study import store
from trichoscan.study.cohort import write_cohort
from trichoscan.study.columns import text_cell
from trichoscan.study.corrections.redraw import redraw
from trichoscan.study.corrections.refresh import refresh
from trichoscan.study.lock import run_folder
from trichoscan.study.manifest import Entry
from trichoscan.study.pair_tables import gather_found_again, write_pair_tables
from trichoscan.study.report import write_report
from trichoscan.study.visits import Visits

if TYPE_CHECKING:
    from trichoscan.segment.weights import Weights

PAIR_PARAMETERS = {
    "least_confidence": register.LEAST_CONFIDENCE,
    "least_overlap": register.LEAST_OVERLAP,
    "fewest_hairs": register.FEWEST_HAIRS,
    "largest_sd_um": register.LARGEST_SD_UM,
    "stable_within": rule.STABLE_WITHIN,
    "growth_within_days": growth.LONGEST_DAYS,
}
"""What pairs are judged by, for run.json."""
TABLES = ("images.csv", "hairs.csv", "pairs.csv", "matches.csv", "run.json")
"""What cohort.csv and the report are made from, beside the parts."""
MADE_OF = "made.json"
"""Keeps what these were made of, so that a run that changes nothing leaves them."""


def write_outputs(
    out: Path, entries: Sequence[Entry], visits: Visits, enrolled: Visits, run: Mapping[str, Any]
) -> str:
    """Write all that RESULTS holds beside what belongs to one photo or pair.

    Parameters
    ----------
    out : Path
        RESULTS, with the parts of all photos and pairs.
    entries : sequence of Entry
        Sorted by `image`.
    visits : Visits
    enrolled : Visits
        Those of which arms are summarized.
    run : mapping
        For run.json, see `provenance`.

    Returns
    -------
    str
        A note on subjects that are left out of cohort.csv.
    """
    found = gather_found_again(out, visits.pairs)
    hidden = "pseudonymized" in run["parameters"]
    store.write_places(out, {} if hidden else {entry.image: entry.path for entry in entries})
    places = {text_cell(entry.image): [entry.path] for entry in entries}
    refresh(out, places)
    redraw(out, places)
    store.write_tables(out, entries, found.rows)
    write_pair_tables(out, visits.pairs, found)
    store.write_run(out, run)
    made, of = _read_made(out), _hashes(out, TABLES)
    if made.get("of") == of and made["files"] == _hashes(out, made["files"]):
        return str(made["note"])
    left_out = write_cohort(out, enrolled)
    pages = [page.relative_to(out).as_posix() for page in write_report(out)]
    made = {"of": of, "files": _hashes(out, ["cohort.csv", *pages]), "note": left_out}
    store.write_json(run_folder(out) / MADE_OF, made)
    return left_out


def forget_made(out: Path) -> None:
    """Have cohort.csv and the report made anew: a photo or pair is to be measured again."""
    (run_folder(out) / MADE_OF).unlink(missing_ok=True)


def _read_made(out: Path) -> dict[str, Any]:
    try:
        made = json.loads((run_folder(out) / MADE_OF).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return made if isinstance(made, dict) else {}


def _hashes(out: Path, names: Iterable[str]) -> dict[str, str]:
    """Sha256 of those of these files that are there."""
    hashes = {}
    for name in names:
        if (out / name).is_file():
            with (out / name).open("rb") as file:
                hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


def provenance(
    weights: Weights, parameters: Mapping[str, Any], hashes: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What the numbers of a run rest on: version, weights, parameters, hashes of the photos, machine."""
    from trichoscan.segment.runtime import torch_version

    return {
        "trichoscan": trichoscan.__version__,
        "weights": {"label": weights.label, "sha256": weights.sha256},
        "parameters": {**parameters, "pairs": PAIR_PARAMETERS},
        "inputs": {text_cell(image): sha256 for image, sha256 in (hashes or {}).items()},
        "machine": {
            "platform": platform.platform(),
            "python": platform.python_version(),
            "torch": torch_version(),
            "cpu_count": os.cpu_count(),
        },
    }
