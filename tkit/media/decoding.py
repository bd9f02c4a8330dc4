"""From decoded PyAV frames to arrays: RGB as it is shown."""

from __future__ import annotations

from typing import Any

import numpy as np

from tkit.media.colour import ToRgb
from tkit.media.orientation import display_matrix, shown_width, square_pixels, upright


class Converter:
    """Decoded frames of one stream to RGB as it is shown.

    Parameters
    ----------
    stream : av.VideoStream
    name : path
        Of the file, for messages.
    """

    def __init__(self, stream: Any, name: Any) -> None:
        self._to_rgb = ToRgb(name)
        self._ratio = stream.sample_aspect_ratio
        self._begun = False
        self._matrix: tuple[int, int, int, int] | None = None

    def __call__(self, frame: Any) -> np.ndarray:
        """Return the frame (H, W, 3) uint8 RGB; its rows may lie apart in memory."""
        if frame.key_frame or not self._begun:  # files and encoders say it there
            self._begun, self._matrix = True, display_matrix(frame)
        rgb = self._to_rgb(frame)
        if self._ratio not in (None, 1):
            rgb = square_pixels(rgb, shown_width(rgb.shape[1], self._ratio))
        return upright(rgb, self._matrix)
