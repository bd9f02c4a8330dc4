"""Audio-visual correlation: of mouth opening with speech energy, at the lag where it is largest.

Measured against the sound of the ground truth. It is no LSE: no network is involved. A mouth that
rests has the correlation 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tkit.metrics import Metric, Stats
from tkit.metrics.av import PARAMS, correlations


def measure(
    *, pred: np.ndarray, gt: np.ndarray, wave: np.ndarray, fps: float = 25.0, **params: Any
) -> Stats:
    """Largest correlation, weighted by frames; points (T, 68, 2), wave (S,) at 16 kHz."""
    settings = METRIC.settings(params, name="av-corr")
    _, values, frames = correlations(pred=pred, gt=gt, wave=wave, fps=fps, **settings)
    return {"frames": frames, "correlation": frames * float(values.max())}


def finish(stats: Stats) -> float:
    """Correlation, -1 to 1."""
    return stats["correlation"] / stats["frames"]


METRIC = Metric(
    title="Correlation of mouth opening and speech energy",
    unit="",
    better="closer",
    needs="points",
    params=PARAMS,
    measure=measure,
    finish=finish,
    citation="tkit; Chandrasekaran et al., The Natural Statistics of Audiovisual Speech, 2009",
    also=("wave", "fps"),
)
