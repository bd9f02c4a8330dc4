"""From decoded PyAV frames to arrays: RGB as it is shown, mono sound."""

from __future__ import annotations

from typing import Any

import av
import numpy as np

from tkit.media.colour import ToRgb
from tkit.media.orientation import shown_width, square_pixels, upright


class Converter:
    """Decoded frames of one stream to RGB as it is shown.

    Parameters
    ----------
    stream : av.VideoStream
    name : path
        Of the file, for messages.
    """

    def __init__(self, stream: Any, name: Any) -> None:
        self._to_rgb = ToRgb(stream, name)
        self._ratio = stream.sample_aspect_ratio

    def __call__(self, frame: Any) -> np.ndarray:
        """Return the frame (H, W, 3) uint8 RGB; its rows may lie apart in memory."""
        rgb = self._to_rgb(frame)
        if self._ratio not in (None, 1):
            rgb = square_pixels(rgb, shown_width(rgb.shape[1], self._ratio))
        return upright(rgb, frame)


class Sound:
    """Collect decoded sound as mono float32 at one rate."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=sample_rate)
        self._parts: list[np.ndarray] = []
        self._start_s: float | None = None

    def add(self, frame: Any) -> None:
        """Take one decoded frame of sound."""
        if self._start_s is None:
            self._start_s = frame.time or 0.0
        frame.pts = None  # gaps in the time stamps of damaged files would stop the resampler
        self._parts += [part.to_ndarray()[0] for part in self._resampler.resample(frame)]

    def finish(self, start_s: float | None) -> np.ndarray:
        """Return the wave from ``start_s`` (seconds of the container) on; None: from its start."""
        if self._start_s is None:
            return np.zeros(0, np.float32)
        self._parts += [part.to_ndarray()[0] for part in self._resampler.resample(None)]
        wave = np.concatenate(self._parts) if self._parts else np.zeros(0, np.float32)
        if start_s is None:
            return wave
        lead = round((self._start_s - start_s) * self.sample_rate)
        return np.concatenate([np.zeros(lead, np.float32), wave]) if lead > 0 else wave[-lead:]
