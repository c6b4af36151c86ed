"""Damaged and hostile files and folders: read or refused in one line, never worse.

$TRICHOSCAN_FUZZ sets the number of files; 20,000 is the nightly run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trichoscan.photo.read import find_photos, read_photo
from trichoscan.records import TrichoscanError
from trichoscan.study.manifest import list_entries, read_manifest
from trichoscan.study.store import file_names

FILES = int(os.environ.get("TRICHOSCAN_FUZZ", "2000"))
AT_ONCE = 2000
MOST_MEGABYTES = 1200
"""A header may state up to 60 megapixels before its data turn out to be missing."""


@pytest.mark.parametrize("first", range(0, FILES, AT_ONCE))
def test_damaged_files_are_read_or_refused(tmp_path: Path, first: int) -> None:
    program = Path(__file__).with_name("fuzz_files.py")
    count = min(AT_ONCE, FILES - first)
    run = subprocess.run(
        [sys.executable, "-W", "error", str(program), str(tmp_path), str(first), str(count)],
        capture_output=True,
        text=True,
    )
    case = tmp_path / "case"
    assert run.returncode == 0, f"{run.stderr[-2000:]}\nafter {case.read_bytes()[:80]!r}; see fuzz_files.py"
    assert run.stderr == "" and int(run.stdout.split()[-1]) < MOST_MEGABYTES


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((200, 200, 3), 150, np.uint8)).save(path)


def test_damaged_manifests_are_read_or_refused(tmp_path: Path) -> None:
    picture(tmp_path / "a b.png")
    picture(tmp_path / "é.png")
    whole = (
        "image,subject,site,visit,date,arm,um_per_px,target_x_px,target_y_px,target_radius_px\r\n"
        'a b.png,"Doe, J",vertex,baseline,2026-01-12,A,5.5,100,100,50\r\né.png,S2,,,,,,,,\r\n'
    ).encode()
    read = 0
    for number in range(1500):
        rng = np.random.default_rng([11, number])
        data = bytearray(whole)
        for _ in range(int(rng.integers(1, 4))):
            at, length = int(rng.integers(len(data) + 1)), int(rng.integers(12))
            filling = [b"", b",", b";", b'"', b"\n", b"\0", b"\xff", b"#1", b"../", b"1e999", b"nan"]
            data[at : at + length * int(rng.integers(2))] = filling[int(rng.integers(len(filling)))]
        (tmp_path / "manifest.csv").write_bytes(data)
        try:
            entries, _ = list_entries([tmp_path])
            read += 1
            assert {e.path.name for e in entries} >= {"a b.png", "é.png"}
            assert all(e.um_per_px is None or e.um_per_px > 0 for e in entries)
        except TrichoscanError as error:
            assert "\n" not in str(error) and str(error).startswith(str(tmp_path)), bytes(data)
    assert 100 < read < 1400, "some are still sound, some are not"


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b.png", "../" * 2000, "/dev/zero", "#1", "."])
def test_wild_names_in_a_manifest_are_named(tmp_path: Path, name: str) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "manifest.csv").write_text(f"image\n{name}\n")
    with pytest.raises(TrichoscanError, match="row 2: "):
        read_manifest(tmp_path / "manifest.csv")


NAMES = (
    "ä ö ü 日本語 \u202e.png",
    "e\u0301.png",
    "x" * 250 + ".png",
    "  two  blanks  .png",
    "quote\"'`;&|$(x)<b>.png",
    "new\nline.png",
    "-rf.png",
    "=1+1.png",
    "a#1.png",
    "50%.png",
    "CON.png",
)


def test_any_name_is_found_and_named_safely(tmp_path: Path) -> None:
    for name in NAMES:
        picture(tmp_path / name)
    (tmp_path / os.fsdecode(b"not \xff utf.png")).write_bytes((tmp_path / "50%.png").read_bytes())
    entries, _ = list_entries([tmp_path])
    assert len(entries) == len(NAMES) + 1
    stems = file_names([entry.image for entry in entries])
    assert len({stem.casefold() for stem in stems}) == len(entries)
    for entry, stem in zip(entries, stems, strict=True):
        assert read_photo(entry.path).pixels.shape == (200, 200, 3)
        assert 0 < len(f"{stem}.geojson".encode()) <= 255 and "/" not in stem


def test_five_thousand_files_in_one_folder(tmp_path: Path) -> None:
    for number in range(5000):
        (tmp_path / f"{number % 2500}.{'jpg' if number < 2500 else 'JPG'}").touch()
    entries, _ = list_entries([tmp_path])
    assert len(entries) == 5000 and len(set(file_names([e.image for e in entries]))) == 5000


def test_pipes_and_devices_are_refused_and_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "device.jpg").symlink_to("/dev/zero")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    os.mkfifo(tmp_path / "IM0001")
    skipped: list[str] = []
    found = find_photos([tmp_path], skipped)
    assert [path.name for path in found] == ["device.jpg", "gone.jpg", "pipe.jpg"]
    assert len(skipped) == 1 and "loop.jpg: " in skipped[0]
    for path in found:
        with pytest.raises(TrichoscanError) as error:
            read_photo(path)
        assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)


def test_folders_that_cannot_be_opened_are_told_and_the_rest_is_read(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "up").symlink_to("..")
    here = os.open(tmp_path / "b", os.O_RDONLY)
    try:
        for _ in range(25):  # deeper than any path may be long
            os.mkdir("d" * 200, dir_fd=here)
            below = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
    finally:
        os.close(here)
    skipped: list[str] = []
    entries, _ = list_entries([tmp_path], skipped=skipped)
    assert [entry.image for entry in entries] == ["a.png"]
    assert len(skipped) == 1 and "cannot be opened" in skipped[0] and "\n" not in skipped[0]


def test_a_run_goes_on_past_what_cannot_be_read(tmp_path: Path) -> None:
    from trichoscan.study.batch import RunOptions, analyze_folder

    photos = tmp_path / "photos"
    picture(photos / "good.png")
    os.mkfifo(photos / "pipe.jpg")
    (photos / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (photos / "empty.dcm").touch()
    (photos / "cut.png").write_bytes((photos / "good.png").read_bytes()[:60])
    summary = analyze_folder([photos], tmp_path / "results", RunOptions(um_per_px=5.5))
    assert (summary.ok, summary.failed) == (1, 4)
