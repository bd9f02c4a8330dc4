import itertools

import numpy as np
import pytest

from tkit.speech import ENCODERS
from tkit.speech._acoustic import CHUNK_S, OVERLAP_S, cross_fade, cuts
from tkit.speech.logmel import HOP, mel_filters


def speech(seed: int = 0, seconds: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * 16000)) / 16000
    envelope = np.clip(np.sin(2 * np.pi * 3 * time_s), 0, None)
    return (0.2 * envelope * rng.normal(size=len(time_s))).astype(np.float32)


@pytest.mark.parametrize("name", ["logmel", "phones"])
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


def test_logmel_rows_are_where_they_say():
    """A click lights up the row of its time (row k is centred on k * 20 ms)."""
    encode = ENCODERS.get("logmel").open()
    for row in (3, 20, 49):
        wave = np.zeros(16000, np.float32)
        wave[row * HOP] = 0.5
        assert encode(wave).mean(axis=1).argmax() == row


def test_logmel_ignores_gain_and_lights_the_right_band():
    encode = ENCODERS.get("logmel").open()
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
    pieces = cuts(n_samples)
    assert pieces[0][0] == 0 and pieces[-1][1] == n_samples
    assert all(stop - start <= CHUNK_S * 16000 for start, stop in pieces)
    for (_, stop), (start, _) in itertools.pairwise(pieces):
        assert stop - start == OVERLAP_S * 16000 and start % 320 == 0
    truth = np.sin(np.arange(n_samples // 320 + 1))[:, None].astype(np.float32)
    rows = [(start // 320, truth[start // 320 : stop // 320 + 1]) for start, stop in pieces]
    np.testing.assert_allclose(cross_fade(rows), truth, atol=1e-6)


def test_a_long_wave_reads_as_its_pieces_do():
    """Far from the joins, 50 s of sound give nearly the phones that 24 s give."""
    encode = ENCODERS.get("phones").open()
    wave = speech(seconds=50)
    whole, first = encode(wave), encode(wave[: 24 * 16000])
    np.testing.assert_allclose(whole[:1000], first[:1000], atol=1e-5)
    assert len(whole) == 50 * 50 + 1
