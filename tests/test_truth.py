"""Truth of photos and pairs: what shows of each hair, what hides it, and the files that say so."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from trichoscan.learn.dataset import read_annotated
from trichoscan.phantom.course import STILL, Course
from trichoscan.phantom.draw import draw_phantom, draw_scene, photograph
from trichoscan.phantom.pairs import GRID_PX, grid_points, map_points, overlap_cm2, pair_json
from trichoscan.phantom.scalp import TrueHair
from trichoscan.phantom.shafts import mean_width
from trichoscan.phantom.trial import draw_trial
from trichoscan.phantom.trial_photos import write_trial
from trichoscan.phantom.truth import UNDERSIZE_BELOW_UM
from trichoscan.phantom.visits import follow_up
from trichoscan.phantom.write import (
    STUB_UM,
    phototrichogram_visit,
    truth_json,
    usual_visits,
    write_courses,
    write_phantom,
    write_phantoms,
    write_visits,
)
from trichoscan.records import TrichoscanError


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


def along(path):
    return np.hypot(*np.diff(path, axis=0).T).sum()


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


CURL = np.linspace(0, 5 * np.pi, 400)
LEAVING = np.column_stack([40.0 * CURL - 300, 600 * np.cos(CURL)])
"""A curl that leaves the photo above and below, five times, rooted outside; um."""


def test_all_parts_of_a_curl_that_leaves_the_photo_and_comes_back_are_told(bare):
    photo = photograph(replace(bare.scalp, hairs=(shaft(4, LEAVING),)), bare.camera, bare.style)
    (hair,) = photo.hairs
    assert hair.cut_by_edge and not hair.root_visible and len(hair.other_parts) == 4
    parts = [(hair.path_px, hair.width_px), *((p.path_px, p.width_px) for p in hair.other_parts)]
    fine = np.linspace(0, len(CURL) - 1, 200_001)
    at = photo.camera.to_px(np.column_stack([np.interp(fine, np.arange(400), LEAVING[:, c]) for c in (0, 1)]))
    shown = np.all((at >= -0.5) & (at <= [199.5, 159.5]), axis=1)
    step = np.hypot(*np.diff(at, axis=0).T)
    assert sum(along(p) for p, _ in parts) == pytest.approx(step[shown[1:] & shown[:-1]].sum(), abs=0.1)
    longest = max(along(p) for p, _ in parts)
    assert along(hair.path_px) == longest
    for path, width in parts:
        assert len(path) == len(width) and width == pytest.approx(12.0)
        assert np.abs(path[[0, -1], 1] - 79.5) == pytest.approx(80.0, abs=1e-6)
    drawn = np.zeros((160, 200), np.uint8)
    for path, _ in parts:
        cv2.polylines(drawn, [np.rint(path).astype(int)], False, 1, 16)
    dark = photo.pixels[..., 1] < 0.5 * np.median(photo.pixels[..., 1])
    assert dark.sum() > 2000 and np.mean(drawn[dark] == 1) > 0.999


def test_the_root_leads_where_it_lies_inside(bare):
    out_and_back = shaft(2, [[350.0, 0.0], [600.0, 0.0], [600.0, 100.0], [-300.0, 100.0]])
    hair = take(bare, out_and_back)[2]
    assert hair.root_visible and hair.path_px[0] == pytest.approx([99.5 + 70, 79.5])
    assert along(hair.path_px) == pytest.approx(30.0)
    (other,) = hair.other_parts
    assert other.path_px == pytest.approx(np.array([[199.5, 99.5], [39.5, 99.5]]))
    assert other.visible_px == ((0.0, pytest.approx(160.0)),)


def test_a_shaft_that_cuts_a_corner_between_two_of_its_points_is_told(bare):
    (hair,) = take(bare, shaft(2, [[200.0, -600.0], [600.0, -200.0]])).values()
    assert along(hair.path_px) == pytest.approx(np.hypot(20, 20), abs=0.01)


def test_training_sees_all_parts_as_shaft_and_none_of_their_ends(bare, tmp_path):
    camera = replace(bare.camera, width_px=240, height_px=200)
    photo = photograph(replace(bare.scalp, hairs=(shaft(4, LEAVING),)), camera, bare.style)
    write_phantom(tmp_path, "curl", photo)
    told = json.loads((tmp_path / "truth" / "curl.json").read_text())
    assert len(told["hairs"]) == 1 and len(told["hairs"][0]["other_parts"]) == 4
    (read,) = read_annotated(tmp_path)
    assert len(read.hairs) == 5 and not any(h.root_visible or h.tip_visible for h in read.hairs)
    paths = [photo.hairs[0].path_px, *(p.path_px for p in photo.hairs[0].other_parts)]
    for labelled, path in zip(read.hairs, paths, strict=True):
        assert labelled.path == pytest.approx(path, abs=0.006)


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
    cut = 0
    for hair, drawn in zip(told["hairs"], photo.hairs, strict=True):
        assert hair["path"][0] == hair["root"] and hair["path"][-1] == hair["tip"]
        assert len(hair["width_px"]) == len(hair["path"])
        assert np.mean(hair["width_px"]) * 6.0 == pytest.approx(hair["diameter_um"], rel=0.25)
        assert hair["visible"] == np.round(drawn.visible_px, 1).tolist()
        true = scalp[hair["hair_id"]]
        assert hair.get("phase") == {True: "anagen", False: "telogen"}.get(
            true.anagen if true.kind == "hair" else None
        )
        assert hair["diameter_um"] == pytest.approx(mean_width(true.path_um, true.width_um), abs=0.006)
        if hair["cut_by_edge"]:
            cut += 1
        else:
            assert hair["shown_diameter_um"] == pytest.approx(hair["diameter_um"], abs=0.011)
        if hair["kind"] == "abnormal" or abs(hair["diameter_um"] - UNDERSIZE_BELOW_UM) < 0.005:
            continue
        assert (hair["kind"] == "undersize") == (hair["diameter_um"] < UNDERSIZE_BELOW_UM)
    assert cut > 0


def test_the_shown_diameter_is_that_of_all_that_shows(bare):
    """A shaft that is 40 um wide where it first shows, 80 um where it shows again, and 200 um outside."""
    path = [[300.0, -50.0], [499.9, -50.0], [700.0, -50.0], [700.0, 50.0], [499.9, 50.0], [100.0, 50.0]]
    hair = replace(shaft(1, path), width_um=np.array([40.0, 40.0, 200.0, 200.0, 80.0, 80.0]))
    photo = photograph(replace(bare.scalp, hairs=(hair,)), bare.camera, bare.style)
    (told,) = truth_json(photo)["hairs"]
    assert len(told["other_parts"]) == 1
    assert told["shown_diameter_um"] == pytest.approx((40 + 2 * 80) / 3, rel=0.02)
    assert told["diameter_um"] == pytest.approx(mean_width(hair.path_um, hair.width_um), abs=0.006)


def test_a_folder_with_photos_or_truth_in_it_is_refused(tmp_path):
    write_courses(tmp_path, 1, 5, [], "clipped", width_px=200, height_px=200)
    kept = {f: f.read_bytes() for f in tmp_path.rglob("*.*")}
    for draw in (write_phantoms, lambda out, n, seed: write_trial(out, draw_trial(n, seed), 200, 200)):
        with pytest.raises(TrichoscanError, match="not empty: remove it, or give another folder"):
            draw(tmp_path, 1, 6)
    (tmp_path / "truth" / "old.json").touch()
    for file in (tmp_path / "images").iterdir():
        file.unlink()
    with pytest.raises(TrichoscanError, match="truth: not empty"):
        write_courses(tmp_path, 1, 5, [])
    assert {f.name for f in tmp_path.rglob("*.*")} == {f.name for f in kept if "truth" in f.parts} | {
        "old.json"
    }


@pytest.mark.parametrize("scale", [0.0, -3.0, np.nan, np.inf, 0.49, 51.0])
def test_scales_that_no_microscope_has_are_refused(scale):
    for draw in (draw_scene, draw_phantom):
        with pytest.raises(ValueError, match=r"a phantom needs 0\.5 to 50 um/px"):
            draw(1, "clipped", 100, 100, scale)


def test_each_photo_bears_the_date_of_its_visit(tmp_path, monkeypatch):
    scene = draw_scene(2, "plain", 200, 200, 6.0)
    seen = []

    def taken(scalp, camera, style):
        seen.append(camera.date)
        return photograph(scalp, camera, style)

    monkeypatch.setattr("trichoscan.phantom.write.photograph", taken)
    rows = list(write_visits(tmp_path, scene, 1, usual_visits(2), subject="P", first_date="2025-03-01"))
    assert seen == [row["date"] for row in rows] == ["2025-03-01", "2025-08-16", "2026-01-31"]


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
    assert told["growth_um"] == {}  # the hair was cut between the visits


def test_overlap_is_the_common_area():
    camera = draw_scene(1, "bare", 200, 100, 10.0).camera
    whole = 200 * 100 * 1e-6
    assert overlap_cm2(camera, camera) == pytest.approx(whole)
    beside = replace(camera, centre_um=camera.centre_um + np.array([500.0, 0.0]))
    assert overlap_cm2(camera, beside) == pytest.approx(whole * 0.75, rel=0.02)
    assert overlap_cm2(camera, replace(camera, centre_um=np.array([9000.0, 0.0]))) == 0.0


def test_a_pair_without_change_maps_each_point_on_itself():
    scene = draw_scene(8, "clipped", 448, 384, 6.0, "normal")
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
