"""Mouth opening against speech energy, at every lag of a few frames.

``av-corr`` is the correlation at the lag where it is largest, ``av-lag`` that lag: by how many
frames the mouth comes after the sound that it should fit (the ground truth's, where there is one).
No network is involved, so it is no LSE. A mouth that rests has the correlation 0 and no lag.

>>> import numpy, tkit
>>> level_db = numpy.random.default_rng(0).uniform(1, 49, 60)
>>> points = numpy.zeros((60, 68, 2))
>>> points[:, 42:48, 0] = 100  # the left eye, in pixels from the right one
>>> points[:, 65:68, 1] = level_db[:, None]  # the lower inner lip
>>> heard = {"wave": numpy.repeat(10 ** (level_db / 20 - 3), 640), "fps": 25.0}
>>> late = numpy.roll(points, 2, axis=0)
>>> round(tkit.METRICS.get("av-corr")(pred=points, **heard), 9)
1.0
>>> tkit.METRICS.get("av-lag")(pred=late, **heard)
2.0
"""

from __future__ import annotations

import numpy as np

from tkit.errors import ScoreError
from tkit.face import geometry
from tkit.metrics import MISSING_FACE, Metric, Need, Param, Score, Stats
from tkit.metrics.points import alone, eye_distance

SAMPLE_RATE = 16000
FLOOR_DB = 50.0  # below the loudest frame, energy counts as silence


def energy_db(wave: np.ndarray, *, n_frames: int, fps: float) -> np.ndarray:
    """Sound energy (T,) of the time of each video frame, in dB above the floor."""
    hop = SAMPLE_RATE / fps
    edges = np.round(np.arange(n_frames + 1) * hop).astype(int)
    padded = np.zeros(max(edges[-1], len(wave)))
    padded[: len(wave)] = wave
    sums = np.concatenate([[0.0], np.cumsum(padded**2)])
    power = (sums[edges[1:]] - sums[edges[:-1]]) / np.diff(edges)
    if power.max() <= 0:
        raise ScoreError("the sound is silent")
    return np.maximum(10 * np.log10(np.maximum(power / power.max(), 1e-30)) + FLOOR_DB, 0.0)


def measure(
    *,
    pred: np.ndarray,
    wave: np.ndarray,
    fps: float = 25.0,
    max_lag: float,
    missing_face: str,
) -> Stats:
    """Largest correlation and its lag, weighted by frames.

    Parameters
    ----------
    pred : ndarray (T, 68, 2)
        Points of a whole clip.
    wave : ndarray (S,)
        At 16 kHz.
    max_lag : float
        In frames; see ``METRIC.params``.

    Raises
    ------
    ScoreError
        If a face is missing, the clip is too short for the lags or the sound silent.
    """
    reach = round(max_lag)
    pred, use = alone(pred, missing_face=missing_face)
    if len(pred) <= 2 * reach + 2:
        raise ScoreError(f"{len(pred)} frames are too few for lags of {reach} frames")
    opening = np.full(len(pred), np.nan)
    opening[use] = geometry.mouth_opening(pred[use]) / eye_distance(pred[use], "prediction")
    energy = energy_db(wave, n_frames=len(pred), fps=fps)
    lags = np.arange(-reach, reach + 1)  # positive: the mouth is late
    values = np.array([_pearson(opening, energy, int(lag)) for lag in lags])
    frames = int(use.sum())
    moving = frames if values.any() else 0
    return {
        "frames": frames,
        "correlation": frames * float(values.max()),
        "moving": moving,
        "lag": moving * float(lags[values.argmax()]),
    }


def _pearson(opening: np.ndarray, energy: np.ndarray, lag: int) -> float:
    n = len(opening)
    mouth, sound = opening[max(lag, 0) : n + min(lag, 0)], energy[max(-lag, 0) : n + min(-lag, 0)]
    known = np.isfinite(mouth)
    mouth, sound = mouth[known] - mouth[known].mean(), sound[known] - sound[known].mean()
    scale = np.sqrt((mouth**2).sum() * (sound**2).sum())
    # A mouth that rests has no correlation with anything.
    return float((mouth * sound).sum() / scale) if scale > 1e-9 else 0.0


def _correlation(stats: Stats) -> float:
    """Correlation, -1 to 1."""
    return stats["correlation"] / stats["frames"]


def _lag(stats: Stats) -> float:
    """Lag in frames, of the clips that move; :class:`ScoreError` if none does."""
    if not stats["moving"]:
        raise ScoreError("the mouth or the sound does not change: there is no lag")
    return stats["lag"] / stats["moving"]


METRIC = Metric(
    title="Mouth opening and speech energy",
    citation="tkit; Chandrasekaran et al., The Natural Statistics of Audiovisual Speech, 2009",
    needs=Need("points", whole=True),
    inputs=("pred", "wave", "fps"),
    params={
        "max_lag": Param(10.0, "frames that the sound is shifted either way at most"),
        "missing_face": MISSING_FACE,
    },
    measure=measure,
    scores={
        "av-corr": Score(
            "",
            "closer",
            _correlation,
            title="Correlation of mouth opening and speech energy",
            apart=("static", "other-sound"),
            alike=("gt-lag3",),
        ),
        "av-lag": Score(
            "frames",
            "closer",
            _lag,
            title="Lag of the mouth behind the sound",
            apart=("static", "gt-lag3"),
            alike=("noise",),
        ),
    },
    limits="Loudness is not speech: a mouth that opens at the right times with the wrong shapes "
    "has full marks, and of quiet or noisy sound there is little to say. No network is "
    "involved, so it is no LSE.",
    checked="hums of known loudness and lag: lag exact; numpy.corrcoef at every lag, < 1e-12",
    ms=0.04,
)
