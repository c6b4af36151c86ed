"""Finds the scale in what was photographed with the skin: ticks of a ruler, or a circle of known radius."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

WORK_PX = 900
"""Longest side of the copy on which ticks are looked for."""
TURN_DEG = 3.0
"""Step of the directions tried: ticks 30 px tall lose their contrast only beyond 5 degrees."""
STRIP_PX = 20
"""Height of the strips that are averaged along the ticks."""
LONGEST_PERIOD_SHARE = 1 / 8
SHORTEST_PERIOD_PX = 5.0
"""Ticks nearer than that are not told apart; fewer than eight periods are no ruler."""
LEAST_PROMINENCE = 12.0
"""Peak of a ruler's spectrum over the median of the spectrum near it; skin and hair stay below 8."""
LEAST_COHERENCE = 0.7
"""Length of the mean phasor over the blocks of a strip, from 0 (no common period) to 1."""
OVERTONE = 0.7
"""A slower rhythm this strong, as a share of the fastest that stands out, is the ticks' own."""
FEWEST_PERIODS = 8
RULED_PERIODS, RULED_SHARE = 4, 0.3
"""Over so many periods ticks are looked for; the ruler goes as far as they are so strong as its strongest."""
BLOCKS = 6
CIRCLE_ANGLES = 360
LEAST_CIRCLE_SHARE = 0.6
"""Of the directions from the centre, so many must show the line within 1 % of the radius."""


@dataclass(frozen=True)
class Ticks:
    """Equally spaced parallel lines.

    Attributes
    ----------
    period_px : float
        Distance of neighbouring ticks.
    period_cv : float
        Its relative standard error.
    confidence : float
        How regular they are, 0-1.
    turn_rad : float
        Direction along the ruler, from +x towards +y.
    """

    period_px: float
    period_cv: float
    confidence: float
    turn_rad: float


@dataclass(frozen=True)
class Circle:
    """A drawn or etched circle; `radius_cv` its relative standard error, `confidence` the share seen."""

    x_px: float
    y_px: float
    radius_px: float
    radius_cv: float
    confidence: float


def find_ticks(pixels: NDArray[np.uint8]) -> Ticks | None:
    """Find the ticks of a ruler that lies straight on the photo, at any angle.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        RGB.

    Returns
    -------
    Ticks or None
        None where no row of at least eight equally spaced ticks stands out.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    shrink = min(1.0, WORK_PX / max(grey.shape))
    small = cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    small = small - cv2.GaussianBlur(small, (0, 0), 15)
    best = max(
        (_strongest(small, turn) for turn in np.arange(0.0, 180.0, TURN_DEG)), key=lambda found: found[0]
    )
    if best[0] < LEAST_PROMINENCE:
        return None
    _, turn, strip, frequency = best
    signal = _strips(small, turn)[strip]
    return _measured(signal, frequency, np.deg2rad(turn), shrink)


def _strips(small: NDArray[np.float32], turn_deg: float) -> NDArray[np.float64]:
    """(strips, length) mean over strips along a direction, which half overlap; 0 outside the photo."""
    height, width = small.shape
    side = int(np.ceil(np.hypot(height, width)))
    map_ = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), turn_deg, 1.0)
    map_[:, 2] += (side - np.array([width, height])) / 2
    turned = cv2.warpAffine(small, map_, (side, side), flags=cv2.INTER_LINEAR)
    rows = cv2.boxFilter(turned, cv2.CV_32F, (1, STRIP_PX))[:: STRIP_PX // 2]
    return np.asarray(rows, np.float64)


def _strongest(small: NDArray[np.float32], turn_deg: float) -> tuple[float, float, int, float]:
    """Prominence, direction, strip and frequency (1/px) of the most regular strip of a direction."""
    strips = _strips(small, turn_deg)
    count = strips.shape[1]
    power = np.abs(np.fft.rfft(np.clip(strips, -60, 60) * np.hanning(count), axis=1))
    frequency = np.fft.rfftfreq(count)
    kept = (frequency > 1 / (count * LONGEST_PERIOD_SHARE)) & (frequency < 1 / SHORTEST_PERIOD_PX)
    power, frequency = power[:, kept], frequency[kept]
    # The spectrum of skin falls with the frequency: each is compared with what lies near it.
    near = cv2.blur(power.astype(np.float32), (61, 1)) + np.float32(0.02 * power.max() + 1e-3)
    prominence = power / near
    at = int(prominence.argmax())
    strip, k = divmod(at, prominence.shape[1])
    first = _fundamental(power[strip], frequency, k)
    return float(prominence.flat[at]) * 2, float(turn_deg), strip, first


def _fundamental(power: NDArray[np.float64], frequency: NDArray[np.float64], k: int) -> float:
    """Frequency of the ticks of which frequency k may be an overtone: thin ticks have strong ones."""
    step = float(frequency[1] - frequency[0])
    best = float(frequency[k])
    for divisor in (2, 3, 4):
        wanted = float(frequency[k]) / divisor
        near = np.flatnonzero(np.abs(frequency - wanted) <= 1.5 * step)
        if near.size and power[near].max() > OVERTONE * power[k]:
            best = float(frequency[near[power[near].argmax()]])
    return best


def _ruled(signal: NDArray[np.float64], frequency: float) -> NDArray[np.float64]:
    """Part of a strip that has the ticks: a scale etched into the optics ends within the photo."""
    phasor = signal * np.exp(-2j * np.pi * frequency * np.arange(signal.size))
    size = int(np.ceil(RULED_PERIODS / frequency))
    strength = np.abs(np.convolve(phasor, np.ones(size) / size, "same"))
    weak = np.flatnonzero(strength < RULED_SHARE * strength.max())
    top = int(strength.argmax())
    low, high = weak[weak < top], weak[weak > top]
    return signal[low[-1] + 1 if low.size else 0 : high[0] if high.size else signal.size]


def _measured(signal: NDArray[np.float64], frequency: float, turn_rad: float, shrink: float) -> Ticks | None:
    """Period from the phases of blocks of a strip."""
    signal = _ruled(signal, frequency)
    if signal.size * frequency < FEWEST_PERIODS:
        return None
    x = np.arange(signal.size, dtype=np.float64)
    best = frequency
    for _ in range(3):
        phasor = signal * np.exp(-2j * np.pi * best * x)
        blocks = np.array([part.mean() for part in np.array_split(phasor, BLOCKS)])
        place = np.array([part.mean() for part in np.array_split(x, BLOCKS)])
        phase = np.unwrap(np.angle(blocks))
        weight = np.abs(blocks)
        slope, _ = np.polyfit(place, phase, 1, w=weight)
        best += slope / (2 * np.pi)
    rest = phase - np.polyval(np.polyfit(place, phase, 1, w=weight), place)
    coherence = float(np.abs((weight * np.exp(1j * rest)).sum()) / weight.sum())
    even = float(weight.min() / weight.max())
    if coherence < LEAST_COHERENCE or even < 0.15 or best <= 0:
        return None
    spread = float(np.sqrt((weight**2 * rest**2).sum() / (weight**2).sum()))
    se = spread / (2 * np.pi) / (float(place.std()) * np.sqrt(BLOCKS)) / best
    certainty = coherence * min(1.0, 2 * even)
    return Ticks(float(1 / best / shrink), max(float(se), 0.001), float(certainty), float(turn_rad))


def find_circle(pixels: NDArray[np.uint8]) -> Circle | None:
    """Find a circle drawn or etched as a line, as wide as a third of the photo or more.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        RGB.

    Returns
    -------
    Circle or None
    """
    height, width = pixels.shape[:2]
    line = _line_strength(pixels)
    shrink = min(1.0, 400 / max(height, width))
    thick = cv2.dilate(line, np.ones((3, 3), np.uint8))  # a thin line is not to be lost
    small = cv2.resize(thick, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    small = cv2.convertScaleAbs(small, alpha=255 / max(float(np.percentile(small, 99.8)), 1e-6))
    least, most = int(0.16 * min(small.shape)), int(0.75 * max(small.shape))
    found = cv2.HoughCircles(
        small, cv2.HOUGH_GRADIENT, 2, 40, param1=120, param2=40, minRadius=least, maxRadius=most
    )
    if found is None:
        return None
    circles = [_refined(line, *(np.asarray(c, np.float64) / shrink)) for c in found.reshape(-1, 3)[:5]]
    seen = [c for c in circles if c is not None]
    return max(seen, key=lambda c: c.confidence, default=None)


def _line_strength(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How much a pixel stands out, by its brightest channel's difference, from what lies within 7 px."""
    wide = cv2.morphologyEx(pixels, cv2.MORPH_TOPHAT, np.ones((9, 9), np.uint8))
    dark = cv2.morphologyEx(pixels, cv2.MORPH_BLACKHAT, np.ones((9, 9), np.uint8))
    colour = pixels.astype(np.int16)
    chroma = (colour.max(axis=2) - colour.min(axis=2)).astype(np.float32)
    chroma -= cv2.blur(chroma, (25, 25))
    strength = np.maximum(np.maximum(wide, dark).max(axis=2), np.maximum(chroma, 0))
    return np.asarray(strength, np.float32)


def _refined(line: NDArray[np.float32], x: float, y: float, radius: float) -> Circle | None:
    """Least squares through the line's middle in each direction; None where too little of it is seen."""
    angle = np.arange(CIRCLE_ANGLES) * 2 * np.pi / CIRCLE_ANGLES
    keep, ground = np.zeros(CIRCLE_ANGLES, bool), 0.0
    for reach in (0.06, 0.02, 0.012):
        r = np.arange(radius * (1 - reach), radius * (1 + reach), 0.5)
        px = x + np.cos(angle)[:, None] * r
        py = y + np.sin(angle)[:, None] * r
        seen = cv2.remap(line, px.astype(np.float32), py.astype(np.float32), cv2.INTER_LINEAR)
        top = seen.argmax(axis=1)
        near = np.clip(top[:, None] + np.arange(-4, 5), 0, r.size - 1)
        weight = np.take_along_axis(seen, near, axis=1) + 1e-6
        found = (r[near] * weight).sum(axis=1) / weight.sum(axis=1)
        ground = ground or float(np.median(seen)) + 1e-3
        off = np.abs(found - np.median(found))
        keep = (seen.max(axis=1) > 3 * ground) & (off < 0.5 * reach * radius)
        if keep.sum() < 0.3 * CIRCLE_ANGLES:
            return None
        design = np.stack([np.cos(angle), np.sin(angle), np.ones(CIRCLE_ANGLES)], axis=1)[keep]
        dx, dy, radius = np.linalg.lstsq(design, found[keep], rcond=None)[0].tolist()
        rest = found[keep] - design @ np.array([dx, dy, radius])
        x, y = x + dx, y + dy
    share = float(keep.mean()) * float((np.abs(rest) < 0.01 * radius).mean())
    if share < LEAST_CIRCLE_SHARE:
        return None
    # Neighbouring directions see the same pixels: about a third of them are independent.
    se = float(rest.std()) / np.sqrt(keep.sum() / 3)
    return Circle(x, y, radius, float(max(se, 0.1) / radius), share)
