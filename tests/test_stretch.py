"""Skin that is stretched from visit to visit: a smooth map, as strong as asked for, that can be undone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trichoscan.phantom.warp import draw_stretch


@settings(max_examples=30, deadline=None)
@given(strain=st.floats(0, 0.05), seed=st.integers(0, 999))
def test_skin_is_released_where_it_was_before_it_was_stretched(strain, seed):
    stretch = draw_stretch(strain, np.random.default_rng(seed))
    points = np.random.default_rng(seed + 1).uniform(-9000, 9000, (50, 2))
    assert stretch.release(stretch.carry(points)) == pytest.approx(points, abs=1e-6)
    assert stretch.carry(np.zeros((1, 2))) == pytest.approx(0, abs=1e-9)
    moved = stretch.carry(points + np.array([0.1, 0.0])) - stretch.carry(points)
    assert np.hypot(*moved.T) == pytest.approx(0.1, rel=stretch.bound() + 1e-6)


def test_the_stretch_is_as_strong_as_asked_for():
    points = np.random.default_rng(0).uniform(-5000, 5000, (200, 2))
    strains = []
    for seed in range(60):
        stretch = draw_stretch(0.02, np.random.default_rng(seed))
        for way in np.eye(2):
            strains.append((stretch.carry(points + way) - stretch.carry(points) - way) @ way)
    assert np.sqrt(np.mean(np.square(strains))) == pytest.approx(0.02, rel=0.35)


def test_a_stretch_that_would_fold_the_skin_is_refused():
    with pytest.raises(ValueError, match="fold"):
        draw_stretch(0.5, np.random.default_rng(0))
