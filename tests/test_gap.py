"""What lies between two roots on one shaft, on pictures drawn here."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from trichoscan.match.gap import gap_gain, with_gaps
from trichoscan.match.pixels import Evidence, Sight, look_at
from trichoscan.records import Hair

UM_PER_PX = 5.5
SKIN, SHAFT = 170, 60
Y = 150.0


def hair(start_px: float, y: float = Y) -> Hair:
    """From `start_px` 90 px to the right."""
    return Hair(np.column_stack([start_px + np.linspace(0, 90, 5), np.full(5, y)]), 0.9, (), 9.0, 0.5)


def sight(drawn: list[Hair], found: list[Hair], dark: bool = True) -> Sight:
    """Of a photo of skin on which hairs are drawn, and of which some were found."""
    skin, shaft = (SKIN, SHAFT) if dark else (SHAFT, SKIN)
    image = np.full((300, 400, 3), skin, np.uint8)
    for one in drawn:
        ends = np.rint(one.path_px[[0, -1]]).astype(int)
        cv2.line(image, ends[0].tolist(), ends[1].tolist(), (shaft,) * 3, 9)
    return look_at(image, np.ones(image.shape[:2], bool), found, [], UM_PER_PX)


def gained(roots_px: tuple[float, float], photos: tuple[Sight, Sight]) -> float:
    """Log ratio of one baseline and one follow-up hair that begin there, on photos laid on each other."""
    one, other = hair(roots_px[0]), hair(roots_px[1])
    step = np.zeros((1, 1)), np.array([[(roots_px[1] - roots_px[0]) * UM_PER_PX]])
    numbers = np.zeros(1, np.int64), np.zeros(1, np.int64)
    crossed = other.root_px[None], one.root_px[None]
    return float(gap_gain(step, ([one], [other]), numbers, crossed, photos)[0, 0])


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("late", [0, 1])
def test_a_shaft_that_goes_on_is_one_and_bare_skin_parts_two(late: int, dark: bool) -> None:
    """One hair begins at 120, the other is detected at 138 px, a tenth of a millimetre along the shaft."""
    early_root, late_root = 120.0, 138.0
    roots = (early_root, late_root) if late else (late_root, early_root)
    plain = sight([hair(early_root)], [hair(early_root)], dark)
    same = sight([hair(early_root)], [hair(late_root)], dark)
    another = sight([hair(late_root)], [hair(late_root)], dark)
    for photo, low, high in ((same, 0.5, 1.2), (another, -6.0, -2.0)):
        photos = (plain, photo) if late else (photo, plain)
        assert low < gained(roots, photos) < high


def test_near_roots_and_hidden_ways_say_nothing() -> None:
    plain = sight([hair(120.0)], [hair(120.0)])
    assert gained((120.0, 124.0), (plain, sight([hair(124.0)], [hair(124.0)]))) == 0.0
    across = Hair(np.array([[129.0, 60.0], [129.0, 240.0]]), 0.9, (), 40.0, 0.5)
    hidden = sight([hair(138.0)], [hair(138.0), across])
    assert gained((120.0, 138.0), (plain, hidden)) == 0.0


def test_a_bare_way_says_that_the_hair_before_it_is_not_there() -> None:
    """Its place lies below the other hair, which says nothing by itself."""
    nothing = Evidence(np.zeros(1), np.ones(1), np.zeros((1, 3, 2)))
    along, gain = np.array([[100.0]]), np.array([[-3.0]])
    first, second = with_gaps((nothing, nothing), along, gain)
    assert (first.log_ratio[0], first.hidden[0]) == (-3.0, 0.0)
    assert (second.log_ratio[0], second.hidden[0]) == (0.0, 1.0)
    second, first = with_gaps((nothing, nothing), -along, gain)
    assert (first.log_ratio[0], first.hidden[0]) == (-3.0, 0.0)
    assert (second.log_ratio[0], second.hidden[0]) == (0.0, 1.0)
    for one in with_gaps((nothing, nothing), along, np.abs(gain)):
        assert (one.log_ratio[0], one.hidden[0]) == (0.0, 1.0)
