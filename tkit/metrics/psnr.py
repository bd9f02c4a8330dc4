"""PSNR: peak signal-to-noise ratio of pictures, in dB.

Conventions
-----------
``10 log10(255^2 / MSE)`` with the mean squared error over all pixels and channels. The headline
pools the squared error over the frames of a clip (``pool: clip``). The mean of the frames' PSNR
values (``pool: frame``) is higher, and infinite as soon as one frame is exact, unless a ``cap`` is
stated. Identical clips score ``inf``; in a mean over clips one counts as 100 dB, at most, which is
what many evaluators return for equal pictures.

>>> import numpy, tkit
>>> gt = numpy.zeros((2, 8, 8, 3), numpy.uint8)
>>> round(tkit.METRICS.get("psnr")(pred=gt + 1, gt=gt), 3)  # 20 log10(255)
48.131
"""

from __future__ import annotations

import numpy as np

from tkit.metrics import Metric, Need, Param, Score, Stats
from tkit.metrics.pictures import COLOR, PEAK, RESIZE, matched

PIQ_ADDED = 1e-8  # to the mean squared error of pictures in [0, 1]
CEILING_DB = 100.0  # of one clip in a mean over clips: an infinite one would hide all others


def squared_error(*, pred: np.ndarray, gt: np.ndarray) -> int:
    """Exact sum of squared differences of two uint8 arrays of one shape."""
    from tkit.metrics import kernels

    return kernels.squared_error(*_flat(pred, gt))


def wrapped_squared_error(*, pred: np.ndarray, gt: np.ndarray) -> int:
    """Sum of squared differences computed in eight bits, as one released evaluator does."""
    from tkit.metrics import kernels

    return kernels.wrapped_squares(*_flat(pred, gt))


def _flat(*arrays: np.ndarray) -> list[np.ndarray]:
    return [np.ascontiguousarray(array).reshape(-1) for array in arrays]


def psnr(mse: float) -> float:
    """PSNR in dB of a mean squared error on the scale 0..255."""
    return float(10 * np.log10(PEAK**2 / mse)) if mse > 0 else float("inf")


def measure(
    *,
    pred: np.ndarray,
    gt: np.ndarray,
    color: str,
    pool: str,
    arithmetic: str,
    cap: float | None,
    resize: float,
) -> Stats:
    """Squared error of two runs of frames, or the sum of the frames' PSNR.

    Parameters
    ----------
    pred, gt : ndarray (T, H, W, 3) or (T, H, W), uint8
    color, pool, arithmetic : str
    cap : float or None
    resize : float
        See ``METRIC.params``.
    """
    pred, gt = matched(pred, gt, color, side=resize)
    samples = gt[0].size
    added = PEAK**2 * PIQ_ADDED if arithmetic == "piq" else 0.0
    error = wrapped_squared_error if arithmetic == "uint8" else squared_error
    if pool == "frame":
        pairs = zip(pred, gt, strict=True)
        each = [psnr(error(pred=p, gt=g) / samples + added) for p, g in pairs]
        highest = float("inf") if cap is None else cap
        return {"frames": len(gt), "psnr": float(np.minimum(each, highest).sum())}
    # A cap is a floor of the error; as a sum over samples it stays additive.
    floor = 0.0 if cap is None else PEAK**2 * 10 ** (-cap / 10)
    return {
        "frames": len(gt),
        "samples": len(gt) * samples,
        "squared_error": error(pred=pred, gt=gt) + len(gt) * samples * added,
        "floor": len(gt) * samples * floor,
    }


def finish(stats: Stats) -> float:
    """PSNR in dB."""
    if "psnr" in stats:
        return stats["psnr"] / stats["frames"]
    return psnr(max(stats["squared_error"], stats["floor"]) / stats["samples"])


METRIC = Metric(
    title="Peak signal-to-noise ratio",
    needs=Need("frames"),
    params={
        "color": COLOR,
        "pool": Param(
            "clip",
            "clip: squared error pooled over the frames of a clip; frame: mean of the frames' PSNR",
            choices=("clip", "frame"),
        ),
        "arithmetic": Param(
            "exact",
            "exact; uint8: differences and squares wrap at 256, as released with ATVGnet; piq: "
            "1e-8 is added to the error of pictures in [0, 1]",
            choices=("exact", "uint8", "piq"),
            tokens={"exact": "int:exact", "uint8": "int:uint8"},
        ),
        "cap": Param(
            None,
            "highest value in dB that a clip, or a frame, can reach",
            tokens={None: f"cap:none|inf:{CEILING_DB:g}"},
        ),
        "resize": RESIZE,
    },
    measure=measure,
    scores={
        "psnr": Score(
            "dB", "higher", finish, ceiling=CEILING_DB, apart=("static", "gt-lag3", "noise")
        )
    },
    citation="Huynh-Thu and Ghanbari, Scope of validity of PSNR, Electronics Letters 44(13), 2008",
    limits="Pixels alone: half a pixel of shift costs as much as a wrong mouth, and blur is liked "
    "better than detail that is a little off. It says nothing of speech, and a still of the "
    "sitter can be near a video of it.",
    checked="scikit-image 0.26 and sewar, < 1e-9; the squared error is an exact integer",
    ms=0.2,
)
