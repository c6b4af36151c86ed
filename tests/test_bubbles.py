"""Bubbles against drawn truth, and what is none."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from trichoscan.phantom.camera import draw_camera
from trichoscan.phantom.lens import see_through_lens
from trichoscan.photo.bubbles import bubble_mask
from trichoscan.photo.quality import assess
from trichoscan.records import Photo


def skin(seed=0, height=480, width=640):
    rng = np.random.default_rng(seed)
    texture = cv2.GaussianBlur(rng.normal(0, 40, (height, width)), (0, 0), 4)
    pixels = np.clip(np.array([190, 150, 130]) + texture[..., None], 0, 255)
    return (pixels + rng.normal(0, 1, pixels.shape)).clip(0, 255).astype(np.uint8)


def ring(pixels, x, y, radius, level=-45):
    rim = np.zeros(pixels.shape[:2], np.uint8)
    cv2.circle(rim, (x, y), radius, 255, 3, cv2.LINE_AA)
    soft = cv2.GaussianBlur(rim, (0, 0), 1.0)[..., None] / 255
    disc = np.hypot(*(np.indices(rim.shape)[::-1] - np.array([[[x]], [[y]]]))) <= radius
    return np.clip(pixels + level * soft, 0, 255).astype(np.uint8), disc


def found(pixels):
    return bubble_mask(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.ones(pixels.shape[:2], np.bool_))


@pytest.mark.parametrize("level", [-45, 60])
@pytest.mark.parametrize("place", [(200, 150, 40), (420, 300, 25), (320, 240, 58)])
def test_a_ring_is_found_where_it_was_drawn(place, level):
    pixels, disc = ring(skin(), *place, level)
    mask = found(pixels)
    assert (mask & disc).sum() / (mask | disc).sum() > 0.7


@pytest.mark.parametrize("scale", [0.7, 2.0])
def test_larger_photos_have_larger_bubbles(scale):
    pixels, disc = ring(skin(), 300, 220, 40)
    size = (round(640 * scale), round(480 * scale))
    mask = found(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))
    assert mask.sum() / scale**2 == pytest.approx(1.21 * disc.sum(), rel=0.2)


@pytest.mark.parametrize("seed", range(6))
def test_hair_and_half_a_ring_are_no_bubble(seed):
    rng = np.random.default_rng(seed)
    pixels = skin(seed)
    for _ in range(25):
        x, y = int(rng.integers(0, 640)), int(rng.integers(0, 480))
        angles = rng.uniform(0, 360), rng.uniform(60, 170)
        radius = int(rng.integers(20, 120))
        cv2.ellipse(pixels, (x, y), (radius, radius), 0, angles[0], angles[0] + angles[1], (25, 20, 18), 6)
    assert found(pixels).mean() < 0.01
    disc = cv2.circle(skin(seed), (300, 200), 30, (30, 25, 25), -1)  # a mole has no thin rim
    assert found(cv2.GaussianBlur(disc, (0, 0), 5)).mean() < 0.01


def test_bubbles_of_the_phantoms_leave_the_usable_area():
    light = np.full((480, 640, 3), 0.4, np.float32)
    texture = np.random.default_rng(1).normal(0, 0.3, (480, 640))
    light *= 1 + cv2.GaussianBlur(texture, (0, 0), 4)[..., None].astype(np.float32)
    camera = draw_camera("plain", 640, 480, 5.5, np.random.default_rng(3))
    clear = replace(camera, bubbles=0, light=np.ones((4, 4, 3), np.float32))
    seen = [
        see_through_lens(light.copy(), replace(clear, bubbles=n), np.random.default_rng(2)) for n in (0, 9)
    ]
    pixels = [np.clip(255 * picture ** (1 / 2.2), 0, 255).astype(np.uint8) for picture in seen]
    without, with_some = (assess(Photo(p, 5.5, "option")) for p in pixels)
    assert "bubbles" not in without.flags and without.bubbles_percent == 0
    assert "bubbles" in with_some.flags
    mask = found(pixels[1])
    assert with_some.bubbles_percent > 0 and not with_some.usable_mask[mask].any()
    changed = np.abs(pixels[1].astype(int) - pixels[0]).max(axis=2) > 12
    assert changed[mask].mean() > 3 * changed[~mask].mean()
