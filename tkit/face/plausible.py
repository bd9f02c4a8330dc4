"""Faces that are plausible, and that stay so when motion learned from others is put on them.

Canonical displacement comes from average faces. A person with narrow eyes, thin lips or an open
mouth in the picture would get lids that cross, or lips: here they are fitted and parted.
"""

from __future__ import annotations

import numpy as np

from tkit.face import geometry

# Points one above the other that meet when the mouth or an eye is shut: upper, lower.
INNER_LIP_PAIRS = np.array([[61, 67], [62, 66], [63, 65]])
LID_PAIRS = np.array([[37, 41], [38, 40], [43, 47], [44, 46]])
LIP_EDGES = np.array([[50, 61], [51, 62], [52, 63], [67, 58], [66, 57], [65, 56]])  # of one lip


def on_its_head(points: np.ndarray) -> np.ndarray:
    """Whether the mouth lies above the eyes; (...,) bool of faces (..., 68, 2) in a picture."""
    eyes, mouth = points[..., geometry.EYES, 1], points[..., geometry.MOUTH, 1]
    above: np.ndarray = mouth.mean(axis=-1) < eyes.mean(axis=-1)
    return above


def fit_lids(displacement: np.ndarray, *, neutral: np.ndarray, canonical: np.ndarray) -> np.ndarray:
    """Let lids that shut on the canonical face shut on a person's, however wide the eyes are.

    Parameters
    ----------
    displacement : ndarray (..., 68, 2)
        Canonical displacement.
    neutral, canonical : ndarray (68, 2)

    Returns
    -------
    ndarray (..., 68, 2)
        Canonical displacement whose vertical motion of the lids is in proportion to the height of
        the person's open eyes. With neutral and canonical exchanged it is the inverse, up to
        :func:`axis_scale`.
    """
    fitted = np.array(displacement)
    scale = geometry.axis_scale(neutral, canonical)[1]
    for pairs in LID_PAIRS.reshape(2, 2, 2):
        upper, lower = pairs.T
        heights = [(face[lower, 1] - face[upper, 1]).mean() for face in (neutral, canonical)]
        if min(heights) > 0:  # else an eye is shut in the picture and cannot shut more
            fitted[..., pairs.ravel(), 1] *= heights[0] * scale / heights[1]
    return fitted


def part(points: np.ndarray) -> np.ndarray:
    """Part lips and lids that cross; what does not cross stays exactly as it is.

    Parameters
    ----------
    points : ndarray (..., 68, 2)
        Level faces, e.g. in canonical coordinates.

    Returns
    -------
    ndarray (..., 68, 2)
        Lids and inner lips that had crossed meet halfway, each outer lip is outside of its inner
        one, and the inner mouth has no negative area.
    """
    points = np.array(points, np.float64)
    _meet(points, INNER_LIP_PAIRS)
    _meet(points, LID_PAIRS)
    inverted = (
        signed_area(points[..., geometry.INNER_LIPS, :]) < 0
    )  # corners may lie above or below both
    if inverted.any():
        some = points[inverted]
        _meet(some, INNER_LIP_PAIRS, always=True)
        points[inverted] = some
    upper, lower = LIP_EDGES[:3], LIP_EDGES[3:]
    points[..., upper[:, 0], 1] = np.minimum(
        points[..., upper[:, 0], 1], points[..., upper[:, 1], 1]
    )
    points[..., lower[:, 1], 1] = np.maximum(
        points[..., lower[:, 1], 1], points[..., lower[:, 0], 1]
    )
    return points


def _meet(points: np.ndarray, pairs: np.ndarray, *, always: bool = False) -> None:
    """Put both points of pairs whose upper one is below in their middle, in place."""
    upper, lower = points[..., pairs[:, 0], :], points[..., pairs[:, 1], :]
    crossed = always | (upper[..., 1:] > lower[..., 1:])
    middle = (upper + lower) / 2
    points[..., pairs[:, 0], :] = np.where(crossed, middle, upper)
    points[..., pairs[:, 1], :] = np.where(crossed, middle, lower)


def signed_area(polygon: np.ndarray) -> np.ndarray:
    """Signed area of polygons (..., N, 2); positive where points run as those of an open mouth."""
    following = np.roll(polygon, -1, axis=-2)
    return (polygon[..., 0] * following[..., 1] - polygon[..., 1] * following[..., 0]).sum(
        axis=-1
    ) / 2
