"""What a reader must know before the numbers: flags and failures, gathered, most urgent first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from trichoscan.report.results import Row, plain
from trichoscan.report.words import (
    FAILED_PAIR,
    FAILED_PHOTO,
    PAIR_ADVICE,
    PHOTO_ADVICE,
    SEVERITIES,
    Advice,
    Severity,
)

Key = tuple[str, str]
"""Table ("images" or "pairs") and the cell that names the row."""


@dataclass(frozen=True)
class Concern:
    """Something that touches one photo or pair, or several.

    Attributes
    ----------
    advice : Advice
    flag : str
        As it stands in the table; empty for what failed.
    where : tuple of (Key, str)
        Photos or pairs, each with its reason where it has one.
    """

    advice: Advice
    flag: str
    where: tuple[tuple[Key, str], ...]


def concerns_of(images: Sequence[Row], pairs: Sequence[Row]) -> dict[Severity, list[Concern]]:
    """Concerns of a run by their urgency, those of most photos first."""
    found: dict[tuple[Advice, str], list[tuple[Key, str]]] = defaultdict(list)
    for row in images:
        key = "images", row["image"]
        if row["status"] != "ok":
            found[FAILED_PHOTO, ""].append((key, row["error"]))
        for flag in row["flags"].split():
            found[_advice(PHOTO_ADVICE, flag), flag].append((key, ""))
    for row in pairs:
        key = "pairs", row["pair_id"]
        if row["status"] != "ok":
            found[FAILED_PAIR, ""].append((key, row["error"]))
        for flag in row["flags"].split():
            found[_advice(PAIR_ADVICE, flag), flag].append((key, ""))
    concerns = [Concern(advice, flag, tuple(where)) for (advice, flag), where in found.items()]
    concerns.sort(key=lambda concern: (concern.flag != "", -len(concern.where), concern.flag))
    return {
        severity: [concern for concern in concerns if concern.advice.severity == severity]
        for severity in SEVERITIES
    }


def _advice(known: dict[str, Advice], flag: str) -> Advice:
    """Advice on a flag; RESULTS of a newer version may hold one that this version does not know."""
    return known.get(flag, Advice("check", flag.replace("_", " "), "see the documentation of this flag"))


def worst(row: Row, table: str) -> Severity | None:
    """Most urgent severity of a row of images.csv or pairs.csv; None where nothing is raised."""
    if row["status"] != "ok":
        return "stop"
    known = PHOTO_ADVICE if table == "images" else PAIR_ADVICE
    raised = {_advice(known, flag).severity for flag in row["flags"].split()}
    return next((severity for severity in SEVERITIES if severity in raised), None)


def flag_words(row: Row, table: str) -> list[Advice]:
    """Advice on each flag of a row."""
    known = PHOTO_ADVICE if table == "images" else PAIR_ADVICE
    return [_advice(known, flag) for flag in row["flags"].split()]


def sentence(images: Sequence[Row], pairs: Sequence[Row]) -> str:
    """What was done, and whether something needs a look, in two or three sentences."""
    measured = sum(row["status"] == "ok" for row in images)
    told = [f"{measured} of {_count(len(images), 'photo')} measured."]
    if pairs:
        compared = sum(row["status"] == "ok" for row in pairs)
        told.append(f"{compared} of {_count(len(pairs), 'follow-up')} compared with their baseline.")
    urgent = sum(worst(row, "images") == "stop" for row in images)
    urgent += sum(worst(row, "pairs") == "stop" for row in pairs)
    told.append(
        f"{urgent} of these should not be used before you have looked into it."
        if urgent
        else "Nothing forbids the use of these numbers; look at the layers over each photo all the same."
    )
    looked = sum(row.get("review") in ("open", "signed_off") for row in images)
    if looked:
        signed = sum(row.get("review") == "signed_off" for row in images)
        told.append(
            f"{_count(looked, 'photo')} reviewed, {signed} signed off: what the review says stands beside "
            "each automatic figure."
        )
    return " ".join(told)


def _count(n: int, what: str) -> str:
    return f"{n} {what}" + ("" if n == 1 else "s")


def subjects_of(images: Sequence[Row]) -> list[str]:
    """Subjects, as they were written."""
    return sorted({plain(row["subject"]) for row in images if row["subject"]})
