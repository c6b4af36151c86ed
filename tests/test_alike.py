"""Two photos that differ in one thing raise its flag, and no other."""

from dataclasses import replace

import numpy as np
import pytest

from trichoscan.flags import CHANGE_FLAGS
from trichoscan.records import Alignment, Analysis, Estimate, Hair, Quality
from trichoscan.response.alike import unlike

SHAPE = (300, 300)


def analysis(length_um=600.0, focus=0.5, exposure=140.0, redness=0.0, um_per_px=5.0, n=12):
    reach = length_um / um_per_px
    hairs = tuple(Hair(np.array([[20.0 * k, 50.0], [20.0 * k, 50.0 + reach]]), 0.9) for k in range(n))
    everywhere = np.ones(SHAPE, np.bool_)
    quality = Quality(everywhere, focus, 0.0, redness, exposure=exposure)
    return Analysis(
        hairs, np.arange(n), np.ones(n, np.bool_), everywhere, quality, um_per_px, "option", "", "",
        Estimate(n, n, n, n),
    )  # fmt: skip


def alignment(scale=1.0):
    similarity = np.array([[scale, 0.0, 3.0], [0.0, scale, 5.0]])
    nodes = np.zeros((2, 2))
    return Alignment(
        similarity, np.zeros((2, 2, 2)), nodes, 64.0, np.ones(SHAPE, np.bool_), 5.0, 1.0, 12, -9.0, 1.0
    )


@pytest.mark.parametrize(
    ("other", "scale", "flags"),
    [
        ({}, 1.0, set()),
        ({}, 1.1, set()),
        ({}, 1.3, {"magnification_differs"}),
        ({"focus": 0.46}, 1.0, set()),
        ({"focus": 0.3}, 1.0, {"focus_differs"}),
        ({"exposure": 70.0}, 1.0, {"light_differs"}),
        ({"redness": 12.0}, 1.0, {"light_differs"}),
        ({"length_um": 900.0}, 1.0, set()),
        ({"length_um": 3000.0}, 1.0, {"length_differs"}),
        ({"length_um": 3000.0, "n": 2}, 1.0, set()),
        ({"length_um": 3000.0, "um_per_px": None}, 1.0, set()),
        ({"focus": float("nan"), "exposure": float("nan"), "redness": float("nan")}, 1.0, set()),
    ],
)
def test_what_differs_is_told_whichever_is_the_baseline(other, scale, flags):
    usual = analysis()
    unusual = analysis(**{**other, "um_per_px": 5.0})
    if other.get("um_per_px", 5.0) is None:
        unusual = replace(unusual, um_per_px=None)
    assert unlike(usual, unusual, alignment(scale), regrown=False) == flags <= set(CHANGE_FLAGS)
    assert unlike(unusual, usual, alignment(1 / scale), regrown=False) == flags


def test_hair_may_have_grown_in_a_phototrichogram():
    assert unlike(analysis(), analysis(3000.0), alignment(), regrown=True) == set()
