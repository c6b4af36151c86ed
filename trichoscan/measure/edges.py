"""Both edges of a shaft in a profile, by least squares on what the camera made of it (`stripe`).

Noise is even in what is seen, so residuals are taken there. All profiles are fitted at once by a damped
Gauss-Newton iteration with Huber weights.

Letters for shapes: G profiles, T samples across the shaft, P parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from trichoscan.measure.stripe import (
    AMOUNT,
    C0,
    C2,
    GLOSS,
    GLOSS_SD,
    LEFT,
    LIGHT_LEFT,
    LIGHT_RIGHT,
    LOG_BLUR,
    NEXT_LEFT,
    NEXT_RIGHT,
    PARAMETERS,
    PLACE,
    RIGHT,
    SHADE,
    SKIN,
    SLOPE,
    WITH_NEIGHBOURS,
    decoded,
    encoded,
    model,
    smoothing,
)

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

HUBER = 1.5
"""Residuals beyond so many robust standard deviations count less."""
WITHIN_SHARE = np.array([np.inf, 0.1, 0.2, 0.4])
"""Prior standard deviation of c_0 ... c_2 and the gloss, as a share of the brighter of skin and shaft, in a
photo of which nothing is known yet: rims differ little, lines of gloss are about as bright as the skin."""
MEAN_WITHIN = np.array([1.0, 0.0, 2 / 3, GLOSS_SD * np.sqrt(np.pi / 2)])
"""Means over the shaft of what c_0 ... c_2 and the gloss stand for."""
MIXED_LIGHT = 0.65
"""Light of shafts that only a mix of channels shows, sRGB 0-1: about as light as skin."""
PALE_MIDDLE = 3.0
"""That of c_2 is so many times larger in a shaft as light as the skin: light comes through it and is bent."""
MIDDLE_SHARE, EVEN_SD = 0.45, 0.1
"""Mean of c_2 and its spread below that, as shares of the shaft's own light: what lets light through bends it
away at its rims, which look dark. On phantoms, seeds 2000 to 2040, the best of 0, 0.3, 0.35 and 0.45, and of
0, 0.1 and 0.3 to 0.5."""
PLACE_SD = 0.3
"""Of the place of the gloss, in half widths: lamps stand 30-50 degrees off the axis."""
TEXTURE_PX = 2.0
"""So far along a profile skin's texture, JPEG and interpolated noise are one value: samples weigh so much
less beside what is known before. Of 0.5, 1, 2 and 4 the best on phantoms, seeds 2000 to 2040."""
DARKER_SHARE = 0.03
"""The same of c_2 and gloss below their mean: a shaft's middle is brighter than its rims, by gloss or, where
it is pale, for the light that rims bend away."""
DEEP = 0.03
"""Weight of samples so deep within a wide shaft that its edges do not reach them: gloss lies there."""
SHARPEN_PX = 1.3
"""Radius of the cameras' sharpening; 0.9 to 2 px are in use and look alike."""
SKIN_SD = 0.15
"""Of the skin beside a shaft against that about it, as a share."""
FAR_PX = 1e3
"""Place of a neighbour that is not there."""
MOST_SHADE = 0.4
"""Prior standard deviation of the shade's strength, as a share of the skin's light, in a photo of which
nothing is known yet."""
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
        Left and right edge, px; skin; slope; log blur; amount of sharpening; c_0 ... c_4; shade; and, where
        neighbours touch, where they begin on the left and right, px, and their light above the skin's.
    width_se_px : (G,) float64
        Standard error of the width from the residuals, with the blur as known.
    width_prior_se_px : (G,) float64
        The part of it that comes from what was known before, which a hair's profiles have in common.
    width_by_log_blur_px : (G,) float64
        Change of the fitted width with the logarithm of the blur assumed.
    contrast : (G,) float64
        Root mean square difference between shaft and skin, about, in sRGB 0-1.
    paleness : (G,) float64
        Light of the shaft's rims over their difference from skin, by which edges are seen; both sRGB.
    scale : (G,) float64
        Standard deviation of the residuals, sRGB 0-1.
    loss : (G,) float64
        Negative logarithm of the posterior, but for a constant.
    """

    parameters: Floats
    width_se_px: Floats
    width_prior_se_px: Floats
    width_by_log_blur_px: Floats
    contrast: Floats
    paleness: Floats
    scale: Floats
    loss: Floats

    def take(self, index: NDArray[np.intp]) -> Edges:
        """Those of `index`."""
        return Edges(*(getattr(self, field.name)[index] for field in fields(self)))

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
    shade_px : float
        Spread of light in the skin that makes the shade beside a shaft.
    """

    seen: Floats
    use: Floats
    offsets_px: Floats
    straight: Bools
    shade_px: float

    @property
    def repeats(self) -> float:
        """Samples over which skin's texture and noise are one and the same."""
        return TEXTURE_PX / float(self.offsets_px[1] - self.offsets_px[0])

    def take(self, index: NDArray[np.intp]) -> Profiles:
        """Those of `index`."""
        return Profiles(
            self.seen[index], self.use[index], self.offsets_px, self.straight[index], self.shade_px
        )


@dataclass(frozen=True, eq=False)
class Prior:
    """Normal priors of log blur and amount, each (G,) float64; an infinite SD is none.

    `within` and `within_sd` (G, 4) are those of the light within the shaft; a NaN SD is that of a photo of
    which nothing is known. `shade` is mean and SD of the shade's strength, as a share of the light.
    Where neighbours touch, `edges` and `edges_sd` (G, 4) are those of left and right edge and of where the
    neighbours begin, and `skin` (G,) is the light of the skin about, within `SKIN_SD`.
    """

    log_blur: Floats
    log_blur_sd: Floats
    amount: Floats
    amount_sd: Floats
    within: Floats
    within_sd: Floats
    shade: tuple[float, float] = (0.0, MOST_SHADE)
    edges: Floats | None = None
    edges_sd: Floats | None = None
    skin: Floats | None = None


class SharedStep(Protocol):
    """Steps parameters that all profiles share."""

    def step(self, normal: Floats, pull: Floats, floor: Floats) -> Floats:
        """(G, P) step for normal equations (G, P, P), (G, P) and residuals' scale (G,)."""

    def values(self) -> tuple[Floats, Floats]:
        """Log blur and amount, each (G,), after the step."""


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


def with_neighbours(profiles: Profiles, start: Floats, next_px: Floats) -> Floats:
    """First guess (G, 16) of sections with neighbours that begin at next_px (G, 2); `FAR_PX` off is none."""
    t, p = profiles.offsets_px, np.pad(start, ((0, 0), (0, WITH_NEIGHBOURS - PARAMETERS)))
    light = np.where(profiles.straight[:, None], profiles.seen, decoded(profiles.seen))
    p[:, NEXT_LEFT], p[:, NEXT_RIGHT] = next_px.T
    for edge, own, sign in ((NEXT_LEFT, LIGHT_LEFT, -1), (NEXT_RIGHT, LIGHT_RIGHT, 1)):
        there = (profiles.use > 0) & (sign * (t - p[:, edge, None]) > 1)
        n = there.sum(axis=1)
        seen = np.where(there, light, 0).sum(axis=1) / np.maximum(n, 1) - p[:, SKIN]
        p[:, own] = np.where(n > 0, seen, np.where(np.abs(p[:, edge]) < FAR_PX, p[:, C0], 0.0))
    return p


def joined(parts: Sequence[Edges], order: NDArray[np.intp], parameters: int) -> Edges:
    """Fits of several groups of profiles in an order, with so many of the parameters as all have."""
    own = np.concatenate([part.parameters[:, :parameters] for part in parts])
    rest = [field.name for field in fields(Edges)[1:]]
    return Edges(own, *(np.concatenate([getattr(part, name) for part in parts]) for name in rest)).take(order)


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
    p, damping = start, np.full(len(start), 1e-3)
    level = np.asarray(np.abs(p[:, SKIN]) + np.abs(p[:, C0]), np.float64)
    mean, sd, sd_below = _priors(profiles, start, prior, level)
    kept: tuple[Floats, ...] = ()
    for left_over in range(iterations, -1, -1):
        state = _state(profiles, p, smooth, mean, sd, sd_below)
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
        precision = profiles.repeats * scale[:, None] ** 2 * tight
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
    return _edges(p, normal, precision + 1e-9, profiles, scale, kept[-1])


MISMATCH = 0.15
"""Share of the contrast by which a shaft may differ from the model: no profile alone settles the camera."""


def _priors(profiles: Profiles, start: Floats, prior: Prior, level: Floats) -> tuple[Floats, ...]:
    """Mean and standard deviations (G, P), above and below it, from what is known and the first guess."""
    mean, sd = np.zeros_like(start), np.full_like(start, np.inf)
    mean[:, LOG_BLUR], sd[:, LOG_BLUR] = prior.log_blur, prior.log_blur_sd
    mean[:, AMOUNT], sd[:, AMOUNT] = prior.amount, prior.amount_sd
    sd[:, SLOPE] = STEEPEST_SKIN * level / np.abs(profiles.offsets_px).max()
    most = np.where(profiles.straight, np.abs(start[:, C0]), start[:, SKIN] + np.maximum(start[:, C0], 0))
    usual = WITHIN_SHARE * np.maximum(most, 0.01)[:, None]
    own = np.abs(start[:, C0] + np.where(profiles.straight, 0.0, start[:, SKIN]))
    usual[:, 2] *= np.clip(PALE_MIDDLE * own / np.maximum(most, 0.01), 1.0, PALE_MIDDLE)
    mean[:, C0:PLACE] = prior.within
    unknown = np.isnan(prior.within_sd[:, 2])
    mean[unknown, C2] = MIDDLE_SHARE * own[unknown]
    sd[:, C0:PLACE] = np.where(np.isnan(prior.within_sd), usual, prior.within_sd)
    sd[:, PLACE] = PLACE_SD
    unit = np.where(profiles.straight, level, 1.0)
    mean[:, SHADE], sd[:, SHADE] = prior.shade[0] * unit, prior.shade[1] * unit
    if prior.edges is not None and prior.edges_sd is not None and prior.skin is not None:
        places = [LEFT, RIGHT, NEXT_LEFT, NEXT_RIGHT]
        mean[:, places], sd[:, places] = prior.edges, prior.edges_sd
        mean[:, SKIN], sd[:, SKIN] = prior.skin, SKIN_SD * np.abs(prior.skin)
        for edge, light in ((NEXT_LEFT, LIGHT_LEFT), (NEXT_RIGHT, LIGHT_RIGHT)):
            sd[np.abs(start[:, edge]) >= FAR_PX, light] = 1e-6
    below = sd.copy()
    darker = np.isnan(prior.within_sd) * DARKER_SHARE * np.maximum(most, 0.01)[:, None]
    below[:, [C2, GLOSS]] = np.where(darker > 0, darker, below[:, C0:PLACE])[:, [2, 3]]
    below[unknown, C2] = np.hypot(below[unknown, C2], EVEN_SD * own[unknown])
    return mean, sd, below


def _state(
    profiles: Profiles, p: Floats, smooth: Floats, mean: Floats, above: Floats, below: Floats
) -> tuple[Floats, ...]:
    """Parameters, derivatives, residuals, their scale, weights, the priors' 1 / SD^2, and the loss."""
    t = profiles.offsets_px
    sd = np.where(p < mean, below, above)
    value, d = model(t, p, profiles.straight, smooth, profiles.shade_px)
    depth = np.minimum(t - p[:, LEFT, None], p[:, RIGHT, None] - t)
    use = profiles.use * np.where(depth < 2.5 * np.exp(p[:, LOG_BLUR])[:, None] + 1.0, 1.0, DEEP)
    n = np.maximum(use.sum(axis=1), 8)
    residual = np.where(use > 0, profiles.seen - value, 0.0)
    scale = 1.2533 * (use * np.abs(residual)).sum(axis=1) / n * (1 + 6 / n)
    scale = np.clip(np.nan_to_num(scale, nan=MOST_SCALE), LEAST_SCALE, MOST_SCALE)
    weight = use * np.minimum(1, HUBER * scale[:, None] / (np.abs(residual) + 1e-9))
    loss = n / profiles.repeats * np.log(scale) + 0.5 * (((p - mean) / sd) ** 2).sum(axis=1)
    return p, d, residual, scale, weight, 1 / sd**2, loss


def _bounded(p: Floats, step: Floats, level: Floats) -> Floats:
    """One step: edges by at most a quarter of the width, and kept in order; the light by what there is."""
    limit = np.empty_like(p)
    limit[:, :SKIN] = np.clip(0.25 * (p[:, RIGHT] - p[:, LEFT]), 0.3, 2.0)[:, None]
    limit[:, SKIN:LOG_BLUR] = level[:, None]
    limit[:, LOG_BLUR], limit[:, AMOUNT] = 0.3, 0.5
    limit[:, C0:] = 0.7 * level[:, None]
    limit[:, PLACE] = 0.2
    limit[:, NEXT_LEFT : NEXT_RIGHT + 1] = 1.0
    p = p + np.clip(np.nan_to_num(step), -limit, limit)
    middle, half = (p[:, LEFT] + p[:, RIGHT]) / 2, np.maximum((p[:, RIGHT] - p[:, LEFT]) / 2, 0.25)
    p[:, LEFT], p[:, RIGHT] = middle - half, middle + half
    if p.shape[1] == WITH_NEIGHBOURS:
        p[:, NEXT_LEFT] = np.minimum(p[:, NEXT_LEFT], p[:, LEFT])
        p[:, NEXT_RIGHT] = np.maximum(p[:, NEXT_RIGHT], p[:, RIGHT])
    p[:, PLACE] = np.clip(p[:, PLACE], -0.7, 0.7)
    p[:, LOG_BLUR] = np.clip(p[:, LOG_BLUR], np.log(0.3), np.log(8.0))
    p[:, AMOUNT] = np.clip(p[:, AMOUNT], -0.6, 3.0)
    return p


def _edges(
    p: Floats, normal: Floats, precision: Floats, profiles: Profiles, scale: Floats, loss: Floats
) -> Edges:
    normal = normal + precision[:, None] * np.eye(p.shape[1])
    known = np.array([k for k in range(p.shape[1]) if k != LOG_BLUR])
    width = np.zeros(p.shape[1])
    width[LEFT], width[RIGHT] = -1, 1
    along = np.linalg.solve(normal[:, known[:, None], known], np.tile(width[known, None], (len(p), 1, 1)))
    along = along[..., 0]
    variance = scale**2 * profiles.repeats
    common = [k for k in range(known.size) if known[k] not in (SLOPE, PLACE)]
    prior = (along[:, common] ** 2 * precision[:, known[common]]).sum(axis=1)
    _, bend = encoded(np.maximum(p[:, SKIN], 0.01), profiles.straight)
    rims, _ = encoded(np.maximum(p[:, SKIN] + p[:, C0], 0.0), profiles.straight)
    return Edges(
        parameters=p,
        width_se_px=np.sqrt(np.maximum(along @ width[known], 0) * variance),
        width_prior_se_px=np.sqrt(prior * variance),
        width_by_log_blur_px=-(along * normal[:, known, LOG_BLUR]).sum(axis=1),
        contrast=np.hypot(p[:, C0 : GLOSS + 1] @ MEAN_WITHIN, 0.3 * p[:, C2]) * bend,
        paleness=np.where(profiles.straight, MIXED_LIGHT, rims) / np.maximum(np.abs(p[:, C0]) * bend, 1e-3),
        scale=scale,
        loss=loss,
    )
