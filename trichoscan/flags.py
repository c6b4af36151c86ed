"""The flags of photos, hairs and changes, and what each says to people."""

PHOTO_FLAGS: dict[str, str] = {
    "no_scale": "no um per px was found: the um and density cells are empty",
    "scale_from_bar": "um per px was read from a scale bar burnt into the photo",
    "scale_implausible": "the file's own resolution is no magnification used for scalp; it was ignored",
    "scale_at_sensor": "um per px is DICOM's spacing at the sensor: right only if no lens magnifies",
    "colour_profile_ignored": "the file's colour profile is damaged: its colours were taken as sRGB",
    "working_scale_guessed": "no scale: the network's working scale was chosen from the picture",
    "scale_out_of_range": "um per px is outside 1.5-14, for which the network was trained",
    "scale_doubtful": "at this um per px hairs would be wider, thinner or denser than on any scalp",
    "blurred": "the photo is out of focus or moved: thin hairs may be missed",
    "moved": "the camera moved during exposure: edges are blurred along one direction",
    "glare": "more than 2 % of the scalp is glare: its patches were left out of the counting area",
    "bubbles": "bubbles in the immersion were left out of the counting area",
    "dark": "the usable area is too dark to see thin hairs",
    "overexposed": "the usable area is burnt out",
    "round_aperture": "a dark surround was left out of the counting area",
    "overlay_masked": "burnt-in text, bar or banner was left out of the counting area",
    "target_area": "only the target circle of the manifest was counted",
    "no_area": "nothing of the photo can be counted",
    "no_hair": "no hair has its root in the counting area",
    "few_hairs": "fewer than 10 hairs were counted: means and shares rest on next to nothing",
    "lower_bound": "many hairs were seen too doubtfully to be counted: the count is a lower bound",
    "long_hair": "the hair is long and hides roots: the count is a lower bound",
    "pale_hair": "the hair is pale against its skin: thin hair may be missed, the count is a lower bound",
    "some_unmeasured": "more than 5 % of the counted hairs have no diameter: see the corrected mean",
    "few_diameters": "fewer than half of the counted hairs could be measured for thickness",
}
"""What each word in the `flags` column of images.csv means."""

HAIR_FLAGS: dict[str, str] = {
    "cut_by_edge": "the shaft leaves the photo or its usable area: the length is a lower bound",
    "root_not_visible": "the shaft enters from the edge: not counted",
    "tip_not_seen": "the path ends where the shaft is lost, or may be another's: the length is uncertain",
    "overlapped": "another hair comes within 55 um, hides the shaft's edges, or may be part of it",
    "too_short": "too short between root and tip for a width profile",
    "blurred": "the shaft's edges are too blurred or too pale for a diameter",
    "saturated": "the shaft or the skin beside it is burnt out or black",
    "no_diameter": "the diameter could not be measured",
    "uncertain": "confidence below 0.5",
    "found_again": "below the reporting threshold, and believed because the other visit has a hair there",
}
"""What each word in the `flags` column of hairs.csv means."""

CHANGE_FLAGS: dict[str, str] = {
    "no_scale": "no um per px of one visit or both: per-cm2 and um figures are empty",
    "no_common_field": "the two counting areas have nothing in common: nothing can be compared",
    "few_units": "fewer than 5 follicular units in the common field: the interval rests on next to nothing",
    "few_diameters": "fewer than half of the matched hairs have a diameter at both visits",
    "magnification_differs": "the two photos show the skin at magnifications that differ by more than 15 %",
    "focus_differs": "one photo is clearly sharper than the other: what only it shows may be no change",
    "light_differs": "exposure or colour of the two photos differ: do not compare redness, nor pale hair",
    "length_differs": "hair is long at one visit and less than half as long at the other: clipped otherwise",
    "scales_disagree": "the skin itself says another ratio of scales than the two photos by more than 5 %",
    "too_soon": "visits at most 7 days apart, a phototrichogram: no response is judged",
    "other_weights": "the visits were analysed with different weights: measure both again",
    "no_growth": "the visits are not 1 to 7 days apart, or lack a scale: no growth rate",
    "cut_between": "hairs are shorter than before: they were cut between the photos, no growth rate",
    "few_lengths": "fewer than 10 matched hairs with a known length: no growth rate",
    "no_growth_seen": "growing and resting hairs cannot be told apart: no growth rate",
}
"""What each word in `Change.flags` and `Growth.flags` means."""
