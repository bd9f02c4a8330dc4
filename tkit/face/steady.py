"""Steadier points without lag: noise is averaged over time, motion is not.

Points that are fitted frame by frame tremble. Here each face is split into head pose and shape. The
pose is smoothed by a symmetric polynomial filter. Of the shape, each part of the face (mouth, eyes,
...) is averaged with its neighbours in time as far as they look the same up to the clip's own
noise: while the mouth rests, over seven frames; while it moves, hardly at all, so that its openings
keep their height. Both work on pairs of frames before and after, so nothing is delayed. The idea is
that of non-local means (Buades, Coll, Morel 2005) along time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tkit.face import geometry

PARTS = (
    geometry.JAW,
    slice(17, 22),
    slice(22, 27),
    geometry.NOSE,
    geometry.RIGHT_EYE,
    geometry.LEFT_EYE,
    geometry.MOUTH,
)
REACH = 3  # frames to each side that a part can be averaged over
SOFTNESS = 0.75  # how fast the weight falls, in noise variances beyond the first
MAX_NOISE = 0.015  # of the inter-ocular distance; more than this is motion in every frame
POSE_FRAMES, POSE_ORDER = 9, 2  # the pose's filter: least-squares parabolas


def steady(points: np.ndarray) -> np.ndarray:
    """Smooth the points of one shot.

    Parameters
    ----------
    points : ndarray (T, 68, 2)
        Pixels. Frames with NaN stay as they are and are not looked across.

    Returns
    -------
    ndarray (T, 68, 2)
        Of the same dtype.
    """
    result = points.copy()
    for run in _runs(points):
        face, pose, shape = _split(points[run].astype(np.float64), PARTS)
        result[run] = geometry.apply(_smooth_pose(pose, face), shape)
    return result


def average_parts(points: np.ndarray, parts: Sequence[slice]) -> np.ndarray:
    """Smooth some parts of faces (T, 68, 2) that are steady otherwise; poses stay as they are."""
    result = points.copy()
    for run in _runs(points):
        _, pose, shape = _split(points[run].astype(np.float64), parts)
        smooth = geometry.apply(pose, shape)
        for part in parts:
            result[run, part] = smooth[:, part]
    return result


def _runs(points: np.ndarray) -> Iterator[slice]:
    """Runs of more than two frames in which there is a face."""
    seen = np.logical_not(np.isnan(points).any(axis=(1, 2)))
    for start, stop in geometry.runs(seen):
        if stop - start > 2:
            yield slice(start, stop)


def _split(points: np.ndarray, parts: Sequence[slice]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rigid points (N, 2) of the median face, poses (T, 2, 3) and shapes, their parts averaged."""
    face = geometry.normalise(np.median(points, axis=0))
    rigid = face[geometry.RIGID_INDEX]
    pose = geometry.similarity(rigid, points[:, geometry.RIGID_INDEX])
    shape = geometry.apply(geometry.invert(pose), points)
    for part in parts:
        shape[:, part] = average_alike(shape[:, part])
    return rigid, pose, shape


def average_alike(track: np.ndarray) -> np.ndarray:
    """Average each frame with those around it that differ by no more than noise.

    Parameters
    ----------
    track : ndarray (T, N, 2)
        Points of one part of the face, in inter-ocular distances.
    """
    count = len(track)
    noise = max(min(noise_variance(track), 2 * MAX_NOISE**2), 1e-12)
    padded = np.pad(track, ((REACH, REACH), (0, 0), (0, 0)), mode="edge")
    total, weight = track.copy(), np.ones(count)
    for step in range(1, REACH + 1):
        before = padded[REACH - step : REACH - step + count]
        after = padded[REACH + step : REACH + step + count]
        # The difference of two noisy frames has twice the variance of one.
        unlike = [_mean_square(other - track) / (2 * noise) for other in (before, after)]
        alike = np.exp(-np.maximum(np.maximum(*unlike) - 1, 0) / SOFTNESS)
        # Before and after with one weight: a one-sided average would be a shift in time.
        total += alike[:, None, None] * (before + after)
        weight += 2 * alike
    return total / weight[:, None, None]


def noise_variance(track: np.ndarray) -> float:
    """Variance of the noise of a track (T, N, 2), per point and both coordinates together.

    From second differences, whose variance is six times that of independent noise and in which slow
    motion cancels; their third decile over time leaves out the fast stretches, also of somebody who
    hardly rests. It is a tenth too low where all is noise.
    """
    return float(np.quantile(_mean_square(np.diff(track, 2, axis=0)), 0.3)) / 6


def _mean_square(differences: np.ndarray) -> np.ndarray:
    """Mean over the points of squared lengths; (T,)."""
    return np.square(differences).sum(axis=-1).mean(axis=-1)


def _smooth_pose(pose: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Smooth poses (T, 2, 3), except where the head moves faster than the filter follows."""
    frames = min(POSE_FRAMES, len(pose) - 1 + len(pose) % 2)
    if frames <= POSE_ORDER:
        return pose
    smooth = parabolas(pose, frames, POSE_ORDER)
    raw = geometry.apply(pose, face)
    noise = max(noise_variance(raw), 1e-12)
    changed = _mean_square(geometry.apply(smooth, face) - raw) / noise
    share = np.exp(-np.maximum(changed - 1, 0) / SOFTNESS)[:, None, None]
    return share * smooth + (1 - share) * pose


def parabolas(series: np.ndarray, frames: int, order: int = POSE_ORDER) -> np.ndarray:
    """Smooth by polynomials through an odd number of ``frames`` (Savitzky and Golay).

    What ``scipy.signal.savgol_filter(series, frames, order, axis=0)`` gives; importing that module
    takes longer than to track a clip.

    Parameters
    ----------
    series : ndarray (T, ...)
        At least ``frames`` of them. The first and last half window lie on one polynomial each.
    """
    from scipy.linalg import lstsq
    from scipy.ndimage import convolve1d

    half = frames // 2
    powers = np.arange(half, half - frames, -1.0) ** np.arange(order + 1.0)[:, None]
    tiny = frames * np.finfo(np.float64).eps
    weights = lstsq(powers, np.eye(order + 1)[0], cond=tiny)[0]
    smooth = convolve1d(series, weights, axis=0, mode="constant")
    time = np.arange(float(frames))
    for start, place in ((0, slice(0, half)), (len(series) - frames, slice(frames - half, frames))):
        fit = np.polyfit(time, series[start : start + frames].reshape(frames, -1), order)
        edge = np.zeros((half, fit.shape[1]))
        for coefficients in fit:
            edge = edge * time[place, None] + coefficients
        where = slice(start + place.start, start + place.stop)
        smooth[where] = edge.reshape(half, *series.shape[1:])
    return smooth
