"""Scalp photos with known truth: style, scalp, photo."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.camera import Camera, draw_camera
from trichoscan.phantom.expose import expose, from_jpeg, to_jpeg
from trichoscan.phantom.lay import lay_hairs
from trichoscan.phantom.lens import dark_surround
from trichoscan.phantom.paint import lay_scales, paint_skin
from trichoscan.phantom.person import draw_person
from trichoscan.phantom.render import SUBPIXEL_BITS, Shaft, cover, fixed_point
from trichoscan.phantom.rulers import lay_ruler
from trichoscan.phantom.scalp import Scalp, TrueHair, grow_scalp
from trichoscan.phantom.shafts import arc
from trichoscan.phantom.signs import burn_in
from trichoscan.phantom.skin import scale_outline
from trichoscan.phantom.style import STYLE_SHARE, UM_PER_PX, draw_style
from trichoscan.phantom.truth import COVERS_ALL, PhantomHair, write_down
from trichoscan.phantom.visits import same_device
from trichoscan.phantom.warp import carry_hairs

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


SCALES_UM_PER_PX = (0.5, 50.0)
"""Scales that can be asked for: beyond the finest trichoscope and the coarsest overview photo; our choice."""


RISES_OVER_UM = 1200.0
"""Way along a shaft after which it is half as far out of focus as it will be; our choice."""

FOCUS_AT_ROOT = 0.3
"""Blur at the root, where the lens is focused on the skin, beside that of the middle of a long hair."""


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


@dataclass(frozen=True, eq=False)
class Scene:
    """A scalp before the camera: what `photograph` takes."""

    scalp: Scalp
    camera: Camera
    style: str


def draw_phantom(
    seed: int,
    style: str | None = None,
    width_px: int = 1280,
    height_px: int = 1024,
    um_per_px: float | None = None,
    condition: str | None = None,
    ancestry: str | None = None,
) -> Phantom:
    """Draw a scalp photo with known truth; parameters and errors are those of `draw_scene`."""
    scene = draw_scene(seed, style, width_px, height_px, um_per_px, condition, ancestry)
    return photograph(scene.scalp, scene.camera, scene.style)


def draw_scene(
    seed: int,
    style: str | None = None,
    width_px: int = 1280,
    height_px: int = 1024,
    um_per_px: float | None = None,
    condition: str | None = None,
    ancestry: str | None = None,
    margin_um: float = 0.0,
    site: int = 0,
) -> Scene:
    """Draw a scalp and a camera before it, without taking the photo.

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
    condition, ancestry : str or None
        Keys of `biology.CONDITION` and `biology.ANCESTRY`; drawn when None. Where either is asked for,
        density, hairs per unit and diameters are the preset's and not the style's.
    margin_um : float
        Scalp on each side of the photo, for later photos that look elsewhere.
    site : int
        Of several sites of one person: person, style and device follow from the seed, the rest from both.

    Returns
    -------
    Scene

    Raises
    ------
    ValueError
        Style, condition or ancestry unknown, photo too small, or a scale outside `SCALES_UM_PER_PX`.
    """
    if style is not None and style not in STYLE_SHARE:
        raise ValueError(f"no style {style!r}; there are {', '.join(STYLE_SHARE)}")
    if min(width_px, height_px) < 64:
        raise ValueError("a phantom needs at least 64 x 64 px")
    low, high = SCALES_UM_PER_PX
    if um_per_px is not None and not low <= um_per_px <= high:
        raise ValueError(f"um_per_px is {um_per_px:g}; a phantom needs {low:g} to {high:g} um/px")
    choose, grow, see = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
    drawn = str(choose.choice(list(STYLE_SHARE), p=list(STYLE_SHARE.values())))
    name = drawn if style is None else style
    drawn_scale = float(choose.uniform(*UM_PER_PX[name]))
    scale = drawn_scale if um_per_px is None else um_per_px
    half_size_um = (width_px * scale / 2 + margin_um, height_px * scale / 2 + margin_um)
    person, dressed = draw_person(draw_style(name, choose), ancestry, condition, choose)
    camera = draw_camera(name, width_px, height_px, scale, see)
    if site:
        grow, see = (np.random.default_rng(s) for s in np.random.SeedSequence([seed, site]).spawn(2))
        camera = same_device(draw_camera(name, width_px, height_px, scale, see), camera)
    return Scene(grow_scalp(dressed, person, half_size_um, grow), camera, name)


def photograph(scalp: Scalp, camera: Camera, style: str) -> Phantom:
    """Take a photo of a scalp and write down what is on it."""
    unit_sizes = Counter(h.unit_id for h in scalp.hairs)
    hairs = carry_hairs(_near_photo(scalp.hairs, camera), camera.stretch)
    shafts = [
        Shaft(
            camera.to_px(h.path_um),
            h.width_um / camera.um_per_px,
            h.bevel,
            1 + defocus_along_um(h) / camera.um_per_px,
            h.rough_um / camera.um_per_px,
            h.seed,
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
    under_ruler = lay_ruler(scene, camera)
    pixels = expose(scene, camera)
    top[_under_scales(hiding, camera).ravel()] = COVERS_ALL["scale"]
    top[dark_surround(camera).ravel()] = COVERS_ALL["aperture"]
    top[under_ruler.ravel()] = COVERS_ALL["sign"]
    top[burn_in(pixels, camera).ravel()] = COVERS_ALL["sign"]
    jpeg = to_jpeg(pixels, camera.jpeg_quality)
    return Phantom(
        pixels=from_jpeg(jpeg),
        um_per_px=camera.um_per_px,
        hairs=write_down(hairs, unit_sizes, shafts, top, contrast, camera),
        style=style,
        jpeg=jpeg,
        scalp=scalp,
        camera=camera,
    )


def defocus_along_um(hair: TrueHair) -> Floats:
    """(N,) blur of a shaft's rim: it leaves the plane of focus as it rises above the skin."""
    along_um = arc(hair.path_um)
    risen = along_um / (along_um + RISES_OVER_UM)
    return np.asarray(hair.defocus_um * (FOCUS_AT_ROOT + (1 - FOCUS_AT_ROOT) * 2 * risen))


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
            rng = np.random.default_rng([hair.scales_seed, 1])
            for _ in range(int(rng.integers(1, 4))):
                place = hair.path_um[0] + rng.normal(0, 0.6 * hair.width_um[0] + 20.0, 2)
                outlines.append(scale_outline(place, float(rng.uniform(15, 60)), rng))
    return outlines


def _under_scales(outlines_um: list[Floats], camera: Camera) -> NDArray[np.bool_]:
    """(H, W) under an opaque scale of skin."""
    mask: NDArray[np.uint8] = np.zeros((camera.height_px, camera.width_px), np.uint8)
    for outline in outlines_um:
        cv2.fillPoly(mask, [fixed_point(camera.to_px(outline))], 1, cv2.LINE_8, SUBPIXEL_BITS)
    return mask > 0


def _hiding_scales(hairs: tuple[TrueHair, ...]) -> list[Floats]:
    """Outlines of the scales that hide a root."""
    return [
        scale_outline(h.path_um[0], 0.9 * float(h.width_um[0]) + 30.0, np.random.default_rng(h.scales_seed))
        for h in hairs
        if h.flake
    ]
