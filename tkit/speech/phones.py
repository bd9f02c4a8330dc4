"""Phone log-posteriors at 50 Hz, of the acoustic model in the package ``hama``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from tkit.speech import Encoder
from tkit.speech.acoustic import HOP, SAMPLE_RATE, encode, model, stream
from tkit.speech.symbols import BLANK
from tkit.store import EncoderInfo


class Phones:
    """Natural log-probabilities of 189 tokens (phones in IPA), word boundary and blank."""

    def __init__(self) -> None:
        from tkit.zoo.nets import hama

        self._model = model()
        text = {"<wb>": " ", "<blank>": BLANK}
        self.symbols = tuple(text.get(token, token) for token in hama.tokens())
        self.info = EncoderInfo(
            "phones",
            f"hama-{hama.VERSION}",
            hama.SHA256,
            dim=len(self.symbols),
            rate_hz=SAMPLE_RATE / HOP,
            offset_s=0.0,
        )

    def __call__(self, wave: np.ndarray) -> np.ndarray:
        """Encode (S,) float32 sound at 16 kHz to (S // 320 + 1, 191); row k is at k * 20 ms."""
        return encode(wave, self._model)

    def stream(self, waves: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Encode sound that comes in pieces: the same rows, in as little memory."""
        return stream(waves, self._model)


ENCODER = Encoder(
    name="phones",
    signature="phones",
    licence="that of the package hama",
    title="phone posteriors (hama 1.7.0)",
    dim=191,
    rate_hz=SAMPLE_RATE / HOP,
    offset_s=0.0,
    sample_rate=SAMPLE_RATE,
    open=Phones,
)
