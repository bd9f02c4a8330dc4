"""Landmark images: iBUG-68 points drawn as anti-aliased lines, the input of the texture stage."""

from __future__ import annotations

import numpy as np

from tkit.face import geometry
from tkit.face.crops import CROP_SIZE

# Jaw, brows, nose bridge and nose base are open lines, eyes and lips closed ones.
OPEN_LINES = tuple(
    np.r_[part]
    for part in (geometry.JAW, slice(17, 22), slice(22, 27), slice(27, 31), slice(31, 36))
)
CLOSED_LINES = tuple(
    np.r_[part]
    for part in (geometry.RIGHT_EYE, geometry.LEFT_EYE, geometry.OUTER_LIPS, geometry.INNER_LIPS)
)
_SHIFT = 4  # OpenCV takes fixed-point coordinates: 1/16 pixel


def draw(points: np.ndarray, *, size: int = CROP_SIZE) -> np.ndarray:
    """Draw the face lines of landmark points.

    Parameters
    ----------
    points : ndarray (T, 68, 2)
        Pixels of a ``size`` x ``size`` picture, whole numbers at pixel centres; lines are drawn to
        a sixteenth of a pixel, and what lies outside the picture is cut off.
    size : int
        Pixels; lines are ``size / 128`` pixels wide, at least one.

    Returns
    -------
    ndarray (T, size, size) uint8
        White (255) anti-aliased lines on black.
    """
    import cv2

    # OpenCV's fixed-point coordinates must stay far inside 32 bits; a line that leaves the picture
    # is cut there anyway.
    near = np.clip(points, -16.0 * size, 17.0 * size)
    fixed = np.rint(near * (1 << _SHIFT)).astype(np.int32)
    pictures = np.zeros((len(fixed), size, size), np.uint8)
    look = {
        "color": 255,
        "thickness": max(1, round(size / CROP_SIZE)),
        "lineType": cv2.LINE_AA,
        "shift": _SHIFT,
    }
    for picture, face in zip(pictures, fixed, strict=True):
        cv2.polylines(picture, [face[line] for line in OPEN_LINES], False, **look)
        cv2.polylines(picture, [face[line] for line in CLOSED_LINES], True, **look)
    return pictures
