"""Phantoms: coverage is area-true, truth agrees with the picture, the same seed gives the same bytes."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trichoscan.phantom.camera import draw_camera
from trichoscan.phantom.draw import draw_phantom, photograph
from trichoscan.phantom.expose import encode
from trichoscan.phantom.lay import lay_hairs
from trichoscan.phantom.render import Shaft, cover
from trichoscan.phantom.scalp import TrueHair
from trichoscan.phantom.style import STYLE_SHARE, linear
from trichoscan.phantom.truth import clip_path
from trichoscan.phantom.write import truth_json, write_phantoms

SIDE = 220


def canvas_of(shaft, side=SIDE):
    covered = cover([shaft], side, side)
    picture = np.zeros(side * side)
    np.add.at(picture, covered.pixel, covered.share)
    return picture.reshape(side, side), covered


def straight(angle_rad, width_px, centre=(109.3, 110.1), length_px=120.0, **options):
    way = np.array([np.cos(angle_rad), np.sin(angle_rad)])
    path = np.array(centre) + np.linspace(-0.5, 0.5, 7)[:, None] * length_px * way
    return Shaft(path, np.full(7, width_px), **options)


@settings(max_examples=80, deadline=None)
@given(
    angle=st.floats(0, 2 * np.pi),
    width=st.floats(2, 20),
    x=st.floats(108, 111),
    y=st.floats(108, 111),
    soft=st.sampled_from([1.0, 1.0, 4.0]),
)
def test_coverage_of_a_straight_shaft_is_its_area_at_any_angle(angle, width, x, y, soft):
    picture, covered = canvas_of(straight(angle, width, (x, y), soft_px=soft))
    assert picture.sum() / 120.0 == pytest.approx(width, abs=0.02)
    assert len(np.unique(covered.pixel)) == len(covered.pixel)
    assert picture.min() >= 0 and picture.max() <= 1


@pytest.mark.parametrize("width", [0.5, 1.0, 1.5])
def test_coverage_of_a_shaft_thinner_than_a_pixel_keeps_its_area(width):
    picture, _ = canvas_of(straight(0.4, width))
    assert picture.sum() / 120.0 == pytest.approx(width, abs=0.01)


def test_a_curl_that_stays_outside_of_the_photo_covers_nothing():
    turn = np.linspace(0, 3 * np.pi, 40)
    curl = Shaft(np.stack([-9 + 5 * np.cos(turn), 50 + 5 * np.sin(turn)], -1), np.full(40, 6.0))
    assert not len(canvas_of(curl)[1].pixel)


def test_a_ragged_rim_keeps_the_area():
    shafts = [straight(0.1 * i, 12.0, rough_px=0.8, length_px=160.0, seed=i) for i in range(30)]
    covered = cover(shafts, SIDE, SIDE)
    areas = np.add.reduceat(covered.share, covered.start[:-1]) / 160.0
    assert areas == pytest.approx(np.full(30, 12.0), abs=0.25)
    assert np.mean(areas) == pytest.approx(12.0, abs=0.04)
    assert np.std(areas) > 0.005


@settings(max_examples=30, deadline=None)
@given(angle=st.floats(0, 2 * np.pi), width=st.floats(2, 20), soft=st.floats(1, 9))
def test_coverage_keeps_its_area_where_the_shaft_goes_out_of_focus(angle, width, soft):
    picture, _ = canvas_of(straight(angle, width, soft_px=np.linspace(1.0, soft, 7)))
    assert picture.sum() / 120.0 == pytest.approx(width, abs=0.02)


def test_a_rim_out_of_focus_is_softer_towards_the_tip():
    picture, _ = canvas_of(straight(0.0, 12.0, (110.0, 110.0), soft_px=np.linspace(1.0, 8.0, 7)))
    partly = ((picture > 0.02) & (picture < 0.98)).sum(axis=0)
    assert partly[155] > partly[65] + 5


def test_a_ragged_rim_stays_when_a_neighbour_is_lost():
    one, two = (straight(0.3 + i, 9.0, rough_px=0.9, seed=i + 1) for i in range(2))
    alone, beside = cover([two], SIDE, SIDE), cover([one, two], SIDE, SIDE)
    assert np.array_equal(alone.share, beside.share[beside.start[1] :])


def test_coverage_of_a_curl_is_length_times_width():
    turn = np.linspace(0, 1.7 * np.pi, 60)
    path = np.column_stack([110 + 60 * np.cos(turn), 110 + 60 * np.sin(turn)])
    picture, covered = canvas_of(Shaft(path, np.full(60, 9.0)))
    length = np.hypot(*np.diff(path, axis=0).T).sum()
    assert picture.sum() / length == pytest.approx(9.0, abs=0.05)
    assert len(np.unique(covered.pixel)) == len(covered.pixel)


def test_coverage_is_centred_on_the_path_and_along_starts_at_the_root():
    shaft = straight(0.3, 8.0)
    picture, covered = canvas_of(shaft)
    y, x = np.indices(picture.shape)
    centre = np.array([(picture * x).sum(), (picture * y).sum()]) / picture.sum()
    assert centre == pytest.approx(shaft.path_px.mean(axis=0), abs=0.02)
    root = covered.pixel[np.argmin(covered.along_px)]
    assert np.hypot(root % SIDE - shaft.path_px[0, 0], root // SIDE - shaft.path_px[0, 1]) < 6


def test_turning_a_shaft_by_a_quarter_turns_its_coverage():
    shaft = straight(0.7, 5.3, (110.0, 110.0))
    turned = replace(shaft, path_px=np.column_stack([219 - shaft.path_px[:, 1], shaft.path_px[:, 0]]))
    assert canvas_of(turned)[0] == pytest.approx(np.rot90(canvas_of(shaft)[0], -1), abs=0.02)


def test_a_shaft_outside_the_photo_covers_nothing():
    assert len(canvas_of(straight(0.2, 9.0, (600.0, 110.0)))[1].pixel) == 0
    assert len(cover([], 64, 64).pixel) == 0


def test_hair_covers_skin_in_linear_light():
    camera = draw_camera("clipped", SIDE, SIDE, 5.0, np.random.default_rng(0))
    hair = TrueHair(
        0,
        0,
        np.array([[-300.0, 0], [300.0, 0]]),
        np.full(2, 50.0),
        np.full(3, 0.05),
        "hair",
        1.0,
        0.0,
        0.0,
        0.0,
    )
    covered = cover([Shaft(camera.to_px(hair.path_um), hair.width_um / 5.0)], SIDE, SIDE)
    scene = np.full((SIDE, SIDE, 3), 0.5, np.float32)
    lay_hairs(scene, (hair,), covered, replace(camera, sparkle=np.zeros((512, 512), np.float32)))
    darkness = (0.5 - scene[:, SIDE // 2, 1]).sum()
    mean_colour = 0.05 * (1.1 - 0.3 / 3)  # the shaft is a little darker at its rim
    assert darkness / (0.5 - mean_colour) == pytest.approx(10.0, abs=0.05)


def test_encoding_is_srgb():
    levels = np.arange(256)
    assert encode(linear(levels).astype(np.float32)) == pytest.approx(levels, abs=0.9)


@pytest.mark.parametrize("style", list(STYLE_SHARE))
def test_truth_lies_in_the_photo_and_the_same_seed_gives_the_same_bytes(style):
    phantom, again = (draw_phantom(5, style, 320, 256) for _ in range(2))
    assert phantom.jpeg == again.jpeg
    assert truth_json(phantom) == truth_json(again)
    assert phantom.pixels.shape == (256, 320, 3) and phantom.pixels.dtype == np.uint8
    for hair in phantom.hairs:
        assert hair.path_px.shape == (len(hair.width_px), 2) and len(hair.path_px) >= 2
        assert np.all(hair.path_px >= -0.5 - 1e-6)
        assert np.all(hair.path_px <= np.array([319.5, 255.5]) + 1e-6)
    some = any(draw_phantom(seed, style, 320, 256).hairs for seed in range(5, 13))
    assert some == (style != "bare")


def test_another_seed_gives_another_photo():
    assert draw_phantom(1, "clipped", 128, 128).jpeg != draw_phantom(2, "clipped", 128, 128).jpeg


@pytest.mark.parametrize("size", [(64, 64), (65, 301), (640, 64)])
def test_any_size_from_64_px(size):
    assert draw_phantom(3, None, *size).pixels.shape[:2] == size[::-1]


def test_bad_requests_are_refused():
    with pytest.raises(ValueError, match="no style"):
        draw_phantom(0, "plaits")
    with pytest.raises(ValueError, match="64"):
        draw_phantom(0, None, 32, 512)


def test_dark_clipped_hair_is_darker_than_the_skin_beside_it():
    contrasts = []
    for seed in range(8):
        phantom = draw_phantom(seed, "clipped", 512, 512)
        grey = phantom.pixels.mean(axis=2)
        for hair in phantom.hairs:
            if hair.kind in ("premium", "single") and not hair.cut_by_edge:
                x, y = np.rint(hair.path_px[len(hair.path_px) // 2]).astype(int)
                contrasts.append(np.median(grey) - grey[y, x])
    assert len(contrasts) > 20
    assert np.mean(np.array(contrasts) > 20) > 0.85


def test_long_hair_of_a_unit_runs_together_and_mostly_leaves_the_photo():
    apart, ends, hairs = [], 0, 0
    for seed in range(6):
        phantom = draw_phantom(seed, "long", 640, 640, 5.5)
        hairs += len(phantom.hairs)
        ends += sum(not h.cut_by_edge for h in phantom.hairs)
        units = {}
        for hair in phantom.scalp.hairs:
            if hair.kind == "hair" and len(hair.path_um) > 12:
                units.setdefault(hair.unit_id, []).append(hair.path_um)
        for first, second, *_ in (paths for paths in units.values() if len(paths) > 1):
            way = [p[12] - p[0] for p in (first, second)]
            cosine = way[0] @ way[1] / np.prod([np.hypot(*w) for w in way])
            apart.append(np.arccos(np.clip(cosine, -1, 1)))
    assert hairs > 60 and ends < 0.35 * hairs
    assert np.median(apart) < 0.35


def test_a_hair_of_the_colour_of_the_skin_is_not_in_the_truth():
    phantom = draw_phantom(0, "bare", 256, 256, 5.0)
    for colour, seen in ((np.full(3, 0.01), 1), (phantom.scalp.skin.colour, 0)):
        hair = TrueHair(
            0,
            0,
            np.array([[-300.0, 0], [300.0, 0]]),
            np.full(2, 20.0),
            colour,
            "hair",
            0.4,
            0.0,
            0.0,
            0.0,
            rim=0.0,
        )
        calm = replace(phantom.camera, sparkle=np.zeros((512, 512), np.float32), glare=0.0)
        even = {
            "pen_um": (),
            "peripilar": 0.0,
            "spots_um": np.empty((0, 2)),
            "sun_spots_um": np.empty((0, 3)),
            "vessels_um": (),
            "ink": False,
            "furrow_depth": 0.0,
            "roughness": 0.0,
            "shadow": 0.0,
            "warmth": 0.0,
            "patches": np.zeros((48, 48, 3), np.float32),
        }
        skin = replace(phantom.scalp.skin, far_shadow_um=None, **even)
        assert len(photograph(replace(phantom.scalp, skin=skin, hairs=(hair,)), calm, "bare").hairs) == seen


def test_an_upper_hair_hides_the_root_beneath_it():
    phantom = draw_phantom(0, "bare", 256, 256, 5.0)
    below = TrueHair(
        0, 0, np.array([[0.0, 0], [300.0, 0]]), np.full(2, 60.0), np.full(3, 0.02), "hair", 1.0, 0.0, 0.0, 0.0
    )
    across = np.array([[20.0, -300], [20.0, 300]])
    above = replace(below, hair_id=1, unit_id=1, path_um=across, width_um=np.full(2, 120.0))
    for hairs, visible in (((below, above), False), ((above, below), True)):
        truth = photograph(replace(phantom.scalp, hairs=hairs), phantom.camera, "bare").hairs
        assert [h.root_visible for h in truth] == [visible, True]
        assert [h.kind for h in truth] == ["single", "single"]


def test_clipping_ends_on_the_edge_of_the_photo():
    path = np.array([[-20.0, 50], [-5, 50], [10, 50], [30, 50], [45, 50]])
    clipped = clip_path(path, np.full(5, 4.0), 40, 100)
    ((inside, width),) = clipped.parts
    assert inside[[0, -1]] == pytest.approx(np.array([[-0.5, 50.0], [39.5, 50.0]]))
    assert len(width) == len(inside) and not clipped.from_root and not clipped.whole
    assert clip_path(path - 200, np.full(5, 4.0), 40, 100).parts == ()


def test_written_phantoms_have_photo_manifest_and_truth(tmp_path):
    write_phantoms(tmp_path, 3, 7)
    with (tmp_path / "images" / "manifest.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    for row in rows:
        stem = row["image"].removesuffix(".jpg")
        assert (tmp_path / "images" / row["image"]).read_bytes()[:2] == b"\xff\xd8"
        truth = json.loads((tmp_path / "truth" / f"{stem}.json").read_text())
        assert truth["size"] == [1280, 1024]
        assert truth["um_per_px"] == pytest.approx(float(row["um_per_px"]), abs=1e-4)
        for hair in truth["hairs"]:
            assert hair["path"][0] == hair["root"] and hair["path"][-1] == hair["tip"]
            assert hair["kind"] in {"premium", "single", "undersize", "abnormal"}
            assert 2 < hair["diameter_um"] < 160


def test_write_phantoms_refuses_nonsense(tmp_path):
    with pytest.raises(ValueError, match="n >= 1"):
        write_phantoms(tmp_path, 0, 1)
