"""DICOM photos as devices and archives write them."""

import io
import zlib

import imagecodecs
import numpy as np
import pytest
from dicom_files import (
    COMPRESSED,
    DERMOSCOPIC,
    MULTI_FRAME_CAPTURE,
    SECONDARY_CAPTURE,
    VL_PHOTOGRAPHIC,
    dataset,
    written,
)
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels.encoders import RLELosslessEncoder
from pydicom.sequence import Sequence
from pydicom.uid import RLELossless

from trichoscan.photo.dicom import count_frames
from trichoscan.photo.read import find_photos, read_photo
from trichoscan.photo.streams import codestream_size
from trichoscan.records import TrichoscanError


def scene(height=210, width=230, seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


@pytest.fixture
def reading(tmp_path):
    def read(data, frame=0):
        path = tmp_path / "photo.dcm"
        path.write_bytes(data)
        return read_photo(path, frame)

    return read


def refused(action):
    with pytest.raises(TrichoscanError) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message and len(message) < 400 and "MARKER" not in message
    return message


@pytest.mark.parametrize("kind", [VL_PHOTOGRAPHIC, DERMOSCOPIC, SECONDARY_CAPTURE])
def test_photos_come_back_exactly(reading, kind):
    photo = reading(written(dataset(scene(), kind=kind, PixelSpacing=[0.0055, 0.0055])))
    assert np.array_equal(photo.pixels, scene()) and photo.pixels.flags.c_contiguous
    assert (photo.um_per_px, photo.um_per_px_source, photo.flags) == (pytest.approx(5.5), "dicom", ())


@pytest.mark.parametrize("syntax", COMPRESSED)
def test_each_compression_of_colour(reading, syntax):
    coding, encode, error = COMPRESSED[syntax]
    made = dataset(scene(), PhotometricInterpretation=coding)
    pixels = reading(written(made, syntax, [encode(scene())])).pixels
    assert np.abs(pixels.astype(int) - scene()).mean() <= error


@pytest.mark.parametrize(
    "syntax", ["1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"]
)
def test_each_lossless_compression_of_16_bit_grey(reading, syntax):
    grey = np.ascontiguousarray(scene()[..., 0].astype(np.uint16) * 257)
    encode = COMPRESSED[syntax][1] if "70" not in syntax else imagecodecs.ljpeg_encode
    pixels = reading(written(dataset(grey), syntax, [encode(grey)])).pixels
    assert np.array_equal(pixels, np.repeat(scene()[..., :1], 3, axis=2))


def test_run_lengths(reading):
    made = dataset(scene())
    made.file_meta = Dataset()
    frame = RLELosslessEncoder.encode(scene(), rows=210, columns=230, samples_per_pixel=3, bits_allocated=8,
                                      bits_stored=8, number_of_frames=1, photometric_interpretation="RGB",
                                      pixel_representation=0, planar_configuration=0)  # fmt: skip
    assert np.array_equal(reading(written(made, RLELossless, [frame])).pixels, scene())


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("coding", ["MONOCHROME1", "MONOCHROME2"])
def test_grey_of_any_depth_spans_its_range(reading, bits, coding):
    true = scene()[..., 0]
    full = 2**bits - 1
    deep = np.rint(true / 255 * full).astype(np.uint8 if bits == 8 else np.uint16)
    stored = full - deep if coding == "MONOCHROME1" else deep
    made = dataset(
        stored.astype(deep.dtype), PhotometricInterpretation=coding, BitsStored=bits, HighBit=bits - 1
    )
    pixels = reading(written(made)).pixels
    assert np.array_equal(pixels[..., 0], true) and np.array_equal(pixels[..., 0], pixels[..., 2])


def test_grey_is_shown_through_its_window_and_rescale(reading):
    true = scene()[..., 0].astype(int)
    stored = (true * 10 + 500).astype(np.int16)
    made = dataset(stored, WindowCenter=["2550.5", "7"], WindowWidth=["5101", "9"], RescaleSlope="2",
                   RescaleIntercept="-1000")  # fmt: skip
    pixels = reading(written(made)).pixels[..., 0].astype(int)
    assert np.abs(pixels - true).max() <= 1, "2 * stored - 1000 = 20 * true, and the window is 0 to 5100"
    made = dataset(stored, WindowCenter="1775", WindowWidth="400", VOILUTFunction="SIGMOID")
    expected = 255 / (1 + np.exp(-4 * (stored.astype(float) - 1775) / 400))
    assert np.abs(reading(written(made)).pixels[..., 0] - expected).max() <= 0.51


def test_half_sampled_colour_planes_and_palettes(reading):
    planes = dataset(np.ascontiguousarray(np.moveaxis(scene(), -1, 0)), frames=0)
    planes.Rows, planes.Columns, planes.SamplesPerPixel = 210, 230, 3
    planes.PhotometricInterpretation, planes.PlanarConfiguration = "RGB", 1
    assert np.array_equal(reading(written(planes)).pixels, scene())

    flat = np.repeat(scene()[:, ::2], 2, axis=1)[:, :230]
    ybr = np.asarray(Image.fromarray(flat).convert("YCbCr"))
    half = np.concatenate([ybr[:, 0::2, :1], ybr[:, 1::2, :1], ybr[:, 0::2, 1:]], axis=2)
    made = dataset(flat, PhotometricInterpretation="YBR_FULL_422")
    made.PixelData = half.tobytes()
    assert np.abs(reading(written(made)).pixels.astype(int) - flat).max() <= 3

    few = Image.fromarray(scene()).quantize(64)
    table = np.zeros((256, 3), np.uint16)
    table[:64] = np.array(few.getpalette()[: 64 * 3]).reshape(-1, 3) * 257
    made = dataset(np.asarray(few), PhotometricInterpretation="PALETTE COLOR")
    for i, name in enumerate(("Red", "Green", "Blue")):
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(made, f"{name}PaletteColorLookupTableData", table[:, i].tobytes())
    assert np.array_equal(reading(written(made)).pixels, np.asarray(few.convert("RGB")))


def groups(spacing):
    measures, shared = Dataset(), Dataset()
    measures.PixelSpacing = spacing
    shared.PixelMeasuresSequence = Sequence([measures])
    return Sequence([shared])


@pytest.mark.parametrize(
    ("stated", "um_per_px", "flags"),
    [
        ({}, None, ()),
        ({"PixelSpacing": [0.004, 0.004], "ImagerPixelSpacing": [0.002, 0.002]}, 4.0, ()),
        ({"NominalScannedPixelSpacing": [0.01, 0.01]}, 10.0, ()),
        ({"ImagerPixelSpacing": [0.0055, 0.0055]}, 5.5, ("scale_at_sensor",)),
        ({"SharedFunctionalGroupsSequence": groups([0.007, 0.007]), "PixelSpacing": [0.1, 0.1]}, 7.0, ()),
        ({"PixelSpacing": [1, 1]}, None, ("scale_implausible",)),
        ({"PixelSpacing": [0.005, 0.006]}, None, ("scale_implausible",)),
        ({"PixelSpacing": [0, 0]}, None, ("scale_implausible",)),
        ({"ImagerPixelSpacing": [1, 1]}, None, ("scale_implausible",)),
    ],
)
def test_spacing_is_the_scale(reading, stated, um_per_px, flags):
    photo = reading(written(dataset(scene(), **stated)))
    assert photo.um_per_px == (None if um_per_px is None else pytest.approx(um_per_px))
    assert photo.um_per_px_source == ("none" if um_per_px is None else "dicom") and photo.flags == flags


def test_each_frame_is_a_photo_of_its_own_scale(reading, tmp_path):
    stack = np.stack([scene(seed=s) for s in range(3)])
    frames = Sequence([groups([0.004 + s / 1000] * 2)[0] for s in range(3)])
    made = dataset(stack, frames=3, kind=MULTI_FRAME_CAPTURE, PerFrameFunctionalGroupsSequence=frames)
    data = written(made)
    for number in (1, 2, 3):
        photo = reading(data, number)
        assert np.array_equal(photo.pixels, stack[number - 1])
        assert photo.um_per_px == pytest.approx(3 + number)
    assert count_frames(tmp_path / "photo.dcm") == 3
    assert "holds 3 frames" in refused(lambda: reading(data))
    assert "no frame 4" in refused(lambda: reading(data, 4))
    lossless = written(made, "1.2.840.10008.1.2.4.80", [imagecodecs.jpegls_encode(s) for s in stack])
    assert np.array_equal(reading(lossless, 2).pixels, stack[1])


def test_what_is_no_photo_is_refused(reading):
    assert "CT Image" in refused(lambda: reading(written(dataset(scene(), kind="1.2.840.10008.5.1.4.1.1.2"))))
    film = written(dataset(scene(), kind="1.2.840.10008.5.1.4.1.1.77.1.4.1"))
    assert "not a photo" in refused(lambda: reading(film))
    empty = dataset(scene())
    del empty.PixelData
    assert "without a picture" in refused(lambda: reading(written(empty)))
    assert "not square" in refused(lambda: reading(written(dataset(scene(), PixelAspectRatio=[1, 2]))))
    assert "megapixels" in refused(lambda: reading(written(dataset(scene(), Rows=60000, Columns=60000))))
    assert "frames" in refused(lambda: reading(written(dataset(scene(), NumberOfFrames=10**9))))
    jpeg = written(dataset(scene()), "1.2.840.10008.1.2.4.80", [imagecodecs.jpegls_encode(scene(400, 600))])
    assert "different size" in refused(lambda: reading(jpeg))
    assert "no frames" in refused(lambda: reading(b"\x89PNG\r\n\x1a\n", 1))


def test_words_of_the_file_are_not_repeated(reading):
    made = dataset(scene()[..., 0], WindowCenter="12345678", WindowWidth="2")
    data = written(made).replace(b"12345678", b"MARKER77")
    assert b"MARKER77" in data
    refused(lambda: reading(data))


def test_deflated_sets_are_read_and_bombs_among_them_are_not(reading):
    made = dataset(scene())
    deflated = written(made, "1.2.840.10008.1.2.1.99")
    assert np.array_equal(reading(deflated).pixels, scene())
    bomb = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    nothing = b"\0" * (1 << 24)
    zeros = b"".join([*(bomb.compress(nothing) for _ in range(40)), bomb.flush()])
    header = deflated[: 144 + int.from_bytes(deflated[140:144], "little")]
    assert "inflates" in refused(lambda: reading(header + zeros))


def test_sizes_of_streams_are_read_from_their_markers():
    picture = scene(211, 233)
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", progressive=True, exif=Image.Exif(), comment=b"x" * 400)
    streams = [stream.getvalue(), *(encode(picture) for _, encode, _ in COMPRESSED.values())]
    assert [codestream_size(s) for s in streams] == [(233, 211)] * len(streams)
    assert codestream_size(b"") is None and codestream_size(b"\xff\xd8" + b"\xff" * 30) is None


def test_dicom_files_without_an_extension_are_found(tmp_path):
    for name in ("IM0001", "1.2.840.77", "DICOMDIR", "b.DCM"):
        (tmp_path / name).write_bytes(written(dataset(scene())))
    (tmp_path / "README").write_text("no photo")
    assert [path.name for path in find_photos([tmp_path])] == ["1.2.840.77", "IM0001", "b.DCM"]
