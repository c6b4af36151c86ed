"""One person's hair, drawn from ancestry, condition and the style of the photo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.biology import (
    ANCESTRY,
    CONDITION,
    THIN_BELOW_UM,
    THINNEST_UM,
    Ancestry,
    Condition,
    Form,
)
from trichoscan.phantom.style import DARK_SKIN_SRGB, DYE_SRGB, HAIR_SRGB, TUFT_HAIRS, Style, pick_colour

Floats = NDArray[np.float64]
Name = TypeVar("Name", bound=str)

PERSON_DIAMETER_CV = 8 / 61
"""SD between persons of the mean diameter: 61 +- 8 um in normal women, frontal (PMC2938574)."""

FARTHEST_PERSON_SD = 2.3
"""Persons are drawn no further from the mean than this many SDs, so that none is absurd; our choice."""

STYLE_THIN_UM = (15.0, 40.0)
"""Thin hair of styles, whose numbers are not a preset's."""

ANCESTRY_SHARE = {"caucasian": 0.36, "hispanic": 0.14, "african": 0.03, "han_chinese": 0.47}
DARK_SKIN_ANCESTRY_SHARE = {"caucasian": 0.02, "hispanic": 0.18, "african": 0.75, "han_chinese": 0.05}
CONDITION_SHARE = {"normal": 0.74, "aga": 0.13, "telogen_effluvium": 0.07, "alopecia_areata": 0.06}
"""How often each is drawn when none is asked for; our choice."""

ALWAYS_NORMAL = ("plain", "thin", "bare")
"""Styles that draw no condition by themselves: for proofs, or thin already."""

DYED_SHARE = 0.05
RED_SHARE = 0.03
"""Heads of dyed and, of caucasians, of red hair where no ancestry is asked for; our choice."""

WHORL_SHARE = 0.05
"""Photos with a whorl in the field; our choice: a head has one or two, photos are taken everywhere."""


@dataclass(frozen=True, eq=False)
class Person:
    """One person's hair.

    Attributes
    ----------
    ancestry, condition : str
    units_per_cm2 : float
        Ostia, empty ones included.
    per_unit_share : (5,) float64
        Ostia made for 1 to 5 hairs.
    tuft_share : float
        Of the ostia, those that a tuft has made its own, of as many hairs as `TUFT_HAIRS` says.
    hairs_left : float
        Share of the normal hair density that is left; in a patch the normal one outside it.
    thin_share : float
    thin_um : (float, float)
        Thin hairs are drawn evenly between these diameters, the others lie above.
    peaks : tuple of (share, um, um)
        Mean and SD of the other diameters.
    form : str
    growth_um_per_day, telogen_share : float
    rule : Condition
        What else the condition does.
    whorl : bool
        Whether hair turns about a point in the photo.
    """

    ancestry: str
    condition: str
    units_per_cm2: float
    per_unit_share: Floats
    tuft_share: float
    hairs_left: float
    thin_share: float
    thin_um: tuple[float, float]
    peaks: tuple[tuple[float, float, float], ...]
    form: Form
    growth_um_per_day: float
    telogen_share: float
    rule: Condition
    whorl: bool

    @property
    def hairs_per_cm2(self) -> float:
        """Hair density to be expected, outside a patch."""
        per_unit = float(self.per_unit_share @ np.arange(1, 6))
        per_unit += self.tuft_share * (float(np.mean(TUFT_HAIRS)) - per_unit)
        return self.units_per_cm2 * per_unit * self.hairs_left


def draw_person(
    style: Style, ancestry: str | None, condition: str | None, rng: np.random.Generator
) -> tuple[Person, Style]:
    """Draw a person to be photographed in a style.

    Where an ancestry or a condition is asked for, density, hairs per unit and diameters are the preset's;
    otherwise density and diameters are the style's, which range wider, and the condition works on them.

    Parameters
    ----------
    style : Style
    ancestry, condition : str or None
        Keys of `biology.ANCESTRY` and `biology.CONDITION`; drawn when None.
    rng : numpy Generator

    Returns
    -------
    (Person, Style)
        The person, and the style with the person's colours and lengths.

    Raises
    ------
    ValueError
        Ancestry or condition unknown.
    """
    for name, known in ((ancestry, ANCESTRY), (condition, CONDITION)):
        if name is not None and name not in known:
            raise ValueError(f"no {name!r}; there are {', '.join(known)}")
    own, what = _draw_names(style.name, ancestry, condition, rng)
    people, rule = ANCESTRY[own], CONDITION[what]
    preset = ancestry is not None or condition is not None
    units, diameter, sd = style.units_per_cm2, style.diameter_um, style.diameter_sd_um
    if preset:
        units, diameter, sd = _numbers(people, rng)
    moved = diameter / terminal_um(ANCESTRY["caucasian"])
    special = preset or bool(rule.peaks)
    left = people.aga_hairs_left if rule.hairs_left is None else rule.hairs_left
    resting = people.telogen_share if rule.telogen_share is None else rule.telogen_share
    person = Person(
        ancestry=own,
        condition=what,
        units_per_cm2=units if style.units_per_cm2 > 0 else 0.0,
        per_unit_share=np.array(people.per_unit_share) / sum(people.per_unit_share),
        tuft_share=0.0 if preset else style.tuft_share,
        hairs_left=left,
        thin_share=rule.thin_share if special else style.thin_share,
        thin_um=(THINNEST_UM, THIN_BELOW_UM) if special else STYLE_THIN_UM,
        peaks=tuple((share, um * moved, s * moved) for share, um, s in rule.peaks) or ((1.0, diameter, sd),),
        form="straight" if style.name == "plain" else _choose(people.form_share, rng),
        growth_um_per_day=_person(people.growth_um_per_day, people.growth_sd, rng),
        telogen_share=_share(resting, people.telogen_sd, rng),
        rule=rule,
        whorl=bool(rng.random() < WHORL_SHARE) and style.name != "plain",
    )
    return person, _dress(style, person, ancestry is not None, rng)


def _draw_names(
    style: str, ancestry: str | None, condition: str | None, rng: np.random.Generator
) -> tuple[str, str]:
    """Ancestry and condition as asked for, or else as they are common among photos of a style."""
    # Both are drawn whatever was asked for, so that the same person comes of the same seed.
    own = _choose(DARK_SKIN_ANCESTRY_SHARE if style == "dark_skin" else ANCESTRY_SHARE, rng)
    what = _choose(CONDITION_SHARE, rng)
    if style in ALWAYS_NORMAL:
        what = "normal"
    return ancestry or own, condition or what


def terminal_um(people: Ancestry) -> float:
    """Mean diameter of the hairs of a normal scalp that are not thin; the published mean includes these."""
    thin = CONDITION["normal"].thin_share
    return (people.diameter_um - thin * (THINNEST_UM + THIN_BELOW_UM) / 2) / (1 - thin)


def _numbers(people: Ancestry, rng: np.random.Generator) -> tuple[float, float, float]:
    """Units per cm2, mean and SD of diameters of one of these people."""
    hairs_per_unit = float(np.dot(people.per_unit_share, np.arange(1, 6)) / sum(people.per_unit_share))
    units = _person(people.hairs_per_cm2, people.hairs_per_cm2_sd, rng) / hairs_per_unit
    factor = _person(1.0, PERSON_DIAMETER_CV, rng)
    return units, terminal_um(people) * factor, people.diameter_sd_um * factor


def _choose(shares: Mapping[Name, float], rng: np.random.Generator) -> Name:
    return list(shares)[int(rng.choice(len(shares), p=list(shares.values())))]


def _person(mean: float, sd: float, rng: np.random.Generator) -> float:
    return mean + sd * float(np.clip(rng.normal(), -FARTHEST_PERSON_SD, FARTHEST_PERSON_SD))


def _share(mean: float, sd: float, rng: np.random.Generator) -> float:
    """Draw a share with a mean and an SD (beta distribution)."""
    n = mean * (1 - mean) / sd**2 - 1
    return float(rng.beta(mean * n, (1 - mean) * n))


def _dress(style: Style, person: Person, ancestry_asked: bool, rng: np.random.Generator) -> Style:
    """Return the style with the person's colours, lengths and rings."""
    if style.name == "plain":
        return style
    if rng.random() < person.rule.peripilar_chance:
        style = replace(style, peripilar=max(style.peripilar, float(rng.uniform(0.12, 0.4))))
    style = replace(style, length_spread=max(style.length_spread, person.rule.length_spread))
    if ancestry_asked:
        style = _coloured(style, _choose(ANCESTRY[person.ancestry].colour_share, rng), rng)
        if person.ancestry == "african":
            style = replace(style, skin_colour=pick_colour(DARK_SKIN_SRGB, rng))
    elif person.ancestry == "caucasian" and rng.random() < RED_SHARE:
        style = _coloured(style, "red", rng)
    if rng.random() < DYED_SHARE:
        # The border shows where the natural part is shorter than the hair.
        natural = float(rng.uniform(0.1, 0.9)) * min(style.length_um[0], 12_000.0)
        style = replace(style, dye_colour=pick_colour(DYE_SRGB, rng), natural_um=natural)
    return style


def _coloured(style: Style, colour: str, rng: np.random.Generator) -> Style:
    """Return the style with another natural colour; a light style keeps its own."""
    if style.name == "light":
        return style
    brown = {"black": 0.1, "brown": 0.3, "grey": 0.1}.get(colour, 0.0)
    if colour == "grey":
        dark = pick_colour(HAIR_SRGB["black"], rng)
        return replace(style, hair_colour=dark, grey_share=float(rng.uniform(0.25, 0.85)), brown_share=brown)
    picked = pick_colour(HAIR_SRGB[colour], rng)
    pale = colour in ("white", "blond")
    return replace(
        style,
        hair_colour=picked,
        brown_share=brown,
        grey_share=min(style.grey_share, 0.1),
        rim=float(rng.uniform(0.4, 1.1)) if pale else style.rim,
        halo_um=style.halo_um * (0.4 if pale else 1.0),
    )
