"""Two photos of one site brought into one frame by the constellation of their roots, or refused.

Pixels change when hair is cut and combed anew; roots stay. All turns, scales and shifts that are allowed
are voted for (`vote`), the best are grown into pairs of roots and a smooth map of the skin (`fit`,
`deform`), and the evidence for the best is weighed against chance, so that two sites are told from one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.match import quarter
from trichoscan.match.constellation import Constellation, constellation, working_scales
from trichoscan.match.deform import Prior
from trichoscan.match.fit import Fit, close_in, grow
from trichoscan.match.vote import FREE_LOG_SCALES, KNOWN_LOG_SCALES, LARGEST_SHIFT, LARGEST_TURN_RAD, vote
from trichoscan.records import Alignment, Analysis

Floats = NDArray[np.float64]

HYPOTHESES = 60
"""Similarities that are refined; the right one was the first of them in each of 80 hard simulated pairs."""
GROWN = 6
"""Of these, grown into pairs."""
KNOWN_LOG_SCALE_SD, FREE_LOG_SCALE_SD = 0.04, 0.15
LEAST_CONFIDENCE = 0.999
"""Below this a pair is refused."""
SURE_EVIDENCE = 40.0
"""Below this, in nats, it is looked whether the photos fit better mirrored. Two units of a photo lie on each
other's mirror images after a turn, so that a mirrored photo agrees with itself here and there as if by
more coincidences than there are: up to some ten nats are to be expected of it (our estimate)."""
FEWEST_HAIRS = 6
"""With a visible root on each photo: fewer cannot tell a site from another."""
LEAST_OVERLAP = 0.1
"""Common field as a share of the smaller counting area: less is no comparison of a site."""
LARGEST_SD_UM = 80.0
"""Where the map is less sure than this, half of the distance at which it could take a unit for its
neighbour, the field is not compared."""
GRID_STEP_PX = 64
ANOTHER_UM = 250.0
"""Two alignments differ when they take the pairs this far apart."""
QUARTER_HANDICAP = 5.0
"""Nats that a photo turned by a quarter or more must bring besides: one in fifty is (our guess), and it may
be turned in three ways."""
NAMES = "baseline", "follow-up"
RASTER_PX = 8
"""Masks are carried over at every so many px and interpolated."""


def register(baseline: Analysis, followup: Analysis, names: tuple[str, str] = NAMES) -> Alignment:
    """Align the follow-up photo to the baseline photo.

    Parameters
    ----------
    baseline, followup : Analysis
        Of two photos. Where one or both have no scale, more scales are tried and more agreement is
        asked for.
    names : (str, str)
        What the two photos are called in a reason.

    Returns
    -------
    Alignment
        Refused, with the reason, where the photos cannot be shown to be of one site.
    """
    first_um, second_um, known = working_scales(baseline, followup)
    first, second = constellation(baseline, first_um), constellation(followup, second_um)
    few = _too_few(first, second, names)
    if few:
        return refused(baseline, few)
    found = _align(first, second, baseline, followup, known)
    if isinstance(found, Alignment):
        return _with_overlap(found, baseline, followup)
    for quarters in (1, 2, 3):
        photo = quarter.turned(followup, quarters)
        again = _align(first, constellation(photo, second_um), baseline, photo, known, QUARTER_HANDICAP)
        if isinstance(again, Alignment):
            again = quarter.turned_back(again, followup.counting_mask.shape, quarters)
            return _with_overlap(again, baseline, followup)
    why = _why(found.fits, found.mirrored, first, second, known)
    return refused(baseline, why, -found.fits[0].evidence / np.log(10), found.confidence)


class _Unaligned(NamedTuple):
    """What was found, and is not enough."""

    fits: list[Fit]
    mirrored: list[Fit]
    confidence: float


def _align(
    first: Constellation,
    second: Constellation,
    baseline: Analysis,
    followup: Analysis,
    known: bool,
    handicap: float = 0.0,
) -> Alignment | _Unaligned:
    """The best alignment, where it is sure enough after `handicap` nats are taken off its evidence."""
    fits = _search(first, second, known)
    best = fits[0]
    mirrored = _search(first, _mirrored(second), known) if best.evidence < SURE_EVIDENCE else []
    confidence = _confidence(fits, first, mirrored, handicap)
    if confidence < LEAST_CONFIDENCE:
        return _Unaligned(fits, mirrored, confidence)
    chance = (handicap - best.evidence) / np.log(10)
    return _alignment(best, first, second, baseline, followup, chance, confidence)


def _with_overlap(alignment: Alignment, baseline: Analysis, followup: Analysis) -> Alignment:
    """The alignment, refused where too little is common."""
    area = float(np.count_nonzero(baseline.counting_mask))
    later_area = float(np.count_nonzero(followup.counting_mask)) / alignment.scale**2
    share = float(np.count_nonzero(alignment.overlap_mask)) / max(min(area, later_area), 1.0)
    if share < LEAST_OVERLAP:
        why = f"the photos share only {100 * share:.0f} % of the counting area; photograph the same place"
        return refused(baseline, why, alignment.log10_chance, alignment.confidence)
    return alignment


def _too_few(first: Constellation, second: Constellation, names: tuple[str, str]) -> str:
    for name, stars in zip(names, (first, second), strict=True):
        if len(stars) < FEWEST_HAIRS:
            hairs = "1 hair" if len(stars) == 1 else f"{len(stars)} hairs"
            return f"the {name} photo shows {hairs} with a root; {FEWEST_HAIRS} are needed to find the place"
    return ""


def _search(first: Constellation, second: Constellation, known: bool) -> list[Fit]:
    """Best alignments, best first; at least one."""
    log_scales = KNOWN_LOG_SCALES if known else FREE_LOG_SCALES
    field = float(np.maximum(first.field_um, second.field_um).max())
    prior = Prior(
        LARGEST_SHIFT * field / np.sqrt(3),
        LARGEST_TURN_RAD / np.sqrt(3),
        KNOWN_LOG_SCALE_SD if known else FREE_LOG_SCALE_SD,
    )
    rough = close_in(vote(first, second, log_scales, HYPOTHESES), first, second, GROWN)
    fits = [grow(rough.take(slice(k, k + 1)), first, second, prior) for k in range(len(rough))]
    fits = fits or [Fit(np.eye(2), np.zeros(2), None, np.zeros((0, 2), np.int64), -np.inf)]
    return sorted(fits, key=lambda fit: -fit.evidence)


def _mirrored(stars: Constellation) -> Constellation:
    """The photo's left for its right; directions are not turned with it."""
    return replace(stars, roots_um=stars.roots_um * [-1, 1], usable_mask=stars.usable_mask[:, ::-1])


def _confidence(
    fits: list[Fit], first: Constellation, mirrored: Sequence[Fit] = (), handicap: float = 0.0
) -> float:
    """Probability of the best against two sites, as likely before, against its rivals and mirrored ones."""
    best = fits[0]
    if not np.isfinite(best.evidence):
        return 0.0
    at = first.roots_um[best.pairs[:, 0]]
    against = [handicap - best.evidence]
    against += [fit.evidence - best.evidence for fit in mirrored[:1]]
    for fit in fits[1:]:
        apart = np.hypot(*(fit.apply(at) - best.apply(at)).T)
        if np.isfinite(fit.evidence) and np.median(apart) > ANOTHER_UM:
            against.append(fit.evidence - best.evidence)
    return float(1 / (1 + np.exp(np.minimum(against, 50.0)).sum()))


def _why(
    fits: list[Fit], mirrored: list[Fit], first: Constellation, second: Constellation, known: bool
) -> str:
    """Reason of a refusal."""
    if mirrored and _confidence(mirrored, first, fits) >= LEAST_CONFIDENCE:
        return "the photos fit only if one of them is mirrored: find out which, and mirror it back"
    if known:
        free = _search(first, second, False)
        if _confidence(free, first) >= LEAST_CONFIDENCE:
            off = float(np.exp(abs(np.log(np.linalg.det(free[0].linear)) / 2)))
            return f"the photos fit only with one scale off by a factor of {off:.2f}: check their um_per_px"
    if 1 / (1 + np.exp(-np.clip(fits[0].evidence, -50, 50))) >= LEAST_CONFIDENCE:
        return "two alignments fit about equally well"
    return (
        f"no alignment stands out from chance (best: {len(fits[0].pairs)} roots agree): another site, or too "
        "little of it on both photos"
    )


def refused(baseline: Analysis, reason: str, log10_chance: float = 0.0, confidence: float = 0.0) -> Alignment:
    """An alignment that may not be used, and why."""
    height, width = baseline.counting_mask.shape
    rows, columns = height // GRID_STEP_PX + 2, width // GRID_STEP_PX + 2
    return Alignment(
        similarity=np.eye(2, 3),
        displacement_px=np.zeros((rows, columns, 2)),
        sd_px=np.full((rows, columns), float(max(height, width))),
        grid_step_px=float(GRID_STEP_PX),
        overlap_mask=np.zeros((height, width), bool),
        um_per_px=baseline.um_per_px,
        residual_px=float("nan"),
        partners=0,
        log10_chance=float(log10_chance),
        confidence=confidence,
        reason=reason,
    )


def _alignment(
    fit: Fit,
    first: Constellation,
    second: Constellation,
    baseline: Analysis,
    followup: Analysis,
    log10_chance: float,
    confidence: float,
) -> Alignment:
    """The fit in px, with its grid and its common field."""
    assert fit.deformation is not None
    height, width = baseline.counting_mask.shape
    nodes_px = grid_nodes_px((height, width))
    rows, columns = nodes_px.shape[:2]
    moved = first.to_um(nodes_px).reshape(-1, 2) @ fit.linear.T + fit.shift_um
    linear = fit.linear * first.um_per_px / second.um_per_px
    shift = second.to_px(fit.shift_um) - linear @ first.centre_px
    found = first.roots_um[fit.pairs[:, 0]], second.roots_um[fit.pairs[:, 1]]
    sd = fit.deformation.sd_um(moved) / second.um_per_px
    aligned = Alignment(
        similarity=np.column_stack([linear, shift]),
        displacement_px=(fit.deformation.displacement(moved) / second.um_per_px).reshape(rows, columns, 2),
        sd_px=sd.reshape(rows, columns),
        grid_step_px=float(GRID_STEP_PX),
        overlap_mask=np.zeros((height, width), bool),
        um_per_px=baseline.um_per_px,
        residual_px=float("nan"),
        partners=len(fit.pairs),
        log10_chance=float(log10_chance),
        confidence=confidence,
    )
    back = aligned.to_baseline(second.to_px(found[1]))
    apart = np.hypot(*(back - first.to_px(found[0])).T)
    overlap = _overlap(aligned, baseline, followup, LARGEST_SD_UM / second.um_per_px)
    scaled = baseline.um_per_px is not None and followup.um_per_px is not None
    return replace(
        aligned,
        overlap_mask=overlap,
        overlap_cm2=np.count_nonzero(overlap) * aligned.scale * first.um_per_px * second.um_per_px * 1e-8
        if scaled
        else None,
        residual_px=float(np.sqrt(np.mean(np.square(apart)))),
    )


def grid_nodes_px(shape: tuple[int, ...]) -> Floats:
    """(R, C, 2) nodes of an alignment's grid over a photo (H, W)."""
    rows, columns = (n // GRID_STEP_PX + 2 for n in shape)
    return GRID_STEP_PX * np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).astype(np.float64)


def _overlap(
    aligned: Alignment, baseline: Analysis, followup: Analysis, largest_sd_px: float
) -> NDArray[np.bool_]:
    """(H, W) where both photos count and the map is sure."""
    height, width = baseline.counting_mask.shape
    at = dense_map(aligned, (height, width))
    there = cv2.remap(
        followup.counting_mask.astype(np.uint8), at, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT
    )
    x, y = np.meshgrid(*(np.arange(n, dtype=np.float32) / GRID_STEP_PX for n in (width, height)))
    sd = cv2.remap(
        aligned.sd_px.astype(np.float32), x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR
    )
    return np.asarray(baseline.counting_mask & (there > 0) & (sd <= largest_sd_px), np.bool_)


def dense_map(alignment: Alignment, shape: tuple[int, int]) -> NDArray[np.float32]:
    """(H, W, 2) follow-up px of each px of the baseline photo, for `cv2.remap`."""
    height, width = shape
    middle = (RASTER_PX - 1) / 2
    x, y = (np.arange(-1, -(-n // RASTER_PX) + 1) * RASTER_PX + middle for n in (width, height))
    coarse = alignment.to_followup(np.stack(np.meshgrid(x, y), -1)).astype(np.float32)
    fine = cv2.resize(coarse, None, fx=RASTER_PX, fy=RASTER_PX, interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(fine[RASTER_PX : RASTER_PX + height, RASTER_PX : RASTER_PX + width])
