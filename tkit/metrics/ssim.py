"""SSIM: structural similarity of pictures.

Conventions
-----------
K1 = 0.01, K2 = 0.03, dynamic range 255, mean over all windows that lie wholly inside the picture,
then over channels and frames. Published implementations differ in the window and in the divisor of
its covariance; every combination in use is one named window here:

* ``uniform7``: 7 x 7 box, N - 1 (scikit-image by default);
* ``gauss11``: Gaussian of sigma 1.5 cut to 11 x 11, N (the authors' definition);
* ``uniform11``: 11 x 11 box, N (sewar by default);
* ``uniform11-sample``, ``gauss11-sample``: the same windows with scikit-image's default N - 1.

With ``S`` the weighted mean in the window, ``a = S(x)``, ``b = S(y)`` and ``c`` the correction
``N / (N - 1)`` of a sample covariance, or 1::

    (2 a b + C1) (2 c (S(xy) - a b) + C2) / ((a^2 + b^2 + C1) (c (S(x^2 + y^2) - a^2 - b^2) + C2))

so four filtered maps are enough. Box sums are integers, hence exact.

Flat pictures differ in luminance alone, ``(2 a b + C1) / (a^2 + b^2 + C1)``:

>>> import numpy, tkit
>>> gt = numpy.full((2, 16, 16, 3), 100, numpy.uint8)
>>> round(tkit.METRICS.get("ssim")(pred=2 * gt, gt=gt, window="gauss11"), 4)
0.8
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tkit.errors import ScoreError
from tkit.metrics import Metric, Need, Param, Score, Stats
from tkit.metrics.pictures import COLOR, PEAK, matched

K1, K2 = 0.01, 0.03
GAUSS_SIGMA_PX = 1.5


@dataclass(frozen=True)
class Window:
    """A square window of ``size`` pixels; ``sample`` divides covariances by N - 1."""

    size: int
    gauss: bool = False
    sample: bool = False


WINDOWS = {
    "uniform7": Window(7, sample=True),
    "gauss11": Window(11, gauss=True),
    "uniform11": Window(11),
    "uniform11-sample": Window(11, sample=True),
    "gauss11-sample": Window(11, gauss=True, sample=True),
}


def ssim(
    *, pred: np.ndarray, gt: np.ndarray, window: str = "uniform7", data_range: float = PEAK
) -> float:
    """Mean SSIM of two pictures (H, W) or (H, W, C) uint8.

    Raises
    ------
    ScoreError
        If the picture is smaller than the window.
    """
    shape = WINDOWS[window]
    height, width = gt.shape[:2]
    if min(height, width) < shape.size:
        raise ScoreError(
            f"pictures of {width} x {height} are smaller than the window, {shape.size} pixels"
        )
    n_pixels = shape.size**2
    correction = n_pixels / (n_pixels - 1) if shape.sample else 1.0
    constants = correction, (K1 * data_range) ** 2, (K2 * data_range) ** 2
    if gt.ndim == 2:
        return _plane(gt, pred, shape, constants)
    planes = zip(np.moveaxis(gt, 2, 0), np.moveaxis(pred, 2, 0), strict=True)
    return float(np.mean([_plane(x, y, shape, constants) for x, y in planes]))


def _plane(
    x: np.ndarray, y: np.ndarray, window: Window, constants: tuple[float, float, float]
) -> float:
    from tkit.metrics import kernels

    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    if window.gauss:
        return kernels.ssim_gauss(x, y, gauss_taps(), *constants)
    return kernels.ssim_box(x, y, window.size, *constants)


def gauss_taps() -> np.ndarray:
    """Weights (6,) of the Gaussian window of 11 taps, from the centre outwards."""
    taps = np.exp(-(np.arange(-5, 6) ** 2) / (2 * GAUSS_SIGMA_PX**2))
    return (taps / taps.sum())[5:]


def measure(*, pred: np.ndarray, gt: np.ndarray, color: str, window: str) -> Stats:
    """Sum of the frames' SSIM.

    Parameters
    ----------
    pred, gt : ndarray (T, H, W, 3) or (T, H, W), uint8
    color, window : str
        See ``METRIC.params``.
    """
    pred, gt = matched(pred, gt, color)
    pairs = zip(pred, gt, strict=True)
    return {"frames": len(gt), "ssim": sum(ssim(pred=p, gt=g, window=window) for p, g in pairs)}


def finish(stats: Stats) -> float:
    """Mean SSIM over frames."""
    return stats["ssim"] / stats["frames"]


METRIC = Metric(
    title="Structural similarity",
    needs=Need("frames"),
    params={
        "color": COLOR,
        "window": Param(
            "uniform7",
            "window and divisor of its covariance, see the module's docstring",
            choices=tuple(WINDOWS),
            tag="win",
        ),
    },
    measure=measure,
    scores={"ssim": Score("", "higher", finish)},
    citation="Wang, Bovik, Sheikh and Simoncelli, IEEE Trans. Image Processing 13(4), 2004",
)
