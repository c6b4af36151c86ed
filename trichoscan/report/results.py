"""What a run left in RESULTS, as the report reads it: rows of tables, and files when they are asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trichoscan.records import Alignment

Row = Mapping[str, str]
"""A row of a table: cells by column, as they stand in the file."""

ESCAPED = re.compile(r"'(?=[=+\-@\t\r])")
"""The apostrophe that keeps spreadsheets from running a cell as a formula."""


@dataclass(frozen=True, eq=False)
class Results:
    """Tables and files of one run.

    Attributes
    ----------
    images, pairs, cohort : tuple of Row
        Rows of images.csv, pairs.csv and cohort.csv; none where there is no such file.
    run : mapping
        Content of run.json.
    hairs_of, matches_of : callable
        Rows of hairs.csv of an image, and of matches.csv of a pair, by the cell that names it.
    geometry_of : callable
        GeoJSON of a row of images.csv.
    picture_of : callable
        Bare JPEG of a row of images.csv.
    alignment_of : callable
        Content of pairs/<pair_id>.json by pair_id.
    """

    images: tuple[Row, ...]
    pairs: tuple[Row, ...]
    cohort: tuple[Row, ...]
    run: Mapping[str, Any]
    hairs_of: Callable[[str], Sequence[Row]]
    matches_of: Callable[[str], Sequence[Row]]
    geometry_of: Callable[[Row], Mapping[str, Any]]
    picture_of: Callable[[Row], bytes]
    alignment_of: Callable[[str], Mapping[str, Any]]

    @property
    def vellus_below_um(self) -> float:
        """Limit below which a hair is vellus."""
        return float(self.run["parameters"]["vellus_below_um"])


def plain(cell: str) -> str:
    """A cell's text as it was before it was made safe for spreadsheets."""
    return ESCAPED.sub("", cell, count=1) if cell.startswith("'") else cell


REVIEWED = "reviewed_"
"""What stands before the name of a column that a review fills; the automatic one stays beside it."""


def reviewed(row: Row) -> Row | None:
    """The row with what its review says in place of what was measured; None where there is no review.

    Columns that a review does not fill are empty.
    """
    if not row.get("review") or row["review"] == "outdated":
        return None
    return {name: row.get(REVIEWED + name, "") for name in row}


def known(row: Row, column: str) -> float | None:
    """Number in a cell; None where it is empty."""
    return float(row[column]) if row.get(column) else None


def read_alignment(kept: Mapping[str, Any], um_per_px: float | None) -> Alignment:
    """The alignment of an accepted pair, from its file.

    Parameters
    ----------
    kept : mapping
        See `match.rows.alignment_json`.
    um_per_px : float or None
        Of the baseline photo.

    Returns
    -------
    Alignment
        Its overlap mask and standard deviations are not in the file and stay empty.
    """
    nodes, landed = np.array(kept["baseline_grid_px"]), np.array(kept["followup_grid_px"])
    columns = len(np.unique(nodes[:, 0]))
    similarity = np.array(kept["similarity"])
    displacement = landed - (nodes @ similarity[:, :2].T + similarity[:, 2])
    shape = -1, columns
    step = float(nodes[1, 0] - nodes[0, 0]) if columns > 1 else float(nodes[-1, 1] or 1.0)
    return Alignment(
        similarity=similarity,
        displacement_px=displacement.reshape(*shape, 2),
        sd_px=np.zeros((len(nodes) // columns, columns)),
        grid_step_px=step,
        overlap_mask=np.zeros((0, 0), bool),
        um_per_px=um_per_px,
        residual_px=float("nan"),
        partners=int(kept["partners"]),
        log10_chance=float(kept["log10_chance"]),
        confidence=float(kept["alignment_confidence"]),
    )
