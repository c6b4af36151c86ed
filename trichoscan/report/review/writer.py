"""Writes the tables behind the reviewer's back: the log is the truth, the tables follow within a second."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from trichoscan.study.corrections.refresh import rewrite_tables
from trichoscan.study.places import Places

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
        self._busy = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="tables", daemon=True)
        self._thread.start()

    def want(self) -> None:
        """Ask that the tables be written soon."""
        self._wanted.set()

    def write(self) -> None:
        """Write the tables now."""
        with self._busy:
            self._wanted.clear()
            try:
                rewrite_tables(self._results, self._places)
                self.problem = ""
            except Exception as error:
                log.debug("tables", exc_info=True)
                self.problem = f"the tables could not be written: {error}"

    def close(self) -> None:
        """Write what is left and stop."""
        self._over.set()
        self._wanted.set()
        self._thread.join()
        self.write()

    def _run(self) -> None:
        while not self._over.is_set():
            self._wanted.wait()
            if self._over.wait(GATHER_S):
                return
            if self._wanted.is_set():
                self.write()
