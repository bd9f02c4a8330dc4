"""CPBD as the authors' MATLAB code, and as ATVGnet's evaluator, compute it (NumPy, few ms a frame).

The MATLAB mode emulates ``edge(I, 'sobel', 2, 'vertical')`` and ``edge(I, 'canny')``: emulation by
the published description of their algorithms, checked against published maps of one picture.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

BLOCK = 64
MAX_STEPS = 100  # on either side of an edge


def matlab(image: np.ndarray) -> tuple[int, int]:
    """Sharp edges and all edges of a (H, W) uint8 picture."""
    widths = edge_widths(_matlab_sobel(image), image)
    return tally(image, widths, _matlab_canny(image))


def atvgnet(image: np.ndarray) -> tuple[int, int]:
    """Sharp edges and all edges: no thinning, contrast + 1, a width at the limit is not sharp."""
    from skimage.feature import canny

    bx, _ = _sobel(image)
    widths = edge_widths(bx > 2, image, plateau=True)
    return tally(image, widths, canny(image.astype(np.float64)), contrast_offset=1, strict=True)


def edge_widths(edges: np.ndarray, image: np.ndarray, *, plateau: bool = False) -> np.ndarray:
    """Marziliano's width in pixels of every upright edge, 0 elsewhere; (H, W).

    Parameters
    ----------
    edges : ndarray (H, W) bool
    plateau : bool
        To the right of a falling edge, go on over equal pixels (a slip of one implementation).
    """
    values = image.astype(np.int64)
    steps = np.diff(values, axis=1)  # steps[:, c] leads from c to c + 1
    way = _ways(values)
    widths = np.zeros(values.shape, np.int64)
    for sign in (1, -1):
        on = sign * steps > 0
        on_right = on | (steps == 0) if plateau and sign < 0 else on
        # Steps in the same direction that end at, and start from, each pixel without a gap.
        left = _run_lengths(on, values.shape)
        right = _run_lengths(on_right[:, ::-1], values.shape)[:, ::-1]
        # Pixels next to the edge are not tested: runs begin one pixel away.
        width = (
            2 + np.minimum(_moved(left, 1), MAX_STEPS) + np.minimum(_moved(right, -1), MAX_STEPS)
        )
        widths = np.where(way == sign, width, widths)
    widths[~edges] = 0
    return widths


def tally(
    image: np.ndarray,
    widths: np.ndarray,
    canny: np.ndarray,
    *,
    contrast_offset: int = 0,
    strict: bool = False,
) -> tuple[int, int]:
    """Sharp edges and all edges of the blocks with more than 0.2 % of Canny edges."""
    sharp = total = 0
    for top in range(0, image.shape[0] - BLOCK + 1, BLOCK):
        for left in range(0, image.shape[1] - BLOCK + 1, BLOCK):
            block = np.s_[top : top + BLOCK, left : left + BLOCK]
            if np.count_nonzero(canny[block]) <= 0.002 * BLOCK**2:
                continue
            found = widths[block][widths[block] > 0]
            limit = 5 if int(np.ptp(image[block])) + contrast_offset <= 50 else 3
            total += len(found)
            sharp += int(np.count_nonzero(found < limit if strict else found <= limit))
    return sharp, total


def _ways(values: np.ndarray) -> np.ndarray:
    """1 where a row rises across an upright edge, -1 where it falls, 0 elsewhere; no border."""
    way = np.zeros(values.shape, np.int64)
    gx = values[1:-1, 2:] - values[1:-1, :-2]
    gy = values[2:, 1:-1] - values[:-2, 1:-1]
    upright = (abs(gx) + abs(gy)) ** 2 < 2 * gx**2
    way[1:-1, 1:-1] = np.where(gx == 0, 1, upright * np.sign(gx))  # angle of gx = 0: never set
    return way


def _run_lengths(on: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """For each pixel of a row, how many steps in a row that are ``on`` lead to it."""
    runs = np.zeros(shape, np.int64)
    for c in range(1, shape[1]):
        runs[:, c] = np.where(on[:, c - 1], runs[:, c - 1] + 1, 0)
    return runs


def _moved(array: np.ndarray, columns: int) -> np.ndarray:
    """Shift to the right by ``columns``; zeros come in."""
    out = np.zeros_like(array)
    if columns > 0:
        out[:, columns:] = array[:, :-columns]
    else:
        out[:, :columns] = array[:, -columns:]
    return out


def _sobel(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Absolute Sobel responses (vertical edges, horizontal edges), normalised by 8."""
    values = image.astype(np.float64)
    return tuple(abs(ndimage.sobel(values, axis=axis, mode="nearest")) / 8 for axis in (1, 0))


def _matlab_sobel(image: np.ndarray) -> np.ndarray:
    """``edge(I, 'sobel', 2, 'vertical')``: fixed threshold; of two equal maxima one is kept."""
    bx, by = _sobel(image)
    b = np.pad(bx**2, 1, constant_values=np.inf)
    centre = b[1:-1, 1:-1]
    across = (b[1:-1, :-2] <= centre) & (centre > b[1:-1, 2:])
    along = (b[:-2, 1:-1] <= centre) & (centre > b[2:, 1:-1])
    return (centre > 4) & (((bx >= by - 100 * np.finfo(float).eps) & across) | along)


def _matlab_canny(image: np.ndarray) -> np.ndarray:
    """``edge(I, 'canny')`` with its automatic thresholds."""
    gx, gy = _matlab_gradients(image.astype(np.float64))
    power = np.hypot(gx, gy)
    if power.max() == 0:
        return np.zeros(image.shape, bool)
    power /= power.max()
    # 64 bins centred on i / 63; seventy percent of the pixels are no edges.
    counts = np.bincount(np.floor(power * 63 + 0.5).astype(int).ravel(), minlength=64)
    high = (np.argmax(np.cumsum(counts) > 0.7 * power.size) + 1) / 64
    weak = _local_maxima(gx, gy, power) & (power > 0.4 * high)
    labels, count = ndimage.label(weak, np.ones((3, 3)))
    good = np.zeros(count + 1, bool)
    good[np.unique(labels[weak & (power > high)])] = True
    good[0] = False
    return good[labels]


def _matlab_gradients(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    taps = np.exp(-(np.arange(-7.5, 8) ** 2) / (2 * 2.0))  # sigma sqrt 2
    taps /= taps.sum()
    slope = np.gradient(taps)
    slope[slope > 0] /= slope[slope > 0].sum()
    slope[slope < 0] /= abs(slope[slope < 0].sum())

    def convolve(array: np.ndarray, kernel: np.ndarray, axis: int) -> np.ndarray:
        # out[n] = sum_j kernel[15 - j] in[n + j - 7]
        return ndimage.correlate1d(array, kernel[::-1], axis=axis, mode="nearest", origin=-1)

    gx = convolve(convolve(values, taps, 0), slope, 1)
    gy = convolve(convolve(values, taps, 1), slope, 0)
    return gx, gy


def _local_maxima(gx: np.ndarray, gy: np.ndarray, power: np.ndarray) -> np.ndarray:
    """Not below the two linearly interpolated neighbours along the gradient; no border."""

    def at(dy: int, dx: int) -> np.ndarray:
        return np.roll(power, (-dy, -dx), axis=(0, 1))

    ax, ay = abs(gx), abs(gy)
    lean = np.where(gx * gy > 0, 1, -1)  # to the lower right, or to the upper right
    flat = ax > ay  # nearer to the row than to the column
    with np.errstate(divide="ignore", invalid="ignore"):
        d = np.where(flat, ay / ax, ax / ay)
    out = np.zeros(power.shape, bool)
    for sign in (1, -1):
        along = at(0, 1) * (1 - d) + at(sign, 1) * d, at(0, -1) * (1 - d) + at(-sign, -1) * d
        across = at(sign, 0) * (1 - d) + at(sign, 1) * d, at(-sign, 0) * (1 - d) + at(-sign, -1) * d
        for near, chosen in ((along, flat), (across, ~flat)):
            out |= chosen & (lean == sign) & (power >= near[0]) & (power >= near[1])
    out &= (gx != 0) | (gy != 0)
    out[[0, -1]] = out[:, [0, -1]] = False
    return out
