"""Landmarks of whole clips in bounded memory: pieces of frames are tracked with their neighbours.

A piece begins at a multiple of ``PIECE`` frames and is tracked together with ``CONTEXT`` frames on
either side, whose points are thrown away: a back-end that looks around (boxes interpolated between
key frames, a face followed) gives what it gives on the whole clip.
"""

from __future__ import annotations

import numpy as np

from tkit.landmarks import Track

PIECE = 200  # frames tracked at once
CONTEXT = 60  # frames seen on either side; a multiple of the back-ends' steps between key frames


class Tracker:
    """Collects frames and tracks them piece by piece."""

    def __init__(self, track: Track) -> None:
        self._track = track
        self._frames: list[np.ndarray] = []  # from CONTEXT before the next piece on
        self._before = 0  # how many of them are context
        self._points: list[np.ndarray] = []

    def push(self, frames: np.ndarray) -> None:
        """Add the next frames (n, H, W, 3)."""
        self._frames += list(frames)
        while len(self._frames) >= self._before + PIECE + CONTEXT:
            self._advance(PIECE)

    def finish(self) -> np.ndarray:
        """Points (T, 68, 2) of all frames."""
        if len(self._frames) > self._before:
            self._advance(len(self._frames) - self._before)
        empty = np.empty((0, 68, 2), np.float32)
        return np.concatenate(self._points) if self._points else empty

    def _advance(self, n_frames: int) -> None:
        seen = np.stack(self._frames[: self._before + n_frames + CONTEXT])
        points = self._track(seen)
        self._points.append(points[self._before : self._before + n_frames])
        done = self._before + n_frames
        keep = min(done, CONTEXT)
        self._frames = self._frames[done - keep :]
        self._before = keep
