"""Face geometry on iBUG-68 points: alignment, canonical displacement, retargeting, openings.

Conventions
-----------
Points are ``(..., 68, 2)`` arrays of x, y (right, down). *Image* coordinates are pixels;
*canonical* coordinates have their origin between the eyes of the mean neutral face, its eyes level,
and the inter-ocular distance as unit. A pose is a ``(..., 2, 3)`` similarity transform from
canonical to image coordinates. A neutral is a face with closed lips and open eyes.

The canonical displacement of a person's points ``p(t)`` (Sinha et al. 2020, §III, §IV)::

    q(t)     = pose(t)^-1 p(t)                    rigid Procrustes: head motion removed
    delta(t) = (q(t) - n_p) * S                   S = canonical size / size of the person

with ``n_p`` the person's neutral in canonical coordinates and ``S`` per axis (width, height).
Retargeting (eq. 1) is the exact inverse: ``p(t) = pose(t) (n_p + delta(t) / S)``.
"""

from __future__ import annotations

import numpy as np

N_POINTS = 68
JAW = slice(0, 17)
BROWS = slice(17, 27)
NOSE = slice(27, 36)
RIGHT_EYE = slice(36, 42)  # the person's right: the left one in the picture
LEFT_EYE = slice(42, 48)
EYES = slice(36, 48)
MOUTH = slice(48, 68)
OUTER_LIPS = slice(48, 60)
INNER_LIPS = slice(60, 68)
LIP_CORNERS = 48, 54  # the person's right, left
EYE_REGION_INDEX = np.r_[17:27, 36:48]  # the paper's 22 points: brows and eyes
# Points that speech and blinks move least: nose and eye corners. They carry the head pose.
RIGID_INDEX = np.array([27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 39, 42, 45])

# iBUG-68 indices of a mirrored face: POINTS[..., MIRROR, :] with x negated is the mirrored face.
MIRROR = np.r_[
    16:-1:-1, 26:16:-1, 27:31, 35:30:-1,
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54:47:-1, 59:54:-1, 64:59:-1, 67:64:-1,
]  # fmt: skip


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Least-squares similarity (rotation, one scale, translation) from source to target points.

    Parameters
    ----------
    source, target : ndarray (..., N, 2)
        Leading axes broadcast.

    Returns
    -------
    ndarray (..., 2, 3)
        ``A`` with ``target ~ source @ A[..., :2].T + A[..., 2]``. No reflection. Source: Umeyama
        1991; in two dimensions the optimum is closed form with complex numbers.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    source_mean = source.mean(axis=-2, keepdims=True)
    target_mean = target.mean(axis=-2, keepdims=True)
    u, v = source - source_mean, target - target_mean
    power = (u**2).sum(axis=(-2, -1))
    cos = (u * v).sum(axis=(-2, -1)) / power
    sin = (u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]).sum(axis=-1) / power
    linear = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    shift = target_mean[..., 0, :] - np.einsum("...ij,...j->...i", linear, source_mean[..., 0, :])
    return np.concatenate([linear, shift[..., None]], axis=-1)


def apply(transform: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Apply (..., 2, 3) transforms to (..., N, 2) points; leading axes broadcast."""
    linear = transform[..., :2]
    return points @ np.swapaxes(linear, -1, -2) + transform[..., None, :, 2]


def invert(transform: np.ndarray) -> np.ndarray:
    """Return the inverse of (..., 2, 3) affine transforms."""
    transform = np.asarray(transform, np.float64)
    linear = np.linalg.inv(transform[..., :2])
    shift = -np.einsum("...ij,...j->...i", linear, transform[..., 2])
    return np.concatenate([linear, shift[..., None]], axis=-1)


def compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Return the transform that applies ``inner`` first, then ``outer``."""
    linear = outer[..., :2] @ inner[..., :2]
    shift = np.einsum("...ij,...j->...i", outer[..., :2], inner[..., 2]) + outer[..., 2]
    return np.concatenate([linear, shift[..., None]], axis=-1)


def about(pose: np.ndarray, move: np.ndarray) -> np.ndarray:
    """Return a movement in the coordinates that ``pose`` maps from, as it is where that maps to."""
    return compose(pose, compose(move, invert(pose)))


def smooth_step(share: np.ndarray) -> np.ndarray:
    """0 to 1 without a kink; what is less or more is cut off."""
    share = np.clip(share, 0, 1)
    found: np.ndarray = share * share * (3 - 2 * share)
    return found


def inter_ocular(points: np.ndarray) -> np.ndarray:
    """Distance between the eye centres (mean of six points each); (...,) in the points' unit."""
    right = points[..., RIGHT_EYE, :].mean(axis=-2)
    left = points[..., LEFT_EYE, :].mean(axis=-2)
    return np.linalg.norm(left - right, axis=-1)


def face_size(points: np.ndarray) -> np.ndarray:
    """Width (jaw ends 0-16) and height (nasion 27 to chin 8) of a face; (..., 2)."""
    width = np.linalg.norm(points[..., 16, :] - points[..., 0, :], axis=-1)
    height = np.linalg.norm(points[..., 8, :] - points[..., 27, :], axis=-1)
    return np.stack([width, height], axis=-1)


def mouth_opening(points: np.ndarray) -> np.ndarray:
    """Inner-lip opening: mean distance of 61-67, 62-66, 63-65; (...,) in the points' unit."""
    upper, lower = points[..., [61, 62, 63], :], points[..., [67, 66, 65], :]
    return np.linalg.norm(upper - lower, axis=-1).mean(axis=-1)


def eye_aspect_ratio(points: np.ndarray) -> np.ndarray:
    """Eye aspect ratio of the right and left eye; (..., 2), 0 when shut, about 0.3 when open.

    Source: Soukupova and Cech, "Real-time eye blink detection using facial landmarks", CVWW 2016.
    """

    def one(eye: np.ndarray) -> np.ndarray:
        height = np.linalg.norm(eye[..., 1, :] - eye[..., 5, :], axis=-1)
        height = height + np.linalg.norm(eye[..., 2, :] - eye[..., 4, :], axis=-1)
        return height / (2 * np.linalg.norm(eye[..., 0, :] - eye[..., 3, :], axis=-1))

    return np.stack([one(points[..., RIGHT_EYE, :]), one(points[..., LEFT_EYE, :])], axis=-1)


def mirror(points: np.ndarray, *, width: float = 0.0) -> np.ndarray:
    """Mirror points left to right: x becomes ``width - x`` and left and right indices swap."""
    flipped = points[..., MIRROR, :].copy()
    flipped[..., 0] = width - flipped[..., 0]
    return flipped


def normalise(points: np.ndarray) -> np.ndarray:
    """Put one face (68, 2) into canonical coordinates by its own eyes: level, centred, unit."""
    right, left = points[RIGHT_EYE].mean(axis=0), points[LEFT_EYE].mean(axis=0)
    target = np.array([[-0.5, 0.0], [0.5, 0.0]])
    return apply(similarity(np.stack([right, left]), target), np.asarray(points, np.float64))


def mean_neutral(neutrals: np.ndarray, *, rounds: int = 10) -> np.ndarray:
    """Mean neutral face of several persons by generalised Procrustes on the rigid points.

    Parameters
    ----------
    neutrals : ndarray (P, 68, 2)
        One neutral a person, any coordinates.

    Returns
    -------
    ndarray (68, 2)
        In canonical coordinates, symmetric left to right: a person's asymmetry is not canonical.
    """
    neutrals = np.asarray(neutrals, np.float64)
    mean = normalise(neutrals[0])
    for _ in range(rounds):
        poses = similarity(neutrals[:, RIGID_INDEX], mean[RIGID_INDEX])
        mean = apply(poses, neutrals).mean(axis=0)
        mean = normalise(mean)
        mean = normalise((mean + mirror(mean)) / 2)
    return mean


def speaker_neutral(points: np.ndarray, canonical: np.ndarray | None = None) -> np.ndarray:
    """Estimate a person's closed-lips, open-eyes neutral from many frames.

    Parameters
    ----------
    points : ndarray (T, 68, 2)
        Tracked points of one person in image coordinates, no NaN.
    canonical : ndarray (68, 2), optional
        Face to align to; by default the person's own median face.

    Returns
    -------
    ndarray (68, 2)
        In canonical coordinates: the median over the tenth of the frames whose lips are most
        closed, with eyes and brows from the frames whose eyes are open (upper half of EAR).
    """
    points = np.asarray(points, np.float64)
    if canonical is None:
        aligned = apply(
            similarity(points[:, RIGID_INDEX], normalise(points[0])[RIGID_INDEX]), points
        )
        canonical = normalise(np.median(aligned, axis=0))
    aligned = apply(similarity(points[:, RIGID_INDEX], canonical[RIGID_INDEX]), points)
    opening = mouth_opening(aligned)
    closed = opening <= np.quantile(opening, 0.1)
    ear = eye_aspect_ratio(aligned).mean(axis=-1)
    open_eyes = ear >= np.quantile(ear, 0.5)
    neutral = np.median(aligned[closed], axis=0)
    neutral[EYE_REGION_INDEX] = np.median(aligned[open_eyes], axis=0)[EYE_REGION_INDEX]
    return neutral


def axis_scale(neutral: np.ndarray, canonical: np.ndarray) -> np.ndarray:
    """Per-axis scale ``S`` (2,): width and height of the canonical face over the person's."""
    return face_size(canonical) / face_size(neutral)


def canonicalise(
    points: np.ndarray, *, neutral: np.ndarray, canonical: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Split image points into head pose and canonical displacement.

    Parameters
    ----------
    points : ndarray (..., 68, 2)
        Image coordinates.
    neutral : ndarray (68, 2)
        The person's neutral in canonical coordinates.
    canonical : ndarray (68, 2)
        The mean neutral face.

    Returns
    -------
    displacement : ndarray (..., 68, 2)
        Of the canonical face, in inter-ocular distances.
    pose : ndarray (..., 2, 3)
        Canonical to image coordinates.
    """
    points = np.asarray(points, np.float64)
    pose = similarity(neutral[RIGID_INDEX], points[..., RIGID_INDEX, :])
    still = apply(invert(pose), points)
    return (still - neutral) * axis_scale(neutral, canonical), pose


def retarget(
    displacement: np.ndarray, *, pose: np.ndarray, neutral: np.ndarray, canonical: np.ndarray
) -> np.ndarray:
    """Turn canonical displacement into a person's image points: the inverse of canonicalise.

    Parameters are those of :func:`canonicalise`; returns (..., 68, 2) in image coordinates.
    Source: Sinha et al. 2020, eq. 1, read as in the module's docstring.
    """
    displacement = np.asarray(displacement, np.float64)
    return apply(pose, neutral + displacement / axis_scale(neutral, canonical))


def head_motion(points: np.ndarray) -> np.ndarray:
    """Motion of a head since the first frame, to be given to another one.

    Parameters
    ----------
    points : ndarray (T, 68, 2)
        Tracked points in image coordinates, no NaN.

    Returns
    -------
    ndarray (T, 2, 3)
        Similarities in the coordinates in which the first frame's face is level, centred between
        its eyes and one inter-ocular distance wide; the first is the identity.
    """
    level = similarity(points[0, EYES], normalise(points[0])[EYES])
    still = apply(level, np.asarray(points, np.float64))[:, RIGID_INDEX]
    return similarity(still[0], still)


def smooth_pose(pose: np.ndarray, *, sigma_frames: float = 3.0) -> np.ndarray:
    """Low-pass similarity poses (T, 2, 3) over time with a Gaussian; edges are held."""
    from scipy.ndimage import gaussian_filter1d

    return gaussian_filter1d(np.asarray(pose, np.float64), sigma_frames, axis=0, mode="nearest")


def runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Start and end (exclusive) of every run of True in flags (T,)."""
    edges = np.flatnonzero(np.diff(np.r_[0, flags.astype(np.int8), 0]))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def fill_gaps(points: np.ndarray, *, max_gap: int) -> tuple[np.ndarray, int]:
    """Fill runs of missing frames by linear interpolation (ends are held).

    Parameters
    ----------
    points : ndarray (T, 68, 2)
        NaN where no face was found.
    max_gap : int
        Longest run that is filled.

    Returns
    -------
    points : ndarray (T, 68, 2)
        Without NaN if the longest run is at most ``max_gap``; else unchanged.
    longest : int
        Frames of the longest missing run; T when no frame has a face.
    """
    missing = np.isnan(points).any(axis=(1, 2))
    if not missing.any():
        return points, 0
    longest = max(stop - start for start, stop in runs(missing))
    if longest > max_gap or missing.all():
        return points, longest
    time, known = np.arange(len(points)), ~missing
    flat = points.reshape(len(points), -1).astype(np.float64)
    filled = np.stack([np.interp(time, time[known], column[known]) for column in flat.T], axis=1)
    return filled.reshape(points.shape).astype(points.dtype), longest
