"""Visits of one scalp: roots stay, the map is exact, fates add up, growth is rate times days."""

from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trichoscan.phantom.course import FATES, STILL, UNTREATED, Course, margin_um
from trichoscan.phantom.draw import draw_scene, photograph
from trichoscan.phantom.pairs import grid_points, inside, map_points, overlap_cm2
from trichoscan.phantom.visits import DEVICE, clip_hairs, cut_to, follow_up, swing
from trichoscan.phantom.warp import draw_stretch, sample_skin
from trichoscan.phantom.write import phototrichogram_visit, truth_json, usual_visits

FAR = Course(stretch=0.03, turn_rad=np.radians(20), zoom=np.log(1.25) / 2, shift_um=450.0)
"""A bad hand: up to 40 degrees, 25 % and half a small field off."""


@pytest.fixture(scope="module")
def scene():
    return draw_scene(8, "clipped", 384, 320, 6.0, "normal", margin_um=1500.0)


def take(scene, visit=None):
    source = scene if visit is None else visit
    return photograph(source.scalp, source.camera, scene.style)


def hairs_of(scalp):
    return {h.hair_id: h for h in scalp.hairs if h.kind == "hair"}


def length_of(path):
    return np.hypot(*np.diff(path, axis=0).T).sum()


def test_a_camera_finds_its_way_back(scene):
    camera = replace(scene.camera, turn_rad=0.7, stretch=draw_stretch(0.03, np.random.default_rng(2)))
    points = grid_points(camera, 50)
    assert camera.to_px(camera.to_um(points)) == pytest.approx(points, abs=1e-6)


def test_without_stretch_the_map_between_photos_is_a_similarity(scene):
    visit = follow_up(scene.scalp, scene.camera, 5, course=replace(FAR, stretch=0.0))
    points = grid_points(scene.camera, 40)
    landed = map_points(points, scene.camera, visit.camera)
    design = np.column_stack([points, np.ones(len(points))])
    affine, residual, *_ = np.linalg.lstsq(design, landed, rcond=None)
    assert residual == pytest.approx(0, abs=1e-9)
    scale = scene.camera.um_per_px / visit.camera.um_per_px
    assert affine[:2].T @ affine[:2] == pytest.approx(scale**2 * np.eye(2), abs=1e-9)
    stretched = follow_up(scene.scalp, scene.camera, 5, course=FAR)
    bent = map_points(points, scene.camera, stretched.camera)
    _, residual, *_ = np.linalg.lstsq(design, bent, rcond=None)
    assert np.sqrt(residual.sum() / len(points)) > 0.1


def test_the_map_back_is_the_inverse(scene):
    visit = follow_up(scene.scalp, scene.camera, 6, course=FAR)
    points = grid_points(scene.camera, 40)
    back = map_points(map_points(points, scene.camera, visit.camera), visit.camera, scene.camera)
    assert back == pytest.approx(points, abs=1e-6)


def test_roots_of_kept_hairs_land_where_the_map_says(scene):
    first = {h.hair_id: h for h in take(scene).hairs}
    gone = []
    for seed in range(4):
        visit = follow_up(scene.scalp, scene.camera, seed, course=FAR)
        later = {h.hair_id: h for h in take(scene, visit).hairs}
        for i in set(first) & set(later):
            if first[i].root_visible and later[i].root_visible and first[i].kind != "abnormal":
                landed = map_points(first[i].path_px[:1], scene.camera, visit.camera)
                gone.append(float(np.hypot(*(landed - later[i].path_px[:1])[0])))
    assert len(gone) >= 8
    assert max(gone) < 0.05


def test_skin_texture_moves_with_the_map(scene):
    """The picture of bare skin, carried by the map, lies on the later picture."""
    calm = replace(scene.camera, noise=0.3, glare=0.0, jpeg_quality=98, blobs=0)
    bare = replace(scene, scalp=replace(scene.scalp, hairs=()), camera=calm)
    moved = replace(calm, turn_rad=0.3, stretch=draw_stretch(0.03, np.random.default_rng(4)))
    before, after = (photograph(bare.scalp, camera, bare.style).pixels for camera in (calm, moved))
    x, y = np.meshgrid(np.arange(384.0), np.arange(320.0))
    points = np.column_stack([x.ravel(), y.ravel()])
    seen_at = map_points(points, moved, calm)

    def agreement(shift):
        maps = (seen_at + shift).reshape(320, 384, 2).astype(np.float32)
        carried = cv2.remap(before, maps[..., 0], maps[..., 1], cv2.INTER_CUBIC)[60:260, 60:324].mean(axis=2)
        fine = [p - cv2.GaussianBlur(p, (0, 0), 4) for p in (carried, after[60:260, 60:324].mean(axis=2))]
        return np.corrcoef(fine[0].ravel(), fine[1].ravel())[0, 1]

    there = agreement([0.0, 0.0])
    assert there > 0.4
    assert all(agreement(3 * np.array(way)) < 0.7 * there for way in ([1, 0], [-1, 0], [0, 1], [0, -1]))


@pytest.mark.parametrize("strain", [0.0, 0.02, 0.05])
def test_texture_lies_where_the_map_says(scene, strain):
    """A picture of its own coordinates, drawn as skin is, tells where each pixel looks."""
    cells_per_px, size = 10.0, (192, 160)
    cell_um = 6.0 / cells_per_px
    for seed in range(3):
        stretch = draw_stretch(strain, np.random.default_rng(seed)) if strain else None
        camera = replace(
            scene.camera, width_px=192, height_px=160, um_per_px=6.0, turn_rad=0.4, stretch=stretch
        )
        for axis in (0, 1):
            ramp = np.arange(-1400, 1400, dtype=np.float32) * np.float32(1 / cells_per_px)
            tile = np.broadcast_to(ramp if axis == 0 else ramp[:, None], (2800, 2800)).copy()
            drawn = sample_skin(
                tile, lambda px, c=camera: c.to_um(px) / cell_um + 1400, size, size, cv2.BORDER_CONSTANT
            )
            true = camera.to_um(grid_points(camera, 1))[:, axis].reshape(160, 192) / 6.0
            assert np.abs(drawn - true).max() < 0.005 + 0.25 * strain


def test_shafts_keep_their_length_on_stretched_skin(scene):
    stretched = replace(scene.camera, stretch=draw_stretch(0.04, np.random.default_rng(1)))
    photos = [
        {h.hair_id: h for h in photograph(scene.scalp, camera, scene.style).hairs if not h.cut_by_edge}
        for camera in (scene.camera, stretched)
    ]
    common = set(photos[0]) & set(photos[1])
    assert len(common) > 2
    for i in common:
        assert length_of(photos[1][i].path_px) == pytest.approx(length_of(photos[0][i].path_px), abs=1e-5)


def test_nothing_happens_in_a_course_without_change(scene):
    visit = follow_up(scene.scalp, scene.camera, 3, course=STILL)
    assert set(visit.fate.values()) == {"kept"}
    before, after = take(scene), take(scene, visit)
    assert truth_json(after) == truth_json(before)
    assert after.jpeg == before.jpeg
    assert map_points(np.array([[3.0, 7.0]]), scene.camera, visit.camera) == pytest.approx(
        np.array([[3.0, 7.0]])
    )


def test_the_same_seed_gives_the_same_bytes(scene):
    photos = [take(scene, follow_up(scene.scalp, scene.camera, 4, course=FAR, visit=2)) for _ in range(2)]
    assert photos[0].jpeg == photos[1].jpeg and truth_json(photos[0]) == truth_json(photos[1])
    other = take(scene, follow_up(scene.scalp, scene.camera, 4, course=FAR, visit=3))
    assert other.jpeg != photos[0].jpeg


def test_fates_add_up(scene):
    course = Course(lost_share=0.1, new_share=0.2, regrown_share=0.1, thickened_share=0.3, thinned_share=0.2)
    visit = follow_up(scene.scalp, scene.camera, 3, course=course)
    before, after, fates = hairs_of(scene.scalp), hairs_of(visit.scalp), Counter(visit.fate.values())
    assert set(visit.fate) == set(before) | set(after)
    assert set(fates) == set(FATES)
    assert len(after) == len(before) - fates["lost"] + fates["new"] + fates["regrown"]
    shares = {"lost": 0.1, "new": 0.2, "regrown": 0.1, "thickened": 0.3, "thinned": 0.2}
    for fate, share in shares.items():
        assert abs(fates[fate] - share * len(before)) <= 1
    for i, fate in visit.fate.items():
        assert (i in before) == (fate not in ("new", "regrown"))
        assert (i in after) == (fate != "lost")
        if i in before and i in after:
            assert after[i].path_um[0] == pytest.approx(before[i].path_um[0])
            change = after[i].width_um[0] / before[i].width_um[0]
            expected = {"thickened": 1.2, "thinned": 0.85, "kept": 1.0}[fate]
            assert change == pytest.approx(expected, abs=0.06 if fate == "kept" else 1e-6)
    ids = [h.hair_id for h in visit.scalp.hairs]
    assert len(set(ids)) == len(ids)


def test_new_hairs_stand_in_units_with_hair_and_regrown_ones_where_none_was(scene):
    visit = follow_up(scene.scalp, scene.camera, 3, course=Course(new_share=0.3, regrown_share=0.3))
    before, after = hairs_of(scene.scalp), hairs_of(visit.scalp)
    units = {h.unit_id for h in before.values()}
    roots = np.array([h.path_um[0] for h in before.values()])
    gaps = {"new": [], "regrown": []}
    for i, fate in visit.fate.items():
        if fate in gaps:
            assert (after[i].unit_id in units) == (fate == "new")
            assert after[i].anagen
            gaps[fate].append(np.hypot(*(roots - after[i].path_um[0]).T).min())
    assert max(gaps["new"]) <= 120
    assert np.median(gaps["regrown"]) > 250


def test_what_is_lost_stays_lost_at_later_visits(scene):
    early, late = (
        follow_up(scene.scalp, scene.camera, 9, course=v.course, visit=v.days) for v in usual_visits(2)
    )
    for fate in ("lost", "new", "regrown"):
        first, then = ({i for i, f in v.fate.items() if f == fate} for v in (early, late))
        assert first and first < then


def test_the_map_and_the_overlap_are_the_same_seen_from_the_later_visit(scene):
    visit = follow_up(scene.scalp, scene.camera, 2, course=replace(FAR, shift_um=100.0))
    there, back = overlap_cm2(scene.camera, visit.camera), overlap_cm2(visit.camera, scene.camera)
    assert there == pytest.approx(back, rel=0.08)  # each at its own photo's scale, on skin stretched by 3 %
    points = grid_points(visit.camera, 64)
    landed = map_points(points, visit.camera, scene.camera)
    assert map_points(landed, scene.camera, visit.camera) == pytest.approx(points, abs=1e-6)


def test_a_phototrichogram_shows_growth_of_rate_times_days():
    scene = draw_scene(8, "plain", 640, 512, 6.0, "normal")
    first = replace(scene, scalp=clip_hairs(scene.scalp, 400.0, 1))
    plan = phototrichogram_visit(2)
    visit = follow_up(first.scalp, first.camera, 1, course=plan.course, visit=plan.days)
    assert set(visit.growth_um) == set(hairs_of(first.scalp))
    photos = [take(first), take(first, visit)]
    true = hairs_of(first.scalp)
    told = [{h["hair_id"]: h for h in truth_json(p)["hairs"] if not h["cut_by_edge"]} for p in photos]
    grown = {"anagen": 0, "telogen": 0}
    for i in set(told[0]) & set(told[1]) & set(true):
        lengths = [length_of(np.array(t[i]["path"])) * p.um_per_px for t, p in zip(told, photos, strict=True)]
        expected = true[i].growth_um_per_day * 2 if true[i].anagen else 0.0
        assert lengths[1] - lengths[0] == pytest.approx(expected, abs=1.0)  # paths are rounded to 0.01 px
        assert visit.growth_um[i] == pytest.approx(expected)
        assert told[0][i]["phase"] == ("anagen" if true[i].anagen else "telogen")
        grown[told[0][i]["phase"]] += 1
    assert grown["anagen"] > 5
    stubs = [length_of(h.path_um) for h in true.values()]
    assert np.mean(stubs) == pytest.approx(400, rel=0.05) and set(visit.fate.values()) == {"kept"}


def test_clipping_never_lengthens_a_hair(scene):
    clipped = hairs_of(clip_hairs(scene.scalp, 600.0, 1))
    lengths = np.array(
        [[length_of(h.path_um), length_of(clipped[i].path_um)] for i, h in hairs_of(scene.scalp).items()]
    )
    short = lengths[:, 0] < 500
    assert 3 < short.sum() < len(short) - 3
    assert np.all(lengths[:, 1] <= lengths[:, 0] + 1e-6)
    assert lengths[short, 1] == pytest.approx(lengths[short, 0])
    assert lengths[lengths[:, 0] > 900, 1] == pytest.approx(600, rel=0.3)


def test_growth_is_told_of_uncut_hair_only(scene):
    assert follow_up(scene.scalp, scene.camera, 1).growth_um == {}
    assert follow_up(scene.scalp, scene.camera, 1, course=STILL).growth_um == {}


def test_washed_hair_has_as_many_scales_about_its_roots_as_before_and_others(scene):
    shares = {"flake_share": 0.2, "collar_share": 0.4}
    chance = np.random.default_rng(0)
    hairs = tuple(
        replace(h, flake=bool(chance.random() < 0.2), collar=bool(chance.random() < 0.4))
        for h in draw_scene(8, "clipped", 384, 320, 6.0, "normal", margin_um=9000.0).scalp.hairs
        if h.kind == "hair"
    )
    scalp = replace(scene.scalp, hairs=hairs, **shares)
    before = hairs_of(scalp)
    after = hairs_of(follow_up(scalp, scene.camera, 1, course=UNTREATED).scalp)
    assert len(before) > 400
    for name, share in (("flake", 0.2), ("collar", 0.4)):
        was, is_now = (np.array([getattr(s[i], name) for i in before]) for s in (before, after))
        error = np.sqrt(share * (1 - share) / len(before))
        assert is_now.mean() == pytest.approx(share, abs=3.5 * error)
        both = np.mean(was & is_now)  # chance meets chance: the two washes know nothing of each other
        assert both == pytest.approx(share**2, abs=3.5 * np.sqrt(share**2 / len(before)))
    assert all(after[i].scales_seed != before[i].scales_seed for i in before)
    assert all(after[i].seed == before[i].seed for i in before)
    unwashed = hairs_of(follow_up(scalp, scene.camera, 1, course=replace(UNTREATED, washed=False)).scalp)
    for i, hair in before.items():
        assert (hair.flake, hair.collar, hair.scales_seed) == (
            unwashed[i].flake,
            unwashed[i].collar,
            unwashed[i].scales_seed,
        )


@pytest.mark.parametrize("style", ["clipped", "wide"])
def test_a_scalp_knows_the_share_of_its_scales(style):
    scalp = draw_scene(3, style, 900, 900, 8.0, "normal").scalp
    hairs = [h for h in scalp.hairs if h.kind == "hair"]
    for name in ("flake", "collar"):
        share = getattr(scalp, f"{name}_share")
        drawn = np.mean([getattr(h, name) for h in hairs])
        assert drawn == pytest.approx(share, abs=3.5 * np.sqrt(share * (1 - share) / len(hairs)) + 1e-9)


def test_the_seed_of_a_hair_is_its_own_for_good(scene):
    visit = follow_up(scene.scalp, scene.camera, 3, course=Course(new_share=0.3, regrown_share=0.3))
    before, after = hairs_of(scene.scalp), hairs_of(visit.scalp)
    assert all(after[i].seed == h.seed for i, h in before.items() if i in after)
    seeds = [h.seed for h in {**before, **after}.values()]
    assert len(set(seeds)) == len(seeds)


@pytest.mark.parametrize("glare", [0.0, 0.5])
def test_a_microscope_stays_the_same_device(scene, glare):
    camera = replace(scene.camera, glare=glare)
    glares = []
    for seed in range(60):
        later = follow_up(replace(scene.scalp, hairs=()), camera, seed).camera
        assert all(getattr(later, name) == getattr(camera, name) for name in DEVICE)
        assert (later.glare == 0) == (glare == 0)
        glares.append(later.glare)
    assert (len(set(glares)) > 30) == (glare > 0)  # the light is another each time


def test_new_hairs_are_thin_or_as_thick_as_their_neighbours(scene):
    """As asked for; each has a width of its own."""
    for thin_share, low, high in ((1.0, 0.5, 0.9), (0.0, 0.9, 1.1)):
        course = Course(new_share=1.0, regrown_share=0.0, thin_share=thin_share, length_factor=1.0)
        visit = follow_up(scene.scalp, scene.camera, 3, course=course)
        true = np.array([h.width_um.mean() for h in hairs_of(scene.scalp).values()])
        new = np.array(
            [h.width_um.mean() for i, h in hairs_of(visit.scalp).items() if visit.fate[i] == "new"]
        )
        assert len(new) == len(true)
        assert low * true.mean() < new.mean() < high * true.mean()


def test_telogen_hairs_do_not_grow(scene):
    resting = tuple(replace(h, anagen=False) for h in scene.scalp.hairs)
    visit = follow_up(
        replace(scene.scalp, hairs=resting), scene.camera, 1, course=phototrichogram_visit(2).course
    )
    assert set(visit.growth_um.values()) == {0.0}


@pytest.mark.parametrize("factor", [0.4, 1.0, 1.7])
def test_cutting_a_path_sets_its_length(factor):
    path = np.column_stack([np.linspace(0, 400, 11), 30 * np.sin(np.linspace(0, 3, 11))])
    length = length_of(path) * factor
    cut, width = cut_to(path, np.full(11, 60.0), length)
    assert length_of(cut) == pytest.approx(length, rel=1e-9)
    assert len(width) == len(cut) and cut[0].tolist() == path[0].tolist()


def test_a_swung_shaft_bends_and_keeps_root_and_length():
    path = np.column_stack([np.linspace(100, 4100, 101), np.full(101, 50.0)])
    swung = swing(path, 0.5)
    steps = np.diff(swung, axis=0)
    turns = np.arctan2(steps[:, 1], steps[:, 0])
    assert swung[0].tolist() == path[0].tolist()
    assert np.hypot(*steps.T) == pytest.approx(np.full(100, 40.0))
    assert 0.14 < turns[0] < 0.18 and turns[-1] == pytest.approx(0.5, abs=0.01)
    assert np.all(np.diff(turns) >= 0)


def test_another_visit_has_other_debris_and_scales_on_the_same_skin():
    scene = draw_scene(3, "wide", 512, 512, 12.0)
    visit = follow_up(scene.scalp, scene.camera, 1)
    pieces = [[h for h in s.hairs if h.kind == "debris"] for s in (scene.scalp, visit.scalp)]
    assert len(pieces[0]) > 10 and len(pieces[1]) > 5
    assert not {h.hair_id for h in pieces[0]} & {h.hair_id for h in pieces[1]}
    assert visit.scalp.skin.pores_um is scene.scalp.skin.pores_um
    assert len(visit.scalp.skin.scales_um) == len(scene.scalp.skin.scales_um)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_no_later_photo_looks_beyond_the_margin(seed):
    camera = draw_scene(1, "bare", 96, 64, 6.0).camera
    small = replace(FAR, shift_um=60.0)
    visit = follow_up(draw_scene(1, "bare", 96, 64, 6.0).scalp, camera, seed, course=small)
    corners = np.array([[-0.5, -0.5], [95.5, -0.5], [-0.5, 63.5], [95.5, 63.5]])
    reach = np.abs(visit.camera.to_um(corners)) - np.array([96, 64]) * 3.0
    assert reach.max() <= margin_um(small, (288.0, 192.0))


@pytest.mark.parametrize("course", [Course(lost_share=0.8), Course(lost_share=-0.1)])
def test_impossible_courses_are_refused(scene, course):
    with pytest.raises(ValueError, match="shares"):
        follow_up(scene.scalp, scene.camera, 1, course=course)


def test_a_bald_scalp_has_visits_too():
    scene = draw_scene(1, "bare", 96, 64, 6.0)
    visit = follow_up(scene.scalp, scene.camera, 1)
    assert visit.fate == {} and len(take(scene, visit).hairs) == 0


def test_untreated_hair_keeps_its_width(scene):
    visit = follow_up(scene.scalp, scene.camera, 1, course=UNTREATED)
    before, after = hairs_of(scene.scalp), hairs_of(visit.scalp)
    assert set(before) == set(after)
    assert all(after[i].width_um.tolist() == before[i].width_um.tolist() for i in before)
    inside_both = inside(map_points(grid_points(scene.camera, 32), scene.camera, visit.camera), visit.camera)
    assert 0.5 < inside_both.mean() <= 1


def test_dye_grows_out_by_rate_times_days(scene):
    dyed = tuple(replace(h, band_um=300.0, tip_colour=np.full(3, 0.2)) for h in scene.scalp.hairs)
    visit = follow_up(replace(scene.scalp, hairs=dyed), scene.camera, 1, course=replace(UNTREATED, days=28.0))
    before, after = hairs_of(scene.scalp), hairs_of(visit.scalp)
    for i, hair in before.items():
        grown = 28 * hair.growth_um_per_day if hair.anagen else 0.0
        assert after[i].band_um == pytest.approx(300 + grown)
