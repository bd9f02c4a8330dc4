"""What the metrics of moving points share."""

from __future__ import annotations

import numpy as np

from tkit.errors import ScoreError
from tkit.face import geometry
from tkit.metrics import Param
from tkit.metrics.lmd import as_points, usable

MISSING_FACE = Param(
    "error",
    "a frame without a face: error (the clip has no score) or drop (the frame is left out)",
    choices=("error", "drop"),
    tag="face",
)


def checked(
    pred: np.ndarray, gt: np.ndarray, *, missing_face: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of both and the frames (T,) bool with a face in both; raises :class:`ScoreError`."""
    pred, gt = as_points(pred, "prediction"), as_points(gt, "ground truth")
    if len(pred) != len(gt):
        raise ScoreError(f"{len(pred)} predicted frames of points, ground truth has {len(gt)}")
    return pred, gt, usable(pred=pred, gt=gt, missing_face=missing_face)


def eye_distance(points: np.ndarray) -> np.ndarray:
    """Inter-ocular distance of each frame (T,), an error where it is zero."""
    distance = geometry.inter_ocular(points)
    if (distance == 0).any():
        raise ScoreError("the two eyes of the ground truth coincide in a frame")
    return distance


def still(points: np.ndarray) -> np.ndarray:
    """Points (T, 68, 2) without head motion, in inter-ocular distances of the mean face."""
    rigid = geometry.RIGID_INDEX
    target = geometry.normalise(np.nanmedian(points, axis=0))
    return geometry.apply(geometry.similarity(points[:, rigid], target[rigid]), points)
