"""Scalp photos with known truth: style, scalp, photo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.camera import Camera, burn_in, dark_surround, draw_camera, expose, from_jpeg, to_jpeg
from trichoscan.phantom.paint import lay_scales, paint_skin
from trichoscan.phantom.render import SUBPIXEL_BITS, Cover, Shaft, cover, fixed_point
from trichoscan.phantom.scalp import Scalp, TrueHair, grow_scalp
from trichoscan.phantom.skin import scale_outline
from trichoscan.phantom.style import STYLE_SHARE, UM_PER_PX, draw_style

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Kind = Literal["premium", "single", "undersize", "abnormal"]

UNDERSIZE_BELOW_UM = 40.0
"""Mean diameter below which a hair is called undersize (TrichoScan's cut-off, field.md)."""

SHORTEST_VISIBLE_PX = 3.0
"""A hair of which less lies inside the photo is left out of the truth."""

ROOT_PATCH_UM = 60.0
"""Beginning of the shaft that must be seen for the root to count as visible."""

COVERS_ALL = 2**30
"""Number of the shaft that lies above all others: a burnt-in sign, the surround of the aperture."""

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
    """

    hair_id: int
    unit_id: int
    path_px: Floats
    width_px: Floats
    kind: Kind
    root_visible: bool
    cut_by_edge: bool


@dataclass(frozen=True, eq=False)
class Phantom:
    """A drawn photo.

    Attributes
    ----------
    pixels : (H, W, 3) uint8
        RGB, as decoded from `jpeg`.
    um_per_px : float
    hairs : tuple of PhantomHair
    style : str
    jpeg : bytes
        The photo's file.
    scalp : Scalp
    camera : Camera
    """

    pixels: NDArray[np.uint8]
    um_per_px: float
    hairs: tuple[PhantomHair, ...]
    style: str
    jpeg: bytes
    scalp: Scalp
    camera: Camera


def draw_phantom(
    seed: int,
    style: str | None = None,
    width_px: int = 1280,
    height_px: int = 1024,
    um_per_px: float | None = None,
) -> Phantom:
    """Draw a scalp photo with known truth.

    Parameters
    ----------
    seed : int
        Not negative; the same seed gives the same bytes.
    style : str or None
        A key of `STYLE_SHARE`; drawn when None.
    width_px, height_px : int
        At least 64.
    um_per_px : float or None
        Scale; drawn as it goes with the style when None.

    Returns
    -------
    Phantom

    Raises
    ------
    ValueError
        Style unknown or photo too small.
    """
    if style is not None and style not in STYLE_SHARE:
        raise ValueError(f"no style {style!r}; there are {', '.join(STYLE_SHARE)}")
    if min(width_px, height_px) < 64:
        raise ValueError("a phantom needs at least 64 x 64 px")
    choose, grow, see = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
    drawn = str(choose.choice(list(STYLE_SHARE), p=list(STYLE_SHARE.values())))
    name = drawn if style is None else style
    drawn_scale = float(choose.uniform(*UM_PER_PX[name]))
    scale = drawn_scale if um_per_px is None else um_per_px
    half_size_um = (width_px * scale / 2, height_px * scale / 2)
    scalp = grow_scalp(draw_style(name, choose), half_size_um, grow)
    camera = draw_camera(name, width_px, height_px, scale, see)
    return photograph(scalp, camera, name)


def photograph(scalp: Scalp, camera: Camera, style: str) -> Phantom:
    """Take a photo of a scalp and write down what is on it."""
    shafts = [
        Shaft(
            camera.to_px(h.path_um),
            h.width_um / camera.um_per_px,
            h.bevel,
            1 + h.defocus_um / camera.um_per_px,
        )
        for h in scalp.hairs
    ]
    covered = cover(shafts, camera.width_px, camera.height_px)
    scene = paint_skin(scalp.skin, scalp.hairs, camera)
    lay_scales(scene, scalp.skin.scales_um, camera, 0.6)
    top = lay_hairs(scene, scalp.hairs, covered, camera)
    hiding = _hiding_scales(scalp)
    lay_scales(scene, hiding, camera, 0.95)
    pixels = expose(scene, camera)
    unseen = _under_scales(hiding, camera) | dark_surround(camera)
    top[unseen.ravel() | _signs(pixels, camera)] = COVERS_ALL
    jpeg = to_jpeg(pixels, camera.jpeg_quality)
    return Phantom(
        pixels=from_jpeg(jpeg),
        um_per_px=camera.um_per_px,
        hairs=_truth(scalp, shafts, top, camera),
        style=style,
        jpeg=jpeg,
        scalp=scalp,
        camera=camera,
    )


def _signs(pixels: NDArray[np.uint8], camera: Camera) -> NDArray[np.bool_]:
    """Burn the signs in, in place, and find what they cover: (H * W,) bool, without thin lines."""
    before = pixels.copy()
    burn_in(pixels, camera)
    changed = np.any(pixels != before, axis=2).astype(np.uint8)
    solid = cv2.morphologyEx(changed, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))
    return np.asarray(solid.ravel() > 0)


def _under_scales(outlines_um: list[Floats], camera: Camera) -> NDArray[np.bool_]:
    """(H, W) under an opaque scale of skin."""
    mask: NDArray[np.uint8] = np.zeros((camera.height_px, camera.width_px), np.uint8)
    for outline in outlines_um:
        cv2.fillPoly(mask, [fixed_point(camera.to_px(outline))], 1, cv2.LINE_8, SUBPIXEL_BITS)
    return mask > 0


def _hiding_scales(scalp: Scalp) -> list[Floats]:
    """Outlines of the scales that hide a root."""
    return [
        scale_outline(h.path_um[0], 0.9 * float(h.width_um[0]) + 30.0, np.random.default_rng(h.hair_id))
        for h in scalp.hairs
        if h.flake
    ]


def lay_hairs(
    scene: Singles, hairs: tuple[TrueHair, ...], covered: Cover, camera: Camera
) -> NDArray[np.int32]:
    """Lay the hairs on the skin in their order, in place.

    Returns
    -------
    (H * W,) int32
        Index of the uppermost shaft that covers at least half of the pixel; -1 for none.
    """
    flat = scene.reshape(-1, 3)
    top = np.full(len(flat), -1, np.int32)
    noise = camera.sparkle[0]
    for k, hair in enumerate(hairs):
        part = slice(covered.start[k], covered.start[k + 1])
        pixel, share = covered.pixel[part], covered.share[part]
        if not len(pixel):
            continue
        across, along_um = covered.across[part], covered.along_px[part] * np.float32(camera.um_per_px)
        tone = np.interp(along_um, np.arange(64) * 90.0, noise[(7 * k) % 440 :][:64]).astype(np.float32)
        u = (along_um / np.float32(14.0)).astype(np.int64) + 61 * k
        v = (across * np.float32(4.0) + np.float32(8.0)).astype(np.int64) + 17 * k
        fleck = camera.sparkle[u & 511, v & 511]
        light = (1 + np.float32(0.14) * tone + np.float32(0.08) * fleck) * (1.1 - np.float32(0.3) * across**2)
        colour = hair.colour.astype(np.float32) * light[:, None]
        if hair.gloss > 0.02:
            line = np.exp(-(((across - 0.15) / 0.28) ** 2)) * np.clip(0.6 + 0.5 * tone, 0, None)
            colour += (np.float32(hair.gloss * 0.12) * line)[:, None]
            colour += (np.float32(hair.gloss * 0.35) * np.clip(fleck - 1.8, 0, None))[:, None]
        # A shaft fades in over its own radius where it comes through the skin.
        fade = (
            np.clip(along_um / np.float32(0.5 * hair.width_um[0]) + 0.5, 0, 1) if hair.halo_um > 20 else 1.0
        )
        alpha = (share * np.float32(hair.opacity) * fade)[:, None]
        flat[pixel] += alpha * (colour - flat[pixel])
        top[pixel[share >= 0.5]] = k
    return top


def _truth(
    scalp: Scalp, shafts: list[Shaft], top: NDArray[np.int32], camera: Camera
) -> tuple[PhantomHair, ...]:
    unit_sizes: dict[int, int] = {}
    for hair in scalp.hairs:
        unit_sizes[hair.unit_id] = unit_sizes.get(hair.unit_id, 0) + 1
    truths = []
    for k, (hair, shaft) in enumerate(zip(scalp.hairs, shafts, strict=True)):
        clipped = clip_path(shaft.path_px, shaft.width_px, camera.width_px, camera.height_px)
        if clipped is None:
            continue
        path, width, from_root, to_tip = clipped
        if covered_share(path, k, top, camera) > 1 - (1 - COVERED_SHARE) / 2:
            continue
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
            )
        )
    return tuple(sorted(truths, key=lambda h: h.hair_id))


def _kind(hair: TrueHair, unit_size: int) -> Kind:
    if hair.kind == "debris":
        return "abnormal"
    if float(hair.width_um.mean()) < UNDERSIZE_BELOW_UM:
        return "undersize"
    return "premium" if unit_size > 1 else "single"


def covered_share(path_px: Floats, k: int, top: NDArray[np.int32], camera: Camera) -> float:
    """Share of a path that lies under hairs above shaft k."""
    x = np.clip(np.rint(path_px[:, 0]).astype(int), 0, camera.width_px - 1)
    y = np.clip(np.rint(path_px[:, 1]).astype(int), 0, camera.height_px - 1)
    return float((top[y * camera.width_px + x] > k).mean())


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
