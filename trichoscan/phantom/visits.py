"""A later visit of the same scalp: what treatment, time, scissors, comb, hand and camera change.

All visits of a site follow from its first scalp with the same seed: a hair that is lost at one visit is lost
at each visit of a course with larger shares, and a hair thins before it is lost.
K: hairs; N: points of a path.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from trichoscan.phantom.camera import Camera, draw_camera
from trichoscan.phantom.course import FARTHEST_SD, FULL_NEW_SHARE, THIN_NEW_SHARE, Course, Fate
from trichoscan.phantom.layout import rotation
from trichoscan.phantom.scalp import LARGEST_SEED, Scalp, TrueHair
from trichoscan.phantom.shafts import PATH_STEP_UM, arc
from trichoscan.phantom.skin import grow_scales
from trichoscan.phantom.warp import draw_stretch

Floats = NDArray[np.float64]

STIFF_SHARE = 0.3
"""Share of a shaft's swing that it takes at its root; the rest is bend. Our choice."""

COMB_BENDS_UM = 600.0
"""Over this length from the root the comb bends a shaft: stubble hardly, long hair wholly. Our choice."""

BESIDE_UM = (60.0, 120.0)
"""How far from another hair of its unit a new one stands. Our choice."""

CLIPPER_SPREAD = 0.08
"""SD of the logarithm of the length of stubs that one clipper leaves. Our choice."""

DEVICE = (
    "aperture", "aperture_edge", "bayer_shifted", "burnt_in", "chroma_blur_px", "demosaicing", "grey",
    "jpeg_quality", "magnification", "reticle", "ring_lamp", "sharpen", "sharpen_px", "signs_seed",
)  # fmt: skip
"""What a camera keeps from photo to photo, beside its polarizers."""

EMPTY_BEYOND, REACH = 0.75, 3.0
"""In distances of neighbouring units: how far from all others an empty unit stands, if such a place is found
about a hair within so many."""

ALONE_UM = 1000.0
"""Distance of the neighbours of a unit that has none."""

TRIES = 16
"""Places tried for an empty unit."""


@dataclass(frozen=True, eq=False)
class FollowUp:
    """The later visit; `draw.photograph` takes its photo.

    Attributes
    ----------
    scalp : Scalp
        Ids of hairs that were there before are kept.
    camera : Camera
    fate : dict of int to str
        What became of each hair by hair_id, one of `FATES`. Debris is not in it.
    growth_um : dict of int to float
        How much longer each hair that is there at both visits grew since it was clipped; empty where the
        course is not `uncut`.
    """

    scalp: Scalp
    camera: Camera
    fate: dict[int, Fate]
    growth_um: dict[int, float]


def follow_up(
    scalp: Scalp,
    camera: Camera,
    seed: int,
    style: str = "clipped",
    course: Course | None = None,
    visit: int = 1,
) -> FollowUp:
    """Let time pass over a scalp and set up the camera again, nearly at the same place.

    Parameters
    ----------
    scalp, camera : Scalp, Camera
        Of the first visit.
    seed : int
        Of the patient, not negative.
    style : str
        Kind of camera; a key of `style.STYLE_SHARE`.
    course : Course or None
        What happens; defaults when None.
    visit : int
        Of the visit's own chances: comb, hand, camera.

    Returns
    -------
    FollowUp

    Raises
    ------
    ValueError
        Shares of what becomes of the hairs that add up to more than 1, or too strong a stretch.
    """
    course = Course() if course is None else course
    body, hand = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 2, visit])
    before = [h for h in scalp.hairs if h.kind == "hair"]
    fates = draw_fates(len(before), course, body)
    own_factor = 1 + body.normal(0, course.width_spread, len(before))
    factor = {"thickened": 1 + course.thickening, "thinned": 1 - course.thinning}
    site_swing = float(hand.normal(0, course.comb_rad * np.sqrt(0.5)))
    later = {}
    for hair, what, own in zip(before, fates, own_factor, strict=True):
        again = _later(hair, factor.get(what, float(own)), site_swing, scalp, course, hand)
        if what != "lost":
            later[hair.hair_id] = again
    fate = {h.hair_id: f for h, f in zip(before, fates, strict=True)}
    growth = {h.hair_id: _growth_um(h, course) for h in before if course.uncut and h.hair_id in later}
    for hair, what in _newcomers(before, _next_id(scalp), course, body) if before else []:
        later[hair.hair_id] = _later(hair, 1.0, site_swing, scalp, course, hand)
        fate[hair.hair_id] = what
    return FollowUp(
        scalp=_lay_again(scalp, later, course, hand),
        camera=_return_camera(camera, style, course, hand),
        fate=fate,
        growth_um=growth,
    )


def clip_hairs(scalp: Scalp, length_um: float, seed: int) -> Scalp:
    """Clip all hairs to a length, as before a phototrichogram.

    Parameters
    ----------
    scalp : Scalp
    length_um : float
        Of the stubs; see `CLIPPER_SPREAD`. Shorter hair stays as it is.
    seed : int
        Not negative.

    Returns
    -------
    Scalp
    """
    rng = np.random.default_rng([seed, 3])
    hairs = []
    for hair in scalp.hairs:
        stub = length_um * float(np.exp(rng.normal(0, CLIPPER_SPREAD)))
        if hair.kind == "hair":
            path, width = cut_to(hair.path_um, hair.width_um, min(stub, float(arc(hair.path_um)[-1])))
            hair = replace(hair, path_um=path, width_um=width)
        hairs.append(hair)
    return replace(scalp, hairs=tuple(hairs))


def draw_fates(n: int, course: Course, rng: np.random.Generator) -> list[Fate]:
    """What becomes of each of n hairs; the shares are met to one hair.

    Raises
    ------
    ValueError
        Shares below 0 or of more than 1 in all.
    """
    lost = course.lost_share
    thinned, thickened = lost + course.thinned_share, 1 - course.thickened_share
    if min(lost, course.thinned_share, course.thickened_share) < 0 or thinned > thickened + 1e-9:
        raise ValueError(
            "shares of lost, thinned and thickened hairs must be 0 or more, and 1 at most in all"
        )
    return [
        "lost" if c < lost else "thinned" if c < thinned else "thickened" if c > thickened else "kept"
        for c in _ranks(n, rng)
    ]


def _ranks(n: int, rng: np.random.Generator) -> Floats:
    """(n,) numbers evenly over 0-1 in random order: a share of them is met to one."""
    return np.asarray((rng.permutation(n) + 0.5) / max(n, 1))


def _growth_um(hair: TrueHair, course: Course) -> float:
    return hair.growth_um_per_day * course.days if hair.anagen else 0.0


def _later(
    hair: TrueHair, widen: float, site_swing: float, scalp: Scalp, course: Course, rng: np.random.Generator
) -> TrueHair:
    """Return the hair on its root: cut, grown and combed otherwise."""
    cut, own_swing, bevel = rng.normal(size=3) * [course.length_spread, course.comb_rad * np.sqrt(0.5), 0.2]
    growth = _growth_um(hair, course)
    length = float(arc(hair.path_um)[-1]) * course.length_factor * float(np.exp(cut))
    path, width = cut_to(hair.path_um, hair.width_um, length + growth * course.uncut)
    recut = course.length_factor != 1 or course.length_spread > 0
    if course.washed:
        flake, collar = rng.random(2) < (scalp.flake_share, scalp.collar_share)
        hair = replace(
            hair, flake=bool(flake), collar=bool(collar), scales_seed=int(rng.integers(LARGEST_SEED))
        )
    return replace(
        hair,
        path_um=swing(path, site_swing + float(own_swing)),
        width_um=width * widen,
        bevel=float(bevel) if recut else hair.bevel,
        band_um=hair.band_um + growth,
    )


def cut_to(path_um: Floats, width_um: Floats, length_um: float) -> tuple[Floats, Floats]:
    """Shorten a path to a length, or let it grow straight on beyond its end.

    Parameters
    ----------
    path_um : (N, 2) float64
    width_um : (N,) float64
    length_um : float
        Above 0.

    Returns
    -------
    path_um : (N', 2) float64
    width_um : (N',) float64
    """
    knots = arc(path_um)
    beyond = np.arange(knots[-1] + PATH_STEP_UM, length_um - 1.0, PATH_STEP_UM)
    at = np.concatenate([knots[knots < length_um - 1.0], beyond, [length_um]])
    if abs(length_um - knots[-1]) < 1e-6:
        return path_um, width_um
    onward = (path_um[-1] - path_um[-2]) / (knots[-1] - knots[-2])
    path = np.column_stack([np.interp(at, knots, path_um[:, c]) for c in (0, 1)])
    path = path + np.maximum(at - knots[-1], 0)[:, None] * onward
    return path, np.interp(at, knots, width_um)


def swing(path_um: Floats, angle_rad: float) -> Floats:
    """Swing a shaft about its root: a little at the root, the more the farther from it; lengths stay."""
    if angle_rad == 0:
        return path_um
    step = np.diff(path_um, axis=0)
    length = np.hypot(*step.T)
    middle = np.cumsum(length) - length / 2
    turn = angle_rad * (STIFF_SHARE + (1 - STIFF_SHARE) * (1 - np.exp(-middle / COMB_BENDS_UM)))
    c, s = np.cos(turn), np.sin(turn)
    turned = np.column_stack([c * step[:, 0] - s * step[:, 1], s * step[:, 0] + c * step[:, 1]])
    return np.asarray(np.concatenate([np.zeros((1, 2)), np.cumsum(turned, axis=0)]) + path_um[0])


def _next_id(scalp: Scalp) -> int:
    return max((h.hair_id for h in scalp.hairs), default=-1) + 1


def _newcomers(
    before: list[TrueHair], first_id: int, course: Course, rng: np.random.Generator
) -> list[tuple[TrueHair, Fate]]:
    """Hairs that grow anew beside others of their unit, and in units that stood empty.

    Each hair has one candidate of either kind, whatever the course, so that courses agree with each other.
    """
    n = len(before)
    shares: dict[Fate, float] = {"new": course.new_share, "regrown": course.regrown_share}
    chosen = [np.flatnonzero(_ranks(n, rng) < share) for share in shares.values()]
    angle, away = rng.uniform(0, 2 * np.pi, n), rng.uniform(*BESIDE_UM, n)
    roots = np.array([h.path_um[0] for h in before])
    beside = np.column_stack([np.cos(angle), np.sin(angle)]) * away[:, None]
    moves = beside, _empty_places(before, rng) - roots
    thin, full = rng.uniform(*THIN_NEW_SHARE, (2, n)), rng.uniform(*FULL_NEW_SHARE, (2, n))
    widen = np.where(rng.random((2, n)) < course.thin_share, thin, full)
    seeds = rng.integers(LARGEST_SEED, size=(2, n))
    first_unit = max(h.unit_id for h in before) + 1
    rates = [h.growth_um_per_day for h in before if h.anagen]
    return [
        (
            replace(
                before[i],
                hair_id=first_id + kind * n + int(i),
                unit_id=before[i].unit_id if fate == "new" else first_unit + int(i),
                path_um=before[i].path_um + moves[kind][i],
                width_um=before[i].width_um * widen[kind, i],
                seed=int(seeds[kind, i]),
                scales_seed=int(seeds[kind, i]),
                anagen=True,
                growth_um_per_day=float(np.median(rates)) if rates else 0.0,
            ),
            fate,
        )
        for kind, fate in enumerate(shares)
        for i in chosen[kind]
    ]


def _empty_places(before: list[TrueHair], rng: np.random.Generator) -> Floats:
    """(K, 2) places among the hairs where no unit stands."""
    roots = np.array([h.path_um[0] for h in before])
    _, first = np.unique([h.unit_id for h in before], return_index=True)
    units = cKDTree(roots[first])
    apart = np.median(units.query(roots[first], 2)[0][:, 1]) if len(first) > 1 else ALONE_UM
    tried = roots[None] + rng.uniform(-REACH, REACH, (TRIES, len(roots), 2)) * apart
    distance = units.query(tried)[0] / apart
    outside = np.any((tried < roots.min(axis=0)) | (tried > roots.max(axis=0)), axis=2)
    # The first place that will do: the emptiest one would lie at the rim too often.
    chosen = np.where(outside, 0.0, np.minimum(distance, EMPTY_BEYOND)).argmax(axis=0)
    return np.asarray(tried[chosen, np.arange(len(roots))])


def _lay_again(scalp: Scalp, later: dict[int, TrueHair], course: Course, rng: np.random.Generator) -> Scalp:
    """Put the hairs on each other, in their old order where nobody combed, with debris and scales."""
    debris = [(i, h) for i, h in enumerate(scalp.hairs) if h.kind == "debris"]
    skin = scalp.skin
    if course.washed:
        first_id = _next_id(scalp) + 2 * len(scalp.hairs)  # newcomers' ids lie below
        debris = _scatter_again(debris, len(scalp.hairs), first_id, rng)
        skin = replace(skin, scales_um=grow_scales(len(skin.scales_um), skin.extent_um, rng))
    place = {h.hair_id: i for i, h in enumerate(scalp.hairs)}
    pieces = [(place.get(i, len(place)), h) for i, h in later.items()] + debris
    if course.comb_rad > 0:
        pieces = [pieces[i] for i in rng.permutation(len(pieces))]
    else:
        pieces.sort(key=lambda piece: piece[0])
    return replace(scalp, hairs=tuple(h for _, h in pieces), skin=skin)


def _scatter_again(
    debris: list[tuple[int, TrueHair]], layers: int, first_id: int, rng: np.random.Generator
) -> list[tuple[int, TrueHair]]:
    """As many pieces as lay there, more or less, elsewhere and another way round."""
    if not debris:
        return []
    lay = np.array([h.path_um[0] for _, h in debris])
    scattered = []
    for i in range(int(rng.poisson(len(debris)))):
        _, piece = debris[int(rng.integers(len(debris)))]
        root = rng.uniform(lay.min(axis=0), lay.max(axis=0))
        turned = (piece.path_um - piece.path_um[0]) @ rotation(rng.uniform(0, 2 * np.pi)).T + root
        scattered.append((int(rng.integers(layers)), replace(piece, hair_id=first_id + i, path_um=turned)))
    return scattered


def _return_camera(camera: Camera, style: str, course: Course, rng: np.random.Generator) -> Camera:
    turn, zoom, x, y = np.clip(rng.normal(size=4), -FARTHEST_SD, FARTHEST_SD)
    scale = camera.um_per_px * float(np.exp(zoom * course.zoom))
    stretch = draw_stretch(course.stretch, rng) if course.stretch > 0 else camera.stretch
    again = camera
    if course.relit:
        again = draw_camera(style, camera.width_px, camera.height_px, scale, rng)
    return replace(
        same_device(again, camera),
        um_per_px=scale,
        turn_rad=camera.turn_rad + float(turn * course.turn_rad),
        centre_um=camera.centre_um + np.array([x, y]) * course.shift_um,
        stretch=stretch,
    )


def same_device(camera: Camera, device: Camera) -> Camera:
    """Return a camera with the polarizers, the processing and the signs of another one."""
    if (camera.glare == 0) != (device.glare == 0):
        camera = replace(camera, glare=device.glare)
    return replace(camera, **{name: getattr(device, name) for name in DEVICE})
