"""The painting of skin: it turns with the camera, marks stay on the scalp, light adds up."""

from dataclasses import replace

import numpy as np
import pytest

from trichoscan.phantom.camera import draw_camera
from trichoscan.phantom.chance import own_chance
from trichoscan.phantom.marks import dots
from trichoscan.phantom.paint import lay_scales, paint_skin, shadow_shift_um
from trichoscan.phantom.relief import FURROW, SLOPE_X, SLOPE_Y, TONE, relief
from trichoscan.phantom.roots import STENCILS, fan_stencil, folds, streaks
from trichoscan.phantom.scalp import TrueHair
from trichoscan.phantom.skin import grow_skin, scale_outline
from trichoscan.phantom.style import draw_style
from trichoscan.phantom.vessels import FINEST_UM, grow_vessels

SIDE = 240


def camera_of(um_per_px=5.0, **change):
    camera = draw_camera("clipped", SIDE, SIDE, um_per_px, np.random.default_rng(1))
    return replace(camera, **({"glare": 0.8, "curvature": 0.2, "tilt": np.array([0.1, 0.2])} | change))


def skin_of(seed=0, **change):
    rng = np.random.default_rng(seed)
    skin = grow_skin(draw_style("clipped", rng), 3000.0, rng)
    clean = {"far_shadow_um": None, "tattoo_um": np.empty((0, 2)), "pen_um": (), "ink": False}
    return replace(skin, **(clean | change))


def hair_at(x, y, way=(1.0, 0.0), **change):
    path = np.array([x, y]) + np.linspace(0, 400, 5)[:, None] * np.array(way)
    hair = TrueHair(
        0, 0, path, np.full(5, 70.0), np.full(3, 0.02), "hair", 1.0, gloss=0.0, halo_um=300.0, bevel=0.0
    )
    return replace(hair, **change)


def test_a_relief_repeats_without_a_seam_and_its_slopes_are_those_of_a_height():
    tile = relief(0)
    assert tile[..., TONE].mean() == pytest.approx(0, abs=0.01) and tile[..., TONE].std() == pytest.approx(
        1, abs=0.01
    )
    assert tile[..., FURROW].min() >= 0 and tile[..., FURROW].max() <= 1.3
    for axis in (0, 1):
        step = np.abs(np.diff(tile, axis=axis, append=np.take(tile, [0], axis))).mean(axis=(1 - axis, 2))
        assert step[-1] < 1.3 * step.max() and step[-1] < 2 * np.median(step)
    slope_x, slope_y = tile[..., SLOPE_X], tile[..., SLOPE_Y]
    around = (np.roll(slope_x, -1, 0) - np.roll(slope_x, 1, 0)) - (
        np.roll(slope_y, -1, 1) - np.roll(slope_y, 1, 1)
    )
    assert np.abs(around).max() < 1e-3


def test_turning_camera_and_lamp_by_a_quarter_turns_the_skin():
    skin = skin_of()
    straight = camera_of(turn_rad=0.0, lamp_rad=0.3, curvature=0.3, tilt=np.zeros(2))
    turned = replace(straight, turn_rad=np.pi / 2, lamp_rad=0.3 + np.pi / 2)
    first, second = (paint_skin(skin, (), c) for c in (straight, turned))
    apart = np.abs(second - np.rot90(first, -1))
    assert np.median(apart) < 2e-3
    assert np.quantile(apart, 0.99) < 0.05


def test_polarizers_take_light_away_and_add_none():
    skin = skin_of()
    crossed, plain = (paint_skin(skin, (), camera_of(glare=g)) for g in (0.0, 0.8))
    assert np.all(plain >= crossed - 1e-6)
    assert plain.max() > crossed.max() + 0.02


@pytest.mark.parametrize("turn", [0.0, 0.8])
def test_a_tattoo_lies_on_its_point_of_the_scalp_in_every_camera(turn):
    dot = np.array([[130.0, -90.0]])
    calm = skin_of(furrow_depth=0.0, roughness=0.0)
    camera = camera_of(turn_rad=turn, centre_um=np.array([60.0, -20.0]) * turn, glare=0.0)
    with_dot, without = (paint_skin(replace(calm, tattoo_um=t), (), camera) for t in (dot, np.empty((0, 2))))
    dark = np.log(without / with_dot).sum(axis=2)
    y, x = np.indices(dark.shape)
    centre = np.array([(dark * x).sum(), (dark * y).sum()]) / dark.sum()
    assert centre == pytest.approx(camera.to_px(dot)[0], abs=0.5)


def test_marks_of_the_skin_absorb_and_pass_their_colour():
    point = np.array([[0.0, 0.0]])
    bare = skin_of(
        furrow_depth=0.0, roughness=0.0, yellow_dots_um=np.empty((0, 2)), black_dots_um=np.empty((0, 2))
    )
    camera = camera_of(glare=0.0)
    before = paint_skin(bare, (), camera)[SIDE // 2, SIDE // 2]
    yellow = paint_skin(replace(bare, yellow_dots_um=point), (), camera)[SIDE // 2, SIDE // 2] / before
    black = paint_skin(replace(bare, black_dots_um=point), (), camera)[SIDE // 2, SIDE // 2] / before
    mole = (
        paint_skin(replace(bare, moles_um=np.array([[0.0, 0.0, 300.0]])), (), camera)[SIDE // 2, SIDE // 2]
        / before
    )
    assert yellow[0] > 0.95 and yellow[2] < 0.75
    assert black.max() < 0.45
    assert mole[0] > mole[2] and mole.max() < 0.6


def test_dots_keep_their_area():
    camera = camera_of()
    area = dots(np.array([[0.0, 0.0]]), 100.0, camera, (SIDE, SIDE)).sum() * 25.0
    assert area == pytest.approx(np.pi * 100.0**2, rel=0.06)


@pytest.mark.parametrize("angle", [0.0, 1.1, 4.0])
def test_the_streak_of_a_shaft_lies_behind_its_root_in_line_with_it(angle):
    way = np.array([np.cos(angle), np.sin(angle)])
    camera = camera_of()
    hair = hair_at(0.0, 0.0, way)
    for streak in streaks([hair], camera, (SIDE, SIDE)):
        y, x = np.indices(streak.shape)
        centre = np.array([(streak * x).sum(), (streak * y).sum()]) / streak.sum()
        back = (centre - camera.to_px(hair.path_um[:1])[0]) * camera.um_per_px
        assert -400 < back @ way < -30
        assert abs(back @ [-way[1], way[0]]) < 15
    assert all(s.max() == 0 for s in streaks([replace(hair, halo_um=0.0)], camera, (SIDE, SIDE)))


def test_an_opaque_scale_hides_and_a_thin_one_shows_through():
    camera = camera_of()
    outline = [scale_outline(np.zeros(2), 200.0, np.random.default_rng(0))]
    middle = (slice(SIDE // 2 - 6, SIDE // 2 + 6),) * 2

    def gap(opacity):
        scenes = [np.full((SIDE, SIDE, 3), v, np.float32) for v in (0.02, 0.4)]
        for scene in scenes:
            lay_scales(scene, outline, camera, opacity)
            assert scene[0, 0, 0] in (np.float32(0.02), np.float32(0.4))
        return float((scenes[1][middle] - scenes[0][middle]).mean()) / 0.38

    assert gap(0.95) < 0.3 < 0.55 < gap(0.55)


def test_vessels_are_fine_and_lie_about_their_skin():
    paths, widths = grow_vessels(40, 4000.0, np.random.default_rng(2))
    assert len(paths) == len(widths) > 60
    assert widths.min() >= FINEST_UM * 0.5 and widths.max() <= 40
    assert all(np.hypot(*np.diff(p, axis=0).T).max() < 80 for p in paths)
    assert np.abs(np.concatenate(paths)).max() < 5500
    assert grow_vessels(0, 4000.0, np.random.default_rng(2))[0] == ()


def test_ink_turns_with_the_scalp():
    skin = skin_of(ink=True, furrow_depth=0.0, roughness=0.0)
    straight = camera_of(turn_rad=0.0, glare=0.0, centre_um=np.array([200.0, 100.0]))
    turned = replace(straight, turn_rad=np.pi)

    def inked(camera):
        return np.log(paint_skin(replace(skin, ink=False), (), camera) / paint_skin(skin, (), camera))[..., 0]

    first, second = inked(straight), inked(turned)
    assert first.std() > 0.02
    assert np.rot90(second, 2) == pytest.approx(first, abs=0.05)


def test_a_shadow_does_not_depend_on_how_the_path_is_sampled():
    coarse = np.array([[0.0, 0.0], [700.0, 300.0], [1500.0, 200.0]])
    knots = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(coarse, axis=0).T))])
    fine = np.column_stack([np.interp(np.linspace(0, knots[-1], 301), knots, coarse[:, i]) for i in (0, 1)])
    assert np.interp(knots, np.linspace(0, knots[-1], 301), shadow_shift_um(fine)) == pytest.approx(
        shadow_shift_um(coarse), abs=0.2
    )
    camera, skin = camera_of(glare=0.0), skin_of(shadow=0.5)
    straight = hair_at(-500.0, 0.0, (2.0, 0.3), halo_um=0.0)
    ends = replace(straight, path_um=straight.path_um[::2], width_um=straight.width_um[::2])
    assert paint_skin(skin, [ends], camera) == pytest.approx(paint_skin(skin, [straight], camera), abs=6e-3)


def test_what_surrounds_a_root_stays_when_a_neighbour_is_lost():
    camera = camera_of()
    one, two = hair_at(-400.0, -300.0, seed=11), hair_at(300.0, 300.0, hair_id=1, seed=12)
    there = np.s_[: SIDE // 4]
    for draw in (lambda h: folds(h, camera, (SIDE, SIDE)), lambda h: streaks(h, camera, (SIDE, SIDE))[1]):
        both, left, right = draw([one, two]), draw([one]), draw([two])
        assert both == pytest.approx(left + right, abs=1e-5)
        assert np.array_equal(both[there], left[there]) and left[there].any()


def test_chance_of_hairs_is_even_and_its_questions_are_apart():
    seeds = np.arange(20_000)
    first, second = own_chance(seeds, 0), own_chance(seeds, 1)
    assert np.histogram(first, 10, (0, 1))[0] == pytest.approx(np.full(10, 2000), abs=200)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03 and abs(np.corrcoef(first, seeds)[0, 1]) < 0.03
    assert own_chance(seeds[5:6], 1)[0] == second[5]


def test_fans_under_the_skin_widen_and_fade_backwards():
    for kind in range(STENCILS):
        deep = fan_stencil(kind)[..., 1].astype(float)
        rows = np.arange(len(deep))[:, None] - (len(deep) - 1) / 2
        near, far = slice(16, 28), slice(44, 60)
        wide = [np.sqrt((deep[:, s] * rows**2).sum() / deep[:, s].sum()) for s in (near, far)]
        assert wide[1] > 1.15 * wide[0]
        assert deep[:, far].max() < deep[:, near].max()
        assert max(deep[0].max(), deep[-1].max(), deep[:, 0].max(), deep[:, -1].max()) < 0.12


@pytest.mark.parametrize("um_per_px", [2.0, 3.0])
def test_sharp_photos_show_grain_finer_than_the_cells_of_the_relief(um_per_px):
    lit = paint_skin(skin_of(roughness=1.2), (), camera_of(um_per_px, tilt=np.array([0.25, 0.2])))[..., 1]
    power = np.abs(np.fft.rfft((lit - lit.mean(axis=1, keepdims=True)) * np.hanning(SIDE), axis=1)) ** 2
    wave_um = um_per_px / np.fft.rfftfreq(SIDE)[1:]
    fine = power.mean(axis=0)[1:][wave_um < 10.0].sum() / power.mean(axis=0)[1:].sum()
    assert fine > 2e-3
