"""The command line: thin commands over the library; `show` prints what they found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import trichoscan
from trichoscan import cli_research  # noqa: F401  (registers its commands)
from trichoscan.cli_app import DebugOption, DeviceOption, app, refuse, told_plainly
from trichoscan.show import say, show_comparison, show_progress, show_run

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line."""
    app()


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
    dask: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Scheduler of a dask cluster that does the job instead."),
    ] = None,
    device: DeviceOption = "auto",
    weights: Annotated[str | None, typer.Option(help="Name or folder of the network's weights.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Measure again what is already done.")
    ] = False,
    pseudonymize: Annotated[
        Path | None,
        typer.Option(metavar="KEYFILE", help="Codes for subjects and file names, day numbers for dates."),
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Count and measure the hair on every photo, and compare follow-ups with their baseline.

    Run it again to go on where it stopped.
    """
    with told_plainly(debug):
        from trichoscan.study.batch import RunOptions, analyze_folder

        with show_progress() as (on_progress, on_pair):
            summary = analyze_folder(
                photos,
                out,
                RunOptions(
                    manifest=manifest,
                    pattern=pattern,
                    um_per_px=um_per_px,
                    vellus_below_um=vellus_below,
                    intermediate_below_um=intermediate_below,
                    weights=weights,
                    device=device,
                    workers=workers,
                    dask=dask,
                    overwrite=overwrite,
                    pseudonymize=pseudonymize,
                ),
                on_progress=on_progress,
                on_pair=on_pair,
            )
        show_run(out, summary)
        raise typer.Exit(1 if summary.failed else 0)


@app.command(epilog="Example: trichoscan compare before.jpg after.jpg -o results --um-per-px 5.5 --days 168")
def compare(
    baseline: Annotated[Path, typer.Argument(help="Earlier photo.")],
    followup: Annotated[Path, typer.Argument(help="Later photo of the same site.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the results.")],
    days: Annotated[
        int | None, typer.Option(min=0, help="Between the photos; 1 to 7 give the growth rate.")
    ] = None,
    um_per_px: Annotated[
        float | None, typer.Option(help="Scale of photos without one in a manifest.csv beside them.")
    ] = None,
    vellus_below: Annotated[float, typer.Option(help="Hairs thinner than this many um are vellus.")] = 30.0,
    device: DeviceOption = "auto",
    weights: Annotated[str | None, typer.Option(help="Name or folder of the network's weights.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Measure again what is already done.")
    ] = False,
    debug: DebugOption = False,
) -> None:
    """Find the hairs of one photo again on a later one, and say what changed."""
    with told_plainly(debug):
        from trichoscan.study.batch import compare_photos

        summary = compare_photos(
            baseline,
            followup,
            out,
            days=days,
            um_per_px=um_per_px,
            vellus_below_um=vellus_below,
            weights=weights,
            device=device,
            overwrite=overwrite,
        )
        show_comparison(out, summary)
        raise typer.Exit(0 if all(pair.status == "ok" for pair in summary.pairs) else 1)


@app.command(epilog="Example: trichoscan report results --pdf")
def report(
    results: Annotated[Path, typer.Argument(help="Folder that 'trichoscan analyze' wrote.")],
    pdf: Annotated[bool, typer.Option("--pdf", help="Write report.pdf, too; needs the extra pdf.")] = False,
    debug: DebugOption = False,
) -> None:
    """Make report.html anew from the tables in a folder of results, and a PDF of it."""
    with told_plainly(debug):
        from trichoscan.study.report import write_report

        typer.echo(f"report in {write_report(results, pdf=pdf, anew=True)[-1]}")


@app.command(epilog="Example: trichoscan review results --user 'Dr. Weber'")
def review(
    results: Annotated[Path, typer.Argument(help="Folder that 'trichoscan analyze' wrote.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0 takes a free one.")] = 0,
    user: Annotated[
        str | None, typer.Option(help="Who reviews, for the log; the name of your login by default.")
    ] = None,
    photos: Annotated[
        Path | None, typer.Option(help="Folder of the photos, if they were moved since.")
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.")] = True,
    debug: DebugOption = False,
) -> None:
    """Open a page on this machine to look at the hairs, correct them and sign photos off."""
    with told_plainly(debug):
        from trichoscan.review.start import run_review

        run_review(results, user=user, photos=photos, port=port, browser=browser, tell=say)


@app.command(
    epilog="Example: trichoscan codes study.key --new; then trichoscan codes study.key photos > names.csv"
)
def codes(
    key_file: Annotated[Path, typer.Argument(help="Key file of --pseudonymize.")],
    photos: Annotated[
        list[Path] | None, typer.Argument(help="Folders and photos as given to 'trichoscan analyze'.")
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Make the key file.")] = False,
    manifest: Annotated[Path | None, typer.Option(help="Table of the photos.")] = None,
    pattern: Annotated[str | None, typer.Option(help="What file names tell.")] = None,
    debug: DebugOption = False,
) -> None:
    """Make a key for --pseudonymize, or list what the codes of photos and subjects stand for."""
    refuse(new == bool(photos), "give either --new or photos")
    with told_plainly(debug):
        from trichoscan.study.manifest import list_entries
        from trichoscan.study.pseudonym import code_table, make_key, read_key

        if new:
            make_key(key_file)
        else:
            entries, _ = list_entries(photos or [], manifest=manifest, pattern=pattern)
            typer.echo(code_table(entries, read_key(key_file)), nl=False)


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
            say(f"{photo}: no scale bar with its label and no ruler found: photograph a ruler that fills it")
            raise typer.Exit(1)
