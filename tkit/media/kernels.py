"""Compiled loops of :mod:`tkit.media.colour` over the pixels of a frame. See :mod:`tkit.compiled`.

Everything is of 16 bits, so that a processor takes 16 pixels at once.
"""

from __future__ import annotations

import numpy as np

from tkit.compiled import compiled


@compiled("void(uint8[:,:], uint8[:,:], uint8[:,:], int16[:], int16[:,:], uint8[:,:])")
def yuv420_to_rgb(luma, blue, red, factors, rows, out):  # type: ignore[no-untyped-def]
    """Convert a frame in 4:2:0 to RGB, rounded once.

    Chroma lies in the middle of four pixels and is interpolated between rows by cubic convolution
    (Keys 1981, a = -1/2), between columns by the like of it in sixteenths.

    Parameters
    ----------
    luma, blue, red : uint8 (H, W) and twice (H / 2, W / 2), rounded up; columns behind are ignored
    factors : int16 (6,)
        Times 2**13: of luma, of red in R, of blue in G, of red in G, of blue in B; and black.
    rows : int16 (4, W + 8)
        Scratch.
    out : uint8 (H, 3 W)
    """
    height, n_rows, n_columns = out.shape[0], blue.shape[0], (rows.shape[1] - 8 + 1) // 2
    for y in range(height):
        row = y // 2
        up = 1 - 2 * (y % 2)  # even rows lie a quarter above theirs of chroma, odd ones below
        behind = min(max(row + up, 0), n_rows - 1)
        near = min(max(row - up, 0), n_rows - 1)
        far = min(max(row - 2 * up, 0), n_rows - 1)
        for plane in range(2):
            source = (red if plane else blue)[:, :n_columns]
            between_rows(source[behind], source[row], source[near], source[far], rows[plane])
            between_columns(rows[plane], rows[plane + 2])
        mix(luma[y], rows[2], rows[3], factors, out[y])


def between_rows(a, b, c, d, line):  # type: ignore[no-untyped-def]
    """Chroma a quarter of a row from ``b`` towards ``c``: 8 a level about 0, edges repeated."""
    last = len(a) - 1
    for x in range(len(a)):
        value = 111 * np.int16(b[x]) + 29 * np.int16(c[x]) - 9 * np.int16(a[x]) - 3 * np.int16(d[x])
        line[x + 2] = np.int16(value - 128 * 128 + 8)
    for x in range(len(a)):  # by itself: above it would be done in 64 bits
        line[x + 2] = np.int16(line[x + 2] >> 4)
    line[0], line[1], line[last + 3], line[last + 4] = (
        line[2],
        line[2],
        line[last + 2],
        line[last + 2],
    )


def between_columns(line, full):  # type: ignore[no-untyped-def]
    """Chroma of every column of luma, a quarter left and right of its own: 128 a level."""
    for x in range((len(full) - 8 + 1) // 2):
        a, b, c, d, e = line[x], line[x + 1], line[x + 2], line[x + 3], line[x + 4]
        own = np.int16(np.int16(np.int16(c << 3) + np.int16(c << 2)) + c)
        left = np.int16(np.int16(np.int16(b << 2) + b) - np.int16(a + d))
        right = np.int16(np.int16(np.int16(d << 2) + d) - np.int16(b + e))
        full[2 * x] = np.int16(own + left)
        full[2 * x + 1] = np.int16(own + right)


def mix(luma, cb, cr, factors, pixels):  # type: ignore[no-untyped-def]
    """One row of RGB: 16 a level until it is rounded."""
    of_luma, red_r, blue_g = np.int32(factors[0]), np.int32(factors[1]), np.int32(factors[2])
    red_g, blue_b, black = np.int32(factors[3]), np.int32(factors[4]), np.int16(factors[5])
    zero, top = np.int16(0), np.int16(255)
    for x in range(len(pixels) // 3):
        u, v = np.int32(cb[x]), np.int32(cr[x])
        grey = np.int16((np.int32(np.int16(np.int16(luma[x]) << 7)) * of_luma) >> 16)
        grey = np.int16(grey - black)
        r = np.int16(np.int16(grey + np.int16((v * red_r) >> 16)) >> 4)
        b = np.int16(np.int16(grey + np.int16((u * blue_b) >> 16)) >> 4)
        g = np.int16(grey + np.int16((u * blue_g) >> 16))
        g = np.int16(np.int16(g + np.int16((v * red_g) >> 16)) >> 4)
        pixels[3 * x] = np.uint8(min(max(r, zero), top))
        pixels[3 * x + 1] = np.uint8(min(max(g, zero), top))
        pixels[3 * x + 2] = np.uint8(min(max(b, zero), top))
