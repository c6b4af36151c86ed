"""Training crops: real photos with hand-drawn hairs and phantoms, augmented, with label maps.

What the annotation does not cover has weight 0: beyond the photo's edge, beside it (hairs there are
often left out), and, where the caller says that the annotation was cut along the photo's middle lines,
wherever a hair would cross one of these seams.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.learn.augment import augment_pixels
from trichoscan.learn.labels import LabelledHair, label_maps
from trichoscan.phantom.draw import draw_phantom
from trichoscan.photo.read import EXTENSIONS, read_photo
from trichoscan.records import TrichoscanError
from trichoscan.segment.cells import CELL_PX
from trichoscan.segment.network import DIRECTIONS, ORIENTATIONS, WORKING_UM_PER_PX

EDGE_UM = 170.0
"""Within this of the photo's edge the hand annotation is incomplete (30 px in shared/data/fdu)."""
SEAM_REACH_UM = 650.0
"""A hair that begins this close to a seam and points at it may have been left out."""
CUT_MARGIN_CELLS = 3.0
"""An end this close outside the crop still shows."""
HARD_SHARE = 0.5
"""So many crops lie about a hair that is hard to tell, the others anywhere."""
ZOOM, FINER_SHARE, FINER_ZOOM = 0.3, 0.2, 0.7
"""Photos are shown as up to so much finer or coarser than they are, and so many of them as up to so much
finer; natural logarithms. Close up a shaft of clipped hair is wide, and leaves the crop as long hair does."""
BUNDLE_UM, THIN_HARDNESS = 250.0, 4.0
"""A hair is as hard as roots lie so near to its own (itself included); a thin one at least as said."""
STYLE_SHARE = {
    "clipped": 0.16,
    "long": 0.20,
    "thin": 0.15,
    "light": 0.12,
    "dark_skin": 0.13,
    "tufted": 0.18,
    "wide": 0.04,
    "bare": 0.02,
}
"""How often each style of phantom is trained on: more of what no real photo here shows, and is hard."""


@dataclass(frozen=True, eq=False)
class AnnotatedPhoto:
    """A photo and its hairs, in its own px.

    Attributes
    ----------
    name : str
    pixels : (H, W, 3) uint8
    um_per_px : float
    hairs : tuple of LabelledHair
        Debris is not among them: it counts as skin.
    seams_px : (x, y) or None
        Column and row along which the annotation was cut.
    edge_um : float
        Width of the margin in which hairs may be missing.
    known_mask : (H, W) bool or None
        Where all hairs are known; None: everywhere.
    """

    name: str
    pixels: NDArray[np.uint8]
    um_per_px: float
    hairs: tuple[LabelledHair, ...]
    seams_px: tuple[float, float] | None = None
    edge_um: float = 0.0
    known_mask: NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False)
class Crop:
    """One training sample.

    Attributes
    ----------
    pixels : (H, W, 3) uint8
        At about the working scale.
    labels : dict of str to (C, h, w) float32
        See `labels.label_maps`.
    weights : dict of str to (C, h, w) float32
        0 where the annotation says nothing; keys root, tip, shaft.
    """

    pixels: NDArray[np.uint8]
    labels: dict[str, NDArray[np.float32]]
    weights: dict[str, NDArray[np.float32]]


def split_by_name(stems: Sequence[str], held_out: int, validation: int) -> dict[str, list[str]]:
    """Split photos by the sha256 of their name: the same photo is always on the same side.

    Returns
    -------
    dict
        "held_out" (never trained on, nor looked at for a choice), "validation" (for operating
        points), "train"; each sorted.
    """
    order = sorted(stems, key=lambda s: hashlib.sha256(s.encode()).hexdigest())
    return {
        "held_out": sorted(order[:held_out]),
        "validation": sorted(order[held_out : held_out + validation]),
        "train": sorted(order[held_out + validation :]),
    }


def read_annotated(
    folder: Path, stems: Sequence[str] | None = None, *, seams: bool = False
) -> list[AnnotatedPhoto]:
    """Read photos of `folder`/images with hairs in `folder`/truth.

    Where `folder`/masks has a PNG of a photo's name, hairs are known where it is not black.

    Parameters
    ----------
    folder : Path
    stems : sequence of str, optional
        Only these; all by default.
    seams : bool
        Whether the annotation was cut along the photo's middle lines, as in shared/data/fdu.

    Raises
    ------
    TrichoscanError
        Where the folder has no truth, or a truth file is damaged or has no photo.
    """
    files = sorted((folder / "truth").glob("*.json"))
    if not files:
        raise TrichoscanError(f"{folder}: no truth/*.json here; give a folder with images/ and truth/")
    wanted = None if stems is None else set(stems)
    photos = photos_by_stem(folder / "images")
    return [_read_one(f, photos, seams) for f in files if wanted is None or f.stem in wanted]


def photos_by_stem(images: Path) -> dict[str, Path]:
    """Photo of each stem; of several, that whose extension comes first in the alphabet."""
    files = [f for f in images.iterdir() if f.suffix.lower() in EXTENSIONS] if images.is_dir() else []
    files.sort(key=lambda f: (f.suffix.lower(), f.suffix), reverse=True)
    return {f.stem: f for f in files}


def _read_one(truth_file: Path, photos: Mapping[str, Path], seams: bool) -> AnnotatedPhoto:
    if truth_file.stem not in photos:
        raise TrichoscanError(
            f"{truth_file}: no photo of this name in {truth_file.parents[1] / 'images'}; "
            "add it or remove the truth"
        )
    try:
        truth = json.loads(truth_file.read_text(encoding="utf-8"))
        width, height = truth["size"]
        um_per_px = float(truth["um_per_px"])
        by_hand = not any("hair_id" in mark for mark in truth["hairs"])
        hairs = tuple(
            hair for mark in truth["hairs"] if mark["kind"] != "abnormal" for hair in _labelled(mark)
        )
        seams_px = (width / 2, height / 2) if seams else None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrichoscanError(
            f"{truth_file}: not a truth file ({error!r}): write it as 'trichoscan phantom' does, or remove it"
        ) from None
    mask_file = truth_file.parents[1] / "masks" / f"{truth_file.stem}.png"
    return AnnotatedPhoto(
        truth_file.stem,
        read_photo(photos[truth_file.stem]).pixels,
        um_per_px,
        hairs,
        seams_px=seams_px,
        edge_um=EDGE_UM if by_hand and not mask_file.is_file() else 0.0,
        known_mask=read_photo(mask_file).pixels[..., 0] > 0 if mask_file.is_file() else None,
    )


def _labelled(mark: Mapping[str, Any]) -> list[LabelledHair]:
    """Hair of one mark of a truth file, and the parts of it that come back into the photo."""
    paths = [mark.get("path") or [mark["root"], mark["tip"]]]
    paths += [part["path"] for part in mark.get("other_parts", ())]
    first, *others = (np.asarray(path, float) for path in paths)
    for path in (first, *others):
        if path.ndim != 2 or path.shape[1] != 2:
            raise ValueError(f"a path of shape {path.shape}")
    root_visible = mark.get("root_visible", True)
    tip_visible = mark.get("tip_visible", not mark.get("cut_by_edge", False))
    hair = LabelledHair(first, root_visible, tip_visible, mark["kind"] == "undersize")
    return [hair, *_without_ends(others)]


def _without_ends(paths: Sequence[NDArray[np.float64]]) -> list[LabelledHair]:
    """Parts of shafts between edges of the photo."""
    return [LabelledHair(path, root_visible=False, tip_visible=False) for path in paths]


def turned_about(photo: AnnotatedPhoto, rng: np.random.Generator) -> AnnotatedPhoto:
    """Turn a whole photo by quarters, mirror it half of the time, change its light and its scale.

    Parameters
    ----------
    photo : AnnotatedPhoto
        Its mask of where hairs are known is turned with it, and so are seams, which cut it in halves. Its px
        stay: other um are said of them, so that they are shown finer or coarser as crops are.
    rng : numpy.random.Generator
    """
    quarters, mirrored = int(rng.integers(4)), bool(rng.integers(2))
    zoom = _random_zoom(rng)

    def turned(picture: NDArray[Any]) -> NDArray[Any]:
        picture = np.rot90(picture, quarters)
        return np.ascontiguousarray(picture[:, ::-1] if mirrored else picture)

    middle = (np.array(photo.pixels.shape[1::-1]) - 1) / 2
    pixels = turned(photo.pixels)
    new_middle = (np.array(pixels.shape[1::-1]) - 1) / 2
    angle = -np.pi / 2 * quarters
    c, s = round(np.cos(angle)), round(np.sin(angle))
    linear = np.diag([-1 if mirrored else 1, 1]) @ np.array([[c, -s], [s, c]])
    return replace(
        photo,
        pixels=augment_pixels(pixels, rng),
        um_per_px=photo.um_per_px * zoom,
        hairs=tuple(replace(hair, path=(hair.path - middle) @ linear.T + new_middle) for hair in photo.hairs),
        seams_px=None if photo.seams_px is None else (pixels.shape[1] / 2, pixels.shape[0] / 2),
        known_mask=None if photo.known_mask is None else turned(photo.known_mask),
    )


def random_crop(photo: AnnotatedPhoto, size_px: int, rng: np.random.Generator) -> Crop:
    """Turn, mirror, scale and cut a photo at random, then change its light and blur.

    Parameters
    ----------
    photo : AnnotatedPhoto
    size_px : int
        Side of the crop at the working scale.
    rng : numpy.random.Generator
    """
    zoom = photo.um_per_px / WORKING_UM_PER_PX * _random_zoom(rng)
    affine = _random_affine(_random_centre(photo, size_px / zoom, rng), zoom, size_px, rng)
    shrink = min(1.0, 1.3 * zoom)
    source, to_source = photo.pixels, affine
    if shrink < 1.0:
        source = cv2.resize(photo.pixels, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        half_px = 0.5 / shrink - 0.5
        to_source = affine @ np.array([[1 / shrink, 0, half_px], [0, 1 / shrink, half_px], [0, 0, 1.0]])
    pixels = cv2.warpAffine(
        source, to_source[:2], (size_px, size_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    cells = size_px // CELL_PX
    to_cell = (
        np.array([[1 / CELL_PX, 0, 0.5 / CELL_PX - 0.5], [0, 1 / CELL_PX, 0.5 / CELL_PX - 0.5], [0, 0, 1]])
        @ affine
    )
    hairs = [_moved(h, to_cell, cells) for h in photo.hairs]
    labels = label_maps([h for h in hairs if h is not None], (cells, cells))
    weights = _weights(photo, np.asarray(np.linalg.inv(to_cell), np.float64), cells)
    for name in ("root", "tip"):
        weights[name] = np.where(labels[name] > 0.05, 1.0, weights[name]).astype(np.float32)
    weights["shaft"] = np.where(labels["shaft"] == 1.0, 1.0, weights["shaft"]).astype(np.float32)
    return Crop(augment_pixels(pixels, rng), labels, weights)


def _random_zoom(rng: np.random.Generator) -> float:
    """How many times finer a photo is shown than it is."""
    log = rng.uniform(0, FINER_ZOOM) if rng.random() < FINER_SHARE else rng.uniform(-ZOOM, ZOOM)
    return float(np.exp(log))


def _random_centre(photo: AnnotatedPhoto, side_px: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Centre of a crop of that side: anywhere, or about a hard hair."""
    limits = np.array(photo.pixels.shape[1::-1], float)
    low = np.minimum(0.4 * side_px, limits / 2)
    if not photo.hairs or rng.random() >= HARD_SHARE:
        return rng.uniform(low, limits - low)
    hair = photo.hairs[int(rng.choice(len(photo.hairs), p=_hardness(photo)))]
    about = hair.path[0] + rng.uniform(-0.35, 0.35, 2) * side_px
    return np.clip(about, low, limits - low)


def _hardness(photo: AnnotatedPhoto) -> NDArray[np.float64]:
    """(N,) how hard each hair is to tell, summing to 1."""
    roots = np.array([hair.path[0] for hair in photo.hairs])
    apart_um = np.linalg.norm(roots[:, None] - roots, axis=-1) * photo.um_per_px
    hardness = (apart_um < BUNDLE_UM).sum(1).astype(float)
    thin = np.array([hair.thin for hair in photo.hairs])
    hardness[thin] = np.maximum(hardness[thin], THIN_HARDNESS)
    return np.asarray(hardness / hardness.sum(), np.float64)


def _random_affine(
    centre: NDArray[np.float64], zoom: float, size_px: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """(3, 3) from photo px to crop px: turned by any angle, mirrored half of the time."""
    angle = rng.uniform(0, 2 * np.pi)
    mirror = rng.choice([-1.0, 1.0])
    c, s = np.cos(angle), np.sin(angle)
    linear = zoom * np.array([[c, -s], [s, c]]) @ np.diag([mirror, 1.0])
    affine = np.eye(3)
    affine[:2, :2] = linear
    affine[:2, 2] = (size_px - 1) / 2 - linear @ centre
    return affine


def _moved(hair: LabelledHair, to_cell: NDArray[np.float64], cells: int) -> LabelledHair | None:
    """`hair` in cells of the crop; None where it lies outside."""
    path = hair.path @ to_cell[:2, :2].T + to_cell[:2, 2]
    low, high = -CUT_MARGIN_CELLS, cells - 1 + CUT_MARGIN_CELLS
    if (path.max(0) < low).any() or (path.min(0) > high).any():
        return None
    inside = np.asarray(((path >= low) & (path <= high)).all(1), bool)
    return LabelledHair(path, hair.root_visible and bool(inside[0]), hair.tip_visible and bool(inside[-1]))


def _weights(
    photo: AnnotatedPhoto, to_photo: NDArray[np.float64], cells: int
) -> dict[str, NDArray[np.float32]]:
    """1 where the absence of a label means absence of a hair."""
    grid = np.stack(np.meshgrid(np.arange(cells), np.arange(cells)), -1).astype(np.float32)
    at = grid @ to_photo[:2, :2].T.astype(np.float32) + to_photo[:2, 2].astype(np.float32)
    edge = photo.edge_um / photo.um_per_px
    limits = np.array(photo.pixels.shape[1::-1]) - 1
    known = np.asarray(((at >= edge) & (at <= limits - edge)).all(-1), bool)
    if photo.known_mask is not None:
        x, y = np.clip(np.round(at), 0, limits).astype(int).transpose(2, 0, 1)
        known &= photo.known_mask[y, x]
    directed = np.broadcast_to(known, (DIRECTIONS, cells, cells)).astype(np.float32)
    plain = np.broadcast_to(known, (ORIENTATIONS, cells, cells)).astype(np.float32)
    if photo.seams_px is None:
        return {"root": directed, "tip": directed, "shaft": plain}
    reach = SEAM_REACH_UM / photo.um_per_px
    root, tip = directed.copy(), directed.copy()
    linear = to_photo[:2, :2] / np.sqrt(abs(np.linalg.det(to_photo[:2, :2])))
    for d in range(DIRECTIONS):
        angle = 2 * np.pi * d / DIRECTIONS
        ahead = reach * (linear @ np.array([np.cos(angle), np.sin(angle)]))
        root[d][_crosses(at, ahead, photo.seams_px, edge)] = 0.0
        tip[d][_crosses(at, -ahead, photo.seams_px, edge)] = 0.0
    near = (np.abs(at - np.array(photo.seams_px)) < 0.6 * reach).any(-1)
    return {"root": root, "tip": tip, "shaft": np.where(near, 0.0, plain).astype(np.float32)}


def _crosses(
    at: NDArray[np.float32], ahead: NDArray[np.float64], seams_px: tuple[float, float], margin: float
) -> NDArray[np.bool_]:
    """Whether the segment from each point on by `ahead` comes within `margin` of a seam."""
    crossing: NDArray[np.bool_] = np.zeros(at.shape[:2], np.bool_)
    for axis, seam in enumerate(seams_px):
        low, high = min(0.0, ahead[axis]) - margin, max(0.0, ahead[axis]) + margin
        crossing |= (at[..., axis] + low < seam) & (seam < at[..., axis] + high)
    return crossing


def phantom_photo(
    seed: int, size_px: int, rng: np.random.Generator, style: str | None = None
) -> AnnotatedPhoto:
    """Draw a phantom a little larger than a crop, as a photo to cut from; by default of any style."""
    style = style or str(rng.choice(list(STYLE_SHARE), p=list(STYLE_SHARE.values())))
    finest, coarsest = (8.0, 16.0) if style == "wide" else (2.2, 12.0)
    um_per_px = float(np.exp(rng.uniform(np.log(finest), np.log(coarsest))))
    side = int(np.clip(1.25 * size_px * WORKING_UM_PER_PX / um_per_px, 64, 900))
    phantom = draw_phantom(seed, style, side, side, um_per_px)
    hairs = []
    for h in phantom.hairs:
        if h.kind != "abnormal":
            hairs.append(LabelledHair(h.path_px, h.root_visible, h.tip_visible, h.kind == "undersize"))
            hairs += _without_ends([part.path_px for part in h.other_parts])
    return AnnotatedPhoto(f"phantom_{seed}", phantom.pixels, phantom.um_per_px, tuple(hairs))
