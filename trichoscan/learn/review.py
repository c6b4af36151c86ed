"""Weights that learn from a clinic's signed-off photos, and may be used only if that made them better.

The shipped weights are trained on with the clinic's photos and phantoms. Photos of some subjects are held
out; before and after are judged on them hair by hair, and the new weights are marked as usable only where the
gain is more than chance over subjects.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from trichoscan.learn.dataset import read_annotated
from trichoscan.learn.gain import DRAWS, SURE, Outcome, compare_rows, judge_photos
from trichoscan.learn.signed import FEWEST_JUDGES, SignedPhotos, gather_signed
from trichoscan.learn.train import TrainConfig, train
from trichoscan.records import TrichoscanError
from trichoscan.segment.weights import Weights, find_weights, load_weights
from trichoscan.study.store import whole_file

NAME = "clinic-v1"
STEPS = 600
"""A quarter of a training from scratch; some ten minutes on a GPU, a quarter of an hour on two cores."""
LEARNING_RATE = 2e-4
"""A tenth of that of a training from scratch: what was learned is not to be forgotten."""
PHANTOM_SHARE = 0.4
"""Phantoms keep alive what the clinic's own photos do not show: light, long and thin hair."""
VERIFIER_EPOCHS, VERIFIER_PHANTOMS, VERIFIER_VIEWS = 2, 60, 1
"""The verifiers go on from the shipped ones, on the same photos."""
FEWEST_HAIRS = 200
"""Hairs on the validation photos that it takes to choose operating points anew."""


def learn_from_review(
    results: Path,
    out: Path,
    *,
    photos: Path | None = None,
    device: str = "auto",
    log: Callable[[str], None] = print,
    **training: Any,
) -> Outcome:
    """Train on what was signed off in RESULTS, judge on what was held out, and mark the weights.

    Parameters
    ----------
    results : Path
        With photos signed off in `trichoscan review`.
    out : Path
        Folder for the run; copies of the photos go to `out`/photos.
    photos : Path, optional
        Where the photos lie now, if they were moved.
    device : str
        "auto", "cpu" or "cuda".
    log : callable
    **training
        Fields of `train.TrainConfig` to be other than `_settings` has them, such as name or steps.

    Returns
    -------
    Outcome

    Raises
    ------
    TrichoscanError
        Too little is signed off, or there is nothing to judge on.
    """
    signed = gather_signed(results, out / "photos", photos)
    _tell(signed, log)
    first = load_weights()
    held_out = read_annotated(signed.folder, signed.split["held_out"])
    before = judge_photos(held_out, first, device)
    if not before[:, 0].sum():
        raise TrichoscanError(
            f"{results}: the photos held out have no hair: sign off photos of more subjects"
        )
    config = TrainConfig(signed.folder, out, device=device, **(_settings(signed) | training))
    folder = train(config, log)
    _mark(folder, {"usable": False} | _inherited(folder, first))
    after = judge_photos(held_out, load_weights(folder, unproven=True), device)
    outcome = compare_rows(folder, before, after, [signed.subject_of[photo.name] for photo in held_out])
    _mark(folder, {"usable": outcome.better, "held_out_before_after": _figures(outcome)})
    _write_report(folder, outcome, signed, first, config.steps)
    log(outcome.why)
    return outcome


def _tell(signed: SignedPhotos, log: Callable[[str], None]) -> None:
    sides = ", ".join(f"{len(stems)} {side.replace('_', ' ')}" for side, stems in signed.split.items())
    log(f"{sum(map(len, signed.split.values()))} photos signed off, {signed.hairs} hairs: {sides}")
    for image in signed.without_scale:
        log(f"{image}: signed off, but without a scale nothing can be learned from it")


def _settings(signed: SignedPhotos) -> dict[str, Any]:
    """Of `train.TrainConfig`: go on from the shipped weights, on the sides that subjects were put on."""
    return {
        "name": NAME,
        "steps": STEPS,
        "phantom_share": PHANTOM_SHARE,
        "learning_rate": LEARNING_RATE,
        "start_from": find_weights().name,
        "split": signed.split,
        "verifier_epochs": VERIFIER_EPOCHS,
        "verifier_phantoms": VERIFIER_PHANTOMS,
        "verifier_views": VERIFIER_VIEWS,
    }


def _inherited(folder: Path, first: Weights) -> dict[str, Any]:
    """What a review cannot measure anew: repeatability; operating points, where it has too few hairs."""
    config = json.loads((folder / "config.json").read_text())
    names = ["repeatability"]
    if config["validation"]["hairs"] < FEWEST_HAIRS:
        names += ["thresholds", "count_cv"]
    return {name: first.config[name] for name in names if name in first.config}


def _figures(outcome: Outcome) -> dict[str, Any]:
    return {
        "before": asdict(outcome.before),
        "after": asdict(outcome.after),
        "share_better": outcome.share_better,
    }


def _mark(folder: Path, more: Mapping[str, Any]) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text()) | more
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(config, indent=1) + "\n")


REPORT = """# {name}: weights from a clinic's own review

**{verdict}**

Begun from {first}; {steps} steps on {train} photos that were signed off, and phantoms. Operating points: of
{validation} further photos where these hold {fewest} hairs or more, else those of {first}.

Judged on {held_out} photos of subjects that were neither trained on nor chosen on, hair by hair, within the
counting area that was signed off:

| | before | after |
|---|---|---|
| true hairs | {before[true]} | {after[true]} |
| found | {before[found]} | {after[found]} |
| right | {before[right]} | {after[right]} |
| F1 | {before[f1]:.3f} | {after[f1]:.3f} |
| count error % | {before[count_error_percent]:.1f} | {after[count_error_percent]:.1f} |

F1 rose in {share:.0f} % of {draws} draws of the held-out subjects. Asked for are {sure:.0f} %, a higher F1 on
all of them, counts no farther off, and at least {judges} subjects held out.

The truth is what the reviewers signed. They began from hairs that the earlier weights had found, so the
figures before flatter, if anything. What these photos do not show (other devices, other hair) was not
tested. Research use: it measures, it does not diagnose.
"""


def _write_report(folder: Path, outcome: Outcome, signed: SignedPhotos, first: Weights, steps: int) -> None:
    text = REPORT.format(
        name=folder.name,
        verdict=outcome.why[0].upper() + outcome.why[1:] + ".",
        first=first.label,
        steps=steps,
        **{side: len(stems) for side, stems in signed.split.items()},
        fewest=FEWEST_HAIRS,
        before=asdict(outcome.before),
        after=asdict(outcome.after),
        share=100 * outcome.share_better,
        draws=DRAWS,
        sure=100 * SURE,
        judges=FEWEST_JUDGES,
    )
    for name in ("review_training.md", "CARD.md"):
        with whole_file(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
