"""A later visit of the same scalp: what treatment, time, comb and camera change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.camera import Camera, draw_camera
from trichoscan.phantom.scalp import PATH_STEP_UM, Scalp, TrueHair, rotation
from trichoscan.phantom.skin import grow_scales

Floats = NDArray[np.float64]
Fate = Literal["kept", "thickened", "lost", "new"]


@dataclass(frozen=True)
class Course:
    """What happens between two visits.

    Attributes
    ----------
    lost_share : float
        Hairs that are gone at the later visit, 0-1.
    new_share : float
        Hairs that were not there before, as a share of those that were.
    thickened_share, thickening : float
        Hairs that grew thicker, and by which share of their diameter.
    length_factor : float
        Later length over earlier length.
    comb_rad : float
        SD of the turn of a shaft about its root.
    turn_rad, shift_um, zoom : float
        SD of the camera's turn and shift, and of the logarithm of its scale.
    """

    lost_share: float = 0.06
    new_share: float = 0.12
    thickened_share: float = 0.25
    thickening: float = 0.2
    length_factor: float = 1.1
    comb_rad: float = 0.12
    turn_rad: float = 0.06
    shift_um: float = 250.0
    zoom: float = 0.015


@dataclass(frozen=True, eq=False)
class FollowUp:
    """The later visit; `draw.photograph` takes its photo.

    Attributes
    ----------
    scalp : Scalp
        Ids of hairs that were there before are kept.
    camera : Camera
    fate : dict of int to str
        What became of each hair by hair_id: kept, thickened, lost or new. Debris is in neither.
    """

    scalp: Scalp
    camera: Camera
    fate: dict[int, Fate]


def follow_up(
    scalp: Scalp, camera: Camera, seed: int, style: str = "clipped", course: Course | None = None
) -> FollowUp:
    """Let time pass over a scalp and set up the camera again, nearly at the same place.

    Parameters
    ----------
    scalp, camera : Scalp, Camera
        Of the earlier visit.
    seed : int
        Not negative.
    style : str
        Kind of camera; a key of `style.STYLE_SHARE`.
    course : Course or None
        What happens; defaults when None.

    Returns
    -------
    FollowUp
    """
    course = Course() if course is None else course
    rng = np.random.default_rng([seed, 1])
    before = [h for h in scalp.hairs if h.kind == "hair"]
    fates = draw_fates(len(before), course, rng)
    fate: dict[int, Fate] = {}
    hairs = []
    for hair, what in zip(before, fates, strict=True):
        fate[hair.hair_id] = what
        if what != "lost":
            hairs.append(_later(hair, what == "thickened", course, rng))
    first_id = max((h.hair_id for h in scalp.hairs), default=-1) + 1
    for i in range(int(rng.binomial(len(before), course.new_share)) if before else 0):
        new = _newcomer(before[int(rng.integers(len(before)))], first_id + i, course, rng)
        fate[new.hair_id] = "new"
        hairs.append(new)
    order = rng.permutation(len(hairs))
    loose = grow_scales(len(scalp.skin.scales_um), scalp.skin.extent_um, rng)
    skin = replace(scalp.skin, scales_um=loose)
    later = Scalp(hairs=tuple(hairs[i] for i in order), skin=skin)
    return FollowUp(scalp=later, camera=_return_camera(camera, style, course, rng), fate=fate)


def draw_fates(n: int, course: Course, rng: np.random.Generator) -> list[Fate]:
    """What becomes of each of n hairs."""
    chance = rng.random(n)
    thick = course.lost_share + course.thickened_share
    return ["lost" if c < course.lost_share else "thickened" if c < thick else "kept" for c in chance]


def _later(hair: TrueHair, thickened: bool, course: Course, rng: np.random.Generator) -> TrueHair:
    """Return the hair on its root, combed otherwise, cut otherwise."""
    factor = 1 + course.thickening if thickened else 1 + rng.normal(0, 0.01)
    path, width = cut_to(hair.path_um, hair.width_um * factor, course.length_factor * rng.lognormal(0, 0.1))
    turned = (path - path[0]) @ rotation(rng.normal(0, course.comb_rad)).T + path[0]
    return replace(hair, path_um=turned, width_um=width, bevel=float(rng.normal(0, 0.2)), flake=False)


def cut_to(path_um: Floats, width_um: Floats, factor: float) -> tuple[Floats, Floats]:
    """Shorten a path to a share of its length, or let it grow straight on beyond its end."""
    knots = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path_um, axis=0).T))])
    length = knots[-1] * factor
    at = np.linspace(0, length, max(int(np.ceil(length / PATH_STEP_UM)) + 1, 4))
    onward = (path_um[-1] - path_um[-2]) / (knots[-1] - knots[-2])
    path = np.column_stack([np.interp(at, knots, path_um[:, c]) for c in (0, 1)])
    path = path + np.maximum(at - knots[-1], 0)[:, None] * onward
    return path, np.interp(at, knots, width_um)


def _newcomer(neighbour: TrueHair, hair_id: int, course: Course, rng: np.random.Generator) -> TrueHair:
    """Return a hair that grows anew beside another one of its unit."""
    angle = rng.uniform(0, 2 * np.pi)
    offset = rng.uniform(60, 120) * np.array([np.cos(angle), np.sin(angle)])
    moved = replace(neighbour, hair_id=hair_id, path_um=neighbour.path_um + offset)
    thinner = replace(moved, width_um=moved.width_um * rng.uniform(0.5, 0.9))
    return _later(thinner, False, course, rng)


def _return_camera(camera: Camera, style: str, course: Course, rng: np.random.Generator) -> Camera:
    scale = camera.um_per_px * float(np.exp(rng.normal(0, course.zoom)))
    again = draw_camera(style, camera.width_px, camera.height_px, scale, rng)
    return replace(
        again,
        turn_rad=camera.turn_rad + float(rng.normal(0, course.turn_rad)),
        centre_um=camera.centre_um + rng.normal(0, course.shift_um, 2),
        burnt_in=camera.burnt_in,
        aperture=camera.aperture,
        grey=camera.grey,
    )
