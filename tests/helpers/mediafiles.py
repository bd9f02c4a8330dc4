"""Media files as other programs see them: what their headers say, and plain sound files."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
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


def write_stamped(
    path: str | Path,
    images: Iterable[np.ndarray],
    stamps: Iterable[int],
    *,
    sound: tuple[np.ndarray, Iterable[int]] | None = None,
    display: Sequence[int] | None = None,
    pixel_ratio: Fraction | None = None,
) -> None:
    """Write RGB pictures without loss, each with a time stamp in 1/25 s, as Matroska or MP4.

    Parameters
    ----------
    sound : pair, optional
        Samples (n, 640) of 16 kHz, and the number of the frame that each 40 ms begin with.
    display : nine int, optional
        The display matrix.
    pixel_ratio : Fraction, optional
        How much wider than high a pixel is.
    """
    with av.open(str(path), "w") as container:
        codec = "libx264rgb" if str(path).endswith("mp4") else "ffv1"
        stream = container.add_stream(codec, rate=25, options={"crf": "0", "bf": "0"})
        stream.pix_fmt = "rgb24" if codec == "libx264rgb" else "bgr0"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 25)
        track = container.add_stream("pcm_s16le", rate=16000, layout="mono") if sound else None
        images = list(images)
        stream.height, stream.width = images[0].shape[:2]
        if pixel_ratio:
            stream.codec_context.sample_aspect_ratio = pixel_ratio
        if display:
            stream.set_display_matrix(display)
        for image, stamp in zip(images, stamps, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame = frame.reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = stamp, Fraction(1, 25)
            container.mux(stream.encode(frame))
        if sound:
            for block, stamp in zip(*sound, strict=True):
                frame = av.AudioFrame.from_ndarray(to_int16(block)[None], "s16", "mono")
                frame.sample_rate, frame.pts = 16000, stamp * 640
                frame.time_base = Fraction(1, 16000)
                container.mux(track.encode(frame))
            container.mux(track.encode(None))
        container.mux(stream.encode(None))


def write_sound(path: str | Path, wave: np.ndarray, *, sample_rate: int = 16000) -> None:
    """Write (S,) float sound in [-1, 1] as a 16-bit WAV file."""
    wavfile.write(path, sample_rate, to_int16(wave))


def to_int16(wave: np.ndarray) -> np.ndarray:
    """Round float sound in [-1, 1] to int16, clipping what is louder."""
    return np.clip(np.rint(np.asarray(wave, np.float64) * 32768), -32768, 32767).astype(np.int16)
