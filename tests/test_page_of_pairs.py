"""Pairs on the report: drawn as they were aligned, and told by what lies beyond their errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trichoscan.photo.read import read_photo
from trichoscan.records import Alignment
from trichoscan.report.pair_view import fates_of, framed_paths
from trichoscan.report.picture import followup_map, warp
from trichoscan.report.results import Results, read_alignment
from trichoscan.report.study_view import courses_of, sites_of, view_cohort
from trichoscan.study.report import read_results


@pytest.fixture(scope="module")
def results(measured: Path) -> Path:
    """RESULTS of two subjects: one pair compared, one refused. Do not write into it."""
    return measured


def test_a_pair_is_drawn_as_it_was_aligned(results: Path, study: Path) -> None:
    """Follow-up px land on baseline px within a px; the warped picture is the baseline's skin again."""
    read = read_results(results)
    (pair,) = [row for row in read.pairs if row["status"] == "ok"]
    rows = {row["image"]: row for row in read.images}
    before, after = rows[pair["baseline_image"]], rows[pair["followup_image"]]
    kept = read.alignment_of(pair["pair_id"])
    alignment = read_alignment(kept, 8.0)
    nodes, landed = np.array(kept["baseline_grid_px"]), np.array(kept["followup_grid_px"])
    assert np.abs(alignment.to_followup(nodes) - landed).max() < 0.02
    middle = (nodes > 100).all(1) & (nodes < [540, 412]).all(1)
    assert np.abs(alignment.to_baseline(landed[middle]) - nodes[middle]).max() < 0.5
    pixels = [read_photo(study / "images" / row["image"]).pixels for row in (before, after)]
    shape = pixels[0].shape[:2]
    warped = warp(pixels[1], followup_map(alignment, shape, pixels[1].shape[:2], shape, pixels[1].shape[:2]))
    inner = np.s_[100:-100, 100:-100]
    apart = [np.abs(p[inner].astype(int) - pixels[0][inner]).mean() for p in (warped, pixels[1])]
    assert apart[0] < 0.8 * apart[1]
    geometries = read.geometry_of(before), read.geometry_of(after)
    paths = framed_paths(read, pair, alignment, geometries)
    matched = [fate.row for fate in fates_of(read, pair) if fate.row["kind"] == "matched"]
    gaps = [
        np.hypot(*(paths[0][row["baseline_hair_id"]][0] - paths[1][row["followup_hair_id"]][0])) * 8
        for row in matched
    ]
    told = [float(row["distance_um"]) for row in matched]
    off_um = np.abs(np.array(gaps) - told)
    assert np.median(off_um) < 2 and off_um.max() < 16, "the file's grid ends before the photo does"


def test_the_map_of_a_shrunk_picture_is_that_of_the_photo() -> None:
    alignment = identity(shift_px=(40.0, -24.0))
    full = followup_map(alignment, (400, 800), (400, 800), (400, 800), (400, 800))
    half = followup_map(alignment, (400, 800), (400, 800), (200, 400), (100, 200))
    assert np.allclose(full[10, 20], [60, -14], atol=1e-3)
    y, x = 50, 90
    at = (np.array([x, y]) + 0.5) * 2 - 0.5
    assert np.allclose(half[y, x], (at + [40, -24] + 0.5) / 4 - 0.5, atol=1e-3)


def identity(shift_px: tuple[float, float]) -> Alignment:
    return Alignment(
        similarity=np.array([[1.0, 0.0, shift_px[0]], [0.0, 1.0, shift_px[1]]]),
        displacement_px=np.zeros((4, 4, 2)),
        sd_px=np.zeros((4, 4)),
        grid_step_px=64.0,
        overlap_mask=np.ones((1, 1), bool),
        um_per_px=5.0,
        residual_px=0.0,
        partners=0,
        log10_chance=-9.0,
        confidence=1.0,
    )


def test_thicker_and_thinner_are_beyond_their_error(results: Path) -> None:
    read = read_results(results)
    (pair,) = [row for row in read.pairs if row["status"] == "ok"]
    match = next(
        m
        for m in read.matches_of(pair["pair_id"])
        if m["kind"] == "matched" and m["diameter_change_um"] and float(m["confidence"]) > 0.9
    )
    hairs = [
        next(h for h in read.hairs_of(pair[f"{side}_image"]) if h["hair_id"] == match[f"{side}_hair_id"])
        for side in ("baseline", "followup")
    ]
    error = float(np.hypot(*(float(hair["diameter_se_um"]) for hair in hairs)))

    def kind_at(change_um: float) -> str:
        changed = {**match, "diameter_change_um": f"{change_um:.2f}"}
        (fate,) = fates_of(only(read, changed), pair)
        return fate.kind

    assert kind_at(2.7 * error) == "thicker"
    assert kind_at(-2.7 * error) == "thinner"
    assert kind_at(2.4 * error) == kind_at(-2.4 * error) == "matched"


def only(read: Results, match: dict[str, str]) -> Results:
    return Results(
        read.images,
        read.pairs,
        read.cohort,
        read.run,
        read.hairs_of,
        lambda _: [match],
        read.geometry_of,
        read.picture_of,
        read.alignment_of,
    )


def test_a_phototrichogram_is_no_course_and_no_line_of_the_study(results: Path) -> None:
    """Visits days apart are judged by growth alone, and stand in no cohort."""
    kept = read_results(results)
    (pair,) = [row for row in kept.pairs if row["status"] == "ok"]
    twins = [{**pair, "subject": name} for name in (pair["subject"], "other")]
    images = [
        {**row, "subject": twin["subject"], "image": f"{twin['subject']}/{row['image']}"}
        for twin in twins
        for row in kept.images
        if row["image"] in (pair["baseline_image"], pair["followup_image"])
    ]
    for flags, lines in (("", 2), ("too_soon", 0)):
        pairs = [
            {**twin, "followup_image": f"{twin['subject']}/{twin['followup_image']}", "flags": flags}
            for twin in twins
        ]
        sites = sites_of(images, pairs)
        cohort = view_cohort(sites, [], {})
        assert sum(bool(courses_of(site, {})) for site in sites) == lines
        assert (cohort is None) == (lines == 0)
