"""Courses and widths of hair shafts, in micrometres.

A curl is a helix whose axis follows the course of straight hair and leans a little out of the skin; what
lies on the photo is its projection. Letters for shapes: K hairs, N points of a path.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.biology import Form
from trichoscan.phantom.style import Style

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PATH_STEP_UM = 40.0
"""Distance of path points, where curls are wide: ten px at 4 um/px."""

STEP_PER_RADIUS = 0.16
"""Longest step in radii of a curl: a chord then stays within 0.0032 radii of its arc, 1 um at 0.3 mm."""

BEND_FADES_UM = 3500.0
"""Over this length a shaft's bend fades: long hair is straight where its own weight pulls."""

HOOK_UM = 350.0
"""Over this length a shaft that leaves the skin sideways turns into the field's direction."""

CURL_RADIUS_UM: dict[Form, tuple[float, float]] = {
    "wavy": (4000.0, 12_000.0),
    "curly": (1200.0, 4000.0),
    "coily": (220.0, 1200.0),
}
"""African hair curls to a few mm across and less (liquisearch.com, afro-textured hair); bounds our choice."""

PITCH: dict[Form, tuple[float, float]] = {"wavy": (1.0, 3.0), "curly": (0.4, 1.5), "coily": (0.15, 0.9)}
"""Advance along the axis for a radian of turning, in radii; our choice."""

TILT_RAD = (0.1, 1.2)
"""Lean of the axis out of the skin: flat waves where small, open loops where large; our choice."""

PHASE_DRIFT = 0.18
"""SD of the slow change of the curl's rate of turning, as a share; our choice."""

NOTCH_UM = 130.0
"""Distance at which the width of clipped stubble is drawn anew: real stubs are lumpy at this scale."""

LUMPY = 0.05
"""SD of stubble's width about its mean along the shaft, by eye beside real photos."""


def arc(path: Floats) -> Floats:
    """(N,) distance of the points of an (N, 2) path from its first one along it, in the path's unit."""
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])


def mean_width(path: Floats, width: Floats) -> float:
    """Mean of widths (N,) over the length of a path (N, 2), in the widths' unit.

    Over the whole shaft this is the hair's diameter wherever the truth speaks of one.
    """
    step = np.diff(arc(path))
    return float(((width[1:] + width[:-1]) / 2 * step).sum() / step.sum())


@dataclass(frozen=True, eq=False)
class Curl:
    """Helices of K hairs: all (K, 1) float64.

    Attributes
    ----------
    turning, advance : (K, 1) float64
        Share of the shaft's way that goes round the axis and along it; squares add up to 1.
    radius_um, tilt_rad, phase_rad : (K, 1) float64
    drift, drift_um, drift_rad : (K, 1) float64
        Share, wavelength and phase of the slow change of the rate of turning.
    """

    turning: Floats
    advance: Floats
    radius_um: Floats
    tilt_rad: Floats
    phase_rad: Floats
    drift: Floats
    drift_um: Floats
    drift_rad: Floats


def draw_curl(form: Form, group: Ints, rng: np.random.Generator) -> Curl | None:
    """Draw the curl of K hairs: of one size for the head, nearly alike within a unit.

    Parameters
    ----------
    form : str
    group : (K,) int64
        Number of each hair's unit.
    rng : numpy Generator

    Returns
    -------
    Curl or None
        None for straight hair.
    """
    if form == "straight" or not len(group):
        return None
    low, high = CURL_RADIUS_UM[form]
    head = np.exp(rng.uniform(np.log(low), np.log(high)))
    units = int(group.max()) + 1

    def shared(unit_sd: float, own_sd: float) -> Floats:
        return np.asarray(rng.normal(0, unit_sd, units)[group] + rng.normal(0, own_sd, len(group)))[:, None]

    radius = np.clip(head * np.exp(shared(0.22, 0.06)), 0.7 * low, 1.4 * high)
    pitch = rng.uniform(*PITCH[form]) * np.exp(shared(0.2, 0.08))
    return Curl(
        turning=1 / np.hypot(1, pitch) * rng.choice([-1.0, 1.0], units)[group][:, None],
        advance=pitch / np.hypot(1, pitch),
        radius_um=radius,
        tilt_rad=np.clip(rng.uniform(*TILT_RAD) + shared(0.2, 0.05), 0.0, 1.4),
        phase_rad=rng.uniform(0, 2 * np.pi, units)[group][:, None] + shared(0.0, 0.25),
        drift=np.abs(shared(PHASE_DRIFT, 0.02)).clip(0, 0.5),
        drift_um=head * rng.uniform(6, 20, units)[group][:, None],
        drift_rad=rng.uniform(0, 2 * np.pi, units)[group][:, None],
    )


def grow_paths(
    roots_um: Floats,
    angles_rad: Floats,
    lengths_um: Floats,
    style: Style,
    rng: np.random.Generator,
    unit: Ints | None = None,
    form: Form = "straight",
) -> list[Floats]:
    """Draw the centre line of each hair from its root.

    The shaft leaves at its own angle, turns towards the combing direction, bends, waves and curls. Much
    of this is common to the site, more to the hairs of a unit: they run together before they part.

    Parameters
    ----------
    roots_um : (K, 2) float64
    angles_rad, lengths_um : (K,) float64
        Lengths of the shafts; a curl's projection is shorter.
    style : Style
    rng : numpy Generator
    unit : (K,) int64 or None
        Hairs of a number share most of their course; None: each hair for itself.
    form : str

    Returns
    -------
    list of K arrays (N, 2) float64
        Root first, um.
    """
    k = len(roots_um)
    if k == 0:
        return []
    group = np.arange(k) if unit is None else unit
    curl = draw_curl(form, group, rng)
    longest = PATH_STEP_UM
    if curl is not None:
        longest = min(longest, STEP_PER_RADIUS * float(curl.radius_um.min()))
    counts = np.maximum(np.ceil(lengths_um / longest).astype(int) + 1, 4)
    step = (lengths_um / (counts - 1))[:, None]
    s = (np.arange(int(counts.max()) - 1) + 0.5) * step
    angle = angles_rad[:, None] + _course(s, group, style, rng)
    way = tangents(angle, s, curl) * step[..., None]
    points = np.concatenate([np.zeros((k, 1, 2)), np.cumsum(way, axis=1)], axis=1) + roots_um[:, None]
    return [points[i, : counts[i]] for i in range(k)]


def _course(s: Floats, group: Ints, style: Style, rng: np.random.Generator) -> Floats:
    """Turn of the shaft (of a curl's axis) from its angle at the root, at arc lengths s (K, N)."""
    k = len(group)

    def shared(sd: float, site: float, own: float) -> Floats:
        """Draw (K, 1): for the site once, for each unit, for each hair."""
        units = rng.normal(0, sd, int(group.max()) + 1)[group]
        return np.asarray((rng.normal(0, sd * site) + units + rng.normal(0, sd * own, k))[:, None])

    comb = shared(style.comb_rad, 1.0, 0.2)
    bend = shared(style.bend_rad_per_mm / 1000.0, 1.0, 0.35)
    hook = shared(style.hook_rad, 1.0, 0.15)
    wave = shared(style.wave_rad, 0.0, 0.2)
    period = rng.uniform(2500, 7000, (k, 1))
    phase = rng.uniform(0, 2 * np.pi, (k, 1))
    turn = comb * (1 - np.exp(-s / 1200.0))
    turn += bend * BEND_FADES_UM * (1 - np.exp(-s / BEND_FADES_UM))
    if style.hook_rad > 0:
        turn += hook * np.exp(-s / HOOK_UM)
    if style.wave_rad > 0:
        turn += wave * (np.sin(2 * np.pi * s / period + phase) - np.sin(phase))
    return turn


def tangents(angle: Floats, s: Floats, curl: Curl | None) -> Floats:
    """(K, N, 2) direction on the skin of each step; shorter than 1 where a curl rises from it."""
    if curl is None:
        return np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    rate = np.abs(curl.turning) / curl.radius_um
    slow = curl.drift_um / (2 * np.pi)
    uneven = curl.drift * slow * (np.sin(s / slow + curl.drift_rad) - np.sin(curl.drift_rad))
    turn = curl.phase_rad + rate * (s + uneven)
    up, flat = np.sin(curl.tilt_rad), np.cos(curl.tilt_rad)
    along = curl.advance * flat + curl.turning * up * np.cos(turn)
    across = -curl.turning * np.sin(turn)
    # The shaft itself, not the axis, leaves at the angle of the unit.
    first = np.arctan2(
        -curl.turning * np.sin(curl.phase_rad),
        curl.advance * flat + curl.turning * up * np.cos(curl.phase_rad),
    )
    axis = angle - first * np.exp(-s / (3 * curl.radius_um))
    c, d = np.cos(axis), np.sin(axis)
    return np.stack([along * c - across * d, along * d + across * c], axis=-1)


def shaft_widths(
    n: int, width_um: float, tapered: bool, rng: np.random.Generator, narrow: float = 1.0
) -> Floats:
    """Diameter at N points of a shaft: slightly uneven, thinner towards an uncut tip, `narrow` at the root.

    Returns
    -------
    (N,) float64
        um.
    """
    s = np.linspace(0, 1, n)
    uneven = 1 + np.interp(s, np.linspace(0, 1, 6), rng.normal(0, 0.035, 6))
    uneven[:2] *= (narrow, 0.5 + 0.5 * narrow)
    taper = np.interp(s, [0.0, 0.6, 1.0], [1.0, 0.85, 0.15]) if tapered else 1.0
    return np.asarray(width_um * uneven * taper)


def exclamation_widths(n: int, width_um: float, rng: np.random.Generator) -> Floats:
    """(N,) um of a broken hair of alopecia areata: thinner towards the root, like the stroke of a "!"."""
    knee, root = rng.uniform(0.5, 0.9), rng.uniform(0.25, 0.5)
    return np.asarray(width_um * np.interp(np.linspace(0, 1, n), [0.0, knee, 1.0], [root, 1.0, 1.0]))


def stub_widths(path_um: Floats, width_um: float, narrow: float, rng: np.random.Generator) -> Floats:
    """(N,) um of clipped stubble: lumpy, `narrow` at the root, splayed or nipped at the cut end."""
    n = len(path_um)
    length = float(arc(path_um)[-1])
    knots = max(int(length / NOTCH_UM), 1) + 2
    lumps = rng.normal(0, LUMPY, knots)
    lumps[-1] += rng.normal(0, 0.07)
    uneven = 1 + np.interp(np.linspace(0, 1, n), np.linspace(0, 1, knots), lumps)
    uneven *= np.interp(np.linspace(0, length, n), [0.0, 2 * PATH_STEP_UM], [narrow, 1.0])
    return np.asarray(width_um * np.clip(uneven, 0.5, 1.5))
