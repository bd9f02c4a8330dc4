"""A person's habit: how far somebody opens the mouth, which nobody can hear.

Speech says when a mouth opens; of two people who say the same one opens it twice as far. A few
seconds of a person tell: their movement is scaled by what was seen over what was heard there.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tkit.errors import UsageError
from tkit.face import geometry
from tkit.pipelines.stages.motion.evaluation import opening

# Seconds of speech that tell as much of a person as is known of all: 3-second clips of a GRID
# speaker differ among themselves by .15 (deviation of the logarithm), speakers by .34.
KNOWN_S = 0.5
LEAST_S = 1.0
LIMITS = 0.5, 2.0


def scale(*, seen: np.ndarray, heard: np.ndarray, fps: float) -> float:
    """How much further a person opens the mouth than the speech lets one expect.

    The ratio of the two spreads (standard deviations), drawn towards 1 the more the fewer seconds
    there are, within :data:`LIMITS`.

    Parameters
    ----------
    seen, heard : ndarray (T,)
        Mouth opening of the person, and as predicted from the speech; the same unit.
    fps : float

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
    if not min(spreads) > 1e-6:
        raise UsageError("the mouth does not move; take seconds in which the person speaks")
    ratio = (spreads[0] / spreads[1]) ** (length_s / (length_s + KNOWN_S))
    return float(np.clip(ratio, *LIMITS))


def of_person(
    points: np.ndarray,
    hear: Callable[[np.ndarray], np.ndarray],
    *,
    canonical: np.ndarray,
    fps: float,
) -> float:
    """Measure :func:`scale` of a person who is seen speaking.

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

    Raises
    ------
    UsageError
        As :func:`scale` does.
    """
    neutral = geometry.speaker_neutral(points, canonical)
    moved, pose = geometry.canonicalise(points, neutral=neutral, canonical=canonical)
    said = geometry.retarget(hear(moved[0]), pose=pose, neutral=neutral, canonical=canonical)
    return scale(seen=opening(points), heard=opening(said), fps=fps)
