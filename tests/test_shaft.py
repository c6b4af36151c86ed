"""The shaft under a drawn line."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from trichoscan.review.shaft import follow_shaft, respaced

UM_PER_PX = 5.5
SHAPE = (220, 260)
TRUTH = np.column_stack([np.linspace(60, 200, 60), 110 + 35 * np.sin(np.linspace(0, 2.6, 60))])


def photo(dark: bool = True, width_px: int = 10, seed: int = 0) -> NDArray[np.uint8]:
    """Skin with texture and one curved shaft along `TRUTH`."""
    rng = np.random.default_rng(seed)
    texture = cv2.GaussianBlur(rng.normal(0, 1, SHAPE), (0, 0), 3.0)
    skin = 170 + 6 * texture / texture.std()
    shaft = np.zeros(SHAPE, np.uint8)
    points = np.round(TRUTH * 16).astype(np.int32)
    cv2.polylines(shaft, [points], False, 255, width_px, cv2.LINE_AA, shift=4)
    cover = cv2.GaussianBlur(shaft, (0, 0), 1.2)[..., None] / 255
    light = np.array([60.0, 50, 45]) if dark else np.array([240.0, 235, 220])
    colour = np.stack([skin, skin * 0.8, skin * 0.7], -1) * (1 - cover) + light * cover
    return np.clip(colour + rng.normal(0, 2, (*SHAPE, 3)), 0, 255).astype(np.uint8)


def off(path: NDArray[np.float64], truth: NDArray[np.float64] = TRUTH) -> NDArray[np.float64]:
    return cKDTree(respaced(truth, 0.2)).query(path)[0]


DRAWN = [[60.0, 113.0], [128.0, 141.0], [199.0, 127.0]]
"""Up to 5 px beside the shaft, with long straight pieces between."""


@pytest.mark.parametrize("dark", [True, False])
def test_a_line_drawn_roughly_comes_to_lie_on_the_shaft(dark: bool) -> None:
    shaft = follow_shaft(photo(dark), DRAWN, UM_PER_PX)
    assert shaft.seen
    assert off(shaft.path_px).max() < 1.6
    assert off(respaced(np.array(DRAWN), 3.0)).max() > 4.0, "the drawn line itself does not"
    assert np.hypot(*(shaft.path_px[0] - TRUTH[0])) < 6, "root first"
    assert np.hypot(*(shaft.path_px[-1] - TRUTH[-1])) < 6


def test_a_turned_photo_gives_the_turned_shaft() -> None:
    pixels = photo()
    shaft = follow_shaft(pixels, DRAWN, UM_PER_PX)
    turned = follow_shaft(
        np.ascontiguousarray(pixels[::-1, ::-1]), [[259 - x, 219 - y] for x, y in DRAWN], UM_PER_PX
    )
    assert off([259, 219] - turned.path_px, shaft.path_px).max() < 0.6


def test_twice_the_pixels_give_twice_the_path() -> None:
    pixels = photo()
    twice = cv2.resize(pixels, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    shaft = follow_shaft(pixels, DRAWN, UM_PER_PX)
    larger = follow_shaft(np.asarray(twice), [[2 * x + 0.5, 2 * y + 0.5] for x, y in DRAWN], UM_PER_PX / 2)
    assert off((larger.path_px - 0.5) / 2, shaft.path_px).max() < 1.2


def test_the_way_back_is_the_same_way() -> None:
    pixels = photo()
    there, back = follow_shaft(pixels, DRAWN, UM_PER_PX), follow_shaft(pixels, DRAWN[::-1], UM_PER_PX)
    assert off(back.path_px, there.path_px).max() < 0.6
    assert np.hypot(*(back.path_px[0] - there.path_px[-1])) < 1


def test_on_bare_skin_the_line_stands_as_drawn() -> None:
    drawn = [[60.0, 40.0], [200.0, 45.0]]
    shaft = follow_shaft(photo(), drawn, UM_PER_PX)
    assert not shaft.seen
    assert off(shaft.path_px, np.array(drawn)).max() < 1e-6


def test_ends_at_the_photos_border_are_taken() -> None:
    shaft = follow_shaft(photo(), [[0.0, 0.0], [259.0, 219.0]], UM_PER_PX)
    assert (shaft.path_px >= 0).all() and (shaft.path_px <= [259, 219]).all()


def test_points_stand_evenly_along_a_path_with_its_ends() -> None:
    path = respaced(np.array([[0.0, 0], [0, 0], [3, 4], [3, 10]]), 2.0)
    assert path[0].tolist() == [0, 0] and path[-1].tolist() == [3, 10]
    assert np.hypot(*np.diff(path, axis=0).T).max() <= 2.2
    assert len(respaced(np.array([[5.0, 5], [5, 5]]), 2.0)) == 2
