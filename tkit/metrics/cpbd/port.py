"""Compiled loops of CPBD as the Python package ``cpbd`` 1.0.7 computes it.

With integer pictures that package's every decision is one between integers, except its Canny map,
whose order of floating-point operations is kept here. See :mod:`tkit.metrics.cpbd`.
"""

from __future__ import annotations

import numpy as np

from tkit.compiled import compiled
from tkit.metrics.cpbd import BLOCK
from tkit.metrics.cpbd.canny import ACCEPTED, decide

PAD = 5  # zeros on both sides of a row of steps


def _sobel(image: np.ndarray, strength: np.ndarray, line: np.ndarray) -> int:
    """Write 8 |vertical-edge strength| into the inside of (H + 2, W + 2) int16; sum of squares."""
    height, width = image.shape
    inside, right = line[1:-1], line[2:]
    total = 0
    for r in range(height):
        up, mid, down = image[max(r - 1, 0)], image[r], image[min(r + 1, height - 1)]
        for c in range(width):
            inside[c] = np.int16(up[c]) + 2 * np.int16(mid[c]) + np.int16(down[c])
        line[0], line[width + 1] = line[1], line[width]
        out = strength[r + 1][1:-1]
        for c in range(width):
            step = np.int16(right[c] - line[c])
            out[c] = max(step, np.int16(-step))
        for start in range(0, width, 1024):  # so many squares fit 32 bits, which vectorise
            piece, part = out[start : start + 1024], np.int32(0)
            for c in range(len(piece)):
                part = np.int32(part + np.int32(np.int32(piece[c]) * np.int32(piece[c])))
            total += int(part)
    return total


def _has_angles(image: np.ndarray) -> bool:
    """Whether some gradient angle is not zero: without any, that package measures no width."""
    height, width = image.shape
    for r in range(height):
        for c in range(width):
            gx = np.int32(image[r, min(c + 1, width - 1)]) - np.int32(image[r, max(c - 1, 0)])
            if gx < 0:
                return True
            gy = np.int32(image[min(r + 1, height - 1), c]) - np.int32(image[max(r - 1, 0), c])
            if gx != 0 and gy != 0:
                return True
    return False


def _steps(row: np.ndarray, rise: np.ndarray, fall: np.ndarray) -> None:
    """Whether each pixel is above (below) its left neighbour; padded by ``PAD`` zeros."""
    left, here = row[:-1], row[1:]
    up, down = rise[PAD + 1 :], fall[PAD + 1 :]
    for c in range(len(here)):
        up[c] = here[c] > left[c]
        down[c] = here[c] < left[c]


def _runs(steps: np.ndarray, out: np.ndarray) -> None:
    """Marziliano's width beyond 2 pixels: steps that go on to the left and to the right.

    Each side is counted to 4, which is wider than any width that decides. The two steps next to
    the edge itself are not looked at.
    """
    for i in range(len(out)):
        left = steps[i + 4] * (1 + steps[i + 3] * (1 + steps[i + 2] * (1 + steps[i + 1])))
        right = steps[i + 7] * (1 + steps[i + 8] * (1 + steps[i + 9] * (1 + steps[i + 10])))
        out[i] = left + right


def _upright(up: np.ndarray, row: np.ndarray, down: np.ndarray, out: np.ndarray) -> None:
    """1 where the row rises across an upright edge, 2 where it falls, 0 elsewhere.

    Upright is ``|gy| < (sqrt 2 - 1) |gx|``, as integers. A zero gx counts as rising: the angle of
    such a pixel is never set. The first and last column stay 0.
    """
    left, right = row[:-2], row[2:]
    above, below, inside = up[1:-1], down[1:-1], out[1:-1]
    for c in range(len(left)):
        gx = np.int32(np.int32(right[c]) - np.int32(left[c]))
        gy = np.int32(np.int32(below[c]) - np.int32(above[c]))
        x, y = max(gx, np.int32(-gx)), max(gy, np.int32(-gy))
        steep = np.int32(np.int32(x + y) * np.int32(x + y)) < np.int32(np.int32(2 * gx) * gx)
        inside[c] = (gx == 0) | (steep & (gx > 0)) | ((steep & (gx < 0)) << 1)


def _thinned(
    up: np.ndarray, here: np.ndarray, down: np.ndarray, threshold: int, out: np.ndarray
) -> None:
    """1 where the strength is above the threshold and a strict maximum along row or column."""
    left, middle, right = here[:-2], here[1:-1], here[2:]
    above, below = up[1:-1], down[1:-1]
    for c in range(len(out)):
        s = middle[c]
        across = (s > left[c]) & (s > right[c])
        out[c] = (s > threshold) & (across | ((s > above[c]) & (s > below[c])))


def _tally(
    edge: np.ndarray, way: np.ndarray, run: np.ndarray, falling: np.ndarray, limit: np.ndarray
) -> None:
    """Leave in ``edge`` the upright edges and in ``run`` (at first, of rising ones) the sharp."""
    # Bits instead of branches, and few arrays a loop: so that the compiler vectorises.
    for c in range(len(run)):
        fine = np.uint8(run[c] <= limit[c]) & way[c]
        run[c] = fine | (np.uint8(falling[c] <= limit[c]) & (way[c] >> 1))
    for c in range(len(run)):
        edge[c] &= way[c] | (way[c] >> 1)
    for c in range(len(run)):
        run[c] &= edge[c]


def _accumulate(counts: np.ndarray, row: np.ndarray) -> None:
    for c in range(len(row)):
        counts[c] += row[c]


def _jnb_width(image: np.ndarray, top: int, left: int) -> int:
    """Just noticeable blur of a block in pixels: 5 for contrasts up to 50, else 3."""
    low, high = np.uint8(255), np.uint8(0)
    for r in range(top, top + BLOCK):
        line = image[r]
        for c in range(left, left + BLOCK):
            low, high = min(low, line[c]), max(high, line[c])
    return 5 if np.int64(high) - np.int64(low) <= 50 else 3


def _count_edges(
    image: np.ndarray,
    strength: np.ndarray,
    threshold: int,
    edges: np.ndarray,
    sharp: np.ndarray,
    rows: np.ndarray,
    steps: np.ndarray,
) -> None:
    """Add up the edges and sharp edges of every block, row by row.

    ``rows`` (7, W) and ``steps`` (2, W + 2 PAD), both uint8, are written over; the padding of
    ``steps`` must be 0.
    """
    height = image.shape[0]
    edge, way, run, falling, limit = rows[0], rows[1], rows[2], rows[3], rows[4]
    n_edges, n_sharp = rows[5], rows[6]  # of a column, at most 64
    rise, fall = steps[0], steps[1]
    edge[:], way[:], run[:], falling[:], limit[:] = 0, 0, 0, 0, 0
    for i in range(edges.shape[0]):
        n_edges[:], n_sharp[:] = 0, 0
        for j in range(edges.shape[1]):
            widest = _jnb_width(image, i * BLOCK, j * BLOCK)
            for c in range(j * BLOCK, (j + 1) * BLOCK):
                limit[c] = widest - 2
        for r in range(max(i * BLOCK, 1), min((i + 1) * BLOCK, height - 1)):
            _thinned(strength[r], strength[r + 1], strength[r + 2], threshold, edge)
            _upright(image[r - 1], image[r], image[r + 1], way)
            _steps(image[r], rise, fall)
            _runs(rise, run)
            _runs(fall, falling)
            _tally(edge, way, run, falling, limit)
            _accumulate(n_edges, edge)
            _accumulate(n_sharp, run)
        for j in range(edges.shape[1]):
            for c in range(j * BLOCK, (j + 1) * BLOCK):
                edges[i, j] += n_edges[c]
                sharp[i, j] += n_sharp[c]


@compiled("void(uint8[:,:], int64[:,:], int64[:,:], int16[:,:], int16[:], uint8[:,:], uint8[:,:])")
def _count(
    image: np.ndarray,
    edges: np.ndarray,
    sharp: np.ndarray,
    strength: np.ndarray,
    line: np.ndarray,
    rows: np.ndarray,
    steps: np.ndarray,
) -> None:
    """Add up edges and sharp edges; the last four arrays are written over."""
    squares = _sobel(image, strength, line)
    # An edge is g^2 > 2 sqrt(mean g^2): that package compares a square with a root.
    limit = np.floor(64 * (2 * np.sqrt(squares / 64 / image.size)))
    if _has_angles(image):
        _count_edges(image, strength, int(np.sqrt(limit)), edges, sharp, rows, steps)


def total(edges: np.ndarray, sharp: np.ndarray, state: np.ndarray) -> tuple[int, int]:
    """Sharp edges and all edges of the accepted blocks."""
    accepted = state == ACCEPTED
    return int(sharp[accepted].sum()), int(edges[accepted].sum())


def count(
    image: np.ndarray, bleed: np.ndarray, taps: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    """Edges, sharp edges and state of each block of a (H, W) uint8 picture, both sides >= 2.

    Parameters
    ----------
    bleed : ndarray (H, W) float64
        The Gaussian of a picture of ones, plus the smallest step of a float.
    taps : ndarray (5,)
        Its weights from the centre outwards.

    Returns
    -------
    edges, sharp, state : ndarray (rows of blocks, columns of blocks)
        A block without edges is REJECTED: nothing depends on it.
    undecided : bool
        Whether a block is UNDECIDED.
    """
    height, width = image.shape
    edges, sharp, state = np.zeros((3, height // BLOCK, width // BLOCK), np.int64)
    strength, line = np.zeros((height + 2, width + 2), np.int16), np.empty(width + 2, np.int16)
    rows, steps = np.empty((7, width), np.uint8), np.zeros((2, width + 2 * PAD), np.uint8)
    _count(image, edges, sharp, strength, line, rows, steps)  # strength: 0 outside the picture
    return edges, sharp, state, decide(image, bleed, taps, edges, state)
