"""One photo as the report shows it: the picture with its layers, its figures, its flags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from trichoscan.report import layers as over
from trichoscan.report.layers import Layer
from trichoscan.report.picture import thumbnail
from trichoscan.report.plots import histogram
from trichoscan.report.results import Results, Row, known, plain, reviewed
from trichoscan.report.svg import NOTHING, jpeg_url, tag
from trichoscan.report.words import SCALE_SOURCES
from trichoscan.response.proportions import share

NORMAL_95 = 1.96
"""Standard errors on either side of a mean that hold the truth 95 times of 100."""


@dataclass(frozen=True)
class Figure:
    """A line of a table: what, its value, its 95 % interval (empty where none is computed), as reviewed."""

    name: str
    value: str
    interval: str = ""
    reviewed: str = ""


def with_review(measured: Sequence[Figure], stands: Sequence[Figure]) -> tuple[Figure, ...]:
    """Figures with what a review says of each."""
    said = {
        figure.name: figure.value + (f" ({figure.interval})" if figure.interval else "") for figure in stands
    }
    return tuple(replace(figure, reviewed=said.get(figure.name, "")) for figure in measured)


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
    return PhotoView(
        ident=ident,
        row=row,
        name=name,
        when=when,
        drawing=draw(results.picture_of(row), row, layers, f"{ident}-picture", _told(name, row)),
        layers=tuple(layers),
        figures=with_review(figures_of(row, vellus), figures_of(stands, vellus) if stands else ()),
        diameters=_diameters(hairs, "counted", vellus),
        reviewed_diameters=_diameters(hairs, "reviewed_counted", vellus),
    )


def _diameters(hairs: Sequence[Row], counted: str, vellus_below_um: float) -> Markup:
    """Histogram of the hairs that this column counts."""
    known = [
        float(hair["diameter_um"]) for hair in hairs if hair.get(counted) == "true" and hair["diameter_um"]
    ]
    return histogram(known, vellus_below_um) if known else NOTHING


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


def figures_of(row: Row, vellus_below_um: float) -> list[Figure]:
    """Figures of a measured photo, with intervals where they are estimates that have one."""
    area = f"in {float(row['area_cm2']):.3f} cm²" if row["area_cm2"] else ""
    found = [
        Figure("Hair density", _with(row["hair_density_per_cm2"], "hairs/cm²"), density_interval(row)),
        Figure("Hairs counted", _with(row["hair_count"], area), _count_interval(row)),
        Figure("Mean diameter", _with(row["mean_diameter_um"], "µm"), diameter_interval(row)),
        Figure("Median diameter", _with(row["median_diameter_um"], "µm")),
        Figure("Spread of diameters (SD)", _with(row["sd_diameter_um"], "µm")),
        _share_figure(
            f"Vellus hairs, below {vellus_below_um:g} µm",
            known(row, "vellus_count"),
            (known(row, "vellus_count") or 0) + (known(row, "terminal_count") or 0),
            "measured hairs",
        ),
        Figure("Cumulative hair thickness", _with(row["cumulative_thickness_mm_per_cm2"], "mm/cm²")),
        Figure(
            "Follicular units", _with(row["unit_density_per_cm2"], f"units/cm² ({row['unit_count']} counted)")
        ),
        Figure("Hairs per unit", row["hairs_per_unit"]),
        _single_units(row),
        Figure("Hairs without a diameter", _with(row["unmeasured_percent"], "%")),
        Figure("Scale", _scale(row)),
        Figure("Focus, 0 to 1", row["focus"]),
    ]
    return [figure for figure in found if figure.value]


def _with(value: str, unit: str) -> str:
    return f"{value} {unit}" if value else ""


def density_interval(row: Row) -> str:
    """95 % interval of a photo's hair density."""
    return _between(row["hair_density_low"], row["hair_density_high"])


def _between(low: str, high: str) -> str:
    return f"{low} to {high}" if low and high else ""


def _count_interval(row: Row) -> str:
    low, high, area = (known(row, name) for name in ("hair_density_low", "hair_density_high", "area_cm2"))
    return "" if low is None or high is None or not area else f"{low * area:.0f} to {high * area:.0f}"


def diameter_interval(row: Row) -> str:
    """95 % interval of a photo's mean diameter, by its standard error."""
    mean, se = known(row, "mean_diameter_um"), known(row, "mean_diameter_se_um")
    return "" if mean is None or se is None else f"{mean - NORMAL_95 * se:.1f} to {mean + NORMAL_95 * se:.1f}"


def _single_units(row: Row) -> Figure:
    percent, units = known(row, "single_hair_unit_percent"), known(row, "unit_count")
    single = None if percent is None or units is None else round(percent * units / 100)
    return _share_figure("Units of one hair", single, units or 0, "units")


def _share_figure(name: str, part: float | None, whole: float, of: str) -> Figure:
    if part is None or whole == 0:
        return Figure(name, "")
    estimate = share(int(part), int(whole))
    low, high = 100 * estimate.low, 100 * estimate.high
    return Figure(
        name, f"{100 * estimate.value:.1f} % ({part:g} of {whole:g} {of})", f"{low:.1f} to {high:.1f}"
    )


def _scale(row: Row) -> str:
    source = SCALE_SOURCES.get(row["um_per_px_source"], "")
    return f"{row['um_per_px']} µm per px, {source}" if row["um_per_px"] else source


def thumbnail_of(results: Results, row: Row) -> str:
    """Address of a small picture of a measured photo; empty for a failed one."""
    return jpeg_url(thumbnail(results.picture_of(row))) if row["status"] == "ok" else ""
