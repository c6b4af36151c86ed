"""Slices, units, calibration, traits, worst errors and their sheet."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2lab
from test_evaluate import HairVector, grid_of_hairs, judge, write_results, write_truth
from typer.testing import CliRunner

from trichoscan.cli import app
from trichoscan.learn.calibration import calibration_bins, calibration_error
from trichoscan.learn.evaluate import evaluate, judge_all, truth_files
from trichoscan.learn.slices import SLICES, hair_rows
from trichoscan.learn.traits import light_against_skin, neighbourhood, skin_ita_deg
from trichoscan.learn.worst import errors_of
from trichoscan.records import TrichoscanError
from trichoscan.report.error_sheet import FOUND, PANEL_PX, TRUE, ErrorPicture, cut_square, draw_error_sheet

UM_PER_PX = 5.0


def table(folder: Path, name: str) -> dict[tuple[str, str], dict[str, str]]:
    with (folder / "results" / name).open(newline="") as file:
        return {(row["slice"], row["class"]): row for row in csv.DictReader(file)}


def pairs_of_hairs() -> list[HairVector]:
    """Every hair of the grid with a second one 30 px beside its root: 24 units of two and 24 single hairs."""
    hairs = grid_of_hairs()
    second = [((r[0] + 30.0, r[1]), (t[0] + 30.0, t[1])) for r, t in hairs[:24]]
    return [hair for pair in zip(hairs[:24], second, strict=True) for hair in pair] + hairs[24:]


def skin_with_hairs(paths: list[np.ndarray], tone: int, skin: int, width_px: int = 12) -> np.ndarray:
    pixels = np.full((600, 800, 3), skin, np.uint8)
    for path in paths:
        cv2.polylines(pixels, [np.rint(path).astype(np.int32)], False, (tone,) * 3, width_px, cv2.LINE_AA)
    return cv2.GaussianBlur(pixels, (0, 0), 1.0)


def test_units_count_only_where_their_number_of_hairs_is_found(tmp_path: Path) -> None:
    true = pairs_of_hairs()
    # six pairs lose a hair, and four single hairs get another beside them
    found = [hair for i, hair in enumerate(true) if i not in range(0, 12, 2)]
    beside = [((r[0], r[1] + 30.0), (t[0], t[1] + 30.0)) for r, t in true[-4:]]
    near = {hair: i for i, hair in enumerate(true[:48])}
    unit = [near[hair] // 2 if hair in near else 100 + i for i, hair in enumerate(found)]
    unit += unit[-4:]
    write_truth(tmp_path / "truth", "a", true)
    write_results(tmp_path / "results", {"a.jpg": found + beside}, unit=unit)
    figures = evaluate(tmp_path / "results", tmp_path / "truth")
    assert figures["units"] == 48
    assert figures["units_right_percent"] == pytest.approx(100 * 38 / 48)


def test_a_unit_that_the_truth_names_is_not_guessed_from_roots(tmp_path: Path) -> None:
    hairs = grid_of_hairs()
    named = [i // 2 for i in range(48)]
    write_truth(tmp_path / "truth", "a", hairs, unit_id=named)
    write_results(tmp_path / "results", {"a.jpg": hairs}, unit=named)
    figures = evaluate(tmp_path / "results", tmp_path / "truth")
    assert (figures["units"], figures["units_right_percent"]) == (24, 100)


def test_debris_and_edges_spoil_no_unit(tmp_path: Path) -> None:
    """Debris found in a unit does not make it larger; a unit with a hair at the edge is not judged."""
    hairs = [*grid_of_hairs(), ((28.0, 300.0), (28.0, 350.0)), ((50.0, 300.0), (50.0, 350.0))]
    debris = ((hairs[0][0][0] + 20, hairs[0][0][1]), (hairs[0][1][0] + 20, hairs[0][1][1]))
    write_truth(tmp_path / "truth", "a", [*hairs, debris], kind=["single"] * 50 + ["abnormal"])
    write_results(tmp_path / "results", {"a.jpg": [*hairs[:49], debris]}, unit=[*range(48), 100, 0])
    figures = evaluate(tmp_path / "results", tmp_path / "truth")
    assert (figures["units"], figures["units_right_percent"]) == (48, 100)


def test_slices_add_up_and_tell_which_hairs_are_missed(tmp_path: Path) -> None:
    true = pairs_of_hairs()
    thin = [True] * 10 + [False] * 62
    kinds = ["undersize" if is_thin else "single" for is_thin in thin]
    write_truth(tmp_path / "truth", "a", true, kind=kinds)
    found = true[4:] + [((r[0] + 60, r[1]), (t[0] + 60, t[1])) for r, t in true[-2:]]
    write_results(tmp_path / "results", {"a.jpg": found}, diameter_um=[30.0] * 6 + [80.0] * 64)
    figures = evaluate(tmp_path / "results", tmp_path / "truth")
    rows = table(tmp_path, "evaluation_slices.csv")
    everything = rows["all", "all"]
    assert float(everything["f1"]) == pytest.approx(figures["f1"], abs=1e-4)
    for name in ("hairs per unit", "thickness", "neighbours", "edge blur of the photo", "scale"):
        of_slice = [rows[key] for key in rows if key[0] == name]
        for column in ("true_hairs", "hits", "found_hairs", "right"):
            assert sum(int(row[column]) for row in of_slice) == int(everything[column]), (name, column)
    assert (rows["thickness", "thin"]["recall"], rows["thickness", "not thin"]["recall"]) == ("0.6", "1.0")
    assert rows["thickness", "thin"]["found_hairs"] == "6"
    assert rows["thickness", "not thin"]["precision"] == str(round(62 / 64, 4))
    assert int(rows["hairs per unit", "2"]["true_hairs"]) == 48
    assert ("scale", "5-7 um/px") in rows and ("edge blur of the photo", "1-2 px (0.5-0.67)") in rows
    assert not any(key[0] == "light against skin" for key in rows), "there is no photo to tell it from"


def test_light_hair_is_told_where_the_photo_is_at_hand(tmp_path: Path) -> None:
    hairs = grid_of_hairs()
    pixels = np.full((1024, 1280, 3), 150, np.uint8)
    for i, (root, tip) in enumerate(hairs):
        ends = [np.rint(np.array(end)).astype(int).tolist() for end in (root, tip)]
        cv2.line(pixels, *ends, (20,) * 3 if i < 36 else (230,) * 3, 12)
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images/a.png"), pixels)
    write_truth(tmp_path / "truth", "a", hairs)
    write_results(tmp_path / "results", {"a.png": hairs[:42]})
    evaluate(tmp_path / "results", tmp_path / "truth")
    rows = table(tmp_path, "evaluation_slices.csv")
    name = "light against skin"
    black, light = (
        rows[name, "black: below 0.2 of the skin's light"],
        rows[name, "lighter than skin: above 1.05"],
    )
    assert (black["true_hairs"], black["recall"]) == ("36", "1.0")
    assert (light["true_hairs"], light["recall"]) == ("12", "0.5")
    assert sum(int(row["true_hairs"]) for key, row in rows.items() if key[0] == "skin as photographed") == 48


@settings(max_examples=25, deadline=None)
@given(st.integers(20, 200), st.integers(20, 200), st.floats(0, 3.1), st.floats(-3, 3))
def test_the_light_of_a_hair_is_read_whatever_its_way(
    tone: int, skin: int, angle: float, aside: float
) -> None:
    way = np.array([np.cos(angle), np.sin(angle)])
    path = np.array([400.0, 300.0]) + np.array([[-110.0], [110.0]]) * way
    pixels = skin_with_hairs([path], tone, skin)
    drawn = path + aside * np.array([-way[1], way[0]])
    (share,) = light_against_skin(pixels, (drawn,), UM_PER_PX)
    linear = [((v / 255 + 0.055) / 1.055) ** 2.4 for v in (tone, skin)]
    assert share == pytest.approx(linear[0] / linear[1], rel=0.12, abs=0.01)


@pytest.mark.parametrize(
    ("rgb", "ita_deg"),
    [((236, 206, 185), 67), ((190, 150, 120), 34), ((120, 80, 60), -34), ((60, 40, 30), -73)],
)
def test_skin_is_classed_by_its_typology_angle_whatever_hair_covers_it(rgb: tuple, ita_deg: float) -> None:
    pixels = np.full((600, 800, 3), rgb, np.uint8)
    bare = skin_ita_deg(pixels, UM_PER_PX)
    lightness, _, yellow = rgb2lab(np.array([[rgb]]) / 255)[0, 0]
    assert bare == pytest.approx(np.degrees(np.arctan2(lightness - 50, yellow)), abs=0.5)
    assert bare == pytest.approx(ita_deg, abs=5)
    for x in range(20, 800, 60):
        cv2.line(pixels, (x, 0), (x + 40, 600), (20, 15, 10), 14)
    assert skin_ita_deg(pixels, UM_PER_PX) == pytest.approx(bare, abs=1)


def test_the_light_of_a_bundle_is_not_taken_for_skin() -> None:
    paths = [np.array([[300.0 + 16 * i, 200.0], [300.0 + 16 * i, 400.0]]) for i in range(4)]
    shares = light_against_skin(skin_with_hairs(paths, 30, 160), tuple(paths), UM_PER_PX)
    assert shares.max() < 0.1


def test_crossing_and_touching_are_told_apart_and_turn_with_the_photo() -> None:
    roots_and_tips = {
        "crossing": [[(100, 100), (300, 100)], [(200, 20), (200, 180)]],
        "touching": [[(100, 400), (300, 400)], [(100, 408), (300, 408)]],
        "clear": [[(100, 600), (300, 600)], [(100, 620), (300, 620)], [(500, 600), (700, 650)]],
    }
    hairs = [(kind, np.array(ends, float)) for kind, some in roots_and_tips.items() for ends in some]
    paths = tuple(path for _, path in hairs)
    kinds = [kind for kind, _ in hairs]
    assert neighbourhood(paths, UM_PER_PX).tolist() == kinds
    turn = np.array([[0.6, 0.8], [-0.8, 0.6]])
    assert neighbourhood(tuple(path @ turn.T + 900 for path in paths), UM_PER_PX).tolist() == kinds
    assert neighbourhood(tuple(path * 2 for path in paths), UM_PER_PX / 2).tolist() == kinds
    assert neighbourhood((), UM_PER_PX).tolist() == []


def test_hairs_of_one_ostium_do_not_touch_for_that_alone() -> None:
    fork = (np.array([[100.0, 100], [300, 60]]), np.array([[100.0, 100], [300, 140]]))
    assert neighbourhood(fork, UM_PER_PX).tolist() == ["clear", "clear"]
    parallel = (np.array([[100.0, 100], [300, 100]]), np.array([[100.0, 106], [300, 106]]))
    assert neighbourhood(parallel, UM_PER_PX).tolist() == ["touching", "touching"]


def test_confidence_that_is_kept_has_no_error_and_boasting_has() -> None:
    rng = np.random.default_rng(3)
    confidence = rng.uniform(0.3, 1, 40_000)
    honest = rng.random(40_000) < confidence
    assert calibration_error(calibration_bins(confidence, honest)) < 0.012
    boasting = rng.random(40_000) < confidence - 0.2
    assert calibration_error(calibration_bins(confidence, boasting)) == pytest.approx(0.2, abs=0.012)


def test_bins_hold_every_hair_once() -> None:
    confidence = np.array([0.0, 0.3, 0.799, 0.8, 1.0, np.nan])
    right = np.array([False, False, True, True, True, True])
    bins = calibration_bins(confidence, right)
    assert bins["hairs"].sum() == 5
    assert bins["confidence_from"].tolist() == [0.0, 0.3, 0.7, 0.8, 0.9]
    assert calibration_error(bins) == pytest.approx((0.3 + 0.201 + 0.2) / 5)
    assert calibration_error(calibration_bins(confidence[:0], right[:0])) is None


def test_calibration_is_among_the_figures(tmp_path: Path) -> None:
    hairs = grid_of_hairs()
    false = [((r[0] + 40, r[1]), (t[0] + 40, t[1])) for r, t in hairs[:12]]
    write_truth(tmp_path / "truth", "a", hairs)
    write_results(tmp_path / "results", {"a.jpg": hairs[12:] + false}, confidence=[0.95] * 36 + [0.55] * 12)
    figures = evaluate(tmp_path / "results", tmp_path / "truth")
    assert figures["calibration_error"] == pytest.approx((36 * 0.05 + 12 * 0.55) / 48)
    assert figures["confidence_bias"] == pytest.approx((36 * -0.05 + 12 * 0.55) / 48)


def test_false_hairs_on_photos_without_hair_are_told_on_their_own(tmp_path: Path) -> None:
    hairs = grid_of_hairs()
    for stem, some in (("hair", hairs), ("bare", []), ("debris", hairs[:1])):
        write_truth(
            tmp_path / "truth", stem, some, kind=["abnormal" if stem == "debris" else "single"] * len(some)
        )
    at_edge = ((10.0, 300.0), (60.0, 300.0))
    write_results(
        tmp_path / "results", {"hair.jpg": hairs[:40], "bare.jpg": [*hairs[:2], at_edge], "debris.jpg": []}
    )
    figures = evaluate(tmp_path / "results", tmp_path / "truth")
    assert (figures["photos_without_hair"], figures["false_hairs_without_hair"]) == (2, 1.5)
    (tmp_path / "more").mkdir()
    assert judge(tmp_path / "more", hairs, hairs)["false_hairs_without_hair"] is None


def test_the_sheet_shows_each_kind_of_error(tmp_path: Path) -> None:
    hairs = grid_of_hairs()
    turned = [(r, (r[0] + (t[1] - r[1]), r[1] - (t[0] - r[0]))) for r, t in hairs[:3]]
    backwards = [(t, r) for r, t in hairs[3:5]]
    later = [((r[0] + 0.7 * (t[0] - r[0]), r[1] + 0.7 * (t[1] - r[1])), t) for r, t in hairs[5:6]]
    write_truth(tmp_path / "truth", "a", hairs)
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images/a.png"), np.full((1024, 1280, 3), 150, np.uint8))
    write_results(tmp_path / "results", {"a.png": turned + backwards + later + hairs[8:]})
    sheet = tmp_path / "sheets/worst.png"
    evaluate(tmp_path / "results", tmp_path / "truth", sheet=sheet)
    drawn = cv2.imread(str(sheet))[:, :, ::-1]
    for colour in (TRUE, FOUND):
        assert (drawn == colour).all(axis=2).sum() > 300
    with pytest.raises(TrichoscanError, match=r"no photo a\.png: name the photos' folder with --photos"):
        evaluate(tmp_path / "results", tmp_path / "truth", sheet=sheet, photos=tmp_path)


def test_one_hair_in_two_versions_is_one_error(tmp_path: Path) -> None:
    hairs = grid_of_hairs()
    backwards = [(t, r) for r, t in hairs[:2]]
    later = [((r[0] + 0.7 * (t[0] - r[0]), r[1] + 0.7 * (t[1] - r[1])), t) for r, t in hairs[2:3]]
    write_truth(tmp_path / "truth", "a", hairs)
    write_results(tmp_path / "results", {"a.jpg": backwards + later + hairs[5:]})
    files = truth_files(tmp_path / "results", tmp_path / "truth")
    (verdict,) = judge_all(tmp_path / "results", files, seams=False, direction="chord")
    kinds = [error.kind for error in errors_of(verdict, hair_rows(verdict, None))]
    assert sorted(kinds) == ["missed", "missed", "wrong direction", "wrong direction", "wrong root"]


def test_a_sheet_has_a_bare_and_a_drawn_picture_of_each_error() -> None:
    path = np.array([[10.0, 10.0], [70.0, 60.0]])
    square, corner = cut_square(np.full((50, 60, 3), 120, np.uint8), (5.0, 5.0), 80)
    assert square.shape == (80, 80, 3) and corner.tolist() == [-34, -34]
    assert (square[:34] == 0).all() and (square[34:, 34:] == 120)[:40, :40].all()
    error = ErrorPicture(np.full((80, 80, 3), 120, np.uint8), (), (), (path,), (), ("a.jpg", "thin"))
    without = draw_error_sheet({"Missed": []})
    sheet = draw_error_sheet({"Missed": [error]})
    assert sheet.shape[0] >= without.shape[0] + PANEL_PX
    top = np.flatnonzero((sheet == 120).all(axis=2).any(axis=1))[0]
    row = sheet[top : top + PANEL_PX]
    left, right = row[:, 16 : 16 + PANEL_PX], row[:, 20 + PANEL_PX : 20 + 2 * PANEL_PX]
    assert (left == 120).all()
    assert (right == TRUE).all(axis=2).any() and not (right == FOUND).all(axis=2).any()


def test_every_slice_is_documented() -> None:
    page = (Path(__file__).parents[1] / "docs/measures.md").read_text(encoding="utf-8")
    assert all(f"| {name} |" in page for name in SLICES)


def test_real_results_are_sliced(fdu: Path, tmp_path: Path) -> None:
    """Truth of real photos with a tenth left out, against itself: all that is missed is missed by chance."""
    rng = np.random.default_rng(2)
    found = {}
    for file in sorted((fdu / "truth").glob("*.json"))[:4]:
        marks = json.loads(file.read_text())["hairs"]
        found[f"{file.stem}.jpg"] = [
            (tuple(m["root"]), tuple(m["tip"]))
            for m in marks
            if m["kind"] != "abnormal" and rng.random() < 0.9
        ]
    write_results(tmp_path / "results", found)
    figures = evaluate(tmp_path / "results", fdu, seams=True, sheet=tmp_path / "sheet.png")
    rows = table(tmp_path, "evaluation_slices.csv")
    light = [row for key, row in rows.items() if key[0] == "light against skin"]
    assert sum(int(row["true_hairs"]) for row in light) == figures["true_hairs"]
    assert int(rows["light against skin", "black: below 0.2 of the skin's light"]["true_hairs"]) > 0
    assert figures["precision"] == 1.0
    assert (tmp_path / "sheet.png").stat().st_size > 10_000


def test_the_command_line_shows_the_slices_and_draws_the_sheet(tmp_path: Path) -> None:
    hairs = grid_of_hairs()
    write_truth(tmp_path / "truth", "a", hairs)
    cv2.imwrite(str(tmp_path / "a.png"), np.full((1024, 1280, 3), 150, np.uint8))
    write_results(tmp_path / "results", {"a.png": hairs[:24]})
    command = [
        "evaluate",
        tmp_path / "results",
        tmp_path,
        "--sheet",
        tmp_path / "b.png",
        "--photos",
        tmp_path,
    ]
    result = CliRunner().invoke(app, [str(part) for part in command])
    assert result.exit_code == 0, result.stderr
    assert re.search(r"^all +all +1 +48 +24 +0\.5 +24 +24 +1\.0 +0\.6667$", result.stdout, re.M)
    assert re.search(r"^ +0\.9 +1\.0 +24 +0\.9 +1\.0$", result.stdout, re.M)
    assert (tmp_path / "b.png").is_file()
