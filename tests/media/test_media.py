from fractions import Fraction

import av
import mediafiles
import numpy as np
import pytest
from skimage import data

from tkit import media
from tkit.errors import MediaError, NoSoundError, UsageError


def coloured(n_frames: int, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    """Frames whose grey level says which frame they are."""
    levels = 20 + 8 * np.arange(n_frames)
    return np.broadcast_to(
        levels[:, None, None, None].astype(np.uint8), (n_frames, *size, 3)
    ).copy()


def click_at(second: float, length_s: float = 1.0) -> np.ndarray:
    wave = np.zeros(round(length_s * 16000), np.float32)
    start = round(second * 16000)
    wave[start : start + 320] = 0.8 * np.sin(2 * np.pi * 1000 * np.arange(320) / 16000)
    return wave


def test_round_trip_keeps_frames_rate_and_sound(tmp_path):
    path, frames = tmp_path / "x.mp4", coloured(25)
    assert media.write_video(path, iter(frames), wave=click_at(0.4)) == 25
    info = mediafiles.probe(path)
    assert (info.width, info.height, info.fps) == (64, 48, 25.0)
    assert info.has_audio
    clip = media.read_clip(path)
    assert clip.frames.shape == frames.shape and clip.frames.dtype == np.uint8
    assert not clip.held.any()
    assert np.abs(clip.frames.astype(int) - frames).max() <= 3
    onset = np.flatnonzero(np.abs(clip.wave) > 0.2)[0] / 16000
    assert onset == pytest.approx(0.4, abs=0.005)  # AAC's own delay is taken off


def test_a_photograph_is_read_as_it_was_written(tmp_path):
    face = data.astronaut()
    media.write_video(tmp_path / "x.mp4", [face] * 3, crf=1)
    error = media.read_clip(tmp_path / "x.mp4").frames[1].astype(float) - face
    np.testing.assert_allclose(error.mean(axis=(0, 1)), 0, atol=0.1)  # it came out darker by 1.1
    assert error.std() < 3  # what 4:2:0 takes


def test_iter_frames_equals_read_clip(tmp_path):
    path = tmp_path / "x.mp4"
    media.write_video(path, coloured(10))
    streamed = np.stack(list(media.iter_frames(path)))
    np.testing.assert_array_equal(streamed, media.read_clip(path).frames)


def test_sound_is_cut_and_padded_to_the_picture(tmp_path):
    path = tmp_path / "x.mp4"
    media.write_video(path, coloured(25), wave=click_at(0.1, length_s=3.0))
    assert len(media.read_audio(path)) / 16000 == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("fps", [12.5, 29.97, 30.0, 50.0])
def test_other_rates_are_put_on_the_grid_by_time(tmp_path, fps):
    path, n_frames = tmp_path / "x.mp4", 24
    media.write_video(path, coloured(n_frames), fps=fps)
    clip = media.read_clip(path)
    assert len(clip.frames) == pytest.approx(n_frames / fps * 25, abs=1.0)
    level = clip.frames[:, 0, 0, 0].astype(float)
    source = (level - 20) / 8  # which source frame each grid point shows
    times_s = np.arange(len(clip.frames)) / 25
    assert np.abs(source / fps - times_s).max() <= 1 / min(fps, 25) + 0.5 / 25


def test_variable_frame_rate_holds_frames(tmp_path):
    path = tmp_path / "vfr.mkv"
    stamps = [0, 1, 2, 5, 6, 9]  # in 1/25 s: two gaps
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "bgr0"
        stream.time_base = Fraction(1, 25)
        for stamp, image in zip(stamps, coloured(6), strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="bgr0")
            frame.pts, frame.time_base = stamp, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    clip = media.read_clip(path)
    assert list(np.flatnonzero(clip.held)) == [3, 4, 7, 8]
    shown = (clip.frames[:, 0, 0, 0].astype(int) - 20) // 8
    assert list(shown) == [0, 1, 2, 2, 2, 3, 4, 4, 4, 5]


def test_late_sound_is_padded(tmp_path):
    """The sound stream starts 0.2 s after the picture: time zero stays the first frame."""
    path = tmp_path / "late.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("ffv1", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "bgr0"
        sound = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        for index, image in enumerate(coloured(25)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="bgr0")
            frame.pts = index
            container.mux(video.encode(frame))
        samples = mediafiles.to_int16(click_at(0.1, 0.5))[None]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts = 16000, 3200
        container.mux(sound.encode(frame))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))
    wave = media.read_clip(path).wave
    onset = np.flatnonzero(np.abs(wave) > 0.2)[0] / 16000
    assert onset == pytest.approx(0.3, abs=0.005)


def test_rotation_flag_is_applied(tmp_path):
    upright = np.zeros((64, 48, 3), np.uint8)
    upright[:16] = 255  # bright at the top
    plain, rotated = tmp_path / "plain.mp4", tmp_path / "rotated.mp4"
    media.write_video(plain, [np.rot90(upright).copy()] * 5)
    with av.open(str(plain)) as source, av.open(str(rotated), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        if not hasattr(stream, "set_display_rotation"):
            pytest.skip("this PyAV cannot write a display matrix")
        stream.set_display_rotation(90)
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    frames = media.read_clip(rotated).frames
    assert frames.shape[1:3] == (64, 48)


def test_stereo_8_khz_wav_becomes_mono_16_khz(tmp_path):
    from scipy.io import wavfile

    path = tmp_path / "x.wav"
    tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000) * 32767).astype(np.int16)
    wavfile.write(path, 8000, np.stack([tone, tone], axis=1))
    wave = media.read_audio(path)
    assert wave.dtype == np.float32 and len(wave) == pytest.approx(16000, abs=32)
    spectrum = np.abs(np.fft.rfft(wave[2000:14000]))
    assert np.fft.rfftfreq(12000, 1 / 16000)[spectrum.argmax()] == pytest.approx(440, abs=2)


def test_sound_is_read_as_it_was_written(tmp_path):
    wave = click_at(0.2)
    mediafiles.write_sound(tmp_path / "x.wav", wave)
    np.testing.assert_allclose(media.read_audio(tmp_path / "x.wav"), wave, atol=1e-4)


def test_image_round_trip(tmp_path):
    image = data.astronaut()[:50, :60]
    media.write_image(tmp_path / "x.png", image)
    np.testing.assert_array_equal(media.read_image(tmp_path / "x.png"), image)


def test_errors_say_what_is_wrong(tmp_path):
    empty, text, mute = tmp_path / "e.mp4", tmp_path / "t.mp4", tmp_path / "m.mp4"
    empty.touch()
    text.write_text("this is not a video\n" * 50)
    media.write_video(mute, coloured(3))
    with pytest.raises(UsageError, match="no such media file"):
        media.read_clip(tmp_path / "nowhere.mp4")
    with pytest.raises(MediaError, match="0 bytes"):
        media.read_clip(empty)
    with pytest.raises(MediaError, match="cannot be read"):
        media.read_clip(text)
    with pytest.raises(MediaError, match="folder"):
        media.read_clip(tmp_path)
    with pytest.raises(NoSoundError, match="no sound"):
        media.read_audio(mute)
    with pytest.raises(MediaError, match="not a picture"):
        media.read_image(text)
    with pytest.raises(MediaError, match="no frames"):
        media.write_video(tmp_path / "none.mp4", [])
    assert media.read_clip(mute).wave.size == 0


def test_sound_file_without_picture(tmp_path):
    path = tmp_path / "x.wav"
    mediafiles.write_sound(path, click_at(0.1))
    with pytest.raises(MediaError, match="no picture"):
        media.read_clip(path)


def test_silence_is_refused():
    with pytest.raises(NoSoundError, match="silent"):
        media.require_sound(np.zeros(16000, np.float32), "x.wav")
    with pytest.raises(NoSoundError, match="no sound"):
        media.require_sound(np.zeros(0, np.float32), "x.wav")


def test_truncated_file_gives_what_it_has(tmp_path):
    whole, cut = tmp_path / "whole.mpg", tmp_path / "cut.mpg"
    rng = np.random.default_rng(0)
    with av.open(str(whole), "w", format="mpeg") as container:
        stream = container.add_stream("mpeg1video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(50):
            image = rng.integers(0, 255, (48, 64, 3)).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert len(media.read_clip(whole).frames) == 50
    assert 5 < len(media.read_clip(cut).frames) < 40


def test_an_interrupted_video_leaves_no_file(tmp_path):
    def frames():
        yield from coloured(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        media.write_video(tmp_path / "x.mp4", frames())
    assert list(tmp_path.iterdir()) == []
