"""Blur against blur that was put in, in all directions and along one."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trichoscan.photo.sharpness import sharpness_of


def stubble(seed=0, height=480, width=640, contrast=1.0):
    """Short dark hairs with two ends, mostly in one direction, on a rough skin."""
    rng = np.random.default_rng(seed)
    gray = 170 + cv2.GaussianBlur(rng.normal(0, 40, (height, width)), (0, 0), 3)
    for _ in range(45):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        end = (x + int(rng.integers(-25, 40)), y + int(rng.integers(30, 70)))
        cv2.line(gray, (x, y), end, 25, 9, cv2.LINE_AA)
    return (100 + contrast * (gray - 100)).astype(np.float32)


def photographed(gray, seed=0):
    noisy = gray + np.random.default_rng(seed).normal(0, 1.5, gray.shape)
    return np.clip(np.round(noisy), 0, 255).astype(np.uint8)


def measured(gray):
    return sharpness_of(gray, np.ones(gray.shape, np.bool_))


def moved(gray, way_px, turn):
    kernel = np.zeros((41, 41), np.float32)
    ends = np.rint(64 * (20 + way_px / 2 * np.outer([-1, 1], [np.cos(turn), np.sin(turn)]))).astype(int)
    cv2.line(kernel, ends[0].tolist(), ends[1].tolist(), 1.0, 1, cv2.LINE_AA, 6)
    return cv2.filter2D(gray, -1, kernel / kernel.sum())


@pytest.mark.parametrize("sd_px", [1.5, 2.5, 4.0])
def test_the_blur_that_was_put_in_is_found(sd_px):
    focus = measured(photographed(cv2.GaussianBlur(stubble(), (0, 0), sd_px))).focus
    assert 2 * (1 / focus - 1) == pytest.approx(sd_px, rel=0.25)


@settings(max_examples=12)
@given(seed=st.integers(0, 1000), turn=st.floats(0, np.pi))
def test_a_way_is_told_from_blur_whatever_its_direction(seed, turn):
    gray = stubble(seed)
    still = measured(photographed(cv2.GaussianBlur(gray, (0, 0), 2))).motion_px
    shaken = measured(photographed(moved(gray, 14, turn))).motion_px
    assert shaken > 2.0 > still


def test_a_longer_way_is_more_motion():
    found = [measured(photographed(moved(stubble(), way_px, 0.6))).motion_px for way_px in (0, 6, 12, 24)]
    assert found == sorted(found) and found[-1] > 1.5 * found[1]


@pytest.mark.parametrize("turn", range(1, 4))
def test_turned_and_mirrored_photos_are_as_sharp(turn):
    gray = photographed(moved(stubble(), 10, 0.3))
    before = measured(gray)
    after = measured(np.ascontiguousarray(np.rot90(gray, turn)[:, ::-1]))
    assert after.focus == pytest.approx(before.focus, abs=1e-6)
    assert after.motion_px == pytest.approx(before.motion_px, rel=0.02)


def test_contrast_does_not_matter():
    strong, faint = (measured(photographed(moved(stubble(contrast=c), 12, 1.0))) for c in (1.0, 0.5))
    assert faint.motion_px == pytest.approx(strong.motion_px, rel=0.15)


def test_nothing_drawn_has_no_focus_and_no_motion():
    for gray in (np.full((200, 220), 128, np.uint8), np.zeros((50, 60), np.uint8)):
        found = measured(gray)
        assert found.focus == 0 and np.isnan(found.motion_px)
    nowhere = sharpness_of(photographed(stubble()), np.zeros((480, 640), np.bool_))
    assert nowhere.focus == 0 and np.isnan(nowhere.motion_px)
    stripes = np.tile(np.where(np.arange(300) % 60 < 30, 60, 180).astype(np.uint8), (240, 1))
    assert np.isnan(measured(stripes).motion_px)  # one direction alone tells of no motion
