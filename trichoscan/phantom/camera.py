"""The microscope of a phantom: where it looks, its light, its lens, its sensor and its JPEG."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

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

SMALLEST_WITH_SIGNS_PX = 400
"""Smaller photos carry no scales and signs: they would fill them."""

SCALE_SHARE = 0.03
"""How many photos show a ruler on the skin, and how many a scale etched into the optics; our choice."""

MAGNIFIED = (70, 5.54)
"""Magnification that the photos of data/fdu state, and their scale in um per px (field.md)."""

# Lamps. Colours and levels are natural logarithms of gain (R, G, B); by eye and by the statistics of
# benchmarks/lifelikeness.py beside photos of data/fdu and data/other, without the held-out ones.
LIGHT_TINT_SD = np.array([0.04, 0.015, 0.06])
"""White balance from photo to photo."""
WARM_SHARE = 0.5
"""How many white balances take the lamps' blue haze for white: skin turns olive where there is none."""
WARM_TINT = np.array([-0.04, 0.0, -0.09])
LIGHT_SLOPE = np.array([-0.03, 0.0, 0.15])
"""What one SD of `_slope_of_light` adds: these lamps are bluer on one side."""
UNEVEN_SD, LEVEL_SD = 0.1, 0.12
"""Of the light within a photo, and from photo to photo."""
RIM_TINT, RIM_TINT_SD = np.array([-0.1, -0.12, 0.15]), 0.04
VIGNETTE, WIDE_VIGNETTE = 0.15, (0.5, 1.8)
"""Mean loss in the corners, and its range in wide photos through a tube."""
RING_LAMP_SHARE, BLOBS = 0.3, 0.25
"""Share of ring lamps, and mean number of reflections; our choice."""
POLARIZED_SHARE = 0.12
"""How many photos are taken through crossed polarizers, which take the skin's gloss away; our choice."""
GLARE, GLINT, HAZE = (0.25, 0.8), (0.2, 0.75), (4.0, 0.036)
"""Ranges of the reflection's strength and of a facet's linear light; shape and scale of the haze's gamma."""
GLOSS_TINT, GLOSS_TINT_SD = np.array([-0.28, -0.13, 0.28]), np.array([0.1, 0.05, 0.12])
"""Of hair and skin alike: bluish white beside skin."""
LAMP_SLOPE, GLINT_SPREAD = (0.28, 0.5), (0.03, 0.085)
"""Slopes (tangents); diodes stand 30-50 degrees off the axis."""
CURVATURE, TILT_SD = (0.1, 0.5), 0.24
"""Slopes of the skin in the opening."""
IMMERSED_SHARE, IMMERSED_BLUR = 0.6, (1.0, 1.8)
"""How many tufted scalps are shown without gloss, which oil takes away, and how much softer they are than
others; our choice."""

# Lens and what lies before it; our choice beside the same photos.
APERTURE_SHARE, APERTURE, APERTURE_EDGE = 0.04, (0.75, 1.1), (0.02, 0.1, 0.3)
"""How many photos but the wide ones show a round opening; its radius and edge in half diagonals."""
OFF_CENTRE_SD = 0.06
BLUR_PX, LEAST_BLUR_PX = (3.0, 0.2), 0.4
"""Shape and scale of the gamma, px, on top of the least."""
EDGE_BLUR_PX, FRINGE_PX = (0.0, 0.0, 1.5, 3.0), (0.0, 0.5, 1.2)
MOTION_SHARE, MOTION_SD_PX = 0.12, 2.5
FOCUS_TILT_SHARE, FOCUS_TILT_SD = 0.6, 0.5
BUBBLE_SHARE, BUBBLES, FILM_EDGE_SHARE = 0.06, 4, 0.03
DUST_SHARE, DUST, MOST_FLARE = 0.3, 1.5, 0.03

# Sensor and what the camera makes of its picture; noise in sRGB grey levels, see `sensor.sense`.
NOISE, LEAST_NOISE, MOST_NOISE = (3.0, 0.9), 0.7, 6.0
"""Shape and scale of the gamma, and bounds."""
DEMOSAICING_SHARE = (0.5, 0.35, 0.15)
CHROMA_BLUR_PX = (0.0, 0.0, 1.0)
EXPOSURE, EXPOSURE_SD, EXPOSURE_SHARE = 0.245, 0.1, (0.5, 0.9, 1.0)
"""Linear light aimed at (median of data/fdu), SD of its logarithm, how far it is reached."""
SHARPEN, SHARPEN_SHARE, SHARPEN_PX = (
    (0.0, 0.2, 0.4, 0.8, 1.5),
    (0.25, 0.25, 0.25, 0.17, 0.08),
    (0.9, 1.3, 2.0),
)
WIDE_GREY_SHARE = 0.5
POOR_JPEG_SHARE, POOR_JPEG, GOOD_JPEG = 0.25, (35, 75), (75, 97)


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
        Of the sensor's noise and what else is new in each photo.
    signs_seed : int
        Of what the burnt-in text says of patient and device: kept from visit to visit.
    magnification : int
        What the device says of itself; kept from visit to visit.
    date : str
        Of the photo, for burnt-in text; empty for any.
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
    signs_seed: int
    magnification: int
    date: str = ""
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
    seed, signs_seed = (int(s) for s in rng.integers(2**31, size=2))
    camera = Camera(
        width_px=width_px,
        height_px=height_px,
        um_per_px=um_per_px,
        turn_rad=0.0,
        centre_um=np.zeros(2),
        seed=seed,
        signs_seed=signs_seed,
        magnification=labelled_magnification(um_per_px),
        burnt_in=_draw_burnt_in(large, rng),
        reticle=bool(large and rng.random() < SCALE_SHARE),
        ruler=bool(large and rng.random() < SCALE_SHARE),
        **_draw_lamps(wide, rng),
        **_draw_lens(wide, rng),
        **_draw_sensor(wide, rng),
    )
    if style == "tufted":
        return _immersed(camera, rng)
    return _plain(camera) if style == "plain" else camera


def labelled_magnification(um_per_px: float) -> int:
    """Magnification as a device states it: `MAGNIFIED` at the scale of data/fdu, in steps of ten."""
    magnification, at_um_per_px = MAGNIFIED
    return max(10, 10 * round(magnification * at_um_per_px / um_per_px / 10))


def _draw_lamps(wide: bool, rng: np.random.Generator) -> dict[str, Any]:
    tint = np.exp(rng.normal(0, LIGHT_TINT_SD) + WARM_TINT * float(rng.random() < WARM_SHARE))
    light = np.exp(rng.normal(0, UNEVEN_SD, (4, 4, 1)) + _slope_of_light(rng) * LIGHT_SLOPE)
    rim_tint = rng.uniform(0, 1) * RIM_TINT + rng.normal(0, RIM_TINT_SD, 3)
    return {
        "light": (light * tint * np.exp(rng.normal(0, LEVEL_SD))).astype(np.float32),
        "vignette": float(rng.uniform(*WIDE_VIGNETTE) if wide else rng.exponential(VIGNETTE)),
        "rim_tint": rim_tint.astype(np.float32),
        "lamp_rad": float(rng.uniform(0, 2 * np.pi)),
        "ring_lamp": bool(rng.random() < RING_LAMP_SHARE),
        "blobs": int(rng.poisson(BLOBS)),
        "glare": 0.0 if rng.random() < POLARIZED_SHARE else float(rng.uniform(*GLARE)),
        "glint": float(rng.uniform(*GLINT)),
        "haze": float(rng.gamma(*HAZE)),
        "glint_spread": float(rng.uniform(*GLINT_SPREAD)),
        "gloss_tint": np.exp(rng.normal(GLOSS_TINT, GLOSS_TINT_SD)).astype(np.float32),
        "lamp_slope": float(rng.uniform(*LAMP_SLOPE)),
        "lamp_side": float(rng.uniform(0, 1)),
        "curvature": float(rng.uniform(*CURVATURE)),
        "tilt": rng.normal(0, TILT_SD, 2),
        "sparkle": np.roll(kept_noise(1)[:512, :512, 0], rng.integers(512, size=2), axis=(0, 1)),
    }


def _draw_lens(wide: bool, rng: np.random.Generator) -> dict[str, Any]:
    round_opening = wide or rng.random() < APERTURE_SHARE
    return {
        "aperture": float(rng.uniform(*APERTURE) if round_opening else 2.0),
        "aperture_edge": float(rng.choice(APERTURE_EDGE)),
        "lens_centre": rng.normal(0, OFF_CENTRE_SD, 2),
        "blur_px": float(rng.gamma(*BLUR_PX) + LEAST_BLUR_PX),
        "edge_blur_px": float(rng.choice(EDGE_BLUR_PX)),
        "fringe_px": float(rng.choice(FRINGE_PX)),
        "motion_px": rng.normal(0, MOTION_SD_PX, 2) * (rng.random() < MOTION_SHARE),
        "focus_tilt": rng.normal(0, FOCUS_TILT_SD, 2) * (rng.random() < FOCUS_TILT_SHARE),
        "bubbles": int(rng.poisson(BUBBLES)) if rng.random() < BUBBLE_SHARE else 0,
        "film_edge": bool(rng.random() < FILM_EDGE_SHARE),
        "flare": float(rng.uniform(0, MOST_FLARE)),
        "dust": int(rng.poisson(DUST)) if rng.random() < DUST_SHARE else 0,
    }


def _draw_sensor(wide: bool, rng: np.random.Generator) -> dict[str, Any]:
    poor = rng.random() < POOR_JPEG_SHARE
    return {
        "noise": float(min(rng.gamma(*NOISE) + LEAST_NOISE, MOST_NOISE)),
        "demosaicing": str(rng.choice([*DEMOSAICING, "none"], p=DEMOSAICING_SHARE)),
        "bayer_shifted": bool(rng.random() < 0.5),
        "chroma_blur_px": float(rng.choice(CHROMA_BLUR_PX)),
        "exposure": float(np.exp(rng.normal(np.log(EXPOSURE), EXPOSURE_SD))),
        "exposure_share": float(rng.choice(EXPOSURE_SHARE)),
        "sharpen": float(rng.choice(SHARPEN, p=SHARPEN_SHARE)),
        "sharpen_px": float(rng.choice(SHARPEN_PX)),
        "grey": bool(wide and rng.random() < WIDE_GREY_SHARE),
        "jpeg_quality": int(rng.integers(*(POOR_JPEG if poor else GOOD_JPEG))),
    }


def _slope_of_light(rng: np.random.Generator) -> Floats:
    """(4, 4, 1) light that falls off to one side, a little uneven, of about unit SD."""
    turn = rng.uniform(0, 2 * np.pi)
    x, y = np.meshgrid(np.linspace(-1.3, 1.3, 4), np.linspace(-1.3, 1.3, 4))
    slope = x * np.cos(turn) + y * np.sin(turn)
    return np.asarray((slope * rng.uniform(0.4, 1.5) + rng.normal(0, 0.5, (4, 4)))[..., None])


def _immersed(camera: Camera, rng: np.random.Generator) -> Camera:
    """A dermoscope's camera: less often glare, a softer picture."""
    glare = camera.glare * float(rng.random() >= IMMERSED_SHARE)
    return replace(camera, glare=glare, blur_px=camera.blur_px * float(rng.uniform(*IMMERSED_BLUR)))


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


def _draw_burnt_in(large: bool, rng: np.random.Generator) -> tuple[str, ...]:
    return tuple(name for name, share in SIGN_SHARE.items() if large and rng.random() < share)
