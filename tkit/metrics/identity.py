"""Identity: is it the same person? Cosine of face embeddings (SFace) of the same frame."""

from __future__ import annotations

from typing import Any

import numpy as np

from tkit.metrics import Metric, Stats
from tkit.metrics.faces import PARAMS, pairs


def measure(*, pred: np.ndarray, gt: np.ndarray, **params: Any) -> Stats:
    """Sum of cosines over the frames looked at; frames (T, H, W, 3) uint8 RGB of a whole clip."""
    mine, truth = pairs(pred=pred, gt=gt, **METRIC.settings(params, name="identity"))
    return {"frames": len(mine), "cosine": float((mine * truth).sum())}


def finish(stats: Stats) -> float:
    """Mean cosine, -1 to 1; above 0.363 SFace says the same person."""
    return stats["cosine"] / stats["frames"]


METRIC = Metric(
    title="Cosine of SFace embeddings",
    unit="",
    better="higher",
    needs="clip",
    params=PARAMS,
    measure=measure,
    finish=finish,
    citation="Zhong, Deng, Hu, Zhao, Li and Wen, SFace, IEEE Trans. Image Processing 30, 2021",
)
