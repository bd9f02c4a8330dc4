"""From decoded PyAV frames to arrays: upright RGB on a regular time grid, mono sound."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from tkit.errors import MediaError


class Converter:
    """Decoded frames to upright RGB with one reused scaler: making one a frame is slow."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def __call__(self, frame: Any) -> np.ndarray:
        """Return the frame (H, W, 3) uint8 RGB; its rows may lie apart in memory."""
        converted = self._reformatter.reformat(
            frame, format="rgb24", interpolation=Interpolation.BICUBIC, threads=1
        )
        plane = converted.planes[0]
        shape, strides = (converted.height, converted.width, 3), (plane.line_size, 3, 1)
        rgb = np.ndarray(shape, np.uint8, memoryview(plane), strides=strides)
        return np.rot90(rgb, round(getattr(frame, "rotation", 0) / 90) % 4)


class Grid:
    """Put frames with time stamps on a regular grid: hold the latest frame until the next."""

    def __init__(self, fps: float) -> None:
        self.fps = fps
        self.start_s: float | None = None
        self._convert = Converter()
        self._frames: list[np.ndarray] = []
        self._held: list[bool] = []
        self._last: np.ndarray | None = None
        self._next_s = 0.0  # where the next frame would be if the stream had no time stamps

    def elapsed_s(self, frame: Any) -> float:
        """Seconds since the first frame."""
        time_s = frame.time if frame.time is not None else (self.start_s or 0.0) + self._next_s
        return time_s - (time_s if self.start_s is None else self.start_s)

    def add(self, frame: Any) -> None:
        """Put one decoded frame where its time stamp says."""
        elapsed_s = self.elapsed_s(frame)
        if self.start_s is None:
            self.start_s = frame.time or 0.0
        image = self._convert(frame)
        # The grid point nearest to the time stamp; half a period of slack absorbs rounding.
        index = max(round(elapsed_s * self.fps), 0)
        while len(self._frames) < index:  # points passed since the last frame
            self._frames.append(image if self._last is None else self._last)
            self._held.append(True)
        if len(self._frames) == index:
            self._frames.append(image)
            self._held.append(False)
        elif self._held[index]:
            self._frames[index], self._held[index] = image, False
        self._last = image
        self._next_s = elapsed_s + 1 / self.fps

    def finish(self, max_frames: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Return frames (T, H, W, 3) uint8, and which of them (T,) only repeat the one before."""
        frames, held = self._frames[:max_frames], self._held[:max_frames]
        if not frames:
            return np.zeros((0, 0, 0, 3), np.uint8), np.zeros(0, bool)
        first = frames[0].shape
        same = [image.shape == first for image in frames]
        if not all(same):
            raise MediaError("the picture changes its size within the file")
        return np.stack(frames), np.array(held)


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
