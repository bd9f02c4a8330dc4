"""Other voices, rooms and noise from the log-mel rows of a clip, without its sound.

A frequency axis that is scaled is a voice that is higher or lower, of a shorter or longer vocal
tract (Jaitly and Hinton 2013); echo and noise add their power to that of the speech. What knows
nothing of sound (masks after Park et al. 2019, speed) does for any features.
"""

from __future__ import annotations

import numpy as np

from tkit.speech.logmel import BANDS, HIGH_HZ, LOW_HZ, RANGE_DB

QUIETEST_DB = 35.0  # noise so far below the speech is hardly heard
LONGEST_MASK = 8  # rows, or columns per 64
DECAY = (0.3, 0.8)  # of an echo's power from one row to the next: rooms of 0.2 to 1.2 s


def log_mel(
    rows: np.ndarray,
    rng: np.random.Generator,
    *,
    voices: float,
    snr_db: float,
    other: np.ndarray | None = None,
) -> np.ndarray:
    """Say the same in another voice, through another microphone, in another place.

    Parameters
    ----------
    rows : ndarray (N, BANDS)
    voices : float
        Largest logarithm by which frequencies are raised; they are lowered by half as much, since
        most voices of the corpora at hand are men's.
    snr_db : float
        Speech over noise at the noisiest, in the loud frames; 0: no noise.
    other : ndarray (M, BANDS), optional
        Somebody else's speech, a quarter of the noise.
    """
    if voices:
        rows = scale_frequency(rows, float(np.exp(rng.uniform(-voices / 2, voices))))
    rows = rows + rng.normal(0, 0.03) + curve(rng, 0.04)
    if rng.random() < 0.3:
        rows = echo(rows, share=rng.uniform(0.05, 0.4), decay=rng.uniform(*DECAY))
    if snr_db and rng.random() < 0.7:
        level_db = -rng.uniform(snr_db, QUIETEST_DB)
        if other is not None and rng.random() < 0.25:
            noise = RANGE_DB * np.resize(other, rows.shape)
        else:
            noise = RANGE_DB * curve(rng, 0.1) + rng.normal(0, 3, rows.shape)
        rows = add_noise(rows, level_db + noise)
    return np.maximum(rows, -1).astype(np.float32)


def curve(rng: np.random.Generator, size: float) -> np.ndarray:
    """Draw a smooth curve over the bands (BANDS,), of standard deviation ``size`` at 6 knots."""
    return np.interp(np.linspace(0, 5, BANDS), np.arange(6), rng.normal(0, size, 6))


def scale_frequency(rows: np.ndarray, factor: float) -> np.ndarray:
    """Multiply all frequencies of log-mel rows (N, BANDS); the outermost band is repeated."""
    ends = 2595 * np.log10(1 + np.array([LOW_HZ, HIGH_HZ]) / 700)
    step = (ends[1] - ends[0]) / (BANDS + 1)
    centres_hz = 700 * (10 ** ((ends[0] + step * np.arange(1, BANDS + 1)) / 2595) - 1)
    source = (2595 * np.log10(1 + centres_hz / factor / 700) - ends[0]) / step - 1
    source = np.clip(source, 0, BANDS - 1)
    below = np.minimum(source.astype(int), BANDS - 2)
    share = (source - below).astype(rows.dtype)
    return (1 - share) * rows[:, below] + share * rows[:, below + 1]


def echo(rows: np.ndarray, *, share: float, decay: float) -> np.ndarray:
    """Add an echo of ``share`` of the power, which falls by ``decay`` from row to row."""
    from scipy.signal import lfilter

    power = 10 ** (rows * RANGE_DB / 10)
    tail = lfilter([0, share], [1, -decay], power, axis=0)
    return 10 * np.log10(power + tail) / RANGE_DB


def add_noise(rows: np.ndarray, level_db: np.ndarray) -> np.ndarray:
    """Add noise of a level in dB, relative to loud speech, to log-mel rows (N, BANDS)."""
    power = 10 ** (rows * RANGE_DB / 10) + 10 ** (level_db / 10)
    return 10 * np.log10(power) / RANGE_DB


def mask(rows: np.ndarray, rng: np.random.Generator, fill: np.ndarray) -> np.ndarray:
    """Put ``fill`` (D,) in a stretch of rows and in a band of columns, each half of the time."""
    rows = rows.copy()
    n_rows, n_columns = rows.shape
    if rng.random() < 0.5:
        start = rng.integers(n_rows)
        rows[start : start + rng.integers(2, LONGEST_MASK)] = fill
    if rng.random() < 0.5:
        start = rng.integers(n_columns)
        band = slice(start, start + rng.integers(1, max(LONGEST_MASK * n_columns // 64, 2)))
        rows[:, band] = fill[band]
    return rows


def at_speed(array: np.ndarray, n: int) -> np.ndarray:
    """Play an array (N, ...) faster or slower: n rows over the same time, interpolated linearly."""
    position = np.clip((np.arange(n) + 0.5) * len(array) / n - 0.5, 0, len(array) - 1)
    before = np.minimum(position.astype(int), max(len(array) - 2, 0))
    share = (position - before).astype(array.dtype).reshape(-1, *[1] * (array.ndim - 1))
    after = np.minimum(before + 1, len(array) - 1)
    return (1 - share) * array[before] + share * array[after]
