"""A trial of phantoms: the population changes as the arms say, dropouts have no photos, truth is written."""

import csv
import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from trichoscan.phantom.biology import ANCESTRY, CONDITION
from trichoscan.phantom.course import FATES, Course
from trichoscan.phantom.draw import draw_scene
from trichoscan.phantom.shafts import mean_width
from trichoscan.phantom.trial import (
    ARMS,
    LAST_WEEK,
    MISSED_SHARE,
    Arm,
    Subject,
    course_at,
    draw_trial,
)
from trichoscan.phantom.trial_photos import draw_site, site_truth, true_density, write_trial
from trichoscan.phantom.visits import DEVICE, follow_up

STRONG = (Arm("drug", 40.0, 5.0, 12.0, 1.0), Arm("nothing", -15.0, 5.0, -5.0, 1.0))


def test_responses_of_subjects_have_the_mean_and_spread_of_their_arm():
    trial = draw_trial(4000, 3)
    for arm in ARMS:
        changes = [s.change_per_cm2 for s in trial.subjects if s.arm == arm.name]
        assert len(changes) == 2000
        assert np.mean(changes) == pytest.approx(arm.change_per_cm2, abs=2.0)
        assert np.std(changes) == pytest.approx(arm.change_sd_per_cm2, rel=0.06)


def test_the_figures_of_the_arms_are_those_of_the_published_trial():
    assert [(a.change_per_cm2, a.change_sd_per_cm2) for a in ARMS] == [(18.6, 25.4), (3.9, 21.7)]


def test_scalps_change_as_their_subjects_respond():
    trial = draw_trial(60, 1)
    excess, diameters, densities = [], [], []
    wider = {arm.name: [] for arm in ARMS}
    for subject in trial.subjects:
        rows = site_truth(trial, subject, "vertex", draw_site(trial, subject, "vertex", 960, 768))
        change = rows[-1]["hair_density_per_cm2"] - rows[0]["hair_density_per_cm2"]
        excess.append(change - subject.change_per_cm2)
        densities.append(rows[0]["hair_density_per_cm2"])
        diameters.append(rows[0]["mean_diameter_um"])
        percent = 100 * (rows[-1]["mean_diameter_um"] / rows[0]["mean_diameter_um"] - 1)
        wider[subject.arm].append(percent - subject.diameter_change_percent)
    # A field of 0.22 cm2 holds a sample of the scalp: SD of the excess 10 /cm2 or so.
    assert np.mean(excess) == pytest.approx(0.0, abs=3.5)
    assert np.std(excess) < 15
    assert 10 < np.std(densities) < 60 and 3 < np.std(diameters) < 15
    # The mean diameter of all hairs of a field, new ones too, follows the response: SD 4 % of a subject.
    for excess_percent in wider.values():
        assert len(excess_percent) == 30
        assert np.mean(excess_percent) == pytest.approx(0.0, abs=1.8)
        assert np.std(excess_percent) < 6
    assert np.mean(np.concatenate(list(wider.values()))) == pytest.approx(0.0, abs=1.3)


@pytest.mark.parametrize(("gain", "percent"), [(40.0, 12.0), (40.0, 0.0), (-15.0, -5.0), (0.0, 0.0)])
def test_on_a_large_scalp_the_mean_diameter_of_all_hairs_changes_by_the_response(gain, percent):
    """To the error of some thousand hairs: 0.4 % or so."""
    half = (12_000.0, 12_000.0)
    scalp = draw_scene(4, "clipped", 200, 200, 6.0, "aga", margin_um=half[0]).scalp
    camera = draw_scene(4, "clipped", 200, 200, 6.0).camera
    before = [h for h in scalp.hairs if h.kind == "hair"]
    per_cm2 = 170.0
    subject = Subject("S", "drug", 1, gain, percent, ())
    course = course_at(subject, LAST_WEEK, per_cm2, Course())
    after = [h for h in follow_up(scalp, camera, 3, course=course).scalp.hairs if h.kind == "hair"]
    assert len(before) > 600
    assert len(after) / len(before) == pytest.approx(1 + gain / per_cm2, abs=0.004)
    means = [np.mean([mean_width(h.path_um, h.width_um) for h in hairs]) for hairs in (before, after)]
    assert 100 * (means[1] / means[0] - 1) == pytest.approx(percent, abs=1.5)


def test_two_sites_are_of_one_person_before_one_microscope():
    trial = draw_trial(1, 8, sites=("vertex", "frontal"), ancestry="african")
    first, other = (draw_site(trial, trial.subjects[0], site, 640, 512) for site in trial.sites)
    for field in fields(first.scalp.person):
        one, two = (getattr(scene.scalp.person, field.name) for scene in (first, other))
        assert np.array_equal(one, two) if isinstance(one, np.ndarray) else one == two
    assert first.scalp.skin.colour.tolist() == other.scalp.skin.colour.tolist()
    assert all(getattr(first.camera, name) == getattr(other.camera, name) for name in DEVICE)
    assert first.camera.light.tolist() != other.camera.light.tolist()
    roots = [{tuple(h.path_um[0]) for h in scene.scalp.hairs} for scene in (first, other)]
    assert roots[0] and roots[1] and not roots[0] & roots[1]


def test_by_the_last_week_net_gain_and_widening_are_the_response():
    subject = draw_trial(1, 0, arms=STRONG).subjects[0]
    course = course_at(subject, LAST_WEEK, 150.0, draw_trial(1, 0).relocation)
    net = course.new_share + course.regrown_share - course.lost_share
    assert net * 150.0 == pytest.approx(subject.change_per_cm2)
    new = course.new_share + course.regrown_share
    stay = 1 - course.lost_share
    # Sum of widths in those of a mean hair at first: of hairs that stay, and of new ones, 0.7 where thin.
    summed = stay + course.thickened_share * course.thickening - course.thinned_share * course.thinning
    summed += new * (1 - 0.3 * course.thin_share)
    assert 100 * (summed / (stay + new) - 1) == pytest.approx(subject.diameter_change_percent)
    half_way = course_at(subject, 24, 150.0, draw_trial(1, 0).relocation)
    reached = (half_way.new_share + half_way.regrown_share - half_way.lost_share) / net
    assert 0.8 < reached < 1


def test_nothing_has_happened_by_week_0():
    subject = draw_trial(1, 0, arms=STRONG).subjects[0]
    course = course_at(subject, 0, 150.0, draw_trial(1, 0).relocation)
    shares = (
        course.lost_share,
        course.new_share,
        course.regrown_share,
        course.thinned_share,
        course.thickened_share,
    )
    assert shares == (0, 0, 0, 0, 0)


def test_a_bald_site_and_a_disastrous_response_have_possible_courses():
    for subject in draw_trial(40, 2, arms=[Arm("harm", -300.0, 200.0, -60.0, 60.0)]).subjects:
        for density in (0.0, 20.0, 200.0):
            course = course_at(subject, LAST_WEEK, density, draw_trial(1, 0).relocation)
            assert 0 <= course.lost_share <= 1 and 0 <= course.new_share + course.regrown_share <= 2
            assert course.lost_share + course.thinned_share + course.thickened_share <= 1 + 1e-9


def test_subjects_are_dealt_evenly_and_leave_as_planned():
    trial = draw_trial(3001, 5, visits=4, dropout_share=0.2)
    arms = [s.arm for s in trial.subjects]
    assert abs(arms.count("minoxidil") - arms.count("placebo")) <= 1
    assert all(s.visits[0].attended and s.visits[0].days == 0 for s in trial.subjects)
    away = np.mean([not s.visits[-1].attended for s in trial.subjects])
    assert away == pytest.approx(0.2 + 0.8 * MISSED_SHARE, abs=0.03)
    assert [v.week for v in trial.subjects[0].visits] == [0, 16, 32, 48]
    assert all(abs(v.days - 7 * v.week) <= 6 for s in trial.subjects for v in s.visits)


def test_without_dropouts_only_single_visits_are_missed():
    subjects = draw_trial(1500, 1, visits=5, dropout_share=0.0).subjects
    attended = np.array([[v.attended for v in s.visits] for s in subjects])
    assert attended[:, 0].all()
    assert np.mean(~attended[:, 1:]) == pytest.approx(MISSED_SHARE, abs=0.008)
    # One who misses a visit comes to the next as others do.
    after_a_miss = attended[:, 2:][~attended[:, 1:-1]]
    assert len(after_a_miss) > 80 and after_a_miss.mean() > 0.88


def test_those_who_leave_do_not_come_back():
    subjects = draw_trial(300, 1, visits=5, dropout_share=1.0).subjects
    attended = np.array([[v.attended for v in s.visits] for s in subjects])
    assert attended[:, 0].all() and not attended[:, -1].any()
    came_back = np.diff(attended[:, 1:].astype(int), axis=1).clip(0).any(axis=1)
    assert came_back.mean() < 0.1  # those were missed single visits


def test_the_same_seed_plans_the_same_trial():
    assert draw_trial(9, 4) == draw_trial(9, 4)
    assert draw_trial(9, 4) != draw_trial(9, 5)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    trial = draw_trial(4, 11, visits=3, dropout_share=0.6, sites=("vertex", "frontal"), arms=STRONG)
    folders = [tmp_path_factory.mktemp(name) for name in ("trial", "again")]
    counts = [write_trial(folder, trial, 224, 200) for folder in folders]
    return trial, folders, counts


def test_a_written_trial_has_a_photo_of_each_attended_visit_and_no_other(written):
    trial, (out, _), (count, _) = written
    with (out / "images" / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    planned = {
        (s.subject, site, v.name, v.date, s.arm)
        for s in trial.subjects
        for site in trial.sites
        for v in s.visits
        if v.attended
    }
    assert {(r["subject"], r["site"], r["visit"], r["date"], r["arm"]) for r in rows} == planned
    assert count == len(rows) < 4 * 2 * 3
    photos = {p.name for p in (out / "images").glob("*.jpg")}
    assert photos == {r["image"] for r in rows}
    assert len(list((out / "truth" / "pairs").glob("*.json"))) == sum(r["visit"] != "baseline" for r in rows)


def test_the_truth_of_a_trial_covers_missed_visits_too(written):
    trial, (out, _), _ = written
    told = json.loads((out / "truth" / "trial.json").read_text())
    assert [a["name"] for a in told["arms"]] == ["drug", "nothing"]
    assert [s["subject"] for s in told["subjects"]] == [s.subject for s in trial.subjects]
    assert len(told["visits"]) == 4 * 2 * 3
    assert any(not v["attended"] for v in told["visits"])
    for row in told["visits"]:
        assert list(row["fates"]) == list(FATES)
        if row["visit"] == "baseline":
            before = row
            assert sum(row["fates"].values()) == row["fates"]["kept"]
        gone = row["fates"]["lost"]
        assert sum(row["fates"][f] for f in FATES[:3]) + gone == before["fates"]["kept"]


def test_written_trials_are_the_same_bytes_again(written):
    _, (first, again), _ = written
    names = sorted(p.relative_to(first) for p in first.rglob("*.*"))
    assert names == sorted(p.relative_to(again) for p in again.rglob("*.*"))
    assert all((first / n).read_bytes() == (again / n).read_bytes() for n in names)


def test_density_is_counted_in_the_field_of_the_first_photo():
    trial = draw_trial(1, 3)
    scene = draw_site(trial, trial.subjects[0], "vertex", 640, 512)
    density, diameter = true_density(scene.scalp, scene)
    roots = [h.path_um[0] for h in scene.scalp.hairs if h.kind == "hair"]
    within = sum(abs(x) < 640 * 5.5 / 2 and abs(y) < 512 * 5.5 / 2 for x, y in roots)
    assert density == pytest.approx(within / (640 * 512 * (5.5e-4) ** 2))
    assert 30 < diameter < 100


@pytest.mark.parametrize(
    ("subjects", "options"),
    [(0, {}), (1, {"visits": 0}), (1, {"dropout_share": 1.2}), (1, {"arms": []}), (1, {"sites": []})],
)
def test_impossible_trials_are_refused(subjects, options):
    with pytest.raises(ValueError, match="a trial needs"):
        draw_trial(subjects, 1, **options)


def test_the_page_on_phantoms_tells_the_presets_and_arms_as_they_are():
    page = (Path(__file__).resolve().parents[1] / "docs" / "phantoms.md").read_text(encoding="utf-8")
    for name, people in ANCESTRY.items():
        growth = f"{people.growth_um_per_day:g} ({people.growth_sd:g}) | {100 * people.telogen_share:g}"
        density = f"{people.hairs_per_cm2:g} ({people.hairs_per_cm2_sd:g})"
        assert f"| `{name}` | {density} | {people.diameter_um:g} | {growth} |" in page
    assert all(f"| `{name}` |" in page for name in CONDITION)
    for arm in ARMS:
        wider = f"{arm.diameter_change_percent:g} % ({arm.diameter_change_sd_percent:g})"
        assert f"| `{arm.name}` | +{arm.change_per_cm2} ({arm.change_sd_per_cm2}) | {wider} |" in page
