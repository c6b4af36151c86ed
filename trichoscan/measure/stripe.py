"""What a camera makes of a shaft on skin, in one profile across it, with all derivatives.

The model is a stripe on skin, seen through lens, encoding and sharpening:

    light(t) = skin + slope t - [beside it] shade D(t) + [within the shaft] sum_k c_k P_k(u) + [beyond] n
    seen(t)  = y + amount (y - y * Gaussian(1.3 px)),   y = sRGB( light * Gaussian(blur) )

u is -1 at the left edge and 1 at the right. The polynomials P_0 ... P_4 are the shaft's light: mean, one side
brighter, dark rims or a gloss line. D is the shade beside a shaft, which takes light that would have come
back through the skin: the shaft blurred widely. A neighbour of light n that touches the shaft, or nearly,
begins at an edge of its own and goes on beyond what is looked at; only sections with one have it. Where a
profile is no luma but a mix of channels, its contrast is low and the encoding is taken as straight.

Letters for shapes: G profiles, T samples across the shaft, P parameters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEFT, RIGHT, SKIN, SLOPE, LOG_BLUR, AMOUNT, C0, C1, C2, C3, C4, SHADE = range(12)
NEXT_LEFT, NEXT_RIGHT, LIGHT_LEFT, LIGHT_RIGHT = range(12, 16)
PARAMETERS, WITH_NEIGHBOURS = 12, 16
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
    """(G, T) what is seen, and its (G, P, T) derivatives.

    The derivatives by the edges and the blur leave out parts that the c_k can make up for: the steps that
    they span together are the same. They also leave out that the shade moves with the edges.
    """
    left, right, skin, slope, log_blur, amount = (p[:, k, None] for k in range(C0))
    c = p[:, C0 : C4 + 1, None]
    blur, half, middle = np.exp(log_blur), (right - left) / 2, (right + left) / 2
    a, b = (offsets_px - left) / blur, (offsets_px - right) / blur
    at_a, at_b = (np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi) for z in (a, b))
    v, s = (offsets_px - middle) / half, blur / half
    d = np.zeros((len(p), p.shape[1], offsets_px.size))
    d[:, SKIN], d[:, SLOPE] = 1, offsets_px
    d[:, C0 : C4 + 1] = _blurred_polynomials(a, b, at_a, at_b, v, s)
    spread = _spread(offsets_px, left, right, shade_px)
    d[:, SHADE] = -spread * (1 - d[:, C0])
    light = skin + slope * offsets_px + (p[:, C0 : SHADE + 1, None] * d[:, C0 : SHADE + 1]).sum(axis=1)
    even, odd = c[:, 0] + c[:, 2] * (2 / 3) + c[:, 4] * (8 / 35), c[:, 1] + c[:, 3] * 0.4
    rise_even, rise_odd = c[:, 1] + 2.4 * c[:, 3], 2 * c[:, 2] + (16 / 7) * c[:, 4]
    d[:, LEFT], d[:, RIGHT] = -(even - odd) * at_a / blur, (even + odd) * at_b / blur
    d[:, LOG_BLUR] = (even + odd) * b * at_b - (even - odd) * a * at_a
    shaded = p[:, SHADE, None] * spread
    d[:, LEFT] -= shaded * at_a / blur
    d[:, RIGHT] += shaded * at_b / blur
    d[:, LOG_BLUR] += shaded * (b * at_b - a * at_a)
    d[:, LOG_BLUR] += s * ((rise_even - rise_odd) * at_a - (rise_even + rise_odd) * at_b)
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


def _spread(offsets_px: Floats, left: Floats, right: Floats, shade_px: float) -> Floats:
    """(G, T) the shaft, blurred as light is in skin, nought far away."""
    return np.asarray(
        sum(
            weight
            * (ndtr((offsets_px - left) / (by * shade_px)) - ndtr((offsets_px - right) / (by * shade_px)))
            for by, weight in SHADES
        )
    )


def _blurred_polynomials(a: Floats, b: Floats, at_a: Floats, at_b: Floats, v: Floats, s: Floats) -> Floats:
    """(G, 5, T) Legendre polynomials (leading term u^k) within the shaft, blurred.

    Moments of the normal distribution between b and a, the edges in blurs; v is the place and s the blur
    in half widths.
    """
    m0, m1 = ndtr(a) - ndtr(b), at_b - at_a
    m2 = m0 + b * at_b - a * at_a
    m3 = 2 * m1 + b * b * at_b - a * a * at_a
    m4 = 3 * m2 + b**3 * at_b - a**3 * at_a
    i1 = v * m0 - s * m1
    i2 = v * v * m0 - 2 * v * s * m1 + s * s * m2
    i3 = v**3 * m0 - 3 * v * v * s * m1 + 3 * v * s * s * m2 - s**3 * m3
    i4 = v**4 * m0 - 4 * v**3 * s * m1 + 6 * (v * s) ** 2 * m2 - 4 * v * s**3 * m3 + s**4 * m4
    return np.stack([m0, i1, i2 - m0 / 3, i3 - 0.6 * i1, i4 - 6 / 7 * i2 + 3 / 35 * m0], axis=1)
