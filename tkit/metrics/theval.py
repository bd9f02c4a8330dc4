"""What the metrics by THEval's formulas share: values of both sides, and the score made of them.

THEval (Newbyl/THEval, commit cfe23fe; CVPR Findings 2026) measures MediaPipe's mesh and compares
the means over a set: ``1 - |method - truth| / |truth|``, here the scores ``theval-…``. Its formulas
are used on the 68 points in place of the mesh, so its published values are those of others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tkit.errors import ScoreError
from tkit.metrics import Score, Stats
from tkit.metrics.points import alone, matched

CITATION = "Newbyl et al., THEval, CVPR Findings 2026; formulas of commit cfe23fe on 68 points"

ROUNDING = 1e-9  # what a value of nothing that moves is at most


def sides(
    pred: np.ndarray, gt: np.ndarray | None, *, missing_face: str
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Points (T, 68, 2) and the frames (T,) with a face, of the prediction and of a ground truth.

    Each side stands on its own frames, as in THEval, which looks at one video at a time: what is
    said of a prediction is the same with a ground truth and without.
    """
    found = {"prediction": alone(pred, missing_face=missing_face)}
    if gt is not None:
        matched(pred, gt)
        found["ground truth"] = alone(gt, missing_face=missing_face, what="ground truth")
    return found


def sums(name: str, pred: float | None, gt: float | None = None) -> Stats:
    """Statistics of one clip: its value, and the clips in which both sides have one."""
    both = pred is not None and gt is not None
    return {
        name: pred or 0.0,
        f"{name}_clips": int(pred is not None),
        f"beside_{name}": pred if both else 0.0,
        f"gt_{name}": gt if both else 0.0,
        f"{name}_pairs": int(both),
    }


def scores(
    titles: Mapping[str, str],
    nothing: str,
    *,
    apart: Mapping[str, tuple[str, ...]],
    alike: Mapping[str, tuple[str, ...]],
) -> dict[str, Score]:
    """Make the plain score and THEval's of each value.

    Parameters
    ----------
    titles : mapping
        Name of the score to its title; the sums are named as it, with ``_`` for ``-``.
    nothing : str
        Why a set has no such value.
    apart : mapping
        Name of the plain score to what both tell from the ground truth; the other's, if it differs.
    alike : mapping
        Name of a score to what it does not.
    """
    made = {}
    for name, title in titles.items():
        key = name.replace("-", "_")
        made[name] = Score(
            "",
            "closer",
            _plain(key, nothing),
            title=title,
            apart=apart[name],
            alike=alike.get(name, ()),
        )
    for name, title in titles.items():
        key = name.replace("-", "_")
        made[f"theval-{name}"] = Score(
            "",
            "higher",
            _near(key, nothing),
            title=f"{title}, nearness to the truth",
            pooled=True,
            over=f"{key}_pairs",
            of_truth=True,
            apart=apart.get(f"theval-{name}", apart[name]),
            alike=alike.get(f"theval-{name}", ()),
        )
    return made


def _plain(key: str, nothing: str) -> Callable[[Stats], float]:
    def finish(stats: Stats) -> float:
        if not stats[f"{key}_clips"]:
            raise ScoreError(nothing)
        return float(stats[key] / stats[f"{key}_clips"])

    return finish


def _near(key: str, nothing: str) -> Callable[[Stats], float]:
    def finish(stats: Stats) -> float:
        """At most 1; below zero where the value is more than twice that of the truth."""
        if not stats[f"{key}_pairs"]:
            raise ScoreError(nothing)
        mine, truth = stats[f"beside_{key}"], stats[f"gt_{key}"]
        if abs(truth) <= ROUNDING * stats[f"{key}_pairs"]:
            raise ScoreError("the ground truth's value is zero: nothing can be compared with it")
        return float(1 - abs(mine - truth) / abs(truth))

    return finish
