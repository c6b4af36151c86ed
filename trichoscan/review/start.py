"""Starts the review page: who reviews, which port, and the browser."""

from __future__ import annotations

import getpass
import webbrowser
from collections.abc import Callable
from pathlib import Path

from trichoscan.records import TrichoscanError

LONGEST_NAME = 80
NAMES_SHOWN = 3


def run_review(
    results: Path,
    *,
    user: str | None,
    photos: Path | None,
    port: int,
    browser: bool,
    tell: Callable[[str], None],
) -> None:
    """Serve the review page of a RESULTS folder until Ctrl-C.

    Parameters
    ----------
    results : Path
    user : str or None
        Who reviews; the login's name where None.
    photos : Path or None
        Folder of the photos, if they are no longer where they were measured.
    port : int
        0 takes a free one.
    browser : bool
        Open the page in the user's browser.
    tell : callable
        Gets the lines for the user.

    Raises
    ------
    TrichoscanError
        The extra is not installed, `results` cannot be reviewed, or the port is taken.
    """
    try:
        from trichoscan.review.server import listen, serve
    except ModuleNotFoundError as error:
        raise TrichoscanError(
            f"review needs {error.name}, which is not installed: pip install 'trichoscan[review]'"
        ) from None
    from trichoscan.review.session import open_session

    name = " ".join((user if user is not None else _login()).split())
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise TrichoscanError(f"--user {name[:LONGEST_NAME]!r}: give the name that is to stand in the log")
    session = open_session(results, name, photos)
    try:
        listening = listen(port)
    except TrichoscanError:
        session.close()
        raise

    def ready(address: str) -> None:
        tell(f"{name} reviews {results}: {address}")
        if session.missing:
            some = ", ".join(session.missing[:NAMES_SHOWN])
            more = ", ..." if len(session.missing) > NAMES_SHOWN else ""
            tell(f"{len(session.missing)} photos are not there and cannot be shown: {some}{more}")
        tell("the address is a key: share it with nobody; Ctrl-C ends the review, every correction is kept")
        if browser:
            webbrowser.open(address)

    serve(session, listening, ready)


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        raise TrichoscanError("your login has no name: give --user NAME") from None
