"""What a camera makes of a shaft on skin, in one profile across it, with all derivatives.

The model is a stripe on skin, seen through lens, encoding and sharpening:

    light(t) = ground(t) exp(-[beside it] shade D(t)) + [within the shaft] c(u) + [beyond] n
    ground(t) = skin + slope t
    c(u) = c_0 + c_1 u + c_2 (1 - u^2) + gloss exp(-(u - place)^2 / 2 0.18^2)
    seen(t)  = y + amount (y - y * Gaussian(1.3 px)),   y = sRGB( light * Gaussian(blur) )

u is -1 at the left edge and 1 at the right. c is the light of the shaft less that of skin: c_0 at its rims,
which are the darkest, c_1 more on one side, c_2 a brighter middle, and a narrow line of gloss. D is the shade
beside a shaft, which takes light that would have come back through skin: the shaft blurred widely. A
neighbour of light n that touches the shaft, or nearly, begins at an edge of its own and goes on beyond what
is looked at; only sections with one have it. Where a profile is no luma but a mix of channels, its contrast
is low: its encoding is taken as straight, and shade as a difference.

Letters for shapes: G profiles, T samples across the shaft, P parameters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEFT, RIGHT, SKIN, SLOPE, LOG_BLUR, AMOUNT, C0, C1, C2, GLOSS, PLACE, SHADE = range(12)
NEXT_LEFT, NEXT_RIGHT, LIGHT_LEFT, LIGHT_RIGHT = range(12, 16)
PARAMETERS, WITH_NEIGHBOURS = 12, 16
WITHIN = np.array([[1, 0, 0], [0, 1, 0], [1, 0, -1]], np.float64)
"""Powers u^0 ... u^2 in what c_0, c_1 and c_2 stand for."""
GLOSS_SD = 0.18
"""Width of a line of gloss in half widths of the shaft: lamps some 30 degrees wide, seen in a cylinder."""
SHADES = ((1.0, 0.8), (2.3, 2.0))
"""Spread of light in the skin, in `shade_px`, and weight: 60 and 140 um, as on photos of clipped scalp."""


def encoded(light: Floats, straight: Bools) -> tuple[Floats, Floats]:
    """SRGB value 0-1 of linear light and its derivative; straight on below 0 and above 1."""
    safe = np.maximum(light, 0.0031308)
    power = 1.055 * safe ** (1 / 2.4)
    low = light <= 0.0031308
    value = np.where(low, 12.92 * light, power - 0.055)
    slope = np.where(low, 12.92, power / (2.4 * safe))
    return np.where(straight, light, value), np.where(straight, 1.0, slope)


def decoded(value: Floats) -> Floats:
    """Linear light of an sRGB value 0-1 (IEC 61966-2-1)."""
    return np.where(value <= 0.04045, value / 12.92, ((np.maximum(value, 0.0) + 0.055) / 1.055) ** 2.4)


def smoothing(offsets_px: Floats, radius_px: float) -> Floats:
    """(T, T) matrix that smooths a profile with a Gaussian; beyond the ends it is held."""
    count, step = offsets_px.size, float(offsets_px[1] - offsets_px[0])
    pad = int(np.ceil(4 * radius_px / step))
    away = np.arange(-pad, count + pad) - np.arange(count)[:, None]
    kernel = np.exp(-0.5 * (away * step / radius_px) ** 2)
    kernel /= kernel.sum(axis=1, keepdims=True)
    held = kernel[:, pad : pad + count].copy()
    held[:, 0] += kernel[:, :pad].sum(axis=1)
    held[:, -1] += kernel[:, pad + count :].sum(axis=1)
    return held


def model(
    offsets_px: Floats, p: Floats, straight: Bools, smooth: Floats, shade_px: float
) -> tuple[Floats, Floats]:
    """(G, T) what is seen, and its (G, P, T) derivatives."""
    left, right, skin, slope, log_blur, amount = (p[:, k, None] for k in range(C0))
    c, shade = p[:, C0 : C2 + 1, None], p[:, SHADE, None]
    blur, half, middle = np.exp(log_blur), (right - left) / 2, (right + left) / 2
    a, b = (offsets_px - left) / blur, (offsets_px - right) / blur
    at_a, at_b = (np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi) for z in (a, b))
    power = _blurred_powers(a, b, at_a, at_b, (offsets_px - middle) / half, blur / half)
    d = np.zeros((len(p), p.shape[1], offsets_px.size))
    d[:, C0 : C2 + 1] = np.einsum("kj,gjt->gkt", WITHIN, power)
    light = skin + slope * offsets_px + (c * d[:, C0 : C2 + 1]).sum(axis=1)
    of_power = np.einsum("gk,kj->gj", p[:, C0 : C2 + 1], WITHIN)[..., None]
    by_edges, by_blur = _moved(of_power, power, at_a, at_b, a, b, blur / half)
    d[:, LEFT], d[:, RIGHT], d[:, LOG_BLUR] = by_edges[0] / blur, by_edges[1] / blur, by_blur
    light += _line(d, offsets_px - middle, half, blur, p[:, GLOSS, None], p[:, PLACE, None])
    spread, at_left, at_right = _spread(offsets_px, left, right, shade_px)
    beside, ground = 1 - power[:, 0], skin + slope * offsets_px
    through = np.where(straight[:, None], 1.0, np.exp(-shade * spread))
    lost = np.where(straight[:, None], shade * spread, ground * (1 - through))
    by_shade = np.where(straight[:, None], 1.0, ground * through)
    light -= lost * beside
    kept = np.where(straight[:, None], 1.0, 1 - (1 - through) * beside)
    d[:, SKIN], d[:, SLOPE], d[:, SHADE] = kept, kept * offsets_px, -by_shade * spread * beside
    d[:, LEFT] += by_shade * shade * beside * at_left - lost * at_a / blur
    d[:, RIGHT] -= by_shade * shade * beside * at_right - lost * at_b / blur
    d[:, LOG_BLUR] += lost * (b * at_b - a * at_a)
    if p.shape[1] == WITH_NEIGHBOURS:
        for edge, own, sign in ((NEXT_LEFT, LIGHT_LEFT, -1.0), (NEXT_RIGHT, LIGHT_RIGHT, 1.0)):
            z = (offsets_px - p[:, edge, None]) / blur
            at = p[:, own, None] * np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
            d[:, own] = ndtr(sign * z)
            light += p[:, own, None] * d[:, own]
            d[:, edge] = -sign * at / blur
            d[:, LOG_BLUR] -= sign * at * z
    value, bend = encoded(light, straight[:, None])
    extra = value - value @ smooth.T
    d *= bend[:, None]
    d += amount[:, :, None] * (d - d @ smooth.T)
    d[:, AMOUNT] = extra
    return value + amount * extra, d


def _line(d: Floats, away: Floats, half: Floats, blur: Floats, gloss: Floats, place: Floats) -> Floats:
    """(G, T) blurred line of gloss; its derivatives are put and added into `d`."""
    wide = GLOSS_SD * half
    sd = np.hypot(wide, blur)
    q = (away - half * place) / sd
    line = wide / sd * np.exp(-0.5 * q * q)
    d[:, GLOSS], d[:, PLACE] = line, gloss * line * q * half / sd
    by_middle = gloss * line * q / sd
    by_half = gloss * line * (1 / half + (q * q - 1) * GLOSS_SD * wide / sd**2 + q * place / sd)
    d[:, LEFT] += (by_middle - by_half) / 2
    d[:, RIGHT] += (by_middle + by_half) / 2
    d[:, LOG_BLUR] += gloss * line * (q * q - 1) * (blur / sd) ** 2
    return gloss * line


def _moved(
    c: Floats, power: Floats, at_a: Floats, at_b: Floats, a: Floats, b: Floats, s: Floats
) -> tuple[tuple[Floats, Floats], Floats]:
    """Derivatives (G, T) of the blurred light sum_k c_k u^k by left and right edge, in blurs, and log blur.

    The light stretches with the edges: du/dleft = (u - 1) / width, du/dright = -(u + 1) / width.
    """
    k = np.arange(3.0)[:, None]
    sign = (-1.0) ** k
    at_left, at_right = (c * sign).sum(axis=1), c.sum(axis=1)
    rise_left, rise_right = -(k * sign * c).sum(axis=1), (k * c).sum(axis=1)
    own, lower = (k * c * power).sum(axis=1), (k[1:] * c[:, 1:] * power[:, :-1]).sum(axis=1)
    bent = (k[2:] * (k[2:] - 1) * c[:, 2:] * power[:, :-2]).sum(axis=1)
    by_left = -at_left * at_a + s / 2 * (own - lower)
    by_right = at_right * at_b - s / 2 * (own + lower)
    by_blur = at_right * b * at_b - at_left * a * at_a
    by_blur = by_blur + s * (rise_left * at_a - rise_right * at_b) + s * s * bent
    return (by_left, by_right), by_blur


def _spread(offsets_px: Floats, left: Floats, right: Floats, shade_px: float) -> tuple[Floats, ...]:
    """(G, T) the shaft, blurred as light is in skin; its fall with the left and rise with the right edge."""
    shape = np.broadcast_shapes(offsets_px.shape, left.shape)
    spread, at_left, at_right = (np.zeros(shape) for _ in range(3))
    for by, weight in SHADES:
        sd = by * shade_px
        a, b = (offsets_px - left) / sd, (offsets_px - right) / sd
        spread += weight * (ndtr(a) - ndtr(b))
        at_left += weight / sd / np.sqrt(2 * np.pi) * np.exp(-0.5 * a * a)
        at_right += weight / sd / np.sqrt(2 * np.pi) * np.exp(-0.5 * b * b)
    return spread, at_left, at_right


def _blurred_powers(a: Floats, b: Floats, at_a: Floats, at_b: Floats, v: Floats, s: Floats) -> Floats:
    """(G, 3, T) powers u^0 ... u^2 within the shaft, blurred.

    By moments of the normal distribution between b and a, the edges in blurs; v is the place and s the blur
    in half widths.
    """
    m0, m1 = ndtr(a) - ndtr(b), at_b - at_a
    m2 = m0 + b * at_b - a * at_a
    return np.stack([m0, v * m0 - s * m1, v * v * m0 - 2 * v * s * m1 + s * s * m2], axis=1)
