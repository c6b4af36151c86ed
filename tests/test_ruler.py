"""Ticks and circles of known size, and what is neither."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from trichoscan.cli import app
from trichoscan.photo.calibrate import find_scales
from trichoscan.photo.ruler import find_circle, find_ticks
from trichoscan.records import TrichoscanError


def skin(shape=(720, 960), seed=0, noise=5.0):
    rng = np.random.default_rng(seed)
    texture = cv2.GaussianBlur(rng.normal(0, 40, shape), (0, 0), 4)[..., None]
    return np.clip(np.array([185, 150, 130]) + texture + rng.normal(0, noise, (*shape, 1)), 0, 255)


def ruler(period_px, turn_deg, seed=0):
    """Ticks along a line through the photo's middle, every tenth longer."""
    pixels = np.ascontiguousarray(skin(seed=seed).astype(np.uint8))
    along = np.array([np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))])
    across = np.array([-along[1], along[0]])
    for k in range(-100, 100):
        foot = np.array([480, 360]) + along * period_px * k
        ends = np.round(np.stack([foot, foot + across * (60 if k % 10 == 0 else 35)]) * 16).astype(int)
        cv2.line(pixels, *ends.tolist(), (40, 40, 40), 2, cv2.LINE_AA, 4)
    return pixels


@pytest.mark.parametrize(("period_px", "turn_deg"), [(12.4, 0), (37.3, 17), (22.5, 90), (60.2, 133)])
def test_period_of_ticks_at_any_angle(period_px, turn_deg):
    ticks = find_ticks(ruler(period_px, turn_deg))
    assert ticks is not None
    assert ticks.period_px == pytest.approx(period_px, rel=0.01)
    assert abs(ticks.period_px / period_px - 1) < 4 * ticks.period_cv
    assert ticks.confidence > 0.8


def test_a_fine_scale_etched_into_the_optics_that_ends_within_the_photo():
    pixels = np.ascontiguousarray(skin(seed=3).astype(np.uint8))
    for k in range(51):
        x, tall = 130 + 13.6 * k, 24 if k % 10 == 0 else 10
        ends = np.round(np.array([[x, 360 - tall], [x, 360 + tall]]) * 16).astype(int)
        cv2.line(pixels, *ends.tolist(), (20, 20, 20), 1, cv2.LINE_AA, 4)
    ticks = find_ticks(cv2.GaussianBlur(pixels, (0, 0), 0.6))
    assert ticks is not None
    assert ticks.period_px == pytest.approx(13.6, rel=0.005)


@pytest.mark.parametrize("seed", range(3))
def test_skin_and_hair_are_no_ruler_and_no_circle(seed):
    pixels = np.ascontiguousarray(skin(seed=seed).astype(np.uint8))
    rng = np.random.default_rng(seed)
    for x, y in rng.integers(0, 700, (40, 2)):
        cv2.line(pixels, (int(x), int(y)), (int(x) + 40, int(y) + 60), (45, 35, 30), 9, cv2.LINE_AA)
    assert find_ticks(pixels) is None
    assert find_circle(pixels) is None


@pytest.mark.parametrize("colour", [(255, 0, 0), (20, 20, 20)])
def test_radius_of_a_drawn_circle(colour):
    pixels = np.ascontiguousarray(skin(noise=2.0).astype(np.uint8))
    cv2.circle(pixels, (500, 350), 280, colour, 2, cv2.LINE_AA)
    circle = find_circle(pixels)
    assert circle is not None
    assert circle.radius_px == pytest.approx(280, rel=0.005)
    assert (circle.x_px, circle.y_px) == pytest.approx((500, 350), abs=1.5)


def test_a_scale_follows_from_what_is_stated():
    pixels = ruler(25.0, 5)
    (half,) = find_scales(pixels, tick_um=500)
    (whole,) = find_scales(pixels, tick_um=1000)
    assert half.um_per_px == pytest.approx(20, rel=0.01)
    assert whole.um_per_px == pytest.approx(2 * half.um_per_px)
    with pytest.raises(TrichoscanError, match="above 0"):
        find_scales(pixels, tick_um=-1)


def test_the_command_says_what_it_found_and_how_sure(tmp_path: Path):
    cv2.imwrite(str(tmp_path / "ruler.png"), ruler(25.0, 0)[..., ::-1])
    cv2.imwrite(str(tmp_path / "skin.png"), skin().astype(np.uint8)[..., ::-1])
    found = CliRunner().invoke(app, ["calibrate", str(tmp_path / "ruler.png"), "--tick-um", "100"])
    assert found.exit_code == 0
    assert float(found.stdout.split()[0]) == pytest.approx(4.0, rel=0.01)
    assert "confidence" in found.stdout
    assert CliRunner().invoke(app, ["calibrate", str(tmp_path / "skin.png")]).exit_code == 1


def test_the_command_reads_a_circle_of_stated_radius(tmp_path: Path):
    pixels = skin().astype(np.uint8)
    cv2.circle(pixels, (500, 350), 280, (20, 20, 20), 2, cv2.LINE_AA)
    cv2.imwrite(str(tmp_path / "circle.png"), pixels[..., ::-1])
    found = CliRunner().invoke(app, ["calibrate", str(tmp_path / "circle.png"), "--circle-radius-mm", "1.4"])
    assert found.exit_code == 0
    assert float(found.stdout.split()[0]) == pytest.approx(5.0, rel=0.01)
    assert "1.4 mm" in found.stdout
