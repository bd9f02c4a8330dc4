"""LMD: landmark distance between the mouths of prediction and ground truth.

Conventions
-----------
Points are (T, 68, 2) in pixels, iBUG-68, NaN where no face was found. Published definitions differ
in every step, so every step is a parameter. The default: the 20 mouth points, both sets centred on
their own centroid, mean Euclidean distance, divided by the ground truth's inter-ocular distance (of
the same frame, between the eye centres), in percent, mean over frames. Of the usual forms only one
divided by the inter-ocular distance is nearly independent of the picture's resolution.

>>> import numpy, tkit
>>> gt = numpy.random.default_rng(0).uniform(0, 99, (5, 68, 2))
>>> lmd = tkit.METRICS.get("lmd")
>>> round(lmd(pred=gt + [3, 4], gt=gt), 9)
0.0
>>> round(lmd(pred=gt + [3, 4], gt=gt, centre="none", scale="px"), 9)
5.0
"""

from __future__ import annotations

import numpy as np

from tkit.face import geometry
from tkit.metrics import MISSING_FACE, Metric, Need, Param, Score, Stats
from tkit.metrics.points import checked, eye_distance

# The lips as two closed outlines, upper and lower: the four mouth corners count twice.
LIPS24_INDEX = np.r_[48:55, 64:59:-1, 54:60, 48, 60, 67, 66, 65, 64]

POINTS_INDEX = {
    "mouth": np.r_[48:68],
    "outer": np.r_[48:60],
    "lips24": LIPS24_INDEX,
    "all": np.r_[0:68],
}


def distances(
    *,
    pred: np.ndarray,
    gt: np.ndarray,
    points: str,
    centre: str,
    norm: str,
    reduce: str,
    scale: str,
) -> np.ndarray:
    """Landmark distance of each frame, (T,), of points without NaN.

    Parameters
    ----------
    pred, gt : ndarray (T, 68, 2)
    points, centre, norm, reduce, scale : str
        See ``METRIC.params``.
    """
    if centre == "similarity":
        rigid = geometry.RIGID_INDEX
        pred = geometry.apply(geometry.similarity(pred[:, rigid], gt[:, rigid]), pred)
    index = POINTS_INDEX[points]
    difference = pred[:, index] - gt[:, index]  # (T, P, 2)
    if centre == "centroid":
        # The same as centring both sets: the mean is linear.
        difference = difference - difference.mean(axis=1, keepdims=True)
    l1, l2 = np.abs(difference).mean(axis=2), np.linalg.norm(difference, axis=2)
    each = l1 if norm == "l1" else l2  # (T, P)
    value = each.mean(axis=1) if reduce == "mean" else each.sum(axis=1)
    if reduce == "sum68":
        value = value / geometry.N_POINTS
    return 100 * value / geometry.inter_ocular(gt) if scale == "iod" else value


def measure(
    *,
    pred: np.ndarray,
    gt: np.ndarray,
    points: str,
    centre: str,
    norm: str,
    reduce: str,
    scale: str,
    missing_face: str,
) -> Stats:
    """Sum of the frames' landmark distance.

    Parameters
    ----------
    pred, gt : ndarray (T, 68, 2)
        In pixels, NaN where no face was found.
    points, centre, norm, reduce, scale, missing_face : str
        See ``METRIC.params``.

    Raises
    ------
    ScoreError
        If the two do not fit each other, or a frame has no face and ``missing_face`` is ``error``,
        or no frame has one in both.
    """
    pred, gt, use = checked(pred, gt, missing_face=missing_face)
    pred, gt = pred[use], gt[use]
    if scale == "iod":
        eye_distance(gt, "ground truth")
    each = distances(
        pred=pred, gt=gt, points=points, centre=centre, norm=norm, reduce=reduce, scale=scale
    )
    return {"frames": len(gt), "distance": float(each.sum())}


def finish(stats: Stats) -> float:
    """Mean distance over frames."""
    return stats["distance"] / stats["frames"]


METRIC = Metric(
    title="Landmark distance",
    needs=Need("points"),
    params={
        "points": Param(
            "mouth",
            "mouth: 20 points; outer: outer lips, 12; lips24: both lips as outlines; all: 68",
            choices=tuple(POINTS_INDEX),
        ),
        "centre": Param(
            "centroid",
            "centroid: each set minus its mean; similarity: prediction laid on the ground truth by "
            "nose and eye corners; none",
            choices=("none", "centroid", "similarity"),
        ),
        "norm": Param("l2", "l2: Euclidean; l1: mean of |dx| and |dy|", choices=("l2", "l1")),
        "reduce": Param(
            "mean", "over points; sum68: sum divided by 68", choices=("mean", "sum", "sum68")
        ),
        "scale": Param(
            "iod",
            "iod: percent of the ground truth's inter-ocular distance; px: pixels",
            choices=("iod", "px"),
            units={"iod": "% IOD", "px": "px"},
        ),
        "missing_face": MISSING_FACE,
    },
    measure=measure,
    scores={"lmd": Score("% IOD", "lower", finish, apart=("static", "gt-lag3", "noise"))},
    citation="Chen, Li, Maddox, Duan and Xu, Lip Movements Generation at a Glance, ECCV 2018",
    limits="Points of one tracker: its own errors are in it (the row detector-noise), teeth, "
    "tongue and texture are not. The forms in the wild differ by a factor of 30; only the "
    "signature says which one it is.",
    checked="by hand and a second recipe, < 1e-9",
    ms=0.01,
)
