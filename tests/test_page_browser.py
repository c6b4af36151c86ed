"""The report in a real browser: layers, slider, blink and size, by mouse and by keyboard, and on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("selenium", reason="no selenium: pip install selenium")
from conftest import barriers
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

WAIT_S = 20.0


@pytest.fixture
def page(browser: Any, measured: Path) -> Any:
    """The browser with report.html open at its top; nothing moves by itself."""
    move(browser, "reduce")
    browser.get((measured / "report.html").as_uri())
    return browser


def move(browser: Any, wish: str) -> None:
    """Say what the reader's system asks of motion: "reduce" or "no-preference"."""
    feature = {"name": "prefers-reduced-motion", "value": wish}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def one(parent: Any, selector: str) -> Any:
    return parent.find_element(By.CSS_SELECTOR, selector)


def pair_viewer(page: Any) -> Any:
    viewer = one(page, "[data-compare]")
    page.execute_script("arguments[0].scrollIntoView({behavior: 'instant'})", viewer)
    return viewer


def shown_width(viewer: Any) -> float:
    """Width of the follow-up that shows, as a share of the photo's."""
    clip = float(one(viewer, "[data-clip]").get_dom_attribute("width"))
    return clip / float(one(viewer, "svg").get_dom_attribute("viewBox").split()[2])


def drawn(page: Any, group: Any) -> bool:
    return bool(page.execute_script("return arguments[0].getBoundingClientRect().width > 0", group))


def test_it_opens_without_a_complaint_and_asks_for_nothing(page: Any) -> None:
    assert page.title == "Hair report"
    assert [entry["message"] for entry in page.get_log("browser")] == []
    loaded = page.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in loaded if not name.startswith("data:")] == []
    sizes = page.execute_script("return [...document.images].map(i => i.naturalWidth)")
    assert sizes and all(size > 0 for size in sizes)


def test_it_is_accessible(page: Any) -> None:
    assert barriers(page) == []


@pytest.mark.parametrize("width", [1366, 390])
def test_nothing_is_wider_than_the_window(page: Any, width: int) -> None:
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False},
    )
    try:
        assert page.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_layer_goes_and_comes_by_mouse_and_by_keyboard(page: Any) -> None:
    viewer = one(page, "[data-viewer]")
    page.execute_script("arguments[0].scrollIntoView({behavior: 'instant'})", viewer)
    group, box = one(viewer, "svg [data-layer=terminal]"), one(viewer, "[data-switch=terminal]")
    numbers = one(viewer, "svg [data-layer=numbers]")
    assert drawn(page, group) and not drawn(page, numbers)
    box.click()
    assert not drawn(page, group)
    box.send_keys(Keys.SPACE)
    assert drawn(page, group)
    one(viewer, "[data-all=off]").send_keys(Keys.ENTER)
    assert not any(drawn(page, each) for each in viewer.find_elements(By.CSS_SELECTOR, "svg [data-layer]"))
    assert not box.is_selected()
    one(viewer, "[data-all=on]").click()
    assert drawn(page, group) and drawn(page, numbers)


def test_a_hair_tells_its_figures(page: Any) -> None:
    title = one(page, "[data-viewer] [data-layer=terminal] path title")
    words = page.execute_script("return arguments[0].textContent", title)
    assert words.startswith("hair ") and "µm" in words and "confidence" in words


def test_the_slider_moves_by_keyboard(page: Any) -> None:
    viewer = pair_viewer(page)
    slider = one(viewer, "[data-slider]")
    assert shown_width(viewer) == pytest.approx(0.5, abs=0.01)
    slider.send_keys(Keys.ARROW_LEFT * 10)
    assert shown_width(viewer) == pytest.approx(0.6, abs=0.01)
    slider.send_keys(Keys.END)
    assert shown_width(viewer) == 0
    assert one(viewer, "[data-now]").text == "baseline"
    slider.send_keys(Keys.HOME)
    assert shown_width(viewer) == pytest.approx(1, abs=0.01)
    assert one(viewer, "[data-now]").text == "follow-up"
    one(viewer, "[data-show=baseline]").click()
    assert shown_width(viewer) == 0
    one(viewer, "[data-show=followup]").click()
    assert shown_width(viewer) == pytest.approx(1, abs=0.01)


def test_both_photos_are_there_to_be_compared(page: Any) -> None:
    """What the two photos show differs, and the baseline's picture is shown from its place on the page."""
    viewer = pair_viewer(page)
    one(viewer, "[data-all=off]").click()
    stage = one(viewer, "svg")
    seen = []
    for name in ("baseline", "followup"):
        one(viewer, f"[data-show={name}]").click()
        seen.append(stage.screenshot_as_png)
    assert seen[0] != seen[1]
    assert min(len(png) for png in seen) > 50_000, "a photo, no empty frame"


def test_blink_changes_by_itself_until_it_is_stopped(page: Any) -> None:
    viewer = pair_viewer(page)
    move(page, "no-preference")
    button = one(viewer, "[data-blink]")
    button.send_keys(Keys.ENTER)
    assert button.get_attribute("aria-pressed") == "true"
    first = shown_width(viewer)
    WebDriverWait(page, WAIT_S, 0.05).until(lambda _: shown_width(viewer) != first)
    WebDriverWait(page, WAIT_S, 0.05).until(lambda _: shown_width(viewer) == first)
    button.send_keys(Keys.ESCAPE)
    assert button.get_attribute("aria-pressed") == "false"


def test_nothing_moves_by_itself_where_that_is_unwelcome(page: Any) -> None:
    viewer = pair_viewer(page)
    button = one(viewer, "[data-blink]")
    button.click()
    first = shown_width(viewer)
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    assert shown_width(viewer) == 1 - first, "one press, one change"


def test_the_photo_is_enlarged_in_its_frame(page: Any) -> None:
    viewer = one(page, "[data-viewer]")
    scroll = one(viewer, ".scroll")
    before = page.execute_script("return arguments[0].scrollWidth", scroll)
    one(viewer, "[data-zoom='4']").send_keys(Keys.SPACE)
    after, left = page.execute_script("return [arguments[0].scrollWidth, arguments[0].scrollLeft]", scroll)
    assert after == pytest.approx(4 * before, abs=4 * 20), "a scroll bar takes some of the width"
    assert left == pytest.approx(1.5 * before, rel=0.1), "the middle stays in the middle"
    assert one(viewer, "[data-zoom='4']").get_attribute("aria-pressed") == "true"


def test_it_is_told_by_the_keyboard_where_one_is(page: Any) -> None:
    body = one(page, "body")
    body.send_keys(Keys.TAB)
    assert page.switch_to.active_element.text == "Skip to the content"
    page.switch_to.active_element.send_keys(Keys.TAB)
    outline = page.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_on_paper_both_photos_of_a_pair_stand_side_by_side(page: Any) -> None:
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        left, right = page.find_elements(By.CSS_SELECTOR, ".paper svg.photo")
        assert left.rect["y"] == right.rect["y"] and left.rect["x"] < right.rect["x"]
        assert not any(
            each.is_displayed() for each in page.find_elements(By.CSS_SELECTOR, ".switches, button")
        )
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_a_script_that_is_not_the_reports_own_does_not_run(page: Any) -> None:
    page.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.ran = 1';document.body.append(s)"
    )
    assert page.execute_script("return window.ran") is None
    assert any("Content Security Policy" in entry["message"] for entry in page.get_log("browser"))
