"""What the page is told, as plain JSON values: nothing of it is markup."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from trichoscan.flags import HAIR_FLAGS
from trichoscan.match.rows import pairing_row
from trichoscan.measure.density import hair_kind
from trichoscan.pipeline import Comparison
from trichoscan.records import Analysis, Hair, HairFate, Match
from trichoscan.report.attention import flag_words
from trichoscan.response.rows import change_row
from trichoscan.review.doubt import hair_doubt, hair_why, likely_left_out
from trichoscan.review.worklist import Summary
from trichoscan.study.columns import number_cell
from trichoscan.study.corrections.events import FIRST_REVIEW_HAIR, Event, State, standing
from trichoscan.study.corrections.recount import Reviewed
from trichoscan.study.corrections.refresh import photo_cells
from trichoscan.study.geometry import mask_polygons
from trichoscan.study.places import PlacedPhoto

Answer = dict[str, Any]
HISTORY = 60
"""Events shown; all stand in audit.csv."""
FIGURES = (
    ("hair_count", "Hairs counted", ""),
    ("hair_density_per_cm2", "Density", "/cm²"),
    ("area_cm2", "Counting area", "cm²"),
    ("unit_count", "Follicular units", ""),
    ("hairs_per_unit", "Hairs per unit", ""),
    ("mean_diameter_um", "Mean diameter", "µm"),
    ("cumulative_thickness_mm_per_cm2", "Cumulative thickness", "mm/cm²"),
    ("terminal_count", "Terminal", ""),
    ("vellus_count", "Vellus", ""),
    ("vellus_percent", "Vellus share", "%"),
)
PAIR_FIGURES = (
    ("matched_hairs", "Matched hairs", ""),
    ("lost_hairs", "Lost hairs", ""),
    ("new_hairs", "New hairs", ""),
    ("density_change_per_cm2", "Change of density", "/cm²"),
    ("density_change_percent", "Change of density", "%"),
    ("unit_density_change_per_cm2", "Change of units", "/cm²"),
    ("diameter_change_um", "Change of diameter", "µm"),
    ("cumulative_thickness_change_percent", "Change of thickness", "%"),
    ("smallest_detectable_change_per_cm2", "Smallest detectable", "/cm²"),
    ("response", "Response", ""),
)


def event(done: Event) -> Answer:
    """One entry of the log."""
    return {
        "number": done.number,
        "who": done.who,
        "at_utc": done.at_utc,
        "what": done.draft.what,
        "words": done.draft.words,
        "why": done.draft.why,
        "subject": done.subject[1],
        "kind": done.subject[0],
    }


def failed_row(photo: PlacedPhoto) -> Answer:
    """Line of the worklist of a photo that could not be measured."""
    row = photo.row
    return _names(photo) | {
        "review": "failed",
        "doubt": 0.0,
        "why": [row.get("error") or "could not be measured"],
        "hair_count": "",
        "density": "",
        "corrections": 0,
        "by": "",
    }


def _names(photo: PlacedPhoto) -> Answer:
    """Who and when; not the arm: who corrects photos of a trial is not to know it."""
    return {"key": photo.key} | {
        name: photo.row.get(name, "") for name in ("image", "subject", "site", "visit", "date")
    }


OUTDATED = {
    "review": "outdated",
    "doubt": 10.0,
    "why": ["the photo was replaced since its review"],
    "hair_count": "",
    "density": "",
}
"""Of a photo that is another one now: it stands first."""


def photo_row(photo: PlacedPhoto, state: State, events: Sequence[Event], summary: Summary) -> Answer:
    """Line of the worklist of a measured photo."""
    review = "signed_off" if state.signed_by else "open" if events else "new"
    told = OUTDATED if "outdated" in summary else {"review": review, **summary}
    return _names(photo) | {
        **told,
        "corrections": len(standing(events)),
        "by": state.signed_by or (events[-1].who if events else ""),
    }


def photo(
    listed: PlacedPhoto,
    made_from: Mapping[str, Any],
    state: State,
    events: Sequence[Event],
    stands: Reviewed | None,
    automatic: Analysis,
) -> Answer:
    """A photo with its hairs and figures."""
    vellus, intermediate = made_from["vellus_below_um"], made_from["intermediate_below_um"]
    known = stands if stands is not None else Reviewed(automatic, tuple(range(1, len(automatic.hairs) + 1)))
    analysis = known.analysis
    height, width = analysis.counting_mask.shape
    before = _automatic_cells(automatic, vellus, intermediate)
    now = before if analysis is automatic else photo_cells(analysis, vellus, intermediate)
    return _names(listed) | {
        "width_px": width,
        "height_px": height,
        "um_per_px": analysis.um_per_px,
        "vellus_below_um": vellus,
        "outdated": stands is None,
        "automatic_changed": stands is not None and analysis.weights != automatic.weights,
        **_state(state, events),
        "hairs": [_hair(known, index, vellus) for index in range(len(known.ids))],
        "candidates": [_candidate(analysis, index, hair) for index, hair in _left_out(known)],
        "area": mask_polygons(analysis.counting_mask),
        "area_by_hand": "area" in state.slots,
        "excluded": [
            {"number": int(name.removeprefix("excluded/")), "corners": corners}
            for name, corners in sorted(state.slots.items())
            if name.startswith("excluded/")
        ],
        "figures": [_figure(name, label, unit, before, now, "reviewed_") for name, label, unit in FIGURES],
        "flags": [
            {"what": advice.what, "do": advice.do}
            for advice in flag_words({"flags": " ".join(analysis.flags)}, "images")
        ],
    }


@lru_cache(maxsize=16)
def _automatic_cells(automatic: Analysis, vellus: float, intermediate: float) -> dict[str, str]:
    return photo_cells(automatic, vellus, intermediate)


def _left_out(known: Reviewed) -> list[tuple[int, Hair]]:
    """Candidates that nobody has drawn or accepted since."""
    roots = [hair.root_px for hair in known.analysis.hairs]
    near = 55.0 / (known.analysis.um_per_px or 5.5)
    return [
        (index, hair)
        for index, hair in likely_left_out(known.analysis)
        if all(math.hypot(*(hair.root_px - root)) > near for root in roots)
    ]


def _state(state: State, events: Sequence[Event]) -> Answer:
    return {
        "version": state.version,
        "signed_by": state.signed_by,
        "can_undo": bool(state.undoable) and not state.signed_by,
        "can_redo": bool(state.redoable) and not state.signed_by,
        "corrections": len(standing(events)),
        "history": [event(done) for done in reversed(events[-HISTORY:])],
    }


def _hair(known: Reviewed, index: int, vellus_below_um: float) -> Answer:
    analysis, number = known.analysis, known.ids[index]
    hair = analysis.hairs[index]
    return _shaft(hair, analysis.um_per_px) | {
        "id": number,
        "kind": hair_kind(_um(hair.diameter_px, analysis.um_per_px), vellus_below_um) or "unmeasured",
        "counted": bool(analysis.counted[index]),
        "unit": int(analysis.unit_of_hair[index]) + 1,
        "source": "review" if number >= FIRST_REVIEW_HAIR else "automatic",
        "confidence": round(hair.confidence, 3),
        "doubt": round(hair_doubt(hair), 4) if number < FIRST_REVIEW_HAIR else 0.0,
        "why": hair_why(hair) if number < FIRST_REVIEW_HAIR else "",
    }


def _shaft(hair: Hair, um_per_px: float | None) -> Answer:
    return {
        "path": [[round(float(x), 1), round(float(y), 1)] for x, y in hair.path_px],
        "diameter_px": round(hair.diameter_px, 2) if math.isfinite(hair.diameter_px) else None,
        "diameter_um": _um(hair.diameter_px, um_per_px),
        "diameter_se_um": _um(hair.diameter_se_px, um_per_px),
        "length_um": _um(hair.length_px, um_per_px),
        "flags": [{"flag": flag, "words": HAIR_FLAGS.get(flag, flag)} for flag in hair.flags],
    }


def _um(px: float, um_per_px: float | None) -> float | None:
    return round(px * um_per_px, 1) if um_per_px is not None and math.isfinite(px) else None


def _candidate(analysis: Analysis, index: int, hair: Hair) -> Answer:
    return _shaft(hair, analysis.um_per_px) | {
        "index": index,
        "confidence": round(hair.confidence, 3),
        "why": f"left out: {100 * hair.confidence:.0f} % likely a hair",
    }


def tried(hair: Hair, seen: bool, um_per_px: float | None) -> Answer:
    """A hair that is being drawn."""
    return _shaft(hair, um_per_px) | {"seen": seen}


def _figure(
    name: str, label: str, unit: str, automatic: Mapping[str, str], now: Mapping[str, str], start: str
) -> Answer:
    low, high = _interval_of(name)
    return {
        "name": name,
        "label": label,
        "unit": unit,
        "automatic": automatic.get(f"{start}{name}", ""),
        "now": now.get(f"{start}{name}", ""),
        "low": now.get(f"{start}{low}", ""),
        "high": now.get(f"{start}{high}", ""),
    }


def _interval_of(name: str) -> tuple[str, str]:
    if name == "hair_density_per_cm2":
        return "hair_density_low", "hair_density_high"
    return f"{name}_low", f"{name}_high"


def pair_row(
    key: str, pair_id: str, part: Mapping[str, Any], state: State, events: Sequence[Event]
) -> Answer:
    """Line of the worklist of a pair."""
    cells = part["cells"]
    unsure = [float(row[-1]) for row in part.get("matches", []) if row[-1]]
    doubtful = sum(1 - p for p in unsure)
    return {
        "key": key,
        "pair_id": pair_id,
        "status": cells.get("status", ""),
        "error": cells.get("error", ""),
        "review": "signed_off" if state.signed_by else "open" if events else "new",
        "response": cells.get("response", ""),
        "matched": cells.get("matched_hairs", ""),
        "lost": cells.get("lost_hairs", ""),
        "new": cells.get("new_hairs", ""),
        "doubt": -round(doubtful / max(len(unsure), 1), 4),
        "unsure": sum(p < 0.9 for p in unsure),
        "corrections": len(standing(events)),
        "by": state.signed_by,
    }


def pair(
    pair_id: str,
    part: Mapping[str, Any],
    photos: Sequence[PlacedPhoto],
    state: State,
    events: Sequence[Event],
    sides: Sequence[Reviewed],
    found: Comparison,
) -> Answer:
    """A pair with its matches and figures."""
    vellus = part["made_from"]["vellus_below_um"]
    now: dict[str, str] = {}
    matches: list[Answer] = []
    if found.pairing is not None and found.change is not None:
        row: dict[str, Any] = {**pairing_row(found.pairing), **change_row(found.change)}
        now = {name: v if isinstance(v, str) else number_cell(name, v) for name, v in row.items()}
        fates = zip(found.pairing.matches, found.change.fates, strict=True)
        matches = [_match(match, fate, sides) for match, fate in fates]
    alignment = found.alignment
    return {
        "pair_id": pair_id,
        "days": part["made_from"]["days"],
        "error": alignment.reason,
        "similarity": alignment.similarity.tolist() if alignment.accepted else None,
        **_state(state, events),
        "photos": [_names(one) for one in photos],
        "sides": [
            {
                "width_px": side.analysis.counting_mask.shape[1],
                "height_px": side.analysis.counting_mask.shape[0],
                "hairs": [_hair(side, index, vellus) for index in range(len(side.ids))],
            }
            for side in sides
        ],
        "matches": matches,
        "said": {
            name.removeprefix("link/"): value
            for name, value in state.slots.items()
            if name.startswith("link/")
        },
        "figures": [_figure(name, label, unit, part["cells"], now, "") for name, label, unit in PAIR_FIGURES],
    }


def _match(match: Match, fate: HairFate, sides: Sequence[Reviewed]) -> Answer:
    return {
        "kind": match.kind,
        "baseline": _id(match.baseline, sides[0]),
        "followup": _id(match.followup, sides[1]),
        "probability": round(match.probability, 3),
        "fate": fate,
        "counted": match.counted,
    }


def _id(index: int | None, side: Reviewed) -> int | None:
    return None if index is None or index >= len(side.ids) else side.ids[index]
