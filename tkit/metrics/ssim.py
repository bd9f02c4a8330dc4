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
from tkit.metrics.pictures import COLOR, PEAK, RESIZE, matched

K1, K2 = 0.01, 0.03
GAUSS_SIGMA_PX = 1.5
DOWNSAMPLED_PX = 256  # the shorter side that piq brings larger pictures near to


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
    """Mean SSIM of two pictures (H, W) or (H, W, C), uint8 or averages of such, float64.

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

    if x.dtype != np.uint8:
        return _plane_of_averages(x, y, window, constants)
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    if window.gauss:
        return kernels.ssim_gauss(x, y, gauss_taps(), *constants)
    return kernels.ssim_box(x, y, window.size, *constants)


def _plane_of_averages(
    x: np.ndarray, y: np.ndarray, window: Window, constants: tuple[float, float, float]
) -> float:
    """The same of float64 pictures, in the plain form."""
    import cv2

    half, (correction, c1, c2) = window.size // 2, constants
    sides = gauss_taps() if window.gauss else np.full(half + 1, 1 / window.size)
    taps = np.concatenate([sides[:0:-1], sides])

    def smooth(picture: np.ndarray) -> np.ndarray:
        return cv2.sepFilter2D(picture, cv2.CV_64F, taps, taps)[half:-half, half:-half]

    a, b = smooth(x), smooth(y)
    products, squares = a * b, a * a + b * b
    top = (2 * products + c1) * (2 * correction * (smooth(x * y) - products) + c2)
    variances = smooth(x * x + y * y) - squares
    return float((top / ((squares + c1) * (correction * variances + c2))).mean())


def _averaged(frames: np.ndarray, factor: int) -> np.ndarray:
    """Means of blocks of ``factor`` x ``factor`` pixels, what is left over at the ends cut off."""
    height, width = (side // factor for side in frames.shape[1:3])
    whole = frames[:, : height * factor, : width * factor]
    blocks = whole.reshape(len(frames), height, factor, width, factor, *frames.shape[3:])
    return blocks.mean(axis=(2, 4))


def gauss_taps() -> np.ndarray:
    """Weights (6,) of the Gaussian window of 11 taps, from the centre outwards."""
    taps = np.exp(-(np.arange(-5, 6) ** 2) / (2 * GAUSS_SIGMA_PX**2))
    return (taps / taps.sum())[5:]


def measure(
    *, pred: np.ndarray, gt: np.ndarray, color: str, window: str, downsample: str, resize: float
) -> Stats:
    """Sum of the frames' SSIM.

    Parameters
    ----------
    pred, gt : ndarray (T, H, W, 3) or (T, H, W), uint8
    color, window, downsample : str
    resize : float
        See ``METRIC.params``.
    """
    pred, gt = matched(pred, gt, color, side=resize)
    if downsample == "piq":
        # From 384 pixels on; Python's round, to even at the half, is that of the package.
        factor = round(min(gt.shape[1:3]) / DOWNSAMPLED_PX)
        if factor > 1:
            pred, gt = (_averaged(frames, factor) for frames in (pred, gt))
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
        "downsample": Param(
            "none",
            "none; piq: blocks of pixels are averaged where the shorter side is 384 pixels or more",
            choices=("none", "piq"),
            tokens={"none": ""},
        ),
        "resize": RESIZE,
    },
    measure=measure,
    scores={"ssim": Score("", "higher", finish, apart=("static", "gt-lag3", "noise"))},
    citation="Wang, Bovik, Sheikh and Simoncelli, IEEE Trans. Image Processing 13(4), 2004",
    limits="As PSNR it compares pixel with pixel: a face that is right but moved, or late, is "
    "wrong, and the mouth is a small part of the picture. Values of two windows are not "
    "comparable.",
    checked="scikit-image 0.26 (all windows) < 1e-11, sewar < 1e-9",
    ms=0.35,
)
