"""Numbers that a person can name, of crops and of straightened shafts: what they are of, and how far off.

All colours are sRGB grey levels; darkness and contrast are shares of the skin's level, so that exposure
does not count twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from crops import ROOT_AT_PX
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]

WAVELENGTHS_PX = (2, 4, 8, 16, 32, 64)
SKIN_SHARE = 0.85
"""Skin is what is brighter than this share of the crop's 70th percentile; hair lies below 0.6."""
GLINT = 4.0
"""Robust standard deviations above skin at which a point counts as a glint."""


@dataclass(frozen=True, eq=False)
class Statistics:
    """F named statistics of K crops; `values` is (K, F) float64."""

    names: tuple[str, ...]
    values: Floats


def colour(piece: Bytes) -> dict[str, float]:
    """Level and hue of skin and hair, and how they vary within the crop."""
    values = piece.reshape(-1, 3).astype(float)
    grey = values.mean(1)
    bright = np.percentile(grey, 70)
    skin = values[grey > SKIN_SHARE * bright]
    dark = values[grey <= np.percentile(grey, 3)]
    red, green, blue = np.median(skin, axis=0)
    level = skin.mean(1)
    chroma = np.column_stack([skin[:, 0] - skin[:, 1], skin[:, 2] - skin[:, 1]])
    return {
        "skin level": float(np.median(level)),
        "skin red - green": float(red - green),
        "skin blue - green": float(blue - green),
        "skin level SD": float(level.std()),
        "skin red - green SD": float(chroma[:, 0].std()),
        "skin blue - green SD": float(chroma[:, 1].std()),
        "blue follows light (r)": _correlation(level, chroma[:, 1]),
        "red follows light (r)": _correlation(level, chroma[:, 0]),
        "darkest 3 % level": float(dark.mean()),
        "darkest 3 % red - blue": float((dark[:, 0] - dark[:, 2]).mean()),
        "clipped white %": 100 * float((values.min(1) >= 250).mean()),
        "clipped black %": 100 * float((values.max(1) <= 8).mean()),
    }


def texture(piece: Bytes) -> dict[str, float]:
    """Contrast by wavelength, its shape, its direction, glints and noise, on grey skin of level 1."""
    grey = piece.astype(np.float32).mean(2)
    skin = grey > SKIN_SHARE * np.percentile(grey, 70)
    skin = cv2.erode(skin.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=1) > 0
    if skin.sum() < 500:
        skin = np.ones_like(skin)
    flat = (grey / np.median(grey[skin])).astype(np.float32)
    filled = np.where(skin, flat, 1.0).astype(np.float32)
    shown: dict[str, float] = {}
    for wavelength in WAVELENGTHS_PX:
        band = _band(filled, wavelength)[skin]
        spread = float(band.std()) + 1e-6
        shown[f"skin contrast at {wavelength} px %"] = 100 * spread
        if wavelength in (4, 8, 16):
            standard = (band - band.mean()) / spread
            shown[f"skewness at {wavelength} px"] = float((standard**3).mean())
            shown[f"kurtosis at {wavelength} px"] = float((standard**4).mean() - 3)
    shown["one-way-ness at 8 px"] = _coherence(cv2.GaussianBlur(filled, (0, 0), 1.5), skin)
    fine = flat - cv2.GaussianBlur(flat, (0, 0), 2.5)
    robust = 1.4826 * float(np.median(np.abs(fine[skin]))) + 1e-6
    shown["glints %"] = 100 * float((fine[skin] > GLINT * robust).mean())
    shown["pits %"] = 100 * float((fine[skin] < -GLINT * robust).mean())
    shown["noise (median Laplacian) %"] = 100 * float(
        np.median(np.abs(cv2.Laplacian(flat, cv2.CV_32F)[skin]))
    )
    chroma = cv2.Laplacian((piece[..., 0].astype(np.float32) - piece[..., 2]) / 2, cv2.CV_32F)
    shown["colour noise"] = float(np.median(np.abs(chroma[skin])))
    edges = np.hypot(cv2.Sobel(flat, cv2.CV_32F, 1, 0), cv2.Sobel(flat, cv2.CV_32F, 0, 1)) / 8
    shown["sharpest edge (99.5th centile) %"] = 100 * float(np.percentile(edges, 99.5))
    shown["hair %"] = 100 * float((flat < 0.6).mean())
    return shown


def shaft(piece: Bytes) -> dict[str, float]:
    """Width, darkness, rim and sheen of a straightened shaft, and the zone behind its root."""
    values = piece.astype(np.float32)
    grey = values.mean(2)
    skin_colour = np.median(values[grey > SKIN_SHARE * np.percentile(grey, 70)], axis=0)
    skin = float(skin_colour.mean())
    middle = piece.shape[0] // 2
    along = slice(ROOT_AT_PX + 8, ROOT_AT_PX + 45)
    profile = grey[:, along].mean(1) / skin
    core = profile[middle - 3 : middle + 4]
    line = grey[middle - 2 : middle + 3, along].mean(0) / skin
    centre = values[middle - 2 : middle + 3, along].reshape(-1, 3)
    behind = values[middle - 8 : middle + 9, ROOT_AT_PX - 28 : ROOT_AT_PX - 6].reshape(-1, 3).mean(0)
    rows = grey[:, along] / skin
    widths = (rows[middle - 16 : middle + 16] < (1 + core.min()) / 2).sum(0)
    steps = np.abs(np.diff(rows[middle - 16 : middle + 16], axis=0)).max(0) / max(1 - core.min(), 0.05)
    start, later = (
        (grey[:, a : a + 7].mean(1)[middle - 16 : middle + 16] / skin < (1 + core.min()) / 2).sum()
        for a in (ROOT_AT_PX + 8, ROOT_AT_PX + 38)
    )
    rise = grey[middle - 3 : middle + 4, ROOT_AT_PX - 25 : ROOT_AT_PX + 25].mean(0)
    return {
        "shaft level / skin": float(core.min()),
        "shaft level SD along": float(line.std()),
        "shaft red - blue": float((centre[:, 0] - centre[:, 2]).mean()),
        "shaft fine grain %": 100
        * float(np.abs(_band(grey / skin, 4)[middle - 4 : middle + 5, along]).mean()),
        "sheen (centre - rim)": float(profile[middle] - min(profile[middle - 5], profile[middle + 5])),
        "half width px": float(np.median(widths)),
        "half width SD along px": float(widths.std()),
        "edge step, share per px": float(np.median(steps)),
        "width at root / later": float(start / max(later, 1)),
        "zone behind root / skin": float(behind.mean() / skin),
        "zone blue - red shift": float((behind[2] - behind[0]) - (skin_colour[2] - skin_colour[0])),
        "zone fine contrast %": 100
        * float(_band(grey / skin, 4)[middle - 12 : middle + 13, 6:ROOT_AT_PX].std()),
        "root step, share per px": float(np.abs(np.diff(rise)).max() / skin / max(1 - core.min(), 0.05)),
        "rim halo": float(np.percentile(profile, 98) - 1),
    }


def describe(pieces: Bytes, kind: str) -> Statistics:
    """Statistics "colour", "texture" or "shaft" of (K, H, W, 3) crops."""
    one = {"colour": colour, "texture": texture, "shaft": shaft}[kind]
    rows = [one(piece) for piece in pieces]
    return Statistics(tuple(rows[0]), np.nan_to_num(np.array([list(row.values()) for row in rows], float)))


def beside(a: Statistics, b: Statistics) -> Statistics:
    """Both kinds of statistics of the same crops."""
    return Statistics(a.names + b.names, np.hstack([a.values, b.values]))


def _band(grey: NDArray[np.float32], wavelength_px: float) -> NDArray[np.float32]:
    """Difference of two Gaussians that passes about one octave around the wavelength."""
    sigma = wavelength_px / (2 * np.pi)
    fine = grey if sigma < 0.4 else cv2.GaussianBlur(grey, (0, 0), sigma)
    return np.asarray(fine - cv2.GaussianBlur(grey, (0, 0), 2 * sigma), dtype=np.float32)


def _coherence(grey: NDArray[np.float32], where: NDArray[np.bool_]) -> float:
    """0: gradients to all sides alike; 1: all one way (structure tensor of the whole crop)."""
    x, y = cv2.Sobel(grey, cv2.CV_32F, 1, 0)[where], cv2.Sobel(grey, cv2.CV_32F, 0, 1)[where]
    xx, yy, xy = float((x * x).mean()), float((y * y).mean()), float((x * y).mean())
    return float(np.hypot(xx - yy, 2 * xy) / (xx + yy + 1e-12))


def _correlation(a: Floats, b: Floats) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 0.0
