"""Seconds and memory for a photo of 1280x1024, beside a plain skan script on the same photos.

Run: python benchmarks/speed.py [--photos 5]

Each contestant runs in a process of its own, so that its peak memory is its own; the first photo
warms up and is not timed. The ratio, not the seconds, is what can be compared between machines. With the
default number of photos the figures go to benchmarks/speed.json and the table into README.md; with another
they are printed only.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memory import peak_mb
from tables import into_page

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "benchmarks" / "speed.json"
README = ROOT / "README.md"
PHOTOS = 5
UM_PER_PX = 5.5
"""Scale given with the photos: that of the network, so that nothing is gained by resampling."""

Job = Callable[[], int]
"""What is timed for one photo; tells the number of hairs."""


def whole_photo(out: Path) -> Callable[[Path], Job]:
    """All that `trichoscan analyze` does for a photo: read, measure, write rows, overlay and geometry."""
    from trichoscan.segment.memory import keep_freed_memory
    from trichoscan.segment.weights import load_weights
    from trichoscan.study import store
    from trichoscan.study.manifest import Entry
    from trichoscan.study.one_photo import Settings, Tools, measure_step, read_step, write_step

    keep_freed_memory()
    tools = Tools(out, Settings(um_per_px=UM_PER_PX), load_weights(), "cpu")
    store.prepare(out, [])

    def prepare(path: Path) -> Job:
        def measure() -> int:
            step = read_step((Entry(path, path.name), path.stem), tools)
            write_step(measure_step(step, tools), tools)
            part = store.read_part(out, path.name)
            assert part is not None
            return len(part["hairs"])

        return measure

    return prepare


def network_and_tracing(out: Path) -> Callable[[Path], Job]:
    """From pixels in memory to hairs, without diameters and counts."""
    from trichoscan.photo.calibrate import calibrate
    from trichoscan.photo.quality import assess
    from trichoscan.photo.read import read_photo
    from trichoscan.segment.infer import segment
    from trichoscan.segment.memory import keep_freed_memory
    from trichoscan.segment.trace import trace
    from trichoscan.segment.weights import load_weights

    keep_freed_memory()
    weights = load_weights()

    def prepare(path: Path) -> Job:
        photo = calibrate(read_photo(path), option_um_per_px=UM_PER_PX)
        mask = assess(photo).usable_mask
        return lambda: len(trace(segment(photo, mask, weights, "cpu"), mask))

    return prepare


def skan_script(out: Path) -> Callable[[Path], Job]:
    """What a researcher writes first: flatten, Otsu, skeletonize, one hair for each long branch."""
    import numpy as np
    import skan
    from skimage import filters, io, morphology

    def count(path: Path) -> int:
        grey = io.imread(path).mean(-1)
        flat = grey - filters.gaussian(grey, 40, preserve_range=True)
        mask = morphology.remove_small_objects(flat < -filters.threshold_otsu(np.abs(flat)), max_size=80)
        branches = skan.summarize(skan.Skeleton(morphology.skeletonize(mask)), separator="_")
        return int((branches["branch_distance"] > 25).sum())

    return lambda path: lambda: count(path)


CONTESTANTS = {
    "trichoscan": whole_photo,
    "network and tracing": network_and_tracing,
    "skan": skan_script,
}


def run(contestant: str, folder: Path) -> None:
    """Time each photo of `folder`/images and print seconds and peak memory as JSON."""
    prepare = CONTESTANTS[contestant](folder / "results")
    seconds, hairs = [], []
    for path in sorted((folder / "images").glob("*.jpg")):
        job = prepare(path)
        started = time.perf_counter()
        hairs.append(job())
        seconds.append(time.perf_counter() - started)
    typical = statistics.median(seconds[1:])
    print(json.dumps({"seconds": typical, "peak_mb": peak_mb(), "hairs": sum(hairs[1:])}))


def compare(photos: int) -> dict[str, dict[str, float]]:
    """Draw photos, run all contestants, print the table."""
    from trichoscan.phantom.write import write_phantoms

    with tempfile.TemporaryDirectory() as folder:
        write_phantoms(Path(folder), n=photos + 1, seed=11)
        results = {}
        for name in CONTESTANTS:
            command = [sys.executable, __file__, "--only", name, "--folder", folder]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            results[name] = json.loads(done.stdout.splitlines()[-1])
    print(table(results))
    return results


def table(results: dict[str, dict[str, float]]) -> str:
    """Markdown table: a row for each contestant."""
    lines = ["| | s/photo | peak MB | hairs | s / s of skan |", "|---|---|---|---|---|"]
    for name, r in results.items():
        ratio = r["seconds"] / results["skan"]["seconds"]
        lines.append(f"| {name} | {r['seconds']:.2f} | {r['peak_mb']:.0f} | {r['hairs']} | {ratio:.2f} |")
    return "\n".join(lines)


def into_readme(readme: str, record: dict[str, Any]) -> str:
    """The README with the table of `record` between its marks."""
    said = (
        f"Median of {record['photos']} phantoms of 1280x1024 px on {record['cores']} cores, without a GPU; "
        "made by\n`python benchmarks/speed.py`. The first row is all that `trichoscan analyze` does for a "
        "photo."
    )
    return into_page(readme, "speed", f"{table(record['results'])}\n\n{said}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=PHOTOS)
    parser.add_argument("--only", choices=tuple(CONTESTANTS))
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.only:
        run(options.only, options.folder)
        return
    results = compare(options.photos)
    if options.photos == PHOTOS:
        shown = {name: {key: round(value, 4) for key, value in r.items()} for name, r in results.items()}
        record = {"cores": os.cpu_count(), "photos": options.photos, "results": shown}
        FIGURES.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        README.write_text(into_readme(README.read_text(encoding="utf-8"), record), encoding="utf-8")


if __name__ == "__main__":
    main()
