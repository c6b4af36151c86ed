"""The report: what stands on it, that it holds all it shows, and that hostile names do no harm."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from trichoscan.cli import app
from trichoscan.flags import CHANGE_FLAGS, PHOTO_FLAGS
from trichoscan.photo.read import read_photo
from trichoscan.records import Response, ScaleSource, TrichoscanError
from trichoscan.report import page
from trichoscan.report.attention import concerns_of, worst
from trichoscan.report.pdf import to_pdf
from trichoscan.report.picture import decode, encode, shrink
from trichoscan.report.results import plain, reviewed
from trichoscan.report.words import MEASURES, PAIR_ADVICE, PHOTO_ADVICE, RESPONSES, SCALE_SOURCES, SEVERITIES
from trichoscan.response.cohort import COHORT_MEASURES
from trichoscan.study.columns import text_cell
from trichoscan.study.report import read_results, write_report

VOID = {"meta", "img", "input", "br", "link"}
HOSTILE = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def results(measured: Path) -> Path:
    """RESULTS of two subjects: one pair compared, one refused. Do not write into it."""
    return measured


def text_of(out: Path, name: str = "report.html") -> str:
    return (out / name).read_text(encoding="utf-8")


class Elements(HTMLParser):
    """Elements of a page in their order, and those that are not closed as they were opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.found if name == tag]


def addresses(elements: Elements) -> Iterator[str]:
    for _, attributes in elements.found:
        for name in ("href", "src", "srcset", "action", "poster", "data", "xlink:href"):
            if name in attributes:
                yield attributes[name]


def rewrite(file: Path, column: str, old: str, new: str) -> None:
    """Replace a cell wherever it stands in a column of a table."""
    with file.open(encoding="utf-8", newline="") as opened:
        header, *rows = csv.reader(opened)
    at = header.index(column)
    for row in rows:
        row[at] = new if row[at] == old else row[at]
    with file.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows([header, *rows])


def test_a_run_writes_its_report(results: Path) -> None:
    text = text_of(results)
    elements = Elements(text)
    assert elements.wrong == [] and elements.open == []
    (pair,) = [row for row in read_results(results).pairs if row["status"] == "ok"]
    for row in read_results(results).images:
        assert row["image"] in text and row["hair_density_per_cm2"] in text
    assert f"{pair['matched_hairs']} matched, {pair['lost_hairs']} lost, {pair['new_hairs']} new" in text
    assert RESPONSES[pair["response"]] in text
    assert "another site" in text, "why the other pair is refused"


def test_nothing_on_it_comes_from_outside(results: Path) -> None:
    text = text_of(results)
    elements = Elements(text)
    assert {address[:5] for address in addresses(elements) if not address.startswith("#")} == {"data:"}
    assert not re.search(r"https?:|//[a-z0-9-]+\.[a-z]|url\((?!#)|@import|fetch\(|XMLHttp|WebSocket", text)
    assert not any("style" in attributes for _, attributes in elements.found), "the policy forbids them"
    assert not any(name.startswith("on") for _, attributes in elements.found for name in attributes)
    (policy,) = [
        meta["content"] for meta in elements.of("meta") if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy


def test_references_lead_somewhere_and_names_are_given_once(results: Path) -> None:
    elements = Elements(text_of(results))
    idents = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(idents) == len(set(idents))
    wanted = {address[1:] for address in addresses(elements) if address.startswith("#")}
    for _, attributes in elements.found:
        for name in ("aria-labelledby", "for"):
            wanted |= set(attributes.get(name, "").split())
        wanted |= set(re.findall(r"url\(#([\w-]+)\)", attributes.get("clip-path", "")))
    assert wanted <= set(idents)


def test_it_can_be_read_without_seeing_it(results: Path) -> None:
    elements = Elements(text_of(results))
    assert elements.of("html")[0]["lang"] == "en"
    levels = [int(name[1]) for name, _ in elements.found if re.fullmatch("h[1-6]", name)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    assert all("alt" in image for image in elements.of("img"))
    for svg in elements.of("svg"):
        assert svg["role"] == "img" and svg["aria-label"]
    for region in elements.of("div"):
        assert ("tabindex" in region) == (region.get("role") == "region") == ("aria-label" in region) or (
            region.get("role") == "group"
        )
    for table in re.findall(r"<table.*?</table>", text_of(results), re.S):
        assert "<th scope=" in table


def test_every_flag_and_word_has_its_meaning() -> None:
    assert set(PHOTO_ADVICE) == set(PHOTO_FLAGS)
    assert set(PAIR_ADVICE) == set(CHANGE_FLAGS)
    assert {advice.severity for advice in (*PHOTO_ADVICE.values(), *PAIR_ADVICE.values())} == set(SEVERITIES)
    assert set(RESPONSES) == set(Response.__args__)  # type: ignore[attr-defined]
    assert set(SCALE_SOURCES) == set(ScaleSource.__args__)  # type: ignore[attr-defined]
    assert set(COHORT_MEASURES) <= set(MEASURES)


def test_the_advice_is_that_of_the_docs() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (.*?) \|$",
        (Path(__file__).parents[1] / "docs" / "photos.md").read_text(encoding="utf-8"),
        re.M,
    )
    told = {flag: re.sub(r"[`*]|\[([^]]*)\]\([^)]*\)", r"\1", words) for flag, words in rows}
    assert {flag: advice.do for flag, advice in PHOTO_ADVICE.items()} == told


def test_the_most_urgent_comes_first(results: Path) -> None:
    read = read_results(results)
    failed = {**read.images[0], "status": "failed", "error": "torn", "flags": ""}
    blurred = {**read.images[1], "flags": "blurred target_area"}
    concerns = concerns_of([failed, blurred], read.pairs)
    assert concerns["stop"][0].where[0][1] == "torn"
    assert "blurred" in [concern.flag for concern in concerns["stop"]]
    assert [concern.flag for concern in concerns["note"]] == ["target_area"]
    assert (worst(failed, "images"), worst(blurred, "images")) == ("stop", "stop")
    assert worst({**blurred, "flags": "target_area"}, "images") == "note"
    assert worst({**blurred, "flags": ""}, "images") is None


def test_hostile_names_are_shown_and_do_nothing(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(results, out)
    for name in ("images.csv", "pairs.csv"):
        rewrite(out / name, "subject", "S1", text_cell(HOSTILE))
        rewrite(out / name, "arm", "active", text_cell('=" onload="x'))
        rewrite(out / name, "site", "vertex", "../../../etc/passwd")
    rewrite(out / "images.csv", "visit", "week24", "{{ 7 * 7 }}</style>")
    written = write_report(out)
    assert written == [out / "report.html"]
    elements = Elements(text_of(out))
    assert elements.wrong == [] and elements.open == []
    assert len(elements.of("script")) == 1
    assert HOSTILE in "".join(elements.words)
    assert '=" onload="x' in "".join(elements.words), "and without the apostrophe of the table"
    assert "{{ 7 * 7 }}</style>" in "".join(elements.words)
    assert not any("onload" in attributes for _, attributes in elements.found)


def test_the_same_results_give_the_same_bytes(results: Path, tmp_path: Path) -> None:
    before = (results / "report.html").read_bytes()
    copied = tmp_path / "elsewhere"
    shutil.copytree(results, copied)
    write_report(copied)
    assert (copied / "report.html").read_bytes() == before


def test_many_photos_get_pages_of_their_own(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    shutil.copytree(results, out)
    rewrite(out / "images.csv", "subject", "S1", "../S1<b>")
    rewrite(out / "pairs.csv", "subject", "S1", "../S1<b>")
    monkeypatch.setattr(page, "PHOTOS_ON_ONE_PAGE", 3)
    (out / "report").mkdir()
    (out / "report" / "mine.html").write_text("my own")
    stale = out / "report" / "S9-00000000.html"
    stale.write_text(f'<meta name="generator" content="{page.GENERATOR}">')
    *leaves, main = write_report(out)
    assert main == out / "report.html" and len(leaves) == 2
    assert all(leaf.parent == out / "report" for leaf in leaves)
    assert not stale.exists() and (out / "report" / "mine.html").exists()
    idents = {}
    for leaf in (*leaves, main):
        elements = Elements(leaf.read_text(encoding="utf-8"))
        assert elements.wrong == [] and elements.open == []
        idents[leaf.name] = {attributes.get("id", "") for _, attributes in elements.found}
    links = [address for address in addresses(Elements(text_of(out))) if address.startswith("report/")]
    assert len(links) >= 6
    for link in links:
        path, _, anchor = link.removeprefix("report/").partition("#")
        assert anchor in idents[path]
    assert len(text_of(out)) < len((results / "report.html").read_bytes()) / 2, "thumbnails alone"


def test_pictures_keep_the_photo_and_nothing_else(study: Path) -> None:
    pixels = read_photo(study / "images" / "S1_vertex_baseline.jpg").pixels
    jpeg = encode(shrink(pixels, 320))
    small = decode(jpeg)
    assert small.shape == (256, 320, 3)
    assert abs(small.mean() - pixels.mean()) < 2
    assert b"Exif" not in jpeg
    assert shrink(pixels, 5000) is pixels


def test_what_a_review_says_stands_beside_what_was_measured(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(results, out)
    with (out / "images.csv").open(encoding="utf-8", newline="") as opened:
        header, *rows = csv.reader(opened)
    if "review" not in header:
        header += ["review", "reviewed_by", "corrections", "reviewed_hair_density_per_cm2"]
        rows = [[*row, "", "", "", ""] for row in rows]
    for column, cell in (
        ("review", "signed_off"),
        ("reviewed_by", "<b>Dr. N</b>"),
        ("corrections", "3"),
        ("reviewed_hair_density_per_cm2", "123.4"),
    ):
        rows[0][header.index(column)] = cell
    with (out / "images.csv").open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows([header, *rows])
    write_report(out)
    text = text_of(out)
    assert "Reviewed and signed off, by &lt;b&gt;Dr. N&lt;/b&gt;: 3 corrections." in text
    assert "<td>123.4 hairs/cm²</td>" in text and "reviewed 123.4" in text
    assert rows[0][header.index("hair_density_per_cm2")] in text
    assert reviewed({"review": "outdated", "a": "1"}) is None
    assert reviewed({"review": "open", "a": "1", "reviewed_a": "2"}) == {
        "review": "",
        "a": "2",
        "reviewed_a": "",
    }


def test_cells_are_read_as_they_were_written() -> None:
    for text in ("=1+1", "+x", "-x", "@x", "plain", "'quoted", "o'clock", "\tx"):
        assert plain(text_cell(text)) == text


def test_rows_of_a_photo_are_found_wherever_they_stand(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(results, out)
    before = read_results(out)
    with (out / "hairs.csv").open(encoding="utf-8", newline="") as opened:
        header, *rows = csv.reader(opened)
    at = header.index("image")
    names = sorted({row[at] for row in rows})
    odd = 'one\nof "two", lines.jpg'
    for row in rows:
        row[at] = odd if row[at] == names[0] else row[at]
    with (out / "hairs.csv").open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows([header, *rows[::2], *rows[1::2]])
    after = read_results(out)
    for name in names:
        found = [dict(row) for row in after.hairs_of(odd if name == names[0] else name)]
        wanted = [{**row, "image": odd if name == names[0] else name} for row in before.hairs_of(name)]
        assert sorted(found, key=lambda row: int(row["hair_id"])) == wanted and len(found) > 3
    assert after.hairs_of("no such photo") == []


def test_the_command_makes_it_anew(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(results, out)
    (out / "report.html").unlink()
    told = CliRunner().invoke(app, ["report", str(out)])
    assert told.exit_code == 0, told.stderr
    assert (out / "report.html").read_bytes() == (results / "report.html").read_bytes()
    next((out / ".parts" / "pictures").glob("*.jpg")).unlink()
    told = CliRunner().invoke(app, ["report", str(out)])
    assert told.exit_code == 2
    assert "run 'trichoscan analyze' on the photos again" in told.stderr and told.stderr.count("\n") == 1
    with pytest.raises(TrichoscanError, match=r"no images\.csv"):
        write_report(tmp_path)


def test_failed_photos_and_photos_without_a_scale_stand_on_it(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(results, out)
    with (out / "images.csv").open(encoding="utf-8", newline="") as opened:
        header, *rows = csv.reader(opened)
    kept = ("image", "subject", "site", "visit", "date", "arm")
    failed = [cell if name in kept else "" for name, cell in zip(header, rows[2], strict=True)]
    failed[header.index("status")], failed[header.index("error")] = "failed", "<torn>"
    unscaled = [
        "" if re.search("_um|cm2|_low|_high|vellus|terminal|density", name) else cell
        for name, cell in zip(header, rows[3], strict=True)
    ]
    unscaled[header.index("um_per_px_source")], unscaled[header.index("flags")] = "none", "no_scale"
    unscaled[header.index("geometry")] = rows[3][header.index("geometry")]
    with (out / "images.csv").open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows([header, rows[0], rows[1], failed, unscaled])
    write_report(out)
    text = text_of(out)
    assert "&lt;torn&gt;" in text and "<torn>" not in text
    assert PHOTO_ADVICE["no_scale"].what in text
    words = re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)  # pictures spell anything
    assert "None" not in re.sub(r"<(script|style)>.*?</\1>", "", words, flags=re.S) and "nan" not in words


def test_the_pdf_shows_the_same_pictures(results: Path, tmp_path: Path) -> None:
    pytest.importorskip("weasyprint", reason="no weasyprint, or no Pango", exc_type=(ImportError, OSError))
    out = tmp_path / "out"
    shutil.copytree(results, out)
    told = CliRunner().invoke(app, ["report", str(out), "--pdf"])
    assert told.exit_code == 0, told.stderr
    pdf = (out / "report.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert pdf.count(b"/Subtype /Image") >= 6, "four photos, and both of the pair"
    write_report(out)
    assert not (out / "report.pdf").exists(), "a PDF of other tables would mislead"


def test_the_same_page_gives_the_same_pdf() -> None:
    pytest.importorskip("weasyprint", reason="no weasyprint, or no Pango", exc_type=(ImportError, OSError))
    html = "<html lang=en><title>x</title><p>one <svg width=9 height=9><path d='M0 0L9 9'/></svg>"
    assert to_pdf(html) == to_pdf(html)


def test_a_pdf_fetches_nothing() -> None:
    pytest.importorskip("weasyprint", reason="no weasyprint, or no Pango", exc_type=(ImportError, OSError))
    secret = Path(__file__).as_uri()
    assert b"/Image" not in to_pdf(f"<html lang=en><title>x</title><img src='{secret}' alt=''><p>x")


def test_run_json_of_the_report_is_that_of_the_run(results: Path) -> None:
    run = json.loads((results / "run.json").read_text(encoding="utf-8"))
    text = text_of(results)
    assert run["weights"]["sha256"] in text and run["trichoscan"] in text
    assert run["machine"]["platform"] not in text, "another machine gives the same bytes"
