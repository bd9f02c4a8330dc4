"""MS-SSIM: structural similarity over five scales.

Each scale halves the picture by the mean of 2 x 2 pixels; contrast and structure of all scales and
the luminance of the coarsest are multiplied under the published exponents; Gaussian window 11.
Negative contrast terms count as zero, as a power of them is no number.

>>> import numpy, tkit
>>> gt = numpy.random.default_rng(0).integers(0, 256, (2, 176, 176, 3), numpy.uint8)
>>> msssim = tkit.METRICS.get("msssim")
>>> msssim(pred=gt, gt=gt), msssim(pred=255 - gt, gt=gt)
(1.0, 0.0)
"""

from __future__ import annotations

import numpy as np

from tkit.errors import ScoreError
from tkit.metrics import Metric, Need, Score, Stats
from tkit.metrics.pictures import COLOR, PEAK, matched
from tkit.metrics.ssim import K1, K2, gauss_taps

EXPONENTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])
WINDOW = 11
MIN_SIDE = WINDOW * 2 ** (len(EXPONENTS) - 1)  # the window must fit the coarsest scale


def msssim(*, pred: np.ndarray, gt: np.ndarray) -> float:
    """MS-SSIM of two pictures (H, W) uint8."""
    if min(gt.shape) < MIN_SIDE:
        raise ScoreError(
            f"pictures of {gt.shape[1]} x {gt.shape[0]} are too small for five scales, "
            f"{MIN_SIDE} pixels are needed"
        )
    from tkit.metrics import kernels

    x, y = gt.astype(np.float64), pred.astype(np.float64)
    constants = np.array([*gauss_taps(), (K1 * PEAK) ** 2, (K2 * PEAK) ** 2])
    value = 1.0
    for scale, exponent in enumerate(EXPONENTS):
        if scale:
            x, y = _halved(x), _halved(y)
        width = x.shape[1] - WINDOW + 1
        rows, ring, flat = (
            np.empty((4, x.shape[1])),
            np.empty((WINDOW, 4 * width)),
            np.empty(4 * width),
        )
        sums = np.zeros((2, width))
        kernels.msssim_sums(x, y, constants, rows, ring, flat, sums)
        # Contrast and structure of all scales, luminance of the coarsest alone.
        last = scale == len(EXPONENTS) - 1
        term = sums[1 if last else 0].sum() / ((x.shape[0] - WINDOW + 1) * width)
        value *= max(term, 0.0) ** exponent
    return float(value)


def _halved(image: np.ndarray) -> np.ndarray:
    from tkit.metrics import kernels

    out = np.empty((image.shape[0] // 2, image.shape[1] // 2))
    kernels.halve(image, out)
    return out


def measure(*, pred: np.ndarray, gt: np.ndarray, color: str) -> Stats:
    """Sum of the frames' MS-SSIM, channels averaged; frames (T, H, W, 3) or (T, H, W) uint8."""
    pred, gt = matched(pred, gt, color)
    if pred.ndim == 3:
        pred, gt = pred[..., None], gt[..., None]
    total = 0.0
    for x, y in zip(gt, pred, strict=True):
        channels = range(x.shape[2])
        total += float(np.mean([msssim(pred=y[..., c], gt=x[..., c]) for c in channels]))
    return {"frames": len(gt), "msssim": total}


def finish(stats: Stats) -> float:
    """Mean MS-SSIM over frames."""
    return stats["msssim"] / stats["frames"]


METRIC = Metric(
    title="Multi-scale structural similarity",
    needs=Need("frames"),
    params={"color": COLOR},
    measure=measure,
    scores={"msssim": Score("", "higher", finish, apart=("static", "gt-lag3", "noise"))},
    citation="Wang, Simoncelli and Bovik, Multi-scale structural similarity, Asilomar 2003",
    limits="What SSIM cannot say. Pictures under 176 pixels have no five scales, and no value.",
    checked="the definition in NumPy and OpenCV, < 1e-9",
    ms=1.4,
)
