"""Speech that is decoded while the face speaks, as far as its encoder has come."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

QUIET_DB = 40.0  # below the loudest so far: what is quieter is no speech


class Speech:
    """Sound at an encoder's rate, as long as the video.

    Each time it is gone through, the sound is heard from its beginning on: an encoder that must
    know how loud the whole is hears it twice.

    Parameters
    ----------
    pieces : iterable of ndarray (n,), float32
        That can be gone through again, as :class:`tkit.media.SoundPieces`.
    rate_hz : int
        The encoder's.
    fps : float
        Frames a second of the video.
    n_frames : int
        Of the video; 0: as long as the sound.
    """

    def __init__(
        self, pieces: Iterable[np.ndarray], *, rate_hz: int, fps: float, n_frames: int = 0
    ) -> None:
        self.fps, self._pieces, self._rate_hz = fps, pieces, rate_hz
        self.n_frames: int | None = n_frames or None  # None: not known before the end was heard
        self._loud: list[float] = []  # frames that were heard as a whole
        self._peak = 0.0

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the samples piece by piece; too few are followed by silence."""
        count, rest = 0, np.zeros(0)
        self._loud, self._peak = [], 0.0
        for piece in self._pieces:
            count += len(piece)
            rest = self._measured(np.concatenate([rest, piece]))
            yield piece
        if self.n_frames is None:  # as long as the sound, at least one
            self.n_frames = max(round(count / self._rate_hz * self.fps), 1)
        # The sound of a video often ends a little before its picture.
        missing = round(self.n_frames / self.fps * self._rate_hz) - count
        if missing > 0:
            yield np.zeros(missing, np.float32)

    def loudness(self, start: int, count: int) -> np.ndarray:
        """How loud frames ``start`` and on are, (count,): 0 quiet, 1 as the loudest before."""
        found = np.array(self._loud[start : start + count])
        return np.pad(found, (0, count - len(found)))

    def _measured(self, wave: np.ndarray) -> np.ndarray:
        """Measure the next whole frames, and return what is left."""
        ends = self._rate_hz / self.fps
        while True:
            done = len(self._loud)
            size = round((done + 1) * ends) - round(done * ends)
            if len(wave) < size:
                return wave
            power = float(np.mean(wave[:size] ** 2)) + 1e-12
            self._peak = max(self._peak, power)
            self._loud.append(max(1 + 10 * math.log10(power / self._peak) / QUIET_DB, 0.0))
            wave = wave[size:]
