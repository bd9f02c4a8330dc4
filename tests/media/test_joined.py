"""Recordings joined one after the other are read as such; a cover is not the picture."""

from fractions import Fraction

import av
import mediafiles
import numpy as np
import pytest
from av.stream import Disposition

from tkit import media
from tkit.errors import MediaError
from tkit.media.clock import Grid
from tkit.media.frames import Reader

RATE = 16000


def levels(first: int, count: int, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    """Frames that are told apart by their level."""
    shades = 40 + 4 * np.arange(first, first + count, dtype=np.uint8)
    return np.broadcast_to(shades[:, None, None, None], (count, *size, 3)).copy()


def shown(frames: np.ndarray) -> list[int]:
    return [round((float(frame.mean()) - 40) / 4) for frame in frames]


def write_take(path, frames: np.ndarray, *, pitch_hz: float, rate: int = 48000, codec="libx264"):
    """A recording with sound as long as its picture, as an MPEG transport stream."""
    with av.open(str(path), "w", format="mpegts") as container:
        video = container.add_stream(codec, rate=25, options={"bf": "2", "crf": "1", "b": "2M"})
        video.height, video.width = frames.shape[1:3]
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("mp2", rate=rate, layout="mono")
        length = len(frames) * rate // 25
        wave = np.sin(2 * np.pi * pitch_hz * np.arange(length) / rate)
        sound = av.AudioFrame.from_ndarray(mediafiles.to_int16(0.5 * wave)[None], "s16", "mono")
        sound.sample_rate, sound.pts = rate, 0
        for image in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(video.encode(None))
        container.mux(audio.encode(sound))
        container.mux(audio.encode(None))


def joined(folder, *parts: bytes):
    path = folder / "joined.ts"
    path.write_bytes(b"".join(parts))
    return path


def pitch_hz(wave: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    return float(np.fft.rfftfreq(len(wave), 1 / RATE)[spectrum.argmax()])


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_joined_recordings_are_read_one_after_the_other(tmp_path, codec):
    write_take(tmp_path / "a.ts", levels(0, 25), pitch_hz=400, codec=codec)
    write_take(tmp_path / "b.ts", levels(25, 25), pitch_hz=900, rate=32000, codec=codec)
    path = joined(tmp_path, *((tmp_path / name).read_bytes() for name in ("a.ts", "b.ts")))
    clip = media.read_clip(path)
    assert shown(clip.frames) == list(range(50)) and not clip.held.any()
    assert shown(Reader(path).read()) == list(range(50))
    assert len(clip.wave) / RATE == pytest.approx(2.0, abs=0.1)
    assert pitch_hz(clip.wave[RATE // 4 : 3 * RATE // 4]) == pytest.approx(400, abs=5)
    assert pitch_hz(clip.wave[5 * RATE // 4 : 7 * RATE // 4]) == pytest.approx(900, abs=5)
    change = next(  # the picture changes with the sound
        at for at in range(RATE // 2, len(clip.wave), RATE // 100)
        if pitch_hz(clip.wave[at : at + RATE // 50]) > 650
    )  # fmt: skip
    assert change / RATE == pytest.approx(1.0, abs=0.08)


def test_another_size_in_the_midst_is_refused_by_name(tmp_path):
    write_take(tmp_path / "a.ts", levels(0, 20), pitch_hz=400)
    write_take(tmp_path / "b.ts", levels(20, 20, (32, 64)), pitch_hz=400)
    path = joined(tmp_path, *((tmp_path / name).read_bytes() for name in ("a.ts", "b.ts")))
    with pytest.raises(MediaError, match="changes its size"):
        media.read_clip(path)
    reader = Reader(path)
    assert len(reader.read()) == 20 and "changes its size after 20" in reader.problem


class Stamped:
    """A decoded frame as the grid sees it."""

    def __init__(self, stamp: int, *, key_frame: bool) -> None:
        self.time, self.key_frame = stamp / 25, key_frame


@pytest.mark.parametrize("back", [15, 40])
def test_a_broken_stamp_is_no_joint(back):
    """Even of a key frame: the next stamps are where they were before."""
    stamps = [*range(60), 60 - back, *range(61, 80)]
    grid = Grid(25, "x.mpg")
    with pytest.raises(MediaError, match=r"jump by .* at frame 6"):
        for number, stamp in enumerate(stamps):
            grid.add(Stamped(stamp, key_frame=number % 12 == 0), levels(0, 1)[0])


@pytest.mark.parametrize("first", [True, False])
def test_a_cover_is_not_the_picture(tmp_path, first):
    path, still = tmp_path / "x.mp4", levels(50, 1, (16, 16))[0]
    with av.open(str(path), "w") as container:

        def cover():
            stream = container.add_stream("png", rate=25)
            stream.height, stream.width, stream.pix_fmt = 16, 16, "rgb24"
            stream.disposition = Disposition.attached_pic
            return stream

        streams = [cover()] if first else []
        video = container.add_stream("libx264", rate=25, options={"crf": "0"})
        video.height, video.width, video.pix_fmt = 48, 64, "yuv420p"
        streams += [] if first else [cover()]
        frame = av.VideoFrame.from_ndarray(still, format="rgb24")
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        container.mux(streams[0].encode(frame))
        for image in levels(0, 10):
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(streams[0].encode(None))
        container.mux(video.encode(None))
    assert shown(media.read_clip(path).frames) == list(range(10))
    assert shown(Reader(path).read()) == list(range(10))


def test_sound_with_a_cover_has_no_picture(tmp_path):
    path = tmp_path / "x.mp3"
    with av.open(str(path), "w") as container:
        audio = container.add_stream("mp3", rate=RATE, layout="mono")
        cover = container.add_stream("png", rate=25)
        cover.height, cover.width, cover.pix_fmt = 16, 16, "rgb24"
        cover.disposition = Disposition.attached_pic
        tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE).astype(np.float32)
        sound = av.AudioFrame.from_ndarray(tone[None], "fltp", "mono")
        sound.sample_rate = RATE
        frame = av.VideoFrame.from_ndarray(levels(0, 1, (16, 16))[0], format="rgb24")
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        for stream, part in ((cover, frame), (cover, None), (audio, sound), (audio, None)):
            container.mux(stream.encode(part))
    with pytest.raises(MediaError, match="no picture in this file but a cover"):
        media.read_clip(path)
    assert pitch_hz(media.read_audio(path)) == pytest.approx(440, abs=2)
