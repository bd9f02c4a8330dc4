"""What the metrics of points share: the check of a pair, its size, its head motion."""

from __future__ import annotations

import numpy as np

from tkit.errors import ScoreError
from tkit.face import geometry


def as_points(points: np.ndarray, what: str) -> np.ndarray:
    """Return ``points`` as float64 if they are (T, 68, 2), else raise :class:`ScoreError`."""
    points = np.asarray(points, np.float64)
    if points.ndim != 3 or points.shape[1:] != (geometry.N_POINTS, 2):
        raise ScoreError(f"the points of the {what} have shape {points.shape}, not (T, 68, 2)")
    return points


def matched(pred: np.ndarray, gt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both as float64; :class:`ScoreError` unless they are points of the same frames."""
    pred, gt = as_points(pred, "prediction"), as_points(gt, "ground truth")
    if len(pred) != len(gt):
        raise ScoreError(f"{len(pred)} predicted frames of points, ground truth has {len(gt)}")
    if not len(gt):
        raise ScoreError("there is no frame of points")
    return pred, gt


def usable(*, pred: np.ndarray, gt: np.ndarray, missing_face: str) -> np.ndarray:
    """Frames (T,) bool with a face in both; :class:`ScoreError` if the policy forbids a gap."""
    truth = _has_face(gt, "ground truth", missing_face)
    both = _has_face(pred, "prediction", missing_face) & truth
    if not both.any():
        raise ScoreError("no frame has a face in both prediction and ground truth")
    return both


def _has_face(points: np.ndarray, what: str, missing_face: str) -> np.ndarray:
    faces: np.ndarray = np.isfinite(points).all(axis=(1, 2))
    if missing_face == "error" and not faces.all():
        raise ScoreError(
            f"no face in {np.sum(~faces)} of {len(faces)} frames of the {what}, first in frame "
            f"{faces.argmin()}"
        )
    return faces


def checked(
    pred: np.ndarray, gt: np.ndarray, *, missing_face: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of both and the frames (T,) bool with a face in both; raises :class:`ScoreError`."""
    pred, gt = matched(pred, gt)
    return pred, gt, usable(pred=pred, gt=gt, missing_face=missing_face)


def alone(
    points: np.ndarray, *, missing_face: str, what: str = "prediction"
) -> tuple[np.ndarray, np.ndarray]:
    """Points of one side and the frames (T,) bool with a face; raises :class:`ScoreError`."""
    points = as_points(points, what)
    if not len(points):
        raise ScoreError("there is no frame of points")
    use = _has_face(points, what, missing_face)
    if not use.any():
        raise ScoreError(f"no frame of the {what} has a face")
    return points, use


def eye_distance(points: np.ndarray, what: str) -> np.ndarray:
    """Inter-ocular distance of each frame (T,), an error that names ``what`` where it is zero."""
    distance = geometry.inter_ocular(points)
    if (distance == 0).any():
        raise ScoreError(f"the two eyes of the {what} coincide in a frame")
    return distance


def still(points: np.ndarray) -> np.ndarray:
    """Points (T, 68, 2) without head motion, in inter-ocular distances of the mean face."""
    rigid = geometry.RIGID_INDEX
    target = geometry.normalise(np.nanmedian(points, axis=0))
    return geometry.apply(geometry.similarity(points[:, rigid], target[rigid]), points)
