"""Diameter of hair shafts, finer than a pixel, from the photo at its own resolution.

For each hair: windows along the shaft, root zone and tip left out (`profiles`), those spoiled by other hair
or reflections left out and the rest averaged to sections (`sections`), in luma or, for hair that differs from
its skin in colour only, in the mix of channels that shows it best (`colour`); blur and sharpening of the
photo from all hairs together (`lens`); a blurred stripe with two free edges fitted to each section
(`edges`); the sections combined by a robust mean.

What it takes for granted: blur comes before the sRGB encoding, sharpening after it, as in the phantoms' and
most cameras' order of processing; shafts thinner than about four blurs are as dark, within a spread, as the
photo's thicker ones, for their own width and darkness cannot be told apart.

Letters for shapes: S sections of all hairs of a photo, K hairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trichoscan.measure.edges import C0, SKIN, Edges, begin, fit_edges
from trichoscan.measure.lens import HAIR_LOG_SD, Lens, find_lens
from trichoscan.measure.profiles import place_windows
from trichoscan.measure.sections import Sections, cut_sections, find_shafts
from trichoscan.records import Hair

Floats = NDArray[np.float64]

WIDEST_UM = 180.0
"""No human scalp hair is thicker; the thickest known are about 180 um. Wider is two hairs."""
WIDEST_PX = 60.0
"""The same without a scale: 90 um at 1.5 um per px, the finest scale in use."""
STARTS = (0.65, 1.0, 1.4)
"""First guesses of the width, as shares of the rough one: with a bright middle there are two likely ones."""
ITERATIONS, LAST_ITERATIONS = 5, 4
WIDE_IN_BLURS = 4.0
"""Width and darkness of a shaft so wide are told apart."""
CONTRAST_SPREAD = 0.25
"""Least spread of the shafts' darkness on a photo, as a share."""
LEAST_CONTRAST = 0.05
"""sRGB 0-1 between shaft and skin: paler shafts drown in the skin's own texture."""
MODEL_SE_PX, MODEL_SE_SHARE = 0.10, 0.005
"""Error that stays however many sections there are: gloss, rims, sharpening not quite as fitted."""
PALE_SE_PX = 0.012
"""The same from the skin's texture, over the squared contrast; both from phantoms, seeds 0 to 29."""
OWN_SECTIONS = 3.0
"""The scatter of a hair's sections is trusted as much as the fits' own error at so many more of them."""
LARGEST_SE_SHARE = 0.5
"""A diameter less certain than this is not reported: it could not tell vellus from terminal."""
HIDDEN_SHARE = 0.2


def measure_diameters(
    pixels: NDArray[np.uint8], hairs: Sequence[Hair], um_per_px: float | None
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

    Returns
    -------
    tuple of Hair
        The same hairs in the same order with `diameter_px`, `diameter_se_px` and `widths_px`, or NaN, the
        flag `no_diameter` and its reason: `too_short`, `blurred`, `saturated` or `overlapped`. A hair of
        which only a part is hidden by another keeps its diameter, with the flag `overlapped`.
    """
    windows = place_windows(hairs)
    if not windows.hair.size:
        return tuple(_without(hair, "too_short") for hair in hairs)
    widest_px = WIDEST_PX if um_per_px is None else max(WIDEST_UM / um_per_px, 6.0)
    image = pixels.astype(np.float32) / np.float32(255)
    sections = cut_sections(image, hairs, find_shafts(image, hairs, windows, widest_px))
    edges = _fit(sections) if sections.hair.size else None
    placed = set(windows.hair.tolist())
    return tuple(
        _sized(hair, k, sections, edges, widest_px) if k in placed else _without(hair, "too_short")
        for k, hair in enumerate(hairs)
    )


def _fit(sections: Sections) -> Edges:
    """Edges of all sections: from several first guesses, then with the photo's usual darkness of hair."""
    profiles, half = sections.profiles, sections.half_px
    lens = find_lens(profiles, half, sections.away)
    unknown = np.full(half.size, np.inf)
    prior = lens.prior(np.zeros(half.size), unknown)
    fits = []
    for share in STARTS:
        start = begin(profiles, -share * half, share * half, lens.log_blur, lens.amount)
        fits.append(fit_edges(profiles, start, prior, ITERATIONS))
    best = _best_start(sections, fits)
    start = np.choose(best[:, None], [fit.parameters for fit in fits])
    width = np.choose(best, [fit.width_px for fit in fits])
    usual = _usual_contrast(sections, lens, start, width)
    return fit_edges(profiles, start, lens.prior(*usual), LAST_ITERATIONS)


def _best_start(sections: Sections, fits: Sequence[Edges]) -> NDArray[np.int64]:
    """(S,) the first guess that led to the least loss, one for all sections of a hair."""
    loss = np.stack([np.bincount(sections.hair, fit.loss) for fit in fits])
    return np.asarray(loss.argmin(axis=0)[sections.hair], np.int64)


def _usual_contrast(
    sections: Sections, lens: Lens, parameters: Floats, width_px: Floats
) -> tuple[Floats, Floats]:
    """Light of the photo's wide shafts less that of skin, and its spread: prior of c_0, (S,) each."""
    mean, sd = np.zeros(len(parameters)), np.full(len(parameters), np.inf)
    luma = ~sections.profiles.straight
    wide = luma & (width_px > WIDE_IN_BLURS * np.exp(lens.log_blur))
    if np.unique(sections.hair[wide]).size >= 3:
        skin = np.maximum(np.abs(parameters[:, SKIN]), 0.01)
        share = parameters[wide, C0] / skin[wide]
        middle = float(np.median(share))
        spread = max(1.4826 * float(np.median(np.abs(share - middle))), CONTRAST_SPREAD * abs(middle), 1e-3)
        mean[luma], sd[luma] = middle * skin[luma], spread * skin[luma]
    return mean, sd


def _without(hair: Hair, *reasons: str) -> Hair:
    flags = tuple(dict.fromkeys((*hair.flags, *reasons, "no_diameter")))
    return replace(hair, flags=flags, diameter_px=float("nan"), diameter_se_px=float("nan"))


def _sized(hair: Hair, k: int, sections: Sections, edges: Edges | None, widest_px: float) -> Hair:
    """One hair with the diameter of its sections."""
    rows = np.flatnonzero(sections.hair == k)
    hidden, burnt = float(sections.hidden_share[k]), float(sections.burnt_share[k])
    touched = ("overlapped",) if hidden > HIDDEN_SHARE else ()
    if edges is None or not rows.size:
        cause = "overlapped" if hidden >= max(burnt, 0.5) else "saturated" if burnt >= 0.5 else "blurred"
        return _without(hair, *touched, cause)
    found = rows[_plausible(edges, sections, rows)]
    if not found.size:
        return _without(hair, *touched, "blurred")
    value, se = _combined(edges, found)
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
        width_profiles=int(sections.windows[found].sum()),
    )


def _plausible(edges: Edges, sections: Sections, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether a fit found this hair's shaft: near the line, about as wide, and not too pale."""
    half = sections.half_px[rows]
    ratio = edges.width_px[rows] / (2 * half)
    near = np.abs(edges.centre_px[rows]) < np.maximum(3.0, 0.4 * half)
    return np.asarray(near & (edges.contrast[rows] > LEAST_CONTRAST) & (ratio > 0.3) & (ratio < 2.2))


def _combined(edges: Edges, rows: NDArray[np.intp]) -> tuple[float, float]:
    """Diameter of one hair and its standard error from its sections."""
    width, own = edges.width_px[rows], float((edges.width_se_px[rows] ** 2).mean())
    value, n = _huber_mean(width), rows.size
    scatter = float(np.var(width, ddof=1)) if n > 1 else own
    pooled = ((n - 1) * scatter + OWN_SECTIONS * own) / (n - 1 + OWN_SECTIONS)
    by_blur = float(np.median(edges.width_by_log_blur_px[rows])) * HAIR_LOG_SD
    pale = PALE_SE_PX / float(np.median(edges.contrast[rows])) ** 2
    parts = (np.sqrt(pooled / n), by_blur, MODEL_SE_PX, MODEL_SE_SHARE * value, pale)
    return value, float(np.sqrt(np.square(parts).sum()))


def _huber_mean(values: Floats) -> float:
    middle = float(np.median(values))
    scale = max(1.4826 * float(np.median(np.abs(values - middle))), 0.02 * middle, 0.02)
    for _ in range(5):
        weight = np.minimum(1, 1.5 * scale / np.maximum(np.abs(values - middle), 1e-9))
        middle = float(weight @ values / weight.sum())
    return middle
