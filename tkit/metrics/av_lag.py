"""Audio-visual lag: by how many frames the mouth comes after the sound, where they fit best.

Positive where the mouth is late. Measured as ``av-corr``; a mouth that rests has no lag.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tkit.errors import ScoreError
from tkit.metrics import Metric, Stats
from tkit.metrics.av import PARAMS, correlations


def measure(
    *, pred: np.ndarray, gt: np.ndarray, wave: np.ndarray, fps: float = 25.0, **params: Any
) -> Stats:
    """Lag of one clip, weighted by frames; points (T, 68, 2), wave (S,) at 16 kHz."""
    settings = METRIC.settings(params, name="av-lag")
    lags, values, frames = correlations(pred=pred, gt=gt, wave=wave, fps=fps, **settings)
    if not values.any():
        raise ScoreError("the mouth or the sound does not change: there is no lag")
    return {"frames": frames, "lag": frames * float(lags[values.argmax()])}


def finish(stats: Stats) -> float:
    """Lag in frames."""
    return stats["lag"] / stats["frames"]


METRIC = Metric(
    title="Lag of the mouth behind the sound",
    unit="frames",
    better="closer",
    needs="points",
    params=PARAMS,
    measure=measure,
    finish=finish,
    citation="tkit; Chandrasekaran et al., The Natural Statistics of Audiovisual Speech, 2009",
    also=("wave", "fps"),
)
