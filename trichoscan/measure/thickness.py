"""Diameter of hair shafts, finer than a pixel, from the photo at its own resolution.

For each hair: windows along the shaft, root zone and tip left out (`profiles`); its rough edges and the hair
beside it in each (`shafts`); windows that agree averaged to sections (`sections`), in luma or, for hair that
luma hardly shows, in the mix of channels that shows it best (`colour`); blur, sharpening and the shade beside
shafts of the photo from all hairs together (`lens`); a blurred stripe with two free edges (`stripe`), and
neighbours where they touch, fitted to each section (`edges`); the sections combined by a robust mean.

What it takes for granted: blur comes before the sRGB encoding, sharpening after it, as in the phantoms' and
most cameras' order of processing; a shaft's rims are darker than its middle; shafts thinner than about four
blurs are as dark at their rims, and as glossy, within a spread, as the photo's thicker ones, for their own
width and darkness cannot be told apart. What is so assumed does not average out in the mean of a hair's
sections; the standard error carries it.

Letters for shapes: S sections of all hairs of a photo, K hairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trichoscan.measure.doubles import without_doubles
from trichoscan.measure.edges import FAR_PX, Edges, begin, fit_edges, joined, with_neighbours
from trichoscan.measure.lens import HAIR_LOG_SD, WIDE_IN_BLURS, Lens, find_lens, lens_prior
from trichoscan.measure.profiles import place_windows
from trichoscan.measure.sections import Sections, cut_sections
from trichoscan.measure.shafts import find_shafts
from trichoscan.measure.stripe import C0, C1, LEFT, PARAMETERS, PLACE, RIGHT, SHADE, SKIN, decoded
from trichoscan.records import Hair

Floats = NDArray[np.float64]

PALE_SHARE = 0.8
"""Shafts less dark than this share of the photo's usual are also tried as thinner and dark."""
WIDEST_UM = 180.0
"""No human scalp hair is thicker; the thickest known are about 180 um. Wider is two hairs."""
WIDEST_PX = 60.0
"""The same without a scale: 90 um at 1.5 um per px, the finest scale in use."""
SHADE_UM = 60.0
"""Spread of light in the skin beside a shaft, `edges.SHADES`."""
USUAL_UM, USUAL_PX = 70.0, 13.0
"""Diameter that an unknown scale is judged by for that."""
FEWEST_FOR_LENS = 4
"""Sections clear of other hair from which the camera is told; else all are used."""
SHARED_SD, LEAST_SHARED_SD_PX, LOOSE_PX = 0.18, 1.5, 1.5
"""Where two shafts that touch meet is known from their paths to this share of the width of both; and, px,
where a neighbour begins beyond a gap."""
ITERATIONS, LAST_ITERATIONS = 5, 4
Usual = tuple[Floats, Floats]
LEAST_SPREAD = np.array([0.03, 0.03, 0.05, 0.1])
CONTRAST_SPREAD = 0.25
"""Least spread of the shafts' darkness on a photo, as a share."""
LEAST_CONTRAST = 0.07
"""sRGB 0-1 between shaft and skin: paler shafts drown in the skin's own texture. Between 0.05 and 0.07 grey
hair on light skin (phantoms, seeds 2000 to 2040) came out 16 um too wide, blond hair 13."""
MODEL_SE_PX, MODEL_SE_SHARE = 0.08, 0.01
"""Error that stays however many sections there are: gloss, rims, sharpening not quite as fitted."""
SHARED_SE_SHARE, NEAR_SE_SHARE = 0.22, 0.15
"""The same of a shaft that another touches, and of one that is measured beside the places where other hair
lies on it (`overlapped`), which may hide more of it. From whole phantoms with our own tracings, seeds 7000 to
7015; pairs along true paths, up to 2 px off, are truer than that."""
PALE_SE_PX = 0.28
"""The same for a paleness of 1: uneven light within a shaft moves its edges by its size over their height.
From phantoms, seeds 2000 to 2040."""
PALEST_SHARED = 3.0
"""A touched shaft of greater paleness is not reported: of white pairs (seeds from 1000) 51 % were within two
errors."""
OWN_SECTIONS = 3.0
"""The scatter of a hair's sections is trusted as much as the fits' own error at so many more of them."""
LARGEST_SE_SHARE = 0.5
"""A diameter less certain than this is not reported: it could not tell vellus from terminal."""
HIDDEN_SHARE, LEAST_USED = 0.2, 0.15
"""Share of a shaft's windows that other hair covers, from which it is flagged; and that must be usable: of
less, all of long hair among other hair, widths were off by 2.4 px on average (seeds 7000 to 7030)."""


def measure_diameters(
    pixels: NDArray[np.uint8], hairs: Sequence[Hair], um_per_px: float | None, sure: int | None = None
) -> tuple[Hair, ...]:
    """Measure the shaft diameter of each hair.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        sRGB.
    hairs : sequence of Hair
        K hairs; the path may be up to 4 px and a few degrees off.
    um_per_px : float or None
        Bounds the search for edges: no shaft is wider than 180 um (60 px without a scale).
    sure : int, optional
        So many of the first hairs are hair for certain, all by default: they alone tell the camera, how
        dark the photo's hair is, and what lies in the way of others.

    Returns
    -------
    tuple of Hair
        The same hairs in the same order with `diameter_px`, `diameter_se_px` and `widths_px`, or NaN, the
        flag `no_diameter` and its reason: `too_short`, `blurred`, `saturated` or `overlapped`. A hair that
        another touches or partly hides keeps its diameter, with a larger error and the flag `overlapped`.
    """
    windows = place_windows(hairs)
    if not windows.hair.size:
        return tuple(_without(hair, "too_short") for hair in hairs)
    widest_px = WIDEST_PX if um_per_px is None else max(WIDEST_UM / um_per_px, 6.0)
    certain = hairs if sure is None else hairs[:sure]
    image = pixels.astype(np.float32) / np.float32(255)
    shafts = find_shafts(image, certain, windows, widest_px)
    scale = um_per_px or USUAL_UM / max(float(np.nanmedian([*shafts.width_px, USUAL_PX])), 1.0)
    sections = cut_sections(image, len(hairs), certain, shafts, SHADE_UM / scale)
    edges = _fit(sections, len(certain)) if sections.hair.size else None
    least = LEAST_USED * np.bincount(windows.hair, minlength=len(hairs))
    sized = [
        _sized(hair, k, sections, edges, widest_px, least[k]) if least[k] else _without(hair, "too_short")
        for k, hair in enumerate(hairs)
    ]
    return without_doubles(sized, len(certain), scale)


def _fit(sections: Sections, sure: int) -> Edges:
    """Edges of all sections: first alone, then with the photo's usual darkness of hair."""
    apart, touched = np.flatnonzero(sections.lone), np.flatnonzero(~sections.lone)
    certain = sections.hair < sure
    choices = (np.flatnonzero(sections.lone & certain), np.flatnonzero(certain), np.arange(certain.size))
    known = sections.take(next((c for c in choices if c.size >= FEWEST_FOR_LENS), choices[-1]))
    lens = find_lens(known.profiles, known.left_px, known.right_px, known.away)
    groups = [sections.take(index) for index in (apart, touched) if index.size]
    fits = [_fit_some(group, lens) for group in groups]
    usual = _usual_light(groups, lens, fits, sure if certain.any() else len(sections.hidden_share))
    last = [_fit_again(group, lens, fit, usual) for group, fit in zip(groups, fits, strict=True)]
    return joined(last, np.argsort(np.concatenate([apart, touched])), PARAMETERS)


def _fit_some(sections: Sections, lens: Lens, fit: Edges | None = None, usual: Usual | None = None) -> Edges:
    """Edges of sections that all have neighbours, or none; from an earlier fit where there is one."""
    profiles, left, right = sections.profiles, sections.left_px, sections.right_px
    log_blur, amount = lens.at(sections.away, profiles.straight)
    prior = lens_prior(log_blur, amount, lens.shade)
    if fit is None:
        start = begin(profiles, left, right, log_blur, amount)
        if not sections.lone.all():
            start = with_neighbours(profiles, start, sections.next_px)
    else:
        start = fit.parameters
    if usual is not None:
        known, skin = ~profiles.straight[:, None], np.maximum(np.abs(start[:, SKIN, None]), 0.01)
        prior = replace(
            prior,
            within=np.where(known, usual[0] * skin, 0.0),
            within_sd=np.where(known, usual[1] * skin, np.nan),
        )
    if start.shape[1] > PARAMETERS:
        own = np.maximum(LEAST_SHARED_SD_PX, SHARED_SD * sections.shared_px)
        wide = np.where(sections.shared_px > 0, own, np.inf)
        sure = np.full(len(wide), 1e-6)
        sd = np.where(np.abs(sections.next_px) < FAR_PX, np.minimum(wide, LOOSE_PX)[:, None], sure[:, None])
        open_ = np.full(len(wide), np.inf)
        touches = np.stack([left - sections.next_px[:, 0], sections.next_px[:, 1] - right], axis=1) < 0.5
        ends = np.where(touches, wide[:, None], open_[:, None])
        places = np.stack([left, right], axis=1)
        prior = replace(
            prior,
            edges=np.concatenate([places, sections.next_px], axis=1),
            edges_sd=np.concatenate([ends, sd], axis=1),
            skin=np.where(profiles.straight, sections.skin, decoded(sections.skin)),
        )
    return fit_edges(profiles, start, prior, ITERATIONS if fit is None else LAST_ITERATIONS)


def _fit_again(sections: Sections, lens: Lens, fit: Edges, usual: Usual | None) -> Edges:
    """Edges with the usual darkness known; a pale wide shaft may be a dark thin one, so both are tried."""
    again = _fit_some(sections, lens, fit, usual)
    if usual is None:
        return again
    dark = usual[0][0] * np.maximum(np.abs(fit.parameters[:, SKIN]), 0.01)
    share = np.clip(fit.parameters[:, C0] / dark, 0.15, 1.0)
    pale = np.flatnonzero((share < PALE_SHARE) & ~sections.profiles.straight)
    if not pale.size:
        return again
    start = fit.parameters.copy()
    half, middle = (share * fit.width_px / 2)[pale], fit.centre_px[pale]
    start[pale, LEFT], start[pale, RIGHT], start[pale, C0] = middle - half, middle + half, dark[pale]
    start[pale, C1:SHADE] = 0
    some = _fit_some(sections.take(pale), lens, replace(fit, parameters=start).take(pale), usual)
    chosen = np.arange(len(start))
    better = some.loss < again.loss[pale]
    chosen[pale[better]] = len(start) + np.flatnonzero(better)
    return joined([again, some], chosen, again.parameters.shape[1])


def _usual_light(groups: Sequence[Sections], lens: Lens, fits: Sequence[Edges], sure: int) -> Usual | None:
    """Light within the photo's wide shafts less that of skin, and its spread, as shares of the skin's."""
    shares, hairs = [], set()
    for sections, fit in zip(groups, fits, strict=True):
        blur = np.exp(lens.at(sections.away, sections.profiles.straight)[0])
        wide = (sections.hair < sure) & ~sections.profiles.straight & (fit.width_px > WIDE_IN_BLURS * blur)
        skin = np.maximum(np.abs(fit.parameters[:, SKIN, None]), 0.01)
        shares.append((fit.parameters[:, C0:PLACE] / skin)[wide])
        hairs |= set(sections.hair[wide].tolist())
    if len(hairs) < 3:
        return None
    share = np.concatenate(shares)
    middle = np.median(share, axis=0)
    middle[1] = 0.0  # c_1 turns its sign when a hair is read from its other side
    spread = 1.4826 * np.median(np.abs(share - middle), axis=0)
    return middle, np.maximum(spread, np.maximum(LEAST_SPREAD, CONTRAST_SPREAD * np.abs(middle)))


def _without(hair: Hair, *reasons: str) -> Hair:
    flags = tuple(dict.fromkeys((*hair.flags, *reasons, "no_diameter")))
    return replace(hair, flags=flags, diameter_px=float("nan"), diameter_se_px=float("nan"))


def _sized(
    hair: Hair, k: int, sections: Sections, edges: Edges | None, widest_px: float, least: float
) -> Hair:
    """One hair with the diameter of its sections, if these are of as many windows as `least`."""
    rows = np.flatnonzero(sections.hair == k)
    hidden, burnt = float(sections.hidden_share[k]), float(sections.burnt_share[k])
    touched = ("overlapped",) if hidden > HIDDEN_SHARE else ()
    if edges is None or not rows.size:
        cause = "overlapped" if hidden >= max(burnt, 0.5) else "saturated" if burnt >= 0.5 else "blurred"
        return _without(hair, *touched, cause)
    alone = bool(sections.lone[rows].all())
    if not alone:
        touched = ("overlapped",)
    found = rows[_plausible(edges, sections, rows)]
    if not found.size:
        return _without(hair, *touched, "blurred")
    if not alone and np.median(edges.paleness[found]) > PALEST_SHARED:
        return _without(hair, *touched)
    used = int(sections.windows[found].sum())
    if used < least:
        return _without(hair, "overlapped")
    crossed = bool(touched) or "overlapped" in hair.flags
    value, se = _combined(edges, found, alone, crossed)
    if value > widest_px:
        return _without(hair, "overlapped")
    if se > LARGEST_SE_SHARE * value:
        return _without(hair, *touched, "blurred")
    widths = np.stack(
        [hair.length_px - sections.to_tip_px[found], edges.width_px[found], edges.width_se_px[found]], axis=1
    )
    flags = tuple(dict.fromkeys((*hair.flags, *touched)))
    return replace(
        hair,
        flags=flags,
        diameter_px=value,
        diameter_se_px=se,
        widths_px=widths,
        width_profiles=used,
    )


def _plausible(edges: Edges, sections: Sections, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether a fit found this hair's shaft: near where it was seen, about as wide, and not too pale."""
    rough = sections.width_px[rows]
    ratio = edges.width_px[rows] / rough
    middle = (sections.left_px[rows] + sections.right_px[rows]) / 2
    near = np.abs(edges.centre_px[rows] - middle) < np.maximum(3.0, 0.2 * rough)
    return np.asarray(near & (edges.contrast[rows] > LEAST_CONTRAST) & (ratio > 0.3) & (ratio < 2.2))


def _combined(edges: Edges, rows: NDArray[np.intp], lone: bool, crossed: bool) -> tuple[float, float]:
    """Diameter of one hair and its standard error from its sections.

    Of a shaft that another touches, and lies on in part, the sections that show most count: the upper half.
    What is unknown of the boundary between them is the same in all: it does not lessen with their number.
    """
    width, common = edges.width_px[rows], float((edges.width_prior_se_px[rows] ** 2).mean())
    own = max(float((edges.width_se_px[rows] ** 2).mean()) - common, 0.0)
    value, n = _huber_mean(width) if lone else float(np.sort(width)[rows.size // 2 :].mean()), rows.size
    scatter = float(np.var(width, ddof=1)) if n > 1 else own
    pooled = ((n - 1) * scatter + OWN_SECTIONS * own) / (n - 1 + OWN_SECTIONS)
    by_blur = float(np.median(edges.width_by_log_blur_px[rows])) * HAIR_LOG_SD
    pale = PALE_SE_PX * float(np.median(edges.paleness[rows]))
    share = (NEAR_SE_SHARE if crossed else MODEL_SE_SHARE) if lone else SHARED_SE_SHARE
    parts = (np.sqrt(pooled / (n if lone else 1)), np.sqrt(common), by_blur, MODEL_SE_PX, share * value, pale)
    return value, float(np.sqrt(np.square(parts).sum()))


def _huber_mean(values: Floats) -> float:
    middle = float(np.median(values))
    scale = max(1.4826 * float(np.median(np.abs(values - middle))), 0.02 * middle, 0.02)
    for _ in range(5):
        weight = np.minimum(1, 1.5 * scale / np.maximum(np.abs(values - middle), 1e-9))
        middle = float(weight @ values / weight.sum())
    return middle
