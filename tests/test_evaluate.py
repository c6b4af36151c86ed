from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from trichoscan.learn.evaluate import evaluate
from trichoscan.learn.hair_sets import NEEDED_COLUMNS
from trichoscan.records import TrichoscanError

UM_PER_PX = 5.0
SIZE = (1280, 1024)

HairVector = tuple[tuple[float, float], tuple[float, float]]


def grid_of_hairs(seed: int = 1) -> list[HairVector]:
    """Hairs well apart, clear of edges and of the middle lines; each (root, tip)."""
    rng = np.random.default_rng(seed)
    hairs = []
    for x in (100, 220, 340, 460, 760, 880, 1000, 1120):
        for y in (100, 220, 340, 640, 760, 880):
            angle = rng.uniform(0, 2 * np.pi)
            root = (x + rng.uniform(-5, 5), y + rng.uniform(-5, 5))
            hairs.append((root, (root[0] + 50 * np.cos(angle), root[1] + 50 * np.sin(angle))))
    return hairs


def write_truth(folder: Path, stem: str, hairs: list[HairVector], **more: list[object]) -> None:
    folder.mkdir(exist_ok=True)
    marks = [{"root": root, "tip": tip, "kind": "single"} for root, tip in hairs]
    for name, values in more.items():
        for mark, value in zip(marks, values, strict=True):
            mark[name] = value
    record = {"size": SIZE, "um_per_px": UM_PER_PX, "hairs": marks}
    (folder / f"{stem}.json").write_text(json.dumps(record))


def write_results(
    folder: Path,
    photos: dict[str, list[HairVector]],
    diameter_um: list[float] | None = None,
    confidence: list[float] | None = None,
    unit: list[int] | None = None,
) -> None:
    (folder / "geometry").mkdir(parents=True, exist_ok=True)
    with (folder / "images.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "status", "width_px", "height_px", "focus", "geometry"])
        table.writerows([image, "ok", *SIZE, 0.6, f"geometry/{Path(image).stem}.geojson"] for image in photos)
    with (folder / "hairs.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(NEEDED_COLUMNS["hairs.csv"])
        for image, hairs in photos.items():
            for i, (root, tip) in enumerate(hairs):
                diameter = diameter_um[i] if diameter_um else ""
                sure = confidence[i] if confidence else 0.9
                table.writerow([image, i + 1, unit[i] if unit else i + 1, *root, *tip, diameter, sure])


def judge(
    tmp_path: Path, found: list[HairVector], true: list[HairVector], **options: object
) -> dict[str, float | None]:
    write_truth(tmp_path / "truth", "a", true)
    write_results(tmp_path / "results", {"a.jpg": found})
    return evaluate(tmp_path / "results", tmp_path / "truth", **options)


def moved(hairs: list[HairVector], dx: float, degrees: float = 0.0) -> list[HairVector]:
    """Hairs with every root moved and every direction turned."""
    turn = np.deg2rad(degrees)
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    out = []
    for root, tip in hairs:
        start = np.add(root, (dx, 0.0))
        out.append((tuple(start), tuple(start + spin @ np.subtract(tip, root))))
    return out


def test_the_truth_scores_one(tmp_path: Path) -> None:
    hairs = grid_of_hairs()
    figures = judge(tmp_path, hairs[::-1], hairs)
    assert (figures["precision"], figures["recall"], figures["f1"]) == (1.0, 1.0, 1.0)
    assert (figures["true_hairs"], figures["found_hairs"], figures["count_error_percent"]) == (48, 48, 0)
    assert figures["root_error_median_um"] == pytest.approx(0, abs=1e-6)


def test_errors_of_known_size_are_measured(tmp_path: Path) -> None:
    hairs = grid_of_hairs()
    figures = judge(tmp_path, moved(hairs, 8.0, 6.0), hairs)
    assert figures["f1"] == 1.0
    assert figures["root_error_median_um"] == pytest.approx(40, abs=1e-6)
    assert figures["angle_error_median_deg"] == pytest.approx(6, abs=1e-6)


@pytest.mark.parametrize(("dx", "degrees"), [(28.5, 0.0), (0.0, 20.5), (0.0, 180.0)])
def test_what_lies_too_far_off_is_not_found(tmp_path: Path, dx: float, degrees: float) -> None:
    hairs = grid_of_hairs()
    assert judge(tmp_path, moved(hairs, dx, degrees), hairs)["f1"] == 0.0


@pytest.mark.parametrize(("dx", "degrees"), [(27.5, 0.0), (0.0, 19.5)])
def test_what_lies_near_enough_is_found(tmp_path: Path, dx: float, degrees: float) -> None:
    hairs = grid_of_hairs()
    assert judge(tmp_path, moved(hairs, dx, degrees), hairs)["f1"] == 1.0


def test_missed_and_invented_hairs_are_told_apart(tmp_path: Path) -> None:
    hairs = grid_of_hairs()
    figures = judge(tmp_path, hairs[:36] + moved(hairs[:12], 40.0), hairs)
    assert (figures["precision"], figures["recall"]) == (36 / 48, 36 / 48)
    assert figures["count_bias_percent"] == 0


def test_one_true_hair_is_found_once(tmp_path: Path) -> None:
    hairs = grid_of_hairs()
    figures = judge(tmp_path, hairs + moved(hairs, 2.0), hairs)
    assert (figures["precision"], figures["recall"], figures["count_bias_percent"]) == (0.5, 1.0, 100.0)


def test_two_hairs_of_one_root_are_paired_by_direction(tmp_path: Path) -> None:
    true = [((300.0, 300.0), (340.0, 310.0)), ((302.0, 300.0), (340.0, 290.0))]
    found = [((302.0, 300.0), (342.0, 310.0)), ((300.0, 300.0), (338.0, 290.0))]
    figures = judge(tmp_path, found, true)
    assert figures["f1"] == 1.0
    assert figures["angle_error_median_deg"] == pytest.approx(0, abs=1e-4)


def test_edges_debris_and_hidden_roots_are_not_judged(tmp_path: Path) -> None:
    hairs = grid_of_hairs()
    edge = [((10.0, 300.0), (60.0, 300.0)), ((600.0, 1000.0), (600.0, 960.0))]
    true = [*hairs, *edge]
    kinds = ["abnormal"] * 4 + ["single"] * (len(true) - 4)
    visible = [True] * 4 + [False] * 4 + [True] * (len(true) - 8)
    write_truth(tmp_path / "truth", "a", true, kind=kinds, root_visible=visible)
    write_results(tmp_path / "results", {"a.jpg": hairs[2:]})
    figures = evaluate(tmp_path / "results", tmp_path / "truth")
    assert (figures["precision"], figures["recall"], figures["true_hairs"]) == (1.0, 1.0, 40)


def test_seams_are_left_out_on_demand(tmp_path: Path) -> None:
    hairs = grid_of_hairs()
    seam = [((620.0, 300.0), (660.0, 320.0)), ((300.0, 530.0), (300.0, 560.0))]
    assert judge(tmp_path, hairs + seam, hairs)["precision"] == 48 / 50
    assert judge(tmp_path, hairs + seam, hairs, seams=True)["precision"] == 1.0


def test_thin_hairs_are_followed_on_their_own(tmp_path: Path) -> None:
    hairs = grid_of_hairs()
    write_truth(tmp_path / "truth", "a", hairs, kind=["undersize"] * 8 + ["premium"] * 40)
    write_results(tmp_path / "results", {"a.jpg": hairs[6:]})
    figures = evaluate(tmp_path / "results", tmp_path / "truth")
    assert figures["thin_recall"] == 2 / 8


def test_diameters_are_compared_where_truth_has_them(tmp_path: Path) -> None:
    hairs = grid_of_hairs()
    true_um = np.linspace(20, 100, 48)
    write_truth(tmp_path / "truth", "a", hairs, diameter_um=[*true_um])
    write_results(tmp_path / "results", {"a.jpg": hairs}, diameter_um=[*(0.9 * true_um + 5)])
    figures = evaluate(tmp_path / "results", tmp_path / "truth")
    assert figures["diameters"] == 48
    assert figures["diameter_slope"] == pytest.approx(0.9)
    assert figures["diameter_bias_um"] == pytest.approx(-1.0)
    assert figures["diameter_error_um"] == pytest.approx(np.abs(5 - 0.1 * true_um).mean())


def test_a_curved_hair_can_be_judged_by_its_start(tmp_path: Path) -> None:
    root, bend, tip = (300.0, 300.0), (380.0, 300.0), (380.0, 700.0)
    write_truth(tmp_path / "truth", "a", [(root, tip)], path=[[root, bend, tip]])
    write_results(tmp_path / "results", {"a.jpg": [(root, bend)]})
    line = {"type": "LineString", "coordinates": [root, bend]}
    features = [{"type": "Feature", "geometry": line, "properties": {"hair_id": 1}}]
    (tmp_path / "results/geometry/a.geojson").write_text(json.dumps({"features": features}))
    assert evaluate(tmp_path / "results", tmp_path / "truth")["f1"] == 0.0
    assert evaluate(tmp_path / "results", tmp_path / "truth", direction="start")["f1"] == 1.0


def test_counts_are_compared_photo_by_photo(tmp_path: Path) -> None:
    hairs = grid_of_hairs()
    for stem, n in (("a", 20), ("b", 40)):
        write_truth(tmp_path / "truth", stem, hairs[:n])
    write_results(tmp_path / "results", {"a.jpg": hairs[:25], "b.jpg": hairs[:35], "no_truth.jpg": hairs})
    figures = evaluate(tmp_path / "results", tmp_path)
    assert figures["photos"] == 2
    assert figures["count_bias_percent"] == 0
    assert figures["count_error_percent"] == pytest.approx((25 + 12.5) / 2)
    assert figures["count_r"] == pytest.approx(1.0)
    with (tmp_path / "results/evaluation.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["image"], row["false_hairs"], row["missed"]) for row in rows] == [
        ("a.jpg", "5", "0"),
        ("b.jpg", "0", "5"),
    ]
    assert json.loads((tmp_path / "results/evaluation.json").read_text()) == figures


def test_truth_without_a_result_is_counted_but_not_judged(tmp_path: Path) -> None:
    hairs = grid_of_hairs()
    write_truth(tmp_path / "truth", "b", hairs)
    figures = judge(tmp_path, hairs, hairs)
    assert (figures["photos"], figures["recall"], figures["truth_without_result"]) == (1, 1.0, 1)


def test_one_truth_for_two_photos_is_refused(tmp_path: Path) -> None:
    hairs = grid_of_hairs()
    write_truth(tmp_path / "truth", "a", hairs)
    write_results(tmp_path / "results", {"left/a.jpg": hairs, "right/a.jpg": []})
    with pytest.raises(TrichoscanError, match=r"truth of both left/a\.jpg and right/a\.jpg"):
        evaluate(tmp_path / "results", tmp_path / "truth")


@pytest.mark.parametrize("status", ["ok", "failed"])
def test_truth_of_a_photo_of_another_size_is_refused(tmp_path: Path, status: str) -> None:
    hairs = grid_of_hairs()
    write_truth(tmp_path / "truth", "a", hairs)
    write_results(tmp_path / "results", {"a.jpg": hairs if status == "ok" else []})
    table = tmp_path / "results/images.csv"
    size = "640,512" if status == "ok" else ","
    table.write_text(table.read_text().replace("ok,1280,1024", f"{status},{size}"))
    if status == "failed":
        assert evaluate(tmp_path / "results", tmp_path / "truth")["recall"] == 0.0
        return
    with pytest.raises(TrichoscanError, match=r"a photo of 1280x1024 px, but a\.jpg has 640x512"):
        evaluate(tmp_path / "results", tmp_path / "truth")


def test_nothing_found_is_no_crash(tmp_path: Path) -> None:
    figures = judge(tmp_path, [], grid_of_hairs())
    assert (figures["recall"], figures["precision"], figures["f1"]) == (0.0, None, 0.0)
    assert figures["root_error_median_um"] is None


@pytest.mark.parametrize("case", ["no results", "no truth", "damaged truth"])
def test_what_is_missing_is_named(tmp_path: Path, case: str) -> None:
    (tmp_path / "truth").mkdir()
    if case != "no results":
        write_results(tmp_path / "results", {"a.jpg": []})
    if case == "damaged truth":
        (tmp_path / "truth/a.json").write_text('{"size": [3]}')
    told = {"no results": "images.csv", "no truth": "no truth", "damaged truth": "not a truth file"}[case]
    with pytest.raises(TrichoscanError, match=told):
        evaluate(tmp_path / "results", tmp_path / "truth")


def test_it_agrees_with_the_common_scorer_on_real_truth(fdu: Path, tmp_path: Path) -> None:
    """Truth of real photos, disturbed, scored here and by the scorer that stands beside the data."""
    import subprocess
    import sys

    scorer = fdu.parents[1] / "score_vectors.py"
    if not scorer.is_file():
        pytest.skip(f"no scorer at {scorer}")
    rng = np.random.default_rng(5)
    found = {}
    for file in sorted((fdu / "truth").glob("*.json"))[:12]:
        marks = json.loads(file.read_text())["hairs"]
        hairs = [(tuple(m["root"]), tuple(m["tip"])) for m in marks if rng.random() < 0.85]
        found[f"{file.stem}.jpg"] = [
            (tuple(np.add(root, rng.normal(0, 9, 2))), tuple(np.add(tip, rng.normal(0, 9, 2))))
            for root, tip in hairs
        ]
    write_results(tmp_path, found)
    ours = evaluate(tmp_path, fdu, seams=True)
    command = [sys.executable, scorer, fdu / "truth", tmp_path, "--json", tmp_path / "theirs.json"]
    subprocess.run([str(part) for part in command], check=True, capture_output=True, timeout=120)
    theirs = json.loads((tmp_path / "theirs.json").read_text())
    for name in ("precision", "recall", "f1", "thin_recall", "count_r"):
        assert ours[name] == pytest.approx(theirs[name]), name
    assert ours["count_bias_percent"] == pytest.approx(100 * theirs["count_bias"])
    assert ours["count_error_percent"] == pytest.approx(100 * theirs["count_mape"])
    assert ours["root_error_median_um"] == pytest.approx(theirs["root_median_um"])
    assert ours["angle_error_median_deg"] == pytest.approx(theirs["angle_median_deg"])
