"""The report: report.html, and pages beside it where there are many photos; nothing on them from outside."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import trichoscan
from trichoscan.report import attention
from trichoscan.report.pair_view import PairView, view_pair
from trichoscan.report.photo_figures import density_interval, diameter_interval, vellus_interval
from trichoscan.report.photo_view import PhotoView, thumbnail_of, view_photo
from trichoscan.report.plots import interval, signed
from trichoscan.report.results import Results, Row, known, plain
from trichoscan.report.study_view import Site, courses_of, sites_of, view_cohort
from trichoscan.report.words import LIMITS, MEASURES, RESPONSES, SEVERITIES

PHOTOS_ON_ONE_PAGE = 24
"""With more photos, subjects get pages of their own: some ten megabytes is what a browser opens at once."""
UNNAMED_ON_ONE_PAGE = 12
ROWS_IN_A_BLOCK = 40
"""A few screens: a table of hundreds of rows takes a browser seconds to lay out."""
BETWEEN_CELLS = re.compile(r"\n(?=</?(?:tr|td|th|tbody|thead)\b)")
"""Line ends of the templates that a browser would keep as nodes of the page, half of all in a long table."""
MAIN = "report.html"
FOLDER = "report"
GENERATOR = "trichoscan report"
"""What a page says of its maker, by which pages of earlier runs are known."""


@dataclass(frozen=True)
class Leaf:
    """Sites that stand on one page.

    Attributes
    ----------
    path : str
        Of the page in RESULTS.
    title : str
    sites : tuple of Site
    """

    path: str
    title: str
    sites: tuple[Site, ...]


def report_pages(
    results: Results, *, printed: bool = False, known: Mapping[str, str] | None = None
) -> Iterator[tuple[str, str | None]]:
    """Path within RESULTS and text of each page, report.html last.

    Parameters
    ----------
    results : Results
    printed : bool
        For paper: every picture stands where it is shown, and nothing waits for a click.
    known : mapping of str to str, optional
        Digests (see `made_from`) of the pages that are there, by path: one that would be the same again has
        None in place of its text. report.html is always made.
    """
    sites = sites_of(results.images, results.pairs)
    leaves = leaves_of(sites)
    anchors = anchors_of(leaves)
    writer = _Writer(results, anchors, printed)
    alone = len(leaves) == 1 and leaves[0].path == MAIN
    if not alone:
        for leaf in leaves:
            digest = leaf_digest(results, leaf)
            same = known is not None and known.get(leaf.path) == digest
            yield leaf.path, None if same else writer.leaf(leaf, digest)
    yield MAIN, writer.main(sites, leaves[0].sites if alone else ())


def leaves_of(sites: Sequence[Site]) -> list[Leaf]:
    """Which sites stand on which page."""
    if sum(len(site.images) for site in sites) <= PHOTOS_ON_ONE_PAGE:
        return [Leaf(MAIN, "", tuple(sites))]
    leaves = []
    for subject in dict.fromkeys(site.subject for site in sites if site.subject):
        own = tuple(site for site in sites if site.subject == subject)
        leaves.append(Leaf(f"{FOLDER}/{file_stem(subject)}.html", subject, own))
    for site in (site for site in sites if not site.subject):
        lots = range(0, len(site.images), UNNAMED_ON_ONE_PAGE)
        for k, start in enumerate(lots, start=1):
            some = Site("", "", site.images[start : start + UNNAMED_ON_ONE_PAGE], ())
            title = f"Photos without a subject, {k} of {len(lots)}"
            leaves.append(Leaf(f"{FOLDER}/photos-{k:03d}.html", title, (some,)))
    return leaves


def file_stem(subject: str) -> str:
    """Name of a subject's page: letters that every file system takes, and digits that tell it from others."""
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", subject).strip("-")[:60]
    digits = hashlib.sha256(subject.encode("utf-8", "backslashreplace")).hexdigest()[:8]
    return f"{safe}-{digits}" if safe else digits


def anchors_of(leaves: Sequence[Leaf]) -> dict[attention.Key, tuple[str, str]]:
    """Page and anchor of each photo and pair."""
    anchors = {}
    for leaf in leaves:
        photos = pairs = 0
        for site in leaf.sites:
            for row in site.images:
                photos += 1
                anchors["images", row["image"]] = leaf.path, f"photo-{photos}"
            for row in site.pairs:
                pairs += 1
                anchors["pairs", row["pair_id"]] = leaf.path, f"pair-{pairs}"
    return anchors


def leaf_digest(results: Results, leaf: Leaf) -> str:
    """Of all that a page beside report.html is made from."""
    made = hashlib.sha256(trichoscan.__version__.encode())
    for name in ("base.html", "leaf.html", "parts.html", "report.css", "report.js"):
        made.update(asset(name).encode())
    told: list[Any] = [leaf.title, results.run["parameters"]]
    for site in leaf.sites:
        told.append([site.subject, site.name])
        for row in site.images:
            told.append([row, results.hairs_of(row["image"])])
            if row["status"] == "ok":
                told.append(results.geometry_of(row))
                made.update(results.picture_of(row))
        for row in site.pairs:
            told.append([row, results.matches_of(row["pair_id"])])
            if row["status"] == "ok":
                told.append(results.alignment_of(row["pair_id"]))
    made.update(json.dumps(told).encode())
    return made.hexdigest()


def made_from(page: str) -> str:
    """Digest that a page carries in its head; empty where it has none."""
    found = re.search(r'<meta name="made-from" content="([0-9a-f]{64})">', page)
    return found[1] if found else ""


class _Writer:
    """Fills the templates of one run."""

    def __init__(
        self, results: Results, anchors: Mapping[attention.Key, tuple[str, str]], printed: bool
    ) -> None:
        self.results = results
        self.anchors = anchors
        self.printed = printed
        self.images = {row["image"]: row for row in results.images}
        self.visit_of = {row["image"]: plain(row["visit"]) for row in results.images}
        self.common: dict[str, Any] = {
            "printed": printed,
            "run": results.run,
            "css": Markup(asset("report.css")),
            "js": Markup(asset("report.js")),
            "policy": content_policy(),
            "generator": GENERATOR,
            "severities": SEVERITIES,
            "flag_words": attention.flag_words,
            "worst": attention.worst,
            "responses": RESPONSES,
        }

    def main(self, sites: Sequence[Site], shown: Sequence[Site]) -> str:
        """report.html: summary, what stands on it itself, cohort and method."""
        results = self.results
        return self._render(
            "report.html",
            MAIN,
            images=results.images,
            pairs=results.pairs,
            subjects=attention.subjects_of(results.images),
            sentence=attention.sentence(results.images, results.pairs),
            concerns=attention.concerns_of(results.images, results.pairs),
            thumbnails={row["image"]: thumbnail_of(results, row) for row in results.images},
            sites=[self.site(site, MAIN) for site in shown],
            cohort=view_cohort(sites, results.cohort, self.visit_of),
            measures=MEASURES,
            limits=LIMITS,
            blocks=self.blocks,
        )

    def blocks(self, rows: Sequence[Row]) -> list[Sequence[Row]]:
        """Rows in lots that a browser lays out only when they are scrolled to; on paper in one."""
        lot = max(len(rows), 1) if self.printed else ROWS_IN_A_BLOCK
        return [rows[start : start + lot] for start in range(0, len(rows), lot)]

    def leaf(self, leaf: Leaf, digest: str) -> str:
        """A page beside report.html."""
        sites = [self.site(site, leaf.path) for site in leaf.sites]
        return self._render("leaf.html", leaf.path, title=leaf.title, sites=sites, digest=digest)

    def site(self, site: Site, page: str) -> dict[str, Any]:
        """A site with its photos, pairs and course."""
        photos = [self.photo(row) for row in site.images]
        return {
            "site": site,
            "title": site.title or "Photos without a subject",
            "photos": photos,
            "pairs": [self.pair(row) for row in site.pairs],
            "courses": courses_of(site, self.visit_of),
            "change_of": {row["followup_image"]: row for row in site.pairs},
        }

    def photo(self, row: Row) -> PhotoView:
        """A photo's view."""
        return view_photo(self.results, row, self.anchors["images", row["image"]][1])

    def pair(self, row: Row) -> PairView:
        """A pair's view; on screen it shows the baseline's picture from its place on the page."""
        ident = self.anchors["pairs", row["pair_id"]][1]
        shown = ""
        if not self.printed and row["baseline_image"]:
            shown = f"{self.anchors['images', row['baseline_image']][1]}-picture"
        return view_pair(self.results, row, self.images, ident, shown)

    def _render(self, template: str, page: str, **views: Any) -> str:
        def link(key: attention.Key) -> str:
            path, anchor = self.anchors[key]
            if path == page:
                return f"#{anchor}"
            up = "../" if "/" in page else ""
            return f"{up}{path}#{anchor}"

        shown = {"digest": "", **self.common, **views}
        rendered = environment().get_template(template).render(**shown, link=link, page=page)
        return BETWEEN_CELLS.sub("", rendered) + "\n"


@cache
def environment() -> Environment:
    """Templates that escape whatever is put into them."""
    made = Environment(
        loader=PackageLoader("trichoscan.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters |= {"plain": plain, "signed": _signed_cell, "minus": _minus, "short": _short}
    made.globals |= {
        "interval_of": _interval_of,
        "density_interval": density_interval,
        "diameter_interval": diameter_interval,
        "vellus_interval": vellus_interval,
    }
    return made


def _minus(cell: str) -> str:
    return cell.replace("-", "−")


def _short(cell: str) -> str:
    """A number with the three digits that its interval leaves of it; cohort.csv has them all."""
    return _minus(f"{float(cell):#.3g}".rstrip(".") if cell and abs(float(cell)) < 999.5 else cell)


def _signed_cell(cell: str) -> str:
    return signed(float(cell)) if cell else ""


def _interval_of(row: Row, column: str) -> str:
    low, high = (known(row, f"{column}{end}") for end in ("_low", "_high"))
    return "" if low is None or high is None else interval(low, high)


@cache
def asset(name: str) -> str:
    """Text of a style sheet or script of the report."""
    return resources.files("trichoscan.report").joinpath("templates", name).read_text(encoding="utf-8")


def content_policy() -> str:
    """What the page may load: its own style, script and pictures by their digests, and nothing else."""

    def digest(name: str) -> str:
        raw = hashlib.sha256(asset(name).encode()).digest()
        return f"'sha256-{base64.b64encode(raw).decode()}'"

    return (
        f"default-src 'none'; img-src data:; style-src {digest('report.css')}; "
        f"script-src {digest('report.js')}; base-uri 'none'; form-action 'none'"
    )
