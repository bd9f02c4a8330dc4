"""Rows of symbol scores to text: the best symbol of every row, repeats and blanks left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BLANK = ""


def greedy(rows: np.ndarray, symbols: Sequence[str]) -> str:
    """Read (N, D) scores as CTC's best path (Graves et al. 2006).

    Parameters
    ----------
    symbols : sequence of str
        Text of every column; the blank's is empty.
    """
    return spelled(rows.argmax(axis=1), symbols)


def spelled(best: np.ndarray, symbols: Sequence[str]) -> str:
    """Read the best columns (N,) of the rows so."""
    changed = np.flatnonzero(np.diff(best, prepend=-1))
    return " ".join("".join(symbols[index] for index in best[changed]).split())


def edits(heard: str, said: str) -> int:
    """Return how many characters must be inserted, removed or replaced (Levenshtein)."""
    row = np.arange(len(said) + 1)
    said_codes = np.array([ord(letter) for letter in said], dtype=np.int64)
    for letter in heard:
        kept = row[:-1] + (said_codes != ord(letter))
        best = np.concatenate([[row[0] + 1], np.minimum(kept, row[1:] + 1)])
        steps = np.arange(len(best))
        row = np.minimum.accumulate(best - steps) + steps  # insertions along the row
    return int(row[-1])
