"""Geometry files are what others read: GeoJSON libraries, QuPath by its conventions, napari by our docs."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trichoscan.study.kept import load_analysis
from trichoscan.study.store import analysis_path

ROOT = Path(__file__).resolve().parents[1]
IMAGE = "S1_vertex_baseline.jpg"
QUPATH_TYPES = {"annotation", "detection", "cell", "tile", "tma_core", "root", "unclassified"}
"""Kinds of objects that QuPath reads; https://qupath.readthedocs.io, advanced, exporting annotations."""


@pytest.fixture(scope="module")
def file(measured: Path) -> Path:
    return measured / "geometry" / "S1_vertex_baseline.geojson"


@pytest.fixture(scope="module")
def hairs(measured: Path) -> list[dict[str, str]]:
    """Rows of hairs.csv of the photo that are the photo's own."""
    with (measured / "hairs.csv").open(newline="", encoding="utf-8") as opened:
        rows = [row for row in csv.DictReader(opened) if row["image"] == IMAGE]
    return [row for row in rows if row["source"] == "automatic"]


def test_a_library_reads_them_and_finds_nothing_wrong(file: Path, hairs: list[dict[str, str]]) -> None:
    geojson = pytest.importorskip("geojson", reason="no geojson: pip install geojson")
    collection = geojson.loads(file.read_text(encoding="utf-8"))
    assert isinstance(collection, geojson.FeatureCollection) and collection.is_valid
    assert all(feature.is_valid and feature.geometry.is_valid for feature in collection.features)
    lines = [feature for feature in collection.features if feature.geometry.type == "LineString"]
    assert len(lines) == len(hairs) > 10


def test_shapes_have_the_length_and_area_of_the_tables(
    file: Path, measured: Path, hairs: list[dict[str, str]]
) -> None:
    shapely = pytest.importorskip("shapely", reason="no shapely: pip install shapely")
    features = json.loads(file.read_text(encoding="utf-8"))["features"]
    shapes = [shapely.geometry.shape(feature["geometry"]) for feature in features]
    analysis = load_analysis(analysis_path(measured, IMAGE))
    area = next(shape for shape in shapes if shape.geom_type.endswith("Polygon"))
    assert area.is_valid
    assert area.area == np.count_nonzero(analysis.counting_mask)
    by_id = {str(f["properties"].get("hair_id")): s for f, s in zip(features, shapes, strict=True)}
    for row in hairs:
        line = by_id[row["hair_id"]]
        assert line.length * 8.0 == pytest.approx(float(row["length_um"]), abs=1.0)
        inside = area.covers(shapely.geometry.Point(line.coords[0]))
        assert row["counted"] == "false" or inside, "who is counted has its root in the area"


def test_qupath_finds_name_class_colour_and_measurements_where_it_looks(
    file: Path, hairs: list[dict[str, str]]
) -> None:
    rows = {row["hair_id"]: row for row in hairs}
    for feature in json.loads(file.read_text(encoding="utf-8"))["features"]:
        known: dict[str, Any] = feature["properties"]
        assert known["objectType"] in QUPATH_TYPES and isinstance(known["name"], str)
        colour = known["classification"]["color"]
        assert len(colour) == 3 and all(type(level) is int and 0 <= level <= 255 for level in colour)
        if feature["geometry"]["type"] != "LineString":
            continue
        row = rows[str(known["hair_id"])]
        assert known["classification"]["name"] == (row["kind"] or "unmeasured")
        for name, value in known["measurements"].items():
            if name == "tip_confidence":  # stands here alone
                assert 0 <= value <= 1
                continue
            assert value == pytest.approx(float(row[name]), abs=0.01), "numbers alone: QuPath reads no null"
        assert ("diameter_um" in known["measurements"]) == bool(row["diameter_um"])


@pytest.fixture
def shown(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the code for napari in docs/api.md makes of a geometry file."""
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    code = re.search(r"^## napari\n.*?```python\n(.*?)^```", page, re.M | re.S)
    assert code
    (tmp_path / "results" / "geometry").mkdir(parents=True)
    shutil.copy(file, tmp_path / "results" / "geometry" / "S01_vertex_baseline.geojson")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(code[1], "docs/api.md", "exec"), names)
    return names


def test_the_docs_code_gives_rows_and_columns(shown: dict[str, Any], hairs: list[dict[str, str]]) -> None:
    assert len(shown["paths"]) == len(shown["diameters"]) == len(hairs)
    for path, row in zip(shown["paths"], hairs, strict=True):
        assert path[0] == pytest.approx([float(row["root_y_px"]), float(row["root_x_px"])], abs=0.02)
        assert path[-1] == pytest.approx([float(row["tip_y_px"]), float(row["tip_x_px"])], abs=0.02)


def test_napari_takes_the_shapes(shown: dict[str, Any]) -> None:
    """Its own layer, without a window; napari is no part of the development tools: it is large."""
    layers = pytest.importorskip("napari.layers", reason="no napari: pip install napari")
    layer = layers.Shapes(shown["paths"], **shown["looks"])
    assert layer.nshapes == len(shown["paths"])
    assert set(layer.shape_type) == {"path"}
    assert np.allclose(layer.data[0], shown["paths"][0])
    assert layer.features["diameter_um"].notna().any()
    assert len({tuple(colour) for colour in layer.edge_color}) > 1, "coloured by diameter"
