"""How `trichoscan analyze` uses cores, a cluster and memory, and how far it is from the least possible time.

Run: python benchmarks/scale.py [--photos 16] [--many 5000] on a quiet machine with two cores or more; needs
the extra cluster. With `--many` it also runs over so many small photos and says what memory that takes.

Rates are of the steady state: the start of the program and the first photo of each worker are left out. The
figures go to benchmarks/scale.json and the table into docs/big-batches.md, save with fewer photos.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from memory import peak_mb
from tables import each_float, into_page, markdown

from trichoscan.study.events import NAME, read_events

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "benchmarks" / "scale.json"
PAGE = ROOT / "docs" / "big-batches.md"
PHOTOS = 24
TURNS = 2
"""Times that the cluster and its like are run, by turns; the best of each counts."""
UM_PER_PX = 5.5
SIZE_PX = (1600, 1250)
"""2 MP."""
MOSAIC = 5
"""50 MP: so many copies a side, mirrored so that hairs go on across the seams."""
SMALL_PX = (200, 200)
"""The smallest photo that is read."""
PROGRAM = "from trichoscan.cli import main; main()"
WORKER_SETTINGS = {"MALLOC_ARENA_MAX": "1", "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False"}
"""Of docs/big-batches.md, for `dask worker`."""
MATRIX = 2048
"""Side of the square matrices whose product tells the machine's rate."""


@dataclass(frozen=True)
class Run:
    """What became of one command: photos a second in the steady state, and peak memory."""

    rate: float
    main_mb: float
    worker_mb: float
    growth_mb: float


@contextmanager
def analysis(
    photos: Path, out: Path, *more: str, core: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A run of the command line, pinned to one core where one is named."""
    command = [sys.executable, "-c", PROGRAM, "analyze", str(photos), "-o", str(out)]
    command += ["--um-per-px", str(UM_PER_PX), *more]
    pinned = {} if core is None else {"OMP_NUM_THREADS": "1"}
    run = subprocess.Popen(
        command,
        env=os.environ | pinned,
        stdout=subprocess.DEVNULL,
        preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
    )
    try:
        yield run
    finally:
        run.kill()
        run.wait()


def timed(photos: Path, out: Path, *more: str, workers: int = 1, core: int | None = None) -> Run:
    """One run by so many workers, watched until it ends."""
    total = sum(1 for _ in photos.iterdir())
    peaks: dict[int, float] = {}
    early: dict[int, float] = {}
    late: dict[int, float] = {}
    log = Finished(out)
    with analysis(photos, out, *more, core=core) as run:
        while run.poll() is None:
            for process in (run.pid, *children(run.pid)):
                peaks[process] = max(peaks.get(process, 0.0), peak_mb(process))
            if (finished := log.count()) < total:  # tables and report are yet to come
                late = dict(peaks)
            if not early and finished >= EARLY:
                early = dict(peaks)
            time.sleep(0.2)
        if run.returncode not in (0, REFUSED_SOME):
            raise SystemExit(f"analyze ended with code {run.returncode}")
    growth_mb = max((late.get(process, 0.0) - peak for process, peak in early.items()), default=0.0)
    main_mb = peaks.pop(run.pid)
    worker_mb = max(peaks.values(), default=main_mb)
    return Run(steady_rate(done_times(out), workers), main_mb, worker_mb, growth_mb)


ENDS = 2
"""Photos of each worker at either end of a run that its rate leaves out."""
REFUSED_SOME = 1
"""Exit code where a photo was refused, as one of few px now and then is."""
EARLY = 500
"""Photos after which memory is compared with that after the last one."""


def steady_rate(times: Sequence[float], workers: int) -> float:
    """Photos a second while all hands are full.

    Without the first and last two photos of each worker, or, of few photos, the first alone: at either end
    those in hand are half done.
    """
    full = len(times) > 5 * workers
    begin, end = (ENDS * workers, len(times) - ENDS * workers) if full else (workers, len(times))
    return (end - begin) / (times[end - 1] - times[begin - 1])


class Finished:
    """Counts the photos of a run that are measured or refused, by what its log has gained since."""

    def __init__(self, out: Path) -> None:
        self.out, self.read, self.photos = out, 0, 0

    def count(self) -> int:
        """Photos so far."""
        try:
            with (self.out / NAME).open("rb") as log:
                log.seek(self.read)
                new = log.read()
        except FileNotFoundError:
            return 0
        lines = new[: new.rfind(b"\n") + 1]
        self.read += len(lines)
        self.photos += lines.count(b'"photo_done"') + lines.count(b'"photo_failed"')
        return self.photos


def done_times(out: Path) -> list[float]:
    """Seconds at which photos were done, in order."""
    done = [e["time"] for e in read_events(out) if e["event"] == "photo_done"]
    return sorted(datetime.fromisoformat(when).timestamp() for when in done)


def children(process: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[str]:
    """Address of a scheduler on this machine, with workers of one thread, started as the docs say."""
    from distributed import Client

    file = str(folder / "scheduler.json")
    here = ("--scheduler-file", file, "--no-dashboard", "--host", "127.0.0.1")
    worker = ("worker", "--nthreads", "1", "--local-directory", str(folder), *here)
    with ExitStack() as stack:
        for arguments in (("scheduler", "--port", "0", *here), *[worker] * workers):
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments],
                env=os.environ | WORKER_SETTINGS,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
        with Client(scheduler_file=file, timeout=120, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=120)
            address = client.scheduler.address
        yield address


def two_workers(photos: Path, folder: Path) -> tuple[Run, Run]:
    """Of this machine, then of a cluster on it."""
    folder.mkdir()
    here = timed(photos, folder / "here", "--workers", "2", workers=2)
    with cluster(folder, 2) as address:
        return here, timed(photos, folder / "cluster", "--dask", address, workers=2)


def apart(photos: Path, folder: Path, runs: int) -> float:
    """Photos a second of separate runs at once, each with a core of its own: what the machine allows."""
    cores = sorted(os.sched_getaffinity(0))[:runs]
    outs = [folder / f"apart{core}" for core in cores]
    with ExitStack() as stack:
        started = [
            stack.enter_context(analysis(photos, out, core=core))
            for core, out in zip(cores, outs, strict=True)
        ]
        for run in started:
            run.wait()
    return sum(steady_rate(done_times(out), 1) for out in outs)


def stage_seconds(photos: Sequence[Path]) -> dict[str, float]:
    """Seconds a photo, on one core, of what cannot be spared, and of the floor beneath it.

    Run in a process of its own, pinned.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from trichoscan.photo.calibrate import calibrate
    from trichoscan.photo.quality import assess
    from trichoscan.photo.read import read_photo
    from trichoscan.pipeline import analyze
    from trichoscan.segment.infer import segment
    from trichoscan.segment.memory import keep_freed_memory
    from trichoscan.segment.weights import load_weights

    keep_freed_memory()
    torch.set_num_threads(1)
    weights = load_weights()
    spent = {"decode": 0.0, "network": 0.0, "all measurement": 0.0}
    operations = 0
    for number, path in enumerate([photos[0], *photos]):
        started = time.perf_counter()
        read = read_photo(path)
        decoded = time.perf_counter()
        photo = calibrate(read, option_um_per_px=UM_PER_PX)
        mask = assess(photo).usable_mask
        before = time.perf_counter()
        segment(photo, mask, weights, "cpu")
        segmented = time.perf_counter()
        analyze(photo, weights, device="cpu", refuse=False)
        ended = time.perf_counter()
        if number == 0:  # warms up; counting slows it
            with FlopCounterMode(display=False) as counter:
                segment(photo, mask, weights, "cpu")
            operations = counter.get_total_flops()
            continue
        spent["decode"] += decoded - started
        spent["network"] += segmented - before
        spent["all measurement"] += ended - segmented
    seconds = {name: value / len(photos) for name, value in spent.items()}
    return seconds | {"floor": seconds["decode"] + operations / matrix_rate()}


def matrix_rate() -> float:
    """Operations a second of a product of matrices, as the network's arithmetic at its best."""
    import torch

    a, b = torch.rand(MATRIX, MATRIX), torch.rand(MATRIX, MATRIX)
    best = 0.0
    for _ in range(5):
        started = time.perf_counter()
        torch.mm(a, b)
        best = max(best, 2 * MATRIX**3 / (time.perf_counter() - started))
    return best


def stages_of(photos: Path) -> dict[str, float]:
    """`stage_seconds` in a process of its own on one core."""
    done = subprocess.run(
        [sys.executable, __file__, "--stages", str(photos)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def draw(folder: Path, count: int, size_px: tuple[int, int]) -> Path:
    """Folder of so many phantoms."""
    from trichoscan.phantom.draw import draw_phantom
    from trichoscan.phantom.write import write_phantom

    width, height = size_px
    for number in range(count):
        phantom = draw_phantom(900 + number, width_px=width, height_px=height, um_per_px=UM_PER_PX)
        write_phantom(folder, f"{number:05d}", phantom)
    return folder / "images"


def mosaic(photo: Path, folder: Path, copies: int) -> Path:
    """Folder of photos of 50 MP, each made of one."""
    import cv2
    import numpy as np

    tile = cv2.imread(str(photo))
    row = np.hstack([tile[:, :: (-1) ** column] for column in range(MOSAIC)])
    folder.mkdir()
    cv2.imwrite(str(folder / "0.jpg"), np.vstack([row[:: (-1) ** line] for line in range(MOSAIC)]))
    for number in range(1, copies):
        shutil.copy(folder / "0.jpg", folder / f"{number}.jpg")
    return folder


def many_small(folder: Path, count: int) -> Path:
    """Folder of so many small photos."""
    drawn = sorted(draw(folder / "small drawn", 20, SMALL_PX).glob("*.jpg"))
    photos = folder / "many"
    photos.mkdir()
    for number in range(count):
        shutil.copy(drawn[number % len(drawn)], photos / f"{number:06d}.jpg")
    return photos


def measure(folder: Path, photos: int, large: int, many: int) -> dict[str, Any]:
    """All figures."""
    images = draw(folder / "drawn", photos, SIZE_PX)
    first = min(os.sched_getaffinity(0))
    one_core = timed(images, folder / "one core", core=first)
    stages = stages_of(images)
    again = timed(images, folder / "one core again", core=first)
    one = timed(images, folder / "one")
    both = [two_workers(images, folder / f"two{turn}") for turn in range(TURNS)]
    two, on_cluster = (max(runs, key=lambda run: run.rate) for runs in zip(*both, strict=True))
    record: dict[str, Any] = {
        "cores": len(os.sched_getaffinity(0)),
        "photos": photos,
        "one core": one_core.rate,
        "one": one.rate,
        "two": two.rate,
        "apart": apart(images, folder, 2),
        "cluster": on_cluster.rate,
        "worker_mb": two.worker_mb,
        "stages": stages | {"whole": (1 / one_core.rate + 1 / again.rate) / 2},
    }
    if large:
        still = timed(mosaic(images / "00000.jpg", folder / "stills", large), folder / "large")
        record["still_mb"] = still.worker_mb
        record["still_s"] = 1 / still.rate
    if many:
        run = timed(many_small(folder, many), folder / "small", "--workers", "2", workers=2)
        record["many"] = {"photos": many} | {
            name: getattr(run, name) for name in ("rate", "main_mb", "worker_mb", "growth_mb")
        }
    return record


def table(record: dict[str, Any]) -> str:
    """Markdown table of a record, with what was aimed at."""
    stages = record["stages"]
    needed = stages["decode"] + stages["all measurement"]
    rows = [
        ("one worker on one core", f"{record['one core']:.2f} photos/s", ""),
        ("one worker", f"{record['one']:.2f} photos/s", ""),
        ("two workers", f"{record['two']:.2f} photos/s", ""),
        ("two separate runs at once, a core each", f"{record['apart']:.2f} photos/s", ""),
        ("two workers of a dask cluster on this machine", f"{record['cluster']:.2f} photos/s", ""),
        ("two workers against one on one core", f"{record['two'] / record['one core']:.2f} times", "1.8"),
        (
            "two workers against one whose network takes both cores",
            f"{record['two'] / record['one']:.2f} times",
            "",
        ),
        ("two workers against two separate runs", f"{record['two'] / record['apart']:.2f} times", ""),
        ("cost of the cluster", f"{100 * (record['two'] / record['cluster'] - 1):.0f} %", "10 %"),
        (
            "beyond decoding, network and measurement",
            f"{100 * (stages['whole'] / needed - 1):.0f} %",
            "10 %",
        ),
        ("whole against the floor, on one core", f"{stages['whole'] / stages['floor']:.1f} times", "2"),
        (
            "whole against decoding and the networks as fast as they are here",
            f"{stages['whole'] / (stages['decode'] + stages['network']):.1f} times",
            "",
        ),
        ("peak memory of a worker, 2 MP", f"{record['worker_mb']:.0f} MB", "1000 MB"),
    ]
    if "still_mb" in record:
        rows.append(("peak memory, 50 MP", f"{record['still_mb']:.0f} MB", "2500 MB"))
        rows.append(("50 MP", f"{record['still_s']:.1f} s a photo", ""))
    if many := record.get("many"):
        over = f"over {many['photos']} photos of {SMALL_PX[0]} x {SMALL_PX[1]} px"
        rows.append((f"peak memory of a worker {over}", f"{many['worker_mb']:.0f} MB", ""))
        rows.append(
            (
                f"most that it or the main process grew after {EARLY} of them",
                f"{many['growth_mb']:.0f} MB",
                "",
            )
        )
        rows.append(
            (
                "peak memory of the main process, with tables and report of them",
                f"{many['main_mb']:.0f} MB",
                "",
            )
        )
    return markdown(("", "measured", "goal"), rows)


def said(record: dict[str, Any]) -> str:
    """What the table rests on, where the time goes, and what to make faster next."""
    stages = record["stages"]
    parts = {
        "decoding": stages["decode"],
        "the networks": stages["network"],
        "quality, tracing, diameters and counting": stages["all measurement"] - stages["network"],
        "finding the scale, overlay, files and all else": stages["whole"]
        - stages["decode"]
        - stages["all measurement"],
    }
    shares = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in parts.items())
    longest = max(parts, key=lambda name: parts[name])
    made = f"{record['photos']} phantoms of {SIZE_PX[0]} x {SIZE_PX[1]} px on {record['cores']} cores"
    return (
        f"{made}, without a GPU; made by\n`python benchmarks/scale.py`. "
        f"Of a photo's {stages['whole']:.2f} s on one core: {shares}.\nThe next bottleneck is {longest}."
    )


def into_docs(page: str, record: dict[str, Any]) -> str:
    """The page with the table of a record between its marks."""
    return into_page(page, "scale", f"{table(record)}\n\n{said(record)}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=PHOTOS, help="of 2 MP; 4 or more")
    parser.add_argument("--large", type=int, default=3, help="photos of 50 MP, 2 or more; 0 for none")
    parser.add_argument("--many", type=int, default=0, help="small photos, such as 5000")
    parser.add_argument("--stages", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stages:
        photos = sorted(options.stages.glob("*.jpg"))
        print(json.dumps(stage_seconds(photos[ENDS:-ENDS] or photos)))  # those that the rates are of
        return
    with tempfile.TemporaryDirectory() as folder:
        record = measure(Path(folder), options.photos, options.large, options.many)
    if not options.many and FIGURES.exists():  # those of a run with it stand until they are made anew
        record["many"] = json.loads(FIGURES.read_text(encoding="utf-8")).get("many")
    print(f"{table(record)}\n\n{said(record)}")
    if options.photos >= PHOTOS:
        FIGURES.write_text(json.dumps(rounded(record), indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(into_docs(PAGE.read_text(encoding="utf-8"), rounded(record)), encoding="utf-8")


def rounded(value: Any) -> Any:
    """The same with four significant digits."""
    return each_float(value, lambda number: float(f"{number:.4g}"))


if __name__ == "__main__":
    main()
