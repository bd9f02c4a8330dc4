"""Speech that is decoded while the face speaks: what is ahead is read, what is behind forgotten."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

Pieces = Iterator[list[np.ndarray]]


class Speech:
    """Sound at the encoder's rate, and the same for the ear.

    Parameters
    ----------
    pieces : iterator of lists
        The next samples at the encoder's rate, and, where somebody listens, for the ear: what
        :func:`tkit.media.stream_audio` yields.
    rate_hz : int
        The encoder's.
    fps : float
        Frames a second of the video.
    n_frames : int
        Of the video; 0: as long as the sound.
    """

    def __init__(self, pieces: Pieces, *, rate_hz: int, fps: float, n_frames: int = 0) -> None:
        self.fps, self._pieces, self._rate_hz = fps, pieces, rate_hz
        self._wave = np.zeros(0, np.float32)
        self._first = 0  # sample that is first of those kept
        self._ear: deque[np.ndarray] = deque()
        self.n_frames: int | None = n_frames or None  # None: not known yet
        self._ended = False

    @classmethod
    def of(cls, wave: np.ndarray, *, rate_hz: int, fps: float, n_frames: int = 0) -> Speech:
        """Speech that is there as a whole."""
        return cls(iter([[wave]]), rate_hz=rate_hz, fps=fps, n_frames=n_frames)

    def frames_until(self, wanted: int) -> int:
        """How many frames there are, at most ``wanted``: reads on as far as that."""
        if self.n_frames is None:
            self.samples_until(round((wanted + 1) / self.fps * self._rate_hz))
        return wanted if self.n_frames is None else min(wanted, self.n_frames)

    def samples_until(self, wanted: int) -> int:
        """How many samples there are: all, or more than ``wanted``."""
        heard = [self._wave]
        count = self._first + len(self._wave)
        while count <= wanted and not self._ended:
            piece = next(self._pieces, None)
            if piece is None:
                self._ended = True
                if self.n_frames is None:  # as long as the sound, at least one
                    self.n_frames = max(round(count / self._rate_hz * self.fps), 1)
                # The sound of a video often ends a little before its picture.
                missing = round(self.n_frames / self.fps * self._rate_hz) - count
                piece = [np.zeros(max(missing, 0), np.float32)]
            heard.append(piece[0])
            count += len(piece[0])
            self._ear.extend(piece[1:])
        self._wave = np.concatenate(heard)
        return count

    def cut(self, start: int, stop: int) -> np.ndarray:
        """Samples ``start`` to ``stop``; those before are forgotten."""
        self.samples_until(stop)
        self._wave, self._first = self._wave[max(start - self._first, 0) :], max(start, self._first)
        return self._wave[: stop - self._first]

    def ear(self) -> Iterator[np.ndarray]:
        """Yield the sound for the ear."""
        while True:
            while self._ear:
                yield self._ear.popleft()
            if self._ended:
                return
            self.samples_until(self._first + len(self._wave))
