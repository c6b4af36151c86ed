"""Photos and truth of a trial on phantoms, as `trial` planned it."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np

from trichoscan.phantom.course import FATES, margin_um
from trichoscan.phantom.draw import Scene, draw_scene
from trichoscan.phantom.scalp import Scalp
from trichoscan.phantom.shafts import mean_width
from trichoscan.phantom.trial import Subject, Trial, course_at
from trichoscan.phantom.visits import follow_up
from trichoscan.phantom.write import (
    Visit,
    check_empty,
    phantom_seed,
    write_json,
    write_manifest,
    write_visits,
)


def draw_site(
    trial: Trial,
    subject: Subject,
    site: str,
    width_px: int = 1280,
    height_px: int = 1024,
    um_per_px: float = 5.5,
) -> Scene:
    """Draw the scalp of a subject's site and its camera at the first visit.

    The sites of a subject are those of one person: colour, density, diameters, condition and the like agree.
    """
    half_um = (width_px * um_per_px / 2, height_px * um_per_px / 2)
    return draw_scene(
        subject.seed,
        trial.style,
        width_px,
        height_px,
        um_per_px,
        trial.condition,
        trial.ancestry,
        margin_um(trial.relocation, half_um),
        site=1 + trial.sites.index(site),
    )


def _site_seed(trial: Trial, subject: Subject, site: str) -> int:
    return phantom_seed(subject.seed, trial.sites.index(site))


def true_density(scalp: Scalp, scene: Scene) -> tuple[float, float]:
    """Hairs per cm2 rooted in the field of a scene's first photo, and their mean diameter in um (or nan).

    The diameter of a hair is `shafts.mean_width` over the whole shaft.
    """
    camera = scene.camera
    half = np.array([camera.width_px, camera.height_px]) * camera.um_per_px / 2
    there = [
        h for h in scalp.hairs if h.kind == "hair" and np.all(np.abs(h.path_um[0] - camera.centre_um) < half)
    ]
    widths = [mean_width(h.path_um, h.width_um) for h in there]
    return len(there) / float(np.prod(2 * half) * 1e-8), float(np.mean(widths)) if widths else float("nan")


def site_truth(trial: Trial, subject: Subject, site: str, scene: Scene) -> list[dict[str, object]]:
    """What is true of a site at each planned visit, attended or not.

    Returns
    -------
    list of dict
        subject, site, arm, visit, date, week, attended, hair_density_per_cm2 and mean_diameter_um (hairs
        rooted in the first photo's field; null where there are none), and how many hairs of the whole
        scalp met which fate since the first visit.
    """
    before, _ = true_density(scene.scalp, scene)
    rows = []
    for visit in subject.visits:
        scalp, fates = scene.scalp, Counter("kept" for h in scene.scalp.hairs if h.kind == "hair")
        if visit.days:
            course = course_at(subject, visit.week, before, trial.relocation)
            later = follow_up(
                scalp, scene.camera, _site_seed(trial, subject, site), scene.style, course, visit.days
            )
            scalp, fates = later.scalp, Counter(later.fate.values())
        density, diameter = true_density(scalp, scene)
        rows.append(
            {
                "subject": subject.subject,
                "site": site,
                "arm": subject.arm,
                "visit": visit.name,
                "date": visit.date,
                "week": visit.week,
                "attended": visit.attended,
                "hair_density_per_cm2": round(density, 2),
                "mean_diameter_um": None if np.isnan(diameter) else round(diameter, 2),
                "fates": {fate: fates[fate] for fate in FATES},
            }
        )
    return rows


def write_trial(
    out: Path, trial: Trial, width_px: int = 1280, height_px: int = 1024, um_per_px: float = 5.5
) -> int:
    """Write a trial's photos one by one, and its truth.

    Parameters
    ----------
    out : Path
        Gets images/*.jpg, images/manifest.csv, truth/*.json, truth/pairs/*.json and truth/trial.json: the
        arms, each subject's response, and the rows of `site_truth`.
    trial : Trial
    width_px, height_px : int
    um_per_px : float
        At first visits.

    Returns
    -------
    int
        Photos written.

    Raises
    ------
    TrichoscanError
        There are photos or truth in `out` already.
    """
    check_empty(out)
    manifest, truth = [], []
    for subject in trial.subjects:
        for site in trial.sites:
            scene = draw_site(trial, subject, site, width_px, height_px, um_per_px)
            before, _ = true_density(scene.scalp, scene)
            later = [
                Visit(v.name, v.days, course_at(subject, v.week, before, trial.relocation))
                for v in subject.visits[1:]
                if v.attended
            ]
            manifest += list(
                write_visits(
                    out,
                    scene,
                    _site_seed(trial, subject, site),
                    later,
                    subject=subject.subject,
                    site=site,
                    arm=subject.arm,
                    first_date=subject.visits[0].date,
                )
            )
            truth += site_truth(trial, subject, site, scene)
    write_manifest(out / "images" / "manifest.csv", manifest)
    people = [{k: v for k, v in asdict(s).items() if k not in ("seed", "visits")} for s in trial.subjects]
    arms = [asdict(arm) for arm in trial.arms]
    write_json(out / "truth" / "trial.json", {"arms": arms, "subjects": people, "visits": truth})
    return len(manifest)
