"""One decision over the photo: which reading of each root, so that the most speaks for all of them together.

A tip ends one hair. A piece of shaft is part of one hair, or of several at a price: hairs of a bundle may lie
side by side where the map shows one. What is worth the most together is found by an integer program for each
group of roots that want something in common (HiGHS; Huangfu & Hall 2018).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from trichoscan.segment.groups import linked_groups
from trichoscan.segment.readings import NO_TIP, Readings

Floats = NDArray[np.float64]

MOST_NODES = 1000
"""Branches that are tried of a group of roots: of 196 on 68 photos and phantoms all needed one."""
LEAST_WORTH = 8.0
"""Readings worth so much less than the best of their root are not considered."""


def decide(
    readings: Readings, scores: Floats, root_sureness: Floats, thresholds: Mapping[str, float]
) -> NDArray[np.int64]:
    """Choose a reading for each root.

    Parameters
    ----------
    readings : Readings
        Of K roots; of each one at least that has no tip.
    scores : (R,) float64
        See `Readings.scores`.
    root_sureness : (K,) float64
        Log odds that each is a root, see `peaks.sureness`. What is none has no tip, so a reading with a tip
        is less likely by that probability, and a doubtful root takes no tip from a sure one.
    thresholds : mapping of str to float
        `decide_piece`, what each piece of a course costs: a wrong one misleads the diameter, a missing one
        leaves the path short; and `decide_share`, what each further hair on a piece does.

    Returns
    -------
    (K,) int64
        Numbers of readings.
    """
    ended = readings.tip != NO_TIP
    entered = np.array([len(course.entered) for course in readings.courses])
    worth = scores - thresholds["decide_piece"] * entered[readings.course]
    worth -= np.where(ended, np.logaddexp(0.0, -root_sureness[readings.root]), 0.0)
    chosen, without_tip = (
        _best_of_each(values, readings.root, len(root_sureness))
        for values in (worth, np.where(ended, -np.inf, worth))
    )
    close = worth > worth[chosen][readings.root] - LEAST_WORTH
    close[without_tip] = True
    considered = np.flatnonzero(close)
    root = readings.root[considered]
    first = np.searchsorted(root, np.arange(len(chosen) + 1))
    by, claimed, tips = _claims(readings, considered)
    wanted = np.isin(considered, chosen)[by]
    for group in linked_groups(root[by], len(chosen) + claimed):
        if (np.bincount(claimed[group][wanted[group]]) > 1).any():
            some = np.concatenate([np.arange(first[k], first[k + 1]) for k in np.unique(root[by[group]])])
            column = np.searchsorted(some, by[group])
            best = _best_together(
                worth[considered[some]], root[some], column, claimed[group], tips, thresholds["decide_share"]
            )
            roots = np.unique(root[some])
            chosen[roots] = without_tip[roots] if best is None else considered[some[best]]
    return chosen


def _best_of_each(worth: Floats, root: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """(K,) number of the reading of each root that is worth the most."""
    first = np.searchsorted(root, np.arange(count + 1))
    return np.array([a + int(worth[a:b].argmax()) for a, b in pairwise(first)], np.int64)


def _claims(readings: Readings, some: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Which of some readings claims which tip or piece, a row for each claim, and how many tips there are.

    Tips are numbered before pieces.
    """
    tips = int(readings.tip.max(initial=NO_TIP)) + 1
    entered = [readings.courses[number].entered for number in readings.course[some]]
    ended = np.flatnonzero(readings.tip[some] != NO_TIP)
    by = np.repeat(np.arange(len(some)), [len(ends) for ends in entered])
    piece = np.array([end // 2 for ends in entered for end in ends], np.int64)
    return (
        np.concatenate([ended, by]),
        np.concatenate([readings.tip[some[ended]], tips + piece]),
        tips,
    )


def _best_together(
    worth: Floats,
    root: NDArray[np.int64],
    by: NDArray[np.int64],
    claimed: NDArray[np.int64],
    tips: int,
    per_share: float,
) -> NDArray[np.intp] | None:
    """Numbers of those of N readings, one of each root, that are worth the most together; None if not found.

    Columns of the program are the share, 0 or 1, of each reading, and then how many hairs more than one lie
    on each piece.
    """
    roots, of_root = np.unique(root, return_inverse=True)
    every, row = np.unique(claimed, return_inverse=True)
    pieces, n = np.flatnonzero(every >= tips), len(worth)
    columns = n + len(pieces)
    one_each = coo_array((np.ones(n), (of_root, np.arange(n))), shape=(len(roots), columns))
    rows = np.concatenate([row, pieces])
    at_most = coo_array(
        (np.repeat([1.0, -1.0], [len(row), len(pieces)]), (rows, np.append(by, np.arange(n, columns)))),
        shape=(len(every), columns),
    )
    answer = milp(
        np.append(-worth, np.full(len(pieces), per_share)),
        integrality=np.repeat([1, 0], [n, len(pieces)]),
        bounds=Bounds(0.0, np.repeat([1.0, np.inf], [n, len(pieces)])),
        constraints=[LinearConstraint(one_each, 1.0, 1.0), LinearConstraint(at_most, -np.inf, 1.0)],
        options={"mip_rel_gap": 0.0, "node_limit": MOST_NODES},
    )
    return None if answer.x is None else np.flatnonzero(answer.x[:n] > 0.5)
