"""Aligned face crops: where they lie in a frame, and cutting them out.

A crop is aligned by the rigid points (nose and eye corners) to a fixed reference face, so that the
crops of every corpus, and of a photo at animation time, lie alike.
"""

from __future__ import annotations

import numpy as np

from tkit import geometry

CROP_SIZE = 128
# Of a 128-pixel crop: the inter-ocular distance and where the point between the eyes lies. Brows
# and open-mouthed chins fit in, as in the 96 x 128 crop of Vougioukas et al. (34.6 px, 43 px).
CROP_IOD = 36.0
CROP_ORIGIN = 64.0, 43.0
# Rigid points (geometry.RIGID_INDEX) of the mean neutral face of ten GRID training speakers,
# canonical coordinates; symmetric. Measured with dlib68 on up to six clips a speaker.
REFERENCE_RIGID = np.array(
    [
        [0.0, -0.061], [0.0, 0.144], [0.0, 0.345], [0.0, 0.556],
        [-0.229, 0.742], [-0.118, 0.778], [0.0, 0.804], [0.118, 0.778], [0.229, 0.742],
        [-0.699, 0.005], [-0.289, 0.023], [0.289, 0.023], [0.699, 0.005],
    ]
)  # fmt: skip


def canonical_to_crop(size: int = CROP_SIZE) -> np.ndarray:
    """Transform (2, 3) from canonical coordinates to pixels of a ``size`` x ``size`` crop."""
    ratio = size / CROP_SIZE
    x, y = CROP_ORIGIN
    return np.array([[CROP_IOD * ratio, 0.0, x * ratio], [0.0, CROP_IOD * ratio, y * ratio]])


def crop_pose(
    points: np.ndarray, *, size: int = CROP_SIZE, sigma_frames: float = 3.0
) -> np.ndarray:
    """Image-to-crop transforms that hold the head still without landmark jitter.

    Parameters
    ----------
    points : ndarray (T, 68, 2)
        Points of consecutive frames, image pixels.
    sigma_frames : float
        Width of the Gaussian that smooths the alignment over time; 0 takes each frame by itself.

    Returns
    -------
    ndarray (T, 2, 3)
    """
    pose = geometry.similarity(REFERENCE_RIGID, points[:, geometry.RIGID_INDEX])
    if sigma_frames:
        pose = geometry.smooth_pose(pose, sigma_frames=sigma_frames)
    return geometry.compose(canonical_to_crop(size), geometry.invert(pose))


def cut(frame: np.ndarray, transform: np.ndarray, *, size: int = CROP_SIZE) -> np.ndarray:
    """Cut one (size, size, 3) uint8 crop out of a frame by its image-to-crop transform (2, 3).

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
