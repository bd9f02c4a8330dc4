"""Jitter: how much points that should rest or move smoothly tremble from frame to frame.

The mean length of the second difference over time of all 68 points, head motion removed by nose and
eye corners, in percent of the inter-ocular distance. It needs no ground truth; nearer to that of
the ground truth, which holds the landmark detector's own noise, is better.

>>> import numpy, tkit
>>> pred = numpy.zeros((6, 68, 2))
>>> pred[:, 42:48, 0] = 100  # the left eye, in pixels from the right one
>>> pred[::2, :17, 1] = 2  # the jaw, a quarter of the points, goes up and down by two pixels
>>> round(tkit.METRICS.get("jitter")(pred=pred), 9)
1.0
"""

from __future__ import annotations

import numpy as np

from tkit.metrics import MISSING_FACE, Metric, Need, Score, Stats
from tkit.metrics.points import alone, still


def measure(*, pred: np.ndarray, missing_face: str) -> Stats:
    """Sum over triples of frames, of points (T, 68, 2)."""
    pred, use = alone(pred, missing_face=missing_face)
    triples = use[2:] & use[1:-1] & use[:-2]
    tremble = np.linalg.norm(np.diff(still(pred), n=2, axis=0), axis=2).mean(axis=1)[triples]
    return {
        "frames": int(use.sum()),
        "triples": int(triples.sum()),
        "tremble": float(100 * tremble.sum()),
    }


def finish(stats: Stats) -> float:
    """Mean over triples; NaN for clips of one or two frames."""
    return stats["tremble"] / stats["triples"] if stats["triples"] else float("nan")


METRIC = Metric(
    title="Landmark jitter",
    needs=Need("points", whole=True),
    inputs=("pred",),
    params={"missing_face": MISSING_FACE},
    measure=measure,
    scores={
        "jitter": Score("% IOD", "closer", finish, apart=("static", "noise"), alike=("gt-lag3",))
    },
    citation="tkit; mean second difference of tracked points",
    limits="The tracker's own trembling is in it; a still has the least. Only beside the ground "
    "truth's value does it mean anything.",
    checked="drawn points: smooth motion < 1e-6, noise of known size",
    ms=0.04,
)
