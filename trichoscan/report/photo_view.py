"""One photo as the report shows it: the picture with its layers, its figures, its flags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from trichoscan.report import layers as over
from trichoscan.report.layers import Layer
from trichoscan.report.photo_figures import Figure, Measured, figures_of, measured, with_review
from trichoscan.report.picture import thumbnail
from trichoscan.report.plots import histogram
from trichoscan.report.results import Results, Row, known, plain, reviewed
from trichoscan.report.svg import NOTHING, jpeg_url, tag

REVIEWED_COLUMNS = "reviewed_unit_id", "reviewed_counted"
"""Of hairs.csv: unit of a hair, and whether it is counted, as it was reviewed."""


@dataclass(frozen=True)
class PhotoView:
    """What the template needs of one photo.

    Attributes
    ----------
    ident : str
        Anchor on its page.
    row : Row
        Of images.csv.
    name, when : str
        File, and visit with its date.
    drawing : Markup
        The photo and its layers as one SVG; empty for a failed photo.
    layers : tuple of Layer
    figures : tuple of Figure
    diameters, reviewed_diameters : Markup
        Histograms; empty where nothing was measured, or reviewed.
    """

    ident: str
    row: Row
    name: str
    when: str
    drawing: Markup = NOTHING
    layers: tuple[Layer, ...] = ()
    figures: tuple[Figure, ...] = ()
    diameters: Markup = NOTHING
    reviewed_diameters: Markup = NOTHING


def view_photo(results: Results, row: Row, ident: str) -> PhotoView:
    """Draw a photo and tell its figures; a failed photo has neither."""
    name = plain(row["image"])
    when = " · ".join(plain(row[column]) for column in ("visit", "date") if row[column])
    if row["status"] != "ok":
        return PhotoView(ident, row, name, when)
    hairs = results.hairs_of(row["image"])
    layers = photo_layers(results, row, hairs)
    stands = reviewed(row)
    vellus = results.vellus_below_um
    counted, standing = measured(hairs, "unit_id", "counted"), measured(hairs, *REVIEWED_COLUMNS)
    return PhotoView(
        ident=ident,
        row=row,
        name=name,
        when=when,
        drawing=draw(results.picture_of(row), row, layers, f"{ident}-picture", _told(name, row)),
        layers=tuple(layers),
        figures=with_review(
            figures_of(row, counted, vellus), figures_of(stands, standing, vellus) if stands else ()
        ),
        diameters=_diameters(counted, vellus),
        reviewed_diameters=_diameters(standing, vellus),
    )


def _diameters(hairs: Measured, vellus_below_um: float) -> Markup:
    """Histogram; nothing where no diameter is known."""
    return histogram(hairs.diameters_um, vellus_below_um) if hairs.diameters_um else NOTHING


def photo_layers(results: Results, row: Row, hairs: Sequence[Row]) -> list[Layer]:
    """Layers of a photo, the lowest first."""
    width, height = float(row["width_px"]), float(row["height_px"])
    line = over.line_px(width, height)
    geometry = results.geometry_of(row)
    paths = over.paths_of(geometry, hairs)
    return [
        *over.frame_layers(over.area_path(geometry), width, height, line, "Counting frame"),
        over.unit_layer(hairs, line),
        *over.hair_layers(hairs, paths, known(row, "um_per_px"), line),
        over.number_layer(hairs, line),
    ]


def draw(jpeg: bytes, row: Row, layers: Sequence[Layer], picture_ident: str, told: str) -> Markup:
    """A picture under its layers, in px of the photo."""
    width, height = int(row["width_px"]), int(row["height_px"])
    picture = tag(
        "image",
        id=picture_ident,
        x=-0.5,
        y=-0.5,
        width=width,
        height=height,
        preserveAspectRatio="none",
        href=jpeg_url(jpeg),
    )
    return tag(
        "svg",
        picture,
        *(
            tag("g", layer.drawing, data_layer=layer.key, display=None if layer.shown else "none")
            for layer in layers
        ),
        class_="photo",
        viewBox=f"-0.5 -0.5 {width} {height}",
        width=width,
        height=height,
        role="img",
        aria_label=told,
        stroke_linejoin="round",
    )


def _told(name: str, row: Row) -> str:
    return (
        f"Photo {name} with {row['hair_count']} counted hairs outlined, {row['terminal_count'] or 0} of them "
        f"terminal and {row['vellus_count'] or 0} vellus, and the counting frame"
    )


def thumbnail_of(results: Results, row: Row) -> str:
    """Address of a small picture of a measured photo; empty for a failed one."""
    return jpeg_url(thumbnail(results.picture_of(row))) if row["status"] == "ok" else ""
