"""Two visits aligned and matched, the same hairs found whichever of them is called the baseline."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.match.outcome import sort_key
from trichoscan.match.overrule import NO_LINKS, Links, overrule
from trichoscan.match.pair import pair
from trichoscan.match.register import NAMES, dense_map, grid_nodes_px, refused, register
from trichoscan.order import is_swapped
from trichoscan.records import Alignment, Analysis, Match, MatchKind, Pairing

Image = NDArray[np.uint8]

TURNED: dict[MatchKind, MatchKind] = {"matched": "matched", "lost": "new", "new": "lost"}


def match_visits(
    baseline: Analysis,
    followup: Analysis,
    pixels: tuple[Image, Image] | None = None,
    links: Links = NO_LINKS,
) -> tuple[Alignment, Pairing | None]:
    """Align two visits and match their hairs.

    All is computed in the order of `order.is_swapped` and turned back at the end: the visits swapped give the
    same pairs with the same probabilities, lost for new, over a common field of the same area.

    Parameters
    ----------
    baseline, followup : Analysis
    pixels : two (H, W, 3) uint8, optional
        RGB of both photos as they were analysed: hairs that only one visit shows are looked for there again.
    links : Links
        What a person said of hairs; none by default.

    Returns
    -------
    Alignment
    Pairing or None
        None where the alignment was refused.
    """
    swapped = is_swapped(baseline, followup)
    first, second = (followup, baseline) if swapped else (baseline, followup)
    alignment = register(first, second, NAMES[::-1] if swapped else NAMES)
    if not alignment.accepted:
        return (inverse(alignment, followup, baseline) if swapped else alignment), None
    if swapped:
        links = links.swapped()
        pixels = (pixels[1], pixels[0]) if pixels is not None else None
    pairing = overrule(pair(first, second, alignment, pixels), links)
    if swapped:
        pairing = swap(pairing, inverse(alignment, followup, baseline))
    return pairing.alignment, pairing


def inverse(alignment: Alignment, baseline: Analysis, followup: Analysis) -> Alignment:
    """The map from the follow-up to the baseline, on a grid over the follow-up photo.

    Parameters
    ----------
    alignment : Alignment
        Baseline -> follow-up.
    baseline, followup : Analysis

    Returns
    -------
    Alignment
        Of the same area, residuals and evidence.
    """
    if not alignment.accepted:
        return refused(followup, alignment.reason, alignment.log10_chance, alignment.confidence)
    shape = followup.counting_mask.shape
    back = np.linalg.inv(alignment.similarity[:, :2])
    similarity = np.column_stack([back, -back @ alignment.similarity[:, 2]])
    nodes = grid_nodes_px(shape)
    at = alignment.to_baseline(nodes)
    um = baseline.um_per_px, followup.um_per_px
    ratio = alignment.scale if um[0] is None or um[1] is None else um[0] / um[1]
    turned = replace(
        alignment,
        similarity=similarity,
        displacement_px=at - (nodes @ back.T + similarity[:, 2]),
        sd_px=alignment.sd_px_at(at),
        um_per_px=followup.um_per_px,
        residual_px=alignment.residual_px * ratio,
    )
    mask = alignment.overlap_mask.astype(np.uint8)
    seen = cv2.remap(mask, dense_map(turned, shape), None, cv2.INTER_NEAREST)
    return replace(turned, overlap_mask=np.asarray(followup.counting_mask & (seen > 0), np.bool_))


def swap(pairing: Pairing, alignment: Alignment) -> Pairing:
    """The pairing with its visits swapped; `alignment` is the inverse of its own."""
    return Pairing(
        alignment=alignment,
        baseline_hairs=pairing.followup_hairs,
        followup_hairs=pairing.baseline_hairs,
        baseline_units=pairing.followup_units,
        followup_units=pairing.baseline_units,
        matches=_swapped(pairing.matches),
        unit_matches=_swapped(pairing.unit_matches),
    )


def _swapped(matches: tuple[Match, ...]) -> tuple[Match, ...]:
    turned = [replace(m, kind=TURNED[m.kind], baseline=m.followup, followup=m.baseline) for m in matches]
    return tuple(sorted(turned, key=sort_key))
