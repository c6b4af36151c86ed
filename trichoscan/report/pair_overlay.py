"""Both visits in one frame, with what became of each hair, for a person to check."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from trichoscan.match.register import dense_map
from trichoscan.match.rows import REPORTED
from trichoscan.records import HairFate, Pairing
from trichoscan.report.overlay import CASING, FRAME, INK, PAPER, Colour

COLOURS: dict[str, Colour] = {
    "matched": (86, 180, 233),
    "thickened": (0, 158, 115),
    "miniaturized": (204, 121, 167),
    "lost": (213, 94, 0),
    "new": (240, 228, 66),
}
"""Of the palette of Okabe & Ito 2008, which colour-blind people tell apart; lost and new differ in shape,
too: a cross and a square instead of a ring."""
KIND_OF_FATE: dict[HairFate, str] = {
    "kept": "matched",
    "miniaturized": "miniaturized",
    "thickened": "thickened",
    "lost": "lost",
    "new": "new",
    "regrown": "new",
}
SIDE_PER_LINE_PX = 800.0
OUTSIDE_LIGHT = 0.45
BITS = 4


def draw_pair(
    baseline_pixels: NDArray[np.uint8],
    followup_pixels: NDArray[np.uint8],
    pairing: Pairing,
    fates: Sequence[HairFate],
) -> NDArray[np.uint8]:
    """Draw the baseline photo, the follow-up photo brought into its frame, and both blended.

    Parameters
    ----------
    baseline_pixels : (H, W, 3) uint8
        RGB. Not changed.
    followup_pixels : (H2, W2, 3) uint8
    pairing : Pairing
    fates : sequence of str
        Of each match, from `Change.fates`.

    Returns
    -------
    (H + L, 3 W, 3) uint8
        RGB; the legend of L rows stands below. Outside the common field the photos are darkened. Thin lines
        are hairs that only one photo shows, but likelier overlooked in the other than lost or new.
    """
    height, width = baseline_pixels.shape[:2]
    alignment = pairing.alignment
    line = max(1, round(np.sqrt(height * width) / SIDE_PER_LINE_PX))
    warped = cv2.remap(followup_pixels, dense_map(alignment, (height, width)), None, cv2.INTER_LINEAR)
    blend = cv2.addWeighted(baseline_pixels, 0.5, warped, 0.5, 0)
    panels = [_dimmed(p, alignment.overlap_mask, line) for p in (baseline_pixels, warped, blend)]
    kinds = [KIND_OF_FATE[fate] for fate in fates]
    for m, kind in zip(pairing.matches, kinds, strict=True):
        sure = m.kind == "matched" or m.probability >= REPORTED
        weight = line if sure else max(1, line // 2)
        sides = (
            (m.baseline, pairing.baseline_hairs, False),
            (m.followup, pairing.followup_hairs, True),
        )
        for side, (index, hairs, later) in enumerate(sides):
            if index is not None:
                path = hairs[index].path_px
                path = alignment.to_baseline(path) if later else path
                _draw(panels[side], path, kind, weight)
                if not later or kind == "new":
                    _draw(panels[2], path, kind, weight)
    picture = np.hstack([_titled(p, t) for p, t in zip(panels, TITLES, strict=True)])
    return np.vstack([picture, _legend(picture.shape[1], pairing, kinds)])


TITLES = ("baseline", "follow-up, in the baseline's frame", "both")


def _dimmed(pixels: NDArray[np.uint8], mask: NDArray[np.bool_], line: int) -> NDArray[np.uint8]:
    dark = (pixels * np.float32(OUTSIDE_LIGHT)).astype(np.uint8)
    canvas = np.ascontiguousarray(np.where(mask[:, :, None], pixels, dark))
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, contours, -1, FRAME, line, cv2.LINE_AA)
    return canvas


def _draw(canvas: NDArray[np.uint8], path_px: NDArray[np.float64], kind: str, line: int) -> None:
    """A hair's centre line with a sign at its root."""
    for colour, more in ((CASING, 2), (COLOURS[kind], 0)):
        for stroke in (path_px, *_sign(path_px[0], kind, 5.0 * line)):
            fixed = np.rint(stroke * (1 << BITS)).astype(np.int32)
            cv2.polylines(canvas, [fixed], False, colour, line + more, cv2.LINE_AA, BITS)


def _sign(root_px: NDArray[np.float64], kind: str, radius_px: float) -> list[NDArray[np.float64]]:
    if kind == "lost":
        arm = np.array([[-1.0, -1.0], [1.0, 1.0]]) * radius_px
        return [root_px + arm, root_px + arm * [1, -1]]
    corners = 4 if kind == "new" else 16
    turn = np.linspace(0, 2 * np.pi, corners + 1) + np.pi / 4
    return [root_px + radius_px * np.column_stack([np.cos(turn), np.sin(turn)])]


def _font(width_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(float(np.clip(width_px / 110, 11, 48)))


def _titled(panel: NDArray[np.uint8], title: str) -> NDArray[np.uint8]:
    image = Image.fromarray(panel)
    draw = ImageDraw.Draw(image)
    font = _font(3 * panel.shape[1])
    left, top, right, bottom = draw.textbbox((8, 6), title, font=font)
    draw.rectangle((left - 5, top - 4, right + 5, bottom + 4), fill=INK)
    draw.text((8, 6), title, font=font, fill=PAPER)
    return np.asarray(image)


def _legend(width_px: int, pairing: Pairing, kinds: list[str]) -> NDArray[np.uint8]:
    """Strip with the common field, the counts in it and the key to the colours."""
    alone = [m for m in pairing.matches if m.kind != "matched"]
    font = _font(width_px)
    size = float(np.clip(width_px / 110, 11, 48))
    strip = Image.new("RGB", (width_px, round(4.2 * size)), PAPER)
    draw = ImageDraw.Draw(strip)
    told = _sentence(pairing) + (DOUBTED if any(m.probability < REPORTED for m in alone) else "")
    draw.text((0.8 * size, 0.6 * size), told, font=font, fill=INK)
    counted = [
        kind
        for kind, m in zip(kinds, pairing.matches, strict=True)
        if m.counted and (m.kind == "matched" or m.probability >= REPORTED)
    ]
    x, y = 0.8 * size, 2.4 * size
    canvas = np.array(strip)
    places = []
    for kind in COLOURS:
        word = f"{kind} {counted.count(kind)}"
        places.append((kind, word, x))
        x += draw.textlength(word, font=font) + 4.2 * size
    for kind, _, at in places:
        path = np.array([[at + 0.6 * size, y + 0.65 * size], [at + 2.2 * size, y + 0.65 * size]])
        _draw(canvas, path, kind, max(1, round(size / 12)))
    strip = Image.fromarray(canvas)
    draw = ImageDraw.Draw(strip)
    for _, word, at in places:
        draw.text((at + 2.7 * size, y), word, font=font, fill=INK)
    return np.asarray(strip)


DOUBTED = "; thin lines: likelier overlooked in the other photo than lost or new, not counted"


def _sentence(pairing: Pairing) -> str:
    alignment = pairing.alignment
    area = alignment.overlap_cm2
    if area is None:
        return f"{alignment.partners} roots agree; no scale"
    return (
        f"common field {area:.4f} cm2; {alignment.partners} roots agree, "
        f"{alignment.residual_um:.0f} um apart (root mean square)"
    )
