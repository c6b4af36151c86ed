"""Registration against constellations of known truth, which benchmarks/constellations.py makes."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from trichoscan.match.deform import Prior, fit_deformation
from trichoscan.match.register import dense_map, register
from trichoscan.match.rows import alignment_json, alignment_row
from trichoscan.records import Alignment, Analysis

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
from constellations import Ranges, Seen, as_analysis, scalp_of, visits

RNG_SEED = 310_000
NEAR = replace(Ranges(), shift_share=0.2)


def pair_of(seed: int, ranges: Ranges = NEAR, known: bool = True) -> tuple[Seen, Seen]:
    rng = np.random.default_rng(RNG_SEED + seed)
    return visits(scalp_of(rng, units_per_cm2=75.0), ranges, rng, known)


def grid(alignment: Alignment) -> np.ndarray:
    y, x = np.nonzero(alignment.overlap_mask[::32, ::32])
    return np.column_stack([x, y]) * 32.0


def error_um(alignment: Alignment, first: Seen, second: Seen) -> np.ndarray:
    at = grid(alignment)
    truth = second.view.to_px(first.view.to_um(at))
    return np.hypot(*(alignment.to_followup(at) - truth).T) * second.view.um_per_px


@pytest.fixture(scope="module")
def hard() -> list[tuple[Seen, Seen, Alignment]]:
    pairs = [pair_of(seed) for seed in range(8)]
    return [(a, b, register(a.analysis, b.analysis)) for a, b in pairs]


def test_turned_scaled_shifted_stretched_and_changed_pairs_are_aligned(hard: list) -> None:
    for first, second, alignment in hard:
        assert alignment.accepted, alignment.reason
        assert np.sqrt(np.mean(error_um(alignment, first, second) ** 2)) < 60
    errors = np.concatenate([error_um(al, a, b) for a, b, al in hard])
    assert np.median(errors) < 25


def test_the_stated_uncertainty_is_that_of_the_map(hard: list) -> None:
    z = [np.mean(error_um(al, a, b) ** 2 / 2 / al.sd_um_at(grid(al)) ** 2) for a, b, al in hard]
    assert 0.4 < np.median(z) < 2.0


def test_the_map_is_undone_by_its_inverse(hard: list) -> None:
    for _, _, alignment in hard:
        at = grid(alignment)
        np.testing.assert_allclose(alignment.to_baseline(alignment.to_followup(at)), at, atol=0.01)


def test_the_dense_map_is_the_map(hard: list) -> None:
    alignment = hard[0][2]
    shape = alignment.overlap_mask.shape
    dense = dense_map(alignment, shape)
    y, x = np.array([0, 100, 511, shape[0] - 1]), np.array([0, 700, 301, shape[1] - 1])
    expected = alignment.to_followup(np.column_stack([x, y]).astype(float))
    np.testing.assert_allclose(dense[y, x], expected, atol=0.15)


def test_a_photo_lies_on_itself() -> None:
    first, _ = pair_of(20)
    alignment = register(first.analysis, first.analysis)
    at = grid(alignment)
    assert alignment.accepted
    np.testing.assert_allclose(alignment.to_followup(at), at, atol=1e-3)
    assert np.array_equal(alignment.overlap_mask, first.analysis.counting_mask)
    assert alignment.residual_um == pytest.approx(0, abs=1e-2)


def test_swapped_visits_give_the_inverse_map(hard: list) -> None:
    first, second, alignment = hard[1]
    back = register(second.analysis, first.analysis)
    at = grid(alignment)
    apart = np.hypot(*(back.to_followup(alignment.to_followup(at)) - at).T) * first.view.um_per_px
    assert np.median(apart) < 10
    assert back.overlap_cm2 == pytest.approx(alignment.overlap_cm2, rel=0.1)


def test_without_scales_the_map_is_the_same() -> None:
    first, second = pair_of(3, known=False)
    alignment = register(first.analysis, second.analysis)
    assert alignment.accepted
    assert np.isnan(alignment.residual_um) and alignment.overlap_cm2 is None
    assert np.median(error_um(alignment, first, second)) < 40


def test_different_sites_are_refused() -> None:
    seen = [pair_of(100 + k)[0].analysis for k in range(6)]
    pairs = [(a, b) for i, a in enumerate(seen) for b in seen[i + 1 :]]
    for a, b in pairs:
        alignment = register(a, b)
        assert not alignment.accepted
        assert "stands out" in alignment.reason
        assert not alignment.overlap_mask.any()


def test_a_mirrored_photo_is_another_site() -> None:
    first, _ = pair_of(30)
    width = first.analysis.counting_mask.shape[1]
    mirrored = tuple(
        replace(hair, path_px=hair.path_px * [-1, 1] + [width - 1, 0]) for hair in first.analysis.hairs
    )
    alignment = register(first.analysis, as_analysis(mirrored, first.analysis.um_per_px))
    assert not alignment.accepted
    assert "mirrored" in alignment.reason


def test_fields_that_hardly_touch_are_refused() -> None:
    rng = np.random.default_rng(5)
    scalp = scalp_of(rng, units_per_cm2=75.0)
    a, b = visits(scalp, replace(NEAR, shift_share=0.0, turn_deg=0.0), rng)
    away = replace(b.analysis, hairs=tuple(_moved(h, 0.93) for h in b.analysis.hairs))
    inside = [k for k, h in enumerate(away.hairs) if h.root_px[0] < away.counting_mask.shape[1]]
    few = as_analysis(tuple(away.hairs[k] for k in inside), away.um_per_px)
    alignment = register(a.analysis, few)
    assert not alignment.accepted
    assert alignment.reason


def _moved(hair, share: float):
    return replace(hair, path_px=hair.path_px + np.array([share * 1280, 0]))


def test_wrong_scales_are_named() -> None:
    first, second = pair_of(7)
    wrong = replace(second.analysis, um_per_px=second.analysis.um_per_px * 1.25)
    alignment = register(first.analysis, wrong)
    assert not alignment.accepted
    assert "um_per_px" in alignment.reason


def test_too_few_hairs_are_refused_with_their_number() -> None:
    first, second = pair_of(8)
    few = as_analysis(second.analysis.hairs[:3], second.analysis.um_per_px)
    alignment = register(first.analysis, few)
    assert "3 hairs" in alignment.reason
    row = alignment_row(alignment)
    assert (row["status"], row["residual_um"], row["overlap_cm2"]) == ("refused", None, None)
    assert alignment_json(alignment, (1024, 1280))["baseline_grid_px"] == []


def test_the_same_photos_give_the_same_alignment(hard: list) -> None:
    first, second, alignment = hard[2]
    again = register(first.analysis, second.analysis)
    np.testing.assert_array_equal(again.displacement_px, alignment.displacement_px)


def test_the_grid_of_the_file_is_the_map(hard: list) -> None:
    alignment = hard[0][2]
    content = alignment_json(alignment, alignment.overlap_mask.shape)
    at = np.array(content["baseline_grid_px"])
    assert at[1].tolist() == [64, 0] and at.max(0).tolist() == [1216, 960]
    np.testing.assert_allclose(content["followup_grid_px"], alignment.to_followup(at), atol=0.006)


def test_a_deformation_is_found_and_its_error_bars_hold() -> None:
    rng = np.random.default_rng(2)
    at = rng.uniform(-3000, 3000, (60, 2))
    probe = rng.uniform(-2500, 2500, (200, 2))
    true = 60 * np.column_stack([np.sin(probe[:, 1] / 1500), np.cos(probe[:, 0] / 1700)])
    seen = 60 * np.column_stack([np.sin(at[:, 1] / 1500), np.cos(at[:, 0] / 1700)])
    fitted = fit_deformation(at, seen + rng.normal(0, 18, at.shape), Prior(500, 0.1, 0.1))
    error = fitted.displacement(probe) - true
    assert np.sqrt(np.mean(error**2)) < 12
    assert 0.5 < np.mean(error**2 / fitted.sd_um(probe)[:, None] ** 2) < 2


def test_an_empty_analysis_is_refused() -> None:
    first, _ = pair_of(9)
    nothing: Analysis = as_analysis((), first.analysis.um_per_px)
    assert "0 hairs" in register(nothing, first.analysis).reason
