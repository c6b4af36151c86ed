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

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Kind = Literal["premium", "single", "undersize", "abnormal"]

UNDERSIZE_BELOW_UM = 40.0
"""Mean diameter below which a hair is called undersize (TrichoScan's cut-off, field.md)."""

SHORTEST_VISIBLE_PX = 3.0
"""A hair of which less lies inside the photo is left out of the truth."""

ROOT_PATCH_UM = 60.0
"""Beginning of the shaft that must be seen for the root to count as visible."""

COVERS_ALL = {"scale": 2**30, "aperture": 2**30 + 1, "sign": 2**30 + 2}
"""Numbers above those of all shafts: what hides whatever lies beneath."""

Hider = int | str
"""What hides a part of a shaft: the id of another hair, a key of `COVERS_ALL`, or "edge"."""

LEAST_CONTRAST = 0.06
"""Mean change of light along a shaft, after the lens's blur, below which a careful person does not see it."""

COVERED_SHARE = 0.6
"""Share of a shaft (of its beginning) under other hair or a scale beyond which it counts as hidden."""


@dataclass(frozen=True, eq=False)
class PhantomHair:
    """Truth about a hair of the photo.

    Attributes
    ----------
    hair_id, unit_id : int
        As in the scalp; unit_id -1 for debris.
    path_px : (N, 2) float64
        Part of the centre line inside the photo, root or entry first.
    width_px : (N,) float64
    kind : str
        premium (of a unit with several), single, undersize (thin), abnormal (debris).
    root_visible : bool
        The root lies inside the photo and is hidden neither by other hair nor by a scale.
    cut_by_edge : bool
        Part of the shaft lies outside the photo.
    visible_px : tuple of (float, float)
        Runs of the path, in px along it from its first point, that nothing hides.
    hidden_by : tuple of int or str
        What hides the rest: ids of hairs that lie above, "scale", "aperture", "sign", "edge".
    """

    hair_id: int
    unit_id: int
    path_px: Floats
    width_px: Floats
    kind: Kind
    root_visible: bool
    cut_by_edge: bool
    visible_px: tuple[tuple[float, float], ...] = ()
    hidden_by: tuple[Hider, ...] = ()


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
        if contrast[k] <= 0:
            continue
        clipped = clip_path(shaft.path_px, shaft.width_px, camera.width_px, camera.height_px)
        if clipped is None:
            continue
        path, width, from_root, to_tip = clipped
        blur_px = 2.36 * camera.blur_px + shaft.soft_px - 1
        if contrast[k] * min(1.0, float(width.mean()) / blur_px) < LEAST_CONTRAST:
            continue
        if covered_share(path, k, top, camera) > 1 - (1 - COVERED_SHARE) / 2:
            continue
        visible, hiders = visible_runs(path, k, top, camera)
        begin = _beginning(path, ROOT_PATCH_UM / camera.um_per_px)
        seen = covered_share(begin, k, top, camera) <= COVERED_SHARE and not hair.flake
        truths.append(
            PhantomHair(
                hair_id=hair.hair_id,
                unit_id=hair.unit_id,
                path_px=path,
                width_px=width,
                kind=_kind(hair, unit_sizes[hair.unit_id]),
                root_visible=bool(from_root and seen),
                cut_by_edge=not (from_root and to_tip),
                visible_px=visible,
                hidden_by=_hidden_by(hiders, hairs, not (from_root and to_tip)),
            )
        )
    return tuple(sorted(truths, key=lambda h: h.hair_id))


def _kind(hair: TrueHair, unit_size: int) -> Kind:
    if hair.kind == "debris":
        return "abnormal"
    if float(hair.width_um.mean()) < UNDERSIZE_BELOW_UM:
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
    knots = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path_px, axis=0).T))])
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
    knots = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path_px, axis=0).T))])
    at = np.linspace(0, min(length_px, knots[-1]), 7)
    return np.column_stack([np.interp(at, knots, path_px[:, c]) for c in (0, 1)])


def clip_path(
    path_px: Floats, width_px: Floats, photo_width_px: int, photo_height_px: int
) -> tuple[Floats, Floats, bool, bool] | None:
    """Longest part of a path inside the photo.

    Returns
    -------
    tuple or None
        Path (N, 2) and widths (N,), whether the part begins at the root, whether it ends at the tip;
        None where less than `SHORTEST_VISIBLE_PX` lies inside.
    """
    low, high = np.array([-0.5, -0.5]), np.array([photo_width_px - 0.5, photo_height_px - 0.5])
    inside = np.all((path_px >= low) & (path_px <= high), axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(np.int8), [0]])))
    if not len(edges):
        return None
    runs = edges.reshape(-1, 2)
    first, stop = (int(v) for v in runs[np.argmax(runs[:, 1] - runs[:, 0])])
    points, widths = list(path_px[first:stop]), list(width_px[first:stop])
    if first > 0:
        points.insert(0, _edge_point(path_px[first], path_px[first - 1], low, high))
        widths.insert(0, width_px[first])
    if stop < len(path_px):
        points.append(_edge_point(path_px[stop - 1], path_px[stop], low, high))
        widths.append(width_px[stop - 1])
    path = np.array(points)
    if len(path) < 2 or np.hypot(*np.diff(path, axis=0).T).sum() < SHORTEST_VISIBLE_PX:
        return None
    return path, np.array(widths), first == 0, stop == len(path_px)


def _edge_point(inner: Floats, outer: Floats, low: Floats, high: Floats) -> Floats:
    """Where the step from an inner to an outer point leaves the photo."""
    step = outer - inner
    with np.errstate(divide="ignore"):
        shares = np.where(step > 0, (high - inner) / step, np.where(step < 0, (low - inner) / step, np.inf))
    return np.asarray(inner + step * min(1.0, float(shares.min())))
