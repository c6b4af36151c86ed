"""What several test modules share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

ROOT = Path(__file__).resolve().parents[1]

if "PYTEST_XDIST_WORKER" in os.environ:  # one process a core, so one thread each
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def fdu() -> Path:
    """Folder of real photos with hand-drawn hairs; $TRICHOSCAN_FDU, else beside the checkout."""
    folder = Path(os.environ.get("TRICHOSCAN_FDU", ROOT.parent / "shared" / "data" / "fdu"))
    if not (folder / "images").is_dir():
        pytest.skip(f"no real photos at {folder}: set TRICHOSCAN_FDU")
    return folder


@pytest.fixture(scope="session")
def weights():
    """Weights that come with the package."""
    from trichoscan.segment.weights import load_weights

    return load_weights()


@pytest.fixture(scope="session")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with images/, three small phantoms and a manifest.csv, and truth/. Do not write into it."""
    from trichoscan.phantom.draw import draw_phantom
    from trichoscan.phantom.write import manifest_row, write_manifest, write_phantom

    folder = tmp_path_factory.mktemp("clinic")
    rows = []
    for i in range(3):
        phantom = draw_phantom(40 + i, width_px=360, height_px=300, um_per_px=5.5)
        write_phantom(folder, f"photo_{i}", phantom)
        rows.append(manifest_row(f"photo_{i}.jpg", f"P{i}", "baseline", "2026-01-01", phantom))
    write_manifest(folder / "images" / "manifest.csv", rows)
    return folder


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with images/, a manifest.csv and truth/: two subjects of two arms at two visits, 8 um per px.

    The follow-up of S2 is that of S1 under another name. Do not write into it.
    """
    import shutil
    from dataclasses import replace

    from trichoscan.phantom.course import UNTREATED, margin_um
    from trichoscan.phantom.draw import draw_scene
    from trichoscan.phantom.write import Visit, write_manifest, write_visits

    course = replace(
        UNTREATED, days=168.0, lost_share=0.1, new_share=0.1, shift_um=120.0, zoom=0.0, comb_rad=0.05
    )
    folder = tmp_path_factory.mktemp("study")
    margin = margin_um(course, (320 * 8.0, 256 * 8.0))
    rows = []
    for seed, subject, arm, later in ((3, "S1", "active", ["week24"]), (8, "S2", "placebo", [])):
        scene = draw_scene(seed, "plain", 640, 512, 8.0, "normal", "caucasian", margin)
        visits = [Visit(name, 168, course) for name in later]
        rows += write_visits(folder, scene, seed, visits, subject=subject, arm=arm)
    images = folder / "images"
    shutil.copy(images / "S1_vertex_week24.jpg", images / "S2_vertex_week24.jpg")
    wrong = {"image": "S2_vertex_week24.jpg", "subject": "S2", "arm": "placebo"}
    write_manifest(images / "manifest.csv", [*rows, {**rows[1], **wrong}])
    return folder


@pytest.fixture(scope="session")
def measured(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RESULTS of `study`, with a pair that is compared. Do not write into it."""
    from trichoscan.study.batch import analyze_folder

    out = tmp_path_factory.mktemp("measured") / "results"
    analyze_folder([study / "images"], out)
    return out


@pytest.fixture
def results(measured: Path, tmp_path: Path) -> Path:
    """A copy of `measured` to be reviewed."""
    import shutil

    return Path(shutil.copytree(measured, tmp_path / "results"))


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A real browser, Debian's chromium by selenium; $TRICHOSCAN_NEEDS_BROWSER: its lack is a failure."""
    import shutil

    webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium: pip install selenium")
    found = shutil.which("chromium"), shutil.which("chromedriver")
    if None in found:
        if os.environ.get("TRICHOSCAN_NEEDS_BROWSER"):
            pytest.fail("no chromium or chromedriver: apt-get install chromium chromium-driver")
        pytest.skip("no chromium or chromedriver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = found[0]
    for switch in (
        "headless", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking",
        "disable-component-update", "disable-sync", "disable-dev-shm-usage", "window-size=1366,768",
        f"user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):  # fmt: skip
        options.add_argument(f"--{switch}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(found[1]))
    try:
        yield driver
    finally:
        driver.quit()


def barriers(browser: Any) -> list[str]:
    """What axe-core finds on the open page that keeps people out; hairs drawn over photos are left out."""
    from importlib import resources

    axe = pytest.importorskip("axe_core_python", reason="no axe: pip install axe-core-python")
    browser.execute_script(resources.files(axe).joinpath("axe.min.js").read_text(encoding="utf-8"))
    found = browser.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "axe.run({exclude: [['svg.photo *']]}, {resultTypes: ['violations']})"
        ".then((found) => done(found.violations), (error) => done([{id: String(error), nodes: []}]));"
    )
    return [f"{one['id']}: {[node['target'] for node in one['nodes'][:3]]}" for one in found]
