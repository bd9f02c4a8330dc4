"""The pictures behind ``tests/data/golden_metrics.json``, rebuilt from those in scikit-image.

The file holds what public implementations say of these pictures (``meta`` names them and their
versions, ``names`` what an entry means). ``sha16`` of a picture is compared first: blurred and
quantised ones may differ under another SciPy, and the numbers of another picture say nothing.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
from scipy import fft, ndimage
from skimage import data

FILE = Path(__file__).parents[1] / "data" / "golden_metrics.json"
ROUNDED_BY_SCIPY = "blur", "dctq"

# Annex K of the JPEG standard, table K.1: quantisation of luma at quality 50.
JPEG_LUMA = """
    16 11 10 16  24  40  51  61    12 12 14 19  26  58  60  55
    14 13 16 24  40  57  69  56    14 17 22 29  51  87  80  62
    18 22 37 56  68 109 103  77    24 35 55 64  81 104 113  92
    49 64 78 87 103 121 120 101    72 92 95 98 112 100 103  99"""
QUANTA = np.array(JPEG_LUMA.split(), np.float64).reshape(8, 8)

BASES = {
    "astro128": (data.astronaut, np.s_[40:168, 160:288]),
    "astro256": (data.astronaut, np.s_[0:256, 96:352]),
    "astro360x288": (data.astronaut, np.s_[0:288, 60:420]),
    "camera256": (data.camera, np.s_[60:316, 140:396]),
    "coffee360x288": (data.coffee, np.s_[60:348, 120:480]),
}


def values() -> dict:
    """All golden numbers."""
    return json.loads(FILE.read_text())


def sha16(picture: np.ndarray) -> str:
    """First 16 hexadecimal digits of the SHA-256 of the pixels."""
    return hashlib.sha256(np.ascontiguousarray(picture).tobytes()).hexdigest()[:16]


def base(name: str) -> np.ndarray:
    """Cut an undistorted picture, (H, W, 3) or (H, W) uint8."""
    load, part = BASES[name]
    return np.ascontiguousarray(load()[part])


def distort(picture: np.ndarray, kind: str) -> np.ndarray:
    """Distort a picture; ``kind`` ends with the strength."""
    if kind == "identity":
        return picture.copy()
    if kind == "shift1":
        return np.roll(picture, 1, axis=1)
    if kind == "bright10":
        return np.clip(picture.astype(np.int64) + 10, 0, 255).astype(np.uint8)
    if kind == "contrast0.8":
        return to_uint8((picture.astype(np.float64) - 128) * 0.8 + 128)
    if kind.startswith("noise"):
        return noise(picture, float(kind.removeprefix("noise")))
    if kind.startswith("blur"):
        return blur(picture, float(kind.removeprefix("blur")))
    return quantise(picture, int(kind.removeprefix("dctq")))


def gray601(rgb: np.ndarray) -> np.ndarray:
    """Luma of BT.601 in integers, as Pillow's ``convert("L")`` has it."""
    red, green, blue = np.moveaxis(rgb.astype(np.int64), -1, 0)
    return ((red * 19595 + green * 38470 + blue * 7471 + 32768) >> 16).astype(np.uint8)


def to_uint8(picture: np.ndarray) -> np.ndarray:
    """Round and clip."""
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def noise(picture: np.ndarray, sigma: float, seed: int = 0) -> np.ndarray:
    """Add Gaussian noise of the legacy generator, whose stream no version of NumPy changes."""
    random = np.random.RandomState(seed).normal(0, sigma, picture.shape)
    return to_uint8(picture.astype(np.float64) + random)


def blur(picture: np.ndarray, sigma_px: float) -> np.ndarray:
    """Blur every channel by a Gaussian that is cut at four sigma."""
    sigmas = (sigma_px, sigma_px, 0)[: picture.ndim]
    return to_uint8(ndimage.gaussian_filter(picture.astype(np.float64), sigmas, truncate=4.0))


def quantise(picture: np.ndarray, quality: int) -> np.ndarray:
    """Quantise 8 x 8 cosine transforms of every channel as JPEG does with luma, without a codec."""
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    quanta = np.clip(np.floor((QUANTA * scale + 50) / 100), 1, 255)

    def channel(plane: np.ndarray) -> np.ndarray:
        height, width = plane.shape
        padded = np.pad(plane, ((0, -height % 8), (0, -width % 8)), mode="edge") - 128.0
        rows, columns = padded.shape
        blocks = padded.reshape(rows // 8, 8, columns // 8, 8).transpose(0, 2, 1, 3)
        levels = np.rint(fft.dctn(blocks, axes=(2, 3), norm="ortho") / quanta)
        blocks = fft.idctn(levels * quanta, axes=(2, 3), norm="ortho")
        joined = blocks.transpose(0, 2, 1, 3).reshape(rows, columns)
        return to_uint8(joined[:height, :width] + 128)

    if picture.ndim == 2:
        return channel(picture)
    return np.stack([channel(plane) for plane in np.moveaxis(picture, -1, 0)], axis=-1)


def edge_case(name: str) -> np.ndarray:
    """Draw or cut a gray picture (H, W) uint8 with which sharpness metrics have trouble."""
    x, y = np.arange(128), np.arange(128)[:, None]
    rows = {  # one row of pixels, the same in all rows
        "flat128": 128 + 0 * x,
        "step_up": np.where(x < 64, 40, 200),
        "step_down": np.where(x < 64, 200, 40),
        "step_both": np.where((x >= 40) & (x < 90), 200, 40),
        "step_up_offgrid": np.where(x < 50, 40, 200),
        "step_lowcontrast": np.where((x >= 40) & (x < 90), 140, 100),
        "ramp_w4_both": 40 + np.clip((x - 40) * 40, 0, 160) - np.clip((x - 90) * 40, 0, 160),
        "ramp_w6_both": 40 + np.clip((x - 40) * 26, 0, 156) - np.clip((x - 90) * 26, 0, 156),
        "ramp_full": 2 * x,
    }
    if name in rows:
        return np.tile(rows[name].astype(np.uint8), (128, 1))
    if name.startswith("camera_"):
        height, width = map(int, name.removeprefix("camera_").split("x"))
        return data.camera()[100 : 100 + height, 200 : 200 + width].copy()
    drawn = {
        "step_horizontal": lambda: np.where(y + 0 * x < 50, 40, 200),
        "checker1": lambda: (x + y) % 2 * 255,
        "checker8": lambda: (x // 8 + y // 8) % 2 * 255,
        "flat_noise1": lambda: noise(np.full((128, 128), 128), 1, seed=1),
        "noise_full": lambda: np.random.RandomState(2).randint(0, 256, (128, 128)),
    }
    return drawn[name]().astype(np.uint8)
