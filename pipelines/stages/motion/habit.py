"""A person's habit: how far somebody moves the mouth, which nobody can hear.

Speech says when a mouth opens; of two people who say the same one opens it twice as far, and those
who open it far need not round and spread it far. A few seconds of a person tell: their movement is
scaled by what was seen over what was heard there, down by the opening and across by the width.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tkit.errors import UsageError
from tkit.face import geometry
from tkit.pipelines.stages.motion.evaluation import opening, width

# Seconds of speech that tell as much of a person as is known of all: of GRID speakers whom the
# network never saw, 3-second clips differ by .13 (deviation of the logarithm) from those of the
# same person, people by .23 from each other.
KNOWN_S = 1.0
# The same of the width, which is heard less well: of s1, s22 and s26, each left out of the
# training, half of what one clip shows brings the others' mouths nearest.
WIDTH_KNOWN_S = 3.0
STILL = 1e-6
LEAST_S = 1.0
LIMITS = 0.5, 2.0


def scale(*, seen: np.ndarray, heard: np.ndarray, fps: float, known_s: float = KNOWN_S) -> float:
    """How much further a person moves the mouth than the speech lets one expect.

    The ratio of the two spreads (standard deviations), drawn towards 1 the more the fewer seconds
    there are, within :data:`LIMITS`.

    Parameters
    ----------
    seen, heard : ndarray (T,)
        Mouth opening of the person, and as predicted from the speech; the same unit.
    fps : float
    known_s : float
        Seconds that tell as much of a person as is known of all.

    Raises
    ------
    UsageError
        If that is less than a second, or one of them does not move.

    Examples
    --------
    >>> import numpy
    >>> heard = numpy.sin(numpy.arange(1000))
    >>> round(scale(seen=1.5 * heard, heard=heard, fps=25.0), 2)
    1.49
    """
    length_s = len(seen) / fps
    if length_s < LEAST_S:
        raise UsageError(f"{length_s:.1f} s are too few to tell a habit; take {LEAST_S:g} or more")
    spreads = np.std(seen), np.std(heard)
    if not min(spreads) > STILL:
        raise UsageError("the mouth does not move; take seconds in which the person speaks")
    ratio = (spreads[0] / spreads[1]) ** (length_s / (length_s + known_s))
    return float(np.clip(ratio, *LIMITS))


def of_person(
    points: np.ndarray,
    hear: Callable[[np.ndarray], np.ndarray],
    *,
    canonical: np.ndarray,
    fps: float,
) -> np.ndarray:
    """Measure :func:`scale` of a person who is seen speaking, across and down.

    Parameters
    ----------
    points : ndarray (T, 68, 2)
        Tracked points, no NaN.
    hear : callable
        Displacement (68, 2) of the first frame to that predicted of all, (T, 68, 2), from what is
        said there.
    canonical : ndarray (68, 2)
        The mean neutral face.
    fps : float

    Returns
    -------
    ndarray (2,)
        What to multiply a displacement (..., 2) by: 1 across where no width is seen to change.

    Raises
    ------
    UsageError
        As :func:`scale` does of the opening.
    """
    neutral = geometry.speaker_neutral(points, canonical)
    moved, pose = geometry.canonicalise(points, neutral=neutral, canonical=canonical)
    said = geometry.retarget(hear(moved[0]), pose=pose, neutral=neutral, canonical=canonical)
    down = scale(seen=opening(points), heard=opening(said), fps=fps)
    widths = width(points), width(said)
    if not min(map(np.std, widths)) > STILL:
        return np.array([1.0, down])
    across = scale(seen=widths[0], heard=widths[1], fps=fps, known_s=WIDTH_KNOWN_S)
    return np.array([across, down])
