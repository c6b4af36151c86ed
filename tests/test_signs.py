"""Scales and signs of phantoms: ticks stand at true distances, signs hide what they cover."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from trichoscan.phantom.camera import SIGN_SHARE, draw_camera, labelled_magnification
from trichoscan.phantom.draw import draw_phantom, photograph
from trichoscan.phantom.rulers import etch_reticle, lay_ruler, tick_places_px
from trichoscan.phantom.signs import burn_in, patient_number


def camera_of(um_per_px=5.0, width=640, height=512, **change):
    camera = draw_camera("clipped", width, height, um_per_px, np.random.default_rng(1))
    return replace(camera, **({"burnt_in": (), "ruler": False, "reticle": False} | change))


def period_px(profile):
    """Period of the strongest wave, by a Fourier transform fine enough for a thousandth of it."""
    wave = (profile - profile.mean()) * np.hanning(len(profile))
    power = np.abs(np.fft.rfft(wave, 2**18))
    power[: 2**18 // 400] = 0
    first = np.fft.rfftfreq(2**18)
    return 1 / first[np.argmax(power)]


@pytest.mark.parametrize("um_per_px", [3.1, 5.54, 9.0])
def test_ticks_of_an_etched_scale_stand_at_tenths_of_a_millimetre(um_per_px):
    camera = camera_of(um_per_px, width=1200, reticle=True)
    scene = np.full((512, 1200, 3), 0.3, np.float32)
    etch_reticle(scene, camera)
    dark = 0.3 - scene[..., 1]
    foot = int(np.argmax(dark.sum(axis=1)))
    assert period_px(dark[foot + 4, 70:1130]) == pytest.approx(100 / um_per_px, rel=2e-3)


@pytest.mark.parametrize("um_per_px", [4.0, 5.54, 9.0])
def test_ticks_of_a_printed_ruler_stand_at_half_millimetres(um_per_px):
    camera = camera_of(um_per_px, width=1200, burnt_in=("ruler",))
    pixels = np.full((512, 1200, 3), 128, np.uint8)
    burn_in(pixels, camera)
    profile = np.abs(pixels[30, :, 1].astype(float) - 128)
    smooth = np.convolve(
        profile, np.hanning(31), "same"
    )  # harmonics of narrow ticks are as strong as the wave
    assert period_px(smooth) == pytest.approx(500 / um_per_px, rel=4e-3)


def test_places_of_ticks_are_even():
    assert np.diff(tick_places_px(4.0, 900.0, 13.2, 2)) == pytest.approx(125.0)


@pytest.mark.parametrize("seed", range(8))
def test_a_ruler_covers_one_edge_and_shades_the_skin_beside_it(seed):
    camera = camera_of(ruler=True, seed=seed)
    scene = np.full((512, 640, 3), 0.3, np.float32)
    hidden = lay_ruler(scene, camera)
    assert 0.02 < hidden.mean() < 0.4
    rim = np.concatenate([hidden[0], hidden[-1], hidden[:, 0], hidden[:, -1]])
    assert rim.sum() >= 0.8 * min(hidden.shape)
    assert not hidden[256, 320]
    beside = scene[~hidden]
    assert beside[:, 1].min() < 0.25 and np.median(beside) == pytest.approx(0.3, abs=1e-3)
    assert not lay_ruler(scene, camera_of()).any()


def test_roots_under_a_ruler_are_not_visible():
    phantom = draw_phantom(3, "clipped", 512, 512, 6.0)
    clear = replace(phantom.camera, burnt_in=(), aperture=2.0, ruler=False, reticle=False)
    before = {h.hair_id: h for h in photograph(phantom.scalp, clear, "clipped").hairs if h.root_visible}
    under = 0
    for seed in range(4):
        ruler = replace(clear, ruler=True, seed=seed)
        hidden = lay_ruler(np.ones((512, 512, 3), np.float32), ruler)
        hidden = cv2.erode(hidden.astype(np.uint8), np.ones((25, 25), np.uint8)) > 0  # a root has a size
        after = {h.hair_id: h for h in photograph(phantom.scalp, ruler, "clipped").hairs}
        for hair_id, hair in before.items():
            x, y = np.rint(hair.path_px[0]).astype(int)
            if hidden[y, x]:
                under += 1
                assert hair_id not in after or not after[hair_id].root_visible
    assert under > 0


@pytest.mark.parametrize("sign", list(SIGN_SHARE))
def test_each_sign_is_burnt_in_alike_every_time_and_leaves_most_of_the_photo(sign):
    photos = []
    for _ in range(2):
        pixels = np.full((512, 640, 3), 128, np.uint8)
        burn_in(pixels, camera_of(burnt_in=(sign,)))
        photos.append(pixels)
    assert np.array_equal(*photos)
    assert 0.001 < np.any(photos[0] != 128, axis=2).mean() < 0.3


OPAQUE = {"banner", "bar", "strip", "note"}


@pytest.mark.parametrize("sign", list(SIGN_SHARE))
def test_a_sign_hides_what_can_no_longer_be_told_and_nothing_that_shows_through(sign):
    photos = []
    for level in (60, 190):
        pixels = np.full((512, 640, 3), level, np.uint8)
        hidden = burn_in(pixels, camera_of(burnt_in=(sign,), date="2026-03-01"))
        photos.append(pixels.astype(int))
    apart = np.abs(photos[0] - photos[1]).max(axis=2)
    assert hidden.any() == (sign in OPAQUE)
    assert apart[hidden].max(initial=0) == 0
    lost = cv2.morphologyEx(
        ((apart == 0) & ~hidden).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)
    )
    assert not lost.any()  # beside thin lines and letters


def test_a_hair_under_a_watermark_is_seen_and_one_under_a_note_is_not():
    phantom = draw_phantom(3, "clipped", 512, 512, 6.0)
    clear = replace(phantom.camera, burnt_in=(), aperture=2.0, ruler=False, reticle=False)
    for sign, hides in (("watermark", False), ("circle", False), ("note", True)):
        camera = replace(clear, burnt_in=(sign,))
        covered = any("sign" in h.hidden_by for h in photograph(phantom.scalp, camera, "clipped").hairs)
        assert covered <= hides
        assert burn_in(phantom.pixels.copy(), camera).any() == hides


def test_burnt_in_text_of_the_patient_and_device_is_kept_and_the_date_is_the_photo_s():
    first = camera_of(burnt_in=("banner", "note"), date="2026-03-01")
    later = replace(first, seed=first.seed + 1, um_per_px=5.2, date="2026-06-01")
    assert patient_number(first) == patient_number(later)
    photos = []
    for camera in (first, later, replace(later, signs_seed=first.signs_seed + 1)):
        pixels = np.full((512, 640, 3), 128, np.uint8)
        burn_in(pixels, camera)
        photos.append(pixels)
    words = slice(0, 24), slice(0, 130)  # patient's number and size of the photo
    assert np.array_equal(photos[0][words], photos[1][words])
    assert not np.array_equal(photos[1][words], photos[2][words])
    assert not np.array_equal(photos[0][:24], photos[1][:24])


@pytest.mark.parametrize(("um_per_px", "told"), [(5.54, 70), (2.0, 190), (11.0, 40)])
def test_the_magnification_follows_the_scale(um_per_px, told):
    assert labelled_magnification(um_per_px) == told
    assert draw_camera("clipped", 640, 512, um_per_px, np.random.default_rng(0)).magnification == told
