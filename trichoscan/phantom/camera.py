"""The microscope of a phantom: where it looks, its light, its lens, its sensor and its JPEG."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscan.phantom.scalp import rotation

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

ENCODED_STEPS = 4095
"""Linear light is looked up in as many steps for its sRGB value: finer than a grey level of the photo."""

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
    aperture : float
        Radius of the round aperture in half diagonals; 2 for none.
    blur_px, fringe_px : float
        SD of the lens's blur; shift of red against blue at the edge.
    noise, chroma_noise : float
        SD in grey levels of the sRGB photo.
    sharpen : float
        Amount of unsharp masking.
    glare : float
        Share of the skin that may glitter, 0-1.
    sparkle : (512, 512) float32
        Noise that glitters.
    grey : bool
        Whether the photo lost nearly all its colour.
    jpeg_quality : int
    burnt_in : tuple of str
        Any of "banner", "bar", "circle", "strip".
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
    blur_px: float
    fringe_px: float
    noise: float
    chroma_noise: float
    sharpen: float
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
    tint = np.exp(rng.normal(0, [0.06, 0.02, 0.09]))
    light = np.exp(rng.normal(0, 0.1, (4, 4, 1)) + rng.normal(0, 1, (4, 4, 1)) * [-0.03, 0.0, 0.08])
    burnt_in = _draw_burnt_in(width_px, height_px, rng)
    return Camera(
        width_px=width_px,
        height_px=height_px,
        um_per_px=um_per_px,
        turn_rad=0.0,
        centre_um=np.zeros(2),
        light=(light * tint * np.exp(rng.normal(0, 0.12))).astype(np.float32),
        vignette=float(rng.uniform(0.5, 1.8) if wide else rng.exponential(0.15)),
        aperture=float(rng.uniform(0.75, 1.1) if wide or rng.random() < 0.04 else 2.0),
        blur_px=float(rng.gamma(4.0, 0.22) + 0.35),
        fringe_px=float(rng.exponential(0.25)),
        noise=float(rng.gamma(2.0, 0.6)),
        chroma_noise=float(rng.gamma(2.0, 0.4)),
        sharpen=float(rng.choice([0.0, 0.3, 0.6, 1.0])),
        glare=float(rng.beta(1.3, 1.6)),
        sparkle=rng.standard_normal((512, 512), dtype=np.float32),
        grey=bool(wide and rng.random() < 0.5),
        jpeg_quality=int(rng.integers(75, 96)),
        burnt_in=burnt_in,
        seed=int(rng.integers(2**31)),
    )


def _draw_burnt_in(width_px: int, height_px: int, rng: np.random.Generator) -> tuple[str, ...]:
    chances = rng.random(4)
    if min(width_px, height_px) < 400:
        return ()
    shares = {"banner": 0.3, "bar": 0.3, "circle": 0.15, "strip": 0.12}
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
    scene *= _illumination(camera)
    scene = cv2.GaussianBlur(scene, (0, 0), camera.blur_px)
    if camera.fringe_px > 0.1:
        scene = _fringe(scene, camera.fringe_px)
    encoded = encode(scene)
    if camera.grey:
        luma = encoded @ LUMA
        encoded = 0.12 * encoded + 0.88 * luma[..., None]
    rng = np.random.default_rng(camera.seed)
    encoded += _sensor_noise(camera, rng)
    if camera.sharpen > 0:
        soft = cv2.GaussianBlur(encoded, (0, 0), 1.2)
        encoded = cv2.addWeighted(encoded, 1 + camera.sharpen, soft, -camera.sharpen, 0)
    return np.asarray(cv2.convertScaleAbs(np.maximum(encoded, 0, out=encoded)), dtype=np.uint8)


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
    light = light * np.exp(-camera.vignette * radius**2.5)[..., None].astype(np.float32)
    full = cv2.resize(light.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    if camera.aperture < 1.5:
        full *= np.clip((camera.aperture - _half_diagonals(*size)) / 0.02, 0.004, 1)[..., None]
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
    return np.asarray(_half_diagonals(camera.width_px, camera.height_px) > camera.aperture - 0.005)


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


def _sensor_noise(camera: Camera, rng: np.random.Generator) -> Singles:
    size = (camera.width_px, camera.height_px)
    luma = rng.standard_normal((size[1], size[0]), dtype=np.float32) * np.float32(camera.noise)
    half = ((size[1] + 1) // 2, (size[0] + 1) // 2, 3)
    chroma = rng.standard_normal(half, dtype=np.float32) * np.float32(camera.chroma_noise)
    noise = cv2.resize(chroma, size, interpolation=cv2.INTER_LINEAR)
    noise += luma[..., None]
    return np.asarray(noise, dtype=np.float32)


def burn_in(pixels: NDArray[np.uint8], camera: Camera) -> None:
    """Draw banner, scale bar, circle and strip into the photo, in place."""
    rng = np.random.default_rng(camera.seed + 1)
    for sign in camera.burnt_in:
        {"banner": _banner, "bar": _bar, "circle": _circle, "strip": _strip}[sign](pixels, camera, rng)


def _text(
    pixels: NDArray[np.uint8],
    text: str,
    at: tuple[int, int],
    size: float,
    colour: tuple[int, int, int],
    box: tuple[int, int, int] | None,
) -> int:
    """Text with its lower left corner at `at`, on a box if wanted; its right end."""
    (width, height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    if box is not None:
        cv2.rectangle(pixels, (at[0] - 4, at[1] - height - 4), (at[0] + width + 4, at[1] + base), box, -1)
    cv2.putText(pixels, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
    return int(at[0] + width + 10)


def _banner(pixels: NDArray[np.uint8], camera: Camera, rng: np.random.Generator) -> None:
    right = 7
    words = [
        f"{rng.choice(list('ABC'))}{rng.integers(1000):03d}",
        f"{camera.width_px}x{camera.height_px}",
        f"20{rng.integers(18, 27)}/{rng.integers(1, 13):02d}/{rng.integers(1, 29):02d}"
        f" {rng.integers(8, 18):02d}:{rng.integers(60):02d}:42",
        f"unit: mm  {rng.choice([20, 50, 70])}x",
    ]
    for i, word in enumerate(words):
        colour = (60, 230, 220) if i == 0 else (235, 235, 235)
        right = _text(pixels, word, (right, 17), 0.45, colour, (72, 72, 72))


def _bar(pixels: NDArray[np.uint8], camera: Camera, rng: np.random.Generator) -> None:
    mm = next(m for m in (2.0, 1.0, 0.5, 0.2, 0.1) if m * 1000 / camera.um_per_px < 0.35 * camera.width_px)
    length = round(mm * 1000 / camera.um_per_px)
    x, y = 18, camera.height_px - 42
    cv2.line(pixels, (x, y), (x + length, y), (25, 25, 25), 1)
    if rng.random() < 0.6:
        cv2.line(pixels, (x, y), (x, max(y - length, 0)), (25, 25, 25), 1)
    _text(pixels, f"{mm:.1f} mm", (x + length + 10, y + 4), 0.45, (235, 235, 235), (72, 72, 72))


def _circle(pixels: NDArray[np.uint8], camera: Camera, rng: np.random.Generator) -> None:
    radius = round(0.45 * camera.height_px * rng.uniform(0.85, 1.0))
    x = round(camera.width_px * rng.uniform(0.4, 0.6))
    y = camera.height_px // 2
    red = (235, 40, 40)
    cv2.circle(pixels, (x, y), radius, red, 1, cv2.LINE_AA)
    end = (round(x + radius * 0.986), round(y + radius * 0.166))
    cv2.line(pixels, (x, y), end, red, 1, cv2.LINE_AA)
    left, top = min(end[0] + 6, camera.width_px - 175), end[1] + 6
    box = pixels[top : top + 125, left : left + 190]
    box[:] = (0.5 * box + 0.5 * np.array([210, 205, 190])).astype(np.uint8)
    mm = radius * camera.um_per_px / 1000
    lines = ("RC0", f"C={2 * np.pi * mm:.3f} mm", f"A={np.pi * mm * mm:.3f} mm^2", f"r={mm:.3f} mm")
    for i, line in enumerate(lines):
        _text(pixels, line, (left + 6, top + 24 + 29 * i), 0.62, (20, 20, 215), None)


def _strip(pixels: NDArray[np.uint8], camera: Camera, rng: np.random.Generator) -> None:
    pixels[camera.height_px - int(rng.integers(8, 22)) :] = 220
