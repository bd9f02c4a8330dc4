"""What the encoders on the acoustic model share: loading it, long waves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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
    return np.concatenate(list(stream([wave], forward)))


def stream(waves: Iterable[np.ndarray], forward: Callable[[Any], Any]) -> Iterator[np.ndarray]:
    """Do so while the wave comes: yield the next rows, of 20 s each."""
    import torch

    def rows_of(wave: np.ndarray) -> np.ndarray:
        padded = np.pad(wave, (0, max(_SHORTEST - len(wave), 0)))
        rows: np.ndarray = forward(torch.from_numpy(padded)[None])[0].numpy()
        return rows[: len(wave) // HOP + 1]

    return in_pieces((np.asarray(piece, np.float32).clip(-1, 1) for piece in waves), rows_of)


def in_pieces(
    waves: Iterable[np.ndarray], rows_of: Callable[[np.ndarray], np.ndarray]
) -> Iterator[np.ndarray]:
    """Yield rows of sound that comes in pieces: of 24 s every 20 s, cross-faded.

    Parameters
    ----------
    waves : iterable of ndarray (n,), float32
    rows_of : callable
        Sound of up to 24 s to its rows, one every 320 samples.
    """
    import torch

    size, step = CHUNK_S * SAMPLE_RATE, (CHUNK_S - OVERLAP_S) * SAMPLE_RATE
    coming = iter(waves)
    held, faded = np.zeros(0, np.float32), None  # sound to come, rows that fade into the next
    ends = False
    while not ends:
        parts, there = [held], len(held)
        while there <= size and (piece := next(coming, None)) is not None:
            parts.append(piece)
            there += len(piece)
        held = np.concatenate(parts)
        ends = there <= size
        with torch.inference_mode():
            rows = rows_of(held[:size])
        if faded is not None:
            rows = cross_fade([(0, faded), (0, rows)])
        held = held[step:]
        faded = rows[step // HOP :]
        yield rows if ends else rows[: step // HOP]


def cross_fade(pieces: list[tuple[int, np.ndarray]]) -> np.ndarray:
    """Join pieces (first row, rows); where two overlap, one fades linearly into the next."""
    result = pieces[0][1].astype(np.float32)
    for start, rows in pieces[1:]:
        overlap = len(result) - start
        weight = ((np.arange(overlap) + 0.5) / overlap)[:, None].astype(np.float32)
        mixed = (1 - weight) * result[start:] + weight * rows[:overlap]
        result = np.concatenate([result[:start], mixed, rows[overlap:]])
    return result
