"""The benchmark that holds what is found on photos of other devices beside marks made by eye."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from trichoscan.phantom.draw import draw_phantom
from trichoscan.records import Photo
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
    hairs = others.beside(photo, marks_of(phantom), load_weights())
    found, missed, false = hairs.counts
    assert found + missed == len(hairs.marks.ends_px)
    assert found >= 0.9 * len(hairs.marks.ends_px)
    assert false <= 2
    assert others.drawn(photo.pixels, hairs).shape == (1089, 1400, 3)


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


def test_marks_point_where_they_say() -> None:
    for stem, sides in json.loads(others.MARKS.read_text(encoding="utf-8")).items():
        marks = others.read_marks(stem)
        ahead = marks.ends_px[:, 1] - marks.ends_px[:, 0]
        said = np.array([mark[2] for mark in sides["hairs"] + sides["doubtful"]])
        turned = np.degrees(np.arctan2(ahead[:, 1], ahead[:, 0])) - said
        np.testing.assert_allclose((turned + 180) % 360 - 180, 0, atol=1e-6)
        assert np.count_nonzero(~marks.doubtful) == len(sides["hairs"])
