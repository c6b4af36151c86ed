"""Commands for research: plan a trial, judge results against truth, draw photos with truth, make weights."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from trichoscan.cli_app import DebugOption, DeviceOption, app, refuse, told_plainly
from trichoscan.show import say, show_csv, show_figures, show_plan

PHANTOM_SUBJECTS = 20
"""Subjects drawn where nothing else is asked for."""
RESEARCH = "For research"
"""Heading in --help."""


@app.command(
    rich_help_panel=RESEARCH,
    epilog="Example: trichoscan plan --effect 15 --sd 20 --correlation 0.5 --dropout 0.1; with the variance "
    "of a study: trichoscan plan results --effect 15",
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
    refuse((sd is None) == (results is None), "give either --sd or a folder of results")
    with told_plainly(debug):
        from trichoscan.response.cohort import COHORT_MEASURES
        from trichoscan.response.plan import plan_trial, seen_variance
        from trichoscan.study.cohort import read_changes

        refuse(measure not in COHORT_MEASURES, f"--measure: one of {', '.join(COHORT_MEASURES)}")
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
    rich_help_panel=RESEARCH, epilog="Example: trichoscan evaluate results phantoms/truth --sheet worst.png"
)
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
    rich_help_panel=RESEARCH,
    epilog="Example: trichoscan phantom phantoms --n 20 --seed 1; for pairs: trichoscan phantom pairs --n 5 "
    "--visits 2; for a trial: trichoscan phantom study --trial 20 --dropout 0.2",
)
def phantom(
    out: Annotated[Path, typer.Argument(help="Folder for images and truth.")],
    n: Annotated[
        int | None, typer.Option("--n", min=1, help="Number of subjects; 20 by default, see --trial.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same photos.")] = 1,
    style: Annotated[
        Literal["clipped", "long", "thin", "light", "dark_skin", "wide", "bare", "plain", "tufted"] | None,
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
    refuse(phototrichogram and trial is not None, "--phototrichogram and --trial do not go together")
    refuse(phototrichogram and visits is not None, "--phototrichogram has two visits: leave --visits out")
    refuse(dropout is not None and trial is None, "--dropout goes with --trial only")
    refuse(days is not None and not phototrichogram, "--days goes with --phototrichogram only")
    refuse(n is not None and trial is not None, "--n and --trial both give the number of subjects: take one")
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


@app.command(
    rich_help_panel=RESEARCH,
    epilog="Example: trichoscan train --photos clinic --out runs/first --steps 2500; from photos that were "
    "signed off: trichoscan train --from-review results --out runs/clinic",
)
def train(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the checkpoint and the weights.")],
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
        str | None, typer.Option(help="Name of the weights; own-v1, or clinic-v1 from a review.")
    ] = None,
    provenance: Annotated[
        str | None,
        typer.Option(help="Where the photos come from, what they show, their licence: for the card."),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=0, help="2500 by default, about an hour on two cores; 600 from a review."),
    ] = None,
    start_from: Annotated[
        str | None,
        typer.Option(
            help="Weights to go on from, a name or a folder; with --steps 0 their verifiers alone learn."
        ),
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
    refuse(seams and from_review is not None, "--seams and --from-review do not go together")
    refuse(
        start_from is not None and from_review is not None,
        "a review goes on from the shipped weights: leave --start-from out",
    )
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
                steps=reviews.STEPS if steps is None else steps,
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
            name=name or TrainConfig.name,
            steps=2500 if steps is None else steps,
            seed=seed,
            device=device,
            resume=resume,
            start_from=start_from,
            seams=seams,
            provenance=provenance,
        )
        typer.echo(f"weights in {make_weights(config, say)}")
