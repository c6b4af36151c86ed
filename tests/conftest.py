"""What several test modules share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


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
    from trichoscan.segment.infer import load_weights

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
