"""Landmark errors after temporal alignment: a prediction that is right but late is not wrong.

Each is a frame-wise error of the toolkit (``lmd``, ``velocity``, ``mouth-opening``, with their
defaults) whose frames may be beside frames up to ``band`` earlier or later, in order. ``-dtw`` is
the cheapest such alignment's error, its first and last ``band`` frames not counted; ``-softdtw``
the divergence of soft-DTW, ends counted. With ``band=0`` both are the frame-wise error itself. They
do not say *that* a prediction is late: read them beside the frame-wise score or ``av-lag``.

>>> import numpy, tkit
>>> gt = numpy.zeros((40, 68, 2))
>>> gt[:, 42:48, 0] = 100  # the left eye, in pixels from the right one
>>> gt[:, 65:68, 1] = numpy.random.default_rng(0).uniform(0, 20, (40, 1))  # the lower inner lip
>>> late = numpy.concatenate([gt[:1], gt[:1], gt[:-2]])
>>> tkit.METRICS.get("mouth-opening-dtw")(pred=late, gt=gt)
0.0
>>> rigid = tkit.METRICS.get("mouth-opening")(pred=late, gt=gt)
>>> bool(abs(tkit.METRICS.get("mouth-opening-dtw")(pred=late, gt=gt, band=0) - rigid) < 1e-9)
True
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tkit.errors import ScoreError
from tkit.face import geometry
from tkit.metrics import MISSING_FACE, Metric, Need, Param, Score, Stats, alignment
from tkit.metrics.points import checked, eye_distance, still


def measure(
    *,
    pred: np.ndarray,
    gt: np.ndarray,
    fps: float = 25.0,
    band: float,
    gamma: float,
    missing_face: str,
) -> Stats:
    """Costs and weights of the alignments of one clip.

    Parameters
    ----------
    pred, gt : ndarray (T, 68, 2)
        Points of a whole clip in pixels, NaN where no face was found.
    fps : float
        Frames a second.
    band, gamma, missing_face
        See ``METRIC.params``.

    Raises
    ------
    ScoreError
        If the two do not fit each other, a frame has no face and ``missing_face`` is ``error``, the
        clip is too short for the band or ``gamma`` not above zero.
    """
    if not 0 < gamma < float("inf"):
        raise ScoreError(f"gamma is {gamma:g}; it must be a number above zero")
    pred, gt, use = checked(pred, gt, missing_face=missing_face)
    stats: Stats = {"frames": int(use.sum())}
    for name, (mine, truth, size) in _features(pred, gt, use, fps).items():
        reach = alignment.band_of(band, n_frames=len(truth))
        scale = alignment.banded(np.broadcast_to(size, (len(size), len(size))), band=reach)
        across, own, same = (
            alignment.distances(x, y, band=reach) * scale
            for x, y in ((mine, truth), (mine, mine), (truth, truth))
        )
        stats[f"{name}_cost"], stats[f"{name}_weight"] = alignment.warped(across)
        stats[f"{name}_soft"] = alignment.divergence(across, own, same, gamma)
        stats[f"{name}_length"] = len(truth)
    return stats


def _features(
    pred: np.ndarray, gt: np.ndarray, use: np.ndarray, fps: float
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """What is aligned: both sides (N, P, C) and what a distance is multiplied by (N,)."""
    mouth = geometry.MOUTH
    sides = pred[use], gt[use]
    sizes = [
        eye_distance(side, what)
        for side, what in zip(sides, ("prediction", "ground truth"), strict=True)
    ]
    lips = [side[:, mouth] - side[:, mouth].mean(axis=1, keepdims=True) for side in sides]
    steps = use[1:] & use[:-1]
    moves = [100 * fps * np.diff(still(side)[:, mouth], axis=0)[steps] for side in (pred, gt)]
    opening = [
        100 * (geometry.mouth_opening(side) / size)[:, None, None]
        for side, size in zip(sides, sizes, strict=True)
    ]
    ones = np.ones(len(sides[1]))
    return {
        # As in LMD, of the size of the true face in the frame that is beside it.
        "lmd": (lips[0], lips[1], 100 / sizes[1]),
        "velocity": (moves[0], moves[1], ones[: len(moves[1])]),
        "opening": (opening[0], opening[1], ones),
    }


def _hard(name: str) -> Callable[[Stats], float]:
    def finish(stats: Stats) -> float:
        return float(stats[f"{name}_cost"] / stats[f"{name}_weight"])

    return finish


def _soft(name: str) -> Callable[[Stats], float]:
    def finish(stats: Stats) -> float:
        return float(stats[f"{name}_soft"] / stats[f"{name}_length"])

    return finish


_SOFT_SOURCE = (
    "Cuturi and Blondel, Soft-DTW, ICML 2017; Blondel, Mensch and Vert, AISTATS 2021; over "
    "features of faces: Temporally-Aligned Evaluation, arXiv 2606.01031"
)

METRIC = Metric(
    title="Landmark errors after temporal alignment",
    needs=Need("points", whole=True),
    inputs=("pred", "gt", "fps"),
    params={
        "band": alignment.BAND,
        "gamma": Param(
            1.0,
            "softness of soft-DTW in the unit of the score: alignments that cost so much more "
            "count a third; the others do not look at it",
        ),
        "missing_face": MISSING_FACE,
    },
    measure=measure,
    scores={
        "lmd-dtw": Score(
            "% IOD",
            "lower",
            _hard("lmd"),
            title="Landmark distance, aligned",
            apart=("static", "noise"),
            alike=("gt-lag3",),
        ),
        "lmd-softdtw": Score(
            "% IOD",
            "lower",
            _soft("lmd"),
            title="Landmark distance, softly aligned",
            citation=_SOFT_SOURCE,
            apart=("static", "noise"),
            alike=("gt-lag3",),
        ),
        "velocity-dtw": Score(
            "% IOD/s",
            "lower",
            _hard("velocity"),
            title="Landmark velocity error, aligned",
            apart=("static", "noise"),
            alike=("gt-lag3",),
        ),
        "velocity-softdtw": Score(
            "% IOD/s",
            "lower",
            _soft("velocity"),
            title="Landmark velocity error, softly aligned",
            citation=_SOFT_SOURCE,
            apart=("static", "noise"),
            alike=("gt-lag3",),
        ),
        "mouth-opening-dtw": Score(
            "% IOD",
            "lower",
            _hard("opening"),
            title="Mouth opening error, aligned",
            apart=("static", "noise"),
            alike=("gt-lag3",),
        ),
        "mouth-opening-softdtw": Score(
            "% IOD",
            "lower",
            _soft("opening"),
            title="Mouth opening error, softly aligned",
            citation=_SOFT_SOURCE,
            apart=("static", "noise"),
            alike=("gt-lag3",),
        ),
    },
    citation="Sakoe and Chiba, Dynamic Programming Algorithm Optimization for Spoken Word "
    "Recognition, IEEE Trans. ASSP 26(1), 1978",
    limits="That a prediction is late: read it beside the frame-wise score. What is wrong for less "
    "than the band may find a frame that it fits.",
    checked="every path of small tables, and the full recursion at 120 frames, < 1e-9; band 0 is "
    "the frame-wise score",
    ms=0.2,
)
