"""The records that travel between the stages; numpy only.

Letters for shapes: H, W rows and columns of a photo in px; h, w rows and columns of the network's
maps; S channels; N points of a path; K hairs or peaks of a photo; R, C rows and columns of a grid of nodes.

Points are (x, y) in px; the origin is the centre of the photo's top-left pixel. Angles are in
radians, measured from +x towards +y (clockwise on the screen). Arrays are never changed in place.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trichoscan.grid import read_grid
from trichoscan.overlooked import FOLLICLE_V1, Repeatability

ScaleSource = Literal["manifest", "option", "dicom", "tiff", "scale_bar", "none"]


class TrichoscanError(Exception):
    """Bad input. The message names the file and the remedy and fits on one line."""


@dataclass(frozen=True)
class Estimate:
    """A number that was estimated.

    Attributes
    ----------
    value, low, high : float
        The estimate and its 95 % interval, in the unit of the field that holds it.
    n : int
        Independent samples behind it.
    """

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, eq=False)
class Photo:
    """A decoded, upright scalp photo.

    Attributes
    ----------
    pixels : (H, W, 3) uint8
        RGB.
    um_per_px : float or None
        Scale; None where unknown.
    um_per_px_source : str
        Where the scale comes from; "none" where unknown.
    um_per_px_cv : float
        Relative standard error of reading the scale; 0 where it was stated.
    sha256 : str
        Of the file's bytes, hexadecimal.
    flags : tuple of str
        Keys of `PHOTO_FLAGS`.
    """

    pixels: NDArray[np.uint8]
    um_per_px: float | None = None
    um_per_px_source: ScaleSource = "none"
    sha256: str = ""
    flags: tuple[str, ...] = ()
    um_per_px_cv: float = 0.0


@dataclass(frozen=True)
class TargetArea:
    """The circle of the manifest within which hairs are counted, in px."""

    x_px: float
    y_px: float
    radius_px: float


@dataclass(frozen=True, eq=False)
class Quality:
    """What the photo is good for; a measure is NaN where there is nothing to judge it on.

    Attributes
    ----------
    usable_mask : (H, W) bool
        Scalp that can be judged: no surround of a round aperture, burnt-in text, patch of glare or bubble.
    focus : float
        Sharpness of the finest edges, 0 (none) to 1 (as sharp as the pixels allow).
    glare_percent : float
        Share of the scalp that is burnt out by reflections, 0-100.
    erythema_index : float
        Median of 100 * log10(R / G) over skin, after Diffey et al. 1984; higher is redder.
    flags : tuple of str
        Keys of `PHOTO_FLAGS`.
    burnt_in_mask : (H, W) bool
        Burnt-in text, boxes and bars, which no picture of the results may show; (0, 0) where there are none.
    motion_px : float
        Standard deviation of the hand's way during exposure, px.
    bubbles_percent : float
        Share of the scalp that is seen through bubbles, 0-100.
    exposure : float
        Median grey level of the scalp, 0-255.
    refusal : str
        Why the photo cannot be used, and how to retake it; empty where it can.
    """

    usable_mask: NDArray[np.bool_]
    focus: float
    glare_percent: float
    erythema_index: float
    flags: tuple[str, ...] = ()
    burnt_in_mask: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 0), np.bool_))
    motion_px: float = float("nan")
    bubbles_percent: float = 0.0
    exposure: float = float("nan")
    refusal: str = ""


@dataclass(frozen=True, eq=False)
class Peaks:
    """K peaks of a map of the network that is split over direction, best first.

    Attributes
    ----------
    at : (K, 2) float64
        (x, y), map cells; the centre of the top-left cell is (0, 0).
    angle : (K,) float64
        Direction of the shaft, root to tip, rad.
    score : (K,) float64
        Height of the peak, 0-1.
    reach : (K,) float64
        Of a root: distance, cells, at which the network expects the tip; NaN for tips.
    second_look : (K,) float64
        Of a root: log odds that a hair of its own begins there, by `segment.verifier`; 0 where it
        did not look.
    """

    at: NDArray[np.float64]
    angle: NDArray[np.float64]
    score: NDArray[np.float64]
    reach: NDArray[np.float64]
    second_look: NDArray[np.float64]

    def __len__(self) -> int:
        """Number of peaks."""
        return len(self.score)

    def take(self, index: NDArray[np.int64] | NDArray[np.intp] | NDArray[np.bool_]) -> Peaks:
        """Those of `index`, in its order."""
        return Peaks(*(getattr(self, column.name)[index] for column in fields(self)))


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What the network sees on one photo; see `segment.network` for its maps.

    Attributes
    ----------
    roots, tips : Peaks
        Where a hair shaft may leave the skin, and where one may end.
    shaft : (S, h, w) uint8
        Probability, 0-255, of a shaft's centre line, split over S orientations: channel s stands
        for pi s / S.
    px_per_cell : float
        Photo px per map cell: the centre of cell (x, y) is photo point
        ((x + 0.5) * px_per_cell - 0.5, (y + 0.5) * px_per_cell - 0.5).
    thresholds : dict of str to float
        Operating points of tracing, stored with the weights.
    flags : tuple of str
        Keys of `PHOTO_FLAGS`.
    """

    roots: Peaks
    tips: Peaks
    shaft: NDArray[np.uint8]
    px_per_cell: float
    thresholds: dict[str, float] = field(default_factory=dict)
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Hair:
    """One hair shaft.

    Attributes
    ----------
    path_px : (N, 2) float64
        Centre line in photo px, N >= 2, root first, tip last.
    confidence : float
        Probability that this is a hair with its root here, 0-1.
    flags : tuple of str
        Keys of `HAIR_FLAGS`.
    diameter_px, diameter_se_px : float
        Shaft diameter and its standard error; NaN where it could not be measured.
    widths_px : (M, 3) float64
        Width along the shaft: distance from the root, width, its standard error; M sections, 0 where the
        diameter could not be measured.
    width_profiles : int
        Profiles across the shaft behind the diameter.
    tip_confidence : float
        Probability that the path's end is this hair's own tip, if it is a hair, 0-1; NaN where no tip was
        seen.
    """

    path_px: NDArray[np.float64]
    confidence: float
    flags: tuple[str, ...] = ()
    diameter_px: float = float("nan")
    diameter_se_px: float = float("nan")
    widths_px: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 3)))
    width_profiles: int = 0
    tip_confidence: float = float("nan")

    @property
    def root_px(self) -> NDArray[np.float64]:
        """(2,) where the shaft leaves the skin."""
        return self.path_px[0]

    @property
    def tip_px(self) -> NDArray[np.float64]:
        """(2,) where the shaft ends."""
        return self.path_px[-1]

    @property
    def length_px(self) -> float:
        """Length along the path."""
        return float(np.hypot(*np.diff(self.path_px, axis=0).T).sum())


@dataclass(frozen=True, eq=False)
class Analysis:
    """All that was measured on one photo.

    Attributes
    ----------
    hairs : tuple of Hair
        K hairs, from top to bottom and left to right by root.
    unit_of_hair : (K,) int64
        Number of the follicular unit of each hair, 0, 1, 2 ... in order of first appearance.
    counted : (K,) bool
        Whether the hair's root lies in the counting mask.
    counting_mask : (H, W) bool
        Where roots are counted.
    quality : Quality
    um_per_px : float or None
    um_per_px_source : str
    sha256 : str
        Of the photo's file.
    weights : str
        Name of the weights, "/" and the first 12 digits of their sha256.
    hair_count : Estimate
        Hairs in the counting mask, with the interval of what counting by hand would give.
    flags : tuple of str
        All flags of the photo, sorted.
    um_per_px_cv : float
        Relative standard error of the scale.
    doubtful : tuple of Hair
        Candidates below the confidence at which hairs are reported, from top to bottom by root. They count
        for nothing by themselves; matching looks among them for a hair that the other visit shows.
    repeatability : Repeatability
        Of the weights.
    hair_contrast : float
        Median over the counted hairs of how much darker or lighter than its skin a shaft is, 0-1 of luma; NaN
        without hairs.
    unseen_share : float
        Share of the hairs to be expected in the counting mask that are not counted, for each alone is too
        doubtful, 0-1; NaN without any.
    """

    hairs: tuple[Hair, ...]
    unit_of_hair: NDArray[np.int64]
    counted: NDArray[np.bool_]
    counting_mask: NDArray[np.bool_]
    quality: Quality
    um_per_px: float | None
    um_per_px_source: ScaleSource
    sha256: str
    weights: str
    hair_count: Estimate
    flags: tuple[str, ...] = ()
    um_per_px_cv: float = 0.0
    doubtful: tuple[Hair, ...] = ()
    repeatability: Repeatability = FOLLICLE_V1
    hair_contrast: float = float("nan")
    unseen_share: float = float("nan")

    @property
    def area_cm2(self) -> float | None:
        """Counting area in cm2; None without a scale."""
        if self.um_per_px is None:
            return None
        return float(np.count_nonzero(self.counting_mask)) * (self.um_per_px * 1e-4) ** 2


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


Response = Literal["improved", "stable", "worsened", "inconclusive"]
HairFate = Literal["kept", "thickened", "miniaturized", "lost", "new", "regrown"]


@dataclass(frozen=True)
class MeasureChange:
    """One measure at two visits, over their common field; NaN where it cannot be known.

    Attributes
    ----------
    baseline, followup : float
        Its level; of `diameter_um`, over the hairs that are matched and measured at both visits.
    field : Estimate
        Change in this very piece of skin: detection, matching and measuring error.
    site : Estimate
        Change of the site of which this piece is a sample: spatial sampling too. n: follicular units.
    """

    baseline: float
    followup: float
    field: Estimate
    site: Estimate


@dataclass(frozen=True)
class Growth:
    """What a phototrichogram tells; NaN where it cannot be known.

    Attributes
    ----------
    growth_um_per_day : Estimate
        Mean rate of the hairs in anagen.
    anagen_percent : Estimate
        Share of hairs that grow.
    censored : int
        Hairs of which only a bound of the length is known at one visit.
    flags : tuple of str
        Keys of `CHANGE_FLAGS`.
    """

    growth_um_per_day: Estimate
    anagen_percent: Estimate
    censored: int
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Change:
    """What became of one site between two visits.

    Attributes
    ----------
    area_cm2 : float
        Of the common field; NaN without a scale.
    days : float or None
        Between the visits.
    measures : dict of str to MeasureChange
        density_per_cm2, unit_density_per_cm2, hairs_per_unit, diameter_um,
        cumulative_thickness_mm_per_cm2, terminal_per_cm2, vellus_per_cm2, vellus_percent; and
        density_percent and cumulative_thickness_percent, changes in percent of the baseline, whose levels
        are 100 and what that has become.
    counts : dict of str to Estimate
        Hairs of the common field that are lost_hairs, new_hairs, regrown_hairs (the new ones whose unit
        stood empty), emptied_hairs (the lost ones whose unit stands empty), thickened_hairs,
        miniaturized_hairs, to_terminal_hairs, to_vellus_hairs; and reactivated_units, emptied_units.
    fates : tuple of str
        What became of each hair of `Pairing.matches`, in its order.
    smallest_detectable_change_per_cm2 : float
        Change of density in this field beyond which 95 % of no-change pairs do not come.
    response : str
    growth : Growth or None
        Of visits at most 7 days apart.
    flags : tuple of str
        Keys of `CHANGE_FLAGS`, sorted.
    """

    area_cm2: float
    days: float | None
    measures: dict[str, MeasureChange]
    counts: dict[str, Estimate]
    fates: tuple[HairFate, ...]
    smallest_detectable_change_per_cm2: float
    response: Response
    growth: Growth | None
    flags: tuple[str, ...] = ()
