"""Alignments and matches as plain rows, as they stand in pairs.csv, matches.csv and pairs/<pair_id>.json."""

from __future__ import annotations

from typing import Any

import numpy as np

from trichoscan.records import Alignment, Hair, Pairing

Row = dict[str, Any]

REPORTED = 0.5
"""Hairs and units are counted as lost or new from this probability on: likelier gone than not."""


def alignment_row(alignment: Alignment) -> Row:
    """Columns of pairs.csv that the alignment fills; empty cells are None.

    Returns
    -------
    dict
        status, error, overlap_cm2, residual_um, alignment_confidence.
    """
    accepted = alignment.accepted
    return {
        "status": "ok" if accepted else "refused",
        "error": alignment.reason,
        "overlap_cm2": alignment.overlap_cm2 if accepted else None,
        "residual_um": _known(alignment.residual_um),
        "alignment_confidence": alignment.confidence,
    }


def pairing_row(pairing: Pairing) -> Row:
    """Columns of pairs.csv that count what became of hairs and units in the common field.

    Lost and new ones are counted where they are likelier gone than overlooked or no hair (`REPORTED`).

    Returns
    -------
    dict
        matched_hairs, lost_hairs, new_hairs, matched_units, lost_units, new_units.
    """
    return {
        f"{kind}_{what}": sum(
            m.kind == kind and m.counted and (kind == "matched" or m.probability >= REPORTED) for m in matches
        )
        for what, matches in (("hairs", pairing.matches), ("units", pairing.unit_matches))
        for kind in ("matched", "lost", "new")
    }


def match_rows(pairing: Pairing, followup_um_per_px: float | None) -> list[Row]:
    """Rows of matches.csv, less pair_id, in the pairing's order.

    Parameters
    ----------
    pairing : Pairing
    followup_um_per_px : float or None
        Scale of the follow-up photo; that of the baseline photo is in the alignment.

    Returns
    -------
    list of dict
        kind, baseline_hair_id, followup_hair_id, baseline_unit_id, followup_unit_id, distance_um,
        diameter_change_um, length_change_um, confidence. Ids are those of hairs.csv: numbers from 0; a
        hair found again has the next free ones. Empty cells are None.
    """
    scales = pairing.alignment.um_per_px, followup_um_per_px
    rows = []
    for m in pairing.matches:
        one = None if m.baseline is None else pairing.baseline_hairs[m.baseline]
        other = None if m.followup is None else pairing.followup_hairs[m.followup]
        rows.append(
            {
                "kind": m.kind,
                "baseline_hair_id": m.baseline,
                "followup_hair_id": m.followup,
                "baseline_unit_id": None if m.baseline is None else int(pairing.baseline_units[m.baseline]),
                "followup_unit_id": None if m.followup is None else int(pairing.followup_units[m.followup]),
                "distance_um": _known(m.distance_um),
                "diameter_change_um": _change(one, other, scales, "diameter_px"),
                "length_change_um": _change(one, other, scales, "length_px"),
                "confidence": m.probability,
            }
        )
    return rows


def alignment_json(alignment: Alignment, shape: tuple[int, int]) -> Row:
    """Content of pairs/<pair_id>.json.

    Parameters
    ----------
    alignment : Alignment
    shape : (int, int)
        Height and width of the baseline photo, px.

    Returns
    -------
    dict
        baseline_grid_px: [x, y] every `grid_step_px` px inside the baseline photo, row by row;
        followup_grid_px: where each lands; sd_um: how surely; similarity, residual_um, partners, overlap_cm2,
        alignment_confidence, log10_chance and error. Lists are empty where the pair was refused.
    """
    step = alignment.grid_step_px
    x, y = np.meshgrid(np.arange(0, shape[1], step), np.arange(0, shape[0], step))
    nodes = np.column_stack([x.ravel(), y.ravel()]).astype(np.float64)
    if not alignment.accepted:
        nodes = nodes[:0]
    landed, sd = alignment.to_followup(nodes), alignment.sd_um_at(nodes)
    return {
        "baseline_grid_px": nodes.round(2).tolist(),
        "followup_grid_px": landed.round(2).tolist(),
        "sd_um": [None if np.isnan(one) else round(float(one), 1) for one in sd],
        "similarity": alignment.similarity.round(6).tolist() if alignment.accepted else [],
        "residual_um": _known(round(alignment.residual_um, 2)),
        "partners": alignment.partners,
        "overlap_cm2": alignment.overlap_cm2 if alignment.accepted else None,
        "alignment_confidence": round(alignment.confidence, 4),
        "log10_chance": round(alignment.log10_chance, 1),
        "error": alignment.reason,
    }


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _change(
    one: Hair | None, other: Hair | None, scales: tuple[float | None, float | None], measure: str
) -> float | None:
    if one is None or other is None or scales[0] is None or scales[1] is None:
        return None
    return _known(getattr(other, measure) * scales[1] - getattr(one, measure) * scales[0])
