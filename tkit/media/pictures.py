"""Changing whole pictures: their size and their range."""

from __future__ import annotations

import numpy as np


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
