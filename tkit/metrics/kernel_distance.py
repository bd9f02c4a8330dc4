"""Kernel distance of two sets of features: squared maximum mean discrepancy, unbiased.

The kernel is the cubic polynomial ``(x y / D + 1)^3``. Unlike a Fréchet distance it is unbiased for
few rows, so that it can be below zero, and knows no Gaussian. All rows are compared at once where
others draw subsets at random and take the mean: the same expectation without the noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from tkit.errors import ScoreError
from tkit.metrics import Stats

CHUNK = 512  # rows compared at once, so that memory does not grow with the square of the set


def _blocks(x: np.ndarray, y: np.ndarray, ends: np.ndarray, *, itself: bool) -> np.ndarray:
    """Sums of the kernel (P, P) between rows of every two parts.

    ``ends`` (P + 1,) are the bounds of the parts, of both sides; of a set with ``itself`` the pairs
    of a row with itself are left out.
    """
    sums = np.zeros((len(ends) - 1, len(ends) - 1))
    x, y = x.astype(np.float64), y.astype(np.float64)
    for part, (start, stop) in enumerate(pairwise(ends)):
        for first in range(start, stop, CHUNK):
            last = min(first + CHUNK, stop)
            kernel = (x[first:last] @ y.T / x.shape[1] + 1) ** 3
            if itself:
                kernel[np.arange(last - first), np.arange(first, last)] = 0
            sums[part] += np.add.reduceat(kernel.sum(axis=0), ends[:-1])
    return sums


def _distance(xx: float, yy: float, xy: float, n: int) -> float:
    if n < 2:
        raise ScoreError(
            "a kernel distance needs two frames at least, or two clips where it is one"
        )
    return float((xx + yy) / (n * (n - 1)) - 2 * xy / n**2)


def _sides(parts: Sequence[Stats]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (N, D) of both sides, as many of each, and the bounds of the parts."""
    pred, gt = (
        np.concatenate([rows for part in parts for rows in part[side]]) for side in ("pred", "gt")
    )
    return pred, gt, np.cumsum([0, *(sum(map(len, part["gt"])) for part in parts)])


def finish(stats: Stats) -> float:
    """Distance of the pooled features ``pred`` from ``gt``, tuples of arrays (N, D).

    Source: Binkowski, Sutherland, Arbel and Gretton, Demystifying MMD GANs, ICLR 2018, section 4.1.
    """
    pred, gt, ends = _sides([stats])
    tables = [_blocks(x, y, ends, itself=x is y) for x, y in ((pred, pred), (gt, gt), (pred, gt))]
    xx, yy, xy = (float(table[0, 0]) for table in tables)
    return _distance(xx, yy, xy, len(gt))


def without(parts: Sequence[Stats]) -> list[float]:
    """Distances of the pooled features of all parts but one, each left out in turn."""
    pred, gt, ends = _sides(parts)
    tables = [_blocks(x, y, ends, itself=x is y) for x, y in ((pred, pred), (gt, gt), (pred, gt))]
    found = []
    for gone, size in enumerate(np.diff(ends)):
        xx, yy, xy = (
            float(t.sum() - t[gone].sum() - t[:, gone].sum() + t[gone, gone]) for t in tables
        )
        found.append(_distance(xx, yy, xy, len(gt) - int(size)))
    return found
