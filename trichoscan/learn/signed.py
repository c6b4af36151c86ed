"""Photos that a clinic signed off, as photos of known truth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from trichoscan.records import Analysis, Hair, TrichoscanError
from trichoscan.study.corrections.audit import open_audit
from trichoscan.study.corrections.refresh import photo_state
from trichoscan.study.places import PlacedPhoto, place_photos, read_pixels
from trichoscan.study.store import file_names, whole_file

HELD_OUT_SHARE, VALIDATION_SHARE = 0.25, 0.2
"""Of the subjects: the rest is trained on. At least one subject each."""
FEWEST_SUBJECTS = 4
"""To train on two, to choose on one and to judge on one."""
FEWEST_JUDGES = 5
"""Subjects held out on whom a gain can be told from chance: that all five gain by chance has 0.5^5 = 3 %."""
FEWEST_TO_TELL = 2 * (FEWEST_JUDGES + 1)
"""Subjects from which so many are held out; see `split_by_subject`."""


@dataclass(frozen=True, eq=False)
class SignedPhotos:
    """A folder of photos of known truth, and who is on which side.

    Attributes
    ----------
    folder : Path
        With images/, truth/ and masks/.
    split : dict of str to list of str
        Stems for "train", "validation" and "held_out": no subject is on two sides.
    subject_of : dict of str to str
        Subject of each stem; the image where none is known.
    hairs : int
    without_scale : tuple of str
        Images that were signed off but cannot be learned from.
    """

    folder: Path
    split: dict[str, list[str]]
    subject_of: dict[str, str]
    hairs: int
    without_scale: tuple[str, ...]


def gather_signed(results: Path, folder: Path, photos: Path | None = None) -> SignedPhotos:
    """Write what was signed off in RESULTS as a training folder.

    Truth holds within the reviewed counting area alone: nobody signed for hairs outside it.

    Parameters
    ----------
    results : Path
    folder : Path
        Written; it holds copies of the photos.
    photos : Path, optional
        Where the photos lie now, if they were moved.

    Raises
    ------
    TrichoscanError
        Too few subjects are signed off, or a photo is gone.
    """
    audit = open_audit(results)
    audit.check()
    listed = [photo for photo in place_photos(results, photos) if photo.row["status"] == "ok"]
    signed: list[tuple[PlacedPhoto, Analysis]] = []
    without_scale = []
    for photo in listed:
        state, stands = photo_state(results, audit, photo.image, audit.events(("photo", photo.image)))
        if not state.signed_by or stands is None:
            continue
        if stands.analysis.um_per_px is None:
            without_scale.append(photo.image)
        else:
            signed.append((photo, stands.analysis))
    subjects = {photo.row["subject"] or photo.image for photo, _ in signed}
    if len(subjects) < FEWEST_SUBJECTS:
        raise TrichoscanError(
            f"{results}: {len(signed)} photos of {len(subjects)} subjects are signed off: "
            f"sign off photos of at least {FEWEST_SUBJECTS} subjects with 'trichoscan review {results}'"
        )
    stems = file_names([photo.image for photo, _ in signed])
    subject_of = {
        stem: photo.row["subject"] or photo.image for stem, (photo, _) in zip(stems, signed, strict=True)
    }
    for stem, (photo, analysis) in zip(stems, signed, strict=True):
        _write_photo(folder, stem, photo, analysis)
    hairs = sum(int(np.count_nonzero(analysis.counted)) for _, analysis in signed)
    return SignedPhotos(folder, split_by_subject(subject_of), subject_of, hairs, tuple(without_scale))


def split_by_subject(subject_of: Mapping[str, str]) -> dict[str, list[str]]:
    """Sides of the photos by the sha256 of their subject: all photos of a subject are on one side.

    A quarter of the subjects are held out; of few, up to `FEWEST_JUDGES`, but less than half.

    Parameters
    ----------
    subject_of : mapping of str to str
        Subject of each stem.

    Returns
    -------
    dict
        "held_out", "validation" and "train", each sorted.
    """
    order = sorted(set(subject_of.values()), key=lambda s: hashlib.sha256(s.encode()).hexdigest())
    held_out = max(round(HELD_OUT_SHARE * len(order)), min(FEWEST_JUDGES, len(order) // 2 - 1), 1)
    validation = max(round(VALIDATION_SHARE * len(order)), 1)
    side_of = {
        subject: "held_out" if rank < held_out else "validation" if rank < held_out + validation else "train"
        for rank, subject in enumerate(order)
    }
    return {
        side: sorted(stem for stem, subject in subject_of.items() if side_of[subject] == side)
        for side in ("held_out", "validation", "train")
    }


def _write_photo(folder: Path, stem: str, photo: PlacedPhoto, analysis: Analysis) -> None:
    pixels = read_pixels(photo.image, photo.places, analysis.sha256)
    height, width = pixels.shape[:2]
    truth = {
        "size": [width, height],
        "um_per_px": analysis.um_per_px,
        "hairs": [_mark(hair) for hair in analysis.hairs],
    }
    for name, picture in (
        ("images", pixels),
        ("masks", np.where(analysis.counting_mask, 255, 0).astype(np.uint8)),
    ):
        with whole_file(folder / name / f"{stem}.png") as temporary:
            Image.fromarray(picture).save(temporary, "PNG")
    with whole_file(folder / "truth" / f"{stem}.json") as temporary:
        temporary.write_text(json.dumps(truth), encoding="utf-8")


def _mark(hair: Hair) -> dict[str, Any]:
    path: Sequence[Sequence[float]] = hair.path_px.round(2).tolist()
    return {
        "kind": "hair",
        "path": path,
        "root": path[0],
        "tip": path[-1],
        "root_visible": "root_not_visible" not in hair.flags,
        "tip_visible": not {"cut_by_edge", "tip_not_seen"} & set(hair.flags),
    }
