"""The microscope of a phantom: where it looks, its light, its lens, its sensor and its JPEG."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.scalp import rotation

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

ENCODED_STEPS = 4095
"""Linear light is looked up in as many steps for its sRGB value: finer than a grey level of the photo."""

NOISE_SIDE_PX = 1024
"""Side of the kept tile of noise of which each photo's is cut, turned and shifted: anew it costs too much."""

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


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
    noise, chroma_noise : float
        SD in grey levels of the sRGB photo.
    sharpen, sharpen_px : float
        Amount and radius of unsharp masking.
    blobs : int
        Reflections of the lamp.
    bubbles : int
        Bubbles in the immersion oil.
    glare : float
        Share of the skin that may glitter, 0-1.
    sparkle : (512, 512) float32
        Noise that glitters.
    grey : bool
        Whether the photo lost nearly all its colour.
    jpeg_quality : int
    burnt_in : tuple of str
        Any of "banner", "bar", "circle", "strip", "watermark".
    seed : int
        Of the sensor's noise and the burnt-in text.
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
    rim_tint: Singles
    lamp_rad: float
    ring_lamp: bool
    blur_px: float
    edge_blur_px: float
    fringe_px: float
    motion_px: Floats
    noise: float
    chroma_noise: float
    sharpen: float
    sharpen_px: float
    blobs: int
    bubbles: int
    glare: float
    sparkle: Singles
    grey: bool
    jpeg_quality: int
    burnt_in: tuple[str, ...]
    seed: int

    def to_px(self, points_um: Floats) -> Floats:
        """(N, 2) points of the scalp in um, in px of the photo."""
        middle = np.array([self.width_px - 1, self.height_px - 1]) / 2
        return (points_um - self.centre_um) @ rotation(self.turn_rad).T / self.um_per_px + middle

    def px_to_um(self) -> Floats:
        """(2, 3) affine map of photo px to um of the scalp."""
        turn = rotation(-self.turn_rad) * self.um_per_px
        middle = np.array([self.width_px - 1, self.height_px - 1]) / 2
        return np.column_stack([turn, self.centre_um - turn @ middle])


def draw_camera(
    style: str, width_px: int, height_px: int, um_per_px: float, rng: np.random.Generator
) -> Camera:
    """Draw a camera as it goes with the style of photo."""
    wide = style == "wide"
    tint = np.exp(rng.normal(0, [0.04, 0.015, 0.06]))
    light = np.exp(rng.normal(0, 0.1, (4, 4, 1)) + rng.normal(0, 1, (4, 4, 1)) * [-0.03, 0.0, 0.08])
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
        rim_tint=(rng.uniform(0, 1) * np.array([-0.12, -0.16, 0.2]) + rng.normal(0, 0.05, 3)).astype(
            np.float32
        ),
        lamp_rad=float(rng.uniform(0, 2 * np.pi)),
        ring_lamp=bool(rng.random() < 0.3),
        blur_px=float(rng.gamma(4.0, 0.22) + 0.35),
        edge_blur_px=float(rng.choice([0.0, 0.0, 1.5, 3.0])),
        fringe_px=float(rng.choice([0.0, 0.5, 1.2])),
        motion_px=rng.normal(0, 2.5, 2) * (rng.random() < 0.12),
        noise=float(rng.gamma(2.0, 0.6)),
        chroma_noise=float(rng.gamma(2.0, 0.4) * (3.0 if rng.random() < 0.2 else 1.0)),
        sharpen=float(rng.choice([0.0, 0.3, 0.6, 1.0, 1.8])),
        sharpen_px=float(rng.choice([0.9, 1.3, 2.0])),
        blobs=int(rng.poisson(0.25)),
        bubbles=int(rng.poisson(4)) if rng.random() < 0.06 else 0,
        glare=float(rng.beta(1.2, 2.0)),
        sparkle=np.roll(_noise(1)[:512, :512, 0], rng.integers(512, size=2), axis=(0, 1)),
        grey=bool(wide and rng.random() < 0.5),
        jpeg_quality=int(rng.integers(35, 75) if rng.random() < 0.25 else rng.integers(75, 97)),
        burnt_in=burnt_in,
        seed=int(rng.integers(2**31)),
    )
    return _plain(camera) if style == "plain" else camera


def _plain(camera: Camera) -> Camera:
    """A good camera: even field, slight blur and noise, nothing sharpened or burnt in."""
    return replace(
        camera,
        vignette=0.0,
        aperture=2.0,
        blur_px=0.8,
        edge_blur_px=0.0,
        fringe_px=0.0,
        motion_px=np.zeros(2),
        noise=1.0,
        chroma_noise=0.5,
        sharpen=0.0,
        blobs=0,
        bubbles=0,
        glare=0.0,
        jpeg_quality=95,
        burnt_in=(),
    )


def _draw_burnt_in(width_px: int, height_px: int, rng: np.random.Generator) -> tuple[str, ...]:
    chances = rng.random(5)
    if min(width_px, height_px) < 400:
        return ()
    shares = {"banner": 0.3, "bar": 0.3, "circle": 0.15, "strip": 0.12, "watermark": 0.05}
    return tuple(name for name, chance in zip(shares, chances, strict=True) if chance < shares[name])


def expose(scene: Singles, camera: Camera) -> NDArray[np.uint8]:
    """Take the photo of a scene.

    Parameters
    ----------
    scene : (H, W, 3) float32
        Linear light under an even lamp; used up.
    camera : Camera

    Returns
    -------
    (H, W, 3) uint8
        RGB, before burnt-in signs and JPEG.
    """
    rng = np.random.default_rng(camera.seed)
    _reflect(scene, camera, rng)
    scene = cv2.multiply(scene, _illumination(camera), dst=scene)
    scene = cv2.GaussianBlur(scene, (0, 0), camera.blur_px)
    if camera.edge_blur_px > 0:
        scene = _curve_field(scene, camera.edge_blur_px)
    if np.abs(camera.motion_px).max() > 0.5:
        scene = cv2.filter2D(scene, -1, _motion_kernel(camera.motion_px))
    if camera.fringe_px > 0.1:
        scene = _fringe(scene, camera.fringe_px)
    encoded = encode(scene)
    if camera.grey:
        luma = encoded @ LUMA
        encoded = 0.12 * encoded + 0.88 * luma[..., None]
    encoded += _sensor_noise(camera, rng)
    if camera.sharpen > 0:
        soft = cv2.GaussianBlur(encoded, (0, 0), camera.sharpen_px)
        encoded = cv2.addWeighted(encoded, 1 + camera.sharpen, soft, -camera.sharpen, 0)
    return np.asarray(cv2.convertScaleAbs(np.maximum(encoded, 0, out=encoded)), dtype=np.uint8)


def _reflect(scene: Singles, camera: Camera, rng: np.random.Generator) -> None:
    """Add reflections of the lamp and rims of bubbles, in place; both let the hair shine through."""
    height, width = scene.shape[:2]
    for _ in range(camera.blobs):
        radius = int(rng.uniform(0.02, 0.09) * width) + 2
        x, y = int(rng.integers(width)), int(rng.integers(height))
        patch = scene[max(y - 2 * radius, 0) : y + 2 * radius, max(x - 2 * radius, 0) : x + 2 * radius]
        rows, columns = np.ogrid[: patch.shape[0], : patch.shape[1]]
        away = (rows - min(y, 2 * radius)) ** 2 + (columns - min(x, 2 * radius)) ** 2
        spot = np.exp(-away / (0.5 * radius**2)) * rng.uniform(0.05, 0.3)
        patch += (spot[..., None] * np.array([0.9, 0.96, 1.1])).astype(np.float32)
    for _ in range(camera.bubbles):
        radius = int(rng.uniform(60, 350) / camera.um_per_px) + 2
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        rim: NDArray[np.uint8] = np.zeros((height, width), np.uint8)
        cv2.circle(rim, centre, radius, 255, max(radius // 14, 1), cv2.LINE_AA)
        cv2.ellipse(rim, centre, (radius - 3, radius - 3), 0, 200, 250, 255, max(radius // 9, 1), cv2.LINE_AA)
        share = cv2.GaussianBlur(rim, (0, 0), 1.2) * np.float32(0.25 / 255)
        scene += share[..., None]


def _curve_field(scene: Singles, sd_px: float) -> Singles:
    """Blur the rim of the photo: the skin curves away from the plane of focus."""
    height, width = scene.shape[:2]
    half = cv2.resize(scene, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    soft = cv2.resize(
        cv2.GaussianBlur(half, (0, 0), sd_px / 2), (width, height), interpolation=cv2.INTER_LINEAR
    )
    share = np.clip((_half_diagonals(width, height) - np.float32(0.5)) * np.float32(2.5), 0, 1)
    return np.asarray(cv2.blendLinear(scene, soft, 1 - share, share), dtype=np.float32)


def _motion_kernel(way_px: Floats) -> Singles:
    """(9, 9) kernel of a straight way."""
    kernel: Singles = np.zeros((9, 9), np.float32)
    ends = np.rint(64 + np.clip(way_px, -4, 4) * 8 * np.array([[-1.0], [1.0]])).astype(int)
    cv2.line(kernel, ends[0].tolist(), ends[1].tolist(), 1.0, 1, cv2.LINE_AA, 4)
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def encode(scene: Singles) -> Singles:
    """SRGB grey levels 0-255 of linear light, not yet rounded (IEC 61966-2-1)."""
    v = np.arange(ENCODED_STEPS + 1) / ENCODED_STEPS
    table = np.where(v <= 0.0031308, 12.92 * v, 1.055 * v ** (1 / 2.4) - 0.055) * 255
    steps = np.clip(scene * np.float32(ENCODED_STEPS) + np.float32(0.5), 0, ENCODED_STEPS)
    return np.asarray(np.take(table.astype(np.float32), steps.astype(np.uint16)), dtype=np.float32)


def to_jpeg(pixels: NDArray[np.uint8], quality: int) -> bytes:
    """Encode (H, W, 3) uint8 RGB as JPEG of the quality 0-100."""
    done, data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done, "cv2 encodes any uint8 picture as JPEG"
    return bytes(data)


def from_jpeg(data: bytes) -> NDArray[np.uint8]:
    """Decode what `to_jpeg` wrote, RGB."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None, "our own JPEG"
    return np.ascontiguousarray(pixels[..., ::-1]).astype(np.uint8, copy=False)


def _illumination(camera: Camera) -> Singles:
    size = (camera.width_px, camera.height_px)
    small = (max(size[0] // 8, 8), max(size[1] // 8, 8))
    light = cv2.resize(camera.light, small, interpolation=cv2.INTER_CUBIC)
    radius = _half_diagonals(*small)
    light = light * np.exp(radius[..., None] ** 2 * camera.rim_tint)
    light = light * np.exp(-camera.vignette * radius**2.5)[..., None].astype(np.float32)
    full = cv2.resize(light.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    if camera.aperture < 1.5:
        edge = np.clip(
            (camera.aperture - _half_diagonals(*size)) / np.float32(camera.aperture_edge), 0.004, 1
        )
        full *= edge[..., None]
    return np.asarray(full, dtype=np.float32)


def _half_diagonals(width_px: int, height_px: int) -> Singles:
    """(H, W) distance from the centre in half diagonals."""
    x = np.linspace(-1, 1, width_px, dtype=np.float32)
    y = np.linspace(-1, 1, height_px, dtype=np.float32)[:, None] * np.float32(height_px / width_px)
    return np.asarray(np.hypot(x, y) / np.float32(np.hypot(1, height_px / width_px)), dtype=np.float32)


def dark_surround(camera: Camera) -> NDArray[np.bool_]:
    """(H, W) where the round aperture lets no light through."""
    if camera.aperture >= 1.5:
        return np.zeros((camera.height_px, camera.width_px), bool)
    return np.asarray(
        _half_diagonals(camera.width_px, camera.height_px) > camera.aperture - 0.25 * camera.aperture_edge
    )


def _fringe(scene: Singles, shift_px: float) -> Singles:
    """Red a little larger and blue a little smaller than green, as simple lenses draw them."""
    height, width = scene.shape[:2]
    out = scene.copy()
    for channel, sign in ((0, 1.0), (2, -1.0)):
        grow = 1 + sign * shift_px / (width / 2)
        map_ = np.array(
            [[1 / grow, 0, width / 2 * (1 - 1 / grow)], [0, 1 / grow, height / 2 * (1 - 1 / grow)]]
        )
        out[..., channel] = cv2.warpAffine(
            np.ascontiguousarray(scene[..., channel]),
            map_,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    return out


@lru_cache(maxsize=2)
def _noise(channels: int) -> Singles:
    """(S, S, channels) normal noise of zero mean and unit SD; S: `NOISE_SIDE_PX`."""
    rng = np.random.default_rng(channels)
    return rng.standard_normal((NOISE_SIDE_PX, NOISE_SIDE_PX, channels), dtype=np.float32)


def _cut_noise(channels: int, width_px: int, height_px: int, rng: np.random.Generator) -> Singles:
    """(H, W, channels) part of the kept noise, turned over and shifted; it repeats in large photos."""
    tile = _noise(channels)[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
    y, x = (int(v) for v in rng.integers(NOISE_SIDE_PX, size=2))
    y, x = min(y, max(NOISE_SIDE_PX - height_px, 0)), min(x, max(NOISE_SIDE_PX - width_px, 0))
    part = np.ascontiguousarray(tile[y : y + height_px, x : x + width_px])
    below, right = height_px - part.shape[0], width_px - part.shape[1]
    if below or right:
        part = cv2.copyMakeBorder(part, 0, below, 0, right, cv2.BORDER_WRAP)
    return np.asarray(part.reshape(height_px, width_px, channels), dtype=np.float32)


def _sensor_noise(camera: Camera, rng: np.random.Generator) -> Singles:
    size = (camera.width_px, camera.height_px)
    luma = _cut_noise(1, *size, rng)[..., 0] * np.float32(camera.noise)
    chroma = _cut_noise(3, (size[0] + 1) // 2, (size[1] + 1) // 2, rng) * np.float32(camera.chroma_noise)
    noise = cv2.resize(chroma, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.add(noise, cv2.merge([luma, luma, luma])), dtype=np.float32)
