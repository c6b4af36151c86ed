"""The command line: thin commands over the library, and the only module that prints."""

from __future__ import annotations

import csv
import logging
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import trichoscan

if TYPE_CHECKING:
    from trichoscan.study.batch import Outcome, RunSummary

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
PHANTOM_SUBJECTS = 20
"""Subjects drawn where nothing else is asked for."""
QUANTILES = {"lowest": 0.0, "quarter": 0.25, "median": 0.5, "three quarters": 0.75, "highest": 1.0}

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Count and measure hair on standardized scalp photos, hair by hair. For research use.",
)

Device = Literal["auto", "cpu", "cuda"]
DeviceOption = Annotated[Device, typer.Option(help="Where the network runs.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show where in the program an error arose.")]


def main() -> None:
    """Run the command line."""
    app()


@contextmanager
def told_plainly(debug: bool) -> Iterator[None]:
    """Say what went wrong on one line of stderr: exit code 2, or 130 where the user stopped the run."""
    if debug:
        logging.basicConfig()
        logging.getLogger("trichoscan").setLevel(logging.DEBUG)
    try:
        yield
    except KeyboardInterrupt:
        _say("stopped; what is finished is kept: run the same command again to go on")
        raise typer.Exit(130) from None
    except (typer.Exit, BrokenPipeError):
        raise
    except Exception as error:
        from trichoscan.records import TrichoscanError  # numpy comes with it; --help does without

        if debug:
            traceback.print_exc()
        if isinstance(error, TrichoscanError):
            _say(str(error))
        elif isinstance(error, OSError):
            _say(f"{error.filename or 'file'}: {error.strerror or error}: check the disk and its permissions")
        else:
            _say(f"unexpected {type(error).__name__}: {error}: please report it, with the output of --debug")
        raise typer.Exit(2) from None


def _say(message: str) -> None:
    typer.echo(f"trichoscan: {' '.join(message.split())}", err=True)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"trichoscan {trichoscan.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command(epilog="Example: trichoscan analyze photos -o results --um-per-px 5.5 --workers 4")
def analyze(
    photos: Annotated[list[Path], typer.Argument(help="Folders, searched recursively, and single photos.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the results.")],
    manifest: Annotated[
        Path | None, typer.Option(help="Table of the photos; manifest.csv in the folder by default.")
    ] = None,
    pattern: Annotated[
        str | None, typer.Option(help="What file names tell, such as '{subject}_{site}_{visit}'.")
    ] = None,
    um_per_px: Annotated[
        float | None, typer.Option(help="Scale of photos without one in the manifest.")
    ] = None,
    vellus_below: Annotated[float, typer.Option(help="Hairs thinner than this many um are vellus.")] = 30.0,
    intermediate_below: Annotated[
        float, typer.Option(help="Hairs from the vellus limit to below this many um are intermediate.")
    ] = 60.0,
    workers: Annotated[int, typer.Option(min=1, help="Processes to share the photos.")] = 1,
    device: DeviceOption = "auto",
    weights: Annotated[str | None, typer.Option(help="Name or folder of the network's weights.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Measure again what is already done.")
    ] = False,
    debug: DebugOption = False,
) -> None:
    """Count and measure the hair on every photo; run it again to go on where it stopped."""
    with told_plainly(debug):
        from trichoscan.study.batch import analyze_folder

        with _progress() as on_progress:
            summary = analyze_folder(
                photos,
                out,
                manifest=manifest,
                pattern=pattern,
                um_per_px=um_per_px,
                vellus_below_um=vellus_below,
                intermediate_below_um=intermediate_below,
                weights=weights,
                device=device,
                workers=workers,
                overwrite=overwrite,
                on_progress=on_progress,
            )
        _report_run(out, summary)
        raise typer.Exit(1 if summary.failed else 0)


@app.command(epilog="Example: trichoscan calibrate ruler.jpg --tick-um 500")
def calibrate(
    photo: Annotated[Path, typer.Argument(help="Photo with a scale bar, a ruler or a circle in it.")],
    tick_um: Annotated[float, typer.Option(help="Distance of the ruler's ticks, um.")] = 1000.0,
    circle_radius_mm: Annotated[
        float | None, typer.Option(help="Radius of a circle drawn into the photo.")
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Find um per px in a photo of a scale bar or ruler, and say how sure it is."""
    with told_plainly(debug):
        from trichoscan.photo.calibrate import find_scales
        from trichoscan.photo.read import read_photo

        pixels = read_photo(photo).pixels
        scales = find_scales(pixels, tick_um=tick_um, circle_radius_mm=circle_radius_mm)
        for scale in scales:
            reading = f"{scale.um_per_px:.4f} um per px +- {100 * scale.cv:.2f} %"
            typer.echo(f"{reading}, confidence {scale.confidence:.2f}: {scale.found}")
        if not scales:
            _say(f"{photo}: no scale bar with its label and no ruler found: photograph a ruler that fills it")
            raise typer.Exit(1)


@app.command(epilog="Example: trichoscan evaluate results phantoms/truth --sheet worst.png")
def evaluate(
    results: Annotated[Path, typer.Argument(help="Folder that 'trichoscan analyze' wrote.")],
    truth: Annotated[Path, typer.Argument(help="Folder of truth files, one JSON for each photo.")],
    seams: Annotated[
        bool,
        typer.Option(
            "--seams", help="Leave out hairs at the middle lines of the photo, where truth was cut."
        ),
    ] = False,
    direction: Annotated[
        Literal["chord", "start"],
        typer.Option(help="Compare directions from root to tip, or over the first 0.4 mm of the path."),
    ] = "chord",
    photos: Annotated[
        Path | None, typer.Option(help="Folder of the photos; images beside the truth by default.")
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="PNG to write, with pictures of the worst errors.")
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Compare results with truth, hair by hair: how many are found, how far off, and which are missed."""
    with told_plainly(debug):
        from trichoscan.learn.evaluate import evaluate as compare_with_truth

        figures = compare_with_truth(
            results, truth, seams=seams, direction=direction, photos=photos, sheet=sheet
        )
        _print_figures(figures)
        for name in ("evaluation_slices.csv", "evaluation_calibration.csv"):
            typer.echo()
            _print_csv(results / name)


@app.command(
    epilog="Example: trichoscan phantom phantoms --n 20 --seed 1; for pairs: trichoscan phantom pairs --n 5 "
    "--visits 2; for a trial: trichoscan phantom study --trial 20 --dropout 0.2"
)
def phantom(
    out: Annotated[Path, typer.Argument(help="Folder for images and truth.")],
    n: Annotated[
        int | None, typer.Option("--n", min=1, help="Number of subjects; 20 by default, see --trial.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same photos.")] = 1,
    style: Annotated[
        Literal["clipped", "long", "thin", "light", "dark_skin", "wide", "bare", "plain"] | None,
        typer.Option(help="Draw this kind of photo only."),
    ] = None,
    condition: Annotated[
        Literal["normal", "aga", "telogen_effluvium", "alopecia_areata"] | None,
        typer.Option(help="Of all scalps; in their shares by default, aga in a trial."),
    ] = None,
    ancestry: Annotated[
        Literal["caucasian", "hispanic", "african", "han_chinese"] | None,
        typer.Option(help="Of all subjects; in their shares by default."),
    ] = None,
    visits: Annotated[
        int | None, typer.Option(min=1, max=20, help="Photos of each subject; 1 by default, 3 in a trial.")
    ] = None,
    phototrichogram: Annotated[
        bool,
        typer.Option("--phototrichogram", help="Two photos of each subject: clipped, and --days later."),
    ] = False,
    days: Annotated[
        int | None,
        typer.Option(min=1, max=7, help="Between the photos of a phototrichogram; 2 by default, often 3."),
    ] = None,
    trial: Annotated[
        int | None, typer.Option(min=1, help="Draw a trial of two arms with so many subjects, over 48 weeks.")
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of a trial's subjects who leave; 0.1 by default."),
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Draw scalp photos of which every hair is known."""
    _refuse(phototrichogram and trial is not None, "--phototrichogram and --trial do not go together")
    _refuse(phototrichogram and visits is not None, "--phototrichogram has two visits: leave --visits out")
    _refuse(dropout is not None and trial is None, "--dropout goes with --trial only")
    _refuse(days is not None and not phototrichogram, "--days goes with --phototrichogram only")
    _refuse(n is not None and trial is not None, "--n and --trial both give the number of subjects: take one")
    with told_plainly(debug):
        from trichoscan.phantom import trial as trials
        from trichoscan.phantom import trial_photos, write

        if trial is not None:
            plan = trials.draw_trial(
                trial,
                seed,
                visits=visits or 3,
                dropout_share=0.1 if dropout is None else dropout,
                style=style or "clipped",
                condition=condition or "aga",
                ancestry=ancestry,
            )
            photos = trial_photos.write_trial(out, plan)
        elif phototrichogram:
            photos = write.write_phototrichograms(
                out,
                n or PHANTOM_SUBJECTS,
                seed,
                style or "clipped",
                days=days or write.PHOTOTRICHOGRAM_DAYS,
                condition=condition,
                ancestry=ancestry,
            )
        else:
            later = write.usual_visits((visits or 1) - 1)
            draw = partial(write.write_courses, visits=later) if later else write.write_phantoms
            photos = draw(
                out, n or PHANTOM_SUBJECTS, seed, style=style, condition=condition, ancestry=ancestry
            )
        few = "1 photo" if photos == 1 else f"{photos} photos"
        typer.echo(f"{few} in {out / 'images'}, the truth in {out / 'truth'}")


def _refuse(wrong: bool, why: str) -> None:
    if wrong:
        raise typer.BadParameter(why)


@app.command(epilog="Example: trichoscan train --photos clinic --out runs/first --steps 2500")
def train(
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder for the checkpoint, the log and the weights.")
    ],
    photos: Annotated[
        Path | None, typer.Option(help="Folder with images and truth; phantoms alone without it.")
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the weights.")] = "follicle-v1",
    steps: Annotated[int, typer.Option(min=1, help="Steps; 2500 take about an hour on two cores.")] = 2500,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    device: DeviceOption = "auto",
    resume: Annotated[bool, typer.Option(help="Go on from the checkpoint in the folder.")] = True,
    seams: Annotated[
        bool,
        typer.Option(
            "--seams", help="The hair vectors were cut at the photos' middle lines: learn nothing there."
        ),
    ] = False,
    debug: DebugOption = False,
) -> None:
    """Make weights from photos with hair vectors and from phantoms."""
    with told_plainly(debug):
        from trichoscan.learn.train import TrainConfig
        from trichoscan.learn.train import train as make_weights

        config = TrainConfig(
            photos, out, name=name, steps=steps, seed=seed, device=device, resume=resume, seams=seams
        )
        typer.echo(f"weights in {make_weights(config, _say)}")


@contextmanager
def _progress() -> Iterator[Callable[[Outcome, int], None] | None]:
    """Bar on stderr with photos per second and time left; None where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
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

        yield advance


def _report_run(out: Path, summary: RunSummary) -> None:
    """Failed photos and notes on stderr, one table on stdout."""
    with (out / "images.csv").open(encoding="utf-8", newline="") as file:
        kept = ("image", "status", "error", "flags", *SUMMARY_COLUMNS)
        rows = [{name: row[name] for name in kept} for row in csv.DictReader(file)]
    for row in rows:
        if row["status"] == "failed":
            _say(f"{row['image']}: {row['error']}")
    for note in summary.notes:
        _say(note)
    measured = [row for row in rows if row["status"] == "ok"]
    if measured:
        _print_summary(measured)
        flags = Counter(flag for row in measured for flag in row["flags"].split())
        if flags:
            typer.echo("flags: " + ", ".join(f"{flag} {count}" for flag, count in flags.most_common()))
    earlier = f", {summary.kept} of them earlier" if summary.kept else ""
    failed = f", {summary.failed} failed" if summary.failed else ""
    typer.echo(f"{summary.ok} photos measured{earlier}{failed} in {summary.seconds:.1f} s; results in {out}")


def _print_summary(rows: Sequence[Mapping[str, str]]) -> None:
    from rich.console import Console
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
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH_IN_FILES
    console.print(table)


def _quantile(ordered: Sequence[float], share: float) -> str:
    """Nearest value of a sorted list at a share of its length; empty where there are none."""
    return f"{ordered[round(share * (len(ordered) - 1))]:.6g}" if ordered else ""


def _print_figures(figures: Mapping[str, float | None]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("figure", box=None, pad_edge=False)
    table.add_column("value", justify="right")
    for name, value in figures.items():
        table.add_row(
            name, "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
        )
    Console().print(table)


def _print_csv(file: Path) -> None:
    from rich.console import Console
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
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH_IN_FILES
    console.print(table)


def _is_number(cell: str) -> bool:
    return cell.replace(".", "", 1).isdigit()
