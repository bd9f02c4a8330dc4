"""Which of several tracked faces talks: the one whose mouth alone opens and closes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tkit.face import geometry

# Inter-ocular distances. dlib's points of GRID's speakers swing by .09 to .18 in a clip (5 % and
# 95 % of 187 clips), before and after they speak mostly by .01; fits to silent puppets by .03.
MIN_SWING = 0.06
MIN_RATIO = 2.0  # by how much the talker's mouth swings more than any other


def swing(points: np.ndarray) -> float:
    """How far a mouth opens and closes: from the 5th to the 95th percentile of its openings.

    Parameters
    ----------
    points : ndarray (T, 68, 2)
        Of one face, in any frames of a clip; frames with NaN do not count.

    Returns
    -------
    float
        In inter-ocular distances, so that near and far faces compare; 0 without any frame.
    """
    found = points[np.isfinite(points).all(axis=(1, 2))]
    if not len(found):
        return 0.0
    openings = geometry.mouth_opening(found) / geometry.inter_ocular(found)
    low, high = np.percentile(openings, [5, 95])
    return float(high - low)


def talker(tracks: Mapping[int, np.ndarray]) -> int | None:
    """Return who talks, or None where nobody does or one cannot tell.

    Parameters
    ----------
    tracks : mapping of int to ndarray (T, 68, 2)
        Person to points.
    """
    swings = sorted(((swing(points), person) for person, points in tracks.items()), reverse=True)
    if not swings or swings[0][0] < MIN_SWING:
        return None
    if len(swings) > 1 and swings[0][0] < MIN_RATIO * swings[1][0]:
        return None
    return swings[0][1]
