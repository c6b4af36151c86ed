"""A study as the report shows it: subjects with their sites, the course over the visits, and the cohort."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from trichoscan.report.cohort_plots import Effect, Line, forest, spaghetti, waterfall
from trichoscan.report.plots import Point, course
from trichoscan.report.results import Row, known, plain
from trichoscan.report.words import MEASURES
from trichoscan.response.cohort import BASELINE, COHORT_MEASURES

COURSES = (
    ("Hair density", "density_change_per_cm2", "hairs/cm²"),
    ("Mean diameter of matched hairs", "diameter_change_um", "µm"),
    ("Cumulative hair thickness", "cumulative_thickness_change_percent", "%"),
)
"""Title, column of pairs.csv and unit of the plots of a patient's course."""
FEWEST_LINES = 2
"""Sites with a follow-up from which there is a cohort to draw."""


@dataclass(frozen=True)
class Site:
    """A site of a subject: its photos and pairs, in the order of the visits.

    Attributes
    ----------
    subject, name : str
        Empty where not given.
    images, pairs : tuple of Row
    """

    subject: str
    name: str
    images: tuple[Row, ...]
    pairs: tuple[Row, ...]

    @property
    def title(self) -> str:
        """Subject and site, in words."""
        return ", ".join(part for part in (self.subject, self.name) if part)


def sites_of(images: Sequence[Row], pairs: Sequence[Row]) -> list[Site]:
    """Photos and pairs by subject and site; photos without a subject are one lot, last."""
    lots: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in images:
        lots[_site_key(row)].append(row)
    by_site: dict[tuple[str, str], list[Row]] = defaultdict(list)
    subject_of = {row["image"]: _site_key(row) for row in images}
    for row in pairs:
        by_site[subject_of[row["followup_image"]]].append(row)
    days = {row["followup_image"]: float(row["days"] or 0) for row in pairs}
    found = []
    for key in sorted(lots, key=lambda key: (key[0] == "", key)):
        ordered = sorted(lots[key], key=lambda row: _visit_order(row, days))
        later = sorted(by_site[key], key=lambda row: (float(row["days"] or 0), row["pair_id"]))
        found.append(Site(plain(key[0]), plain(key[1]), tuple(ordered), tuple(later)))
    return found


def _site_key(row: Row) -> tuple[str, str]:
    return (row["subject"], row["site"]) if row["subject"] else ("", "")


def _visit_order(row: Row, days: Mapping[str, float]) -> tuple[bool, str, float, str]:
    is_later = row["visit"].casefold() != BASELINE
    return is_later, row["date"], days.get(row["image"], 0.0), row["image"]


def judged(site: Site) -> list[Row]:
    """Follow-ups that were compared, without phototrichograms: days apart nothing can have changed."""
    return [row for row in site.pairs if row["status"] == "ok" and "too_soon" not in row["flags"].split()]


def points_of(site: Site, column: str, visit_of: Mapping[str, str]) -> tuple[Point, ...]:
    """A change at each follow-up that was judged; by its number where days are not known."""
    rows = [row for row in judged(site) if row[column]]
    dated = all(row["days"] for row in rows) and len({row["days"] for row in rows}) == len(rows)
    return tuple(
        Point(
            float(row["days"]) if dated else float(k + 1),
            visit_of.get(row["followup_image"], "") or _unnamed(row, k),
            float(row[column]),
            known(row, f"{column}_low"),
            known(row, f"{column}_high"),
        )
        for k, row in enumerate(rows)
    )


def _unnamed(row: Row, number: int) -> str:
    return f"day {row['days']}" if row["days"] else f"visit {number + 2}"


def courses_of(site: Site, visit_of: Mapping[str, str]) -> list[tuple[str, Markup]]:
    """Title and plot of each measure that changed over the visits of a site."""
    found = []
    for title, column, unit in COURSES:
        points = [point for point in points_of(site, column, visit_of) if point.days > 0]
        if points:
            smallest = _largest_detectable(site) if column == "density_change_per_cm2" else None
            found.append((f"{title}, change in {unit}", course(points, unit, smallest=smallest)))
    return found


def _largest_detectable(site: Site) -> float | None:
    values = [known(row, "smallest_detectable_change_per_cm2") for row in judged(site)]
    return max((value for value in values if value is not None), default=None)


@dataclass(frozen=True)
class Cohort:
    """What the report shows of a study.

    Attributes
    ----------
    plots : tuple of (title, what it says, plot)
    forests : tuple of (measure, plot)
    rows : tuple of Row
        Of cohort.csv.
    """

    plots: tuple[tuple[str, str, Markup], ...]
    forests: tuple[tuple[str, Markup], ...]
    rows: tuple[Row, ...]


def view_cohort(sites: Sequence[Site], cohort: Sequence[Row], visit_of: Mapping[str, str]) -> Cohort | None:
    """Plots and table of a study; None where there is nothing to put side by side."""
    column, unit = "density_change_per_cm2", MEASURES["density_per_cm2"][1]
    lines = []
    for site in sites:
        points = [point for point in points_of(site, column, visit_of) if point.days > 0]
        if points:
            arm = next((plain(row["arm"]) for row in reversed(site.pairs) if row["arm"]), "")
            lines.append(Line(site.title, arm, tuple(points)))
    plots: tuple[tuple[str, str, Markup], ...] = ()
    if len(lines) >= FEWEST_LINES:
        arms = sorted({line.arm for line in lines})
        plots = (
            ("Every site over time", SPAGHETTI_WORDS, spaghetti(lines, arms, unit)),
            ("The last follow-up, sorted", WATERFALL_WORDS, waterfall(lines, arms, unit)),
        )
    if not plots and not cohort:
        return None
    return Cohort(plots, tuple(_forests(cohort)), tuple(cohort))


SPAGHETTI_WORDS = (
    "Each line is one site of a subject: the change of its hair density from baseline, over the skin "
    "that both photos show."
)
WATERFALL_WORDS = (
    "Each bar is one site at its last compared follow-up, with its 95 % interval. A bar whose interval "
    "crosses the line may be no change."
)


def _forests(cohort: Sequence[Row]) -> list[tuple[str, Markup]]:
    found = []
    for measure in COHORT_MEASURES:
        rows = [row for row in cohort if row["measure"] == measure and row["visit"] != BASELINE]
        effects = [_effect(row) for row in rows]
        if any(effect.low is not None for effect in effects):
            name, unit = MEASURES[measure]
            found.append((name, forest(effects, unit)))
    return found


def _effect(row: Row) -> Effect:
    is_difference = not row["mean"] and not row["method"].startswith("change from baseline")
    how = " (ANCOVA)" if row["method"].startswith("ANCOVA") else ""
    return Effect(
        label=f"{plain(row['arm'])}, {plain(row['visit'])}{how}",
        n=row["n"],
        value=known(row, "change"),
        low=known(row, "low"),
        high=known(row, "high"),
        is_difference=is_difference,
        note=row["note"],
    )
