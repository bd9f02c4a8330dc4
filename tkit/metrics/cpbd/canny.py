"""The Canny map of scikit-image, block by block and only as far as a decision needs it.

Operations are in the order of SciPy's filters, so that ties fall as they do there.
"""

from __future__ import annotations

import numpy as np
from numba import njit

BLOCK = 64
MIN_CANNY = 9  # a block counts if more than 0.2 % of its 4096 pixels are Canny edges
RADIUS = 4  # of the Gaussian of sigma 1
# The thresholds that package leaves at scikit-image's defaults, meant for pictures in [0, 1].
LOW, HIGH = np.float64(np.float32(0.1)), 0.2
REJECTED, ACCEPTED, UNDECIDED = 0, 1, 2


@njit(cache=True, nogil=True)
def _canny_state(
    image: np.ndarray, bleed: np.ndarray, taps: np.ndarray, top: int, left: int
) -> int:
    """Whether a block has ``MIN_CANNY`` Canny edges; UNDECIDED where hysteresis must tell.

    The block is read in strips of rows, only until enough strong edges are found.
    """
    height, width = image.shape
    strong, candidates, row, rows = 0, 0, top, 2
    while row < top + BLOCK:
        end = min(row + rows, top + BLOCK)
        smooth = _smooth(image, bleed, taps, row - 2, end + 2, left - 2, left + BLOCK + 2)
        gx, gy, power = _gradients(smooth)
        for r in range(max(row, 1), min(end, height - 1)):
            for c in range(max(left, 1), min(left + BLOCK, width - 1)):
                if _is_ridge(gx, gy, power, r - row + 1, c - left + 1):
                    candidates += 1
                    strong += power[r - row + 1, c - left + 1] >= HIGH
        if strong >= MIN_CANNY:
            return ACCEPTED
        row, rows = end, 8
    return UNDECIDED if candidates >= MIN_CANNY else REJECTED


@njit(cache=True, nogil=True)
def _smooth(
    image: np.ndarray,
    bleed: np.ndarray,
    taps: np.ndarray,
    top: int,
    end: int,
    left: int,
    right: int,
) -> np.ndarray:
    """Gaussian of the picture between rows and columns, zero outside, over that of ones.

    In SciPy's order: the centre tap first, then pairs from the outermost inwards, down the columns
    before along the rows. The ring around the picture repeats its edge.
    """
    height, width = image.shape
    out = np.zeros((end - top, right - left))
    wide = np.zeros(right - left + 2 * RADIUS)
    nothing = np.zeros(width, np.uint8)
    first, last = max(left - RADIUS, 0), min(right + RADIUS, width)
    inside = wide[first - left + RADIUS : last - left + RADIUS]
    for r in range(max(top, 0), min(end, height)):
        row = image[r][first:last]
        for j in range(len(inside)):
            inside[j] = float(row[j]) * taps[0]
        for k in range(RADIUS, 0, -1):
            above = (image[r - k] if r >= k else nothing)[first:last]
            below = (image[r + k] if r + k < height else nothing)[first:last]
            for j in range(len(inside)):
                inside[j] += (float(above[j]) + float(below[j])) * taps[k]
        line = out[r - top]
        for j in range(right - left):
            line[j] = wide[j + RADIUS] * taps[0]
        for k in range(RADIUS, 0, -1):
            for j in range(right - left):
                line[j] += (wide[j + RADIUS - k] + wide[j + RADIUS + k]) * taps[k]
        for c in range(max(left, 0), min(right, width)):
            line[c - left] /= bleed[r, c]
        if left < 0:  # the gradients see the border's edge repeated
            line[-left - 1] = line[-left]
        if right > width:
            line[width - left] = line[width - left - 1]
    for j in range(right - left):
        if top < 0:
            out[-top - 1, j] = out[-top, j]
        if end > height:
            out[height - top, j] = out[height - top - 1, j]
    return out


@njit(cache=True, nogil=True)
def _gradients(smooth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sobel gradients and magnitude of all but the outer ring."""
    n_rows, n_columns = smooth.shape[0] - 2, smooth.shape[1] - 2
    gx, gy = np.empty((n_rows, n_columns)), np.empty((n_rows, n_columns))
    power = np.empty((n_rows, n_columns))
    for i in range(n_rows):
        up, mid, down = smooth[i], smooth[i + 1], smooth[i + 2]
        x, y, out = gx[i], gy[i], power[i]
        for j in range(n_columns):
            x[j] = 2 * (mid[j + 2] - mid[j]) + ((up[j + 2] - up[j]) + (down[j + 2] - down[j]))
        for j in range(n_columns):
            sides = (down[j] - up[j]) + (down[j + 2] - up[j + 2])
            y[j] = 2 * (down[j + 1] - up[j + 1]) + sides
        for j in range(n_columns):
            out[j] = np.sqrt(y[j] * y[j] + x[j] * x[j])
    return gx, gy, power


@njit(cache=True, nogil=True)
def _is_ridge(gx: np.ndarray, gy: np.ndarray, power: np.ndarray, i: int, j: int) -> bool:
    """Non-maximum suppression along the gradient with bilinear neighbours."""
    m = power[i, j]
    if m < LOW:
        return False
    x, y = gx[i, j], gy[i, j]
    # Which way the gradient leans: to the lower right (1) or the upper right (-1).
    step = 1 if (x >= 0 and y >= 0) or (x <= 0 and y <= 0) else -1
    ax, ay = abs(x), abs(y)
    upright = ay > ax if step > 0 else ay >= ax
    if upright:
        w = ax / ay
        near, near_back = power[i + step, j], power[i - step, j]
    else:
        w = ay / ax
        near, near_back = power[i, j + 1], power[i, j - 1]
    far, far_back = power[i + step, j + 1], power[i - step, j - 1]
    if far * w + near * (1.0 - w) > m:
        return False
    return far_back * w + near_back * (1.0 - w) <= m


@njit(cache=True, nogil=True)
def decide(
    image: np.ndarray, bleed: np.ndarray, taps: np.ndarray, edges: np.ndarray, state: np.ndarray
) -> bool:
    """Fill in the state of the blocks with edges, and return whether one is undecided."""
    undecided = False
    for i in range(state.shape[0]):
        for j in range(state.shape[1]):
            if edges[i, j]:
                state[i, j] = _canny_state(image, bleed, taps, i * BLOCK, j * BLOCK)
                undecided |= state[i, j] == UNDECIDED
    return undecided
