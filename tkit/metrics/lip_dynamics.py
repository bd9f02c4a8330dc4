"""Lip and eyebrow dynamics: how much lips change their shape, and how restless brows are.

``lip-dynamics`` is the standard deviation over a clip of the distance of every two of the 20 mouth
points, mean over pairs, in percent of the inter-ocular distance, or in pixels as THEval has it.
``eyebrow-dynamics`` is the mean absolute change, from one frame with a face to the next, of the
distance from a brow's centre to its eye's over that of the eyes. Neither looks at the ground truth;
nearer to its value is better. The scores ``theval-…`` say how near (:mod:`tkit.metrics.theval`).

>>> import numpy, tkit
>>> pred = numpy.zeros((6, 68, 2))
>>> pred[:, 42:48, 0] = 100  # the left eye, in pixels from the right one
>>> pred[::2, 17:22, 1] = 3  # the right brow goes up and down by three pixels
>>> round(tkit.METRICS.get("eyebrow-dynamics")(pred=pred), 9)
0.015
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from tkit.face import geometry
from tkit.metrics import MISSING_FACE, Metric, Need, Param, Stats, theval
from tkit.metrics.points import eye_distance

PAIRS_INDEX = np.array(list(combinations(range(48, 68), 2)))  # (190, 2)
BROWS = slice(17, 22), slice(22, 27)


def measure(
    *, pred: np.ndarray, gt: np.ndarray | None = None, scale: str, missing_face: str
) -> Stats:
    """Values of a whole clip, of points (T, 68, 2) in pixels, each side by itself."""
    points = theval.sides(pred, gt, missing_face=missing_face)
    found = [_values(shown[use], what, scale) for what, (shown, use) in points.items()]
    return {
        "frames": int(points["prediction"][1].sum()),
        **theval.sums("lip_dynamics", *(lips for lips, _ in found)),
        **theval.sums("eyebrow_dynamics", *(brows for _, brows in found)),
    }


def _values(points: np.ndarray, what: str, scale: str) -> tuple[float | None, float | None]:
    """Lip and eyebrow dynamics of points (T, 68, 2) without NaN; None of a single frame."""
    size = eye_distance(points, what)
    if len(points) < 2:
        return None, None
    between = points[:, PAIRS_INDEX[:, 0]] - points[:, PAIRS_INDEX[:, 1]]
    distances = np.linalg.norm(between, axis=2)  # (T, 190)
    if scale == "iod":
        distances = 100 * distances / size[:, None]
    eyes = geometry.RIGHT_EYE, geometry.LEFT_EYE
    heights = [
        np.linalg.norm(points[:, brow].mean(axis=1) - points[:, eye].mean(axis=1), axis=1) / size
        for brow, eye in zip(BROWS, eyes, strict=True)
    ]
    return float(distances.std(axis=0).mean()), float(np.abs(np.diff(heights, axis=1)).mean())


METRIC = Metric(
    title="Lip and eyebrow dynamics",
    needs=Need("points", whole=True),
    params={
        "scale": Param(
            "iod",
            "of lip-dynamics: iod, percent of the same frame's inter-ocular distance; px, pixels",
            choices=("iod", "px"),
        ),
        "missing_face": MISSING_FACE,
    },
    measure=measure,
    scores=theval.scores(
        {"lip-dynamics": "Lip dynamics", "eyebrow-dynamics": "Eyebrow dynamics"},
        "a single frame has no dynamics",
        apart={"lip-dynamics": ("static", "noise"), "eyebrow-dynamics": ("static", "noise")},
        alike={
            "lip-dynamics": ("gt-lag3",),
            "theval-lip-dynamics": ("gt-lag3",),
            "theval-eyebrow-dynamics": ("gt-lag3",),
        },
    ),
    citation=theval.CITATION,
    limits="How much moves, not whether at the right time. The tracker's noise is motion, too. "
    "THEval's published values are of another mesh.",
    checked="pair by pair, 1e-9; drawn points, 2 %",
    ms=0.05,
)
