"""Sound is what a player plays; what cannot be sound is refused."""

import av
import mediafiles
import numpy as np
import pytest
from scipy.io import wavfile

from tkit import media
from tkit.errors import MediaError, NoSoundError

RATE = 16000


def tone(length_s: float = 1.0, hz: float = 440.0, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hz * np.arange(round(length_s * RATE)) / RATE)).astype("f4")


def write_tracks(path, *tracks: np.ndarray, layout: str = "mono") -> None:
    """Tracks (C, n) of sound without loss; those of one file have one layout."""
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("pcm_f32le", rate=RATE, layout=layout) for _ in tracks]
        for stream, track in zip(streams, tracks, strict=True):
            samples = np.ascontiguousarray(track.T.reshape(1, -1), np.float32)
            frame = av.AudioFrame.from_ndarray(samples, format="flt", layout=layout)
            frame.sample_rate, frame.pts = RATE, 0
            container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))


@pytest.mark.parametrize("gap", [5, 20, 60])
def test_a_hole_is_filled_with_silence(tmp_path, gap):
    blocks = tone(4.0).reshape(-1, 640)
    stamps = [at for at in range(100) if not 20 <= at < 20 + gap]
    frames = np.full((100, 16, 16, 3), 90, np.uint8)
    path = tmp_path / "x.mkv"
    mediafiles.write_stamped(path, frames, range(100), sound=(blocks[stamps], stamps))
    truth = blocks.copy()
    truth[20 : 20 + gap] = 0
    for wave in (media.read_clip(path).wave, media.read_audio(path)):
        assert len(wave) == 4 * RATE
        np.testing.assert_allclose(wave, truth.ravel(), atol=1e-3)


def test_a_jump_of_the_sound_is_refused_before_it_is_filled(tmp_path):
    blocks, stamps = tone(1.0).reshape(-1, 640), [*range(10), *range(2_000_010, 2_000_025)]
    frames = np.full((3, 16, 16, 3), 90, np.uint8)
    mediafiles.write_stamped(tmp_path / "x.mkv", frames, range(3), sound=(blocks, stamps))
    for read in (media.read_clip, media.read_audio):
        with pytest.raises(MediaError, match="jump by 80000 s at the sound"):
            read(tmp_path / "x.mkv")


@pytest.mark.parametrize("value", [np.nan, np.inf, 20000.0])
def test_samples_that_cannot_be_sound_are_refused(tmp_path, value):
    wave = tone()
    wave[RATE // 2] = value
    wavfile.write(tmp_path / "x.wav", RATE, wave)
    with pytest.raises(MediaError, match=r"the sound is (no number|2e\+04 times full scale) at 0"):
        media.read_audio(tmp_path / "x.wav")


def test_the_first_track_that_is_not_silent_is_heard(tmp_path):
    path = tmp_path / "x.mkv"
    write_tracks(path, np.zeros((1, RATE)), tone()[None], tone(hz=880)[None])
    np.testing.assert_allclose(media.read_audio(path), tone(), atol=1e-6)
    write_tracks(path, np.zeros((1, RATE)), np.zeros((1, RATE)))
    with pytest.raises(NoSoundError, match="silent"):
        media.require_sound(media.read_audio(path), path)


@pytest.mark.parametrize("other", [-1.0, -0.9])
def test_channels_that_cancel_are_heard_by_the_loudest(tmp_path, other):
    pause = np.zeros(RATE, np.float32)
    wave = np.concatenate([pause, tone(3.0)])
    write_tracks(tmp_path / "x.wav", np.stack([wave, other * wave]), layout="stereo")
    np.testing.assert_allclose(media.read_audio(tmp_path / "x.wav"), wave, atol=1e-5)


@pytest.mark.parametrize(("layout", "count"), [("4.0", 4), ("quad", 4), ("5.1", 6), ("7.1", 8)])
def test_many_channels_keep_the_loudness(tmp_path, layout, count):
    write_tracks(tmp_path / "x.wav", np.tile(tone(), (count, 1)), layout=layout)
    np.testing.assert_allclose(media.read_audio(tmp_path / "x.wav"), tone(), atol=1e-5)


def test_channels_and_rate_may_change_within_a_file(tmp_path):
    """MP3 joined by appending, as people do."""
    wave = tone(1.0)
    for name, rate, layout in (("a", 44100, "stereo"), ("b", 22050, "mono"), ("c", 44100, "mono")):
        with av.open(str(tmp_path / f"{name}.mp3"), "w") as container:
            stream = container.add_stream("mp3", rate=rate, layout=layout)
            stream.codec_context.format = "fltp"
            time = np.arange(rate) / rate
            one = np.interp(time, np.arange(RATE) / RATE, wave).astype(np.float32)
            samples = np.tile(one, (2 if layout == "stereo" else 1, 1))
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
            frame.sample_rate = rate
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    parts = [(tmp_path / f"{name}.mp3").read_bytes() for name in "abc"]
    (tmp_path / "x.mp3").write_bytes(b"".join(parts))
    heard = media.read_audio(tmp_path / "x.mp3")
    assert len(heard) == pytest.approx(3 * RATE, abs=0.25 * RATE)
    spectrum = np.abs(np.fft.rfft(heard[-RATE // 2 : -RATE // 8]))
    hz = np.fft.rfftfreq(RATE // 2 - RATE // 8, 1 / RATE)[spectrum.argmax()]
    assert hz == pytest.approx(440, abs=4)  # not an octave off


def test_one_decoding_gives_several_rates(tmp_path):
    write_tracks(tmp_path / "x.wav", np.stack([tone(2.0), tone(2.0)]), layout="stereo")
    pieces = list(media.stream_audio(tmp_path / "x.wav", 16000, 48000))
    for index, rate in enumerate((16000, 48000)):
        joined = np.concatenate([piece[index] for piece in pieces])
        np.testing.assert_array_equal(
            joined, media.read_audio(tmp_path / "x.wav", sample_rate=rate)
        )
