"""Plucked pairs: a real photo, and the same skin with some hairs gone, moved, turned, stretched and relit.

Hairs are taken out by laying skin of the same photo over them. Hairs that touch are taken together, so that
no neighbour is damaged: that one hair of a tuft goes alone is left to the drawn pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from constellations import View
from numpy.typing import NDArray

from trichoscan.phantom.warp import draw_stretch

Floats = NDArray[np.float64]
Image = NDArray[np.uint8]

SHARES = (0.05, 0.20)
TURN_DEG, LOG_SCALE, SHIFT_SHARE, STRAIN = 40.0, 0.22, 0.25, 0.02
"""Largest turn, logarithm of the scale and shift as a share of the field; strain of the skin. A quarter of
the field in both directions leaves about half of it, less the corners that a turn takes."""
REACH_PX = 17
"""A hair and its shadow lie within this of its hand-drawn line, 94 um."""
TOUCHING_PX = 26.0
"""Hand-drawn lines closer than this, 144 um, are taken together."""
FEATHER_PX = 4
DARKER = 12.0
"""Grey levels below the skin around, from which a pixel is hair or its shadow."""
DARK_RIM = 0.06
"""Share of the rim about a hair that may be dark: more would smear into the cover."""
GAMMA, GAIN, TINT, SLOPE = 0.15, 0.12, 0.04, 0.12
"""SDs of the logarithms of the light's gamma, strength and colour, and of its change over half the field."""
JPEG_QUALITY = (70, 95)


@dataclass(frozen=True, eq=False)
class Plucked:
    """A later photo of the same skin.

    Attributes
    ----------
    pixels : (H, W, 3) uint8
    view : View
        How it sees the skin; the baseline's is `still`.
    removed_px : (R, 2) float64
        Hand-drawn roots of the hairs taken out, baseline px.
    """

    pixels: Image
    view: View
    removed_px: Floats


def still(um_per_px: float) -> View:
    """The baseline's view."""
    return View(0.0, um_per_px, np.zeros(2), None)


def pluck(pixels: Image, hairs: list[Floats], um_per_px: float, rng: np.random.Generator) -> Plucked:
    """Take hairs out and photograph the skin again.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
    hairs : list of (2, 2) float64
        Hand-drawn root and tip of each, px.
    um_per_px : float
    rng : Generator

    Returns
    -------
    Plucked
    """
    skin, removed = take_out(pixels, hairs, rng.uniform(*SHARES), rng)
    height, width = pixels.shape[:2]
    field = np.array([width, height]) * um_per_px
    view = View(
        float(np.deg2rad(rng.uniform(-TURN_DEG, TURN_DEG))),
        um_per_px * float(np.exp(rng.uniform(-LOG_SCALE, LOG_SCALE))),
        rng.uniform(-SHIFT_SHARE, SHIFT_SHARE, 2) * field,
        draw_stretch(STRAIN, rng),
    )
    seen = _recompressed(_relit(_moved(skin, view, um_per_px), rng), rng)
    return Plucked(seen, view, np.array([hairs[k][0] for k in removed]).reshape(-1, 2))


def take_out(
    pixels: Image, hairs: list[Floats], share: float, rng: np.random.Generator
) -> tuple[Image, list[int]]:
    """Photo without about `share` of the hairs, and which are gone; fewer where no bare skin fits."""
    lines = [hair[0] + np.linspace(0, 1, 24)[:, None] * (hair[1] - hair[0]) for hair in hairs]
    dark = _dark(pixels)
    hairy = dark.copy()
    for line in lines:
        hairy |= _band(line, hairy.shape)
    skin, removed = pixels.copy(), []
    groups = _touching(lines)
    for g in rng.permutation(len(groups)):
        group = groups[g]
        if len(removed) + len(group) > max(1, round(share * len(hairs))):
            continue
        mask = np.zeros(hairy.shape, bool)
        for k in group:
            mask |= _band(lines[k], mask.shape)
        covered = _cover(skin, mask, hairy, dark, rng)
        if covered is not None:
            skin, removed = covered, removed + group
    return skin, removed


def _dark(pixels: Image) -> NDArray[np.bool_]:
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    around = cv2.resize(cv2.medianBlur(small, 31), grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.5).astype(float) < around - DARKER)


def _band(line: Floats, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    drawn = np.zeros(shape[:2], np.uint8)
    onward = line[-1] - line[0]
    ends = np.array([line[0] - 0.1 * onward, line[-1] + 0.15 * onward])
    cv2.polylines(drawn, [np.rint(ends).astype(np.int32)], False, 1, 2 * REACH_PX)
    return drawn > 0


def _touching(lines: list[Floats]) -> list[list[int]]:
    """Groups of lines that come close to each other."""
    group = list(range(len(lines)))
    for i in range(len(lines)):
        for k in range(i):
            apart = np.hypot(*(lines[i][:, None] - lines[k][None]).transpose(2, 0, 1))
            if apart.min() < TOUCHING_PX:
                old, new = group[i], group[k]
                group = [new if g == old else g for g in group]
    return [[i for i, g in enumerate(group) if g == name] for name in sorted(set(group))]


def _cover(
    skin: Image,
    mask: NDArray[np.bool_],
    hairy: NDArray[np.bool_],
    dark: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Image | None:
    """Skin with a bare piece from nearby over the mask, fitted to its rim; None if that left a ghost."""
    y, x = np.nonzero(mask)
    margin = FEATHER_PX + 2
    low = np.array([x.min(), y.min()]) - margin
    high = np.array([x.max(), y.max()]) + margin + 1
    height, width = mask.shape
    if (low < 0).any() or (high > [width, height]).any():
        return None
    piece = mask[low[1] : high[1], low[0] : high[0]]
    wide = cv2.dilate(piece.astype(np.uint8), np.ones((2 * FEATHER_PX + 1,) * 2, np.uint8)) > 0
    if dark[low[1] : high[1], low[0] : high[0]][wide & ~piece].mean() > DARK_RIM:
        return None
    best, least = None, np.inf
    for move in rng.uniform(-420, 420, (400, 2)).astype(int):
        a, b = low + move, high + move
        if (a < 0).any() or (b > [width, height]).any():
            continue
        bad = float((hairy[a[1] : b[1], a[0] : b[0]] & piece).sum()) + 0.01 * float(np.hypot(*move))
        if bad < least:
            best, least = a, bad
    if best is None or least > 0.01 * piece.sum() + 5:
        return None
    size = high - low
    source = skin[best[1] : best[1] + size[1], best[0] : best[0] + size[0]]
    target = skin[low[1] : high[1], low[0] : high[0]]
    # cv2.seamlessClone puts the mask's box at the centre given; a full box keeps it in place.
    fitted = cv2.seamlessClone(
        source, target, piece.astype(np.uint8) * 255, _clone_centre(piece), cv2.NORMAL_CLONE
    )
    covered = skin.copy()
    covered[low[1] : high[1], low[0] : high[0]] = fitted
    return covered


def _clone_centre(piece: NDArray[np.bool_]) -> tuple[int, int]:
    x, y, w, h = cv2.boundingRect(piece.astype(np.uint8))
    return x + w // 2, y + h // 2


def _moved(pixels: Image, view: View, um_per_px: float) -> Image:
    """The photo as the view sees it; black where it shows more than the photo does."""
    height, width = pixels.shape[:2]
    step = 8
    x, y = (np.arange(-1, -(-n // step) + 1) * step + (step - 1) / 2 for n in (width, height))
    coarse = np.stack(np.meshgrid(x, y), -1)
    source = still(um_per_px).to_px(view.to_um(coarse.reshape(-1, 2))).reshape(coarse.shape)
    fine = cv2.resize(source.astype(np.float32), None, fx=step, fy=step, interpolation=cv2.INTER_LINEAR)
    fine = np.ascontiguousarray(fine[step : step + height, step : step + width])
    return np.asarray(cv2.remap(pixels, fine, None, cv2.INTER_CUBIC), np.uint8)


def _relit(pixels: Image, rng: np.random.Generator) -> Image:
    height, width = pixels.shape[:2]
    gamma = np.exp(rng.normal(0, GAMMA))
    gain = np.exp(rng.normal(0, GAIN) + rng.normal(0, TINT, 3))
    slope = rng.normal(0, SLOPE, 2)
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    light = np.exp(slope[0] * x + slope[1] * y)[:, :, None] * gain
    lit = 255 * (pixels / 255.0) ** gamma * light + rng.normal(0, 1.5, pixels.shape)
    return np.where(pixels.any(2, keepdims=True), np.clip(np.rint(lit), 0, 255), 0).astype(np.uint8)


def _recompressed(pixels: Image, rng: np.random.Generator) -> Image:
    quality = int(rng.integers(*JPEG_QUALITY))
    _, coded = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(coded, cv2.IMREAD_COLOR)[:, :, ::-1])
