"""The microscope of a phantom: where it looks, its light, its lens, its sensor and its JPEG."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.layout import rotation
from trichoscan.phantom.sensor import DEMOSAICING, kept_noise
from trichoscan.phantom.warp import Stretch

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

SIGN_SHARE = {
    "banner": 0.3,
    "bar": 0.3,
    "circle": 0.15,
    "strip": 0.12,
    "watermark": 0.05,
    "ruler": 0.04,
    "note": 0.05,
}
"""How many photos have each sign burnt in; the first four as one microscope does, others our choice."""

WARM_SHARE = 0.5
"""How many white balances take the lamps' blue haze for white: skin turns olive where there is none."""

SMALLEST_WITH_SIGNS_PX = 400
"""Smaller photos carry no scales and signs: they would fill them."""

POLARIZED_SHARE = 0.12
"""How many photos are taken through crossed polarizers, which take the skin's gloss away; our choice."""


@dataclass(frozen=True, eq=False)
class Camera:
    """A photo's geometry, light and faults.

    Attributes
    ----------
    width_px, height_px : int
    um_per_px : float
    turn_rad : float
        Turn of the scalp on the photo.
    centre_um : (2,) float64
        Point of the scalp at the photo's centre.
    light : (4, 4, 3) float32
        Gain of the light over the photo, linear.
    vignette : float
        Logarithm of the loss of light in the corners.
    aperture, aperture_edge : float
        Radius of the round aperture in half diagonals, 2 for none; width of its edge.
    lens_centre : (2,) float64
        Where the middle of aperture and vignette lies off the photo's, in half widths.
    rim_tint : (3,) float32
        Logarithm of the gain at the corners: these lamps are blue and purple at the photo's rim.
    lamp_rad : float
        From where the lamp shines, for gloss and shadows.
    ring_lamp : bool
        Whether the lamp also shines from the other side: shafts show two bright lines.
    blur_px, edge_blur_px, fringe_px : float
        SD of the lens's blur; of more blur at the rim, 0 for a flat field; shift of red against blue there.
    motion_px : (2,) float64
        Way of the hand during exposure.
    noise : float
        SD of the sensor's noise in grey levels of the sRGB photo; see `sensor.sense`.
    demosaicing : str
        See `sensor.sense`.
    bayer_shifted : bool
        Whether the colour mosaic begins with green.
    chroma_blur_px : float
        SD over which the camera smooths colour against colour noise, 0 for none.
    exposure, exposure_share : float
        Linear light that automatic exposure brings the photo's mean to, and how far it goes there, 0-1.
    focus_tilt : (2,) float64
        Loss of focus from the middle to the rim; the plane of focus leans.
    sharpen, sharpen_px : float
        Amount and radius of unsharp masking.
    blobs : int
        Reflections of the lamp.
    bubbles : int
        Bubbles in the immersion oil.
    film_edge : bool
        Whether the immersion oil ends within the photo.
    flare : float
        Share of the photo's mean light that the lens strews over all of it, in the gloss's colour.
    dust : int
        Specks and fibres on the lens, out of focus.
    reticle : bool
        Whether a millimetre scale is etched into the optics.
    ruler : bool
        Whether the edge of a paper ruler lies on the skin.
    glare : float
        Strength of the lamps' reflection on the skin, 0-1; 0 where crossed polarizers take it away.
    glint, haze : float
        Linear light of a facet that shines, and of the haze of facets too small to see.
    glint_spread : float
        Range of slopes over which a facet shines.
    gloss_tint : (3,) float32
        Colour of the lamps' reflection.
    lamp_slope : float
        Slope of a facet that throws the lamps' light into the lens.
    lamp_side : float
        How much more the lamps shine from one side, 0-1.
    curvature : float
        How much the skin bulges into the opening: its slope at the rim.
    tilt : (2,) float64
        Slope of the skin in the middle.
    sparkle : (512, 512) float32
        Noise that glitters.
    grey : bool
        Whether the photo lost nearly all its colour.
    jpeg_quality : int
    burnt_in : tuple of str
        Keys of `SIGN_SHARE`.
    seed : int
        Of the sensor's noise and the burnt-in text.
    stretch : Stretch or None
        How the skin is drawn out under the lens; None where it lies as it grew.
    """

    width_px: int
    height_px: int
    um_per_px: float
    turn_rad: float
    centre_um: Floats
    light: Singles
    vignette: float
    aperture: float
    aperture_edge: float
    lens_centre: Floats
    rim_tint: Singles
    lamp_rad: float
    ring_lamp: bool
    blur_px: float
    edge_blur_px: float
    fringe_px: float
    motion_px: Floats
    noise: float
    demosaicing: str
    bayer_shifted: bool
    chroma_blur_px: float
    exposure: float
    exposure_share: float
    focus_tilt: Floats
    sharpen: float
    sharpen_px: float
    blobs: int
    bubbles: int
    film_edge: bool
    flare: float
    dust: int
    reticle: bool
    ruler: bool
    glare: float
    glint: float
    haze: float
    glint_spread: float
    gloss_tint: Singles
    lamp_slope: float
    lamp_side: float
    curvature: float
    tilt: Floats
    sparkle: Singles
    grey: bool
    jpeg_quality: int
    burnt_in: tuple[str, ...]
    seed: int
    stretch: Stretch | None = None

    def to_px(self, points_um: Floats) -> Floats:
        """(N, 2) points of the scalp in um, in px of the photo."""
        middle = np.array([self.width_px - 1, self.height_px - 1]) / 2
        lying = points_um if self.stretch is None else self.stretch.carry(points_um)
        return (lying - self.centre_um) @ rotation(self.turn_rad).T / self.um_per_px + middle

    def to_um(self, points_px: Floats) -> Floats:
        """(N, 2) px of the photo, in um of the scalp; the inverse of `to_px`."""
        middle = np.array([self.width_px - 1, self.height_px - 1]) / 2
        lying = (points_px - middle) @ rotation(self.turn_rad) * self.um_per_px + self.centre_um
        return lying if self.stretch is None else self.stretch.release(lying)


def draw_camera(
    style: str, width_px: int, height_px: int, um_per_px: float, rng: np.random.Generator
) -> Camera:
    """Draw a camera as it goes with the style of photo."""
    wide = style == "wide"
    large = min(width_px, height_px) >= SMALLEST_WITH_SIGNS_PX
    warm = np.array([-0.04, 0.0, -0.09]) * float(rng.random() < WARM_SHARE)
    tint = np.exp(rng.normal(0, [0.04, 0.015, 0.06]) + warm)
    light = np.exp(rng.normal(0, 0.1, (4, 4, 1)) + _slope_of_light(rng) * [-0.04, 0.0, 0.2])
    burnt_in = _draw_burnt_in(width_px, height_px, rng)
    camera = Camera(
        width_px=width_px,
        height_px=height_px,
        um_per_px=um_per_px,
        turn_rad=0.0,
        centre_um=np.zeros(2),
        light=(light * tint * np.exp(rng.normal(0, 0.12))).astype(np.float32),
        vignette=float(rng.uniform(0.5, 1.8) if wide else rng.exponential(0.15)),
        aperture=float(rng.uniform(0.75, 1.1) if wide or rng.random() < 0.04 else 2.0),
        aperture_edge=float(rng.choice([0.02, 0.1, 0.3])),
        lens_centre=rng.normal(0, 0.06, 2),
        rim_tint=(rng.uniform(0, 1) * np.array([-0.12, -0.16, 0.2]) + rng.normal(0, 0.05, 3)).astype(
            np.float32
        ),
        lamp_rad=float(rng.uniform(0, 2 * np.pi)),
        ring_lamp=bool(rng.random() < 0.3),
        blur_px=float(rng.gamma(3.0, 0.2) + 0.4),
        edge_blur_px=float(rng.choice([0.0, 0.0, 1.5, 3.0])),
        fringe_px=float(rng.choice([0.0, 0.5, 1.2])),
        motion_px=rng.normal(0, 2.5, 2) * (rng.random() < 0.12),
        noise=float(min(rng.gamma(3.0, 0.8) + 0.5, 5.0)),
        demosaicing=str(rng.choice([*DEMOSAICING, "none"], p=[0.5, 0.35, 0.15])),
        bayer_shifted=bool(rng.random() < 0.5),
        chroma_blur_px=float(rng.choice([0.0, 1.0, 2.0])),
        exposure=float(np.exp(rng.normal(np.log(0.245), 0.1))),
        exposure_share=float(rng.choice([0.5, 0.9, 1.0])),
        focus_tilt=rng.normal(0, 0.5, 2) * (rng.random() < 0.6),
        sharpen=float(rng.choice([0.0, 0.2, 0.4, 0.8, 1.5], p=[0.25, 0.25, 0.25, 0.17, 0.08])),
        sharpen_px=float(rng.choice([0.9, 1.3, 2.0])),
        blobs=int(rng.poisson(0.25)),
        bubbles=int(rng.poisson(4)) if rng.random() < 0.06 else 0,
        film_edge=bool(rng.random() < 0.03),
        flare=float(rng.uniform(0, 0.03)),
        dust=int(rng.poisson(1.5)) if rng.random() < 0.3 else 0,
        reticle=bool(large and rng.random() < 0.03),
        ruler=bool(large and rng.random() < 0.03),
        glare=0.0 if rng.random() < POLARIZED_SHARE else float(rng.uniform(0.25, 0.85)),
        glint=float(rng.uniform(0.12, 0.6)),
        haze=float(rng.gamma(4.0, 0.045)),
        glint_spread=float(rng.uniform(0.04, 0.1)),
        gloss_tint=np.exp(rng.normal([-0.3, -0.15, 0.3], [0.12, 0.06, 0.15])).astype(np.float32),
        lamp_slope=float(rng.uniform(0.26, 0.46)),
        lamp_side=float(rng.uniform(0, 1)),
        curvature=float(rng.uniform(0.1, 0.5)),
        tilt=rng.normal(0, 0.24, 2),
        sparkle=np.roll(kept_noise(1)[:512, :512, 0], rng.integers(512, size=2), axis=(0, 1)),
        grey=bool(wide and rng.random() < 0.5),
        jpeg_quality=int(rng.integers(35, 75) if rng.random() < 0.25 else rng.integers(75, 97)),
        burnt_in=burnt_in,
        seed=int(rng.integers(2**31)),
    )
    return _plain(camera) if style == "plain" else camera


def _slope_of_light(rng: np.random.Generator) -> Floats:
    """(4, 4, 1) light that falls off to one side, a little uneven, of about unit SD."""
    turn = rng.uniform(0, 2 * np.pi)
    x, y = np.meshgrid(np.linspace(-1.3, 1.3, 4), np.linspace(-1.3, 1.3, 4))
    slope = x * np.cos(turn) + y * np.sin(turn)
    return np.asarray((slope * rng.uniform(0.4, 1.5) + rng.normal(0, 0.5, (4, 4)))[..., None])


def _plain(camera: Camera) -> Camera:
    """A good camera: even field, slight blur and noise, nothing sharpened or burnt in."""
    return replace(
        camera,
        vignette=0.0,
        aperture=2.0,
        lens_centre=np.zeros(2),
        blur_px=0.8,
        edge_blur_px=0.0,
        fringe_px=0.0,
        motion_px=np.zeros(2),
        noise=1.0,
        exposure_share=0.0,
        focus_tilt=np.zeros(2),
        flare=0.0,
        dust=0,
        film_edge=False,
        reticle=False,
        ruler=False,
        sharpen=0.0,
        blobs=0,
        bubbles=0,
        glare=0.0,
        jpeg_quality=95,
        burnt_in=(),
    )


def _draw_burnt_in(width_px: int, height_px: int, rng: np.random.Generator) -> tuple[str, ...]:
    if min(width_px, height_px) < SMALLEST_WITH_SIGNS_PX:
        return ()
    return tuple(name for name, share in SIGN_SHARE.items() if rng.random() < share)
