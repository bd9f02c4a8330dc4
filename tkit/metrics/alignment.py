"""Temporal alignment of two sequences of one length: dynamic time warping and its soft form.

Costs are banded (Sakoe and Chiba 1978): ``costs[i, k]`` is the cost of frame ``i`` of the
prediction beside frame ``i + k - band`` of the ground truth, infinite outside the clip. With a band
of 0 nothing but equal frames are beside each other, and both forms are the frame-wise mean.

>>> import numpy
>>> late = numpy.abs(numpy.subtract.outer([0.0, 0, 0, 1, 3, 2, 0, 0], [0.0, 0, 1, 3, 2, 0, 0, 0]))
>>> warped(banded(late, band=2)), warped(banded(late, band=0))
((0.0, 6.0), (12.0, 16.0))
"""

from __future__ import annotations

import math

import numpy as np

from tkit.compiled import compiled
from tkit.errors import ScoreError
from tkit.metrics import Param

BAND = Param(5.0, "frames that one side may be before or behind the other, at most")


def band_of(value: float, *, n_frames: int) -> int:
    """Whole frames of the parameter ``band``; :class:`ScoreError` if a clip has no middle left.

    Of more than four times the band every alignment passes through frames that are counted.
    """
    band = max(round(value), 0)
    if n_frames <= 4 * band:
        raise ScoreError(f"{n_frames} frames are too few for a band of {band} on either side")
    return band


def banded(costs: np.ndarray, *, band: int) -> np.ndarray:
    """Cut the band (N, 2 band + 1) out of a full matrix of costs (N, N)."""
    n_frames = len(costs)
    out = np.full((n_frames, 2 * band + 1), np.inf)
    for k in range(2 * band + 1):
        diagonal = np.diagonal(costs, k - band)
        out[max(band - k, 0) :, k][: len(diagonal)] = diagonal
    return out


def distances(pred: np.ndarray, gt: np.ndarray, *, band: int) -> np.ndarray:
    """Mean distance of points (N, P, C) of frames not more than ``band`` apart; banded costs."""
    n_frames = len(gt)
    out = np.full((n_frames, 2 * band + 1), np.inf)
    for k in range(2 * band + 1):
        first, last = max(band - k, 0), min(n_frames, n_frames + band - k)
        if first < last:
            beside = gt[first + k - band : last + k - band]
            out[first:last, k] = np.linalg.norm(pred[first:last] - beside, axis=2).mean(axis=1)
    return out


def warped(costs: np.ndarray) -> tuple[float, float]:
    """Cost and weight of the cheapest alignment (Sakoe and Chiba's symmetric form).

    A step of both sides weighs 2, of one side 1, so that the weights of every alignment of N with
    N frames add up to 2 N, and the two numbers' quotient is a cost per frame. The whole of both
    sides is aligned, but the first and last ``band`` frames of either side are not counted: what
    comes late is not there at the end of a clip, and nothing can stand in for it.

    Parameters
    ----------
    costs : ndarray (N, 2 band + 1), float64
        N is more than four times the band.

    Returns
    -------
    cost, weight : float
        Of what is counted; without a band 2 N is the weight.
    """
    sums = np.empty((6, costs.shape[1]))
    result = np.empty(2)
    _warped(np.ascontiguousarray(costs), sums, result)
    return float(result[0]), float(result[1])


@compiled("void(float64[:,:], float64[:,:], float64[:])")
def _warped(costs: np.ndarray, sums: np.ndarray, result: np.ndarray) -> None:
    """Fill the table row by row; ``sums`` (6, K) holds two rows of cost, counted cost and weight.

    Of equally cheap ways the one by a step of both sides is kept, then that of the prediction.
    """
    n_frames, width = costs.shape
    band = width // 2
    total, counted, weight = sums[0], sums[1], sums[2]
    total0, counted0, weight0 = sums[3], sums[4], sums[5]
    for i in range(n_frames):
        for k in range(width):
            j = i + k - band
            cost = costs[i, k]
            best, seen, heavy, step = np.inf, 0.0, 0.0, 1.0
            if i == 0 and j == 0:
                best, step = 0.0, 2.0
            elif 0 <= j < n_frames:
                if i > 0 and j > 0:
                    best, seen, heavy, step = total0[k], counted0[k], weight0[k], 2.0
                if i > 0 and k + 1 < width and total0[k + 1] + cost < best + step * cost:
                    best, seen, heavy, step = total0[k + 1], counted0[k + 1], weight0[k + 1], 1.0
                if j > 0 and k > 0 and total[k - 1] + cost < best + step * cost:
                    best, seen, heavy, step = total[k - 1], counted[k - 1], weight[k - 1], 1.0
            total[k] = best + step * cost
            inside = band <= i < n_frames - band and band <= j < n_frames - band
            counted[k] = seen + step * cost if inside else seen
            weight[k] = heavy + step if inside else heavy
        for k in range(width):
            total0[k], counted0[k], weight0[k] = total[k], counted[k], weight[k]
    result[0], result[1] = counted[band], weight[band]


def soft(costs: np.ndarray, gamma: float) -> float:
    """Soft-DTW of banded costs: minus ``gamma`` times the log of the sum over all alignments.

    Every step weighs 1 and the ends are counted, as in Cuturi and Blondel 2017, equation 2. It can
    be negative; see :func:`divergence`.

    Parameters
    ----------
    costs : ndarray (N, 2 band + 1), float64
    gamma : float
        Above zero, in the unit of the costs; towards zero the cheapest alignment alone is left.
    """
    return float(_soft(np.ascontiguousarray(costs), gamma, np.empty((2, costs.shape[1]))))


@compiled("float64(float64[:,:], float64, float64[:,:])")
def _soft(costs: np.ndarray, gamma: float, sums: np.ndarray) -> float:
    """Fill the table row by row; ``sums`` (2, K) holds two rows."""
    n_frames, width = costs.shape
    band = width // 2
    total, above = sums[0], sums[1]
    for i in range(n_frames):
        for k in range(width):
            j = i + k - band
            if i == 0 and j == 0:
                total[k] = costs[i, k]
                continue
            total[k] = np.inf
            if j < 0 or j >= n_frames:
                continue
            both = above[k] if i > 0 and j > 0 else np.inf
            pred = above[k + 1] if i > 0 and k + 1 < width else np.inf
            gt = total[k - 1] if k > 0 else np.inf
            least = min(both, min(pred, gt))
            if least == np.inf:
                continue
            ways = math.exp((least - both) / gamma) + math.exp((least - pred) / gamma)
            ways += math.exp((least - gt) / gamma)
            total[k] = costs[i, k] + least - gamma * math.log(ways)
        for k in range(width):
            above[k] = total[k]
    return above[band]


def divergence(across: np.ndarray, pred: np.ndarray, gt: np.ndarray, gamma: float) -> float:
    """Soft-DTW less the mean of both sides beside themselves, of banded costs.

    Without it the best prediction would not be the ground truth: soft-DTW of a sequence from itself
    is below zero and not the least. Source: Blondel, Mensch and Vert, Differentiable Divergences
    Between Time Series, AISTATS 2021, equation 8.
    """
    return soft(across, gamma) - (soft(pred, gamma) + soft(gt, gamma)) / 2
