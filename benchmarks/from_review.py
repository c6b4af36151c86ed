"""Do corrections teach? A clinic whose hair the weights see badly, reviewed, learned from, and judged.

Run: python benchmarks/from_review.py [--style light] [--subjects 16] [--steps 200] [--keep FOLDER]

Phantoms of one style, a subject each, are measured; a reviewer who knows the truth corrects every photo
through the review's own functions (deletes what is no hair, clicks along what was missed, signs off);
`train --from-review` learns from it and judges on the subjects that it held out. Beside its own verdict stand
the figures of the weights before and after on fresh phantoms of that style, and of the others, against their
truth: whether the gain is real, and what it cost elsewhere.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

SIZE_PX = (640, 512)
UM_PER_PX = 8.0
LEAST_APART_PX = 6.0
"""Clicks along a shaft."""
OTHERS = ("clipped", "thin", "light", "dark_skin", "plain")


def draw_clinic(folder: Path, style: str, subjects: int, seed: int) -> Path:
    """Folder with images/, manifest.csv and truth/ of so many phantoms."""
    from trichoscan.phantom.draw import draw_phantom
    from trichoscan.phantom.write import manifest_row, write_manifest, write_phantom

    rows = []
    for k in range(subjects):
        phantom = draw_phantom(
            seed + k, style=style, width_px=SIZE_PX[0], height_px=SIZE_PX[1], um_per_px=UM_PER_PX
        )
        write_phantom(folder, f"p{k:02d}", phantom)
        rows.append(manifest_row(f"p{k:02d}.jpg", f"{style}{k:02d}", "baseline", "2026-01-01", phantom))
    write_manifest(folder / "images" / "manifest.csv", rows)
    return folder


def correct_by_truth(results: Path, truth: Path, user: str = "reader of the truth") -> dict[str, int]:
    """Review every photo of RESULTS as somebody would who sees each hair, and sign it off.

    Returns
    -------
    dict
        How many hairs were deleted and added.
    """
    from trichoscan.learn.hair_sets import file_of_image, read_truth
    from trichoscan.learn.pairing import pair_hairs
    from trichoscan.records import TrichoscanError
    from trichoscan.review.session import open_session

    done = {"deleted": 0, "added": 0, "refused": 0}
    session = open_session(results, user)
    try:
        for key, photo in session.photos.items():
            file = file_of_image(truth, photo.image, ".json")
            assert file is not None
            known = read_truth(file, seams=False, direction="chord")
            shown = session.photo(key)
            found = np.array([[h["path"][0], h["path"][-1]] for h in shown["hairs"]], float).reshape(-1, 2, 2)
            pairs = pair_hairs(found, known.hairs.ends_px, known.um_per_px)
            version = shown["version"]
            for index in sorted(set(range(len(found))) - set(pairs.found.tolist())):
                request = {"what": "delete", "hair": shown["hairs"][index]["id"], "version": version}
                version = session.edit_photo(key, request)["version"]
                done["deleted"] += 1
            for index in sorted(set(range(len(known.hairs))) - set(pairs.true.tolist())):
                if known.hairs.ignored[index]:
                    continue
                points = clicks(known.hairs.paths_px[index], known.size_px)
                try:
                    request = {"what": "add", "points": points, "version": version}
                    version = session.edit_photo(key, request)["version"]
                    done["added"] += 1
                except TrichoscanError:
                    done["refused"] += 1
            session.edit_photo(key, {"what": "sign_off", "version": version})
    finally:
        session.close()
    return done


def clicks(path_px: np.ndarray, size_px: tuple[int, int]) -> list[list[float]]:
    """Root, two points along the shaft, tip; inside the photo."""
    inside = np.clip(path_px, 0, np.array(size_px, float) - 1)
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(inside, axis=0).T))])
    count = 4 if length[-1] > 4 * LEAST_APART_PX else 2
    at = np.linspace(0, length[-1], count)
    return np.column_stack([np.interp(at, length, inside[:, k]) for k in (0, 1)]).round(1).tolist()


def judge(weights: Sequence[object], folder: Path) -> list[float]:
    """F1 of each of these weights on the photos of a folder, against their truth."""
    from trichoscan.learn.dataset import read_annotated
    from trichoscan.learn.review import judge_photos

    photos = read_annotated(folder)
    totals = [judge_photos(photos, one, "cpu").sum(0) for one in weights]
    return [2 * float(right) / max(float(true + found), 1.0) for true, found, right in totals]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    from trichoscan.learn.review import learn_from_review
    from trichoscan.segment.weights import load_weights
    from trichoscan.study.batch import RunOptions, analyze_folder

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--style", default="light")
    parser.add_argument("--subjects", type=int, default=16)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--fresh", type=int, default=8, help="phantoms of each style to judge on")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--keep", type=Path, help="folder for the run; a temporary one by default")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.keep or Path(temporary)
        clinic = draw_clinic(folder / "clinic", asked.style, asked.subjects, seed=9000)
        results = folder / "results"
        analyze_folder([clinic / "images"], results, RunOptions(device=asked.device))
        print("reviewed:", correct_by_truth(results, clinic / "truth"), flush=True)
        started = time.perf_counter()
        outcome = learn_from_review(results, folder / "run", steps=asked.steps, device=asked.device)
        print(f"{asked.steps} steps in {time.perf_counter() - started:.0f} s")
        print(f"its own verdict: {outcome.why}; better in {100 * outcome.share_better:.0f} % of draws")
        both = load_weights(), load_weights(outcome.folder, unproven=True)
        for number, style in enumerate(dict.fromkeys((asked.style, *OTHERS))):
            fresh = draw_clinic(folder / f"fresh-{style}", style, asked.fresh, seed=9500 + 50 * number)
            before, after = judge(both, fresh)
            print(f"fresh {style:10s} F1 {before:.3f} before, {after:.3f} after", flush=True)


if __name__ == "__main__":
    main()
