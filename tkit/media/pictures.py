"""Whole pictures: what is in a file as 8-bit RGB, another size, another range."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tkit.errors import MediaError

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

PAPER = 255  # what is seen through transparent pixels: white, as on a page


def to_rgb(image: Picture, path: str | Path) -> np.ndarray:
    """Pixels of an opened picture file as they are shown, (H, W, 3) uint8 RGB.

    EXIF rotation is applied, 16 bits and floats (0 to 1) are scaled, transparent pixels lie on
    white.

    Raises
    ------
    MediaError
        If the numbers have no known range.
    """
    from PIL import Image, ImageOps

    deep = _deep(image, path)
    shown: Picture = image
    if deep is not None:
        shown = Image.fromarray(_eight_bits(deep, path).squeeze())
        shown.getexif()[_ORIENTATION] = image.getexif().get(_ORIENTATION, 1)
    shown = ImageOps.exif_transpose(shown)
    if "A" in shown.mode or "a" in shown.mode or "transparency" in shown.info:
        shown = shown.convert("RGBA")
        paper = Image.new("RGBA", shown.size, (PAPER, PAPER, PAPER, 255))
        shown = Image.alpha_composite(paper, shown)
    return np.asarray(shown.convert("RGB"))


_ORIENTATION = 0x0112  # EXIF tag


def _deep(image: Picture, path: str | Path) -> np.ndarray | None:
    """Pixels of more than 8 bits, of which Pillow keeps the lower or the upper ones."""
    if image.mode == "I" or image.mode == "F" or image.mode.startswith("I;16"):
        return np.asarray(image)
    if not any(";16" in str(tile[3]) for tile in getattr(image, "tile", ())):
        return None
    import cv2

    pixels: Any = cv2.imread(str(path), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None or pixels.ndim != 3:
        return None
    return np.asarray(pixels[..., [2, 1, 0, *range(3, pixels.shape[2])]])  # OpenCV has BGR


def _eight_bits(pixels: np.ndarray, path: str | Path) -> np.ndarray:
    """Scale to 0..255; rounded."""
    if pixels.dtype == np.uint8:
        return pixels
    low, high = float(pixels.min()), float(pixels.max())
    top = 1.0 if pixels.dtype.kind == "f" else 65535.0
    if not (low >= 0 and high <= top):  # not a number, too
        raise MediaError(
            f"{path}: {pixels.dtype} pixels from {low:.6g} to {high:.6g}; 0 to {top:g} have a "
            "meaning: scale them to that"
        )
    return np.rint(pixels * (255.0 / top)).astype(np.uint8)


def resize(frames: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize frames (T, H, W, 3) by area (OpenCV)."""
    import cv2

    if frames.shape[1:3] == (height, width):
        return frames
    size = width, height
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames])


def fit(image: np.ndarray, max_side: int) -> np.ndarray:
    """Make a picture (H, W, 3) smaller if a side is longer than ``max_side`` pixels; to even sizes.

    Parameters
    ----------
    max_side : int
        0: it is as it is.
    """
    height, width = image.shape[:2]
    share = max_side / max(height, width) if max_side else 1.0
    if share >= 1:
        return image
    width, height = (max(2 * round(side * share / 2), 2) for side in (width, height))
    return resize(image[None], width, height)[0]


def stretch(frames: np.ndarray) -> np.ndarray:
    """Stretch every picture from its own minimum and maximum to 0..255, rounded."""
    low = frames.min(axis=(1, 2, 3), keepdims=True).astype(np.float64)
    span = np.maximum(frames.max(axis=(1, 2, 3), keepdims=True) - low, 1)
    return ((frames - low) * (255 / span) + 0.5).clip(0, 255).astype(np.uint8)
