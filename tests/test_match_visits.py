"""Laws of two visits that are matched anew: swapped, alone with themselves, turned."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from trichoscan.match.visits import inverse, match_visits
from trichoscan.order import is_swapped
from trichoscan.photo.read import read_photo
from trichoscan.pipeline import Comparison, analyze, compare
from trichoscan.records import Analysis, Photo
from trichoscan.response.change import MEASURES
from trichoscan.study.kept import load_analysis
from trichoscan.study.store import analysis_path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
from constellations import Ranges, Seen, scalp_of, visits

EASY = replace(Ranges(), shift_share=0.15, lost=0.1, new=0.1, missed=0.04, spurious=0.02, jitter_um=10.0)
TWINS = {"lost_hairs": "new_hairs", "emptied_hairs": "regrown_hairs", "emptied_units": "reactivated_units",
         "miniaturized_hairs": "thickened_hairs", "to_vellus_hairs": "to_terminal_hairs"}  # fmt: skip
TURNED_HAIRS = 1.0
"""0.5 % is asked for; the some 27 hairs of this small field move by up to three quarters of one."""

Drawn = tuple[Analysis, Analysis, tuple[np.ndarray, np.ndarray]]


def seen_pair(seed: int) -> tuple[Seen, Seen]:
    rng = np.random.default_rng(640_000 + seed)
    return visits(scalp_of(rng, units_per_cm2=75.0), EASY, rng)


@pytest.fixture(scope="module")
def drawn(study: Path, measured: Path) -> Drawn:
    """Two visits of a phantom as they were measured, with their pixels."""
    names = [f"S1_vertex_{visit}.jpg" for visit in ("baseline", "week24")]
    one, other = (load_analysis(analysis_path(measured, name)) for name in names)
    first, second = (read_photo(study / "images" / name).pixels for name in names)
    return one, other, (first, second)


def assert_negated(there: Comparison, back: Comparison) -> None:
    assert there.pairing is not None and back.pairing is not None
    assert there.change is not None and back.change is not None
    turned = {"matched": "matched", "lost": "new", "new": "lost"}
    assert sorted(
        (turned[m.kind], m.followup or 0, m.baseline or 0, m.probability) for m in back.pairing.matches
    ) == (sorted((m.kind, m.baseline or 0, m.followup or 0, m.probability) for m in there.pairing.matches))
    assert there.change.area_cm2 == back.change.area_cm2
    for name in MEASURES:
        one, other = there.change.measures[name], back.change.measures[name]
        for a, b in ((one.field, other.field), (one.site, other.site)):
            np.testing.assert_array_equal((a.value, a.low, a.high), (-b.value, -b.high, -b.low), err_msg=name)
    for name, twin in TWINS.items():
        np.testing.assert_equal(there.change.counts[name], back.change.counts[twin])
    assert {there.change.response, back.change.response} in (
        {"improved", "worsened"},
        {"stable"},
        {"inconclusive"},
    )
    assert there.alignment.residual_um == pytest.approx(back.alignment.residual_um)


@pytest.mark.parametrize("seed", range(3))
def test_swapped_visits_negate_every_change_to_the_last_bit(seed: int) -> None:
    """Roots alone, of one photo's name or of two."""
    first, second = (seen.analysis for seen in seen_pair(seed))
    names = ("a", "b") if seed else ("same", "same")
    one, other = replace(first, sha256=names[0]), replace(second, sha256=names[1])
    assert is_swapped(one, other) != is_swapped(other, one)
    assert_negated(compare(one, other), compare(other, one))


def test_swapped_photos_negate_every_change_to_the_last_bit(drawn: Drawn) -> None:
    one, other, (first, second) = drawn
    there, back = compare(one, other, pixels=(first, second)), compare(other, one, pixels=(second, first))
    assert there.pairing is not None and len(there.pairing.matches) > 10
    assert_negated(there, back)


def test_an_inverse_is_the_way_back(drawn: Drawn) -> None:
    one, other, pixels = drawn
    alignment, _ = match_visits(one, other, pixels)
    back = inverse(alignment, one, other)
    y, x = np.nonzero(alignment.overlap_mask[::16, ::16])
    at = np.column_stack([x, y]) * 16.0
    np.testing.assert_allclose(back.to_followup(alignment.to_followup(at)), at, atol=0.25)
    assert back.overlap_cm2 == alignment.overlap_cm2
    share = back.overlap_mask.sum() * other.um_per_px**2 / (alignment.overlap_mask.sum() * one.um_per_px**2)
    assert share == pytest.approx(1.0, abs=0.02)


def test_a_refusal_says_which_photo_whichever_is_first() -> None:
    first, second = (seen.analysis for seen in seen_pair(5))
    few = replace(
        second, hairs=second.hairs[:3], unit_of_hair=second.unit_of_hair[:3], counted=second.counted[:3]
    )
    for sha in ("a", "c"):
        few = replace(few, sha256=sha)
        whole = replace(first, sha256="b")
        there, _ = match_visits(whole, few)
        back, _ = match_visits(few, whole)
        assert there.reason.startswith("the follow-up photo shows 3 hairs")
        assert back.reason.startswith("the baseline photo shows 3 hairs")
        assert there.overlap_mask.shape == first.counting_mask.shape


def assert_unchanged(analysis: Analysis, pixels: np.ndarray | None) -> None:
    found = compare(analysis, analysis, pixels=None if pixels is None else (pixels, pixels))
    assert found.pairing is not None and found.change is not None
    assert {m.kind for m in found.pairing.matches} == {"matched"}
    assert all(m.baseline == m.followup for m in found.pairing.matches)
    assert {
        name: found.change.measures[name].field.value for name in MEASURES if name != "hairs_per_unit"
    } == (dict.fromkeys((name for name in MEASURES if name != "hairs_per_unit"), 0.0))
    assert set(found.change.fates) == {"kept"} and found.change.response == "stable"


def test_a_drawn_photo_against_itself_changes_nothing(drawn: Drawn) -> None:
    for analysis, pixels in zip(drawn[:2], drawn[2], strict=True):
        assert_unchanged(analysis, pixels)
        assert_unchanged(analysis, None)


def turned_photo(pixels: np.ndarray, degrees: float) -> np.ndarray:
    """The photo turned about its centre; a quarter exactly, else with its corners cut."""
    if degrees == 90:
        return np.ascontiguousarray(np.rot90(pixels))
    height, width = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    return cv2.warpAffine(pixels, turn, (width, height), flags=cv2.INTER_CUBIC)


def test_turning_a_drawn_photo_changes_nothing(drawn: Drawn) -> None:
    """Its hairs turned with it: detection is not asked again, all that follows is."""
    from trichoscan.match.quarter import turned

    one, other, (first, second) = drawn
    upright = compare(one, other, pixels=(first, second))
    plain, pairing = upright.change, upright.pairing
    assert pairing is not None
    matched = sum(match.kind == "matched" for match in pairing.matches)
    for quarters in (1, 2):
        for photos, pixels in (
            ((turned(one, quarters), other), (np.ascontiguousarray(np.rot90(first, quarters)), second)),
            ((one, turned(other, quarters)), (first, np.ascontiguousarray(np.rot90(second, quarters)))),
        ):
            change = compare(*photos, pixels=pixels).change
            assert plain is not None and change is not None
            for name in ("density_percent", "cumulative_thickness_percent"):
                apart = change.measures[name].site.value - plain.measures[name].site.value
                assert abs(apart) < 100 * TURNED_HAIRS / matched, name


def test_real_photos_against_themselves_and_turned(fdu: Path, weights) -> None:
    """Turned ones are measured anew. Both together: of 40 hairs 0.5 % is a fifth of a hair."""
    changes, sizes = [], []
    for number, stem in enumerate(sorted(weights.config["split"]["validation"])[:2]):
        pixels = read_photo(fdu / "images" / f"{stem}.jpg").pixels
        again = turned_photo(pixels, (90, 20)[number % 2])
        one, other = (
            analyze(Photo(p, 5.54, "manifest", sha256=s), weights, device="cpu")
            for p, s in ((pixels, "a"), (again, "b"))
        )
        assert_unchanged(one, pixels)
        change = compare(one, other, pixels=(pixels, again)).change
        assert change is not None
        density = change.measures["density_per_cm2"]
        changes.append(density.field.value * change.area_cm2)
        sizes.append(density.baseline * change.area_cm2)
        assert change.response in ("stable", "inconclusive")
    assert abs(sum(changes)) < 0.02 * sum(sizes)
