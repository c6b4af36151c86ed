"""Both edges of a shaft in a profile, by least squares on what the camera made of it.

The model of one profile is a stripe on skin, seen through lens, encoding and sharpening:

    light(t) = skin + slope t + [within the shaft] sum_k c_k P_k(u),   u = -1 at the left edge, 1 at the right
    seen(t)  = y + amount (y - y * Gaussian(1.3 px)),   y = sRGB( light * Gaussian(blur) )

The polynomials P_0 ... P_4 are the shaft's light: mean, one side brighter, dark rims or a gloss line. Where
a profile is no luma but a mix of channels, its contrast is low and the encoding is taken as straight.
Noise is even in what is seen, so residuals are taken there. All profiles are fitted at once by a damped
Gauss-Newton iteration with Huber weights.

Letters for shapes: G profiles, T samples across the shaft, P parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEFT, RIGHT, SKIN, SLOPE, LOG_BLUR, AMOUNT, C0, C1, C2, C3, C4 = range(11)
PARAMETERS = 11
HUBER = 1.5
"""Residuals beyond so many robust standard deviations count less."""
LIGHT_SHARE = np.array([0.2, 0.3, 0.12, 0.2])
"""Prior standard deviation of c_1 ... c_4 as a share of the shaft's light: the light within a dark shaft
cannot vary by more than there is."""
DEEP = 0.03
"""Weight of samples so deep within a wide shaft that its edges do not reach them: gloss lies there."""
SHARPEN_PX = 1.3
"""Radius of the cameras' sharpening; 0.9 to 2 px are in use and look alike."""
STEEPEST_SKIN = 0.3
"""Prior standard deviation of the change of light over the profile's half, as a share of the light."""
LEAST_SCALE, MOST_SCALE = 0.0015, 0.2
"""Bounds of the residuals' standard deviation, sRGB 0-1."""


@dataclass(frozen=True, eq=False)
class Edges:
    """What was fitted to G profiles.

    Attributes
    ----------
    parameters : (G, P) float64
        Left and right edge, px; skin; slope; log blur; amount of sharpening; c_0 ... c_4.
    width_se_px : (G,) float64
        Standard error of the width from the residuals, with the blur as known.
    width_by_log_blur_px : (G,) float64
        Change of the fitted width with the logarithm of the blur assumed.
    contrast : (G,) float64
        Mean difference between shaft and skin in sRGB 0-1.
    scale : (G,) float64
        Standard deviation of the residuals, sRGB 0-1.
    loss : (G,) float64
        Negative logarithm of the posterior, but for a constant.
    """

    parameters: Floats
    width_se_px: Floats
    width_by_log_blur_px: Floats
    contrast: Floats
    scale: Floats
    loss: Floats

    @property
    def width_px(self) -> Floats:
        """(G,) distance of the edges."""
        return self.parameters[:, RIGHT] - self.parameters[:, LEFT]

    @property
    def centre_px(self) -> Floats:
        """(G,) middle of the edges."""
        return (self.parameters[:, LEFT] + self.parameters[:, RIGHT]) / 2

    @property
    def blur_px(self) -> Floats:
        """(G,) standard deviation of the blur."""
        return np.exp(self.parameters[:, LOG_BLUR])


@dataclass(frozen=True, eq=False)
class Profiles:
    """G profiles of one photo.

    Attributes
    ----------
    seen : (G, T) float64
        sRGB 0-1, or a mix of channels.
    use : (G, T) float64
        Weight of each sample, 0-1.
    offsets_px : (T,) float64
        Equally spaced.
    straight : (G,) bool
        Whether `seen` is a mix of channels and its encoding is taken as straight.
    """

    seen: Floats
    use: Floats
    offsets_px: Floats
    straight: Bools

    def take(self, index: NDArray[np.intp]) -> Profiles:
        """Those of `index`."""
        return Profiles(self.seen[index], self.use[index], self.offsets_px, self.straight[index])


@dataclass(frozen=True, eq=False)
class Prior:
    """Normal priors of log blur, amount and c_0, each (G,) float64; an infinite SD is none."""

    log_blur: Floats
    log_blur_sd: Floats
    amount: Floats
    amount_sd: Floats
    c0: Floats
    c0_sd: Floats


class SharedStep(Protocol):
    """Steps parameters that all profiles share."""

    def step(self, normal: Floats, pull: Floats, floor: Floats) -> Floats:
        """(G, P) step for normal equations (G, P, P), (G, P) and residuals' scale (G,)."""

    def values(self) -> tuple[Floats, Floats]:
        """Log blur and amount, each (G,), after the step."""


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


def begin(profiles: Profiles, left_px: Floats, right_px: Floats, log_blur: Floats, amount: Floats) -> Floats:
    """(G, P) first guess of the parameters from that of the edges and the camera."""
    t, used = profiles.offsets_px, profiles.use > 0
    light = np.where(profiles.straight[:, None], profiles.seen, decoded(profiles.seen))
    inside = used & (t > left_px[:, None]) & (t < right_px[:, None])
    beside = used & ((t < left_px[:, None] - 1) | (t > right_px[:, None] + 1))
    p = np.zeros((len(light), PARAMETERS))
    p[:, LEFT], p[:, RIGHT], p[:, LOG_BLUR], p[:, AMOUNT] = left_px, right_px, log_blur, amount
    shaft, skin = (np.where(m, light, 0).sum(axis=1) / np.maximum(m.sum(axis=1), 1) for m in (inside, beside))
    p[:, SKIN], p[:, C0] = skin, shaft - skin
    return p


def model(offsets_px: Floats, p: Floats, straight: Bools, smooth: Floats) -> tuple[Floats, Floats]:
    """(G, T) what is seen, and its (G, P, T) derivatives.

    The derivatives by the edges and the blur leave out parts that the c_k can make up for: the steps that
    they span together are the same.
    """
    left, right, skin, slope, log_blur, amount = (p[:, k, None] for k in range(C0))
    c = p[:, C0:, None]
    blur, half, middle = np.exp(log_blur), (right - left) / 2, (right + left) / 2
    a, b = (offsets_px - left) / blur, (offsets_px - right) / blur
    at_a, at_b = (np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi) for z in (a, b))
    v, s = (offsets_px - middle) / half, blur / half
    d = np.zeros((len(p), PARAMETERS, offsets_px.size))
    d[:, SKIN], d[:, SLOPE] = 1, offsets_px
    d[:, C0:] = _blurred_polynomials(a, b, at_a, at_b, v, s)
    light = skin + slope * offsets_px + (c * d[:, C0:]).sum(axis=1)
    even, odd = c[:, 0] + c[:, 2] * (2 / 3) + c[:, 4] * (8 / 35), c[:, 1] + c[:, 3] * 0.4
    rise_even, rise_odd = c[:, 1] + 2.4 * c[:, 3], 2 * c[:, 2] + (16 / 7) * c[:, 4]
    d[:, LEFT], d[:, RIGHT] = -(even - odd) * at_a / blur, (even + odd) * at_b / blur
    d[:, LOG_BLUR] = (even + odd) * b * at_b - (even - odd) * a * at_a
    d[:, LOG_BLUR] += s * ((rise_even - rise_odd) * at_a - (rise_even + rise_odd) * at_b)
    value, bend = encoded(light, straight[:, None])
    extra = value - value @ smooth.T
    d *= bend[:, None]
    d += amount[:, :, None] * (d - d @ smooth.T)
    d[:, AMOUNT] = extra
    return value + amount * extra, d


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


def fit_edges(
    profiles: Profiles, start: Floats, prior: Prior, iterations: int, shared: SharedStep | None = None
) -> Edges:
    """Fit the model to every profile.

    Parameters
    ----------
    profiles : Profiles
    start : (G, P) float64
        As `begin` gives it, or from an earlier fit.
    prior : Prior
    iterations : int
    shared : SharedStep, optional
        Log blur and amount are then common to all profiles.

    Returns
    -------
    Edges
    """
    t = profiles.offsets_px
    smooth = smoothing(t, SHARPEN_PX)
    mean, sd = _priors(start, prior)
    p, damping = start, np.full(len(start), 1e-3)
    level = np.asarray(np.abs(p[:, SKIN]) + np.abs(p[:, C0]), np.float64)
    kept: tuple[Floats, ...] = ()
    for left_over in range(iterations, -1, -1):
        _bound_light(sd, p, profiles, level)
        state = _state(profiles, p, smooth, mean, sd)
        if not kept:
            kept = state
        else:
            # A step that lost much is taken back; joint steps are not, for they are not of one profile.
            better = (state[-1] <= kept[-1] + 0.02 * t.size) | (shared is not None)
            damping = np.where(better, damping / 4, damping * 12)
            kept = tuple(
                np.where(better.reshape(-1, *[1] * (new.ndim - 1)), new, old)
                for new, old in zip(state, kept, strict=True)
            )
        p, d, residual, scale, weight, tight, _ = kept
        precision = scale[:, None] ** 2 * tight
        weighted = d * weight[:, None]
        normal = weighted @ d.transpose(0, 2, 1)
        if not left_over:
            break
        pull = (weighted @ residual[..., None])[..., 0] + precision * (mean - p)
        np.einsum("gkk->gk", normal)[...] *= 1 + damping[:, None]
        np.einsum("gkk->gk", normal)[...] += precision + 1e-9
        if shared is None:
            step = np.asarray(np.linalg.solve(normal, pull[..., None])[..., 0], np.float64)
            p = _bounded(p, step, level)
        else:
            swing = np.ptp(np.where(profiles.use > 0, profiles.seen, profiles.seen[:, :1]), axis=1)
            p = _bounded(p, shared.step(normal, pull, np.hypot(scale, MISMATCH * swing)), level)
            p[:, LOG_BLUR], p[:, AMOUNT] = shared.values()
    return _edges(p, t, normal + (precision + 1e-9)[:, None] * np.eye(PARAMETERS), profiles, scale, kept[-1])


MISMATCH = 0.15
"""Share of the contrast by which a shaft may differ from the model: no profile alone settles the camera."""


def _priors(start: Floats, prior: Prior) -> tuple[Floats, Floats]:
    mean, sd = np.zeros_like(start), np.full_like(start, np.inf)
    mean[:, LOG_BLUR], sd[:, LOG_BLUR] = prior.log_blur, prior.log_blur_sd
    mean[:, AMOUNT], sd[:, AMOUNT] = prior.amount, prior.amount_sd
    mean[:, C0], sd[:, C0] = prior.c0, prior.c0_sd
    return mean, sd


def _bound_light(sd: Floats, p: Floats, profiles: Profiles, level: Floats) -> None:
    """Priors of the skin's slope and of the shaft's unevenness, in place."""
    sd[:, SLOPE] = STEEPEST_SKIN * level / np.abs(profiles.offsets_px).max()
    shaft = np.where(profiles.straight, np.abs(p[:, C0]), np.maximum(p[:, SKIN] + p[:, C0], 0.01))
    sd[:, C1:] = LIGHT_SHARE * np.maximum(shaft, 1e-4)[:, None]


def _state(profiles: Profiles, p: Floats, smooth: Floats, mean: Floats, sd: Floats) -> tuple[Floats, ...]:
    """Parameters, derivatives, residuals, their scale, weights, the priors' 1 / SD^2, and the loss."""
    t = profiles.offsets_px
    value, d = model(t, p, profiles.straight, smooth)
    depth = np.minimum(t - p[:, LEFT, None], p[:, RIGHT, None] - t)
    use = profiles.use * np.where(depth < 2.5 * np.exp(p[:, LOG_BLUR])[:, None] + 1.0, 1.0, DEEP)
    n = np.maximum(use.sum(axis=1), 8)
    residual = np.where(use > 0, profiles.seen - value, 0.0)
    scale = 1.2533 * (use * np.abs(residual)).sum(axis=1) / n * (1 + 6 / n)
    scale = np.clip(np.nan_to_num(scale, nan=MOST_SCALE), LEAST_SCALE, MOST_SCALE)
    weight = use * np.minimum(1, HUBER * scale[:, None] / (np.abs(residual) + 1e-9))
    loss = n * np.log(scale) + 0.5 * (((p - mean) / sd) ** 2).sum(axis=1)
    return p, d, residual, scale, weight, 1 / sd**2, loss


def _bounded(p: Floats, step: Floats, level: Floats) -> Floats:
    """One step: edges by at most a quarter of the width, and kept in order; the light by what there is."""
    limit = np.empty_like(p)
    limit[:, :SKIN] = np.clip(0.25 * (p[:, RIGHT] - p[:, LEFT]), 0.3, 2.0)[:, None]
    limit[:, SKIN:LOG_BLUR] = level[:, None]
    limit[:, LOG_BLUR], limit[:, AMOUNT] = 0.3, 0.5
    limit[:, C0:] = 0.7 * level[:, None]
    p = p + np.clip(np.nan_to_num(step), -limit, limit)
    middle, half = (p[:, LEFT] + p[:, RIGHT]) / 2, np.maximum((p[:, RIGHT] - p[:, LEFT]) / 2, 0.25)
    p[:, LEFT], p[:, RIGHT] = middle - half, middle + half
    p[:, LOG_BLUR] = np.clip(p[:, LOG_BLUR], np.log(0.3), np.log(8.0))
    p[:, AMOUNT] = np.clip(p[:, AMOUNT], -0.2, 3.0)
    return p


def _edges(p: Floats, t: Floats, normal: Floats, profiles: Profiles, scale: Floats, loss: Floats) -> Edges:
    known = np.array([k for k in range(PARAMETERS) if k != LOG_BLUR])
    width = np.zeros(PARAMETERS)
    width[LEFT], width[RIGHT] = -1, 1
    along = np.linalg.solve(normal[:, known[:, None], known], np.tile(width[known, None], (len(p), 1, 1)))
    along = along[..., 0]
    # Samples closer than 1 px repeat the same pixels: their errors are not independent.
    variance = scale**2 * max(1.0, 1.0 / float(t[1] - t[0]))
    _, bend = encoded(np.maximum(p[:, SKIN], 0.01), profiles.straight)
    return Edges(
        parameters=p,
        width_se_px=np.sqrt(np.maximum(along @ width[known], 0) * variance),
        width_by_log_blur_px=-(along * normal[:, known, LOG_BLUR]).sum(axis=1),
        contrast=np.abs(p[:, C0]) * bend,
        scale=scale,
        loss=loss,
    )
