"""Pictures, videos and sound in and out (PyAV).

Frames are ``(H, W, 3)`` uint8 RGB as a player shows them: upright and mirrored as the file says,
with square pixels, each at its time stamp. Sound is mono float32 in [-1, 1]. Time zero is the first
video frame: sound that starts earlier is cut, later is padded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition

from tkit.errors import MediaError, NoSoundError
from tkit.files import atomic_path, require_path
from tkit.media.clock import Grid, Joints, stated_rate
from tkit.media.decoding import Converter
from tkit.media.encoding import BT601, LIMITED_RANGE, SOUND_EVERY, SoundTrack, Subsampler
from tkit.media.sound import SILENCE_PEAK, Sound

COVER = Disposition.attached_pic | Disposition.timed_thumbnails
SCAN_HZ = 16000  # at which tracks are looked through
SOUND_SUFFIXES = frozenset(".wav .m4a .mp3 .flac .aac .ogg".split())
VIDEO_SUFFIXES = frozenset(".mpg .mpeg .mp4 .m4v .mov .avi .mkv .webm .flv .wmv".split())
# Those that take what write_video writes, H.264 and AAC.
WRITTEN_SUFFIXES = VIDEO_SUFFIXES - {".mpg", ".mpeg", ".webm"}

av.logging.set_level(av.logging.PANIC)  # damaged frames are counted by us, not printed by FFmpeg


@dataclass(frozen=True)
class Media:
    """A decoded clip on a regular time grid.

    Parameters
    ----------
    frames : ndarray, (T, H, W, 3), uint8 RGB
        Frame ``t`` is what is shown at ``t / fps`` seconds.
    fps : float
    held : ndarray, (T,), bool
        True where the stream had no frame of its own (damage, drops): the one before is repeated.
    wave : ndarray, (S,), float32
        Mono sound that starts with frame 0; empty when there is none.
    sample_rate : int
    """

    frames: np.ndarray
    fps: float
    held: np.ndarray
    wave: np.ndarray
    sample_rate: int

    @property
    def duration_s(self) -> float:
        """Length of the picture in seconds."""
        return len(self.frames) / self.fps


def read_clip(
    video: str | Path,
    audio: str | Path = "",
    *,
    fps: float | None = 25.0,
    sample_rate: int = 16000,
    max_frames: int | None = None,
) -> Media:
    """Decode picture and sound of a clip in one pass.

    Parameters
    ----------
    video : path
        File with the picture and, usually, the sound.
    audio : path, optional
        Sound file for a video without sound inside; its time zero is the first video frame.
    fps : float or None
        Rate of the time grid; ``None`` keeps the file's own. Variable and other frame rates are
        put on the grid by their time stamps: each frame goes to the nearest grid point, a point
        that several frames claim takes the nearest, a point that none claims repeats the last.
    sample_rate : int
        Hz of the returned wave.
    max_frames : int, optional
        Stop after this many frames of the grid.

    Raises
    ------
    MediaError
        If there is no decodable picture.
    """
    points: list[tuple[np.ndarray, bool]] = []
    heard: list[np.ndarray] = []
    with _open(video) as container:
        stream = _picture_of(container, video)
        rate = fps or stated_rate(stream) or 25.0
        track = _sounding_track(container, video)
        joints = Joints()
        sound = None if track is None else Sound(sample_rate, name=video, joints=joints)
        convert, grid = Converter(stream, video), Grid(rate, video, joints)
        stop_s = None if max_frames is None else (max_frames + 0.5) / rate
        for frame in _decode(container, stream, track):
            if sound and isinstance(frame, av.AudioFrame):
                heard += sound.add(frame)
            elif stop_s is None or grid.elapsed_s(frame) <= stop_s:
                points += grid.add(frame, convert(frame))
            else:
                break
    points = [*points, *grid.finish()][:max_frames]
    frames, held = [image for image, _ in points], [repeats for _, repeats in points]
    if not frames:
        raise MediaError(f"{video}: no frame of this file can be decoded")
    if any(image.shape != frames[0].shape for image in frames):
        raise MediaError(f"{video}: the picture changes its size within the file")
    wave = np.concatenate([*heard, *(sound.finish() if sound else ()), np.zeros(0, np.float32)])
    if sound and sound.start_s is not None and grid.start_s is not None:
        lead = round((sound.start_s - grid.start_s) * sample_rate)
        wave = np.pad(wave, (lead, 0)) if lead > 0 else wave[-lead:]
    if not wave.size and audio:
        wave = read_audio(audio, sample_rate=sample_rate)
    return Media(np.stack(frames), rate, np.array(held), wave, sample_rate)


def iter_frames(path: str | Path) -> Iterator[np.ndarray]:
    """Yield the frames of a video one by one as (H, W, 3) uint8 RGB, at the file's own rate."""
    yield from map(np.ascontiguousarray, open_video(path)[1])


def open_video(path: str | Path, *, fps: float = 0.0) -> tuple[float, Iterator[np.ndarray]]:
    """Open a video once: its own frame rate (0 where it states none), and its frames as above.

    They lie on the time grid of :func:`read_clip`.

    Parameters
    ----------
    fps : float, optional
        Rate of the grid; by default the file's own.
    """
    container = _open(path)
    try:
        stream = _picture_of(container, path)
    except MediaError:
        container.close()
        raise
    own = stated_rate(stream)
    return own, _frames_of(container, stream, path, fps or own)


def _picture_of(container: Any, path: str | Path) -> Any:
    """The first stream of pictures that is not a cover."""
    for stream in container.streams.video:
        if not stream.disposition & COVER:
            if stream.codec_context is not None:  # else nothing here decodes it, as is told then
                # FFmpeg's threads for the slices of a frame cost more than they bring.
                stream.codec_context.thread_count = 1
            return stream
    but = " but a cover" if container.streams.video else ""
    raise MediaError(f"{path}: no picture in this file{but}")


def _frames_of(container: Any, stream: Any, path: str | Path, fps: float) -> Iterator[np.ndarray]:
    grid = Grid(fps, path) if fps else None  # without a rate, one frame after the other
    count = 0
    with container:
        convert = Converter(stream, path)
        for frame in _decode(container, stream):
            image = convert(frame)
            for shown, _ in grid.add(frame, image) if grid else [(image, False)]:
                yield shown
                count += 1
        for shown, _ in grid.finish() if grid else ():
            yield shown
    if not count:
        raise MediaError(f"{path}: no frame of this file can be decoded")


def read_audio(path: str | Path, *, sample_rate: int = 16000) -> np.ndarray:
    """Decode the sound of any media file to (S,) float32 mono at ``sample_rate`` Hz.

    Raises
    ------
    NoSoundError
        If the file holds no sound.
    """
    wave = np.concatenate([pieces[0] for pieces in stream_audio(path, sample_rate)])
    if not wave.size:
        raise NoSoundError(f"{path}: the sound of this file cannot be decoded")
    return wave


def stream_audio(path: str | Path, *sample_rates: int) -> Iterator[list[np.ndarray]]:
    """Decode the sound of any media file once, at one or more rates, piece by piece.

    Of several tracks the first is taken that is not silent.

    Yields
    ------
    list of ndarray (n,)
        Mono float32, the next samples at each rate.

    Raises
    ------
    NoSoundError
        At once, if the file holds no sound.
    MediaError
        If there are samples that cannot be sound.
    """
    container = _open(path)
    track = _sounding_track(container, path)
    if track is None:
        container.close()
        raise NoSoundError(f"{path}: no sound in this file")
    return _pieces_of(container, track, Sound(*sample_rates, name=path))


@dataclass(frozen=True)
class SoundPieces:
    """The sound of a file in pieces (n,), as often as it is gone through: decoded, never kept."""

    path: str | Path
    sample_rate: int

    def __iter__(self) -> Iterator[np.ndarray]:
        return (piece for (piece,) in stream_audio(self.path, self.sample_rate))


def _pieces_of(container: Any, track: Any, sound: Sound) -> Iterator[list[np.ndarray]]:
    with container:
        for frame in _decode(container, track):
            yield sound.add(frame)
    yield sound.finish()


def _sounding_track(container: Any, path: str | Path) -> Any:
    """The first track of sound that is not silent, or the first; None without any."""
    tracks = container.streams.audio
    if len(tracks) < 2:
        return tracks[0] if tracks else None
    for number, track in enumerate(tracks):
        with _open(path) as other:
            sound = Sound(SCAN_HZ, name=path)
            for frame in _decode(other, other.streams.audio[number]):
                if np.abs(np.concatenate(sound.add(frame))).max(initial=0.0) >= SILENCE_PEAK:
                    return track
            if np.abs(np.concatenate(sound.finish())).max(initial=0.0) >= SILENCE_PEAK:
                return track
    return tracks[0]


def require_sound(wave: np.ndarray, name: str | Path) -> np.ndarray:
    """Return ``wave`` unless it is empty or silent (:class:`NoSoundError`)."""
    if not wave.size:
        raise NoSoundError(f"{name}: no sound in this file")
    if float(np.abs(wave).max()) < SILENCE_PEAK:
        raise NoSoundError(f"{name}: the sound is silent (peak below -60 dB)")
    return wave


def require_audible(path: str | Path) -> None:
    """Read a file until it sounds; :class:`NoSoundError` if it never does."""
    heard = 0
    for (piece,) in stream_audio(path, SCAN_HZ):
        heard += len(piece)
        if np.abs(piece).max(initial=0.0) >= SILENCE_PEAK:
            return
    require_sound(np.zeros(min(heard, 1), np.float32), path)


def stated_length_s(path: str | Path) -> float:
    """Seconds that a file says it lasts, which may be wrong; 0 where it says nothing."""
    with _open(path) as container:
        return (container.duration or 0) / av.time_base


def stated_comment(path: str | Path) -> str:
    """What a file says of itself; empty where it says nothing."""
    with _open(path) as container:
        # Matroska writes its tags in capitals.
        found = {key.lower(): text for key, text in container.metadata.items()}
        return str(found.get("comment", ""))


def read_image(path: str | Path) -> np.ndarray:
    """Read a picture file as (H, W, 3) uint8 RGB: upright, scaled to 8 bits, alpha on white."""
    from tkit.media import stills
    from tkit.media.pictures import to_rgb

    with stills.opened(path) as image:
        return to_rgb(image, path)


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write an (H, W, 3) uint8 RGB picture; the suffix chooses the format."""
    from PIL import Image

    with atomic_path(path) as temporary:
        Image.fromarray(image).save(temporary)


def write_video(
    path: str | Path,
    frames: Iterable[np.ndarray],
    *,
    fps: float = 25.0,
    wave: np.ndarray | Iterator[np.ndarray] | None = None,
    sample_rate: int = 16000,
    crf: int = 18,
    gop: int = 0,
    comment: str = "",
) -> int:
    """Write frames and sound as H.264 + AAC and return the number of frames.

    Parameters
    ----------
    frames : iterable of (H, W, 3) uint8 RGB
        Taken one by one, so that a generator is written while it runs. Odd sizes lose their last
        row or column: H.264 in 4:2:0 has even sizes only.
    wave : ndarray (S,), or iterator of such, optional
        Mono float sound that starts with the first frame; cut or padded to the picture's length.
        Pieces are taken as the picture goes on.
    crf : int
        H.264 constant quality, 0 (lossless) to 51.
    gop : int
        Frames from one that stands alone to the next, each made of those before it, so that players
        find any of them at once; 0 leaves it to the encoder.
    comment : str
        What the file says of itself, for :func:`stated_comment`; who encodes it again loses it.
    """
    iterator = iter(frames)
    try:
        first = np.asarray(next(iterator))
    except StopIteration:
        raise MediaError(f"{path}: no frames to write") from None
    height, width = (size - size % 2 for size in first.shape[:2])
    if not height or not width:
        raise MediaError(f"{path}: frames of {first.shape[1]} x {first.shape[0]} are too small")
    rate, convert = Fraction(fps).limit_denominator(1001), Subsampler()
    with atomic_path(path) as temporary, _open(temporary, "w") as container:
        if comment:
            container.metadata["comment"] = comment
        video = container.add_stream("libx264", rate=rate)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.codec_context.colorspace, video.codec_context.color_range = BT601, LIMITED_RANGE
        # One thread, no code for special processors: the same frames give the same bytes.
        same = {"threads": "1", "x264-params": "cpu-independent=1"}
        found_at_once = {"g": str(gop), "bf": "0"} if gop else {}
        video.options = {"crf": str(crf), "preset": "veryfast", **same, **found_at_once}
        sound = None
        if isinstance(wave, np.ndarray):
            wave = iter([wave]) if len(wave) else None
        if wave is not None:
            stream = container.add_stream("aac", rate=sample_rate, layout="mono")
            sound = SoundTrack(stream, wave)
        count = 0
        for image in _chain(first, iterator):
            container.mux(video.encode(convert(image[:height, :width])))
            count += 1
            if sound is not None and count % SOUND_EVERY == 0:
                container.mux(sound.encode(round(count / float(rate) * sample_rate)))
        container.mux(video.encode(None))
        if sound is not None:
            container.mux(sound.encode(round(count / float(rate) * sample_rate)))
            container.mux(sound.finish())
    return count


# ---------------------------------------------------------------------------------------------


def _chain(first: np.ndarray, rest: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    yield first
    yield from rest


def _open(path: str | Path, mode: str = "r") -> Any:
    if mode == "r":
        path = require_path(path, "media file")
        if path.is_dir():
            raise MediaError(f"{path}: is a folder, not a media file")
        if path.stat().st_size == 0:
            raise MediaError(f"{path}: the file is empty (0 bytes)")
    try:
        # "file:", or a name like 12:30.wav would be taken for one of another protocol.
        url = f"file:{path}"
        return av.open(url, "w") if mode == "w" else av.open(url, "r")
    except (av.error.FFmpegError, ValueError) as error:
        doing = "read as video or sound" if mode == "r" else "written"
        raise MediaError(f"{path}: cannot be {doing} ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _decode(container: Any, *streams: Any) -> Iterator[Any]:
    """Yield decoded frames; damaged packets are skipped, as players do."""
    streams = tuple(stream for stream in streams if stream is not None)
    packets = container.demux(*streams)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.FFmpegError:  # truncated file: what was read so far stands
            return
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            continue
        yield from frames
