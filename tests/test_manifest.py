from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trichoscan.records import TargetArea, TrichoscanError
from trichoscan.study.manifest import list_entries, read_manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.jpg", "sub/a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def manifest(folder: Path, text: str | bytes) -> Path:
    path = folder / "manifest.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


FULL = "image,subject,site,visit,date,arm,um_per_px,target_x_px,target_y_px,target_radius_px\n"


def test_every_column_is_read(folder: Path) -> None:
    path = manifest(folder, FULL + "sub/a.jpg,S1,vertex,week24,2026-02-03,active,5.54,100,120.5,80\n")
    (entry,) = read_manifest(path)
    assert entry.path == folder / "sub/a.jpg"
    assert (entry.subject, entry.site, entry.visit) == ("S1", "vertex", "week24")
    assert (entry.date, entry.arm, entry.um_per_px) == ("2026-02-03", "active", 5.54)
    assert entry.target == TargetArea(100, 120.5, 80)


@pytest.mark.parametrize(
    "text",
    [
        "image,um_per_px\na.jpg,5.54\n",
        "\ufeffimage,um_per_px\r\na.jpg,5.54\r\n",
        "Image;um_per_px\r\na.jpg;5,54\r\n",
        "image;um_per_px;note\na.jpg;5.54;left, near the ear\n",
        "sep=;\r\nimage;um_per_px\r\na.jpg;5,54",
        "\nimage\tum_per_px\n\n a.jpg \t 5.54 \n\t\n",
        'image,note,um_per_px\na.jpg,"two\nlines",5.54\n',
        "image,um_per_px,\na.jpg,5.54,\n",
    ],
)
def test_spreadsheets_write_it_in_many_ways(folder: Path, text: str) -> None:
    (entry,) = read_manifest(manifest(folder, text))
    assert (entry.path, entry.um_per_px) == (folder / "a.jpg", 5.54)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("file\na.jpg\n", "no column 'image'"),
        ("", "no column 'image'"),
        ("image,site,site\na.jpg,x,y\n", "two columns called 'site'"),
        ("image\na.jpg\n\na.jpg\n", "row 4: 'a.jpg' is already in row 2"),
        ("image\na.jpg\n./a.jpg\n", "row 3: './a.jpg' is already in row 2"),
        ("image\nc.jpg\n", "row 2: no photo 'c.jpg'"),
        ("image,um_per_px\na.jpg,five\n", "row 2: um_per_px 'five'"),
        ("image,um_per_px\na.jpg,-1\n", "row 2: um_per_px '-1'"),
        ("image,um_per_px\na.jpg,nan\n", "row 2: um_per_px 'nan'"),
        ("image,date\na.jpg,03.02.2026\n", "date '03.02.2026': write it as YYYY-MM-DD"),
        ("image,date\na.jpg,2026-02-30\n", "row 2: date"),
        ("image,date\na.jpg,2026-W01-1\n", "row 2: date"),
        ("image,target_x_px\na.jpg,10\n", "give all or none"),
        ("image,subject\n,S1\n", "row 2: no image"),
        ("image,subject\na.jpg,Doe, Jane\n", "row 2: more cells than the header"),
        (b"image,subject\na.jpg,Z\xfcrich\n", "not UTF-8"),
        ('image\n"a.jpg\n', "not a CSV file"),
    ],
)
def test_what_is_wrong_is_named_with_its_row(folder: Path, text: str | bytes, told: str) -> None:
    path = manifest(folder, text)
    with pytest.raises(TrichoscanError) as error:
        read_manifest(path)
    assert str(error.value).startswith(f"{path}: ")
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_all_problems_are_told_at_once_but_not_hundreds(folder: Path) -> None:
    path = manifest(folder, "image,date\n" + "".join(f"missing_{i}.jpg,tomorrow\n" for i in range(50)))
    with pytest.raises(TrichoscanError, match=r"row 2: .*row 3: .*and 95 more$"):
        read_manifest(path)


def test_a_missing_manifest_is_told(folder: Path) -> None:
    with pytest.raises(TrichoscanError, match=r"nowhere\.csv: cannot be read"):
        list_entries([folder], manifest=folder / "nowhere.csv")


def test_entries_are_sorted_and_named_relative_to_the_folder(folder: Path) -> None:
    manifest(folder, "image,subject\nb.jpg,S2\n")
    entries, unmatched = list_entries([folder])
    assert [entry.image for entry in entries] == ["a.jpg", "b.jpg", "sub/a.jpg"]
    assert [entry.subject for entry in entries] == ["", "S2", ""]
    assert unmatched == []


def test_photos_of_several_folders_keep_distinct_names(folder: Path) -> None:
    entries, _ = list_entries([folder / "sub", folder / "a.jpg"])
    assert [entry.image for entry in entries] == ["a.jpg", "sub/a.jpg"]


def test_a_single_photo_gets_the_row_of_the_manifest_beside_it(folder: Path) -> None:
    manifest(folder, "image,um_per_px\nb.jpg,4\n")
    entries, _ = list_entries([folder / "b.jpg"])
    assert [(entry.image, entry.um_per_px) for entry in entries] == [("b.jpg", 4.0)]


def test_the_pattern_fills_in_where_the_manifest_is_silent(tmp_path: Path) -> None:
    for name in ("S1_vertex_week0.jpg", "S2_vertex_week0.jpg", "S3_vertex.jpg", "S4_left_side_week0.jpg"):
        (tmp_path / name).touch()
    manifest(tmp_path, "image,subject\nS2_vertex_week0.jpg,from manifest\n")
    entries, unmatched = list_entries([tmp_path], pattern="{subject}_{site}_{visit}")
    by_name = {entry.image: (entry.subject, entry.site, entry.visit) for entry in entries}
    assert by_name["S1_vertex_week0.jpg"] == ("S1", "vertex", "week0")
    assert by_name["S2_vertex_week0.jpg"] == ("from manifest", "vertex", "week0")
    assert by_name["S3_vertex.jpg"] == ("", "", "")
    assert by_name["S4_left_side_week0.jpg"] == ("", "", ""), "two readings are possible: none is chosen"
    assert sorted(path.name for path in unmatched) == ["S3_vertex.jpg", "S4_left_side_week0.jpg"]


def test_a_row_that_tells_no_text_leaves_it_to_the_pattern(tmp_path: Path) -> None:
    for name in ("S1_vertex.jpg", "odd.jpg", "named.jpg"):
        (tmp_path / name).touch()
    manifest(tmp_path, "image,subject,um_per_px\nS1_vertex.jpg,,5\nodd.jpg,,5\nnamed.jpg,S3,5\n")
    entries, unmatched = list_entries([tmp_path], pattern="{subject}_{site}")
    by_name = {entry.image: (entry.subject, entry.site, entry.um_per_px) for entry in entries}
    assert by_name == {
        "S1_vertex.jpg": ("S1", "vertex", 5.0),
        "odd.jpg": ("", "", 5.0),
        "named.jpg": ("S3", "", 5.0),
    }
    assert [path.name for path in unmatched] == ["odd.jpg"]


def test_a_file_that_has_a_row_is_a_photo_whatever_its_name(folder: Path) -> None:
    for name in ("c.dat", ".hidden.jpg", "other.dat"):
        (folder / name).touch()
    manifest(folder, "image,subject\nc.dat,S1\n.hidden.jpg,S2\na.jpg,S3\n")
    entries, _ = list_entries([folder])
    assert {entry.image: entry.subject for entry in entries} == {
        ".hidden.jpg": "S2",
        "a.jpg": "S3",
        "b.jpg": "",
        "c.dat": "S1",
        "sub/a.jpg": "",
    }
    beside, _ = list_entries([folder / "sub"], manifest=folder / "manifest.csv")
    assert [entry.image for entry in beside] == ["a.jpg"], "rows of photos that are not asked for"


def test_a_pattern_may_hold_a_date(tmp_path: Path) -> None:
    (tmp_path / "S1-2026-02-03.jpg").touch()
    (tmp_path / "S1-2026-02-31.jpg").touch()
    entries, unmatched = list_entries([tmp_path], pattern="{subject}-{date}")
    assert [(entry.subject, entry.date) for entry in entries] == [("S1", "2026-02-03"), ("", "")]
    assert len(unmatched) == 1


@pytest.mark.parametrize(
    "pattern", ["", "subject", "{subject}{site}", "{subject}_{subject}", "{name}_{site}"]
)
def test_a_pattern_that_cannot_be_read_is_refused(folder: Path, pattern: str) -> None:
    with pytest.raises(TrichoscanError, match="--pattern"):
        list_entries([folder], pattern=pattern)


word = st.text("abcXYZ019 .-", min_size=1).filter(lambda text: text.strip(" .") == text)


@given(st.tuples(word, word, word))
def test_a_name_made_from_the_pattern_is_read_back(fields: tuple[str, str, str]) -> None:
    from trichoscan.study.manifest import _fields_of_name, _pattern_expression

    expression = _pattern_expression("{subject}_{site}_{visit}")
    assert _fields_of_name(expression, "_".join(fields)) == dict(
        zip(("subject", "site", "visit"), fields, strict=True)
    )


def frames_file(path: Path, frames: int) -> None:
    import numpy as np
    from dicom_files import MULTI_FRAME_CAPTURE, dataset, written

    stack = np.zeros((frames, 200, 200), np.uint8)
    path.write_bytes(written(dataset(stack, frames=frames, kind=MULTI_FRAME_CAPTURE)))


def test_each_frame_is_a_photo_with_the_row_of_its_own_or_of_its_file(tmp_path: Path) -> None:
    frames_file(tmp_path / "v.dcm", 11)
    frames_file(tmp_path / "one.dcm", 1)
    (tmp_path / "a#1.jpg").touch()
    manifest(tmp_path, "image,subject,visit\nv.dcm,S1,\nv.dcm#2,S1,week4\nv.dcm#011,S2,\na#1.jpg,S3,\n")
    entries, _ = list_entries([tmp_path])
    assert [e.image for e in entries] == ["a#1.jpg", "one.dcm", *(f"v.dcm#{i:02d}" for i in range(1, 12))]
    told = {entry.image: (entry.subject, entry.visit, entry.frame) for entry in entries}
    assert told["a#1.jpg"] == ("S3", "", 0) and told["one.dcm"] == ("", "", 0)
    assert told["v.dcm#02"] == ("S1", "week4", 2) and told["v.dcm#11"] == ("S2", "", 11)
    assert told["v.dcm#03"] == ("S1", "", 3)


def test_a_row_of_a_frame_that_is_not_there_is_told(tmp_path: Path) -> None:
    frames_file(tmp_path / "v.dcm", 3)
    (tmp_path / "a.jpg").touch()
    manifest(tmp_path, "image\nv.dcm#4\na.jpg#2\nb.dcm#1\nv.dcm#0\n")
    with pytest.raises(TrichoscanError) as error:
        read_manifest(tmp_path / "manifest.csv")
    for told in ("row 2: 'v.dcm#4': the file has no such frame", "row 3: 'a.jpg#2': the file has no such",
                 "row 4: no photo 'b.dcm#1'", "row 5: no photo 'v.dcm#0'"):  # fmt: skip
        assert told in str(error.value)


cell = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), max_size=12)


@given(st.lists(st.tuples(cell, cell, cell), max_size=4), st.sampled_from([",", ";", "\t"]))
def test_what_a_spreadsheet_writes_is_read_back(rows: list[tuple[str, str, str]], separator: str) -> None:
    import csv
    import io
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        lines = io.StringIO()
        table = csv.writer(lines, delimiter=separator)
        table.writerow(["image", "subject", "site", "arm"])
        for i, row in enumerate(rows):
            (Path(name) / f"{i}.jpg").touch()
            table.writerow([f"{i}.jpg", *row])
        path = Path(name) / "manifest.csv"
        path.write_bytes(lines.getvalue().encode())
        read = [(entry.subject, entry.site, entry.arm) for entry in read_manifest(path)]
    assert read == [tuple(text.strip() for text in row) for row in rows]


@given(st.text(max_size=40))
def test_any_pattern_is_refused_or_reads_any_name_without_harm(pattern: str) -> None:
    from trichoscan.study.manifest import _fields_of_name, _pattern_expression

    try:
        expression = _pattern_expression("{subject}" + pattern)
    except TrichoscanError as error:
        assert "\n" not in str(error)
        return
    for name in ("S1_vertex_week0", "", "_" * 40, "é\n{}"):
        fields = _fields_of_name(expression, name)
        assert fields is None or fields["subject"]
