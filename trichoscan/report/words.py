"""What flags, responses and measures mean in plain words, and what to do about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["stop", "check", "note"]

SEVERITIES: dict[Severity, str] = {
    "stop": "Do not use the numbers yet",
    "check": "Look before you use them",
    "note": "For your information",
}
"""Headings of the report's first list, most urgent first."""


@dataclass(frozen=True)
class Advice:
    """What a flag says and what to do.

    Attributes
    ----------
    severity : str
        Key of `SEVERITIES`.
    what : str
        What is wrong, or what was assumed, as a heading.
    do : str
        What to do, as docs/photos.md has it.
    """

    severity: Severity
    what: str
    do: str


PHOTO_ADVICE: dict[str, Advice] = {
    "no_scale": Advice(
        "check",
        "No scale: sizes and densities cannot be given",
        "write um_per_px into the manifest, or add --um-per-px; run again. No new photo needed",
    ),
    "scale_from_bar": Advice(
        "note",
        "The scale was read from a bar in the photo",
        "check once that the bar is right for this magnification; better write um_per_px into the manifest",
    ),
    "scale_implausible": Advice(
        "check",
        "The file's own resolution is no magnification used for scalp",
        "the file's resolution is no use: write um_per_px into the manifest",
    ),
    "scale_at_sensor": Advice(
        "check",
        "The scale is that of the camera's sensor: right only if no lens magnifies",
        "photograph a ruler once, run trichoscan calibrate on it and write um_per_px into the manifest",
    ),
    "colour_profile_ignored": Advice(
        "note",
        "The file's colour profile is damaged",
        "nothing for counts; export the photo again if you use the redness",
    ),
    "working_scale_guessed": Advice(
        "note", "Hairs were looked for at a guessed magnification", "goes away with the scale, as no_scale"
    ),
    "scale_out_of_range": Advice(
        "check",
        "A magnification the network was not trained for",
        "check um_per_px for a slip; else retake at another magnification",
    ),
    "scale_doubtful": Advice(
        "check",
        "At this scale the hairs would be wider, thinner or denser than on any scalp",
        "check um_per_px for a slip; else take the photo again at the usual magnification",
    ),
    "blurred": Advice(
        "stop",
        "Out of focus or moved: thin hairs may be missed",
        "retake: clean the lens, focus on the skin, hold still. On skin without any hair it can be raised "
        "for a sharp photo: look",
    ),
    "moved": Advice(
        "stop",
        "The camera moved during exposure",
        "retake: rest the lens on the skin, hold still, more light for a shorter exposure",
    ),
    "glare": Advice(
        "stop",
        "Reflections hide hair; their patches were left out of the area",
        "retake: polarizer or immersion, no bubbles, tilt the lamp",
    ),
    "bubbles": Advice(
        "note",
        "Bubbles in the immersion were left out of the area",
        "look on the overlay that what was left out are bubbles; retake where they cover much: more fluid, "
        "press the lens on slowly",
    ),
    "dark": Advice("stop", "Too dark to see thin hairs", "retake with more light or longer exposure"),
    "overexposed": Advice(
        "stop", "Burnt out: light and thin hairs are lost", "retake with less light or shorter exposure"
    ),
    "round_aperture": Advice(
        "note", "A dark surround was left out", "nothing; the black surround is left out"
    ),
    "overlay_masked": Advice(
        "note",
        "Text or a bar in the photo was left out",
        "nothing; text and bar are left out. Check on the overlay that no scalp was taken for them",
    ),
    "target_area": Advice(
        "note", "Only the target circle was counted", "nothing; only the circle was counted"
    ),
    "no_area": Advice(
        "stop",
        "Nothing of the photo can be counted",
        "the circle lies outside the photo, or the photo is black: correct the manifest or retake",
    ),
    "no_hair": Advice(
        "check",
        "No hair was found",
        "look: bare skin is right; else retake, or the scale is wrong",
    ),
    "few_hairs": Advice(
        "check",
        "Fewer than ten hairs were counted",
        "photograph a larger field, or several places: means and shares of so few say little. Right on bare "
        "skin",
    ),
    "lower_bound": Advice(
        "check",
        "Many hairs were seen too doubtfully to be counted: the count is a lower bound",
        "look for hairs without a ring and correct them by hand, or retake: clipped, sharper, more magnified",
    ),
    "long_hair": Advice(
        "check",
        "Long hair hides roots: the count is a lower bound",
        "clip the site to 0.5-2 mm and retake; else compare only with photos of as long hair",
    ),
    "pale_hair": Advice(
        "check",
        "The hair is pale against its skin: the count is a lower bound",
        "look for hairs without a ring; immersion, even light and a stronger magnification show more of them",
    ),
    "some_unmeasured": Advice(
        "note",
        "More than 5 % of the counted hairs have no diameter",
        "nothing; use corrected_mean_diameter_um beside the plain mean",
    ),
    "few_diameters": Advice(
        "check",
        "Fewer than half of the hairs could be measured for thickness",
        "retake sharper, clip shorter so that hairs do not cross, or take a stronger magnification; do not "
        "trust diameters and vellus share of this photo",
    ),
}
"""One for each of `flags.PHOTO_FLAGS`."""

PAIR_ADVICE: dict[str, Advice] = {
    "no_scale": Advice(
        "check",
        "No scale at a visit: no change per cm² or in µm",
        "write um_per_px of both photos into the manifest; run again",
    ),
    "no_common_field": Advice(
        "stop",
        "The two counted areas do not meet",
        "relocate the site by its marks and retake; see that the target circles lie on one place",
    ),
    "few_units": Advice(
        "check",
        "Fewer than five follicular units in the common field",
        "the interval cannot be trusted: photograph a larger field, or the same place more exactly",
    ),
    "few_diameters": Advice(
        "check",
        "Fewer than half of the matched hairs have both diameters",
        "do not trust the change of diameter and thickness; counts are not touched by it",
    ),
    "scales_disagree": Advice(
        "stop",
        "The skin itself contradicts one of the two scales",
        "check um_per_px of both photos: one is off by more than 5 %",
    ),
    "magnification_differs": Advice(
        "check",
        "The two photos were taken at different magnifications",
        "do not trust the change of diameters; retake at the magnification of the baseline",
    ),
    "focus_differs": Advice(
        "check",
        "One of the two photos is clearly sharper",
        "look whether lost or new hairs are those that only the sharp photo shows; retake the other where "
        "you can",
    ),
    "light_differs": Advice(
        "check",
        "Exposure or colour of the two photos differ",
        "do not compare redness; fix lamp, exposure, white balance and immersion at all visits",
    ),
    "length_differs": Advice(
        "check",
        "The hair is long at one visit and short at the other",
        "lost hairs may be hidden ones: clip alike at each visit and retake",
    ),
    "too_soon": Advice(
        "note",
        "At most seven days apart: a phototrichogram, no response is judged",
        "nothing: read growth and anagen",
    ),
    "other_weights": Advice(
        "check",
        "The two photos were measured with different weights",
        "run again with --overwrite, so that both visits are measured alike",
    ),
    "no_growth": Advice(
        "note", "No growth rate", "nothing: it needs visits 1 to 7 days apart, and a scale at both"
    ),
    "cut_between": Advice(
        "check",
        "Hairs are shorter than before: they were cut between the visits",
        "growth cannot be told; for a phototrichogram clip once, before the first photo",
    ),
    "few_lengths": Advice(
        "check",
        "Fewer than ten hairs of known length: no growth rate",
        "photograph a larger field, clip shorter, so that tips are seen",
    ),
    "no_growth_seen": Advice(
        "check",
        "Growing and resting hairs cannot be told apart",
        "take the second photo a day later; see that both are of one place and one magnification",
    ),
}
"""One for each of `flags.CHANGE_FLAGS`."""

FAILED_PHOTO = Advice(
    "stop", "The photo could not be measured", "replace it under the same name and run the same command again"
)
FAILED_PAIR = Advice(
    "stop",
    "The follow-up could not be compared with its baseline",
    "see that both photos are of one subject and site, turned alike, and sharp; else retake",
)

RESPONSES = {
    "improved": "denser than before: the whole interval lies above no change, and the change is not less "
    "than the smallest detectable one",
    "worsened": "less dense than before: the whole interval lies below no change, and the change is not less "
    "than the smallest detectable one",
    "stable": "the whole interval lies within 10 % of the density about no change",
    "inconclusive": "the interval holds both no change and a change that would matter, or the change is less "
    "than the smallest detectable one",
}
"""The rule of `response.rule.judge` in words."""

MEASURES = {
    "density_per_cm2": ("Hair density", "hairs/cm²"),
    "unit_density_per_cm2": ("Follicular unit density", "units/cm²"),
    "hairs_per_unit": ("Hairs per unit", "hairs"),
    "diameter_um": ("Mean diameter", "µm"),
    "cumulative_thickness_mm_per_cm2": ("Cumulative thickness", "mm/cm²"),
    "terminal_per_cm2": ("Terminal hair density", "hairs/cm²"),
    "vellus_percent": ("Vellus share", "percentage points"),
    "responders_percent": ("Responders", "%"),
    "missing_percent": ("Missing", "%"),
}
"""Name and unit of the measures of cohort.csv."""

SCALE_SOURCES = {
    "manifest": "stated in the manifest",
    "option": "stated on the command line",
    "dicom": "from the DICOM file",
    "tiff": "from the TIFF file",
    "scale_bar": "read from a bar in the photo",
    "none": "not known",
}
"""Where a photo's scale comes from."""

LIMITS = (
    "It measures; it does not diagnose. For research use. A person must look at each photo's layers above "
    "before its numbers are used.",
    "Thin, pale, blond, white and long hair is missed more often than dark clipped hair, and so is hair on "
    "dark skin. A count there is a lower bound. A share of vellus hair is most of all touched by this.",
    "Two hairs that leave the skin side by side can be taken for one, and one thick shaft for two.",
    "Diameters of rough, shining or blond shafts, and those by cameras that sharpen, are biased, mostly "
    "upwards. Change of diameter is trusted only with the same device and settings at both visits.",
    "The interval of a density tells how far a count by hand may differ. It does not tell how much one site "
    "of the head differs from another, nor a scale that is wrong.",
    "The intervals of a change hold for the site of which the photo is a sample. Compare figures only of "
    "photos taken alike: clipped alike, with the same magnification, light and immersion.",
    "The interval of a percentage, of a median and of hairs per unit is that of chance alone; hairs that "
    "were missed are not in it.",
)
"""What the figures do not say."""
