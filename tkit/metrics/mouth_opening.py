"""Mouth opening error: how far the inner lips of the prediction are open too much or too little.

Opening is the mean distance of three pairs of inner-lip points over the inter-ocular distance of
the same face; the error is its absolute difference from the ground truth's, in percent, mean over
frames.

>>> import numpy, tkit
>>> gt = numpy.zeros((5, 68, 2))
>>> gt[:, 42:48, 0] = 100  # the left eye, in pixels from the right one
>>> pred = gt.copy()
>>> pred[:, 65:68, 1] = 3  # the lower inner lip
>>> tkit.METRICS.get("mouth-opening")(pred=pred, gt=gt)
3.0
"""

from __future__ import annotations

import numpy as np

from tkit.face import geometry
from tkit.metrics import MISSING_FACE, Metric, Need, Score, Stats
from tkit.metrics.points import checked, eye_distance


def measure(*, pred: np.ndarray, gt: np.ndarray, missing_face: str) -> Stats:
    """Sum of the frames' error, of points (T, 68, 2)."""
    pred, gt, use = checked(pred, gt, missing_face=missing_face)
    pred, gt = pred[use], gt[use]
    # Each by its own size: a face further away has not a smaller mouth.
    mine = geometry.mouth_opening(pred) / eye_distance(pred, "prediction")
    error = abs(mine - geometry.mouth_opening(gt) / eye_distance(gt, "ground truth"))
    return {"frames": len(gt), "error": float(100 * error.sum())}


def finish(stats: Stats) -> float:
    """Mean error over frames."""
    return stats["error"] / stats["frames"]


METRIC = Metric(
    title="Mouth opening error",
    needs=Need("points"),
    params={"missing_face": MISSING_FACE},
    measure=measure,
    scores={"mouth-opening": Score("% IOD", "lower", finish, apart=("static", "gt-lag3", "noise"))},
    citation="tkit; points as in Sagonas et al., 300 Faces in-the-Wild Challenge, 2013",
    limits="One number of the mouth: rounding and the shape of the lips are not looked at.",
    checked="by hand, < 1e-9",
    ms=0.01,
)
