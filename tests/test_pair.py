"""Matching against constellations of known truth, and from pixels to fates on drawn photos."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from trichoscan.match.identities import identities
from trichoscan.match.pair import pair
from trichoscan.match.posterior import best_assignment, marginals
from trichoscan.match.register import register
from trichoscan.match.rows import match_rows, pairing_row
from trichoscan.records import Pairing, TrichoscanError
from trichoscan.report.pair_overlay import COLOURS, KIND_OF_FATE, draw_pair

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
from constellations import Ranges, Seen, as_analysis, scalp_of, visits

EASY = replace(Ranges(), shift_share=0.15, lost=0.1, new=0.1, missed=0.04, spurious=0.02, jitter_um=10.0)


def visit_pair(seed: int, ranges: Ranges = EASY) -> tuple[Seen, Seen]:
    rng = np.random.default_rng(420_000 + seed)
    return visits(scalp_of(rng, units_per_cm2=75.0), ranges, rng)


def paired(first: Seen, second: Seen) -> Pairing:
    return pair(first.analysis, second.analysis, register(first.analysis, second.analysis))


@pytest.fixture(scope="module")
def pairs() -> list[tuple[Seen, Seen, Pairing]]:
    return [(a, b, paired(a, b)) for a, b in (visit_pair(seed) for seed in range(10))]


def judged(first: Seen, second: Seen, pairing: Pairing) -> list[tuple[str, float, bool]]:
    """Kind, probability and truth of each match."""
    one, other = first.who(pairing.baseline_hairs), second.who(pairing.followup_hairs)
    rows = []
    for m in pairing.matches:
        if m.baseline is not None and m.followup is not None:
            right = one[m.baseline] == other[m.followup] != -1
        elif m.baseline is not None:
            right = one[m.baseline] != -1 and one[m.baseline] not in second.present
        else:
            right = other[m.followup] != -1 and other[m.followup] not in first.present
        rows.append((m.kind, m.probability, right))
    return rows


def test_hairs_are_matched_to_themselves(pairs: list) -> None:
    rows = [row for a, b, p in pairs for row in judged(a, b, p)]
    matched = [right for kind, _, right in rows if kind == "matched"]
    shared = sum(len((set(a.identity.tolist()) & set(b.identity.tolist())) - {-1}) for a, b, _ in pairs)
    assert np.mean(matched) > 0.95
    assert sum(matched) > 0.95 * shared


def test_probabilities_are_the_share_of_right_calls(pairs: list) -> None:
    rows = [row for a, b, p in pairs for row in judged(a, b, p)]
    for kinds in (("matched",), ("lost", "new")):
        p, right = np.array([(p, r) for kind, p, r in rows if kind in kinds], float).T
        assert abs(p.mean() - right.mean()) < 0.1
        assert np.mean((p - right) ** 2) <= right.mean() * (1 - right.mean()) + 0.01, (
            "better than one rate for all"
        )
    p, right = np.array([(p, r) for kind, p, r in rows if kind == "matched"], float).T
    assert right[p > 0.95].mean() > 0.95


def test_each_hair_is_used_once_and_the_common_field_is_complete(pairs: list) -> None:
    for first, second, pairing in pairs:
        ones = [m.baseline for m in pairing.matches if m.baseline is not None]
        others = [m.followup for m in pairing.matches if m.followup is not None]
        assert len(set(ones)) == len(ones) and len(set(others)) == len(others)
        mask = pairing.alignment.overlap_mask
        for k, hair in enumerate(first.analysis.hairs):
            x, y = np.floor(hair.root_px + 0.5).astype(int)
            if mask[y, x]:
                assert k in ones
        assert len(pairing.followup_units) == len(pairing.followup_hairs) >= len(second.analysis.hairs)


def test_overlooked_hairs_are_found_again(pairs: list) -> None:
    right = wrong = 0
    for first, second, pairing in pairs:
        one, other = first.who(pairing.baseline_hairs), second.who(pairing.followup_hairs)
        for m in pairing.matches:
            if m.baseline is None or m.followup is None:
                continue
            hairs = pairing.baseline_hairs[m.baseline], pairing.followup_hairs[m.followup]
            if any("found_again" in hair.flags for hair in hairs):
                right += one[m.baseline] == other[m.followup]
                wrong += one[m.baseline] != other[m.followup]
    assert right > 5
    assert wrong < 0.2 * right


def test_a_photo_against_itself_changes_nothing() -> None:
    first, _ = visit_pair(40)
    pairing = paired(first, first)
    assert {m.kind for m in pairing.matches} == {"matched"}
    assert all(m.baseline == m.followup for m in pairing.matches)
    assert all(m.distance_um < 0.1 for m in pairing.matches)
    counts = pairing_row(pairing)
    assert counts["lost_hairs"] == counts["new_hairs"] == counts["lost_units"] == counts["new_units"] == 0
    assert counts["matched_hairs"] == np.count_nonzero(first.analysis.counted)


def test_swapped_visits_swap_lost_and_new(pairs: list) -> None:
    forth = back = 0
    for first, second, pairing in pairs[:5]:
        there, again = pairing_row(pairing), pairing_row(paired(second, first))
        forth += there["new_hairs"] - there["lost_hairs"]
        back += again["new_hairs"] - again["lost_hairs"]
        assert abs(there["matched_hairs"] - again["matched_hairs"]) <= 3
    assert abs(forth + back) <= 5


def test_rows_hold_what_the_contract_names(pairs: list) -> None:
    _, second, pairing = pairs[0]
    rows = match_rows(pairing, second.analysis.um_per_px)
    assert len(rows) == len(pairing.matches)
    kinds = [row["kind"] for row in rows]
    assert kinds == sorted(kinds, key=["matched", "lost", "new"].index)
    matched = rows[0]
    assert list(matched) == [
        "kind",
        "baseline_hair_id",
        "followup_hair_id",
        "baseline_unit_id",
        "followup_unit_id",
        "distance_um",
        "diameter_change_um",
        "length_change_um",
        "confidence",
    ]
    assert all(np.isfinite(matched[key]) for key in ("distance_um", "diameter_change_um", "confidence"))
    assert rows[-1]["distance_um"] is None or rows[-1]["kind"] == "matched"


def test_a_refused_pair_is_not_matched() -> None:
    first, second = visit_pair(41)[0], visit_pair(42)[0]
    with pytest.raises(TrichoscanError, match="cannot be matched"):
        paired(first, second)


def test_marginals_are_those_of_all_assignments() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        gain = rng.normal(0, 2, (3, 4))
        gain[rng.random(gain.shape) < 0.3] = -np.inf
        assert np.abs(marginals(gain) - enumerated(gain)).max() < 0.06


def enumerated(gain: np.ndarray) -> np.ndarray:
    """Marginals by going through every assignment."""
    rows, columns = gain.shape
    total, sums = 0.0, np.zeros(gain.shape)
    for choice in itertools.product(range(-1, columns), repeat=rows):
        used = [c for c in choice if c >= 0]
        if len(set(used)) < len(used):
            continue
        weight = np.exp(sum(gain[r, c] for r, c in enumerate(choice) if c >= 0))
        total += weight
        for r, c in enumerate(choice):
            if c >= 0:
                sums[r, c] += weight
    return sums / total


def test_the_best_assignment_takes_no_pair_that_loses() -> None:
    gain = np.array([[2.0, 1.5], [1.9, -np.inf], [-1.0, -0.5]])
    assert best_assignment(gain).tolist() == [[0, 1], [1, 0]]


def test_hairs_keep_one_name_over_three_visits() -> None:
    rng = np.random.default_rng(77)
    scalp = scalp_of(rng, units_per_cm2=75.0)
    still = replace(EASY, lost=0.0, new=0.0, turn_deg=20.0)
    first, second = visits(scalp, still, rng)
    _, third = visits(scalp, still, rng)
    seen = (first, second, third)
    found = identities({(i, j): paired(seen[i], seen[j]) for i, j in ((0, 1), (0, 2), (1, 2))}, 3)
    whole = [name for name in found if all(name.hairs)]
    right = 0
    for name in whole:
        who = {
            visit.who((hair,))[0] for visit, hair in zip(seen, name.hairs, strict=True) if hair is not None
        }
        right += len(who) == 1 and -1 not in who
    assert len(whole) > 15
    assert right > 0.93 * len(whole)
    roots = [(v, *hair.root_px) for name in found for v, hair in enumerate(name.hairs) if hair is not None]
    assert len(set(roots)) == len(roots)


def test_the_overlay_shows_both_photos_and_every_kind(pairs: list) -> None:
    first, _, pairing = pairs[0]
    shape = (*first.analysis.counting_mask.shape, 3)
    grey = np.full(shape, 128, np.uint8)
    fate = {"matched": "kept", "lost": "lost", "new": "regrown"}
    fates = [fate[m.kind] for m in pairing.matches]
    fates[3:5] = "thickened", "miniaturized"
    picture = draw_pair(grey, grey, pairing, fates)
    assert picture.shape[1] == 3 * shape[1] and picture.shape[0] > shape[0]
    assert (grey == 128).all()
    for kind in {KIND_OF_FATE[fate] for fate in fates}:
        off = np.abs(picture[: shape[0]].astype(int) - COLOURS[kind]).max(-1)
        assert (off < 40).any(), f"{kind} is not drawn"
    assert {KIND_OF_FATE[fate] for fate in fates} == COLOURS.keys()


def test_no_hair_in_common_field_is_no_error() -> None:
    first, second = visit_pair(43)
    alignment = register(first.analysis, second.analysis)
    nothing = as_analysis((), second.analysis.um_per_px)
    pairing = pair(first.analysis, nothing, alignment)
    assert {m.kind for m in pairing.matches} == {"lost"}
