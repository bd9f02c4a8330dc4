"""From RGB arrays to PyAV frames that an encoder takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

BT601, LIMITED_RANGE = 6, 1  # codes of ITU-T H.273; stated, so that no player guesses BT.709
SOUND_EVERY = 25  # frames of the picture, after which their sound is written
_EXACT = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP


class Subsampler:
    """RGB frames to 4:2:0, by the definition: who reads it by the same gets the RGB back."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def __call__(self, image: np.ndarray) -> Any:
        """Convert (H, W, 3) uint8 RGB of even sides to a frame in ``yuv420p``."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        return self._reformatter.reformat(frame, format="yuv420p", interpolation=_EXACT, threads=1)


class SoundTrack:
    """Mono sound to the packets of a stream, as far as the picture has come.

    Parameters
    ----------
    stream : av.AudioStream
    pieces : iterator of ndarray (n,)
    """

    def __init__(self, stream: Any, pieces: Iterator[np.ndarray]) -> None:
        self._stream, self._pieces = stream, pieces
        self._rest = np.zeros(0, np.float32)
        self._count = 0  # samples that were encoded

    def encode(self, until: int) -> list[Any]:
        """Packets of the samples up to ``until``; silence where the sound has ended."""
        wanted, parts, there = until - self._count, [self._rest], len(self._rest)
        while there < wanted:
            piece = next(self._pieces, None)
            piece = np.zeros(wanted - there, np.float32) if piece is None else piece
            parts.append(piece)
            there += len(piece)
        samples = np.concatenate(parts).astype(np.float32)
        self._rest = samples[wanted:]
        if not wanted:
            return []
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples[None, :wanted]), format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts = self._stream.rate, self._count
        self._count = until
        return list(self._stream.encode(frame))

    def finish(self) -> list[Any]:
        """Return the last packets."""
        return list(self._stream.encode(None))
