"""Kinds of scalp photo: what each draws from, and with which chance.

Colours are chosen in sRGB, as one reads them off real photos, and kept in linear light.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STYLE_SHARE: dict[str, float] = {
    "clipped": 0.38,
    "long": 0.22,
    "thin": 0.11,
    "light": 0.09,
    "dark_skin": 0.09,
    "wide": 0.06,
    "bare": 0.05,
    "plain": 0.0,
    "tufted": 0.0,
}
"""How often each style is drawn when none is asked for. "plain" is for proofs: single dark hairs apart from
each other on clean skin, by a good camera. "tufted" is for training: crowded hair through a dermoscope, on
half of the scalps some of it in tufts, rarer in life than it would have to be here."""

HAIRS_OF_A_UNIT, TUFT_HAIRS = 2.0, (6, 15)
"""Hairs of other units, on average over ancestries, and of a tuft: five to fifteen and more out of one
opening are a sign of scarring; our choice."""

UM_PER_PX: dict[str, tuple[float, float]] = {
    "clipped": (3.0, 10.0),
    "long": (2.0, 9.0),
    "thin": (2.0, 7.0),
    "light": (2.0, 8.0),
    "dark_skin": (2.5, 10.0),
    "wide": (9.0, 18.0),
    "bare": (2.0, 12.0),
    "plain": (4.0, 7.0),
    "tufted": (2.0, 8.0),
}
"""Scale drawn when none is asked for: hand-held microscopes at 20-190x (field.md), wide photos below."""

SKIN_SRGB = np.array(
    [
        [147, 147, 146],
        [150, 149, 136],
        [141, 148, 140],
        [156, 150, 140],
        [146, 146, 154],
        [152, 145, 130],
        [180, 148, 122],
        [190, 168, 166],
        [175, 170, 160],
    ]
)
"""Light skin as automatic exposure shows it: grey to olive (medians of real photos), orange, pink, beige."""

LONG_SKIN_SRGB = np.array(
    [
        [175, 169, 160],
        [163, 164, 152],
        [186, 169, 150],
        [194, 170, 174],
        [152, 168, 172],
        [146, 157, 165],
        [166, 172, 172],
        [157, 163, 163],
        [160, 158, 158],
        [184, 150, 124],
    ]
)
"""Skin under immersion or close up: blue white, grey, pink, cream."""

DARK_SKIN_SRGB = np.array([[104, 78, 64], [132, 98, 78], [150, 116, 94], [112, 90, 80], [84, 66, 60]])

DARK_HAIR_SRGB = np.array([[14, 16, 20], [20, 19, 20], [36, 29, 26], [22, 24, 28]])
BROWN_HAIR_SRGB = np.array([[80, 56, 40], [110, 76, 52], [96, 60, 38], [92, 74, 62], [84, 80, 80]])
LIGHT_HAIR_SRGB = np.array(
    [[176, 146, 100], [150, 120, 84], [150, 150, 152], [222, 222, 216], [190, 150, 110]]
)
HAIR_SRGB = {
    "black": DARK_HAIR_SRGB[[0, 1, 3]],
    "brown": BROWN_HAIR_SRGB[:4],
    "blond": np.array([[176, 146, 100], [150, 120, 84], [190, 150, 110], [202, 178, 134]]),
    "red": np.array([[152, 74, 36], [176, 94, 46], [124, 56, 32]]),
    "grey": np.array([[128, 126, 124], [96, 95, 96]]),
    "white": np.array([[222, 222, 216], [205, 203, 196]]),
}
"""Natural colours of hair; our choice."""

DYE_SRGB = np.array([[18, 16, 20], [96, 24, 32], [156, 64, 30], [204, 172, 116], [74, 42, 32], [46, 30, 26]])
"""Dyes: black, burgundy, copper, blond, two browns; our choice."""


@dataclass(frozen=True, eq=False)
class Style:
    """What a scalp is grown from; lengths in um unless named, chances 0-1.

    Dyed hair has its own colour for `natural_um` from the root, then `dye_colour`. `tuft_share` of the units
    bear a tuft, of as many hairs as `TUFT_HAIRS` says.
    """

    name: str
    units_per_cm2: float
    diameter_um: float
    diameter_sd_um: float
    thin_share: float
    thin_length: float
    length_um: tuple[float, float]
    length_spread: float
    unit_spread_rad: float
    hair_spread_rad: float
    comb_rad: float
    bend_rad_per_mm: float
    hook_rad: float
    wave_rad: float
    stray_share: float
    tight_share: float
    parted: float
    tapered_share: float
    gloss: float
    rough_um: float
    brown_share: float
    rim: float
    halo_um: float
    flake_share: float
    grey_share: float
    collar_share: float
    peripilar: float
    debris_per_cm2: float
    hair_colour: Floats
    skin_colour: Floats
    patchiness: float
    roughness: float
    furrow_depth: float
    scales_per_mm2: float
    ink_chance: float
    shadow: float
    warmth: float
    defocus_um: float
    vessels_per_mm2: float
    redness: float
    pores_per_mm2: float
    spots_per_mm2: float
    dye_colour: Floats | None = None
    natural_um: float = 0.0
    tuft_share: float = 0.0

    def stubble(self) -> Style:
        """Return the same scalp with straight short pieces, for debris and clipping."""
        return replace(self, comb_rad=0.0, bend_rad_per_mm=0.06, hook_rad=0.0, wave_rad=0.0)


def linear(srgb_255: Floats | NDArray[np.int64]) -> Floats:
    """Linear light 0-1 of an sRGB value 0-255 (IEC 61966-2-1)."""
    v = np.asarray(srgb_255, dtype=np.float64) / 255.0
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def pick_colour(table: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """One of the colours, a little mixed with another and jittered."""
    a, b = table[rng.integers(len(table), size=2)]
    mixed = a + (b - a) * rng.uniform(0, 0.5) + rng.normal(0, 0.02, 3) * a
    return linear(np.clip(mixed * np.exp(rng.normal(0, 0.06)), 8, 250))


def draw_style(name: str, rng: np.random.Generator) -> Style:
    """Draw the numbers of one scalp of the style.

    Parameters
    ----------
    name : str
        A key of `STYLE_SHARE`.
    rng : numpy Generator

    Returns
    -------
    Style
    """
    base = _clipped(name, rng)
    if name == "bare":
        return replace(base, units_per_cm2=0.0, debris_per_cm2=0.0)
    change = {
        "long": _long,
        "thin": _thin,
        "light": _light,
        "dark_skin": _dark_skin,
        "wide": _wide,
        "plain": _plain,
        "tufted": _tufted,
    }.get(name)
    return base if change is None else change(base, rng)


def _clipped(name: str, rng: np.random.Generator) -> Style:
    short = float(rng.choice([250, 350, 450, 650, 900]) * rng.uniform(0.8, 1.2))
    return Style(
        name=name,
        units_per_cm2=float(rng.uniform(40, 110)),
        diameter_um=float(rng.uniform(66, 102)),
        diameter_sd_um=float(rng.uniform(7, 13)),
        thin_share=float(rng.uniform(0.02, 0.2)),
        thin_length=float(rng.uniform(0.5, 1.1)),
        length_um=(short, short * float(rng.uniform(1.2, 2.0))),
        length_spread=float(rng.uniform(0.05, 0.3)),
        unit_spread_rad=float(rng.uniform(0.03, 0.18)),
        hair_spread_rad=float(rng.uniform(0.02, 0.1)),
        comb_rad=0.05,
        bend_rad_per_mm=float(rng.uniform(0.03, 0.32)),
        hook_rad=0.0,
        wave_rad=0.0,
        stray_share=0.01,
        tight_share=float(rng.uniform(0.3, 0.8)),
        parted=0.0,
        tapered_share=0.0,
        gloss=float(rng.choice([0.0, 0.1, 0.3])),
        rough_um=float(rng.choice([0.7, 1.5, 2.5, 3.5])),
        brown_share=float(rng.choice([0.0, 0.05, 0.25])),
        rim=float(rng.uniform(0.1, 0.6)),
        halo_um=float(rng.uniform(260, 620)),
        flake_share=0.012,
        collar_share=float(rng.choice([0.0, 0.05, 0.25])),
        peripilar=float(rng.choice([0.0, 0.0, 0.2])),
        grey_share=float(rng.choice([0.0, 0.0, 0.0, 0.02, 0.08])),
        debris_per_cm2=float(rng.exponential(8)),
        hair_colour=pick_colour(BROWN_HAIR_SRGB if rng.random() < 0.15 else DARK_HAIR_SRGB, rng),
        skin_colour=pick_colour(SKIN_SRGB, rng),
        patchiness=float(rng.uniform(0.5, 1.6)),
        roughness=float(rng.uniform(0.7, 2.2)),
        furrow_depth=float(rng.choice([0.0, 0.06, 0.14, 0.25]) * rng.uniform(0.5, 1.0)),
        scales_per_mm2=float(rng.choice([0.0, 0.0, 0.05, 0.25])),
        ink_chance=0.03,
        shadow=float(rng.uniform(0, 0.25)),
        warmth=float(rng.uniform(0.3, 1.5)),
        defocus_um=float(rng.choice([0.0, 3.0, 8.0])),
        vessels_per_mm2=float(rng.choice([0.0, 0.15, 0.5])),
        redness=float(rng.choice([0.0, 0.0, 0.03, 0.08])),
        pores_per_mm2=float(rng.uniform(0, 2)),
        spots_per_mm2=float(rng.choice([0.0, 0.0, 0.05, 0.2])),
    )


def _long(base: Style, rng: np.random.Generator) -> Style:
    shortest = float(rng.choice([3500, 7000, 7000, 14000]) * rng.uniform(0.8, 1.2))
    return replace(
        base,
        length_um=(shortest, shortest * float(rng.uniform(1.3, 2.2))),
        units_per_cm2=float(rng.uniform(20, 75)),
        diameter_um=float(rng.uniform(55, 90)),
        diameter_sd_um=float(rng.uniform(8, 18)),
        thin_share=float(rng.uniform(0.03, 0.35)),
        unit_spread_rad=float(rng.gamma(2.0, 0.12)),
        hair_spread_rad=float(rng.uniform(0.02, 0.12)),
        comb_rad=float(rng.uniform(0.1, 0.6)),
        bend_rad_per_mm=float(rng.uniform(0.02, 0.2)),
        hook_rad=float(rng.choice([0.0, 0.2, 0.6])),
        wave_rad=float(rng.choice([0.0, 0.0, 0.1])),
        stray_share=float(rng.choice([0.02, 0.08, 0.2])),
        tight_share=float(rng.uniform(0.6, 0.95)),
        parted=float(rng.uniform(0.3, 0.95)),
        tapered_share=float(rng.choice([0.0, 0.15, 0.4])),
        gloss=float(rng.choice([0.0, 0.1, 0.3, 0.8])),
        rough_um=float(rng.choice([0.0, 0.4, 1.0, 2.0])),
        brown_share=float(rng.choice([0.0, 0.3, 0.7])),
        rim=float(rng.uniform(0.0, 1.0)),
        halo_um=float(rng.uniform(60, 280)),
        shadow=float(rng.choice([0.05, 0.2, 0.5])),
        warmth=float(rng.choice([0.0, 0.15, 0.5])),
        defocus_um=float(rng.choice([0.0, 8.0, 25.0])),
        furrow_depth=base.furrow_depth * 0.5,
        roughness=base.roughness * float(rng.choice([0.25, 0.6, 1.2])),
        scales_per_mm2=float(rng.choice([0.0, 0.0, 0.15, 0.6])),
        collar_share=float(rng.choice([0.0, 0.1, 0.6])),
        peripilar=float(rng.choice([0.0, 0.15, 0.35])),
        grey_share=float(rng.choice([0.0, 0.03, 0.1])),
        hair_colour=pick_colour(BROWN_HAIR_SRGB if rng.random() < 0.45 else DARK_HAIR_SRGB, rng),
        skin_colour=pick_colour(LONG_SKIN_SRGB, rng),
        vessels_per_mm2=float(rng.choice([0.0, 0.3, 1.2])),
        redness=float(rng.choice([0.0, 0.0, 0.1, 0.25])),
        spots_per_mm2=float(rng.choice([0.0, 0.0, 0.1, 0.4])),
        debris_per_cm2=float(rng.exponential(1.0)),
    )


def _thin(base: Style, rng: np.random.Generator) -> Style:
    base = _long(base, rng) if rng.random() < 0.6 else base
    return replace(
        base,
        diameter_um=float(rng.uniform(26, 45)),
        diameter_sd_um=float(rng.uniform(5, 9)),
        thin_share=float(rng.uniform(0.3, 0.8)),
        hair_colour=pick_colour(BROWN_HAIR_SRGB, rng) * float(rng.uniform(0.8, 2.2)),
        halo_um=float(rng.uniform(0, 90)),
        tapered_share=0.5,
    )


def _light(base: Style, rng: np.random.Generator) -> Style:
    base = _long(base, rng) if rng.random() < 0.6 else base
    dark = rng.random() < 0.25
    return replace(
        base,
        shadow=max(base.shadow, 0.2),
        hair_colour=pick_colour(LIGHT_HAIR_SRGB, rng),
        skin_colour=pick_colour(DARK_SKIN_SRGB, rng) if dark else base.skin_colour,
        halo_um=float(rng.uniform(70, 180)),
        grey_share=float(rng.choice([0.0, 0.2, 0.5])),
        brown_share=float(rng.choice([0.0, 0.2])),
        diameter_um=float(rng.uniform(45, 75)),
        rim=float(rng.uniform(0.4, 1.2)),
    )


def _dark_skin(base: Style, rng: np.random.Generator) -> Style:
    base = _long(base, rng) if rng.random() < 0.35 else base
    return replace(
        base,
        skin_colour=pick_colour(DARK_SKIN_SRGB, rng),
        hair_colour=pick_colour(DARK_HAIR_SRGB[:2], rng) * 0.7,
        bend_rad_per_mm=float(rng.uniform(0.1, 0.9)),
        halo_um=float(rng.uniform(0, 120)),
        gloss=float(rng.choice([0.05, 0.2, 0.5])),
        brown_share=0.0,
        grey_share=float(rng.choice([0.0, 0.0, 0.2])),
    )


def _wide(base: Style, rng: np.random.Generator) -> Style:
    short = float(rng.uniform(200, 420))
    return replace(
        base,
        units_per_cm2=float(rng.uniform(80, 140)),
        length_um=(short, short * float(rng.uniform(1.2, 1.9))),
        unit_spread_rad=float(rng.uniform(0.08, 0.3)),
        debris_per_cm2=float(rng.uniform(10, 110)),
        halo_um=float(rng.uniform(30, 130)),
        pores_per_mm2=0.1,
        collar_share=0.0,
        vessels_per_mm2=0.0,
        furrow_depth=0.0,
    )


def _tufted(base: Style, rng: np.random.Generator) -> Style:
    tufts = float(rng.choice([0.0, 0.0, 0.1, 0.4]))
    hairs_per_cm2 = float(np.exp(rng.uniform(np.log(110.0), np.log(420.0))))
    brown = rng.random() < 0.65
    return replace(
        _long(base, rng),
        tuft_share=tufts,
        units_per_cm2=hairs_per_cm2 / (HAIRS_OF_A_UNIT * (1 - tufts) + float(np.mean(TUFT_HAIRS)) * tufts),
        diameter_um=float(rng.uniform(48, 85)),
        thin_share=float(rng.uniform(0.03, 0.3)),
        unit_spread_rad=float(rng.gamma(2.0, 0.15)),
        hair_spread_rad=float(rng.uniform(0.05, 0.25)),
        tight_share=float(rng.uniform(0.3, 0.8)),
        stray_share=float(rng.choice([0.02, 0.1, 0.3, 0.6])),
        hair_colour=pick_colour(BROWN_HAIR_SRGB if brown else DARK_HAIR_SRGB, rng)
        * float(rng.uniform(0.4, 1.1)),
        brown_share=float(rng.choice([0.1, 0.4, 0.8])),
        rim=float(rng.uniform(0.2, 1.2)),
        halo_um=float(rng.uniform(15, 130)),
        defocus_um=float(rng.choice([3.0, 10.0, 25.0])),
        peripilar=float(rng.choice([0.0, 0.25, 0.5, 0.8])),
        collar_share=float(rng.choice([0.0, 0.2, 0.7])),
        roughness=base.roughness * float(rng.choice([0.15, 0.4, 1.0])),
        debris_per_cm2=float(rng.exponential(0.5)),
    )


def _plain(base: Style, rng: np.random.Generator) -> Style:
    return replace(
        base,
        units_per_cm2=float(rng.uniform(40, 80)),
        length_um=(500.0, 900.0),
        thin_share=0.15,
        tight_share=0.0,
        unit_spread_rad=0.1,
        bend_rad_per_mm=0.05,
        stray_share=0.0,
        gloss=0.0,
        rough_um=0.0,
        defocus_um=0.0,
        rim=0.0,
        brown_share=0.0,
        grey_share=0.0,
        flake_share=0.0,
        collar_share=0.0,
        debris_per_cm2=0.0,
        scales_per_mm2=0.0,
        ink_chance=0.0,
        shadow=0.0,
        warmth=0.0,
        furrow_depth=0.0,
        vessels_per_mm2=0.0,
        hair_colour=pick_colour(DARK_HAIR_SRGB, rng),
    )
