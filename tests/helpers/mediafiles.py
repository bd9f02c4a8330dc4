"""Media files as other programs see them: what their headers say, and plain sound files."""

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from scipy.io import wavfile


@dataclass(frozen=True)
class Headers:
    """What a file says about itself before decoding; sizes in pixels."""

    width: int
    height: int
    fps: float
    has_audio: bool


def probe(path: str | Path) -> Headers:
    """Read the headers of a video."""
    with av.open(str(path)) as container:
        (video,) = container.streams.video
        has_audio = bool(container.streams.audio)
        return Headers(video.width, video.height, float(video.average_rate), has_audio)


def write_sound(path: str | Path, wave: np.ndarray, *, sample_rate: int = 16000) -> None:
    """Write (S,) float sound in [-1, 1] as a 16-bit WAV file."""
    wavfile.write(path, sample_rate, to_int16(wave))


def to_int16(wave: np.ndarray) -> np.ndarray:
    """Round float sound in [-1, 1] to int16, clipping what is louder."""
    return np.clip(np.rint(np.asarray(wave, np.float64) * 32768), -32768, 32767).astype(np.int16)
