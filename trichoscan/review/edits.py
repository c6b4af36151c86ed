"""What a reviewer can do to a photo or pair: from a request of the page to what goes into the log."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trichoscan.measure.thickness import measure_diameters
from trichoscan.records import Analysis, Hair, TrichoscanError
from trichoscan.review.shaft import follow_shaft
from trichoscan.study.corrections import events as log
from trichoscan.study.corrections.events import FIRST_REVIEW_HAIR, GONE, Draft, Event, State
from trichoscan.study.corrections.pairs import NONE
from trichoscan.study.corrections.recount import hair_slot, next_hair, recount, standing_hairs

Request = Mapping[str, Any]
SHORTEST_PX = 3.0
"""Of a hair that is drawn: less is a slip of the mouse."""
MOST_POINTS = 500
MEASURED = frozenset(
    {"too_short", "blurred", "saturated", "overlapped", "no_diameter", "uncertain", "tip_not_seen"}
)
"""Flags that measuring sets anew, or that a person has settled."""


@dataclass(frozen=True, eq=False)
class Scene:
    """What an edit of a photo is made on.

    Attributes
    ----------
    base : Analysis
        The automatic result.
    pixels : callable
        Gives the (H, W, 3) photo: only what draws a hair needs it.
    state : State
    events : sequence of Event
        Of the photo.
    """

    base: Analysis
    pixels: Callable[[], NDArray[np.uint8]]
    state: State
    events: Sequence[Event]

    @property
    def hairs(self) -> dict[int, Hair]:
        """Hairs that stand, by number."""
        return standing_hairs(self.base, self.state.slots)

    def hair(self, number: Any) -> Hair:
        """One of them."""
        hairs = self.hairs
        if type(number) is not int or number not in hairs:
            raise TrichoscanError(f"there is no hair {number} here: load the photo again")
        return hairs[number]

    def new_number(self, more: int = 0) -> int:
        """Number of the next hair made here, `more` after it; no number is ever given twice."""
        names = {name for event in self.events for name in event.draft.after}
        given = [int(n.removeprefix("hair/")) for n in names if n.startswith("hair/")]
        return next_hair([n for n in given if n >= FIRST_REVIEW_HAIR]) + more


def edit_photo(scene: Scene, request: Request) -> Draft:
    """What a request does to a photo.

    Parameters
    ----------
    scene : Scene
    request : mapping
        `what`, its arguments, `why`.

    Raises
    ------
    TrichoscanError
        It cannot be done; the message says why.
    """
    what = str(request.get("what", ""))
    why = _text(request.get("why", ""))
    settled = _settle(scene.state, scene.events, what, why)
    if settled is not None:
        return settled
    if what not in PHOTO_EDITS:
        raise TrichoscanError(f"{what!r} is nothing that can be done to a photo")
    words, after = PHOTO_EDITS[what](scene, request)
    return log.draft(scene.state, what, words, after, why)


def edit_pair(state: State, events: Sequence[Event], ids: Sequence[Sequence[int]], request: Request) -> Draft:
    """What a request does to the matches of a pair; `ids` are the hairs that stand on either photo."""
    what = str(request.get("what", ""))
    why = _text(request.get("why", ""))
    settled = _settle(state, events, what, why)
    if settled is not None:
        return settled
    one, other = request.get("baseline"), request.get("followup")
    if any(
        n is not None and (type(n) is not int or n not in some)
        for n, some in zip((one, other), ids, strict=True)
    ):
        raise TrichoscanError("there is no such hair here: load the pair again")
    after: dict[str, Any] = {}
    if what == "link" and one is not None and other is not None:
        for name in (state.slots.get(f"link/b{one}", NONE), state.slots.get(f"link/f{other}", NONE)):
            if name != NONE:
                after[f"link/{name}"] = None
        after |= {f"link/b{one}": f"f{other}", f"link/f{other}": f"b{one}"}
        return log.draft(state, what, f"matched baseline hair {one} with follow-up hair {other}", after, why)
    if what == "unlink" and (one is None) != (other is None):
        mine = f"b{one}" if one is not None else f"f{other}"
        partner = state.slots.get(f"link/{mine}", NONE)
        after = {f"link/{mine}": NONE} | ({f"link/{partner}": None} if partner != NONE else {})
        where = f"baseline hair {one}" if one is not None else f"follow-up hair {other}"
        return log.draft(state, what, f"parted {where}: it has no partner", after, why)
    raise TrichoscanError(f"{what!r} is nothing that can be done to a pair")


def _settle(state: State, events: Sequence[Event], what: str, why: str) -> Draft | None:
    """Undo, redo, signing and opening again; None for a correction, which a signed subject refuses."""
    if what == "reopen":
        if not state.signed_by:
            raise TrichoscanError("this is not signed off")
        if not why:
            raise TrichoscanError("say why it is opened again: the reason goes into the log")
        return log.draft(
            state, what, f"opened again what {state.signed_by} had signed off", {"signed": None}, why
        )
    if state.signed_by:
        raise TrichoscanError(f"{state.signed_by} signed this off: open it again first, with a reason")
    if what == "undo":
        return log.undo(state, events, why)
    if what == "redo":
        return log.redo(state, events, why)
    return None


def sign(state: State, who: str, why: str) -> Draft:
    """Draft by which `who` signs off what stands."""
    if state.signed_by:
        raise TrichoscanError(f"{state.signed_by} has signed this off already")
    return log.draft(state, "sign_off", "signed off", {"signed": who}, why)


def draw_hair(scene: Scene, points: Any, without: Sequence[int] = ()) -> tuple[Hair, bool]:
    """Hair along a drawn line: snapped to the shaft and measured among the others as they are.

    Parameters
    ----------
    scene : Scene
    points : list of [x, y]
    without : sequence of int
        Hairs that it will stand in place of.

    Returns
    -------
    hair : Hair
    seen : bool
        Whether a shaft is to be seen there.
    """
    line = _points(points, scene.base.counting_mask.shape, least=2)
    shaft = follow_shaft(scene.pixels(), line.tolist(), scene.base.um_per_px)
    return measured(scene, shaft.path_px, without), shaft.seen


def measured(
    scene: Scene, path_px: NDArray[np.float64], without: Sequence[int], flags: Sequence[str] = ()
) -> Hair:
    """Hair with this path, measured among the others but for `without`; of `flags` those that stay true."""
    if float(np.hypot(*np.diff(path_px, axis=0).T).sum()) < SHORTEST_PX:
        raise TrichoscanError("a hair that short cannot be: click root, shaft and tip")
    others = [hair for number, hair in scene.hairs.items() if number not in without]
    stays = tuple(flag for flag in flags if flag not in MEASURED)
    hair = Hair(path_px, 1.0, stays)
    return measure_diameters(scene.pixels(), [*others, hair], scene.base.um_per_px)[-1]


def _add(scene: Scene, request: Request) -> tuple[str, dict[str, Any]]:
    hair, seen = draw_hair(scene, request.get("points"))
    number = scene.new_number()
    unseen = "" if seen else "; no shaft was seen there: it stands as drawn"
    return f"added hair {number}{_size(hair, scene)}{unseen}", {f"hair/{number}": hair_slot(hair)}


def _accept(scene: Scene, request: Request) -> tuple[str, dict[str, Any]]:
    """Take a candidate that the program left out."""
    index = request.get("candidate")
    if type(index) is not int or not 0 <= index < len(scene.base.doubtful):
        raise TrichoscanError("there is no such candidate: load the photo again")
    left_out = scene.base.doubtful[index]
    hair = replace(left_out, confidence=1.0, flags=tuple(f for f in left_out.flags if f != "uncertain"))
    number = scene.new_number()
    return f"accepted candidate {index + 1} as hair {number}{_size(hair, scene)}", {
        f"hair/{number}": hair_slot(hair)
    }


def _delete(scene: Scene, request: Request) -> tuple[str, dict[str, Any]]:
    number = request.get("hair")
    hair = scene.hair(number)
    x, y = hair.root_px
    return f"deleted hair {number} with its root at {x:.0f}, {y:.0f} px", _removed([number])


def _removed(numbers: Sequence[Any]) -> dict[str, Any]:
    """Slots that take hairs away: an automatic one is marked, one made in review is emptied."""
    return {f"hair/{n}": GONE if n < FIRST_REVIEW_HAIR else None for n in numbers}


def _join(scene: Scene, request: Request) -> tuple[str, dict[str, Any]]:
    """Make one hair of two: from the root of the first to the tip of the second."""
    one, other = request.get("hair"), request.get("with")
    if one == other:
        raise TrichoscanError("choose two hairs to join")
    first, second = scene.hair(one), scene.hair(other)
    if _gap(second, first) < _gap(first, second):
        one, other, first, second = other, one, second, first
    path = np.concatenate([first.path_px, second.path_px])
    hair = measured(scene, path, (int(str(one)), int(str(other))), (*first.flags, *second.flags))
    number = scene.new_number()
    after = _removed([one, other]) | {f"hair/{number}": hair_slot(hair, (int(str(one)), int(str(other))))}
    return f"joined hairs {one} and {other} to hair {number}{_size(hair, scene)}", after


def _gap(first: Hair, second: Hair) -> float:
    """Distance from the tip of one hair to the root of the other."""
    return float(np.hypot(*(first.tip_px - second.root_px)))


def _split(scene: Scene, request: Request) -> tuple[str, dict[str, Any]]:
    """Make two hairs of one at a point: the second begins there."""
    number = request.get("hair")
    hair = scene.hair(number)
    (point,) = _points([request.get("at")], scene.base.counting_mask.shape, least=1)
    first, second = _cut(hair.path_px, point)
    halves = [measured(scene, half, (int(str(number)),), hair.flags) for half in (first, second)]
    new = [scene.new_number(), scene.new_number(1)]
    after = _removed([number]) | {
        f"hair/{n}": hair_slot(half, (int(str(number)),)) for n, half in zip(new, halves, strict=True)
    }
    return f"split hair {number} into hairs {new[0]} and {new[1]}", after


def _cut(
    path: NDArray[np.float64], point: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both parts of a path that is cut where it is nearest to a point."""
    start, step = path[:-1], np.diff(path, axis=0)
    share = np.clip(((point - start) * step).sum(1) / np.maximum((step**2).sum(1), 1e-9), 0, 1)
    foot = start + share[:, None] * step
    at = int(np.argmin(np.hypot(*(foot - point).T)))
    return np.vstack([path[: at + 1], foot[at]]), np.vstack([foot[at], path[at + 1 :]])


def _move_root(scene: Scene, request: Request) -> tuple[str, dict[str, Any]]:
    """Let a hair begin at another point: the shaft is followed from there, or the hair cut there."""
    number = request.get("hair")
    hair = scene.hair(number)
    (point,) = _points([request.get("to")], scene.base.counting_mask.shape, least=1)
    _, rest = _cut(hair.path_px, point)
    on_shaft = float(np.hypot(*(rest[0] - point))) <= max(SHORTEST_PX, 0.5 * _width(hair))
    inside = float(np.hypot(*(rest[0] - hair.root_px))) > 0
    if on_shaft and inside:
        path = rest
    else:
        lead = follow_shaft(scene.pixels(), [point.tolist(), rest[0].tolist()], scene.base.um_per_px).path_px
        path = np.vstack([point, lead[1:], rest[1:]])
    flags = [flag for flag in hair.flags if flag != "root_not_visible"]
    moved = measured(scene, path, (int(str(number)),), flags)
    new = scene.new_number()
    after = _removed([number]) | {f"hair/{new}": hair_slot(moved, (int(str(number)),))}
    x, y = moved.root_px
    return f"moved the root of hair {number} to {x:.0f}, {y:.0f} px: hair {new}", after


def _width(hair: Hair) -> float:
    return hair.diameter_px if math.isfinite(hair.diameter_px) else 2 * SHORTEST_PX


def _area(scene: Scene, request: Request) -> tuple[str, dict[str, Any]]:
    corners = _corners(request.get("points"), scene)
    return f"marked the counting area with {len(corners)} corners", {"area": corners}


def _automatic_area(scene: Scene, request: Request) -> tuple[str, dict[str, Any]]:
    if "area" not in scene.state.slots:
        raise TrichoscanError("the counting area is the automatic one")
    return "took the automatic counting area again", {"area": None}


def _exclude(scene: Scene, request: Request) -> tuple[str, dict[str, Any]]:
    corners = _corners(request.get("points"), scene)
    names = {name for event in scene.events for name in event.draft.after if name.startswith("excluded/")}
    number = 1 + max((int(name.removeprefix("excluded/")) for name in names), default=0)
    return f"excluded area {number}", {f"excluded/{number}": corners}


def _include(scene: Scene, request: Request) -> tuple[str, dict[str, Any]]:
    name = f"excluded/{request.get('excluded')}"
    if name not in scene.state.slots:
        raise TrichoscanError("there is no such excluded area: load the photo again")
    return f"took back that area {request.get('excluded')} was excluded", {name: None}


def _same_unit(scene: Scene, request: Request) -> tuple[str, dict[str, Any]]:
    numbers = _numbers(request, scene)
    stands = recount(scene.base, scene.state.slots)
    unit_of = dict(zip(stands.ids, stands.analysis.unit_of_hair.tolist(), strict=True))
    joined = {unit_of[number] for number in numbers}
    label = _next_unit(scene)
    after = {f"unit/{number}": label for number, unit in unit_of.items() if unit in joined}
    return f"made the units of hairs {' and '.join(map(str, numbers))} one unit", after


def _own_unit(scene: Scene, request: Request) -> tuple[str, dict[str, Any]]:
    number = request.get("hair")
    scene.hair(number)
    return f"made hair {number} a unit by itself", {f"unit/{number}": _next_unit(scene)}


def _next_unit(scene: Scene) -> int:
    given = [
        value
        for event in scene.events
        for name, value in event.draft.after.items()
        if name.startswith("unit/") and value is not None
    ]
    return 1 + max(given, default=0)


def _numbers(request: Request, scene: Scene) -> list[int]:
    wanted = request.get("hairs")
    if not isinstance(wanted, list) or len(set(map(str, wanted))) < 2:
        raise TrichoscanError("choose two hairs or more of one unit")
    for number in wanted:
        scene.hair(number)
    return sorted(wanted)


def _corners(points: Any, scene: Scene) -> list[list[float]]:
    corners = _points(points, scene.base.counting_mask.shape, least=3)
    x, y = corners.T
    if abs(float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))) < 2:
        raise TrichoscanError("an area needs three corners that do not lie on one line")
    return [[round(float(a), 1), round(float(b), 1)] for a, b in corners]


def _points(points: Any, shape: tuple[int, ...], least: int) -> NDArray[np.float64]:
    """(N, 2) points of a request, moved into the photo."""
    try:
        array = np.array(points, np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.ndim != 2 or array.shape[1] != 2 or not least <= len(array) <= MOST_POINTS:
        raise TrichoscanError(f"give {least} points or more on the photo")
    if not np.isfinite(array).all():
        raise TrichoscanError("a point that is no number")
    return np.clip(array, 0, np.array(shape[1::-1]) - 1)


def _text(value: Any) -> str:
    return " ".join(str(value).split())[:500]


def _size(hair: Hair, scene: Scene) -> str:
    if scene.base.um_per_px is None or not math.isfinite(hair.diameter_px):
        return ""
    return f" ({hair.diameter_px * scene.base.um_per_px:.0f} um)"


PHOTO_EDITS: dict[str, Callable[[Scene, Request], tuple[str, dict[str, Any]]]] = {
    "add": _add,
    "accept": _accept,
    "delete": _delete,
    "join": _join,
    "split": _split,
    "move_root": _move_root,
    "area": _area,
    "automatic_area": _automatic_area,
    "exclude": _exclude,
    "include": _include,
    "same_unit": _same_unit,
    "own_unit": _own_unit,
}
