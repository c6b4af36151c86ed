"""Both edges of a shaft in a profile, by least squares.

The model of one profile is the light of a blurred stripe on skin,

    skin + slope t + contrast (Phi((t - left) / blur) - Phi((t - right) / blur)) + gloss(t),

Phi the normal distribution's integral, left and right free, gloss a bright line along the middle of
the shaft. All profiles are fitted at once by a damped Gauss-Newton iteration with Huber weights.

Letters for shapes: G profiles, T samples across the shaft.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

LEFT, RIGHT, SKIN, SLOPE, CONTRAST, GLOSS, LOG_BLUR = range(7)
HUBER = 1.5
"""Residuals beyond so many robust standard deviations count less."""
GLOSS_SHARE = 0.3
"""Prior standard deviation of the gloss line's light, as a share of the contrast."""
GLOSS_WIDTH = 1 / 6
"""Standard deviation of the gloss line across the shaft, as a share of its width."""
BATCH = 1500
"""Profiles fitted at once: bounds the memory."""


@dataclass(frozen=True, eq=False)
class Edges:
    """What was fitted to G profiles.

    Attributes
    ----------
    left_px, right_px : (G,) float64
        Edges, signed distance from the window's centre.
    blur_px, contrast : (G,) float64
        Standard deviation of the blur; light of the shaft less that of the skin.
    width_se_px, log_blur_se : (G,) float64
        Standard errors from the residuals; of the width with the blur taken as known.
    width_by_log_blur_px : (G,) float64
        Change of the fitted width with the logarithm of the blur assumed.
    """

    left_px: NDArray[np.float64]
    right_px: NDArray[np.float64]
    blur_px: NDArray[np.float64]
    contrast: NDArray[np.float64]
    width_se_px: NDArray[np.float64]
    log_blur_se: NDArray[np.float64]
    width_by_log_blur_px: NDArray[np.float64]

    @property
    def width_px(self) -> NDArray[np.float64]:
        """(G,) distance of the edges."""
        return self.right_px - self.left_px

    @property
    def centre_px(self) -> NDArray[np.float64]:
        """(G,) middle of the edges."""
        return (self.left_px + self.right_px) / 2


def fit_edges(
    profiles: NDArray[np.float64],
    use: NDArray[np.bool_],
    offsets_px: NDArray[np.float64],
    left_px: NDArray[np.float64],
    right_px: NDArray[np.float64],
    blur_px: NDArray[np.float64],
    log_blur_sd: NDArray[np.float64],
    iterations: int,
) -> Edges:
    """Fit the model to every profile.

    Parameters
    ----------
    profiles : (G, T) float64
        Linear light.
    use : (G, T) bool
        Samples that show this shaft and the skin beside it.
    offsets_px : (T,) float64
        Equally spaced.
    left_px, right_px : (G,) float64
        First guess.
    blur_px, log_blur_sd : (G,) float64
        Prior of the blur: log-normal with this median and standard deviation.
    iterations : int

    Returns
    -------
    Edges
    """
    parts = []
    for first in range(0, max(len(profiles), 1), BATCH):
        k = slice(first, first + BATCH)
        guess = (left_px[k], right_px[k], blur_px[k], log_blur_sd[k])
        parts.append(_fit_batch(profiles[k], use[k], offsets_px, *guess, iterations))
    return Edges(*np.concatenate(parts, axis=1))


def _model(t: NDArray[np.float64], p: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(G, T) light and its (G, 7, T) derivatives."""
    left, right, skin, slope, contrast, gloss, log_blur = (p[:, k, None] for k in range(7))
    blur = np.exp(log_blur)
    u, v = (t - left) / blur, (t - right) / blur
    box = ndtr(u) - ndtr(v)
    at_left, at_right = (contrast / np.sqrt(2 * np.pi) * np.exp(-0.5 * z * z) for z in (u, v))
    line = np.exp(-0.5 * ((t - (left + right) / 2) / (GLOSS_WIDTH * (right - left))) ** 2)
    slopes = np.empty((len(p), 7, t.size))
    slopes[:, LEFT] = -at_left / blur
    slopes[:, RIGHT] = at_right / blur
    slopes[:, SKIN] = 1
    slopes[:, SLOPE] = t
    slopes[:, CONTRAST] = box
    slopes[:, GLOSS] = line
    slopes[:, LOG_BLUR] = v * at_right - u * at_left
    return skin + slope * t + contrast * box + gloss * line, slopes


def _fit_batch(
    light: NDArray[np.float64],
    use: NDArray[np.bool_],
    t: NDArray[np.float64],
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    blur: NDArray[np.float64],
    log_blur_sd: NDArray[np.float64],
    iterations: int,
) -> NDArray[np.float64]:
    inside = use & (t > left[:, None]) & (t < right[:, None])
    beside = use & ~((t > left[:, None] - 1) & (t < right[:, None] + 1))
    skin = _mean(light, beside)
    contrast = _mean(light, inside) - skin
    unit = np.maximum(np.abs(contrast), 1e-4)
    data = np.where(use, (light - skin[:, None]) / unit[:, None], 0.0)
    n = np.maximum(use.sum(axis=1), 8)
    zero = np.zeros_like(skin)
    p = np.stack([left, right, zero, zero, np.sign(contrast), zero, np.log(blur)], axis=1)
    prior, prior_sd = p.copy(), np.full_like(p, np.inf)
    prior_sd[:, LOG_BLUR] = log_blur_sd
    prior_sd[:, SLOPE] = 0.5 / np.abs(t).max()
    scale = np.full(len(p), 0.1)
    for _ in range(iterations):
        model, slopes = _model(t, p)
        residual = np.where(use, data - model, 0.0)
        scale = np.clip(1.2533 * np.abs(residual).sum(axis=1) / (n - 6), 0.004, 0.5)
        weight = np.where(use, np.minimum(1, HUBER * scale[:, None] / (np.abs(residual) + 1e-9)), 0.0)
        # No gloss line is told apart within a shaft that is hardly wider than its edges.
        wide = (p[:, RIGHT] - p[:, LEFT]) > 5 * np.exp(p[:, LOG_BLUR])
        prior_sd[:, GLOSS] = np.where(wide, GLOSS_SHARE, 1e-3)
        precision = (scale[:, None] / prior_sd) ** 2
        weighted = slopes * weight[:, None]
        normal = weighted @ slopes.transpose(0, 2, 1)
        pull = (weighted @ residual[..., None])[..., 0] + precision * (prior - p)
        diagonal = np.einsum("gkk->gk", normal)
        diagonal += precision + 1e-3 * diagonal + 1e-6
        step = np.linalg.solve(normal, pull[..., None])[..., 0]
        p = _bounded(p, step)
    return _summary(p, t, unit, scale, weight, precision)


def _mean(light: NDArray[np.float64], use: NDArray[np.bool_]) -> NDArray[np.float64]:
    total = np.where(use, light, 0.0).sum(axis=1)
    return np.asarray(total / np.maximum(use.sum(axis=1), 1))


def _bounded(p: NDArray[np.float64], step: NDArray[np.float64]) -> NDArray[np.float64]:
    """One step, edges moved by 2 px at most, the blur by a third, and the edges kept in order."""
    limit = np.array([2.0, 2.0, 1.0, 1.0, 0.5, 0.5, 0.35])
    p = p + np.clip(step, -limit, limit)
    middle = (p[:, LEFT] + p[:, RIGHT]) / 2
    half = np.maximum((p[:, RIGHT] - p[:, LEFT]) / 2, 0.25)
    p[:, LEFT], p[:, RIGHT] = middle - half, middle + half
    p[:, LOG_BLUR] = np.clip(p[:, LOG_BLUR], np.log(0.3), np.log(12.0))
    return p


def _summary(
    p: NDArray[np.float64],
    t: NDArray[np.float64],
    unit: NDArray[np.float64],
    scale: NDArray[np.float64],
    weight: NDArray[np.float64],
    precision: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(7, G) rows in the order of the fields of `Edges`."""
    _, slopes = _model(t, p)
    weighted = slopes * weight[:, None]
    normal = weighted @ slopes.transpose(0, 2, 1)
    normal += (precision + 1e-6)[:, None] * np.eye(7)
    known = slice(0, LOG_BLUR)
    inverse = np.linalg.inv(normal[:, known, known])
    # Samples closer than 1 px repeat the same pixels: their errors are not independent.
    variance = scale**2 * max(1.0, 1.0 / (t[1] - t[0]))
    width = np.zeros(6)
    width[LEFT], width[RIGHT] = -1, 1
    along = inverse @ width
    by_blur = -(along * normal[:, known, LOG_BLUR]).sum(axis=1)
    crossed = normal[:, LOG_BLUR, known]
    reduced = normal[:, LOG_BLUR, LOG_BLUR] - np.einsum("gk,gkl,gl->g", crossed, inverse, crossed)
    return np.stack(
        [
            p[:, LEFT],
            p[:, RIGHT],
            np.exp(p[:, LOG_BLUR]),
            p[:, CONTRAST] * unit,
            np.sqrt(np.maximum(along @ width, 0) * variance),
            np.sqrt(variance / np.maximum(reduced - precision[:, LOG_BLUR], 1e-9)),
            by_blur,
        ]
    )
