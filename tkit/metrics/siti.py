"""Spatial and temporal information: how much detail and change pictures hold.

``si`` is the standard deviation over a picture of its Sobel gradient's length, ``ti`` that of the
difference from the picture before, of gray in 0..255; of a clip the largest value, or the mean. No
ground truth is looked at; nearer to its value is better.

>>> import numpy, tkit
>>> pred = numpy.zeros((3, 8, 8), numpy.uint8)
>>> pred[1:, :, 4:] = 100  # half of the picture turns on
>>> tkit.METRICS.get("ti")(pred=pred), tkit.METRICS.get("si")(pred=pred[:1])
(50.0, 0.0)
"""

from __future__ import annotations

import numpy as np

from tkit.errors import ScoreError
from tkit.metrics import Metric, Need, Param, Score, Stats
from tkit.metrics.pictures import alone


def gradient(picture: np.ndarray) -> np.ndarray:
    """Length of the Sobel gradient (H - 2, W - 2) of a picture (H, W) in gray; no border."""
    x = picture.astype(np.float64)
    down = x[:-2] + 2 * x[1:-1] + x[2:]  # smoothed down the columns, (H - 2, W)
    across = x[:, :-2] + 2 * x[:, 1:-1] + x[:, 2:]
    return np.hypot(down[:, 2:] - down[:, :-2], across[2:] - across[:-2])


def measure(*, pred: np.ndarray, pool: str) -> Stats:
    """Both, weighted by frames.

    Parameters
    ----------
    pred : ndarray (T, H, W) uint8
        A whole clip in gray.
    pool : str
        See ``METRIC.params``.

    Raises
    ------
    ScoreError
        If they are no pictures, or smaller than 3 x 3 pixels.
    """
    pred = alone(pred, "gray")
    if min(pred.shape[1:]) < 3:
        raise ScoreError(f"pictures of {pred.shape[2]} x {pred.shape[1]} pixels have no gradient")
    reduce = np.max if pool == "max" else np.mean
    spatial = [gradient(frame).std() for frame in pred]
    pairs = zip(pred[1:], pred[:-1], strict=True)
    temporal = [np.subtract(a, b, dtype=np.float64).std() for a, b in pairs]
    n_frames = len(pred)
    return {
        "frames": n_frames,
        "si": n_frames * float(reduce(spatial)),
        "steps": len(temporal),
        "ti": len(temporal) * float(reduce(temporal)) if temporal else 0.0,
    }


def _si(stats: Stats) -> float:
    """Spatial information, 0 to about 400."""
    return stats["si"] / stats["frames"]


def _ti(stats: Stats) -> float:
    """Temporal information, 0 to 127.5; :class:`ScoreError` of a single frame."""
    if not stats["steps"]:
        raise ScoreError("a single frame has no temporal information")
    return stats["ti"] / stats["steps"]


METRIC = Metric(
    title="Spatial and temporal information",
    needs=Need("gray", whole=True),
    inputs=("pred",),
    params={
        "pool": Param(
            "max",
            "over the frames of a clip: max, as the Recommendation says; mean, less led by one cut",
            choices=("max", "mean"),
        )
    },
    measure=measure,
    scores={
        "si": Score("", "closer", _si, title="Spatial information", alike=("gt-lag3",)),
        "ti": Score(
            "",
            "closer",
            _ti,
            title="Temporal information",
            apart=("static", "noise"),
            alike=("gt-lag3",),
        ),
    },
    citation="ITU-T Recommendation P.910, 2008, sections 5.3.1 and 5.3.2",
    limits="How much there is to see, not whether it is right: noise is detail and change, too.",
    checked="ffmpeg's siti, < 1e-4",
    ms=2,
)
