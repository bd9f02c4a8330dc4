"""Lip and lid points to the boundaries of segments: the geometry of the paper's refinement.

Sinha et al. 2020 place each lip point where the line through the tracked point meets the boundary
of a lip segment. Here the line is the normal of the tracked contour at that point; the boundary is
where a segment's probability falls through one half along it, found between pixels. The inner
contour is where a lip ends, not where the mouth begins, so lips that touch have one too. A point
whose crossing is missing, uncertain or far away stays where it was, and that is recorded. So do all
points of a region that the segmenter doubts: outside of what it has learned it is wrong more often
than the tracker. Trust is given to seconds, not to frames, and wanes gradually.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tkit.face import geometry
from tkit.face.steady import average_parts
from tkit.lips import Region, Segment

LEVEL = 0.5  # probability at a boundary
REACH = 0.3  # of the inter-ocular distance: how far a point may be moved
STEP = 0.0075  # of the inter-ocular distance, between samples along a line
MIN_CONTRAST = 0.6  # by how much the probability must change along the line: else it is a guess
TRUSTED, DOUBTED = 1.0, 1.1  # doubt up to which points are moved all the way, and from which not
MEDIAN_FRAMES, FADE_FRAMES = 51, 25  # doubt is that of two seconds; trust comes and goes in one
REFINED = (geometry.RIGHT_EYE, geometry.LEFT_EYE, geometry.MOUTH)  # what refine_lips may move
CONTOURS = (geometry.RIGHT_EYE, geometry.LEFT_EYE, geometry.OUTER_LIPS, geometry.INNER_LIPS)


@dataclass(frozen=True)
class Refined:
    """Refined points.

    Parameters
    ----------
    points : ndarray (T, 68, 2), float64
        Pixels.
    placed : ndarray (T, 68), bool
        On a boundary; False where the tracked point stays.
    """

    points: np.ndarray
    placed: np.ndarray


def refine(points: np.ndarray, regions: Iterable[Region]) -> Refined:
    """Move points onto the boundaries of regions.

    Parameters
    ----------
    points : ndarray (T, 68, 2)
        Tracked, in pixels; every one finite.
    regions : iterable of Region
        Of the same T frames.
    """
    points = points.astype(np.float64)
    outward = np.zeros_like(points)
    for part in CONTOURS:
        outward[:, part] = normals(points[:, part])
    forward = np.stack([-outward[..., 1], outward[..., 0]], axis=-1)
    unit_px = np.median(geometry.inter_ocular(points))
    refined, placed = points.copy(), np.zeros(points.shape[:2], bool)
    for region in regions:
        index = list(region.index)
        share = trust(region.doubt)
        lines = (forward if region.along else outward)[:, index]
        shifts = crossings(region, points[:, index], lines, unit_px=unit_px)
        placed[:, index] = np.isfinite(shifts) & (share > 0.5)
        refined[:, index] += (share * np.nan_to_num(shifts))[..., None] * lines
    return Refined(refined, placed)


def trust(doubt: np.ndarray | None) -> np.ndarray:
    """How far points go to a boundary, of the whole way; (N, 1) from the doubt (N,) of frames.

    Between one frame and the next it changes by no more than 1 / ``FADE_FRAMES``.
    """
    from scipy.ndimage import median_filter, uniform_filter1d

    if doubt is None:
        return np.ones((1, 1))
    usual = median_filter(doubt, MEDIAN_FRAMES, mode="reflect")
    sure = np.clip((DOUBTED - usual) / (DOUBTED - TRUSTED), 0, 1)
    share: np.ndarray = uniform_filter1d(sure, FADE_FRAMES, mode="reflect")
    return share[:, None]


def normals(contour: np.ndarray) -> np.ndarray:
    """Outward unit normals (..., N, 2) of closed contours that run clockwise in the picture.

    Across the line through both neighbours. iBUG's contours of lips and eyes run clockwise, over
    the upper side from the left of the picture to the right, and back. At the two corners, the
    first point and the one half way, the normal is the line through both: where lips touch, the
    neighbours of a corner do too.
    """
    along = np.roll(contour, -1, axis=-2) - np.roll(contour, 1, axis=-2)
    across = np.stack([along[..., 1], -along[..., 0]], axis=-1)
    half = contour.shape[-2] // 2
    across[..., 0, :] = contour[..., 0, :] - contour[..., half, :]
    across[..., half, :] = -across[..., 0, :]
    length: np.ndarray = np.linalg.norm(across, axis=-1, keepdims=True)
    across /= np.maximum(length, 1e-9)
    return across


def crossings(
    region: Region, points: np.ndarray, directions: np.ndarray, *, unit_px: float
) -> np.ndarray:
    """Where lines through points leave a region.

    Parameters
    ----------
    points, directions : ndarray (T, P, 2)
        Origins in pixels of the frame and unit vectors out of the region.
    unit_px : float
        Inter-ocular distance.

    Returns
    -------
    ndarray (T, P)
        Signed distance in pixels from each point to the nearest crossing from inside to outside;
        NaN where there is none within reach, or where the probability changes too little.
    """
    from scipy.ndimage import map_coordinates

    reach = round(REACH / STEP)
    steps = np.arange(-reach, reach + 1) * STEP * unit_px
    # Lines of the frame are lines of the cells: their ends are transformed, not their samples.
    start = geometry.apply(region.transforms, points)
    along = geometry.apply(region.transforms, points + directions) - start
    cells = start[:, :, None] + steps[:, None] * along[:, :, None]  # (T, P, S, 2)
    count, height, width = region.inside.shape
    # All frames as one tall picture: a quarter faster than a stack of them.
    rows = np.clip(cells[..., 1], 0, height - 1)
    rows += height * np.arange(count)[:, None, None]
    tall = region.inside.reshape(count * height, width)
    values = map_coordinates(
        tall, [rows, cells[..., 0]], order=1, mode="nearest", output=np.float32
    )
    inside, outside = values[..., :-1], values[..., 1:]
    falls = (inside >= LEVEL) & (outside < LEVEL)
    choice = np.where(falls, np.abs(steps[:-1] + STEP * unit_px / 2), np.inf).argmin(axis=-1)
    chosen = choice[..., None]
    crossed, before, after = (
        np.take_along_axis(kind, chosen, axis=-1)[..., 0] for kind in (falls, inside, outside)
    )
    share = (before - LEVEL) / np.where(crossed, before - after, 1.0)
    nearest = steps[choice] + share * (STEP * unit_px)
    sure = np.ptp(values, axis=-1) >= MIN_CONTRAST
    return np.where(sure & crossed, nearest, np.nan)


def refine_lips(
    frames: Sequence[np.ndarray] | np.ndarray, points: np.ndarray, segment: Segment | None
) -> tuple[np.ndarray, np.ndarray]:
    """Place lip and lid points on the boundaries of segments, and steady them.

    Parameters
    ----------
    frames : sequence of T ndarrays (H, W, 3), uint8 RGB
    points : ndarray (T, 68, 2)
        Tracked, in pixels; NaN where there is no face.
    segment : callable, optional
        An opened lip segmenter; without one the points stay as they are.

    Returns
    -------
    points : ndarray (T, 68, 2), float32
    placed : ndarray (T, 68), bool
    """
    placed = np.zeros(points.shape[:2], bool)
    seen = np.flatnonzero(~np.isnan(points).any(axis=(1, 2)))
    if segment is None or not seen.size:
        return points, placed
    refined = refine(points[seen], segment([frames[int(index)] for index in seen], points[seen]))
    placed[seen] = refined.placed
    result = points.copy()
    result[seen] = refined.points
    return average_parts(result, REFINED), placed
