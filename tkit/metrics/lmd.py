"""LMD: landmark distance between the mouths of prediction and ground truth.

Conventions
-----------
Points are (T, 68, 2) in pixels, iBUG-68, NaN where no face was found. Published definitions differ
in every step, so every step is a parameter. The default: the 20 mouth points, both sets centred on
their own centroid, mean Euclidean distance, divided by the ground truth's inter-ocular distance (of
the same frame, between the eye centres), in percent, mean over frames. Of the usual forms only one
divided by the inter-ocular distance is nearly independent of the picture's resolution.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tkit.errors import ScoreError
from tkit.face import geometry
from tkit.metrics import Metric, Param, Stats

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


def measure(*, pred: np.ndarray, gt: np.ndarray, **params: Any) -> Stats:
    """Sum of the frames' landmark distance.

    Parameters
    ----------
    pred, gt : ndarray (T, 68, 2)
        In pixels, NaN where no face was found.
    **params
        See ``METRIC.params``.

    Raises
    ------
    ScoreError
        If the two do not fit each other, or a frame has no face and ``missing_face`` is ``error``,
        or no frame has one in both.
    """
    axes = METRIC.settings(params, name="lmd")
    pred, gt = as_points(pred, "prediction"), as_points(gt, "ground truth")
    if len(pred) != len(gt):
        raise ScoreError(f"{len(pred)} predicted frames of points, ground truth has {len(gt)}")
    use = usable(pred=pred, gt=gt, missing_face=axes.pop("missing_face"))
    pred, gt = pred[use], gt[use]
    if axes["scale"] == "iod" and (geometry.inter_ocular(gt) == 0).any():
        raise ScoreError("the two eyes of the ground truth coincide in a frame")
    return {"frames": len(gt), "distance": float(distances(pred=pred, gt=gt, **axes).sum())}


def as_points(points: np.ndarray, what: str) -> np.ndarray:
    """Return ``points`` as float64 if they are (T, 68, 2), else raise :class:`ScoreError`."""
    points = np.asarray(points, np.float64)
    if points.ndim != 3 or points.shape[1:] != (geometry.N_POINTS, 2):
        raise ScoreError(f"the points of the {what} have shape {points.shape}, not (T, 68, 2)")
    return points


def usable(*, pred: np.ndarray, gt: np.ndarray, missing_face: str) -> np.ndarray:
    """Frames (T,) bool with a face in both; :class:`ScoreError` if the policy forbids a gap."""
    found = {"ground truth": _has_face(gt), "prediction": _has_face(pred)}
    for what, faces in found.items():
        if missing_face == "error" and not faces.all():
            raise ScoreError(
                f"no face in {np.sum(~faces)} of {len(faces)} frames of the {what}, first in frame "
                f"{faces.argmin()}"
            )
    both = found["prediction"] & found["ground truth"]
    if not both.any():
        raise ScoreError("no frame has a face in both prediction and ground truth")
    return both


def _has_face(points: np.ndarray) -> np.ndarray:
    return np.isfinite(points).all(axis=(1, 2))


def finish(stats: Stats) -> float:
    """Mean distance over frames."""
    return stats["distance"] / stats["frames"]


METRIC = Metric(
    title="Landmark distance",
    unit="% IOD",
    better="lower",
    needs="points",
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
        "missing_face": Param(
            "error",
            "a frame without a face: error (the clip has no score) or drop (the frame is left out)",
            choices=("error", "drop"),
            tag="face",
        ),
    },
    measure=measure,
    finish=finish,
    citation="Chen, Li, Maddox, Duan and Xu, Lip Movements Generation at a Glance, ECCV 2018",
)
