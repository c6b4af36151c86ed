"""Burnt-in text is found, hair is not taken for it, and no picture shows it."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from trichoscan.phantom.draw import draw_phantom
from trichoscan.photo.quality import assess
from trichoscan.photo.read import read_photo
from trichoscan.photo.writing import writing_mask
from trichoscan.records import Photo
from trichoscan.report.hide import PAINT, hide_burnt_in

WORDS = ("S01-077 2026-01-12", "MUELLER, ANNA", "14.03.1961", "ID 48213", "Zorka Marker")
INKS = ((255, 255, 255), (10, 10, 10), (250, 230, 40), (30, 30, 220), (60, 230, 60))
STYLES = ("clipped", "long", "thin", "light", "dark_skin", "wide", "plain")


@pytest.fixture(scope="module")
def scalps():
    """Phantoms too small to carry signs."""
    return [draw_phantom(60 + i, style=style, width_px=380, height_px=300) for i, style in enumerate(STYLES)]


def written(pixels, number):
    """The photo with a few words, as JPEG, and where they stand."""
    rng = np.random.default_rng([3, number])
    image = Image.fromarray(pixels)
    font = ImageFont.load_default(int(rng.integers(14, 34)))
    at = (int(rng.integers(4, 60)), int(rng.integers(4, 240)))
    text = WORDS[number % len(WORDS)]
    draw = ImageDraw.Draw(image)
    draw.text(at, text, font=font, fill=INKS[number % 4 if number % 3 else 4])
    x0, y0, x1, y1 = draw.textbbox(at, text, font=font)
    _, data = cv2.imencode(".jpg", np.array(image)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    where = np.zeros(pixels.shape[:2], bool)
    where[max(int(y0), 0) : int(y1), max(int(x0), 0) : int(x1)] = True
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]), where


def test_most_text_on_any_scalp_is_covered(scalps):
    covered = []
    for number in range(28):
        pixels, where = written(scalps[number % len(scalps)].pixels, number)
        covered.append(writing_mask(pixels)[where].mean())
    assert np.mean(covered) > 0.75 and np.mean(np.array(covered) > 0.9) >= 0.7


def test_hair_is_no_text(scalps):
    for phantom in scalps:
        assert not writing_mask(phantom.pixels).any(), phantom.style


def test_four_bars_in_a_row_are_no_text():
    pixels = np.full((300, 300, 3), 170, np.uint8)
    for x in range(40, 200, 24):
        cv2.line(pixels, (x, 100), (x + 6, 130), (20, 20, 20), 3, cv2.LINE_AA)
    assert not writing_mask(pixels).any()


def test_what_is_burnt_in_is_left_out_and_painted_over(scalps):
    pixels, where = written(scalps[6].pixels, 0)
    quality = assess(Photo(pixels))
    assert "overlay_masked" in quality.flags and quality.burnt_in_mask.shape == where.shape
    assert not (quality.burnt_in_mask & quality.usable_mask).any()
    shown = hide_burnt_in(pixels, quality)
    assert (shown[quality.burnt_in_mask] == PAINT).all()
    assert np.array_equal(shown[~quality.burnt_in_mask], pixels[~quality.burnt_in_mask])
    assert quality.burnt_in_mask[where].mean() > 0.9
    clean = scalps[6].pixels
    assert hide_burnt_in(clean, assess(Photo(clean))) is clean


def test_real_photos_keep_their_scalp_and_lose_their_banner(fdu):
    banner = read_photo(fdu / "images" / "220105_A095.jpg").pixels
    quality = assess(Photo(banner))
    assert quality.burnt_in_mask[4:14, 10:360].mean() > 0.95, "patient's number and date"
    assert quality.burnt_in_mask.mean() < 0.05, "with bar and strip"
    for name in ("230219_A047", "230219_A091"):
        assert not writing_mask(read_photo(fdu / "images" / f"{name}.jpg").pixels).any()
