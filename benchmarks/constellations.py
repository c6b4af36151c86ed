"""Pairs of constellations with known truth: what two visits would detect, without drawing photos.

Scalps are the phantom's; fields, skin stretch, fates and detection errors are drawn over the ranges that
matching is built for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.biology import HAN_PER_UNIT
from trichoscan.phantom.layout import place_units, rotation
from trichoscan.phantom.warp import Stretch, draw_stretch
from trichoscan.records import Analysis, Estimate, Hair, Quality

Floats = NDArray[np.float64]

WIDTH_PX, HEIGHT_PX, UM_PER_PX = 1280, 1024, 5.54
"""The field of the real photos, 7.1 x 5.7 mm."""
LEAST, LENGTH_UM = 0.55, 600.0
"""Confidence at which hairs are reported; length of a stub."""
APART_UM, SCATTER_UM = (60.0, 210.0), 29.0
"""Distance of a unit's neighbouring hairs, and scatter about their row: chosen so that as many hairs are
closer to each other than 50 and 100 um as drawn by hand on the 239 photos of data/fdu that are not held
out: 15 and 97 in a thousand. At 200 um there are a fifth more here."""
MARGIN_UM = 6000.0
"""Scalp about the first field, into which the second may reach."""


@dataclass(frozen=True)
class Ranges:
    """What two visits may differ by.

    Attributes
    ----------
    turn_deg, log_scale, shift_share : float
        Largest turn, logarithm of the scale, and shift as a share of the field's width and height;
        drawn evenly.
    strain : float
        Of the skin.
    lost, new, missed, spurious : float
        Shares of hairs, 0-1; `new` and `spurious` of those there were.
    jitter_um : float
        SD of a detected root along either axis.
    comb_rad : float
        SD of the turn of a shaft.
    recovered : float
        Share of the hairs missed by detection that are among the doubtful ones, 0-1.
    clutter : int
        Mean number of doubtful hairs that are none.
    """

    turn_deg: float = 40.0
    log_scale: float = 0.22
    shift_share: float = 0.5
    strain: float = 0.03
    lost: float = 0.17
    new: float = 0.17
    missed: float = 0.05
    spurious: float = 0.025
    jitter_um: float = 20.0
    comb_rad: float = 0.15
    recovered: float = 0.5
    clutter: int = 10


@dataclass(frozen=True, eq=False)
class View:
    """How one visit sees the scalp."""

    turn_rad: float
    um_per_px: float
    centre_um: Floats
    stretch: Stretch | None

    def to_px(self, points_um: Floats) -> Floats:
        """Scalp points (N, 2) um as photo px."""
        lying = points_um if self.stretch is None else self.stretch.carry(points_um)
        middle = np.array([WIDTH_PX - 1, HEIGHT_PX - 1]) / 2
        return (lying - self.centre_um) @ rotation(self.turn_rad).T / self.um_per_px + middle

    def to_um(self, points_px: Floats) -> Floats:
        """Photo px (N, 2) as scalp points, um."""
        middle = np.array([WIDTH_PX - 1, HEIGHT_PX - 1]) / 2
        lying = (points_px - middle) * self.um_per_px @ rotation(-self.turn_rad).T + self.centre_um
        return lying if self.stretch is None else self.stretch.release(lying)


@dataclass(frozen=True, eq=False)
class Seen:
    """What one visit detects.

    Attributes
    ----------
    analysis : Analysis
    identity, doubtful_identity : (K,) and (P,) int64
        True hair of each detected and each doubtful one, -1 where it is none.
    present, there : frozenset of int
        True hairs in the field, and on the whole scalp.
    true_px : (N, 2) float64
        Where the roots of all hairs of the scalp lie, whether there or not.
    view : View
    """

    analysis: Analysis
    identity: NDArray[np.int64]
    doubtful_identity: NDArray[np.int64]
    present: frozenset[int]
    there: frozenset[int]
    true_px: Floats
    view: View

    def who(self, hairs: tuple[Hair, ...]) -> list[int]:
        """True hair of each of a pairing's hairs, which may be doubtful ones found again."""
        known = {
            tuple(hair.root_px): int(i)
            for hair, i in (
                *zip(self.analysis.hairs, self.identity, strict=True),
                *zip(self.analysis.doubtful, self.doubtful_identity, strict=True),
            )
        }
        return [known[tuple(hair.root_px)] for hair in hairs]


@dataclass(frozen=True, eq=False)
class Stars:
    """Hairs of a scalp: where they stand, how they lean and how thick they are.

    Attributes
    ----------
    roots_um : (K, 2) float64
    angle_rad, width_um : (K,) float64
    clear : (K,) float64
        Confidence with which each is detected, 0.55-1.
    """

    roots_um: Floats
    angle_rad: Floats
    width_um: Floats
    clear: Floats


def scalp_of(rng: np.random.Generator, units_per_cm2: float | None = None) -> Stars:
    """Grow hairs in units that reach beyond the first field on all sides; 45-110 units/cm2 when None."""
    half = np.array([WIDTH_PX, HEIGHT_PX]) * UM_PER_PX / 2 + MARGIN_UM
    units = place_units(rng.uniform(45, 110) if units_per_cm2 is None else units_per_cm2, half, rng)
    size = rng.choice(np.arange(1, 6), len(units), p=HAN_PER_UNIT)
    unit = np.repeat(np.arange(len(units)), size)
    rank = np.arange(len(unit)) - np.repeat(np.cumsum(size) - size, size) - (size[unit] - 1) / 2
    lean = (rng.uniform(-np.pi, np.pi) + rng.normal(0, 0.2, len(units)))[unit]
    across = (
        np.column_stack([-np.sin(lean), np.cos(lean)]) * (rank * rng.uniform(*APART_UM, len(unit)))[:, None]
    )
    roots = units[unit] + across + rng.normal(0, SCATTER_UM, across.shape)
    width = np.clip(rng.normal(65, 15, len(unit)), 20, 120)
    return Stars(roots, lean + rng.normal(0, 0.12, len(unit)), width, _confidences(len(unit), True, rng))


def _confidences(n: int, hair: bool, rng: np.random.Generator) -> Floats:
    """Draw such confidences of hairs, or of what is none, that they are the share of hairs among both."""
    drawn = LEAST + (1 - LEAST) * rng.beta(4, 1, 40 * n + 40)
    kept = rng.random(len(drawn)) < (drawn if hair else (1 - drawn) / (1 - LEAST))
    return drawn[kept][:n]


def visits(
    scalp: Stars, ranges: Ranges, rng: np.random.Generator, scales_known: bool = True
) -> tuple[Seen, Seen]:
    """See one scalp twice: some hairs are there only once, and no detection is perfect."""
    fate = rng.random(len(scalp.roots_um))
    gone, come = fate < ranges.lost, fate > 1 - ranges.new
    field = np.array([WIDTH_PX, HEIGHT_PX]) * UM_PER_PX
    first = View(0.0, UM_PER_PX, np.zeros(2), None)
    second = View(
        float(np.deg2rad(rng.uniform(-ranges.turn_deg, ranges.turn_deg))),
        UM_PER_PX * float(np.exp(rng.uniform(-ranges.log_scale, ranges.log_scale))),
        rng.uniform(-ranges.shift_share, ranges.shift_share, 2) * field,
        draw_stretch(ranges.strain, rng) if ranges.strain else None,
    )
    seen = [
        _look(scalp, np.flatnonzero(~absent), view, ranges, rng, scales_known)
        for view, absent in ((first, come), (second, gone))
    ]
    return seen[0], seen[1]


def _look(
    scalp: Stars,
    there: NDArray[np.int64],
    view: View,
    ranges: Ranges,
    rng: np.random.Generator,
    scale_known: bool,
) -> Seen:
    all_there = frozenset(there.tolist())
    angle = scalp.angle_rad + rng.normal(0, ranges.comb_rad, len(scalp.angle_rad))
    at = view.to_px(scalp.roots_um[there])
    inside = ((at > 0) & (at < [WIDTH_PX - 1, HEIGHT_PX - 1])).all(1)
    there, at = there[inside], at[inside]
    # Those harder to see are missed more often, as on photos; the mean is `ranges.missed`.
    odds = (1 - scalp.clear[there]) ** 1.5
    found = rng.random(len(there)) > ranges.missed * odds / odds.mean()
    count = int(rng.poisson(ranges.spurious * max(len(there), 1)))
    sure = np.concatenate([scalp.clear[there[found]], _confidences(count, False, rng)])
    hairs, identity = _draw(scalp, angle, there[found], at[found], count, sure, view, ranges, rng)
    again = ~found & (rng.random(len(there)) < ranges.recovered)
    clutter = int(rng.poisson(ranges.clutter))
    weak = np.concatenate([rng.uniform(0.05, LEAST, again.sum()), 0.05 + 0.4 * rng.beta(1, 3, clutter)])
    doubtful, doubtful_identity = _draw(
        scalp, angle, there[again], at[again], clutter, weak, view, ranges, rng
    )
    scale = view.um_per_px if scale_known else None
    analysis = replace(as_analysis(hairs, scale), doubtful=doubtful)
    present = frozenset(int(i) for i in there)
    return Seen(analysis, identity, doubtful_identity, present, all_there, view.to_px(scalp.roots_um), view)


def _draw(
    scalp: Stars,
    angle: Floats,
    which: NDArray[np.int64],
    at_px: Floats,
    spurious: int,
    confidence: Floats,
    view: View,
    ranges: Ranges,
    rng: np.random.Generator,
) -> tuple[tuple[Hair, ...], NDArray[np.int64]]:
    """Detections of these hairs and of some that are none, sorted by root, and the true hair of each."""
    limit = np.array([WIDTH_PX - 1, HEIGHT_PX - 1])
    identity = np.concatenate([which, np.full(spurious, -1)]).astype(np.int64)
    at = np.concatenate([at_px, rng.uniform(0, 1, (spurious, 2)) * limit])
    at = np.clip(at + rng.normal(0, ranges.jitter_um / view.um_per_px, at.shape), 0, limit)
    turn = np.concatenate([angle[which] + view.turn_rad, rng.uniform(-np.pi, np.pi, spurious)])
    width = np.concatenate([scalp.width_um[which], rng.uniform(15, 60, spurious)]) / view.um_per_px
    order = np.lexsort((at[:, 0], at[:, 1]))
    way = LENGTH_UM / view.um_per_px * np.column_stack([np.cos(turn), np.sin(turn)])
    measured = width * np.exp(rng.normal(0, 0.06, len(at)))
    hairs = tuple(
        Hair(
            at[k] + np.linspace(0, 1, 4)[:, None] * way[k],
            float(confidence[k]),
            (),
            float(measured[k]),
            float(0.06 * width[k]),
        )
        for k in order
    )
    return hairs, identity[order]


def as_analysis(
    hairs: tuple[Hair, ...], um_per_px: float | None, size_px: tuple[int, int] = (WIDTH_PX, HEIGHT_PX)
) -> Analysis:
    """Analysis of a photo of (width, height) on which these hairs were detected."""
    from trichoscan.measure.density import counting_mask, roots_in
    from trichoscan.measure.units import group_units

    usable = np.ones(size_px[::-1], bool)
    area = counting_mask(usable, um_per_px, None)
    counted = roots_in(hairs, area)
    count = float(counted.sum())
    return Analysis(
        hairs=hairs,
        unit_of_hair=group_units(hairs, um_per_px),
        counted=counted,
        counting_mask=area,
        quality=Quality(usable, 1.0, 0.0, 0.0),
        um_per_px=um_per_px,
        um_per_px_source="none" if um_per_px is None else "manifest",
        sha256="",
        weights="",
        hair_count=Estimate(count, count, count, int(count)),
    )
