"""Other voices, echo and noise on log-mel rows, against the same done to the sound itself."""

import numpy as np
import pytest

from tkit.pipelines.stages.motion import augment
from tkit.seeds import generator
from tkit.speech.logmel import LogMel

RATE_HZ = 16000
TIME_S = np.arange(2 * RATE_HZ) / RATE_HZ


def hum(pitch_hz):
    """A buzz of many harmonics, on and off."""
    harmonics = np.arange(1, int(3500 / pitch_hz))
    tones = np.sin(2 * np.pi * pitch_hz * harmonics[:, None] * TIME_S) / harmonics[:, None]
    return (tones.sum(axis=0) * (np.sin(9 * TIME_S) > 0)).astype(np.float32)


def test_scaled_frequencies_are_those_of_a_higher_voice():
    low, high = LogMel()(hum(200)), LogMel()(hum(240))
    moved = augment.scale_frequency(low, 1.2)
    loud = low.mean(axis=1) > -0.6
    before, after = (np.abs(high - rows)[loud, :45].mean() for rows in (low, moved))
    assert after < 0.5 * before
    assert np.array_equal(augment.scale_frequency(low, 1.0), low)


def test_added_noise_is_that_of_the_sound():
    rng, wave = np.random.default_rng(0), hum(200)
    noisy = LogMel()(wave + 0.05 * rng.standard_normal(len(wave)).astype(np.float32))
    clean = LogMel()(wave)
    silent = clean.mean(axis=1) < -0.9
    level_db = 70 * noisy[silent].mean(axis=0)
    made = augment.add_noise(clean, level_db)
    assert np.abs(made - noisy).mean() < 0.05 < np.abs(clean - noisy).mean()


def test_an_echo_follows_the_sound_and_dies_away():
    rows = np.full((40, 64), -1.0)
    rows[10] = 0.0
    heard = augment.echo(rows, share=0.2, decay=0.5)
    assert heard[:11] == pytest.approx(rows[:11], abs=0.03)  # the floor echoes too
    assert 70 * heard[11] == pytest.approx(10 * np.log10(0.2), abs=0.01)
    assert 70 * (heard[14] - heard[12]) == pytest.approx(20 * np.log10(0.5), abs=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_log_mel_stays_log_mel(seed):
    rows = LogMel()(hum(150))
    made = augment.log_mel(rows, generator(seed), voices=0.2, snr_db=5)
    assert made.shape == rows.shape and made.dtype == np.float32
    assert made.min() >= -1 and np.isfinite(made).all()
    assert not np.array_equal(made, rows)
    again = augment.log_mel(rows, generator(seed), voices=0.2, snr_db=5)
    assert np.array_equal(made, again)


def test_masks_hide_rows_and_columns_and_leave_the_rest():
    rows, fill = np.zeros((60, 64), np.float32), np.ones(64, np.float32)
    hidden = [augment.mask(rows, generator(seed), fill) for seed in range(40)]
    assert not rows.any()
    assert {bool(one.any()) for one in hidden} == {True, False}
    assert max(one.mean() for one in hidden) < 0.3
    narrow = [augment.mask(np.zeros((20, 3)), generator(seed), np.ones(3)) for seed in range(40)]
    assert max(one.any(axis=0).sum() for one in narrow) == 3  # a hidden row hides all columns


def test_speed_keeps_signals_together():
    time = np.linspace(0, 1, 60)
    faster = augment.at_speed(np.stack([time, 2 * time], -1), 40)
    assert faster.shape == (40, 2)
    assert faster[:, 1] == pytest.approx(2 * faster[:, 0])
    assert np.diff(faster[1:-1, 0]) == pytest.approx(60 / 40 / 59)
    assert np.array_equal(augment.at_speed(time, 60), time)
    assert len(augment.at_speed(time, 90)) == 90
