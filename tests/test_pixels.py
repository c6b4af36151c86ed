"""Hairs looked for again in the other photo's pixels, on drawn skin where it is known what stands there."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
from constellations import as_analysis

from trichoscan.match.pair import pair
from trichoscan.match.register import register
from trichoscan.records import Hair, Pairing

UM_PER_PX, SIZE_PX = 8.0, (640, 512)
SHIFT_PX = np.array([14.0, -9.0])
OVERLOOKED, LOST, HIDDEN = (2, 11), (5, 17), 20


def scene(seed: int, light: bool = False):
    """Two photos of 26 hairs, of which the second lacks two; two more it shows, but were not detected there.

    One more lies, in the second, below a broad shaft that was found.
    """
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(np.linspace(70, 570, 6), np.linspace(70, 440, 5)), -1).reshape(-1, 2)[:26]
    roots = grid + rng.uniform(-18, 18, grid.shape)
    angle = 0.6 + rng.normal(0, 0.15, len(roots))
    way = 55 * np.column_stack([np.cos(angle), np.sin(angle)])
    photos, analyses = [], []
    for later in (False, True):
        skin = 170 + cv2.GaussianBlur(rng.normal(0, 12, SIZE_PX[::-1]), (0, 0), 1.0)
        hairs = []
        for k in range(len(roots)):
            start = roots[k] + SHIFT_PX * later
            if later and k in LOST:
                continue
            path = start + np.linspace(0, 1, 8)[:, None] * way[k]
            wide = 30 if later and k == HIDDEN else 8
            cv2.line(skin, *np.rint(path[[0, -1]]).astype(int).tolist(), 60.0, wide)
            if not (later and k in (*OVERLOOKED, HIDDEN)):
                hairs.append(Hair(path, 0.93, (), 8.0, 0.4))
        if later:  # the broad shaft was found beside where the hidden hair lies, as one of its own
            start = roots[HIDDEN] + SHIFT_PX + [-way[HIDDEN][1] * 0.2, way[HIDDEN][0] * 0.2]
            hairs.append(Hair(start + np.linspace(0, 1, 8)[:, None] * way[HIDDEN], 0.93, (), 30.0, 1.0))
        grey = cv2.GaussianBlur(skin, (0, 0), 0.8)
        grey = 255 - grey if light else grey
        photos.append(np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, -1))
        hairs.sort(key=lambda h: (h.root_px[1], h.root_px[0]))
        analyses.append(as_analysis(tuple(hairs), UM_PER_PX, SIZE_PX))
    return analyses, photos, roots


def fates(pairing: Pairing, roots: np.ndarray) -> dict[int, tuple[str, float, bool]]:
    """Kind, probability and whether it was found again, of each hair of the first photo by its number."""
    out = {}
    for m in pairing.matches:
        if m.baseline is not None:
            k = int(np.hypot(*(roots - pairing.baseline_hairs[m.baseline].root_px).T).argmin())
            again = m.followup is not None and "found_again" in pairing.followup_hairs[m.followup].flags
            out[k] = m.kind, m.probability, again
    return out


@pytest.mark.parametrize("light", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_hair_in_plain_sight_is_found_and_bare_skin_is_lost(seed: int, light: bool) -> None:
    analyses, photos, roots = scene(seed, light)
    alignment = register(*analyses)
    assert alignment.accepted
    seen = fates(pair(*analyses, alignment, (photos[0], photos[1])), roots)
    blind = fates(pair(*analyses, alignment), roots)
    for k in OVERLOOKED:
        assert seen[k][0] == "matched" and seen[k][1] > 0.8 and seen[k][2]
        assert blind[k][0] == "lost"
    for k in LOST:
        assert seen[k][0] == "lost" and seen[k][1] > max(0.85, blind[k][1])


def test_the_place_where_it_is_found_is_where_it_stands() -> None:
    analyses, photos, roots = scene(3)
    pairing = pair(*analyses, register(*analyses), (photos[0], photos[1]))
    found = [h for h in pairing.followup_hairs if "found_again" in h.flags]
    assert len(found) >= 2
    for k in OVERLOOKED:
        apart = [np.hypot(*(h.root_px - roots[k] - SHIFT_PX)) * UM_PER_PX for h in found]
        assert min(apart) < 40
    assert all(not np.isfinite(h.diameter_px) and "no_diameter" in h.flags for h in found)


def test_what_lies_below_another_hair_is_not_called_lost() -> None:
    analyses, photos, roots = scene(4)
    alignment = register(*analyses)
    kind, probability, _ = fates(pair(*analyses, alignment, (photos[0], photos[1])), roots)[HIDDEN]
    assert kind == "matched" or probability < 0.5


def test_swapped_photos_tell_the_same_of_the_same_hairs() -> None:
    analyses, photos, roots = scene(5)
    forth = fates(pair(*analyses, register(*analyses), (photos[0], photos[1])), roots)
    swapped = pair(*analyses[::-1], register(*analyses[::-1]), (photos[1], photos[0]))
    for m in swapped.matches:
        if m.kind == "new":
            k = int(np.hypot(*(roots - swapped.followup_hairs[m.followup].root_px).T).argmin())
            assert forth[k][0] == "lost" and forth[k][1] == pytest.approx(m.probability, abs=0.1)


def test_photos_of_which_nothing_can_be_learned_say_nothing() -> None:
    analyses, photos, roots = scene(6)
    alignment = register(*analyses)
    flat = np.full_like(photos[1], 128)
    blind, seen = (fates(pair(*analyses, alignment, p), roots) for p in (None, (flat, flat)))
    assert {k: f[0] for k, f in seen.items()} == {k: f[0] for k, f in blind.items()}
    assert all(abs(seen[k][1] - blind[k][1]) < 0.35 for k in LOST)
