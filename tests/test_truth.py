"""Truth of photos and pairs: what shows of each hair, what hides it, and the files that say so."""

import json
from dataclasses import replace

import numpy as np
import pytest

from trichoscan.phantom.course import STILL, Course
from trichoscan.phantom.draw import draw_phantom, draw_scene, photograph
from trichoscan.phantom.pairs import GRID_PX, grid_points, map_points, overlap_cm2, pair_json
from trichoscan.phantom.scalp import TrueHair
from trichoscan.phantom.truth import UNDERSIZE_BELOW_UM
from trichoscan.phantom.visits import follow_up
from trichoscan.phantom.write import STUB_UM, phototrichogram_visit, truth_json, usual_visits, write_courses


@pytest.fixture(scope="module")
def bare():
    """Skin without hair before a plain camera, 200 x 160 px of 5 um."""
    scene = draw_scene(0, "plain", 200, 160, 5.0)
    return replace(scene, scalp=replace(scene.scalp, hairs=()))


def shaft(hair_id, points_um, width_um=60.0, **options):
    path = np.array(points_um, float)
    return TrueHair(
        hair_id,
        hair_id,
        path,
        np.full(len(path), width_um),
        np.full(3, 0.02),
        "hair",
        1.0,
        0.0,
        0.0,
        0.0,
        **options,
    )


def take(bare, *hairs, camera=None):
    photo = photograph(replace(bare.scalp, hairs=hairs), camera or bare.camera, bare.style)
    return {h.hair_id: h for h in photo.hairs}


LYING = shaft(7, [[-300.0, 0.0], [0.0, 0.0], [300.0, 0.0]])
ACROSS = shaft(9, [[50.0, -300.0], [50.0, 300.0]], 100.0)


def test_a_free_hair_shows_along_its_whole_path(bare):
    hair = take(bare, LYING)[7]
    assert hair.visible_px == ((0.0, pytest.approx(120.0)),)
    assert hair.hidden_by == () and not hair.cut_by_edge and hair.root_visible


def test_a_hair_above_hides_what_lies_beneath_it_and_is_named(bare):
    photo = take(bare, LYING, ACROSS)
    (first, last), hider = photo[7].visible_px, photo[9]
    assert photo[7].hidden_by == (9,)
    assert first[0] == 0.0 and last[1] == pytest.approx(120.0)
    assert first[1] == pytest.approx(70 - 10, abs=1.5) and last[0] == pytest.approx(70 + 10, abs=1.5)
    assert hider.hidden_by == () and len(hider.visible_px) == 1
    other_order = take(bare, ACROSS, LYING)
    assert other_order[7].hidden_by == () and other_order[9].hidden_by == (7,)


def test_the_edge_is_named_where_a_shaft_leaves_the_photo(bare):
    hair = take(bare, shaft(3, [[300.0, 0.0], [900.0, 0.0]]))[3]
    assert hair.cut_by_edge and hair.hidden_by == ("edge",)
    assert hair.visible_px[-1][1] == pytest.approx(40.0, abs=0.6)


def test_a_scale_that_hides_the_root_is_named(bare):
    hair = take(bare, replace(LYING, flake=True))[7]
    assert "scale" in hair.hidden_by and not hair.root_visible
    assert hair.visible_px[0][0] > 3


def test_the_dark_surround_and_signs_are_named(bare):
    narrow = replace(bare.camera, aperture=0.35, aperture_edge=0.02)
    hair = take(bare, shaft(3, [[0.0, 0.0], [480.0, 0.0]]), camera=narrow)[3]
    assert hair.hidden_by == ("aperture",)
    assert hair.visible_px == ((0.0, pytest.approx(0.35 * np.hypot(100, 80), abs=3)),)
    strip = replace(bare.camera, burnt_in=("strip",))
    hair = take(bare, shaft(3, [[0.0, 0.0], [0.0, 396.0]]), camera=strip)[3]
    assert hair.hidden_by == ("sign",)


@pytest.mark.parametrize("style", ["clipped", "long", "wide"])
def test_visible_runs_lie_in_order_on_the_path(style):
    photo = draw_phantom(6, style, 640, 512, condition="normal")
    ids = {h.hair_id for h in photo.scalp.hairs}
    assert any(isinstance(i, int) for h in photo.hairs for i in h.hidden_by)
    for hair in photo.hairs:
        length = np.hypot(*np.diff(hair.path_px, axis=0).T).sum()
        ends = np.array(hair.visible_px).ravel()
        assert np.all(np.diff(ends) >= 0) and ends[0] >= 0 and ends[-1] <= length + 1e-9
        assert ("edge" in hair.hidden_by) == hair.cut_by_edge
        assert hair.hair_id not in hair.hidden_by
        assert {i for i in hair.hidden_by if isinstance(i, int)} <= ids
        if not hair.hidden_by:
            assert ends.tolist() == [0.0, pytest.approx(length)]


def test_the_file_tells_all_of_each_hair():
    photo = draw_phantom(8, "clipped", 400, 320, 6.0, condition="aga", ancestry="hispanic")
    told = json.loads(json.dumps(truth_json(photo)))
    assert (told["condition"], told["ancestry"]) == ("aga", "hispanic")
    scalp = {h.hair_id: h for h in photo.scalp.hairs}
    assert len(told["hairs"]) == len(photo.hairs)
    for hair, drawn in zip(told["hairs"], photo.hairs, strict=True):
        assert hair["path"][0] == hair["root"] and hair["path"][-1] == hair["tip"]
        assert len(hair["width_px"]) == len(hair["path"])
        assert np.mean(hair["width_px"]) * 6.0 == pytest.approx(hair["diameter_um"], rel=0.25)
        assert hair["visible"] == np.round(drawn.visible_px, 1).tolist()
        true = scalp[hair["hair_id"]]
        assert hair.get("phase") == {True: "anagen", False: "telogen"}.get(
            true.anagen if true.kind == "hair" else None
        )
        if hair["kind"] == "undersize":
            assert true.width_um.mean() < UNDERSIZE_BELOW_UM


@pytest.fixture(scope="module")
def pair():
    scene = draw_scene(8, "clipped", 384, 320, 6.0, "normal", margin_um=1500.0)
    visit = follow_up(scene.scalp, scene.camera, 3, course=Course(stretch=0.03, turn_rad=0.2, shift_um=500.0))
    photos = [photograph(s.scalp, s.camera, scene.style) for s in (scene, visit)]
    return (*photos, visit, json.loads(json.dumps(pair_json(*photos, visit, ("a.jpg", "b.jpg"), 168))))


def test_the_grid_of_a_pair_is_its_map(pair):
    baseline, followup, _, told = pair
    assert (told["baseline_image"], told["followup_image"], told["days"]) == ("a.jpg", "b.jpg", 168)
    points = grid_points(baseline.camera, GRID_PX)
    assert told["baseline_grid_px"] == points.tolist()
    assert told["baseline_grid_px"][:2] == [[0, 0], [64, 0]] and told["baseline_grid_px"][-1] == [320, 256]
    landed = map_points(points, baseline.camera, followup.camera)
    for there, place in zip(told["followup_grid_px"], landed, strict=True):
        lies_within = -0.5 <= place[0] <= 383.5 and -0.5 <= place[1] <= 319.5
        assert (there is not None) == lies_within
        if there is not None:
            assert there == pytest.approx(place.tolist(), abs=6e-4)
    shares = [there is not None for there in told["followup_grid_px"]]
    assert 0.2 < np.mean(shares) < 1


def test_the_fates_of_a_pair_are_those_of_the_hairs_it_shows(pair):
    baseline, followup, visit, told = pair
    before, after = ({h.hair_id for h in p.hairs if h.kind != "abnormal"} for p in (baseline, followup))
    assert {int(i) for i in told["fates"]} == before | after
    for i, fate in told["fates"].items():
        assert fate == visit.fate[int(i)]
        assert not (fate == "lost" and int(i) in after) and not (
            fate in ("new", "regrown") and int(i) in before
        )
        grew_thicker = told["diameter_change_um"].get(i)
        assert (grew_thicker is None) == (fate in ("lost", "new", "regrown"))
        if fate == "thickened":
            assert grew_thicker > 0
        assert (i in told["growth_um"]) == (grew_thicker is not None)


def test_overlap_is_the_common_area():
    camera = draw_scene(1, "bare", 200, 100, 10.0).camera
    whole = 200 * 100 * 1e-6
    assert overlap_cm2(camera, camera) == pytest.approx(whole)
    beside = replace(camera, centre_um=camera.centre_um + np.array([500.0, 0.0]))
    assert overlap_cm2(camera, beside) == pytest.approx(whole * 0.75, rel=0.02)
    assert overlap_cm2(camera, replace(camera, centre_um=np.array([9000.0, 0.0]))) == 0.0


def test_a_pair_without_change_maps_each_point_on_itself():
    scene = draw_scene(8, "clipped", 200, 160, 6.0)
    visit = follow_up(scene.scalp, scene.camera, 3, course=STILL)
    photo = photograph(scene.scalp, scene.camera, scene.style)
    told = pair_json(photo, photo, visit, ("a.jpg", "a.jpg"), 0)
    assert told["followup_grid_px"] == told["baseline_grid_px"]
    assert set(told["fates"].values()) == {"kept"} and set(told["diameter_change_um"].values()) == {0.0}


def test_written_courses_have_photos_manifest_truth_and_pairs(tmp_path):
    for folder in ("a", "b"):
        assert (
            write_courses(tmp_path / folder, 2, 5, usual_visits(2), "clipped", width_px=224, height_px=200)
            == 6
        )
    out = tmp_path / "a"
    lines = (out / "images" / "manifest.csv").read_text().splitlines()
    assert lines[0] == "image,subject,site,visit,date,arm,um_per_px"
    assert [line.split(",")[1:5] for line in lines[1:4]] == [
        ["P0000", "vertex", "baseline", "2024-01-15"],
        ["P0000", "vertex", "week24", "2024-07-01"],
        ["P0000", "vertex", "week48", "2024-12-16"],
    ]
    names = sorted(p.relative_to(out).as_posix() for p in out.rglob("*.*"))
    assert sum(n.startswith("truth/pairs/") for n in names) == 4 and len(names) == 6 + 6 + 4 + 1
    told = json.loads((out / "truth/pairs/P0001_vertex_baseline__P0001_vertex_week48.json").read_text())
    assert (out / "images" / told["followup_image"]).is_file() and told["days"] == 336
    for name in names:
        assert (out / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_written_phototrichogram_tells_growth(tmp_path):
    later = [phototrichogram_visit(2)]
    write_courses(tmp_path, 1, 2, later, "plain", clip_um=STUB_UM, width_px=400, height_px=320)
    told = json.loads((tmp_path / "truth/pairs/P0000_vertex_baseline__P0000_vertex_day2.json").read_text())
    phase = {
        h["hair_id"]: h.get("phase")
        for p in (tmp_path / "truth").glob("*.json")
        for h in json.loads(p.read_text())["hairs"]
    }
    assert told["growth_um"]
    for i, growth in told["growth_um"].items():
        assert (growth > 200) if phase[int(i)] == "anagen" else growth == 0
