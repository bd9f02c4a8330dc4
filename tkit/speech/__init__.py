"""Speech encoders: a wave to feature rows at the encoder's own rate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from tkit.registry import BackEnd, Registry
from tkit.store import EncoderInfo

ENCODERS: Registry[Encoder] = Registry(
    "tkit.speech",
    "ENCODER",
    exclude=frozenset({"acoustic", "espeak", "mfcc", "pieces", "symbols", "windows"}),
)


class OpenEncoder(Protocol):
    """A loaded encoder: calling it encodes, ``info`` says what the rows are.

    One whose columns are symbols also has ``symbols``, the text of each column (the blank's empty).
    """

    info: EncoderInfo

    def __call__(self, wave: np.ndarray) -> np.ndarray:
        """Encode (S,) float32 mono sound to features (N, D) float32."""

    def stream(self, waves: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Encode sound of any length that comes in pieces, in as little memory: the same rows.

        Parameters
        ----------
        waves : iterable of ndarray (n,)
            That can be gone through again: what looks at the whole first does so.

        Raises
        ------
        UsageError
            If the network must have all of it together, and it is too long for that.
        """


@dataclass(frozen=True, kw_only=True)
class Encoder(BackEnd[OpenEncoder]):
    """One speech encoder; opened, it is an :class:`OpenEncoder`.

    Parameters
    ----------
    dim : int
        Columns of its features; 0 where the weights decide.
    rate_hz, offset_s : float
        Rows per second and the time of the centre of row 0.
    sample_rate : int
        Hz of the wave it takes.
    info : callable, optional
        What its features are with its own weights, where that is known without loading them.
    """

    kind: ClassVar[str] = "speech encoder"
    option: ClassVar[str] = "--speech-weights FILE"

    dim: int
    rate_hz: float
    offset_s: float
    sample_rate: int
    info: Callable[[], EncoderInfo] | None = None

    def info_with(self, model: str | Path | None = "") -> EncoderInfo:
        """Return what the features are; weights of the user's are loaded for it."""
        path = self.find_model(model)
        return self.info() if self.info and not path else self.load(path).info

    def signature_with(self, model: str | Path | None = "") -> str:
        """Return the signature of the features, as :meth:`info_with` does."""
        return self.info_with(model).signature
