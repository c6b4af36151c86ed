"""The command line: thin commands over the library; `show` prints what they found."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

import trichoscan
from trichoscan.show import say, show_comparison, show_csv, show_figures, show_plan, show_progress, show_run

PHANTOM_SUBJECTS = 20
"""Subjects drawn where nothing else is asked for."""

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
        say("stopped; what is finished is kept: run the same command again to go on")
        raise typer.Exit(130) from None
    except (typer.Exit, typer.BadParameter, BrokenPipeError):
        raise
    except Exception as error:
        from trichoscan.records import TrichoscanError  # numpy comes with it; --help does without

        if debug:
            traceback.print_exc()
        if isinstance(error, TrichoscanError):
            say(str(error))
        elif isinstance(error, OSError):
            say(f"{error.filename or 'file'}: {error.strerror or error}: check the disk and its permissions")
        else:
            say(f"unexpected {type(error).__name__}: {error}: please report it, with the output of --debug")
        raise typer.Exit(2) from None


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
        from trichoscan.study.batch import analyze_folder

        with show_progress() as (on_progress, on_pair):
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
                pseudonymize=pseudonymize,
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
    pdf: Annotated[bool, typer.Option("--pdf", help="Write report.pdf, too; needs trichoscan[pdf].")] = False,
    debug: DebugOption = False,
) -> None:
    """Make report.html anew from the tables in a folder of results, and a PDF of it."""
    with told_plainly(debug):
        from trichoscan.study.report import write_report

        typer.echo(f"report in {write_report(results, pdf=pdf)[-1]}")


@app.command(
    epilog="Example: trichoscan plan --effect 15 --sd 20 --correlation 0.5 --dropout 0.1; with the variance "
    "of a study: trichoscan plan results --effect 15"
)
def plan(
    results: Annotated[
        Path | None, typer.Argument(help="Results with follow-ups, for SD and correlation.")
    ] = None,
    effect: Annotated[
        float, typer.Option(help="Difference of the arms' changes to be found, in the measure's unit.")
    ] = 20.0,
    sd: Annotated[float | None, typer.Option(help="SD of the change between subjects of one arm.")] = None,
    correlation: Annotated[
        float | None, typer.Option(help="Of the change with the baseline; 0 by default.")
    ] = None,
    alpha: Annotated[float, typer.Option(help="Chance of an effect where there is none, two-sided.")] = 0.05,
    power: Annotated[float, typer.Option(help="Chance to find the effect.")] = 0.8,
    dropout: Annotated[float, typer.Option(help="Share of subjects without a last visit.")] = 0.0,
    sites: Annotated[int, typer.Option(help="Sites of each subject, averaged.")] = 1,
    site_correlation: Annotated[
        float, typer.Option(help="Of a subject's sites with each other; 1 says that a second tells nothing.")
    ] = 1.0,
    measure: Annotated[
        str, typer.Option(help="Measure of cohort.csv whose variance is taken from the results.")
    ] = "density_per_cm2",
    debug: DebugOption = False,
) -> None:
    """Say how many subjects a trial of two arms needs."""
    _refuse((sd is None) == (results is None), "give either --sd or a folder of results")
    with told_plainly(debug):
        from trichoscan.response.cohort import COHORT_MEASURES
        from trichoscan.response.plan import plan_trial, seen_variance
        from trichoscan.study.cohort import read_changes

        _refuse(measure not in COHORT_MEASURES, f"--measure: one of {', '.join(COHORT_MEASURES)}")
        seen = None if results is None else seen_variance(read_changes(results), measure)
        # sd_high: a plan on the SD itself is too small every second time.
        spread = seen.sd_high if seen is not None else sd or 0.0
        if correlation is None:
            correlation = 0.0 if seen is None else seen.correlation
        made = plan_trial(
            effect,
            spread,
            correlation=correlation,
            alpha=alpha,
            power=power,
            dropout_share=dropout,
            sites=sites,
            site_correlation=site_correlation,
        )
        show_plan(made, seen)


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
    _refuse(new == bool(photos), "give either --new or photos")
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
        show_figures(figures)
        for name in ("evaluation_slices.csv", "evaluation_calibration.csv"):
            typer.echo()
            show_csv(results / name)


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
        from trichoscan.report.review.start import run_review

        run_review(results, user=user, photos=photos, port=port, browser=browser, tell=say)


@app.command(
    epilog="Example: trichoscan train --photos clinic --out runs/first --steps 2500; from photos that were "
    "signed off: trichoscan train --from-review results --out runs/clinic"
)
def train(
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder for the checkpoint, the log and the weights.")
    ],
    photos: Annotated[
        Path | None,
        typer.Option(
            help="Folder with images and truth, phantoms alone without it; from a review: of its photos."
        ),
    ] = None,
    from_review: Annotated[
        Path | None,
        typer.Option(help="Results with photos signed off in 'trichoscan review': learn from these."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the weights; follicle-v2, or clinic-v1 from a review.")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="2500 by default, about an hour on two cores; 600 from a review."),
    ] = None,
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
    _refuse(seams and from_review is not None, "--seams and --from-review do not go together")
    with told_plainly(debug):
        from trichoscan.learn import review as reviews
        from trichoscan.learn.train import TrainConfig
        from trichoscan.learn.train import train as make_weights

        if from_review is not None:
            learned = reviews.learn_from_review(
                from_review,
                out,
                photos=photos,
                name=name or reviews.NAME,
                steps=steps or reviews.STEPS,
                seed=seed,
                device=device,
                resume=resume,
                log=say,
            )
            typer.echo(f"weights in {learned.folder}")
            raise typer.Exit(0 if learned.better else 1)
        config = TrainConfig(
            photos,
            out,
            name=name or "follicle-v2",
            steps=steps or 2500,
            seed=seed,
            device=device,
            resume=resume,
            seams=seams,
        )
        typer.echo(f"weights in {make_weights(config, say)}")
