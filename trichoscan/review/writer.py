"""Writes the tables behind the reviewer's back: the log is the truth, the tables follow within a second.

Overlays and report follow when something is signed off, and at the end.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from trichoscan.study import store
from trichoscan.study.corrections.redraw import redraw
from trichoscan.study.corrections.refresh import rewrite_tables
from trichoscan.study.places import Places
from trichoscan.study.report import write_report

log = logging.getLogger(__name__)
GATHER_S = 0.5
"""Corrections that come within this time are written together."""


class TableWriter:
    """A thread that rewrites the tables of RESULTS after corrections.

    Attributes
    ----------
    problem : str
        Why the last writing failed; empty where it did not.
    """

    def __init__(self, results: Path, places: Places) -> None:
        self.problem = ""
        self._results, self._places = results, places
        self._wanted, self._over = threading.Event(), threading.Event()
        self._pictures = False
        self._busy = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="tables", daemon=True)
        self._thread.start()

    def want(self, *, pictures: bool = False) -> None:
        """Ask that the tables be written soon, and after them overlays and report."""
        self._pictures = self._pictures or pictures
        self._wanted.set()

    def write(self, *, pictures: bool = False) -> None:
        """Write the tables now, and overlays and report where they have changed."""
        with self._busy:
            self._wanted.clear()
            try:
                rewrite_tables(self._results, self._places)
                if pictures:
                    self._pictures = False
                    redraw(self._results, self._places)
                    if self._is_report_old():
                        write_report(self._results)
                self.problem = ""
            except Exception as error:
                log.debug("tables", exc_info=True)
                self.problem = f"the results could not be written: {error}"

    def _is_report_old(self) -> bool:
        """Whether a review came after report.html, also one whose server died before it wrote the report."""
        report = self._results / "report.html"
        reviews = (self._results / store.PARTS / "review").glob("p*-*.json")
        newest = max((file.stat().st_mtime_ns for file in reviews), default=0)
        return not report.is_file() or report.stat().st_mtime_ns < newest

    def close(self) -> None:
        """Write what is left and stop."""
        self._over.set()
        self._wanted.set()
        self._thread.join()
        self.write(pictures=True)

    def _run(self) -> None:
        while not self._over.is_set():
            self._wanted.wait()
            if self._over.wait(GATHER_S):
                return
            if self._wanted.is_set():
                self.write(pictures=self._pictures)
