"""Overlays of photos and pairs as they were reviewed, beside the automatic ones."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from trichoscan.records import TrichoscanError
from trichoscan.report.hide import hide_burnt_in
from trichoscan.report.overlay import draw_overlay
from trichoscan.report.pair_overlay import draw_pair
from trichoscan.study import store
from trichoscan.study.corrections.audit import Audit, open_audit
from trichoscan.study.corrections.events import replay
from trichoscan.study.corrections.pairs import reviewed_comparison
from trichoscan.study.corrections.refresh import pairs_of_run, photo_state, standing_photo
from trichoscan.study.pairs import read_pair_part
from trichoscan.study.places import Places, read_pixels
from trichoscan.study.reviewed import FOLDER, read_review_part, reviewed_files, reviewed_pair_overlay


def redraw(out: Path, places: Places) -> None:
    """Draw what is reviewed and not drawn yet, and delete overlays and geometry that nobody stands for.

    A photo that is not to be found has no reviewed overlay; its reviewed figures and geometry stand.

    Parameters
    ----------
    out : Path
        RESULTS whose parts are up to date, see `refresh.refresh`.
    places : mapping
        Of the photos.
    """
    audit = open_audit(out)
    if not audit.exists:
        return
    wanted: set[Path] = set()
    for kind, image in audit.subjects():
        part = store.read_part(out, image) if kind == "photo" else None
        said = read_review_part(out, "photo", image) if part is not None else None
        if part is None or said is None or not said["cells"].get("reviewed_geometry"):
            continue
        geometry, overlay = reviewed_files(out, part["cells"]["geometry"])
        wanted |= {geometry, overlay}
        if not overlay.is_file():
            with suppress(TrichoscanError):
                _draw_photo(out, audit, image, part, places, overlay)
    for pair_id, images in pairs_of_run(out).items():
        said = read_review_part(out, "pair", pair_id)
        if said is None or not said["matches"]:
            continue
        overlay = reviewed_pair_overlay(out, pair_id)
        wanted.add(overlay)
        if not overlay.is_file():
            with suppress(TrichoscanError):
                _draw_pair(out, audit, pair_id, images, places, overlay)
    for folder in (out / "geometry" / FOLDER, out / "overlays" / FOLDER, out / "overlays" / FOLDER / "pairs"):
        for file in folder.glob("*.*"):
            if file not in wanted:
                file.unlink()


def _draw_photo(
    out: Path, audit: Audit, image: str, part: Mapping[str, Any], places: Places, overlay: Path
) -> None:
    _, stands = photo_state(out, audit, image, audit.events(("photo", image)))
    if stands is None:
        return
    pixels = read_pixels(image, places.get(image, ()), stands.analysis.sha256)
    shown = hide_burnt_in(pixels, stands.analysis.quality)
    store.write_overlay(overlay, draw_overlay(shown, stands.analysis, part["made_from"]["vellus_below_um"]))


def _draw_pair(
    out: Path, audit: Audit, pair_id: str, images: tuple[str, str], places: Places, overlay: Path
) -> None:
    part = read_pair_part(out, pair_id)
    if part is None:
        return
    sides = [standing_photo(out, audit, image, audit.events(("photo", image))) for image in images]
    found = reviewed_comparison(part, replay(audit.events(("pair", pair_id))).slots, sides, places)
    if found.pairing is None or found.change is None:
        return
    first, second = (
        hide_burnt_in(read_pixels(image, places.get(image, ()), side.analysis.sha256), side.analysis.quality)
        for image, side in zip(images, sides, strict=True)
    )
    store.write_overlay(overlay, draw_pair(first, second, found.pairing, found.change.fates))
