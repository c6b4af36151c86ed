"""Patients whose hairs and their fates are known, photographed twice by a detector that errs."""

from dataclasses import dataclass, replace

import numpy as np

from trichoscan.match.pair import pair
from trichoscan.measure.density import count_hairs
from trichoscan.measure.units import group_units
from trichoscan.records import Alignment, Analysis, Hair, Quality
from trichoscan.response.events import overlooked

UM_PER_PX = 5.0
SHAPE = (1024, 1280)
GUARD = 30
MASK = np.zeros(SHAPE, bool)
MASK[GUARD:-GUARD, GUARD:-GUARD] = True
AREA_CM2 = np.count_nonzero(MASK) * (UM_PER_PX * 1e-4) ** 2
COUNT_CV = 0.09
MISSED = float(overlooked(np.array([0.99]))[0])
"""Chance that detection overlooks a planted hair."""


@dataclass(frozen=True, eq=False)
class World:
    """Hairs of one scalp: place, unit, diameter at both visits (NaN: not there)."""

    at: np.ndarray
    diameter: np.ndarray


def draw_world(rng, lost=0.05, new=0.05, wider=0.0, wider_sd=0.04, units_per_cm2=75.0):
    """Units apart from each other, hairs in them; each hair's fate is drawn by itself."""
    width, height = SHAPE[1], SHAPE[0]
    wanted = rng.poisson(units_per_cm2 * width * height * (UM_PER_PX * 1e-4) ** 2)
    centres = np.empty((0, 2))
    for xy in rng.uniform(0, [width, height], (wanted * 4, 2)):
        if len(centres) < wanted and (not len(centres) or np.hypot(*(centres - xy).T).min() > 80):
            centres = np.vstack([centres, xy])
    size = rng.choice([1, 2, 3], len(centres), p=[0.35, 0.5, 0.15])
    old = np.repeat(centres, size, axis=0)
    old = old + rng.normal(0, 12, old.shape)
    here = rng.random(len(old)) >= lost
    more = rng.random(len(old)) < new
    fresh = old[more] + rng.normal(0, 18, (more.sum(), 2))
    before = np.clip(rng.normal(55, 15, len(old)), 15, None)
    after = np.where(here, before * (1 + rng.normal(wider, wider_sd, len(old))), np.nan)
    late = np.clip(rng.normal(40, 12, len(fresh)), 15, None)
    return World(
        np.vstack([old, fresh]),
        np.stack([np.r_[before, np.full(len(fresh), np.nan)], np.r_[after, late]]),
    )


def photograph(world, visit, rng, sha, *, fault_sd=0.5, um_per_px=UM_PER_PX):
    """Analysis of a visit with a photo's own share of overlooked hairs, and false ones."""
    fault = np.exp(rng.normal(-0.5 * fault_sd**2, fault_sd))
    there = np.flatnonzero(np.isfinite(world.diameter[visit]))
    confidence = rng.beta(9, 0.7, len(there)) * 0.45 + 0.55
    overlooked = np.clip((0.005 + (1 - confidence) ** 1.5) * fault, 0, 0.9)
    fate = rng.random(len(there))
    hairs, doubtful, origin = [], [], []
    for k, p, miss, f in zip(there, confidence, overlooked, fate, strict=True):
        se = 2.0
        um = world.diameter[visit, k] + rng.normal(0, se)
        root = world.at[k] + rng.normal(0, 3, 2)
        seen = Hair(np.stack([root, root + np.array([70, 30])]), p, (), um / UM_PER_PX, se / UM_PER_PX)
        if f >= miss:
            hairs.append(seen)
            origin.append(int(k))
        elif f >= miss / 2:
            doubtful.append(replace(seen, confidence=float(rng.uniform(0.2, 0.5))))
    for _ in range(rng.poisson(0.035 * len(hairs) * fault)):
        xy = rng.uniform(0, [SHAPE[1], SHAPE[0]])
        p = float(rng.uniform(0.55, 0.85))
        hairs.append(Hair(np.stack([xy, xy + np.array([70, 30])]), p, (), 9.0, 0.4))
        origin.append(-1)
    return analysis_of(hairs, sha, um_per_px, doubtful), origin


def analysis_of(hairs, sha, um_per_px=UM_PER_PX, doubtful=()):
    at = np.floor(np.array([h.root_px for h in hairs]).reshape(-1, 2) + 0.5).astype(int)
    inside = ((at >= 0) & (at < [SHAPE[1], SHAPE[0]])).all(1)
    counted = np.zeros(len(hairs), bool)
    counted[inside] = MASK[at[inside, 1], at[inside, 0]]
    quality = Quality(np.ones(SHAPE, bool), 0.5, 0.0, 20.0)
    source = "none" if um_per_px is None else "manifest"
    count = count_hairs(hairs, counted, COUNT_CV)
    return Analysis(
        tuple(hairs), group_units(hairs, um_per_px), counted, MASK, quality, um_per_px, source, sha, "w/1",
        count, (), tuple(doubtful),
    )  # fmt: skip


def straight(um_per_px=UM_PER_PX, mask=MASK, reason=""):
    grid = (SHAPE[0] // 64 + 2, SHAPE[1] // 64 + 2)
    return Alignment(
        np.array([[1.0, 0, 0], [0, 1, 0]]), np.zeros((*grid, 2)), np.full(grid, 0.5), 64.0, mask, um_per_px,
        4.0, 60, -30.0, 0.999, reason, None if um_per_px is None else AREA_CM2 * mask.sum() / MASK.sum(),
    )  # fmt: skip


def true_change(world):
    """Hairs that came less those that went, and both levels, in the mask."""
    cell = np.floor(world.at + 0.5).astype(int)
    inside = ((cell >= 0) & (cell < [SHAPE[1], SHAPE[0]])).all(1)
    inside[inside] = MASK[cell[inside, 1], cell[inside, 0]]
    return [int((np.isfinite(d) & inside).sum()) for d in world.diameter]


def simulate(seed, **course):
    rng = np.random.default_rng(seed)
    world = draw_world(rng, **course)
    first, _ = photograph(world, 0, rng, f"{seed:04d}a")
    second, _ = photograph(world, 1, rng, f"{seed:04d}b")
    return world, first, second, pair(first, second, straight())
