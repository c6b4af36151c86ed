"""Rulers that are burnt into the scalp are found, with their numbers; hair is not taken for them."""

import cv2
import numpy as np
import pytest

from trichoscan.phantom.draw import draw_phantom
from trichoscan.photo import ticks
from trichoscan.photo.quality import assess
from trichoscan.photo.read import read_photo
from trichoscan.photo.ticks import FEWEST_BLURRED, FEWEST_TICKS, tick_boxes
from trichoscan.photo.writing import writing_mask
from trichoscan.records import Photo

INKS = ((250, 250, 250), (15, 15, 15), (250, 220, 40))
STYLES = ("clipped", "long", "thin", "light", "dark_skin", "wide", "bare")


@pytest.fixture(scope="module")
def scalps():
    """Phantoms too small to carry signs."""
    return [draw_phantom(80 + i, style=style, width_px=390, height_px=320) for i, style in enumerate(STYLES)]


def ruled(pixels, ink, spacing_px, ticks=99, uneven_px=0.0):
    """The photo with a row of ticks, long and short, as JPEG, and where they stand."""
    drawn, where = pixels.copy(), np.zeros(pixels.shape[:2], bool)
    rng = np.random.default_rng(5)
    for k, x in enumerate(np.arange(12.0, pixels.shape[1] - 6, spacing_px)[:ticks]):
        length = 7 if k % 2 else 14
        foot = (round(x + rng.uniform(-uneven_px, uneven_px)), 30)
        cv2.line(drawn, foot, (foot[0], 30 + length), ink, 1, cv2.LINE_AA)
        where[30 : 31 + length, foot[0]] = True
    _, data = cv2.imencode(".jpg", drawn[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]), where


def found(pixels):
    return list(tick_boxes(pixels))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("spacing_px", [11.0, 27.7, 60.0])
def test_rulers_on_any_scalp_are_covered(scalps, spacing_px, turned):
    covered = []
    for k, phantom in enumerate(scalps):
        pixels, where = ruled(phantom.pixels, INKS[k % 3], spacing_px)
        mask = writing_mask(np.ascontiguousarray(pixels.transpose(1, 0, 2)) if turned else pixels)
        covered.append((mask.T if turned else mask)[where].mean())
    assert np.median(covered) > 0.95 and np.mean(np.array(covered) > 0.9) >= 0.7


def test_hair_makes_no_ruler(scalps):
    for phantom in scalps:
        assert not found(phantom.pixels), phantom.style


def test_a_lattice_is_no_long_search(monkeypatch):
    """Each row is begun once, and where strokes are very many none is looked for."""
    tried, run = [], ticks._run
    monkeypatch.setattr(ticks, "_run", lambda *args: tried.append(args) or run(*args))
    few, many = (np.full(shape, 160, np.uint8) for shape in ((256, 200, 3), (1024, 1280, 3)))
    for pixels in (few, many):
        for y in range(10, pixels.shape[0] - 20, 26):
            for x in range(8, pixels.shape[1] - 4, 11):
                pixels[y : y + 14, x : x + 2] = 40
    assert found(few) and not found(many)
    assert len(tried) < 20_000


def test_ticks_must_be_many_and_even():
    plain = np.full((200, 390, 3), 150, np.uint8)
    assert found(ruled(plain, INKS[0], 30.0, FEWEST_TICKS)[0])
    assert not found(ruled(plain, INKS[0], 30.0, FEWEST_TICKS - 1)[0])
    assert not found(ruled(plain, INKS[0], 30.0, uneven_px=9.0)[0])


def test_a_ruler_is_no_hair(scalps):
    bare = scalps[STYLES.index("bare")].pixels
    pixels, where = ruled(bare, INKS[1], 40.0)
    quality = assess(Photo(pixels))
    assert "overlay_masked" in quality.flags
    assert not (quality.usable_mask & where).any()
    assert quality.usable_mask[60:].mean() > 0.95 * assess(Photo(bare)).usable_mask[60:].mean()


def test_real_photos_have_no_ruler(fdu):
    for file in sorted((fdu / "images").glob("*.jpg"))[::25]:
        assert not found(read_photo(file).pixels), file.name


def test_a_blurred_ruler_needs_more_ticks():
    plain = np.full((200, 390, 3), 150, np.uint8)
    for number, blurred in ((FEWEST_BLURRED, True), (FEWEST_BLURRED - 1, False)):
        drawn = cv2.GaussianBlur(ruled(plain, INKS[1], 30.0, number)[0], (0, 0), 1.2)
        assert bool(found(drawn)) == blurred


def test_a_comb_is_a_ruler_too():
    """A scale etched into the optics: ticks on a line."""
    pixels, where = ruled(np.full((200, 390, 3), 150, np.uint8), INKS[1], 20.0)
    cv2.line(pixels, (12, 30), (380, 30), INKS[1], 1)
    assert writing_mask(pixels)[where].mean() > 0.95
