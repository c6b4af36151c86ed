"""Whatever kills a run, the next one ends with the bytes of an undisturbed one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MOMENTS = int(os.environ.get("TRICHOSCAN_KILLS", "20"))


@pytest.fixture(scope="module")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photos of two subjects and two arms; one follow-up."""
    from trichoscan.phantom.draw import draw_phantom
    from trichoscan.phantom.write import manifest_row, write_manifest, write_phantom

    folder = tmp_path_factory.mktemp("small")
    rows = []
    for number, (subject, visit, day, arm, seed) in enumerate(
        [
            ("S1", "baseline", "2026-01-01", "active", 5),
            ("S1", "week24", "2026-06-18", "active", 5),
            ("S2", "baseline", "2026-01-02", "placebo", 6),
        ]
    ):
        phantom = draw_phantom(seed, width_px=220, height_px=200, um_per_px=9.0)
        write_phantom(folder, f"photo_{number}", phantom)
        rows.append(manifest_row(f"photo_{number}.jpg", subject, visit, day, phantom) | {"arm": arm})
    write_manifest(folder / "images" / "manifest.csv", rows)
    return folder / "images"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks, so that each run need not load the program anew")
def test_a_run_killed_at_any_moment_is_resumed_to_the_same_bytes(small_study: Path, tmp_path: Path) -> None:
    program = Path(__file__).with_name("killed_runs.py")
    command = [sys.executable, str(program), str(small_study), str(tmp_path), "1", str(MOMENTS)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["wrong"] == [[]] * MOMENTS
    assert told["files"] > 15
    assert told["killed"] > MOMENTS / 2
