"""Lip points to the boundaries of segmented lips: the geometry of the paper's refinement.

Sinha et al. 2020 place each lip point where the line through the tracked point meets the boundary
of a lip segment. Here the line is the normal of the tracked lip contour at that point; the boundary
is where the segmentation's probability falls through one half along it, found between pixels. A
point whose crossing is missing, uncertain or far away stays where it was, and that is recorded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tkit import geometry

LEVEL = 0.5  # probability at a boundary
REACH = 0.12  # of the inter-ocular distance: how far a point may be moved
STEP_PX = 0.25  # between samples along a normal
MIN_CONTRAST = 0.6  # by how much the probability must change along the line: else it is a guess


@dataclass(frozen=True)
class Refined:
    """Refined points of one face.

    Parameters
    ----------
    points : ndarray (68, 2)
        Pixels.
    moved : ndarray (68,), bool
        Placed on a boundary; False where the tracked point stays.
    """

    points: np.ndarray
    moved: np.ndarray


def refine(points: np.ndarray, lips: np.ndarray, mouth: np.ndarray) -> Refined:
    """Move the lip points of one face onto the boundaries of its segments.

    Parameters
    ----------
    points : ndarray (68, 2)
        Tracked, in pixels.
    lips : ndarray (H, W)
        Probability of lip (upper or lower) or mouth: its boundary is the outer contour.
    mouth : ndarray (H, W)
        Probability of the inner mouth: its boundary is the inner contour. Where the lips touch
        there is none, and the points stay.

    Returns
    -------
    Refined
    """
    result = points.astype(np.float64)
    moved = np.zeros(len(points), bool)
    reach_px = REACH * float(geometry.inter_ocular(result))
    for part, segment in ((geometry.OUTER_LIPS, lips), (geometry.INNER_LIPS, mouth)):
        outward = normals(result[part])
        shifts = crossings(segment, result[part], outward, reach_px=reach_px)
        moved[part] = np.isfinite(shifts)
        result[part] += np.nan_to_num(shifts)[:, None] * outward
    return Refined(result, moved)


def normals(contour: np.ndarray) -> np.ndarray:
    """Outward unit normals (N, 2) of a closed contour (N, 2) that runs clockwise in the picture.

    Across the line through both neighbours. iBUG's lip contours run clockwise (over the upper lip
    from the person's right to left, back under the lower lip); at the corners of the mouth the
    normal therefore points along it.
    """
    along = np.roll(contour, -1, axis=0) - np.roll(contour, 1, axis=0)
    across = np.stack([along[:, 1], -along[:, 0]], axis=1)
    return across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)


def crossings(
    segment: np.ndarray, points: np.ndarray, directions: np.ndarray, *, reach_px: float
) -> np.ndarray:
    """Where lines through points leave a segment.

    Parameters
    ----------
    segment : ndarray (H, W)
        Probabilities.
    points, directions : ndarray (N, 2)
        Origins in pixels and outward unit vectors.
    reach_px : float
        How far to look to each side.

    Returns
    -------
    ndarray (N,)
        Signed distance in pixels from each point to the nearest crossing from inside to outside;
        NaN where there is none within reach, or where the probability falls too little to be one.
    """
    from scipy.ndimage import map_coordinates

    steps = np.arange(-np.ceil(reach_px / STEP_PX), np.ceil(reach_px / STEP_PX) + 1) * STEP_PX
    where = points[:, None] + steps[:, None] * directions[:, None]  # (N, S, 2)
    values = map_coordinates(
        np.asarray(segment, np.float64),
        where[..., ::-1].transpose(2, 0, 1),
        order=1,
        mode="nearest",
    )
    inside, outside = values[:, :-1], values[:, 1:]
    falls = (inside >= LEVEL) & (outside < LEVEL)
    share = (inside - LEVEL) / np.where(falls, inside - outside, 1.0)
    at = np.where(falls, steps[:-1] + share * STEP_PX, np.inf)  # (N, S - 1)
    nearest = at[np.arange(len(at)), np.abs(at).argmin(axis=1)]
    sure = np.ptp(values, axis=1) >= MIN_CONTRAST
    return np.where(sure & (np.abs(nearest) <= reach_px), nearest, np.nan)
