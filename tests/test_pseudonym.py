"""Codes in place of names: the same in every run with one key, others with another, and no name left."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from trichoscan.cli import app
from trichoscan.records import TrichoscanError
from trichoscan.study.manifest import Entry, list_entries
from trichoscan.study.pseudonym import code_of, hide_names, make_key, pseudonymize, read_key
from trichoscan.study.visits import find_pairs

KEY = b"k" * 32
MARKERS = ("Zorka", "Marker", "1961", "ward", "2026-01", "202601")


def entries() -> list[Entry]:
    rows = [
        ("ward 7/Zorka Marker 2026-01-12.jpg", "Zorka Marker", "vertex", "baseline", "2026-01-12"),
        ("ward 7/Zorka Marker 2026-06-29.jpg", "Zorka Marker", "vertex", "2026-06-29", "2026-06-29"),
        ("b/Zorka Marker left.dcm#2", "Zorka Marker", "left of marker", "seen 3.2.1961", "2026-01-05"),
        ("b/nobody.Marker", "", "vertex", "", ""),
        ("b/other.png", "S02", "vertex", "20260112", "2026-01-12"),
    ]
    return [Entry(Path("/photos") / i, i, s, t, v, d, frame=2 if "#" in i else 0) for i, s, t, v, d in rows]


def told(coded: list[Entry]) -> str:
    return "\n".join(" ".join((e.image, e.subject, e.site, e.visit, e.date, e.arm)) for e in coded)


def test_nothing_that_names_a_person_or_a_day_is_left() -> None:
    coded = pseudonymize(entries(), KEY)
    text = told(coded)
    assert not [marker for marker in MARKERS if marker.casefold() in text.casefold()]
    assert [e.image for e in coded] == sorted(e.image for e in coded) and len(coded) == 5
    assert {e.path for e in coded} == {e.path for e in entries()}
    assert all("/" not in e.image for e in coded)


def test_codes_and_days_are_those_of_the_subject() -> None:
    coded = {e.path.name: e for e in pseudonymize(entries(), KEY)}
    first, later, left = (coded[n] for n in (
        "Zorka Marker 2026-01-12.jpg", "Zorka Marker 2026-06-29.jpg", "Zorka Marker left.dcm#2"))  # fmt: skip
    assert first.subject == later.subject == left.subject == code_of(KEY, "subject", "Zorka Marker")
    assert (left.date, first.date, later.date) == ("00000", "00007", "00175")
    assert (first.site, first.visit, later.visit) == ("vertex", "baseline", "d00175")
    assert left.site == f"left of {left.subject}" and re.fullmatch(r"seen [A-Z2-7]{10}", left.visit)
    assert re.fullmatch(rf"{left.subject}_d00000_[A-Z2-7]{{10}}\.dcm#2", left.image)
    assert re.fullmatch(r"[A-Z2-7]{10}", coded["nobody.Marker"].image)


def test_pairs_and_their_days_are_the_same_as_with_names() -> None:
    with_names, without = find_pairs(entries()), find_pairs(pseudonymize(entries(), KEY))
    assert [p.days for p in with_names.pairs] == [p.days for p in without.pairs] == [168]
    followups = [[pair.followup.path for pair in visits.pairs] for visits in (with_names, without)]
    assert followups[0] == followups[1] and followups[0]


@given(st.text(min_size=1), st.binary(min_size=32, max_size=40))
def test_a_code_depends_on_the_text_the_kind_and_the_key(text: str, key: bytes) -> None:
    code = code_of(key, "subject", text)
    assert re.fullmatch("[A-Z2-7]{10}", code) and code == code_of(key, "subject", text)
    assert len({code, code_of(key, "image", text), code_of(key + b"x", "subject", text),
                code_of(key, "subject", text + "x")}) == 4  # fmt: skip


def test_two_spellings_of_one_name_share_a_code() -> None:
    assert code_of(KEY, "subject", "Zo\u00eb") == code_of(KEY, "subject", "Zoe\u0308")


def test_a_key_file_is_made_once_and_refused_when_weak(tmp_path: Path) -> None:
    file = tmp_path / "study.key"
    with pytest.raises(TrichoscanError, match="no such key file: make one with 'trichoscan codes"):
        read_key(file)
    assert CliRunner().invoke(app, ["codes", str(file), "--new"]).exit_code == 0
    key = read_key(file)
    assert len(key) == 64 and file.stat().st_mode & 0o077 == 0
    with pytest.raises(TrichoscanError, match="is there already"):
        make_key(file)
    assert read_key(file) == key
    (tmp_path / "weak.key").write_text("password")
    with pytest.raises(TrichoscanError, match="32 bytes or more"):
        read_key(tmp_path / "weak.key")


def test_who_has_key_and_photos_can_list_the_names(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(np.zeros((200, 200, 3), np.uint8)).save(folder / "Zorka_vertex.jpg")
    (tmp_path / "study.key").write_bytes(KEY)
    made = CliRunner().invoke(
        app, ["codes", str(tmp_path / "study.key"), str(folder), "--pattern", "{subject}_{site}"]
    )
    coded = pseudonymize(list_entries([folder], pattern="{subject}_{site}")[0], KEY)[0]
    assert made.stdout.splitlines()[1] == f"{coded.image},{coded.subject},,Zorka_vertex.jpg,Zorka,"


def test_results_of_a_run_hold_no_name_of_manifest_file_or_header(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    from dicom_files import dataset, written

    from trichoscan.study.batch import RunOptions, analyze_folder

    photos, out, key = tmp_path / "Quillon", tmp_path / "results", tmp_path / "study.key"
    photos.mkdir()
    exif = Image.Exif()
    exif[0x010E], exif[0x013B], exif[0x8298] = "Zorka Marker", "Zorka Marker", "Zorka Marker"
    exif.get_ifd(0x8825)[29] = "2026:01:12"
    for visit, day in (("baseline", "2026-01-12"), ("week24", "2026-06-29")):
        with Image.open(study / "images" / f"S1_vertex_{visit}.jpg") as image:
            image.save(photos / f"Zorka Marker {day}.jpg", exif=exif, quality=95, comment=b"Zorka Marker")
    pixels = np.full((220, 240, 3), 160, np.uint8)
    birth = {"PatientBirthDate": "19610302", "PatientName": "Zorka^Marker"}
    (photos / "Zorka.dcm").write_bytes(written(dataset(pixels, **birth)))
    cut = written(dataset(pixels, **birth))[:90000].replace(b"RGB ", b"Mark")
    (photos / "Zorka Marker cut.dcm").write_bytes(cut)
    shutil.copy(photos / "Zorka.dcm", photos / "Marker of Quillon.jpg")
    (photos / "manifest.csv").write_text(
        "image,subject,site,visit,date,um_per_px\n"
        "Zorka Marker 2026-01-12.jpg,Zorka Marker,vertex,baseline,2026-01-12,8\n"
        "Zorka Marker 2026-06-29.jpg,Zorka Marker,vertex,visit 2026-06-29,2026-06-29,8\n"
        "Zorka Marker cut.dcm,Zorka Marker,vertex,2026-01-20,2026-01-20,8\n"
    )
    make_key(key)
    summary = analyze_folder([photos], out, RunOptions(pseudonymize=key))
    assert (summary.ok, summary.failed, len(summary.pairs)) == (4, 1, 2)
    for path in sorted(out.rglob("*")):
        held = path.name.encode() + (path.read_bytes() if path.is_file() else b"")
        for marker in ("Zorka", "Marker", "19610302", "2026-01", "2026-06", "2026:01", "quillon"):
            assert marker.encode().lower() not in held.lower(), (path, marker)
    for note in summary.notes:
        assert "Zorka" not in note
    parameters = json.loads((out / "run.json").read_text())["parameters"]
    assert parameters["pseudonymized"] == code_of(read_key(key), "key", "")
    tables = {path.name: path.read_bytes() for path in out.glob("*.csv")}
    again = analyze_folder([photos], out, RunOptions(pseudonymize=key))
    assert again.kept == 4 and {path.name: path.read_bytes() for path in out.glob("*.csv")} == tables
    with pytest.raises(TrichoscanError, match="keep the key apart"):
        shutil.copy(key, out / "study.key")
        analyze_folder([photos], out, RunOptions(pseudonymize=out / "study.key"))


def test_a_pattern_that_holds_a_name_is_coded(tmp_path: Path) -> None:
    (tmp_path / "study.key").write_bytes(KEY)
    asked = {"pattern": "Zorka-{site}"}
    _, _, told = hide_names(entries(), [], asked, tmp_path / "study.key", tmp_path / "results")
    assert told["pattern"] == code_of(KEY, "pattern", "Zorka-{site}")
    _, _, told = hide_names(entries(), [], {"pattern": None}, tmp_path / "study.key", tmp_path / "results")
    assert told["pattern"] is None


def test_results_with_names_are_not_mixed_with_codes(clinic: Path, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "run.json").write_text('{"parameters": {"pattern": null}}')
    (tmp_path / "study.key").write_bytes(KEY)
    with pytest.raises(TrichoscanError, match="holds results with names"):
        hide_names(entries(), [], {}, tmp_path / "study.key", tmp_path / "results")
