"""Photos of isolated hairs, and of pairs, of known width under the whole camera, for thickness.py."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.camera import Camera, draw_camera
from trichoscan.phantom.draw import photograph
from trichoscan.phantom.person import draw_person
from trichoscan.phantom.render import Shaft, cover
from trichoscan.phantom.scalp import Scalp, TrueHair
from trichoscan.phantom.skin import grow_skin
from trichoscan.phantom.style import DARK_SKIN_SRGB, SKIN_SRGB, draw_style, linear
from trichoscan.records import Hair

Floats = NDArray[np.float64]

SIZE_PX = (1280, 1024)
CELL_UM = 1050.0
"""Distance of the hairs: each lies alone in its cell."""
WIDTHS_UM = (20.0, 110.0)
UM_PER_PX = (3.0, 10.0)
MEASURED_PART = (0.15, 0.9)
"""Root zone and tip are left out."""
GAP_UM = (-20.0, 60.0)
"""Between the rims of a pair; below 0 one lies partly on the other."""
HAIR_SRGB = {
    "dark": (30, 25, 23),
    "brown": (92, 66, 48),
    "blond": (178, 146, 104),
    "grey": (150, 150, 152),
    "white": (222, 222, 216),
}


@dataclass(frozen=True, eq=False)
class Scene:
    """A photo of isolated hairs; K hairs.

    Attributes
    ----------
    pixels : (H, W, 3) uint8
    camera : Camera
    colour, skin : str
    width_um : (K,) float64
        True mean width over the measured part.
    hairs : tuple of Hair
        Paths as a tracer would give them: off by up to 2 px.
    true_hairs : tuple of TrueHair
        The same hairs as they were drawn.
    """

    pixels: NDArray[np.uint8]
    camera: Camera
    colour: str
    skin: str
    width_um: Floats
    hairs: tuple[Hair, ...]
    true_hairs: tuple[TrueHair, ...]


def draw_scene(seed: int, pairs: bool = False) -> Scene:
    """Draw a photo: one colour of hair and one of skin, hairs of all widths in all directions."""
    rng = np.random.default_rng([seed, 77])
    colour = list(HAIR_SRGB)[seed % len(HAIR_SRGB)]
    skin_name = "dark skin" if seed // len(HAIR_SRGB) % 3 == 2 else "light skin"
    um_per_px = float(rng.uniform(*UM_PER_PX))
    style = replace(draw_style("clipped", rng), ink_chance=0.0)
    table = DARK_SKIN_SRGB if skin_name == "dark skin" else SKIN_SRGB
    style = replace(style, skin_colour=linear(table[rng.integers(len(table))] * rng.uniform(0.95, 1.05)))
    half = np.array(SIZE_PX) * um_per_px / 2
    hairs = _hairs(colour, half, rng)
    if pairs:
        hairs = _paired(hairs, rng)
    camera = draw_camera("clipped", *SIZE_PX, um_per_px, rng)
    camera = replace(
        camera,
        blur_px=float(rng.uniform(0.4, 2.5)),
        burnt_in=(),
        aperture=2.0,
        bubbles=0,
        ruler=False,
        reticle=False,
    )
    person, _ = draw_person(style, None, "normal", np.random.default_rng(seed))
    scalp = Scalp(hairs=hairs, skin=grow_skin(style, 2.2 * float(half.max()), rng), person=person)
    photo = photograph(scalp, camera, "clipped")
    kept, paths, widths = [], [], []
    seen = {hair.hair_id for hair in photo.hairs}
    for hair in (hair for hair in hairs if hair.hair_id in seen):
        px = camera.to_px(hair.path_um)
        if np.all((px > 30) & (px < np.array(SIZE_PX) - 31)):
            kept.append(hair)
            paths.append(Hair(px[:: max(len(px) // 8, 1)] + rng.uniform(-2, 2, 2), 1.0))
            widths.append(painted_um(hair, px, camera.um_per_px))
    return Scene(photo.pixels, camera, colour, skin_name, np.array(widths), tuple(paths), tuple(kept))


def painted_um(hair: TrueHair, path_px: Floats, um_per_px: float) -> float:
    """Mean width of the measured part as it is painted, its ragged rims included: area over length."""
    shaft = Shaft(path_px, hair.width_um / um_per_px, rough_px=hair.rough_um / um_per_px, seed=hair.seed)
    area = cover([shaft], *SIZE_PX)
    low, high = (share * float(np.hypot(*np.diff(path_px, axis=0).T).sum()) for share in MEASURED_PART)
    middle = (area.along_px > low) & (area.along_px < high)
    return float(area.share[middle].sum()) / (high - low) * um_per_px


def _hairs(colour: str, half_um: Floats, rng: np.random.Generator) -> tuple[TrueHair, ...]:
    """One hair in each cell, of a width drawn evenly."""
    x, y = (np.arange(-h + CELL_UM / 2, h - CELL_UM / 2 + 1, CELL_UM) for h in half_um)
    gloss, rim = float(rng.choice([0.0, 0.1, 0.3, 0.8])), float(rng.uniform(0.0, 1.0))
    rough = float(rng.choice([0.0, 1.0, 2.0, 4.0]))
    hairs = []
    for place in np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2):
        angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(400, 800)
        bend = rng.normal(0, 0.25)
        n = int(length / 20) + 2
        turn = angle + bend * (np.linspace(0, 1, n) - 0.5)
        path = np.cumsum(np.stack([np.cos(turn), np.sin(turn)], axis=1) * length / (n - 1), axis=0)
        width = rng.uniform(*WIDTHS_UM)
        uneven = np.interp(np.linspace(0, 1, n), np.linspace(0, 1, 5), 1 + rng.normal(0, 0.02, 5))
        tint = linear(np.array(HAIR_SRGB[colour])) * np.exp(rng.normal(0, 0.15) + rng.normal(0, 0.04, 3))
        strength = float(np.clip((width - 10) / 45, 0, 1))
        hairs.append(
            TrueHair(
                hair_id=len(hairs),
                unit_id=len(hairs),
                path_um=path - path.mean(axis=0) + place,
                width_um=width * uneven,
                colour=np.clip(tint, 0.004, 0.9),
                kind="hair",
                opacity=float(min(1.0, rng.uniform(0.95, 1.03) - 0.35 * (1 - strength))),
                gloss=gloss * float(rng.uniform(0.2, 1)),
                halo_um=float(rng.uniform(0, 200)) * strength,
                bevel=0.0,
                rough_um=rough * strength,
                rim=min(rim * float(rng.uniform(0.5, 1.3)), 1.2),
                seed=int(rng.integers(2**31)),
            )
        )
    return tuple(hairs)


def _paired(hairs: tuple[TrueHair, ...], rng: np.random.Generator) -> tuple[TrueHair, ...]:
    """Each hair with a second one beside it."""
    both = list(hairs)
    for hair in hairs:
        chord = hair.path_um[-1] - hair.path_um[0]
        across = np.array([-chord[1], chord[0]]) / np.hypot(*chord)
        width = rng.uniform(*WIDTHS_UM)
        away = (width + float(hair.width_um.mean())) / 2 + rng.uniform(*GAP_UM)
        beside = hair.path_um + across * away + chord * rng.uniform(-0.1, 0.1)
        even = hair.width_um * width / hair.width_um.mean()
        own = {"hair_id": len(both), "unit_id": len(both), "seed": int(rng.integers(2**31))}
        both.append(replace(hair, path_um=beside, width_um=even, **own))
    return tuple(both)
