"""Contrast of hairs against drawn truth, and what counts as seen too badly."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from trichoscan.measure.visibility import contrasts, scale_is_doubtful, unseen_flags, unseen_share
from trichoscan.records import Hair

UM_PER_PX = 5.0


def drawn(shaft, skin=160, n=12, length_px=60, width_px=14):
    """Photo of level shafts and the hairs that stand on it."""
    pixels = np.full((40 * n + 40, 400, 3), skin, np.uint8)
    hairs = []
    for k in range(n):
        y = 40 + 40 * k
        cv2.line(pixels, (100, y), (100 + length_px, y), (shaft,) * 3, width_px)
        path = np.column_stack([np.linspace(100, 100 + length_px, 12), np.full(12, float(y))])
        hairs.append(Hair(path, 0.9, (), float(width_px), 0.3))
    return pixels, hairs


@pytest.mark.parametrize(("shaft", "skin"), [(20, 160), (120, 160), (160, 40), (90, 90)])
def test_contrast_is_that_drawn_whether_darker_or_lighter(shaft, skin):
    pixels, hairs = drawn(shaft, skin)
    assert contrasts(pixels, hairs, UM_PER_PX) == pytest.approx(abs(shaft - skin) / 255, abs=0.005)


@pytest.mark.parametrize("turn", range(4))
def test_contrast_turns_with_the_photo_and_needs_no_scale(turn):
    pixels, hairs = drawn(60)
    middle = (np.array(pixels.shape[1::-1]) - 1) / 2
    turned = np.ascontiguousarray(np.rot90(pixels, turn))
    c, s = np.cos(-turn * np.pi / 2), np.sin(-turn * np.pi / 2)
    back = (np.array(turned.shape[1::-1]) - 1) / 2
    moved = [Hair((h.path_px - middle) @ np.array([[c, s], [-s, c]]) + back, 0.9) for h in hairs]
    assert contrasts(turned, moved, None) == pytest.approx(100 / 255, abs=0.005)
    assert contrasts(pixels, [], None).shape == (0,)


def test_more_hairs_than_a_map_of_opencv_has_rows():
    pixels, hairs = drawn(20)
    assert contrasts(pixels, hairs * 3000, UM_PER_PX) == pytest.approx(140 / 255, abs=0.005)


def flags_of(hairs, contrast=0.5, unseen=0.0, um_per_px=UM_PER_PX):
    return unseen_flags(hairs, np.full(len(hairs), contrast), unseen, um_per_px)


def test_plain_hair_raises_nothing_and_each_fault_its_own_flag():
    _, hairs = drawn(20)
    assert flags_of(hairs) == flags_of(hairs, um_per_px=None) == flags_of([], um_per_px=None) == set()
    assert flags_of(hairs, contrast=0.03) == {"pale_hair"}
    assert flags_of(drawn(20, length_px=2000)[1]) == {"long_hair"}
    tipless = [replace(hair, flags=("cut_by_edge",)) for hair in hairs]
    assert flags_of(tipless, um_per_px=None) == {"long_hair"}
    assert flags_of(tipless[:6] + hairs[:6]) == set()
    assert flags_of(hairs, unseen=0.5) == flags_of([], unseen=1.0) == {"lower_bound"}


def test_the_share_unseen_is_of_the_hairs_to_be_expected():
    sure, unsure = drawn(20, n=9)[1], [replace(h, confidence=0.3) for h in drawn(20, n=9)[1]]
    assert unseen_share(sure, unsure) == pytest.approx(0.25)
    assert unseen_share(sure, []) == 0 and unseen_share([], unsure) == 1 and np.isnan(unseen_share([], []))


def doubted(hairs, um_per_px, area=(2000, 2000)):
    return scale_is_doubtful(hairs, np.ones(area, np.bool_), um_per_px)


@pytest.mark.parametrize("times", [0.25, 0.6, 1.0, 1.6, 2.5])
def test_a_scale_that_no_hair_fits_is_doubted(times):
    assert doubted(drawn(20)[1], UM_PER_PX * times) is (not 0.5 < times < 2)


def test_more_hair_than_any_scalp_has_doubts_the_scale():
    _, hairs = drawn(20)
    assert doubted(hairs * 40, UM_PER_PX, (1900, 1900)) and not doubted(hairs * 20, UM_PER_PX, (1900, 1900))
    assert not doubted(hairs * 40, None) and not doubted(hairs[:3], 50.0)
