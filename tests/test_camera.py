"""The phantom's camera: light goes through unchanged where nothing changes it, noise and mosaic keep laws."""

from dataclasses import replace

import numpy as np
import pytest

from trichoscan.phantom.camera import draw_camera
from trichoscan.phantom.expose import encode, expose
from trichoscan.phantom.lay import lay_hairs
from trichoscan.phantom.lens import dark_surround, half_diagonals, see_through_lens
from trichoscan.phantom.render import Shaft, cover
from trichoscan.phantom.scalp import TrueHair
from trichoscan.phantom.sensor import DEMOSAICING, GREY_LEVELS, sense

WIDTH, HEIGHT = 160, 128
COLOUR = np.array([0.42, 0.30, 0.21], np.float32)
MOSAICS = [(name, shifted) for name in [*DEMOSAICING, "none"] for shifted in (False, True)]


def still_camera(**change):
    camera = draw_camera("plain", WIDTH, HEIGHT, 5.0, np.random.default_rng(4))
    even = {"light": np.ones((4, 4, 3), np.float32), "rim_tint": np.zeros(3, np.float32), "noise": 0.0}
    return replace(camera, **(even | {"grey": False} | change))


def flat(colour=COLOUR, height=HEIGHT, width=WIDTH):
    return np.full((height, width, 3), colour, np.float32)


@pytest.mark.parametrize(("demosaicing", "shifted"), MOSAICS)
def test_a_flat_scene_keeps_its_colour(demosaicing, shifted):
    camera = still_camera(demosaicing=demosaicing, bayer_shifted=shifted)
    photo = expose(flat(), camera).reshape(-1, 3).astype(float)
    assert np.abs(photo - encode(COLOUR[None])).max() <= 1.0


@pytest.mark.parametrize(("demosaicing", "shifted"), MOSAICS)
def test_a_grey_scene_stays_grey_through_the_mosaic(demosaicing, shifted):
    ramp = np.linspace(0.1, 0.6, WIDTH, dtype=np.float32)[None, :, None]
    seen = sense(
        np.repeat(np.repeat(ramp, HEIGHT, 0), 3, 2), 0.0, demosaicing, shifted, np.random.default_rng(0)
    )
    inside = seen[2:-2, 2:-2]
    assert np.ptp(inside, axis=2).max() < 2e-3
    assert inside[5, :, 1] == pytest.approx(ramp[0, 2:-2, 0], abs=2e-3)


def test_noise_grows_with_the_light_and_has_the_size_asked_for():
    sds = []
    for level in (0.03, 0.3, 0.9):
        seen = sense(flat(level, 400, 400), 2.0, "none", False, np.random.default_rng(1))
        sds.append(float(seen.std()))
    assert sds[1] * GREY_LEVELS == pytest.approx(2.0, rel=0.03)
    assert sds[0] < 0.7 * sds[1] and sds[2] > 1.4 * sds[1]


def test_the_mosaic_makes_noise_of_neighbours_alike():
    def likeness(demosaicing):
        green = sense(flat(0.3, 256, 256), 2.0, demosaicing, False, np.random.default_rng(2))[4:-4, 4:-4, 0]
        return float(np.corrcoef(green[:, 1:].ravel(), green[:, :-1].ravel())[0, 1])

    assert abs(likeness("none")) < 0.03
    assert likeness("bilinear") > 0.3


def test_full_automatic_exposure_makes_a_dim_scene_as_bright_as_a_lit_one():
    camera = still_camera(exposure_share=1.0, exposure=0.25)
    dim, lit = (expose(flat(COLOUR * k), camera).mean(axis=(0, 1)) for k in (0.7, 1.3))
    assert dim == pytest.approx(lit, abs=1.0)
    fixed = still_camera(exposure_share=0.0)
    assert expose(flat(COLOUR * 0.7), fixed).mean() < expose(flat(COLOUR * 1.3), fixed).mean() - 20


def test_a_leaning_plane_of_focus_blurs_one_side():
    rng = np.random.default_rng(3)
    scene = rng.uniform(0.1, 0.6, (HEIGHT, WIDTH, 1)).astype(np.float32).repeat(3, axis=2)
    photo = expose(scene, still_camera(focus_tilt=np.array([1.0, 0.0]))).astype(float)
    left, right = photo[:, :30].std(), photo[:, -30:].std()
    assert right < 0.6 * left


def test_colour_smoothing_leaves_luminance_alone():
    rng = np.random.default_rng(3)
    scene = rng.uniform(0.1, 0.6, (HEIGHT, WIDTH, 1)).astype(np.float32).repeat(3, axis=2)
    sharp = expose(scene.copy(), still_camera(demosaicing="none", chroma_blur_px=0.0)).astype(int)
    smooth = expose(scene, still_camera(demosaicing="none", chroma_blur_px=2.0)).astype(int)
    assert np.abs(sharp - smooth).max() <= 1


def test_dust_and_the_end_of_the_film_change_some_of_the_photo_and_not_all():
    clean = expose(flat(), still_camera()).astype(int)
    for fault in ({"dust": 6}, {"film_edge": True}, {"bubbles": 3}, {"blobs": 3}):
        changed = np.abs(expose(flat(), still_camera(**fault)).astype(int) - clean).max(axis=2) > 2
        assert 0 < changed.mean() < 0.95, fault


def test_the_dark_surround_is_dark():
    camera = still_camera(aperture=0.7, aperture_edge=0.05)
    dark = dark_surround(camera)
    photo = expose(flat(), camera)
    assert 0.05 < dark.mean() < 0.8
    assert photo[half_diagonals(WIDTH, HEIGHT) > 0.8].max() < 40
    assert photo[~dark].min() > 60
    assert not dark_surround(still_camera()).any()


def test_a_camera_is_drawn_alike_from_the_same_seed():
    photos = [
        expose(flat(), draw_camera("clipped", WIDTH, HEIGHT, 5.0, np.random.default_rng(9))) for _ in range(2)
    ]
    assert np.array_equal(*photos)


def test_a_bubble_bends_what_lies_beneath_and_changes_nothing_beside_it():
    stripes = flat() * (1 + 0.5 * (np.arange(WIDTH) % 16 < 8))[None, :, None].astype(np.float32)
    bubble = still_camera(bubbles=1, seed=3)
    bent, plain = (
        see_through_lens(stripes.copy(), c, np.random.default_rng(3)) for c in (bubble, still_camera())
    )
    apart = np.abs(bent - plain).max(axis=2) > 0.02
    assert 0.005 < apart.mean() < 0.6
    rows, columns = np.nonzero(apart)
    across = min(np.ptp(rows), np.ptp(columns)) + 1
    assert apart.sum() <= np.ptp(rows + 1) * (np.ptp(columns) + 1) and across >= 8


def test_hair_and_skin_shine_in_the_colour_of_the_lamps():
    blue = np.array([0.5, 0.8, 1.6], np.float32)
    camera = still_camera(glare=0.8, gloss_tint=blue, lamp_rad=np.pi / 2)
    path = np.array([[-300.0, 0.0], [300.0, 0.0]])
    hair = TrueHair(0, 0, path, np.full(2, 90.0), np.full(3, 0.02), "hair", 1.0, 0.9, 0.0, 0.0)
    covered = cover([Shaft(camera.to_px(path), hair.width_um / 5.0)], WIDTH, HEIGHT)
    shine = []
    for gloss in (0.9, 0.0):
        scene = np.zeros((HEIGHT, WIDTH, 3), np.float32)
        lay_hairs(scene, (replace(hair, gloss=gloss),), covered, camera)
        shine.append(scene.sum(axis=(0, 1)))
    added = shine[0] - shine[1]
    assert added / added[1] == pytest.approx(blue / blue[1], rel=1e-3)
