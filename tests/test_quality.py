"""The usable mask against drawn truth, and the laws of the measures."""

import re

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trichoscan.flags import PHOTO_FLAGS
from trichoscan.photo.quality import assess, erythema_index, refusal
from trichoscan.photo.sharpness import sharpness_of
from trichoscan.records import Photo


def scalp(height=480, width=640, seed=0, tone=(190, 150, 130)):
    rng = np.random.default_rng(seed)
    texture = cv2.GaussianBlur(rng.normal(0, 40, (height, width)), (0, 0), 3)
    pixels = np.clip(np.array(tone) + texture[..., None] + rng.normal(0, 1, (height, width, 1)), 0, 255)
    pixels = pixels.astype(np.uint8)
    for _ in range(30):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        end = (x + int(rng.integers(-40, 40)), y + int(rng.integers(30, 70)))
        cv2.line(pixels, (x, y), end, (25, 20, 18), 8, cv2.LINE_AA)
    return pixels


def aperture(pixels, shift=0):
    height, width = pixels.shape[:2]
    y, x = np.mgrid[:height, :width]
    inside = np.hypot(x - (width - 1) / 2 - shift, y - (height - 1) / 2) <= 0.52 * height
    seen = pixels.copy()
    seen[~inside] = 6
    return seen, inside


def masked(pixels):
    return ~assess(Photo(pixels)).usable_mask


@pytest.mark.parametrize("seed", range(8))
def test_plain_scalp_is_usable_throughout(seed):
    quality = assess(Photo(scalp(seed=seed)))
    assert quality.usable_mask.all() and quality.usable_mask.dtype == np.bool_
    assert quality.flags == ()


@pytest.mark.parametrize("size", [(480, 640), (960, 1280), (480, 480)])
def test_round_aperture(size):
    seen, inside = aperture(scalp(*size))
    quality = assess(Photo(seen))
    assert "round_aperture" in quality.flags
    assert (quality.usable_mask != inside).mean() < 0.01


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("mirror", [False, True])
def test_aperture_turns_with_the_photo(turn, mirror):
    seen, _ = aperture(scalp(), shift=60)

    def turned(array):
        return np.ascontiguousarray(np.rot90(array[:, ::-1] if mirror else array, turn))

    assert np.array_equal(masked(turned(seen)), turned(masked(seen)))


def test_black_hair_in_a_corner_is_no_aperture():
    pixels = scalp()
    cv2.line(pixels, (-10, -10), (120, 130), (8, 8, 8), 18)
    cv2.line(pixels, (0, 300), (90, 479), (8, 8, 8), 18)
    assert not masked(pixels).any()


@pytest.mark.parametrize("side", range(4))
@pytest.mark.parametrize("grey", [0, 220])
def test_flat_strips_at_the_edges(side, grey):
    pixels = np.ascontiguousarray(np.rot90(scalp(), side))
    pixels[-16:] = grey
    left_out = masked(pixels)
    assert left_out[-16:].all() and not left_out[:-18].any()


@pytest.mark.parametrize("opacity", [1.0, 0.5])
@pytest.mark.parametrize("shade", [60, 250])
def test_text_boxes(opacity, shade):
    pixels = scalp()
    box = np.zeros(pixels.shape[:2], np.bool_)
    box[200:270, 350:500] = True
    pixels[box] = (opacity * shade + (1 - opacity) * pixels[box]).astype(np.uint8)
    cv2.putText(pixels, "r=2.519", (360, 240), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 160), 2)
    quality = assess(Photo(pixels))
    assert "overlay_masked" in quality.flags
    assert not quality.usable_mask[box].any()
    assert (~quality.usable_mask & ~box).sum() < 0.2 * box.sum()


def test_banner_and_scale_bar():
    pixels = scalp(700, 900)
    for x0, x1 in ((3, 60), (64, 180), (184, 420)):
        pixels[3:22, x0:x1] = 80
    pixels[650, 20:200] = 20
    pixels[640:662, 206:272] = 70
    cv2.putText(pixels, "1.0 mm", (210, 656), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255,) * 3, 1, cv2.LINE_AA)
    left_out = masked(pixels)
    assert left_out[3:22, 3:420].mean() > 0.95 and left_out[640:662, 206:272].all()
    assert left_out.mean() < 0.05


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), blur=st.floats(0.8, 4.0), step=st.floats(0.5, 2.0))
def test_more_blur_is_less_focus(seed, blur, step):
    gray = cv2.cvtColor(scalp(240, 320, seed), cv2.COLOR_RGB2GRAY)
    everywhere = np.ones(gray.shape, np.bool_)
    sharp, less, least = (
        sharpness_of(cv2.GaussianBlur(gray, (0, 0), s) if s else gray, everywhere).focus
        for s in (0, blur, blur + step)
    )
    assert 1 >= sharp > less > least >= 0


def test_focus_does_not_depend_on_contrast_and_blur_is_flagged():
    pixels = scalp()
    everywhere = np.ones(pixels.shape[:2], np.bool_)
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    faint = (100 + gray * 0.4).astype(np.uint8)
    focus = sharpness_of(gray, everywhere).focus
    assert sharpness_of(faint, everywhere).focus == pytest.approx(focus, abs=0.04)
    assert "blurred" not in assess(Photo(pixels)).flags
    assert "blurred" in assess(Photo(cv2.GaussianBlur(pixels, (0, 0), 9))).flags


def test_glare_is_its_share_of_the_usable_area():
    pixels = scalp()
    before = assess(Photo(pixels)).glare_percent
    patch = np.zeros(pixels.shape[:2], np.uint8)
    cv2.circle(patch, (300, 200), 80, 1, -1)
    pixels[patch > 0] = 250
    quality = assess(Photo(pixels))
    assert quality.glare_percent - before == pytest.approx(100 * patch.mean(), abs=0.3)
    assert assess(Photo(scalp(tone=(255, 250, 90)))).glare_percent < 1
    pixels[:300] = np.random.default_rng(0).integers(245, 256, (300, 640, 3))
    assert {"glare", "overexposed"} <= set(assess(Photo(pixels)).flags)


def test_erythema_of_known_colours_and_its_independence_of_exposure():
    everywhere = np.ones((300, 300), np.bool_)

    def skin(red, green):
        linear = np.array([red, green, 0.2])
        srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        pixels = np.tile(np.rint(srgb * 255).astype(np.uint8), (300, 300, 1))
        for x in range(20, 300, 40):
            pixels[:, x : x + 6] = (30, 25, 22)
        return erythema_index(pixels, everywhere)

    assert skin(0.5, 0.25) == pytest.approx(100 * np.log10(2), abs=0.5)
    assert skin(0.3, 0.15) == pytest.approx(skin(0.6, 0.3), abs=0.7)
    assert skin(0.3, 0.3) == pytest.approx(0, abs=0.1)


def test_dark_photos_and_photos_of_nothing():
    assert "dark" in assess(Photo((scalp() * 0.15).astype(np.uint8))).flags
    for value in (0, 128, 255):
        quality = assess(Photo(np.full((200, 220, 3), value, np.uint8)))
        assert quality.usable_mask.shape == (200, 220)
        assert quality.usable_mask.any() or quality.refusal
        assert set(quality.flags) <= set(PHOTO_FLAGS)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), height=st.integers(200, 330), width=st.integers(200, 330))
def test_noise_of_any_size_is_judged(seed, height, width):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    quality = assess(Photo(pixels))
    assert quality.usable_mask.shape == (height, width)
    assert 0 <= quality.focus <= 1 and 0 <= quality.glare_percent <= 100


@pytest.mark.parametrize(
    ("pixels", "um_per_px", "said"),
    [
        (scalp() * 0.0, 5.5, "no scalp can be seen"),
        (scalp(tone=(254, 254, 254)), 5.5, "burnt out .* less light"),
        (scalp(), 70.0, "70 um per px .* retake at 2 to 12"),
        (scalp(), 0.3, "0.3 um per px .* correct um_per_px"),
    ],
)
def test_photos_of_no_use_are_refused_with_advice(pixels, um_per_px, said):
    assert re.search(said, assess(Photo(pixels.astype(np.uint8), um_per_px, "option")).refusal)


def test_the_darkest_photos_are_refused_and_dark_ones_flagged():
    assert re.search("far too dark .* more light", refusal(20.0, 5.5)) and refusal(40.0, 5.5) == ""


@pytest.mark.parametrize("um_per_px", [None, 1.5, 14.0])
def test_usable_photos_are_not_refused(um_per_px):
    for pixels in (scalp(), scalp() * 0.3, np.clip(scalp() * 1.15, 0, 255)):
        assert assess(Photo(pixels.astype(np.uint8), um_per_px)).refusal == ""


def test_patches_of_glare_leave_the_usable_area_and_glints_do_not():
    pixels = scalp()
    patch = np.hypot(*(np.indices(pixels.shape[:2])[::-1] - np.array([[[300]], [[200]]]))) <= 60
    pixels[patch] = 250
    rng = np.random.default_rng(1)
    pixels[rng.integers(0, 480, 300), rng.integers(0, 640, 300)] = 255
    quality = assess(Photo(pixels))
    left_out = ~quality.usable_mask
    assert (left_out & patch).sum() > 0.95 * patch.sum() and (left_out & ~patch).sum() < 0.02 * patch.sum()
    assert "glare" in quality.flags and "bubbles" not in quality.flags


def test_motion_is_flagged_apart_from_blur():
    pixels, kernel = scalp(), np.zeros((25, 25), np.float32)
    cv2.line(kernel, (4, 8), (20, 16), 1.0, 1)
    moved = assess(Photo(cv2.filter2D(pixels, -1, kernel / kernel.sum())))
    assert "moved" in moved.flags and moved.motion_px > 2
    assert "moved" not in assess(Photo(pixels)).flags


def test_the_benchmark_spoils_judges_and_tells(weights):
    import sys
    from pathlib import Path

    from trichoscan.phantom.draw import draw_phantom

    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
    import quality as benchmark
    from faults import FAULTS, MISSTATED, ZOOMS, spoil

    phantom = draw_phantom(901, style="plain", width_px=320, height_px=320, um_per_px=8.0)
    case = benchmark.phantom_case(phantom, "plain")
    versions = spoil(case.pixels, 1)
    degrees = [degree for _, some in FAULTS.values() for degree in some]
    assert len(versions) == 1 + len(degrees) + len(ZOOMS) + len(MISSTATED)
    rows = {"none": {"0": []}, "blur": {"10": []}}
    for fault, key in (("none", ("none", 0.0)), ("blur", ("out of focus, SD in px", 10))):
        row = benchmark.row_of(case, versions[key].pixels, weights)
        assert 0 <= row["found"] <= row["true"] and row["wrong"] >= 0
        rows[fault][next(iter(rows[fault]))].append(row)
    assert "blurred" in rows["blur"]["10"][0]["flags"] and "blurred" not in rows["none"]["0"][0]["flags"]
    told = benchmark.fault_table(rows).splitlines()
    assert len(told) == 4 and told[3].startswith("| blur | 10 |") and "blurred 1" in told[3]
