"""The bilinear warp of the ``sda96x128`` crop, compiled (see :mod:`tkit.compiled`)."""

from __future__ import annotations

import numpy as np

from tkit.compiled import compiled


@compiled("void(uint8[:,:,:], float64[:,:], uint8[:,:,:])")
def warp(image: np.ndarray, inverse: np.ndarray, out: np.ndarray) -> None:
    """Fill ``out`` (H, W, C) from ``image`` by the output-to-image transform ``inverse`` (2, 3).

    Bilinear, black outside, truncated to bytes.
    """
    height, width, channels = image.shape
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            x = inverse[0, 0] * column + inverse[0, 1] * row + inverse[0, 2]
            y = inverse[1, 0] * column + inverse[1, 1] * row + inverse[1, 2]
            left, top = int(np.floor(x)), int(np.floor(y))
            for channel in range(channels):
                value = 0.0
                for i in range(2):
                    for j in range(2):
                        r, c = top + i, left + j
                        if 0 <= r < height and 0 <= c < width:
                            weight = (1 - abs(y - r)) * (1 - abs(x - c))
                            value += weight * image[r, c, channel]
                out[row, column, channel] = np.uint8(value + 1e-6)  # sums of weights miss 1 a bit
