"""The benchmark that holds what is found on photos of other devices beside marks made by eye."""

import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from trichoscan.phantom.draw import draw_phantom
from trichoscan.records import Hair, Photo, TrichoscanError
from trichoscan.segment.weights import load_weights

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
others = importlib.import_module("others")


def marks_of(phantom, doubtful: bool = False):
    """What a careful person would mark: root and direction of each hair that shows its root."""
    ends = np.array([[hair.path_px[0], hair.path_px[-1]] for hair in phantom.hairs if hair.root_visible])
    return others.Marks(ends, np.full(len(ends), doubtful))


@pytest.fixture(scope="module")
def plain():
    phantom = draw_phantom(21, "plain", 900, 700, 5.5)
    return phantom, Photo(phantom.pixels, None, "none")


def test_hairs_of_a_plain_photo_are_found_where_they_are_marked(plain) -> None:
    phantom, photo = plain
    found, missed, false = others.beside(photo, marks_of(phantom), load_weights()).counts
    assert found + missed >= 8
    assert found >= 0.9 * (found + missed)
    assert false <= 1


def test_doubtful_marks_are_not_judged_on_either_side(plain) -> None:
    phantom, photo = plain
    sure, unsure = (others.beside(photo, marks_of(phantom, doubt), load_weights()) for doubt in (False, True))
    assert unsure.counts == (0, 0, sure.counts[2])


def test_a_mark_that_leads_the_other_way_is_missed(plain) -> None:
    phantom, photo = plain
    marks = marks_of(phantom)
    back = marks._replace(
        ends_px=np.stack([marks.ends_px[:, 0], 2 * marks.ends_px[:, 0] - marks.ends_px[:, 1]], 1)
    )
    assert others.beside(photo, back, load_weights()).counts[0] <= 2


def found_at(monkeypatch: pytest.MonkeyPatch, roots: list[list[float]]) -> None:
    """Let a photo of 500 px show hairs there, all leading to the right: 10 um a px, 14 px to be right."""
    hairs = tuple(Hair(np.array([root, [root[0] + 60, root[1]]]), 0.9) for root in roots)
    monkeypatch.setattr(others, "analyze", lambda *_, **__: SimpleNamespace(hairs=hairs))


def marked_at(roots: list[list[float]]):
    ends = np.array([[root, [root[0] + 40, root[1]]] for root in roots])
    return others.Marks(ends, np.zeros(len(roots), bool))


def test_each_hair_has_its_fate_and_nothing_is_judged_at_the_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    photo = Photo(np.full((400, 500, 3), 200, np.uint8), None, "none")
    found_at(monkeypatch, [[100, 100], [200, 200], [4, 300], [6, 50]])
    hairs = others.beside(photo, marked_at([[105, 100], [300, 300], [5, 302], [494, 20]]), None)
    fate = others.Fate
    assert hairs.of_found == [fate.RIGHT, fate.FALSE, fate.UNJUDGED, fate.UNJUDGED]
    assert hairs.of_mark == [fate.RIGHT, fate.MISSED, fate.UNJUDGED, fate.UNJUDGED]
    assert hairs.counts == (1, 1, 1)
    assert others.row("a", *hairs.counts) == ["a", "2", "1", "1", "0.50", "0.50"]
    shown = others.drawn(photo.pixels, hairs, width_px=1000)
    assert shown.shape == (800, 1000, 3)
    assert shown[200, 250].tolist() == list(others.COLOURS[fate.RIGHT])
    assert shown[600, 640].tolist() == list(others.COLOURS[fate.MISSED])
    assert shown[400, 480].tolist() == list(others.COLOURS[fate.FALSE])


def test_a_folder_without_the_marked_photos_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrichoscanError, match="no photo clip_1"):
        others.table(tmp_path, None, None)


def test_marks_point_where_they_say() -> None:
    read = others.read_marks()
    for stem, sides in json.loads(others.MARKS.read_text(encoding="utf-8")).items():
        marks = read[stem]
        ahead = marks.ends_px[:, 1] - marks.ends_px[:, 0]
        said = np.array([mark[2] for mark in sides["hairs"] + sides["doubtful"]])
        turned = np.degrees(np.arctan2(ahead[:, 1], ahead[:, 0])) - said
        np.testing.assert_allclose((turned + 180) % 360 - 180, 0, atol=1e-6)
        assert np.count_nonzero(~marks.doubtful) == len(sides["hairs"])
