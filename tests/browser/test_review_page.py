"""The review page in a real browser: what is done by mouse and keyboard stands in the CSVs, whatever dies."""

from __future__ import annotations

import csv
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("selenium", reason="no selenium: pip install selenium")
pytest.importorskip("fastapi", reason="the extra review is not installed")
from conftest import barriers
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

WAIT_S = 60.0
COMMAND = [sys.executable, "-c", "from trichoscan.cli import main; main()", "review"]


class Server:
    """`trichoscan review` as a user starts it."""

    def __init__(self, results: Path, user: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, str(results), "--user", user, "--no-browser"], stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        found = re.search(r"http\S+", line)
        assert found, line + self.process.stderr.read()
        self.address = found.group()

    def end(self, with_signal: int) -> int:
        self.process.send_signal(with_signal)
        code = self.process.wait(WAIT_S)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code


class Page:
    """What a reviewer sees and does."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser

    def wait(self, what: Callable[[], Any]) -> Any:
        return WebDriverWait(self.browser, WAIT_S, poll_frequency=0.1).until(lambda _: what())

    def all(self, selector: str) -> list[Any]:
        return list(self.browser.find_elements(By.CSS_SELECTOR, selector))

    def one(self, selector: str) -> Any:
        return self.wait(lambda: self.all(selector))[0]

    def open(self, address: str) -> None:
        self.browser.get(address)
        self.one("#photos tbody tr")

    def press(self, *keys: str) -> None:
        ActionChains(self.browser).send_keys(*keys).perform()

    def photo(self, name: str) -> None:
        next(link for link in self.all("#photos a.open") if link.text == name).click()
        self.one("#canvas[data-ready]")

    def figure(self, name: str) -> str:
        return str(self.one(f"[data-figure={name}] .now").text.removeprefix("✎ ").split()[0])

    def click(self, point_px: tuple[float, float], size_px: tuple[int, int]) -> None:
        """Click a point of the photo while the whole photo is shown."""
        canvas = self.one("#canvas")
        width, height = canvas.size["width"], canvas.size["height"]
        scale = min(width / size_px[0], height / size_px[1])
        x, y = ((point_px[k] + 0.5 - size_px[k] / 2) * scale for k in (0, 1))
        ActionChains(self.browser).move_to_element_with_offset(canvas, round(x), round(y)).click().perform()

    def told(self, text: str) -> None:
        self.wait(lambda: text in self.one("#notice").text)

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture
def start() -> Iterator[Callable[[Path, str], Server]]:
    """Starts servers, and ends those that still run."""
    started: list[Server] = []

    def begin(results: Path, user: str) -> Server:
        started.append(Server(results, user))
        return started[-1]

    yield begin
    for server in started:
        if server.process.poll() is None:
            server.end(signal.SIGKILL)


@pytest.fixture
def page(browser: Any) -> Iterator[Page]:
    browser.get("about:blank")
    browser.get_log("browser")  # what others left
    yield Page(browser)
    browser.get("about:blank")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


IMAGE = "S1_vertex_baseline.jpg"


def test_a_review_from_the_first_click_to_the_csv(
    page: Page, results: Path, start: Callable[[Path, str], Server]
) -> None:
    before = {row["hair_id"]: row for row in rows(results / "hairs.csv") if row["image"] == IMAGE}
    count = sum(row["counted"] == "true" for row in before.values())
    server = start(results, "Dr. O'Hara <b>")
    page.open(server.address)
    assert "token" not in page.browser.current_url
    assert page.one("#who").text == "Dr. O'Hara <b>", "a name is text, never markup"

    page.photo(IMAGE)
    whole = page.one(".zoom").text
    page.press("+", "+")
    page.wait(lambda: page.one(".zoom").text != whole)
    wheel = (
        "arguments[0].dispatchEvent(new WheelEvent('wheel', {deltaY: -300, bubbles: true, cancelable: true}))"
    )
    near = page.one(".zoom").text
    page.browser.execute_script(wheel, page.one("#canvas"))
    page.wait(lambda: page.one(".zoom").text != near)
    page.press("0")
    page.wait(lambda: page.one(".zoom").text == whole)

    hair = next(
        row for row in before.values() if row["counted"] == "true" and "cut_by_edge" not in row["flags"]
    )
    ends = [(float(hair[f"{end}_x_px"]), float(hair[f"{end}_y_px"])) for end in ("root", "tip")]
    page.press(".")
    while f"Hair {hair['hair_id']}" not in page.one("#chosen h2").text:
        page.press(".")
    page.press(Keys.DELETE)
    page.told(f"deleted hair {hair['hair_id']}")
    assert page.figure("hair_count") == str(count - 1)
    page.press("z")
    page.told("took back: deleted hair")
    assert page.figure("hair_count") == str(count)
    page.press("y")
    page.told("did again: deleted hair")

    page.press("0", "a")
    for end in ends:
        page.click(end, (640, 512))
    page.press(Keys.ENTER)
    page.told("added hair 100001")
    assert page.figure("hair_count") == str(count)
    assert page.complaints() == []

    server.end(signal.SIGKILL)
    server = start(results, "Dr. O'Hara <b>")
    page.open(server.address)
    page.photo(IMAGE)
    assert page.figure("hair_count") == str(count), "nothing is lost"
    page.press("s")
    page.one("#ask-text").send_keys("all looked at")
    page.one("#ask-yes").click()
    page.one("#reopen")
    assert not page.one("#delete").is_enabled() and not page.one("#mode-add").is_enabled()
    page.browser.refresh()
    page.one("#reopen")

    assert server.end(signal.SIGINT) == 0
    row = next(row for row in rows(results / "images.csv") if row["image"] == IMAGE)
    assert (row["review"], row["reviewed_by"], row["corrections"]) == ("signed_off", "Dr. O'Hara <b>", "2")
    assert (row["hair_count"], row["reviewed_hair_count"]) == (str(count), str(count))
    after = [row for row in rows(results / "hairs.csv") if row["image"] == IMAGE]
    dropped = [row["hair_id"] for row in after if row["review"] == "dropped"]
    (added,) = [row for row in after if row["review"] == "added"]
    assert dropped == [hair["hair_id"]]
    for name in ("root_x_px", "root_y_px", "tip_x_px", "tip_y_px"):
        assert float(added[name]) == pytest.approx(float(hair[name]), abs=8)
    log = [row["what"] for row in rows(results / "audit.csv")]
    assert log == ["begin", "delete", "undo", "redo", "add", "sign_off"]


def test_a_match_is_changed_by_keyboard(
    page: Page, results: Path, start: Callable[[Path, str], Server]
) -> None:
    server = start(results, "Ben")
    page.open(server.address)
    next(link for link in page.all("#pairs a.open") if link.text.startswith("S1")).click()
    page.one("#canvas-baseline[data-ready]")
    matched = int(page.figure("matched_hairs"))
    page.press("0")
    for _ in range(60):
        page.press(".")
        if re.search(r"hair \d+: (kept|thicker|thinner), \d+ % sure$", page.one("#chosen").text, re.M):
            break
    page.press("d")
    page.told("parted baseline hair")
    assert int(page.figure("matched_hairs")) == matched - 1
    page.press("z")
    page.told("took back: parted")
    assert int(page.figure("matched_hairs")) == matched
    page.press("y")
    page.told("did again: parted")
    assert page.complaints() == []
    assert server.end(signal.SIGINT) == 0
    pair = next(row for row in rows(results / "pairs.csv") if row["pair_id"].startswith("S1"))
    assert (pair["review"], pair["reviewed_matched_hairs"]) == ("open", str(matched - 1))
    assert pair["matched_hairs"] == str(matched)
    kinds = [(row["kind"], row["review"]) for row in rows(results / "matches.csv")]
    assert ("matched", "dropped") in kinds and ("lost", "added") in kinds


class Fingers:
    """Fingers on a touch screen, in CSS px of the window."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser
        browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        at = [{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(points)]
        self.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    def tap(self, x: float, y: float) -> None:
        self.touch("touchStart", (x, y))
        self.touch("touchEnd")

    def drag(self, *ways: tuple[tuple[float, float], tuple[float, float]], steps: int = 8) -> None:
        """Each finger goes from its first point to its second, all at once."""
        self.touch("touchStart", *(start for start, _ in ways))
        for step in range(1, steps + 1):
            share = step / steps
            at = [(a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])) for a, b in ways]
            self.touch("touchMove", *at)
        self.touch("touchEnd")

    def lift(self) -> None:
        self.browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


@pytest.fixture
def fingers(browser: Any) -> Iterator[Fingers]:
    hands = Fingers(browser)
    yield hands
    hands.lift()


def test_fingers_zoom_move_choose_and_draw(
    page: Page, fingers: Fingers, results: Path, start: Callable[[Path, str], Server]
) -> None:
    server = start(results, "Ann")
    page.open(server.address)
    page.photo(IMAGE)
    box = page.one("#canvas").rect
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    whole = page.one(".zoom").text
    fingers.drag(((x - 40, y), (x - 120, y)), ((x + 40, y), (x + 120, y)))
    page.wait(lambda: page.one(".zoom").text != whole)
    assert int(page.one(".zoom").text.rstrip(" %")) == pytest.approx(3 * int(whole.rstrip(" %")), rel=0.1)
    near, before = page.one(".zoom").text, page.one("#canvas").screenshot_as_png
    fingers.drag(((x, y), (x + 90, y + 60)))
    page.wait(lambda: page.one("#canvas").screenshot_as_png != before)
    assert page.one(".zoom").text == near, "one finger moves, two zoom"
    assert not page.all("#chosen"), "to move is not to choose"

    page.press("0")
    page.wait(lambda: page.one(".zoom").text == whole)
    hair = next(
        row
        for row in rows(results / "hairs.csv")
        if row["image"] == IMAGE and row["counted"] == "true" and "cut_by_edge" not in row["flags"]
    )
    scale = min(box["width"] / 640, box["height"] / 512)
    root, tip = (
        (
            x + (float(hair[f"{end}_x_px"]) + 0.5 - 320) * scale,
            y + (float(hair[f"{end}_y_px"]) + 0.5 - 256) * scale,
        )
        for end in ("root", "tip")
    )
    fingers.tap(*root)
    page.wait(lambda: f"Hair {hair['hair_id']}" in page.one("#chosen").text)
    page.one("#delete").click()
    page.told(f"deleted hair {hair['hair_id']}")
    page.one("#mode-add").click()
    fingers.tap(*root)
    fingers.tap(*tip)
    page.one("#done").click()
    page.told("added hair 100001")
    assert page.complaints() == []
    assert server.end(signal.SIGINT) == 0


def test_both_views_and_the_worklist_are_accessible(
    page: Page, results: Path, start: Callable[[Path, str], Server]
) -> None:
    server = start(results, "Ann")
    page.open(server.address)
    assert barriers(page.browser) == []
    page.photo(IMAGE)
    page.press("n")
    assert barriers(page.browser) == []
    page.press("?")
    page.one("#sheet[open]")
    assert barriers(page.browser) == []
    page.press(Keys.ESCAPE)
    page.wait(lambda: not page.all("#sheet[open]"))
    page.press("w")
    page.one("#pairs a.open").click()
    page.one("#canvas-baseline[data-ready]")
    assert barriers(page.browser) == []


def test_keys_are_shown_and_everything_fits_a_small_laptop(
    page: Page, results: Path, start: Callable[[Path, str], Server]
) -> None:
    server = start(results, "Ann")
    page.open(server.address)
    page.photo(IMAGE)
    page.press("?")
    sheet = page.one("#sheet[open]")
    assert {"Add a hair", "Undo", "Sign off"} <= {
        word for word in ("Add a hair", "Undo", "Sign off") if word in sheet.text
    }
    page.press(Keys.ESCAPE)
    wide, high = page.browser.execute_script(
        "const d = document.documentElement;"
        "return [d.scrollWidth - d.clientWidth, d.scrollHeight - d.clientHeight]"
    )
    assert (wide, high) == (0, 0)
    bar = page.one(".tools")
    assert bar.size["height"] < 60, "the tools stand in one row"
    assert all(button.accessible_name for button in page.all("button") if button.is_displayed())
