"""The only composer of the stages: from a photo to its measures, from two of these to the change."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trichoscan.match.overrule import NO_LINKS, Links
from trichoscan.match.visits import match_visits
from trichoscan.measure.density import count_hairs, counting_mask, roots_in
from trichoscan.measure.thickness import measure_diameters
from trichoscan.measure.units import group_units
from trichoscan.measure.visibility import FEW_BELOW, contrasts, scale_is_doubtful, unseen_flags, unseen_share
from trichoscan.overlooked import Repeatability
from trichoscan.photo.quality import assess
from trichoscan.records import (
    Alignment,
    Analysis,
    Change,
    Hair,
    Pairing,
    Photo,
    Quality,
    Segmentation,
    TargetArea,
    TrichoscanError,
)
from trichoscan.response.change import VELLUS_BELOW_UM, quantify_change
from trichoscan.segment.trace import trace_all

if TYPE_CHECKING:
    from trichoscan.segment.weights import Weights

FEW_DIAMETERS = 0.5
"""Below this share of counted hairs with a diameter, the photo is flagged: the rest may be no fair sample."""

MOST_DIAMETERS = 0.95
"""Below this share the corrected mean may differ from the plain one by more than its error."""

TYPICAL_SHAFT_UM = 70.0
"""Median shaft of scalp hair: 58-61 um (PMC2938574) to 80 um (Br J Dermatol 1972)."""
FEWEST_WIDTHS = 4
"""Hairs with a width that it takes to trust their median."""


HOPELESS = 0.5
"""A spoilt photo of which more hairs than this, as a share, are too doubtful to be counted is refused: at an
edge blur of 10 px 0.8 are, and 4 % of the hairs are found (`benchmarks/quality.py`)."""
HOPELESS_WHERE = frozenset({"blurred", "moved", "dark", "overexposed", "glare"})
"""Faults that a new photo mends."""


def analyze(
    photo: Photo,
    weights: Weights,
    *,
    target: TargetArea | None = None,
    device: str = "auto",
    quality: Quality | None = None,
    refuse: bool = True,
) -> Analysis:
    """Find, count and size the hair on one photo.

    Parameters
    ----------
    photo : Photo
        Upright and, where its scale is known, calibrated. Without a scale hairs are still traced,
        and all that needs um stays unknown.
    weights : Weights
        From `segment.weights.load_weights`.
    target : TargetArea, optional
        Count only within this circle.
    device : str
        "auto", "cpu" or "cuda".
    quality : Quality, optional
        As it is to be taken; what `assess` finds by default.
    refuse : bool
        Whether photos of no use are refused, or measured all the same.

    Returns
    -------
    Analysis
        Empty of hairs, with a flag, where there are none.

    Raises
    ------
    TrichoscanError
        The photo is of no use; says why and how to retake it.
    """
    quality = assess(photo) if quality is None else quality
    if refuse and quality.refusal:
        raise TrichoscanError(quality.refusal)
    traced = _trace_hairs(photo, weights, quality, device)
    hairs, doubtful = traced.hairs, traced.doubtful
    area = counting_mask(quality.usable_mask, photo.um_per_px, target)
    counted = roots_in(hairs, area)
    seen = _chosen(hairs, counted)
    contrast = contrasts(photo.pixels, seen, photo.um_per_px)
    unseen = unseen_share(seen, _chosen(doubtful, roots_in(doubtful, area)))
    flags = {*photo.flags, *quality.flags, *traced.flags}
    flags |= count_flags(hairs, counted, area, photo.um_per_px)
    flags |= unseen_flags(seen, contrast, unseen, photo.um_per_px)
    if refuse and hopeless(flags, unseen, quality.focus):
        raise TrichoscanError(
            f"{' and '.join(sorted(HOPELESS_WHERE & flags))}, and hardly a hair can be told for sure; "
            "retake: clean the lens, focus on the skin, hold still, light it evenly"
        )
    if scale_is_doubtful(seen, area, photo.um_per_px):
        flags.add("scale_doubtful")
    if photo.um_per_px is None:
        flags.add("no_scale")
    if target is not None:
        flags.add("target_area")
    return Analysis(
        hairs=hairs,
        unit_of_hair=group_units(hairs, photo.um_per_px),
        counted=counted,
        counting_mask=area,
        quality=quality,
        um_per_px=photo.um_per_px,
        um_per_px_source=photo.um_per_px_source,
        um_per_px_cv=photo.um_per_px_cv,
        sha256=photo.sha256,
        weights=weights.label,
        hair_count=count_hairs(hairs, counted, weights.config["count_cv"]),
        flags=tuple(sorted(flags)),
        doubtful=doubtful,
        repeatability=Repeatability(**weights.config.get("repeatability", {})),
        hair_contrast=float(np.median(contrast)) if len(contrast) else float("nan"),
        unseen_share=unseen,
    )


def hopeless(flags: Collection[str], unseen: float, focus: float) -> bool:
    """Whether a photo with these flags, this share of hairs unseen and this focus is of no use.

    A count of none is not believed where the photo has edges, and all of them are soft.
    """
    if "blurred" in flags and "no_hair" in flags and focus > 0:
        return True
    return unseen > HOPELESS and not HOPELESS_WHERE.isdisjoint(flags)


COUNT_FLAGS = ("no_area", "no_hair", "few_hairs", "few_diameters", "some_unmeasured")
"""Flags that depend on which hairs are counted."""


def count_flags(
    hairs: Sequence[Hair],
    counted: NDArray[np.bool_],
    counting_mask: NDArray[np.bool_],
    um_per_px: float | None,
) -> set[str]:
    """Those of `COUNT_FLAGS` that hold for K hairs, (K,) of them counted, and an (H, W) counting mask."""
    flags = set()
    if not counting_mask.any():
        flags.add("no_area")
    if not counted.any():
        flags.add("no_hair")
    elif np.count_nonzero(counted) < FEW_BELOW:
        flags.add("few_hairs")
    measured = [np.isfinite(hair.diameter_px) for hair in _chosen(hairs, counted)]
    if measured and np.mean(measured) < FEW_DIAMETERS:
        flags.add("few_diameters")
    if um_per_px is not None and measured and np.mean(measured) < MOST_DIAMETERS:
        flags.add("some_unmeasured")
    return flags


@dataclass(frozen=True, eq=False)
class _Traced:
    """Hairs traced and measured, the doubtful ones by the same camera, and flags of the photo."""

    hairs: tuple[Hair, ...]
    doubtful: tuple[Hair, ...]
    flags: tuple[str, ...]


def _trace_hairs(photo: Photo, weights: Weights, quality: Quality, device: str) -> _Traced:
    """Hairs of one photo; without a scale, once more at the scale at which their widths are those of hair."""
    from trichoscan.segment.infer import segment  # brings in torch

    traced = _sized_hairs(photo, segment(photo, quality.usable_mask, weights, device), quality)
    if photo.um_per_px is None and (assumed := _um_per_px_by_width(traced.hairs)) is not None:
        again = segment(photo, quality.usable_mask, weights, device, assumed_um_per_px=assumed)
        traced = _sized_hairs(photo, again, quality)
    return traced


def _sized_hairs(photo: Photo, segmentation: Segmentation, quality: Quality) -> _Traced:
    sure, doubtful = trace_all(segmentation, quality.usable_mask)
    sized = measure_diameters(photo.pixels, (*sure, *doubtful), photo.um_per_px, len(sure))
    return _Traced(sized[: len(sure)], sized[len(sure) :], segmentation.flags)


def _chosen(hairs: Sequence[Hair], which: NDArray[np.bool_]) -> list[Hair]:
    return [hair for hair, one in zip(hairs, which, strict=True) if one]


def _um_per_px_by_width(hairs: Sequence[Hair]) -> float | None:
    """Scale at which these hairs are as wide as hair is; None where too few have a width."""
    widths = [hair.diameter_px for hair in hairs if np.isfinite(hair.diameter_px)]
    return TYPICAL_SHAFT_UM / float(np.median(widths)) if len(widths) >= FEWEST_WIDTHS else None


@dataclass(frozen=True, eq=False)
class Comparison:
    """What became of one site between two photos.

    Attributes
    ----------
    alignment : Alignment
    pairing : Pairing or None
        None where the alignment was refused; `alignment.reason` says why.
    change : Change or None
        Likewise.
    """

    alignment: Alignment
    pairing: Pairing | None
    change: Change | None


def compare(
    baseline: Analysis,
    followup: Analysis,
    *,
    days: float | None = None,
    vellus_below_um: float = VELLUS_BELOW_UM,
    links: Links = NO_LINKS,
    pixels: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None,
) -> Comparison:
    """Find the same hairs again on a later photo of the site, and quantify the change.

    Parameters
    ----------
    baseline, followup : Analysis
    days : float, optional
        Between the photos; growth is measured where they are 1 to 7.
    vellus_below_um : float
        Hairs thinner than this are vellus.
    links : Links
        What a person said of hairs; none by default.
    pixels : two (H, W, 3) uint8, optional
        RGB of both photos as they were analysed: hairs that only one visit shows are looked for there again.

    Returns
    -------
    Comparison
        Without a change where the photos cannot be shown to be of one site.
    """
    alignment, pairing = match_visits(baseline, followup, pixels, links)
    if pairing is None:
        return Comparison(alignment, None, None)
    return Comparison(alignment, pairing, quantify_change(baseline, followup, pairing, days, vellus_below_um))
