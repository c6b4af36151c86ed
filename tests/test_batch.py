from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from test_executors import wait_until

from trichoscan.records import TrichoscanError
from trichoscan.study import store
from trichoscan.study.batch import Outcome, RunOptions, analyze_folder

TABLES = ("images.csv", "hairs.csv")


@pytest.fixture
def photos(clinic: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clinic / "images", tmp_path / "photos"))


@pytest.fixture(scope="module")
def reference(clinic: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of one undisturbed run over the clinic."""
    out = tmp_path_factory.mktemp("reference") / "results"
    analyze_folder([clinic / "images"], out)
    return out


def tables(out: Path) -> list[bytes]:
    return [(out / name).read_bytes() for name in TABLES]


def rows(out: Path, name: str = "images.csv") -> list[dict[str, str]]:
    with (out / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def files(out: Path) -> set[str]:
    return {
        path.relative_to(out).as_posix()
        for path in out.rglob("*")
        if path.is_file() and ".parts" not in path.parts
    }


def test_a_folder_of_phantoms_is_measured(reference: Path) -> None:
    measured = rows(reference)
    assert [row["image"] for row in measured] == ["photo_0.jpg", "photo_1.jpg", "photo_2.jpg"]
    assert {row["status"] for row in measured} == {"ok"}
    assert {row["subject"] for row in measured} == {"P0", "P1", "P2"}
    assert {row["um_per_px_source"] for row in measured} == {"manifest"}
    hairs = rows(reference, "hairs.csv")
    for row in measured:
        counted = [hair for hair in hairs if hair["image"] == row["image"] and hair["counted"] == "true"]
        assert int(row["hair_count"]) == len(counted) > 0
        collection = json.loads((reference / row["geometry"]).read_text())
        lines = [f for f in collection["features"] if f["geometry"]["type"] == "LineString"]
        assert len(lines) == sum(hair["image"] == row["image"] for hair in hairs)
    expected = {
        f"{folder}/photo_{i}.{kind}"
        for i in range(3)
        for folder, kind in (("geometry", "geojson"), ("overlays", "jpg"))
    }
    assert files(reference) == expected | {*TABLES, "run.json", "report.html", "events.jsonl"}
    run = json.loads((reference / "run.json").read_text())
    assert set(run) == {"trichoscan", "weights", "parameters", "inputs", "machine"}
    assert set(run["inputs"]) == {row["image"] for row in measured}


def test_a_second_run_takes_what_is_there(photos: Path, tmp_path: Path, reference: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(reference, out)
    seen: list[Outcome] = []
    summary = analyze_folder([photos], out, on_progress=lambda outcome, _: seen.append(outcome))
    assert (summary.ok, summary.kept, summary.failed) == (3, 3, 0)
    assert [outcome.image for outcome in seen if outcome.kept] == [
        "photo_0.jpg",
        "photo_1.jpg",
        "photo_2.jpg",
    ]
    assert tables(out) == tables(reference)


def test_only_what_changed_is_measured_again(photos: Path, tmp_path: Path, reference: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(reference, out)
    shutil.copy(photos / "photo_0.jpg", photos / "photo_1.jpg")
    (out / "overlays" / "photo_2.jpg").unlink()
    summary = analyze_folder([photos], out)
    assert (summary.ok, summary.kept) == (3, 1)
    by_name = {row["image"]: row for row in rows(out)}
    assert by_name["photo_1.jpg"]["hair_count"] == by_name["photo_0.jpg"]["hair_count"]
    assert (out / "overlays" / "photo_2.jpg").is_file()


def test_what_the_manifest_says_of_a_subject_needs_no_new_measurement(
    photos: Path, tmp_path: Path, reference: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(reference, out)
    manifest = photos / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("baseline", "week24"))
    assert analyze_folder([photos], out).kept == 3
    assert {row["visit"] for row in rows(out)} == {"week24"}


@pytest.mark.parametrize("change", ["overwrite", "vellus", "version"])
def test_another_setting_measures_again(photos: Path, tmp_path: Path, reference: Path, change: str) -> None:
    out = tmp_path / "out"
    shutil.copytree(reference, out)
    if change == "version":
        for part in (out / ".parts").glob("*.json"):
            record = json.loads(part.read_text())
            record["made_from"]["version"] = "0.0.1"
            part.write_text(json.dumps(record))
    (photos / "photo_1.jpg").unlink()
    (photos / "photo_2.jpg").unlink()
    (photos / "manifest.csv").unlink()
    options = {"overwrite": {"overwrite": True}, "vellus": {"vellus_below_um": 40.0}, "version": {}}[change]
    assert analyze_folder([photos], out, RunOptions(um_per_px=5.5, **options)).kept == 0
    left = {"geometry/photo_0.geojson", "overlays/photo_0.jpg", *TABLES, "run.json", "report.html"}
    assert files(out) == left | {"events.jsonl"}


def test_a_photo_that_fails_has_a_row_and_the_run_goes_on(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name in ("photo_1.jpg", "photo_2.jpg", "manifest.csv"):
        (photos / name).unlink()
    (photos / "[red]=1.jpg").write_bytes(b"no photo")
    summary = analyze_folder([photos], out, RunOptions(um_per_px=5.5))
    assert (summary.ok, summary.failed) == (1, 1)
    broken, whole = rows(out)
    assert (broken["image"], broken["status"], broken["geometry"]) == ("[red]=1.jpg", "failed", "")
    assert broken["error"] and str(tmp_path) not in broken["error"]
    assert (whole["status"], whole["um_per_px_source"]) == ("ok", "option")


@pytest.mark.parametrize("stopped", [False, True])
def test_results_among_the_photos_are_not_read_as_photos(
    photos: Path, reference: Path, stopped: bool
) -> None:
    out = photos / "results"
    shutil.copytree(reference, out)
    if stopped:
        (out / "images.csv").unlink()
        (out / "run.json").unlink()
    assert analyze_folder([photos], out).kept == 3
    assert tables(out) == tables(reference)


def test_equal_stems_in_two_folders_stay_apart(photos: Path, tmp_path: Path) -> None:
    for name in ("photo_1.jpg", "photo_2.jpg", "manifest.csv"):
        (photos / name).unlink()
    (photos / "sub").mkdir()
    shutil.copy(photos / "photo_0.jpg", photos / "sub" / "photo_0.jpg")
    analyze_folder([photos], tmp_path / "out", RunOptions(um_per_px=5.5))
    geometry = [row["geometry"] for row in rows(tmp_path / "out")]
    assert len(set(geometry)) == 2
    assert all((tmp_path / "out" / name).is_file() for name in geometry)
    assert len(list((tmp_path / "out" / "overlays").iterdir())) == 2


def stop(_outcome: Outcome, _photos: int) -> None:
    raise KeyboardInterrupt


def test_an_interrupted_run_keeps_what_is_finished(photos: Path, tmp_path: Path, reference: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        analyze_folder([photos], out, on_progress=stop)
    assert not (out / "images.csv").exists()
    assert analyze_folder([photos], out).kept == 1
    assert tables(out) == tables(reference)


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_ends_a_run_and_tells_how_to_go_on(clinic: Path, tmp_path: Path) -> None:
    """With far more photos than can be measured between the first one and the signal."""
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for i in range(100):
        shutil.copy(clinic / "images" / "photo_0.jpg", photos / f"{i}.jpg")
    program = "from trichoscan.cli import main; main()"
    command = [sys.executable, "-c", program, "analyze", str(photos), "-o", str(out), "--um-per-px", "5.5"]
    # A job in the background of a shell is born deaf to Ctrl-C.
    run = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        wait_until(lambda: list((out / ".parts").glob("*.json")) or run.poll() is not None)
        run.send_signal(signal.SIGINT)
        _, told = run.communicate(timeout=300)
    finally:
        run.kill()
    assert run.returncode == 130
    assert "stopped; what is finished is kept: run the same command again to go on" in told
    assert list((out / ".parts").glob("*.json"))
    assert not (out / "images.csv").exists()


def test_a_run_stopped_within_a_photo_leaves_no_mixture(
    photos: Path, tmp_path: Path, reference: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped when geometry and overlay of the new settings are there and the rows are not."""
    out = tmp_path / "out"
    shutil.copytree(reference, out)

    def stop_before_the_rows(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, "write_part", stop_before_the_rows)
        with pytest.raises(KeyboardInterrupt):
            analyze_folder([photos], out, RunOptions(vellus_below_um=60.0))
    assert analyze_folder([photos], out).kept == 2
    assert tables(out) == tables(reference)
    for name in files(reference) - {"events.jsonl"}:
        assert (out / name).read_bytes() == (reference / name).read_bytes(), name


@pytest.mark.parametrize("options", [{"weights": "no-such-weights"}, {"device": "cuda"}])
def test_overwrite_deletes_nothing_before_it_can_measure(
    photos: Path, tmp_path: Path, reference: Path, options: dict[str, str]
) -> None:
    from trichoscan.segment.infer import resolve_device

    if options.get("device") == resolve_device("auto"):
        pytest.skip("there is a GPU")
    out = tmp_path / "out"
    shutil.copytree(reference, out)
    with pytest.raises(TrichoscanError, match=r"no-such-weights|no GPU"):
        analyze_folder([photos], out, RunOptions(overwrite=True, **options))
    assert files(out) == files(reference)
    assert analyze_folder([photos], out).kept == 3


def test_overwrite_measures_again_and_several_workers_write_the_same_bytes(
    photos: Path, tmp_path: Path, reference: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(reference, out)
    assert analyze_folder([photos], out, RunOptions(overwrite=True, workers=2)).kept == 0
    assert tables(out) == tables(reference)


def test_photos_that_leave_the_results_are_told(photos: Path, tmp_path: Path, reference: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(reference, out)
    summary = analyze_folder([photos / "photo_1.jpg"], out)
    assert summary.kept == 1
    assert [row["image"] for row in rows(out)] == ["photo_1.jpg"]
    assert [note.split(":")[0] for note in summary.notes] == [
        "2 photos of earlier runs are no longer in RESULTS"
    ]
    assert analyze_folder([photos / "photo_1.jpg"], out).notes == ()


def test_a_name_like_a_formula_in_a_folder_is_kept_by_the_next_run(clinic: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photos" / "sub" / "-2.jpg"
    photo.parent.mkdir(parents=True)
    shutil.copy(clinic / "images" / "photo_0.jpg", photo)
    out = tmp_path / "out"
    analyze_folder([photo.parents[1]], out, RunOptions(um_per_px=5.5))
    (row,) = rows(out)
    assert (out / row["geometry"]).is_file()
    assert analyze_folder([photo.parents[1]], out, RunOptions(um_per_px=5.5)).kept == 1


def test_a_file_of_the_manifest_that_is_no_photo_fails(photos: Path, tmp_path: Path) -> None:
    (photos / "notes.dat").write_text("no photo")
    (photos / "photo_1.jpg").unlink()
    (photos / "photo_2.jpg").unlink()
    (photos / "manifest.csv").write_text("image,um_per_px\nphoto_0.jpg,5.5\nnotes.dat,5.5\n")
    summary = analyze_folder([photos], tmp_path / "out")
    assert (summary.ok, summary.failed) == (1, 1)
    assert [row["status"] for row in rows(tmp_path / "out")] == ["failed", "ok"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"um_per_px": 0.0}, "--um-per-px 0"),
        ({"vellus_below_um": -3.0}, "--vellus-below -3"),
        ({"workers": 0}, "--workers 0"),
        ({"weights": "no-such-weights"}, "no-such-weights"),
        ({"pattern": "x"}, "--pattern"),
    ],
)
def test_bad_options_are_refused_before_the_first_photo(
    photos: Path, tmp_path: Path, options: dict[str, object], told: str
) -> None:
    with pytest.raises(TrichoscanError, match=told):
        analyze_folder([photos], tmp_path / "out", RunOptions(**options))


def test_the_folder_of_photos_is_no_results_folder(photos: Path) -> None:
    with pytest.raises(TrichoscanError, match="name another folder"):
        analyze_folder([photos], photos)
    assert not (photos / ".parts").exists()


def test_results_around_the_photos_are_refused(photos: Path) -> None:
    before = set(photos.parent.rglob("*"))
    with pytest.raises(TrichoscanError, match="name another folder"):
        analyze_folder([photos], photos.parent)
    assert set(photos.parent.rglob("*")) == before
