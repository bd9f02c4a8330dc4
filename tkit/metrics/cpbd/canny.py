"""The Canny map of scikit-image, block by block and only as far as a decision needs it.

Operations are in the order of SciPy's filters, so that ties fall as they do there.
"""

from __future__ import annotations

import numpy as np

from tkit.compiled import compiled
from tkit.metrics.cpbd import BLOCK

MIN_CANNY = 9  # a block counts if more than 0.2 % of its 4096 pixels are Canny edges
RADIUS = 4  # of the Gaussian of sigma 1
STRIP = 8  # rows of a block that are looked at together
# The thresholds that package leaves at scikit-image's defaults, meant for pictures in [0, 1].
LOW, HIGH = np.float64(np.float32(0.1)), 0.2
REJECTED, ACCEPTED, UNDECIDED = 0, 1, 2


def _canny_state(
    image: np.ndarray,
    bleed: np.ndarray,
    taps: np.ndarray,
    top: int,
    left: int,
    maps: np.ndarray,
    wide: np.ndarray,
    nothing: np.ndarray,
) -> int:
    """Whether a block has ``MIN_CANNY`` Canny edges; UNDECIDED where hysteresis must tell.

    The block is read in strips of rows, only until enough strong edges are found.
    """
    height, width = image.shape
    gx, gy, power = maps[1], maps[2], maps[3]
    strong, candidates, row, rows = 0, 0, top, 2
    while row < top + BLOCK:
        end = min(row + rows, top + BLOCK)
        smooth = maps[0][: end - row + 4]
        _smooth(image, bleed, taps, row - 2, left - 2, smooth, wide, nothing)
        _gradients(smooth, gx, gy, power)
        for r in range(max(row, 1), min(end, height - 1)):
            for c in range(max(left, 1), min(left + BLOCK, width - 1)):
                if _is_ridge(gx, gy, power, r - row + 1, c - left + 1):
                    candidates += 1
                    strong += power[r - row + 1, c - left + 1] >= HIGH
        if strong >= MIN_CANNY:
            return ACCEPTED
        row, rows = end, STRIP
    return UNDECIDED if candidates >= MIN_CANNY else REJECTED


def _smooth(
    image: np.ndarray,
    bleed: np.ndarray,
    taps: np.ndarray,
    top: int,
    left: int,
    out: np.ndarray,
    wide: np.ndarray,
    nothing: np.ndarray,
) -> None:
    """Gaussian of a part of the picture, zero outside, over that of ones.

    In SciPy's order: the centre tap first, then pairs from the outermost inwards, down the columns
    before along the rows. The ring around the picture repeats its edge.
    """
    height, width = image.shape
    end, right = top + out.shape[0], left + out.shape[1]
    out[:] = 0.0
    wide[:] = 0.0
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


def _gradients(smooth: np.ndarray, gx: np.ndarray, gy: np.ndarray, power: np.ndarray) -> None:
    """Sobel gradients and magnitude of all but the outer ring."""
    for i in range(smooth.shape[0] - 2):
        up, mid, down = smooth[i], smooth[i + 1], smooth[i + 2]
        x, y, out = gx[i], gy[i], power[i]
        for j in range(smooth.shape[1] - 2):
            x[j] = 2 * (mid[j + 2] - mid[j]) + ((up[j + 2] - up[j]) + (down[j + 2] - down[j]))
        for j in range(smooth.shape[1] - 2):
            sides = (down[j] - up[j]) + (down[j + 2] - up[j + 2])
            y[j] = 2 * (down[j + 1] - up[j + 1]) + sides
        for j in range(smooth.shape[1] - 2):
            out[j] = np.sqrt(y[j] * y[j] + x[j] * x[j])


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


def decide(
    image: np.ndarray, bleed: np.ndarray, taps: np.ndarray, edges: np.ndarray, state: np.ndarray
) -> bool:
    """Fill in the state of the blocks with edges, and return whether one is undecided."""
    maps, wide = np.empty((4, STRIP + 4, BLOCK + 4)), np.empty(BLOCK + 4 + 2 * RADIUS)
    nothing = np.zeros(image.shape[1], np.uint8)
    return bool(_decide(image, bleed, taps, edges, state, maps, wide, nothing))


@compiled(
    "int64(uint8[:,:], float64[:,:], float64[:], int64[:,:], int64[:,:], float64[:,:,:], "
    "float64[:], uint8[:])"
)
def _decide(
    image: np.ndarray,
    bleed: np.ndarray,
    taps: np.ndarray,
    edges: np.ndarray,
    state: np.ndarray,
    maps: np.ndarray,
    wide: np.ndarray,
    nothing: np.ndarray,
) -> int:
    undecided = 0
    for i in range(state.shape[0]):
        for j in range(state.shape[1]):
            if edges[i, j]:
                top, left = i * BLOCK, j * BLOCK
                state[i, j] = _canny_state(image, bleed, taps, top, left, maps, wide, nothing)
                undecided += state[i, j] == UNDECIDED
    return undecided
