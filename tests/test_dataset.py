import hashlib
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from trichoscan.learn.augment import augment_pixels
from trichoscan.learn.dataset import (
    FINER_SHARE,
    FINER_ZOOM,
    ZOOM,
    AnnotatedPhoto,
    _random_zoom,
    phantom_photo,
    random_crop,
    read_annotated,
    split_by_name,
    turned_about,
)
from trichoscan.learn.labels import LabelledHair, label_maps
from trichoscan.records import TrichoscanError
from trichoscan.segment.cells import CELL_PX
from trichoscan.segment.network import DIRECTIONS


def dotted_photo(um_per_px: float, seams: bool = False) -> AnnotatedPhoto:
    """Dark photo with a white dot at each root, all hairs pointing right."""
    rng = np.random.default_rng(3)
    pixels = np.zeros((900, 1100, 3), np.uint8)
    roots = rng.uniform(60, [1000, 840], (250, 2))
    for x, y in roots:
        cv2.circle(pixels, (round(x * 16), round(y * 16)), 5 * 16, (255, 255, 255), -1, cv2.LINE_AA, 4)
    hairs = tuple(LabelledHair(np.array([r, r + np.array([60, 0])])) for r in roots)
    return AnnotatedPhoto(
        "dots", pixels, um_per_px, hairs, seams_px=(550, 450) if seams else None, edge_um=170
    )


@pytest.mark.parametrize("um_per_px", [3.0, 5.5, 11.0])
def test_labels_stay_on_their_pixels_however_a_crop_is_turned_and_scaled(
    um_per_px: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trichoscan.learn.dataset.augment_pixels", lambda pixels, rng: pixels)
    photo = dotted_photo(um_per_px)
    seen = 0
    for seed in range(12):
        crop = random_crop(photo, 256, np.random.default_rng(seed))
        for y, x in zip(*np.nonzero(crop.labels["root"].max(0) == 1), strict=True):
            px, py = ((v + 0.5) * CELL_PX - 0.5 for v in (x, y))
            seen += 1
            assert crop.pixels[int(py) : int(py) + 2, int(px) : int(px) + 2].max() > 128
    assert seen > 20


def test_a_label_stands_in_the_channel_of_the_direction_it_is_seen_in() -> None:
    for degrees in range(0, 360, 15):
        angle = np.deg2rad(degrees)
        path = np.array([[32, 32], [32 + 20 * np.cos(angle), 32 + 20 * np.sin(angle)]])
        root = label_maps([LabelledHair(path)], (64, 64))["root"]
        channel = int(root[:, 32, 32].argmax())
        off = (2 * np.pi * channel / DIRECTIONS - angle + np.pi) % (2 * np.pi) - np.pi
        assert abs(off) <= np.pi / DIRECTIONS + 1e-6


def test_nothing_is_known_at_the_edge_and_where_a_hair_would_cross_a_seam() -> None:
    photo = dotted_photo(5.5, seams=True)
    for seed in range(6):
        crop = random_crop(photo, 512, np.random.default_rng(seed))
        known = crop.weights["root"].mean()
        assert 0 < known < 0.9
        assert (crop.weights["root"][crop.labels["root"] == 1] == 1).all()
    unseamed = random_crop(dotted_photo(5.5), 512, np.random.default_rng(0)).weights["root"]
    seamed = random_crop(photo, 512, np.random.default_rng(0)).weights["root"]
    assert seamed.sum() < unseamed.sum()


def test_light_changes_but_no_pixel_moves() -> None:
    pixels = np.full((96, 96, 3), 90, np.uint8)
    pixels[40:56, 40:56] = 220
    for seed in range(20):
        grey = augment_pixels(pixels, np.random.default_rng(seed)).astype(float).mean(-1)
        assert grey[42:54, 42:54].mean() > grey[30:38, 30:38].mean()
        assert grey[42:54, 42:54].mean() > grey[58:66, 58:66].mean()


def test_lifted_dark_tones_take_a_hairs_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Black hair on skin: with the lift it is redder than bluer, and rises more than the skin does."""
    pixels = np.full((96, 96, 3), (178, 153, 140), np.uint8)
    pixels[40:56] = 13

    def mean_of(lifted: bool) -> tuple[np.ndarray, np.ndarray]:
        monkeypatch.setattr("trichoscan.learn.augment.LIFT_SHARE", float(lifted))
        monkeypatch.setattr("trichoscan.learn.augment._recolour", lambda image, rng: image)
        shown = [augment_pixels(pixels, np.random.default_rng(seed)).astype(float) for seed in range(40)]
        return np.mean([p[44:52].mean((0, 1)) for p in shown], 0), np.mean(
            [p[10:30].mean((0, 1)) for p in shown], 0
        )

    (dark, skin), (hair, lighter) = mean_of(False), mean_of(True)
    assert (hair - dark > 10).all()
    assert (np.diff(hair - dark) < -5).all()
    assert (lighter - skin < 0.6 * (hair - dark)).all()


def test_some_photos_are_shown_close_up_and_none_beyond_the_limits() -> None:
    rng = np.random.default_rng(0)
    logs = np.log([_random_zoom(rng) for _ in range(4000)])
    assert logs.min() >= -ZOOM
    assert logs.max() <= FINER_ZOOM
    beyond = FINER_SHARE * (1 - ZOOM / FINER_ZOOM)
    assert np.mean(logs > ZOOM) == pytest.approx(beyond, abs=0.02)


def test_the_split_is_by_name_and_does_not_depend_on_what_else_is_there() -> None:
    stems = [f"photo_{i}" for i in range(299)]
    split = split_by_name(stems, 60, 24)
    assert [len(split[side]) for side in ("held_out", "validation", "train")] == [60, 24, 215]
    assert sorted(stem for side in split.values() for stem in side) == sorted(stems)
    assert split == split_by_name(stems[::-1], 60, 24)
    first = min(stems, key=lambda s: hashlib.sha256(s.encode()).hexdigest())
    assert first in split["held_out"]


def test_phantoms_are_drawn_anew_for_each_seed_and_the_same_for_one() -> None:
    one, again, other = (phantom_photo(s, 128, np.random.default_rng(s)) for s in (5, 5, 6))
    np.testing.assert_array_equal(one.pixels, again.pixels)
    assert one.pixels.shape != other.pixels.shape or (one.pixels != other.pixels).any()


def test_real_photos_are_read_without_debris(fdu) -> None:
    photo = read_annotated(fdu, ["220110_A366"], seams=True)[0]
    assert photo.pixels.shape == (1024, 1280, 3)
    assert photo.seams_px == (640, 512)
    assert 30 < len(photo.hairs) < 90


def write_annotated(folder: Path, truth: str, image: str = "a.png") -> None:
    """A grey photo of 240x220 px and a truth file a.json."""
    for name in ("images", "truth"):
        (folder / name).mkdir()
    cv2.imencode(Path(image).suffix, np.full((220, 240, 3), 90, np.uint8))[1].tofile(
        folder / "images" / image
    )
    (folder / "truth" / f"{Path(image).stem}.json").write_text(truth)


def truth_text(**mark: object) -> str:
    hair = {"root": [50, 60], "tip": [90, 60], "kind": "single"} | mark
    return json.dumps({"size": [240, 220], "um_per_px": 5.0, "hairs": [hair]})


@pytest.mark.parametrize("seams", [False, True])
@pytest.mark.parametrize("mark", [{}, {"hair_id": 1}])
def test_seams_are_where_the_caller_says_and_edges_where_hands_drew(
    tmp_path: Path, seams: bool, mark: dict[str, object]
) -> None:
    write_annotated(tmp_path, truth_text(**mark))
    photo = read_annotated(tmp_path, seams=seams)[0]
    assert photo.seams_px == ((120, 110) if seams else None)
    assert (photo.edge_um > 0) == (not mark)


@pytest.mark.parametrize("image", ["S01 [vertex].png", "a*.PNG", "a.b.jpg"])
def test_a_photo_is_found_by_its_stem_whatever_is_in_it(tmp_path: Path, image: str) -> None:
    write_annotated(tmp_path, truth_text(), image)
    (tmp_path / "images" / f"{Path(image).stem}.txt").write_text("a note")
    assert read_annotated(tmp_path)[0].name == Path(image).stem


@pytest.mark.parametrize(
    "truth",
    [
        "{",
        "[]",
        '{"size": [240, 220]}',
        '{"size": [240, 220], "um_per_px": 5, "hairs": [3]}',
        truth_text(root=7),
    ],
)
def test_damaged_truth_is_named(tmp_path: Path, truth: str) -> None:
    write_annotated(tmp_path, truth)
    with pytest.raises(TrichoscanError, match=r"a\.json: not a truth file"):
        read_annotated(tmp_path, seams=True)


def test_a_folder_without_truth_is_named(tmp_path) -> None:
    with pytest.raises(TrichoscanError, match="truth"):
        read_annotated(tmp_path)


class Chosen:
    """Draws what it is told to, in that order."""

    def __init__(self, *numbers: int) -> None:
        self._numbers = list(numbers)

    def integers(self, below: int) -> int:
        return self._numbers.pop(0)

    def random(self) -> float:
        return 1.0

    def uniform(self, low: float, high: float) -> float:
        return high


@pytest.mark.parametrize("mirrored", [0, 1])
@pytest.mark.parametrize("quarters", range(4))
def test_a_photo_turned_about_carries_its_truth_along(
    quarters: int, mirrored: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trichoscan.learn.dataset.augment_pixels", lambda pixels, rng: pixels)
    photo = dotted_photo(5.5, seams=True)
    photo = replace(photo, known_mask=photo.pixels[..., 0] > 128)
    turned = turned_about(photo, Chosen(quarters, mirrored))
    height, width = turned.pixels.shape[:2]
    assert (width > height) == (quarters % 2 == 0)
    assert turned.um_per_px == pytest.approx(5.5 * np.exp(ZOOM))
    assert turned.seams_px == (width / 2, height / 2)
    assert len(turned.hairs) == len(photo.hairs)
    for hair in turned.hairs:
        x, y = np.round(hair.path[0]).astype(int)
        assert turned.pixels[y, x].min() > 200
        assert turned.known_mask[y, x]
