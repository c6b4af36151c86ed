import numpy as np
import pytest

from trichoscan.measure.units import group_units
from trichoscan.records import Hair

UM_PER_PX = 5.5


def hairs_at(roots, flags=()):
    return [Hair(np.array([root, np.add(root, [60.0, 20.0])], float), 1.0, flags) for root in roots]


def scalp(seed, spacing_px=180.0, spread_px=13.0):
    """Jittered lattice of units of 1 to 4 hairs: roots (K, 2) and the unit of each."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(8), np.arange(6))
    centres = (np.stack([x.ravel(), y.ravel()], 1) + rng.uniform(-0.2, 0.2, (48, 2))) * spacing_px
    unit = np.repeat(np.arange(48), rng.integers(1, 5, 48))
    angle, radius = rng.uniform(0, 2 * np.pi, unit.size), spread_px * rng.uniform(0.3, 1, unit.size)
    roots = centres[unit] + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return roots, unit


def same_partition(a, b):
    return np.array_equal(a[:, None] == a[None], b[:, None] == b[None])


@pytest.mark.parametrize("um_per_px", [UM_PER_PX, None])
@pytest.mark.parametrize("seed", range(5))
def test_units_of_a_lattice_are_found(seed, um_per_px):
    roots, unit = scalp(seed)
    assert same_partition(group_units(hairs_at(roots), um_per_px), unit)


@pytest.mark.parametrize("um_per_px", [UM_PER_PX, None])
def test_rotation_and_translation_change_nothing(um_per_px):
    roots, _ = scalp(1, spread_px=30.0)
    turn = np.array([[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]])
    moved = roots @ turn.T + [333.3, -71.0]
    assert np.array_equal(group_units(hairs_at(roots), um_per_px), group_units(hairs_at(moved), um_per_px))


@pytest.mark.parametrize("um_per_px", [UM_PER_PX, None])
def test_permutation_permutes_the_units(um_per_px):
    roots, _ = scalp(2, spread_px=30.0)
    order = np.random.default_rng(0).permutation(len(roots))
    units = group_units(hairs_at(roots), um_per_px)
    assert same_partition(group_units(hairs_at(roots[order]), um_per_px), units[order])


def test_scale_free_rule_does_not_depend_on_magnification():
    roots, _ = scalp(3, spread_px=30.0)
    assert np.array_equal(group_units(hairs_at(roots), None), group_units(hairs_at(roots * 3.7), None))


def test_numbers_follow_first_appearance():
    roots = [(500, 500), (10, 10), (505, 498), (900, 20), (12, 14)]
    assert group_units(hairs_at(roots), UM_PER_PX).tolist() == [0, 1, 0, 2, 1]


def test_a_dense_row_does_not_chain():
    row = [(30.0 * k, 100.0) for k in range(40)]  # 165 um apart: nearest-neighbour linkage joins all
    units = group_units(hairs_at(row), UM_PER_PX)
    assert np.bincount(units).max() <= 4


def test_hidden_root_is_alone():
    hairs = hairs_at([(100, 100), (104, 100)]) + hairs_at([(102, 101)], ("root_not_visible",))
    assert group_units(hairs, UM_PER_PX).tolist() == [0, 0, 1]


@pytest.mark.parametrize("um_per_px", [UM_PER_PX, None])
def test_none_and_one(um_per_px):
    assert group_units([], um_per_px).shape == (0,)
    assert group_units([], um_per_px).dtype == np.int64
    assert group_units(hairs_at([(5, 5)]), um_per_px).tolist() == [0]
    assert group_units(hairs_at([(5, 5), (5, 5)]), um_per_px).tolist() == [0, 0]
