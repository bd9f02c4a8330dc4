"""Mouth and eyes as small upright pictures: where they lie on a face with tracked points.

The networks of ``lipseg`` see the mouth as ``MOUTH_SIZE`` and each eye as ``EYE_SIZE`` pixels,
about the resolution that a face of GRID has in its video. A left eye is mirrored, so that one
network serves both.
"""

from __future__ import annotations

import numpy as np

from tkit.face import geometry

MOUTH_SIZE, MOUTH_SCALE = (64, 48), 44.0  # width and height; pixels an inter-ocular distance
EYE_SIZE, EYE_SCALE = (40, 32), 50.0
CELL = 2  # pixels of the picture that a cell of the segmentation spans


def mouth_transforms(points: np.ndarray) -> np.ndarray:
    """Frame pixels to mouth pixels; (T, 2, 3) of points (T, 68, 2)."""
    centre = points[:, geometry.MOUTH].mean(axis=1)
    return _upright(points, centre, MOUTH_SIZE, MOUTH_SCALE)


def eye_transforms(points: np.ndarray) -> np.ndarray:
    """Frame pixels to eye pixels, right and (mirrored) left; (T, 2, 2, 3) of points (T, 68, 2)."""
    right, left = (
        _upright(points, points[:, part].mean(axis=1), EYE_SIZE, EYE_SCALE)
        for part in (geometry.RIGHT_EYE, geometry.LEFT_EYE)
    )
    left[:, 0] *= -1
    left[:, 0, 2] += EYE_SIZE[0] - 1
    return np.stack([right, left], axis=1)


def _upright(
    points: np.ndarray, centre: np.ndarray, size: tuple[int, int], scale: float
) -> np.ndarray:
    """Similarities (T, 2, 3) that level the eyes, scale the face and centre the picture."""
    right = points[:, geometry.RIGHT_EYE].mean(axis=1)
    across = points[:, geometry.LEFT_EYE].mean(axis=1) - right
    cos, sin = (scale * across / np.square(across).sum(axis=1, keepdims=True)).T
    linear = np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], axis=1)
    middle = (np.array(size) - 1) / 2
    shift = middle - np.einsum("tij,tj->ti", linear, centre)
    return np.concatenate([linear, shift[..., None]], axis=2)


def sample(frame: np.ndarray, transform: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Picture (h, w, 3) uint8 of ``size`` (w, h) that a transform (2, 3) takes from a frame.

    A frame that is much finer is first averaged: without that, single pixels would be picked.
    """
    import cv2

    step = int(np.hypot(*transform[0, :2]) ** -1 + 0.25)  # frame pixels to a pixel of the result
    if step > 1:
        corners = geometry.apply(
            geometry.invert(transform), np.array([[0, 0], [size[0], 0], [0, size[1]], [*size]])
        )
        low = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, None) // step * step
        high = np.ceil(corners.max(axis=0)).astype(int) + step
        part = frame[low[1] : high[1], low[0] : high[0]]
        height, width = part.shape[0] // step, part.shape[1] // step
        if height and width:
            part = part[: height * step, : width * step]
            frame = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
            # Pixel (0, 0) of the reduced part has its centre at low + (step - 1) / 2.
            finer = np.array(
                [[step, 0, low[0] + (step - 1) / 2], [0, step, low[1] + (step - 1) / 2]]
            )
            transform = geometry.compose(transform, finer)
    return cv2.warpAffine(
        np.ascontiguousarray(frame), transform, size, borderMode=cv2.BORDER_REPLICATE
    )


def to_cells(transforms: np.ndarray) -> np.ndarray:
    """Transforms (..., 2, 3) to pixels of a picture become transforms to cells of its segments."""
    cells = np.array([[1 / CELL, 0, (1 / CELL - 1) / 2], [0, 1 / CELL, (1 / CELL - 1) / 2]])
    return geometry.compose(np.broadcast_to(cells, transforms.shape), transforms)
