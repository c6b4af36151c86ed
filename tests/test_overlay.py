from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from trichoscan.records import Analysis, Estimate, Hair, Quality
from trichoscan.report.overlay import TERMINAL, UNMEASURED, VELLUS, draw_overlay, shaft_edges

KINDS = (TERMINAL, VELLUS, UNMEASURED)
SKIN = np.full((300, 400, 3), (214, 180, 160), np.uint8)


def analysis_of(*hairs: Hair, counted: bool = True, um_per_px: float | None = 5.0) -> Analysis:
    mask = np.ones((300, 400), bool)
    return Analysis(
        hairs=hairs,
        unit_of_hair=np.arange(len(hairs)),
        counted=np.full(len(hairs), counted),
        counting_mask=mask,
        quality=Quality(mask, 0.5, 0.0, 30.0),
        um_per_px=um_per_px,
        um_per_px_source="manifest",
        sha256="",
        weights="",
        hair_count=Estimate(len(hairs), 0, 2, len(hairs)),
    )


def straight_hair(diameter_px: float) -> Hair:
    return Hair(np.column_stack([np.linspace(100, 300, 9), np.full(9, 150.0)]), 0.9, (), diameter_px)


@pytest.mark.parametrize(
    ("diameter_px", "um_per_px", "colour"),
    [(14.0, 5.0, TERMINAL), (4.0, 5.0, VELLUS), (np.nan, 5.0, UNMEASURED), (14.0, None, UNMEASURED)],
)
def test_the_colour_tells_the_kind(
    diameter_px: float, um_per_px: float | None, colour: tuple[int, int, int]
) -> None:
    overlay = draw_overlay(SKIN, analysis_of(straight_hair(diameter_px), um_per_px=um_per_px))
    off = {kind: np.abs(overlay[:300, 120:280] - np.array(kind, float)).sum(axis=2) for kind in KINDS}
    drawn = (overlay[:300, 120:280] != SKIN[:, 120:280]).any(axis=2)
    nearest = {kind: values[drawn].min() for kind, values in off.items()}
    assert min(nearest, key=nearest.__getitem__) == colour


def test_both_edges_of_the_shaft_are_drawn_where_they_are() -> None:
    overlay = draw_overlay(SKIN, analysis_of(straight_hair(20.0)))
    off = np.abs(overlay[:300, 200] - np.array(TERMINAL, float)).sum(axis=1)
    assert sorted(np.argsort(off)[:2].tolist()) == [140, 160]
    assert (overlay[150, 200] == SKIN[150, 200]).all(), "the shaft itself stays in view"


def test_edges_of_a_tilted_shaft_are_a_diameter_apart() -> None:
    path = np.column_stack([np.linspace(50, 150, 11), np.linspace(60, 210, 11)])
    (outline,) = shaft_edges(Hair(path, 0.9, (), 16.0))
    left, right = outline[:11], outline[11:22][::-1]
    np.testing.assert_allclose(np.hypot(*(left - right).T), 16.0)
    np.testing.assert_allclose((left + right) / 2, path)


def test_a_hair_that_is_not_counted_is_fainter() -> None:
    counted = draw_overlay(SKIN, analysis_of(straight_hair(20.0)))
    not_counted = draw_overlay(SKIN, analysis_of(straight_hair(20.0), counted=False))
    difference = [
        np.abs(image[:300, 150:290].astype(int) - SKIN[:, 150:290]).sum() for image in (counted, not_counted)
    ]
    assert 0 < difference[1] < 0.6 * difference[0]


def test_scalp_outside_the_counting_area_is_darkened() -> None:
    mask = np.ones((300, 400), bool)
    mask[:, :100] = False
    overlay = draw_overlay(SKIN, replace(analysis_of(), counting_mask=mask))
    assert overlay[150, 50].mean() < 0.6 * SKIN[150, 50].mean()
    assert (overlay[150, 200] == SKIN[150, 200]).all()


def test_the_legend_stands_below_the_photo_and_the_photo_is_not_changed() -> None:
    before = SKIN.copy()
    overlay = draw_overlay(SKIN, analysis_of())
    assert (before == SKIN).all()
    assert overlay.dtype == np.uint8
    assert overlay.shape[1:] == (400, 3)
    assert 320 < overlay.shape[0] < 400
    assert (overlay[2:298, 2:398] == SKIN[2:298, 2:398]).all()
    assert overlay[300:].std() > 5, "the legend has ink"


def test_lines_grow_with_the_photo() -> None:
    large = np.full((3000, 4000, 3), 200, np.uint8)
    path = np.column_stack([np.linspace(1000, 3000, 9), np.full(9, 1500.0)])
    analysis = replace(analysis_of(Hair(path, 0.9, (), 200.0)), counting_mask=np.ones((3000, 4000), bool))
    overlay = draw_overlay(large, analysis)
    assert (overlay[1300:1500, 2000] == TERMINAL).all(axis=1).sum() >= 3


def test_the_same_drawing_again() -> None:
    analysis = analysis_of(straight_hair(20.0), straight_hair(np.nan))
    assert (draw_overlay(SKIN, analysis) == draw_overlay(SKIN, analysis)).all()
