"""Head dynamics: how far and how fast the head turns. No ground truth is looked at.

``head-dynamics`` is the standard deviation over a clip of the head's pitch, yaw and roll, the mean
of the three, in degrees; ``head-speed`` the mean angle from one frame to the next, about any axis,
in degrees a second. Poses are those of ``pose-distance``. Nearer to the value of the ground truth,
which holds the landmark detector's own noise, is better; head-speed holds most of it.

>>> import numpy, tkit
>>> from tkit.face import head
>>> yaw = 5 * numpy.tile([1.0, -1.0], 10)
>>> pred = 60 * head.project(head.rotation(0 * yaw, yaw, 0 * yaw)) + 100
>>> round(tkit.METRICS.get("head-dynamics")(pred=pred), 6)  # 5, 0 and 0
1.666667
>>> round(tkit.METRICS.get("head-speed")(pred=pred, fps=25.0), 6)
250.0
"""

from __future__ import annotations

import numpy as np

from tkit.errors import ScoreError
from tkit.face import head
from tkit.metrics import MISSING_FACE, Metric, Need, Score, Stats
from tkit.metrics.points import alone, eye_distance


def measure(*, pred: np.ndarray, fps: float = 25.0, missing_face: str) -> Stats:
    """Spread of the angles, weighted by frames, and the sum of the angles between frames.

    Parameters
    ----------
    pred : ndarray (T, 68, 2)
        Points of a whole clip in pixels.
    fps : float
        Frames a second.
    missing_face : str
        See ``METRIC.params``.

    Raises
    ------
    ScoreError
        If a frame has no face and ``missing_face`` is ``error``, or none has one.
    """
    pred, use = alone(pred, missing_face=missing_face)
    eye_distance(pred[use], "prediction")
    turned = np.full((len(pred), 3, 3), np.nan)
    turned[use] = head.pose(pred[use])
    # Roll is an angle of a full turn: it is unwound, so that a head upside down has no jump.
    angles = np.unwrap(head.angles(turned[use]), axis=0, period=360)
    steps = use[1:] & use[:-1]
    n_frames, n_steps = int(use.sum()), int(steps.sum())
    return {
        "frames": n_frames,
        "spread": float(n_frames * angles.std(axis=0).mean()),
        "moving": n_frames if n_frames > 1 else 0,
        "steps": n_steps,
        "speed": float(fps * head.between(turned[1:][steps], turned[:-1][steps]).sum()),
    }


def _spread(stats: Stats) -> float:
    """Mean over clips, weighted by frames, of the standard deviation in degrees."""
    if not stats["moving"]:
        raise ScoreError("a single frame has no dynamics")
    return stats["spread"] / stats["frames"]


def _speed(stats: Stats) -> float:
    """Mean over steps in degrees a second."""
    if not stats["steps"]:
        raise ScoreError("no two frames that follow each other have a face")
    return stats["speed"] / stats["steps"]


METRIC = Metric(
    title="Head dynamics",
    needs=Need("points", whole=True),
    inputs=("pred", "fps"),
    params={"missing_face": MISSING_FACE},
    measure=measure,
    scores={
        "head-dynamics": Score(
            "deg",
            "closer",
            _spread,
            title="Spread of the head's angles",
            apart=("static", "noise"),
            alike=("gt-lag3",),
        ),
        "head-speed": Score(
            "deg/s",
            "closer",
            _speed,
            title="Speed of the head's turning",
            apart=("static", "noise"),
            alike=("gt-lag3",),
        ),
    },
    citation="tkit; cf. the diversity of head motions in Zhang, Cun, Wang et al., SadTalker, 2023, "
    "and head motion dynamics in THEval, 2026, both by networks",
    limits="How much the head moves, not whether it moves with the speech. The tracker's noise is "
    "in it, in head-speed most of all.",
    checked="as pose-distance; similarities that turn the picture, < 1e-4 degrees",
    ms=0.2,
)
