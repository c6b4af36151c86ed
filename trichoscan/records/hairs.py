"""What the network sees on one photo, the hairs traced in it, and all that was measured of them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from trichoscan.overlooked import FOLLICLE_V1, Repeatability
from trichoscan.records.estimate import Estimate
from trichoscan.records.photo import Quality, ScaleSource


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
        Of a root: log odds that a hair of its own begins there, by `segment.verifier`; of a tip, that one
        ends there; 0 where it did not look.
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
    pixels : (H, W, 3) uint8
        The photo as the network saw it: two px per map cell, h and w are half of H and W, rounded up.
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
    pixels: NDArray[np.uint8]
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
