"""The result of matching, written down: hairs, units and what became of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trichoscan.match.again import Found
from trichoscan.match.posterior import best_assignment
from trichoscan.match.scene import Scene
from trichoscan.records import Alignment, Analysis, Hair, Match, MatchKind, Pairing

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KIND_ORDER = {"matched": 0, "lost": 1, "new": 2}


def write_down(
    baseline: Analysis,
    followup: Analysis,
    alignment: Alignment,
    scene: Scene,
    chosen: Ints,
    chance: Floats,
    gone: tuple[Floats, Floats],
    found: tuple[Found, Found],
) -> Pairing:
    """Put pairs, hairs found again, lost and new ones together.

    Parameters
    ----------
    baseline, followup : Analysis
    alignment : Alignment
    scene : Scene
        K and L hairs.
    chosen : (M, 2) int64
        Pairs, numbers in the constellations.
    chance : (K, L) float64
        Probability of each pair.
    gone : (K,) and (L,) float64
        Probability that each hair of the baseline is truly lost, and of the follow-up truly new.
    found : (Found, Found)
        Looked for again from the baseline's side, so in the follow-up, and the other way round.

    Returns
    -------
    Pairing
    """
    first, second = scene.baseline, scene.followup
    pairs = [(int(first.hair[i]), int(second.hair[k]), float(chance[i, k])) for i, k in chosen]
    hairs = list(baseline.hairs), list(followup.hairs)
    for hair, k, p in zip(found[1].hairs, found[1].partner, found[1].probability, strict=True):
        pairs.append((len(hairs[0]), int(second.hair[k]), float(p)))
        hairs[0].append(hair)
    for hair, i, p in zip(found[0].hairs, found[0].partner, found[0].probability, strict=True):
        pairs.append((int(first.hair[i]), len(hairs[1]), float(p)))
        hairs[1].append(hair)
    roots = (
        np.array([h.root_px for h in hairs[0]]).reshape(-1, 2),
        np.array([h.root_px for h in hairs[1]]).reshape(-1, 2),
    )
    back = alignment.to_baseline(roots[1])
    um = alignment.um_per_px if alignment.um_per_px is not None else float("nan")
    matches = [
        Match(
            "matched",
            i,
            k,
            float(np.hypot(*(roots[0][i] - back[k]))) * um,
            p,
            inside(alignment, (roots[0][i] + back[k]) / 2),
        )
        for i, k, p in pairs
    ]
    matches += _alone("lost", first.hair, gone[0], {m.baseline for m in matches}, roots[0], alignment)
    matches += _alone("new", second.hair, gone[1], {m.followup for m in matches}, back, alignment)
    matches.sort(key=sort_key)
    units = unit_numbers(baseline, followup, hairs, matches)
    return Pairing(
        alignment=alignment,
        baseline_hairs=tuple(hairs[0]),
        followup_hairs=tuple(hairs[1]),
        baseline_units=units[0],
        followup_units=units[1],
        matches=tuple(matches),
        unit_matches=match_units(alignment, (roots[0], back), units, matches),
    )


def inside(alignment: Alignment, point_px: Floats) -> bool:
    """Whether a baseline point (2,) lies in the common field."""
    x, y = np.floor(point_px + 0.5).astype(int)
    height, width = alignment.overlap_mask.shape
    return bool(0 <= x < width and 0 <= y < height and alignment.overlap_mask[y, x])


def _alone(
    kind: MatchKind,
    hair: Ints,
    probability: Floats,
    taken: set[int | None],
    at_px: Floats,
    alignment: Alignment,
) -> list[Match]:
    """Hairs without a partner, in the common field."""
    matches = []
    for index, p in zip(hair.tolist(), probability, strict=True):
        if index not in taken and inside(alignment, at_px[index]):
            one, other = (index, None) if kind == "lost" else (None, index)
            matches.append(Match(kind, one, other, float("nan"), float(p), True))
    return matches


def sort_key(match: Match) -> tuple[int, int, int]:
    """Order of the matches of a pairing: matched, lost, new, each by index."""
    return (
        KIND_ORDER[match.kind],
        -1 if match.baseline is None else match.baseline,
        -1 if match.followup is None else match.followup,
    )


def unit_numbers(
    baseline: Analysis, followup: Analysis, hairs: tuple[list[Hair], list[Hair]], matches: Sequence[Match]
) -> tuple[Ints, Ints]:
    """Unit of every hair; one found again joins the unit where its partner's neighbours stand."""
    known = baseline.unit_of_hair, followup.unit_of_hair
    pairs = [(m.baseline, m.followup) for m in matches if m.baseline is not None and m.followup is not None]
    units = []
    for side in (0, 1):
        own, other = known[side], known[1 - side]
        fresh = np.full(len(hairs[side]) - len(own), -1, np.int64)
        unit = np.concatenate([own, fresh]).astype(np.int64)
        detected = [e for e in pairs if e[side] < len(own) and e[1 - side] < len(other)]
        for ends in pairs:
            mine, theirs = ends[side], ends[1 - side]
            if mine < len(own):
                continue
            mates = [own[e[side]] for e in detected if other[e[1 - side]] == other[theirs]]
            unit[mine] = np.bincount(mates).argmax() if mates else unit.max(initial=-1) + 1
        units.append(unit)
    return units[0], units[1]


def match_units(
    alignment: Alignment, at_px: tuple[Floats, Floats], units: tuple[Ints, Ints], matches: Sequence[Match]
) -> tuple[Match, ...]:
    """Follicular units: paired so that the most hairs agree; lost or new where none of its hairs is paired.

    Parameters
    ----------
    alignment : Alignment
    at_px : two arrays (K, 2) float64
        Roots in the baseline's frame.
    units : two arrays (K,) int64
    matches : sequence of Match
        Of the hairs.

    Returns
    -------
    tuple of Match
        A unit whose hairs are paired with hairs of units that already have a partner is in none: it was
        grouped otherwise.
    """
    sizes = [int(u.max(initial=-1)) + 1 for u in units]
    agreed, apart = np.zeros(sizes), np.ones(sizes)
    for m in matches:
        if m.baseline is not None and m.followup is not None:
            at = units[0][m.baseline], units[1][m.followup]
            agreed[at] += m.probability
            apart[at] *= 1 - m.probability
    centres = [_centres(at, unit, size) for at, unit, size in zip(at_px, units, sizes, strict=True)]
    um = alignment.um_per_px if alignment.um_per_px is not None else float("nan")
    found = []
    for u, v in best_assignment(np.where(agreed > 0, agreed + 1e-6, -np.inf)):
        middle = (centres[0][u] + centres[1][v]) / 2
        distance = float(np.hypot(*(centres[0][u] - centres[1][v]))) * um
        found.append(
            Match("matched", int(u), int(v), distance, float(1 - apart[u, v]), inside(alignment, middle))
        )
    kinds: tuple[MatchKind, MatchKind] = ("lost", "new")
    for side, kind in enumerate(kinds):
        gone: dict[int, list[float]] = {}
        for m in matches:
            index = m.baseline if side == 0 else m.followup
            if m.kind == kind and index is not None:
                gone.setdefault(int(units[side][index]), []).append(m.probability)
        for unit, probabilities in sorted(gone.items()):
            if agreed.sum(1 - side)[unit] == 0 and inside(alignment, centres[side][unit]):
                one, other = (unit, None) if side == 0 else (None, unit)
                found.append(Match(kind, one, other, float("nan"), float(np.prod(probabilities)), True))
    return tuple(sorted(found, key=sort_key))


def _centres(at_px: Floats, unit: Ints, size: int) -> Floats:
    centres = np.zeros((size, 2))
    np.add.at(centres, unit, at_px)
    return centres / np.maximum(np.bincount(unit, minlength=size), 1)[:, None]
