"""Scalp photos with known truth: style, scalp, photo."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.camera import Camera, dark_surround, draw_camera, expose, from_jpeg, to_jpeg
from trichoscan.phantom.paint import GLOSS, lay_scales, paint_skin
from trichoscan.phantom.render import SUBPIXEL_BITS, Cover, Shaft, cover, fixed_point
from trichoscan.phantom.scalp import Scalp, TrueHair, grow_scalp
from trichoscan.phantom.signs import burn_in
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
    unit_sizes = Counter(h.unit_id for h in scalp.hairs)
    hairs = _near_photo(scalp.hairs, camera)
    shafts = [
        Shaft(
            camera.to_px(h.path_um),
            h.width_um / camera.um_per_px,
            h.bevel,
            1 + h.defocus_um / camera.um_per_px,
            h.rough_um / camera.um_per_px,
        )
        for h in hairs
    ]
    covered = cover(shafts, camera.width_px, camera.height_px)
    scene = paint_skin(scalp.skin, hairs, camera)
    lay_scales(scene, scalp.skin.scales_um, camera, 0.6)
    lay_scales(scene, _collars(hairs), camera, 0.55)
    top, contrast = lay_hairs(scene, hairs, covered, camera)
    hiding = _hiding_scales(hairs)
    lay_scales(scene, hiding, camera, 0.95)
    pixels = expose(scene, camera)
    unseen = _under_scales(hiding, camera) | dark_surround(camera)
    top[unseen.ravel() | _signs(pixels, camera)] = COVERS_ALL
    jpeg = to_jpeg(pixels, camera.jpeg_quality)
    return Phantom(
        pixels=from_jpeg(jpeg),
        um_per_px=camera.um_per_px,
        hairs=_truth(hairs, unit_sizes, shafts, top, contrast, camera),
        style=style,
        jpeg=jpeg,
        scalp=scalp,
        camera=camera,
    )


def _near_photo(hairs: tuple[TrueHair, ...], camera: Camera) -> tuple[TrueHair, ...]:
    """Hairs that may show, with the halo before their root."""
    if not hairs:
        return ()
    starts = np.cumsum([0] + [len(h.path_um) for h in hairs])[:-1]
    px = camera.to_px(np.concatenate([h.path_um for h in hairs]))
    low, high = np.minimum.reduceat(px, starts), np.maximum.reduceat(px, starts)
    margin = np.array([[500.0 if h.halo_um > 20 else 150.0] for h in hairs]) / camera.um_per_px
    near = np.all((high > -margin) & (low < np.array([camera.width_px, camera.height_px]) + margin), axis=1)
    return tuple(h for h, keep in zip(hairs, near, strict=True) if keep)


def _collars(hairs: tuple[TrueHair, ...]) -> list[Floats]:
    """Outlines of the loose scales about roots; they lie under the hair."""
    outlines = []
    for hair in hairs:
        if hair.collar:
            rng = np.random.default_rng(hair.hair_id + 100_000)
            for _ in range(int(rng.integers(1, 4))):
                place = hair.path_um[0] + rng.normal(0, 0.6 * hair.width_um[0] + 20.0, 2)
                outlines.append(scale_outline(place, float(rng.uniform(15, 60)), rng))
    return outlines


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


def _hiding_scales(hairs: tuple[TrueHair, ...]) -> list[Floats]:
    """Outlines of the scales that hide a root."""
    return [
        scale_outline(h.path_um[0], 0.9 * float(h.width_um[0]) + 30.0, np.random.default_rng(h.hair_id))
        for h in hairs
        if h.flake
    ]


def lay_hairs(
    scene: Singles, hairs: tuple[TrueHair, ...], covered: Cover, camera: Camera
) -> tuple[NDArray[np.int32], Singles]:
    """Lay the hairs on the skin in their order, in place.

    Returns
    -------
    (H * W,) int32
        Index of the uppermost shaft that covers at least half of the pixel; -1 for none.
    (K,) float32
        Mean change of light where each shaft lies, as a share of the light beneath it; 0 outside the photo.
    """
    flat = scene.reshape(-1, 3)
    top = np.full(len(flat), -1, np.int32)
    contrast = np.zeros(len(hairs), np.float32)
    for k, hair in enumerate(hairs):
        part = slice(covered.start[k], covered.start[k + 1])
        pixel, share = covered.pixel[part], covered.share[part]
        if not len(pixel):
            continue
        along_um = covered.along_px[part] * np.float32(camera.um_per_px)
        colour = _shaft_light(k, hair, covered.across[part], along_um, camera)
        alpha = share * np.float32(hair.opacity)
        # A shaft comes through the skin over a way that is the longer the flatter it lies.
        if hair.halo_um > 20:
            way = np.float32((0.5 + 0.4 * (hair.hair_id % 3)) * hair.width_um[0])
            alpha *= np.clip(along_um / way + np.float32(0.5), 0, 1)
        under = flat[pixel]
        change = alpha[:, None] * (colour - under)
        flat[pixel] = under + change
        weight = float(share.sum()) + 1e-6
        contrast[k] = float(np.abs(change[:, 1]).sum()) / (float((under[:, 1] * share).sum()) + 0.01 * weight)
        top[pixel[share >= 0.5]] = k
    return top, contrast


def _shaft_light(k: int, hair: TrueHair, across: Singles, along_um: Singles, camera: Camera) -> Singles:
    """(M, 3) colour of a shaft's pixels: dark rim, uneven pigment, scaly surface, gloss."""
    noise = camera.sparkle[0]
    tone = np.interp(along_um, np.arange(64) * 90.0, noise[(7 * k) % 440 :][:64]).astype(np.float32)
    slow = np.interp(along_um, np.arange(40) * 420.0, noise[(11 * k) % 440 :][:40]).astype(np.float32)
    u = (along_um / np.float32(14.0)).astype(np.int64) + 61 * k
    v = (across * np.float32(4.0) + np.float32(8.0)).astype(np.int64) + 17 * k
    fleck = camera.sparkle[u & 511, v & 511]
    scaly = np.float32(0.08 + 0.03 * min(hair.rough_um, 6.0))
    round_light = np.float32(1 + hair.rim / 3) - np.float32(hair.rim) * np.minimum(across**2, 1.2)
    light = (1 + np.float32(0.14) * tone + scaly * fleck) * round_light
    colour = np.maximum(light, np.float32(0.1))[:, None] * hair.colour.astype(np.float32)
    if hair.gloss > 0.02:
        chord = hair.path_um[-1] - hair.path_um[0]
        toward = np.sin(camera.lamp_rad - np.arctan2(chord[1], chord[0]))
        sharp = np.float32(0.12 + 0.2 * ((k * 7) % 5) / 4)
        seam = np.exp(-(((across - np.float32(0.45 * toward)) / sharp) ** 2))
        if camera.ring_lamp:
            seam += np.float32(0.6) * np.exp(-(((across + np.float32(0.5 * toward)) / sharp) ** 2))
        shine = (
            np.float32(1.2 * hair.gloss) * seam * np.clip(np.float32(0.25) + np.float32(0.3) * slow, 0.0, 0.8)
        )
        shine += np.float32(hair.gloss * 0.12) * np.clip(fleck - np.float32(1.5), 0, None)
        colour += shine[:, None] * GLOSS
    return np.asarray(colour, dtype=np.float32)


def _truth(
    hairs: tuple[TrueHair, ...],
    unit_sizes: Counter[int],
    shafts: list[Shaft],
    top: NDArray[np.int32],
    contrast: Singles,
    camera: Camera,
) -> tuple[PhantomHair, ...]:
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
