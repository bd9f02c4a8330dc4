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

from tkit.compiled import compiled
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
    reach = round(REACH / STEP)
    steps = np.arange(-reach, reach + 1) * STEP * unit_px
    # Lines of the frame are lines of the cells: their ends are transformed, not their samples.
    start = geometry.apply(region.transforms, points)
    along = geometry.apply(region.transforms, points + directions) - start
    found = np.empty(start.shape[:2])
    away = np.abs(steps[:-1] + STEP * unit_px / 2)
    inside = np.ascontiguousarray(region.inside, np.float32)
    values = np.empty(len(steps), np.float32)
    nearest_falls(inside, start, along, steps, away, STEP * unit_px, values, found)
    return found


@compiled(
    "void(float32[:,:,:], float64[:,:,:], float64[:,:,:], float64[:], float64[:], float64,"
    " float32[:], float64[:,:])"
)
def nearest_falls(
    inside: np.ndarray,
    start: np.ndarray,
    along: np.ndarray,
    steps: np.ndarray,
    away: np.ndarray,
    gap: float,
    values: np.ndarray,
    found: np.ndarray,
) -> None:
    """Fill ``found`` (T, P) with where lines fall through ``LEVEL``, nearest to their origins.

    Parameters
    ----------
    inside : float32 (T, h, w)
        Read between cells, in double precision, as ``scipy.ndimage.map_coordinates`` does.
    start, along : float64 (T, P, 2)
        Origins in cells, and what one unit of ``steps`` moves.
    steps, away, gap : float64 (S,), (S - 1,), ()
        Samples on a line, how far the middles between them are from the origin, and their distance.
    values : float32 (S,)
        Scratch: the samples of a line.
    """
    height, width = inside.shape[1:]
    for frame in range(len(inside)):
        # Rows are counted through all frames: that decides how their fractions are rounded.
        above = height * frame
        for point in range(start.shape[1]):
            lowest, highest = np.float32(np.inf), np.float32(-np.inf)
            for step in range(len(steps)):
                column = start[frame, point, 0] + steps[step] * along[frame, point, 0]
                row = start[frame, point, 1] + steps[step] * along[frame, point, 1]
                column = min(max(column, 0.0), width - 1.0)
                row = min(max(row, 0.0), height - 1.0) + above
                left, top = np.floor(column), np.floor(row)
                right_share, low_share = 1 - (1 - (column - left)), 1 - (1 - (row - top))
                x, y = int(left), int(top) - above
                right, low = min(x + 1, width - 1), min(y + 1, height - 1)
                value = inside[frame, y, x] * (1 - (row - top)) * (1 - (column - left))
                value += inside[frame, y, right] * (1 - (row - top)) * right_share
                value += inside[frame, low, x] * low_share * (1 - (column - left))
                value += inside[frame, low, right] * low_share * right_share
                values[step] = value
                lowest, highest = min(lowest, values[step]), max(highest, values[step])
            nearest, distance = np.nan, np.inf
            for step in range(len(steps) - 1):
                before, after = values[step], values[step + 1]
                if before >= LEVEL and after < LEVEL and away[step] < distance:
                    distance = away[step]
                    share = np.float32(before - np.float32(LEVEL)) / np.float32(before - after)
                    nearest = steps[step] + share * gap
            sure = np.float32(highest - lowest) >= np.float32(MIN_CONTRAST)
            found[frame, point] = nearest if sure else np.nan


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
