"""Tracked points drawn over a video, with the openings of eyes and mouth below it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tkit.face import geometry
from tkit.face.drawing import CLOSED_LINES, OPEN_LINES

STRIP_PX = 64  # height of the curves below the picture
LINES, LIPS = (200, 200, 200), (255, 80, 80)  # RGB
MOUTH, EYES = (255, 80, 80), (90, 170, 255)
FILLED = (255, 200, 0)  # points of a frame that were filled, not tracked
FULL_MOUTH, FULL_EYE = 0.6, 0.45  # opening (inter-ocular distances) and EAR at the strip's top
_SHIFT = 4  # OpenCV takes fixed-point coordinates: 1/16 pixel


def overlay(frames: np.ndarray, points: np.ndarray, valid: np.ndarray) -> Iterator[np.ndarray]:
    """Draw points, lips and opening curves, frame by frame.

    Parameters
    ----------
    frames : ndarray (T, H, W, 3), uint8 RGB
    points : ndarray (T, 68, 2)
        Pixels.
    valid : ndarray (T,), bool
        False where the points were filled; they are drawn in another colour.

    Yields
    ------
    ndarray (H + 64, W, 3), uint8 RGB
        Below the picture: mouth opening in inter-ocular distances (red) and mean eye aspect ratio
        (blue) of the whole clip, with a bar at this frame.
    """
    width = frames.shape[2]
    strip = curves(openings(points), width)
    for index, (frame, face, tracked) in enumerate(zip(frames, points, valid, strict=True)):
        picture = np.vstack([_draw_face(frame, face, tracked=bool(tracked)), strip])
        column = _columns(len(points), width)[index]
        picture[-STRIP_PX:, column] = 255
        yield picture


def openings(points: np.ndarray) -> np.ndarray:
    """Mouth opening in inter-ocular distances and mean eye aspect ratio of each face; (T, 2)."""
    mouth = geometry.mouth_opening(points) / geometry.inter_ocular(points)
    return np.stack([mouth, geometry.eye_aspect_ratio(points).mean(axis=-1)], axis=-1)


def curves(values: np.ndarray, width: int) -> np.ndarray:
    """Draw the curves of :func:`openings` (T, 2) on black; (64, width, 3) uint8 RGB."""
    import cv2

    strip = np.zeros((STRIP_PX, width, 3), np.uint8)
    for column, full, colour in zip(values.T, (FULL_MOUTH, FULL_EYE), (MOUTH, EYES), strict=True):
        height = np.clip(1 - column / full, 0, 1) * (STRIP_PX - 1)
        line = np.stack([_columns(len(values), width), np.rint(height).astype(int)], axis=1)
        cv2.polylines(strip, [line.astype(np.int32)], False, colour, lineType=cv2.LINE_AA)
    return strip


def _columns(count: int, width: int) -> np.ndarray:
    """Pixel column of each of ``count`` frames."""
    return np.rint(np.linspace(0, width - 1, count)).astype(int)


def _draw_face(frame: np.ndarray, face: np.ndarray, *, tracked: bool) -> np.ndarray:
    import cv2

    picture = frame.copy()
    fixed = np.rint(face * (1 << _SHIFT)).astype(np.int32)
    look = {"lineType": cv2.LINE_AA, "shift": _SHIFT}
    for line in OPEN_LINES:
        cv2.polylines(picture, [fixed[line]], False, LINES, **look)
    for line in CLOSED_LINES:
        lips = line[0] >= geometry.MOUTH.start
        cv2.polylines(picture, [fixed[line]], True, LIPS if lips else LINES, **look)
    colour = (255, 255, 255) if tracked else FILLED
    # Small enough that the lips stay visible between their points.
    radius = max(1 << _SHIFT - 1, round(float(geometry.inter_ocular(face)) / 60 * (1 << _SHIFT)))
    for x, y in fixed:
        cv2.circle(picture, (int(x), int(y)), radius, colour, cv2.FILLED, **look)
    return picture
