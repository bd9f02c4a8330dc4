"""Speech encoders: a wave to feature rows at the encoder's own rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from tkit.errors import UsageError
from tkit.registry import Registry
from tkit.store import EncoderInfo

ENCODERS: Registry[Encoder] = Registry(
    "tkit.speech",
    "ENCODER",
    exclude=frozenset({"acoustic", "espeak", "mfcc", "symbols", "windows"}),
)


class OpenEncoder(Protocol):
    """A loaded encoder: calling it encodes, ``info`` says what the rows are.

    One whose columns are symbols also has ``symbols``, the text of each column (the blank's empty).
    """

    info: EncoderInfo

    def __call__(self, wave: np.ndarray) -> np.ndarray:
        """Encode (S,) float32 mono sound to features (N, D) float32."""


@dataclass(frozen=True)
class Encoder:
    """One speech encoder.

    Parameters
    ----------
    title : str
    dim : int
        Columns of its features; 0 where the weights decide.
    rate_hz, offset_s : float
        Rows per second and the time of the centre of row 0.
    sample_rate : int
        Hz of the wave it takes.
    open : callable
        ``open()`` or ``open(weights)`` loads it and returns an :class:`OpenEncoder`.
    takes_weights : bool
        Whether ``open`` takes a weight file (or folder).
    """

    title: str
    dim: int
    rate_hz: float
    offset_s: float
    sample_rate: int
    open: Callable[..., OpenEncoder]
    takes_weights: bool = False


def open_encoder(name: str, weights: str | Path | None = None) -> OpenEncoder:
    """Load an encoder by name, with a weight file of the user's if given.

    Raises
    ------
    UnknownNameError
        If there is no such encoder.
    UsageError
        If a weight file is given to an encoder that takes none.
    """
    entry: Encoder = ENCODERS.get(name)
    if not weights:
        return entry.open()
    if not entry.takes_weights:
        raise UsageError(f"the speech encoder {name} takes no weights, but {weights} was given")
    return entry.open(weights)
