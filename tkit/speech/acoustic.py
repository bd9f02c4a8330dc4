"""What the encoders on the acoustic model share: loading it, long waves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np

SAMPLE_RATE, HOP = 16000, 320  # row k is centred on sample 320 k
CHUNK_S, OVERLAP_S = 24, 4  # the model was made for at most 30 s; memory grows with the square
_SHORTEST = 2 * HOP  # its first frames mirror 200 samples


@cache
def model() -> Any:
    """Return the acoustic model, loaded once in a process."""
    from tkit.zoo.nets import hama

    return hama.load()


def encode(wave: np.ndarray, forward: Callable[[Any], Any]) -> np.ndarray:
    """Apply a network to a wave of any length.

    Parameters
    ----------
    wave : ndarray (S,), float32
        Sound at 16 kHz.
    forward : callable
        Tensor (1, S) to tensor (1, S // 320 + 1, D).

    Returns
    -------
    ndarray (S // 320 + 1, D), float32
        Of pieces of 24 s that overlap by 4 s and are cross-faded there.
    """
    return np.concatenate(list(stream(iter([wave]), forward)))


def stream(waves: Iterator[np.ndarray], forward: Callable[[Any], Any]) -> Iterator[np.ndarray]:
    """Do so while the wave comes: yield the next rows, of 20 s each."""
    import torch

    size, step = CHUNK_S * SAMPLE_RATE, (CHUNK_S - OVERLAP_S) * SAMPLE_RATE
    held, faded = np.zeros(0, np.float32), None  # sound to come, rows that fade into the next
    ends = False
    while not ends:
        parts, there = [held], len(held)
        while there <= size and (piece := next(waves, None)) is not None:
            parts.append(np.asarray(piece, np.float32).clip(-1, 1))
            there += len(piece)
        held = np.concatenate(parts)
        ends = there <= size
        padded = np.pad(held[:size], (0, max(_SHORTEST - there, 0)))
        with torch.inference_mode():
            rows = forward(torch.from_numpy(padded)[None])[0].numpy()
        if faded is not None:
            rows = cross_fade([(0, faded), (0, rows)])
        held = held[step:]
        faded = rows[step // HOP :]
        yield rows[: there // HOP + 1] if ends else rows[: step // HOP]


def cuts(n_samples: int) -> list[tuple[int, int]]:
    """Start and end of the pieces of a wave: all of it, or 24 s every 20 s."""
    size, step = CHUNK_S * SAMPLE_RATE, (CHUNK_S - OVERLAP_S) * SAMPLE_RATE
    starts = range(0, max(n_samples - OVERLAP_S * SAMPLE_RATE, 1), step)
    return [(start, min(start + size, n_samples)) for start in starts]


def cross_fade(pieces: list[tuple[int, np.ndarray]]) -> np.ndarray:
    """Join pieces (first row, rows); where two overlap, one fades linearly into the next."""
    result = pieces[0][1].astype(np.float32)
    for start, rows in pieces[1:]:
        overlap = len(result) - start
        weight = ((np.arange(overlap) + 0.5) / overlap)[:, None].astype(np.float32)
        mixed = (1 - weight) * result[start:] + weight * rows[:overlap]
        result = np.concatenate([result[:start], mixed, rows[overlap:]])
    return result
