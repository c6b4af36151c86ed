"""A pairing as a person put it right."""

from __future__ import annotations

from pathlib import Path

import pytest

from trichoscan.match.overrule import Links, overrule
from trichoscan.match.pair import pair
from trichoscan.match.register import register
from trichoscan.records import Pairing
from trichoscan.study.kept import load_analysis
from trichoscan.study.store import analysis_path


@pytest.fixture(scope="module")
def pairing(measured: Path) -> Pairing:
    first, second = (
        load_analysis(analysis_path(measured, f"S1_vertex_{visit}.jpg")) for visit in ("baseline", "week24")
    )
    return pair(first, second, register(first, second))


def kinds(pairing: Pairing) -> dict[str, int]:
    return {kind: sum(m.kind == kind for m in pairing.matches) for kind in ("matched", "lost", "new")}


def test_nothing_said_changes_nothing(pairing: Pairing) -> None:
    assert overrule(pairing, Links()) is pairing


def test_what_was_matched_already_is_only_surer(pairing: Pairing) -> None:
    match = next(m for m in pairing.matches if m.kind == "matched" and m.counted)
    assert match.baseline is not None and match.followup is not None
    said = overrule(pairing, Links(same=[(match.baseline, match.followup)]))
    assert kinds(said) == kinds(pairing)
    (one,) = [m for m in said.matches if m.baseline == match.baseline]
    assert (one.followup, one.probability) == (match.followup, 1.0)
    assert one.distance_um == pytest.approx(match.distance_um)
    assert len(said.unit_matches) == len(pairing.unit_matches)


def test_exchanging_two_partners_keeps_every_hair_once(pairing: Pairing) -> None:
    own = len(pairing.baseline_hairs), len(pairing.followup_hairs)
    one, other = [m for m in pairing.matches if m.kind == "matched" and m.counted][:2]
    said = overrule(pairing, Links(same=[(one.baseline, other.followup), (other.baseline, one.followup)]))
    assert kinds(said) == kinds(pairing)
    for side, most in (("baseline", own[0]), ("followup", own[1])):
        ends = [getattr(m, side) for m in said.matches if getattr(m, side) is not None]
        assert len(ends) == len(set(ends)) and max(ends) < most


def test_a_parted_pair_is_lost_and_new(pairing: Pairing) -> None:
    flags = [h.flags for h in pairing.followup_hairs]
    match = next(
        m
        for m in pairing.matches
        if m.kind == "matched"
        and m.counted
        and "found_again" not in flags[m.followup or 0]
        and "found_again" not in pairing.baseline_hairs[m.baseline or 0].flags
    )
    assert match.baseline is not None
    said = overrule(pairing, Links(alone_baseline=[match.baseline]))
    before, after = kinds(pairing), kinds(said)
    assert after["matched"] == before["matched"] - 1
    assert after["lost"] == before["lost"] + 1
    assert after["new"] in (before["new"], before["new"] + 1), "where it lies in the common field"
    order = [("matched", "lost", "new").index(m.kind) for m in said.matches]
    assert order == sorted(order)
