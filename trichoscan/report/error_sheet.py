"""Sheet of pictures of errors: what is there and what was found, side by side with the bare photo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from trichoscan.report.overlay import CASING, INK, PAPER, SUBPIXEL_BITS, Colour

TRUE: Colour = (86, 180, 233)
FOUND: Colour = (230, 159, 0)
"""Sky blue and orange of the palette of Okabe & Ito 2008, which colour-blind people tell apart."""
PANEL_PX = 260
GAP_PX, ROW_GAP_PX, MARGIN_PX = 4, 12, 16
CAPTION_PX, TITLE_PX = 14, 20
ERRORS_A_ROW = 3
FOCUS_LINE_PX, OTHER_LINE_PX = 3, 1
ROOT_PX = 5
"""Half of the mark at a root: a square for a true hair, a ring for a found one."""
DASH_PX = 9
"""True hairs are drawn broken, so that a found one on top or beneath stays in sight."""


@dataclass(frozen=True, eq=False)
class ErrorPicture:
    """An error and what lies around it.

    Attributes
    ----------
    pixels : (s, s, 3) uint8
        Square cut from the photo.
    true_px, found_px : tuple of (N, 2) float64
        Paths of other hairs, px of `pixels`, root first.
    true_focus_px, found_focus_px : tuple of (N, 2) float64
        Those that the error is about; drawn thick.
    caption : tuple of str
        Lines below the picture.
    """

    pixels: NDArray[np.uint8]
    true_px: tuple[NDArray[np.float64], ...]
    found_px: tuple[NDArray[np.float64], ...]
    true_focus_px: tuple[NDArray[np.float64], ...]
    found_focus_px: tuple[NDArray[np.float64], ...]
    caption: tuple[str, ...]


def cut_square(
    pixels: NDArray[np.uint8], centre_px: tuple[float, float], side_px: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Square of a photo, black beyond its edge, and the (x, y) of its first pixel in the photo."""
    corner = np.rint(np.array(centre_px) - (side_px - 1) / 2).astype(int)
    height, width = pixels.shape[:2]
    square = np.zeros((side_px, side_px, 3), np.uint8)
    low = np.maximum(corner, 0)
    high = np.minimum(corner + side_px, (width, height))
    if (high > low).all():
        at = low - corner
        size = high - low
        square[at[1] : at[1] + size[1], at[0] : at[0] + size[0]] = pixels[low[1] : high[1], low[0] : high[0]]
    return square, corner.astype(float)


def draw_error_sheet(sections: Mapping[str, Sequence[ErrorPicture]]) -> NDArray[np.uint8]:
    """Draw all errors, section by section under its title.

    Each error is shown twice: the bare photo, and the same with true hairs (broken lines, blue, a
    square at the root) and found hairs (orange, a ring at the root).

    Parameters
    ----------
    sections : mapping of title to errors
        A title alone is drawn where there are no errors.

    Returns
    -------
    (H, W, 3) uint8
        RGB.
    """
    lines = max((len(some.caption) for errors in sections.values() for some in errors), default=1)
    tile = (2 * PANEL_PX + GAP_PX, PANEL_PX + lines * (CAPTION_PX + 3) + ROW_GAP_PX)
    rows = [-(-len(errors) // ERRORS_A_ROW) for errors in sections.values()]
    title_px = TITLE_PX + 14
    width = 2 * MARGIN_PX + ERRORS_A_ROW * tile[0] + (ERRORS_A_ROW - 1) * MARGIN_PX
    height = 2 * MARGIN_PX + sum(title_px + n * tile[1] for n in rows) + title_px
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    _draw_key(draw)
    top = MARGIN_PX + title_px
    title_font, font = ImageFont.load_default(TITLE_PX), ImageFont.load_default(CAPTION_PX)
    for (title, errors), n in zip(sections.items(), rows, strict=True):
        draw.text((MARGIN_PX, top), title, font=title_font, fill=INK)
        for index, error in enumerate(errors):
            x = MARGIN_PX + index % ERRORS_A_ROW * (tile[0] + MARGIN_PX)
            y = top + title_px + index // ERRORS_A_ROW * tile[1]
            for panel, drawn in enumerate(_panels(error)):
                sheet.paste(Image.fromarray(drawn), (x + panel * (PANEL_PX + GAP_PX), y))
            for line, words in enumerate(error.caption):
                draw.text((x, y + PANEL_PX + 2 + line * (CAPTION_PX + 3)), words, font=font, fill=INK)
        top += title_px + n * tile[1]
    return np.asarray(sheet, np.uint8)


def _draw_key(draw: ImageDraw.ImageDraw) -> None:
    font = ImageFont.load_default(CAPTION_PX)
    x, y = float(MARGIN_PX), float(MARGIN_PX)
    for words, colour in (
        ("there, by the truth: broken line, square at the root", TRUE),
        ("found: ring", FOUND),
    ):
        draw.rectangle((x, y + 2, x + 24, y + CAPTION_PX - 2), fill=colour, outline=INK)
        draw.text((x + 30, y), words, font=font, fill=INK)
        x += 30 + font.getlength(words) + 24


def _panels(error: ErrorPicture) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The bare and the drawn picture, each `PANEL_PX` square."""
    zoom = PANEL_PX / error.pixels.shape[0]
    way = cv2.INTER_CUBIC if zoom > 1 else cv2.INTER_AREA
    bare = np.asarray(cv2.resize(error.pixels, (PANEL_PX, PANEL_PX), interpolation=way), np.uint8)
    drawn = bare.copy()
    for paths, colour, line_px, broken in (
        (error.found_px, FOUND, OTHER_LINE_PX, False),
        (error.true_px, TRUE, OTHER_LINE_PX, True),
        (error.found_focus_px, FOUND, FOCUS_LINE_PX, False),
        (error.true_focus_px, TRUE, FOCUS_LINE_PX, True),
    ):
        for path in paths:
            _draw_path(drawn, (path + 0.5) * zoom - 0.5, colour, line_px, broken=broken)
    return bare, drawn


def _draw_path(
    canvas: NDArray[np.uint8], path: NDArray[np.float64], colour: Colour, line_px: int, *, broken: bool
) -> None:
    scale = 1 << SUBPIXEL_BITS
    pieces = [np.rint(piece * scale).astype(np.int32) for piece in (_dashes(path) if broken else [path])]
    x, y = np.rint(path[0] * scale).astype(int).tolist()
    for tone, width_px in ((CASING, line_px + 2), (colour, line_px)):
        cv2.polylines(canvas, pieces, False, tone, width_px, cv2.LINE_AA, SUBPIXEL_BITS)
        if broken:
            low, high = (
                (x - ROOT_PX * scale, y - ROOT_PX * scale),
                (x + ROOT_PX * scale, y + ROOT_PX * scale),
            )
            cv2.rectangle(canvas, low, high, tone, width_px, cv2.LINE_AA, SUBPIXEL_BITS)
        else:
            cv2.circle(canvas, (x, y), ROOT_PX * scale, tone, width_px, cv2.LINE_AA, SUBPIXEL_BITS)


def _dashes(path: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Every other piece of a path, each `DASH_PX` long."""
    passed = np.concatenate([[0.0], np.hypot(*np.diff(path, axis=0).T).cumsum()])
    starts = np.arange(0.0, max(passed[-1], 1e-6), 2 * DASH_PX)
    ends = np.stack([starts, np.minimum(starts + DASH_PX, passed[-1])], 1)
    inner = [np.linspace(a, b, 4) for a, b in ends]
    return [np.column_stack([np.interp(at, passed, path[:, axis]) for axis in (0, 1)]) for at in inner]
