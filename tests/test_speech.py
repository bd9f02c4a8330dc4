import numpy as np
import pytest

from tkit.speech import ENCODERS
from tkit.speech.logmel import HOP, mel_filters


def speech(seed: int = 0, seconds: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * 16000)) / 16000
    envelope = np.clip(np.sin(2 * np.pi * 3 * time_s), 0, None)
    return (0.2 * envelope * rng.normal(size=len(time_s))).astype(np.float32)


@pytest.mark.parametrize("name", ["logmel"])
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
