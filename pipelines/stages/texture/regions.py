"""Regions of the face crop: where the mouth is, what counts more, what may change."""

from __future__ import annotations

import numpy as np

from tkit.face import crops, geometry


def mouth_box(canonical: np.ndarray, size: int) -> tuple[slice, slice]:
    """Rows and columns of the crop that the mouth of any speaker, wide open too, lies in."""
    points = geometry.apply(crops.canonical_to_crop(size), canonical[geometry.MOUTH])
    unit = crops.CROP_IOD * size / crops.CROP_SIZE  # the inter-ocular distance in pixels
    low = np.maximum(points.min(axis=0) - 0.25 * unit, 0)
    high = np.minimum(points.max(axis=0) + unit * np.array([0.25, 0.45]), size)
    (left, top), (right, bottom) = np.rint([low, high]).astype(int)
    return slice(top, bottom), slice(left, right)


def focus_mask(canonical: np.ndarray, size: int, *, focus: float) -> np.ndarray:
    """Fixed spatial mask alpha of the pixel loss (eq. 7), (size, size) float32 of mean 1.

    Smooth bumps over mouth and eyes, ``focus`` times as high as the ground around them. The paper
    gives neither shapes nor values.
    """
    points = geometry.apply(crops.canonical_to_crop(size), canonical)
    rows, columns = np.mgrid[:size, :size]
    bump = np.zeros((size, size))
    # Half widths and half heights in widths of the part: an open mouth is as high as wide.
    for part, reach in (
        (geometry.MOUTH, (0.6, 0.5)),
        (geometry.RIGHT_EYE, (0.7, 0.4)),
        (geometry.LEFT_EYE, (0.7, 0.4)),
    ):
        x, y = points[part].mean(axis=0)
        rx, ry = np.ptp(points[part][:, 0]) * np.array(reach)
        bump = np.maximum(bump, np.exp(-(((columns - x) / rx) ** 4) - ((rows - y) / ry) ** 4))
    mask = 1 + (focus - 1) * bump
    return (mask / mask.mean()).astype(np.float32)


def inside_lips(points: np.ndarray, *, size: int, margin_px: int) -> np.ndarray:
    """Where the mouth is open: inside the inner lips and so many pixels around them.

    Parameters
    ----------
    points : ndarray (T, 68, 2)
        Pixels of the crops.

    Returns
    -------
    ndarray (T, size, size) bool
    """
    import cv2

    found = np.zeros((len(points), size, size), np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin_px + 1,) * 2)
    for mask, face in zip(found, points, strict=True):
        lips = np.rint(face[geometry.INNER_LIPS]).astype(np.int32)
        mask[:] = cv2.dilate(cv2.fillPoly(mask, [lips], 1), disc)
    return found.astype(bool)


def face_mask(points: np.ndarray, size: int) -> np.ndarray:
    """Where a face may change, (size, size) float32: 1 inside, fading to 0 around it.

    The convex hull of the points, wider by a third of the inter-ocular distance (a mouth that opens
    lowers the chin), with an edge that is as soft; 0 along the border of the crop.
    """
    import cv2

    hull = cv2.convexHull(np.rint(points).astype(np.int32))
    mask = cv2.fillConvexPoly(np.zeros((size, size), np.uint8), hull, 1)
    grow = int(geometry.inter_ocular(points) / 3)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * grow + 1, 2 * grow + 1))
    wide = cv2.dilate(mask, disc).astype(np.float32)
    edge = np.minimum(np.arange(size), np.arange(size)[::-1])
    border = np.clip(edge / (size / 16), 0, 1)
    soft = cv2.GaussianBlur(wide, (0, 0), grow / 2.5)
    return (soft * np.minimum.outer(border, border)).astype(np.float32)
