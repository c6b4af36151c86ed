"""The docs name what the program has, and nothing that it has not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

import trichoscan
from trichoscan.cli import app
from trichoscan.flags import CHANGE_FLAGS, HAIR_FLAGS, PHOTO_FLAGS
from trichoscan.measure import density, doubles, edges, lens, profiles, sections, thickness, units, visibility
from trichoscan.photo import calibrate, quality, read, scale_bar
from trichoscan.response.cohort import COLUMNS as COHORT_COLUMNS
from trichoscan.segment import infer
from trichoscan.study.cohort import REVIEW_COHORT_COLUMNS
from trichoscan.study.columns import (
    CHANGES_HEADER,
    HAIR_COLUMNS,
    IDENTITIES_HEADER,
    IMAGE_COLUMNS,
    MATCH_COLUMNS,
    PAIR_COLUMNS,
)
from trichoscan.study.reviewed import (
    REVIEW_HAIR_COLUMNS,
    REVIEW_IMAGE_COLUMNS,
    REVIEW_MATCH_COLUMNS,
    REVIEW_PAIR_COLUMNS,
)

REVIEW_COLUMNS = (
    *REVIEW_IMAGE_COLUMNS,
    *REVIEW_HAIR_COLUMNS,
    *REVIEW_PAIR_COLUMNS,
    *REVIEW_MATCH_COLUMNS,
    *REVIEW_COHORT_COLUMNS,
)
ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```", re.M | re.S)
PACKAGE = ROOT / "trichoscan"
RAISES_PHOTO_FLAGS = (
    *(PACKAGE / "photo").glob("*.py"),
    PACKAGE / "pipeline.py",
    PACKAGE / "measure" / "visibility.py",
    PACKAGE / "segment" / "infer.py",
)
RAISES_HAIR_FLAGS = (
    *(PACKAGE / "measure").glob("*.py"),
    *(PACKAGE / "match").glob("*.py"),
    PACKAGE / "segment" / "trace.py",
)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def section(page: str, title: str) -> str:
    """What stands under a second-level heading."""
    found = re.search(
        rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text_of(ROOT / "docs" / page), re.M | re.S
    )
    assert found, f"docs/{page} has no section {title!r}"
    return found.group(1)


def first_cells(text: str) -> list[str]:
    """Names in backticks in the first cell of each table row."""
    rows = re.findall(r"^\|([^|\n]*)\|", text, re.M)
    return [name for cell in rows for name in re.findall(r"`(\w+)`", cell)]


@pytest.mark.parametrize(
    ("page", "title", "names"),
    [
        ("measures.md", "Columns of images.csv", IMAGE_COLUMNS),
        ("measures.md", "Columns of hairs.csv", HAIR_COLUMNS),
        ("measures.md", "Columns of pairs.csv", PAIR_COLUMNS),
        ("measures.md", "Columns of matches.csv", MATCH_COLUMNS),
        ("measures.md", "Columns of changes.csv", CHANGES_HEADER),
        ("measures.md", "Columns of identities.csv", IDENTITIES_HEADER),
        ("measures.md", "Columns of cohort.csv", COHORT_COLUMNS),
        ("review.md", "What is written", REVIEW_COLUMNS),
        ("response.md", "Change flags", tuple(CHANGE_FLAGS)),
        ("measures.md", "Photo flags", tuple(PHOTO_FLAGS)),
        ("measures.md", "Hair flags", tuple(HAIR_FLAGS)),
        ("photos.md", "What to do about a flag", tuple(PHOTO_FLAGS)),
    ],
)
def test_tables_name_all_there_is_once_in_its_order(page: str, title: str, names: tuple[str, ...]) -> None:
    assert tuple(first_cells(section(page, title))) == names


def named_words(sources: tuple[Path, ...]) -> set[str]:
    """String literals of the sources, less those that are only asked for with ``in``."""
    words: set[str] = set()
    for source in sources:
        tree = ast.parse(text_of(source))
        asked = {id(node.left) for node in ast.walk(tree) if isinstance(node, ast.Compare)}
        constants = (
            node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in asked
        )
        words |= {node.value for node in constants if isinstance(node.value, str)}
    return words


@pytest.mark.parametrize("flag", PHOTO_FLAGS)
def test_each_photo_flag_is_raised(flag: str) -> None:
    assert flag in named_words(RAISES_PHOTO_FLAGS), f"nothing raises {flag}: raise it or delete it"


@pytest.mark.parametrize("flag", HAIR_FLAGS)
def test_each_hair_flag_is_raised(flag: str) -> None:
    assert flag in named_words(RAISES_HAIR_FLAGS), f"nothing raises {flag}: raise it or delete it"


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (density.GUARD_UM, "a strip {:.0f} um wide"),
        (100 * density.GUARD_WIDTH_SHARE, "{:.1f} % of the photo's width"),
        (density.NORMAL_95, "half = {:.6f} sqrt("),
        (density.NONE_SEEN_HIGH, "max(n + half, {:.1f})"),
        (units.UNIT_REACH_UM, "their roots is at most {:.0f} um"),
        (units.UNIT_REACH_SHARE, "{:.2f} of the median distance"),
        (quality.BLURRED_BELOW, "`focus` below {:.2f}"),
        (quality.GLARE_ABOVE_PERCENT, "`glare_percent` above {:.0f}"),
        (quality.DARK_BELOW, "usable scalp below {:.0f} of 255"),
        (quality.OVEREXPOSED_ABOVE, "usable scalp above {:.0f} of 255"),
        (quality.GLARE_LEVEL, "R, G and B at {} or more"),
        (quality.MOVED_ABOVE_PX, "`motion_px` above {:.1f}"),
        (visibility.FEW_BELOW - 1, "1-{} hairs were counted"),
        (100 * visibility.UNSEEN_ABOVE, "`unseen_percent` above {:.0f}"),
        (visibility.PALE_BELOW, "`hair_contrast` below {:.2f}"),
        (1e-3 * visibility.LONG_ABOVE_UM, "seen over more than {:.1f} mm"),
        (100 * visibility.NO_TIP_ABOVE, "no tip is seen of more than {:.0f} %"),
        (visibility.THINNEST_UM, "the median diameter is below {:.0f} um"),
        (visibility.WIDEST_UM, "its upper quartile above {:.0f} um"),
        (visibility.DENSEST_PER_CM2, "more than {:.0f} hairs per cm2 were counted"),
        (thickness.WIDEST_UM, "wider than {:.0f} um"),
        (doubles.WIDEST_SINGLE_UM, "wider than {:.0f} um, or than"),
        (doubles.AS_TWO, "{:.2f} times the upper quartile of the photo's clear hairs"),
        (thickness.WIDEST_PX, "({:.0f} px without a scale)"),
        (thickness.MODEL_SE_PX, "of the blur; {:.2f} px;"),
        (thickness.PALE_SE_PX, "{:.2f} px times the sRGB value"),
        (thickness.LEAST_CONTRAST, "Below a contrast of {:.2f}"),
        (255 * sections.BURNT, "(a channel above {:.0f})"),
        (lens.PROFILES, "up to {} sections together"),
        (edges.HUBER, "Huber, {:.1f} SD"),
        (profiles.SHORTEST_PX, "less than {:.0f} px of shaft"),
        (100 * profiles.ROOT_ZONE_SHARE, "Root zone ({:.0f} % of the path)"),
        (100 * profiles.TIP_SHARE, "tip ({:.0f} %)"),
        (calibrate.ACCEPTED_UM_PER_PX, "within {0[0]:g}-{0[1]:g}"),
        (read.PLAUSIBLE_UM_PER_PX, "of a TIFF within {0[0]:g}-{0[1]:g} um/px"),
        (scale_bar.PLAUSIBLE_UM_PER_PX, "giving {0[0]:g}-{0[1]:g} um/px"),
        (scale_bar.SHORTEST_BAR_PX, "bar of at least {} px"),
        (infer.WORKING_LIMITS_UM_PER_PX, "outside {0[0]:g}-{0[1]:g} um/px, for which the network"),
    ],
)
def test_constants_stand_in_the_docs_as_in_the_code(value: object, sentence: str) -> None:
    assert sentence.format(value) in text_of(ROOT / "docs" / "measures.md")


def command_options() -> Iterator[tuple[str, str]]:
    """Each command (empty for the program itself) with each of its options."""
    group = typer.main.get_command(app)
    for name, command in [("", group), *group.commands.items()]:  # type: ignore[attr-defined]
        for parameter in command.params:
            for option in (*parameter.opts, *parameter.secondary_opts):
                if option.startswith("-"):
                    yield name, option


@pytest.mark.parametrize("command", sorted({command for command, _ in command_options() if command}))
def test_each_command_is_described(command: str) -> None:
    assert any(f"trichoscan {command} " in text_of(page) for page in PAGES)


@pytest.mark.parametrize(("command", "option"), list(command_options()))
def test_each_option_is_described_beside_its_command(command: str, option: str) -> None:
    """In a paragraph or list item that names its command, as ``trichoscan command``, and the option."""
    blocks = [block for page in PAGES for block in re.split(r"\n\s*\n|\n(?=- )", text_of(page))]
    if option == "--debug":
        assert any("- All: `--debug`" in block for block in blocks)
        return
    named = re.compile(rf"(?<![\w-]){re.escape(option)}(?![\w-])")
    program = f"trichoscan {command}".strip()
    assert any(program in block and named.search(block) for block in blocks)


def test_no_option_is_described_that_does_not_exist() -> None:
    known = {option for _, option in command_options()} | {"--help"}
    named = {option for page in PAGES for option in re.findall(r"`(--?[a-z][a-z-]*)", text_of(page))}
    assert named <= known


def anchors(page: Path) -> set[str]:
    """Names of a page's headings in links, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", text_of(page)), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text_of(page))):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert not dead, f"{page.name} links to what is not there: {dead}"


def python_fences() -> list[tuple[str, str]]:
    return [
        (page.name, code) for page in PAGES for kind, code in FENCE.findall(text_of(page)) if kind == "python"
    ]


def test_the_readme_shows_python() -> None:
    assert "README.md" in dict(python_fences())


@pytest.mark.parametrize(("page", "code"), python_fences())
def test_python_in_the_docs_compiles_and_uses_public_names(page: str, code: str) -> None:
    tree = ast.parse(code, page)
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "trichoscan"
    }
    assert used <= set(trichoscan.__all__)
