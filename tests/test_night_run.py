"""What a night run meets: another run, SIGTERM, a full disk, a read-only folder, photos that vanish."""

from __future__ import annotations

import csv
import ctypes
import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from killed_runs import differences, tree
from test_executors import wait_until

from trichoscan.records import TrichoscanError
from trichoscan.study.batch import Outcome, RunOptions, analyze_folder
from trichoscan.study.events import log_event, mend_log, read_events
from trichoscan.study.lock import held, read_holder

PROGRAM = "from trichoscan.cli import main; main()"
CAP_DAC_OVERRIDE, PR_CAPBSET_DROP = 1, 24


def command(photos: Path, out: Path, *more: str) -> list[str]:
    return [
        sys.executable,
        "-c",
        PROGRAM,
        "analyze",
        str(photos),
        "-o",
        str(out),
        "--um-per-px",
        "5.5",
        *more,
    ]


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "images.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def events_of(out: Path) -> list[str]:
    return [event["event"] for event in read_events(out)]


@pytest.fixture
def photos(clinic: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        shutil.copy(clinic / "images" / f"photo_{number}.jpg", folder)
    return folder


@pytest.fixture(scope="module")
def reference(clinic: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files of an undisturbed run over the three photos, beside them."""
    folder = tmp_path_factory.mktemp("reference")
    shutil.copytree(clinic / "images", folder / "photos", ignore=shutil.ignore_patterns("*.csv"))
    analyze_folder([folder / "photos"], folder / "out", RunOptions(um_per_px=5.5))
    return tree(folder / "out")


def same(out: Path, reference: dict[str, str]) -> bool:
    """Same files; those that tell where the photos lie aside."""
    return [name for name in differences(out, reference) if not name.endswith("places.json")] == []


def test_events_tell_what_happened(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (photos / "photo_1.jpg").write_bytes(b"no photo")
    analyze_folder([photos], out, RunOptions(um_per_px=5.5))
    events = read_events(out)
    assert [event["event"] for event in events] == [
        "run_started", "photo_done", "photo_failed", "photo_done", "run_ended",
    ]  # fmt: skip
    assert events[0]["parameters"]["um_per_px"] == 5.5 and events[0]["trichoscan"]
    assert [event["image"] for event in events[1:4]] == ["photo_0.jpg", "photo_1.jpg", "photo_2.jpg"]
    assert all(event["seconds"] > 0 for event in events[1:])
    assert events[2]["error"] == rows(out)[1]["error"] != ""
    assert str(tmp_path) not in (out / "events.jsonl").read_text()
    before = (out / "events.jsonl").read_bytes()
    analyze_folder([photos], out, RunOptions(um_per_px=5.5))
    assert (out / "events.jsonl").read_bytes().startswith(before)
    assert events_of(out)[5:] == ["run_started", "photo_reused", "photo_reused", "photo_failed", "run_ended"]


def test_events_name_nobody_under_pseudonyms(clinic: Path, tmp_path: Path) -> None:
    from trichoscan.study.pseudonym import make_key

    photos, out, key = tmp_path / "photos", tmp_path / "out", tmp_path / "study.key"
    photos.mkdir()
    shutil.copy(clinic / "images" / "photo_0.jpg", photos / "Anna-Muster_vertex.jpg")
    (photos / "Anna-Muster_front.jpg").write_bytes(b"no photo")
    make_key(key)
    analyze_folder([photos], out, RunOptions(pattern="{subject}_{site}", um_per_px=5.5, pseudonymize=key))
    told = (out / "events.jsonl").read_text()
    assert "Anna" not in told and "Muster" not in told and str(tmp_path) not in told
    assert {event["image"] for event in read_events(out) if "image" in event} == {
        r["image"] for r in rows(out)
    }
    log_event(out, "earlier", "run_started", parameters={})
    (out / "run.json").unlink()
    with pytest.raises(TrichoscanError, match="holds results with names"):
        analyze_folder([photos], out, RunOptions(pattern="{subject}_{site}", um_per_px=5.5, pseudonymize=key))


def test_a_line_that_a_crash_left_is_cut_off(tmp_path: Path) -> None:
    mend_log(tmp_path)
    log_event(tmp_path, "1", "whole", image="\udcff\u00e9.jpg")
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('{"time": "2026-')
    mend_log(tmp_path)
    log_event(tmp_path, "2", "next")
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["whole", "next"]


def test_a_run_that_changes_nothing_leaves_every_file(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    analyze_folder([photos], out, RunOptions(um_per_px=5.5))
    first = tree(out)
    os.utime(out / "report.html", (1, 1))
    analyze_folder([photos], out, RunOptions(um_per_px=5.5))
    assert tree(out) == first
    assert (out / "report.html").stat().st_mtime == 1, "the report is not made anew"
    (out / "report.html").write_text("spoilt")
    analyze_folder([photos], out, RunOptions(um_per_px=5.5))
    assert tree(out) == first


def test_two_runs_do_not_share_a_folder(photos: Path, tmp_path: Path, reference: dict[str, str]) -> None:
    out = tmp_path / "out"
    told: list[str] = []

    def second(*_: object) -> None:
        if not told:
            other = subprocess.run(command(photos, out), capture_output=True, text=True, check=False)
            assert other.returncode == 2 and other.stderr.count("\n") == 1
            told.append(other.stderr)

    analyze_folder([photos], out, RunOptions(um_per_px=5.5), on_progress=second)
    assert f"another run is at work there, process {os.getpid()} on " in told[0]
    assert "wait for it, stop it, or name another folder" in told[0]
    assert same(out, reference)
    assert read_holder(out) == {}


def test_a_dead_run_holds_nothing(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from trichoscan.study.lock import held\n"
        "with held(Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"
    )
    run = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    assert run.stdout is not None and run.stdout.readline() == b"held\n"
    with pytest.raises(TrichoscanError, match=f"process {run.pid} on "), held(tmp_path):
        pass
    run.kill()
    run.wait()
    run.stdout.close()
    with held(tmp_path):
        assert read_holder(tmp_path)["process"] == os.getpid()


def test_a_folder_without_locks_is_held_by_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl", reason="locks of another kind")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with held(tmp_path):
        with pytest.raises(TrichoscanError, match=r"if it is dead, delete .*lock\.held"), held(tmp_path):
            pass
        assert read_holder(tmp_path)["process"] == os.getpid()
    with held(tmp_path):
        pass


@pytest.mark.skipif(os.name == "nt", reason="sends SIGTERM")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_ends_a_run_cleanly_and_the_next_goes_on(clinic: Path, tmp_path: Path, workers: str) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for number in range(100):
        shutil.copy(clinic / "images" / "photo_0.jpg", photos / f"{number}.jpg")
    run = subprocess.Popen(command(photos, out, "--workers", workers), stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: "photo_done" in events_of(out) or run.poll() is not None)
        run.terminate()
        _, told = run.communicate(timeout=300)
    finally:
        run.kill()
    assert run.returncode == 143
    assert told == "trichoscan: stopped; what is finished is kept: run the same command again to go on\n"
    assert events_of(out)[-1] == "run_interrupted"
    done = events_of(out).count("photo_done")
    assert 0 < done < 100
    for path in photos.iterdir():
        if not any(path.name == event.get("image") for event in read_events(out)):
            path.unlink()
    assert analyze_folder([photos], out, RunOptions(um_per_px=5.5)).kept == done


def small_disk(script: str) -> list[str]:
    """Command that runs a script with a disk of its own, which nobody else sees."""
    return ["unshare", "--mount", "sh", "-c", f"mount -t tmpfs -o size=128k small $DISK && {script}"]


def can_mount(tmp_path: Path) -> bool:
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run(
        small_disk("true"), env=os.environ | {"DISK": str(tmp_path)}, capture_output=True, check=False
    )
    return tried.returncode == 0


def test_a_full_disk_is_told_and_what_is_done_is_kept(
    photos: Path, tmp_path: Path, reference: dict[str, str]
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if not can_mount(disk):
        pytest.skip("may not mount a small disk here")
    environment = os.environ | {"DISK": str(disk)}
    first = " ".join(f"'{part}'" for part in command(photos, disk / "out"))
    copied = tmp_path / "copied"
    done = subprocess.run(
        small_disk(f"{first}; code=$?; cp -r {disk}/out {copied}; exit $code"),
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"trichoscan: {disk / 'out'}: the disk is full (No space left on device): ")
    assert done.stderr.endswith("make room, and run the same command again\n")
    assert not list(copied.rglob(".trichoscan-*.tmp"))
    assert analyze_folder([photos], copied, RunOptions(um_per_px=5.5)).ok == 3
    assert same(copied, reference)


@pytest.fixture
def unwritable(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "out"
    folder.mkdir()
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)


def without_override() -> None:
    """Root, too, shall heed permissions."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="drops a capability of Linux")
def test_a_folder_that_cannot_be_written_is_told(photos: Path, unwritable: Path) -> None:
    probe = [sys.executable, "-c", f"open({str(unwritable / 'x')!r}, 'w')"]
    if subprocess.run(probe, preexec_fn=without_override, capture_output=True, check=False).returncode == 0:
        pytest.skip("root cannot be kept from writing here")
    done = subprocess.run(
        command(photos, unwritable), preexec_fn=without_override, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert (
        done.stderr == f"trichoscan: {unwritable}: cannot be made (Permission denied): name another folder\n"
    )


def vanish(photos: Path) -> Callable[[Outcome, int], None]:
    def remove(*_: object) -> None:
        (photos / "photo_2.jpg").unlink(missing_ok=True)

    return remove


def test_a_photo_that_vanishes_has_a_row_and_the_run_goes_on(
    clinic: Path, tmp_path: Path, reference: dict[str, str]
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for number in range(3):
        shutil.copy(clinic / "images" / f"photo_{number}.jpg", photos)
    shutil.copy(photos / "photo_2.jpg", tmp_path)
    for number in range(3, 7):  # so that photo_2, named last, is not read ahead
        shutil.copy(photos / "photo_0.jpg", photos / f"photo_0{number}.jpg")
    summary = analyze_folder([photos], out, RunOptions(um_per_px=5.5), on_progress=vanish(photos))
    assert (summary.ok, summary.failed) == (6, 1)
    gone = rows(out)[-1]
    assert (gone["image"], gone["status"]) == ("photo_2.jpg", "failed")
    assert "no such file" in gone["error"] and str(tmp_path) not in gone["error"]
    shutil.copy(tmp_path / "photo_2.jpg", photos)
    for number in range(3, 7):
        (photos / f"photo_0{number}.jpg").unlink()
    assert analyze_folder([photos], out, RunOptions(um_per_px=5.5)).kept == 2
    assert same(out, reference)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_folder_of_photos_that_vanishes_ends_the_run(
    photos: Path, tmp_path: Path, reference: dict[str, str], workers: int
) -> None:
    for number in range(3, 13):
        shutil.copy(photos / "photo_0.jpg", photos / f"photo_0{number}.jpg")

    def take_away(*_: object) -> None:
        if photos.is_dir():
            photos.rename(tmp_path / "away")

    out = tmp_path / "out"
    with pytest.raises(TrichoscanError, match="no photo is there any more; what is done is kept"):
        analyze_folder([photos], out, RunOptions(um_per_px=5.5, workers=workers), on_progress=take_away)
    assert events_of(out)[-1] == "run_failed" and "photo_failed" not in events_of(out)
    (tmp_path / "away").rename(photos)
    for number in range(3, 13):
        (photos / f"photo_0{number}.jpg").unlink()
    assert analyze_folder([photos], out, RunOptions(um_per_px=5.5)).ok == 3
    assert same(out, reference)


def test_no_network_is_touched_and_nothing_is_unpickled(photos: Path, tmp_path: Path) -> None:
    told = (
        "import sys\n"
        "def hook(event, args):\n"
        "    if event in ('socket.__new__', 'socket.getaddrinfo', 'pickle.find_class'):\n"
        "        sys.stderr.write(f'{event} {args}\\n')\n"
        "sys.addaudithook(hook)\n"
    )
    run = command(photos, tmp_path / "out")
    run[2] = told + run[2]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "trichoscan: " not in line]) == (
        0,
        [],
    )


def test_only_what_depends_on_a_change_is_done_again(study: Path, measured: Path, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    shutil.copytree(study / "images", photos)
    shutil.copytree(measured, out)
    earlier = len(read_events(out))
    image = photos / "S2_vertex_baseline.jpg"
    data = image.read_bytes()
    image.write_bytes(
        data[:2] + b"\xff\xfe\x00\x06note" + data[2:]
    )  # a comment: other bytes, the same picture
    analyze_folder([photos], out)
    done = {(e["event"], e.get("image", e.get("pair"))) for e in read_events(out)[earlier:]}
    again = {what for event, what in done if event in ("photo_done", "pair_done", "pair_refused")}
    kept = {what for event, what in done if event in ("photo_reused", "pair_reused")}
    assert image.name in again and all("S2" in what for what in again)
    assert {what for what in kept if "S1" in what} >= {"S1_vertex_baseline.jpg", "S1_vertex_week24.jpg"}
    assert len([what for what in kept if "__" in what]) == 1
