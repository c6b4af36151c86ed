"""Two visits of one site: where each point went, and what became of each hair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trichoscan.grid import read_grid
from trichoscan.records.hairs import Hair


@dataclass(frozen=True, eq=False)
class Alignment:
    """Where each point of the baseline photo lies on the follow-up photo, and how surely.

    The map is a similarity plus a smooth displacement that is stored on a grid over the baseline photo
    and read between the nodes by cubic interpolation; beyond the grid its edge value holds.

    Attributes
    ----------
    similarity : (2, 3) float64
        Turn, scale and shift: baseline px -> follow-up px, as ``similarity @ (x, y, 1)``.
    displacement_px : (R, C, 2) float64
        What the skin's stretch adds, follow-up px, at the nodes; node (r, c) is baseline point
        (c * grid_step_px, r * grid_step_px).
    sd_px : (R, C) float64
        Standard deviation of the map along either axis, follow-up px, at the nodes.
    grid_step_px : float
        Distance between nodes, baseline px.
    overlap_mask : (H, W) bool
        The common field in the baseline photo: counted in both photos. All False where refused.
    um_per_px : float or None
        Scale of the baseline photo; where None, every length in um is NaN.
    residual_px : float
        Root-mean-square distance between the baseline's roots and their partners, mapped back;
        baseline px. This is the scatter of two root positions, not the error of the map, which
        `sd_px` tells. NaN where refused.
    partners : int
        Roots that found a partner under the map.
    log10_chance : float
        log10 of the number of alignments as good as this one to be expected, over all alignments
        that were allowed, were the two photos of different skin.
    confidence : float
        Probability that the photos show one site and the map is right, 0-1.
    reason : str
        Why the pair is refused, in plain words; empty where the alignment is accepted.
    overlap_cm2 : float or None
        Area of the common field: the geometric mean of those by the two photos' scales, so that it is the
        same whichever is the baseline. None without both scales.
    """

    similarity: NDArray[np.float64]
    displacement_px: NDArray[np.float64]
    sd_px: NDArray[np.float64]
    grid_step_px: float
    overlap_mask: NDArray[np.bool_]
    um_per_px: float | None
    residual_px: float
    partners: int
    log10_chance: float
    confidence: float
    reason: str = ""
    overlap_cm2: float | None = None

    @property
    def accepted(self) -> bool:
        """Whether the alignment may be used."""
        return not self.reason

    @property
    def scale(self) -> float:
        """Follow-up px per baseline px."""
        return float(np.sqrt(abs(np.linalg.det(self.similarity[:, :2]))))

    @property
    def residual_um(self) -> float:
        """`residual_px` in um; NaN without a scale."""
        return self.residual_px * self.um_per_px if self.um_per_px is not None else float("nan")

    def to_followup(self, points_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Baseline points, (..., 2) px, as follow-up points, (..., 2) px."""
        moved = points_px @ self.similarity[:, :2].T + self.similarity[:, 2]
        return moved + read_grid(self.displacement_px, points_px / self.grid_step_px)

    def to_baseline(self, points_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Follow-up points, (..., 2) px, as baseline points, (..., 2) px; `to_followup` undone."""
        back = np.linalg.inv(self.similarity[:, :2]).T
        at = (points_px - self.similarity[:, 2]) @ back
        for _ in range(INVERSE_STEPS):
            at = at + (points_px - self.to_followup(at)) @ back
        return at

    def sd_px_at(self, points_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standard deviation of the map along either axis at baseline points (..., 2); (...) baseline px."""
        sd = read_grid(self.sd_px[..., None], points_px / self.grid_step_px)[..., 0]
        return np.maximum(sd, 0.0) / self.scale

    def sd_um_at(self, points_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """`sd_px_at` in um; NaN without a scale."""
        return self.sd_px_at(points_px) * (self.um_per_px if self.um_per_px is not None else float("nan"))


INVERSE_STEPS = 8
"""Rounds by which `Alignment.to_baseline` closes in; each divides its error by at least four for a
displacement that changes by less than 25 % of the distance, beyond what skin bears unnoticed."""


MatchKind = Literal["matched", "lost", "new"]


@dataclass(frozen=True)
class Match:
    """What became of one hair, or of one follicular unit, between two visits.

    Attributes
    ----------
    kind : str
        "matched": the same one in both photos; "lost": only in the baseline; "new": only in the
        follow-up.
    baseline, followup : int or None
        Which one: of a hair, its index in `Pairing.baseline_hairs` and `Pairing.followup_hairs`; of a
        unit, its number in `Pairing.baseline_units` and `Pairing.followup_units`. None where it is not.
    distance_um : float
        Between the two roots (of units: centres), under the alignment; NaN where not matched or
        without a scale.
    probability : float
        That this is what became of it, 0-1: of a lost or new hair, that it truly went or came and was
        not overlooked in the other photo, or mistaken for a hair in this one.
    counted : bool
        Whether it lies in the common field.
    """

    kind: MatchKind
    baseline: int | None
    followup: int | None
    distance_um: float
    probability: float
    counted: bool


@dataclass(frozen=True, eq=False)
class Pairing:
    """The hairs of two visits of one site, matched.

    Attributes
    ----------
    alignment : Alignment
    baseline_hairs, followup_hairs : tuple of Hair
        The analysis's hairs in its order, then those found only when looked for again at the place
        where the other visit has a hair (flag `found_again`).
    baseline_units, followup_units : (K,) int64
        Unit of each of these hairs; a hair found again that joins none has a number of its own.
    matches : tuple of Match
        Each hair at most once: matched pairs wherever both photos show them; lost and new ones in the
        common field only. Sorted: matched, lost, new, each by index.
    unit_matches : tuple of Match
        The same for follicular units.
    """

    alignment: Alignment
    baseline_hairs: tuple[Hair, ...]
    followup_hairs: tuple[Hair, ...]
    baseline_units: NDArray[np.int64]
    followup_units: NDArray[np.int64]
    matches: tuple[Match, ...]
    unit_matches: tuple[Match, ...]
