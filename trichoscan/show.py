"""What the commands print: tables on stdout, progress and what went wrong on stderr."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from trichoscan.report.words import PHOTO_ADVICE, RESPONSES

if TYPE_CHECKING:
    from rich.table import Table

    from trichoscan.response.plan import Plan, Seen
    from trichoscan.study.batch import RunSummary
    from trichoscan.study.one_photo import Outcome
    from trichoscan.study.pairs import PairOutcome

    OnPair = Callable[[PairOutcome, int], None]

ROWS_SHOWN = 12
"""Photos shown one by one in the table at the end; of more, the quantiles are shown."""
WIDTH_IN_FILES = 160
"""Columns of the table where stdout is no terminal: lines are not to be broken there."""
SUMMARY_COLUMNS = {
    "hair_count": "hairs",
    "area_cm2": "cm2",
    "hair_density_per_cm2": "hairs/cm2",
    "unit_density_per_cm2": "units/cm2",
    "mean_diameter_um": "mean um",
    "vellus_percent": "vellus %",
}
QUANTILES = {"lowest": 0.0, "quarter": 0.25, "median": 0.5, "three quarters": 0.75, "highest": 1.0}


def say(message: str) -> None:
    """Print one line on stderr."""
    typer.echo(f"trichoscan: {' '.join(message.split())}", err=True)


@contextmanager
def show_progress() -> Iterator[tuple[Callable[[Outcome, int], None] | None, OnPair | None]]:
    """Bar on stderr with photos per second and time left, then pairs; None where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None, None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("loading the network", total=None, speed="")
        pair_task = progress.add_task("pairs", total=None, visible=False, speed="")
        failed = 0

        def advance(outcome: Outcome, photos: int) -> None:
            nonlocal failed
            failed += outcome.status == "failed"
            speed = progress.tasks[0].speed
            progress.update(
                task,
                total=photos,
                advance=1,
                description=f"photos, {failed} failed" if failed else "photos",
                speed="" if speed is None else f"{speed:.1f} photos/s",
            )

        def advance_pairs(_outcome: PairOutcome, pairs: int) -> None:
            progress.update(pair_task, total=pairs, advance=1, visible=True)

        yield advance, advance_pairs


def show_run(out: Path, summary: RunSummary) -> None:
    """Failed photos, pairs without a result and notes on stderr; tables of photos and pairs on stdout."""
    kept = ("image", "status", "error", "flags", *SUMMARY_COLUMNS)
    rows = [{name: row[name] for name in kept} for row in _read(out / "images.csv")]
    for row in rows:
        if row["status"] == "failed":
            say(f"{row['image']}: {row['error']}")
    pairs = _read(out / "pairs.csv") if summary.pairs else []
    for row in pairs:
        if row["status"] != "ok":
            say(f"{row['pair_id']}: {row['status']}: {row['error']}")
    for note in summary.notes:
        say(note)
    measured = [row for row in rows if row["status"] == "ok"]
    if measured:
        _show_photos(measured)
        flags = Counter(flag for row in measured for flag in row["flags"].split())
        if flags:
            typer.echo("flags: " + ", ".join(f"{flag} {count}" for flag, count in flags.most_common()))
        for flag in flags:
            if flag in PHOTO_ADVICE and PHOTO_ADVICE[flag].severity != "note":
                say(f"{flag}: {PHOTO_ADVICE[flag].what}; {PHOTO_ADVICE[flag].do}")
    earlier = f", {summary.kept} of them earlier" if summary.kept else ""
    failed = f", {summary.failed} failed" if summary.failed else ""
    if pairs:
        _show_pairs([row for row in pairs if row["status"] == "ok"])
        typer.echo(_pair_sentence(summary))
    typer.echo(f"{summary.ok} photos measured{earlier}{failed} in {summary.seconds:.1f} s; results in {out}")


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _show_photos(rows: Sequence[Mapping[str, str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    few = len(rows) <= ROWS_SHOWN
    table = Table(box=None, pad_edge=False)
    table.add_column("photo" if few else f"of {len(rows)} photos", overflow="fold")
    for title in SUMMARY_COLUMNS.values():
        table.add_column(title, justify="right", no_wrap=True)
    if few:
        for row in rows:
            table.add_row(Text(row["image"]), *(row[name] for name in SUMMARY_COLUMNS))
    else:
        columns = {name: sorted(float(row[name]) for row in rows if row[name]) for name in SUMMARY_COLUMNS}
        for label, share in QUANTILES.items():
            table.add_row(label, *(_quantile(values, share) for values in columns.values()))
    _print(table)


def _quantile(ordered: Sequence[float], share: float) -> str:
    """Nearest value of a sorted list at a share of its length; empty where there are none."""
    return f"{ordered[round(share * (len(ordered) - 1))]:.6g}" if ordered else ""


def show_figures(figures: Mapping[str, float | None]) -> None:
    """Table of figures by name."""
    from rich.console import Console
    from rich.table import Table

    table = Table("figure", box=None, pad_edge=False)
    table.add_column("value", justify="right")
    for name, value in figures.items():
        table.add_row(
            name, "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
        )
    Console().print(table)


def show_csv(file: Path) -> None:
    """Print a CSV file as a table."""
    from rich.table import Table
    from rich.text import Text

    with file.open(encoding="utf-8", newline="") as opened:
        titles, *rows = csv.reader(opened)
    numbers = [all(_is_number(row[i]) for row in rows if row[i]) for i in range(len(titles))]
    table = Table(box=None, pad_edge=False)
    for title, number in zip(titles, numbers, strict=True):
        table.add_column(title.replace("_", " "), justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell or "-") for cell in row))
    _print(table)


def _is_number(cell: str) -> bool:
    return cell.replace(".", "", 1).isdigit()


def _print(table: Table) -> None:
    """Print a table; lines are not broken where stdout is no terminal."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console.width = WIDTH_IN_FILES
    console.print(table)


def _show_pairs(rows: Sequence[Mapping[str, str]]) -> None:
    """Table of compared pairs, if there are not too many to read."""
    from rich.table import Table
    from rich.text import Text

    if not 0 < len(rows) <= ROWS_SHOWN:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("follow-up", overflow="fold")
    for title in ("cm2", "matched", "lost", "new", "hairs/cm2", "95 %", "um", "95 % ", "response"):
        table.add_column(title, justify="left" if title == "response" else "right", no_wrap=True)
    for row in rows:
        counts = (row["matched_hairs"], row["lost_hairs"], row["new_hairs"])
        table.add_row(
            Text(row["followup_image"]),
            row["overlap_cm2"],
            *counts,
            *_signed(row, "density_change_per_cm2"),
            *_signed(row, "diameter_change_um"),
            row["response"],
        )
    _print(table)


def _signed(row: Mapping[str, str], name: str) -> tuple[str, str]:
    """A change with its sign, and its interval; "-" where it is not known."""
    cells = [row[f"{name}{end}"] for end in ("", "_low", "_high")]
    value, low, high = (f"{float(cell):+g}" if cell else "-" for cell in cells)
    return value, f"{low} to {high}" if cells[1] else "-"


def _pair_sentence(summary: RunSummary) -> str:
    counts = Counter(pair.status for pair in summary.pairs)
    kept = sum(pair.kept for pair in summary.pairs)
    told = [f"{counts['ok']} pairs compared" + (f", {kept} pairs kept from an earlier run" if kept else "")]
    told += [f"{counts[status]} {status}" for status in ("refused", "failed") if counts[status]]
    return ", ".join(told)


def show_comparison(out: Path, summary: RunSummary) -> None:
    """What became of the hair between two photos, in some lines; why it is not known on stderr."""
    for photo in _read(out / "images.csv"):
        if photo["status"] == "failed":
            say(f"{photo['image']}: {photo['error']}")
        elif photo["flags"]:
            typer.echo(f"{photo['image']}: {photo['flags']}")
    (row,) = _read(out / "pairs.csv")
    if row["status"] != "ok":
        say(f"{row['baseline_image']} and {row['followup_image']}: {row['status']}: {row['error']}")
        return
    from rich.table import Table

    table = Table("", "", box=None, pad_edge=False, show_header=False)
    table.add_row("common field", f"{row['overlap_cm2']} cm2" if row["overlap_cm2"] else "no scale")
    counts = f"{row['matched_hairs']} matched, {row['lost_hairs']} lost, {row['new_hairs']} new"
    table.add_row("hairs", counts)
    ends = [f"{float(row[f'{kind}_hairs{end}']):g}" for kind in ("lost", "new") for end in ("_low", "_high")]
    table.add_row("", "{} to {} lost, {} to {} new (95 % intervals)".format(*ends))
    units = f"{row['matched_units']} matched, {row['lost_units']} lost, {row['new_units']} new"
    table.add_row("follicular units", units)
    for title, name, unit in COMPARED:
        if row[name]:
            value, interval = _signed(row, name)
            table.add_row(title, f"{value} {unit} (95 % interval {interval})")
    if row["smallest_detectable_change_per_cm2"]:
        table.add_row("smallest detectable", f"{row['smallest_detectable_change_per_cm2']} hairs/cm2")
    table.add_row("response", f"{row['response']}: {RESPONSES[row['response']]}")
    if row["flags"]:
        table.add_row("flags", row["flags"])
    _print(table)
    typer.echo(f"{out / 'overlays' / 'pairs' / row['pair_id'].removeprefix(_ESCAPE)}.jpg shows both photos")


_ESCAPE = "'"
COMPARED = (
    ("density", "density_change_per_cm2", "hairs/cm2"),
    ("density in percent", "density_change_percent", "% of the baseline's"),
    ("density of units", "unit_density_change_per_cm2", "units/cm2"),
    ("diameter", "diameter_change_um", "um"),
    ("cumulative thickness", "cumulative_thickness_change_percent", "%"),
    ("growth", "growth_um_per_day", "um a day"),
    ("growing hairs", "anagen_percent", "%"),
)
"""Title, column of pairs.csv and unit of what `compare` prints with its interval."""


def show_plan(plan: Plan, seen: Seen | None) -> None:
    """Subjects that a trial needs, and what that rests on."""
    if seen is not None:
        typer.echo(
            f"seen in {seen.subjects} subjects: SD of the change {seen.sd:.4g}, at most {seen.sd_high:.4g} "
            f"(one-sided 80 % interval), correlation with the baseline {seen.correlation:.2f}"
        )
    sites = "" if plan.sites == 1 else f", {plan.sites} sites each, correlated {plan.site_correlation:g}"
    typer.echo(
        f"to find {plan.effect:g} with SD {plan.sd:.4g}, correlation {plan.correlation:.2f}{sites}, "
        f"two-sided alpha {plan.alpha:g}:"
    )
    typer.echo(f"{plan.per_arm} subjects per arm with baseline and last visit (power {plan.power:.3f})")
    if plan.dropout_share:
        typer.echo(f"{plan.enrolled_per_arm} to be enrolled per arm for {plan.dropout_share:.0%} dropouts")
