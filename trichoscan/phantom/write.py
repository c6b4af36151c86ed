"""Phantoms on disk: photos, manifest and truth in the layout that training and evaluation read."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from trichoscan.phantom.course import UNTREATED, Course, margin_um
from trichoscan.phantom.draw import Phantom, Scene, draw_scene, photograph
from trichoscan.phantom.pairs import pair_json
from trichoscan.phantom.scalp import TrueHair
from trichoscan.phantom.shafts import arc, mean_width
from trichoscan.phantom.style import UM_PER_PX
from trichoscan.phantom.truth import PhantomHair
from trichoscan.phantom.visits import clip_hairs, follow_up
from trichoscan.records import TrichoscanError

MANIFEST_COLUMNS = ("image", "subject", "site", "visit", "date", "arm", "um_per_px")

FIRST_DATE = "2024-01-15"
"""Date of all baseline phantoms but those of a trial."""

VISIT_WEEKS = 24
"""Weeks from one visit to the next where nothing else is asked for."""

PHOTOTRICHOGRAM_DAYS = 2
"""Days between the photos of a phototrichogram where nothing else is asked for; two or three are usual."""

STUB_UM = 400.0
"""Length to which hair is clipped for a phototrichogram: 0.5 mm (field.md) less what a low clipper takes."""


@dataclass(frozen=True)
class Visit:
    """A visit after the first.

    Attributes
    ----------
    name : str
    days : int
        Since the first.
    course : Course
    """

    name: str
    days: int
    course: Course


def truth_json(phantom: Phantom) -> dict[str, object]:
    """Truth of a photo as it is written to truth/<image stem>.json.

    Parameters
    ----------
    phantom : Phantom

    Returns
    -------
    dict
        size [W, H], um_per_px, style, condition, ancestry, and hairs with root and tip [x, y] px, kind,
        hair_id, unit_id, path [[x, y], ...] px root first, width_px at each point of it, diameter_um
        (`shafts.mean_width` of the whole shaft), shown_diameter_um (the same of what lies inside the photo),
        root_visible, tip_visible, cut_by_edge, visible [[from, to], ...] px along the path, hidden_by (ids of
        hairs above, "scale", "aperture", "sign", "edge"), other_parts (path, width_px and visible of each
        further part of a shaft that leaves the photo and comes back) and, but for debris, phase (anagen or
        telogen).
    """
    height, width = phantom.pixels.shape[:2]
    grown = {h.hair_id: h for h in phantom.scalp.hairs}
    return {
        "size": [width, height],
        "um_per_px": phantom.um_per_px,
        "style": phantom.style,
        "condition": phantom.scalp.person.condition,
        "ancestry": phantom.scalp.person.ancestry,
        "hairs": [_hair_json(h, grown[h.hair_id], phantom.um_per_px) for h in phantom.hairs],
    }


def _hair_json(hair: PhantomHair, grown: TrueHair, um_per_px: float) -> dict[str, object]:
    path = np.round(hair.path_px, 2).tolist()
    parts = [(hair.path_px, hair.width_px), *((p.path_px, p.width_px) for p in hair.other_parts)]
    lengths = [arc(path_px)[-1] for path_px, _ in parts]
    shown_px = float(np.average([mean_width(*part) for part in parts], weights=lengths))
    told: dict[str, object] = {
        "hair_id": hair.hair_id,
        "unit_id": hair.unit_id,
        "root": path[0],
        "tip": path[-1],
        "kind": hair.kind,
        "path": path,
        "width_px": np.round(hair.width_px, 2).tolist(),
        "diameter_um": round(mean_width(grown.path_um, grown.width_um), 2),
        "shown_diameter_um": round(shown_px * um_per_px, 2),
        "root_visible": hair.root_visible,
        "tip_visible": hair.tip_visible,
        "cut_by_edge": hair.cut_by_edge,
        "visible": np.round(hair.visible_px, 1).tolist(),
        "hidden_by": list(hair.hidden_by),
        "other_parts": [
            {
                "path": np.round(part.path_px, 2).tolist(),
                "width_px": np.round(part.width_px, 2).tolist(),
                "visible": np.round(part.visible_px, 1).tolist(),
            }
            for part in hair.other_parts
        ],
    }
    if grown.kind == "hair":
        told["phase"] = "anagen" if grown.anagen else "telogen"
    return told


def write_phantom(folder: Path, stem: str, phantom: Phantom, images: str = "images") -> None:
    """Write <folder>/<images>/<stem>.jpg and <folder>/truth/<stem>.json."""
    (folder / images).mkdir(parents=True, exist_ok=True)
    (folder / images / f"{stem}.jpg").write_bytes(phantom.jpeg)
    write_json(folder / "truth" / f"{stem}.json", truth_json(phantom))


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write a JSON file without spaces, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


def write_manifest(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write a manifest.csv with the columns of `MANIFEST_COLUMNS`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, MANIFEST_COLUMNS)
        table.writeheader()
        table.writerows(rows)


def check_empty(out: Path) -> None:
    """Refuse a folder that holds photos or truth of another run: the two would mix.

    Raises
    ------
    TrichoscanError
        <out>/images or <out>/truth is there and not empty.
    """
    for folder in (out / "images", out / "truth"):
        if folder.is_dir() and any(folder.iterdir()):
            raise TrichoscanError(f"{folder}: not empty: remove it, or give another folder for the phantoms")


def write_phantoms(
    out: Path,
    n: int,
    seed: int,
    style: str | None = None,
    *,
    condition: str | None = None,
    ancestry: str | None = None,
) -> int:
    """Write n phantoms, each of another person.

    Parameters
    ----------
    out : Path
        Gets images/*.jpg, images/manifest.csv and truth/*.json.
    n : int
        Number of photos, at least 1.
    seed : int
        Not negative; photo i depends on the seed, the style, the person asked for and i only.
    style, condition, ancestry : str, optional
        See `draw_phantom`; all in their shares by default.

    Returns
    -------
    int
        Photos written.

    Raises
    ------
    ValueError
        n below 1, seed below 0 or a name unknown.
    TrichoscanError
        There are photos or truth in `out` already.
    """
    _check(n, seed)
    check_empty(out)
    rows = []
    for i in range(n):
        scene = draw_scene(phantom_seed(seed, i), style, condition=condition, ancestry=ancestry)
        phantom = photograph(scene.scalp, replace(scene.camera, date=FIRST_DATE), scene.style)
        stem = f"{phantom.style}_{i:04d}"
        write_phantom(out, stem, phantom)
        rows.append(manifest_row(f"{stem}.jpg", f"P{i:04d}", "baseline", FIRST_DATE, phantom))
    write_manifest(out / "images" / "manifest.csv", rows)
    return len(rows)


def write_courses(
    out: Path,
    n: int,
    seed: int,
    visits: Sequence[Visit],
    style: str | None = None,
    *,
    condition: str | None = None,
    ancestry: str | None = None,
    clip_um: float | None = None,
    width_px: int = 1280,
    height_px: int = 1024,
) -> int:
    """Write the photos of n subjects, each at a baseline and at later visits.

    Parameters
    ----------
    out : Path
        Gets images/*.jpg, images/manifest.csv, truth/*.json and truth/pairs/*.json.
    n, seed, style, condition, ancestry
        See `write_phantoms`.
    visits : sequence of Visit
    clip_um : float, optional
        Length to which the hair is clipped before the first photo.
    width_px, height_px : int

    Returns
    -------
    int
        Photos written.

    Raises
    ------
    ValueError, TrichoscanError
        As in `write_phantoms`.
    """
    _check(n, seed)
    check_empty(out)
    rows = []
    coarsest = max(UM_PER_PX[style][1] if style in UM_PER_PX else high for _, high in UM_PER_PX.values())
    half_um = (width_px * coarsest / 2, height_px * coarsest / 2)
    margin = max((margin_um(v.course, half_um) for v in visits), default=0.0)
    for i in range(n):
        own = phantom_seed(seed, i)
        scene = draw_scene(
            own, style, width_px, height_px, condition=condition, ancestry=ancestry, margin_um=margin
        )
        if clip_um is not None:
            scene = replace(scene, scalp=clip_hairs(scene.scalp, clip_um, own))
        rows += list(write_visits(out, scene, own, visits, subject=f"P{i:04d}"))
    write_manifest(out / "images" / "manifest.csv", rows)
    return len(rows)


def write_visits(
    out: Path,
    scene: Scene,
    seed: int,
    visits: Sequence[Visit],
    *,
    subject: str,
    site: str = "vertex",
    arm: str = "",
    baseline: str = "baseline",
    first_date: str = FIRST_DATE,
    images: str = "images",
) -> Iterator[dict[str, str]]:
    """Write the photos of a site and their truth, one after the other; only two are held at a time.

    Parameters
    ----------
    out : Path
    scene : Scene
        At the first visit.
    seed : int
        Of the subject's course.
    visits : sequence of Visit
        Later visits.
    subject, site, arm, baseline, first_date : str
        For the manifest; `baseline` names the first visit.
    images : str
        Folder for the photos in `out`.

    Yields
    ------
    dict
        Row of the manifest of each photo written.
    """
    first = photograph(scene.scalp, replace(scene.camera, date=first_date), scene.style)
    first_stem = f"{subject}_{site}_{baseline}"
    write_phantom(out, first_stem, first, images)
    yield manifest_row(f"{first_stem}.jpg", subject, baseline, first_date, first, site=site, arm=arm)
    for visit in visits:
        # The day is the visit's number: its chances are the same whichever visits were missed before.
        later = follow_up(scene.scalp, scene.camera, seed, scene.style, visit.course, visit.days)
        day = (date.fromisoformat(first_date) + timedelta(days=visit.days)).isoformat()
        photo = photograph(later.scalp, replace(later.camera, date=day), scene.style)
        stem = f"{subject}_{site}_{visit.name}"
        write_phantom(out, stem, photo, images)
        truth = pair_json(first, photo, later, (f"{first_stem}.jpg", f"{stem}.jpg"), visit.days)
        write_json(out / "truth" / "pairs" / f"{first_stem}__{stem}.json", truth)
        yield manifest_row(f"{stem}.jpg", subject, visit.name, day, photo, site=site, arm=arm)


def usual_visits(count: int) -> list[Visit]:
    """`count` visits (19 at most) after the first, `VISIT_WEEKS` apart, of a slowly changing scalp."""
    usual = Course()
    return [
        Visit(
            f"week{VISIT_WEEKS * k}",
            7 * VISIT_WEEKS * k,
            replace(
                usual,
                days=7.0 * VISIT_WEEKS * k,
                lost_share=1 - (1 - usual.lost_share) ** k,
                new_share=min(1.0, usual.new_share * k),
                regrown_share=min(1.0, usual.regrown_share * k),
            ),
        )
        for k in range(1, count + 1)
    ]


def write_phototrichograms(
    out: Path,
    n: int,
    seed: int,
    style: str = "clipped",
    *,
    days: int = PHOTOTRICHOGRAM_DAYS,
    condition: str | None = None,
    ancestry: str | None = None,
) -> int:
    """Write two photos of each of n subjects: freshly clipped, and some days later; see `write_courses`."""
    later = [phototrichogram_visit(days)]
    return write_courses(out, n, seed, later, style, condition=condition, ancestry=ancestry, clip_um=STUB_UM)


def phototrichogram_visit(days: int = PHOTOTRICHOGRAM_DAYS) -> Visit:
    """The second photo of a phototrichogram: the same hair as clipped, grown for so many days."""
    course = replace(UNTREATED, days=float(days), uncut=True)
    return Visit(f"day{days}", days, course)


def _check(n: int, seed: int) -> None:
    if n < 1 or seed < 0:
        raise ValueError("phantoms need n >= 1 and seed >= 0")


def phantom_seed(seed: int, i: int) -> int:
    """Seed of photo i of a set, far from those of neighbouring sets."""
    return int(np.random.SeedSequence([seed, i]).generate_state(1)[0])


def manifest_row(
    image: str, subject: str, visit: str, date: str, phantom: Phantom, *, site: str = "vertex", arm: str = ""
) -> dict[str, str]:
    """Row of manifest.csv for a phantom."""
    return {
        "image": image,
        "subject": subject,
        "site": site,
        "visit": visit,
        "date": date,
        "arm": arm,
        "um_per_px": f"{phantom.um_per_px:.4f}",
    }
