"""Draw the project's own small study: `python sample_images/make.py` writes it beside this file.

Twelve photos of seven subjects in two arms, with truth: clipped dark hair over 48 weeks of treatment,
thinning hair over 48 weeks of placebo, a phototrichogram of two days, and baselines of long crossing hair,
light hair, curly hair on dark skin and a bald patch. S05 has no scale at all, S06 only a burnt-in bar.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from trichoscan.phantom.course import Course, margin_um
from trichoscan.phantom.draw import Scene, draw_scene
from trichoscan.phantom.trial import Subject, course_at
from trichoscan.phantom.visits import clip_hairs
from trichoscan.phantom.write import STUB_UM, Visit, phototrichogram_visit, write_manifest, write_visits

FOLDER = Path(__file__).resolve().parent

WIDTH_PX, HEIGHT_PX, UM_PER_PX = 1280, 1024, 5.5

WEEKS = (24, 48)

RELOCATION = Course()
"""How well site, comb and camera are found again."""


@dataclass(frozen=True)
class Sample:
    """A subject; the seeds were chosen for plain pictures of their kind."""

    subject: str
    arm: str
    style: str
    condition: str
    ancestry: str
    seed: int
    visits: str = ""
    change_per_cm2: float = 0.0
    diameter_change_percent: float = 0.0
    burnt_in: tuple[str, ...] = ()
    scale_given: bool = True


SAMPLES = (
    Sample("S01", "active", "clipped", "normal", "han_chinese", 24, "weeks", 24.0, 8.0),
    Sample("S02", "placebo", "clipped", "aga", "caucasian", 14, "weeks", -12.0, -4.0),
    Sample("S03", "active", "clipped", "normal", "caucasian", 11, "phototrichogram"),
    Sample("S04", "placebo", "long", "normal", "caucasian", 16),
    Sample("S05", "active", "light", "normal", "caucasian", 13, scale_given=False),
    Sample("S06", "placebo", "dark_skin", "normal", "african", 16, burnt_in=("bar",), scale_given=False),
    Sample("S07", "active", "clipped", "alopecia_areata", "caucasian", 20),
)


def main(folder: Path = FOLDER) -> None:
    """Write the photos, their manifest and their truth."""
    rows = []
    for sample in SAMPLES:
        scene = draw_sample(sample)
        for row in write_visits(
            folder,
            scene,
            sample.seed,
            later_visits(sample, scene),
            subject=sample.subject,
            arm=sample.arm,
            images=".",
        ):
            rows.append(row if sample.scale_given else row | {"um_per_px": ""})
    write_manifest(folder / "manifest.csv", rows)


def draw_sample(sample: Sample) -> Scene:
    """Draw a subject's scalp and the first camera, which burns in no more than it is told to."""
    half_um = (WIDTH_PX * UM_PER_PX / 2, HEIGHT_PX * UM_PER_PX / 2)
    scene = draw_scene(
        sample.seed,
        sample.style,
        WIDTH_PX,
        HEIGHT_PX,
        UM_PER_PX,
        sample.condition,
        sample.ancestry,
        margin_um(RELOCATION, half_um),
    )
    camera = replace(scene.camera, burnt_in=sample.burnt_in, aperture=2.0, reticle=False)
    scalp = scene.scalp
    if sample.visits == "phototrichogram":
        scalp = clip_hairs(scalp, STUB_UM, sample.seed)
    return replace(scene, scalp=scalp, camera=camera)


def later_visits(sample: Sample, scene: Scene) -> Sequence[Visit]:
    """Visits after the first."""
    if sample.visits == "phototrichogram":
        return [phototrichogram_visit(2)]
    if sample.visits != "weeks":
        return []
    subject = Subject(
        sample.subject, sample.arm, sample.seed, sample.change_per_cm2, sample.diameter_change_percent, ()
    )
    per_cm2 = scene.scalp.person.hairs_per_cm2
    return [Visit(f"week{w}", 7 * w, course_at(subject, w, per_cm2, RELOCATION)) for w in WEEKS]


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
