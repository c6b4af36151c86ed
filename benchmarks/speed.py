"""Seconds and memory for a photo of 1280x1024, beside a plain skan script on the same photos.

Run: python benchmarks/speed.py [--photos 5]

Each contestant runs in a process of its own, so that its peak memory is its own; the first photo
warms up and is not timed. The ratio, not the seconds, is what can be compared between machines.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

CONTESTANTS = ("trichoscan", "skan")


def trichoscan_photo() -> Callable[[Path], int]:
    """The main job without writing: read, calibrate, segment, trace, measure, count."""
    from trichoscan.photo.calibrate import calibrate
    from trichoscan.photo.read import read_photo
    from trichoscan.pipeline import analyze
    from trichoscan.segment.infer import load_weights

    weights = load_weights()
    return lambda path: len(
        analyze(calibrate(read_photo(path), option_um_per_px=5.5), weights, device="cpu").hairs
    )


def skan_photo() -> Callable[[Path], int]:
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

    return count


def run(contestant: str, folder: Path) -> None:
    """Time each photo of `folder` and print seconds and peak memory as JSON."""
    photo = {"trichoscan": trichoscan_photo, "skan": skan_photo}[contestant]()
    seconds, hairs = [], []
    for path in sorted(folder.glob("*.jpg")):
        started = time.perf_counter()
        hairs.append(photo(path))
        seconds.append(time.perf_counter() - started)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps({"seconds": statistics.median(seconds[1:]), "peak_mb": peak_mb, "hairs": sum(hairs[1:])})
    )


def compare(photos: int) -> dict[str, dict[str, float]]:
    """Draw photos, run both contestants, print the table."""
    from trichoscan.phantom.write import write_phantoms

    with tempfile.TemporaryDirectory() as folder:
        write_phantoms(Path(folder), n=photos + 1, seed=11)
        results = {}
        for name in CONTESTANTS:
            command = [sys.executable, __file__, "--only", name, "--folder", f"{folder}/images"]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            results[name] = json.loads(done.stdout.splitlines()[-1])
    print(f"| {'':10} | s/photo | peak MB | hairs | s / s of skan |\n|---|---|---|---|---|")
    for name, r in results.items():
        ratio = r["seconds"] / results["skan"]["seconds"]
        print(f"| {name:10} | {r['seconds']:.2f} | {r['peak_mb']:.0f} | {r['hairs']} | {ratio:.2f} |")
    return results


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=5)
    parser.add_argument("--only", choices=CONTESTANTS)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.only:
        run(options.only, options.folder)
    else:
        compare(options.photos)


if __name__ == "__main__":
    main()
