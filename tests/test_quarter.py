"""Photos turned by quarters between the visits."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from trichoscan.match.quarter import turned
from trichoscan.match.visits import match_visits
from trichoscan.response.change import quantify_change

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
from constellations import Ranges, scalp_of, visits

NEAR = replace(Ranges(), shift_share=0.15, turn_deg=15.0, lost=0.1, new=0.1, missed=0.04, jitter_um=10.0)


def test_roots_turn_with_the_pixels() -> None:
    """A mark at each root lies, after `np.rot90`, where `turned` takes the root."""
    rng = np.random.default_rng(3)
    first, _ = visits(scalp_of(rng, units_per_cm2=75.0), NEAR, rng)
    analysis = first.analysis
    marks = np.zeros(analysis.counting_mask.shape, int)
    for k, hair in enumerate(analysis.hairs):
        x, y = np.rint(hair.root_px).astype(int)
        marks[y, x] = k + 1
    for quarters in range(4):
        after = turned(analysis, quarters)
        assert after.counting_mask.shape == np.rot90(marks, quarters).shape
        for k, hair in enumerate(after.hairs):
            x, y = np.rint(hair.root_px).astype(int)
            assert np.rot90(marks, quarters)[y, x] in (k + 1, *range(k + 2, len(analysis.hairs) + 1))
    again = turned(turned(analysis, 1), 3)
    np.testing.assert_allclose(again.hairs[0].path_px, analysis.hairs[0].path_px)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_photo_is_compared_as_it_is(quarters: int) -> None:
    rng = np.random.default_rng(510 + quarters)
    first, second = visits(scalp_of(rng, units_per_cm2=75.0), NEAR, rng)
    one, other = (replace(s.analysis, sha256=name) for s, name in ((first, "a"), (second, "b")))
    plain, plainly = match_visits(one, other)
    alignment, pairing = match_visits(one, turned(other, quarters))
    assert alignment.accepted, alignment.reason
    assert plainly is not None and pairing is not None
    assert np.array_equal(alignment.overlap_mask, plain.overlap_mask)
    changes = [
        quantify_change(one, photo, found).measures["density_percent"].site.value
        for photo, found in ((other, plainly), (turned(other, quarters), pairing))
    ]
    assert changes[0] == pytest.approx(changes[1], abs=0.5)
    back, _ = match_visits(turned(one, quarters), other)
    assert back.accepted, back.reason
