"""Logits of DeepSpeech's 29 characters at 50 Hz, from packages and our own weights alone.

The acoustic model of the package ``hama`` hears (``tkit.zoo.nets.hama``), a head of ours spells
(``tkit.zoo.nets.chars29``). Columns: space, a to z, apostrophe, CTC blank; values before the
softmax.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from tkit.errors import WeightsError
from tkit.files import sha256_of
from tkit.registry import ModelFile
from tkit.speech import Encoder
from tkit.speech.acoustic import HOP, SAMPLE_RATE, encode, model, stream
from tkit.store import EncoderInfo
from tkit.zoo.released import cards

NAME, VERSION, DIM = "chars29", "1", 29


def info(sha256: str = "") -> EncoderInfo:
    """What the features are of the head with this SHA-256; of the released one by default."""
    return EncoderInfo(
        NAME,
        VERSION,
        sha256 or sha256_of(cards.locate(NAME)),
        dim=DIM,
        rate_hz=SAMPLE_RATE / HOP,
        offset_s=0.0,
    )


class Chars29:
    """The encoder with its two networks loaded.

    Parameters
    ----------
    weights : path or str, optional
        Another head than the released one.
    """

    def __init__(self, weights: str = NAME) -> None:
        from tkit.zoo.nets import chars29
        from tkit.zoo.released import weights as released_weights

        loaded = released_weights.load(weights)
        if loaded.net != NAME:
            raise WeightsError(f"{loaded.path}: weights of {loaded.net!r}, not of chars29")
        self._model, self._head = model(), loaded.module
        self.symbols = chars29.SYMBOLS
        self.info = info(loaded.sha256)

    def __call__(self, wave: np.ndarray) -> np.ndarray:
        """Encode (S,) float32 sound at 16 kHz to (S // 320 + 1, 29); row k is at k * 20 ms."""
        return encode(wave, self._forward)

    def stream(self, waves: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Encode sound that comes in pieces: the same rows, in as little memory."""
        return stream(waves, self._forward)

    def _forward(self, waves: Any) -> Any:
        import torch

        states = self._model.hidden(waves)
        seen = [states[block] for block in self._head.config.states]
        return self._head(torch.cat(seen, dim=-1))


ENCODER = Encoder(
    name=NAME,
    signature=f"{NAME}-{VERSION}",
    licence="Apache-2.0; the acoustic model is that of the package hama",
    title="29 characters, as DeepSpeech's",
    dim=DIM,
    rate_hz=SAMPLE_RATE / HOP,
    offset_s=0.0,
    sample_rate=SAMPLE_RATE,
    open=Chars29,
    info=info,
    model=ModelFile("another head than the released one", required=False),
)
