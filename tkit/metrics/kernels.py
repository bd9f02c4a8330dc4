"""Compiled loops of the picture metrics: luma, squared errors, structural similarity.

Nothing here is re-ordered by the compiler, so results do not depend on the machine; box sums are
integers, hence exact. See :mod:`tkit.compiled`.
"""

from __future__ import annotations

import numpy as np

from tkit.compiled import compiled


@compiled("int64(uint8[:], uint8[:])")
def squared_error(x: np.ndarray, y: np.ndarray) -> int:
    """Sum of ``(x - y) ** 2`` of flat uint8 arrays."""
    total = 0
    for start in range(0, len(x), 32768):  # so many squares fit 32 bits, which vectorise
        a, b = x[start : start + 32768], y[start : start + 32768]
        part = np.int32(0)
        for i in range(len(a)):
            difference = np.int32(np.int32(a[i]) - np.int32(b[i]))
            part = np.int32(part + np.int32(difference * difference))
        total += int(part)
    return total


@compiled("void(uint8[:], uint8[:])")
def luma(rgb: np.ndarray, out: np.ndarray) -> None:
    """Integer BT.601 luma of flat RGB pixels, exactly PIL's ``convert('L')``."""
    for i in range(len(out)):
        red, green, blue = np.int32(rgb[3 * i]), np.int32(rgb[3 * i + 1]), np.int32(rgb[3 * i + 2])
        out[i] = np.uint8((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16)


@compiled("int64(uint8[:], uint8[:])")
def wrapped_squares(x: np.ndarray, y: np.ndarray) -> int:
    """Sum of ``(x - y) ** 2`` of flat uint8 arrays computed, wrongly, in eight bits."""
    total = 0
    for i in range(len(x)):
        difference = (np.int32(x[i]) - np.int32(y[i])) & 255
        total += int((difference * difference) & 255)
    return total


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


def _along(sums: np.ndarray, out: np.ndarray, size: int) -> None:
    """Sum ``size`` (7 or 11) neighbours of a row."""
    for j in range(len(out)):
        left = sums[j] + sums[j + 1] + sums[j + 2] + sums[j + 3]
        out[j] = left + sums[j + 4] + sums[j + 5] + sums[j + 6]
    if size == 11:
        for j in range(len(out)):
            out[j] += sums[j + 7] + sums[j + 8] + sums[j + 9] + sums[j + 10]


def ssim_box(
    x: np.ndarray, y: np.ndarray, size: int, correction: float, c1: float, c2: float
) -> float:
    """Mean SSIM of two (H, W) uint8 pictures under a box of 7 x 7 or 11 x 11 pixels.

    With integer sums S of the n pixels of a window, all terms are multiplied by n^2 to stay
    integers as long as possible; up to 11 x 11 pixels they fit 32 bits.
    """
    n_rows, n_columns, n = x.shape[0] - size + 1, x.shape[1] - size + 1, size * size
    sums, total = np.zeros((8, x.shape[1]), np.int32), np.zeros(n_columns)
    summed = _ssim_box(x, y, np.array([correction, n * n * c1, n * n * c2]), sums, total)
    return float(summed / (n_rows * n_columns))


@compiled("float64(uint8[:,:], uint8[:,:], float64[:], int32[:,:], float64[:])")
def _ssim_box(
    x: np.ndarray, y: np.ndarray, constants: np.ndarray, sums: np.ndarray, total: np.ndarray
) -> float:
    """Sum of the map; ``total`` takes the sums of its columns: a fixed order that vectorises."""
    correction, k1, k2 = constants[0], constants[1], constants[2]
    n_out = len(total)
    size = x.shape[1] - n_out + 1
    n = size * size
    column, box = sums[:4], sums[4:]
    bx, by, bpower, bproduct = box[0][:n_out], box[1][:n_out], box[2][:n_out], box[3][:n_out]
    for row in range(x.shape[0]):
        _change(column, x[row], y[row], 1)
        if row < size - 1:
            continue
        for m in range(4):
            _along(column[m], box[m][:n_out], size)
        for j in range(n_out):
            products = np.int32(bx[j] * by[j])
            squares = np.int32(bx[j] * bx[j] + by[j] * by[j])
            covariance = np.int32(n * bproduct[j] - products)
            variances = np.int32(n * bpower[j] - squares)
            top = (2.0 * products + k1) * (2.0 * correction * covariance + k2)
            total[j] += top / ((squares + k1) * (correction * variances + k2))
        _change(column, x[row - size + 1], y[row - size + 1], -1)
    return total.sum()


def _filter(row: np.ndarray, taps: np.ndarray, out: np.ndarray) -> None:
    """Filter a row with 11 symmetric taps, given from the centre outwards."""
    t0, t1, t2, t3, t4, t5 = taps[0], taps[1], taps[2], taps[3], taps[4], taps[5]
    for j in range(len(out)):
        near = t0 * row[j + 5] + t1 * (row[j + 4] + row[j + 6]) + t2 * (row[j + 3] + row[j + 7])
        far = t3 * (row[j + 2] + row[j + 8]) + t4 * (row[j + 1] + row[j + 9])
        out[j] = near + far + t5 * (row[j] + row[j + 10])


def _first(
    out: np.ndarray, centre: np.ndarray, above: np.ndarray, below: np.ndarray, taps: np.ndarray
) -> None:
    """Write the centre tap and the pair next to it; few enough arrays to be vectorised."""
    t0, t1 = taps[0], taps[1]
    for j in range(len(out)):
        out[j] = t0 * centre[j] + t1 * (above[j] + below[j])


def _two(out: np.ndarray, rows: tuple, near: float, far: float) -> None:
    """Add two pairs of rows."""
    above, below, higher, lower = rows
    for j in range(len(out)):
        out[j] = out[j] + near * (above[j] + below[j]) + far * (higher[j] + lower[j])


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


def _window_row(
    x: np.ndarray,
    y: np.ndarray,
    taps: np.ndarray,
    row: int,
    rows: np.ndarray,
    ring: np.ndarray,
    flat: np.ndarray,
) -> None:
    """Take in one row; from the eleventh on ``flat`` holds the four maps of the row 5 above.

    ``ring`` holds the last 11 rows of the maps, filtered along the row.
    """
    n_out = len(flat) // 4
    _powers(x[row], y[row], rows)
    newest = ring[row % 11]
    for m in range(4):
        _filter(rows[m], taps, newest[m * n_out : (m + 1) * n_out])
    if row < 10:
        return
    centre = ring[(row - 5) % 11]
    _first(flat, centre, ring[(row - 6) % 11], ring[(row - 4) % 11], taps)
    for k in (2, 4):
        above, below = ring[(row - 5 - k) % 11], ring[(row - 5 + k) % 11]
        higher, lower = ring[(row - 6 - k) % 11], ring[(row - 4 + k) % 11]
        _two(flat, (above, below, higher, lower), taps[k], taps[k + 1])


def ssim_gauss(
    x: np.ndarray, y: np.ndarray, taps: np.ndarray, correction: float, c1: float, c2: float
) -> float:
    """Mean SSIM of two (H, W) uint8 pictures under a separable symmetric window of 11 taps.

    Parameters
    ----------
    taps : ndarray (6,)
        From the centre outwards.
    """
    width = x.shape[1]
    n_out = width - 10
    ring, flat, rows = np.empty((11, 4 * n_out)), np.empty(4 * n_out), np.empty((4, width))
    total = np.zeros(n_out)
    summed = _ssim_gauss(x, y, np.array([*taps, correction, c1, c2]), rows, ring, flat, total)
    return float(summed / ((x.shape[0] - 10) * n_out))


@compiled(
    "float64(uint8[:,:], uint8[:,:], float64[:], float64[:,:], float64[:,:], float64[:], "
    "float64[:])"
)
def _ssim_gauss(
    x: np.ndarray,
    y: np.ndarray,
    constants: np.ndarray,
    rows: np.ndarray,
    ring: np.ndarray,
    flat: np.ndarray,
    total: np.ndarray,
) -> float:
    taps, n_out = constants[:6], len(total)
    correction, c1, c2 = constants[6], constants[7], constants[8]
    mx, my = flat[:n_out], flat[n_out : 2 * n_out]
    mpower, mproduct = flat[2 * n_out : 3 * n_out], flat[3 * n_out :]
    for row in range(x.shape[0]):
        _window_row(x, y, taps, row, rows, ring, flat)
        if row < 10:
            continue
        for j in range(n_out):
            products, squares = mx[j] * my[j], mx[j] * mx[j] + my[j] * my[j]
            top = (2 * products + c1) * (2 * correction * (mproduct[j] - products) + c2)
            total[j] += top / ((squares + c1) * (correction * (mpower[j] - squares) + c2))
    return total.sum()


@compiled(
    "void(float64[:,:], float64[:,:], float64[:], float64[:,:], float64[:,:], float64[:], "
    "float64[:,:])"
)
def msssim_sums(
    x: np.ndarray,
    y: np.ndarray,
    constants: np.ndarray,
    rows: np.ndarray,
    ring: np.ndarray,
    flat: np.ndarray,
    sums: np.ndarray,
) -> None:
    """Add up contrast-structure, and its product with luminance, of one scale, by columns.

    Parameters
    ----------
    constants : ndarray (8,)
        Six taps from the centre outwards, C1 and C2.
    rows, ring, flat : ndarray (4, W), (11, 4 (W - 10)), (4 (W - 10),)
        Written over.
    sums : ndarray (2, W - 10)
    """
    taps, n_out, c1, c2 = constants[:6], x.shape[1] - 10, constants[6], constants[7]
    mx, my = flat[:n_out], flat[n_out : 2 * n_out]
    mpower, mproduct = flat[2 * n_out : 3 * n_out], flat[3 * n_out :]
    contrast, similarity = sums[0], sums[1]
    for row in range(x.shape[0]):
        _window_row(x, y, taps, row, rows, ring, flat)
        if row < 10:
            continue
        for j in range(n_out):
            products, squares = mx[j] * my[j], mx[j] * mx[j] + my[j] * my[j]
            term = (2 * (mproduct[j] - products) + c2) / (mpower[j] - squares + c2)
            contrast[j] += term
            similarity[j] += term * (2 * products + c1) / (squares + c1)


@compiled("void(float64[:,:], float64[:,:])")
def halve(image: np.ndarray, out: np.ndarray) -> None:
    """Mean of each 2 x 2 pixels; an odd last row or column is left out."""
    for i in range(out.shape[0]):
        upper, lower = image[2 * i], image[2 * i + 1]
        for j in range(out.shape[1]):
            left, right = upper[2 * j] + lower[2 * j], upper[2 * j + 1] + lower[2 * j + 1]
            out[i, j] = 0.25 * (left + right)
