"""Colour profiles, HEIC and large stills: what phones and cameras write."""

import io
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image, ImageCms

from trichoscan.photo.profile import to_srgb
from trichoscan.photo.read import read_photo

P3_TO_XYZ = np.array(
    [[0.515121, 0.291977, 0.157104], [0.241196, 0.692245, 0.066574], [-0.001053, 0.041885, 0.784073]]
)
"""Display P3 under D50, as its profile states it (Apple)."""
SRGB_TO_XYZ = np.array(
    [[0.436066, 0.385147, 0.143066], [0.222488, 0.716873, 0.060608], [0.013916, 0.097076, 0.714096]]
)
"""sRGB under D50 (IEC 61966-2-1, adapted)."""


def scene(height=220, width=260, seed=0):
    coarse = np.random.default_rng(seed).integers(60, 200, (5, 6, 3), dtype=np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def icc(space, curves, columns=()):
    """A profile of version 2 with a gamma of each channel and, of RGB, the XYZ of its primaries."""
    gamma = {name: b"curv" + struct.pack(">4xIH", 1, round(value * 256)) + b"\0\0" for name, value in curves}
    fixed = {name: b"XYZ " + struct.pack(">4x3i", *(round(v * 65536) for v in xyz)) for name, xyz in columns}
    white = {b"wtpt": b"XYZ " + struct.pack(">4x3i", 63190, 65536, 54061)}
    text = {
        b"desc": b"desc" + struct.pack(">4xI", 5) + b"test\0" + b"\0" * 79,
        b"cprt": b"text\0\0\0\0-\0\0\0",
    }
    tags = {**text, **white, **fixed, **gamma}
    at = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        padded = data + b"\0" * (-len(data) % 4)
        table += name + struct.pack(">II", at + len(body), len(data))
        body += padded
    head = struct.pack(
        ">I4sI4s4s4s12x4s", at + len(body), b"lcms", 0x02100000, b"mntr", space, b"XYZ ", b"acsp"
    )
    head += b"\0" * 28 + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + table + body


def gamma_of(pixels, matrix, gamma):
    """What pixels of a display with these primaries and this gamma are in sRGB, 0-255."""
    linear = (pixels / 255.0) ** gamma @ (np.linalg.inv(SRGB_TO_XYZ) @ matrix).T
    linear = np.clip(linear, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


WIDE = icc(
    b"RGB ",
    [(name, 2.2) for name in (b"rTRC", b"gTRC", b"bTRC")],
    zip((b"rXYZ", b"gXYZ", b"bXYZ"), P3_TO_XYZ.T, strict=True),
)
GREY = icc(b"GRAY", [(b"kTRC", 1.8)])
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def reading(tmp_path):
    def read(data):
        path = tmp_path / "photo.img"
        path.write_bytes(data)
        return read_photo(path)

    return read


def encoded(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_wide_colours_become_srgb(reading, kind):
    options = {"lossless": True} if kind == "WEBP" else {"quality": 98} if kind == "JPEG" else {}
    photo = reading(encoded(Image.fromarray(scene()), kind, icc_profile=WIDE, **options))
    expected = gamma_of(scene(), P3_TO_XYZ, 2.2)
    assert np.abs(photo.pixels - expected).mean() < (2.5 if kind == "JPEG" else 0.7)
    assert np.abs(photo.pixels.astype(float) - scene()).mean() > 3 and photo.flags == ()


def test_grey_and_deep_samples_with_a_profile(reading):
    grey = scene()[..., 0]
    photo = reading(encoded(Image.fromarray(grey), "PNG", icc_profile=GREY))
    expected = gamma_of(np.repeat(grey[..., None], 3, 2), SRGB_TO_XYZ, 1.8)
    assert np.abs(photo.pixels - expected).mean() < 0.7
    stream = io.BytesIO()
    deep = scene().astype(np.uint16) * 257
    tifffile.imwrite(stream, deep, photometric="rgb", iccprofile=WIDE)
    assert np.abs(reading(stream.getvalue()).pixels - gamma_of(scene(), P3_TO_XYZ, 2.2)).mean() < 0.7


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_srgb_stays_to_the_bit(reading, kind):
    image = Image.fromarray(scene())
    plain, tagged = (reading(encoded(image, kind, **more)) for more in ({}, {"icc_profile": SRGB}))
    assert np.array_equal(plain.pixels, tagged.pixels) and tagged.flags == ()


@pytest.mark.parametrize(
    "profile", [b"", b"no profile", WIDE[:200], WIDE[:128] + b"\xff" * 300, GREY + b"x" * (9 << 20)]
)
def test_damaged_profiles_are_ignored_and_said_so(profile):
    pixels, flags = to_srgb(scene(), profile)
    assert np.array_equal(pixels, scene()) and flags == ("colour_profile_ignored",)


def test_ink_with_a_profile_of_light_is_taken_as_plain_ink(reading):
    cmyk = Image.fromarray(scene()).convert("CMYK")
    photo = reading(encoded(cmyk, "TIFF", icc_profile=WIDE))
    assert photo.flags == ("colour_profile_ignored",)
    assert np.abs(photo.pixels.astype(int) - scene()).max() <= 1


@pytest.mark.parametrize("bits", [8, 10])
def test_heic(reading, bits):
    stream = io.BytesIO()
    picture = pillow_heif.from_pillow(Image.fromarray(scene()))
    if bits == 10:
        deep = scene().astype(np.uint16) * 257
        picture = pillow_heif.from_bytes("RGB;16", (260, 220), deep.tobytes())
    picture.save(stream, quality=95)
    photo = reading(stream.getvalue())
    assert np.abs(photo.pixels.astype(int) - scene()).mean() < 4
    assert (photo.um_per_px, photo.flags) == (None, ())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_heic_is_upright_whoever_turned_it(reading, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(scene())).save(stream, quality=95, exif=exif.tobytes())
    stored = Image.fromarray(scene())
    stored.getexif()[0x0112] = orientation
    from PIL import ImageOps

    upright = np.asarray(ImageOps.exif_transpose(stored))
    pixels = reading(stream.getvalue()).pixels
    assert pixels.shape == upright.shape
    assert np.abs(pixels.astype(int) - upright).mean() < 4


def test_heic_with_a_wide_profile(reading):
    stream = io.BytesIO()
    image = Image.fromarray(scene())
    image.info["icc_profile"] = WIDE
    pillow_heif.from_pillow(image).save(stream, quality=98)
    assert np.abs(reading(stream.getvalue()).pixels - gamma_of(scene(), P3_TO_XYZ, 2.2)).mean() < 4


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_fifty_megapixels_stay_within_a_gigabyte(tmp_path):
    coarse = np.random.default_rng(0).integers(0, 256, (30, 45, 3), dtype=np.uint8)
    big = Image.fromarray(coarse).resize((8660, 5774), Image.Resampling.BILINEAR)
    exif = Image.Exif()
    exif[0x0112] = 6
    big.save(tmp_path / "big.jpg", quality=80, exif=exif, icc_profile=WIDE)
    program = (
        "import sys; from pathlib import Path; from trichoscan.photo.read import read_photo;"
        "assert read_photo(Path(sys.argv[1])).pixels.shape == (8660, 5774, 3);"
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "big.jpg")], check=True, capture_output=True, text=True
    )
    assert int(told.stdout) < 1_000_000  # kB; getrusage would tell the parent's peak where that is higher
