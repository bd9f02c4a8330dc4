import itertools
from pathlib import Path

import av
import mediafiles
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tkit import media
from tkit.cli import main
from tkit.errors import WeightsError
from tkit.speech import ENCODERS, espeak
from tkit.speech.acoustic import CHUNK_S, OVERLAP_S, in_pieces
from tkit.speech.logmel import HOP, mel_filters
from tkit.speech.symbols import edits, greedy
from tkit.zoo.nets import chars29
from tkit.zoo.released import weights as released_weights


def speech(seed: int = 0, seconds: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * 16000)) / 16000
    envelope = np.clip(np.sin(2 * np.pi * 3 * time_s), 0, None)
    return (0.2 * envelope * rng.normal(size=len(time_s))).astype(np.float32)


@pytest.mark.parametrize("name", ["chars29", "logmel", "phones"])
@pytest.mark.parametrize("n_samples", [1, 160, 16000, 47648])
def test_every_encoder_keeps_its_word(name, n_samples):
    encoder = ENCODERS.get(name)
    encode = encoder.open()
    features = encode(speech(seconds=3.0)[:n_samples])
    info = encode.info
    assert features.dtype == np.float32 and np.isfinite(features).all()
    assert features.shape[1] == info.dim == encoder.dim
    wanted = n_samples / encoder.sample_rate * info.rate_hz
    assert abs(len(features) - wanted) <= 1
    assert info.name == name and info.version
    assert encoder.info_with() == info


def test_logmel_rows_are_where_they_say():
    """A click lights up the row of its time (row k is centred on k * 20 ms)."""
    encode = ENCODERS.get("logmel").load()
    for row in (3, 20, 49):
        wave = np.zeros(16000, np.float32)
        wave[row * HOP] = 0.5
        assert encode(wave).mean(axis=1).argmax() == row


def test_logmel_ignores_gain_and_lights_the_right_band():
    encode = ENCODERS.get("logmel").load()
    wave = speech()
    np.testing.assert_allclose(encode(wave), encode(0.01 * wave), atol=1e-4)
    tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    band = encode(tone)[25].argmax()
    bins = np.fft.rfftfreq(512, 1 / 16000)
    low, high = bins[mel_filters()[band] > 0][[0, -1]]
    assert low <= 1000 <= high


def test_mel_filters_sum_to_one_and_cover_the_range():
    filters = mel_filters()
    np.testing.assert_allclose(filters.sum(axis=1), 1)
    assert (filters >= 0).all() and (filters.max(axis=1) > 0).all()


@pytest.mark.parametrize("seconds", [0.01, 3, 24, 24.01, 60, 101.3])
def test_pieces_cover_a_long_wave_and_join_without_a_seam(seconds):
    n_samples = round(seconds * 16000)
    truth = np.sin(np.arange(n_samples // 320 + 1))[:, None].astype(np.float32)
    pieces = []

    def rows_of(numbers):
        start, stop = int(numbers[0]), int(numbers[-1]) + 1
        pieces.append((start, stop))
        return truth[start // 320 : stop // 320 + 1]

    rows = list(in_pieces([np.arange(n_samples, dtype=np.float32)], rows_of))
    assert pieces[0][0] == 0 and pieces[-1][1] == n_samples
    assert all(stop - start <= CHUNK_S * 16000 for start, stop in pieces)
    for (_, stop), (start, _) in itertools.pairwise(pieces):
        assert stop - start == OVERLAP_S * 16000 and start % 320 == 0
    np.testing.assert_allclose(np.concatenate(rows), truth, atol=1e-6)


def test_a_long_wave_reads_as_its_pieces_do():
    """Far from the joins, 50 s of sound give nearly the phones that 24 s give."""
    encode = ENCODERS.get("phones").load()
    wave = speech(seconds=50)
    whole, first = encode(wave), encode(wave[: 24 * 16000])
    np.testing.assert_allclose(whole[:1000], first[:1000], atol=1e-5)
    assert len(whole) == 50 * 50 + 1


# -- characters -----------------------------------------------------------------------------------


def slow_edits(heard: str, said: str) -> int:
    if not heard or not said:
        return len(heard) + len(said)
    same = slow_edits(heard[1:], said[1:]) + (heard[0] != said[0])
    return min(same, slow_edits(heard[1:], said) + 1, slow_edits(heard, said[1:]) + 1)


@given(st.text("ab c", max_size=5), st.text("ab c", max_size=5))
def test_edits_are_the_fewest(heard, said):
    assert edits(heard, said) == slow_edits(heard, said)


def test_greedy_leaves_out_repeats_and_blanks():
    symbols = ("", " ", "a", "b")
    rows = np.eye(4)[[0, 2, 2, 0, 2, 1, 1, 3, 0, 1]]
    assert greedy(rows, symbols) == "aa b"
    assert greedy(rows[:1], symbols) == ""


@pytest.fixture(scope="module")
def spoken():
    """A synthetic sentence, (S,) at 16 kHz."""
    from scipy.signal import resample_poly

    said = espeak.speak("place blue by g two please", voice="en-us+f1", rate_wpm=140)
    return resample_poly(said.wave, 16000, said.sample_rate).astype(np.float32)


def test_chars29_spells_what_is_said(spoken):
    encode = ENCODERS.get("chars29").load()
    assert encode.symbols == (*" abcdefghijklmnopqrstuvwxyz'", "")
    assert edits(greedy(encode(spoken), encode.symbols), "place blue by g two please") <= 6
    assert greedy(encode(np.zeros(16000, np.float32)), encode.symbols) == ""


def test_chars29_takes_its_own_weights_only(tmp_path):
    config = chars29.Config(width=8, layers=1)
    module = chars29.NET.build(config)
    path = tmp_path / "head.safetensors"
    released_weights.save(path, net="chars29", config=config, module=module, record={})
    encode = ENCODERS.get("chars29").load(path)
    assert encode(speech()).shape == (51, 29)
    assert encode.info.sha256 != ENCODERS.get("chars29").load().info.sha256
    tensorflow_graph = Path(__file__).parents[1] / "data" / "deepspeech-0.9.pb"
    with pytest.raises(WeightsError):
        ENCODERS.get("chars29").load(tensorflow_graph)


# -- the command ----------------------------------------------------------------------------------


def run(*arguments: object) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["speech", *map(str, arguments)])
    assert not caught.value.code


def test_command_prints_the_transcript_and_writes_features_and_a_picture(tmp_path, capsys, spoken):
    path, out, plot = (tmp_path / name for name in ("a.wav", "a.npy", "a.png"))
    mediafiles.write_sound(path, spoken)
    run(path, "--out", out, "--plot", plot)
    printed = capsys.readouterr()
    assert "please" in printed.out and "50 Hz (chars29-" in printed.err
    features = np.load(out)
    assert features.shape == (len(spoken) // 320 + 1, 29)
    assert media.read_image(plot).shape[1] > 400
    with pytest.raises(SystemExit) as caught:
        main(["speech", str(path), "--out", str(out)])
    assert caught.value.code == 2 and "--force" in capsys.readouterr().err


@pytest.mark.parametrize("encoder", ["chars29", "logmel", "phones"])
def test_command_takes_any_sound(tmp_path, capsys, encoder):
    """8 kHz stereo, 24 bit, mp3 and 10 ms: rows for all of it; silence is refused."""
    sounds = {
        "stereo.wav": (np.stack([speech(), speech(1)], 1), 8000, "pcm_s16le"),
        "deep.wav": (speech()[:, None], 48000, "pcm_s24le"),
        "a.mp3": (speech()[:, None], 16000, "mp3"),
        "short.wav": (speech()[:160, None], 16000, "pcm_s16le"),
    }
    for name, (wave, rate_hz, codec) in sounds.items():
        write_sound(tmp_path / name, wave, rate_hz, codec)
        run(tmp_path / name, "--encoder", encoder, "--out", tmp_path / "x.npy", "--force")
        rows = np.load(tmp_path / "x.npy")
        assert np.isfinite(rows).all()
        assert abs(len(rows) - 50 * len(wave) / rate_hz) <= 6  # mp3 pads
    write_sound(tmp_path / "silent.wav", np.zeros((16000, 1)), 16000, "pcm_s16le")
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        main(["speech", str(tmp_path / "silent.wav"), "--encoder", encoder])
    assert caught.value.code == 1 and "silent" in capsys.readouterr().err


def write_sound(path: Path, wave: np.ndarray, rate_hz: int, codec: str) -> None:
    """Write (S, channels) sound in [-1, 1] with any codec."""
    layout = "stereo" if wave.shape[1] == 2 else "mono"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        packed = np.round(wave * 32767).astype(np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="s16", layout=layout)
        frame.sample_rate = rate_hz
        resampler = av.AudioResampler(
            format=stream.codec_context.format, layout=layout, rate=rate_hz
        )
        if stream.codec_context.frame_size:
            resampler = av.AudioResampler(
                format=stream.codec_context.format,
                layout=layout,
                rate=rate_hz,
                frame_size=stream.codec_context.frame_size,
            )
        for ready in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(ready))
        container.mux(stream.encode(None))


def test_command_refuses_what_is_no_sound(tmp_path, capsys):
    for name, content, code in (("a.wav", b"text", 1), ("absent.wav", None, 2)):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(SystemExit) as caught:
            main(["speech", str(tmp_path / name)])
        assert caught.value.code == code and capsys.readouterr().err.count("\n") == 1
