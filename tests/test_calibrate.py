"""The order of the sources of scale, and scale bars of known length."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from trichoscan.photo import scale_bar
from trichoscan.photo.calibrate import calibrate, find_scale_bar
from trichoscan.photo.read import read_photo
from trichoscan.records import Photo, TrichoscanError

FDU = Path(__file__).parents[2] / "shared" / "data" / "fdu" / "images"


def skin(height=700, width=900, seed=0, clear=False):
    """Skin of soft texture with dark oblique hairs; where clear, none where bars are drawn."""
    rng = np.random.default_rng(seed)
    texture = cv2.GaussianBlur(rng.normal(0, 60, (height, width)), (0, 0), 4)
    pixels = np.clip(np.array([185, 150, 130]) + texture[..., None], 0, 255).astype(np.uint8)
    for _ in range(25):
        x, y = rng.integers(0, width), rng.integers(0, height - 140)
        end = (int(x + rng.integers(20, 60)), int(y + rng.integers(50, 90)))
        if clear and 200 < x < 800 and end[1] > 530:
            continue
        cv2.line(pixels, (int(x), int(y)), end, (45, 35, 30), 9, cv2.LINE_AA)
    return pixels


def write(pixels, text, x, y, value, size):
    """Text in Pillow's font, which lacks µ: it is drawn as u with a tail."""
    image, font = Image.fromarray(pixels), ImageFont.load_default(size)
    draw, fill = ImageDraw.Draw(image), (value,) * 3
    draw.text((x, y), text.replace("µ", "u"), fill=fill, font=font)
    if "µ" in text:
        u = draw.textbbox((x + draw.textlength(text.split("µ")[0], font=font), y), "u", font=font)
        draw.rectangle((u[0] + 1, u[1] + 3, u[0] + size // 12, u[3] + size // 4), fill=fill)
    return np.array(image)


def with_bar(length_px, text, *, value=255, thickness=4, ticks=0, place="above", size=22, seed=0):
    """A photo with a bar whose length, middle to middle of its ticks, is length_px."""
    pixels = skin(seed=seed, clear=True)
    x, y = 300, 620
    pixels[y : y + thickness, x : x + length_px] = value
    if ticks:
        for end in (x, x + length_px):
            pixels[y - ticks : y + thickness + ticks, end - 1 : end + 2] = value
    dy = {"above": -14 - size - ticks, "below": 10 + ticks, "beside": -size // 2}[place]
    dx = length_px + 14 if place == "beside" else length_px // 2 - 30
    return write(pixels, text, x + dx, y + dy, value, size)


@pytest.mark.parametrize(
    ("text", "um"),
    [("1 mm", 1000), ("1.0 mm", 1000), ("0.5 mm", 500), ("500 um", 500), ("500 µm", 500), ("200µm", 200),
     ("2 mm", 2000), ("100 µm", 100)],
)  # fmt: skip
@pytest.mark.parametrize("value", [0, 255])
def test_labels_are_read(text, um, value):
    bar = find_scale_bar(with_bar(180, text, value=value))
    assert bar is not None and bar.length_um == um
    assert bar.x1_px - bar.x0_px == pytest.approx(180, abs=1)
    assert bar.um_per_px == pytest.approx(um / 180, rel=0.01)


@pytest.mark.parametrize("length_px", [60, 97, 181, 400])
@pytest.mark.parametrize("place", ["above", "below", "beside"])
@pytest.mark.parametrize("ticks", [0, 10])
def test_length_is_exact_to_a_px(length_px, place, ticks):
    bar = find_scale_bar(with_bar(length_px, "1 mm", place=place, ticks=ticks))
    assert bar is not None
    assert bar.x1_px - bar.x0_px == pytest.approx(length_px, abs=1)
    assert bar.x0_px == pytest.approx(300 if ticks else 299.5, abs=1)


@pytest.mark.parametrize("thickness", [1, 2, 7])
@pytest.mark.parametrize("size", [14, 22, 40])
def test_thickness_and_size_of_text_do_not_matter(thickness, size):
    bar = find_scale_bar(with_bar(200, "1 mm", thickness=thickness, size=size))
    assert bar is not None and bar.um_per_px == pytest.approx(5.0, rel=0.01)


def test_a_bar_survives_jpeg():
    ok, data = cv2.imencode(".jpg", with_bar(200, "500 µm")[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert ok
    bar = find_scale_bar(np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]))
    assert bar is not None and bar.um_per_px == pytest.approx(2.5, rel=0.01)


@pytest.mark.parametrize("seed", range(6))
def test_photos_without_a_bar_have_none(seed):
    assert find_scale_bar(skin(seed=seed)) is None


def test_neither_bar_nor_label_alone_is_enough():
    assert find_scale_bar(with_bar(180, "")) is None
    assert find_scale_bar(write(skin(), "1.0 mm", 300, 600, 255, 22)) is None
    assert find_scale_bar(with_bar(180, "hair")) is None
    assert find_scale_bar(with_bar(180, "733 mm")) is None


def test_a_hidden_end_gives_no_scale():
    pixels = with_bar(180, "1 mm", value=0)
    pixels[590:660, 440:500] = 5
    assert find_scale_bar(pixels) is None


def test_order_of_the_sources():
    photo = Photo(with_bar(200, "1 mm"), 7.0, "tiff")
    everything = calibrate(photo, manifest_um_per_px=3.0, option_um_per_px=4.0)
    assert (everything.um_per_px, everything.um_per_px_source) == (3.0, "manifest")
    option = calibrate(photo, option_um_per_px=4.0)
    assert (option.um_per_px, option.um_per_px_source) == (4.0, "option")
    assert calibrate(photo) is photo
    bar = calibrate(Photo(photo.pixels))
    assert bar.um_per_px == pytest.approx(5.0, rel=0.01)
    assert (bar.um_per_px_source, bar.flags) == ("scale_bar", ("scale_from_bar",))
    none = calibrate(Photo(skin(), flags=("scale_implausible",)))
    assert (none.um_per_px, none.um_per_px_source) == (None, "none")
    assert none.flags == ("scale_implausible", "no_scale")


@pytest.mark.parametrize("value", [0.0, -1.0, 0.1, 500.0, float("nan"), float("inf")])
@pytest.mark.parametrize("source", ["manifest_um_per_px", "option_um_per_px"])
def test_absurd_values_are_refused(value, source):
    with pytest.raises(TrichoscanError, match="one px"):
        calibrate(Photo(skin(200, 200)), **{source: value})


@pytest.mark.skipif(not FDU.is_dir(), reason="the real photos of shared/data/fdu are not here")
@pytest.mark.parametrize(("name", "stands"), [("220105_A095", True), ("230219_A016", False)])
def test_real_photos(name, stands):
    bar = find_scale_bar(read_photo(FDU / f"{name}.jpg").pixels)
    assert (bar is not None) == stands
    if bar is not None:
        assert bar.um_per_px == pytest.approx(5.556, abs=0.03)


def test_a_line_that_fades_away_has_no_end() -> None:
    line, skin = np.full(60, 3.0), np.full(60, -3.0)
    assert scale_bar._end(np.concatenate([line, skin]), 30, 1) == (59, 59)
    assert scale_bar._end(np.concatenate([line, np.full(200, -0.5)]), 30, 1) is None
    assert scale_bar._end(line, 30, 1) is None
