import cv2
import numpy as np

from trichoscan.learn.twins import find_twins, without_twins
from trichoscan.phantom.draw import draw_phantom


def write(folder, name, pixels, quality=95):
    path = folder / f"{name}.jpg"
    cv2.imwrite(str(path), pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return path


def test_one_exposure_under_several_names_is_found_whatever_is_burnt_in(tmp_path):
    photos = {}
    for i in range(6):
        pixels = draw_phantom(300 + i, "clipped", 400, 320, 9.0).pixels
        photos[f"one_{i}"] = write(tmp_path, f"one_{i}", pixels)
        if i < 2:
            other = np.roll(pixels, 2, axis=1)
            cv2.putText(other, "A017 2023/02/19", (5, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1)
            photos[f"two_{i}"] = write(tmp_path, f"two_{i}", other, 60)
    assert sorted(map(sorted, find_twins(photos))) == [["one_0", "two_0"], ["one_1", "two_1"]]


def test_what_has_a_twin_on_the_other_side_is_left_out():
    twins = [frozenset("ab"), frozenset("cde")]
    assert without_twins(["a", "c", "f"], ["b", "g"], twins) == ["c", "f"]
    assert without_twins(["a", "b"], [], twins) == ["a", "b"]


def test_a_single_photo_has_no_twin(tmp_path):
    path = write(tmp_path, "one", draw_phantom(1, "clipped", 300, 300, 9.0).pixels)
    assert find_twins({"one": path}) == []
