"""Aligned face crops: where they lie in a frame, cutting them out, pasting them back."""

from __future__ import annotations

import numpy as np

from tkit import geometry

CROP_SIZE = 128
# Of a 128-pixel crop: the inter-ocular distance and where the point between the eyes lies. Chin and
# brows of every GRID speaker fit in, as in the 96 x 128 crop of Vougioukas et al. (34.6 px, 43 px).
CROP_IOD = 40.0
CROP_ORIGIN = 64.0, 44.0


def canonical_to_crop(size: int = CROP_SIZE) -> np.ndarray:
    """Transform (2, 3) from canonical coordinates to pixels of a ``size`` x ``size`` crop."""
    ratio = size / CROP_SIZE
    x, y = CROP_ORIGIN
    return np.array([[CROP_IOD * ratio, 0.0, x * ratio], [0.0, CROP_IOD * ratio, y * ratio]])


def crop_pose(pose: np.ndarray, *, size: int = CROP_SIZE, sigma_frames: float = 3.0) -> np.ndarray:
    """Image-to-crop transforms (T, 2, 3) that hold the head still without landmark jitter.

    Parameters
    ----------
    pose : ndarray (T, 2, 3)
        Canonical-to-image poses of consecutive frames, from :func:`tkit.geometry.canonicalise`.
    sigma_frames : float
        Width of the Gaussian that smooths the pose over time; 0 keeps it as it is.
    """
    steady = geometry.smooth_pose(pose, sigma_frames=sigma_frames) if sigma_frames else pose
    return geometry.compose(canonical_to_crop(size), geometry.invert(steady))


def cut(frame: np.ndarray, transform: np.ndarray, *, size: int = CROP_SIZE) -> np.ndarray:
    """Cut one (size, size, 3) uint8 crop out of a frame by its image-to-crop transform.

    The border repeats the frame's edge. Frames more than twice as fine as the crop are first
    blurred to the crop's resolution, so that fine detail does not alias.
    """
    import cv2

    scale = float(np.sqrt(abs(np.linalg.det(transform[:, :2]))))
    if scale < 0.5:
        frame = cv2.GaussianBlur(frame, (0, 0), 0.4 / scale)
    return cv2.warpAffine(
        frame, transform, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def cut_all(frames: np.ndarray, transforms: np.ndarray, *, size: int = CROP_SIZE) -> np.ndarray:
    """Cut crops (T, size, size, 3) out of frames (T, H, W, 3) by transforms (T, 2, 3)."""
    pairs = zip(frames, transforms, strict=True)
    return np.stack([cut(frame, transform, size=size) for frame, transform in pairs])
