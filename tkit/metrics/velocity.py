"""Landmark velocity error: do the mouth points move as those of the ground truth?

Velocity is the difference of consecutive frames after head motion is removed by nose and eye
corners, in inter-ocular distances; the error is the mean Euclidean length of the difference of the
two velocities over the mouth points, in percent of the inter-ocular distance a second.

>>> import numpy, tkit
>>> gt = numpy.zeros((5, 68, 2))
>>> gt[:, 42:48, 0] = 100  # the left eye, in pixels from the right one
>>> pred = gt.copy()
>>> pred[:, 48:, 1] = numpy.arange(5)[:, None]  # the mouth sinks by a pixel a frame
>>> round(tkit.METRICS.get("velocity")(pred=pred, gt=gt, fps=25.0), 9)
25.0
"""

from __future__ import annotations

import numpy as np

from tkit.face import geometry
from tkit.metrics import MISSING_FACE, Metric, Need, Score, Stats
from tkit.metrics.points import checked, eye_distance, still


def measure(*, pred: np.ndarray, gt: np.ndarray, fps: float = 25.0, missing_face: str) -> Stats:
    """Sum over steps between frames, of points (T, 68, 2)."""
    pred, gt, use = checked(pred, gt, missing_face=missing_face)
    eye_distance(gt[use], "ground truth")
    steps = use[1:] & use[:-1]
    mouth = geometry.MOUTH
    velocity = [np.diff(still(points)[:, mouth], axis=0) for points in (pred, gt)]
    error = np.linalg.norm(velocity[0] - velocity[1], axis=2).mean(axis=1)[steps]
    return {
        "frames": int(use.sum()),
        "steps": int(steps.sum()),
        "error": float(100 * fps * error.sum()),
    }


def finish(stats: Stats) -> float:
    """Mean error over steps; NaN for a single frame."""
    return stats["error"] / stats["steps"] if stats["steps"] else float("nan")


METRIC = Metric(
    title="Landmark velocity error",
    needs=Need("points", whole=True),
    inputs=("pred", "gt", "fps"),
    params={"missing_face": MISSING_FACE},
    measure=measure,
    scores={"velocity": Score("% IOD/s", "lower", finish, apart=("static", "gt-lag3", "noise"))},
    citation="Zhou, Han, Shechtman et al., MakeItTalk, ACM TOG 39(6), 2020 (D-V)",
    limits="It counts trembling of the tracker as motion, and a still as right wherever nothing "
    "moves.",
    checked="drawn motion, 1e-6",
    ms=0.06,
)
