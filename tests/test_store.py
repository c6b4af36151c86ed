from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trichoscan.records import Analysis, Estimate, Hair, Quality, TrichoscanError
from trichoscan.study import columns, store
from trichoscan.study.geometry import feature_collection, mask_polygons
from trichoscan.study.manifest import Entry

COLUMNS_OF_THE_CONTRACT = (
    "image, subject, site, visit, date, arm, status, error, flags, width_px, height_px, um_per_px, "
    "um_per_px_source, area_cm2, hair_count, hair_density_per_cm2, hair_density_low, hair_density_high, "
    "unit_count, unit_density_per_cm2, hairs_per_unit, single_hair_unit_percent, mean_diameter_um, "
    "mean_diameter_se_um, median_diameter_um, sd_diameter_um, cumulative_thickness_mm_per_cm2, "
    "terminal_count, vellus_count, vellus_percent, terminal_to_vellus_ratio, mean_unit_spacing_um, focus, "
    "glare_percent, erythema_index, geometry"
)


def make_analysis(um_per_px: float | None = 5.0) -> Analysis:
    """Three hairs on 400 x 300 px: terminal, vellus, and one not measured whose root is not counted."""
    hairs = (
        Hair(np.array([[100.0, 50.0], [130.0, 90.0], [130.0, 100.0]]), 0.9876, ("overlapped",), 12.0, 0.31),
        Hair(np.array([[110.0, 52.0], [140.0, 52.0]]), 0.7, (), 4.0, 0.5),
        Hair(np.array([[5.0, 200.0], [45.0, 200.0]]), 0.4, ("no_diameter", "uncertain")),
    )
    mask = np.zeros((300, 400), bool)
    mask[20:, 20:] = True
    return Analysis(
        hairs=hairs,
        unit_of_hair=np.array([0, 0, 1]),
        counted=np.array([True, True, False]),
        counting_mask=mask,
        quality=Quality(mask, 0.61234, 1.2345, 31.0),
        um_per_px=um_per_px,
        um_per_px_source="none" if um_per_px is None else "manifest",
        sha256="ab" * 32,
        weights="follicle-v2/0123456789ab",
        hair_count=Estimate(2, 1, 3, 2),
        flags=("few_diameters",) if um_per_px else ("few_diameters", "no_scale"),
    )


def entry(image: str, **known: str) -> Entry:
    return Entry(Path(image), image, **known)


def write(out: Path, entries: Sequence[Entry], analysis: Analysis) -> None:
    for each in entries:
        cells = columns.measured_cells(analysis, Path(each.image).stem, 30.0)
        store.write_part(out, each.image, made_from={}, cells=cells, hairs=columns.hair_rows(analysis, 30.0))
    store.write_tables(out, entries)


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))


def test_the_columns_are_those_of_the_contract() -> None:
    assert ", ".join(columns.IMAGE_COLUMNS).startswith(COLUMNS_OF_THE_CONTRACT)
    assert ", ".join(columns.HAIR_COLUMNS) == (
        "image, hair_id, unit_id, root_x_px, root_y_px, tip_x_px, tip_y_px, length_um, diameter_um, "
        "diameter_se_um, kind, counted, confidence, flags"
    )


def test_the_tables_hold_what_was_measured(tmp_path: Path) -> None:
    write(tmp_path, [entry("a.jpg", subject="S1", date="2026-01-02")], make_analysis())
    (row,) = read(tmp_path / "images.csv")
    assert (row["image"], row["subject"], row["date"], row["status"]) == ("a.jpg", "S1", "2026-01-02", "ok")
    assert (row["width_px"], row["height_px"], row["um_per_px"]) == ("400", "300", "5.0000")
    assert (row["hair_count"], row["terminal_count"], row["vellus_count"]) == ("2", "1", "1")
    assert float(row["area_cm2"]) == pytest.approx(280 * 380 * 25e-8, abs=1e-5)
    assert float(row["hair_density_per_cm2"]) == pytest.approx(2 / (280 * 380 * 25e-8), abs=0.1)
    assert (row["flags"], row["geometry"]) == ("few_diameters", "geometry/a.geojson")
    hairs = read(tmp_path / "hairs.csv")
    assert [hair["hair_id"] for hair in hairs] == ["1", "2", "3"]
    assert [hair["unit_id"] for hair in hairs] == ["1", "1", "2"]
    assert [hair["kind"] for hair in hairs] == ["terminal", "vellus", ""]
    assert [hair["counted"] for hair in hairs] == ["true", "true", "false"]
    assert [hair["diameter_um"] for hair in hairs] == ["60.00", "20.00", ""]
    assert hairs[0]["length_um"] == "300.0", "along the path, not root to tip"
    assert (hairs[0]["root_x_px"], hairs[0]["tip_y_px"], hairs[0]["confidence"]) == (
        "100.00",
        "100.00",
        "0.988",
    )
    assert hairs[2]["flags"] == "no_diameter uncertain"


def test_without_a_scale_px_stand_and_um_are_empty(tmp_path: Path) -> None:
    write(tmp_path, [entry("a.jpg")], make_analysis(um_per_px=None))
    (row,) = read(tmp_path / "images.csv")
    assert (row["hair_count"], row["width_px"], row["um_per_px_source"]) == ("2", "400", "none")
    in_um = [name for name in columns.IMAGE_COLUMNS if name.endswith(("_um", "_cm2", "_low", "_high"))]
    assert {row[name] for name in (*in_um, "um_per_px")} == {""}
    for hair in read(tmp_path / "hairs.csv"):
        assert hair["root_x_px"] and not (hair["length_um"] or hair["diameter_um"] or hair["kind"])


def test_a_failed_photo_has_a_row(tmp_path: Path) -> None:
    store.write_part(tmp_path, "x.jpg", made_from={}, cells=columns.failed_cells("=cut\nshort"))
    store.write_tables(tmp_path, [entry("x.jpg", visit="week0")])
    (row,) = read(tmp_path / "images.csv")
    assert (row["status"], row["error"], row["visit"]) == ("failed", "'=cut short", "week0")
    assert {row[name] for name in columns.IMAGE_COLUMNS[8:]} == {""}
    assert read(tmp_path / "hairs.csv") == []


@given(st.text(st.characters(codec=None), min_size=1))
@example("'")
@example("=1")
@example("\ud800")
def test_no_text_is_run_as_a_formula(text: str) -> None:
    cell = columns.text_cell(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    shown = text.encode("utf-8", "backslashreplace").decode("utf-8")
    assert cell in (shown, "'" + shown)


def test_hostile_text_comes_back_from_the_table(tmp_path: Path) -> None:
    subject = 'Zoë, "left"\r\n; =1'
    write(tmp_path, [entry('="x".jpg', subject=subject, arm="@SUM(A1)")], make_analysis())
    (row,) = read(tmp_path / "images.csv")
    assert (row["image"], row["subject"], row["arm"]) == ('\'="x".jpg', subject, "'@SUM(A1)")
    assert {hair["image"] for hair in read(tmp_path / "hairs.csv")} == {row["image"]}


@given(st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([*columns.DECIMALS, "hair_count"]))
def test_numbers_are_rounded_and_never_odd(value: float, column: str) -> None:
    cell = columns.number_cell(column, value)
    if not np.isfinite(value):
        assert cell == ""
    else:
        half_a_digit = 0.5 * 10.0 ** -columns.DECIMALS.get(column, 0)
        assert abs(float(cell) - value) <= half_a_digit * (1 + 1e-9) + abs(value) * 1e-15
        assert cell.strip("-0.") or not cell.startswith("-")


def test_equal_stems_get_distinct_names_and_others_keep_theirs() -> None:
    images = ["a/x.jpg", "b/x.png", "b/X.tif", "b/y.jpg"]
    names = store.file_names(images)
    assert len({name.casefold() for name in names}) == 4
    assert names[3] == "y"
    assert names == store.file_names(images), "the same again"
    assert dict(zip(images, names, strict=True)) == dict(
        zip(images[::-1], store.file_names(images[::-1]), strict=True)
    )


@pytest.mark.parametrize("stem", ["x" * 250, "ä" * 125, "x" + "毛" * 83, "\udcff" * 250])
def test_long_names_are_cut_and_stay_apart(tmp_path: Path, stem: str) -> None:
    """Stems that make a file name of 255 bytes, the last of them no UTF-8."""
    *names, short = store.file_names([f"{stem}a.jpg", f"{stem}b.jpg", "short.jpg"])
    assert short == "short"
    assert len(set(names)) == 2
    for name in names:
        assert name.startswith(stem[:50] if stem.isprintable() else "_udcff" * 8)
        for extension in (".geojson", ".jpg"):
            assert len(f"{name}{extension}".encode()) <= 255
            (tmp_path / f"{name}{extension}").touch()


@given(st.lists(st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=20), unique=True))
def test_any_name_becomes_one_that_every_file_system_takes(stems: list[str]) -> None:
    names = store.file_names([f"{stem}.jpg" for stem in stems])
    assert len({unicodedata.normalize("NFC", name).casefold() for name in names}) == len(stems)
    for name in names:
        assert not set(name) & set('<>:"/\\|?*') and not any(
            unicodedata.category(mark)[0] == "C" for mark in name
        )
        assert not name.endswith((".", " "))


@pytest.mark.parametrize(
    "stem", ["CON", "lpt1.x", "a:b", "a\\b", "new\nline", "left\u202eright", "a.", "..."]
)
def test_a_name_that_some_file_system_refuses_is_changed_and_another_is_not(stem: str) -> None:
    changed, kept = store.file_names([f"{stem}.jpg", "Conrad a.b.jpg"])
    assert changed != stem and kept == "Conrad a.b"
    assert re.fullmatch(r"[\w.]*-[0-9a-f]{8}", changed)


def test_two_spellings_of_an_accent_stay_apart() -> None:
    one, other = store.file_names(["\u00e9.jpg", "e\u0301.jpg"])
    assert unicodedata.normalize("NFC", one) != unicodedata.normalize("NFC", other)


@pytest.mark.parametrize("image", ["-2.jpg", "sub/-2.jpg", "=1/+3.png"])
def test_the_cell_of_the_geometry_is_the_path_of_its_file(image: str) -> None:
    (name,) = store.file_names([image])
    assert columns.measured_cells(make_analysis(), name, 30.0)["geometry"] == f"geometry/{name}.geojson"


def ring_area(ring: list[list[float]]) -> float:
    x, y = np.array(ring).T
    return float(0.5 * np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))


@settings(max_examples=200)
@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_polygons_cover_the_mask_exactly(mask: np.ndarray) -> None:
    polygons = mask_polygons(mask)
    assert sum(ring_area(ring) for polygon in polygons for ring in polygon) == np.count_nonzero(mask)
    for outer, *holes in polygons:
        assert ring_area(outer) > 0
        assert all(ring_area(hole) < 0 for hole in holes)
        for ring in (outer, *holes):
            assert ring[0] == ring[-1]
            assert len({tuple(point) for point in ring}) == len(ring) - 1 >= 4, "a ring must not touch itself"


def test_a_full_frame_is_one_rectangle() -> None:
    ((ring,),) = mask_polygons(np.ones((3, 4), bool))
    assert ring == [[-0.5, -0.5], [3.5, -0.5], [3.5, 2.5], [-0.5, 2.5], [-0.5, -0.5]]


def test_geometry_is_geojson_root_first() -> None:
    analysis = make_analysis()
    collection = json.loads(json.dumps(feature_collection(analysis), allow_nan=False))
    *lines, area = collection["features"]
    assert [line["geometry"]["type"] for line in lines] == ["LineString"] * 3
    assert lines[0]["geometry"]["coordinates"] == [[100, 50], [130, 90], [130, 100]]
    assert [line["properties"]["hair_id"] for line in lines] == [1, 2, 3]
    assert [line["properties"]["unit_id"] for line in lines] == [1, 1, 2]
    assert [line["properties"]["diameter_um"] for line in lines] == [60.0, 20.0, None]
    assert area["geometry"]["type"] == "Polygon"
    assert ring_area(area["geometry"]["coordinates"][0]) == np.count_nonzero(analysis.counting_mask)


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    target = tmp_path / "images.csv"
    target.write_text("before")
    with pytest.raises(ValueError, match="stop"), store.whole_file(target) as temporary:
        temporary.write_text("half")
        raise ValueError("stop")
    assert [path.name for path in tmp_path.iterdir()] == ["images.csv"]
    assert target.read_text() == "before"


def test_temporary_names_differ_within_one_process(tmp_path: Path) -> None:
    """As they must between two machines on which a process has the same number."""
    with store.whole_file(tmp_path / "a") as one, store.whole_file(tmp_path / "a") as other:
        assert one != other
        one.touch()
        other.touch()


def test_what_a_crash_left_is_found_and_nothing_else(tmp_path: Path) -> None:
    store.prepare(tmp_path, [])
    left = []
    for folder in (tmp_path, *(tmp_path / name for name in (".parts", "geometry", "overlays"))):
        with store.whole_file(folder / "x") as temporary:
            temporary.touch()
            left.append(temporary.with_name(temporary.name.replace("-", "-1", 1)))
        (folder / ".mine.tmp").touch()
        left[-1].touch()
    assert sorted(store.unfinished_files(tmp_path)) == sorted(left)


def test_foreign_files_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "images.csv").write_text("someone's own")
    with pytest.raises(TrichoscanError, match=r"images\.csv.*another folder"):
        store.prepare(tmp_path, [])
    assert (tmp_path / "images.csv").read_text() == "someone's own"


@pytest.mark.parametrize("named", ["photos", "photos/a.jpg", "photos/sub", "photos/sub/b.jpg"])
def test_results_may_lie_in_the_photos_but_not_around_them(tmp_path: Path, named: str) -> None:
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    for name in ("a.jpg", "sub/b.jpg"):
        (tmp_path / "photos" / name).touch()
    path = tmp_path / named
    for out in path.parents[: len(Path(named).parts)]:
        with pytest.raises(TrichoscanError, match="the photos lie in it: name another folder, such as"):
            store.prepare(out, [path])
        assert not (out / ".parts").exists()
    store.prepare((path if path.is_dir() else path.parent) / "results", [path])


@pytest.mark.parametrize("case", ["file", "photos"])
def test_results_need_a_folder_of_their_own(tmp_path: Path, case: str) -> None:
    out = tmp_path / "out"
    if case == "file":
        out.write_text("a file")
    else:
        out.mkdir()
    with pytest.raises(TrichoscanError, match="name another folder"):
        store.prepare(out, [out] if case == "photos" else [])


def test_only_what_was_written_for_photos_that_are_gone_is_removed(tmp_path: Path) -> None:
    store.prepare(tmp_path, [])
    write(tmp_path, [entry("a.jpg"), entry("b.jpg")], make_analysis())
    for name in ("a", "b", "mine"):
        (tmp_path / "geometry" / f"{name}.geojson").write_text("{}")
        (tmp_path / "overlays" / f"{name}.jpg").write_text("")
    assert store.remove_parts(tmp_path, keep=[entry("a.jpg")]) == 1
    assert {path.name for path in (tmp_path / "geometry").iterdir()} == {"a.geojson", "mine.geojson"}
    assert {path.name for path in (tmp_path / "overlays").iterdir()} == {"a.jpg", "mine.jpg"}
    assert store.read_part(tmp_path, "a.jpg") is not None
    assert store.read_part(tmp_path, "b.jpg") is None
