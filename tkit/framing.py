"""The named crops of protocols: where they lie, and cutting them as their authors do.

``sda96x128`` is the crop of Vougioukas et al.: a similarity from the nose and the eye corners,
averaged over a frame and the six after it, to fixed places in 96 x 128 pixels; bilinear, outside
black, truncated to bytes. ``faceN`` is the reference crop of :mod:`tkit.crops` in N x N pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tkit import crops, geometry
from tkit.errors import ScoreError

MAX_GAP = 10  # frames without a face that alignment is interpolated over

# Measured positions of the face-processor's mean face in its crop at scale 0.354 (x, y).
SDA_INDEX = np.array([33, 36, 39, 42, 45])
SDA_TARGET = np.array([[49.4, 71.85], [24.1, 43.4], [37.95, 44.15], [58.9, 43.25], [72.55, 42.05]])
SDA_WINDOW = 7  # frames t .. t + 6; the last six keep the last transform


@dataclass(frozen=True)
class Crop:
    """A named crop of ``width`` x ``height`` pixels."""

    width: int
    height: int


CROPS = {"sda96x128": Crop(96, 128), "face128": Crop(128, 128), "face256": Crop(256, 256)}


def align(points: np.ndarray, crop: str) -> np.ndarray:
    """Image-to-crop transforms (T, 2, 3) of a whole clip.

    Parameters
    ----------
    points : ndarray (T, 68, 2)
        Pixels; NaN where no face was found.
    crop : str
        A key of :data:`CROPS`.

    Raises
    ------
    ScoreError
        If more than ten consecutive frames have no face.
    """
    filled, longest = geometry.fill_gaps(np.asarray(points, np.float64), max_gap=MAX_GAP)
    if longest > MAX_GAP or not len(points):
        raise ScoreError(f"no face in {longest} consecutive frames: the crop {crop} cannot be laid")
    if crop != "sda96x128":
        return crops.crop_pose(filled, size=CROPS[crop].width)
    window = min(SDA_WINDOW, len(filled))
    stable = filled[:, SDA_INDEX]
    mean = np.stack([stable[t : t + window].mean(axis=0) for t in range(len(stable) - window + 1)])
    transforms = geometry.similarity(mean, SDA_TARGET)
    return np.concatenate([transforms, np.repeat(transforms[-1:], window - 1, axis=0)])


def cut(frames: np.ndarray, transforms: np.ndarray, crop: str) -> np.ndarray:
    """Cut (T, height, width, 3) uint8 crops out of frames by transforms (T, 2, 3)."""
    shape = CROPS[crop]
    if crop != "sda96x128":
        return crops.cut_all(frames, transforms, size=shape.width)
    from tkit.metrics import _kernels

    out = np.empty((len(frames), shape.height, shape.width, 3), np.uint8)
    for frame, inverse, target in zip(frames, geometry.invert(transforms), out, strict=True):
        _kernels.warp(np.ascontiguousarray(frame), inverse, target)
    return out


def resize(frames: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize frames (T, H, W, 3) by area (OpenCV)."""
    import cv2

    if frames.shape[1:3] == (height, width):
        return frames
    size = width, height
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames])


def stretch(frames: np.ndarray) -> np.ndarray:
    """Stretch every picture from its own minimum and maximum to 0..255, rounded."""
    low = frames.min(axis=(1, 2, 3), keepdims=True).astype(np.float64)
    span = np.maximum(frames.max(axis=(1, 2, 3), keepdims=True) - low, 1)
    return ((frames - low) * (255 / span) + 0.5).clip(0, 255).astype(np.uint8)
