"""ACD: average content distance, here of SFace embeddings to that of the first true frame."""

from __future__ import annotations

from typing import Any

import numpy as np

from tkit.metrics import Metric, Stats
from tkit.metrics.faces import PARAMS, pairs


def measure(*, pred: np.ndarray, gt: np.ndarray, **params: Any) -> Stats:
    """Sum of Euclidean distances; frames (T, H, W, 3) uint8 RGB of a whole clip."""
    mine, truth = pairs(pred=pred, gt=gt, **METRIC.settings(params, name="acd"))
    return {"frames": len(mine), "distance": float(np.linalg.norm(mine - truth[0], axis=1).sum())}


def finish(stats: Stats) -> float:
    """Mean distance, 0 to 2."""
    return stats["distance"] / stats["frames"]


METRIC = Metric(
    title="Average content distance (SFace)",
    unit="",
    better="closer",
    needs="clip",
    params=PARAMS,
    measure=measure,
    finish=finish,
    citation="Tulyakov, Liu, Yang and Kautz, MoCoGAN, CVPR 2018; features of SFace, not OpenFace",
)
