"""Draw the project's own sample photos: `python sample_images/make.py` writes them beside this file.

Six photos with truth: clipped dark hair on light skin, long crossing hair, clipped hair on dark skin,
thin hair, and two visits of one site before and after a treatment.
"""

from __future__ import annotations

from pathlib import Path

from trichoscan.phantom.draw import Phantom, draw_phantom, photograph
from trichoscan.phantom.visits import follow_up
from trichoscan.phantom.write import manifest_row, write_manifest, write_phantom

FOLDER = Path(__file__).resolve().parent

BASELINE_DATE, WEEK24_DATE = "2024-01-15", "2024-07-01"

SAMPLES = (
    ("clipped_dark_hair", "S01", "clipped", 51, 6.0),
    ("long_crossing_hair", "S02", "long", 54, 6.5),
    ("clipped_dark_skin", "S03", "dark_skin", 17, 6.0),
    ("thin_hair", "S04", "thin", 2, 5.0),
    ("S05_vertex_baseline", "S05", "clipped", 56, 6.0),
)
"""Name, subject, style, seed and um per px; the seeds were chosen for plain pictures of their kind."""

WIDTH_PX, HEIGHT_PX = 960, 768


def main() -> None:
    """Write the photos, their manifest and their truth."""
    phantoms = {
        stem: draw_phantom(seed, style, WIDTH_PX, HEIGHT_PX, um_per_px)
        for stem, _, style, seed, um_per_px in SAMPLES
    }
    rows = []
    for stem, subject, *_ in SAMPLES:
        write_phantom(FOLDER, stem, phantoms[stem], images=".")
        rows.append(manifest_row(f"{stem}.jpg", subject, "baseline", BASELINE_DATE, phantoms[stem]))
    later = _week24(phantoms["S05_vertex_baseline"])
    write_phantom(FOLDER, "S05_vertex_week24", later, images=".")
    rows.append(manifest_row("S05_vertex_week24.jpg", "S05", "week24", WEEK24_DATE, later))
    write_manifest(FOLDER / "manifest.csv", rows)


def _week24(baseline: Phantom) -> Phantom:
    visit = follow_up(baseline.scalp, baseline.camera, seed=5, style=baseline.style)
    return photograph(visit.scalp, visit.camera, baseline.style)


if __name__ == "__main__":
    main()
