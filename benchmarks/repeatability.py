"""How often weights show a hair again that they showed once: what matching must know of them.

Run: python benchmarks/repeatability.py --fdu ../shared/data/fdu [--weights follicle-v6] [--write]

Validation photos are plucked, moved, relit and recompressed, and drawn photos have their hair re-cut and
re-combed; each hair of either photo that is truly there in the other is looked for among what detection found
there. `--write` puts the figures into the weights' config.json (`repeatability`).
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from pair_figures import NOBODY
from pairs import Case, drawn_cases, photos_of, plucked_cases

from trichoscan.match.visits import match_visits
from trichoscan.overlooked import FOLLICLE_V1, Repeatability, overlooked
from trichoscan.segment.weights import find_weights, load_weights

FIRST_SEED = 770_000
"""Of the drawn pairs: others than those of `pairs`."""
EDGES = (0.0, 0.65, 0.75, 0.85, 0.92, 0.97, 1.0)
"""Of the classes of confidence in which what was missed is counted."""
FLOORS, POWERS = (0.001, 0.002, 0.005, 0.01, 0.02), tuple(np.arange(0.75, 3.01, 0.125).tolist())
GUESS_HAIRS = 20.0
"""What is stated without measuring weighs as much as so many hairs."""


@dataclass
class Tally:
    """What became of hairs that one photo shows and the other has.

    Attributes
    ----------
    confidence, missed : list
        Of each hair, and whether detection overlooked it in the other photo.
    recovered : int
        Of the overlooked ones, those found among the other photo's doubtful hairs.
    doubt, false : list
        Of each detection in the common field 1 - c, and whether it is no hair and not there again.
    """

    confidence: list[float] = field(default_factory=list)
    missed: list[bool] = field(default_factory=list)
    recovered: int = 0
    doubt: list[float] = field(default_factory=list)
    false: list[bool] = field(default_factory=list)

    def add(self, case: Case) -> None:
        """Count the hairs of one pair, by its pairing and the truth."""
        baseline, followup, truth, pixels = case
        _, pairing = match_visits(baseline, followup, pixels)
        if pairing is None:
            return
        names = truth.name(pairing)
        detected = len(baseline.hairs), len(followup.hairs)
        hairs = pairing.baseline_hairs, pairing.followup_hairs
        doubtful = [{tuple(h.root_px) for h in photo.doubtful} for photo in (baseline, followup)]
        for m in pairing.matches:
            if not m.counted:
                continue
            ends = m.baseline, m.followup
            for side in (0, 1):
                one, other = ends[side], ends[1 - side]
                if one is None or one >= detected[side]:
                    continue
                sure = hairs[side][one].confidence
                absent = (truth.gone, truth.come)[side]
                is_hair = names[side][one] != NOBODY
                self.doubt.append(1 - sure)
                self.false.append(not is_hair and other is None)
                if is_hair and names[side][one] not in absent:
                    seen = other is not None and other < detected[1 - side]
                    self.confidence.append(sure)
                    self.missed.append(not seen)
                    self.recovered += (
                        other is not None and tuple(hairs[1 - side][other].root_px) in doubtful[1 - side]
                    )

    def fitted(self) -> Repeatability:
        """Floor and power by maximum likelihood; shares with the stated ones weighed in."""
        c, missed = np.array(self.confidence), np.array(self.missed)

        def loss(floor: float, power: float) -> float:
            p = overlooked(c, replace(FOLLICLE_V1, overlooked_floor=floor, overlooked_power=power))
            return float(-np.where(missed, np.log(p), np.log(1 - p)).sum())

        floor, power = min(((f, p) for f in FLOORS for p in POWERS), key=lambda one: loss(*one))
        return Repeatability(
            overlooked_floor=floor,
            overlooked_power=power,
            recovered=_share(self.recovered, int(missed.sum()), FOLLICLE_V1.recovered),
            transient=_share(sum(self.false), sum(self.doubt), FOLLICLE_V1.transient),
        )

    def table(self) -> str:
        """Hairs, and the share missed, by confidence."""
        c, missed = np.array(self.confidence), np.array(self.missed)
        rows = []
        for low, high in pairwise(EDGES):
            here = (c >= low) & (c < high)
            if here.any():
                share = missed[here].mean()
                rows.append(f"{low:.2f}-{high:.2f}  {np.count_nonzero(here):5d} hairs  {share:.3f} missed")
        return "\n".join(rows)


def _share(part: float, whole: float, stated: float) -> float:
    return round((part + GUESS_HAIRS * stated) / (whole + GUESS_HAIRS), 3)


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fdu", type=Path, required=True)
    parser.add_argument("--weights")
    parser.add_argument("--number", type=int, default=24, help="validation photos to pluck")
    parser.add_argument("--drawn", type=int, default=12)
    parser.add_argument("--write", action="store_true", help="into the weights' config.json")
    chosen = parser.parse_args()
    folder = find_weights(chosen.weights)
    weights = load_weights(folder)
    tally = Tally()
    photos = photos_of(chosen.fdu, weights, "validation", chosen.number)
    for case in plucked_cases(photos, chosen.fdu, weights):
        tally.add(case)
    for case in drawn_cases(chosen.drawn, weights, FIRST_SEED):
        tally.add(case)
    found = tally.fitted()
    print(tally.table())
    print(json.dumps(asdict(found)))
    if chosen.write:
        file = folder / "config.json"
        config = json.loads(file.read_text(encoding="utf-8")) | {"repeatability": asdict(found)}
        file.write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
