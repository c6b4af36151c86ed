"""Decoding and finding photos."""

import io
import logging

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, ImageOps

from trichoscan.photo.read import find_photos, read_photo
from trichoscan.records import TrichoscanError

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def scene(height=220, width=260, seed=0):
    """Smooth colours, no two corners alike."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def encoded(pixels, kind, **options):
    stream = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.fixture
def reading(tmp_path):
    def read(data, name="photo.img"):
        path = tmp_path / name
        path.write_bytes(data)
        return read_photo(path)

    return read


def tiff_bytes(samples, **options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, samples, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a"])
def test_lossless_kinds_come_back_exactly_under_any_name(reading, kind, name):
    photo = reading(encoded(scene(), kind), name)
    assert np.array_equal(photo.pixels, scene())
    assert photo.pixels.dtype == np.uint8 and photo.pixels.flags.c_contiguous


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_kinds_come_back_nearly(reading, kind):
    pixels = reading(encoded(scene(), kind, quality=95)).pixels
    assert np.abs(pixels.astype(int) - scene()).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_each_orientation_is_applied(reading, orientation, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"exif": exif} | ({"quality": 95} if kind == "JPEG" else {})
    data = encoded(scene(), kind, **options)
    stored = Image.open(io.BytesIO(data))
    upright = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    assert np.array_equal(reading(data).pixels, upright)


def test_orientation_in_a_16_bit_png(reading):
    exif = Image.Exif()
    exif[0x0112] = 6
    grey = scene()[..., 0].astype(np.uint16) * 257
    assert np.array_equal(
        reading(encoded(grey, "PNG", exif=exif)).pixels[..., 0], np.rot90(scene()[..., 0], -1)
    )


@pytest.mark.parametrize("kind", ["png", "tiff"])
@pytest.mark.parametrize("colours", [1, 3])
def test_16_bit_is_divided_by_257(reading, kind, colours):
    import imagecodecs

    true = scene()[..., :colours].squeeze()
    true[0, 0] = 255
    deep = true.astype(np.uint16) * 257
    data = imagecodecs.png_encode(deep) if kind == "png" else tiff_bytes(deep)
    photo = reading(data)
    assert np.array_equal(photo.pixels, np.broadcast_to(true.reshape(220, 260, -1), (220, 260, 3)))


def test_12_bits_in_a_16_bit_file_are_noticed(reading):
    deep = np.rint(scene() / 255 * 4095).astype(np.uint16)
    assert np.array_equal(reading(tiff_bytes(deep, photometric="rgb")).pixels, scene())


@pytest.mark.parametrize("top", [1.0, 255.0, 65535.0])
def test_float_is_scaled_by_its_range(reading, top):
    values = scene()[..., 0].astype(np.float32) / 255 * top
    values[0, 0] = top
    values[0, 1] = np.nan
    pixels = reading(tiff_bytes(values)).pixels[..., 0]
    assert np.array_equal(pixels[1:], scene()[1:, :, 0]) and pixels[0, 1] == 0


def test_transparent_pixels_become_black_and_opaque_ones_stay(reading):
    alpha = np.full((220, 260, 1), 255, np.uint8)
    alpha[:50] = 0
    pixels = reading(encoded(np.concatenate([scene(), alpha], 2), "PNG")).pixels
    assert not pixels[:50].any() and np.array_equal(pixels[50:], scene()[50:])


def test_an_alpha_of_nothing_is_ignored(reading):
    rgba = np.concatenate([scene(), np.zeros((220, 260, 1), np.uint8)], 2)
    assert np.array_equal(reading(encoded(rgba, "PNG")).pixels, scene())


def test_palette_grey_and_one_bit(reading):
    few = Image.fromarray(scene()).quantize(16)
    assert np.array_equal(reading(encoded(few, "PNG")).pixels, np.asarray(few.convert("RGB")))
    assert np.array_equal(reading(encoded(few, "TIFF")).pixels, np.asarray(few.convert("RGB")))
    bits = Image.fromarray(scene()[..., 0] > 128)
    assert np.array_equal(reading(encoded(bits, "PNG")).pixels, np.asarray(bits.convert("RGB")))
    assert np.array_equal(reading(encoded(bits, "TIFF")).pixels, np.asarray(bits.convert("RGB")))


def test_cmyk_jpeg(reading):
    cmyk = Image.fromarray(scene()).convert("CMYK")
    pixels = reading(encoded(cmyk, "JPEG", quality=95)).pixels
    assert np.abs(pixels.astype(int) - scene()).mean() < 4


def test_white_is_zero_tiff_and_separate_planes(reading):
    white_is_zero = tiff_bytes(255 - scene()[..., 0], photometric="miniswhite")
    assert np.array_equal(reading(white_is_zero).pixels[..., 0], scene()[..., 0])
    planes = np.ascontiguousarray(np.moveaxis(scene(), -1, 0))
    separate = tiff_bytes(planes, photometric="rgb", planarconfig="separate")
    assert np.array_equal(reading(separate).pixels, scene())


def test_first_page_of_many(reading):
    stack = np.stack([scene(seed=1), scene(seed=2)])
    assert np.array_equal(reading(tiff_bytes(stack, photometric="rgb")).pixels, scene(seed=1))


@pytest.mark.parametrize(
    ("options", "um_per_px"),
    [
        ({"resolution": (4587.0, 4587.0), "resolutionunit": "inch"}, 25400 / 4587),
        ({"resolution": (1805.0, 1805.0), "resolutionunit": "centimeter"}, 10000 / 1805),
        ({"resolution": (0.2, 0.2), "imagej": True, "metadata": {"unit": "micron"}}, 5.0),
        ({"resolution": (200.0, 200.0), "imagej": True, "metadata": {"unit": "mm"}}, 5.0),
        ({"ome": True, "metadata": {"PhysicalSizeX": 5.5, "PhysicalSizeY": 5.5}}, 5.5),
        ({"ome": True, "metadata": {"PhysicalSizeX": 0.0055, "PhysicalSizeY": 0.0055,
          "PhysicalSizeXUnit": "mm", "PhysicalSizeYUnit": "mm"}}, 5.5),
        ({"ome": True, "resolution": (1805.0, 1805.0), "resolutionunit": "centimeter"}, 10000 / 1805),
    ],
)  # fmt: skip
def test_scale_of_a_tiff(reading, options, um_per_px):
    photo = reading(tiff_bytes(scene()[..., 0], **options))
    assert photo.um_per_px == pytest.approx(um_per_px, rel=1e-4)
    assert photo.um_per_px_source == "tiff" and photo.flags == ()


@pytest.mark.parametrize("dpi", [72, 96, 300, 600])
def test_print_resolutions_say_nothing(reading, dpi):
    photo = reading(tiff_bytes(scene(), resolution=(dpi, dpi), resolutionunit="inch", photometric="rgb"))
    assert (photo.um_per_px, photo.um_per_px_source, photo.flags) == (None, "none", ())


def test_a_print_resolution_that_imagej_took_over_says_nothing(reading):
    data = tiff_bytes(scene()[..., 0], resolution=(600, 600), imagej=True, metadata={"unit": "inch"})
    assert (reading(data).um_per_px, reading(data).flags) == (None, ())


@pytest.mark.parametrize("resolution", [(173, 173), (90000, 90000), (4500, 2000)])
def test_implausible_resolutions_are_flagged(reading, resolution):
    photo = reading(tiff_bytes(scene(), resolution=resolution, resolutionunit="inch", photometric="rgb"))
    assert photo.um_per_px is None and photo.flags == ("scale_implausible",)


def test_sha256_is_of_the_file(reading):
    import hashlib

    data = encoded(scene(), "PNG")
    assert reading(data).sha256 == hashlib.sha256(data).hexdigest()


def refused(action):
    with pytest.raises(TrichoscanError) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message and len(message) < 400
    return message


def test_refusals_name_the_file_and_the_remedy(reading, tmp_path):
    assert "empty" in refused(lambda: reading(b"", "empty.jpg"))
    assert "photo.img" in refused(lambda: reading(b"plain words, no image"))
    assert "too small" in refused(lambda: reading(encoded(scene(199, 300), "PNG")))
    assert "folder" in refused(lambda: read_photo(tmp_path))
    assert "no such file" in refused(lambda: read_photo(tmp_path / "missing.jpg"))
    assert reading(encoded(scene(200, 200), "PNG")).pixels.shape == (200, 200, 3)


def test_bombs_are_refused_before_they_are_decoded(reading):
    for side in (8000, 60000):
        header = bytearray(encoded(scene(), "BMP"))
        header[18:26] = int(side).to_bytes(4, "little") * 2
        assert "megapixels" in refused(lambda data=bytes(header): reading(data))
    page = tiff_bytes(np.zeros((8000, 8000), np.uint8), compression="zlib")
    assert "megapixels" in refused(lambda: reading(page))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP", "WEBP"])
def test_files_cut_short_are_refused(reading, kind, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as after an import of weasyprint
    data = encoded(scene(), kind)
    for share in (0.01, 0.3, 0.6, 0.9):
        refused(lambda share=share: reading(data[: int(len(data) * share)]))


@QUICK
@given(
    data=st.binary(max_size=2000),
    start=st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"BM"]),
)
def test_no_bytes_raise_anything_else(reading, data, start):
    try:
        photo = reading(start + data)
    except TrichoscanError:
        return
    assert photo.pixels.shape[2] == 3


_WHOLE = {kind: encoded(scene(), kind) for kind in ("JPEG", "PNG", "TIFF", "BMP")}
_WHOLE["deep"] = tiff_bytes(scene().astype(np.uint16) * 257, photometric="rgb", compression="zlib")


@QUICK
@given(
    kind=st.sampled_from(sorted(_WHOLE)),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6),
    head=st.booleans(),
    keep=st.floats(0.1, 1),
)
def test_spoilt_files_raise_nothing_else_and_say_nothing(reading, capfd, kind, changes, head, keep):
    data = bytearray(_WHOLE[kind])
    for place, value in changes:
        data[int(place * (min(200, len(data)) if head else len(data)) * 0.999)] = value
    try:
        photo = reading(bytes(data[: int(len(data) * keep)]))
    except TrichoscanError as error:
        assert "\n" not in str(error)
    else:
        assert photo.pixels.dtype == np.uint8 and min(photo.pixels.shape[:2]) >= 200
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("tifffile").level <= logging.CRITICAL


@pytest.fixture
def clinic(tmp_path):
    for name in ["b/2.JPG", "b/10.png", "a.tif", "Z.jpg", "é.jpeg", "b.jpg", ".hidden.jpg", ".git/x.jpg",
                 "notes.txt", "old/run.json", "old/images.csv", "old/overlays/a.jpg"]:  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def test_folders_give_photos_in_the_order_of_their_bytes(clinic):
    found = [path.relative_to(clinic).as_posix() for path in find_photos([clinic])]
    assert found == ["Z.jpg", "a.tif", "b.jpg", "b/10.png", "b/2.JPG", "é.jpeg"]


def test_a_photo_named_twice_is_found_once(clinic):
    once = find_photos([clinic])
    assert find_photos([clinic, clinic / "b", clinic / "a.tif", clinic / "b" / ".." / "a.tif"]) == once


def test_named_files_are_kept_whatever_their_name(clinic):
    named = [clinic / "notes.txt", clinic / ".hidden.jpg"]
    assert find_photos(named) == named


def test_loops_of_links_end(clinic):
    before = find_photos([clinic])
    (clinic / "b" / "loop").symlink_to(clinic)
    (clinic / "self").symlink_to("self")
    assert find_photos([clinic]) == before


def test_missing_and_photoless_paths_are_refused(clinic):
    assert "no such" in refused(lambda: find_photos([clinic / "nowhere"]))
    assert "results folder" in refused(lambda: find_photos([clinic / "old"]))
    (clinic / "void").mkdir()
    assert "no photo" in refused(lambda: find_photos([clinic / "void"]))
