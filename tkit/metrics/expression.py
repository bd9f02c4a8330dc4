"""Expression distance: does the face move as that of the ground truth, whoever's face it is?

A face's expression is how its points differ from their median over the clip after head motion is
removed by nose and eye corners, in inter-ocular distances. ``expression-distance`` is the mean
length of the difference of two expressions over brows, eyes and mouth, ``eyebrow-distance`` over
the brows alone, in percent of the inter-ocular distance. As each side is compared with itself,
another person, or a neutral of another shape, costs nothing; a head that turns in depth does.

>>> import numpy, tkit
>>> gt = numpy.zeros((5, 68, 2))
>>> gt[:, 42:48, 0] = 100  # the left eye, in pixels from the right one
>>> pred = gt.copy()
>>> pred[2, 17:27, 1] = -10  # the brows jump in one of five frames
>>> round(tkit.METRICS.get("eyebrow-distance")(pred=pred, gt=gt), 9)
2.0
"""

from __future__ import annotations

import numpy as np

from tkit.face import geometry
from tkit.metrics import MISSING_FACE, Metric, Need, Score, Stats
from tkit.metrics.points import checked, eye_distance, still

EXPRESSIVE_INDEX = np.r_[17:27, 36:68]  # brows, eyes, mouth


def measure(*, pred: np.ndarray, gt: np.ndarray, missing_face: str) -> Stats:
    """Sum of the frames' distances, of points (T, 68, 2) of a whole clip in pixels."""
    pred, gt, use = checked(pred, gt, missing_face=missing_face)
    eye_distance(pred[use], "prediction")
    eye_distance(gt[use], "ground truth")
    mine, truth = (_expression(points[use]) for points in (pred, gt))
    distance = np.linalg.norm(mine - truth, axis=2)  # (T, 68)
    return {
        "frames": len(distance),
        "all": float(100 * distance[:, EXPRESSIVE_INDEX].mean(axis=1).sum()),
        "brows": float(100 * distance[:, geometry.BROWS].mean(axis=1).sum()),
    }


def _expression(points: np.ndarray) -> np.ndarray:
    steady = still(points)
    moved: np.ndarray = steady - np.median(steady, axis=0)
    return moved


def _distance(stats: Stats) -> float:
    """Mean distance of expressions over frames; NaN of a single frame, which has none."""
    return stats["all"] / stats["frames"] if stats["frames"] > 1 else float("nan")


def _brows(stats: Stats) -> float:
    """Mean distance of the brows over frames; NaN of a single frame."""
    return stats["brows"] / stats["frames"] if stats["frames"] > 1 else float("nan")


METRIC = Metric(
    title="Expression distance",
    needs=Need("points", whole=True),
    params={"missing_face": MISSING_FACE},
    measure=measure,
    scores={
        "expression-distance": Score(
            "% IOD", "lower", _distance, apart=("static", "gt-lag3", "noise")
        ),
        "eyebrow-distance": Score(
            "% IOD", "lower", _brows, title="Eyebrow distance", apart=("static", "gt-lag3", "noise")
        ),
    },
    citation="tkit; as the average expression distance of works with 3-D morphable models, on "
    "landmarks less head motion and neutral",
    limits="Twelve kinds of points, no wrinkles, cheeks or tongue; a head that turns in depth is "
    "taken for an expression. No E-FID: that needs a morphable model.",
    checked="brows raised by hand, 1 %",
    ms=0.08,
)
