"""Markdown tables, and their place between two comments of a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown table with a header."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def into_page(page: str, mark: str, text: str) -> str:
    """Put text between <!-- mark --> and <!-- /mark --> of a page.

    Parameters
    ----------
    page : str
        Markdown.
    mark : str
        Name in the comments; where the page has none they are put at its end.
    text : str
        What shall stand there.

    Raises
    ------
    ValueError
        Only one of the two comments is there, or one is there twice.
    """
    start, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    if start not in page and end not in page:
        page = f"{page.rstrip()}\n\n{start}\n{end}\n"
    if page.count(start) != 1 or page.count(end) != 1 or page.index(start) > page.index(end):
        raise ValueError(f"the page needs one {start} and, after it, one {end}")
    before, rest = page.split(start)
    return f"{before}{start}\n{text}\n{end}{rest.split(end)[1]}"


def put_into(file: Path, mark: str, text: str) -> None:
    """Put text into a page's file, as `into_page` does."""
    file.write_text(into_page(file.read_text(encoding="utf-8"), mark, text), encoding="utf-8")


def each_float(value: Any, shorten: Callable[[float], float]) -> Any:
    """The same record, of dicts and lists within each other, with every float shortened."""
    if isinstance(value, dict):
        return {name: each_float(one, shorten) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [each_float(one, shorten) for one in value]
    return shorten(value) if isinstance(value, float) else value
