"""What the worklist says of each photo, kept in RESULTS: a study of hundreds opens at once again."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from trichoscan.review.doubt import photo_doubt
from trichoscan.study import store
from trichoscan.study.columns import number_cell
from trichoscan.study.corrections.recount import Reviewed

FORMAT = 2
"""Of the file: raised when doubt is computed in another way."""

Summary = dict[str, Any]
"""`doubt`, `why`, `hair_count` and `density` of a photo as it stands; `outdated` alone where it is another
photo than the one reviewed."""


class Summaries:
    """Summaries of the photos of a run by their keys. May be used by several threads."""

    def __init__(self, results: Path) -> None:
        self._path = results / store.PARTS / "review" / "worklist.json"
        self._results = results
        self._guard = threading.Lock()
        self._changed = False
        self._known: dict[str, tuple[list[int], Summary]] = {}
        with suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            if kept["format"] == FORMAT:
                self._known = {key: (stamp, summary) for key, (stamp, summary) in kept["photos"].items()}

    def of(self, key: str, image: str, last_event: int, load: Callable[[], Reviewed | None]) -> Summary:
        """Summary of a photo; `load` gives what stands of it, where it has changed since it was last asked.

        Parameters
        ----------
        key, image : str
        last_event : int
            Number of the last event of the photo in the log; 0 without one.
        load : callable
        """
        file = store.analysis_path(self._results, image)
        stamp = [FORMAT, file.stat().st_mtime_ns if file.is_file() else 0, last_event]
        known = self._known.get(key)
        if known is not None and known[0] == stamp:
            return known[1]
        summary = _summary(load())
        with self._guard:
            self._known[key] = stamp, summary
            self._changed = True
        return summary

    def keep(self) -> None:
        """Write what has become known; without permission to write it is computed anew the next time."""
        with self._guard:
            if not self._changed:
                return
            self._changed = False
            kept = {"format": FORMAT, "photos": dict(self._known)}
        with suppress(OSError):
            store.write_json(self._path, kept)


def _summary(stands: Reviewed | None) -> Summary:
    if stands is None:
        return {"outdated": True}
    analysis = stands.analysis
    doubt = photo_doubt(analysis)
    per_cm2 = analysis.hair_count.value / analysis.area_cm2 if analysis.area_cm2 else None
    return {
        "doubt": round(doubt.score, 4),
        "why": list(doubt.why),
        "hair_count": str(int(analysis.hair_count.value)),
        "density": number_cell("hair_density_per_cm2", per_cm2),
    }
