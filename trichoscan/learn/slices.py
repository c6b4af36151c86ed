"""How right the hairs of a kind are: figures by what hairs and photos look like.

Every hair, found or true, is put into one class of each slice by what is seen on its own side: a true hair
by the truth, a found one by what was measured. So recall is that of the true hairs of a class, precision
that of the found ones; a hair that is right may stand in two classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trichoscan.learn.hair_sets import HairSet
from trichoscan.learn.traits import light_against_skin, neighbourhood, skin_ita_deg
from trichoscan.learn.verdict import Verdict, unit_sizes

THIN_BELOW_UM = 40.0
"""What the truth calls undersize (TrichoScan's cut-off, field.md)."""
UNIT_SIZES = ("1", "2", "3", "4 and more")
THICKNESSES = ("thin", "not thin", "not measured")
NEIGHBOURHOODS = ("clear", "touching", "crossing")
LIGHTS = {
    "black: below 0.2 of the skin's light": 0.2,
    "dark: 0.2-0.4": 0.4,
    "medium: 0.4-0.7": 0.7,
    "pale: 0.7-1.05": 1.05,
    "lighter than skin: above 1.05": np.inf,
}
"""Upper bounds of light as a share of the skin's, both linear. A shaft thinner than the blur comes out paler
than it is, which is how it is seen."""
SKINS = {
    "dark: ITA below -30": -30.0,
    "brown: ITA -30 to 10": 10.0,
    "tan: ITA 10-28": 28.0,
    "intermediate: ITA 28-41": 41.0,
    "light: ITA above 41": np.inf,
}
"""Upper bounds of the individual typology angle, deg; see `traits.skin_ita_deg`. "Light" are here two classes
of its authors, light and very light."""
BLURS = {
    "over 6 px (focus below 0.25)": 0.25,
    "3-6 px (0.25-0.4)": 0.4,
    "2-3 px (0.4-0.5)": 0.5,
    "1-2 px (0.5-0.67)": 2 / 3,
    "under 1 px (above 0.67)": np.inf,
}
"""Upper bounds of the focus of the photo, which is 1 / (1 + s / 2) for edges blurred by s px."""
SCALES = {
    "under 3 um/px": 3.0,
    "3-5 um/px": 5.0,
    "5-7 um/px": 7.0,
    "7-10 um/px": 10.0,
    "10 um/px and more": np.inf,
}
SLICES: dict[str, tuple[str, ...]] = {
    "hairs per unit": UNIT_SIZES,
    "thickness": THICKNESSES,
    "neighbours": NEIGHBOURHOODS,
    "light against skin": tuple(LIGHTS),
    "skin as photographed": tuple(SKINS),
    "edge blur of the photo": tuple(BLURS),
    "scale": tuple(SCALES),
}
COLUMNS = (
    "slice",
    "class",
    "photos",
    "true_hairs",
    "hits",
    "recall",
    "found_hairs",
    "right",
    "precision",
    "f1",
)


def hair_rows(verdict: Verdict, pixels: NDArray[np.uint8] | None) -> pd.DataFrame:
    """Judged hairs of a photo, each with its class in every slice.

    Parameters
    ----------
    verdict : Verdict
    pixels : (H, W, 3) uint8 or None
        The photo; None where it is not at hand, and then light and skin are no slices.

    Returns
    -------
    DataFrame
        image, side ("true" or "found"), index (in its set), right, light (share of the skin's), and one
        column for each of `SLICES`, empty where the class is not known.
    """
    sides = []
    for side, hairs, judged, right in (
        ("true", verdict.true, verdict.true_judged, verdict.true_hit),
        ("found", verdict.found, verdict.found_judged, verdict.found_right),
    ):
        table = _classes(hairs, verdict, pixels, measured=side == "found")
        table.insert(0, "image", verdict.image)
        table.insert(1, "side", side)
        table.insert(2, "index", np.arange(len(hairs)))
        table.insert(3, "right", right)
        sides.append(table[judged])
    return pd.concat(sides, ignore_index=True)


def _classes(
    hairs: HairSet, verdict: Verdict, pixels: NDArray[np.uint8] | None, *, measured: bool
) -> pd.DataFrame:
    share, skin_deg = np.full(len(hairs), np.nan), np.nan
    if pixels is not None:
        skin_deg = skin_ita_deg(pixels, verdict.um_per_px)
        share = light_against_skin(pixels, hairs.paths_px, verdict.um_per_px)
    thin = hairs.diameter_um < THIN_BELOW_UM if measured else hairs.thin
    unknown = np.isnan(hairs.diameter_um) & measured
    classes = {
        "light": share,
        "hairs per unit": np.array(UNIT_SIZES)[np.minimum(unit_sizes(hairs), len(UNIT_SIZES)) - 1],
        "thickness": np.array(THICKNESSES)[np.where(unknown, 2, np.where(thin, 0, 1))],
        "neighbours": neighbourhood(hairs.paths_px, verdict.um_per_px),
        "light against skin": _class_of(share, LIGHTS),
        "skin as photographed": _class_of(np.full(len(hairs), skin_deg), SKINS),
        "edge blur of the photo": _class_of(np.full(len(hairs), verdict.focus), BLURS),
        "scale": _class_of(np.full(len(hairs), verdict.um_per_px), SCALES),
    }
    return pd.DataFrame(classes)


def _class_of(values: NDArray[np.float64], bounds: dict[str, float]) -> NDArray[np.object_]:
    """(K,) name of the first bound that each value is below; None for NaN."""
    names = np.array([*bounds, None], object)
    slot = np.searchsorted(np.array([*bounds.values()]), values, side="right")
    return np.asarray(
        names[np.where(np.isnan(values), len(bounds), np.minimum(slot, len(bounds) - 1))], object
    )


def slice_table(rows: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Figures of each class of each slice that has a hair.

    Parameters
    ----------
    rows : sequence of DataFrame
        Of `hair_rows`, one a photo.

    Returns
    -------
    DataFrame
        `COLUMNS`: photos with a hair of the class, true hairs and those found, found hairs and those
        right; recall, precision and F1 (their harmonic mean), 0-1, NaN where there is nothing to divide by.
    """
    hairs = pd.concat([table for table in rows if len(table)] or [rows[0]], ignore_index=True)
    lines = [_line("all", "all", hairs)]
    for name, classes in SLICES.items():
        for some in classes:
            of_class = hairs[hairs[name] == some]
            lines += [_line(name, some, of_class)] if len(of_class) else []
    return pd.DataFrame(lines, columns=list(COLUMNS))


def _line(name: str, some: str, hairs: pd.DataFrame) -> dict[str, object]:
    right = {side: hairs.loc[hairs["side"] == side, "right"].to_numpy(bool) for side in ("true", "found")}
    recall, precision = (float(right[side].mean()) if len(right[side]) else np.nan for side in right)
    both = recall + precision
    return {
        "slice": name,
        "class": some,
        "photos": int(hairs["image"].nunique()),
        "true_hairs": len(right["true"]),
        "hits": int(right["true"].sum()),
        "recall": recall,
        "found_hairs": len(right["found"]),
        "right": int(right["found"].sum()),
        "precision": precision,
        "f1": 2 * recall * precision / both if both > 0 else (0.0 if both == 0 else np.nan),
    }
