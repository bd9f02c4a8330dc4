"""Log-mel energies at 50 Hz: the encoder without weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain

import numpy as np

from tkit.speech import Encoder
from tkit.speech.pieces import gathered
from tkit.store import EncoderInfo

SAMPLE_RATE = 16000
HOP = 320  # 20 ms
N_FFT = 512  # 32 ms
BANDS = 64
LOW_HZ, HIGH_HZ = 50.0, 7600.0
AT_ONCE = 4096  # rows
RANGE_DB = 70.0  # below the loud frames; what is quieter counts as silence


@cache
def mel_filters() -> np.ndarray:
    """Triangular mel filters (BANDS, N_FFT // 2 + 1), each with unit sum.

    Mel scale of O'Shaughnessy: ``2595 log10(1 + f / 700)``.
    """

    def mel(hz: np.ndarray) -> np.ndarray:
        return 2595 * np.log10(1 + hz / 700)

    edges = np.linspace(mel(np.array(LOW_HZ)), mel(np.array(HIGH_HZ)), BANDS + 2)
    bins = mel(np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE))
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - left) / (centre - left), (right - bins) / (right - centre)
    filters = np.clip(np.minimum(rising, falling), 0, None)
    return filters / filters.sum(axis=1, keepdims=True)


class LogMel:
    """Log-mel rows, scaled so that loud frames are near 0 and silence is -1, whatever the gain."""

    info = EncoderInfo("logmel", "1", "", dim=BANDS, rate_hz=SAMPLE_RATE / HOP, offset_s=0.0)

    def __call__(self, wave: np.ndarray) -> np.ndarray:
        """Encode (S,) float32 sound at 16 kHz to (S // HOP + 1, BANDS); row k is at k * 20 ms."""
        return np.concatenate(list(self.stream([wave])))

    def stream(self, waves: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Encode sound that comes in pieces: how loud it is as a whole is found out first."""
        loud = np.quantile(np.concatenate([power.mean(axis=1) for power in _powers(waves)]), 0.95)
        for power in _powers(waves):
            level_db = 10 * np.log10(np.maximum(power / max(loud, 1e-12), 10 ** (-RANGE_DB / 10)))
            yield (level_db / RANGE_DB).astype(np.float32)


def _powers(waves: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Power in the bands (n, BANDS) of the next rows, of some at once."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
    margin = np.zeros(N_FFT // 2)
    held = margin
    for piece in chain(gathered(waves, AT_ONCE * HOP), [margin]):
        held = np.concatenate([held, piece])
        last = piece is margin
        while len(held) >= (N_FFT if last else (AT_ONCE - 1) * HOP + N_FFT):
            frames = np.lib.stride_tricks.sliding_window_view(held, N_FFT)[::HOP][:AT_ONCE]
            yield np.abs(np.fft.rfft(frames * window, axis=1)) ** 2 @ mel_filters().T
            held = held[len(frames) * HOP :]


ENCODER = Encoder(
    name="logmel",
    signature="logmel-1",
    licence="Apache-2.0; no model",
    title="log-mel energies, 64 bands",
    dim=BANDS,
    rate_hz=SAMPLE_RATE / HOP,
    offset_s=0.0,
    sample_rate=SAMPLE_RATE,
    open=LogMel,
)
