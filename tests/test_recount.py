"""Numbers of a photo as it stands after corrections."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from trichoscan.measure.density import count_hairs, roots_in
from trichoscan.measure.units import group_units
from trichoscan.records import Analysis, Estimate, Hair, Quality
from trichoscan.study.columns import measured_cells
from trichoscan.study.corrections.recount import (
    REVIEWED_COUNT_CV,
    count_cv_of,
    fill,
    hair_slot,
    recount,
    slot_hair,
)
from trichoscan.study.corrections.refresh import photo_cells
from trichoscan.study.reviewed import MEASURED

CV = 0.0914


def hair(x: float, y: float, confidence: float = 0.8, diameter_px: float = 12.0) -> Hair:
    return Hair(np.array([[x, y], [x + 30, y + 20], [x + 50, y + 25]]), confidence, (), diameter_px, 0.3)


@pytest.fixture
def base() -> Analysis:
    """Six hairs of 400 x 300 px at 5 um per px, as `analyze` gives them."""
    hairs = tuple(
        sorted(
            (
                hair(60, 60),
                hair(75, 62, 0.9, 5.0),
                hair(200, 80),
                hair(300, 150, 0.6),
                hair(90, 220),
                hair(3, 9),
            ),
            key=lambda h: (h.root_px[1], h.root_px[0]),
        )
    )
    usable = np.ones((300, 400), bool)
    mask = np.zeros_like(usable)
    mask[30:-30, 30:-30] = True
    counted = roots_in(hairs, mask)
    return Analysis(
        hairs=hairs,
        unit_of_hair=group_units(hairs, 5.0),
        counted=counted,
        counting_mask=mask,
        quality=Quality(usable, 0.5, 0.0, 30.0),
        um_per_px=5.0,
        um_per_px_source="manifest",
        sha256="ab" * 32,
        weights="w/1",
        hair_count=count_hairs(hairs, counted, CV),
        doubtful=(hair(250, 200, 0.3),),
        flags=("few_hairs",),
    )


def cells(analysis: Analysis) -> dict[str, str]:
    return photo_cells(analysis, 30.0, 60.0)


def test_without_corrections_all_is_as_measured(base: Analysis) -> None:
    stands = recount(base, {"base": "0"})
    assert stands.analysis is base
    assert stands.ids == (1, 2, 3, 4, 5, 6)
    measured = measured_cells(base, "a", 30.0)
    assert cells(stands.analysis) == {
        **{f"reviewed_{name}": measured[name] for name in MEASURED},
        "reviewed_area_cm2": measured["area_cm2"],
        "reviewed_flags": measured["flags"],
    }


def test_a_correction_and_its_undoing_by_hand_leave_the_numbers(base: Analysis) -> None:
    """A hair taken away and drawn again in its place counts as before, but for being sure now."""
    slots = {"hair/3": "gone", "hair/100001": hair_slot(base.hairs[2])}
    stands = recount(base, slots)
    assert stands.ids == (1, 2, 100001, 4, 5, 6)
    assert cells(stands.analysis) == cells(base)


def test_the_count_error_of_the_weights_is_read_back(base: Analysis) -> None:
    assert count_cv_of(base) == pytest.approx(CV, abs=1e-9)
    none = replace(base, hairs=(), counted=np.zeros(0, bool), hair_count=Estimate(0, 0, 3, 0))
    assert count_cv_of(none) == REVIEWED_COUNT_CV


def test_deleting_and_adding_count_one_less_and_one_more(base: Analysis) -> None:
    less = recount(base, {"hair/2": "gone"}).analysis
    more = recount(base, {"hair/100001": hair_slot(hair(150, 150, 1.0))}).analysis
    assert base.hair_count.value == 5
    assert (less.hair_count.value, more.hair_count.value) == (4, 6)
    assert less.hair_count.high < base.hair_count.high < more.hair_count.high


def test_hairs_stand_from_top_to_bottom(base: Analysis) -> None:
    stands = recount(base, {"hair/100001": hair_slot(hair(150, 70, 1.0))})
    roots = [tuple(h.root_px[::-1]) for h in stands.analysis.hairs]
    assert roots == sorted(roots)
    number = stands.ids.index(100001)
    assert tuple(stands.analysis.hairs[number].root_px) == (150, 70)


def test_a_signed_photo_holds_sure_hairs_and_nothing_doubtful(base: Analysis) -> None:
    signed = recount(base, {"signed": "Ann"}).analysis
    assert signed.hair_count.value == base.hair_count.value
    assert {h.confidence for h in signed.hairs} == {1.0}
    assert signed.doubtful == ()
    half = 1.959964 * REVIEWED_COUNT_CV * 5
    assert signed.hair_count.high - signed.hair_count.value == pytest.approx(half)


def test_areas_are_marked_and_left_out(base: Analysis) -> None:
    left = [[0, 0], [199.5, 0], [199.5, 299], [0, 299]]
    marked = recount(base, {"area": left}).analysis
    rest = recount(base, {"excluded/1": left}).analysis
    assert marked.hair_count.value + rest.hair_count.value == base.hair_count.value
    assert marked.area_cm2 is not None and base.area_cm2 is not None and rest.area_cm2 is not None
    assert marked.area_cm2 + rest.area_cm2 == pytest.approx(base.area_cm2)
    assert not marked.counting_mask[:, :30].any(), "the guard strip stays"
    nothing = recount(base, {"excluded/1": [[-1, -1], [400, -1], [400, 300], [-1, 300]]}).analysis
    assert {"no_area", "no_hair"} <= set(nothing.flags)
    assert cells(nothing)["reviewed_hair_density_per_cm2"] == ""


def test_a_polygon_is_filled_to_its_pixels() -> None:
    mask = fill([[2, 1], [5, 1], [5, 3], [2, 3]], (6, 8))
    assert mask.sum() == 4 * 3
    assert mask[1:4, 2:6].all()


def test_units_by_hand_go_before_grouping(base: Analysis) -> None:
    grouped = recount(base, {"hair/6": "gone"}).analysis
    apart = recount(base, {"unit/2": 1}).analysis
    joined = recount(base, {"unit/4": 2, "unit/5": 2}).analysis
    assert len(set(apart.unit_of_hair)) == len(set(base.unit_of_hair)) + 1
    assert len(set(joined.unit_of_hair)) == len(set(base.unit_of_hair)) - 1
    assert joined.unit_of_hair.tolist()[0] == 0
    assert len(grouped.unit_of_hair) == 5


def test_a_hair_in_the_log_is_the_hair(base: Analysis) -> None:
    unmeasured = replace(hair(10, 20), diameter_px=math.nan, diameter_se_px=math.nan, flags=("no_diameter",))
    for one in (*base.hairs, unmeasured):
        back = slot_hair(hair_slot(one, (1, 2)))
        np.testing.assert_array_equal(back.path_px, one.path_px)
        np.testing.assert_equal(back.diameter_px, one.diameter_px)
        assert (back.confidence, back.flags) == (one.confidence, one.flags)
