"""Diameter of hair shafts, finer than a pixel, from the photo at its own resolution.

For each hair: profiles across the shaft in short windows along it (`profiles`), root zone and tip
left out; a blurred stripe with two free edges fitted to each (`edges`); windows in which another
hair, the root zone or a reflection spoils an edge left out; the rest combined by a Huber mean.

Blur: width and blur can be told apart where the shaft is wider than about five times the blur's
standard deviation; there each hair gives its own blur. For thinner hairs the blur of the photo's
thicker ones is the prior, with their spread as its uncertainty; where there are fewer than three of
those, the prior is wide. What stays unknown of the blur enters the standard error.

Light: profiles are read in linear light, where coverage and blur mix by area (see
`profiles.linear_light`). Cameras that sharpen or shrink the encoded picture blur partly after the
encoding; read so, diameters of dark hair would come out smaller by up to 0.9 of the blur (10 % of 90 um
at 5.5 um per px and 1.9 px blur). This is one factor for a camera, and cancels in a follow-up with it.

Letters for shapes: G windows of all hairs of a photo, T samples across the shaft, K hairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trichoscan.measure.edges import Edges, fit_edges
from trichoscan.measure.profiles import (
    FEWEST_WINDOWS,
    OFF_AXIS_PX,
    Windows,
    hair_rows,
    linear_light,
    locate,
    other_paths,
    place_windows,
    read_profiles,
    straighten,
)
from trichoscan.records import Hair

WIDEST_UM = 180.0
"""No human scalp hair is thicker; the thickest known are about 180 um. Wider is two hairs."""
WIDEST_PX = 60.0
"""The same without a scale: 90 um at 1.5 um per px, the finest scale in use."""
BESIDE_PX = 8.0
"""Skin seen on either side: more than three times the blur of a photo in focus."""
LEAST_SKIN_PX = 2.5
"""Skin that must be free beside an edge, from the edge on, to know how bright it is."""
BLUR_PX, BLUR_LOG_SD = 1.2, 0.6
"""Prior of the blur before the photo's own is known: 0.7 to 2.2 px for two thirds of photos."""
WIDE_IN_BLURS = 5.0
"""Shafts so many blurs wide give their own blur."""
BLUR_WITHIN_LOG_SD = 0.15
"""Change of the blur along one shaft, which leaves the plane of focus."""
BLUR_MODEL_LOG_SD = 0.05
"""The true blur is not quite Gaussian."""
BLUR_THIN_LOG_SD = 0.3
"""The same of shafts up to 3 blurs wide, where gloss or a round shaft's shading looks like other
blur; in between it falls with the third power of the width."""
LEAST_CONTRAST = 0.01
"""Linear light between shaft and skin: about 3 grey levels of 255 at skin's brightness."""
BURNT_LIGHT, BLACK_LIGHT = 0.9, 0.0015
"""Linear light of greys of sRGB codes 243 and 5: beyond them a channel that carries the edge is cut off
(red and green at their end give 0.93)."""
MODEL_SE_PX, MODEL_SE_SHARE = 0.05, 0.005
"""Error that stays however many windows there are: bias of the fit on stripes of known width."""
LARGEST_SE_SHARE = 0.5
"""A diameter less certain than this is not reported: it could not tell vellus from terminal."""


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
        The same hairs in the same order with `diameter_px` and `diameter_se_px`, or NaN, the flag
        `no_diameter` and its reason: `too_short`, `blurred`, `saturated` or `overlapped`. A hair of
        which only a part is hidden by another keeps its diameter, with the flag `overlapped`.
    """
    windows = place_windows(hairs)
    results: dict[int, _Diameter] = {}
    if windows.hair.size:
        light = linear_light(pixels)
        widest_px = WIDEST_PX if um_per_px is None else max(WIDEST_UM / um_per_px, 6.0)
        found = _find_shafts(light, hairs, windows, widest_px)
        found, edges, defects = _fit_shafts(light, hairs, found)
        results = {
            int(windows.hair[rows.start]): _combine(edges, defects, rows, widest_px)
            for rows in hair_rows(windows.hair)
        }
    too_short = _Diameter(np.nan, np.nan, ("too_short", "no_diameter"))
    return tuple(_filled(hair, results.get(index, too_short)) for index, hair in enumerate(hairs))


@dataclass(frozen=True)
class _Diameter:
    value_px: float
    se_px: float
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Shafts:
    """Windows laid on the shafts, with a rough width of each hair's shaft repeated for its windows."""

    windows: Windows
    width_px: NDArray[np.float64]
    light_hair: NDArray[np.bool_]
    blocked: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Defects:
    """Why a window cannot be used, each (G,) bool."""

    hidden: NDArray[np.bool_]
    burnt: NDArray[np.bool_]
    unclear: NDArray[np.bool_]
    log_blur_sd: NDArray[np.float64]


def _filled(hair: Hair, diameter: _Diameter) -> Hair:
    flags = hair.flags + tuple(flag for flag in diameter.flags if flag not in hair.flags)
    return replace(hair, flags=flags, diameter_px=diameter.value_px, diameter_se_px=diameter.se_px)


def _offsets(reach_px: float, most: int) -> NDArray[np.float64]:
    """Symmetric sample offsets, 0.5 px apart or as far as `most` samples on a side allow."""
    step = max(0.5, reach_px / most)
    n = int(np.ceil(reach_px / step))
    return np.asarray(np.arange(-n, n + 1) * step, np.float64)


def _find_shafts(
    light: NDArray[np.float32], hairs: Sequence[Hair], windows: Windows, widest_px: float
) -> _Shafts:
    """Lay the windows on the shafts, with one polarity and one rough width for each hair."""
    offsets = _offsets(widest_px / 2 + OFF_AXIS_PX + 5, 26)
    left, right = other_paths(light.shape, hairs, windows, offsets[-1])
    profiles = read_profiles(light, windows, offsets)
    step = offsets[1] - offsets[0]
    centres, widths, scores = locate(profiles, step, widest_px, left, right)
    light_hair = np.zeros(windows.hair.size, bool)
    centre, width, score = centres[0].copy(), widths[0].copy(), scores[0].copy()
    rough = np.empty_like(width)
    for rows in hair_rows(windows.hair):
        # A gloss line in a dark shaft is a light stripe too: light must stand out clearly better.
        polarity = int(scores[1, rows].sum() > 1.3 * scores[0, rows].sum())
        light_hair[rows] = bool(polarity)
        centre[rows], width[rows], score[rows] = (a[polarity, rows] for a in (centres, widths, scores))
        strong = score[rows] >= 0.5 * score[rows].max()
        rough[rows] = np.median(width[rows][strong])
    # A window that saw another width than the hair's others saw something else.
    agrees = np.abs(np.log(width / rough)) < 0.5
    return _Shafts(straighten(windows, centre, score * agrees), rough, light_hair, score <= 0)


def _fit_shafts(
    light: NDArray[np.float32], hairs: Sequence[Hair], shafts: _Shafts
) -> tuple[_Shafts, Edges, _Defects]:
    """Fit the edges twice: once to learn blur and line of each shaft, then with these."""
    half = shafts.width_px / 2
    everywhere = np.full(half.size, BLUR_PX)
    view = _View(light, hairs, shafts, -half, half)
    first = fit_edges(
        view.profiles, view.use, view.offsets_px, -half, half, everywhere,
        np.full(half.size, BLUR_LOG_SD), iterations=7,
    )  # fmt: skip
    trust = (~view.hidden & _plausible(first, shafts)).astype(np.float64)
    blur, blur_sd = _blur_of_hairs(shafts.windows.hair, first, trust > 0)
    windows = straighten(shafts.windows, first.centre_px, trust)
    half = _typical(shafts.windows.hair, first.width_px, trust > 0, shafts.width_px) / 2
    shafts = replace(shafts, windows=windows, width_px=2 * half)
    view = _View(light, hairs, shafts, -half, half)
    edges = fit_edges(
        view.profiles, view.use, view.offsets_px, -half, half, blur,
        np.full(half.size, 0.02), iterations=6,
    )  # fmt: skip
    near_tip = windows.to_tip_px < half + 2
    unclear = ~_plausible(edges, shafts) | near_tip | _faint(shafts.windows.hair, first, edges)
    # Nothing to see is not called hidden.
    hidden = view.hidden & (np.abs(edges.contrast) > LEAST_CONTRAST)
    return shafts, edges, _Defects(hidden, view.burnt, unclear, blur_sd)


class _View:
    """Profiles of all windows, and which of their samples show the shaft and free skin beside it."""

    def __init__(
        self,
        light: NDArray[np.float32],
        hairs: Sequence[Hair],
        shafts: _Shafts,
        left: NDArray[np.float64],
        right: NDArray[np.float64],
    ) -> None:
        beside = np.maximum(BESIDE_PX, 0.4 * shafts.width_px)
        self.offsets_px = t = _offsets(float((right + beside).max()) + 1, 60)
        self.profiles = read_profiles(light, shafts.windows, t)
        other_left, other_right = other_paths(light.shape, hairs, shafts.windows, float(t[-1]) + 4)
        known = np.isfinite(self.profiles)
        near = known & (t > (left - beside)[:, None]) & (t < (right + beside)[:, None])
        darker = np.where(shafts.light_hair, 1.0, -1.0)[:, None] * np.where(known, self.profiles, 0.0)
        hidden = _like_shaft(darker, near, t, left, right)
        # The other shaft reaches from its path towards this one by about half a width like this one's.
        margin = (shafts.width_px / 2 + 1.5)[:, None]
        near &= ~hidden & (t > other_left[:, None] + margin) & (t < other_right[:, None] - margin)
        middle = (t > left[:, None]) & (t < right[:, None]) & known
        crossed = (other_left > left - 2) | (other_right < right + 2)
        self.use = near | middle
        free_left = np.where(near & (t < left[:, None]), 1, 0).sum(axis=1) * (t[1] - t[0])
        free_right = np.where(near & (t > right[:, None]), 1, 0).sum(axis=1) * (t[1] - t[0])
        self.hidden = crossed | (np.minimum(free_left, free_right) < LEAST_SKIN_PX) | shafts.blocked
        self.use |= self.hidden[:, None] & known  # fitted like the others, but not used
        self.profiles = np.where(known, self.profiles, 0.0)
        self.burnt = _burnt(self.profiles, near)


def _like_shaft(
    light: NDArray[np.float64],
    near: NDArray[np.bool_],
    t: NDArray[np.float64],
    left: NDArray[np.float64],
    right: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Samples at and beyond something beside the shaft that is at least half as dark as the shaft.

    Also other hairs are found so of which no path is known. `light` is negative for dark shafts.
    """
    middle = (t > left[:, None] * 0.6) & (t < right[:, None] * 0.6) | (np.abs(t) < 0.6)
    shaft = np.nanmedian(np.where(middle, light, np.nan), axis=1)[:, None]
    beside = near & ((t < left[:, None] - 1.5) | (t > right[:, None] + 1.5))
    contrast = np.quantile(np.where(beside, shaft - light, 0.0), 0.9, axis=1)[:, None]
    like_shaft = shaft - light < 0.5 * contrast
    hit_right = np.logical_or.accumulate(like_shaft & (t > right[:, None] + 2), axis=1)
    hit_left = np.logical_or.accumulate((like_shaft & (t < left[:, None] - 2))[:, ::-1], axis=1)[:, ::-1]
    reach = round(1.5 / float(t[1] - t[0]))
    grown = hit_right | hit_left
    for shift in range(1, reach + 1):
        grown[:, :-shift] |= hit_right[:, shift:]
        grown[:, shift:] |= hit_left[:, :-shift]
    return grown & ((t < left[:, None] - 0.5) | (t > right[:, None] + 0.5))


def _burnt(profiles: NDArray[np.float64], near: NDArray[np.bool_]) -> NDArray[np.bool_]:
    count = np.maximum(near.sum(axis=1), 1)
    burnt = (near & (profiles > BURNT_LIGHT)).sum(axis=1) / count
    black = (near & (profiles < BLACK_LIGHT)).sum(axis=1) / count
    return np.asarray((burnt > 0.15) | (black > 0.9))


def _plausible(edges: Edges, shafts: _Shafts) -> NDArray[np.bool_]:
    """Whether a fit found this hair's shaft: right polarity, near the line, about as wide."""
    polarity = (edges.contrast > 0) == shafts.light_hair
    ratio = edges.width_px / shafts.width_px
    near = np.abs(edges.centre_px) < np.maximum(4.0, shafts.width_px / 3)
    strong = np.abs(edges.contrast) > LEAST_CONTRAST
    found = polarity & near & strong & (ratio > 0.4) & (ratio < 2.0) & np.isfinite(edges.width_px)
    return np.asarray(found, np.bool_)


def _faint(hair: NDArray[np.int64], free: Edges, edges: Edges) -> NDArray[np.bool_]:
    """Windows far paler or more blurred than the hair's others: the root zone beneath the skin."""
    faint = np.zeros(hair.size, bool)
    for rows in hair_rows(hair):
        contrast = np.abs(edges.contrast[rows])
        blur = free.blur_px[rows]
        faint[rows] = (contrast < 0.5 * np.quantile(contrast, 0.75)) | (blur > 2 * np.median(blur))
    return faint


def _typical(
    hair: NDArray[np.int64],
    values: NDArray[np.float64],
    good: NDArray[np.bool_],
    otherwise: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Median of each hair's good windows, repeated for all of its windows."""
    typical = otherwise.copy()
    for rows in hair_rows(hair):
        if good[rows].any():
            typical[rows] = np.median(values[rows][good[rows]])
    return typical


def _blur_of_hairs(
    hair: NDArray[np.int64], edges: Edges, good: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Blur of each hair and standard deviation of its logarithm, repeated for its windows.

    The windows' own estimates, weighted by their certainty, and the blur of the photo's wide shafts
    as prior.
    """
    slices = hair_rows(hair)
    own = np.zeros((len(slices), 2))
    wide = np.zeros(len(slices), bool)
    for k, rows in enumerate(slices):
        use = good[rows]
        if not use.any():
            continue
        log_blur = np.log(edges.blur_px[rows][use])
        certain = 1 / (edges.log_blur_se[rows][use] ** 2 + BLUR_WITHIN_LOG_SD**2)
        mean = certain @ np.clip(log_blur, *(np.median(log_blur) + np.array([-0.3, 0.3]))) / certain.sum()
        in_blurs = float(np.median(edges.width_px[rows][use] / edges.blur_px[rows][use]))
        wide[k] = in_blurs > WIDE_IN_BLURS
        model_sd = np.clip(BLUR_THIN_LOG_SD * (3 / in_blurs) ** 3, BLUR_MODEL_LOG_SD, BLUR_THIN_LOG_SD)
        weight = 1 / (1 / certain.sum() + model_sd**2)
        own[k] = mean * weight, weight
    prior, prior_sd = np.log(BLUR_PX), BLUR_LOG_SD
    if np.count_nonzero(wide) >= 3:
        each = own[wide, 0] / own[wide, 1]
        prior = float(np.median(each))
        prior_sd = float(np.clip(1.4826 * np.median(np.abs(each - prior)), 0.15, BLUR_LOG_SD))
    certain = own[:, 1] + prior_sd**-2
    mean = (own[:, 0] + prior * prior_sd**-2) / certain
    sd = np.sqrt(1 / certain)
    sizes = [rows.stop - rows.start for rows in slices]
    return np.repeat(np.exp(mean), sizes), np.repeat(sd, sizes)


def _combine(edges: Edges, defects: _Defects, rows: slice, widest_px: float) -> _Diameter:
    """Diameter of one hair from its windows."""
    hidden, burnt, unclear = (a[rows] for a in (defects.hidden, defects.burnt, defects.unclear))
    good = ~(hidden | burnt | unclear)
    touched = ("overlapped",) if hidden.mean() > 0.2 else ()
    if np.count_nonzero(good) < FEWEST_WINDOWS:
        causes = {"overlapped": hidden, "saturated": burnt & ~hidden, "blurred": unclear & ~hidden & ~burnt}
        reason = max(causes, key=lambda name: int(causes[name].sum()))
        return _Diameter(np.nan, np.nan, tuple(dict.fromkeys((*touched, reason, "no_diameter"))))
    width = edges.width_px[rows][good]
    value = _huber_mean(width)
    if value > widest_px:
        return _Diameter(np.nan, np.nan, ("overlapped", "no_diameter"))
    by_blur = float(np.median(edges.width_by_log_blur_px[rows][good])) * float(defects.log_blur_sd[rows][0])
    fit = edges.width_se_px[rows][good]
    spread = max(_variance_of_mean(width), float((fit**2).sum()) / len(fit) ** 2)
    se = float(np.sqrt(spread + by_blur**2 + MODEL_SE_PX**2 + (MODEL_SE_SHARE * value) ** 2))
    if se > LARGEST_SE_SHARE * value:
        return _Diameter(np.nan, np.nan, (*touched, "blurred", "no_diameter"))
    return _Diameter(value, se, touched)


def _huber_mean(values: NDArray[np.float64]) -> float:
    middle = float(np.median(values))
    scale = max(1.4826 * float(np.median(np.abs(values - middle))), 0.02 * middle, 0.02)
    for _ in range(5):
        weight = np.minimum(1, 1.5 * scale / np.maximum(np.abs(values - middle), 1e-9))
        middle = float(weight @ values / weight.sum())
    return middle


def _variance_of_mean(values: NDArray[np.float64]) -> float:
    """Variance of the mean of n windows along a shaft, which resemble their neighbours.

    A steady taper is no error and taken out first. The effective number of windows is
    n (1 - r) / (1 + r) with r the correlation of neighbours (first-order autoregression).
    """
    n = len(values)
    if n < 4:
        return float(np.var(values, ddof=1) / n * 3)
    rest = values - np.polynomial.Polynomial.fit(np.arange(n), values, 1)(np.arange(n))
    limit = 4 * 1.4826 * float(np.median(np.abs(rest))) + 1e-9
    rest = np.clip(rest, -limit, limit)
    total = float(rest @ rest)
    r = float(np.clip(rest[1:] @ rest[:-1] / max(total, 1e-12) + 1 / n, 0.0, 0.7))
    return total / (n - 2) / n * (1 + r) / (1 - r) * (n - 1) / max(n - 3, 1)
