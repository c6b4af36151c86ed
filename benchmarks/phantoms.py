"""How fast phantoms are drawn, and how exact the area of their hairs is.

Run: python benchmarks/phantoms.py [--photos 12] [--shafts 400] [--dry]

Speed is that of two processes on one photo of 1280x1024 after another, by the clock and, since others may
use the machine, by CPU time; and as a multiple of what decoding and encoding the same photo as JPEG costs
in the same run, which can be compared between machines. Exactness is the darkness integrated over a
drawn shaft, per px of its length, less its true width; before the camera. The table goes into
docs/phantoms.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tables import markdown, put_into

from trichoscan.phantom.draw import draw_phantom
from trichoscan.phantom.render import Shaft, cover

PAGE = Path(__file__).resolve().parents[1] / "docs" / "phantoms.md"
MARK = "phantoms"
PHOTOS, SHAFTS, PROCESSES = 12, 400, 2
SEED = 41_000_000
SIDE_PX, LENGTH_PX = 260, 150.0
WIDTHS_PX = (2.0, 20.0)
TIGHTEST_WIDTHS = 4.0
"""Smallest radius of a bent shaft in widths: tighter than any hair on the photos."""
TAPER = 0.4
SHAPES = ("straight", "bent", "tapered")
JPEG_TURNS = 10


def timed(photos: int, process: int) -> dict[str, float]:
    """Time of one process for each of `photos` phantoms, and for decoding and encoding their JPEG."""
    seeds = range(SEED + process * photos, SEED + (process + 1) * photos)
    for seed in range(2):
        draw_phantom(seed, None, 1280, 1024)
    started, wall = time.process_time(), time.perf_counter()
    drawn = [draw_phantom(seed, None, 1280, 1024).jpeg for seed in seeds]
    drawn_at, wall = time.process_time(), time.perf_counter() - wall
    for _ in range(JPEG_TURNS):
        for jpeg in drawn:
            pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])
    coded_at = time.process_time()
    for seed in seeds:
        draw_phantom(seed, None, 640, 640, 5.5)
    return {
        "seconds": wall / photos,
        "cpu_ms": 1000 * (drawn_at - started) / photos,
        "jpeg_cpu_ms": 1000 * (coded_at - drawn_at) / photos / JPEG_TURNS,
        "crop_cpu_ms": 1000 * (time.process_time() - coded_at) / photos,
    }


def speed(photos: int) -> dict[str, float]:
    """Photos a second of `PROCESSES` processes at once, and what a photo costs."""
    command = [sys.executable, __file__, "--photos", str(photos), "--process"]
    running = [
        subprocess.Popen([*command, str(i)], stdout=subprocess.PIPE, text=True) for i in range(PROCESSES)
    ]
    told = [(process.communicate()[0], process.returncode) for process in running]
    if any(code != 0 for _, code in told):
        raise RuntimeError("a process that draws phantoms failed; its reason stands above")
    parts = [json.loads(text.splitlines()[-1]) for text, _ in told]
    mean = {key: float(np.mean([part[key] for part in parts])) for key in parts[0]}
    return {
        "photos of 1280x1024 a second, two processes, by the clock": sum(1 / p["seconds"] for p in parts),
        "the same by CPU time, as on two free cores": sum(1000 / p["cpu_ms"] for p in parts),
        "CPU ms for 1280x1024": mean["cpu_ms"],
        "CPU time of a photo / of decoding and encoding its JPEG": mean["cpu_ms"] / mean["jpeg_cpu_ms"],
        "CPU ms for 640x640 at 5.5 um/px": mean["crop_cpu_ms"],
    }


def a_shaft(shape: str, rng: np.random.Generator) -> tuple[Shaft, float]:
    """A shaft anywhere within a pixel, at any angle, and its true mean width in px."""
    width = float(rng.uniform(*WIDTHS_PX))
    middle = SIDE_PX / 2 + rng.uniform(-1, 1, 2)
    angle = rng.uniform(0, 2 * np.pi)
    s = np.linspace(-0.5, 0.5, 61) * LENGTH_PX
    path = np.column_stack([s, np.zeros_like(s)])
    if shape == "bent":
        radius = float(rng.uniform(max(TIGHTEST_WIDTHS * width, 35.0), 300.0))
        path = radius * np.column_stack([np.sin(s / radius), 1 - np.cos(s / radius)])
        path -= path.mean(axis=0)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    widths = width * (np.linspace(1, TAPER, len(s)) if shape == "tapered" else np.ones(len(s)))
    return Shaft(path @ turn.T + middle, widths), float(np.mean((widths[1:] + widths[:-1]) / 2))


def width_errors(shape: str, shafts: int) -> NDArray[np.float64]:
    """Drawn less true width in px, of shafts of a shape drawn one by one."""
    rng = np.random.default_rng(SHAPES.index(shape))
    errors = []
    for _ in range(shafts):
        shaft, width = a_shaft(shape, rng)
        length = float(np.hypot(*np.diff(shaft.path_px, axis=0).T).sum())
        errors.append(float(cover([shaft], SIDE_PX, SIDE_PX).share.sum()) / length - width)
    return np.array(errors)


def table(speeds: dict[str, float], errors: dict[str, NDArray[np.float64]]) -> str:
    """Markdown table of both."""
    rows = [[name, f"{value:.3g}"] for name, value in speeds.items()]
    for shape, error in errors.items():
        rows.append([f"largest error of the width, {shape}, px", f"{np.abs(error).max():.4f}"])
        rows.append([f"mean error of the width, {shape}, px", f"{error.mean():+.4f}"])
    return markdown(("", "phantoms"), rows)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=PHOTOS)
    parser.add_argument("--shafts", type=int, default=SHAFTS)
    parser.add_argument("--dry", action="store_true", help="Leave docs/phantoms.md as it is.")
    parser.add_argument("--process", type=int)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if options.process is not None:
        print(json.dumps(timed(options.photos, options.process)))
        return
    errors = {shape: width_errors(shape, options.shafts) for shape in SHAPES}
    text = table(speed(options.photos), errors)
    print(text)
    if not options.dry:
        put_into(PAGE, MARK, text)


if __name__ == "__main__":
    main()
