"""Drawing training samples from a store, and statistics of its training split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tkit.errors import StoreError
from tkit.store import Row

CACHED_CLIPS = 4096  # kept in memory by batches; about 0.1 MB each for clips of 3 s


def moments(blocks: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean (D,) and covariance (D, D) of rows that come in blocks (N, D), in float64.

    Only one block is in memory at a time. Sums are taken about the first row, so that a mean far
    from zero costs no digits.
    """
    n = 0
    origin: Any = 0.0
    total: Any = 0.0
    products: Any = 0.0
    for block in blocks:
        rows = np.asarray(block, np.float64)
        if n == 0:
            origin = rows[0]
        rows = rows - origin
        n += len(rows)
        total = total + rows.sum(axis=0)
        products = products + rows.T @ rows
    mean = total / n
    return origin + mean, products / n - np.outer(mean, mean)


def stack(samples: Sequence[Mapping[str, np.ndarray]]) -> dict[str, Tensor]:
    """Make a batch {name: (n, ...)} of samples that have the same names and shapes."""
    return {
        name: torch.from_numpy(np.stack([sample[name] for sample in samples]))
        for name in samples[0]
    }


class Sampler:
    """Draws stretches of consecutive frames from clips.

    Parameters
    ----------
    rows : list of Row
    n_frames : int
        Length of a stretch; shorter clips are never drawn.
    balance_speakers : bool
        Draw the speaker first, then the clip, so that every speaker is seen equally often.
    power : float
        With it a speaker is drawn in proportion to this power of the number of their clips: 0 knows
        speakers alone, 1 clips alone.

    Raises
    ------
    StoreError
        If every clip is too short.
    """

    def __init__(
        self, rows: list[Row], n_frames: int, *, balance_speakers: bool, power: float = 0.0
    ) -> None:
        long_enough = [row for row in rows if row.n_frames >= n_frames]
        if not long_enough:
            longest = max(row.n_frames for row in rows)
            raise StoreError(
                f"the longest of {len(rows)} clips has {longest} frames, fewer than the {n_frames} "
                "of a training sample"
            )
        groups: dict[str, list[Row]] = defaultdict(list)
        for row in long_enough:
            groups[row.speaker if balance_speakers else ""].append(row)
        self.groups = [groups[name] for name in sorted(groups)]
        share = np.array([len(group) ** power for group in self.groups], np.float64)
        self.share = share / share.sum() if power else None
        self.n_frames = n_frames

    def draw(self, rng: np.random.Generator, n: int) -> list[tuple[Row, int]]:
        """Draw ``n`` clips with replacement, each with the first frame of its stretch."""
        drawn = []
        for _ in range(n):
            if self.share is None:
                group = self.groups[rng.integers(len(self.groups))]
            else:
                group = self.groups[rng.choice(len(self.groups), p=self.share)]
            row = group[rng.integers(len(group))]
            drawn.append((row, int(rng.integers(row.n_frames - self.n_frames + 1))))
        return drawn
