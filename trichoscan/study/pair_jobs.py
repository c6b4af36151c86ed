"""Pairs as jobs for an executor."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from trichoscan.study import store
from trichoscan.study.executors.task import Task, as_it_is
from trichoscan.study.pairs import PairOutcome, failed_part, made_from, pair_part_path, process_pair
from trichoscan.study.visits import Pair


@dataclass(frozen=True)
class PairTools:
    """What every pair of a run needs."""

    out: Path
    vellus_below_um: float


def pair_task(out: Path, vellus_below_um: float) -> Task:
    """What is done to each `Pair`; its result is a `PairOutcome` and the seconds it took."""
    return Task(PairTools, (out, vellus_below_um), as_it_is, compare_step, as_it_is)


def compare_step(pair: Pair, tools: PairTools) -> tuple[PairOutcome, float]:
    """Compare a pair and keep its result."""
    started = time.perf_counter()
    outcome = process_pair(pair, tools.out, tools.vellus_below_um)
    return outcome, time.perf_counter() - started


def give_up_pair(pair: Pair, out: Path, vellus_below_um: float, reason: str) -> PairOutcome:
    """Keep a row for a pair that took its workers with it."""
    part = failed_part(reason)
    part |= {"pair_id": pair.pair_id, "made_from": made_from(pair, out, vellus_below_um)}
    with store.whole_file(pair_part_path(out, pair.pair_id)) as temporary:
        temporary.write_text(json.dumps(part), encoding="utf-8")
    return PairOutcome(pair.pair_id, "failed", False)
