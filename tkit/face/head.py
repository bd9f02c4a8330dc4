"""The head in three dimensions: a mean model of the 68 points and its pose by projection.

Coordinates of the model are canonical, with a third axis away from the camera: x to the right of
the picture, y down, origin between the eyes, unit the inter-ocular distance. A head that looks into
the camera has the rotation 1. Angles are those of ``R = Rz(roll) Ry(yaw) Rx(pitch)``: roll is
applied last, so that turning the picture changes roll alone. Positive: pitch, the face looks
down; yaw, to the left of the picture; roll, clockwise.

The camera is a pinhole ``DISTANCE`` away that looks at the head: nothing is known of the lens, and
crops have moved its centre. Poses are thus relative to the line of sight, independent of where and
how large the head is in the picture.
"""

from __future__ import annotations

import numpy as np

from tkit.face import geometry

# The canonical face of MediaPipe (Apache-2.0; its face_geometry module, as packed in
# face_landmarker.task) at the vertices of tkit.landmarks.mesh, divided by its inter-ocular distance
# and rounded to a thousandth; it is symmetric.
MODEL = np.array([
    [-1.217, 0.043, 0.89], [-1.204, 0.308, 0.957], [-1.185, 0.579, 0.957], [-1.056, 1.167, 0.849],
    [-0.934, 1.392, 0.674], [-0.799, 1.542, 0.462], [-0.505, 1.755, 0.134],
    [-0.363, 1.824, 0.007], [0, 1.892, -0.096], [0.363, 1.824, 0.007], [0.505, 1.755, 0.134],
    [0.799, 1.542, 0.462], [0.934, 1.392, 0.674], [1.056, 1.167, 0.849], [1.185, 0.579, 0.957],
    [1.204, 0.308, 0.957], [1.217, 0.043, 0.89], [-0.899, -0.254, 0.13], [-0.784, -0.34, -0.015],
    [-0.626, -0.389, -0.127], [-0.434, -0.387, -0.214], [-0.219, -0.373, -0.261],
    [0.219, -0.373, -0.261], [0.434, -0.387, -0.214], [0.626, -0.389, -0.127],
    [0.784, -0.34, -0.015], [0.899, -0.254, 0.13], [0, -0.1, -0.248], [0, 0.026, -0.335],
    [0, 0.248, -0.49], [0, 0.487, -0.618], [-0.221, 0.684, -0.249], [-0.094, 0.731, -0.347],
    [0, 0.742, -0.377], [0.094, 0.731, -0.347], [0.221, 0.684, -0.249], [-0.699, -0.004, 0.076],
    [-0.577, -0.046, -0.011], [-0.428, -0.051, -0.034], [-0.292, 0.008, -0.016],
    [-0.428, 0.05, -0.019], [-0.577, 0.043, 0.003], [0.292, 0.008, -0.016],
    [0.428, -0.051, -0.034], [0.577, -0.046, -0.011], [0.699, -0.004, 0.076],
    [0.577, 0.043, 0.003], [0.428, 0.05, -0.019], [-0.386, 1.097, -0.099],
    [-0.301, 1.012, -0.216], [-0.112, 0.937, -0.349], [0, 0.95, -0.365], [0.112, 0.937, -0.349],
    [0.301, 1.012, -0.216], [0.386, 1.097, -0.099], [0.289, 1.173, -0.183], [0.11, 1.246, -0.282],
    [0, 1.257, -0.295], [-0.11, 1.246, -0.282], [-0.289, 1.173, -0.183], [-0.338, 1.086, -0.06],
    [-0.084, 1.042, -0.233], [0, 1.042, -0.246], [0.084, 1.042, -0.233], [0.338, 1.086, -0.06],
    [0.092, 1.124, -0.265], [0, 1.128, -0.275], [-0.092, 1.124, -0.265],
])  # fmt: skip

DISTANCE = 16.0  # inter-ocular distances: about a metre
STEPS = 8  # of Gauss-Newton; the last moves no angle by a millionth of a degree
# Nose, eye corners and the jaw beside the ears: what speech and blinks move least, and far enough
# apart in depth that a pixel of noise turns a head of 48 pixels between the eyes by 0.7 degrees.
POSE_INDEX = np.r_[0:4, 13:17, geometry.RIGID_INDEX]


def rotation(pitch: np.ndarray, yaw: np.ndarray, roll: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) of angles (...,) in degrees; see the module's docstring."""
    (ca, sa), (cb, sb), (cc, sc) = (
        (np.cos(a), np.sin(a)) for a in (np.radians(angle) for angle in (pitch, yaw, roll))
    )
    rows = [
        [cc * cb, cc * sb * sa - sc * ca, cc * sb * ca + sc * sa],
        [sc * cb, sc * sb * sa + cc * ca, sc * sb * ca - cc * sa],
        [-sb, cb * sa, cb * ca],
    ]
    return np.stack([np.stack(np.broadcast_arrays(*row), -1) for row in rows], -2)


def angles(rotations: np.ndarray) -> np.ndarray:
    """Pitch, yaw and roll (..., 3) in degrees of rotation matrices (..., 3, 3)."""
    pitch = np.arctan2(rotations[..., 2, 1], rotations[..., 2, 2])
    yaw = np.arcsin(np.clip(-rotations[..., 2, 0], -1, 1))
    roll = np.arctan2(rotations[..., 1, 0], rotations[..., 0, 0])
    return np.degrees(np.stack([pitch, yaw, roll], -1))


def between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Angle (...,) in degrees by which one rotation differs from the other, about any axis."""
    # By the chord, not the trace, whose arc cosine is inexact where nothing differs.
    chord = np.linalg.norm(first - second, axis=(-2, -1)) / np.sqrt(8)
    return np.degrees(2 * np.arcsin(np.clip(chord, 0, 1)))


def project(
    rotations: np.ndarray, *, solid: np.ndarray = MODEL, distance: float = DISTANCE
) -> np.ndarray:
    """Picture (..., N, 2) of turned points (N, 3), in inter-ocular distances about the eyes.

    ``distance`` may be infinite: the projection is parallel.
    """
    turned = solid @ np.swapaxes(rotations, -1, -2)
    return turned[..., :2] / (1 + turned[..., 2:] / distance)


def pose(points: np.ndarray, *, index: np.ndarray = POSE_INDEX) -> np.ndarray:
    """Rotations of heads from their points in a picture.

    Parameters
    ----------
    points : ndarray (T, 68, 2)
        In pixels; where one of those looked at is NaN, so is the rotation.
    index : ndarray (N,)
        Points that are looked at.

    Returns
    -------
    ndarray (T, 3, 3)
        Of the least sum of squared distances in the picture, by Gauss-Newton over rotation, size
        and place, from the least-squares affine map. Source: Lepetit and Fua, Monocular Model-Based
        3D Tracking of Rigid Objects, 2005, sections 2.4 and 2.6.
    """
    solid, seen = MODEL[index], np.asarray(points, np.float64)[:, index]
    known = np.isfinite(seen).all(axis=(1, 2))
    out = np.full((len(seen), 3, 3), np.nan)
    if known.any():
        out[known] = _fit(seen[known], solid)
    return out


def _fit(seen: np.ndarray, solid: np.ndarray) -> np.ndarray:
    """Rotations (T, 3, 3) of points (T, N, 2), all known."""
    centre = seen.mean(axis=1, keepdims=True)
    spread = np.sqrt(((seen - centre) ** 2).mean(axis=(1, 2)))
    seen = (seen - centre) / np.where(spread > 0, spread, 1)[:, None, None]  # (T, N, 2)
    turn, size = _parallel(seen, solid)
    move = seen.mean(axis=1) - size[:, None] * project(turn, solid=solid).mean(axis=1)
    for _ in range(STEPS):
        turned = solid @ np.swapaxes(turn, -1, -2)  # (T, N, 3)
        deep = 1 / (1 + turned[..., 2:] / DISTANCE)
        flat = turned[..., :2] * deep
        x, y, z = np.moveaxis(turned, -1, 0)
        nil = np.zeros_like(x)
        # What a small rotation about each axis adds to the turned points: w x X.
        moved = np.stack([np.stack([nil, -z, y], -1), np.stack([z, nil, -x], -1),
                          np.stack([-y, x, nil], -1)], -1)  # fmt: skip  # (T, N, 3, axes)
        along = moved[..., :2, :] - flat[..., None] * moved[..., 2:, :] / DISTANCE
        along = along * (size[:, None, None] * deep)[..., None]
        ones = np.broadcast_to(np.eye(2), (*flat.shape, 2))
        jacobian = np.concatenate([along, flat[..., None], ones], -1).reshape(len(seen), -1, 6)
        wrong = (seen - size[:, None, None] * flat - move[:, None]).reshape(len(seen), -1, 1)
        back = np.swapaxes(jacobian, -1, -2)
        # A breath of damping: a face that is a single point has no pose, but raises nothing.
        step = np.linalg.solve(back @ jacobian + 1e-12 * np.eye(6), back @ wrong)[..., 0]
        turn = _small(step[:, :3]) @ turn
        size, move = size + step[:, 3], move + step[:, 4:]
    return turn


def _parallel(seen: np.ndarray, solid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation and size of the nearest parallel projection: a start that is never far."""
    centred = solid - solid.mean(axis=0)
    affine = np.swapaxes(np.linalg.pinv(centred) @ (seen - seen.mean(axis=1, keepdims=True)), 1, 2)
    left, sizes, right = np.linalg.svd(affine, full_matrices=False)  # of (T, 2, 3)
    rows = left @ right
    third = np.cross(rows[:, 0], rows[:, 1])[:, None]
    return np.concatenate([rows, third], 1), sizes.mean(axis=1)


def _small(vectors: np.ndarray) -> np.ndarray:
    """Rotations (T, 3, 3) about vectors (T, 3) by their length in radians (Rodrigues)."""
    angle = np.linalg.norm(vectors, axis=-1)[:, None, None]
    x, y, z = vectors.T
    nil = np.zeros_like(x)
    cross = np.stack([nil, -z, y, z, nil, -x, -y, x, nil], -1).reshape(-1, 3, 3)
    sine, cosine = np.sinc(angle / np.pi), 0.5 * np.sinc(angle / (2 * np.pi)) ** 2
    return np.eye(3) + sine * cross + cosine * (cross @ cross)
