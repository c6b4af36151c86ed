"""Runs over a folder of photos, or two photos: what is asked for is checked here, and done by `study.run`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trichoscan.photo.calibrate import ACCEPTED_UM_PER_PX
from trichoscan.records import TrichoscanError
from trichoscan.study.manifest import list_entries
from trichoscan.study.one_photo import Outcome
from trichoscan.study.options import RunOptions
from trichoscan.study.pseudonym import hide_names
from trichoscan.study.run import Means, OnPair, OnPhoto, RunSummary, Study, carry_out
from trichoscan.study.visits import Visits, find_pairs, make_pairs

__all__ = ["Outcome", "RunOptions", "RunSummary", "analyze_folder", "compare_photos"]


DEFAULTS = RunOptions()


def analyze_folder(
    paths: Sequence[Path],
    out: Path,
    options: RunOptions = DEFAULTS,
    *,
    on_progress: OnPhoto | None = None,
    on_pair: OnPair | None = None,
) -> RunSummary:
    """Measure every photo under `paths`, compare every follow-up with its baseline, and write RESULTS.

    See `study.store` for its files and `study.visits` for what is compared.

    A photo whose result is already in `out`, made of the same bytes with the same parameters,
    weights and version, is not measured again, nor is a pair of such photos compared again. RESULTS
    then holds the photos of this run alone; a note tells how many of earlier runs left it. A photo that
    fails gets a row with the reason; the run goes on. A run that ends early, by Ctrl-C, SIGTERM, a full disk,
    kill -9 or a power cut, keeps what is finished: call again to go on, and the results are the same bytes.

    Parameters
    ----------
    paths : sequence of Path
        Folders and files.
    out : Path
        RESULTS; made if missing. It may lie in a folder of `paths`, but none of `paths` in it.
        Photos in it are not measured.
    options : RunOptions
    on_progress : callable, optional
        Called with the outcome of each photo and the number of photos of the run.
    on_pair : callable, optional
        The same for pairs.

    Raises
    ------
    TrichoscanError
        For bad paths, a bad manifest, missing weights, or a results folder that is not ours, is in use by
        another run, or cannot be written.
    KeyboardInterrupt
        On Ctrl-C; `study.interrupt.Terminated`, a kind of it, on SIGTERM.
    """
    _check_numbers(options)
    if options.dask is not None and options.workers > 1:
        raise TrichoscanError("--dask and --workers do not go together: the cluster has its own workers")
    asked: dict[str, Any] = {"pattern": options.pattern}
    skipped: list[str] = []
    entries, unmatched = list_entries(
        paths, manifest=options.manifest, pattern=options.pattern, skipped=skipped
    )
    entries = [entry for entry in entries if not _lies_in(entry.path, out)]
    if options.pseudonymize is not None:
        entries, unmatched, asked = hide_names(entries, unmatched, asked, options.pseudonymize, out)
    means = Means(out, options, on_progress, on_pair)
    notes = (*skipped, *_unmatched_notes(unmatched))
    return carry_out(means, Study(paths, entries, find_pairs(entries), asked, notes))


def compare_photos(
    baseline: Path,
    followup: Path,
    out: Path,
    *,
    days: int | None = None,
    um_per_px: float | None = None,
    vellus_below_um: float = 30.0,
    weights: str | Path | None = None,
    device: str = "auto",
    overwrite: bool = False,
) -> RunSummary:
    """Measure two photos, compare them, and write RESULTS as `analyze_folder` does.

    Parameters
    ----------
    baseline, followup : Path
        What a manifest.csv beside them tells of them is taken: scale, dates, target.
    out : Path
        RESULTS.
    days : int, optional
        Between the photos; by the manifest's dates where it is not given.
    um_per_px, vellus_below_um, weights, device, overwrite
        See `RunOptions`.

    Raises
    ------
    TrichoscanError
        As `analyze_folder`, and where the two are one file.
    """
    options = RunOptions(
        um_per_px=um_per_px,
        vellus_below_um=vellus_below_um,
        intermediate_below_um=max(DEFAULTS.intermediate_below_um, vellus_below_um),
        weights=weights,
        device=device,
        overwrite=overwrite,
    )
    _check_numbers(options)
    for path in (baseline, followup):
        if path.is_dir():
            raise TrichoscanError(f"{path}: a folder: name two photos, or use 'trichoscan analyze'")
    if baseline.resolve() == followup.resolve():
        raise TrichoscanError(f"{followup}: is the baseline itself: name two photos")
    entries, _ = list_entries([baseline, followup])
    if len(entries) > 2:
        raise TrichoscanError(f"{baseline}: of several frames, or {followup}: use 'trichoscan analyze'")
    entry_of = {entry.path.resolve(): entry for entry in entries}
    both = entry_of[baseline.resolve()], entry_of[followup.resolve()]
    pairs = make_pairs([(*both, "")], entries, days)
    means = Means(out, options)
    visits = Visits(pairs, both[:1])
    return carry_out(means, Study([baseline, followup], entries, visits, {"days": days}, arms=False))


def _check_numbers(options: RunOptions) -> None:
    low, high = ACCEPTED_UM_PER_PX
    um_per_px, vellus_below_um = options.um_per_px, options.vellus_below_um
    if um_per_px is not None and not low <= um_per_px <= high:
        raise TrichoscanError(
            f"--um-per-px {um_per_px:g}: give the um that one px stands for, {low:g} to {high:g}"
        )
    if not 0 < vellus_below_um < math.inf:
        raise TrichoscanError(f"--vellus-below {vellus_below_um:g}: give a diameter in um, such as 30 or 40")
    if options.workers < 1:
        raise TrichoscanError(f"--workers {options.workers}: give 1 or more")
    if not vellus_below_um <= options.intermediate_below_um < math.inf:
        raise TrichoscanError(
            f"--intermediate-below {options.intermediate_below_um:g}: give a diameter in um not below "
            "--vellus-below"
        )


def _unmatched_notes(unmatched: Sequence[Path]) -> tuple[str, ...]:
    if not unmatched:
        return ()
    names = ", ".join(path.name for path in unmatched[:3]) + (", ..." if len(unmatched) > 3 else "")
    return (
        f"{len(unmatched)} photos do not fit --pattern ({names}): their subject, site and visit stay empty",
    )


def _lies_in(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())
