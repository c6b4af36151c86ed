"""What a study of 500 photos costs the people who look at it: the report and the review page in Chromium.

Run: python benchmarks/report.py [--photos 500] [--results RESULTS]

The study is the sample photos (or the photos of RESULTS, a finished run beside its photos), each measured
once and then entered under many names: the pages neither know nor gain by it. Times of the browser are those
of its own clock; its CPU time, which other work on the machine does not change, is that of the page's main
thread until its end is painted. The last column is the ratio to a bare page of the same thumbnails, written
as plain HTML, in the same browser: that, not the seconds, is what can be compared between machines.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PHOTOS = 500
PATIENCE_S = 600
PAINTED = """
const done = arguments[arguments.length - 1];
requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now())));
"""
"""Time since the page was asked for at which what is asked of it now has been painted."""


def enter_many(results: Path, photos: Path, out: Path, count: int) -> tuple[Path, Path]:
    """Photos and RESULTS of a study of at least `count` photos, from those of a small one.

    The parts of each photo and pair are copied under the new names: `analyze` then finds them all measured,
    and makes the tables and the report of the whole.
    """
    from trichoscan.study import store
    from trichoscan.study.batch import analyze_folder

    with (photos / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with (results / "pairs.csv").open(newline="", encoding="utf-8") as file:
        pairs = [row["pair_id"] for row in csv.DictReader(file)]
    new_photos, new_results = out / "photos", out / "results"
    new_photos.mkdir(parents=True)
    store.prepare(new_results, [new_photos])
    entered = []
    for k in range(-(-count // len(rows))):
        for row in rows:
            image = f"{k:02d}_{row['image']}"
            shutil.copy(photos / row["image"], new_photos / image)
            _enter_photo(results, row["image"], new_results, image)
            entered.append({**row, "image": image, "subject": f"{k:02d}_{row['subject']}"})
        for pair_id in pairs:
            _enter_pair(results, pair_id, new_results, f"{k:02d}_")
    with (new_photos / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        table.writerows(entered)
    summary = analyze_folder([new_photos], new_results)
    assert summary.kept == len(entered), f"only {summary.kept} of {len(entered)} photos were known"
    return new_photos, new_results


def _enter_photo(results: Path, image: str, new_results: Path, new_image: str) -> None:
    """All that `analyze` keeps of a photo, under another name."""
    from trichoscan.study import store

    stem, new_stem = Path(image).stem, Path(new_image).stem
    _copy(store.photo_files(results, stem), store.photo_files(new_results, new_stem))
    _copy([store.analysis_path(results, image)], [store.analysis_path(new_results, new_image)])
    part = store.part_path(results, image).read_text()
    part = part.replace(f"geometry/{stem}.geojson", f"geometry/{new_stem}.geojson")
    store.part_path(new_results, new_image).write_text(part)


def _enter_pair(results: Path, pair_id: str, new_results: Path, before: str) -> None:
    """All that `analyze` keeps of a pair, with `before` in front of the names of its photos."""
    from trichoscan.study.pairs import pair_files, pair_part_path

    new_id = "__".join(before + stem for stem in pair_id.split("__"))
    _copy(pair_files(results, pair_id), pair_files(new_results, new_id))
    part = json.loads(pair_part_path(results, pair_id).read_text())
    part["pair_id"] = new_id
    if part["made_from"]:
        part["made_from"]["images"] = [before + one for one in part["made_from"]["images"]]
    new = pair_part_path(new_results, new_id)
    new.parent.mkdir(parents=True, exist_ok=True)
    new.write_text(json.dumps(part))


def _copy(files: Iterable[Path], copies: Iterable[Path]) -> None:
    """Each file that is there."""
    for old, new in zip(files, copies, strict=True):
        if old.is_file():
            new.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(old, new)


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser of its own, whose memory is that of one page."""
    from selenium import webdriver

    with tempfile.TemporaryDirectory() as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for switch in (
            "headless", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking",
            "disable-component-update", "disable-sync", "disable-dev-shm-usage", "window-size=1366,768",
            "enable-precise-memory-info", f"user-data-dir={profile}",
        ):  # fmt: skip
            options.add_argument(f"--{switch}")
        driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
        driver.set_page_load_timeout(PATIENCE_S)
        driver.set_script_timeout(PATIENCE_S)
        driver.command_executor.client_config.timeout = PATIENCE_S
        try:
            yield driver
        finally:
            driver.quit()


def renderer_mb(driver: Any) -> float:
    """Resident memory of the largest renderer of a browser, MB."""
    mine = [driver.service.process.pid]
    found = [0.0]
    for pid in mine:
        for thread in Path(f"/proc/{pid}/task").glob("*/children"):
            mine += [int(child) for child in thread.read_text().split()]
        if b"--type=renderer" in Path(f"/proc/{pid}/cmdline").read_bytes():
            status = Path(f"/proc/{pid}/status").read_text()
            found.append(int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024)
    return max(found)


def open_page(path: Path) -> dict[str, float]:
    """Seconds until the top of a page is painted and until it is loaded, memory and size."""
    with chromium() as driver:
        driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        driver.get(path.as_uri())
        painted = driver.execute_script(
            "return performance.getEntriesByName('first-contentful-paint')[0].startTime"
        )
        loaded = driver.execute_script(
            "return performance.timing.loadEventEnd - performance.timing.navigationStart"
        )
        start = driver.execute_async_script(PAINTED)
        driver.execute_script(
            "window.scrollTo({top: document.documentElement.scrollHeight, behavior: 'instant'})"
        )
        end = driver.execute_async_script(PAINTED)
        counted = {
            m["name"]: m["value"] for m in driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        }
        return {
            "first paint s": painted / 1000,
            "loaded s": loaded / 1000,
            "to the end s": (end - start) / 1000,
            "browser's CPU s": counted["TaskDuration"],
            "nodes": counted["Nodes"],
            "memory MB": renderer_mb(driver),
            "size MB": path.stat().st_size / 1e6,
        }


def bare_page(report: Path, path: Path) -> Path:
    """A page of the report's thumbnails and nothing else."""
    pictures = re.findall(r'<img src="(data:image/jpeg;base64,[^"]+)"', report.read_text(encoding="utf-8"))
    rows = "".join(f'<tr><td><img src="{src}" width="88" alt=""></td></tr>' for src in pictures)
    path.write_text(f"<!doctype html><title>bare</title><table>{rows}</table>", encoding="utf-8")
    return path


def time_report(results: Path) -> dict[str, float]:
    """Seconds to make all pages anew, and to find that nothing has changed."""
    from trichoscan.study.report import write_report

    seconds = {}
    for name, anew in (("made anew s", True), ("unchanged s", False)):
        started = time.perf_counter()
        write_report(results, anew=anew)
        seconds[name] = time.perf_counter() - started
    return seconds


def time_review(results: Path) -> dict[str, float]:
    """Seconds from the start of the server to the worklist, and to the first photo in it."""
    import uvicorn
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    from trichoscan.review.server import listen, make_app
    from trichoscan.review.session import open_session

    started = time.perf_counter()
    session = open_session(results, "Ann")
    listening = listen(0)
    port = listening.getsockname()[1]
    app = make_app(session, "token", port)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    found = {"server ready s": time.perf_counter() - started}
    try:
        with chromium() as driver:

            def wait(selector: str) -> Any:
                return WebDriverWait(driver, PATIENCE_S, 0.02).until(
                    lambda _: driver.find_elements(By.CSS_SELECTOR, selector)
                )[0]

            for name in ("worklist s", "worklist again s"):
                driver.get("about:blank")
                before = time.perf_counter()
                driver.get(f"http://127.0.0.1:{port}/?token=token")
                wait("#photos tbody tr")
                driver.execute_async_script(PAINTED)
                found[name] = time.perf_counter() - before
            before = time.perf_counter()
            wait("#photos a.open").click()
            wait("#canvas[data-ready]")
            driver.execute_async_script(PAINTED)
            found["photo s"] = time.perf_counter() - before
            found["memory MB"] = renderer_mb(driver)
    finally:
        server.should_exit = True
        thread.join()
        session.close()
    return found


def show(title: str, figures: dict[str, float], bare: dict[str, float] | None = None) -> None:
    """Print a table of figures, with their ratio to those of the bare page."""
    print(f"\n{title}")
    for name, value in figures.items():
        ratio = f"  {value / bare[name]:6.1f} x bare" if bare and bare.get(name) else ""
        print(f"  {name:20s} {value:10.2f}{ratio}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=PHOTOS)
    parser.add_argument("--results", type=Path, help="a finished run; its photos with --from")
    parser.add_argument("--from", dest="folder", type=Path, default=ROOT / "sample_images")
    asked = parser.parse_args(arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as temporary:
        small = asked.results
        if small is None:
            from trichoscan.study.batch import analyze_folder

            small = Path(temporary) / "small"
            analyze_folder([asked.folder], small)
        _, results = enter_many(small, asked.folder, Path(temporary) / "study", asked.photos)
        show("pages", time_report(results))
        bare = open_page(bare_page(results / "report.html", Path(temporary) / "bare.html"))
        show("bare page", bare)
        show("report.html", open_page(results / "report.html"), bare)
        leaves = sorted((results / "report").glob("*.html"), key=lambda path: path.stat().st_size)
        if leaves:
            show(f"largest of {len(leaves)} pages of subjects", open_page(leaves[-1]), bare)
        show("review", time_review(results))


if __name__ == "__main__":
    main()
