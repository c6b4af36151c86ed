"""Truth about a photo: which hairs are on it, where, and what hides them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.camera import Camera
from trichoscan.phantom.render import Shaft
from trichoscan.phantom.scalp import TrueHair
from trichoscan.phantom.shafts import arc, mean_width

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Kind = Literal["premium", "single", "undersize", "abnormal"]

UNDERSIZE_BELOW_UM = 40.0
"""Mean diameter below which a hair is called undersize (TrichoScan's cut-off, field.md)."""

SHORTEST_VISIBLE_PX = 3.0
"""A part of a shaft of which less lies inside the photo is left out of the truth."""

END_PATCH_UM = 60.0
"""End of the shaft that must be seen for the root, or the tip, to count as visible."""

COVERS_ALL = {"scale": 2**30, "aperture": 2**30 + 1, "sign": 2**30 + 2}
"""Numbers above those of all shafts: what hides whatever lies beneath."""

Hider = int | str
"""What hides a part of a shaft: the id of another hair, a key of `COVERS_ALL`, or "edge"."""

LEAST_CONTRAST = 0.06
"""Mean change of light along a shaft, after the lens's blur, below which a careful person does not see it."""

COVERED_SHARE = 0.6
"""Share of a shaft (of its beginning) under other hair or a scale beyond which it counts as hidden."""


@dataclass(frozen=True, eq=False)
class ShaftPart:
    """A part of a shaft inside the photo.

    Attributes
    ----------
    path_px : (N, 2) float64
        Centre line in the direction from root to tip.
    width_px : (N,) float64
    visible_px : tuple of (float, float)
        Runs of the path, in px along it from its first point, that nothing hides.
    """

    path_px: Floats
    width_px: Floats
    visible_px: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, eq=False)
class PhantomHair:
    """Truth about a hair of the photo.

    Attributes
    ----------
    hair_id, unit_id : int
        As in the scalp; unit_id -1 for debris.
    path_px : (N, 2) float64
        Part of the centre line inside the photo, root or entry first: the part that begins at the root, or
        the longest one where the root lies outside.
    width_px : (N,) float64
    kind : str
        premium (of a unit with several), single, undersize (thin), abnormal (debris).
    root_visible : bool
        The root lies inside the photo and is hidden neither by other hair nor by a scale.
    tip_visible : bool
        `path_px` ends at the hair's tip, and that is hidden neither.
    cut_by_edge : bool
        Part of the shaft lies outside the photo.
    visible_px : tuple of (float, float)
        Runs of the path, in px along it from its first point, that nothing hides.
    hidden_by : tuple of int or str
        What hides the rest: ids of hairs that lie above, "scale", "aperture", "sign", "edge".
    other_parts : tuple of ShaftPart
        Further parts inside the photo of a shaft that leaves it and comes back, in their order along it.
    """

    hair_id: int
    unit_id: int
    path_px: Floats
    width_px: Floats
    kind: Kind
    root_visible: bool
    tip_visible: bool
    cut_by_edge: bool
    visible_px: tuple[tuple[float, float], ...] = ()
    hidden_by: tuple[Hider, ...] = ()
    other_parts: tuple[ShaftPart, ...] = ()


def write_down(
    hairs: tuple[TrueHair, ...],
    unit_sizes: Counter[int],
    shafts: list[Shaft],
    top: NDArray[np.int32],
    contrast: Singles,
    camera: Camera,
) -> tuple[PhantomHair, ...]:
    """Write down which hairs a careful person could see on the photo, and where.

    Parameters
    ----------
    hairs : tuple of TrueHair
        In the order in which they lie, lowest first; K of them.
    unit_sizes : Counter
        Hairs of each unit by unit_id.
    shafts : list of Shaft
        The hairs on the photo.
    top : (H * W,) int32
        Index of the uppermost shaft of each pixel; -1 for none, a number of `COVERS_ALL` where none shows.
    contrast : (K,) float32
        See `lay.lay_hairs`.
    camera : Camera

    Returns
    -------
    tuple of PhantomHair
        By hair_id.
    """
    truths = []
    for k, (hair, shaft) in enumerate(zip(hairs, shafts, strict=True)):
        if contrast[k] > 0:
            truth = _seen_of(k, hair, unit_sizes[hair.unit_id], shaft, hairs, top, float(contrast[k]), camera)
            truths += [] if truth is None else [truth]
    return tuple(sorted(truths, key=lambda h: h.hair_id))


def _seen_of(
    k: int,
    hair: TrueHair,
    unit_size: int,
    shaft: Shaft,
    hairs: tuple[TrueHair, ...],
    top: NDArray[np.int32],
    contrast: float,
    camera: Camera,
) -> PhantomHair | None:
    """What a careful person could see of a hair; None where that is nothing."""
    clipped = clip_path(shaft.path_px, shaft.width_px, camera.width_px, camera.height_px)
    if not clipped.parts:
        return None
    blur_px = 2.36 * camera.blur_px + float(np.mean(shaft.soft_px)) - 1
    mean_px = float(np.concatenate([width for _, width in clipped.parts]).mean())
    if contrast * min(1.0, mean_px / blur_px) < LEAST_CONTRAST:
        return None
    shown = np.concatenate([path for path, _ in clipped.parts])
    if covered_share(shown, k, top, camera) > 1 - (1 - COVERED_SHARE) / 2:
        return None
    runs = [visible_runs(path, k, top, camera) for path, _ in clipped.parts]
    parts = [ShaftPart(*part, visible) for part, (visible, _) in zip(clipped.parts, runs, strict=True)]
    lengths = [float(arc(p.path_px)[-1]) for p in parts]
    chosen = 0 if clipped.from_root else int(np.argmax(lengths))
    has_tip = clipped.to_tip and chosen == len(parts) - 1
    main = parts.pop(chosen)
    bare, tip_bare = (
        covered_share(_beginning(path, END_PATCH_UM / camera.um_per_px), k, top, camera) <= COVERED_SHARE
        for path in (main.path_px, main.path_px[::-1])
    )
    return PhantomHair(
        hair_id=hair.hair_id,
        unit_id=hair.unit_id,
        path_px=main.path_px,
        width_px=main.width_px,
        kind=_kind(hair, mean_width(shaft.path_px, hair.width_um), unit_size),
        root_visible=clipped.from_root and bare and not hair.flake,
        tip_visible=has_tip and tip_bare,
        cut_by_edge=not clipped.whole,
        visible_px=main.visible_px,
        hidden_by=_hidden_by(set().union(*(hiders for _, hiders in runs)), hairs, not clipped.whole),
        other_parts=tuple(parts),
    )


def _kind(hair: TrueHair, diameter_um: float, unit_size: int) -> Kind:
    if hair.kind == "debris":
        return "abnormal"
    if diameter_um < UNDERSIZE_BELOW_UM:
        return "undersize"
    return "premium" if unit_size > 1 else "single"


def visible_runs(
    path_px: Floats, k: int, top: NDArray[np.int32], camera: Camera
) -> tuple[tuple[tuple[float, float], ...], set[int]]:
    """Find what of shaft k's path shows, to about 1 px.

    Returns
    -------
    tuple of (float, float)
        Runs in px along the path.
    set of int
        Numbers in `top` of what hides the rest.
    """
    knots = arc(path_px)
    at = np.linspace(0, knots[-1], max(int(np.ceil(knots[-1])) + 1, 2))
    above = _on_path(np.column_stack([np.interp(at, knots, path_px[:, c]) for c in (0, 1)]), top, camera)
    shows = above <= k
    turns = np.flatnonzero(np.diff(shows)) + 1
    bounds = np.concatenate([[0.0], (at[turns] + at[turns - 1]) / 2, [knots[-1]]])
    runs = zip(bounds[:-1], bounds[1:], shows[np.concatenate([[0], turns])], strict=True)
    hiders = {int(n) for n in above[~shows]}
    return tuple((float(low), float(high)) for low, high, seen in runs if seen), hiders


def _hidden_by(numbers: set[int], hairs: tuple[TrueHair, ...], cut: bool) -> tuple[Hider, ...]:
    ids = sorted(hairs[n].hair_id for n in numbers if n < len(hairs))
    things = [name for name, number in COVERS_ALL.items() if number in numbers]
    return (*ids, *things, *(["edge"] if cut else []))


def _on_path(path_px: Floats, top: NDArray[np.int32], camera: Camera) -> NDArray[np.int32]:
    """(N,) what lies uppermost at points of a path."""
    x = np.clip(np.rint(path_px[:, 0]).astype(int), 0, camera.width_px - 1)
    y = np.clip(np.rint(path_px[:, 1]).astype(int), 0, camera.height_px - 1)
    return np.asarray(top[y * camera.width_px + x])


def covered_share(path_px: Floats, k: int, top: NDArray[np.int32], camera: Camera) -> float:
    """Share of a path that lies under hairs above shaft k."""
    return float((_on_path(path_px, top, camera) > k).mean())


def _beginning(path_px: Floats, length_px: float) -> Floats:
    knots = arc(path_px)
    at = np.linspace(0, min(length_px, knots[-1]), 7)
    return np.column_stack([np.interp(at, knots, path_px[:, c]) for c in (0, 1)])


@dataclass(frozen=True, eq=False)
class Clipped:
    """What of a path lies inside a photo.

    Attributes
    ----------
    parts : tuple of (path, widths)
        (N, 2) and (N,) float64 each, in their order along the path.
    from_root : bool
        Whether the first part begins where the path does.
    to_tip : bool
        Whether the last part ends where the path does.
    whole : bool
        Whether all of the path lies inside.
    """

    parts: tuple[tuple[Floats, Floats], ...]
    from_root: bool
    to_tip: bool
    whole: bool


def clip_path(path_px: Floats, width_px: Floats, photo_width_px: int, photo_height_px: int) -> Clipped:
    """Cut a path at the edge of a photo, wherever it leaves and enters it.

    Parts shorter than `SHORTEST_VISIBLE_PX` are left out.
    """
    enter, leave = _inside_shares(path_px, photo_width_px, photo_height_px)
    within = leave > enter
    # Segment i goes on where i - 1 stopped if nothing of either is missing at their common point.
    goes_on = np.zeros(len(within), np.bool_)
    goes_on[1:] = within[1:] & within[:-1] & (leave[:-1] == 1) & (enter[1:] == 0)
    parts, ends = [], []
    for first in np.flatnonzero(within & ~goes_on):
        last = int(first)
        while last + 1 < len(within) and goes_on[last + 1]:
            last += 1
        at = np.concatenate([[first + enter[first]], np.arange(first + 1, last + 1), [last + leave[last]]])
        knots = np.arange(len(path_px))
        path = np.column_stack([np.interp(at, knots, path_px[:, c]) for c in (0, 1)])
        if arc(path)[-1] >= SHORTEST_VISIBLE_PX:
            parts.append((path, np.interp(at, knots, width_px)))
            ends.append((float(at[0]), float(at[-1])))
    whole = len(parts) == 1 and bool(np.all((enter == 0) & (leave == 1)))
    from_root, to_tip = bool(ends) and ends[0][0] == 0, bool(ends) and ends[-1][1] == len(path_px) - 1
    return Clipped(tuple(parts), from_root, to_tip, whole)


def _inside_shares(path_px: Floats, photo_width_px: int, photo_height_px: int) -> tuple[Floats, Floats]:
    """(N - 1,) shares of each segment at which it enters and leaves the photo; leave <= enter: outside."""
    low, high = np.array([-0.5, -0.5]), np.array([photo_width_px - 0.5, photo_height_px - 0.5])
    start, step = path_px[:-1], np.diff(path_px, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        bounds = np.stack([(low - start) / step, (high - start) / step])
    along = step == 0
    between = (start >= low) & (start <= high)
    near = np.where(along, np.where(between, -np.inf, np.inf), bounds.min(axis=0))
    far = np.where(along, np.where(between, np.inf, -np.inf), bounds.max(axis=0))
    return np.maximum(near.max(axis=1), 0.0), np.minimum(far.min(axis=1), 1.0)
