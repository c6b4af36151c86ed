"""Ancestry and condition of a scalp, as published numbers; `person` draws people from them.

A source says "field.md" for the table of sources kept with the project's notes, "derived" for our arithmetic
on such numbers, and "our choice" where nothing was found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Form = Literal["straight", "wavy", "curly", "coily"]

THIN_BELOW_UM = 30.0
"""Shares of thin hair are counted below this (PMC2938574)."""

THINNEST_UM = 14.0
"""Thin hair is drawn evenly from here to `THIN_BELOW_UM`; our choice."""

HAN_PER_UNIT = (0.284, 0.526, 0.175, 0.013, 0.002)
"""Units with 1 to 5 hairs, Han Chinese scalp (oaepublish 2347-9264.2017.52)."""


@dataclass(frozen=True)
class Ancestry:
    """Normal scalp of people of one ancestry.

    Attributes
    ----------
    hairs_per_cm2, hairs_per_cm2_sd : float
        Mean of persons and SD between them.
    per_unit_share : tuple of 5 float
        Units with 1 to 5 hairs.
    diameter_um, diameter_sd_um : float
        Mean of all hairs, thin ones included; SD of the terminal hairs of one person.
    growth_um_per_day, growth_sd : float
        Anagen, mean of persons and SD between them.
    telogen_share, telogen_sd : float
    form_share, colour_share : mapping of name to float
        Add up to 1. Colours are keys of `style.HAIR_SRGB`.
    aga_hairs_left : float
        Hair density under androgenetic alopecia, as a share of the normal one.
    source : str
    """

    hairs_per_cm2: float
    hairs_per_cm2_sd: float
    per_unit_share: tuple[float, ...]
    diameter_um: float
    diameter_sd_um: float
    growth_um_per_day: float
    growth_sd: float
    telogen_share: float
    telogen_sd: float
    form_share: Mapping[Form, float]
    colour_share: Mapping[str, float]
    aga_hairs_left: float
    source: str


ANCESTRY: Mapping[str, Ancestry] = MappingProxyType(
    {
        "caucasian": Ancestry(
            hairs_per_cm2=222.0,
            hairs_per_cm2_sd=30.5,
            per_unit_share=(0.20, 0.50, 0.26, 0.035, 0.005),
            diameter_um=61.0,
            diameter_sd_um=10.0,
            growth_um_per_day=367.0,
            growth_sd=56.0,
            telogen_share=0.12,
            telogen_sd=0.08,
            form_share={"straight": 0.45, "wavy": 0.40, "curly": 0.14, "coily": 0.01},
            colour_share={
                "black": 0.12,
                "brown": 0.46,
                "blond": 0.20,
                "red": 0.05,
                "grey": 0.12,
                "white": 0.05,
            },
            aga_hairs_left=172 / 223,
            source="hairs: middle of 214-230 (SD 28-33) /cm2, PMC6219221; diameter 61 um, women, frontal, "
            "PMC2938574; growth and telogen: TRI Princeton; under AGA: 172 of 223 /cm2, derived from the "
            "finasteride trials and bionumbers 116431; hairs per unit, SD of diameter, form, colour: ours",
        ),
        "hispanic": Ancestry(
            hairs_per_cm2=173.5,
            hairs_per_cm2_sd=32.0,
            per_unit_share=(0.22, 0.53, 0.22, 0.026, 0.004),
            diameter_um=66.0,
            diameter_sd_um=11.0,
            growth_um_per_day=367.0,
            growth_sd=56.0,
            telogen_share=0.12,
            telogen_sd=0.08,
            form_share={"straight": 0.4, "wavy": 0.4, "curly": 0.17, "coily": 0.03},
            colour_share={
                "black": 0.42,
                "brown": 0.43,
                "blond": 0.03,
                "red": 0.01,
                "grey": 0.08,
                "white": 0.03,
            },
            aga_hairs_left=172 / 223,
            source="hairs: middle of 169-178 (SD 31-33) /cm2, PMC6219221; growth, telogen and AGA as in "
            "caucasian, for want of numbers; hairs per unit, diameter, form and colour: our choice",
        ),
        "african": Ancestry(
            hairs_per_cm2=154.0,
            hairs_per_cm2_sd=26.0,
            per_unit_share=(0.27, 0.53, 0.185, 0.013, 0.002),
            diameter_um=64.0,
            diameter_sd_um=11.0,
            growth_um_per_day=280.0,
            growth_sd=50.0,
            telogen_share=0.14,
            telogen_sd=0.09,
            form_share={"straight": 0.0, "wavy": 0.04, "curly": 0.26, "coily": 0.70},
            colour_share={
                "black": 0.84,
                "brown": 0.06,
                "blond": 0.0,
                "red": 0.0,
                "grey": 0.07,
                "white": 0.03,
            },
            aga_hairs_left=172 / 223,
            source="hairs: middle of 148-160 (SD 25-27) /cm2, PMC6219221; growth and telogen: TRI Princeton; "
            "diameter derived: 61 um times 78/74, African to Caucasian shafts (loreal.com, the "
            "characteristics of curly hair); AGA as in caucasian; hairs per unit, form, colour: our choice",
        ),
        "han_chinese": Ancestry(
            hairs_per_cm2=143.0,
            hairs_per_cm2_sd=28.0,
            per_unit_share=HAN_PER_UNIT,
            diameter_um=76.0,
            diameter_sd_um=12.0,
            growth_um_per_day=411.0,
            growth_sd=53.0,
            telogen_share=0.12,
            telogen_sd=0.07,
            form_share={"straight": 0.86, "wavy": 0.13, "curly": 0.01, "coily": 0.0},
            colour_share={
                "black": 0.82,
                "brown": 0.08,
                "blond": 0.0,
                "red": 0.0,
                "grey": 0.07,
                "white": 0.03,
            },
            aga_hairs_left=0.95,
            source="hairs, units (74.4 /cm2 follows), hairs per unit: oaepublish 2347-9264.2017.52; growth "
            "and telogen: Asian, TRI Princeton; diameter: our choice between 74 um (derived: 61 times 90/74, "
            "Asian to Caucasian, loreal.com) and a peak near 80 um (doi 10.1111/j.1365-2133.1972.tb07423.x); "
            "AGA: density hardly lower in Japanese men (field.md), 0.95 our choice; form, colour: our choice",
        ),
    }
)


@dataclass(frozen=True)
class Condition:
    """What a condition makes of a normal scalp.

    Attributes
    ----------
    hairs_left : float or None
        Hair density as a share of the normal one; None: the ancestry's `aga_hairs_left`.
    empty_share : float
        Units that lost all their hairs, beyond those that thin out hair by hair.
    thin_share : float
        Hairs below `THIN_BELOW_UM`.
    peaks : tuple of (share, um, um)
        Diameters of the other hairs: share, mean and SD, as in `caucasian`; they move with the
        ancestry's and the person's diameter. Empty: one symmetric peak.
    rank_effect : float
        How much sooner the second hair of a unit thins than the first, in SDs of the hairs' own fate.
    telogen_share : float or None
        None: the ancestry's.
    regrowing_share : float
        Short, upright, tapered hairs that grow again.
    length_spread : float
        At least this SD of the logarithm of length.
    peripilar_chance, yellow_share : float
        Scalps with brown rings about roots; empty units that show as a yellow dot.
    patch : bool
        Whether all this befalls only a patch, and the rest is normal.
    source : str
    """

    hairs_left: float | None
    empty_share: float
    thin_share: float
    peaks: tuple[tuple[float, float, float], ...]
    rank_effect: float
    telogen_share: float | None
    regrowing_share: float
    length_spread: float
    peripilar_chance: float
    yellow_share: float
    patch: bool
    source: str


CONDITION: Mapping[str, Condition] = MappingProxyType(
    {
        "normal": Condition(
            hairs_left=1.0,
            empty_share=0.0,
            thin_share=0.06,
            peaks=(),
            rank_effect=0.3,
            telogen_share=None,
            regrowing_share=0.0,
            length_spread=0.0,
            peripilar_chance=0.0,
            yellow_share=0.0,
            patch=False,
            source="6 % under 30 um: PMC2938574; one symmetric peak: doi 10.1111/j.1365-2133.1972.tb07423.x; "
            "order of thinning within a unit: our choice",
        ),
        "aga": Condition(
            hairs_left=None,
            empty_share=0.03,
            thin_share=0.21,
            peaks=((0.331, 40.0, 4.5), (0.669, 60.0, 6.5)),
            rank_effect=1.2,
            telogen_share=0.2,
            regrowing_share=0.0,
            length_spread=0.3,
            peripilar_chance=0.65,
            yellow_share=0.3,
            patch=False,
            source="21 % under 30 um, mean 47 um: PMC2938574; peaks at 40 and 60 um: doi "
            "10.1111/j.1365-2133.1972.tb07423.x, their shares derived from that mean; one hair of a unit "
            "thins before another: clinical reviews, its strength our choice; the rest our choice",
        ),
        "telogen_effluvium": Condition(
            hairs_left=0.75,
            empty_share=0.1,
            thin_share=0.06,
            peaks=(),
            rank_effect=0.3,
            telogen_share=0.27,
            regrowing_share=0.14,
            length_spread=0.1,
            peripilar_chance=0.0,
            yellow_share=0.15,
            patch=False,
            source="diameters as normal; telogen, loss, empty units and regrowing hairs: our choice",
        ),
        "alopecia_areata": Condition(
            hairs_left=1.0,
            empty_share=0.0,
            thin_share=0.06,
            peaks=(),
            rank_effect=0.3,
            telogen_share=None,
            regrowing_share=0.0,
            length_spread=0.0,
            peripilar_chance=0.0,
            yellow_share=0.65,
            patch=True,
            source="signs: yellow dots, black dots, broken, tapering and short vellus hairs, PMC10236002; "
            "how often each befalls a follicle (patch.FATE_SHARE): our choice; outside the patch normal",
        ),
    }
)
