"""A pair as the report shows it: both photos in the baseline's frame, and what became of each hair."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from trichoscan.match.rows import REPORTED
from trichoscan.records import Alignment
from trichoscan.report import layers as over
from trichoscan.report.layers import Layer
from trichoscan.report.photo_figures import Figure, with_review
from trichoscan.report.picture import Shape, decode, encode, followup_map, shape_of, warp
from trichoscan.report.plots import interval, signed
from trichoscan.report.results import Results, Row, known, plain, read_alignment, reviewed
from trichoscan.report.svg import NOTHING, jpeg_url, line_path, tag
from trichoscan.report.words import RESPONSES

CHANGED_BEYOND_SE = 2.58
"""Standard errors of its own change beyond which a hair is called thicker or thinner, as in response.md: of
unchanged hairs 1 % are called so by chance."""
SIGNS = {"lost": "cross", "new": "square"}
KINDS = {
    "lost": "Lost (a cross at the root)",
    "new": "New (a square at the root)",
    "thicker": "Thicker than before (green)",
    "thinner": "Thinner than before (dashed)",
    "matched": "Found again, no more change than its error",
    "unsure": "Lost or new, but likelier overlooked (dashed), not counted",
}
UNCHANGED = ("matched", "unsure")
OUTLINE_TOLERANCE_PX = 1.0

Paths = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Fate:
    """What became of one hair.

    Attributes
    ----------
    kind : str
        Key of `KINDS`.
    row : Row
        Of matches.csv.
    """

    kind: str
    row: Row


@dataclass(frozen=True)
class PairView:
    """What the template needs of one pair.

    Attributes
    ----------
    ident : str
    row : Row
        Of pairs.csv.
    title : str
    response : str
        What its response means.
    baseline, followup : Markup
        Elements that show the bare pictures.
    layers, followup_layers : tuple of Layer
        Over the baseline and over the follow-up, both in the baseline's frame.
    figures : tuple of Figure
    changed : tuple of Fate
        Hairs lost, new, thicker or thinner.
    width_px, height_px : int
        Of the baseline photo.
    """

    ident: str
    row: Row
    title: str
    response: str = ""
    baseline: Markup = NOTHING
    followup: Markup = NOTHING
    layers: tuple[Layer, ...] = ()
    followup_layers: tuple[Layer, ...] = ()
    figures: tuple[Figure, ...] = ()
    changed: tuple[Fate, ...] = ()
    width_px: int = 0
    height_px: int = 0


def view_pair(
    results: Results, row: Row, images: Mapping[str, Row], ident: str, baseline_ident: str
) -> PairView:
    """Bring the follow-up into the baseline's frame and draw what became of each hair.

    Parameters
    ----------
    results : Results
    row : Row
        Of pairs.csv.
    images : mapping
        Rows of images.csv by their first cell.
    ident : str
        Anchor of the pair.
    baseline_ident : str
        Of the picture of the baseline photo on the page; where empty, the picture is put in anew.
    """
    title = f"{_visit(row, images, 'baseline')} and {_visit(row, images, 'followup')}"
    if row["status"] != "ok":
        return PairView(ident, row, title)
    baseline, followup = (images[row[f"{side}_image"]] for side in ("baseline", "followup"))
    alignment = read_alignment(results.alignment_of(row["pair_id"]), known(baseline, "um_per_px"))
    geometries = results.geometry_of(baseline), results.geometry_of(followup)
    jpeg, later = results.picture_of(baseline), decode(results.picture_of(followup))
    shape, other = _shape(baseline), _shape(followup)
    sizes = shape_of(jpeg), later.shape[:2]
    where = followup_map(alignment, shape, other, *sizes)
    field = common_field(geometries, (shape, other), *sizes, where)
    fates = fates_of(results, row)
    stands = reviewed(row)
    width, height = shape[1], shape[0]
    line = over.line_px(width, height)
    paths = framed_paths(results, row, alignment, geometries)
    framed = over.frame_layers(field, width, height, line, "Common field: what is compared")
    return PairView(
        ident=ident,
        row=row,
        title=title,
        response=RESPONSES.get(row["response"], ""),
        baseline=_picture(width, height, jpeg, baseline_ident),
        followup=_picture(width, height, encode(warp(later, where)), ""),
        layers=(*framed, *fate_layers(fates, paths[0], "baseline", line)),
        followup_layers=(*framed, *fate_layers(fates, paths[1], "followup", line)),
        figures=with_review(pair_figures(row), pair_figures(stands) if stands else ()),
        changed=tuple(fate for fate in fates if fate.kind not in UNCHANGED),
        width_px=width,
        height_px=height,
    )


def _visit(row: Row, images: Mapping[str, Row], side: str) -> str:
    image = images.get(row[f"{side}_image"])
    word = {"baseline": "baseline", "followup": "follow-up"}[side]
    return plain(image["visit"]) if image and image["visit"] else word


def _shape(row: Row) -> Shape:
    return int(row["height_px"]), int(row["width_px"])


def _picture(width: int, height: int, jpeg: bytes, shown_as: str) -> Markup:
    """The picture, or a reference to the one that stands on the page already."""
    if shown_as:
        return tag("use", href=f"#{shown_as}")
    return tag(
        "image", x=-0.5, y=-0.5, width=width, height=height, preserveAspectRatio="none", href=jpeg_url(jpeg)
    )


def common_field(
    geometries: tuple[Mapping[str, Any], Mapping[str, Any]],
    shapes: tuple[Shape, Shape],
    picture: Shape,
    followup_picture: Shape,
    where: NDArray[np.float32],
) -> str:
    """Path data, in px of the baseline photo, of the skin that lies in both counting areas."""
    mask = area_mask(geometries[0], shapes[0], picture)
    other = warp(area_mask(geometries[1], shapes[1], followup_picture), where, smooth=False)
    contours, _ = cv2.findContours(mask & other, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    per_px = np.array([shapes[0][1] / picture[1], shapes[0][0] / picture[0]])
    data = []
    for contour in contours:
        few = cv2.approxPolyDP(contour, OUTLINE_TOLERANCE_PX, True)[:, 0]
        if len(few) > 2:
            data.append(line_path((few + 0.5) * per_px - 0.5, closed=True))
    return "".join(data)


def area_mask(geometry: Mapping[str, Any], shape: Shape, picture: Shape) -> NDArray[np.uint8]:
    """(H, W) uint8, 1 where a picture's px lies in the counting area; holes are left out."""
    per_px = np.array([picture[1] / shape[1], picture[0] / shape[0]])
    rings = [
        np.rint((np.array(ring) + 0.5) * per_px - 0.5).astype(np.int32) for ring in over.area_rings(geometry)
    ]
    mask = np.zeros(picture, np.uint8)
    return np.asarray(cv2.fillPoly(mask, rings, 1), np.uint8) if rings else mask


def fates_of(results: Results, row: Row) -> list[Fate]:
    """What became of each hair of the pair, as reviewed where it was; those that changed first."""
    hairs = [
        {hair["hair_id"]: hair for hair in results.hairs_of(row[f"{side}_image"])}
        for side in ("baseline", "followup")
    ]
    standing = [m for m in results.matches_of(row["pair_id"]) if m.get("review") != "dropped"]
    found = [Fate(_fate(match, *hairs), match) for match in standing]
    order = list(KINDS)
    return sorted(found, key=lambda fate: order.index(fate.kind))


def _fate(match: Row, before: Mapping[str, Row], after: Mapping[str, Row]) -> str:
    if match["kind"] != "matched":
        return match["kind"] if float(match["confidence"]) >= REPORTED else "unsure"
    change = known(match, "diameter_change_um")
    hairs = before.get(match["baseline_hair_id"]), after.get(match["followup_hair_id"])
    errors = [known(hair, "diameter_se_um") for hair in hairs if hair is not None]
    if change is None or len(errors) < 2 or errors[0] is None or errors[1] is None:
        return "matched"
    if abs(change) <= CHANGED_BEYOND_SE * math.hypot(errors[0], errors[1]):
        return "matched"
    return "thicker" if change > 0 else "thinner"


def framed_paths(
    results: Results, row: Row, alignment: Alignment, geometries: tuple[Mapping[str, Any], Mapping[str, Any]]
) -> tuple[Paths, Paths]:
    """Centre lines of the baseline's and of the follow-up's hairs by hair_id, px of the baseline photo."""
    before, after = (
        over.paths_of(geometry, results.hairs_of(row[f"{side}_image"]))
        for geometry, side in zip(geometries, ("baseline", "followup"), strict=True)
    )
    return before, {hair_id: alignment.to_baseline(path) for hair_id, path in after.items()}


def fate_layers(fates: Sequence[Fate], paths: Paths, side: str, line: float) -> list[Layer]:
    """Hairs of one photo by what became of them.

    Parameters
    ----------
    fates : sequence of Fate
    paths : mapping
        See `framed_paths`.
    side : str
        "baseline" or "followup": a hair that only the other photo shows is no line there.
    line : float
        Width of lines, px.
    """
    count = Counter(fate.kind for fate in fates)
    drawn: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for fate in fates:
        hair_id = fate.row[f"{side}_hair_id"]
        if hair_id in paths:
            sign = SIGNS.get(fate.row["kind"], "ring")
            data = over.hair_path(paths[hair_id], float("nan"), 5 * line, sign)
            drawn[fate.kind].append((data, fate_title(fate)))
    return [
        Layer(kind, f"{KINDS[kind]}: {count[kind]}", over.drawn_hairs(drawn[kind], kind, 1.4 * line))
        for kind in reversed(KINDS)
        if count[kind]
    ]


def fate_title(fate: Fate) -> str:
    """What became of a hair, in one line."""
    row = fate.row
    ids = [f"{word} {row[f'{side}_hair_id']}" for side, word in (("baseline", "hair"), ("followup", "now"))
           if row[f"{side}_hair_id"]]  # fmt: skip
    told = [fate.kind, " ".join(ids)]
    if row["diameter_change_um"]:
        told.append(f"diameter {signed(float(row['diameter_change_um']))} µm")
    return "; ".join([*told, f"confidence {row['confidence']}"])


def pair_figures(row: Row) -> list[Figure]:
    """Changes of a compared pair with their intervals."""
    days = f"{row['days']} days apart; " if row["days"] else ""
    field = f"{float(row['overlap_cm2']):.3f} cm²" if row["overlap_cm2"] else ""
    found = [
        _change("Hair density", row, "density_change_per_cm2", "hairs/cm²"),
        _change("Hair density, of the baseline's", row, "density_change_percent", "%"),
        Figure("Smallest detectable", _unit(row["smallest_detectable_change_per_cm2"], "hairs/cm²")),
        _change("Mean diameter of matched hairs", row, "diameter_change_um", "µm"),
        _change("Cumulative hair thickness", row, "cumulative_thickness_change_percent", "%"),
        _change("Growth", row, "growth_um_per_day", "µm a day"),
        _change("Growing hairs (anagen)", row, "anagen_percent", "%"),
        Figure("Hairs in the common field", _counts(row, "hairs")),
        *(_gone(f"Hairs {kind}, with those overlooked", row, f"{kind}_hairs") for kind in ("lost", "new")),
        Figure("Follicular units", _counts(row, "units")),
        _change("Density of follicular units", row, "unit_density_change_per_cm2", "units/cm²"),
        Figure("Common field", f"{days}{field}"),
        Figure("Roots agree within", _unit(row["residual_um"], "µm (root mean square)")),
    ]
    return [figure for figure in found if figure.value]


def _unit(value: str, unit: str) -> str:
    return f"{value} {unit}" if value else ""


def _change(name: str, row: Row, column: str, unit: str) -> Figure:
    value, low, high = (known(row, f"{column}{end}") for end in ("", "_low", "_high"))
    if value is None:
        return Figure(name, "")
    is_level = column in ("growth_um_per_day", "anagen_percent")
    words = f"{row[column]} {unit}" if is_level else f"{signed(value)} {unit}"
    if low is None or high is None:
        return Figure(name, words)
    return Figure(name, words, f"{low:g} to {high:g}" if is_level else interval(low, high))


def _gone(name: str, row: Row, column: str) -> Figure:
    """The interval of how many hairs truly went or came."""
    low, high = known(row, f"{column}_low"), known(row, f"{column}_high")
    if low is None or high is None:
        return Figure(name, "")
    return Figure(name, row[column], f"{low:g} to {high:g}")


def _counts(row: Row, what: str) -> str:
    if not row[f"matched_{what}"]:
        return ""
    return f"{row[f'matched_{what}']} matched, {row[f'lost_{what}']} lost, {row[f'new_{what}']} new"
