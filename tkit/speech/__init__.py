"""Speech encoders: a wave to feature rows at the encoder's own rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tkit.registry import Registry
from tkit.store import EncoderInfo

ENCODERS = Registry("tkit.speech", "ENCODER")


class OpenEncoder(Protocol):
    """A loaded encoder: calling it encodes, ``info`` says what the rows are."""

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
        ``open(**params)`` loads it and returns an :class:`OpenEncoder`.
    """

    title: str
    dim: int
    rate_hz: float
    offset_s: float
    sample_rate: int
    open: Callable[..., OpenEncoder]
