"""Truth of a pair of photos: the map between them, and what became of each hair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.camera import Camera
from trichoscan.phantom.draw import Phantom
from trichoscan.phantom.shafts import mean_width
from trichoscan.phantom.visits import FollowUp

Floats = NDArray[np.float64]

GRID_PX = 64
"""Distance of the points at which the map is written down, as in the pairs/*.json of a study's results."""

OVERLAP_STEP_PX = 4
"""Distance of the points at which it is looked whether the other photo shows them too."""


def map_points(points_px: Floats, baseline: Camera, followup: Camera) -> Floats:
    """Where (N, 2) points of the baseline photo lie on the follow-up photo, inside or not: exact."""
    return followup.to_px(baseline.to_um(points_px))


def inside(points_px: Floats, camera: Camera) -> NDArray[np.bool_]:
    """(N,) whether points lie on the photo."""
    size = np.array([camera.width_px, camera.height_px])
    return np.all((points_px >= -0.5) & (points_px <= size - 0.5), axis=1)


def grid_points(camera: Camera, step_px: int) -> Floats:
    """(N, 2) points every `step_px` from the photo's first pixel, row after row."""
    x, y = np.meshgrid(np.arange(0, camera.width_px, step_px), np.arange(0, camera.height_px, step_px))
    return np.column_stack([x.ravel(), y.ravel()]).astype(np.float64)


def overlap_cm2(baseline: Camera, followup: Camera) -> float:
    """Area of the baseline photo, at its scale, that the follow-up photo shows too."""
    points = grid_points(baseline, OVERLAP_STEP_PX)
    share = float(inside(map_points(points, baseline, followup), followup).mean())
    return share * baseline.width_px * baseline.height_px * (baseline.um_per_px * 1e-4) ** 2


def pair_json(
    baseline: Phantom, followup: Phantom, visit: FollowUp, images: tuple[str, str], days: int
) -> dict[str, object]:
    """Truth of a pair as it is written to truth/pairs/<pair id>.json.

    Parameters
    ----------
    baseline, followup : Phantom
    visit : FollowUp
        From which the follow-up photo was taken.
    images : (str, str)
        Names of the photos, baseline first.
    days : int
        Between them.

    Returns
    -------
    dict
        baseline_image, followup_image, days, grid_step_px, baseline_grid_px [[x, y], ...] and
        followup_grid_px (null where a point is not on the follow-up photo), overlap_cm2 (at the baseline's
        scale), and for the hairs of which either photo shows a part, by hair_id: fates, growth_um since
        the hair was clipped (empty where it was cut between the photos), diameter_change_um (of
        `shafts.mean_width` over the whole shaft).
    """
    points = grid_points(baseline.camera, GRID_PX)
    landed = map_points(points, baseline.camera, followup.camera)
    there = inside(landed, followup.camera)
    shown = {h.hair_id for p in (baseline, followup) for h in p.hairs} & set(visit.fate)
    ids = sorted(shown)
    widths = [
        {h.hair_id: mean_width(h.path_um, h.width_um) for h in p.scalp.hairs if h.hair_id in shown}
        for p in (baseline, followup)
    ]
    return {
        "baseline_image": images[0],
        "followup_image": images[1],
        "days": days,
        "grid_step_px": GRID_PX,
        "baseline_grid_px": points.astype(int).tolist(),
        "followup_grid_px": [
            [round(x, 3), round(y, 3)] if ok else None
            for (x, y), ok in zip(landed.tolist(), there, strict=True)
        ],
        "overlap_cm2": round(overlap_cm2(baseline.camera, followup.camera), 5),
        "fates": {str(i): visit.fate[i] for i in ids},
        "growth_um": {str(i): round(visit.growth_um[i], 1) for i in ids if i in visit.growth_um},
        "diameter_change_um": {
            str(i): round(widths[1][i] - widths[0][i], 2) for i in ids if i in widths[0] and i in widths[1]
        },
    }
