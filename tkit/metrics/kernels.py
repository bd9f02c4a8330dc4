"""Compiled loops of the picture metrics: structural similarity, and arithmetic that wraps.

Compiled by numba at the first call and kept on disk. Nothing here is re-ordered by the compiler
(no ``fastmath``), so results do not depend on the machine; box sums are integers, hence exact.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def wrapped_squares(x: np.ndarray, y: np.ndarray) -> int:
    """Sum of ``(x - y) ** 2`` of flat uint8 arrays computed, wrongly, in eight bits."""
    total = 0
    for i in range(len(x)):
        difference = (np.int32(x[i]) - np.int32(y[i])) & 255
        total += int((difference * difference) & 255)
    return total


@njit(cache=True, nogil=True)
def _change(sums: np.ndarray, x: np.ndarray, y: np.ndarray, sign: int) -> None:
    """Add a row (sign 1), or take it away (-1): sums (4, W) of x, y, x^2 + y^2 and x y."""
    sx, sy, power, product = sums[0], sums[1], sums[2], sums[3]
    # One array written a loop: with more the compiler gives up vectorising.
    for j in range(len(x)):
        sx[j] += sign * np.int32(x[j])
    for j in range(len(x)):
        sy[j] += sign * np.int32(y[j])
    for j in range(len(x)):
        a, b = np.int32(x[j]), np.int32(y[j])
        power[j] += sign * (a * a + b * b)
    for j in range(len(x)):
        product[j] += sign * (np.int32(x[j]) * np.int32(y[j]))


@njit(cache=True, nogil=True)
def _along(sums: np.ndarray, out: np.ndarray, size: int) -> None:
    """Sum ``size`` (7 or 11) neighbours of a row."""
    for j in range(len(out)):
        left = sums[j] + sums[j + 1] + sums[j + 2] + sums[j + 3]
        out[j] = left + sums[j + 4] + sums[j + 5] + sums[j + 6]
    if size == 11:
        for j in range(len(out)):
            out[j] += sums[j + 7] + sums[j + 8] + sums[j + 9] + sums[j + 10]


@njit(cache=True, nogil=True, error_model="numpy")
def ssim_box(
    x: np.ndarray, y: np.ndarray, size: int, correction: float, c1: float, c2: float
) -> float:
    """Mean SSIM of two (H, W) uint8 pictures under a box of 7 x 7 or 11 x 11 pixels.

    With integer sums S of the n pixels of a window, all terms are multiplied by n^2 to stay
    integers as long as possible; up to 11 x 11 pixels they fit 32 bits.
    """
    height, width = x.shape
    n = size * size
    n_out = width - size + 1
    k1, k2 = n * n * c1, n * n * c2
    column, box = np.zeros((4, width), np.int32), np.empty((4, n_out), np.int32)
    bx, by, bpower, bproduct = box[0], box[1], box[2], box[3]
    total = np.zeros(n_out)  # of each column: sums of a fixed order that still vectorise
    for row in range(height):
        _change(column, x[row], y[row], 1)
        if row < size - 1:
            continue
        for m in range(4):
            _along(column[m], box[m], size)
        for j in range(n_out):
            products = np.int32(bx[j] * by[j])
            squares = np.int32(bx[j] * bx[j] + by[j] * by[j])
            covariance = np.int32(n * bproduct[j] - products)
            variances = np.int32(n * bpower[j] - squares)
            top = (2.0 * products + k1) * (2.0 * correction * covariance + k2)
            total[j] += top / ((squares + k1) * (correction * variances + k2))
        _change(column, x[row - size + 1], y[row - size + 1], -1)
    return total.sum() / ((height - size + 1) * n_out)


@njit(cache=True, nogil=True)
def _filter(row: np.ndarray, taps: np.ndarray, out: np.ndarray) -> None:
    """Filter a row with 11 symmetric taps, given from the centre outwards."""
    t0, t1, t2, t3, t4, t5 = taps[0], taps[1], taps[2], taps[3], taps[4], taps[5]
    for j in range(len(out)):
        near = t0 * row[j + 5] + t1 * (row[j + 4] + row[j + 6]) + t2 * (row[j + 3] + row[j + 7])
        far = t3 * (row[j + 2] + row[j + 8]) + t4 * (row[j + 1] + row[j + 9])
        out[j] = near + far + t5 * (row[j] + row[j + 10])


@njit(cache=True, nogil=True)
def _weighted(out: np.ndarray, above: np.ndarray, below: np.ndarray, weight: float) -> None:
    """Add ``weight * (above + below)`` to ``out``; few enough arrays to be vectorised."""
    for j in range(len(out)):
        out[j] += weight * (above[j] + below[j])


@njit(cache=True, nogil=True)
def _powers(x: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
    """Write x, y, x^2 + y^2 and x y of a row into ``out`` (4, W) float64."""
    sx, sy, power, product = out[0], out[1], out[2], out[3]
    for j in range(len(x)):
        sx[j] = x[j]
    for j in range(len(x)):
        sy[j] = y[j]
    for j in range(len(x)):
        power[j] = sx[j] * sx[j] + sy[j] * sy[j]
    for j in range(len(x)):
        product[j] = sx[j] * sy[j]


@njit(cache=True, nogil=True, error_model="numpy")
def ssim_gauss(
    x: np.ndarray, y: np.ndarray, taps: np.ndarray, correction: float, c1: float, c2: float
) -> float:
    """Mean SSIM of two (H, W) uint8 pictures under a separable symmetric window of 11 taps.

    Parameters
    ----------
    taps : ndarray (6,)
        From the centre outwards.
    """
    height, width = x.shape
    size, half = 11, 5
    n_out = width - size + 1
    rows, maps = np.empty((4, width)), np.empty((4, n_out))
    ring = np.empty((size, 4 * n_out))  # the last 11 rows of the four maps, filtered along the row
    flat = maps.reshape(-1)
    total = np.zeros(n_out)
    mx, my, mpower, mproduct = maps[0], maps[1], maps[2], maps[3]
    for row in range(height):
        _powers(x[row], y[row], rows)
        newest = ring[row % size]
        for m in range(4):
            _filter(rows[m], taps, newest[m * n_out : (m + 1) * n_out])
        if row < size - 1:
            continue
        centre = ring[(row - half) % size]
        for j in range(len(flat)):
            flat[j] = taps[0] * centre[j]
        for k in range(1, half + 1):
            _weighted(flat, ring[(row - half - k) % size], ring[(row - half + k) % size], taps[k])
        for j in range(n_out):
            products, squares = mx[j] * my[j], mx[j] * mx[j] + my[j] * my[j]
            top = (2 * products + c1) * (2 * correction * (mproduct[j] - products) + c2)
            total[j] += top / ((squares + c1) * (correction * (mpower[j] - squares) + c2))
    return total.sum() / ((height - size + 1) * n_out)
