"""CPBD: share of edges whose blur cannot be noticed, a sharpness of single pictures.

Conventions
-----------
Gray pictures as integers. The width of every upright edge is compared with the width that is just
noticeable in its 64 x 64 block (5 pixels where the block's contrast is at most 50, else 3). The
published curve, histogram and limit of 63 % come to a ratio of counts: edges not wider than that,
over all edges, in blocks with enough Canny edges. Pixels outside the grid of whole blocks never
count. The value falls with the size of the picture and rises with noise: higher than that of the
ground truth is not sharper, so nearer to it is better.

* ``port``: what the Python package ``cpbd`` 1.0.7 gives, to the last digit;
* ``matlab``: the authors' MATLAB code, by emulation of its ``edge``;
* ``atvgnet``: the copy in ATVGnet's evaluation, no thinning and a stricter limit: about a third.

A picture without an edge has no CPBD: 0 in all implementations (``empty: zero``). One without a
whole block, in which they count no edge, sharp or not, is refused.

Edges over two pixels are sharp, those over eight are not:

>>> import numpy, tkit
>>> row = abs(numpy.arange(128) % 4 - 2) * 100, abs(numpy.arange(128) % 16 - 8) * 30
>>> sharp, soft = (numpy.tile(edges.astype(numpy.uint8), (1, 128, 1)) for edges in row)
>>> cpbd = tkit.METRICS.get("cpbd")
>>> cpbd(pred=sharp), cpbd(pred=soft)
(1.0, 0.0)
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from tkit.errors import ScoreError
from tkit.metrics import Metric, Need, Param, Score, Stats
from tkit.metrics.pictures import GRAY, alone

BLOCK = 64  # pixels of the side of a block


def edge_counts(image: np.ndarray, *, mode: str = "port") -> tuple[int, int]:
    """Sharp edges and all edges of a gray picture (H, W) uint8.

    Raises
    ------
    ScoreError
        If the picture has no whole block.
    """
    if min(image.shape) < BLOCK:
        height, width = image.shape
        raise ScoreError(
            f"a picture of {width} x {height} has no whole block of {BLOCK} x {BLOCK} pixels, in "
            "which CPBD counts edges"
        )
    return MODES[mode](np.ascontiguousarray(image))


def _port(image: np.ndarray) -> tuple[int, int]:
    from tkit.metrics.cpbd import canny as edges_by_canny
    from tkit.metrics.cpbd import port

    edges, sharp, state, undecided = port.count(image, *_bleed(image.shape))
    if undecided:  # rare: nearly flat blocks, where the whole Canny map must tell
        canny = _canny(image)
        for i, j in np.argwhere(state == edges_by_canny.UNDECIDED):
            block = canny[BLOCK * i : BLOCK * (i + 1), BLOCK * j : BLOCK * (j + 1)]
            state[i, j] = np.count_nonzero(block) >= edges_by_canny.MIN_CANNY
    return port.total(edges, sharp, state)


def _canny(image: np.ndarray) -> np.ndarray:
    from skimage.feature import canny

    return canny(image.astype(np.float64))


@lru_cache(maxsize=8)
def _bleed(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """What the Gaussian of sigma 1 leaves of a picture of ones, zero outside, and its taps."""
    from scipy.ndimage import gaussian_filter

    taps = np.exp(-0.5 * np.arange(-4, 5) ** 2)
    taps = taps / taps.sum()
    ones = gaussian_filter(np.ones(shape), 1.0, mode="constant", truncate=4.0)
    return ones + np.finfo(np.float64).eps, taps[4:].copy()


def _matlab(image: np.ndarray) -> tuple[int, int]:
    from tkit.metrics.cpbd import variants

    return variants.matlab(image)


def _atvgnet(image: np.ndarray) -> tuple[int, int]:
    from tkit.metrics.cpbd import variants

    return variants.atvgnet(image)


MODES = {"port": _port, "matlab": _matlab, "atvgnet": _atvgnet}


def measure(*, pred: np.ndarray, color: str, mode: str, empty: str) -> Stats:
    """Sum of the frames' CPBD.

    Parameters
    ----------
    pred : ndarray (T, H, W) or (T, H, W, 3), uint8
    color, mode, empty : str
        See ``METRIC.params``.

    Raises
    ------
    ScoreError
        If a frame has no whole block, or no edge in any and ``empty`` is ``error``.
    """
    pred = alone(pred, color)
    total, last = 0.0, (None, 0.0)
    for index, frame in enumerate(pred):
        # The frames of a still are one array (stride 0): looked at once.
        key = frame.__array_interface__["data"][0]
        if key != last[0]:
            sharp, edges = edge_counts(frame, mode=mode)
            if not edges and empty == "error":
                raise ScoreError(f"frame {index} has no edge in whole blocks of 64 x 64 pixels")
            last = key, sharp / edges if edges else 0.0
        total += last[1]
    return {"frames": len(pred), "cpbd": total}


def finish(stats: Stats) -> float:
    """Mean CPBD over frames."""
    return stats["cpbd"] / stats["frames"]


METRIC = Metric(
    title="Cumulative probability of blur detection",
    needs=Need("frames"),
    inputs=("pred",),
    params={
        "color": replace(GRAY, tokens={**GRAY.tokens, "gray": ""}),
        "mode": Param(
            "port",
            "port: as the Python package cpbd 1.0.7; matlab: as the authors' code; atvgnet: as "
            "ATVGnet's evaluator",
            choices=tuple(MODES),
        ),
        "empty": Param(
            "zero",
            "a frame without an edge: zero, as all implementations, or error",
            choices=("zero", "error"),
        ),
    },
    measure=measure,
    scores={"cpbd": Score("", "closer", finish, apart=("noise",), alike=("gt-lag3",))},
    citation="Narvekar and Karam, A No-Reference Image Blur Metric Based on the Cumulative "
    "Probability of Blur Detection, IEEE Trans. Image Processing 20(9), 2011",
    limits="Sharpness of upright edges, of the face or of anything behind it. Noise raises it, the "
    "size of the picture lowers it; a clip may be sharp and wrong.",
    checked="cpbd 1.0.7, all digits; the authors' MATLAB code by emulation, 1e-9",
    ms=0.4,
)
