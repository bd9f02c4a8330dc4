"""How a decoded picture is shown: turned, mirrored, with square pixels."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

EXTREME = 8  # pixels so much wider than high, or higher than wide, are a mistake of the header


def display_matrix(frame: Any) -> tuple[int, int, int, int] | None:
    """Numbers a, b, c, d of a decoded frame's display matrix, None where it has none.

    The matrix maps pixels of the stream (x, y) to those shown, ``x' = a x + c y`` and ``y' = b x +
    d y``, with a, b and c, d at the beginning of its rows of three (ISO 14496-12, 6.2.2). Asking
    costs as much as some of the decoding: a frame that was asked is kept until Python looks for
    circles, so its memory is not there for the next.
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return None
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].tolist()
    return a, b, c, d


def upright(rgb: np.ndarray, matrix: tuple[int, int, int, int] | None) -> np.ndarray:
    """Turn and mirror a picture (H, W, 3) as a display matrix says; a view.

    An angle between quarter turns goes to the nearest.
    """
    if matrix is None:
        return rgb
    a, b, c, d = matrix
    if abs(b) + abs(c) > abs(a) + abs(d):  # a quarter turn: rows become columns
        rgb, a, d = rgb.swapaxes(0, 1), c, b
    return rgb[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]


def shown_width(width: int, ratio: Fraction | None) -> int:
    """Width of a picture of the stream on square pixels, from its sample aspect ratio."""
    if not ratio or ratio <= 0 or not 1 / EXTREME <= ratio <= EXTREME:
        return width
    return max(round(width * ratio), 1)


def square_pixels(rgb: np.ndarray, width: int) -> np.ndarray:
    """Stretch a picture (H, W, 3) to another width."""
    if rgb.shape[1] == width:
        return rgb
    import cv2

    kind = cv2.INTER_AREA if width < rgb.shape[1] else cv2.INTER_CUBIC
    return cv2.resize(np.ascontiguousarray(rgb), (width, rgb.shape[0]), interpolation=kind)
