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
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tkit.errors import ScoreError
from tkit.metrics import Metric, Param, Stats
from tkit.metrics._pictures import COLOR, PEAK, matched

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
    x, y, power, product = (
        _gauss_sums(gt, pred, shape) if shape.gauss else _box_sums(gt, pred, shape)
    )
    # From here on in place: the maps are large and this is where the time goes.
    n_pixels = shape.size**2
    correction = n_pixels / (n_pixels - 1) if shape.sample else 1.0
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    means = x * y
    x *= x
    y *= y
    x += y  # a^2 + b^2
    power -= x
    power *= correction
    power += c2
    product -= means
    product *= 2 * correction
    product += c2
    means *= 2
    means += c1
    x += c1
    means *= product
    x *= power
    means /= x
    return float(means.mean())


def _box_sums(x: np.ndarray, y: np.ndarray, window: Window) -> list[np.ndarray]:
    import cv2

    size = window.size

    def mean(image: np.ndarray) -> np.ndarray:
        # int32 holds the largest sum, 2 * 121 * 255^2.
        sums = cv2.boxFilter(image, cv2.CV_32S, (size, size), normalize=False)
        return _inside(sums, size) / size**2

    wide_x, wide_y = x.astype(np.int32), y.astype(np.int32)
    power = wide_x * wide_x + wide_y * wide_y
    return [mean(x), mean(y), mean(power), mean(wide_x * wide_y)]


def _gauss_sums(x: np.ndarray, y: np.ndarray, window: Window) -> list[np.ndarray]:
    import cv2

    size = window.size
    offsets = np.arange(size) - size // 2
    taps = np.exp(-(offsets**2) / (2 * GAUSS_SIGMA_PX**2))
    taps /= taps.sum()

    def mean(image: np.ndarray) -> np.ndarray:
        return _inside(cv2.sepFilter2D(image, cv2.CV_64F, taps, taps), size).copy()

    x, y = x.astype(np.float64), y.astype(np.float64)
    return [mean(x), mean(y), mean(x * x + y * y), mean(x * y)]


def _inside(image: np.ndarray, size: int) -> np.ndarray:
    """Cut off the border where the window leaves the picture."""
    border = size // 2
    return image[border : image.shape[0] - border, border : image.shape[1] - border]


def measure(*, pred: np.ndarray, gt: np.ndarray, **params: Any) -> Stats:
    """Sum of the frames' SSIM.

    Parameters
    ----------
    pred, gt : ndarray (T, H, W, 3) or (T, H, W), uint8
    **params
        See ``METRIC.params``.
    """
    color, window = METRIC.settings(params, name="ssim").values()
    pred, gt = matched(pred, gt, color)
    pairs = zip(pred, gt, strict=True)
    return {"frames": len(gt), "ssim": sum(ssim(pred=p, gt=g, window=window) for p, g in pairs)}


def finish(stats: Stats) -> float:
    """Mean SSIM over frames."""
    return stats["ssim"] / stats["frames"]


METRIC = Metric(
    title="Structural similarity",
    unit="",
    better="higher",
    needs="frames",
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
    finish=finish,
    citation="Wang, Bovik, Sheikh and Simoncelli, IEEE Trans. Image Processing 13(4), 2004",
)
